"""One training step of the reading stage, as CUDA graphs: a launch a step instead of some thousand.

A small model's kernels are shorter than the time a processor needs to launch them. Slabs of one size always have the same shapes, so forward and
backward pass are captured once for each size, and the optimizer's step once; then they are replayed. Everything runs on one stream of its own, which
capturing needs; captured work reads its slab from fixed places and adds its losses to fixed sums.
"""

import gc
from contextlib import nullcontext
from functools import partial

import torch

from . import read_model, reading

GROUPS = ("long", "short")
SUMS = (
    "auxiliary_loss",
    "characters",
    *(f"{g}_{k}" for g in GROUPS for k in ("loss", "right")),
    *(f"level{i}_right" for i in range(len(reading.SIZES))),
)


def parts_of(slab: dict) -> list[torch.Tensor]:
    """The tensors of a slab in a fixed order."""
    return [slab["images"], slab["labels"], *(slab[g][k] for g in GROUPS for k in ("ids", "target"))]


class Stepper:
    """Gradients and steps; `graphs` False: the same work, launched one kernel at a time.

    options: noise; auxiliary, the weight of the characters' loss; slabs, how many make a step. pause(): a context in which no other thread uses the
    device; work is captured in it.
    """

    def __init__(self, model, optimizer, dtype, options, graphs: bool, pause=nullcontext):
        self.model, self.optimizer, self.dtype = model, optimizer, dtype
        self.noise, self.auxiliary, self.slabs = options.noise, options.auxiliary, options.slabs
        self.device = optimizer.parameters[0].device
        self.pause = pause
        self.sums = torch.zeros(len(SUMS), 2, device=self.device, dtype=torch.float64)
        for p in optimizer.parameters:
            p.grad = torch.zeros_like(p)
        self.graphs: dict | None = None
        if graphs:
            self.stream = torch.cuda.current_stream()
            if self.stream == torch.cuda.default_stream():
                raise ValueError("graphs are captured on the current stream: make it another than the default one (torch.cuda.set_stream)")
            self.graphs, self.pool, self.places, self.norm = {}, torch.cuda.graph_pool_handle(), {}, None

    # ---- what is captured ----------------------------------------------------------------------------------------------

    def work(self, slab: dict) -> None:
        """Forward and backward pass of one slab: adds to the gradients and to the sums."""
        out = read_model.forward(self.model, slab, self.dtype, self.noise)
        loss = (out["loss"] + self.auxiliary * out["auxiliary"]) / self.slabs
        found = torch.autograd.grad(loss, self.optimizer.parameters, allow_unused=True)
        with torch.no_grad():
            pairs = [(p.grad, g) for p, g in zip(self.optimizer.parameters, found) if g is not None]
            torch._foreach_add_([a for a, _ in pairs], [b for _, b in pairs])
            one = torch.ones((), device=self.device)
            values = {"auxiliary_loss": (out["auxiliary"].detach(), one), "characters": out["characters"]}
            for g in GROUPS:
                part, right, count = out[g]
                values |= {f"{g}_loss": (part, count), f"{g}_right": (right, count)}
            values[f"level{slab['level']}_right"] = out["long"][1:]
            zero = torch.zeros((), device=self.device, dtype=torch.float64)
            self.sums += torch.stack([x.double() for k in SUMS for x in values.get(k, (zero, zero))]).view(-1, 2)

    def _fixed(self, slab: dict) -> dict:
        """The slab's fixed places: views of one buffer for each part, large enough for every size met so far."""
        views = []
        for i, t in enumerate(parts_of(slab)):
            views.append(self.places[i][: t.numel()].view(t.shape))
        images, labels, *rows = views
        out = {k: slab[k] for k in ("n", "size", "grid", "level")} | {"images": images, "labels": labels}
        for j, g in enumerate(GROUPS):
            out[g] = {"ids": rows[2 * j], "target": rows[2 * j + 1]}
        return out

    def _captured(self, work):
        """A graph of what `work` does, and what it returns; it has run once before, so that everything is compiled."""
        graph = torch.cuda.CUDAGraph()
        gc.collect()
        gc.disable()
        try:
            with torch.cuda.graph(graph, pool=self.pool, stream=self.stream, capture_error_mode="thread_local"):
                result = work()
        finally:
            gc.enable()
        return graph, result

    def capture(self, examples: list[dict]) -> None:
        """Captures one example slab of each size, and the optimizer's step; leaves gradients and sums at zero."""
        with self.pause():
            sizes = [[t.numel() for t in parts_of(s)] for s in examples]
            self.places = {
                i: torch.zeros(max(s[i] for s in sizes), device=self.device, dtype=t.dtype) for i, t in enumerate(parts_of(examples[0]))
            }
            for slab in sorted(examples, key=lambda s: -s["images"].numel()):
                fixed = self._fixed(slab)
                self._put(fixed, slab)
                self.work(fixed)  # compiles; its kernels choose their shapes
                torch.cuda.synchronize()
                self.graphs[slab["size"]] = self._captured(partial(self.work, fixed))[0]
            torch._foreach_zero_([p.grad for p in self.optimizer.parameters])
            self.optimizer.step(0.0)
            torch.cuda.synchronize()
            self.graphs["step"], self.norm = self._captured(self.optimizer.update)
            self.optimizer.rate.fill_(0.0)
            self.sums.zero_()
            torch.cuda.synchronize()

    @staticmethod
    def _put(fixed: dict, slab: dict) -> None:
        for to, t in zip(parts_of(fixed), parts_of(slab)):
            to.copy_(t, non_blocking=True)

    # ---- what training calls -------------------------------------------------------------------------------------------

    def add(self, slab: dict) -> None:
        """Gradients of one slab."""
        if self.graphs is not None:
            self._put(self._fixed(slab), slab)
            self.graphs[slab["size"]].replay()
        else:
            self.work(slab)

    def step(self, scale: float) -> torch.Tensor:
        """The optimizer's step; returns the gradients' norm."""
        if self.graphs is None:
            return self.optimizer.step(scale)
        self.optimizer.rate.fill_(scale)
        self.graphs["step"].replay()
        return self.norm

    def take(self) -> dict:
        """Means since the last call, by name, of what has been seen."""
        values = self.sums.tolist()
        self.sums.zero_()
        return {k: v / w for k, (v, w) in zip(SUMS, values) if w}


def example(size: tuple[int, int], level: int, device: str) -> dict:
    """A slab of a size with the shapes all its slabs have, and noise in it."""
    n, (w, h) = reading.slab_count(size), size
    grid = h // 28, w // 28

    def rows(count, length):
        ids = torch.randint(5, 900, (count, length), dtype=torch.int16, device=device)
        target = ids.clone()
        target[:, : length // 3] = -1
        return {"ids": ids, "target": target}

    return {
        "n": n,
        "size": size,
        "grid": grid,
        "level": level,
        "images": torch.randint(0, 256, (n, h, w, 3), dtype=torch.uint8, device=device),
        "labels": torch.randint(0, 94, (n, grid[0] * grid[1], reading.SLOTS_X * reading.SLOTS_Y), dtype=torch.int8, device=device),
        "long": rows(n, reading.LONG[level] + reading.QUESTION),
        "short": rows(n * reading.SHORT, reading.LONGEST_SHORT),
    }


def examples(device: str) -> list[dict]:
    """One example of each size."""
    return [example(size, level, device) for level, sizes in enumerate(reading.SIZES) for size in sizes]
