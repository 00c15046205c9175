"""The Qwen2.5-VL architecture at a small size, with Hugging Face's parameter names, for batches of images of one size.

Written for training: all images of a batch share their grid, so windows need no padding, and text rows carry explicit positions and segments.
`export.py` writes the parameters as a checkpoint that transformers loads unchanged; `check_reference.py` compares the logits.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn as nn
import torch.nn.functional as F

PATCH, MERGE, WINDOW = 14, 2, 4  # pixels, patches, visual tokens (112 px)


@dataclass(frozen=True)
class Config:
    """Sizes; defaults are visionthink-nano's."""
    vision_depth: int = 8
    vision_hidden: int = 256
    vision_mlp: int = 768
    vision_heads: int = 4
    vision_full: tuple = (3, 7)
    text_layers: int = 6
    text_hidden: int = 384
    text_mlp: int = 1024
    heads: int = 6
    kv_heads: int = 2
    head_dim: int = 64
    mrope_section: tuple = (1,) * 32
    rope_theta: float = 100.0
    vocab: int = 1024
    # training only: auxiliary heads
    slots: int = 28
    characters: int = 71
    cells: int = 160


def rms(x, w):
    """RMSNorm in float32, as the reference does it."""
    h = x.float()
    return w.to(x.dtype) * (h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-6)).to(x.dtype)


def rotate(x, cos, sin):
    """Rotary embedding, halves layout."""
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


def linear(x, w, b=None):
    """A linear layer whose float32 master weights are cast to the activations' type."""
    return F.linear(x, w.to(x.dtype), None if b is None else b.to(x.dtype))


