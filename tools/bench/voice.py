#!/usr/bin/env python3
"""Copy synthesis measured by numbers: each recording through mel and voice, then compared with itself, and beside it
what Griffin-Lim makes of the same mels.

    tools/bench/voice.py --fluvox build/test/fluvox --model voice.safetensors clips/*.flac > result.json
    tools/bench/voice.py --model voice.safetensors --list held-out.txt > docs/results/voice.json

A list has a line a clip, "group path"; without one all clips are one group. Needs numpy, soundfile, librosa, pesq,
pystoi (PyPI). The figures are those of `fluvox evaluate` (docs/evaluation.md) and
  pesq     PESQ-WB of the copy at 16 kHz, 1 .. 4.64           stoi   short-time objective intelligibility
"""
import argparse
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile

import librosa
import numpy as np
import soundfile
from pesq import pesq
from pystoi import stoi

GRIFFIN_LIM_ITERATIONS = 32


def evaluate(arguments, clips, more):
    run = subprocess.run([arguments.fluvox, "evaluate", *map(str, clips), "--json", "--seed", "1", "--threads",
                          str(arguments.threads), *more], check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()[:-1]]


def griffin_lim(arguments, clips, folder):
    """Waves from the model's own mels: magnitudes by non-negative least squares, phases by Griffin-Lim."""
    for clip in clips:
        npy = folder / (clip.stem + ".npy")
        subprocess.run([arguments.fluvox, "mel", str(clip), "-o", str(npy), "-q"], check=True,
                       stdout=subprocess.DEVNULL)
        magnitudes = librosa.feature.inverse.mel_to_stft(np.exp(np.load(npy)), sr=22050, n_fft=1024, power=1, fmin=0,
                                                         fmax=8000)
        wave = librosa.griffinlim(magnitudes, n_iter=GRIFFIN_LIM_ITERATIONS, hop_length=256, momentum=0,
                                  random_state=1)
        soundfile.write(folder / (clip.stem + ".wav"), wave, 22050, subtype="FLOAT")


def heard(clip, copy):
    """PESQ and STOI of a copy."""
    b, rate = soundfile.read(copy)
    a, own_rate = soundfile.read(clip)
    if own_rate != rate:
        a = librosa.resample(a, orig_sr=own_rate, target_sr=rate)
    n = min(len(a), len(b))
    at16 = [librosa.resample(x[:n], orig_sr=rate, target_sr=16000) for x in (a, b)]
    return {"pesq": pesq(16000, *at16, "wb"), "stoi": stoi(a[:n], b[:n], rate)}


def rows(figures, clips, folder):
    drop = ("input", "copy", "picture", "x_real_time")  # of the speed `fluvox bench` tells more
    return [{"clip": clip.stem, **heard(clip, folder / (clip.stem + ".wav")),
             **{k: v for k, v in row.items() if k not in drop}} for clip, row in zip(clips, figures)]


def mean(table):
    result = {}
    for key in table[0]:
        values = [row[key] for row in table if key != "clip" and row[key] is not None]
        if values:
            result[key] = round(max(values) if key == "peak" else float(np.mean(values)), 4)
    return result


def rounded(table):
    return [{k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()} for row in table]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fluvox", default="build/test/fluvox")
    parser.add_argument("--model", required=True)
    parser.add_argument("--sigma", type=float)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--list", type=pathlib.Path)
    parser.add_argument("--machine", default="")
    parser.add_argument("clips", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    groups = {"all": arguments.clips} if arguments.clips else {}
    if arguments.list:
        for line in arguments.list.read_text().splitlines():
            group, path = line.split(maxsplit=1)
            groups.setdefault(group, []).append(pathlib.Path(path))
    if not groups:
        parser.error("expected clips, as arguments or with --list")
    version = subprocess.run([arguments.fluvox, "--version"], check=True, capture_output=True, text=True).stdout
    name = pathlib.Path(arguments.model).name
    result = {"what": f"copy synthesis by {name} at "
                      + ("its own sigma" if arguments.sigma is None else f"sigma {arguments.sigma}") + ", seed 1",
              "tool": "tools/bench/voice.py", "version": version.splitlines()[0], "machine": arguments.machine,
              "date": datetime.date.today().isoformat(),
              "griffin_lim": f"{GRIFFIN_LIM_ITERATIONS} iterations from the same mels", "groups": {}}
    sigma = [] if arguments.sigma is None else ["--sigma", str(arguments.sigma)]
    for group, clips in groups.items():
        print(f"{group}: {len(clips)} clips", file=sys.stderr)
        with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory() as lim:
            made, lim = pathlib.Path(made), pathlib.Path(lim)
            table = rows(evaluate(arguments, clips, ["-m", arguments.model, "-d", str(made), *sigma]), clips, made)
            griffin_lim(arguments, clips, lim)
            plain = rows(evaluate(arguments, clips, ["--copies", str(lim)]), clips, lim)
            result["groups"][group] = {"mean": mean(table), "griffin_lim": mean(plain), "clips": rounded(table)}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
