"""The canvas every family draws on: colours, fonts by cap height, text whose characters are recorded, degradation.

A family draws with `canvas.draw` (a Pillow ImageDraw), `canvas.text`, `canvas.shape` and `canvas.paste`, and returns questions.
Everything random comes from `canvas.random`, so one seed gives one picture.
"""

import io
import math
import random
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from .assets import Assets
from .families.core import OTHERS

# Cap heights in pixels of the full image. A hard text is lost at half size (4 to 5 px), an easy one is clear there (11 px and more);
# between the two it depends on the text, and whoever trains must find out: more of that in training than in the tests.
HARD_CAP = (8.5, 10.5)
MIDDLE_CAP = (11.0, 20.0)
EASY_CAP = (22.0, 42.0)
MIDDLE_SHARE = {"train": 0.08, "validation": 0.03, "test": 0.03}
SMALL = MIDDLE_CAP[0]  # below this half resolution loses a text

# Name -> RGB. `canvas.colour(name)` jitters them.
COLOURS = {
    "red": (215, 40, 40), "green": (40, 160, 60), "blue": (45, 80, 220), "yellow": (240, 210, 40), "orange": (245, 140, 30),
    "purple": (140, 60, 180), "pink": (245, 130, 185), "cyan": (40, 195, 215), "brown": (130, 80, 40), "black": (20, 20, 20),
    "white": (250, 250, 250), "gray": (128, 128, 128),
}
SHAPES = ("circle", "square", "triangle", "star", "diamond", "cross")
# Characters the auxiliary loss knows; all others are recorded as "other".
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.$%:-,/"
# Codes leave out what looks alike, as number plates do.
CODE_ALPHABET = "ACDEFGHJKLMNPRTUVWXY0123456789"

UNANSWERABLE = "not in the image"


@dataclass
class Question:
    """A question with its only right answer.

    text: the question. answer: what the judge wants (case and spaces are ignored there). kind: short name inside the family, for the
    report. detail: height in full-image pixels of the smallest thing that must be seen (cap height of the text, say), large
    (e.g. the object's size) where nothing small matters. thought: what to note before answering when the answer needs a look-up or a
    step (at most about 8 words, e.g. "The row cola reads 3.50."), or None when it is read off directly.
    """
    text: str
    answer: str
    kind: str
    detail: float
    thought: str | None = None

    @property
    def hard(self) -> bool:
        """Whether half resolution loses what the question is about."""
        return self.detail < SMALL


