"""The question stage's forward pass: each picture at its own size and at its half, the same questions at both.

The half is made from the picture's pixels as the protocol makes it: Lanczos to half the sides, then bicubic to whole visual tokens.
"""

import torch
import torch.nn.functional as F

from . import read_model
from .model import Config, resize


def views(slab: dict, dtype, noise: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """A slab's pictures as the vision tower takes them: whole, and half."""
    x = read_model.pixels(slab["images"], noise)
    h, w = x.shape[-2:]
    rows, columns = slab["half_grid"]
    half = resize(resize(x, h // 2, w // 2, "lanczos"), rows * 28, columns * 28, "bicubic")
    return read_model.standard(x, dtype), read_model.standard(half, dtype)


def forward(model, slab: dict, dtype, noise: float = 0.0) -> dict:
    """Losses and counts of one slab, all tensors, as read_model.forward: the groups are the two views, full and half.

    Answers at the half weigh what the slab says: those whose letters are too small there are guesses.
    """
    target = slab["asked"]["target"][:, 1:].reshape(-1).long()
    weight = slab["half_weight"][:, None].expand(-1, slab["asked"]["target"].shape[1] - 1).reshape(-1)
    own = target >= 0
    out: dict = {}
    loss, tokens, auxiliary, characters = 0.0, 0.0, 0.0, []
    for name, image, grid, labels in zip(
        ("full", "half"), views(slab, dtype, noise), (slab["grid"], slab["half_grid"]), (slab["labels"], slab["half_labels"])
    ):
        visual = model.vision(image)
        part, found = read_model.seen_characters(model, visual, labels)
        auxiliary = auxiliary + part / 2
        characters.append(found)
        (hidden,) = read_model.branches(model, visual, grid, [slab["asked"]["ids"].long()])
        logits = model.logits(hidden[:, :-1].reshape(-1, hidden.shape[-1])).float()
        each = F.cross_entropy(logits, target, reduction="none", ignore_index=-1)
        counts = own if name == "full" else own * weight
        loss, tokens = loss + (each * counts).sum(), tokens + counts.sum()
        with torch.no_grad():
            out[name] = each.sum().detach(), (logits.argmax(-1) == target).sum(), own.sum()
    return out | {"loss": loss / tokens, "auxiliary": auxiliary, "characters": tuple(a + b for a, b in zip(*characters))}


def floating_operations(c: Config, slab: dict, length: int, asked: int) -> float:
    """As read_model.floating_operations, of one slab: both views."""
    return sum(read_model.floating_operations(c, slab["n"], grid, 0, length, asked) for grid in (slab["grid"], slab["half_grid"]))
