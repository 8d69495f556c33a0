#!/usr/bin/env python3
"""The tests, and rendering and training beside PyTorch, on one GPU: rows of JSON and a page of them.

    tools/bench/gpu_table.py --binaries build/gpu/lab --output docs/results/gpu.json --minutes 8

Run by tools/bench/gpu. The order is that of what one wants to know first: the tests, rendering beside eager PyTorch,
the voice, a training step beside eager, the compiled peers, and compute-sanitizer. Ours and eager take turns; the
compiled peers, which compile for most of a minute each, come after. What the minutes do not suffice for says so in
its row. Every row is written as soon as it is there.

--device cpu with --channels 8 --shrink 40 tries all of this without a GPU; such figures are not results.
"""
import argparse
import contextlib
import datetime
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import time

import torch
from gpu_page import page
from gpu_peer import Peer, rendering, training

PROJECT = pathlib.Path(__file__).resolve().parents[2]
VOICE = PROJECT / "models/pretrained/compact.safetensors"
RENDERED = {  # utterances, frames, frames of a chunk
    "bulk": (8, 689, 0),
    "8 s": (1, 689, 0),
    "1 s": (1, 86, 0),
    "chunk": (1, 256, 1),
}
ROUNDS = 2  # of both sides in turn
EAGER_SECONDS, COMPILED_SECONDS, OURS_SECONDS = 60, 100, 120  # that one answer may take


class Table:
    def __init__(self, arguments):
        self.arguments = arguments
        self.cuda = arguments.device == "cuda"
        self.end = time.monotonic() + 60 * arguments.minutes
        self.rows = []
        self.machine = {"date": datetime.date.today().isoformat(), "torch": torch.__version__,
                        "device": torch.cuda.get_device_name() if self.cuda else "cpu",
                        "cuda": torch.version.cuda if self.cuda else None, "driver": driver() if self.cuda else None}

    def left(self, most, keep=0):
        """Seconds for what may take `most` of them, while `keep` of all stay for others."""
        return max(0.0, min(most, self.end - keep - time.monotonic()))

    def row(self, **named):
        self.rows.append({**named, **self.machine})
        return self.rows[-1]

    def written(self):
        output = self.arguments.output
        output.write_text(json.dumps(self.rows, indent=1) + "\n")
        output.with_suffix(".md").write_text(page(self.rows))

    def program(self, name):
        return self.arguments.binaries / name

    def ours(self, *command):
        """The lines of JSON that a program of ours writes, and why there are no more of them."""
        limit = self.left(OURS_SECONDS)
        if limit < 5:
            return [], "out of time"
        try:
            run = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired as ended:
            output = ended.stdout or b""
            return lines_of(output.decode()), f"not done within {limit:.0f} s"
        except OSError as error:
            return [], f"{command[0].name}: {error.strerror}"
        said = run.stderr.strip().splitlines()
        return lines_of(run.stdout), None if run.returncode == 0 else (said or [f"exit code {run.returncode}"])[-1]


def lines_of(output):
    return [json.loads(line) for line in output.splitlines() if line.startswith("{") and line.endswith("}")]


