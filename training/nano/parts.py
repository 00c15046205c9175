"""Checkpoints cut into files small enough to carry away, and put together again.

`python -m nano.parts cut STATE.pt FOLDER --what int8|weights|momentum --first 0 --count 4` writes NAME.partNN files of at most 16 MiB;
`python -m nano.parts join OUT.safetensors NAME.part*` puts them together;
`python -m nano.parts load STATE.pt --size 55m --weights W.safetensors [--momentum M.safetensors]` makes a checkpoint that read_train loads;
--size only where the weights' file does not say it: `--size first` for the first generation's, whose auxiliary heads start anew.

int8: weights in 8 bits (compact.py) with the auxiliary heads; weights: the same in bfloat16; momentum: the optimizer's state in bfloat16.
"""

import argparse
import json
import struct
from pathlib import Path

import torch
from safetensors.torch import load, save

from .compact import compact

PART = 16 * 2**20


def weights_of(checkpoint: dict) -> dict:
    """All parameters of a checkpoint under their own names, auxiliary heads too."""
    return {k.replace("/", "."): v.detach().cpu() for k, v in checkpoint["model"].items()}


def momentum_of(checkpoint: dict) -> dict:
    """The optimizer's state in bfloat16, flat: muon.ROWSxCOLUMNS and adam.INDEX.NAME."""
    out = {f"muon.{s[0]}x{s[1]}": b for s, b in checkpoint["optimizer"]["buffers"].items()}
    for i, entry in checkpoint["optimizer"]["adam"]["state"].items():
        out |= {f"adam.{i}.{k}": v.reshape(1) if v.ndim == 0 else v for k, v in entry.items()}
    return {k: v.detach().cpu().to(torch.float32 if k.endswith("step") else torch.bfloat16).contiguous() for k, v in out.items()}


def serialised(checkpoint: dict, what: str) -> bytes:
    """A checkpoint's part as the bytes of a safetensors file, with size, step, pages and seconds in its metadata."""
    if what == "momentum":
        tensors = momentum_of(checkpoint)
    else:
        tensors = weights_of(checkpoint)
        tensors = compact(tensors) if what == "int8" else {k: v.to(torch.bfloat16) for k, v in tensors.items()}
    metadata = {k: str(checkpoint[k]) for k in ("size", "step", "pages", "seconds")}
    return save({k: v.contiguous() for k, v in tensors.items()}, metadata=metadata | {"what": what})


def cut(data: bytes, name: str, folder: Path, first: int, count: int) -> list[str]:
    """Writes parts first .. first + count - 1 of the data; the name of each says how many there are in all."""
    total = -(-len(data) // PART)
    folder.mkdir(parents=True, exist_ok=True)
    out = []
    for i in range(first, min(total, first + count)):
        file = f"{name}.part{i:02}of{total:02}"
        (folder / file).write_bytes(data[i * PART : (i + 1) * PART])
        out.append(file)
    return out


def join(files: list[str]) -> bytes:
    """The data of parts in any order; ValueError where one is missing."""
    parts = sorted(files)
    total = int(parts[0].rsplit("of", 1)[1])
    found = [int(p.rsplit(".part", 1)[1][:2]) for p in parts]
    if found != list(range(total)):
        raise ValueError(f"parts {found} of {total}: bring the missing ones")
    return b"".join(Path(p).read_bytes() for p in parts)


def metadata_of(data: bytes) -> dict:
    """The metadata of a safetensors file's bytes."""
    return json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]]).get("__metadata__", {})


def checkpoint_of(weights: bytes, momentum: bytes | None, size: str | None = None) -> dict:
    """What read_train loads, from the files' bytes; size: where the file does not say it. Parameters that the file lacks keep their first values.

    Without momentum the optimizer starts anew (some hundred steps' loss).
    """
    from .model import Model
    from .optimizer import Optimizer
    from .read_model import SIZES

    meta = {"size": size, "step": 0, "pages": 0, "seconds": 0} | metadata_of(weights)
    if meta["size"] not in SIZES:
        raise ValueError(f"the weights' file does not say its size: give --size, one of {', '.join(SIZES)}")
    tensors = {k.removeprefix("P."): v for k, v in load(weights).items()}
    model = Model(SIZES[meta["size"]])
    state = {}
    for name, first in model.state_dict().items():
        key = name.removeprefix("P.").replace("/", ".")
        if key not in tensors:
            state[name] = first
            continue
        w, scale = tensors[key].float(), tensors.get(key + ":scale")
        state[name] = w if scale is None else w * scale.view(-1, *[1] * (w.ndim - 1))
    out = {"size": meta["size"], "model": state, "step": int(meta["step"]), "pages": int(meta["pages"]), "seconds": float(meta["seconds"])}
    if momentum:
        kept = load(momentum)
        optimizer = Optimizer(model, 1e-3, 1e-3).state()
        adam = optimizer["adam"] | {"state": {}}
        for key, v in kept.items():
            if key.startswith("adam."):
                _, i, name = key.split(".")
                adam["state"].setdefault(int(i), {})[name] = v.float().reshape(()) if name == "step" else v.float()
        out["optimizer"] = {"adam": adam, "buffers": {s: kept[f"muon.{s[0]}x{s[1]}"].float() for s in optimizer["buffers"]}}
    return out


def main() -> None:
    """Command line."""
    p = argparse.ArgumentParser()
    p.add_argument("action", choices=("cut", "join", "load"))
    p.add_argument("paths", nargs="+")
    p.add_argument("--what", default="int8", choices=("int8", "weights", "momentum"))
    p.add_argument("--first", type=int, default=0)
    p.add_argument("--count", type=int, default=4)
    p.add_argument("--name")
    p.add_argument("--size")
    p.add_argument("--weights")
    p.add_argument("--momentum")
    a = p.parse_args()
    if a.action == "cut":
        checkpoint = torch.load(a.paths[0], map_location="cpu", weights_only=True)
        name = a.name or f"{Path(a.paths[0]).stem}.{a.what}"
        print(*cut(serialised(checkpoint, a.what), name, Path(a.paths[1]), a.first, a.count))
    elif a.action == "join":
        Path(a.paths[0]).write_bytes(join(a.paths[1:]))
    else:
        read = [Path(f).read_bytes() if f else None for f in (a.weights, a.momentum)]
        torch.save(checkpoint_of(*read, a.size), a.paths[0])


if __name__ == "__main__":
    main()
