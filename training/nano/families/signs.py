"""Signs and labels on photographs and textures: plates, road and shop signs, labels, badges, screens, posters, boxes."""

import math
from dataclasses import dataclass

from PIL import Image

from ..canvas import COLOURS, EASY_CAP, SMALL, UNANSWERABLE, Canvas, Question
from .labels import ask, case, distinct, luminance, mix, select, text_on, tilt_limit
from .words import ALL, colours_apart, value, wreck

KINDS = {
    "plate": 22,
    "road": 14,
    "round": 12,
    "shop": 8,
    "door": 8,
    "label": 12,
    "sticker": 6,
    "badge": 9,
    "licence": 7,
    "screen": 9,
    "poster": 10,
    "box": 6,
}
NOUNS = {
    "plate": ("sign",),
    "road": ("sign", "road sign"),
    "round": ("sign",),
    "shop": ("sign", "shop sign"),
    "door": ("plate", "door plate"),
    "label": ("label", "price label"),
    "sticker": ("sticker",),
    "badge": ("badge", "name badge"),
    "licence": ("licence plate", "license plate"),
    "screen": ("screen", "display"),
    "poster": ("poster",),
    "box": ("box",),
}
FIXED = {"licence": ("white", "yellow"), "screen": ("black",), "box": ("brown",)}
# Role of a text -> what it is called.
ROLES = {
    "word": "word",
    "name": "name",
    "item": "word",
    "code": "code",
    "number": "number",
    "price": "price",
    "time": "time",
    "date": "date",
    "phone": "phone number",
    "room": "room number",
    "speed": "number",
    "distance": "distance",
    "seat": "seat",
    "gate": "gate",
    "year": "year",
    "weight": "weight",
    "licence": "licence number",
    "two": "number",
    "words": "text",
    "flight": "flight number",
}
# Roles that one might take for each other.
SAME_NAME = (("word", "item", "words", "name", "header"), ("number", "speed", "two", "room", "distance", "licence"))
ARROWS = ("left", "right", "up", "down")
HEADERS = ("STAFF", "VISITOR", "GUEST", "HELLO", "CREW", "TEAM", "PRESS", "SPEAKER")


def make(canvas: Canvas, hard: bool) -> list[Question]:
    """Draws one to four signs and returns their questions."""
    r = canvas.random
    cap = canvas.cap_height(hard)
    if cap >= EASY_CAP[0]:
        cap = max(EASY_CAP[0], min(cap, 0.07 * min(canvas.width, canvas.height)))
    count = r.choices((1, 2, 3), (70, 24, 6))[0]
    first = r.choices(list(KINDS), list(KINDS.values()))[0]
    for attempt in range(8):
        scene = Scene(canvas, hard, canvas.font(), cap)
        kind = first if attempt < 3 else "plate" if r.random() < 0.5 else "sticker"
        if scene.build(kind, count):
            scene.draw()
            scene.ask_all()
            return select(canvas, scene.questions, scene.absent, hard)
        count = max(1, count - 1)
        if attempt >= 3 and cap > EASY_CAP[0]:
            cap = max(EASY_CAP[0], cap * 0.8)
    raise ValueError(f"no sign fits {canvas.width} x {canvas.height}")


@dataclass
class Line:
    """One text of a sign: role (see ROLES, or 'header'), what is written, the value in it to ask for, its cap height."""

    role: str
    text: str
    value: str
    cap: float
    prefix: str = ""


@dataclass
class Sign:
    """One sign: its place (x, y centre; w, h), colour by name, texts from top to bottom, and how it looks."""

    kind: str
    noun: str
    colour: str
    lines: list[Line]
    font: str
    w: float = 0.0
    h: float = 0.0
    x: float = 0.0
    y: float = 0.0
    form: str = "rectangle"
    arrow: str | None = None
    arrow_at: str = "top"
    arrow_size: float = 0.0
    align: str = "m"
    barcode: bool = False
    wrecked: bool = False
    fill: tuple = (0, 0, 0)
    ink: tuple = (0, 0, 0)
    place: str | None = None

    @property
    def size(self) -> float:
        return min(self.w, self.h)


