"""Which way of training is the fastest on this machine: `python -m nano.read_profile --size first --choice FILE`.

Times gradients of one slab of each level, launched kernel by kernel and as CUDA graphs, with and without cuDNN's attention, and the optimizer's step;
checks that graphs give the same gradients; prints where a step's time goes. FILE gets the options of read_train to use: none, or --no-graphs ...
"""

import argparse
import time
from pathlib import Path

import torch

from . import read_model, read_step, reading
from .model import Model
from .optimizer import Optimizer

EAGER = "--no-graphs --pixels 40 --slabs 1"  # without graphs larger slabs: launching costs the same


class Options:
    """What Stepper reads of the command line."""

    noise, auxiliary, slabs = 0.0, 0.3, 1


def timed(work, times: int) -> float:
    """Milliseconds of one call, after one that does not count."""
    work()
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(times):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / times * 1000


def gradient(stepper) -> torch.Tensor:
    """All gradients as one vector, then zero."""
    flat = torch.cat([p.grad.flatten() for p in stepper.optimizer.parameters])
    torch._foreach_zero_([p.grad for p in stepper.optimizer.parameters])
    return flat


def variant(model, optimizer, slabs: list, graphs: bool) -> tuple[list[float], list[torch.Tensor]]:
    """Milliseconds of each slab's gradients and of the optimizer's step; the gradients."""
    stepper = read_step.Stepper(model, optimizer, torch.bfloat16, Options, graphs)
    if graphs:
        stepper.capture(slabs)
    found = []
    for slab in slabs:
        stepper.add(slab)
        found.append(gradient(stepper))
    times = [timed(lambda: stepper.add(slab), 12) for slab in slabs]
    gradient(stepper)
    return times + [timed(lambda: stepper.step(0.0), 12)], found


def table(model, optimizer, slab: dict) -> None:
    """Prints the kernels that take most of a step's time, and how many there are."""
    from torch.profiler import ProfilerActivity, profile

    stepper = read_step.Stepper(model, optimizer, torch.bfloat16, Options, False)
    stepper.add(slab)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as p:
        stepper.add(slab)
        stepper.step(0.0)
        torch.cuda.synchronize()
    kernels: dict = {}
    for e in p.events():
        if e.device_type == torch.autograd.DeviceType.CUDA:
            k = kernels.setdefault(e.name[:90], [0, 0.0])
            k[0], k[1] = k[0] + 1, k[1] + e.device_time / 1000
    print(f"a step: {sum(k[0] for k in kernels.values())} kernels, {sum(k[1] for k in kernels.values()):.1f} ms on the GPU", flush=True)
    for name, (count, ms) in sorted(kernels.items(), key=lambda k: -k[1][1])[:22]:
        print(f"  {ms:6.2f} ms {count:5} x {name}", flush=True)


def main() -> None:
    """Command line."""
    p = argparse.ArgumentParser()
    p.add_argument("--size", default="first")
    p.add_argument("--choice", required=True)
    a = p.parse_args()
    began = time.time()
    choice = Path(a.choice)
    choice.parent.mkdir(parents=True, exist_ok=True)
    choice.write_text(EAGER)  # what holds if this program fails
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.manual_seed(5)
    model = Model(read_model.SIZES[a.size]).to("cuda")
    read_model.compile_blocks()
    optimizer = Optimizer(model, 1e-3, 1e-3)
    torch.cuda.synchronize()
    torch.cuda.set_stream(torch.cuda.Stream())
    pixels = torch.empty(48_000_000, dtype=torch.uint8).random_(0, 256)
    print(f"to the device: {0.048 / timed(lambda: pixels.to('cuda', copy=True), 6) * 1000:.1f} GB/s", flush=True)
    slabs = [read_step.example(sizes[len(sizes) // 2], level, "cuda") for level, sizes in enumerate(reading.SIZES)]
    totals, kept = {}, None
    for cudnn in (False, True):
        torch.backends.cuda.enable_cudnn_sdp(cudnn)
        for graphs in (False, True):
            if cudnn and not graphs:
                continue
            name = f"{'graphs' if graphs else 'kernels'}{', cuDNN' if cudnn else ''}"
            try:
                times, found = variant(model, optimizer, slabs, graphs)
            except Exception as error:  # a way that does not work here is not chosen
                print(name, "failed:", repr(error)[:600], flush=True)
                continue
            kept = kept or found
            apart = max(float((x - y).norm() / y.norm()) for x, y in zip(found, kept))
            print(f"{name}: {' '.join(f'{t:.1f}' for t in times)} ms (levels, step), gradients apart {apart:.1e}, {time.time() - began:.0f} s", flush=True)
            if apart < 0.05:
                totals[name] = sum(times) * (1.06 if cudnn else 1.0)  # cuDNN plans anew for each shape: that takes its time back
    best = min(totals, key=totals.get)
    choice.write_text({"graphs": "--no-cudnn", "graphs, cuDNN": ""}.get(best, EAGER))
    print("chosen:", best, repr(choice.read_text()), flush=True)
    torch.backends.cuda.enable_cudnn_sdp(best == "graphs, cuDNN")
    try:
        table(model, optimizer, slabs[2])
    except Exception as error:
        print("no table:", repr(error)[:300], flush=True)
    print(f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB, {time.time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
