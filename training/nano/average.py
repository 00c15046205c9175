"""The mean of two checkpoints of one lineage: `python -m nano.average A.safetensors B.safetensors OUT.safetensors --share 0.5`.

Weights on the line between a checkpoint and one trained on from it often do better than both ("model soups", arXiv 2203.05482): here they also halve two opposite faults.
Choose the share on the validation split and set the threshold of calls (threshold.py) afterwards.
"""

import argparse

import torch
from safetensors.torch import save_file

from .compact import load_weights


def average(a: dict, b: dict, share: float) -> dict:
    """a + share (b - a), tensor by tensor, in float32."""
    return {name: torch.lerp(w, b[name], share) for name, w in a.items()}


def main() -> None:
    """Writes the mean in bfloat16."""
    p = argparse.ArgumentParser()
    p.add_argument("a")
    p.add_argument("b")
    p.add_argument("out")
    p.add_argument("--share", type=float, default=0.5, help="of B")
    o = p.parse_args()
    mean = average(load_weights(o.a), load_weights(o.b), o.share)
    save_file({k: v.to(torch.bfloat16).contiguous() for k, v in mean.items()}, o.out)


if __name__ == "__main__":
    main()
