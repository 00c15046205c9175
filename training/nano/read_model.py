"""The reading stage's forward pass: one image, several branches of text, without a mask as large as the row squared.

Parameters and architecture are model.py's. The start of a row (prompt and image) is the same length for all pictures of a slab, so its keys and values
are computed once and every branch attends to them and to its own past (causal, aligned at the lower right): plain flash attention. All tokens pass
the linear layers as one flat matrix.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch.nn.attention.bias import causal_lower_right

from . import model as models
from . import protocol
from .model import MEAN, STD, Config, linear, rms, rotate

READING = {"rope_theta": 1000.0, "characters": 96}
SIZES = {
    "tiny": Config(
        vision_depth=2,
        vision_hidden=64,
        vision_mlp=96,
        vision_heads=2,
        vision_full=(1,),
        text_layers=2,
        text_hidden=64,
        text_mlp=96,
        heads=2,
        kv_heads=1,
        head_dim=32,
        mrope_section=(1,) * 16,
        **READING,
    ),
    "18m": Config(**READING),
    # The first generation's weights (18 M parameters): its rotary base, the reading stage's character classes.
    "first": Config(rope_theta=100.0, characters=READING["characters"]),
    "55m": Config(
        vision_depth=12,
        vision_hidden=384,
        vision_mlp=1152,
        vision_heads=6,
        vision_full=(3, 7, 11),
        text_layers=10,
        text_hidden=512,
        text_mlp=1408,
        heads=8,
        kv_heads=2,
        **READING,
    ),
}


def _qkv(x, cos, sin, norm, qw, qb, kw, kb, vw, vb, heads: int, kv: int):
    h = rms(x, norm)
    q = linear(h, qw, qb).view(x.shape[0], heads, -1)
    k = linear(h, kw, kb).view(x.shape[0], kv, -1)
    v = linear(h, vw, vb).view(x.shape[0], kv, -1)
    return rotate(q, cos, sin), rotate(k, cos, sin), v


def _rest(x, o, ow, norm, gw, uw, dw):
    x = x + linear(o, ow)
    h = rms(x, norm)
    return x + linear(F.silu(linear(h, gw)) * linear(h, uw), dw)


qkv, rest = _qkv, _rest


def compile_blocks() -> None:
    """Compiles the pieces around attention, once for all shapes; those of model.py's text, which only start an evaluation, stay as they are."""
    global qkv, rest
    torch._dynamo.config.recompile_limit = 64
    models.vision_qkv, models.vision_rest = torch.compile(models._vision_qkv, dynamic=True), torch.compile(models._vision_rest, dynamic=True)
    qkv, rest = torch.compile(_qkv, dynamic=True), torch.compile(_rest, dynamic=True)


def plain_blocks() -> None:
    """Takes the compiling back."""
    global qkv, rest
    qkv, rest = _qkv, _rest
    models.vision_qkv, models.vision_rest = models._vision_qkv, models._vision_rest


@lru_cache(None)
def statistics(device) -> tuple:
    """Mean and standard deviation of pixels, of the form (1, 3, 1, 1)."""
    return tuple(torch.tensor(v, device=device).view(1, 3, 1, 1) * 255 for v in (MEAN, STD))


def pixels(images: torch.Tensor, noise: float = 0.0) -> torch.Tensor:
    """uint8 (n, h, w, 3) -> (n, 3, h, w) of 0..255 in float32; noise: strength of random gain, offset and grain."""
    x = images.permute(0, 3, 1, 2).float()
    n, d = x.shape[0], x.device
    if noise:

        def u():
            return torch.rand(n, 1, 1, 1, device=d)

        x = x * (1 + 0.12 * (u() - 0.5)) + 16 * (u() - 0.5) + 255 * noise * u() * (u() < 0.5) * torch.randn_like(x)
        x = x.clamp_(0, 255)
    return x


def standard(x: torch.Tensor, dtype) -> torch.Tensor:
    """Pixels of 0..255 as the vision tower takes them."""
    mean, std = statistics(x.device)
    return ((x - mean) / std).to(dtype).contiguous()


