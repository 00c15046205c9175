"""What happens to pictures on their way to a reader: compression, blur, colour fringes, noise, light, shifted pixels."""

import io
import random

import numpy as np
from PIL import Image, ImageFilter


def fringes(pixels: np.ndarray) -> np.ndarray:
    """Red and blue moved by a third of a pixel to either side, as on displays that draw letters with sub-pixels."""
    p = pixels.astype(np.float32)
    out = p.copy()
    out[:, 1:, 0] = p[:, 1:, 0] * (2 / 3) + p[:, :-1, 0] * (1 / 3)
    out[:, :-1, 2] = p[:, :-1, 2] * (2 / 3) + p[:, 1:, 2] * (1 / 3)
    return out.astype(np.uint8)


def wear(image: Image.Image, smallest: float, rng: random.Random) -> Image.Image:
    """One of the usual fates; the smaller the smallest capitals (pixels), the gentler. A third of the pictures stay as they are."""
    k = rng.random()
    small = smallest < 9
    if k < 0.12:
        image = Image.fromarray(fringes(np.asarray(image)))
    elif k < 0.18 and not small:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9)))
    elif k < 0.22:
        image = image.filter(ImageFilter.UnsharpMask(1.0, rng.randint(40, 120), 2))
    if rng.random() < 0.3:
        data = io.BytesIO()
        image.save(data, "JPEG", quality=rng.randint(70, 95) if small else rng.randint(35, 95), subsampling=rng.choice((0, 2)))
        image = Image.open(data).convert("RGB")
    return image
