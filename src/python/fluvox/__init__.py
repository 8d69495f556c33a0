"""Fluvox from Python: mel spectrograms to speech with normalizing flows, NumPy arrays in and out.

    import fluvox

    voice = fluvox.Model("compact.safetensors")
    mel = voice.analyse(audio)                        # [frames, bands], in the model's own convention
    audio = voice.render(mel, seed=1)                 # frames * voice.hop samples
    for samples in voice.stream(pieces, seed=1):      # pieces of mel in, samples out as they are made
        play(samples)
    voice.score(audio).nats_per_sample                # exact log-likelihood

Arrays are float32; others are converted where that loses no more than precision. Audio is mono in [-1, 1]. A
mel is [frames, bands]: one of [bands, frames] has to be transposed. Work runs without Python's lock, and a model
may be used by many threads at once, a stream by one at a time.
"""
import ctypes
import os
from typing import NamedTuple

import numpy

from . import library as _c

__all__ = ["Error", "Model", "Score", "Stream", "version"]

_lib = _c.load()
_STATUS = {2: "usage", 3: "input", 4: "device", 5: "io", 6: "memory", 7: "internal"}
_PRECISION = {"fp32": 0, "bf16": 1, "fp16": 2}


class Error(Exception):
    """What went wrong: a sentence, a stable `code` ("model-hash-mismatch"), and whose fault it is (`kind`:
    usage, input, device, io, memory or internal)."""

    def __init__(self, kind, code, message):
        super().__init__(message)
        self.kind, self.code = kind, code

    def __reduce__(self):
        return Error, (self.kind, self.code, str(self))


def version():
    """That of libfluvox, "0.1.0"."""
    return _lib.fluvox_version().decode()


def _call(function, *arguments):
    error = _c.CError()
    status = function(*arguments, ctypes.byref(error))
    if status != 0:
        raise Error(_STATUS.get(status, "internal"), error.code.decode(), error.message.decode(errors="replace"))


def _floats(name, array, dimensions, last=None):
    """The array as C floats in a row; `last` is what its last dimension has to be."""
    array = numpy.asarray(array)
    if array.dtype.kind not in "fiu" or array.ndim != dimensions or (last is not None and array.shape[-1] != last):
        wanted = "" if last is None else f" of {last} values each"
        raise Error(
            "usage",
            "shape-mismatch",
            f"{name}: expected numbers in {dimensions} dimension(s){wanted}, found {array.dtype} of shape "
            f"{array.shape}",
        )
    return numpy.ascontiguousarray(array, dtype=numpy.float32)


def _pointer(array):
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_float))


def _options(seed, item, sigma):
    if isinstance(item, str):
        item = _lib.fluvox_item_of(item.encode())
    for name, value in (("seed", seed), ("item", item)):
        if not 0 <= value < 2**64:
            raise Error("usage", "seed-invalid", f"{name}: expected 0 to 2^64 - 1, found {value}")
    if sigma is not None and sigma < 0:
        raise Error("usage", "sigma-invalid", f"sigma: expected a number of at least 0, found {sigma}")
    return _c.CRenderOptions(int(seed), int(item), -1.0 if sigma is None else sigma)


class Score(NamedTuple):
    nats: float  # of all samples that were scored, all constants included
    samples: int  # whole frames

    @property
    def nats_per_sample(self):
        return self.nats / self.samples


