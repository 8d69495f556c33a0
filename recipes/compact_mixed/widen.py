#!/usr/bin/env python3
"""Widens the couplings of a compact model without changing what it computes.

    recipes/compact_mixed/widen.py voice.safetensors wider.safetensors 48

The new channels start with random weights in and zeros out, so the wider model scores and renders as the old one
does, and `fluvox train --init wider.safetensors --set settings.channels=48` goes on from there. Needs numpy.
"""
import hashlib
import json
import struct
import sys

import numpy as np


def read(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        body = file.read()
    spec = json.loads(header.pop("__metadata__")["fluvox"])
    tensors = {}
    for name, about in header.items():
        if about["dtype"] != "F32":
            sys.exit(f"{path}: expected F32 tensors, found {name} in {about['dtype']}")
        begin, end = about["data_offsets"]
        tensors[name] = np.frombuffer(body[begin:end], "<f4").reshape(about["shape"])
    return spec, tensors


def write(path, spec, tensors):
    """The model file of src/flow/model_file.cpp; its SHA-256 covers the spec and every tensor, in order of name."""
    def word(n):
        return struct.pack("<Q", n)

    def text(s):
        return word(len(s.encode())) + s.encode()

    spec.pop("sha256", None)
    digest = hashlib.sha256(text(json.dumps(spec, separators=(",", ":"), ensure_ascii=False)) + word(len(tensors)))
    header, offset = {}, 0
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(text(name) + text("F32") + word(tensor.ndim) + b"".join(word(n) for n in tensor.shape))
        digest.update(word(tensor.nbytes) + tensor.tobytes())
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    spec["sha256"] = digest.hexdigest()
    source = json.dumps({"__metadata__": {"fluvox": json.dumps(spec, separators=(",", ":"), ensure_ascii=False)},
                         **header}, separators=(",", ":")).encode()
    source += b" " * (-len(source) % 8)
    with open(path, "wb") as file:
        file.write(word(len(source)) + source + b"".join(tensors[name].tobytes() for name in sorted(tensors)))


def widen(tensors, channels, random):
    wider = dict(tensors)
    for name, w in tensors.items():
        if ".net." not in name:
            continue
        if name.endswith("last.weight"):
            wider[name] = np.zeros((w.shape[0], channels, *w.shape[2:]), "f4")
            wider[name][:, :w.shape[1]] = w
        elif not name.endswith("last.bias"):
            old = w.shape[0]
            fan_in = 9 * (channels if ".layers." in name else tensors[name.replace("bias", "weight")].shape[1])
            inputs = (channels, *w.shape[2:]) if ".layers." in name else w.shape[1:]
            shape = (channels, *inputs) if name.endswith("weight") else (channels,)
            new = random.uniform(-fan_in**-0.5, fan_in**-0.5, shape).astype("f4")
            if name.endswith("weight"):
                new[:old] = 0  # what comes out of the new channels reaches no old one yet
                new[:old, :w.shape[1]] = w
            else:
                new[:old] = w
            wider[name] = new
    return wider


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    spec, tensors = read(sys.argv[1])
    channels = int(sys.argv[3])
    now = next(step["net"]["channels"] for step in spec["steps"] if step["kind"] == "grid_coupling")
    if channels <= now:
        sys.exit(f"expected more than the {now} channels that {sys.argv[1]} has, found {channels}")
    for step in spec["steps"]:
        if step["kind"] == "grid_coupling":
            step["net"]["channels"] = channels
    write(sys.argv[2], spec, widen(tensors, channels, np.random.default_rng(1)))


if __name__ == "__main__":
    main()
