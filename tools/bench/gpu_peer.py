#!/usr/bin/env python3
"""A training step on a GPU beside PyTorch: the same model as it was published, eager and compiled.

    tools/bench/gpu_peer.py --program build/gpu/fluvox-training-step --output docs/results/gpu.json

Run by tools/bench/gpu. Ours and the peers take turns; the medians are kept, and every row is written as soon as it
is there, with the card, the versions and the commit. What has no GPU form of ours yet (rendering) has no row.
--device cpu and --channels are for trying the script itself; such figures are not results.
"""
import argparse
import datetime
import json
import pathlib
import statistics
import subprocess
import time

import torch

from peer import BANDS, HOP, WN
from train_peer import Trained


def peer(arguments, precision, compiled):
    """A function that makes one training step and returns its seconds."""
    torch.manual_seed(1)
    device = arguments.device
    model = Trained(8, WN, arguments.channels, 4, 2).to(device)
    audio = 0.1 * torch.randn(arguments.batch, arguments.frames * HOP, device=device)
    mel = torch.randn(arguments.batch, BANDS, arguments.frames, device=device)
    log_likelihood = torch.compile(model.log_likelihood) if compiled else model.log_likelihood
    types = {"bf16": torch.bfloat16, "fp16": torch.float16}

    def wait():
        if device == "cuda":
            torch.cuda.synchronize()

    def once():
        wait()
        start = time.perf_counter()
        model.zero_grad()
        with torch.autocast(device, types.get(precision, torch.bfloat16), enabled=precision in types):
            value = -log_likelihood(mel, audio)
        (value * (1024 if precision == "fp16" else 1)).backward()
        wait()
        return time.perf_counter() - start

    once()
    once()
    return once


def ours(arguments, precision):
    run = subprocess.run([arguments.program, "waveglow", json.dumps({"channels": arguments.channels}),
                          str(arguments.batch), str(arguments.frames), str(arguments.runs), "--device",
                          arguments.device, "--precision", precision], check=True, capture_output=True, text=True)
    return json.loads(run.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="fluvox-training-step")
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--channels", type=int, default=256)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--frames", type=int, default=62, help="62: the 16,000 samples of WaveGlow's training")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3, help="of both sides in turn")
    arguments = parser.parse_args()
    cuda = arguments.device == "cuda"
    machine = {"date": datetime.date.today().isoformat(),
               "device": torch.cuda.get_device_name() if cuda else "cpu",
               "torch": torch.__version__, "cuda": torch.version.cuda if cuda else None}
    rows = []
    for precision in ("fp32", "bf16"):
        peers = {"eager": peer(arguments, precision, False), "compiled": peer(arguments, precision, True)}
        if precision == "bf16" and cuda:  # eager trains in fp16 too, with its loss scaled
            peers["eager_fp16"] = peer(arguments, "fp16", False)
        mine, seconds, peak = [], {name: [] for name in peers}, {}
        for _ in range(arguments.rounds):
            mine.append(ours(arguments, precision))
            for name, once in peers.items():
                if cuda:
                    torch.cuda.reset_peak_memory_stats()
                seconds[name].append(statistics.median(once() for _ in range(arguments.runs)))
                peak[name] = torch.cuda.max_memory_allocated() if cuda else None
        mine.sort(key=lambda one: one["seconds"])
        row = {"what": "training step", **mine[len(mine) // 2], **machine}
        for name in peers:
            row[f"{name}_seconds"] = statistics.median(seconds[name])
            row[f"{name}_peak_bytes"] = peak[name]
            row[f"times_{name}"] = row[f"{name}_seconds"] / row["seconds"]
        rows.append(row)
        arguments.output.write_text(json.dumps(rows, indent=1) + "\n")
        print(f"training step of waveglow-{arguments.channels}, {precision}: {row['seconds'] * 1e3:.1f} ms, "
              f"{row['times_eager']:.2f} times eager, {row['times_compiled']:.2f} times compiled")


if __name__ == "__main__":
    main()
