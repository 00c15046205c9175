"""What images.py and odd_images.py draw and encode with."""

import io
import struct
import zlib

import numpy as np

WIDTH, HEIGHT = 24, 16


def smooth_array(width=WIDTH, height=HEIGHT):
    """Four coloured quarters with a gradient: survives JPEG, and every orientation of it looks different."""
    y, x = np.mgrid[0:height, 0:width]
    left, top = x < width // 2, y < height // 2
    red = np.where(left, 200, 30) + x
    green = np.where(top, 180, 20) + y
    blue = np.where(left & top, 10, 160) + x // 2
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)


def encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
