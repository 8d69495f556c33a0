#!/usr/bin/env python3
"""Copy synthesis measured by numbers: each recording through mel and voice, then compared with itself.

    tools/bench/voice.py --fluvox build/test/fluvox --model voice.safetensors clips/*.flac > result.json

Needs numpy, soundfile, librosa, pesq, pystoi (PyPI). One JSON object: a row for each clip and the means.
  pesq     PESQ-WB of the copy at 16 kHz, 1 .. 4.64           stoi   short-time objective intelligibility
  nats     log-likelihood of the recording, nats per sample    level  of the copy over the recording, dB
  peak     of the copy, 1 is full scale
"""
import argparse
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


def measure(path, arguments, folder):
    copy = pathlib.Path(folder) / (path.stem + ".wav")
    voice = ["-m", str(arguments.model), "--threads", str(arguments.threads), "-q"]
    sigma = [] if arguments.sigma is None else ["--sigma", str(arguments.sigma)]
    subprocess.run([arguments.fluvox, "render", str(path), "-o", str(copy), "--seed", "1", "--encoding", "f32",
                    *voice, *sigma], check=True, stdout=subprocess.DEVNULL)
    scored = subprocess.run([arguments.fluvox, "score", str(path), "--json", *voice], check=True,
                            capture_output=True, text=True)
    a, rate = soundfile.read(path)
    b, copy_rate = soundfile.read(copy)
    if rate != copy_rate:
        a, rate = librosa.resample(a, orig_sr=rate, target_sr=copy_rate), copy_rate
    n = min(len(a), len(b))
    a, b = a[:n], b[:n]
    at16 = [librosa.resample(x, orig_sr=rate, target_sr=16000) for x in (a, b)]
    return {"clip": path.stem, "pesq": pesq(16000, *at16, "wb"), "stoi": stoi(a, b, rate),
            "nats": json.loads(scored.stdout)["nats_per_sample"],
            "level": 10 * np.log10(np.mean(b**2) / np.mean(a**2)), "peak": float(np.abs(b).max())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fluvox", default="build/test/fluvox")
    parser.add_argument("--model", required=True)
    parser.add_argument("--sigma", type=float)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("clips", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for path in arguments.clips:
            rows.append(measure(path, arguments, folder))
            print(f"{len(rows)}/{len(arguments.clips)} {path.stem}: PESQ {rows[-1]['pesq']:.2f}", file=sys.stderr)
    means = {key: float(np.mean([row[key] for row in rows])) for key in rows[0] if key != "clip"}
    means["peak"] = max(row["peak"] for row in rows)
    print(json.dumps({"model": pathlib.Path(arguments.model).name, "sigma": arguments.sigma, "mean": means,
                      "clips": [{k: round(v, 4) if k != "clip" else v for k, v in row.items()} for row in rows]}, indent=1))


if __name__ == "__main__":
    main()
