"""How well a model reads held-out pages: characters wrong and words found, by greedy decoding of whole pages."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from . import protocol, read_model, reading
from .read_model import normalised, start_ids, start_positions
from .reading_tasks import Task

HELD_OUT_SIZES = ((448, 336), (672, 448), (896, 672))
SEED = 20261


def distance(a: str, b: str) -> int:
    """Levenshtein's distance."""
    if not a or not b:
        return len(a) + len(b)
    y = np.frombuffer(b.encode("utf-32-le"), np.uint32)
    row = np.arange(len(b) + 1)
    steps = np.arange(len(b) + 1)
    for i, c in enumerate(a):
        following = np.empty_like(row)
        following[0] = i + 1
        following[1:] = np.minimum(row[1:] + 1, row[:-1] + (y != ord(c)))
        row = np.minimum.accumulate(following - steps) + steps  # insertions, all at once
    return int(row[-1])


def plain(text: str) -> str:
    """A text with single spaces: line breaks and spaces count the same."""
    return " ".join(text.split())


def compare(read: str, truth: str) -> dict:
    """Errors of one page: characters wrong (Levenshtein; more than the page has where an answer does not end), words found."""
    read, truth = plain(read), plain(truth)
    a, b = Counter(read.split()), Counter(truth.split())
    return {"characters": len(truth), "wrong": distance(read, truth), "words": sum(b.values()), "found": sum((a & b).values())}


@torch.no_grad()
def read_pages(model, images: torch.Tensor, dtype, question: str = "Read the text.", most: int = reading.HELD_OUT + 40) -> list[str]:
    """What the model answers on pictures of one size (n, h, w, 3 uint8), greedily, at most `most` tokens."""
    d, n = images.device, images.shape[0]
    grid = images.shape[1] // 28, images.shape[2] // 28
    visual = model.vision(normalised(images, dtype))
    before = start_ids()
    after = protocol.prompt_after_image(question) + reading.BEFORE
    positions, follows = start_positions(grid, len(before), d)
    start = torch.tensor(before + [protocol.IMAGE_PAD] * visual.shape[1] + after, device=d)
    positions = torch.cat([positions, (follows + torch.arange(len(after), device=d))[None].expand(3, -1)], 1)
    P = len(start)
    hidden, kept = model.text(model.embed(start[None].expand(n, -1), visual, protocol.IMAGE_PAD), positions[:, None].expand(-1, n, -1), cache=True)
    token = model.logits(hidden[:, -1]).argmax(-1)
    room = P + most
    keys, values = ([torch.zeros(n, k.shape[1], room, k.shape[3], device=d, dtype=k.dtype) for k, _ in kept] for _ in range(2))
    for (k, v), ks, vs in zip(kept, keys, values):
        ks[:, :, :P], vs[:, :, :P] = k, v
    mask = torch.full((n, 1, 1, room), float("-inf"), device=d, dtype=dtype)
    mask[..., :P] = 0
    tokens = []
    done = torch.zeros(n, dtype=torch.bool, device=d)
    for i in range(most):
        done |= token == protocol.IM_END
        tokens.append(torch.where(done, protocol.IM_END, token))
        if i % 32 == 31 and bool(done.all()):
            break
        mask[..., P + i] = 0
        at = torch.full((n,), P + i, device=d, dtype=torch.long)
        token = model.step(token, torch.full((n,), follows + len(after) + i, device=d), keys, values, at, mask).argmax(-1)
    out = []
    for row in torch.stack(tokens, 1).tolist():
        text = protocol.decode(row[: row.index(protocol.IM_END)] if protocol.IM_END in row else row)
        out.append(text.split("</answer>")[0])
    return out


