#!/usr/bin/env python3
"""What the denoiser takes out: of the model's own tone, and of the voice.

    tools/bench/denoiser.py --fluvox build/test/fluvox clips/*.flac > docs/results/denoiser.json

Two models: the voice that ships, and a WaveGlow-256 with random weights (published sizes, made here: its output is
noise with lines, as training begins; it renders the first 0.75 s of the first clip). Both forms of
src/mel/denoiser.h, at several strengths. Needs numpy, soundfile, librosa, pesq (PyPI). One JSON object,
levels in dB:

  own_sound         at sigma 0 from the mel of silence: its level (full scale is 0), and of its power the shares that
                    lie on multiples of fs/8 (a level spectrum has .006 there) and of the frame rate fs/hop (.16)
  own_removed       what denoising changes its level by, and that of its part on multiples of fs/8
  lines             at fs/8, 2 fs/8, 3 fs/8, fs/2 in the clips rendered: height above the spectrum around it
  level             of the clips rendered, after over before
  pesq              PESQ-WB at 16 kHz of the clips rendered against the recordings, before and after
"""
import argparse
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile

import librosa
import numpy as np
import soundfile
from pesq import pesq

ROOT = pathlib.Path(__file__).resolve().parents[2]
STRENGTHS = [0.01, 0.1, 1.0]
FORMS = ["zero-mel", "silence"]
BINS = 8192  # of the spectra here; multiples of fs/8 lie on bins


