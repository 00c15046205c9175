"""Pictures of the test set with all their questions, to choose the page's examples from: `python -m nano.examples OUT ID...`.

Writes images and questions.jsonl as `check-answers` reads them; public/examples/examples.json is then written by hand.
"""

import json
import random
import sys
from pathlib import Path

from .data import WEIGHTS, pick_size, render
from .testset import HARD_SHARE


def main(out: str, ids: list[int]) -> None:
    """Writes the folder."""
    folder = Path(out)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    with open(folder / "questions.jsonl", "w") as lines:
        for i in ids:
            rng = random.Random(f"test-{i}")  # as testset.item draws it
            hard = rng.random() < HARD_SHARE
            while True:
                picture = render(rng, "test", pick_size(rng), hard, rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0])
                if any(q.hard == hard for q in picture.questions):
                    break
            picture.image.save(folder / f"images/{i:05d}.png", optimize=True)
            for k, q in enumerate(picture.questions):
                lines.write(json.dumps({"id": f"{i}-{k}", "image": f"images/{i:05d}.png", "question": q.text, "answer": q.answer,
                                        "meta": [picture.family, round(q.detail, 2), q.kind]}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], [int(i) for i in sys.argv[2:]])
