#!/usr/bin/env python3
"""A step of training beside eager PyTorch's of the same model: loss, gradients and Adam, the data already there.

    tools/bench/train_peer.py --fluvox build/test/fluvox --corpus made/wavs --output docs/results/train_bench.json

Needs torch (PyPI) and a folder of recordings for `fluvox train --dry-run`, whose fastest step is taken, the making of
the batch included. Both sides in turn, several times; the medians are kept. Run it on an idle machine.
"""
import argparse
import json
import math
import pathlib
import statistics
import subprocess
import time

import torch
from peer import BANDS, HOP, WN, Squeezed
from torch.nn.functional import conv1d

FRAMES, BATCH = 32, 2


class Trained(Squeezed):
    """WaveGlow's training direction: x -> z and the log-likelihood, as its authors wrote it."""

    def log_likelihood(self, mel, audio):
        frames, group = mel.shape[2], self.group
        samples = self.upsample(mel)[:, :, :frames * HOP]
        condition = samples.unfold(2, group, group).permute(0, 1, 3, 2).flatten(1, 2)
        x = audio.unfold(1, group, group).permute(0, 2, 1)
        left, log_det = [], 0
        for k in range(12):
            if k and k % self.every == 0:
                left.append(x[:, :self.size])
                x = x[:, self.size:]
            w = self.mixers[k]
            log_det = log_det + x.shape[2] * torch.linalg.slogdet(w[..., 0])[1] * x.shape[0]
            x = conv1d(x, w)
            kept, changed = x.chunk(2, 1)
            shift, log_scale = self.nets[k](kept, condition).chunk(2, 1)
            x = torch.cat([kept, torch.exp(log_scale) * changed + shift], 1)
            log_det = log_det + log_scale.sum()
        z = torch.cat([*left, x], 1)
        return (log_det - 0.5 * z.square().sum()) / audio.numel() - 0.5 * math.log(2 * math.pi)


def peer(channels, threads):
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = Trained(8, WN, channels, 4, 2)
    adam = torch.optim.Adam(model.parameters(), lr=1e-4)
    mel, audio = torch.randn(BATCH, BANDS, FRAMES), 0.1 * torch.randn(BATCH, FRAMES * HOP)

    def step():
        start = time.perf_counter()
        adam.zero_grad()
        (-model.log_likelihood(mel, audio)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        return time.perf_counter() - start
    step()
    return lambda: min(step() for _ in range(3))


def ours(arguments, channels):
    run = subprocess.run([arguments.fluvox, "train", "--dry-run", "--json", "-q", "-d", "unused", "--threads",
                          str(arguments.threads), "--set", "model=waveglow", "--set", f"settings.channels={channels}",
                          "--set", f"frames={FRAMES}", "--set", f"batch={BATCH}", "--set", "augment=0", "--set",
                          f'corpora=[{{path="{arguments.corpus}",held_out=1}}]'],
                         check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout)["seconds_a_step"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fluvox", required=True)
    parser.add_argument("--corpus", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    version = subprocess.run([arguments.fluvox, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    rows = []
    for channels in (64, 256):
        step = peer(channels, arguments.threads)
        mine, eager = [], []
        for _ in range(arguments.rounds):
            mine.append(ours(arguments, channels))
            eager.append(step())
        rows.append({"model": f"waveglow-{channels}", "samples": BATCH * FRAMES * HOP, "threads": arguments.threads,
                     "seconds_a_step": statistics.median(mine), "peer": "eager torch " + torch.__version__,
                     "peer_seconds_a_step": statistics.median(eager)})
        rows[-1]["times_peer"] = rows[-1]["peer_seconds_a_step"] / rows[-1]["seconds_a_step"]
        print(json.dumps(rows[-1]), flush=True)
    arguments.output.write_text(json.dumps({"version": version.splitlines(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