def summary(records: list[dict]) -> dict:
    """Shares over all pages."""
    total = {k: sum(r[k] for r in records) for k in ("characters", "wrong", "words", "found")}
    capped = sum(min(r["wrong"], r["characters"]) for r in records)  # an answer that does not end counts no more than none
    return {
        "pages": len(records),
        "characters_wrong": total["wrong"] / max(1, total["characters"]),
        "characters_wrong_capped": capped / max(1, total["characters"]),
        "word_recall": total["found"] / max(1, total["words"]),
        "pages_without_error": sum(r["wrong"] == 0 for r in records) / max(1, len(records)),
    }


@torch.no_grad()
def next_right(model, images: torch.Tensor, texts: list[str], dtype) -> tuple[int, int]:
    """(right, all): characters that are the model's first choice where all before them are given. Tells models apart before they can read alone."""
    rows = [reading.row(Task("Read the text.", t)) for t in texts]
    packed = reading.pack(rows, -(-max(len(ids) for ids, _ in rows) // 64) * 64)
    ids, target = (torch.from_numpy(packed[k]).to(images.device).long() for k in ("ids", "target"))
    (hidden,) = read_model.branches(model, model.vision(normalised(images, dtype)), (images.shape[1] // 28, images.shape[2] // 28), [ids])
    chosen = model.logits(hidden[:, :-1]).argmax(-1)
    return int((chosen == target[:, 1:]).sum()), int((target[:, 1:] >= 0).sum())


def evaluate(model, sets: list, device: str, dtype, keep: int = 6) -> dict:
    """sets: (name, pictures, texts). Returns by name the summary and the first answers beside the truth.

    Pages of one size are read together, whatever their set: a longer batch takes no longer.
    """
    found: dict = {name: ([], [], [0, 0]) for name, _, _ in sets}
    shapes: dict = {}
    for name, images, texts in sets:
        shapes.setdefault(images.shape[1:], []).extend((name, image, text) for image, text in zip(images, texts))
    for pages in shapes.values():
        for s in range(0, len(pages), 96):
            part = pages[s : s + 96]
            answers = read_pages(model, torch.from_numpy(np.stack([image for _, image, _ in part])).to(device), dtype)
            for (name, _, text), answer in zip(part, answers):
                records, samples, _ = found[name]
                records.append(compare(answer, text))
                if len(samples) < keep:
                    samples.append({"read": answer, "truth": text})
    out = {}
    for name, images, texts in sets:
        records, samples, count = found[name]
        for s in range(0, len(texts), 64):
            a, b = next_right(model, torch.from_numpy(images[s : s + 64]).to(device), texts[s : s + 64], dtype)
            count[0], count[1] = count[0] + a, count[1] + b
        out[name] = summary(records) | {"next_right": count[0] / max(1, count[1]), "samples": samples}
    return out


def held_out_sets(count: int) -> list:
    """The synthetic held-out pages, by size: fonts, words and sentences of the test split; apart from these lines that look alike and
    documentation, and some large pages."""
    sets = [(f"{w}x{h}", *reading.held_out(SEED, (w, h), count)) for w, h in HELD_OUT_SIZES]
    sets.append(("alike 672x448", *reading.held_out(SEED, (672, 448), count // 2, names=("listing", "reference"))))
    return sets + [("1344x896", *reading.held_out(SEED, (1344, 896), count // 4))]


def real_sets(folder: Path) -> list:
    """Pages a browser drew (`web.py evaluation`), where the folder exists: pictures of one size in each set, texts from the DOM."""
    if not (folder / "pages.json").exists():
        return []
    from PIL import Image

    groups: dict = {}
    for e in json.loads((folder / "pages.json").read_text()):
        image = np.asarray(Image.open(folder / e["file"]).convert("RGB"))
        kind = "browser" if e["source"] == "own HTML" else "documentation"
        groups.setdefault((kind, image.shape[:2]), []).append((image, e["text"]))
    return [(f"{kind} {w}x{h}", np.stack([i for i, _ in pages]), [t for _, t in pages]) for (kind, (h, w)), pages in sorted(groups.items())]
