"""Writes ../resample.json and ../half-resolution.json: SHA-256 of what Pillow's Image.resize gives for synthetic images.

Needs Pillow and numpy. Run from anywhere: python3 resample.py
"""

import hashlib
import json
import math
import random
from pathlib import Path

import PIL
from PIL import Image
from synthetic_image import synthetic_image

FOLDER = Path(__file__).resolve().parent.parent
FILTERS = {"lanczos": Image.Resampling.LANCZOS, "bicubic": Image.Resampling.BICUBIC}
MAX_AREA = 260_000  # of a random case's input, output and intermediate image: keeps the test short


def sha(image):
    return hashlib.sha256(image.tobytes()).hexdigest()


def random_side(rng):
    """Log-uniform, so that small sides are as common as large ones."""
    return min(2000, int(math.exp(rng.uniform(0, math.log(2001)))))


def size_pairs():
    rng = random.Random(20250713)
    pairs = []
    while len(pairs) < 200:
        w, h, to_w, to_h = (random_side(rng) for _ in range(4))
        if max(w * h, to_w * to_h, to_w * h) <= MAX_AREA:
            pairs.append((w, h, to_w, to_h))
    # extremes, unchanged axes, exact halves, and a few large ones
    pairs += [(1, 1, 1, 1), (1, 1, 97, 53), (2000, 1, 1, 2000), (1, 2000, 2000, 1), (2000, 3, 11, 3), (3, 2000, 3, 11)]
    pairs += [(2000, 2, 2000, 90), (2, 2000, 90, 2000), (64, 64, 64, 31), (64, 64, 31, 64), (1, 2000, 1, 1999)]
    pairs += [(100, 60, 50, 30), (101, 61, 50, 30), (1022, 700, 511, 350), (2000, 1500, 28, 28), (1999, 1201, 999, 600)]
    pairs += [(28, 28, 1204, 1204), (1000, 1000, 1008, 1008), (1400, 900, 1400, 896), (900, 1400, 896, 1400)]
    return pairs


def resample_cases():
    cases = []
    for index, (w, h, to_w, to_h) in enumerate(size_pairs()):
        for name in FILTERS if index % 4 == 0 else [list(FILTERS)[index % 2]]:
            seed = 1000 + index
            cases.append([w, h, to_w, to_h, name, seed, sha(synthetic_image(w, h, seed).resize((to_w, to_h), FILTERS[name]))])
    return cases


def prepared(image, half):
    """VisionThink's steps before the processor."""
    if half:
        image = image.resize((max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.LANCZOS)
    if image.width < 28 or image.height < 28:
        scale = max(28 / image.width, 28 / image.height)
        image = image.resize((int(image.width * scale), int(image.height * scale)), Image.Resampling.LANCZOS)
    return image


def half_cases():
    sizes = [(640, 480), (641, 479), (1, 1), (2, 3), (27, 27), (27, 500), (55, 55), (56, 56), (57, 111), (31, 1000)]
    sizes += [(1280, 40), (13, 700), (1021, 767), (29, 28), (28, 27)]
    cases = []
    for index, (w, h) in enumerate(sizes):
        for half in (True, False):
            result = prepared(synthetic_image(w, h, 50 + index), half)
            cases.append([w, h, 50 + index, "half" if half else "full", result.width, result.height, sha(result)])
    return cases


def write(name, **content):
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in content.items() if key != "cases"]
    rows = ",\n    ".join(json.dumps(row) for row in content["cases"])
    (FOLDER / name).write_text("{\n  " + ",\n  ".join(lines) + ',\n  "cases": [\n    ' + rows + "\n  ]\n}\n")


if __name__ == "__main__":
    write("resample.json", madeBy=f"Pillow {PIL.__version__}, test/golden/make/resample.py",
          columns=["width", "height", "toWidth", "toHeight", "filter", "seed", "sha256"], cases=resample_cases())
    write("half-resolution.json", madeBy=f"Pillow {PIL.__version__}, test/golden/make/resample.py",
          columns=["width", "height", "seed", "resolution", "toWidth", "toHeight", "sha256"], cases=half_cases())