def driver():
    try:
        asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split("\n")[0].strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def shrunk(frames, arguments):
    return max(4, frames // arguments.shrink)


def rendered(arguments):
    return {name: (utterances, shrunk(frames, arguments), chunk)
            for name, (utterances, frames, chunk) in RENDERED.items()}


def tests(table):
    for name in ("test_gpu", "test_ops_gpu", "test_train_gpu"):
        if not table.program(name).exists():
            continue
        report = table.arguments.output.with_suffix(f".{name}.json")
        row = table.row(what="tests", program=name)
        try:
            code = subprocess.run([table.program(name), "--gtest_brief=1", f"--gtest_output=json:{report}"],
                                  timeout=table.left(180)).returncode
            found = json.loads(report.read_text())
            cases = [case for suite in found["testsuites"] for case in suite["testsuite"]]
            row |= {"tests": len(cases), "skipped": sum(case["result"] == "SKIPPED" for case in cases),
                    "failed": [f"{case['classname']}.{case['name']}" for case in cases if case.get("failures")]}
            if code != 0 and not row["failed"]:
                row["error"] = f"exit code {code}"
        except subprocess.TimeoutExpired:
            row["error"] = "out of time"
        except (OSError, ValueError) as error:  # it ended before it wrote its report
            row["error"] = f"no report: {error}"
        report.unlink(missing_ok=True)
        table.written()


def beside(row, name, answers):
    """Adds what a peer answered: its median, or why there is none."""
    good = [answer for answer in answers if "seconds" in answer]
    if not good:
        row[f"{name}_error"] = answers[-1]["error"] if answers else "out of time"
        return
    row[f"{name}_seconds"] = statistics.median(answer["seconds"] for answer in good)
    row[f"{name}_peak_bytes"] = good[-1]["peak_bytes"]
    if "seconds" in row:
        row[f"times_{name}"] = row[f"{name}_seconds"] / row["seconds"]


def middle(lines):
    return sorted(lines, key=lambda line: line["seconds"])[len(lines) // 2]


def said(row):
    one = f"{row['what']} of {row['model']}" + (f", {row['work']}" if "work" in row else "") + f", {row['precision']}: "
    if "seconds" not in row:
        return one + row.get("error", "nothing")
    one += f"{row.get('chunk_seconds', row['seconds']) * 1e3:.2f} ms"
    for name in ("eager", "compiled"):
        if f"times_{name}" in row:
            one += f", {row[f'times_{name}']:.2f} times {name}"
        elif f"{name}_error" in row:
            one += f"; {name}: {row[f'{name}_error']}"
    return one


def render(table, model, called, settings, precision, peered, rounds):
    """Rows of one model in one precision; `peered` says which of them eager PyTorch renders, too."""
    works = rendered(table.arguments)
    words = {name: f"{n}x{frames}" + (f"/{chunk}" if chunk else "") for name, (n, frames, chunk) in works.items()}
    checked = f"check:{works['1 s'][1]}"
    mine, eager, checks, trouble = {name: [] for name in works}, {name: [] for name in works}, [], None
    eagerly = Peer(rendering, table.arguments.device, precision, False, table.arguments.channels) if peered else None
    with eagerly or contextlib.nullcontext() as peer:
        for turn in range(rounds):
            asked = [*words.values(), *([checked] if turn == 0 else [])]
            lines, failure = table.ours(table.program("fluvox-rendering"), model, json.dumps(settings),
                                        table.arguments.device, precision, *asked)
            trouble = trouble or failure
            checks += [line for line in lines if "check" in line]
            for name, word in words.items():
                mine[name] += [line for line in lines if line["work"] == word and "check" not in line]
                n, frames, chunk = works[name]
                if peer and not chunk:
                    eager[name].append(peer.measured(table.left(EAGER_SECONDS), 10, n, frames))
    check = {key: checks[0][key] for key in ("distance_from_cpu", "the_same_in_company", "the_same_streamed")
             if key in checks[0]} if checks else {}
    for name in works:
        row = table.row(what="rendering")
        row |= {**(middle(mine[name]) if mine[name] else {"error": trouble or "nothing was said"}), **table.machine}
        row |= {"model": called, "work": name, "precision": precision, **check}
        row["frames"], row["utterances"], row["chunk"] = works[name][1], works[name][0], works[name][2]
        if trouble and mine[name]:
            row["trouble"] = trouble
        if peer and not works[name][2]:
            beside(row, "eager", eager[name])
        print(said(row), flush=True)
    table.written()


def train(table, precision):
    arguments = table.arguments
    batch, frames = arguments.batch, shrunk(62, arguments)  # 62: the 16,000 samples of WaveGlow's training
    with Peer(training, arguments.device, precision, False, arguments.channels) as peer:
        mine, eager, trouble = [], [], None
        for _ in range(ROUNDS):
            lines, failure = table.ours(table.program("fluvox-training-step"), "waveglow",
                                        json.dumps({"channels": arguments.channels}), batch, frames, arguments.runs,
                                        "--device", arguments.device, "--precision", precision)
            mine += lines
            trouble = trouble or failure
            eager.append(peer.measured(table.left(EAGER_SECONDS), arguments.runs, batch, frames))
    row = table.row(what="training step")
    row |= {**(middle(mine) if mine else {"error": trouble or "nothing was said"}), **table.machine}
    row |= {"model": f"waveglow-{arguments.channels}", "precision": precision, "batch": batch, "frames": frames}
    beside(row, "eager", eager)
    print(said(row), flush=True)
    table.written()


def compiled(table, make, what, precision):
    """Adds to the rows that are there how long torch.compile takes for the same."""
    rows = [row for row in table.rows if (row["what"], row.get("precision")) == (what, precision)
            and row["model"] == f"waveglow-{table.arguments.channels}" and not row.get("chunk")]
    with Peer(make, table.arguments.device, precision, True, table.arguments.channels) as peer:
        for row in sorted(rows, key=lambda one: one.get("work") != "8 s"):
            limit = table.left(COMPILED_SECONDS, keep=table.arguments.keep)
            shape = (row.get("utterances") or row["batch"], row["frames"])
            beside(row, "compiled", [peer.measured(limit, 10, *shape)] if limit > 10 else [])
            print(said(row), flush=True)
    table.written()


def sanitized(table):
    """The tests again, under compute-sanitizer, with all that they start ended when time is up."""
    row = table.row(what="sanitizer")
    toolkit = pathlib.Path(os.environ.get("CUDA_HOME", "/usr/local/cuda")) / "bin"
    if not shutil.which("compute-sanitizer", path=f"{os.environ['PATH']}:{toolkit}"):
        row["result"] = "not here"
        return table.written()
    run = subprocess.Popen([PROJECT / "tools/gpu-check", "--binaries", table.arguments.binaries],
                           stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        complaint = run.communicate(timeout=table.left(3600))[1].strip()
        row["result"] = "passed" if run.returncode == 0 else (complaint or "failed").splitlines()[-1]
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        row["result"] = "not done in time; `tools/gpu-check` runs it alone"
    table.written()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=pathlib.Path, required=True,
                        help="a folder with test_gpu, test_ops_gpu, test_train_gpu, fluvox-rendering and "
                             "fluvox-training-step")
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--channels", type=int, default=256)
    parser.add_argument("--batch", type=int, default=24, help="segments of a training step")
    parser.add_argument("--runs", type=int, default=8, help="training steps of which the median is taken")
    parser.add_argument("--shrink", type=int, default=1, help="so many times fewer frames of everything")
    arguments = parser.parse_args()
    arguments.keep = 12 * arguments.minutes  # seconds, a fifth, for the sanitizer
    table = Table(arguments)
    waveglow = (f"waveglow-{arguments.channels}", {"channels": arguments.channels})
    tests(table)
    for precision in ("bf16", "fp16", "fp32"):
        render(table, "waveglow", *waveglow, precision, peered=precision != "fp32", rounds=ROUNDS)
    for precision in ("bf16", "fp16", "fp32"):
        render(table, VOICE, "the voice", {}, precision, peered=False, rounds=1)
    for precision in ("bf16", "fp32"):
        train(table, precision)
    for make, what, precision in ((rendering, "rendering", "bf16"), (training, "training step", "bf16"),
                                  (rendering, "rendering", "fp16")):
        compiled(table, make, what, precision)
    if table.cuda:
        sanitized(table)


if __name__ == "__main__":
    main()
