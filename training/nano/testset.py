"""The test and validation sets: question i is a function of i alone."""

import json
import random
from dataclasses import dataclass
from pathlib import Path

from .data import WEIGHTS, pick_size, render

HARD_SHARE = 0.25  # of the mixed set: questions that need the full image


@dataclass
class Item:
    """One test question with its picture (PIL) and what the report groups by."""
    id: int
    image: object
    question: str
    answer: str
    family: str
    kind: str
    detail: float
    size: tuple[int, int]


def item(i: int, split: str = "test") -> Item:
    """Renders question i of a split."""
    rng = random.Random(f"{split}-{i}")
    want_hard = rng.random() < HARD_SHARE
    while True:
        size = pick_size(rng)
        family = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        try:
            picture = render(rng, split, size, want_hard, family)
        except ValueError:  # nothing of the family fits into the size
            continue
        pool = [q for q in picture.questions if q.hard == want_hard]
        if pool:
            q = rng.choice(pool)
            return Item(i, picture.image, q.text, q.answer, family, q.kind, q.detail, size)


def write(folder: str, count: int, split: str = "test", start: int = 0) -> None:
    """Writes questions.jsonl and images/ as our command line's check reads them."""
    out = Path(folder)
    (out / "images").mkdir(parents=True, exist_ok=True)
    with open(out / "questions.jsonl", "w") as lines:
        for i in range(start, start + count):
            q = item(i, split)
            name = f"images/{i:05d}.png"
            q.image.save(out / name)
            lines.write(json.dumps({"id": i, "image": name, "question": q.question, "answer": q.answer,
                                    "meta": [q.family, round(q.detail, 2), q.kind]}) + "\n")


if __name__ == "__main__":
    import sys
    write(sys.argv[1], int(sys.argv[2]), *(sys.argv[3:4] or ["test"]))
