"""PyTorch's side of tools/bench/gpu: WaveGlow as it was published, rendering and training, eager and compiled.

Each peer is a process of its own: what it cannot do (no compiler, no memory, a crash, no answer in time) is a sentence
in the table and no more. Its weights, mels and noise lie on the device already and its samples stay there, which ours
do not.
"""
import multiprocessing
import statistics
import time

TYPES = {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}


def compiled_if(function, compiled):
    import torch

    # Every shape its own code: what the compiler does best.
    return torch.compile(function, dynamic=False) if compiled else function


def rendering(device, precision, compiled, channels):
    """A function that renders `utterances` of so many frames."""
    import torch
    from peer import BANDS, HOP, WN, Squeezed

    torch.manual_seed(1)
    kind = getattr(torch, TYPES[precision])
    model = Squeezed(8, WN, channels, 4, 2).eval().to(device, kind)
    call = compiled_if(model, compiled)

    def work(utterances, frames):
        mel = torch.randn(utterances, BANDS, frames, device=device, dtype=kind)
        z = torch.randn(utterances, 8, frames * HOP // 8, device=device, dtype=kind)

        def once():
            with torch.inference_mode():
                assert call(mel, z).numel() == utterances * frames * HOP

        return once

    return work


def training(device, precision, compiled, channels):
    """A function that makes one step, loss and gradients, of a batch of so many frames; fp16 scales its loss."""
    import torch
    from peer import BANDS, HOP, WN
    from train_peer import Trained

    torch.manual_seed(1)
    model = Trained(8, WN, channels, 4, 2).to(device)
    call = compiled_if(model.log_likelihood, compiled)

    def work(batch, frames):
        audio = 0.1 * torch.randn(batch, frames * HOP, device=device)
        mel = torch.randn(batch, BANDS, frames, device=device)

        def once():
            model.zero_grad()
            kind = getattr(torch, TYPES[precision])
            with torch.autocast(device, kind, enabled=precision != "fp32"):
                value = -call(mel, audio)
            (value * (1024 if precision == "fp16" else 1)).backward()

        return once

    return work


def in_a_sentence(error):
    first = (str(error).strip() or "no reason given").splitlines()[0]
    return f"{type(error).__name__}: {first}"[:300]


def serve(pipe, make, device, *arguments):
    """The peer's own process: one answer for each thing it is asked for."""
    try:
        import torch

        work = make(device, *arguments)
    except Exception as error:
        pipe.send({"error": in_a_sentence(error)})
        return
    pipe.send({})
    cuda = device == "cuda"
    while (asked := pipe.recv()) is not None:
        runs, *shape = asked
        once = None
        try:
            once = work(*shape)
            seconds = []
            for run in range(2 + runs):  # two to be warm
                if run == 2 and cuda:
                    torch.cuda.synchronize()
                    torch.cuda.reset_peak_memory_stats()
                start = time.perf_counter()
                once()
                if cuda:
                    torch.cuda.synchronize()
                seconds.append(time.perf_counter() - start)
            pipe.send({"seconds": statistics.median(seconds[2:]),
                       "peak_bytes": torch.cuda.max_memory_allocated() if cuda else None})
        except Exception as error:
            pipe.send({"error": in_a_sentence(error)})
        if cuda:  # the others need room, too
            del once
            torch.cuda.empty_cache()


class Peer:
    """with Peer(rendering, "cuda", "bf16", False, 256) as peer: peer.measured(60, runs, 1, 689)["seconds"]"""

    def __init__(self, make, *arguments):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, make, *arguments))
        self._process.start()
        theirs.close()
        self._failure = None
        self._ready = False

    def measured(self, limit, runs, *shape):
        """{"seconds", "peak_bytes"}, or {"error"} where there is no answer within `limit` seconds."""
        if limit <= 0:
            return {"error": "out of time"}
        until = time.monotonic() + limit
        if not self._ready and not self._failure:
            self._failure = self._answer(until, limit).get("error")
            self._ready = True
        if not self._failure:
            try:
                self._pipe.send((runs, *shape))
            except OSError:
                self._failure = "its process ended"
        if self._failure:
            return {"error": self._failure}
        return self._answer(until, limit)

    def _answer(self, until, limit):
        try:
            if self._pipe.poll(max(0, until - time.monotonic())):
                return self._pipe.recv()
            self._failure = f"no answer within {limit:.0f} s"
        except (EOFError, OSError):
            self._process.join(5)
            self._failure = f"its process ended with exit code {self._process.exitcode}"
        self._process.kill()
        return {"error": self._failure}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.join()
