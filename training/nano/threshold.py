"""Sets how readily a model calls: `python -m nano.threshold WEIGHTS.safetensors OUT.safetensors --share 0.535`.

The choice between answering and calling is the one between the first characters of the two thoughts. On questions of the validation split the hidden
states before it are computed, and the embedding of the call's first character is moved along their mean just so far that smart turns cost the
wanted share of always full's visual tokens there. Embeddings are tied, so this is a bias of that one choice and nothing else need change.
"""

import argparse
from collections import defaultdict

import numpy as np
import torch
from safetensors.torch import save_file

from . import evaluate, generate, protocol
from .compact import load_weights
from .model import Model, prepare

EMBEDDING = "model.language_model.embed_tokens.weight"


def choices(model, items, direct: int, call: int):
    """Hidden states before the choice (N, T), margins of the call over the direct answer (N,), visual tokens of half and full (N,) each."""
    device = model.get(EMBEDDING).device
    by_size = defaultdict(list)
    for it in items:
        by_size[it[7]].append(it)
    hidden, tokens = [], []
    for size, group in by_size.items():
        half_grid, full_grid = evaluate.grids(size)
        for s in range(0, len(group), 32):
            part = group[s:s + 32]
            _, half = prepare(torch.from_numpy(np.stack([p[1] for p in part])).to(device), torch.float32)
            rows = [generate.prompt(p[2], half_grid, True) for p in part]
            for r in rows:
                r.add(protocol.encode("<think>"))
            ids, positions, lengths, _ = generate.pad_rows(rows, device)
            states, _ = model.text(model.embed(ids, model.vision(half), protocol.IMAGE_PAD), positions)
            hidden.append(states[torch.arange(len(rows), device=device), lengths.to(device) - 1].cpu())
            tokens += [(half_grid[0] * half_grid[1], full_grid[0] * full_grid[1])] * len(part)
    hidden = torch.cat(hidden)
    e = model.get(EMBEDDING).detach().cpu().float()
    half, full = np.array(tokens).T
    return hidden, (hidden @ (e[call] - e[direct])).numpy(), half, full


@torch.no_grad()
def calibrate(model, items, share: float):
    """Moves the threshold of `model` in place until smart turns on `items` cost `share` of full's visual tokens; returns the row's id and a line to print."""
    direct, call = (protocol.encode("<think>" + thought[0][0])[-1] for thought in (protocol.CLEAR, protocol.TOO_SMALL))
    hidden, margins, half, full = choices(model, items, direct, call)
    mean = hidden.mean(0)
    effect = (hidden @ (mean / mean.dot(mean))).numpy()  # of one unit of bias; 1 on average

    def cost(bias: float) -> float:
        return float((half + (margins + bias * effect > 0) * full).sum() / full.sum())
    low, high = -8.0, 8.0
    for _ in range(40):  # the cost grows with the bias
        bias = (low + high) / 2
        low, high = (bias, high) if cost(bias) < share else (low, bias)
    row = model.get(EMBEDDING)[call]
    change = (bias * mean / mean.dot(mean)).to(row)
    said = (f"{len(items)} validation questions: share {cost(0):.4f} with calls in {(margins > 0).mean():.4f}; bias {bias:+.3f} gives {cost(bias):.4f} with "
            f"{(margins + bias * effect > 0).mean():.4f}; the row's norm {row.norm():.3f}, the change's {change.norm():.4f}")
    row += change
    return call, said


def main() -> None:
    """Writes the weights with the threshold moved."""
    p = argparse.ArgumentParser()
    p.add_argument("weights")
    p.add_argument("out")
    p.add_argument("--share", type=float, required=True, help="visual tokens of smart turns as a share of always full's")
    p.add_argument("--count", type=int, default=1500)
    p.add_argument("--workers", type=int, default=2)
    a = p.parse_args()
    items = evaluate.render_set(a.count, "validation", a.workers).get()
    model = Model().requires_grad_(False)
    state = load_weights(a.weights)
    model.load(state)
    call, said = calibrate(model, items, a.share)
    print(said)
    state[EMBEDDING][call] = model.get(EMBEDDING)[call]
    save_file({k: v.to(torch.bfloat16).contiguous() for k, v in state.items()}, a.out)


if __name__ == "__main__":
    main()
