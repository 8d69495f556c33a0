#!/usr/bin/env python3
"""Makes tests/goldens/mel: log-mels in float64 by librosa, for the tests of src/mel.

  tools/mel-goldens.py           writes signals.npy, index.json and one array for each convention
  tools/mel-goldens.py --check   computes them again and compares with what is committed

The transform is librosa.stft in complex128 on a signal padded here by numpy, the filters are
librosa.filters.mel in float64; vocos' are also built after torchaudio's published formula and the two
must agree. Each convention is written out by hand from its own project's code, not from Fluvox's.
index.json states the versions. Needs numpy and librosa.
"""

import argparse
import json
import pathlib
import sys

import librosa
import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests" / "goldens" / "mel"
# Lengths about the frame boundaries of hops 256, 275 and 512, and shorter than every padding.
LENGTHS = [1, 2, 3, 255, 256, 257, 274, 275, 276, 384, 385, 511, 512, 513, 769, 1023, 1024, 1025]


def speech(n, rate=22050):
    """A pulse train of falling pitch through three resonances, a hiss, a pause."""
    t = np.arange(n) / rate
    phase = np.cumsum((140 - 150 * t) / rate)
    source = np.diff(np.floor(phase), prepend=0.0)
    out = source
    for hz, width in ((600, 80), (1400, 120), (2700, 180)):
        r = np.exp(-np.pi * width / rate)
        a1, a2 = -2 * r * np.cos(2 * np.pi * hz / rate), r * r
        y = np.zeros(n + 2)
        for i in range(n):
            y[i + 2] = out[i] - a1 * y[i + 1] - a2 * y[i]
        out = y[2:]
    out *= 0.5 / np.max(np.abs(out))
    out[n // 2 :] = 0.02 * np.diff(np.random.default_rng(1).standard_normal(n - n // 2), prepend=0)
    out[3 * n // 4 :] = 0
    return out


def signals():
    rng = np.random.default_rng(2)
    t = np.arange(3072) / 22050
    clicks = np.zeros(3072)
    clicks[[0, 1400, 3071]] = 1.0, -1.0, 0.5
    made = {
        "speech": speech(6144),
        "tones": 0.5 * np.sin(2 * np.pi * 440 * t) + 0.49 * np.sin(2 * np.pi * 7031 * t),
        "quiet": 1e-4 * np.sin(2 * np.pi * 1000 * t),
        "silence": np.zeros(1100),
        "clicks": clicks,
        "noise": rng.uniform(-1, 1, 3072),
    }
    # As 16-bit files hold them, full scale included.
    return {k: (np.clip(np.round(v * 32768), -32768, 32767) / 32768).astype(np.float32) for k, v in made.items()}


def stft(x, fft, hop, win, pad, window="hann"):
    """Magnitudes; the clip is mirrored as often as needed, and at least to one whole frame."""
    after = max(pad, fft - pad - len(x))
    y = np.pad(x.astype(np.float64), (pad, after), mode="reflect")
    return np.abs(
        librosa.stft(y, n_fft=fft, hop_length=hop, win_length=win, window=window, center=False, dtype=np.complex128)
    )


def slaney(rate, fft, bands, fmin, fmax):
    return librosa.filters.mel(sr=rate, n_fft=fft, n_mels=bands, fmin=fmin, fmax=fmax, dtype=np.float64)


def tacotron2(x):
    return np.log(np.maximum(slaney(22050, 1024, 80, 0, 8000) @ stft(x, 1024, 256, 1024, 512), 1e-5))


def hifigan(x):
    spec = np.sqrt(stft(x, 1024, 256, 1024, 384) ** 2 + 1e-9)
    return np.log(np.maximum(slaney(22050, 1024, 80, 0, 8000) @ spec, 1e-5))


def bigvgan_44k(x):
    spec = np.sqrt(stft(x, 2048, 512, 2048, 768) ** 2 + 1e-9)
    return np.log(np.maximum(slaney(44100, 2048, 128, 0, None) @ spec, 1e-5))


def nemo(x):
    window = np.hanning(1024)  # symmetric
    return np.log(np.maximum(slaney(22050, 1024, 80, 0, 8000) @ stft(x, 1024, 256, 1024, 384, window), 1e-5))


def parallel_wavegan(x):
    return np.log10(np.maximum(slaney(22050, 1024, 80, 80, 7600) @ stft(x, 1024, 256, 1024, 512), 1e-10))


def espnet2(x):
    spec = np.sqrt(np.maximum(stft(x, 1024, 256, 1024, 512) ** 2, 1e-10))
    return np.log10(np.maximum(slaney(22050, 1024, 80, 80, 7600) @ spec, 1e-10))


def coqui(x):
    mel = slaney(22050, 1024, 80, 0, None) @ stft(x, 1024, 256, 1024, 512)
    level = 20 * np.log10(np.maximum(mel, 1e-8)) - 20
    return np.clip(2 * 4 * ((level + 100) / 100) - 4, -4, 4)


def fatchord(x):
    mel = slaney(22050, 2048, 80, 40, None) @ stft(x, 2048, 275, 1100, 1024)
    return np.clip((20 * np.log10(np.maximum(mel, 1e-5)) + 100) / 100, 0, 1)


def vocos(x):
    bins = np.linspace(0, 24000 // 2, 513)
    top = 2595 * np.log10(1 + 12000 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, 102) / 2595) - 1)
    slopes = edges[:, None] - bins[None, :]
    steps = np.diff(edges)
    filters = np.maximum(0, np.minimum(-slopes[:-2] / steps[:-1, None], slopes[2:] / steps[1:, None]))
    other = librosa.filters.mel(sr=24000, n_fft=1024, n_mels=100, htk=True, norm=None, dtype=np.float64)
    assert np.max(np.abs(filters - other)) < 1e-10
    return np.log(np.maximum(filters @ stft(x, 1024, 256, 1024, 512), 1e-7))


CONVENTIONS = {
    "tacotron2": tacotron2,
    "hifigan": hifigan,
    "bigvgan-44k": bigvgan_44k,
    "nemo": nemo,
    "parallel-wavegan": parallel_wavegan,
    "espnet2": espnet2,
    "coqui": coqui,
    "fatchord": fatchord,
    "vocos": vocos,
}


def make():
    """index, and the arrays by file name. A case is a beginning of a signal; frames follow one another."""
    made = signals()
    index = {
        "made_by": {"numpy": np.__version__, "librosa": librosa.__version__},
        "signals": {},
        "cases": [],
        "frames": {},
    }
    start = 0
    for name, x in made.items():
        index["signals"][name] = [start, len(x)]
        index["cases"].append([name, len(x)])
        start += len(x)
    index["cases"] += [["noise", n] for n in LENGTHS] + [["speech", 1500]]
    arrays = {"signals": np.concatenate(list(made.values()))}
    for name, convention in CONVENTIONS.items():
        mels = [convention(made[signal][:length]).T for signal, length in index["cases"]]
        index["frames"][name] = [len(mel) for mel in mels]
        arrays[name] = np.concatenate(mels).astype(np.float32)
    return index, arrays


def check(index, arrays):
    committed = json.loads((FOLDER / "index.json").read_text())
    wrong = [key for key in ("signals", "cases", "frames") if committed[key] != index[key]]
    worst = 0.0
    for name, array in arrays.items():
        old = np.load(FOLDER / f"{name}.npy")
        # A float32 of size 16 has steps of 1e-6.
        if old.shape != array.shape or not np.max(np.abs(old - array)) <= 4e-6:
            wrong.append(name)
        else:
            worst = max(worst, float(np.max(np.abs(old - array))))
    print(f"librosa {librosa.__version__}: largest difference {worst:.2g}" + (f"; wrong: {wrong}" if wrong else ""))
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the committed goldens, write nothing")
    arguments = parser.parse_args()
    index, arrays = make()
    if arguments.check:
        return check(index, arrays)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(FOLDER / f"{name}.npy", array)
    (FOLDER / "index.json").write_text(json.dumps(index) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