def normalised(images: torch.Tensor, dtype, noise: float = 0.0) -> torch.Tensor:
    """uint8 (n, h, w, 3) -> normalised (n, 3, h, w)."""
    return standard(pixels(images, noise), dtype)


def _heads(k: torch.Tensor, groups: int) -> torch.Tensor:
    """(R, L, kv, hd) -> (R, heads, L, hd): every key head for its group of query heads."""
    R, L, kv, hd = k.shape
    return k[:, :, :, None].expand(R, L, kv, groups, hd).reshape(R, L, kv * groups, hd).transpose(1, 2)


def start_ids() -> list[int]:
    """Tokens before the image: no tool is offered."""
    return protocol.prompt_before_image(False)


@lru_cache(None)
def _before(device) -> torch.Tensor:
    return torch.tensor(start_ids(), device=device)


@lru_cache(None)
def start_positions(grid, before: int, device) -> tuple[torch.Tensor, int]:
    """M-RoPE positions (3, P) of prompt and image, and the position of what follows: as rows.Row makes them."""
    rows, columns = grid
    text = torch.arange(before, device=device)
    y = torch.arange(rows, device=device).repeat_interleave(columns) + before
    x = torch.arange(columns, device=device).repeat(rows) + before
    t = torch.full((rows * columns,), before, device=device)
    return torch.stack([torch.cat([text, t]), torch.cat([text, y]), torch.cat([text, x])]), before + max(rows, columns)


class _Embedding(torch.autograd.Function):
    """Rows of the table; the gradient is one matrix product with the ids as ones: faster than scattering into a table this small, and always the same."""

    @staticmethod
    def forward(context, ids, table, dtype):
        """ids (N,), table (vocabulary, T) -> (N, T)."""
        context.save_for_backward(ids)
        context.vocabulary, context.dtype = table.shape[0], table.dtype
        return F.embedding(ids, table).to(dtype)

    @staticmethod
    def backward(context, gradient):
        """The table's gradient."""
        (ids,) = context.saved_tensors
        ones = (ids[:, None] == torch.arange(context.vocabulary, device=ids.device)).to(gradient.dtype)
        return None, (ones.T @ gradient).to(context.dtype), None


def branches(model, visual: torch.Tensor, grid, groups: list[torch.Tensor]) -> list[torch.Tensor]:
    """Hidden states of branches: visual (n, tokens, T), each group's ids (n * k, L), a picture's k branches side by side -> (n * k, L, T) each."""
    c, d = model.c, visual.device
    n, dtype = visual.shape[0], visual.dtype
    table = model.get("model.language_model.embed_tokens.weight")
    before = _before(d)
    P = len(before) + visual.shape[1]
    positions, follows = start_positions(grid, len(before), d)
    x = torch.cat([_Embedding.apply(before, table, dtype)[None].expand(n, -1, -1), visual], 1).reshape(n * P, -1)
    parts, places = [x], [positions.repeat(1, n)]
    for ids in groups:
        parts.append(_Embedding.apply(ids.reshape(-1), table, dtype))
        places.append((follows + torch.arange(ids.shape[1], device=d)).repeat(ids.shape[0])[None].expand(3, -1))
    x = torch.cat(parts)
    cos, sin = (t[0, 0][:, None] for t in model.rope(torch.cat(places, 1)[:, None], dtype))
    sizes = [n * P] + [ids.numel() for ids in groups]
    share = c.heads // c.kv_heads
    for i in range(c.text_layers):
        g = model.layer(i)
        q, k, v = qkv(x, cos, sin, *g[:7], c.heads, c.kv_heads)
        qs, ks, vs = q.split(sizes), k.split(sizes), v.split(sizes)
        first_k, first_v = ks[0].view(n, P, c.kv_heads, -1), vs[0].view(n, P, c.kv_heads, -1)
        o = F.scaled_dot_product_attention(
            qs[0].view(n, P, c.heads, -1).transpose(1, 2), _heads(first_k, share), _heads(first_v, share), is_causal=True
        )
        out = [o.transpose(1, 2).reshape(n * P, -1)]
        for ids, q, k, v in zip(groups, qs[1:], ks[1:], vs[1:]):
            R, L = ids.shape
            times = R // n
            k, v = (
                torch.cat([a[:, None].expand(n, times, *a.shape[1:]).reshape(R, P, c.kv_heads, -1), b.view(R, L, c.kv_heads, -1)], 1)
                for a, b in ((first_k, k), (first_v, v))
            )
            o = F.scaled_dot_product_attention(
                q.view(R, L, c.heads, -1).transpose(1, 2), _heads(k, share), _heads(v, share), attn_mask=causal_lower_right(L, P + L)
            )
            out.append(o.transpose(1, 2).reshape(R * L, -1))
        x = rest(x, torch.cat(out), *g[7:])
    final = model.get("model.language_model.norm.weight")
    return [rms(h, final).view(*ids.shape, -1) for ids, h in zip(groups, x.split(sizes)[1:])]


