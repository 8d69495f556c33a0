#!/usr/bin/env python3
"""How fast we are beside eager PyTorch: the same models as they were published, nothing folded.

    tools/bench/peer.py --fluvox build/test/fluvox --voice models/pretrained/compact.safetensors \\
        --output docs/results/bench.json

Needs torch (PyPI). Run it on an idle machine: it takes minutes. For each model and precision it measures `fluvox
bench` and the peer in turn, several times, and keeps the medians; weights are random, the work does not depend on
them. Every row is written as soon as it is there.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import time

import torch
from torch import nn
from torch.nn.functional import conv1d, pad, relu

HOP, RATE, BANDS = 256, 22050, 80


class WN(nn.Module):
    """WaveGlow's network: dilated convolutions gated with the mel, residual and skip paths."""

    def __init__(self, half, channels, condition, layers=8):
        super().__init__()
        self.channels, self.layers = channels, layers
        self.start, self.end = nn.Conv1d(half, channels, 1), nn.Conv1d(channels, 2 * half, 1)
        self.condition = nn.Conv1d(condition, 2 * channels * layers, 1)
        self.inside = nn.ModuleList(
            nn.Conv1d(channels, 2 * channels, 3, dilation=2**l, padding=2**l) for l in range(layers))
        self.after = nn.ModuleList(
            nn.Conv1d(channels, channels * (1 + (l + 1 < layers)), 1) for l in range(layers))

    def forward(self, kept, mel):
        c = self.channels
        x, conditions, skips = self.start(kept), self.condition(mel).chunk(self.layers, 1), 0
        for inside, after, condition in zip(self.inside, self.after, conditions):
            tanh, sigmoid = (inside(x) + condition).chunk(2, 1)
            out = after(torch.tanh(tanh) * torch.sigmoid(sigmoid))
            x, skips = (x + out[:, :c], skips + out[:, c:]) if out.shape[1] > c else (x, skips + out)
        return self.end(skips)


class Separable(nn.Module):
    """SqueezeWave's network: batch norm, depthwise and pointwise convolution, residual path alone."""

    def __init__(self, half, channels, condition, layers=8):
        super().__init__()
        self.layers = layers
        self.start, self.end = nn.Conv1d(half, channels, 1), nn.Conv1d(channels, 2 * half, 1)
        self.condition = nn.Conv1d(condition, 2 * channels * layers, 1)
        self.inside = nn.ModuleList(
            nn.Sequential(nn.BatchNorm1d(channels), nn.Conv1d(channels, channels, 3, padding=1, groups=channels),
                          nn.Conv1d(channels, 2 * channels, 1)) for _ in range(layers))
        self.after = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in range(layers))

    def forward(self, kept, mel):
        x = self.start(kept)
        for inside, after, condition in zip(self.inside, self.after, self.condition(mel).chunk(self.layers, 1)):
            tanh, sigmoid = (inside(x) + condition).chunk(2, 1)
            x = x + after(torch.tanh(tanh) * torch.sigmoid(sigmoid))
        return self.end(x)