class Scene:
    """A background with signs on it, being planned and drawn."""

    def __init__(self, canvas: Canvas, hard: bool, font: str, cap: float):
        self.canvas, self.hard, self.font, self.cap, self.r = canvas, hard, font, cap, canvas.random
        self.margin = max(7.0, 0.03 * min(canvas.width, canvas.height))
        self.questions: list[Question] = []
        self.absent: list[Question] = []
        self.signs: list[Sign] = []

    @property
    def small(self) -> bool:
        """Whether half resolution loses the small text."""
        return self.cap < SMALL

    # ---- planning ----------------------------------------------------------------------------------------------------------

    def build(self, kind: str, count: int) -> bool:
        """Plans the signs; False where they do not fit."""
        c, r = self.canvas, self.r
        same = r.random() < 0.55
        kinds = (
            [kind] * count
            if same and kind not in ("screen", "box")
            else [kind] + [r.choices(list(KINDS), list(KINDS.values()))[0] for _ in range(count - 1)]
        )
        if kinds.count("licence") > 2 or any(kinds.count(k) > 1 for k in ("screen", "box")):
            kinds = [kind] + ["plate"] * (count - 1)
        slots = self.slots(count)
        taken = []
        for slot, k in zip(slots, kinds):
            sign = None
            pool = [n for n in FIXED.get(k, [n for n in COLOURS if n != "gray"]) if n not in taken]
            names = colours_apart(c, 1, None, taken, pool)
            for _ in range(4):
                sign = self.plan(k, names[0], slot, len(self.signs) < count - 1 and r.random() < 0.13) if names else None
                if sign:
                    break
            if sign is None:
                return False
            taken.append(sign.colour)
            self.signs.append(sign)
        if self.hard and self.small and not any(line.cap < SMALL for s in self.signs if not s.wrecked for line in s.lines):
            return False
        texts = [line.value.lower() for s in self.signs for line in s.lines]
        if all(s.wrecked for s in self.signs) or len(set(texts)) < len(texts):
            return False
        if count > 1:
            across = slots[0][1] == slots[1][1] and slots[0][3] == slots[1][3]
            if count == 2:
                places = ("on the left", "on the right") if across else ("at the top", "at the bottom")
            elif count == 3 and slots[0][2] == slots[1][2] and slots[0][3] == slots[2][3]:
                places = (
                    ("on the left", "in the middle", "on the right")
                    if across
                    else ("at the top", "in the middle", "at the bottom")
                )
            else:
                places = (None,) * count
            for sign, place in zip(self.signs, places):
                sign.place = place
        return True

    def slots(self, count: int) -> list[tuple[float, float, float, float]]:
        """(left, top, width, height) of a region for each sign."""
        c, r, m = self.canvas, self.r, self.margin
        w, h = c.width - 2 * m, c.height - 2 * m
        if count == 1:
            return [(m, m, w, h)]
        if count == 4:
            return [(m + i * w / 2, m + j * h / 2, w / 2, h / 2) for j in (0, 1) for i in (0, 1)]
        across = r.random() < w / h / (w / h + h / w)
        if count == 3 and r.random() < 0.5 and 0.6 < w / h < 1.6:
            share = r.uniform(0.45, 0.55)
            if across:
                return [(m, m, w / 2, h), (m + w / 2, m, w / 2, h * share), (m + w / 2, m + h * share, w / 2, h * (1 - share))]
            return [
                (m, m, w, h * share),
                (m, m + h * share, w / 2, h * (1 - share)),
                (m + w / 2, m + h * share, w / 2, h * (1 - share)),
            ]
        if across:
            return [(m + i * w / count, m, w / count, h) for i in range(count)]
        return [(m, m + i * h / count, w, h / count) for i in range(count)]

    def word(self, kind: str = "words", count: int = 1, longest: int = 9) -> str:
        """One or more words of a list in upper, capital or their own case."""
        words = distinct(self.canvas, kind, count, longest=longest) or [self.canvas.code()]
        return " ".join(w.upper() for w in words) if self.r.random() < 0.4 else " ".join(case(self.canvas, words))

    def line(self, role: str, cap: float, prefix: str = "", text: str | None = None) -> Line:
        """A line with a fresh value of its role; `prefix` is written before the value."""
        r, c = self.r, self.canvas
        if text is None:
            if role in ("word", "item"):
                text = self.word(role + "s")
            elif role == "words":
                text = self.word("words", 2, 7)
            elif role == "name":
                text = self.word("names")
            elif role == "speed":
                text = r.choice(
                    (
                        "10",
                        "15",
                        "20",
                        "25",
                        "30",
                        "35",
                        "40",
                        "45",
                        "50",
                        "55",
                        "60",
                        "65",
                        "70",
                        "75",
                        "80",
                        "90",
                        "100",
                        "110",
                        "120",
                        "130",
                    )
                )
            elif role == "distance":
                text = value(c, "two")
            elif role == "licence":
                while not c.assets.in_split(text := c.code(r.choice((5, 6, 6, 7))), c.split):
                    pass
                cut = r.choice((2, 3))
                text = f"{text[:cut]}-{text[cut:]}" if r.random() < 0.4 else text
            else:
                text = value(c, role)
        if role == "price" and r.random() < 0.5:
            text = "$" + text
        if role == "distance":
            text += r.choice((" km", " mi", ""))
        return Line(role, prefix + text, text, cap, prefix)

    def lines(self, kind: str) -> list[Line]:
        """The texts of a sign of this kind, the most important first but in their order on the sign."""
        r, cap = self.r, self.cap
        c = self.canvas
        large = max(EASY_CAP[0], min(r.uniform(20, 30), 0.075 * min(c.width, c.height)))
        big = large if self.small and r.random() < 0.55 else cap if self.small else cap * r.uniform(1.0, 1.35)
        maybe = lambda role, prefixes=("",), share=0.5: [self.line(role, cap, r.choice(prefixes))] if r.random() < share else []  # noqa: E731
        if kind == "plate":
            roles = r.choice(
                (
                    ["word"],
                    ["code"],
                    ["words"],
                    ["number"],
                    ["word", "number"],
                    ["word", "code"],
                    ["code", "word"],
                    ["word", "word"],
                    ["word", "phone"],
                    ["gate"],
                )
            )
            return [self.line(role, cap) for role in roles]
        if kind == "road":
            out = [self.line("word", cap)] + maybe("distance", share=0.6)
            return out + (
                [self.line("word", cap), self.line("distance", cap)][: r.randint(0, 2)] if self.small or r.random() < 0.2 else []
            )
        if kind == "round":
            return [
                self.line("speed" if not self.small else r.choice(("number", "code", "word")), cap)
                if r.random() < 0.7
                else self.line(r.choice(("word", "code", "number")), cap)
            ] + (maybe("number", share=0.4) if self.small else [])
        if kind == "shop":
            out = [self.line(r.choice(("words", "word", "name")), big)]
            return (
                out
                + maybe("phone", ("", "Tel ", "Call "), 0.7 if self.small else 0.4)
                + maybe("year", ("since ", "est. "), 0.4)
                + maybe("time", ("open ", "until "), 0.3)
            )
        if kind == "door":
            return (
                [self.line("room", big, r.choice(("", "", "Room ", "No. ")))]
                + maybe("name", ("", "", "Dr. "), 0.7 if self.small else 0.4)
                + maybe("word", share=0.2)
            )
        if kind == "label":
            out = (
                [self.line("item", big if r.random() < 0.4 else cap)]
                + maybe("price", share=0.85)
                + maybe("weight", share=0.3)
                + maybe("code", ("", "No. ", "ref "), 0.4)
            )
            return out + maybe("date", ("best by ", "exp ", "use by "), 0.25)
        if kind == "sticker":
            return [self.line(r.choice(("word", "code", "words")), cap)] + maybe(r.choice(("number", "code", "item")), share=0.4)
        if kind == "badge":
            out = (
                [Line("header", h := r.choice(HEADERS), h, big if big >= 14 or not self.small else large)]
                if r.random() < 0.5
                else []
            )
            out += [self.line("name", cap if out else big)] + maybe("word", share=0.4)
            return out + (maybe("code", ("ID ", "", "No. "), 0.7) or ([self.line("number", cap)] if self.small else []))
        if kind == "licence":
            return [self.line("licence", cap)]
        if kind == "screen":
            roles = r.choice(
                (
                    ["time"],
                    ["gate", "time"],
                    ["number"],
                    ["word"],
                    ["flight", "gate", "time"],
                    ["code"],
                    ["word", "time"],
                    ["price"],
                    ["word", "number"],
                    ["flight", "time"],
                )
            )
            return [self.line(role, cap, "Gate " if role == "gate" and r.random() < 0.4 else "") for role in roles]
        if kind == "poster":
            out = [self.line(r.choice(("words", "word", "word")), big)]
            return (
                out
                + maybe("date", ("", "on "), 0.7)
                + maybe("time", ("", "at "), 0.6)
                + maybe("name", ("with ", "by ", ""), 0.35)
                + maybe("price", ("", "only ", "entry "), 0.35)
                + maybe("phone", ("", "Tel ", "call "), 0.5)
            )
        return (
            [self.line("item", big if r.random() < 0.4 else cap)]
            + maybe("name", ("to ", "for ", ""), 0.5)
            + maybe("code", ("", "ref ", "No. "), 0.6)
            + maybe("weight", share=0.3)
        )

    def plan(self, kind: str, colour: str, slot, wrecked: bool) -> Sign | None:
        """A sign that fits its slot, or None."""
        c, r, cap = self.canvas, self.r, self.cap
        font = self.font if r.random() < 0.6 else c.font()
        lines = self.lines(kind)
        if len({line.value.lower() for line in lines}) < len(lines):
            return None
        noun = next(
            (s.noun for s in self.signs if s.kind == kind), NOUNS[kind][0] if r.random() < 0.75 else r.choice(NOUNS[kind])
        )
        sign = Sign(kind, noun, colour, lines, font)
        room_w, room_h = slot[2] - 10, slot[3] - 10
        if wrecked and kind in ("plate", "sticker", "shop", "box"):
            sign.wrecked = True
            sign.lines = [self.line("word", max(EASY_CAP[0], min(r.uniform(18, 34), 0.09 * min(room_w, room_h * 1.6))))]
        if kind == "round":
            sign.form = r.choice(("circle", "circle", "octagon", "diamond", "triangle"))
            least = max(26.0, r.uniform(0.16, 0.34) * min(room_w, room_h))
            widths = [c.text_width(t.text, font, t.cap) for t in sign.lines]
            tall = cap * 1.4 * len(sign.lines) + cap * 0.5 * (len(sign.lines) - 1)
            w = max(widths)
            need = {
                "circle": math.hypot(w, tall) / 2 + cap * 0.9 + 4,
                "octagon": max(math.hypot(w, tall) / 2, w / 2) * 1.08 + cap * 0.6 + 4,
                "diamond": (w + tall) / 2 + cap * 0.8,
                "triangle": (w + tall * 1.0) * 0.72 + cap * 0.8,
            }[sign.form]
            radius = max(least, need)
            if 2 * radius > min(room_w, room_h):
                return None
            sign.w = sign.h = 2 * radius
        else:
            while True:
                pad_x, pad_y = cap * r.uniform(0.9, 1.6) + 4, cap * r.uniform(0.7, 1.3) + 4
                inner_w = max(c.text_width(t.text, font, t.cap) for t in sign.lines)
                inner_h = sum(t.cap * 1.75 for t in sign.lines) + cap * 0.4 * (len(sign.lines) - 1)
                if sign.wrecked:
                    pad_x, pad_y = pad_x + sign.lines[0].cap, pad_y + sign.lines[0].cap * 0.5
                sign.arrow = None
                if kind == "road" and r.random() < 0.8 or kind == "plate" and r.random() < 0.12:
                    sign.arrow = r.choice(ARROWS)
                    sign.arrow_size = max(30.0, min(r.uniform(0.12, 0.3) * min(room_w, room_h), 110.0))
                    sign.arrow_at = {
                        "left": r.choice(("left", "left", "top")),
                        "right": r.choice(("right", "right", "bottom")),
                        "up": r.choice(("top", "left", "right")),
                        "down": r.choice(("bottom", "left", "right")),
                    }[sign.arrow]
                    if sign.arrow_at in ("left", "right"):
                        inner_w, inner_h = inner_w + sign.arrow_size * 1.2, max(inner_h, sign.arrow_size)
                    else:
                        inner_w, inner_h = max(inner_w, sign.arrow_size), inner_h + sign.arrow_size * 1.15
                sign.barcode = kind in ("label", "box", "badge") and r.random() < 0.3
                if sign.barcode:
                    inner_h += cap * 2 + 12
                w, h = inner_w + 2 * pad_x, inner_h + 2 * pad_y
                if kind == "licence":
                    w += 0.4 * h + 8
                if kind == "road" and not sign.arrow and r.random() < 0.5:
                    sign.form = r.choice(("pointer left", "pointer right"))
                    w += 0.9 * h
                if kind == "label" and r.random() < 0.35:
                    sign.form = "tag"
                    w += 0.5 * h
                if w <= room_w and h <= room_h:
                    break
                if len(sign.lines) < 2:
                    return None
                sign.form = "rectangle"
                sign.lines.pop()
            # Large enough to be found at half size; then some more.
            w, h = max(w, min(60.0, room_w)), max(h, min(34.0, room_h))
            grow = 1 + r.random() ** 2 * (1.2 if self.small else 0.5)
            sign.w, sign.h = (
                min(room_w, max(w * grow, r.uniform(0.2, 0.5) * room_w)),
                min(room_h, h * (1 + (grow - 1) * r.uniform(0.2, 1.0))),
            )
            if kind == "poster" or kind == "badge" and r.random() < 0.5:
                sign.h = min(room_h, max(sign.h, sign.w * r.uniform(0.8, 1.4)))
        free_x, free_y = slot[2] - sign.w, slot[3] - sign.h
        sign.x = slot[0] + sign.w / 2 + free_x * (0.5 if r.random() < 0.4 else r.uniform(0.03, 0.97))
        sign.y = slot[1] + sign.h / 2 + free_y * (0.5 if r.random() < 0.4 else r.uniform(0.03, 0.97))
        if sign.form in ("rectangle",) and not sign.arrow and kind not in ("licence", "screen") and r.random() < 0.2:
            sign.align = "l"
        return sign

    # ---- drawing -----------------------------------------------------------------------------------------------------------

    def draw(self):
        """Draws the background and the signs."""
        c, r = self.canvas, self.r
        way = r.random()
        if way < 0.75:
            c.background_texture()
        elif way < 0.9:
            self.street()
        elif way < 0.95:
            ramp = Image.linear_gradient("L").resize((c.width, c.height), Image.Resampling.BILINEAR)
            c.image.paste(mix(c.background, tuple(r.randint(0, 255) for _ in range(3)), 0.6), (0, 0), ramp)
        for sign in self.signs:
            getattr(self, "draw_round" if sign.kind == "round" else "draw_panel")(sign)
        clear = min(min(s.x - s.w / 2, c.width - s.x - s.w / 2, s.y - s.h / 2, c.height - s.y - s.h / 2) for s in self.signs)
        tilt_limit(c, self.small, max(4.0, clear + 0.8 * self.cap))

    def street(self):
        """Sky, ground, sometimes houses."""
        c, r, d = self.canvas, self.r, self.canvas.draw
        sky, ground = (
            r.choice(((150, 195, 235), (205, 215, 225), (95, 140, 200), (30, 35, 60))),
            r.choice(((110, 110, 115), (95, 140, 75), (150, 130, 100))),
        )
        horizon = c.height * r.uniform(0.5, 0.85)
        d.rectangle((0, 0, c.width, horizon), fill=sky)
        x = -r.uniform(0, 40)
        if r.random() < 0.6:
            while x < c.width:
                w, h = c.width * r.uniform(0.12, 0.3), horizon * r.uniform(0.2, 0.75)
                wall = tuple(r.randint(90, 200) for _ in range(3))
                d.rectangle((x, horizon - h, x + w, horizon), fill=wall)
                step, pane = max(16, w / r.randint(2, 4)), mix(wall, r.choice(((20, 25, 45), (250, 230, 150))), 0.5)
                for i in range(int(w // step)):
                    for j in range(int(h // (step * 1.3))):
                        d.rectangle(
                            (
                                x + (i + 0.25) * step,
                                horizon - h + (j + 0.3) * step * 1.3,
                                x + (i + 0.75) * step,
                                horizon - h + (j + 0.85) * step * 1.3,
                            ),
                            fill=pane,
                        )
                x += w + r.choice((0, 0, 20))
        d.rectangle((0, horizon, c.width, c.height), fill=ground)

    def looks(self, sign: Sign):
        """Chooses the body's colour, the ink on it and the outline."""
        c, r = self.canvas, self.r
        sign.fill = c.colour(sign.colour, 12)
        if sign.kind == "box":
            sign.fill = mix(sign.fill, (190, 140, 90), r.uniform(0.0, 0.35))
        sign.ink = text_on(sign.fill)
        if sign.kind == "screen":
            sign.ink = r.choice(((80, 255, 110), (255, 170, 40), (255, 255, 255), (110, 210, 255), (255, 225, 90)))
        elif r.random() < 0.3:
            dark = luminance(sign.fill) > 160
            ink = tuple(r.randint(0, 120) if dark else r.randint(205, 255) for _ in range(3))
            if abs(luminance(ink) - luminance(sign.fill)) >= 110:
                sign.ink = ink

    def shadow(self, points):
        """A darker outline under a body, given as a polygon or a box."""
        if self.r.random() < 0.4:
            e = self.r.randint(2, 5)
            if len(points) == 4 and not isinstance(points[0], tuple):
                self.canvas.draw.rectangle([p + e for p in points], fill=(40, 40, 45))
            else:
                self.canvas.draw.polygon([(x + e, y + e) for x, y in points], fill=(40, 40, 45))

    def post(self, sign: Sign):
        """A pole under a sign, down to the picture's edge, where nothing else is in the way."""
        c, r = self.canvas, self.r
        if any(s is not sign and abs(s.x - sign.x) < s.w / 2 + 8 and s.y > sign.y for s in self.signs):
            return
        w = r.uniform(3, 7)
        d = r.choice(((120, 120, 125), (90, 65, 45), (60, 60, 65), (200, 200, 205)))
        for x in (sign.x,) if sign.kind == "round" or r.random() < 0.5 else (sign.x - sign.w * 0.3, sign.x + sign.w * 0.3):
            c.draw.rectangle((x - w, sign.y, x + w, c.height), fill=d)

    def draw_round(self, sign: Sign):
        """A circle, octagon, diamond or triangle with its texts in the middle."""
        c, r, d = self.canvas, self.r, self.canvas.draw
        self.looks(sign)
        if r.random() < 0.5:
            self.post(sign)
        x, y, radius = sign.x, sign.y, sign.w / 2
        ring = r.uniform(0.05, 0.1) * radius
        edge = sign.ink
        if sign.form == "circle":
            outer, inner = [
                (x - radius, y - radius, x + radius, y + radius),
                (x - radius + ring, y - radius + ring, x + radius - ring, y + radius - ring),
            ]
            d.ellipse(outer, fill=edge)
            d.ellipse(inner, fill=sign.fill)
        else:
            n, turn = {"octagon": (8, math.pi / 8), "diamond": (4, 0), "triangle": (3, -math.pi / 2)}[sign.form]
            y += radius * 0.1 if sign.form == "triangle" else 0

            def corners(size):
                return [
                    (x + size * math.cos(turn + i * 2 * math.pi / n), y + size * math.sin(turn + i * 2 * math.pi / n))
                    for i in range(n)
                ]

            points = corners(radius)
            self.shadow(points)
            d.polygon(points, fill=edge)
            d.polygon(corners(radius - ring * (2 if n == 3 else 1.3)), fill=sign.fill)
            y += radius * 0.12 if sign.form == "triangle" else 0
        heights = [t.cap * 1.4 for t in sign.lines]
        at = y - (sum(heights) + self.cap * 0.5 * (len(heights) - 1)) / 2
        for line in sign.lines:
            c.text(x, at + line.cap * 1.2, line.text, sign.font, line.cap, sign.ink, "m")
            at += line.cap * 1.4 + self.cap * 0.5

    def draw_panel(self, sign: Sign):
        """A plate, label, badge, screen, poster or box with its texts one below the other."""
        c, r, d, cap = self.canvas, self.r, self.canvas.draw, self.cap
        self.looks(sign)
        x0, y0, x1, y1 = sign.x - sign.w / 2, sign.y - sign.h / 2, sign.x + sign.w / 2, sign.y + sign.h / 2
        left, right, top, bottom = x0 + 3, x1 - 3, y0 + 3, y1 - 3
        if sign.kind in ("road", "plate", "shop") and r.random() < 0.4:
            self.post(sign)
        contour = mix(sign.fill, text_on(sign.fill), r.uniform(0.55, 1.0))
        if sign.form.startswith("pointer"):
            tip = sign.h * 0.45
            points = [(x0 + tip, y0), (x1, y0), (x1, y1), (x0 + tip, y1), (x0, sign.y)]
            if sign.form == "pointer right":
                points = [(x0 + x1 - x, y) for x, y in points]
                right -= tip
            else:
                left += tip
            self.shadow(points)
            d.polygon(points, fill=sign.fill, outline=contour, width=2)
        elif sign.form == "tag":
            cut = sign.h * 0.3
            points = [(x0 + cut, y0), (x1, y0), (x1, y1), (x0 + cut, y1), (x0, y1 - cut), (x0, y0 + cut)]
            self.shadow(points)
            d.polygon(points, fill=sign.fill, outline=contour, width=2)
            hole = max(3.0, sign.h * 0.06)
            d.ellipse((x0 + cut * 0.8 - hole, sign.y - hole, x0 + cut * 0.8 + hole, sign.y + hole), fill=(60, 60, 60))
            left += cut * 1.2
        else:
            radius = {"sticker": r.choice((6, 12, 18)), "badge": r.choice((4, 10)), "screen": 5, "licence": 6}.get(
                sign.kind, r.choice((0, 0, 3, 8))
            )
            radius = min(radius, cap * 0.9)
            self.shadow((x0, y0, x1, y1))
            if sign.kind == "screen":
                d.rounded_rectangle((x0, y0, x1, y1), radius, fill=r.choice(((70, 70, 75), (170, 170, 175), (215, 215, 215))))
                d.rectangle((x0 + 4, y0 + 4, x1 - 4, y1 - 4), fill=sign.fill)
            else:
                d.rounded_rectangle((x0, y0, x1, y1), radius, fill=sign.fill, outline=contour, width=r.choice((1, 2, 2, 3)))
                if sign.kind in ("road", "plate", "shop", "licence") and r.random() < 0.4 and sign.size > 50:
                    d.rounded_rectangle((x0 + 4, y0 + 4, x1 - 4, y1 - 4), max(0, radius - 3), outline=sign.ink, width=1)
                if sign.kind in ("plate", "door") and r.random() < 0.4 and sign.h > 40:
                    for x in (x0 + 6, x1 - 7):
                        for y in (y0 + 6, y1 - 7):
                            d.ellipse((x - 2, y - 2, x + 2, y + 2), fill=contour)
            if sign.kind == "licence":
                strip = min(0.4 * sign.h, 0.16 * sign.w)
                d.rectangle((x0 + 2, y0 + 2, x0 + strip, y1 - 2), fill=(30, 60, 170))
                left += strip
            clear = all(s is sign or abs(s.x - sign.x) > s.w / 2 + 10 or s.y > sign.y for s in self.signs)
            if sign.kind == "badge" and r.random() < 0.5 and y0 > 12 and clear:
                d.line((sign.x - 8, 0, sign.x, y0), fill=(60, 60, 70), width=2)
                d.line((sign.x + 8, 0, sign.x, y0), fill=(60, 60, 70), width=2)
        if sign.wrecked:
            line = sign.lines[0]
            wreck(c, sign.x, sign.y + line.cap / 2, line.text, sign.font, line.cap, sign.ink, sign.fill)
            return
        # A large arrow at one side, bars at the bottom.
        if sign.arrow:
            size = sign.arrow_size
            if sign.arrow_at == "left":
                self.draw_arrow(left + size * 0.55 + 2, sign.y, sign)
                left += size * 1.15
            elif sign.arrow_at == "right":
                self.draw_arrow(right - size * 0.55 - 2, sign.y, sign)
                right -= size * 1.15
            elif sign.arrow_at == "top":
                self.draw_arrow(sign.x, top + size * 0.55 + 2, sign)
                top += size * 1.1
            else:
                self.draw_arrow(sign.x, bottom - size * 0.55 - 2, sign)
                bottom -= size * 1.1
        if sign.barcode:
            height = cap * 2 + 4
            at, end = round(left + cap), min(right - cap, left + cap + r.uniform(50, 120))
            bar = sign.ink
            while at < end:
                w = r.choice((1, 1, 2, 3))
                d.rectangle((at, bottom - height - 2, at + w - 1, bottom - 5), fill=bar)
                at += w + r.choice((1, 2, 3))
            bottom -= height + 4
        need = sum(t.cap * 1.75 for t in sign.lines)
        gap = max(0.0, (bottom - top - need) / (len(sign.lines) + 1))
        if r.random() < 0.4:
            gap = min(gap, cap * r.uniform(0.6, 1.6))
            top += max(0.0, (bottom - top - need - gap * (len(sign.lines) + 1)) * r.choice((0, 0.5, 0.5, 1)))
        widest = max(c.text_width(t.text, sign.font, t.cap) for t in sign.lines)
        at, start = top + gap, min(left + cap * 1.1 + 2, right - widest - 2)
        for i, line in enumerate(sign.lines):
            ink = sign.ink
            if (
                i == 0
                and len(sign.lines) > 1
                and sign.form == "rectangle"
                and not sign.arrow
                and at - top < 2 * cap
                and at + line.cap * 1.75 - y0 < 0.36 * sign.h
                and (line.role == "header" or sign.kind in ("badge", "poster", "label") and r.random() < 0.3)
            ):
                band = c.colour(
                    r.choice([n for n in COLOURS if n != sign.colour and abs(luminance(COLOURS[n]) - luminance(sign.fill)) > 60])
                )
                d.rectangle((x0 + 3, y0 + 3, x1 - 3, at + line.cap * 1.75), fill=band)
                ink = text_on(band)
            if sign.align == "l":
                c.text(start, at + line.cap * 1.2, line.text, sign.font, line.cap, ink)
            else:
                c.text((left + right) / 2, at + line.cap * 1.2, line.text, sign.font, line.cap, ink, "m")
            at += line.cap * 1.75 + gap

    def draw_arrow(self, x: float, y: float, sign: Sign):
        """An arrow of the sign's direction around (x, y)."""
        s, r = sign.arrow_size / 2, self.r
        dx, dy = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}[sign.arrow]
        shaft, head = s * r.uniform(0.16, 0.3), s * r.uniform(0.6, 0.85)
        neck = r.uniform(0.0, 0.25) * s
        points = [(s, 0), (neck, head), (neck, shaft), (-s, shaft), (-s, -shaft), (neck, -shaft), (neck, -head)]
        self.canvas.draw.polygon([(x + a * dx - b * dy, y + a * dy + b * dx) for a, b in points], fill=sign.ink)

    # ---- questions ---------------------------------------------------------------------------------------------------------

    def add(self, kind: str, phrasings, answer: str, detail: float, thought: str | None = None, times: int = 1, **parts):
        for phrasing in self.r.sample(phrasings, min(times, len(phrasings))):
            self.questions.append(Question(ask(self.canvas, (phrasing,), **parts), answer, kind, detail, thought))

    def missing(self, phrasings, detail: float, **parts):
        self.absent.append(Question(ask(self.canvas, phrasings, **parts), UNANSWERABLE, "absent", detail))

    def ask_all(self):
        """All questions about the drawn signs."""
        c, r, signs = self.canvas, self.r, self.signs
        nouns = [s.noun for s in signs]
        roles = [line.role for s in signs for line in s.lines if not s.wrecked]
        lines_in_all = sum(len(s.lines) for s in signs if not s.wrecked)
        for sign in signs:
            its = [f"the {sign.noun}"] if len(signs) == 1 else [f"the {sign.colour} {sign.noun}"] * 2
            if sign.kind == "screen" and len(signs) > 1:
                its = [f"the {sign.noun}"]
            if len(signs) > 1 and sign.place and all(n == nouns[0] for n in nouns):
                its.append(f"the {sign.noun} {sign.place}")
            if len(signs) > 1 and nouns.count(sign.noun) == 1 and self.nouns_unique(sign):
                its.append(f"the {sign.noun}")
            self.ask_sign(sign, its, roles, lines_in_all)
        present = {s.colour for s in signs}
        absent_colour = colours_apart(c, 1, None, [*present, "black", "white", "gray", "brown"])
        if absent_colour and len(signs) > 1:
            noun = r.choice(nouns)
            self.missing(
                (
                    f"What does the {absent_colour[0]} {noun} say?",
                    f"What is written on the {absent_colour[0]} {noun}?",
                    f"Read the {absent_colour[0]} {noun}.",
                ),
                40.0,
            )
        if all(n == nouns[0] for n in nouns) and (len(signs) > 1 or r.random() < 0.15):
            plural = nouns[0] + ("es" if nouns[0] == "box" else "s")
            self.add(
                "count",
                (f"How many {plural} are there?", f"Count the {plural}.", f"How many {plural} can you see?"),
                str(len(signs)),
                min(s.size for s in signs),
            )
        taken = set(roles)
        others = [
            k
            for k in ("phone", "price", "date", "time", "weight", "flight")
            if k not in taken and not (k == "phone" and "number" in taken)
        ]
        if others:
            caps = min(line.cap for s in signs for line in s.lines)
            noun = nouns[0] if len(signs) == 1 else None
            it = f" on the {noun}" if noun else ""
            name = ROLES[r.choice(others)]
            self.missing((f"What is the {name}{it}?", f"Which {name} is shown{it}?", f"Read the {name}{it}."), caps)

    def ask_sign(self, sign: Sign, its: list[str], roles: list[str], lines_in_all: int):
        """Questions about one sign; `its` are the ways of naming it."""
        r = self.r
        alone = len(self.signs) == 1
        it = r.choice(its)
        if sign.wrecked:
            self.add(
                "wrecked",
                (f"What does {it} say?", f"What is written on {it}?", f"Read {it}.", f"What is the text on {it}?"),
                UNANSWERABLE,
                sign.lines[0].cap,
                times=2,
            )
        # What is seen at half size.
        if alone and sign.kind not in ("screen", "box", "licence") or sign.kind != "screen" and self.nouns_unique(sign):
            self.add(
                "colour",
                (
                    f"What colour is the {sign.noun}?",
                    f"What is the colour of the {sign.noun}?",
                    f"Which colour is the {sign.noun}?",
                    f"What is the {sign.noun}'s colour?",
                ),
                sign.colour,
                sign.size,
            )
        elif not alone and sign.place and sign.kind != "screen" and all(s.noun == sign.noun for s in self.signs):
            self.add(
                "colour",
                (f"What colour is the {sign.noun} {sign.place}?", f"Which colour is the {sign.noun} {sign.place}?"),
                sign.colour,
                sign.size,
            )
        if sign.arrow:
            self.add(
                "arrow",
                (
                    f"Which direction does the arrow on {it} point?",
                    f"Where does the arrow on {it} point?",
                    f"In which direction does the arrow on {it} point?",
                )
                if not alone
                else (
                    "Which direction does the arrow point?",
                    "Where does the arrow point?",
                    "In which direction does the arrow point?",
                    "Which way does the arrow point?",
                ),
                sign.arrow,
                sign.arrow_size,
            )
        if sign.kind == "round" and sign.form != "octagon":
            self.add(
                "shape",
                (f"What shape is {it}?", f"What is the shape of {it}?", f"Which shape does {it} have?"),
                sign.form,
                sign.size,
            )
        if sign.wrecked:
            return
        few = lines_in_all < 4
        lines = sign.lines
        whole = " ".join(line.text for line in lines)
        smallest = min(line.cap for line in lines)
        if len(whole) <= 16 and not any(line.role == "header" and line.cap < SMALL for line in lines):
            it = r.choice(its)
            self.add(
                "say",
                (
                    f"What does {it} say?",
                    f"What is written on {it}?",
                    f"Read {it}.",
                    f"What is the text on {it}?",
                    f"What does it say on {it}?",
                    f"Read all the text on {it}.",
                ),
                whole,
                smallest,
                times=3 if few else 1,
            )
            if alone:
                self.add("all text", ALL, whole, smallest)
        if len(lines) == 1 and lines[0].role in ("word", "name", "item", "code", "licence"):
            text, it = lines[0].value, r.choice(its)
            part = "letter" if lines[0].role in ("word", "name", "item") else "character"
            if few and " " not in text:
                self.add(
                    "first letter",
                    (f"What is the first {part} on {it}?", f"Which {part} comes first on {it}?"),
                    text[0],
                    smallest,
                )
                self.add(
                    "last letter", (f"What is the last {part} on {it}?", f"Which {part} comes last on {it}?"), text[-1], smallest
                )
        for i, line in enumerate(lines):
            it = r.choice(its)
            if line.role != "header":
                name = ROLES[line.role]
                similar = next((group for group in SAME_NAME if line.role in group), (line.role,))
                if line.role == "distance" and i and lines[i - 1].role == "word":
                    place = lines[i - 1].value
                    self.add(
                        "distance",
                        (
                            f"How far is {place}?",
                            f"What is the distance to {place}?",
                            f"How far is it to {place}?",
                            f"How far away is {place}?",
                        ),
                        line.value,
                        min(line.cap, lines[i - 1].cap),
                        f"Below {place} is {line.text}.",
                        times=2 if few else 1,
                    )
                mine = sum(t.role in similar for t in lines) if line.role != "name" else sum(t.role == "name" for t in lines)
                if mine == 1 and line.role not in ("words", "distance"):
                    it = r.choice(its)
                    phrasings = (
                        f"What is the {name} on {it}?",
                        f"Which {name} is on {it}?",
                        f"Read the {name} on {it}.",
                        f"What {name} does {it} show?",
                    )
                    if sum(x in similar for x in roles) == 1 and not (line.role in ("word", "item") and lines_in_all > 1):
                        phrasings += (f"What is the {name}?", f"Read the {name}.", f"What {name} is shown?")
                    if line.role == "speed":
                        phrasings += (f"What speed does {it} show?",)
                    note = f"It reads {line.text}." if line.prefix else None
                    self.add(line.role, phrasings, line.value, line.cap, note, times=2 if few else 1)
            if len(lines) > 1 and (line.role != "header" or line.cap >= EASY_CAP[0]):
                place = "top" if i == 0 else "bottom" if i == len(lines) - 1 else "middle" if len(lines) == 3 else None
                if place:
                    self.add(
                        place,
                        (
                            f"What is written at the {place} of {it}?",
                            f"What does the {place} line of {it} say?",
                            f"Read the {place} line on {it}.",
                            f"What is the text at the {place} of {it}?",
                        )
                        if place != "middle"
                        else (
                            f"What does the middle line of {it} say?",
                            f"Read the middle line on {it}.",
                            f"What is in the middle of {it}?",
                        ),
                        line.text,
                        line.cap,
                    )
                if line.cap > 1.5 * max((t.cap for t in lines if t is not line), default=99.0):
                    self.add(
                        "large",
                        (
                            f"What is the large text on {it}?",
                            f"What does the large text on {it} say?",
                            f"What is the heading of {it}?",
                        ),
                        line.text,
                        line.cap,
                    )
            if i + 1 < len(lines) and line.role != "header":
                after = lines[i + 1]
                self.add(
                    "below",
                    (f"What is written below {line.text}?", f"What is below {line.text}?", f"What comes after {line.text}?"),
                    after.text,
                    min(line.cap, after.cap),
                    f"Below {line.text} is {after.text}."[:48] if len(line.text + after.text) < 32 else None,
                )
            if line.cap >= SMALL and len(self.signs) > 1 and sign.kind != "screen" and all(s.noun == sign.noun for s in self.signs):
                self.add(
                    "which",
                    (
                        f"What colour is the {sign.noun} that says {line.text}?",
                        f"What colour is the {sign.noun} with {line.text}?",
                        f"Which colour is the {sign.noun} with {line.text}?",
                    ),
                    sign.colour,
                    line.cap,
                )

    def nouns_unique(self, sign: Sign) -> bool:
        """Whether nothing else in the picture is called what this sign is called."""
        return not any(s is not sign and (s.noun.endswith(sign.noun) or sign.noun.endswith(s.noun)) for s in self.signs)