def seen_characters(model, visual: torch.Tensor, labels: torch.Tensor) -> tuple:
    """The auxiliary loss of visual tokens (mean), and the characters named right: (loss, (right, count))."""
    head = linear(visual, model.auxiliary_characters.weight, model.auxiliary_characters.bias).view(-1, model.c.characters)
    labels = labels.view(-1).long()
    # most slots hold nothing; means by hand: a reduction inside cross_entropy runs on one multiprocessor
    weights = torch.where(labels < 0, 0.0, torch.where(labels == model.c.characters - 1, 0.05, 1.0))
    each = F.cross_entropy(head.float(), labels, reduction="none", ignore_index=-1)
    with torch.no_grad():
        text = (labels >= 0) & (labels < model.c.characters - 1)
        found = ((head.argmax(-1) == labels) & text).sum(), text.sum()
    return (each * weights).sum() / weights.sum().clamp(min=1e-6), found


def forward(model, slab: dict, dtype, noise: float = 0.0) -> dict:
    """Losses and counts of one slab, all tensors: loss (mean over the model's own tokens), auxiliary (mean), characters (right, count), and for each
    group of rows (loss, right, count)."""
    visual = model.vision(normalised(slab["images"], dtype, noise))
    auxiliary, characters = seen_characters(model, visual, slab["labels"])
    names = ("long", "short")
    hidden = branches(model, visual, slab["grid"], [slab[name]["ids"].long() for name in names])
    out = {"auxiliary": auxiliary, "characters": characters}
    loss, tokens = 0.0, 0
    for name, h in zip(names, hidden):
        target = slab[name]["target"][:, 1:].reshape(-1).long()
        logits = model.logits(h[:, :-1].reshape(-1, h.shape[-1])).float()
        part = F.cross_entropy(logits, target, reduction="none", ignore_index=-1).sum()
        with torch.no_grad():
            count = (target >= 0).sum()
            out[name] = part.detach(), (logits.argmax(-1) == target).sum(), count
        loss, tokens = loss + part, tokens + count
    return out | {"loss": loss / tokens}


def floating_operations(c: Config, n: int, grid, long: int, short: int, times: int) -> float:
    """Multiply-adds times two of a training step's matrix products, forward and backward, for the share of the GPU's peak in the log."""
    tokens = grid[0] * grid[1]
    patches = 4 * tokens
    D, T = c.vision_hidden, c.text_hidden
    block = 4 * D * D + 3 * D * c.vision_mlp
    full = len(c.vision_full)
    vision = (
        patches * (c.vision_depth * block + 588 * D)
        + tokens * (16 * D * D + 4 * D * T + T * c.slots * c.characters)
        + 2 * D * patches * (full * patches + (c.vision_depth - full) * min(patches, 64))
    )
    layer = T * (2 * c.heads + 2 * c.kv_heads) * c.head_dim + 3 * T * c.text_mlp
    rows = tokens + long + times * short
    attention = c.heads * c.head_dim * (tokens * tokens + 2 * long * (tokens + long / 2) + 2 * times * short * (tokens + short / 2))
    text = rows * c.text_layers * layer + c.text_layers * attention + (long + times * short) * T * c.vocab
    return 6.0 * n * (vision + text)
