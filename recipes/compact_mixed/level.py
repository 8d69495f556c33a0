#!/usr/bin/env python3
"""Raises the level of a compact model: adds to the bias of its whitening, the same for every bin.

    recipes/compact_mixed/level.py voice.safetensors louder.safetensors 1.2      # dB

A model that was trained by likelihood alone samples a little quieter than what it learnt from. The bias is a
parameter of the flow, so the louder model is as exact a density as before, and it says what it costs: about
half the square of the change in nats per sample (0.138^2 is 0.019 for 1.2 dB). Needs numpy.
"""
import sys

import numpy as np

from widen import read, write

if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    spec, tensors = read(sys.argv[1])
    step = next(i for i, s in enumerate(spec["steps"]) if s["kind"] == "whiten")
    decibels = float(sys.argv[3])
    tensors[f"steps.{step}.bias"] = (tensors[f"steps.{step}.bias"] + np.float32(decibels * np.log(10) / 20))
    spec["provenance"]["raised_by_decibels"] = spec["provenance"].get("raised_by_decibels", 0) + decibels
    write(sys.argv[2], spec, tensors)
    print(f"wrote {sys.argv[2]}, {decibels} dB louder")
