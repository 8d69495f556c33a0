#!/usr/bin/env python3
"""One speaker from a minute of speech: a voice that never heard the speaker is adapted to a few clips, with and without
a Gaussian prior on its weights, and judged by the likelihood of other clips of the same speaker.

    tools/bench/adaptation.py --program build/test/fluvox --data ../shared/corpora --run runs/adaptation

Trains the voice on three corpora (lj, philippm, many), small so that it takes minutes, and adapts it to the fourth
(kathleen). Writes docs/results/adaptation.json. What is there already in the run's folder is not trained again.
"""
import argparse
import datetime
import json
import os
import pathlib
import subprocess

HELD_OUT = 20  # clips of the speaker
BASE = {"settings": "{channels=16,rounds=2}", "steps": 1500, "augment": 0.5, "ema": 0.997, "precision": '"bf16"',
        "batch": 4, "warmup": 100, "measure_every": 500, "save_every": 1500}
ADAPTED = {**BASE, "steps": 400, "augment": 0, "ema": 0.98, "learning_rate": 1e-3, "schedule": '"constant"',
           "measure_every": 100, "save_every": 400}


def train(arguments, name, settings, *more):
    """The log of a run."""
    folder = arguments.run / name
    if not (folder / "report").exists():
        flags = [flag for key, value in settings.items() for flag in ("--set", f"{key}={value}")]
        subprocess.run([arguments.program, "train", "-d", folder, "--threads", "1", "-q", *flags, *more,
                        *(["--resume"] if folder.exists() else [])], check=True, stdout=subprocess.DEVNULL)
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def linked(folder, clips):
    """A folder of those clips."""
    folder.mkdir(parents=True, exist_ok=True)
    for clip in clips:
        if not (folder / clip.name).exists():
            os.symlink(clip.resolve(), folder / clip.name)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True, help="fluvox, with fluvox-train beside it")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of the corpora")
    parser.add_argument("--run", type=pathlib.Path, required=True, help="folder for the trainings")
    parser.add_argument("--clips", type=int, nargs="+", default=[6], help="how many clips to adapt to")
    parser.add_argument("--deviations", type=float, nargs="+", default=[0.003, 0.01, 0.03])
    arguments = parser.parse_args()

    others = ",".join(f'{{path="{arguments.data}/{name}"}}' for name in ("lj", "philippm", "many"))
    train(arguments, "base", {**BASE, "corpora": f"[{others}]"})
    base = arguments.run / "base" / "model.safetensors"

    clips = sorted((arguments.data / "kathleen" / "wavs").glob("*.flac"))
    step = len(clips) // (HELD_OUT + max(arguments.clips))
    chosen = clips[:: step]
    rows = []
    for count in arguments.clips:
        place = linked(arguments.run / f"speaker-{count}", chosen[: HELD_OUT + count])
        corpora = f'[{{path="{place}",held_out={HELD_OUT}}}]'
        for deviation in [0, *arguments.deviations]:
            log = train(arguments, f"clips-{count}-deviation-{deviation}",
                        {**ADAPTED, "corpora": corpora, "prior_deviation": deviation}, "--prior", base)
            rows.append({"clips": count, "prior_deviation": deviation,
                         "curve": [{key: round(line[key], 4) for key in ("step", "train", "held_out")} for line in log]})
            print(json.dumps(rows[-1]), flush=True)
    version = subprocess.run([arguments.program, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    result = {"what": "held-out nats per sample of a speaker while a voice that never heard it is adapted",
              "tool": "tools/bench/adaptation.py", "version": version.splitlines()[0],
              "date": datetime.date.today().isoformat(), "held_out_clips": HELD_OUT, "base": BASE, "adapted": ADAPTED,
              "rows": rows}
    target = pathlib.Path(__file__).resolve().parents[2] / "docs" / "results" / "adaptation.json"
    target.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
