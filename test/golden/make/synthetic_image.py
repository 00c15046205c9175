"""Images made from a seed, the same bytes as test/helpers/synthetic-image.ts makes."""

import numpy as np
from PIL import Image


def mix(value):
    """Scrambles 32 bits (the finaliser of MurmurHash3)."""
    bits = value.astype(np.uint32)
    bits = (bits ^ (bits >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    bits = (bits ^ (bits >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return bits ^ (bits >> np.uint32(16))


def synthetic_array(width, height, seed):
    """uint8 [height, width, 3]"""
    y = np.arange(height, dtype=np.int64)[:, None, None]
    x = np.arange(width, dtype=np.int64)[None, :, None]
    c = np.arange(3, dtype=np.int64)[None, None, :]
    block = mix((y >> 3) * 4096 + (x >> 3) + seed).astype(np.int64)  # [height, width, 1]
    noise = mix(((y * width + x) * 3 + c) ^ seed).astype(np.int64)
    smooth = (x * (c + 1) + y * (3 - c)) & 255
    flat = (block >> (8 * c + 2)) & 255
    kind = np.broadcast_to(block & 3, noise.shape)
    value = np.select([kind == 0, kind == 1, kind == 2], [smooth, noise & 255, (noise & 1) * 255], flat)
    return value.astype(np.uint8)


def synthetic_image(width, height, seed):
    return Image.fromarray(synthetic_array(width, height, seed))
