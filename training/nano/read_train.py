"""Trains a model that reads: `python -m nano.read_train --size 18m --minutes 6 --out out --state state`.

Goes on with --load state/18m.constant.pt (weights, optimizer's state, progress). --span says which part of the whole schedule this run is; the
learning rate falls from --decay-from of the schedule on; the state before that is kept as SIZE.constant.pt, for runs that go on.
Writes NAME.jsonl (the log) and NAME.evaluation.json into --out, SIZE.pt and SIZE.constant.pt into --state.
"""

import argparse
import json
import os
import random
import time
from pathlib import Path

import numpy as np

PEAK = 790e12  # bf16 multiply-adds times two a second that a matrix product reached on an H200 (random data)


def arguments(argv=None):
    """Command line."""
    p = argparse.ArgumentParser()
    p.add_argument("--stage", default="read", choices=("read", "ask"), help="pages to be read, or questions at both sizes (asking.py)")
    p.add_argument("--size", required=True, choices=("tiny", "18m", "first", "55m"))
    p.add_argument("--out", required=True, help="folder for logs and results")
    p.add_argument("--state", required=True, help="folder for checkpoints")
    p.add_argument("--name", help="of log and results; the size by default")
    p.add_argument("--minutes", type=float, default=6.0, help="training time, without start, compiling and evaluation")
    p.add_argument("--deadline", type=float, default=0.0, help="seconds since 1970 at which training must have ended whatever --minutes says")
    p.add_argument("--load", help="checkpoint to go on from")
    p.add_argument("--span", type=float, nargs=2, default=(0.0, 1.0), help="which part of the schedule this run is")
    p.add_argument("--decay-from", type=float, default=0.75)
    p.add_argument("--steps", type=int, default=10**9)
    p.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    p.add_argument("--browsers", type=int, default=0, help="of these, processes that draw with a browser (CHROMIUM_PATH)")
    p.add_argument("--uses", type=int, default=2, help="how often each page is given out")
    p.add_argument("--slabs", type=int, default=1, help="slabs a step")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--device", default="cuda")
    p.add_argument("--muon-lr", type=float, default=2e-3)
    p.add_argument("--adam-lr", type=float, default=1e-3)
    p.add_argument("--auxiliary", type=float, default=0.5)
    p.add_argument("--noise", type=float, default=0.02)
    p.add_argument("--every", type=float, default=10.0, help="seconds between log records")
    p.add_argument("--count", type=int, default=48, help="held-out pages of each size to read at the end; 0: none")
    p.add_argument("--outside", default=str(Path(__file__).parent.parent / "foreign"), help="folder of questions about pictures of others (--stage ask)")
    p.add_argument("--outside-count", type=int, help="of these pictures at most so many")
    p.add_argument("--real", default=str(Path(__file__).parent.parent / "reading-evaluation"), help="folder of pages a browser drew")
    p.add_argument("--pixels", type=float, default=16.0, help="millions of pixels of a slab")
    p.add_argument("--no-graphs", action="store_true", help="no CUDA graphs (read_step.py)")
    p.add_argument("--no-cudnn", action="store_true", help="not cuDNN's attention")
    p.add_argument("--evaluate-only", action="store_true")
    p.add_argument("--no-compile", action="store_true")
    return p.parse_args(argv)