def model_files():
    """The reader and writer of model files that a recipe has."""
    spec = importlib.util.spec_from_file_location("widen", ROOT / "recipes" / "compact_mixed" / "widen.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def random_waveglow(mel, log_scale=0.1):
    """Spec and tensors of models/waveglow.cpp at its published sizes, as they are drawn before training; but the last
    layers, which are zero then, give shifts and log-scales of about this deviation."""
    random = np.random.default_rng(1)
    tensors = {}

    def convolution(name, outputs, inputs, kernel, gain=1.0):
        bound = gain / np.sqrt(inputs * kernel)
        tensors[name + ".weight"] = random.uniform(-bound, bound, (outputs, inputs, kernel)).astype("f4")
        tensors[name + ".bias"] = random.uniform(-bound, bound, outputs).astype("f4")

    channels, layers, group = 256, 8, 8
    convolution("conditioner", 80, 80, 1024)
    steps = [{"kind": "squeeze", "group": group}]
    width = group
    for flow in range(12):
        if flow in (4, 8):
            steps.append({"kind": "split", "channels": 2})
            width -= 2
        q = np.linalg.qr(random.standard_normal((width, width)))[0]
        if np.linalg.det(q) < 0:
            q[:, 0] *= -1
        tensors[f"steps.{len(steps)}.weight"] = q.astype("f4")
        steps.append({"kind": "invertible1x1", "channels": width})
        net = f"steps.{len(steps)}.net."
        convolution(net + "start", channels, width // 2, 1)
        convolution(net + "cond_layer", 2 * channels * layers, 80 * group, 1)
        for layer in range(layers):
            convolution(f"{net}in_layers.{layer}", 2 * channels, channels, 3)
            convolution(f"{net}res_skip_layers.{layer}", channels * (1 if layer == layers - 1 else 2), channels, 1)
        convolution(net + "end", width, channels, 1, gain=log_scale * np.sqrt(3))
        steps.append({"kind": "coupling", "channels": width, "limit": 0.0,
                      "net": {"kind": "wn", "inputs": width // 2, "outputs": width, "channels": channels,
                              "layers": layers, "kernel": 3, "condition": 80 * group}})
    spec = {"format": 1, "model": "waveglow", "mel": mel,
            "conditioner": {"kind": "upsample", "bands": 80, "kernel": 1024, "hop": 256, "group": group},
            "steps": steps, "base": {"kind": "normal"}, "sigma": 0.6, "provenance": {"weights": "random"}}
    return spec, tensors


def decibels(ratio):
    return float(10 * np.log10(max(ratio, 1e-20)))


def spectrum(x):
    """Mean power of a Hann-windowed transform."""
    frames = np.lib.stride_tricks.sliding_window_view(x, BINS)[:: BINS // 4]
    return np.mean(np.abs(np.fft.rfft(frames * np.hanning(BINS + 1)[:-1])) ** 2, axis=0)


def lines(x):
    power = spectrum(x)
    heights = []
    for k in (1, 2, 3, 4):
        at = k * BINS // 8
        around = np.r_[power[at - 30 : at - 4], power[at + 5 : at + 31]]
        heights.append(decibels(np.max(power[at - 1 : at + 2]) / np.median(around)))
    return np.array(heights)


def power_on(x, spacing):
    """Within 2 bins of multiples of `spacing` bins."""
    power = spectrum(x)
    near = np.minimum(np.arange(len(power)) % spacing, -np.arange(len(power)) % spacing) <= 2
    return float(power[near].sum())


def at_16k(x, rate):
    return librosa.resample(x, orig_sr=rate, target_sr=16000)


class Bench:
    def __init__(self, fluvox, model, folder, threads):
        self.fluvox, self.model, self.folder, self.threads = fluvox, model, folder, threads

    def render(self, path, *flags):
        out = pathlib.Path(self.folder) / "out.wav"
        subprocess.run([self.fluvox, "render", str(path), "-m", str(self.model), "-o", str(out), "--encoding", "f32",
                        "--seed", "1", "--threads", str(self.threads), "-q", *flags],
                       check=True, stdout=subprocess.DEVNULL)
        return soundfile.read(out)[0]

    def measure(self, name, clips, quality, strengths, frames):
        silence = pathlib.Path(self.folder) / "silence.npy"
        np.save(silence, np.full((80, frames), np.log(1e-5), "f4"))
        own = self.render(silence, "--sigma", "0")
        own_power, own_lines = power_on(own, 1), power_on(own, BINS // 8)
        result = {"own_sound": {"level": decibels(float(np.mean(own**2))), "on_fs_8": own_lines / own_power,
                                "on_frame_rate": power_on(own, BINS // 256) / own_power}, "denoised": []}
        before = [self.render(clip) for clip in clips]
        originals = [librosa.resample(x, orig_sr=rate, target_sr=22050) for x, rate in map(soundfile.read, clips)]

        def pesq_of(copies):
            scores = []
            for a, b in zip(originals, copies):
                n = min(len(a), len(b))
                scores.append(pesq(16000, at_16k(a[:n], 22050), at_16k(b[:n], 22050), "wb"))
            return float(np.mean(scores))

        result["lines"] = np.mean([lines(x) for x in before], axis=0).round(2).tolist()
        if quality:
            result["pesq"] = round(pesq_of(before), 3)
        for form in FORMS:
            for strength in strengths:
                flags = ["--denoise", str(strength), "--denoise-bias", form]
                after = [self.render(clip, *flags) for clip in clips]
                quiet = self.render(silence, "--sigma", "0", *flags)
                row = {"form": form, "strength": strength,
                       "own_removed": [round(decibels(power_on(quiet, 1) / own_power), 2),
                                       round(decibels(power_on(quiet, BINS // 8) / own_lines), 2)],
                       "lines": np.mean([lines(x) for x in after], axis=0).round(2).tolist(),
                       "level": float(np.mean([decibels(np.mean(y**2) / np.mean(x**2))
                                               for x, y in zip(before, after)]))}
                if quality:
                    row["pesq"] = pesq_of(after)
                result["denoised"].append({k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()})
                print(f"{name}: {result['denoised'][-1]}", file=sys.stderr)
        result["own_sound"] = {k: round(v, 3) for k, v in result["own_sound"].items()}
        return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fluvox", default="build/test/fluvox")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "models" / "pretrained" / "compact.safetensors")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("clips", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    files = model_files()
    with tempfile.TemporaryDirectory() as folder:
        made = pathlib.Path(folder) / "waveglow-256-random.safetensors"
        files.write(made, *random_waveglow(files.read(arguments.model)[0]["mel"]))
        voice = Bench(arguments.fluvox, arguments.model, folder, arguments.threads)
        random = Bench(arguments.fluvox, made, folder, arguments.threads)
        begin = pathlib.Path(folder) / "begin.wav"  # a WaveGlow takes its time
        sound, rate = soundfile.read(arguments.clips[0])
        soundfile.write(begin, sound[: 3 * rate // 4], rate)
        result = {"what": "tools/bench/denoiser.py", "clips": [clip.stem for clip in arguments.clips],
                  arguments.model.stem: voice.measure("voice", arguments.clips, True, STRENGTHS, 128),
                  made.stem: random.measure("random", [begin], False, STRENGTHS[1:], 64)}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
