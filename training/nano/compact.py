"""Weights in 8 bits a value, to go on from later: `python -m nano.compact WEIGHTS.safetensors OUT.int8.safetensors`."""

import sys

import torch
from safetensors.torch import load_file, save_file


def compact(state: dict) -> dict:
    """Matrices -> int8 with one scale a row (`name` and `name:scale`); vectors stay in bfloat16."""
    out = {}
    for name, w in state.items():
        if w.ndim < 2:
            out[name] = w.to(torch.bfloat16)
            continue
        rows = w.float().flatten(1)
        scale = rows.abs().amax(1, keepdim=True).clamp(min=1e-8) / 127
        out[name] = (rows / scale).round().to(torch.int8).view(w.shape)
        out[name + ":scale"] = scale[:, 0].contiguous()
    return out


def load_weights(file: str) -> dict:
    """Weights of a safetensors file, compacted or not, in float32."""
    state = load_file(file)
    out = {}
    for name, w in state.items():
        if not name.endswith(":scale"):
            scale = state.get(name + ":scale")
            out[name] = w.float() if scale is None else w.float() * scale.view(-1, *[1] * (w.ndim - 1))
    return out


if __name__ == "__main__":
    save_file(compact(load_file(sys.argv[1])), sys.argv[2])
