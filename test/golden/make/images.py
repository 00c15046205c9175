"""Writes ../images/: small image files, odd and broken ones among them, and ../images.json with the RGB pixels Pillow gives.

Needs Pillow with AVIF and numpy. Run from anywhere: python3 images.py
"""

import base64
import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps
from encoding import HEIGHT, WIDTH, encode, png_chunk, smooth_array
from odd_images import odd_images
from synthetic_image import synthetic_array

FOLDER = Path(__file__).resolve().parent.parent
IMAGES = FOLDER / "images"


def png_16_bit_rgb():
    """Pillow does not write 16-bit RGB. The low bytes are noise below one half, so rounding and truncating agree."""
    high = synthetic_array(WIDTH, HEIGHT, 5)
    samples = high.astype(np.uint32) * 257  # exact 8-bit values
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


def png_claiming(width, height):
    """A tiny file whose header claims a huge image."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\0" * 100)) + png_chunk(b"IEND", b"")


def good_images():
    smooth = Image.fromarray(smooth_array())
    noisy = Image.fromarray(synthetic_array(WIDTH, HEIGHT, 5))
    alpha = np.dstack([synthetic_array(WIDTH, HEIGHT, 6), synthetic_array(WIDTH, HEIGHT, 7)[:, :, 0]])
    alpha[:, :4, 3] = 0
    alpha[:, 4:8, 3] = 255
    palette = smooth.quantize(8)
    yield "rgb.png", encode(noisy, "PNG")
    yield "one-pixel.png", encode(Image.new("RGB", (1, 1), (12, 34, 56)), "PNG")
    yield "gray.png", encode(noisy.convert("L"), "PNG")
    yield "gray.jpg", encode(smooth.convert("L"), "JPEG", quality=95)
    yield "gray-alpha.png", encode(Image.fromarray(alpha).convert("LA"), "PNG")
    yield "alpha.png", encode(Image.fromarray(alpha), "PNG")
    yield "palette-transparent.png", encode(palette, "PNG", transparency=palette.getpixel((0, 0)))
    yield "sixteen-bit.png", png_16_bit_rgb()
    yield "interlaced.gif", encode(palette, "GIF", interlace=1)
    yield "animated.gif", encode(
        palette, "GIF", save_all=True, append_images=[Image.new("RGB", (WIDTH, HEIGHT), "black")] * 2, duration=100, loop=0
    )
    yield "animated.webp", encode(
        noisy, "WEBP", lossless=True, save_all=True, append_images=[Image.new("RGB", (WIDTH, HEIGHT))], duration=100
    )
    yield "lossless.webp", encode(noisy, "WEBP", lossless=True)
    yield "lossy.webp", encode(smooth, "WEBP", quality=95)
    yield "photo.avif", encode(smooth, "AVIF", quality=95, subsampling="4:4:4")
    yield "rgb.bmp", encode(noisy, "BMP")
    yield "rgb.tiff", encode(noisy, "TIFF")
    yield "baseline.jpg", encode(smooth, "JPEG", quality=95, subsampling=0)
    yield "progressive.jpg", encode(smooth, "JPEG", quality=95, subsampling=0, progressive=True)
    yield "cmyk.jpg", encode(smooth.convert("CMYK"), "JPEG", quality=95)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"orientation-{orientation}.jpg", encode(smooth, "JPEG", quality=95, subsampling=0, exif=exif)


def bad_images():
    large = Image.fromarray(synthetic_array(96, 64, 8))
    for name, kind, options in (("jpg", "JPEG", {"quality": 90}), ("png", "PNG", {}), ("webp", "WEBP", {}), ("gif", "GIF", {})):
        whole = encode(large.quantize(64) if kind == "GIF" else large, kind, **options)
        yield f"truncated.{name}", whole[: len(whole) * 6 // 10]
    whole = encode(large, "PNG")
    middle = len(whole) // 2
    yield "corrupt.png", whole[:middle] + bytes(64) + whole[middle + 64 :]
    yield "huge.png", png_claiming(20000, 20000)
    yield "text.png", b"This is a text file that somebody renamed.\n"
    yield "empty.png", b""


SVGS = {
    "drawing.svg": '<?xml version="1.0"?>\n<!-- a drawing -->\n<svg xmlns="http://www.w3.org/2000/svg" width="24" height="16">'
    '<rect width="12" height="16" fill="#ff0000"/></svg>\n',
    "viewbox-only.svg": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 32"><rect width="48" height="32" fill="#0000ff"/></svg>\n',
    "broken.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="16"><rect width="12"\n',
    "huge.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="30000" height="30000"><rect width="12" height="9"/></svg>\n',
}


def as_pillow_reads(data):
    """Orientation applied, alpha composited on white, first frame, RGB."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    rows = []
    for name, data, *whole in [*good_images(), *odd_images()]:
        (IMAGES / name).write_bytes(data)
        rgb = as_pillow_reads(*(whole or [data]))
        rows.append([name, rgb.width, rgb.height, base64.b64encode(rgb.tobytes()).decode()])
    for name, data in bad_images():
        (IMAGES / name).write_bytes(data)
    for name, text in SVGS.items():
        (IMAGES / name).write_text(text)
    lines = ",\n    ".join(json.dumps(row) for row in rows)
    (FOLDER / "images.json").write_text(
        '{\n  "madeBy": ' + json.dumps(f"Pillow {PIL.__version__}, test/golden/make/images.py")
        + ',\n  "columns": ["file", "width", "height", "rgb"],\n  "cases": [\n    ' + lines + "\n  ]\n}\n"
    )
