"""Whether the branches of read_model are what model.py computes row by row: `python -m nano.read_check [--device cuda]`.

A wrong alignment of the causal attention would go unnoticed in training and only show as a model that cannot be used; so a visit begins with this.
"""

import argparse
import random

import numpy as np
import torch

from . import protocol, read_model, reading
from .model import Model
from .rows import Row


@torch.no_grad()
def difference(size: str, device: str, dtype) -> float:
    """The largest relative difference of a row's hidden states between both ways, over the rows of one small slab."""
    torch.manual_seed(3)
    model = Model(read_model.SIZES[size]).to(device)
    rng = random.Random(3)
    fresh = reading.draw_slab(rng, "train", 0, (224, 112), 6)
    images = np.empty((6, 112, 224, 3), np.uint8)
    slab = reading.use_slab(rng, fresh, images)
    groups = [(torch.from_numpy(slab[name]["ids"]).to(device).long(), times) for name, times in (("long", 1), ("short", reading.SHORT))]
    visual = model.vision(read_model.normalised(torch.from_numpy(images).to(device), dtype))
    worst = 0.0
    for (ids, times), hidden in zip(groups, read_model.branches(model, visual, slab["grid"], [ids for ids, _ in groups])):
        for i in range(len(ids)):
            row = Row()
            row.add(read_model.start_ids())
            row.image(slab["grid"])
            row.add(ids[i].tolist())
            at = i // times
            positions = torch.tensor(row.positions, device=device).T[:, None]
            reference, _ = model.text(model.embed(torch.tensor(row.ids, device=device)[None], visual[at : at + 1], protocol.IMAGE_PAD), positions)
            reference = reference[0, -ids.shape[1] :].float()
            worst = max(worst, float((reference - hidden[i].float()).norm() / reference.norm()))
    return worst


def main() -> None:
    """Command line."""
    p = argparse.ArgumentParser()
    p.add_argument("--device", default="cuda")
    p.add_argument("--size", default="18m")
    a = p.parse_args()
    dtype, limit = (torch.float32, 1e-4) if a.device == "cpu" else (torch.bfloat16, 1e-1)
    worst = difference(a.size, a.device, dtype)
    print(f"branches against rows: {worst:.2e}, allowed {limit:.0e}", flush=True)
    if worst > limit:
        raise SystemExit("the branches' attention is not the rows': do not train")


if __name__ == "__main__":
    main()