def _vision_qkv(x, cos, sin, norm, qw, qb, heads: int):
    B, S, D = x.shape
    q, k, v = linear(rms(x, norm), qw, qb).view(B, S, 3, heads, D // heads).unbind(2)
    return rotate(q.float(), cos, sin).to(x.dtype), rotate(k.float(), cos, sin).to(x.dtype), v


def _vision_rest(x, o, pw, pb, norm, gw, gb, uw, ub, dw, db):
    x = x + linear(o, pw, pb)
    h = rms(x, norm)
    return x + linear(F.silu(linear(h, gw, gb)) * linear(h, uw, ub), dw, db)


def _text_qkv(x, cos, sin, norm, qw, qb, kw, kb, vw, vb, heads: int, kv: int):
    R, L, _ = x.shape
    h = rms(x, norm)
    q = linear(h, qw, qb).view(R, L, heads, -1).transpose(1, 2)
    k = linear(h, kw, kb).view(R, L, kv, -1).transpose(1, 2)
    v = linear(h, vw, vb).view(R, L, kv, -1).transpose(1, 2)
    return rotate(q, cos, sin), rotate(k, cos, sin), v


def _text_rest(x, o, ow, norm, gw, uw, dw):
    R, L, _ = x.shape
    x = x + linear(o.transpose(1, 2).reshape(R, L, -1), ow)
    h = rms(x, norm)
    return x + linear(F.silu(linear(h, gw)) * linear(h, uw), dw)


vision_qkv, vision_rest, text_qkv, text_rest = _vision_qkv, _vision_rest, _text_qkv, _text_rest


def compile_blocks():
    """Compiles the pieces around attention, once for all shapes."""
    global vision_qkv, vision_rest, text_qkv, text_rest
    torch._dynamo.config.recompile_limit = 64
    vision_qkv, vision_rest = torch.compile(_vision_qkv, dynamic=True), torch.compile(_vision_rest, dynamic=True)
    text_qkv, text_rest = torch.compile(_text_qkv, dynamic=True), torch.compile(_text_rest, dynamic=True)


@lru_cache(None)
def window_order(rows: int, columns: int):
    """Visual tokens (rows x columns, row-major indices) ordered window by window, equal windows side by side.

    Returns (order, segments): segments lists (number of windows, tokens in each).
    """
    groups: dict = {}
    for y in range(0, rows, WINDOW):
        for x in range(0, columns, WINDOW):
            h, w = min(WINDOW, rows - y), min(WINDOW, columns - x)
            tokens = [(y + i) * columns + x + j for i in range(h) for j in range(w)]
            groups.setdefault((h, w), []).append(tokens)
    order = [t for g in groups.values() for window in g for t in window]
    return order, tuple((len(g), len(g[0])) for g in groups.values())


class Permuted(torch.autograd.Function):
    """x (B, S, D) with its second dimension in another order; the gradient is put back by reading, not by adding in place."""

    @staticmethod
    def forward(context, x, order, inverse):
        """order: the place in x of each; inverse: the order that undoes it."""
        context.save_for_backward(inverse)
        return x.index_select(1, order)

    @staticmethod
    def backward(context, gradient):
        """The gradient in x's order."""
        return gradient.index_select(1, context.saved_tensors[0]), None, None


class Model(nn.Module):
    """Parameters live in one flat dict under Hugging Face's names."""

    def __init__(self, config: Config = Config()):
        super().__init__()
        c = self.c = config
        P = {}

        def w(name, *shape, std=0.02):
            P[name] = nn.Parameter(torch.randn(*shape) * std)

        def zeros(name, *shape):
            P[name] = nn.Parameter(torch.zeros(*shape))

        def ones(name, *shape):
            P[name] = nn.Parameter(torch.ones(*shape))

        D, T = c.vision_hidden, c.text_hidden
        w("model.visual.patch_embed.proj.weight", D, 3, 2, PATCH, PATCH)
        for i in range(c.vision_depth):
            p = f"model.visual.blocks.{i}."
            ones(p + "norm1.weight", D)
            w(p + "attn.qkv.weight", 3 * D, D, std=D**-0.5)
            zeros(p + "attn.qkv.bias", 3 * D)
            w(p + "attn.proj.weight", D, D, std=D**-0.5 / math.sqrt(2 * c.vision_depth))
            zeros(p + "attn.proj.bias", D)
            ones(p + "norm2.weight", D)
            for n in ("gate_proj", "up_proj"):
                w(p + f"mlp.{n}.weight", c.vision_mlp, D, std=D**-0.5)
                zeros(p + f"mlp.{n}.bias", c.vision_mlp)
            w(p + "mlp.down_proj.weight", D, c.vision_mlp, std=c.vision_mlp**-0.5 / math.sqrt(2 * c.vision_depth))
            zeros(p + "mlp.down_proj.bias", D)
        p = "model.visual.merger."
        ones(p + "ln_q.weight", D)
        w(p + "mlp.0.weight", 4 * D, 4 * D, std=(4 * D) ** -0.5)
        zeros(p + "mlp.0.bias", 4 * D)
        w(p + "mlp.2.weight", T, 4 * D, std=(4 * D) ** -0.5)
        zeros(p + "mlp.2.bias", T)
        w("model.language_model.embed_tokens.weight", c.vocab, T, std=0.05)
        for i in range(c.text_layers):
            p = f"model.language_model.layers.{i}."
            ones(p + "input_layernorm.weight", T)
            for n, d in (("q", c.heads), ("k", c.kv_heads), ("v", c.kv_heads)):
                w(p + f"self_attn.{n}_proj.weight", d * c.head_dim, T, std=T**-0.5)
                zeros(p + f"self_attn.{n}_proj.bias", d * c.head_dim)
            w(p + "self_attn.o_proj.weight", T, c.heads * c.head_dim, std=T**-0.5 / math.sqrt(2 * c.text_layers))
            ones(p + "post_attention_layernorm.weight", T)
            w(p + "mlp.gate_proj.weight", c.text_mlp, T, std=T**-0.5)
            w(p + "mlp.up_proj.weight", c.text_mlp, T, std=T**-0.5)
            w(p + "mlp.down_proj.weight", T, c.text_mlp, std=c.text_mlp**-0.5 / math.sqrt(2 * c.text_layers))
        ones("model.language_model.norm.weight", T)
        self.names = list(P)
        self.P = nn.ParameterDict({k.replace(".", "/"): v for k, v in P.items()})
        self.auxiliary_characters = nn.Linear(T, c.slots * c.characters)
        self.auxiliary_cells = nn.Linear(T, c.cells)
        self._tables: dict = {}

    def get(self, name: str) -> torch.Tensor:
        """A parameter by its Hugging Face name."""
        return self.P[name.replace(".", "/")]

    def state(self) -> dict:
        """Parameters by their Hugging Face names, without the auxiliary heads."""
        return {n: self.get(n).detach() for n in self.names}

    def load(self, state: dict) -> None:
        """Takes over what `state` returned."""
        for n in self.names:
            self.get(n).data.copy_(state[n])

    # ---- vision --------------------------------------------------------------------------------------------------------

    def _vision_tables(self, rows, columns, device):
        key = (rows, columns, device)
        if key not in self._tables:
            order, segments = window_order(rows, columns)
            index = torch.tensor(order, device=device)
            y = (index // columns)[:, None] * 2 + torch.tensor([0, 0, 1, 1], device=device)
            x = (index % columns)[:, None] * 2 + torch.tensor([0, 1, 0, 1], device=device)
            hd = self.c.vision_hidden // self.c.vision_heads
            inv = 1 / 10000 ** (torch.arange(0, hd // 2, 2, device=device).float() / (hd // 2))
            f = torch.cat([y.reshape(-1, 1) * inv, x.reshape(-1, 1) * inv], -1)
            f = torch.cat([f, f], -1)[:, None]
            inverse = torch.empty_like(index)
            inverse[index] = torch.arange(len(order), device=device)
            self._tables[key] = (index, inverse, segments, f.cos(), f.sin())
        return self._tables[key]

    def vision(self, pixels: torch.Tensor) -> torch.Tensor:
        """pixels (B, 3, H, W) normalised, H and W multiples of 28 -> visual tokens (B, H/28 * W/28, text_hidden), row-major."""
        c = self.c
        B, _, H, W = pixels.shape
        rows, columns, D = H // 28, W // 28, c.vision_hidden
        index, inverse, segments, cos, sin = self._vision_tables(rows, columns, pixels.device)
        x = pixels.view(B, 3, rows, 2, PATCH, columns, 2, PATCH).permute(0, 2, 5, 3, 6, 1, 4, 7).reshape(B, rows * columns, -1)
        x = x.index_select(1, index).view(B, -1, 3 * PATCH * PATCH)
        x = linear(x, self.get("model.visual.patch_embed.proj.weight").sum(2).reshape(D, -1))
        S = x.shape[1]
        for i in range(c.vision_depth):
            p = f"model.visual.blocks.{i}."
            g = [self.get(p + n) for n in (
                "norm1.weight", "attn.qkv.weight", "attn.qkv.bias", "attn.proj.weight", "attn.proj.bias", "norm2.weight", "mlp.gate_proj.weight",
                "mlp.gate_proj.bias", "mlp.up_proj.weight", "mlp.up_proj.bias", "mlp.down_proj.weight", "mlp.down_proj.bias")]
            q, k, v = vision_qkv(x, cos, sin, *g[:3], c.vision_heads)
            if i in c.vision_full or len(segments) == 1 and segments[0][0] == 1:
                o = attend(q, k, v).reshape(B, S, D)
            else:
                at, parts = 0, []
                for n, tokens in segments:
                    size = n * tokens * 4
                    a, b, d = (t[:, at:at + size].reshape(B * n, tokens * 4, c.vision_heads, -1) for t in (q, k, v))
                    parts.append(attend(a, b, d).reshape(B, size, D))
                    at += size
                o = torch.cat(parts, 1) if len(parts) > 1 else parts[0]
            x = vision_rest(x, o, *g[3:])
        p = "model.visual.merger."
        x = rms(x, self.get(p + "ln_q.weight")).reshape(B, rows * columns, 4 * D)
        x = F.gelu(linear(x, self.get(p + "mlp.0.weight"), self.get(p + "mlp.0.bias")))
        x = linear(x, self.get(p + "mlp.2.weight"), self.get(p + "mlp.2.bias"))
        return Permuted.apply(x, inverse, index)

    # ---- text ----------------------------------------------------------------------------------------------------------

    def rope(self, positions, dtype):
        """positions (3, R, L) -> cos, sin (R, 1, L, head_dim)."""
        c = self.c
        key = ("text", positions.device)
        if key not in self._tables:
            inv = 1 / c.rope_theta ** (torch.arange(0, c.head_dim, 2, device=positions.device).float() / c.head_dim)
            axis = torch.tensor([i % 3 for i, n in enumerate(c.mrope_section) for _ in range(n)], device=positions.device)
            self._tables[key] = (inv, axis)
        inv, axis = self._tables[key]
        f = positions.permute(1, 2, 0).float().index_select(-1, axis) * inv
        f = torch.cat([f, f], -1)[:, None]
        return f.cos().to(dtype), f.sin().to(dtype)

    def layer(self, i: int):
        """The twelve tensors of a text layer, in the order the functions above take them."""
        p = f"model.language_model.layers.{i}."
        return [self.get(p + n) for n in (
            "input_layernorm.weight", "self_attn.q_proj.weight", "self_attn.q_proj.bias", "self_attn.k_proj.weight", "self_attn.k_proj.bias",
            "self_attn.v_proj.weight", "self_attn.v_proj.bias", "self_attn.o_proj.weight", "post_attention_layernorm.weight",
            "mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight")]

    def embed(self, ids, images, image_pad: int):
        """ids (R, L), images (R, n, T): visual tokens that take the places of image_pad in order -> (R, L, T)."""
        x = F.embedding(ids, self.get("model.language_model.embed_tokens.weight")).to(images.dtype)
        is_image = ids == image_pad
        k = (is_image.long().cumsum(1) - 1).clamp(min=0, max=images.shape[1] - 1)
        return torch.where(is_image[..., None], torch.gather(images, 1, k[..., None].expand(-1, -1, images.shape[-1])), x)

    def text(self, x, positions, mask=None, cache=False):
        """x (R, L, T), positions (3, R, L), mask (R, 1, L, L) bool or None for causal -> hidden states and, if asked, keys and values."""
        c = self.c
        cos, sin = self.rope(positions, x.dtype)
        kept = []
        for i in range(c.text_layers):
            g = self.layer(i)
            q, k, v = text_qkv(x, cos, sin, *g[:7], c.heads, c.kv_heads)
            R, _, L, hd = q.shape
            n = c.heads // c.kv_heads
            ke = k[:, :, None].expand(R, c.kv_heads, n, L, hd).reshape(R, c.heads, L, hd)
            ve = v[:, :, None].expand(R, c.kv_heads, n, L, hd).reshape(R, c.heads, L, hd)
            o = F.scaled_dot_product_attention(q, ke, ve, attn_mask=mask, is_causal=mask is None)
            x = text_rest(x, o, *g[7:])
            if cache:
                kept.append((k, v))
        return rms(x, self.get("model.language_model.norm.weight")), kept

    def logits(self, h):
        """Hidden states -> logits over the vocabulary (tied embeddings)."""
        return linear(h, self.get("model.language_model.embed_tokens.weight"))

    def step(self, ids, position, keys, values, at, mask):
        """One decode step: ids, position, at (R,); keys, values: per layer (R, kv, Lmax, hd), written at `at`; mask (R, 1, 1, Lmax) additive."""
        c = self.c
        dtype = keys[0].dtype
        x = F.embedding(ids, self.get("model.language_model.embed_tokens.weight")).to(dtype)[:, None]
        cos, sin = self.rope(position[None, :, None].expand(3, -1, -1), dtype)
        R = ids.shape[0]
        row = torch.arange(R, device=ids.device)
        for i in range(c.text_layers):
            g = self.layer(i)
            q, k, v = _text_qkv(x, cos, sin, *g[:7], c.heads, c.kv_heads)
            keys[i][row, :, at] = k[:, :, 0]
            values[i][row, :, at] = v[:, :, 0]
            s = q.view(R, c.kv_heads, c.heads // c.kv_heads, -1) @ keys[i].transpose(2, 3) * c.head_dim**-0.5 + mask
            o = (s.float().softmax(-1).to(dtype) @ values[i]).reshape(R, c.heads, 1, -1)
            x = _text_rest(x, o, *g[7:])
        return self.logits(rms(x, self.get("model.language_model.norm.weight"))[:, 0])


def attend(q, k, v):
    """Attention among all tokens of a row: (B, S, heads, hd) in and out."""
    return F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)).transpose(1, 2)


# ---- pixels ------------------------------------------------------------------------------------------------------------

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def _filter(kind: str):
    if kind == "bicubic":
        def f(x):
            x = x.abs()
            return torch.where(x < 1, (1.5 * x - 2.5) * x * x + 1, torch.where(x < 2, ((-0.5 * x + 2.5) * x - 4) * x + 2, torch.zeros_like(x)))
        return f, 2.0
    return (lambda x: torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), torch.zeros_like(x))), 3.0


@lru_cache(None)
def resample_matrix(size: int, target: int, kind: str, device: str) -> torch.Tensor:
    """(target, size) weights of Pillow's antialiased resampling (libImaging/Resample.c) along one axis."""
    f, support = _filter(kind)
    scale = size / target
    stretch = max(scale, 1.0)
    centre = (torch.arange(target, dtype=torch.float64) + 0.5) * scale
    x = torch.arange(size, dtype=torch.float64)[None] + 0.5 - centre[:, None]
    low = (centre - support * stretch + 0.5).floor().clamp(min=0)[:, None]
    high = (centre + support * stretch + 0.5).floor().clamp(max=size)[:, None]
    i = torch.arange(size)[None]
    w = torch.where((i >= low) & (i < high), f(x / stretch), torch.zeros((), dtype=torch.float64))
    return (w / w.sum(1, keepdim=True)).float().to(device)


def resize(x, height: int, width: int, kind: str):
    """x (B, 3, h, w) in 0..255 -> (B, 3, height, width), rounded to whole values as Pillow does."""
    h, w = x.shape[-2:]
    if (h, w) == (height, width):
        return x
    if w != width:
        x = (x @ resample_matrix(w, width, kind, str(x.device)).T).round_().clamp_(0, 255)
    if h != height:
        x = (resample_matrix(h, height, kind, str(x.device)) @ x).round_().clamp_(0, 255)
    return x


def smart_size(height: int, width: int) -> tuple[int, int]:
    """Qwen's smart_resize for images between its pixel limits: sides to multiples of 28 (Python's round is banker's)."""
    return max(28, round(height / 28) * 28), max(28, round(width / 28) * 28)


def prepare(images: torch.Tensor, dtype, noise: float = 0.0):
    """uint8 (B, h, w, 3) -> normalised full and half pixels as the protocol makes them. noise: strength of random gain, offset and grain."""
    x = images.permute(0, 3, 1, 2).float()
    B, _, h, w = x.shape
    d = x.device
    if noise:
        def u():
            return torch.rand(B, 1, 1, 1, device=d)
        x = x * (1 + 0.12 * (u() - 0.5)) + 16 * (u() - 0.5) + 255 * noise * u() * (u() < 0.6) * torch.randn_like(x)
        x = x.clamp_(0, 255).round_()
    full = resize(x, *smart_size(h, w), "bicubic")
    half = resize(x, h // 2, w // 2, "lanczos")
    half = resize(half, *smart_size(h // 2, w // 2), "bicubic")
    mean, std = (torch.tensor(v, device=d).view(1, 3, 1, 1) * 255 for v in (MEAN, STD))
    return ((full - mean) / std).to(dtype), ((half - mean) / std).to(dtype)
