"""Greedy evaluation of one model in its three modes, per question and in summary."""

import multiprocessing
from collections import defaultdict

import numpy as np
import torch

from . import generate, testset
from .model import prepare, smart_size
from .reward import normalise


def _render(args):
    i, split = args
    q = testset.item(i, split)
    return q.id, np.asarray(q.image), q.question, q.answer, q.family, q.kind, q.detail, q.size


def render_set(count: int, split: str, workers: int, start: int = 0):
    """Starts rendering; call before CUDA starts. The result of `.get()` goes to `evaluate`."""
    pool = multiprocessing.get_context("fork").Pool(workers)
    return pool.map_async(_render, [(i, split) for i in range(start, start + count)], chunksize=8)


def grids(size):
    """(half, full) grids in visual tokens of a source size (width, height)."""
    w, h = size
    return tuple(s // 28 for s in smart_size(h // 2, w // 2)), tuple(s // 28 for s in smart_size(h, w))


def evaluate(model, items, device: str, dtype, modes=("half", "full", "smart"), chunk: int = 64) -> list[dict]:
    """One record a question: what each mode answered, whether it was right, whether smart called, whether all was well formed."""
    by_size = defaultdict(list)
    for it in items:
        by_size[it[7]].append(it)
    records = []
    for size, group in by_size.items():
        half_grid, full_grid = grids(size)
        for s in range(0, len(group), chunk):
            part = group[s:s + chunk]
            with torch.no_grad():
                images = torch.from_numpy(np.stack([p[1] for p in part])).to(device)
                full, half = prepare(images, dtype)
                f, h = model.vision(full), model.vision(half)
            questions = [p[2] for p in part]
            results = {}
            if "half" in modes:
                results["half"] = generate.one_round(model, h, half_grid, questions, False, dtype)
            if "full" in modes:
                results["full"] = generate.one_round(model, f, full_grid, questions, False, dtype)
            if "full_tool" in modes:
                results["full_tool"] = generate.one_round(model, f, full_grid, questions, True, dtype)
            if "smart" in modes:
                results["smart"] = generate.turns(model, h, f, (half_grid, full_grid), questions, 1, 0.0, dtype)
            for k, p in enumerate(part):
                r = {"id": p[0], "question": p[2], "answer": p[3], "family": p[4], "kind": p[5], "detail": round(float(p[6]), 2), "size": p[7],
                     "half_tokens": half_grid[0] * half_grid[1], "full_tokens": full_grid[0] * full_grid[1]}
                for mode, out in results.items():
                    o = out[k]
                    r[mode] = {"answer": o.answer, "right": o.answer is not None and normalise(o.answer) == normalise(p[3]), "valid": bool(o.valid),
                               "called": bool(o.called), "texts": o.texts}
                records.append(r)
    return sorted(records, key=lambda r: r["id"])


def summary(records: list[dict]) -> dict:
    """The numbers of the report's table for a set of records."""
    def right(mode, rows):
        return round(100 * float(np.mean([r[mode]["right"] for r in rows])), 2) if rows else None
    median = float(np.median([r["detail"] for r in records]))
    hard_half = [r for r in records if r["detail"] <= median]
    called = np.array([r["smart"]["called"] for r in records])
    half_right = np.array([r["half"]["right"] for r in records])
    full_right = np.array([r["full"]["right"] for r in records])
    tokens = np.array([r["half_tokens"] for r in records]) + called * np.array([r["full_tokens"] for r in records])
    out = {
        "questions": len(records), "half": right("half", records), "full": right("full", records), "smart": right("smart", records),
        "calls": round(100 * float(called.mean()), 2),
        "tokens_share": round(100 * float(tokens.sum() / sum(r["full_tokens"] for r in records)), 2),
        "calls_where_half_right": round(100 * float(called[half_right].mean()), 2) if half_right.any() else None,
        "calls_where_half_wrong": round(100 * float(called[~half_right].mean()), 2) if (~half_right).any() else None,
        "calls_where_only_full_right": round(100 * float(called[~half_right & full_right].mean()), 2) if (~half_right & full_right).any() else None,
        "malformed": round(100 * float(np.mean([not r["smart"]["valid"] for r in records])), 2),
        "hard_half": {"questions": len(hard_half), "median_detail": median, "half": right("half", hard_half), "full": right("full", hard_half),
                      "smart": right("smart", hard_half)},
    }

    def table(key):
        rows = defaultdict(list)
        for r in records:
            rows[key(r)].append(r)
        return {str(k): {"n": len(v), "half": right("half", v), "full": right("full", v), "smart": right("smart", v),
                         "calls": round(100 * float(np.mean([r["smart"]["called"] for r in v])), 1)} for k, v in sorted(rows.items())}
    out["by_family"] = table(lambda r: r["family"])
    out["by_kind"] = table(lambda r: f"{r['family']}/{r['kind']}")
    edges = (8.5, 10, 16, 20, 26, 36)
    out["by_detail"] = table(lambda r: next((f"{i} under {e:g} px" for i, e in enumerate(edges) if r["detail"] < e), f"{len(edges)} {edges[-1]} px and more"))
    return out

