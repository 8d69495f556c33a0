"""The same as render.c from Python: frames in a few at a time, samples out as they are made.

    python render.py MODEL MEL NAME > samples.f32
"""
import sys

import fluvox
import numpy

if len(sys.argv) != 4:
    sys.exit("usage: render.py MODEL MEL NAME > samples.f32")
_, model, path, name = sys.argv
voice = fluvox.Model(model)
mel = numpy.fromfile(path, dtype=numpy.float32).reshape(-1, voice.bands)
pieces = (mel[at : at + 7] for at in range(0, len(mel), 7))
for samples in voice.stream(pieces, seed=1, item=name):
    samples.tofile(sys.stdout)
