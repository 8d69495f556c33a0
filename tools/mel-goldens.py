#!/usr/bin/env python3
"""Makes tests/goldens/mel: log-mels in float64 by librosa and by torchaudio, for the tests of src/mel.

  tools/mel-goldens.py           writes signals.npy, index.json and one array for each convention
  tools/mel-goldens.py --check   computes them again and compares with what is committed

Every convention is written out by hand from its own project's code, not from Fluvox's, on top of two libraries
that share no code: transform and filters are librosa.stft in complex128 and librosa.filters.mel, then
torchaudio.functional.spectrogram and melscale_fbanks, both in float64. The two must agree within 1e-9 at every
value before anything is written, so the arrays, which are float32, are the goldens of both.
index.json states the versions and how far apart the two are. Needs numpy, librosa, torch and torchaudio.
"""

import argparse
import functools
import json
import pathlib
import sys

import librosa
import numpy as np
import torch
import torchaudio

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests" / "goldens" / "mel"
# Lengths about the frame boundaries of hops 256, 275 and 512, and shorter than every padding.
LENGTHS = [1, 2, 3, 255, 256, 257, 274, 275, 276, 384, 385, 511, 512, 513, 549, 550, 551]
LENGTHS += [767, 768, 769, 1023, 1024, 1025]


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


class Librosa:
    """Magnitudes and filters by librosa, padded here by numpy."""

    def stft(self, x, fft, hop, win, pad, window="hann"):
        # The clip is mirrored as often as needed, and at least to one whole frame.
        after = max(pad, fft - pad - len(x))
        y = np.pad(x.astype(np.float64), (pad, after), mode="reflect")
        spectrum = librosa.stft(
            y, n_fft=fft, hop_length=hop, win_length=win, window=window, center=False, dtype=np.complex128
        )
        return np.abs(spectrum)

    @functools.cache
    def filters(self, rate, fft, bands, fmin, fmax, htk=False):
        return librosa.filters.mel(
            sr=rate, n_fft=fft, n_mels=bands, fmin=fmin, fmax=fmax, htk=htk, norm=None if htk else "slaney",
            dtype=np.float64,
        )


class Torchaudio:
    """The same by torchaudio, which pads by itself where the clip is long enough for torch to mirror it."""

    def stft(self, x, fft, hop, win, pad, window="hann"):
        y = torch.from_numpy(x.astype(np.float64))
        centred = 2 * pad == fft and len(x) > pad
        if not centred:
            before, after = pad, max(pad, fft - pad - len(x))
            while before or after:  # torch mirrors at most once
                step = [min(len(y) - 1, before), min(len(y) - 1, after)]
                if len(y) == 1:
                    y = y.repeat(1 + before + after)
                    break
                y = torch.nn.functional.pad(y[None], step, mode="reflect")[0]
                before, after = before - step[0], after - step[1]
        hann = torch.hann_window(win) if isinstance(window, str) else torch.hann_window(win, periodic=False)
        spectrum = torchaudio.functional.spectrogram(
            y, 0, hann, fft, hop, win, power=1, normalized=False, center=centred, pad_mode="reflect"
        )
        return spectrum.numpy()

    @functools.cache
    def filters(self, rate, fft, bands, fmin, fmax, htk=False):
        scale, norm = ("htk", None) if htk else ("slaney", "slaney")
        return torchaudio.functional.melscale_fbanks(
            fft // 2 + 1, float(fmin), float(fmax or rate / 2), bands, rate, norm, scale
        ).T.numpy()


def tacotron2(by, x):
    return np.log(np.maximum(by.filters(22050, 1024, 80, 0, 8000) @ by.stft(x, 1024, 256, 1024, 512), 1e-5))


def hifigan(by, x):
    spec = np.sqrt(by.stft(x, 1024, 256, 1024, 384) ** 2 + 1e-9)
    return np.log(np.maximum(by.filters(22050, 1024, 80, 0, 8000) @ spec, 1e-5))


def bigvgan_44k(by, x):
    spec = np.sqrt(by.stft(x, 2048, 512, 2048, 768) ** 2 + 1e-9)
    return np.log(np.maximum(by.filters(44100, 2048, 128, 0, None) @ spec, 1e-5))


def nemo(by, x):
    symmetric = np.hanning(1024)
    spec = by.stft(x, 1024, 256, 1024, 384, symmetric)
    return np.log(np.maximum(by.filters(22050, 1024, 80, 0, 8000) @ spec, 1e-5))


def parallel_wavegan(by, x):
    return np.log10(np.maximum(by.filters(22050, 1024, 80, 80, 7600) @ by.stft(x, 1024, 256, 1024, 512), 1e-10))


def espnet2(by, x):
    spec = np.sqrt(np.maximum(by.stft(x, 1024, 256, 1024, 512) ** 2, 1e-10))
    return np.log10(np.maximum(by.filters(22050, 1024, 80, 80, 7600) @ spec, 1e-10))


def coqui(by, x):
    mel = by.filters(22050, 1024, 80, 0, None) @ by.stft(x, 1024, 256, 1024, 512)
    level = 20 * np.log10(np.maximum(mel, 1e-8)) - 20
    return np.clip(2 * 4 * ((level + 100) / 100) - 4, -4, 4)


def fatchord(by, x):
    mel = by.filters(22050, 2048, 80, 40, None) @ by.stft(x, 2048, 275, 1100, 1024)
    return np.clip((20 * np.log10(np.maximum(mel, 1e-5)) + 100) / 100, 0, 1)


def vocos(by, x):
    mel = by.filters(24000, 1024, 100, 0, None, htk=True) @ by.stft(x, 1024, 256, 1024, 512)
    return np.log(np.maximum(mel, 1e-7))


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
    torch.set_default_dtype(torch.float64)  # melscale_fbanks and hann_window compute in the default type
    first, second = Librosa(), Torchaudio()
    made = signals()
    index = {
        "made_by": {lib.__name__: lib.__version__ for lib in (np, librosa, torch, torchaudio)},
        "signals": {},
        "cases": [],
        "frames": {},
        "apart": {},
    }
    start = 0
    for name, x in made.items():
        index["signals"][name] = [start, len(x)]
        index["cases"].append([name, len(x)])
        start += len(x)
    index["cases"] += [["noise", n] for n in LENGTHS] + [["speech", 1500]]
    arrays = {"signals": np.concatenate(list(made.values()))}
    for name, convention in CONVENTIONS.items():
        mels = [convention(first, made[signal][:length]).T for signal, length in index["cases"]]
        others = [convention(second, made[signal][:length]).T for signal, length in index["cases"]]
        index["frames"][name] = [len(mel) for mel in mels]
        arrays[name], other = np.concatenate(mels), np.concatenate(others)
        apart = float(np.max(np.abs(arrays[name] - other)))
        if not apart <= 1e-9:
            sys.exit(f"{name}: librosa and torchaudio differ by {apart:.2g}")
        index["apart"][name] = float(f"{apart:.1e}")
        arrays[name] = arrays[name].astype(np.float32)
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
    versions = ", ".join(f"{lib} {version}" for lib, version in index["made_by"].items())
    print(f"{versions}: largest difference from the goldens {worst:.2g}, of one library from the other "
          f"{max(index['apart'].values()):.2g}" + (f"; wrong: {wrong}" if wrong else ""))
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
