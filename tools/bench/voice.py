#!/usr/bin/env python3
"""Copy synthesis measured by numbers: each recording through mel and voice, then compared with itself, and beside it
what Griffin-Lim makes of the same mels.

    tools/bench/voice.py --fluvox build/test/fluvox --model voice.safetensors clips/*.flac > result.json
    tools/bench/voice.py --model voice.safetensors --list held-out.txt > docs/results/voice.json

A list has a line a clip, "group path"; without one all clips are one group. Needs numpy, soundfile, librosa, pesq,
pystoi (PyPI). The figures are those of `fluvox evaluate` (docs/evaluation.md) and
  pesq     PESQ-WB of the copy at 16 kHz, 1 .. 4.64           stoi   short-time objective intelligibility
  treble   level above 8 kHz, where the mel of the voice that ships ends, against the recording's, dB
  pulses   how far the first four multiples of the frames' rate stand out of the spectrum of the envelope of 1 .. 4 kHz
           from what is within 15 Hz of them, dB; and the recording's own
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


def pair(clip, copy):
    b, rate = soundfile.read(copy)
    a, own_rate = soundfile.read(clip)
    if own_rate != rate:
        a = librosa.resample(a, orig_sr=own_rate, target_sr=rate)
    n = min(len(a), len(b))
    return a[:n], b[:n], rate


def level(x, rate, low):
    power = np.abs(np.fft.rfft(x * np.hanning(len(x)))) ** 2
    return 10 * np.log10(power[np.fft.rfftfreq(len(x), 1 / rate) >= low].sum() + 1e-12)


def pulses(x, rate, hop=256):
    frequencies = np.fft.fftfreq(len(x), 1 / rate)
    analytic = np.fft.ifft(np.fft.fft(x) * ((frequencies >= 1000) & (frequencies <= 4000)))
    envelope = np.abs(analytic)
    power = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(x)))) ** 2
    lines = []
    for k in range(1, 5):
        away = np.abs(np.fft.rfftfreq(len(x), 1 / rate) - k * rate / hop)
        near = away <= 2 * rate / len(x)  # the window's main lobe
        lines.append(10 * np.log10(power[near].mean() / power[(away <= 15) & ~near].mean()))
    return np.mean(lines)


def heard(clip, copy):
    """What `fluvox evaluate` does not tell of a copy."""
    a, b, rate = pair(clip, copy)
    at16 = [librosa.resample(x, orig_sr=rate, target_sr=16000) for x in (a, b)]
    return {"pesq": pesq(16000, *at16, "wb"), "stoi": stoi(a, b, rate),
            "treble": level(b, rate, 8000) - level(a, rate, 8000), "pulses": pulses(b, rate),
            "pulses_recording": pulses(a, rate)}


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
