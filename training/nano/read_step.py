"""One training step of the reading stage, as CUDA graphs: a launch a step instead of some thousand.

A small model's kernels are shorter than the time a processor needs to launch them. Slabs of one size always have the same shapes, so forward and
backward pass are captured once for each size, and the optimizer's step once; then they are replayed. Everything runs on one stream of its own, which
capturing needs; captured work reads its slab from fixed places and adds its losses to fixed sums.
"""

import gc
from contextlib import nullcontext
from functools import partial

import torch

from . import ask_model, asking, read_model, reading

GROUPS = ("long", "short")  # of a reading slab
VIEWS = ("full", "half")  # of a slab of questions
SUMS = (
    "auxiliary_loss",
    "characters",
    *(f"{g}_{k}" for g in GROUPS + VIEWS for k in ("loss", "right")),
    *(f"level{i}_right" for i in range(len(reading.SIZES))),
)


def parts_of(slab: dict) -> dict[tuple, torch.Tensor]:
    """The tensors of a slab by their place in it: (name,) or (name, name)."""
    out: dict = {}
    for name, value in slab.items():
        if isinstance(value, torch.Tensor):
            out[name,] = value
        elif isinstance(value, dict):
            out |= {(name, k): v for k, v in value.items()}
    return out


def kind_of(slab: dict) -> str:
    """read or ask."""
    return "ask" if "asked" in slab else "read"


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
        asks = kind_of(slab) == "ask"
        out = (ask_model if asks else read_model).forward(self.model, slab, self.dtype, self.noise)
        loss = (out["loss"] + self.auxiliary * out["auxiliary"]) / self.slabs
        found = torch.autograd.grad(loss, self.optimizer.parameters, allow_unused=True)
        with torch.no_grad():
            pairs = [(p.grad, g) for p, g in zip(self.optimizer.parameters, found) if g is not None]
            torch._foreach_add_([a for a, _ in pairs], [b for _, b in pairs])
            one = torch.ones((), device=self.device)
            values = {"auxiliary_loss": (out["auxiliary"].detach(), one), "characters": out["characters"]}
            for g in VIEWS if asks else GROUPS:
                part, right, count = out[g]
                values |= {f"{g}_loss": (part, count), f"{g}_right": (right, count)}
            if not asks:
                values[f"level{slab['level']}_right"] = out["long"][1:]
            zero = torch.zeros((), device=self.device, dtype=torch.float64)
            self.sums += torch.stack([x.double() for k in SUMS for x in values.get(k, (zero, zero))]).view(-1, 2)

    def _fixed(self, slab: dict) -> dict:
        """The slab's fixed places: views of one buffer for each part, large enough for every size met so far."""
        out = {k: dict(v) if isinstance(v, dict) else v for k, v in slab.items()}
        for place, t in parts_of(slab).items():
            view = self.places[place][: t.numel()].view(t.shape)
            if len(place) == 1:
                out[place[0]] = view
            else:
                out[place[0]][place[1]] = view
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
            largest: dict = {}
            for place, t in (p for s in examples for p in parts_of(s).items()):
                largest[place] = max(largest.get(place, (0, t.dtype)), (t.numel(), t.dtype), key=lambda e: e[0])
            self.places = {place: torch.zeros(n, device=self.device, dtype=dtype) for place, (n, dtype) in largest.items()}
            for slab in sorted(examples, key=lambda s: -s["images"].numel()):
                fixed = self._fixed(slab)
                self._put(fixed, slab)
                self.work(fixed)  # compiles; its kernels choose their shapes
                torch.cuda.synchronize()
                self.graphs[kind_of(slab), slab["size"]] = self._captured(partial(self.work, fixed))[0]
            torch._foreach_zero_([p.grad for p in self.optimizer.parameters])
            self.optimizer.step(0.0)
            torch.cuda.synchronize()
            self.graphs["step"], self.norm = self._captured(self.optimizer.update)
            self.optimizer.rate.fill_(0.0)
            self.sums.zero_()
            torch.cuda.synchronize()

    @staticmethod
    def _put(fixed: dict, slab: dict) -> None:
        parts = parts_of(slab)
        for place, to in parts_of(fixed).items():
            to.copy_(parts[place], non_blocking=True)

    # ---- what training calls -------------------------------------------------------------------------------------------

    def add(self, slab: dict) -> None:
        """Gradients of one slab."""
        if self.graphs is not None:
            self._put(self._fixed(slab), slab)
            self.graphs[kind_of(slab), slab["size"]].replay()
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
    n = reading.slab_count(size)
    return _pictures(n, size, device) | {
        "level": level,
        "long": _rows(n, reading.LONG[level] + reading.QUESTION, device),
        "short": _rows(n * reading.SHORT, reading.LONGEST_SHORT, device),
    }


def _rows(count: int, length: int, device: str) -> dict:
    ids = torch.randint(5, 900, (count, length), dtype=torch.int16, device=device)
    target = ids.clone()
    target[:, : length // 3] = -1
    return {"ids": ids, "target": target}


def _labels(n: int, grid, device: str) -> torch.Tensor:
    return torch.randint(0, 94, (n, grid[0] * grid[1], reading.SLOTS_X * reading.SLOTS_Y), dtype=torch.int8, device=device)


def _pictures(n: int, size: tuple[int, int], device: str) -> dict:
    w, h = size
    grid = h // 28, w // 28
    images = torch.randint(0, 256, (n, h, w, 3), dtype=torch.uint8, device=device)
    return {"n": n, "size": size, "grid": grid, "images": images, "labels": _labels(n, grid, device)}


def example_of_questions(size: tuple[int, int], device: str) -> dict:
    """The same of a slab of questions."""
    n, grid = reading.slab_count(size), asking.half_grid(size)
    return _pictures(n, size, device) | {
        "half_grid": grid,
        "half_labels": _labels(n, grid, device),
        "half_weight": torch.ones(n * asking.ASKED, device=device),
        "asked": _rows(n * asking.ASKED, asking.LENGTH, device),
    }


def examples(device: str, stage: str = "read") -> list[dict]:
    """One example of each size and kind that a stage draws."""
    if stage == "ask":
        return [example_of_questions(size, device) for sizes in asking.SIZES for size in sizes] + [
            example(size, level, device) for size, level in asking.READING
        ]
    return [example(size, level, device) for level, sizes in enumerate(reading.SIZES) for size in sizes]
