"""The bundled model's weights, to go on from: `python -m nano.shipped ../public/models/visionthink-nano OUT.int8.safetensors`.

The bundled folder holds every parameter (8 bits a value, a scale for every 32), so no other copy of them is kept. Values of the file written
here are within half a step of both roundings of those: its rows have one scale each, as compact.py writes them.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from .compact import compact
from .model import PATCH

FLOAT16, UINT8 = 10, 2  # ONNX's TensorProto.DataType
GRAPHS = ("decoder_model_merged", "vision_encoder", "embed_tokens")
LENGTHS = {"self_attn.q_proj": 384, "self_attn.k_proj": 128, "self_attn.v_proj": 128}  # rows of the matrices that the decoder holds as one


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _fields(data: bytes):
    """(field number, value) of a protobuf message; ints, or bytes for all that has a length."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == 0:
            value, at = _varint(data, at)
        else:
            length, at = _varint(data, at) if wire == 2 else ({5: 4, 1: 8}[wire], at)
            value, at = data[at : at + length], at + length
        yield key >> 3, value


def _stored(graph: Path) -> dict:
    """Arrays of a graph that lie in its data file, by name. Field numbers: onnx.proto3 (ModelProto.graph 7, GraphProto.initializer 5, TensorProto)."""
    data, out = graph.with_name(graph.name + "_data").read_bytes(), {}
    model = next(v for f, v in _fields(graph.read_bytes()) if f == 7)
    for tensor in (v for f, v in _fields(model) if f == 5):
        dims, place, name, kind = [], {}, "", 0
        for field, value in _fields(tensor):
            if field == 1:
                at = 0
                while not isinstance(value, int) and at < len(value):
                    d, at = _varint(value, at)
                    dims.append(d)
                dims += [value] if isinstance(value, int) else []
            elif field == 2:
                kind = value
            elif field == 8:
                name = value.decode()
            elif field == 13:
                entry = dict(_fields(value))
                place[entry[1].decode()] = entry[2].decode()
        if place:
            at, length = int(place["offset"]), int(place["length"])
            out[name] = np.frombuffer(data[at : at + length], {FLOAT16: np.float16, UINT8: np.uint8}[kind]).reshape(dims)
    return out


def weights(folder: str) -> dict:
    """All parameters of the bundled model in float32 under Hugging Face's names."""
    stored: dict = {}
    for graph in GRAPHS:
        stored |= _stored(Path(folder) / "onnx" / f"{graph}_quantized.onnx")
    out = {}
    for name, a in stored.items():
        if name.endswith(".scales") or name == "lm_head.weight.q":  # the head is the table of embeddings
            continue
        if name.endswith(".q"):  # zero point 128
            scales = stored[name.removesuffix(".q") + ".scales"].astype(np.float32)
            a = ((a.astype(np.float32) - 128).reshape(*scales.shape, -1) * scales[..., None]).reshape(scales.shape[0], -1)
            name = name.removesuffix(".q")
        elif name.endswith(".t"):
            a, name = a.T, name.removesuffix(".t")
        whole = torch.from_numpy(np.array(a, np.float32))
        parts = name.split("+")
        for part, w in zip(parts, whole.split([LENGTHS[p.rsplit(".", 1)[0].split(".", 3)[3]] for p in parts]) if len(parts) > 1 else [whole]):
            out[f"model.{part}"] = w.reshape(-1, 3, 2, PATCH, PATCH).contiguous() if "patch_embed" in part else w.contiguous()
    return out


if __name__ == "__main__":
    save_file(compact(weights(sys.argv[1])), sys.argv[2])
