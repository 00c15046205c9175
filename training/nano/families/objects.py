"""Pictured objects, some with prices, codes or names: what is where, how often, and what a tag reads."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from ..canvas import COLOURS, SHAPES, UNANSWERABLE, Canvas, Question
from .shapes import (
    Place,
    Tags,
    arrange,
    capacity,
    card_colour,
    corner_of,
    corner_things,
    decorate,
    extremes,
    fit_tags,
    margin_of,
    mixed,
    neighbours,
    side_phrase,
)

LEAST = 58.0  # size of the smallest drawing that is to be named
# Of the pack's objects those whose outline or colours tell them from the others here even in a drawing never seen.
NAMES = """airplane anchor apple backpack balloon banana bee bell bicycle book burger bus butterfly cactus cake camera candle carrot cat cheese
    clock cloud corn crab crown cup dog duck elephant envelope fire fish flower frog gift guitar hammer heart helicopter hourglass
    key leaf lemon lock microphone moon mushroom owl pencil penguin pig pineapple pizza rabbit rainbow ring rocket scissors shoe skull
    snail snake snowflake snowman spider strawberry sun tent train tree trophy trumpet turtle umbrella watermelon whale""".split()

# Only one of each group is in a picture, or asked for when absent.
ALIKE = [
    set(g.split())
    for g in (
        "car taxi bus truck",
        "phone telephone",
        "shoe boot",
        "clock watch",
        "chicken rooster duck bird parrot",
        "pen pencil paintbrush",
        "violin guitar",
        "trumpet saxophone flute",
        "orange peach tomato apple",
        "lobster crab",
        "octopus squid",
        "dog fox",
        "cup teapot",
        "coat shirt dress",
        "gem ring",
        "bear koala panda monkey",
        "cat tiger lion",
        "wine milk",
        "sun fire",
        "lemon pear avocado",
        "hat crown",
        "boat rocket",
        "cake pizza",
        "bread sandwich burger",
        "candy cookie doughnut",
        "radio television printer",
        "key lock",
        "leaf tree",
        "flower rose",
        "fish shark whale dolphin",
        "horse unicorn zebra",
        "pig cow sheep",
        "medal trophy",
        "cloud snowflake",
        "sock glove",
        "house castle",
        "potato kiwi onion",
        "moon rainbow",
        "bicycle motorcycle",
        "map envelope",
        "ant spider bee",
    )
]
GROUP = {name: group for group in ALIKE for name in group}
PLURALS = {"cherries", "grapes", "fries", "eyeglasses", "scissors"}
MASS = {"bread", "broccoli", "cheese", "corn", "fire", "milk", "wine", "candy"}
IRREGULAR = {
    "fish": "fish",
    "sheep": "sheep",
    "squid": "squids",
    "knife": "knives",
    "leaf": "leaves",
    "scarf": "scarves",
    "strawberry": "strawberries",
    "butterfly": "butterflies",
}


def plural(name: str) -> str:
    """More than one of it."""
    if name in PLURALS | MASS:
        return f"pictures of {name}"
    if name in IRREGULAR:
        return IRREGULAR[name]
    if name.endswith(("s", "x", "ch", "sh")) or name in ("potato", "tomato"):
        return name + "es"
    return name + "s"


def some(name: str) -> str:
    """With an article where it takes one."""
    if name in PLURALS | MASS:
        return name
    return ("an " if name[0] in "aeio" or name in ("umbrella", "hourglass") else "a ") + name


def be(name: str) -> str:
    """'is' or 'are'."""
    return "are" if name in PLURALS else "is"


@dataclass
class Item:
    """One drawing in the picture; size is its longer side."""

    name: str
    place: Place
    size: float = 0.0
    x: float = 0.0
    y: float = 0.0
    tag: str | None = None
    card: str | None = None


def make(canvas: Canvas, hard: bool) -> list[Question]:
    """Draws 1 to 12 objects (with tags when hard, sometimes otherwise) and asks about them."""
    r = canvas.random
    margin = margin_of(canvas)
    texture = decorate(canvas, r.choice((0.0, 0.3, 0.6)))

    def cell(tags: Tags, where: str) -> tuple[float, float]:
        if where == "right":
            return LEAST + tags.box_width + 16, max(LEAST, tags.box_height) + 10
        return max(LEAST, tags.box_width) + 10, LEAST + tags.box_height + 14

    tags, where = None, ""
    if hard or r.random() < 0.4:
        kinds = ("price", "price", "price", "code", "code", "number", "name")
        tags, where = fit_tags(
            canvas, hard, kinds, 12, 3 if hard else 2, texture or r.random() < 0.5, cell, margin, inside=False
        ) or (None, "")
    width, height = cell(tags, where) if tags else (LEAST + 8, LEAST + 8)
    room = capacity(canvas, width, height, margin)
    if tags:
        count = min(room, r.randint(5, 12) if hard else r.randint(2, 6))
    else:
        count = min(room, 1 if r.random() < 0.1 else r.randint(2, 9))
    places = arrange(canvas, count, width, height, margin, r.random() < 0.35 and 1 < count < room * 0.7)
    items = _choose(canvas, places, tags)
    _layout(canvas, items, tags, where)
    cards = _draw(canvas, items, tags, where, texture)
    return _ask(canvas, items, tags, where, cards, hard)


def names_in(canvas: Canvas) -> list[str]:
    """Names of the objects that have a drawing in the canvas's split."""
    known = set(canvas.assets.icon_names(canvas.split))
    return [n for n in NAMES if n in known]


