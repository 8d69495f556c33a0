#!/usr/bin/env python3
"""The page of what tools/bench/gpu found: gpu_page.py docs/results/gpu.json >docs/results/gpu.md"""
import json
import pathlib
import sys

HEAD = """# On a GPU

{device}, {date}, driver {driver}, CUDA {cuda}, PyTorch {torch}; Fluvox {commit}. Written by `tools/bench/gpu`.

"""

RENDERING = """## Rendering
From mel to samples in memory: the conditioner on the CPU ({cpu}, {threads} threads), all else on the GPU, the \
transfers included; PyTorch's mel, noise and samples are on the GPU from the beginning to the end. WaveGlow has random \
weights. Medians: ours of 20 runs, PyTorch's of 10. `bulk` is eight utterances of 8 s together, `chunk` one frame of a \
stream. PyTorch has no stream. Compiled is `torch.compile`, measured after the others.

"""

SOUND = """
The sound beside the CPU's in float32 (root mean square of the difference, relative), and whether its bits are the \
same in company and streamed:

"""

TRAINING = """## A training step
Loss and gradients of {batch} segments of {frames} frames, medians; bf16 is PyTorch's autocast.

"""

# what, work, precisions, better when, figure, asked
GOALS = [
    ("bulk", "M samples/s", lambda r: r["samples_per_second"] / 1e6, ">=", 25),
    ("8 s", "ms", lambda r: r["seconds"] * 1e3, "<=", 7),
    ("1 s", "ms", lambda r: r["seconds"] * 1e3, "<=", 1.5),
    ("chunk", "ms", lambda r: r["chunk_seconds"] * 1e3, "<=", 0.5),
    ("bulk", "times eager", lambda r: r["times_eager"], ">=", 3),
    ("bulk", "times compiled", lambda r: r["times_compiled"], ">=", 2),
    ("training step", "times eager", lambda r: r["times_eager"], ">=", 1.5),
]


def shown(value, digits=3):
    """So many digits, and no exponent."""
    if value is None:
        return ""
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e+" in text else text


def lines(rows):
    return "".join("| " + " | ".join(str(cell) for cell in row) + " |\n" for row in rows)


def table(heads, rows):
    return lines([heads]) + "|---" * len(heads) + "|\n" + lines(rows) + "\n"


def ms(seconds):
    return "" if seconds is None else shown(seconds * 1e3)


def mb(count):
    return "" if count is None else f"{count / 1e6:.0f}"


def beside(row, name):
    """A peer's time and ratio, or why there is none."""
    if f"{name}_error" in row:
        return [row[f"{name}_error"].replace("|", "/"), "", ""]
    return [ms(row.get(f"{name}_seconds")), shown(row.get(f"times_{name}")), mb(row.get(f"{name}_peak_bytes"))]


PEERS = ["eager, ms", "times eager", "MB", "compiled, ms", "times compiled", "MB"]


def tests(rows):
    cells = []
    for row in rows:
        found = f"{row['tests']} run, {row['skipped']} skipped" if "tests" in row else ""
        failed = "; ".join(row.get("failed", [])) or row.get("error", "none")
        cells.append([row["program"], found, failed])
    return "## Tests on this card\n" + table(["program", "tests", "failed"], cells) if cells else ""


def rendering(rows):
    if not rows:
        return ""
    cells, sounds = [], {}
    for row in rows:
        first = [row["model"], row["work"], row["precision"]]
        if "seconds" not in row:
            trouble = row.get("error", "").replace("|", "/")
            cells.append([*first, trouble, "", "", "", "", *beside(row, "eager"), *beside(row, "compiled")])
            continue
        pace = ["", ""] if row["chunk"] else [shown(row["samples_per_second"] / 1e6), shown(row["x_real_time"])]
        seconds = row.get("chunk_seconds") if row["chunk"] else row["seconds"]
        share = row["seconds_within_gpu"] / row["seconds"] if "seconds_within_gpu" in row else None
        cells.append([*first, ms(seconds), *pace, shown(share, 2), mb(row.get("peak_bytes")), *beside(row, "eager"), *beside(row, "compiled")])
        if "the_same_in_company" in row:
            sounds[row["model"], row["precision"]] = row
    heads = ["model", "work", "precision", "ms", "M samples/s", "x real time", "share within the GPU", "MB", *PEERS]
    yes = {True: "yes", False: "NO", None: ""}
    sound = [[*key, shown(row["distance_from_cpu"]) or "not a number", yes[row["the_same_in_company"]],
              yes[row.get("the_same_streamed")]] for key, row in sounds.items()]
    ran = next((row for row in rows if "cpu" in row), {"cpu": "unknown", "threads": "?"})
    return (RENDERING.format(**ran) + table(heads, cells).rstrip("\n") + "\n" + SOUND
            + table(["model", "precision", "distance", "in company", "streamed"], sound))


def training(rows):
    if not rows:
        return ""
    cells = [[row["model"], row["precision"],
              ms(row["seconds"]) if "seconds" in row else row.get("error", "").replace("|", "/"),
              mb(row.get("peak_bytes")), *beside(row, "eager"), *beside(row, "compiled")] for row in rows]
    return TRAINING.format(**rows[0]) + table(["model", "precision", "ms", "MB", *PEERS], cells)


def goals(rows):
    """Each goal and the best that came near it, in 16 bits."""
    cells = []
    for work, unit, figure, sign, asked in GOALS:
        best = None
        for row in rows:
            if (row.get("work") or row["what"]) != work or row.get("precision") not in ("bf16", "fp16") or \
                    not str(row.get("model")).startswith("waveglow-256"):
                continue
            try:
                value = figure(row)
            except KeyError:
                continue
            best = value if best is None else (max if sign == ">=" else min)(best, value)
        if best is not None:
            reached = best >= asked if sign == ">=" else best <= asked
            cells.append([f"{work}, {unit}", f"{sign} {asked}", shown(best), "yes" if reached else "no"])
    return "## WaveGlow-256 in 16 bits, beside what was asked of an H200\n" + table(
        ["", "asked", "found", "reached"], cells) if cells else ""


def page(rows):
    of = lambda what: [row for row in rows if row["what"] == what]  # noqa: E731
    commit = next((row["commit"] for row in rows if "commit" in row), "of an unknown commit")
    text = HEAD.format(**{**rows[0], "commit": commit}) + goals(rows) + tests(of("tests"))
    for row in of("sanitizer"):
        text += f"compute-sanitizer, memcheck and racecheck: {row['result']}.\n\n"
    return (text + rendering(of("rendering")) + training(of("training step"))).rstrip("\n") + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(json.loads(pathlib.Path(sys.argv[1]).read_text())))
