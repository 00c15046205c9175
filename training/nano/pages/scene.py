"""Text in a scene: a sign seen from an angle before a ground with a texture, under uneven light."""

import random

import numpy as np
from PIL import Image

from ..facts import Fact, numbered
from .sheet import NONE, Sheet, fonts


def ground(width: int, height: int, rng: random.Random) -> np.ndarray:
    """A texture (height, width, 3) float32: clouds of several sizes between two colours, bricks or planks over them, grain."""
    chance = np.random.default_rng(rng.getrandbits(32))
    a, b = (np.array([rng.randint(20, 235) for _ in range(3)], np.float32) for _ in range(2))
    b = a + (b - a) * rng.uniform(0.1, 0.8)
    clouds = np.zeros((height, width), np.float32)
    for cells in (3, 7, 17, 41):
        small = Image.fromarray(chance.random((cells, cells), np.float32))
        clouds += np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)) / (1 + cells / 6)
    clouds = (clouds - clouds.min()) / max(1e-6, float(np.ptp(clouds)))
    out = a + (b - a) * clouds[..., None]
    k = rng.random()
    if k < 0.4:
        high, wide = rng.randint(14, 60), rng.randint(30, 160) if k < 0.25 else 10**6
        y, x = np.mgrid[:height, :width]
        shift = (y // high % 2) * (wide // 2)
        out[(y % high < 2) | ((x + shift) % wide < 2)] *= rng.uniform(0.5, 0.85)
    return out + rng.uniform(0, 9) * chance.standard_normal((height, width, 1), np.float32)


def homography(corners: list[tuple[float, float]], size: tuple[int, int]) -> np.ndarray:
    """(3, 3) that maps a sign's own pixels to the picture's: its corners (from the upper left, clockwise) go where `corners` says."""
    w, h = size
    rows, right = [], []
    for (x, y), (u, v) in zip(((0, 0), (w, 0), (w, h), (0, h)), corners):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return np.append(np.linalg.solve(np.array(rows, float), np.array(right, float)), 1.0).reshape(3, 3)


def mapped(points: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Points (n, 2) moved by a homography."""
    p = np.concatenate([points, np.ones((len(points), 1))], 1) @ by.T
    return p[:, :2] / p[:, 2:]


def scene(rng: random.Random, split: str, size: tuple[int, int]):
    """(picture, characters, lines as lists of pieces, smallest cap height, facts) as draw_page gives them; None where nothing fits."""
    width, height = size
    w, h = round(width * rng.uniform(0.45, 0.85)), round(height * rng.uniform(0.3, 0.8))
    sign = Sheet(w, h, split, rng, rng.choice((1.0, 1.5)))
    r = rng
    if r.random() < 0.3:  # white on a strong colour, as on a road
        sign.paper = tuple(r.choice((20, 60, 130, 190)) for _ in range(3))
        sign.image.paste(sign.paper, (0, 0, *sign.image.size))
    if r.random() < 0.6:
        sign.box(3, 3, w - 4, h - 4, outline=sign.readable_on(sign.paper), radius=r.choice((0, 6, 14)), width=r.choice((1, 2, 4)))
    sign.head_font = r.choice(fonts(split)["all"])
    texts, y = [], h * 0.08
    for _ in range(r.choice((1, 1, 2, 2, 3))):
        font = min(h * r.uniform(0.16, 0.42), 90)
        style = sign.style(font, "head", colour=sign.readable_on(sign.paper))
        source = r.choice((sign.write.title, sign.write.title, sign.write.word, sign.write.token, lambda: sign.write.words(1, 3), sign.write.address))
        text = sign.fit(source(), style, w * 0.88)
        if y + font * 1.25 > h * 0.95 or not text:
            break
        if line := sign.put(w / 2, y + font, text, style, "m"):
            texts.append(line.text)
        y += font * r.uniform(1.2, 1.5)
    if not texts:
        return None
    image, characters = sign.finish()
    left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
    lean = min(w, h) * rng.choice((0.0, 0.04, 0.1, 0.18))
    corners = [
        (min(width - 2.0, max(1.0, left + x + rng.uniform(-lean, lean))), min(height - 2.0, max(1.0, top + y + rng.uniform(-lean, lean))))
        for x, y in ((0, 0), (w, 0), (w, h), (0, h))
    ]
    to = homography(corners, (w, h))
    back = np.linalg.inv(to)
    back /= back[2, 2]
    warped = image.convert("RGBA").transform(size, Image.Transform.PERSPECTIVE, back.reshape(-1)[:8].tolist(), Image.Resampling.BICUBIC)
    behind = Image.fromarray(ground(width // 2, height // 2, rng).clip(0, 255).astype(np.uint8))
    pixels, shape = np.asarray(behind.resize(size, Image.Resampling.BILINEAR), np.float32), np.asarray(warped, np.float32)
    alpha = shape[..., 3:] / 255
    pixels = pixels * (1 - alpha) + shape[..., :3] * alpha
    if rng.random() < 0.6:  # light falls off to one side
        slope = (
            np.linspace(rng.uniform(0.6, 1), rng.uniform(0.8, 1.15), width)[None, :, None]
            * np.linspace(1, rng.uniform(0.8, 1.1), height)[:, None, None]
        )
        pixels = pixels * slope
    if len(characters):
        centre = mapped(characters[:, :2], to)
        up = mapped(characters[:, :2] - np.stack([np.zeros(len(characters)), characters[:, 3]], 1), to)
        characters = characters.copy()
        characters[:, 3] = np.linalg.norm(up - centre, axis=1)
        characters[:, :2] = centre
    smallest = float(characters[:, 3].min()) if len(characters) else 0.0
    if smallest < 7 or (characters[:, 2] == NONE).any():
        return None
    facts = [Fact("sign", " ".join(texts))] if len(texts) == 1 else [Fact("sign_line", t, (), n) for t, n in numbered(texts, whole=True)]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), characters, [[t] for t in texts], smallest, facts