class Model:
    """A model file, by its path or its bytes. `threads` 0 is one for each processor; `precision` is "fp32" or
    "bf16". `device` is what renders: "cpu"; "cuda" or "cuda:N", an NVIDIA GPU, which knows the precision "fp16" too;
    or "auto", a GPU where there is one that can.

    sample_rate, hop (samples of a frame), bands (of the mel), z_channels, streams (whether it renders piece by
    piece), look_ahead (samples), sigma (its own temperature), work (multiply-adds for a sample), name, convention
    (of its mels, as JSON), device ("cpu", or the GPU's name).
    """

    def __init__(self, model, threads=0, precision="fp32", device="cpu"):
        self._handle = ctypes.c_void_p()
        if precision not in _PRECISION:
            raise Error("usage", "precision-invalid", f"precision: expected fp32, bf16 or fp16, found {precision!r}")
        if not 0 <= threads <= 1024:
            raise Error("usage", "threads-invalid", f"threads: expected 0 to 1024, found {threads}")
        options = _c.CLoadOptions(threads, _PRECISION[precision])
        where = (ctypes.byref(options), ctypes.byref(self._handle))
        if isinstance(model, (bytes, bytearray, memoryview)):
            model = bytes(model)
            _call(_lib.fluvox_load_memory_on, device.encode(), model, len(model), *where)
        else:
            _call(_lib.fluvox_load_on, device.encode(), os.fsencode(model), *where)
        facts = _c.CFacts()
        _call(_lib.fluvox_facts_of, self._handle, ctypes.byref(facts))
        for name, _ in facts._fields_:
            setattr(self, name, getattr(facts, name))
        self.streams = bool(facts.streams)
        self.name = _lib.fluvox_name(self._handle).decode()
        self.convention = _lib.fluvox_convention(self._handle).decode()
        self.device = _lib.fluvox_device_of(self._handle).decode()

    def __del__(self):
        if self._handle:
            _lib.fluvox_free(self._handle)

    def render(self, mel, seed=0, item=0, sigma=None):
        """len(mel) * hop samples. `item` is a number, or a name such as `fluvox render` takes from a file's."""
        mel = _floats("mel", mel, 2, self.bands)
        audio = numpy.empty(len(mel) * self.hop, numpy.float32)
        options = _options(seed, item, sigma)
        _call(
            _lib.fluvox_render, self._handle, _pointer(mel), len(mel), ctypes.byref(options), _pointer(audio), audio.size
        )
        return audio

    def stream(self, pieces, seed=0, item=0, sigma=None):
        """Takes pieces of mel from an iterable, gives arrays of samples as they are made: together, bit for bit,
        those of render()."""
        with Stream(self, seed, item, sigma) as stream:
            for piece in pieces:
                stream.push(piece)
                yield from stream
            stream.finish()
            yield from stream

    def analyse(self, audio):
        """The mel [frames, bands] of audio at sample_rate."""
        audio = _floats("audio", audio, 1)
        mel = numpy.empty((_lib.fluvox_frames_of(self._handle, audio.size), self.bands), numpy.float32)
        _call(_lib.fluvox_analyse, self._handle, _pointer(audio), audio.size, _pointer(mel), mel.size)
        return mel

    def score(self, audio):
        """The exact log-likelihood of a recording, given its own mel."""
        audio = _floats("audio", audio, 1)
        score = _c.CScore()
        _call(_lib.fluvox_score_of, self._handle, _pointer(audio), audio.size, ctypes.byref(score))
        return Score(score.nats, score.samples)

    def encode(self, audio, mel):
        """z [z_channels, positions], the noise that renders exactly this audio of len(mel) * hop samples."""
        audio, mel = _floats("audio", audio, 1), _floats("mel", mel, 2, self.bands)
        self._expect("audio", audio.size, mel)
        z = numpy.empty((self.z_channels, audio.size // self.z_channels), numpy.float32)
        _call(_lib.fluvox_encode, self._handle, _pointer(audio), _pointer(mel), len(mel), _pointer(z), z.size)
        return z

    def decode(self, z, mel):
        """The audio that z renders."""
        mel = _floats("mel", mel, 2, self.bands)
        z = _floats("z", z, 2, len(mel) * self.hop // self.z_channels)
        self._expect("z", z.size, mel)
        audio = numpy.empty(z.size, numpy.float32)
        _call(_lib.fluvox_decode, self._handle, _pointer(z), _pointer(mel), len(mel), _pointer(audio), audio.size)
        return audio

    def _expect(self, name, found, mel):
        if found != len(mel) * self.hop:
            raise Error(
                "usage",
                "shape-mismatch",
                f"{name}: expected {len(mel) * self.hop} values for {len(mel)} frames, found {found}",
            )


class Stream:
    """Rendering as it is asked for: push(mel), finish(), pull(n), cancel(). Going through it gives what is ready.
    cancel() may come from another thread: a pull at work there returns soon."""

    PIECE = 8192  # samples that going through it gives at most at a time

    def __init__(self, model, seed=0, item=0, sigma=None):
        self._handle = ctypes.c_void_p()
        self._model = model  # must outlive the stream
        options = _options(seed, item, sigma)
        _call(_lib.fluvox_stream_open, model._handle, ctypes.byref(options), ctypes.byref(self._handle))

    def close(self):
        if self._handle:
            _lib.fluvox_stream_close(self._handle)
            self._handle = ctypes.c_void_p()

    __del__ = close

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def push(self, mel):
        mel = _floats("mel", mel, 2, self._model.bands)
        _call(_lib.fluvox_stream_push, self._handle, _pointer(mel), len(mel))

    def finish(self):
        _call(_lib.fluvox_stream_finish, self._handle)

    def pull(self, samples):
        """At most so many samples: fewer where more frames are needed first, none at the end."""
        audio = numpy.empty(samples, numpy.float32)
        count = ctypes.c_size_t()
        _call(_lib.fluvox_stream_pull, self._handle, _pointer(audio), audio.size, ctypes.byref(count))
        return audio[: count.value]

    def __iter__(self):
        while True:
            samples = self.pull(self.PIECE)
            if not samples.size:
                return
            yield samples

    @property
    def ended(self):
        return bool(_lib.fluvox_stream_ended(self._handle))

    def cancel(self):
        _lib.fluvox_stream_cancel(self._handle)
