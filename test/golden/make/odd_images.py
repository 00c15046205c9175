"""Odd but readable image files: orientation in every container, first frames, lost ends, bitmaps, CMYK. Used by images.py.

Each case is a name and the file's bytes. A third value stands for files that Pillow refuses although every pixel is there: the
whole file, whose pixels are right.
"""

import struct
import zlib

import numpy as np
from PIL import Image, PngImagePlugin
from encoding import HEIGHT, WIDTH, encode, png_chunk, smooth_array
from synthetic_image import synthetic_array

ORIENTATION = 0x0112


def exif(orientation):
    block = Image.Exif()
    block[ORIENTATION] = orientation
    return block


def xmp(orientation):
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{orientation}"/></rdf:RDF></x:xmpmeta>'
    )


def png_info(keyword, text, **options):
    info = PngImagePlugin.PngInfo()
    (info.add_itxt if keyword.startswith("XML") else info.add_text)(keyword, text, **options)
    return info


def orientations(smooth, noisy):
    avif = {"quality": 95, "subsampling": "4:4:4"}
    jpeg = {"quality": 95, "subsampling": 0}
    for orientation in (2, 3, 4, 5, 6, 7, 8):
        yield f"orientation-{orientation}.webp", encode(noisy, "WEBP", lossless=True, exif=exif(orientation))
    for orientation in (3, 5, 6):
        yield f"orientation-{orientation}.png", encode(noisy, "PNG", exif=exif(orientation))
        yield f"orientation-{orientation}.avif", encode(smooth, "AVIF", **avif, exif=exif(orientation))
        yield f"orientation-{orientation}.tiff", encode(noisy, "TIFF", exif=exif(orientation))
    whole = encode(noisy, "PNG")
    yield "exif-after-pixels.png", whole[:-12] + png_chunk(b"eXIf", exif(6).tobytes()[6:]) + whole[-12:]
    profile = exif(6).tobytes()
    text = f"\nexif\n{len(profile):8d}\n{profile.hex()}\n"
    yield "exif-as-text.png", encode(noisy, "PNG", pnginfo=png_info("Raw profile type exif", text, zip=True))
    yield "xmp.png", encode(noisy, "PNG", pnginfo=png_info("XML:com.adobe.xmp", xmp(6), zip=True))
    yield "xmp.jpg", encode(smooth, "JPEG", **jpeg, xmp=xmp(6).encode())
    yield "xmp.webp", encode(noisy, "WEBP", lossless=True, xmp=xmp(6).encode())
    yield "xmp.avif", encode(smooth, "AVIF", **avif, xmp=xmp(6).encode())


def gif(screen, offset, image, palette=None, local=None, transparent=None, interlace=0, before=b"", tail=b"\0;"):
    """A GIF of one frame of up to 8 colours at an offset on the screen; tables have 8 entries."""
    body = encode(image, "GIF", interlace=interlace)
    frame = body.index(b",", 13 + (3 << (body[10] & 7) + 1 if body[10] & 128 else 0))
    data = frame + 10 + (3 << (body[frame + 9] & 7) + 1 if body[frame + 9] & 128 else 0)
    out = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x82 if palette else 0, 3, 0) + (palette or b"") + before
    if transparent is not None:
        out += b"!\xf9\4\1\0\0" + bytes([transparent, 0])
    out += b"," + struct.pack("<HHHHB", *offset, *image.size, (0x82 if local else 0) | (0x40 if interlace else 0))
    return out + (local or b"") + body[data:-2] + tail


def gifs(smooth):
    image = smooth.quantize(8)
    table = bytes(image.getpalette()[:24]).ljust(24, b"\0")
    other = table[::-1]
    whole, part = ((WIDTH, HEIGHT), (0, 0)), ((30, 20), (5, 3))
    yield "part-frame.gif", gif(*part, image, table)
    yield "part-frame-local.gif", gif(*part, image, table, local=other, interlace=1)
    yield "part-frame-transparent.gif", gif(*part, image, table, transparent=2)
    yield "frame-beyond-screen.gif", gif((20, 10), (5, 6), image, table)
    yield "zero-screen.gif", gif((0, 0), (0, 0), image, table)
    yield "no-palette.gif", gif(*whole, image)
    yield "bytes-before-frame.gif", gif(*whole, image, table, before=b"\0\0!\xfe\3abc\0")
    yield "no-terminator.gif", gif(*whole, image, table, tail=b"")


def animation_webp(frame, has_alpha):
    """Two frames smaller than the canvas, on a red background."""
    u24 = lambda value: struct.pack("<I", value)[:3]
    chunk = lambda kind, data: kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    still = encode(frame, "WEBP", lossless=True)[12:]
    placed = u24(3) + u24(2) + u24(frame.width - 1) + u24(frame.height - 1) + u24(100) + b"\0" + still
    data = chunk(b"VP8X", bytes([0x12 if has_alpha else 2, 0, 0, 0]) + u24(31) + u24(21))
    data += chunk(b"ANIM", bytes([0, 0, 255, 255, 0, 0])) + chunk(b"ANMF", placed) * 2
    return b"RIFF" + struct.pack("<I", len(data) + 4) + b"WEBP" + data


def animations(smooth, noisy):
    black = [Image.new("RGB", (WIDTH, HEIGHT), "black")] * 2
    hidden = {"save_all": True, "append_images": black, "default_image": True}
    yield "hidden-default.png", encode(noisy, "PNG", **hidden)
    yield "hidden-default-orientation-6.png", encode(noisy, "PNG", **hidden, exif=exif(6))
    yield "animated.png", encode(noisy, "PNG", save_all=True, append_images=black)
    yield "part-frame.webp", animation_webp(noisy, has_alpha=False)
    yield "part-frame-alpha.webp", animation_webp(noisy, has_alpha=True)
    yield "animated.avif", encode(smooth, "AVIF", save_all=True, append_images=black, quality=95, subsampling="4:4:4")


