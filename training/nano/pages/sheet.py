"""A sheet: what layouts draw on. It records every line of text in reading order with the place of each character.

All lengths are pixels of the finished picture; the sheet draws `scale` times as large and is scaled down at the end, so that letters also stand
between pixels. Everything random comes from `sheet.random`.
"""

import json
import random
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..fetch_reading import PACK
from .content import Content, known

# Classes of the auxiliary loss: printable ASCII without the space, then all other characters, then none.
FIRST, CLASSES = 33, 96
OTHER, NONE = 94, 95


@lru_cache(None)
def fonts(split: str) -> dict:
    """The split's font files by kind: {"all": [...], "plain": [...], "mono": [...]}; each a (path, characters beyond ASCII)."""
    index = json.loads((PACK / "fonts.json").read_text())
    odd = (
        "vt323",
        "press-start",
        "special-elite",
        "shadows",
        "caveat",
        "dancing",
        "lobster",
        "pacifico",
        "orbitron",
        "permanent",
        "kalam",
        "patrick",
        "teko",
        "league-gothic",
        "jersey",
        "im-fell",
        "antonio",
        "syne",
        "bodoni",
        "cormorant",
        "shantell",
        "comic",
        "oswald",
        "russo",
    )
    out: dict = {"all": [], "plain": [], "mono": []}
    for name, e in sorted(index.items()):
        if e["split"] != split:
            continue
        entry = (str(PACK / "fonts" / name), e["extra"])
        out["all"].append(entry)
        if e["mono"]:
            out["mono"].append(entry)
        elif not name.startswith(odd):
            out["plain"].append(entry)
    return out


class Face:
    """A font at a size: draws, and knows how far each character goes."""

    def __init__(self, path: str, extra: str, size: float):
        self.path, self.extra, self.size = path, extra, size
        self.font = ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
        self.cap = -self.font.getbbox("H", anchor="ls")[1]
        self._advance: dict = {}
        self._glyphs: dict = {}

    def glyph(self, c: str):
        """A character's mask (uint8, h x w) and its place relative to the pen: (mask, right, down); None where nothing is drawn."""
        if c not in self._glyphs:
            mask, (right, down) = self.font.getmask2(c, "L", anchor="ls")
            w, h = mask.size
            self._glyphs[c] = (np.frombuffer(bytes(mask), np.uint8).reshape(h, w), int(right), int(down)) if w and h else None
        return self._glyphs[c]

    def line_mask(self, text: str, advances: list[float]):
        """A line's mask from the characters' kept masks, pens on whole pixels: (image, right, down), or None. FreeType draws each character once."""
        at, parts, top, bottom, left, end = 0.0, [], 0, 0, 0, 0
        for c, a in zip(text, advances):
            g = self.glyph(c)
            if g is not None:
                mask, right, down = g
                x = int(at + 0.5) + right
                parts.append((mask, x, down))
                top, bottom = min(top, down), max(bottom, down + mask.shape[0])
                left, end = min(left, x), max(end, x + mask.shape[1])
            at += a
        if not parts:
            return None
        line = np.zeros((bottom - top, end - left), np.uint8)
        for mask, x, down in parts:
            place = line[down - top : down - top + mask.shape[0], x - left : x - left + mask.shape[1]]
            np.maximum(place, mask, out=place)
        return Image.fromarray(line), left, top

    def advances(self, text: str) -> list[float]:
        """How far each character goes."""
        known_ones = self._advance
        out = []
        for c in text:
            a = known_ones.get(c)
            if a is None:
                a = known_ones[c] = self.font.getlength(c)
            out.append(a)
        return out

    def width(self, text: str) -> float:
        """How wide a text is."""
        return sum(self.advances(text))


@lru_cache(1500)
def face(path: str, extra: str, size: float) -> Face:
    """A face, kept."""
    return Face(path, extra, size)


@dataclass
class Line:
    """One line of text in reading order: pieces of text with their left ends, all on one baseline; box in the finished picture's pixels."""

    texts: list[str] = field(default_factory=list)
    box: list[float] = field(default_factory=lambda: [1e9, 1e9, -1e9, -1e9])
    cap: float = 1e9

    @property
    def text(self) -> str:
        """The line as one reads it."""
        return " ".join(self.texts)


@dataclass(frozen=True)
class Style:
    """A font in a size and colour."""

    path: str
    extra: str
    size: float
    colour: tuple