def _alike(a: str, b: str) -> bool:
    return a == b or b in GROUP.get(a, ())


def _choose(canvas: Canvas, places: list[Place], tags) -> list[Item]:
    """Names for the places; without tags some come more than once."""
    r = canvas.random
    names = names_in(canvas)
    chosen: list[str] = []
    while len(chosen) < len(places):
        name = r.choice(names)
        if not any(_alike(name, other) for other in chosen):
            chosen.append(name)
    if not tags and len(places) >= 3:
        kind = r.choice(("different", "twice", "many", "many"))
        if kind == "twice":
            chosen[1] = chosen[0]
        elif kind == "many":  # a few names, repeated
            few = chosen[: r.randint(2, max(2, len(places) // 2))]
            chosen = few + [r.choice(few) for _ in range(len(places) - len(few))]
    r.shuffle(chosen)
    return [Item(name, place, tag=tags.texts[i] if tags else None) for i, (name, place) in enumerate(zip(chosen, places))]


def _layout(canvas: Canvas, items: list[Item], tags, where: str) -> None:
    """Sizes and positions inside the places."""
    r = canvas.random
    beside = tags.box_width + 4 if where == "right" else 0.0
    under = tags.box_height + 4 if where in ("below", "above") else 0.0
    largest = 190.0 if len(items) <= 2 else 140.0
    most = [max(LEAST, min(t.place.width - 8 - beside, t.place.height - 8 - under, largest)) for t in items]
    top = min(most)
    mode = r.choice(("same", "same", "varied", "big", "small"))
    odd, base = r.randrange(len(items)), r.uniform(max(LEAST, top * 0.65), top)
    for i, t in enumerate(items):
        if mode == "same":
            t.size = base
        elif mode == "varied":
            t.size = r.uniform(max(LEAST, most[i] * 0.6), most[i])
        elif mode == "big":
            t.size = most[i] if i == odd else max(LEAST, top * r.uniform(0.52, 0.68))
        else:
            t.size = max(LEAST, top * 0.55) if i == odd else max(LEAST, top * r.uniform(0.8, 1.0))
    jitter = r.choice((0.0, 0.0, 0.4, 0.7)) if items[0].place.row >= 0 else 1.0
    for t in items:
        p = t.place
        w, h = t.size + beside, t.size + under
        if under:
            w = max(w, tags.box_width)
        dx, dy = max(0.0, p.width - w - 8) / 2 * jitter, max(0.0, p.height - h - 8) / 2 * jitter
        t.x = (p.x0 + p.x1) / 2 + r.uniform(-dx, dx) - beside / 2
        t.y = (p.y0 + p.y1) / 2 + r.uniform(-dy, dy) + under / 2 * (-1 if where == "below" else 1)


# ---- drawing -----------------------------------------------------------------------------------------------------------


def _drawing(canvas: Canvas, name: str, size: float, turn: float, flip: bool) -> Image.Image:
    """An icon cut to what is drawn, turned, its longer side `size`."""
    icon = canvas.assets.icon(name, canvas.split, canvas.random)
    if canvas.split == "train" and canvas.random.random() < 0.5:  # few drawings of each: vary their colours
        grey = canvas.random.random() < 0.15
        bands = [icon.convert("L")] * 3 if grey else icon.split()[:3]
        gains = [canvas.random.uniform(0.8, 1.2) for _ in bands]
        icon = Image.merge("RGBA", [b.point([min(255, round(v * g)) for v in range(256)]) for b, g in zip(bands, gains)] + [icon.getchannel("A")])
    if turn:
        icon = icon.rotate(turn, Image.Resampling.BILINEAR, expand=True)
    icon = icon.crop(icon.getchannel("A").getbbox())
    scale = size / max(icon.size)
    icon = icon.resize((max(1, round(icon.width * scale)), max(1, round(icon.height * scale))), Image.Resampling.BILINEAR)
    return icon.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flip else icon


def _stands_out(icon: Image.Image, grounds: list) -> list[float]:
    """Share of the drawing that differs clearly from each of the colours that could be behind it."""
    a = np.asarray(icon)[1::4, 1::4].astype(np.int16)
    ink = a[a[..., 3] > 128][:, :3]
    if not len(ink):
        return [0.0] * len(grounds)
    far = np.abs(ink[None] - np.array(grounds, np.int16)[:, None]).max(-1) > 55
    return far.mean(1).tolist()


STEEP = [min(255, a * 5) for a in range(256)]


def _sticker(icon: Image.Image, width: int, colour) -> Image.Image:
    """The icon with a plain edge around it."""
    edge = width + 1
    out = Image.new("RGBA", (icon.width + 2 * edge, icon.height + 2 * edge), (*colour, 0))
    alpha = Image.new("L", out.size)
    alpha.paste(icon.getchannel("A"), (edge, edge))
    out.putalpha(alpha.filter(ImageFilter.BoxBlur(width)).point(STEEP))
    out.alpha_composite(icon, (edge, edge))
    return out


def _draw(canvas: Canvas, items: list[Item], tags, where: str, texture: bool) -> bool:
    """Draws everything; True where each item has a card of a named colour of its own."""
    r, d = canvas.random, canvas.draw
    colours = [c for c in canvas.colour_names() if c not in ("black", "white")]
    style = r.choice(("none", "none", "coloured", "coloured", "plain", "shelf", "grid"))
    if texture and style == "none" and r.random() < 0.5:
        style = "plain"
    coloured = style == "coloured" and len(items) <= len(colours)
    colours = r.sample(colours, len(colours))
    quiet, corner, edge = card_colour(canvas), r.choice((0, 8, 16)), r.choice((None, None, canvas.ink, (140, 140, 140)))
    gap, disc = r.choice((1, 2, 4)), r.random() < 0.25
    wood = (r.randint(120, 190), r.randint(80, 120), r.randint(40, 80)) if r.random() < 0.6 else (r.randint(120, 170),) * 3
    turning, flipping, stickers = r.choice((0, 0, 0, 0, 0, 6, 15)), r.random() < 0.3, r.random() < 0.15
    if style == "grid" and items[0].place.row >= 0:
        for t in items:
            d.rectangle((t.place.x0, t.place.y0, t.place.x1, t.place.y1), None if texture else quiet, canvas.ink)
    if style == "shelf" and items[0].place.row >= 0:
        for y in {t.place.y1 for t in items}:
            d.rectangle((0, y - 3, canvas.width, y + 2), wood)
    for i, t in enumerate(items):
        p = t.place
        ground = quiet if style in ("plain", "grid") and not texture else canvas.background
        icon = _drawing(canvas, t.name, t.size, r.uniform(-turning, turning), flipping and r.random() < 0.5)
        carded = coloured or style == "plain"
        if coloured:
            shares = _stands_out(icon, [COLOURS[c] for c in colours[i : i + 4]])
            best = i + shares.index(max(shares))
            colours[i], colours[best] = colours[best], colours[i]
            t.card = colours[i]
            ground = canvas.colour(t.card)
        elif style == "plain":
            ground = quiet
        if carded:
            box = [p.x0 + gap, p.y0 + gap, p.x1 - gap, p.y1 - gap]
            if tags and (coloured or disc):  # the tag stays on the background
                reach = t.size / 2 + 3
                box = [t.x - reach, t.y - reach, t.x + reach, t.y + reach]
            if disc:
                reach = min(t.size / 2 + 5, box[2] - box[0], box[3] - box[1])
                box = [t.x - reach, t.y - reach, t.x + reach, t.y + reach]
                box = [max(box[0], p.x0), max(box[1], p.y0), min(box[2], p.x1), min(box[3], p.y1)]
            box = [round(b) for b in box]
            d.rounded_rectangle(box, min(box[2] - box[0], box[3] - box[1]) // 2 if disc else corner, ground, edge)
        here, on_white = _stands_out(icon, [ground, (250, 250, 250)])
        if stickers or here < 0.45 or (texture and not carded and r.random() < 0.6):
            icon = _sticker(
                icon, 2, (250, 250, 250) if on_white > 0.3 or canvas.dark and not carded and not texture else (30, 30, 40)
            )
        canvas.paste(icon, t.x, t.y)
        reach = t.size * 0.4
        canvas.boxes.append((t.x - reach, t.y - reach, t.x + reach, t.y + reach, len(SHAPES) * len(COLOURS) + 1 + NAMES.index(t.name)))
        if tags:
            away = t.size / 2 + 3 + tags.box_height / 2
            if where == "right":
                tags.write(t.tag, t.x + t.size / 2 + 4 + tags.box_width / 2, t.y)
            else:
                tags.write(t.tag, t.x, t.y + (away if where == "below" else -away))
    return coloured


# ---- questions ---------------------------------------------------------------------------------------------------------

SINGLE = (
    "What is the object?",
    "What is shown in the picture?",
    "What does the picture show?",
    "Name the object.",
    "What can you see?",
    "Which object is this?",
)
AT = (
    "What is in the {corner}?",
    "Which object is in the {corner}?",
    "What do you see in the {corner} corner?",
    "Name the object in the {corner}.",
    "What is pictured at the {corner}?",
)
MIDDLE = (
    "What is in the middle?",
    "Which object is in the center?",
    "What do you see in the middle of the picture?",
    "Name the object in the middle.",
)
END = {
    "left": ("Which object is furthest left?", "What is on the far left?", "Which object comes first from the left?"),
    "right": ("Which object is furthest right?", "What is on the far right?", "Which object comes last from the left?"),
}
ON = (
    "What object is on the {card} card?",
    "What is on the {card} card?",
    "Which object has the {card} background?",
    "What is shown on {card}?",
    "Name the object on the {card} card.",
)
CARD = (
    "What colour is the card of the {x}?",
    "What colour is behind the {x}?",
    "Which colour is the {x} on?",
    "On which colour {be} the {x}?",
)
BESIDE = (
    "What is {side} the {x}?",
    "Which object is directly {side} the {x}?",
    "What do you see just {side} the {x}?",
    "Name the object {side} the {x}.",
)
COUNT = ("How many objects are there?", "How many things can you see?", "Count the objects.", "What is the number of objects?")
COUNT_OF = (
    "How many {x} are there?",
    "How many {x} can you see?",
    "Count the {x}.",
    "What is the number of {x}?",
    "How many {x} does the picture show?",
)
TWICE = ("Which object appears twice?", "What is shown two times?", "Which object is there twice?", "What appears exactly twice?")
EXTREME = (
    "Which object is the {size}?",
    "Name the {size} object.",
    "What is the {size} thing?",
    "Find the {size} object. What is it?",
)
SEE = (
    "Can you see {some} in the picture?",
    "Do you see {some}?",
    "Does the picture show {some}?",
    "Does {some} appear in the picture?",
)
SEE_PLURAL = SEE[:3]
WHERE = (
    "Where {be} the {x}?",
    "In which part of the picture {be} the {x}?",
    "Where can the {x} be found?",
    "What is the position of the {x}?",
)

OF = {
    "price": ("What is the price of the {x}?", "How much {be} the {x}?", "What does the {x} cost?", "Read the price of the {x}."),
    "code": (
        "What is the {noun} of the {x}?",
        "Which {noun} {have} the {x}?",
        "What {noun} is at the {x}?",
        "Read the {noun} of the {x}.",
    ),
    "number": (
        "What is the number of the {x}?",
        "Which number {have} the {x}?",
        "What number is at the {x}?",
        "Read the number of the {x}.",
    ),
    "name": ("Whose {x} {be} shown?", "Which name is at the {x}?", "Who owns the {x}?", "What name does the {x} have?"),
}
PLACED = {
    "below": "What is written under the {x}?",
    "above": "What is written above the {x}?",
    "right": "What is written next to the {x}?",
}
WHICH = {
    "price": (
        "Which object costs {tag}?",
        "What costs {tag}?",
        "Which object has the price {tag}?",
        "What can one buy for {tag}?",
    ),
    "code": (
        "Which object has the {noun} {tag}?",
        "What is marked {tag}?",
        "The {noun} {tag} belongs to which object?",
        "Find {tag}. Which object is it?",
    ),
    "number": (
        "Which object has the number {tag}?",
        "What is marked {tag}?",
        "The number {tag} belongs to which object?",
        "Find {tag}. Which object is it?",
    ),
    "name": (
        "What belongs to {tag}?",
        "Which object is marked {tag}?",
        "What does {tag} own?",
        "Find {tag}. Which object is it?",
    ),
}
TAG_AT = (
    "What is the {noun} in the {corner}?",
    "Read the {noun} in the {corner} corner.",
    "What {noun} does the object in the {corner} have?",
)
CHEAPEST = ("Which object is the {rank}?", "What is the {rank} object?", "Name the {rank} object.")


def _ask(canvas: Canvas, items: list[Item], tags, where: str, cards: bool, hard: bool) -> list[Question]:
    r = canvas.random
    seen = mixed(r, _visible(canvas, items, cards, hard))
    total = r.randint(5, 8)
    absent = _absent(canvas, items, tags, where, cards) if r.random() < 0.32 else None
    if tags is None:
        questions = seen[: total - (absent is not None)]
    else:
        few = (0.25 if hard else 0.5) * total - (hard and absent is not None and absent.detail > 20)
        questions = seen[: max(0, int(few))]
        questions += _tag_questions(canvas, items, tags, where)[: total - len(questions) - (absent is not None)]
        if not hard:  # few tags
            questions += seen[max(0, int(few)) :][: max(0, 5 - len(questions))]
    questions += [absent] if absent else []
    for _ in range(8):  # few objects: the same in other words
        if len(questions) >= 5:
            break
        more = _tag_questions(canvas, items, tags, where) if hard and tags else mixed(r, _visible(canvas, items, cards, hard))
        texts = {q.text for q in questions}
        questions += [q for q in more if q.text not in texts][: 5 - len(questions)]
    return questions


def _visible(canvas: Canvas, items: list[Item], cards: bool, hard: bool) -> list[Question]:
    """Everything half resolution can answer."""
    r = canvas.random
    out: list[Question] = []

    def add(kind, texts, answer, detail, **values):
        out.append(Question(r.choice(texts).format(**values), answer, kind, detail))

    by_name: dict = {}
    for t in items:
        by_name.setdefault(t.name, []).append(t)
    single = [of[0] for of in by_name.values() if len(of) == 1]
    least = min(t.size for t in items)
    if len(items) == 1:
        for text in r.sample(SINGLE, 3):
            add("single", (text,), items[0].name, least)
    if len(items) <= 8:
        add("count", COUNT, str(len(items)), least)
    for name, of in by_name.items():
        if len(of) <= 8 and (len(of) > 1 or r.random() < 0.25):
            add("count", COUNT_OF, str(len(of)), least, x=plural(name))
    twice = [name for name, of in by_name.items() if len(of) == 2]
    if len(twice) == 1 and len(by_name) > 1:
        add("twice", TWICE, twice[0], least)
    if len(items) > 1:
        for corner, t in corner_things(items, canvas).items():
            add("corner", AT, t.name, t.size, corner=corner)
        apart = sorted((max(abs(t.x / canvas.width - 0.5), abs(t.y / canvas.height - 0.5)), i) for i, t in enumerate(items))
        if apart[0][0] < 0.1 and apart[1][0] > 0.22:
            add("middle", MIDDLE, items[apart[0][1]].name, least)
        if all(t.place.row == 0 for t in items):
            order = sorted(items, key=lambda t: t.x)
            for side, t in (("left", order[0]), ("right", order[-1])):
                add("corner", END[side], t.name, t.size)
    for t in single:
        corner = corner_of(t, canvas)
        if corner:
            add("position", WHERE, corner, t.size, x=t.name, be=be(t.name))
    for t in items if cards else ():
        add("on_card", ON, t.name, t.size, card=t.card)
        if t in single:
            add("card", CARD, t.card, t.size, x=t.name, be=be(t.name))
    for t, side, other in neighbours(items):
        if t in single:
            add("relation", BESIDE, other.name, other.size, x=t.name, side=side_phrase(side))
    for size, t in extremes(items, lambda t: t.size, 1.4):
        add("size", EXTREME, t.name, t.size, size=size)
    if not hard and r.random() < 0.5:
        name, answer = (r.choice(items).name, "yes") if r.random() < 0.5 else (_other(canvas, items), "no")
        add("see", SEE_PLURAL if name in PLURALS else SEE, answer, least, some=some(name))
    return out


def _other(canvas: Canvas, items: list[Item]) -> str:
    """An object that is not there, nor anything like it."""
    names = names_in(canvas)
    while True:
        name = canvas.random.choice(names)
        if not any(_alike(name, t.name) for t in items):
            return name


def _of(canvas: Canvas, tags: Tags, where: str, name: str) -> str:
    """A question for the tag of a named object."""
    text = canvas.random.choice(OF[tags.kind] + (PLACED[where],))
    return text.format(x=name, noun=tags.noun, be=be(name), have="belongs to")


def _which(canvas: Canvas, tags: Tags, tag: str) -> str:
    return canvas.random.choice(WHICH[tags.kind]).format(noun=tags.noun, tag=tag)


def _tag_questions(canvas: Canvas, items: list[Item], tags: Tags, where: str) -> list[Question]:
    """What needs the tags, in a random order."""
    r, cap = canvas.random, tags.cap
    order = r.sample(items, len(items))
    out = [Question(_of(canvas, tags, where, t.name), t.tag, "tag_of", cap) for t in order]
    special = [Question(_which(canvas, tags, t.tag), t.name, "which", cap) for t in order[:2] if len(items) >= 5]
    corners = list(corner_things(items, canvas).items())
    if corners:
        corner, t = r.choice(corners)
        special.append(Question(r.choice(TAG_AT).format(noun=tags.noun, corner=corner), t.tag, "tag_at", cap))
    if tags.kind == "price" and 4 <= len(items) <= 7 and r.random() < 0.4:
        rank = r.choice(("cheapest", "most expensive"))
        t = (min if rank == "cheapest" else max)(items, key=lambda t: float(t.tag.strip("$")))
        special.append(
            Question(
                r.choice(CHEAPEST).format(rank=rank),
                t.name,
                "rank",
                cap,
                f"The {'lowest' if rank == 'cheapest' else 'highest'} price is {t.tag}.",
            )
        )
    r.shuffle(special)
    if r.random() < 0.8:
        out = out[: max(4, 7 - len(special))] + special[:3]
    r.shuffle(out)
    return out


def _absent(canvas: Canvas, items: list[Item], tags, where: str, cards: bool) -> Question:
    """A question about something that is not there."""
    r = canvas.random
    size, name = min(t.size for t in items), _other(canvas, items)
    if tags:
        if r.random() < 0.3:
            return Question(_which(canvas, tags, tags.absent()), UNANSWERABLE, "absent_tag", tags.cap)
        return Question(_of(canvas, tags, where, name), UNANSWERABLE, "absent", size)
    free = [c for c in canvas.colour_names() if c not in {t.card for t in items}]
    if cards and r.random() < 0.5:
        return Question(r.choice(ON[:2] + ON[4:]).format(card=r.choice(free)), UNANSWERABLE, "absent", size)
    if len(items) > 1 and r.random() < 0.5:
        text = r.choice(BESIDE).format(x=name, side=side_phrase(r.choice(("left", "right", "above", "below"))))
    else:
        text = r.choice(WHERE).format(x=name, be=be(name))
    return Question(text, UNANSWERABLE, "absent", size)
