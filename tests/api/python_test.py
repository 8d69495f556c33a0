"""The Python module against the program's own results; run by python_test.cpp, which makes the files in $FOLDER."""
import json
import os
import pathlib
import pickle
import subprocess
import sys
import threading
import unittest
import wave

import fluvox
import numpy as np

FOLDER = pathlib.Path(os.environ["FOLDER"])
MODEL = FOLDER / "model.safetensors"
VOICE = fluvox.Model(MODEL, threads=1)
MEL = np.load(FOLDER / "speech.npy").T  # the file is [bands, frames]
RENDERED = np.fromfile(FOLDER / "rendered.f32", np.float32)


def recording():
    with wave.open(str(FOLDER / "speech.wav")) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16) / np.float32(32768)


class Tests(unittest.TestCase):
    def refused(self, code, call, *arguments, **named):
        with self.assertRaises(fluvox.Error) as caught:
            call(*arguments, **named)
        self.assertEqual(caught.exception.code, code)
        return caught.exception

    def test_facts(self):
        self.assertEqual((VOICE.sample_rate, VOICE.hop, VOICE.bands, VOICE.name), (22050, 16, 8, "compact"))
        self.assertIs(VOICE.streams, True)
        self.assertEqual(VOICE.device, "cpu")
        self.assertEqual(json.loads(VOICE.convention)["bands"], 8)
        self.assertRegex(fluvox.version(), r"^\d+\.\d+\.\d+$")

    def test_renders_the_programs_bits(self):
        audio = VOICE.render(MEL, seed=3, item="speech")
        self.assertEqual(audio.dtype, np.float32)
        np.testing.assert_array_equal(audio, RENDERED)
        np.testing.assert_array_equal(VOICE.render(MEL.astype(np.float64), np.int64(3), "speech"), RENDERED)
        self.assertFalse(np.array_equal(VOICE.render(MEL, seed=4, item="speech"), RENDERED))

    def test_streams_the_programs_bits(self):
        for size in (1, 5, len(MEL)):
            pieces = (MEL[at : at + size] for at in range(0, len(MEL), size))
            streamed = list(VOICE.stream(pieces, seed=3, item="speech"))
            np.testing.assert_array_equal(np.concatenate(streamed), RENDERED)

    def test_a_stream_gives_sound_before_it_has_all(self):
        pushed = 0

        def pieces():
            nonlocal pushed
            for frame in MEL:
                pushed += 1
                yield frame[None]

        next(VOICE.stream(pieces()))
        self.assertLess(pushed, len(MEL) // 2)

    def test_bytes_are_a_model(self):
        other = fluvox.Model(MODEL.read_bytes())
        np.testing.assert_array_equal(other.render(MEL, seed=3, item="speech"), RENDERED)

    def test_a_device_is_a_choice(self):
        auto = fluvox.Model(MODEL, device="auto")
        if auto.device == "cpu":
            np.testing.assert_array_equal(auto.render(MEL, seed=3, item="speech"), RENDERED)
            self.assertEqual(self.refused("gpu-missing", fluvox.Model, MODEL, device="cuda").kind, "device")
            self.refused("gpu-missing", fluvox.Model, MODEL.read_bytes(), device="cuda:1", precision="fp16")
        self.refused("usage", fluvox.Model, MODEL, device="gpu")
        self.refused("usage", fluvox.Model, MODEL, precision="fp16")

    def test_analyses_and_scores_like_the_program(self):
        audio = recording()
        np.testing.assert_array_equal(VOICE.analyse(audio), MEL)
        told = json.loads((FOLDER / "score.json").read_text())
        self.assertAlmostEqual(VOICE.score(audio).nats_per_sample, told["nats_per_sample"], places=9)

    def test_encode_and_decode_are_inverse(self):
        frames = len(recording()) // VOICE.hop
        audio, mel = recording()[: frames * VOICE.hop], MEL[:frames]
        z = VOICE.encode(audio, mel)
        self.assertEqual(z.shape, (VOICE.z_channels, audio.size // VOICE.z_channels))
        np.testing.assert_allclose(VOICE.decode(z, mel), audio, atol=1e-4)

    def test_mistakes_are_errors_with_codes(self):
        error = self.refused("shape-mismatch", VOICE.render, MEL.T)
        self.assertEqual(error.kind, "usage")
        self.assertIn("8 values", str(error))
        self.assertEqual(pickle.loads(pickle.dumps(error)).code, "shape-mismatch")
        self.refused("shape-mismatch", VOICE.render, MEL[0])
        self.refused("shape-mismatch", VOICE.render, [["a"] * 8])
        self.refused("mel-empty", VOICE.render, MEL[:0])
        self.refused("not-finite", VOICE.render, MEL * np.nan)
        self.refused("sigma-invalid", VOICE.render, MEL, sigma=-1)
        self.refused("sigma-invalid", VOICE.render, MEL, sigma=float("nan"))
        self.refused("seed-invalid", VOICE.render, MEL, seed=-1)
        self.refused("shape-mismatch", VOICE.encode, recording()[:-1], MEL)
        self.refused("audio-too-short", VOICE.score, recording()[:3])
        self.refused("file-missing", fluvox.Model, FOLDER / "none")
        self.refused("threads-invalid", fluvox.Model, MODEL, threads=-1)
        self.refused("precision-invalid", fluvox.Model, MODEL, precision="fp8")
        damaged = bytearray(MODEL.read_bytes())
        damaged[-1] ^= 1
        self.assertEqual(self.refused("model-hash-mismatch", fluvox.Model, damaged).kind, "input")

    def test_calls_out_of_turn(self):
        stream = fluvox.Stream(VOICE)
        stream.push(MEL)
        stream.finish()
        self.refused("stream-finished", stream.push, MEL)
        self.assertEqual(sum(map(len, stream)), len(MEL) * VOICE.hop)
        self.assertTrue(stream.ended)
        self.assertEqual(stream.pull(10).size, 0)
        stream.close()
        self.refused("null-pointer", stream.push, MEL)
        stream.cancel()

    def test_cancel_from_another_thread(self):
        with fluvox.Stream(VOICE) as stream:
            stream.push(np.tile(MEL, (300, 1)))
            threading.Timer(0.02, stream.cancel).start()
            self.assertLess(stream.pull(len(MEL) * 300 * VOICE.hop).size, len(MEL) * 150 * VOICE.hop)
            self.refused("stream-cancelled", stream.push, MEL)

    def test_a_stream_keeps_its_model(self):
        stream = fluvox.Stream(fluvox.Model(MODEL), seed=3, item="speech")
        stream.push(MEL)
        stream.finish()
        np.testing.assert_array_equal(stream.pull(RENDERED.size), RENDERED)

    def test_without_the_library_it_says_what_to_do(self):
        environment = dict(os.environ, FLUVOX_LIBRARY="/nowhere/libfluvox.so")
        ran = subprocess.run([sys.executable, "-c", "import fluvox"], env=environment, capture_output=True, text=True)
        self.assertIn("name it in FLUVOX_LIBRARY", ran.stderr)


unittest.main()