def mix(a, b, t: float) -> tuple:
    """A colour between two."""
    return tuple(round(x + (y - x) * t) for x, y in zip(a, b))


class Sheet:
    """A picture in the making; see the module's text."""

    def __init__(self, width: int, height: int, split: str, rng: random.Random, scale: float = 1.0):
        self.width, self.height, self.scale, self.random, self.split = width, height, scale, rng, split
        self.write = Content(split, rng)
        r = rng
        self.dark = r.random() < 0.25
        base = r.randint(8, 55) if self.dark else 255 if r.random() < 0.5 else r.randint(222, 255)
        tint = r.choice((0, 0, 6, 14))
        self.paper = tuple(max(0, min(255, base + r.randint(-tint, tint))) for _ in range(3))
        ink = r.randint(195, 255) if self.dark else r.randint(0, 90) if r.random() < 0.5 else r.randint(0, 40)
        tint = r.choice((0, 0, 10, 30))
        self.ink = tuple(max(0, min(255, ink + r.randint(-tint, tint))) for _ in range(3))
        self.accent = tuple(r.randint(0, 255) for _ in range(3))
        self.image = Image.new("RGB", (round(width * scale), round(height * scale)), self.paper)
        self.draw = ImageDraw.Draw(self.image)
        self.lines: list[Line] = []
        self.facts: list = []  # facts.Fact: what the page says, for questions about it
        self._characters: list = []  # (x, baseline, advances, text, cap), in drawn pixels
        kinds = fonts(split)
        self.text_font = r.choice(kinds["plain"] if r.random() < 0.88 else kinds["all"])
        self.head_font = r.choice(kinds["plain"] if r.random() < 0.7 else kinds["all"]) if r.random() < 0.6 else self.text_font
        self.mono_font = r.choice(kinds["mono"])
        # Interface text is 11 to 16 px, documents up to 20; hardly ever smaller.
        self.body = r.choice((10, 11, 12, 12, 13, 13, 14, 14, 15, 16, 16, 17, 18, 20)) * r.uniform(0.95, 1.05)

    # ---- colours -------------------------------------------------------------------------------------------------------

    def surface(self) -> tuple:
        """A colour of a panel: near the paper's, or the accent made pale."""
        r = self.random
        if r.random() < 0.6:
            d = r.randint(4, 22) * (1 if self.dark else -1)
            return tuple(max(0, min(255, c + d)) for c in self.paper)
        return mix(self.paper, self.accent, r.uniform(0.03, 0.16))

    def readable_on(self, ground: tuple, soft: float = 0.0) -> tuple:
        """A colour of text that stands out from a ground; soft: how much it may fade (0 to 1)."""
        light = 0.3 * ground[0] + 0.59 * ground[1] + 0.11 * ground[2]
        own = self.ink if abs(sum(self.ink) / 3 - light) > 110 else (255, 255, 255) if light < 135 else (15, 15, 15)
        return mix(own, ground, soft * self.random.uniform(0.0, 0.45))

    # ---- text ----------------------------------------------------------------------------------------------------------

    def style(self, size: float | None = None, kind: str = "text", colour=None, soft: float = 0.0, ground=None) -> Style:
        """A style of the page: kind is text, head or mono."""
        path, extra = {"text": self.text_font, "head": self.head_font, "mono": self.mono_font}[kind]
        return Style(path, extra, size or self.body, colour or self.readable_on(ground or self.paper, soft))

    def _face(self, style: Style) -> Face:
        return face(style.path, style.extra, max(5.0, round(style.size * self.scale * 2) / 2))

    def measure(self, text: str, style: Style) -> float:
        """How wide a text is."""
        return self._face(style).width(known(text, style.extra)) / self.scale

    def fit(self, text: str, style: Style, width: float) -> str:
        """As much of a text as fits: whole words, of a single one its first letters; empty where nothing does."""
        text = known(text, style.extra)
        f = self._face(style)
        room = width * self.scale
        at, last = 0.0, 0
        for i, a in enumerate(f.advances(text)):
            at += a
            if at > room:
                return text[:last].rstrip() if last else text[:i].rstrip()
            if text[i] == " ":
                last = i
        return text

    def wrap(self, text: str, style: Style, width: float) -> list[str]:
        """A text broken into lines that fit."""
        text = known(text, style.extra)
        f = self._face(style)
        space = f.width(" ")
        room = width * self.scale
        out, line, used = [], [], 0.0
        for word in text.split(" "):
            w = f.width(word)
            if line and used + space + w > room:
                out.append(" ".join(line))
                line, used = [], 0.0
            if w > room:
                continue
            used += w + (space if line else 0)
            line.append(word)
        if line:
            out.append(" ".join(line))
        return out

    def put(self, x: float, baseline: float, text: str, style: Style, anchor: str = "l", line: Line | None = None) -> Line | None:
        """Draws a text as a line of its own, or as the next piece of `line`. x is its left (l), middle (m) or right (r) end.

        Returns the line; None (and nothing drawn) where the text is empty or would leave the sheet.
        """
        text = known(text, style.extra)
        stripped = text.lstrip(" ")
        f = self._face(style)
        if stripped != text:  # indents: spaces move the text, they are not drawn
            x += f.width(" ") * (len(text) - len(stripped)) / self.scale
            text = stripped
        text = text.rstrip(" ")
        if not text:
            return None
        s = self.scale
        advances = f.advances(text)
        width = sum(advances)
        left = x * s - {"l": 0.0, "m": width / 2, "r": width}[anchor]
        base = round(baseline * s)
        left = round(left)
        if left < 0 or left + width > self.image.width or base - 1.05 * f.size < -2 or base + 0.3 * f.size > self.image.height + 2:
            return None
        drawn = f.line_mask(text, advances)
        if drawn is None:
            return None
        mask, right, down = drawn
        self.draw.bitmap((left + right, base + down), mask, fill=style.colour)
        self._characters.append((left, base, advances, text, f.cap))
        if line is None:
            line = Line()
            self.lines.append(line)
        line.texts.append(text)
        b = line.box
        b[0], b[1] = min(b[0], left / s), min(b[1], (base - f.size * 0.8) / s)
        b[2], b[3] = max(b[2], (left + width) / s), max(b[3], (base + f.size * 0.25) / s)
        line.cap = min(line.cap, f.cap / s)
        return line

    # ---- shapes --------------------------------------------------------------------------------------------------------

    def box(self, x0, y0, x1, y1, fill=None, outline=None, radius: float = 0.0, width: int = 1) -> None:
        """A rectangle, with round corners where asked."""
        s = self.scale
        at = (x0 * s, y0 * s, max(x0 * s + 1, x1 * s), max(y0 * s + 1, y1 * s))
        radius = min(radius * s, (at[2] - at[0]) / 2, (at[3] - at[1]) / 2)
        if radius >= 1:  # in whole pixels: Pillow 12 raises ValueError for one in some thousand pills with fractions
            self.draw.rounded_rectangle(tuple(round(v) for v in at), int(radius), fill=fill, outline=outline, width=max(1, round(width * s)))
        else:
            self.draw.rectangle(at, fill=fill, outline=outline, width=max(1, round(width * s)))

    def rule(self, x0, y0, x1, y1, fill, width: float = 1.0) -> None:
        """A straight line."""
        s = self.scale
        self.draw.line((x0 * s, y0 * s, x1 * s, y1 * s), fill=fill, width=max(1, round(width * s)))

    def disc(self, x, y, radius, fill=None, outline=None) -> None:
        """A filled circle."""
        s = self.scale
        self.draw.ellipse(((x - radius) * s, (y - radius) * s, (x + radius) * s, (y + radius) * s), fill=fill, outline=outline)

    # ---- the end -------------------------------------------------------------------------------------------------------

    def finish(self) -> tuple[Image.Image, np.ndarray]:
        """The picture at its own size, and its characters: (n, 4) float32 of centre x, y, class, cap height."""
        image = self.image
        if self.scale != 1.0:
            image = image.resize(
                (self.width, self.height),
                self.random.choice((Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.BOX, Image.Resampling.HAMMING)),
            )
        rows = []
        for left, base, advances, text, cap in self._characters:
            a = np.asarray(advances, np.float32)
            x = left + np.cumsum(a) - a / 2
            k = np.fromiter((min(max(ord(c) - FIRST, -1), OTHER) for c in text), np.float32, len(text))
            keep = k >= 0  # spaces have no class
            part = np.empty((int(keep.sum()), 4), np.float32)
            part[:, 0], part[:, 1], part[:, 2], part[:, 3] = x[keep], base - cap / 2, k[keep], cap
            rows.append(part)
        characters = np.concatenate(rows) if rows else np.zeros((0, 4), np.float32)
        characters[:, [0, 1, 3]] /= self.scale
        return image, characters
