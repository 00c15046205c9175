"""How well questions are answered at both sizes: held-out pictures with held-out phrasings, and the 78 questions about pictures of others (foreign/).

Greedy, no tool offered; right is what reward.py's judge calls so.
"""

import json
import multiprocessing
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from . import asking, generate
from .canvas import UNANSWERABLE
from .evaluate import grids
from .model import prepare, smart_size
from .reward import ExactMatch, normalise

SIZES = ((448, 336), (672, 448), (896, 672))
SEED = 20264
ASKED = 4  # questions a picture
PART = 12  # pictures of one rendering task
LARGEST = 1_200_000  # pixels of an outside picture; larger ones are made smaller, as the page's budget does
VIEWS = ("full", "half")


def _render(task) -> list[dict]:
    seed, size = task
    return asking.held_out(seed, size, PART, ASKED)


def start(count: int, workers: int):
    """Starts rendering the held-out pictures, `count` of each size; before CUDA starts. `.get()` of the result goes to `evaluate`."""
    tasks = [(SEED + i, size) for size in SIZES for i in range(max(1, count // PART))]
    pool = multiprocessing.get_context("fork").Pool(max(1, min(workers, len(tasks))))
    return pool.map_async(_render, tasks, chunksize=1)


@torch.no_grad()
def answers(model, pictures: list[np.ndarray], questions: list[list[str]], device: str, dtype) -> dict:
    """What the model says about pictures of one size, by view: lists of (answer, well formed), picture by picture."""
    height, width = pictures[0].shape[:2]
    full, half = prepare(torch.from_numpy(np.stack(pictures)).to(device), dtype)
    times = torch.tensor([len(q) for q in questions], device=device)
    out = {}
    for view, image, grid in zip(VIEWS, (full, half), reversed(grids((width, height)))):
        features = torch.repeat_interleave(model.vision(image), times, 0)
        turns = generate.one_round(model, features, grid, [q for asked in questions for q in asked], False, dtype)
        out[view] = [(t.answer, bool(t.valid)) for t in turns]
    return out


def summary(records: list[dict]) -> dict:
    """Shares right by view, of all, of each source and each kind; and how often something is said not to be there."""
    judge = ExactMatch()

    def right(rows, view):
        return round(float(np.mean([judge(r["question"], r[view] or "", r["answer"]) for r in rows])), 4) if rows else None

    def table(key):
        groups = defaultdict(list)
        for r in records:
            groups[r[key]].append(r)
        return {str(k): {"n": len(v), **{view: right(v, view) for view in VIEWS}} for k, v in sorted(groups.items())}

    there = [r for r in records if r["answer"] != UNANSWERABLE]
    gone = [r for r in records if r["answer"] == UNANSWERABLE]

    def absent(rows, view):
        return round(float(np.mean([normalise(r[view] or "") == UNANSWERABLE for r in rows])), 4) if rows else None

    return {
        "questions": len(records),
        **{view: right(records, view) for view in VIEWS},
        "absent_said": {view: absent(gone, view) for view in VIEWS},
        "absent_said_wrongly": {view: absent(there, view) for view in VIEWS},
        "malformed": {view: round(float(np.mean([not r[f"{view}_valid"] for r in records])), 4) for view in VIEWS} if records else {},
        "by_source": table("source"),
        "by_letters": table("letters"),
        "by_kind": table("kind"),
    }


def asked_of(model, entries: list[dict], device: str, dtype, chunk: int = 32) -> list[dict]:
    """Records of pictures of one size with their questions (asking.held_out)."""
    out = []
    entries = [e for e in entries if e["asked"]]
    for s in range(0, len(entries), chunk):
        part = entries[s : s + chunk]
        said = answers(model, [e["pixels"] for e in part], [[q for _, _, q, _ in e["asked"]] for e in part], device, dtype)
        flat = [(e.get("letters"), *a) for e in part for a in e["asked"]]
        for i, (letters, source, kind, question, answer) in enumerate(flat):
            record = {"source": source, "kind": kind, "letters": letters, "question": question, "answer": answer}
            for view in VIEWS:
                record[view], record[f"{view}_valid"] = said[view][i]
            out.append(record)
    return out


def outside(folder: Path, most: int | None = None) -> list[dict]:
    """The questions about pictures of others, in the form of held_out's; one entry a picture. Empty where the folder is not there."""
    file = folder / "questions.jsonl"
    if not file.exists():
        return []
    pictures: dict = {}
    for line in file.read_text().splitlines():
        q = json.loads(line)
        pictures.setdefault(q["image"], []).append(("outside", q["kind"], q["question"], q["answer"]))
    out = []
    for name, asked in list(pictures.items())[:most]:
        image = Image.open(folder / name).convert("RGB")
        share = min(1.0, (LARGEST / (image.width * image.height)) ** 0.5)
        if share < 1:
            image = image.resize((round(image.width * share), round(image.height * share)), Image.Resampling.LANCZOS)
        if min(smart_size(image.height // 2, image.width // 2)) >= 28:
            out.append({"pixels": np.array(image), "asked": asked})
    return out


def evaluate(model, rendered: list[list[dict]], folder: Path, device: str, dtype, keep: int = 60, most: int | None = None) -> dict:
    """Summaries of the held-out sets by size, of all of them, and of the outside questions, with wrong answers beside the right ones.

    most: outside pictures at most.
    """
    sets: dict = defaultdict(list)
    for part in rendered:
        for entry in part:
            sets["{1}x{0}".format(*entry["pixels"].shape[:2])].append(entry)
    out, every = {}, []
    for name, entries in sorted(sets.items()):
        records = asked_of(model, entries, device, dtype)
        out[name] = summary(records)
        every += records
    out["held out"] = summary(every) | {"wrong": [r for r in every if normalise(r["full"] or "") != normalise(r["answer"])][:keep]}
    records = []
    for entry in outside(folder, most):
        records += asked_of(model, [entry], device, dtype)
    generate._decoders.clear()
    if records:
        out["outside"] = summary(records) | {"answers": records}
    return out