class Canvas:
    """A picture in the making. width, height in pixels; split is 'train', 'validation' or 'test'."""

    def __init__(self, width: int, height: int, assets: Assets, split: str, rng: random.Random):
        self.width, self.height, self.assets, self.split, self.random = width, height, assets, split, rng
        self.dark = rng.random() < 0.15
        base = rng.randint(15, 50) if self.dark else rng.randint(215, 255)
        self.background = tuple(max(0, min(255, base + rng.randint(-12, 12))) for _ in range(3))
        self.ink = tuple(rng.randint(210, 255) for _ in range(3)) if self.dark else tuple(rng.randint(0, 75) for _ in range(3))
        self.image = Image.new("RGB", (width, height), self.background)
        self.draw = ImageDraw.Draw(self.image)
        self.characters: list[tuple[float, float, int, float]] = []  # centre x, y, class, cap height
        self.boxes: list[tuple[float, float, float, float, int]] = []  # x0, y0, x1, y1, class (see data.py)
        self.core_only = split != "train" or rng.random() >= OTHERS  # see families/core.py
        self.max_rotation = 4.0  # degrees; a family lowers it where a tilt would cut something off

    # ---- choices -------------------------------------------------------------------------------------------------------

    def cap_height(self, hard: bool) -> float:
        """A cap height in pixels from the hard or the easy range (sometimes, for either, from between)."""
        r = self.random
        low, high = MIDDLE_CAP if r.random() < MIDDLE_SHARE[self.split] else HARD_CAP if hard else EASY_CAP
        return low + (high - low) * r.random() ** (1.0 if hard else 1.5)

    def colour_names(self) -> list[str]:
        """Names of colours that stand out from the background."""
        near = ("black", "brown", "gray") if self.dark else ("white",)
        return [name for name in COLOURS if name not in near]

    def colour(self, name: str, jitter: int = 14) -> tuple[int, int, int]:
        """RGB of a named colour, slightly varied."""
        return tuple(max(0, min(255, c + self.random.randint(-jitter, jitter))) for c in COLOURS[name])

    def font(self) -> str:
        """Path of one of the split's fonts."""
        return self.random.choice(self.assets.fonts(self.split))

    def code(self, length: int | None = None) -> str:
        """A random code such as K7H4, of the split's own codes."""
        while True:
            n = length or self.random.choice((3, 4, 4, 4, 5))
            code = "".join(self.random.choice(CODE_ALPHABET) for _ in range(n))
            if self.assets.in_split(code, self.split):
                return code

    # ---- drawing -------------------------------------------------------------------------------------------------------

    def text_width(self, text: str, font: str, cap: float) -> float:
        """Width in pixels of a text set in `font` at a cap height of `cap` pixels."""
        return truetype(font, cap).getlength(text)

    def text(self, x: float, baseline: float, text: str, font: str, cap: float, fill=None, anchor: str = "l") -> float:
        """Draws one line; x is its left ('l'), middle ('m') or right ('r') end. Returns the width. Keep it inside the picture."""
        face = truetype(font, cap)
        width = face.getlength(text)
        x -= {"l": 0.0, "m": width / 2, "r": width}[anchor]
        self.draw.text((x, baseline), text, font=face, fill=fill or self.ink, anchor="ls")
        at = x
        for c in text:
            w = advance(font, cap, c)
            if c != " ":
                k = CHARACTERS.find(c)
                self.characters.append((at + w / 2, baseline - cap / 2, len(CHARACTERS) if k < 0 else k, cap))
            at += w
        return width

    def shape(self, name: str, x: float, y: float, radius: float, colour: str) -> None:
        """Draws a filled shape of a named colour around (x, y) and records it for the auxiliary loss."""
        d, r, fill = self.draw, radius, self.colour(colour)
        if name == "circle":
            d.ellipse((x - r, y - r, x + r, y + r), fill=fill)
        elif name == "square":
            d.rectangle((x - r * 0.88, y - r * 0.88, x + r * 0.88, y + r * 0.88), fill=fill)
        elif name == "triangle":
            d.polygon([(x, y - r), (x + r, y + r * 0.8), (x - r, y + r * 0.8)], fill=fill)
        elif name == "star":
            points = [(r if i % 2 == 0 else r * 0.42, i * math.pi / 5) for i in range(10)]
            d.polygon([(x + a * math.sin(t), y - a * math.cos(t)) for a, t in points], fill=fill)
        elif name == "diamond":
            d.polygon([(x, y - r), (x + r * 0.75, y), (x, y + r), (x - r * 0.75, y)], fill=fill)
        elif name == "cross":
            w = r * 0.36
            d.rectangle((x - w, y - r, x + w, y + r), fill=fill)
            d.rectangle((x - r, y - w, x + r, y + w), fill=fill)
        else:
            raise ValueError(f"unknown shape {name!r}; known: {', '.join(SHAPES)}")
        self.boxes.append((x - r * 0.8, y - r * 0.8, x + r * 0.8, y + r * 0.8, SHAPES.index(name) * len(COLOURS) + list(COLOURS).index(colour)))

    def paste(self, icon: Image.Image, x: float, y: float) -> None:
        """Pastes an RGBA image with its centre at (x, y)."""
        self.image.paste(icon, (round(x - icon.width / 2), round(y - icon.height / 2)), icon)

    def background_texture(self) -> None:
        """Fills the picture with a crop of a photograph or texture of the split, somewhat flattened."""
        texture = self.assets.texture(self.split, self.random)
        scale = max(self.width / texture.width, self.height / texture.height) * self.random.uniform(1.0, 1.6)
        w, h = max(self.width, round(texture.width * scale)), max(self.height, round(texture.height * scale))
        texture = texture.resize((w, h), Image.Resampling.BILINEAR)
        x, y = self.random.randint(0, w - self.width), self.random.randint(0, h - self.height)
        texture = texture.crop((x, y, x + self.width, y + self.height))
        flat = Image.new("RGB", texture.size, self.background)
        self.image.paste(Image.blend(texture, flat, self.random.uniform(0.0, 0.6)))

    # ---- the end -------------------------------------------------------------------------------------------------------

    def finish(self, gentle: bool) -> Image.Image:
        """Rotation by a few degrees, blur, noise and JPEG, at random; gentle (small text): less of each. Moves the records along."""
        r = self.random
        image = self.image
        if self.max_rotation > 0 and r.random() < (0.15 if gentle else 0.3):
            angle = r.uniform(-self.max_rotation, self.max_rotation) * (0.4 if gentle else 1.0)
            image = image.rotate(angle, Image.Resampling.BICUBIC, fillcolor=self.background)
            c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            mx, my = self.width / 2, self.height / 2

            def turn(x, y):
                return mx + (x - mx) * c + (y - my) * s, my - (x - mx) * s + (y - my) * c
            self.characters = [(*turn(x, y), k, cap) for x, y, k, cap in self.characters]
            moved = []
            for x0, y0, x1, y1, k in self.boxes:
                x, y = turn((x0 + x1) / 2, (y0 + y1) / 2)
                moved.append((x - (x1 - x0) / 2, y - (y1 - y0) / 2, x + (x1 - x0) / 2, y + (y1 - y0) / 2, k))
            self.boxes = moved
        if not gentle and r.random() < 0.15:
            image = image.filter(ImageFilter.GaussianBlur(r.uniform(0.3, 1.2)))
        if r.random() < 0.2:
            data = io.BytesIO()
            image.save(data, "JPEG", quality=r.randint(80, 95) if gentle else r.randint(40, 95))
            image = Image.open(data).convert("RGB")
        return image


_faces: dict = {}
_ratios: dict = {}
_advances: dict = {}


def truetype(font: str, cap: float) -> ImageFont.FreeTypeFont:
    """The font at the size whose capital H is `cap` pixels high (in steps of a quarter of a pixel)."""
    key = (font, round(cap * 4))
    if key not in _faces:
        if font not in _ratios:
            box = ImageFont.truetype(font, 200, layout_engine=ImageFont.Layout.BASIC).getbbox("H", anchor="ls")
            _ratios[font] = -box[1] / 200
        _faces[key] = ImageFont.truetype(font, key[1] / 4 / _ratios[font], layout_engine=ImageFont.Layout.BASIC)
    return _faces[key]


def advance(font: str, cap: float, character: str) -> float:
    """Width of one character, cached."""
    key = (font, round(cap * 4), character)
    if key not in _advances:
        _advances[key] = truetype(font, cap).getlength(character)
    return _advances[key]