class Log:
    """Records in NAME.jsonl, short lines on stdout."""

    def __init__(self, out: str, name: str):
        Path(out).mkdir(parents=True, exist_ok=True)
        self.file = open(Path(out) / f"{name}.jsonl", "a")

    def __call__(self, **record):
        self.file.write(json.dumps(record) + "\n")
        self.file.flush()
        print(" ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in record.items() if k != "options"), flush=True)


def main(argv=None):
    """Trains, evaluates, saves."""
    a = arguments(argv)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    started = time.time()
    from . import reading

    reading.set_slab(int(a.pixels * 1e6))
    # rendering processes are forked before torch starts threads and CUDA
    loader = None if a.evaluate_only else reading.Loader(a.workers, a.seed * 1000 + int(a.span[0] * 997), a.uses, a.span[0], a.browsers, a.stage)
    rendered = None
    if a.stage == "ask" and a.count:
        from . import ask_evaluate

        rendered = ask_evaluate.start(a.count, a.workers)
    import torch

    from . import read_evaluate, read_model
    from .model import Model
    from .optimizer import Optimizer

    name = a.name or a.size
    log = Log(a.out, name)
    cuda = a.device != "cpu"
    dtype = torch.bfloat16 if cuda else torch.float32
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cuda.enable_cudnn_sdp(not a.no_cudnn)
    torch.manual_seed(a.seed)
    model = Model(read_model.SIZES[a.size]).to(a.device)
    checkpoint = {}
    if a.load:
        checkpoint = torch.load(a.load, map_location=a.device, weights_only=True)
        if checkpoint["size"] != a.size:
            raise SystemExit(f"{a.load} holds a model of size {checkpoint['size']}, not {a.size}: give --size {checkpoint['size']}")
        model.load_state_dict(checkpoint["model"])
    torch.manual_seed(a.seed * 7919 + checkpoint.get("step", 0))
    log(
        event="start",
        size=a.size,
        parameters=sum(model.get(n).numel() for n in model.names),
        load=Path(a.load or "").name,
        step=checkpoint.get("step", 0),
        seconds_to_start=time.time() - started,
        torch=torch.__version__,
        device=torch.cuda.get_device_name() if cuda else "cpu",
        options={k: v for k, v in vars(a).items()},
    )
    done = checkpoint
    if not a.evaluate_only:
        optimizer = Optimizer(model, a.muon_lr, a.adam_lr)
        if "optimizer" in checkpoint:
            optimizer.restore(checkpoint["optimizer"])
        if cuda:  # graphs cannot be captured on the default stream, and gradients keep to one
            torch.cuda.synchronize()
            torch.cuda.set_stream(torch.cuda.Stream())
        done = train(a, model, optimizer, loader, log, checkpoint, dtype)
        loader.stop()
    if a.count:
        began = time.time()
        if rendered is not None:
            asked = ask_evaluate.evaluate(model, rendered.get(), Path(a.outside), a.device, dtype, most=a.outside_count)
            asked = {"size": a.size, "step": done["step"], "pages": done["pages"], "seconds": done["seconds"], "sets": asked}
            (Path(a.out) / f"{name}.questions.json").write_text(json.dumps(asked, indent=1, ensure_ascii=False) + "\n")
            for key, s in asked["sets"].items():
                log(event="questions", set=key, seconds=time.time() - began, **{k: v for k, v in s.items() if k not in ("wrong", "answers", "by_kind")})
        table = read_evaluate.evaluate(model, read_evaluate.held_out_sets(a.count) + read_evaluate.real_sets(Path(a.real)), a.device, dtype)
        table = {"size": a.size, "step": done["step"], "pages": done["pages"], "seconds": done["seconds"], "sets": table}
        (Path(a.out) / f"{name}.evaluation.json").write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
        for key, s in table["sets"].items():
            log(event="evaluation", set=key, seconds=time.time() - began, **{k: v for k, v in s.items() if k != "samples"})
    log(event="end", wall=time.time() - started)


def train(a, model, optimizer, loader, log, checkpoint, dtype) -> dict:
    """The training loop; returns and saves the last state."""
    import torch

    from . import ask_model, asking, read_model, read_step, reading

    cuda = a.device != "cpu"
    step, pages, before = checkpoint.get("step", 0), checkpoint.get("pages", 0), checkpoint.get("seconds", 0.0)
    batches = loader.batches(a.device)
    watch = to_device(held_slab(a, reading), a.device)
    watch_asked = to_device(held_questions(a, asking), a.device) if a.stage == "ask" else None
    begin = last = None
    decaying = a.span[0] >= a.decay_from
    waited, steps, operations, pages_then = 0.0, 0, 0.0, pages

    def save(kind=""):
        """Writes a checkpoint into --state."""
        Path(a.state).mkdir(parents=True, exist_ok=True)
        to = Path(a.state) / f"{a.size}{kind}.pt"
        state = {
            "size": a.size,
            "model": model.state_dict(),
            "optimizer": optimizer.state(),
            "step": step,
            "pages": pages,
            "seconds": before + (time.time() - begin if begin else 0.0),
        }
        torch.save(state, str(to) + ".new")
        os.replace(str(to) + ".new", to)
        return {k: v for k, v in state.items() if k not in ("model", "optimizer")}

    began = time.time()
    stepper = start(a, model, optimizer, dtype, loader)
    log(event="ready", graphs=len(stepper.graphs or ()), seconds_to_capture=time.time() - began)
    while steps < a.steps:
        elapsed = 0.0 if begin is None else time.time() - begin
        fraction = elapsed / (a.minutes * 60)
        if a.deadline and begin is not None:  # a late start shortens the schedule instead of cutting off its end
            fraction = max(fraction, elapsed / max(1.0, a.deadline - begin))
        if fraction >= 1.0:
            break
        at = a.span[0] + (a.span[1] - a.span[0]) * fraction
        loader.at.value = at
        scale = min(1.0, (steps + 1) / 100) * (1.0 if at < a.decay_from else max(0.03, (1 - at) / (1 - a.decay_from)))
        if at >= a.decay_from and not decaying:
            decaying = True
            save(".constant")
        for _ in range(a.slabs):
            t = time.time()
            slab = next(batches)
            waited += time.time() - t
            stepper.add(slab)
            pages += slab["n"]
            if "asked" in slab:
                operations += ask_model.floating_operations(model.c, slab, asking.LENGTH, asking.ASKED)
            else:
                operations += read_model.floating_operations(
                    model.c, slab["n"], slab["grid"], slab["long"]["ids"].shape[1], slab["short"]["ids"].shape[1], reading.SHORT
                )
        norm = stepper.step(scale)
        step += 1
        steps += 1
        if steps % AHEAD == 0 and cuda:  # launching costs nothing: do not run far ahead of the device, the clock is the schedule
            torch.cuda.current_stream().synchronize()
        if begin is None or steps == WARM:  # the first steps compile; what they take is not training time
            with torch.no_grad():  # compiled anew without gradients
                read_model.forward(model, watch, dtype)
                if watch_asked:
                    ask_model.forward(model, watch_asked, dtype)
            if cuda:
                torch.cuda.synchronize()
            begin = last = time.time()
            waited, operations, pages_then, drawn_then = 0.0, 0.0, pages, loader.drawn()
            log(event="first step" if steps == 1 else "warm", step=step)
        now = time.time()
        if steps > WARM and (now - last >= a.every or steps >= a.steps):
            if cuda:
                torch.cuda.synchronize()
                now = time.time()
            values = stepper.take()
            passed = now - last
            with torch.no_grad():
                held = read_model.forward(model, watch, dtype)
                held_asked = ask_model.forward(model, watch_asked, dtype) if watch_asked else {}
            log(
                event="read",
                step=step,
                pages=pages,
                at=at,
                seconds=before + now - begin,
                scale=scale,
                norm=float(norm),
                **values,
                held_long=float(held["long"][0]) / float(held["long"][2]),
                held_long_right=float(held["long"][1]) / float(held["long"][2]),
                held_short_right=float(held["short"][1]) / float(held["short"][2]),
                **{f"held_{k}_right": float(held_asked[k][1]) / float(held_asked[k][2]) for k in read_step.VIEWS if k in held_asked},
                held_characters=float(held["characters"][0]) / max(1.0, float(held["characters"][1])),
                rate=(pages - pages_then) / passed,
                fresh=(loader.drawn() - drawn_then) / passed,
                waited=waited / passed,
                teraflops=operations / passed / 1e12,
                share=operations / passed / PEAK,
                memory=torch.cuda.max_memory_allocated() / 2**30 if cuda else 0.0,
            )
            waited, operations, pages_then, drawn_then = 0.0, 0.0, pages, loader.drawn()
            last = time.time()
    if not decaying:  # a run that ends before the learning rate falls: its end is what others go on from
        save(".constant")
    return save()


WARM = 12  # steps that count as start: all shapes of tensors are compiled by then
AHEAD = 4  # steps after which to wait for the device


def start(a, model, optimizer, dtype, loader):
    """The stepper: with graphs where they work, compiled where that works."""
    import torch

    from . import read_model, read_step

    for graphs, compiled in ((True, True), (False, True), (False, False)):
        if (graphs and (a.no_graphs or a.device == "cpu")) or (compiled and a.no_compile):
            continue
        try:
            (read_model.compile_blocks if compiled else read_model.plain_blocks)()
            stepper = read_step.Stepper(model, optimizer, dtype, a, graphs, loader.pause)
            examples = read_step.examples(a.device, a.stage)
            if graphs:
                stepper.capture(examples)
            elif compiled:
                stepper.work(examples[0])
                torch._foreach_zero_([p.grad for p in optimizer.parameters])
                stepper.sums.zero_()
            return stepper
        except Exception as error:  # a machine that lacks one of them still trains, more slowly
            print(f"not {'graphs' if graphs else 'kernel by kernel'}{', compiled' if compiled else ''}, because of:", repr(error)[:800], flush=True)
    raise SystemExit("no way to compute gradients works here")


def held_slab(a, reading) -> dict:
    """A fixed slab of the test split, for the curve of the loss on pages never trained on."""
    rng = random.Random("watch")
    slab = reading.draw_slab(rng, "test", 1, (448, 336), 8 if a.size == "tiny" else 48)
    images = np.empty((len(slab["pages"]), 336, 448, 3), np.uint8)
    return reading.use_slab(rng, slab, images, wear=False) | {"images": images}


def held_questions(a, asking) -> dict:
    """A fixed slab of pictures with questions of the test split."""
    rng = random.Random("watch")
    slab = asking.draw_slab(rng, "test", size=(448, 336), count=8 if a.size == "tiny" else 48)
    images = np.empty((len(slab["pages"]), 336, 448, 3), np.uint8)
    return asking.use_slab(rng, slab, images, wear=False, split="test") | {"images": images}


def to_device(slab: dict, device: str) -> dict:
    """A slab of arrays as tensors on the device."""
    import torch

    def move(v):
        return torch.from_numpy(v).to(device) if isinstance(v, np.ndarray) else {k: move(x) for k, x in v.items()} if isinstance(v, dict) else v

    return {k: move(v) for k, v in slab.items()}


if __name__ == "__main__":
    main()