def png_in_chunks(image, size):
    rows = b"".join(b"\0" + row.tobytes() for row in np.asarray(image))
    data = zlib.compress(rows)
    header = struct.pack(">IIBBBBB", *image.size, 8, 2, 0, 0, 0)
    pixels = b"".join(png_chunk(b"IDAT", data[at : at + size]) for at in range(0, len(data), size))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + pixels + png_chunk(b"IEND", b"")


def lost_ends(smooth, noisy):
    png = encode(noisy, "PNG")
    yield "no-iend.png", png[:-12]
    yield "no-iend-crc.png", png[:-4]
    yield "no-idat-crc.png", png[:-16]
    yield "no-adler.png", png[:-20]
    yield "no-iend-chunks.png", png_in_chunks(noisy, 200)[:-12]
    for name, options in (("420", {"subsampling": 2}), ("restarts", {"subsampling": 0, "restart_marker_blocks": 1}), ("gray", {})):
        image = smooth.convert("L") if name == "gray" else smooth
        jpeg = encode(image, "JPEG", quality=95, **options)
        yield f"zero-eoi-{name}.jpg", jpeg[:-2] + bytes(64)
        yield f"no-eoi-{name}.jpg", jpeg[:-2], jpeg
    avif = encode(smooth, "AVIF", quality=95, subsampling="4:4:4")
    yield "bytes-after.avif", avif + b"some text after the image"
    yield "mif1.avif", avif[:8] + b"mif1" + avif[12:]


def bmp(size, bits, data, compression=0, palette=b"", header=40, masks=(), colors=0, top_down=False):
    width, height = size
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, -height if top_down else height, 1, bits, compression, len(data), 0, 0, colors, 0)
        info += struct.pack(f"<{len(masks)}I", *masks)
        info = info.ljust(header, b"\0")
    offset = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + palette + data


def bitmaps(noisy):
    size = (WIDTH, HEIGHT)
    rgb = np.asarray(noisy)
    stored = rgb[::-1, :, ::-1]  # bottom row first, blue first
    fourth = np.dstack([stored, synthetic_array(WIDTH, HEIGHT, 7)[:, :, 0]]).tobytes()
    words = synthetic_array(WIDTH, HEIGHT, 9)[:, :, :2].tobytes()
    palette = b"".join(bytes([*color, 0]) for color in synthetic_array(16, 1, 3)[0].tolist())
    full = palette + bytes(4 * 240)
    plain = encode(noisy, "BMP")
    odd = encode(noisy.crop((0, 0, 23, HEIGHT)), "BMP")
    yield "reserved-set.bmp", plain[:6] + b"\1\2\3\4" + plain[10:]
    yield "no-last-padding.bmp", odd[:-3]
    yield "top-down.bmp", bmp(size, 24, rgb[:, :, ::-1].tobytes(), top_down=True)
    yield "os2.bmp", bmp(size, 24, stored.tobytes(), header=12)
    yield "fourth-byte.bmp", bmp(size, 32, fourth)
    yield "fourth-byte-v4.bmp", bmp(size, 32, fourth, header=108, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000))
    yield "alpha.bmp", bmp(size, 32, fourth, 3, header=108, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000))
    yield "rgb555.bmp", bmp(size, 16, words)
    yield "rgb565.bmp", bmp(size, 16, words, 3, header=56, masks=(0xF800, 0x7E0, 0x1F, 0))
    yield "bilevel.bmp", encode(noisy.convert("1"), "BMP")
    yield "palette4.bmp", bmp(size, 4, bytes(range(192)), palette=palette)
    yield "palette-short.bmp", bmp(size, 4, bytes([0x01, 0x29] * 96), palette=palette[:16], colors=4)
    rows = range(HEIGHT)
    runs = b"".join(bytes([10, i % 8, 0, 5, 1, 2, 3, 4, 5, 0, 9, (i + 1) % 8, 0, 0]) for i in rows)
    yield "rle8.bmp", bmp(size, 8, runs + b"\0\1", 1, full)
    runs = b"".join(bytes([10, 0x12, 0, 6, 0x34, 0x56, i, 0, 8, 0x34, 0, 0]) for i in rows)
    yield "rle4.bmp", bmp(size, 4, runs + b"\0\1", 2, palette)


def cmyk_files():
    ink = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    ink[..., 0] = np.arange(WIDTH) * 10
    ink[..., 1] = (np.arange(HEIGHT) * 15)[:, None]
    ink[..., 2] = 60
    ink[..., 3] = np.arange(WIDTH) * 5
    image = Image.fromarray(ink, "CMYK")
    jpeg = encode(image, "JPEG", quality=100, subsampling=0)
    adobe = jpeg.index(b"\xff\xee")
    end = adobe + 2 + struct.unpack(">H", jpeg[adobe + 2 : adobe + 4])[0]
    yield "cmyk-black.jpg", jpeg
    yield "cmyk-no-adobe.jpg", jpeg[:adobe] + jpeg[end:]
    yield "ycck.jpg", jpeg[: end - 1] + b"\2" + jpeg[end:]
    yield "cmyk.tiff", encode(image, "TIFF")


def odd_images():
    smooth = Image.fromarray(smooth_array())
    noisy = Image.fromarray(synthetic_array(WIDTH, HEIGHT, 5))
    yield from orientations(smooth, noisy)
    yield from gifs(smooth)
    yield from animations(smooth, noisy)
    yield from lost_ends(smooth, noisy)
    yield from bitmaps(noisy)
    yield from cmyk_files()
