"""Coloured shapes, some with small tags: colours, counts, positions, neighbours, sizes, and what a tag reads.

The layout of places and the tags are used by the family `objects` too.
"""

import math
from dataclasses import dataclass

from PIL import Image

from ..canvas import COLOURS, SHAPES, UNANSWERABLE, Canvas, Question

SIDES = {"right": (0, 1), "left": (0, -1), "above": (-1, 0), "below": (1, 0)}
CORNERS = {"top left": (0, 0), "top right": (1, 0), "bottom left": (0, 1), "bottom right": (1, 1)}


# ---- layout ------------------------------------------------------------------------------------------------------------


@dataclass
class Place:
    """A box for one thing; row and column in a grid, -1 when placed freely."""

    x0: float
    y0: float
    x1: float
    y1: float
    row: int = -1
    column: int = -1

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0


def margin_of(canvas: Canvas) -> float:
    """A margin around everything, with the tilt of the finished picture limited to what it hides."""
    longest = max(canvas.width, canvas.height)
    margin = longest * canvas.random.uniform(0.015, 0.04) + 3
    canvas.max_rotation = min(4.0, math.degrees((margin - 2) / (longest / 2)))
    return margin


def capacity(canvas: Canvas, width: float, height: float, margin: float) -> int:
    """How many cells of that size a grid can have."""
    return int((canvas.width - 2 * margin) // width) * int((canvas.height - 2 * margin) // height)


def arrange(canvas: Canvas, count: int, width: float, height: float, margin: float, free: bool) -> list[Place]:
    """Places of at least width x height for `count` things (at most `capacity`): a grid, or free boxes where they fit."""
    r = canvas.random
    across, down = canvas.width - 2 * margin, canvas.height - 2 * margin
    if free:
        places = _free(r, count, width, height, margin, across, down)
        if places:
            return places
    best = None
    for columns in range(1, int(across // width) + 1):
        rows = -(-count // columns)
        if rows * height > down or rows * columns - count >= columns:
            continue
        cost = (rows * columns - count) * 0.3 + abs(math.log(across / columns / (down / rows) * height / width)) + r.random()
        if best is None or cost < best[0]:
            best = (cost, columns, rows)
    _, columns, rows = best
    cells = [(i, j) for i in range(rows) for j in range(columns)]
    if r.random() < 0.5:  # gaps anywhere instead of at the end
        cells = sorted(r.sample(cells, count))
    w, h = across / columns, down / rows
    return [Place(margin + j * w, margin + i * h, margin + (j + 1) * w, margin + (i + 1) * h, i, j) for i, j in cells[:count]]


def _free(r, count, width, height, margin, across, down) -> list[Place]:
    places: list[Place] = []
    for _ in range(60 * count):
        grow = r.uniform(1.0, 1.7)
        w, h = min(across, width * grow), min(down, height * grow)
        x, y = margin + r.random() * (across - w), margin + r.random() * (down - h)
        if all(x >= p.x1 or x + w <= p.x0 or y >= p.y1 or y + h <= p.y0 for p in places):
            places.append(Place(x, y, x + w, y + h))
            if len(places) == count:
                return places
    return []


def corner_things(things: list, canvas: Canvas) -> dict:
    """Corner name -> the one thing (with x, y) that is there beyond doubt."""
    found = {}
    for name, (px, py) in CORNERS.items():
        near = sorted(((max(abs(t.x / canvas.width - px), abs(t.y / canvas.height - py)), i) for i, t in enumerate(things)))
        first, second = near[0][0], near[1][0] if len(near) > 1 else 1.0
        if first < 0.36 and (second > 0.55 or first < 0.25 and second > 2 * first):
            found[name] = things[near[0][1]]
    return found


def corner_of(thing, canvas: Canvas) -> str | None:
    """The corner whose quarter of the picture a thing is clearly in."""
    x, y = thing.x / canvas.width - 0.5, thing.y / canvas.height - 0.5
    if min(abs(x), abs(y)) < 0.15:
        return None
    return ("top " if y < 0 else "bottom ") + ("left" if x < 0 else "right")


def neighbours(things: list) -> list[tuple]:
    """(thing, side, the thing directly on that side) in a grid; things have a `place`."""
    at = {(t.place.row, t.place.column): t for t in things if t.place.row >= 0}
    return [
        (t, side, at[i + di, j + dj]) for (i, j), t in at.items() for side, (di, dj) in SIDES.items() if (i + di, j + dj) in at
    ]


def side_phrase(side: str) -> str:
    """'to the right of', 'above', ..."""
    return f"to the {side} of" if side in ("left", "right") else side


def luminance(colour) -> float:
    """Rec. 601 luminance, 0 to 255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


# ---- tags --------------------------------------------------------------------------------------------------------------

NAMES_OF = {
    "code": ("code", "code", "label", "tag"),
    "number": ("number",),
    "word": ("word",),
    "name": ("name",),
    "price": ("price",),
}


def number_text(canvas: Canvas) -> str:
    """A number of two or three digits of the split."""
    r = canvas.random
    while True:
        text = str(r.randint(10, 99) if r.random() < 0.4 else r.randint(100, 999))
        if len(text) < 3 or canvas.assets.in_split(text, canvas.split):
            return text


def price_text(canvas: Canvas, sign: str) -> str:
    """A price of the split, with `sign` in front."""
    r = canvas.random
    while True:
        cents = r.choice((0, 20, 25, 40, 50, 75, 80, 90, 95, 99)) if r.random() < 0.5 else r.randint(0, 99)
        text = f"{r.randint(0, 9) if r.random() < 0.5 else r.randint(10, 99)}.{cents:02d}"
        if canvas.assets.in_split(text, canvas.split):
            return sign + text


class Tags:
    """Different tags of one kind, font and size. box_width, box_height: room for the widest one."""

    def __init__(self, canvas: Canvas, kind: str, count: int, cap: float, framed: bool, short: bool = False):
        r = canvas.random
        self.canvas, self.cap, self.font = canvas, cap, canvas.font()
        pool = []
        if kind in ("word", "name"):
            pool = [
                w for w in canvas.assets.words(kind + "s", canvas.split) if len(w) <= 6 and w not in COLOURS and w not in SHAPES
            ]
            if len(pool) < 2 * count:
                kind = "code"
        self.kind = kind
        self.noun = r.choice(NAMES_OF[kind])
        sign = r.choice(("", "", "$"))
        length = 3 if short else r.choice((None, None, 4, 4, 3, 5))
        if kind in ("word", "name"):
            self.texts = r.sample(pool, count)
            if kind == "word" and r.random() < 0.3:
                self.texts = [w.upper() for w in self.texts]
        else:
            make = {
                "code": lambda: canvas.code(length),
                "number": lambda: number_text(canvas),
                "price": lambda: price_text(canvas, sign),
            }[kind]
            chosen: dict = {}
            while len(chosen) < count:
                chosen[make()] = True
            self.texts = list(chosen)
        self.widest = max(canvas.text_width(t, self.font, cap) for t in self.texts)
        self.box_width, self.box_height = self.widest + cap * 1.2, cap * 1.9
        self.fill = self.outline = None
        self.ink = canvas.ink
        if framed:
            if r.random() < 0.3:
                self.fill, self.ink = tuple(r.randint(0, 70) for _ in range(3)), tuple(r.randint(225, 255) for _ in range(3))
            else:
                self.fill = tuple(r.randint(225, 255) for _ in range(3)) if r.random() < 0.7 else (250, r.randint(215, 240), 90)
                self.ink = tuple(r.randint(0, 60) for _ in range(3))
            self.outline = r.choice((None, self.ink, (130, 130, 130)))
            self.round = r.choice((0, 0.3, 0.9)) * cap
            self.same_width = r.random() < 0.4

    def absent(self) -> str:
        """A text of the kind that is not among the tags."""
        while True:
            other = Tags(self.canvas, self.kind, 1, self.cap, False).texts[0]
            if other.lower() not in (t.lower() for t in self.texts):
                return other

    def write(self, text: str, x: float, y: float, ink=None) -> None:
        """Draws one with its middle at (x, y)."""
        if self.fill and ink is None:
            w = (self.widest if self.same_width else self.canvas.text_width(text, self.font, self.cap)) / 2 + self.cap * 0.55
            h = self.box_height / 2
            self.canvas.draw.rounded_rectangle((x - w, y - h, x + w, y + h), self.round, self.fill, self.outline)
        self.canvas.text(x, y + self.cap / 2, text, self.font, self.cap, ink or self.ink, "m")


def fit_tags(
    canvas: Canvas, hard: bool, kinds: tuple, count: int, least: int, framed: bool, cell, margin: float, inside: bool = True
):
    """Tags (and where they go) such that `least` cells fit; None where that cannot be. cell(tags, where) -> (width, height)."""
    r = canvas.random
    cap = canvas.cap_height(hard)
    kind = r.choice(kinds)
    for attempt in range(8):
        where = r.choice(
            ("below", "below", "below", "above", "right", "inside")[: 6 if inside else 5] if attempt < 3 else ("below",)
        )
        tags = Tags(canvas, kind, count, cap, framed, attempt > 3)
        if capacity(canvas, *cell(tags, where), margin) >= least:
            return tags, where
        if attempt >= 2:
            if hard:
                cap = r.uniform(7.5, 9.5) if attempt < 5 else 7.5
            elif cap >= 14:
                cap = max(14.0, cap * 0.8)
            kind = kind if attempt < 4 else "number" if r.random() < 0.5 else "code"
    return None


# ---- background --------------------------------------------------------------------------------------------------------


def decorate(canvas: Canvas, flatten: float) -> bool:
    """A quiet background: plain, a flattened texture (how much: 0 to 1), ruled, dotted, a gradient. True for a texture."""
    r, d, w, h = canvas.random, canvas.draw, canvas.width, canvas.height
    style = r.choice(("plain", "plain", "plain", "texture", "lines", "dots", "gradient", "frame", "band"))
    faint = tuple(c + (r.randint(10, 22) if canvas.dark else -r.randint(10, 22)) for c in canvas.background)
    if style == "texture":
        canvas.background_texture()
        canvas.image.paste(Image.blend(canvas.image, Image.new("RGB", (w, h), canvas.background), flatten))
    elif style == "lines":
        step = r.randint(14, 48)
        across, down = r.choice(((True, True), (True, False), (False, True)))
        for x in range(step // 2, w, step) if down else ():
            d.line((x, 0, x, h), faint, 1)
        for y in range(step // 2, h, step) if across else ():
            d.line((0, y, w, y), faint, 1)
    elif style == "dots":
        step = r.randint(16, 40)
        for y in range(step // 2, h, step):
            for x in range(step // 2, w, step):
                d.rectangle((x, y, x + 1, y + 1), faint)
    elif style == "gradient":
        ramp = Image.linear_gradient("L").resize((w, h))
        if r.random() < 0.5:
            ramp = ramp.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        canvas.image.paste(Image.composite(Image.new("RGB", (w, h), faint), canvas.image, ramp))
    elif style == "frame":
        for i in range(r.randint(1, 3)):
            d.rectangle((i, i, w - 1 - i, h - 1 - i), outline=canvas.ink)
    elif style == "band":
        y = r.uniform(0.3, 0.8) * h
        d.rectangle((0, y, w, h), fill=faint)
    return style == "texture"


def card_colour(canvas: Canvas) -> tuple[int, int, int]:
    """A quiet colour near the background's brightness, for a card behind things."""
    low, high = (25, 70) if canvas.dark else (215, 255)
    return tuple(canvas.random.randint(low, high) for _ in range(3))


# ---- shapes ------------------------------------------------------------------------------------------------------------


@dataclass
class Item:
    """One shape in the picture."""

    shape: str
    colour: str
    place: Place
    radius: float = 0.0
    x: float = 0.0
    y: float = 0.0
    tag: str | None = None

    @property
    def name(self) -> str:
        return f"{self.colour} {self.shape}"


INSIDE = ("circle", "square", "triangle", "diamond", "cross")


def _inside_radius(shape: str, width: float, cap: float) -> float:
    """The least radius of a shape that a text fits into."""
    return {
        "circle": width / 1.7 + cap * 0.2,
        "square": width / 1.6 + 2,
        "triangle": width / 1.1 + 2,
        "diamond": (width / 2 + 6) / 0.75 + cap / 2,
        "cross": max(width / 1.8, cap * 1.6) + 2,
    }[shape]


def _outline(canvas: Canvas, item: Item, colour, width: int) -> None:
    d, x, y, r = canvas.draw, item.x, item.y, item.radius
    if item.shape == "circle":
        d.ellipse((x - r, y - r, x + r, y + r), outline=colour, width=width)
    elif item.shape == "square":
        d.rectangle((x - r * 0.88, y - r * 0.88, x + r * 0.88, y + r * 0.88), outline=colour, width=width)
    else:
        w = 0.36 * r
        points = {
            "triangle": [(0, -r), (r, r * 0.8), (-r, r * 0.8)],
            "star": [
                ((r, r * 0.42)[i % 2] * math.sin(i * math.pi / 5), -(r, r * 0.42)[i % 2] * math.cos(i * math.pi / 5))
                for i in range(10)
            ],
            "diamond": [(0, -r), (r * 0.75, 0), (0, r), (-r * 0.75, 0)],
            "cross": [(-w, -r), (w, -r), (w, -w), (r, -w), (r, w), (w, w), (w, r), (-w, r), (-w, w), (-r, w), (-r, -w), (-w, -w)],
        }[item.shape]
        points = [(x + a, y + b) for a, b in points]
        d.line(points + points[:2], colour, width, "curve")


def make(canvas: Canvas, hard: bool) -> list[Question]:
    """Draws coloured shapes (with tags when hard, sometimes otherwise) and asks about them."""
    r = canvas.random
    margin = margin_of(canvas)
    decorate(canvas, r.uniform(0.55, 0.85))
    least_radius = 13.0 if hard else 15.0
    tags, where = None, ""

    def cell(tags: Tags, where: str) -> tuple[float, float]:
        if where == "inside":
            side = 2 * max(_inside_radius(s, tags.widest, tags.cap) for s in INSIDE) + 10
            return side, side
        if where == "right":
            return 2 * least_radius + tags.box_width + 16, max(2 * least_radius, tags.box_height) + 12
        return max(2 * least_radius, tags.box_width) + 10, 2 * least_radius + tags.box_height + 16

    if hard or r.random() < 0.45:
        kinds = ("code", "code", "code", "number", "number", "word", "name")
        tags, where = fit_tags(canvas, hard, kinds, 12, 5 if hard else 3, r.random() < 0.3, cell, margin) or (None, "")
    width, height = cell(tags, where) if tags else (2 * least_radius + 12, 2 * least_radius + 12)
    room = capacity(canvas, width, height, margin)
    count = min(room, r.randint(5, 12) if hard else r.randint(3, 8) if tags else r.randint(2, 9))
    places = arrange(canvas, count, width, height, margin, r.random() < 0.4 and count < room * 0.7)

    items = _choose(canvas, places, tags, INSIDE if where == "inside" else SHAPES)
    _sizes(canvas, items, tags, where, least_radius)
    _draw(canvas, items, tags, where)
    return _ask(canvas, items, tags, where, hard)


def _choose(canvas: Canvas, places, tags, shapes) -> list[Item]:
    """Colours and shapes; all different where there are tags."""
    r = canvas.random
    colours = canvas.colour_names()
    alike = not tags and r.random() < 0.6
    colours = r.sample(colours, r.randint(2, 4) if alike else r.randint(4, len(colours)))
    shapes = r.sample(shapes, r.randint(2, 4)) if alike else list(shapes)
    items, seen = [], set()
    for i, place in enumerate(places):
        while True:
            item = Item(r.choice(shapes), r.choice(colours), place, tag=tags.texts[i] if tags else None)
            if alike or item.name not in seen:
                break
        seen.add(item.name)
        items.append(item)
    return items


def _sizes(canvas: Canvas, items: list[Item], tags, where: str, least: float) -> None:
    """Radii and positions inside the places."""
    r = canvas.random
    most = []
    for item in items:
        w, h = item.place.width - 10, item.place.height - 10
        if where in ("below", "above"):
            h -= tags.box_height + 5
        elif where == "right":
            w -= tags.box_width + 5
        most.append(min(w / 2, h / 2, 80.0))
    top = max(least, min(most))
    mode = r.choice(("same", "varied", "varied", "big", "small"))
    odd = r.randrange(len(items))
    base = r.uniform(max(least, top * 0.55), top)
    for i, item in enumerate(items):
        if mode == "same":
            item.radius = base
        elif mode == "varied":
            item.radius = r.uniform(max(least, most[i] * 0.5), max(least, most[i]))
        elif mode == "big":
            item.radius = max(least, most[i]) if i == odd else max(least, top * r.uniform(0.52, 0.66))
        else:
            item.radius = max(least, top * 0.5) if i == odd else max(least, top * r.uniform(0.75, 1.0))
        if where == "inside":
            item.radius = max(item.radius, _inside_radius(item.shape, tags.widest, tags.cap))
        item.radius = max(least, min(item.radius, most[i]))
    jitter = r.choice((0.0, 0.3, 0.6)) if items[0].place.row >= 0 else 1.0
    for item in items:
        p, radius = item.place, item.radius
        w, h = 2 * radius, 2 * radius
        if where in ("below", "above"):
            w, h = max(w, tags.box_width), h + tags.box_height + 5
        elif where == "right":
            w, h = w + tags.box_width + 5, max(h, tags.box_height)
        dx, dy = max(0.0, p.width - w - 8) / 2 * jitter, max(0.0, p.height - h - 8) / 2 * jitter
        item.x, item.y = (p.x0 + p.x1) / 2 + r.uniform(-dx, dx), (p.y0 + p.y1) / 2 + r.uniform(-dy, dy)
        if where in ("below", "above"):
            item.y += (tags.box_height + 5) / 2 * (-1 if where == "below" else 1)
        elif where == "right":
            item.x -= (tags.box_width + 5) / 2


def _draw(canvas: Canvas, items: list[Item], tags, where: str) -> None:
    r = canvas.random
    cards = r.choice(("all", "some", "none", "none", "none"))
    card, edge, corner = card_colour(canvas), r.choice((None, canvas.ink, (128, 128, 128))), r.choice((0, 6, 12))
    outlined, line, width = r.choice(("all", "some", "none", "none")), canvas.ink, r.randint(1, 3)
    gap = 5
    for item in items:
        p = item.place
        if cards == "all" or cards == "some" and r.random() < 0.4:
            canvas.draw.rounded_rectangle((p.x0 + 2, p.y0 + 2, p.x1 - 2, p.y1 - 2), corner, card, edge)
        canvas.shape(item.shape, item.x, item.y, item.radius, item.colour)
        if outlined == "all" or outlined == "some" and r.random() < 0.4:
            _outline(canvas, item, line, width)
        if not tags:
            continue
        if where == "inside":
            middle = canvas.image.getpixel((round(item.x), round(item.y)))
            ink = (255, 255, 255) if luminance(middle) < 125 else (10, 10, 10)
            tags.write(item.tag, item.x, item.y + (item.radius * 0.38 if item.shape == "triangle" else 0), ink)
        elif where == "right":
            tags.write(item.tag, item.x + item.radius + gap + tags.box_width / 2, item.y)
        else:
            away = item.radius + gap - 1 + tags.box_height / 2
            tags.write(item.tag, item.x, item.y + (away if where == "below" else -away))


# ---- questions ---------------------------------------------------------------------------------------------------------

OF = {
    "below": ("What is the {noun} under the {x}?", "What {noun} is below the {x}?", "Read the {noun} under the {x}."),
    "above": ("What is the {noun} above the {x}?", "What {noun} is above the {x}?", "Read the {noun} above the {x}."),
    "right": ("What is the {noun} next to the {x}?", "What {noun} is beside the {x}?", "Read the {noun} next to the {x}."),
    "inside": ("What is the {noun} in the {x}?", "What {noun} is on the {x}?", "Read the {noun} inside the {x}."),
}
OF_ANY = ("What is the {noun} of the {x}?", "Which {noun} does the {x} have?", "{x}: what is its {noun}?")
WHICH = (
    "Which shape has the {noun} {tag}?",
    "The {noun} {tag} belongs to which shape?",
    "Which shape is marked {tag}?",
    "Find {tag}. Which shape is it?",
)
TAG_AT = (
    "What is the {noun} of the shape in the {corner}?",
    "What {noun} does the {corner} shape have?",
    "Read the {noun} in the {corner} corner.",
)
TAG_LARGEST = (
    "What is the {noun} of the largest shape?",
    "Which {noun} does the biggest shape have?",
    "Read the {noun} of the largest shape.",
)
COLOUR = (
    "What colour is the {shape}?",
    "Which colour does the {shape} have?",
    "The {shape} has what colour?",
    "What is the colour of the {shape}?",
)
SHAPE = (
    "What shape is the {colour} thing?",
    "What shape is {colour}?",
    "What is the shape of the {colour} object?",
    "The {colour} one has what shape?",
)
COUNT = ("How many shapes are there?", "How many shapes can you see?", "Count the shapes.", "What is the number of shapes?")
COUNT_OF = ("How many {x} are there?", "How many {x} can you see?", "Count the {x}.", "What is the number of {x}?")
WHERE = (
    "Where is the {x}?",
    "In which part of the picture is the {x}?",
    "Where can the {x} be found?",
    "What is the position of the {x}?",
)
AT = (
    "Which shape is in the {corner}?",
    "What is in the {corner}?",
    "What do you see in the {corner} corner?",
    "Which shape is at the {corner}?",
)
BESIDE = ("What is {side} the {x}?", "Which shape is directly {side} the {x}?", "What do you see just {side} the {x}?")
END = {
    "left": ("Which shape is furthest left?", "What is on the far left?", "Which shape comes first from the left?"),
    "right": ("Which shape is furthest right?", "What is on the far right?", "Which shape comes last from the left?"),
}
EXTREME = ("Which shape is the {size}?", "Find the {size} shape.", "Name the {size} shape.", "What is the {size} thing?")
EXTREME_COLOUR = (
    "What colour is the {size} shape?",
    "The {size} shape has what colour?",
    "Which colour does the {size} shape have?",
)
MORE = ("Are there more {a} shapes than {b} ones?", "Are more shapes {a} than {b}?", "Is {a} more frequent than {b}?")


def _ask(canvas: Canvas, items: list[Item], tags, where: str, hard: bool) -> list[Question]:
    r = canvas.random
    seen = mixed(r, _visible(canvas, items, hard))
    absent = _absent(canvas, items, tags, where) if r.random() < 0.32 else None
    total = r.randint(5, 8)
    if tags is None:
        questions = seen[: total - (absent is not None)]
    else:
        read = _tag_questions(canvas, items, tags, where)
        few = (0.25 if hard else 0.5) * total
        if hard and absent is not None and absent.detail > 20:
            few -= 1
        questions = seen[: max(0, int(few))]
        questions += read[: total - len(questions) - (absent is not None)]
        if not hard:  # few tags
            questions += seen[max(0, int(few)) :][: max(0, 5 - len(questions))]
    questions += [absent] if absent else []
    if len(questions) < 5 and not hard:  # few shapes: the same in other words
        texts = {q.text for q in questions}
        questions += [q for q in mixed(r, _visible(canvas, items, hard)) if q.text not in texts][: 5 - len(questions)]
    return questions


def mixed(r, questions: list[Question]) -> list[Question]:
    """All in a random order, but the first two of each kind before the rest."""
    questions = r.sample(questions, len(questions))
    kinds: dict = {}
    first, rest = [], []
    for q in questions:
        kinds[q.kind] = kinds.get(q.kind, 0) + 1
        (first if kinds[q.kind] <= 2 else rest).append(q)
    return r.sample(first, len(first)) + rest


def extremes(things: list, size, ratio: float = 1.35) -> list[tuple]:
    """('largest' or 'smallest', thing) where the size (a function of a thing) differs clearly from all others."""
    if len(things) < 2:
        return []
    order = sorted(things, key=size)
    found = [("largest", order[-1])] if size(order[-1]) >= ratio * size(order[-2]) else []
    return found + ([("smallest", order[0])] if size(order[1]) >= ratio * size(order[0]) else [])


def _visible(canvas: Canvas, items: list[Item], hard: bool) -> list[Question]:
    """Everything half resolution can answer."""
    r = canvas.random
    out = []

    def add(kind, texts, answer, detail, **values):
        text = r.choice(texts).format(**values)
        out.append(Question(text[0].upper() + text[1:], answer, kind, detail))

    by_shape, by_colour, by_name = ({}, {}, {})
    for t in items:
        for d, key in ((by_shape, t.shape), (by_colour, t.colour), (by_name, t.name)):
            d.setdefault(key, []).append(t)
    smallest = 2 * min(t.radius for t in items)
    for shape, of in by_shape.items():
        if len(of) == 1:
            add("colour", COLOUR, of[0].colour, 2 * of[0].radius, shape=shape)
        if len(of) <= 8 and (len(of) > 1 or r.random() < 0.3):
            plural = "crosses" if shape == "cross" else shape + "s"
            add("count", COUNT_OF, str(len(of)), smallest, x=plural)
    for colour, of in by_colour.items():
        if len(of) == 1:
            add("shape", SHAPE, of[0].shape, 2 * of[0].radius, colour=colour)
        if len(of) <= 8 and (len(of) > 1 or r.random() < 0.3):
            add("count", COUNT_OF, str(len(of)), smallest, x=colour + " shapes")
    for name, of in by_name.items():
        if 1 < len(of) <= 8:
            add("count", COUNT_OF, str(len(of)), smallest, x=name + ("es" if name.endswith("cross") else "s"))
        elif corner_of(of[0], canvas):
            add("position", WHERE, corner_of(of[0], canvas), 2 * of[0].radius, x=name)
    if len(items) <= 8:
        add("count", COUNT, str(len(items)), smallest)
    for corner, t in corner_things(items, canvas).items():
        add("corner", AT, t.name, 2 * t.radius, corner=corner)
    for t, side, other in neighbours(items):
        if len(by_name[t.name]) == 1:
            add("relation", BESIDE, other.name, 2 * min(t.radius, other.radius), x=t.name, side=side_phrase(side))
    if len(items) > 1 and all(t.place.row == 0 for t in items):
        order = sorted(items, key=lambda t: t.x)
        for side, t in (("left", order[0]), ("right", order[-1])):
            add("corner", END[side], t.name, 2 * t.radius)
    for size, t in extremes(items, lambda t: t.radius):
        add("size", EXTREME, t.name, 2 * t.radius, size=size)
        add("size_colour", EXTREME_COLOUR, t.colour, 2 * t.radius, size=size)
    if not hard and len(by_colour) > 1:
        a, b = r.sample(sorted(by_colour), 2)
        if len(by_colour[a]) != len(by_colour[b]):
            add("more", MORE, "yes" if len(by_colour[a]) > len(by_colour[b]) else "no", smallest, a=a, b=b)
    return out


def _tag_questions(canvas: Canvas, items: list[Item], tags: Tags, where: str) -> list[Question]:
    """What needs the tags, in a random order."""
    r = canvas.random

    def ask(kind, texts, answer, thought=None, **values):
        text = r.choice(texts).format(noun=tags.noun, **values)
        return Question(text[0].upper() + text[1:], answer, kind, tags.cap, thought)

    order = r.sample(items, len(items))
    out = [ask("tag_of", OF[where] + OF_ANY, t.tag, x=t.name) for t in order]
    special = [ask("which", WHICH, t.name, tag=t.tag) for t in order[:2] if len(items) >= 5]
    corners = list(corner_things(items, canvas).items())
    if corners:
        corner, t = r.choice(corners)
        special.append(ask("tag_at", TAG_AT, t.tag, corner=corner))
    for size, t in extremes(items, lambda t: t.radius):
        if size == "largest" and r.random() < 0.5:
            special.append(ask("tag_largest", TAG_LARGEST, t.tag, f"The largest is the {t.name}."))
    r.shuffle(special)
    out = out[: max(4, 7 - len(special))] + special[:3] if r.random() < 0.8 else out
    r.shuffle(out)
    return out


def _absent(canvas: Canvas, items: list[Item], tags, where: str) -> Question | None:
    """A question about something that is not there."""
    r = canvas.random
    size = 2 * min(t.radius for t in items)
    colours, shapes = {t.colour for t in items}, {t.shape for t in items}
    names = {t.name for t in items}
    if tags and r.random() < 0.3:
        text = r.choice(WHICH).format(noun=tags.noun, tag=tags.absent())
        return Question(text, UNANSWERABLE, "absent_tag", tags.cap)
    for _ in range(20):
        shape, colour = r.choice(SHAPES), r.choice(canvas.colour_names())
        name = f"{colour} {shape}"
        if tags and name not in names:
            text = r.choice(OF[where] + OF_ANY).format(noun=tags.noun, x=name)
            return Question(text[0].upper() + text[1:], UNANSWERABLE, "absent", size)
        choice = r.randrange(3)
        if choice == 0 and shape not in shapes:
            return Question(r.choice(COLOUR).format(shape=shape), UNANSWERABLE, "absent", size)
        if choice == 1 and colour not in colours:
            return Question(r.choice(SHAPE).format(colour=colour), UNANSWERABLE, "absent", size)
        if choice == 2 and name not in names:
            return Question(r.choice(WHERE).format(x=name), UNANSWERABLE, "absent", size)
    return None