class Squeezed(nn.Module):
    """Groups of samples as channels, 12 flows, channels that leave early; sampling."""

    def __init__(self, group, net, channels, every, size):
        super().__init__()
        self.group, self.every, self.size = group, every, size
        learned = group == 8  # WaveGlow upsamples the mel; SqueezeWave repeats its frames
        self.upsample = nn.ConvTranspose1d(BANDS, BANDS, 4 * HOP, stride=HOP) if learned else None
        widths = [group - size * (k // every) for k in range(12)]
        self.nets = nn.ModuleList(net(w // 2, channels, BANDS * group if learned else BANDS) for w in widths)
        self.mixers = nn.ParameterList(torch.linalg.qr(torch.randn(w, w))[0][..., None] for w in widths)
        for one in self.nets:
            nn.init.normal_(one.end.weight, std=1e-3)

    def forward(self, mel, z):
        frames, group = mel.shape[2], self.group
        if self.upsample is None:
            condition = mel.repeat_interleave(HOP // group, 2)
        else:
            samples = self.upsample(mel)[:, :, :frames * HOP]
            condition = samples.unfold(2, group, group).permute(0, 1, 3, 2).flatten(1, 2)
        place = z.shape[1] - self.mixers[11].shape[0]
        x = z[:, place:]
        for k in reversed(range(12)):
            kept, changed = x.chunk(2, 1)
            shift, log_scale = self.nets[k](kept, condition).chunk(2, 1)
            x = conv1d(torch.cat([kept, (changed - shift) / torch.exp(log_scale)], 1), self.mixers[k])
            if k and k % self.every == 0:
                x = torch.cat([z[:, place - self.size:place], x], 1)
                place -= self.size
        return x.transpose(1, 2).flatten()


class Compact(nn.Module):
    """The voice's architecture: couplings over the grid of an MDCT."""

    def __init__(self, channels, bins=HOP):
        super().__init__()
        width, maps, hidden = 64, 4, 96
        self.bins = bins
        self.envelope = nn.Sequential(nn.Conv1d(2 * BANDS, hidden, 3), nn.GELU(), nn.Conv1d(hidden, bins, 1))
        self.maps = nn.Sequential(nn.Conv1d(2 * BANDS, width, 3), nn.GELU(), nn.Conv1d(width, width, 1), nn.GELU(),
                                  nn.Conv1d(width, maps * bins, 1))
        self.positions = torch.stack([torch.linspace(-1, 1, bins), torch.cos(torch.linspace(0, 9.42, bins))])
        self.nets = nn.ModuleList(nn.ModuleDict({
            "first": nn.Conv2d(15, channels, 3),
            "layers": nn.ModuleList(nn.Conv2d(channels, channels, 3, dilation=(1, d)) for d in (1, 2, 4, 1)),
            "last": nn.Conv2d(channels, 2, 1)}) for _ in range(8))
        self.dct = nn.Parameter(torch.linalg.qr(torch.randn(bins, bins))[0])
        for net in self.nets:
            nn.init.normal_(net["last"].weight, std=1e-3)

    @staticmethod
    def causal(conv, x):
        d = conv.dilation[1]
        return conv(pad(x, (d, d, 2, 0)))

    def coupled(self, net, kept, changed, near, far):
        h = self.causal(net["first"], torch.cat([kept, near, far], 1))
        for layer in net["layers"]:
            h = h + self.causal(layer, relu(h))
        shift, log_scale = net["last"](relu(h)).float().chunk(2, 1)
        return changed * torch.exp(1.5 * torch.tanh(log_scale / 1.5)) + shift

    def forward(self, mel, z):
        frames = mel.shape[2]
        two = torch.cat([mel, torch.cat([mel[:, :, 1:], mel[:, :, -1:]], 2)], 1)
        log_scale = 2 * torch.tanh(self.envelope(pad(two, (1, 1))).float() / 2)
        learned = self.maps(pad(two, (1, 1))).unflatten(1, (4, self.bins)).permute(0, 1, 3, 2)
        maps = torch.cat([learned.float(), log_scale.transpose(1, 2)[:, None],
                          self.positions[None, :, None, :].expand(1, 2, frames, self.bins)], 1)
        x = z.T.reshape(1, 1, frames, self.bins).clone()
        for k in reversed(range(8)):
            axis, odd = (3, 2)[k // 2 % 2], k % 2
            even_or_odd = [[slice(None)] * 3 + [slice(o, None, 2)] if axis == 3 else
                           [slice(None)] * 2 + [slice(o, None, 2)] for o in (odd, 1 - odd)]
            kept, changed = (x[tuple(s)] for s in even_or_odd)
            near, far = (maps[tuple(s)] for s in even_or_odd)
            x[tuple(even_or_odd[1])] = self.coupled(self.nets[k], kept, changed, near, far)
        spectrum = x[0, 0] * torch.exp(log_scale[0].T)
        blocks = spectrum @ self.dct
        return (blocks + blocks.roll(1, 0)).flatten()  # the butterflies of the overlap


CASES = {
    "waveglow-256": (lambda: Squeezed(8, WN, 256, 4, 2), 8, ["--model", "waveglow", "--preset", "256"], 256),
    "waveglow-64": (lambda: Squeezed(8, WN, 64, 4, 2), 8, ["--model", "waveglow", "--preset", "64"], 256),
    "squeezewave-128-L": (lambda: Squeezed(128, Separable, 256, 2, 16), 128,
                          ["--model", "squeezewave", "--preset", "128-L"], 256),
    "squeezewave-128-S": (lambda: Squeezed(128, Separable, 128, 2, 16), 128,
                          ["--model", "squeezewave", "--preset", "128-S"], 512),
    "compact": (lambda: Compact(48), HOP, None, 512),
    # Without a peer: what a stream does, and a model that nobody renders eagerly.
    "waveglow-256, chunks of 96 groups": (None, 8, ["--model", "waveglow", "--preset", "256", "--chunk", "3"], 192),
    "waveflow-64": (None, 16, ["--model", "waveflow", "--preset", "h16-64"], 128),
}


def peer(name, precision, threads):
    """A function that renders once and returns x real time."""
    make, group, _, frames = CASES[name]
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = make().eval()
    mel, z = torch.randn(1, BANDS, frames), torch.randn(1, group, frames * HOP // group)
    cast = name == "compact"  # its coupling must stay in fp32, so only its nets are cast
    if cast:
        z = z[0]
    elif precision == "bf16":
        model, mel, z = model.bfloat16(), mel.bfloat16(), z.bfloat16()

    def once():
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=cast and precision == "bf16"):
            start = time.perf_counter()
            assert model(mel, z).numel() == frames * HOP
            return frames * HOP / RATE / (time.perf_counter() - start)
    once()
    return once


def ours(arguments, name, precision):
    flags = CASES[name][2] or ["-m", str(arguments.voice)]
    run = subprocess.run([arguments.fluvox, "bench", *flags, "--frames", str(CASES[name][3]), "--precision", precision,
                          "--threads", str(arguments.threads), "-q"], check=True, capture_output=True, text=True)
    return json.loads(run.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fluvox", required=True)
    parser.add_argument("--voice", type=pathlib.Path, required=True, help="a model file of compact, 48 channels wide")
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="of both sides in turn")
    parser.add_argument("names", nargs="*", default=list(CASES), metavar="NAME", help=", ".join(CASES))
    arguments = parser.parse_args()
    rows = json.loads(arguments.output.read_text()) if arguments.output.exists() else []
    for name in arguments.names:
        for precision in ("fp32", "bf16"):
            eager, mine = [], []
            once = peer(name, precision, arguments.threads) if CASES[name][0] else None
            for _ in range(arguments.rounds):
                mine.append(ours(arguments, name, precision))
                if once:
                    eager.append(statistics.median(once() for _ in range(3)))
            mine.sort(key=lambda row: row["x_real_time"])
            row = {"name": name, **mine[len(mine) // 2]}
            if once:
                row |= {"peer": "eager torch " + torch.__version__, "peer_x_real_time": statistics.median(eager)}
                row["times_peer"] = row["x_real_time"] / row["peer_x_real_time"]
            other = next((r for r in rows if r["name"] == name and r["precision"] == "fp32"), None)
            if precision == "bf16" and once and other:
                row["times_peer_fp32"] = row["x_real_time"] / other["peer_x_real_time"]
            rows = [r for r in rows if (r["name"], r["precision"]) != (name, precision)] + [row]
            arguments.output.write_text(json.dumps(rows, indent=1) + "\n")
            beside = f"; eager {row['peer_x_real_time']:.2f}, {row['times_peer']:.2f} times that" if once else ""
            print(f"{name:18} {precision}: {row['x_real_time']:7.2f} x real time, {row['share_of_peak']:.2f} of peak"
                  + beside, flush=True)


if __name__ == "__main__":
    main()
