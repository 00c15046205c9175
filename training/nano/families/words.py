"""Words, codes and numbers on plain grounds and cards: single texts, scattered texts, lists, paragraphs, key and value lines."""

from PIL import Image, ImageDraw, ImageFilter

from ..canvas import CODE_ALPHABET, COLOURS, EASY_CAP, SMALL, UNANSWERABLE, Canvas, Question, truetype
from .labels import ORDINALS, ask, case, decimal, distinct, luminance, mix, select, text_on, tilt_limit

LAYOUTS = {"single": 15, "scatter": 30, "lines": 19, "paragraph": 15, "pairs": 18, "blurred": 3}
NOUNS = {
    "word": "word",
    "name": "name",
    "item": "word",
    "code": "code",
    "number": "number",
    "price": "price",
    "time": "time",
    "date": "date",
    "phone": "phone number",
}
# Colours that thin strokes or photographs make hard to tell apart.
SIMILAR = {
    frozenset(p)
    for p in (
        ("red", "orange"),
        ("red", "brown"),
        ("red", "pink"),
        ("orange", "yellow"),
        ("orange", "brown"),
        ("pink", "purple"),
        ("blue", "purple"),
        ("blue", "cyan"),
        ("black", "brown"),
        ("black", "gray"),
        ("white", "gray"),
        ("white", "yellow"),
        ("green", "cyan"),
        ("brown", "gray"),
        ("black", "blue"),
        ("black", "purple"),
    )
}
# What a line or a sign may say about something -> the kind of its value.
KEYS = {
    "code": "code",
    "ID": "code",
    "ref": "code",
    "pass": "code",
    "key": "code",
    "gate": "gate",
    "seat": "seat",
    "room": "room",
    "phone": "phone",
    "date": "date",
    "time": "time",
    "price": "price",
    "total": "price",
    "name": "name",
    "guest": "name",
    "owner": "name",
    "flight": "flight",
    "platform": "two",
    "bus": "two",
    "order": "long",
    "table": "two",
    "item": "item",
    "pin": "four",
    "year": "year",
    "box": "room",
    "user": "word",
    "topic": "word",
    "team": "word",
    "size": "two",
    "score": "two",
    "invoice": "long",
    "weight": "weight",
    "track": "two",
}


def make(canvas: Canvas, hard: bool) -> list[Question]:
    """Draws one page of text and returns its questions."""
    r = canvas.random
    cap, font = canvas.cap_height(hard), canvas.font()
    if cap >= EASY_CAP[0]:
        cap = max(EASY_CAP[0], min(cap, 0.085 * min(canvas.width, canvas.height)))
    first = r.choices(list(LAYOUTS), list(LAYOUTS.values()))[0]
    for attempt in range(3):
        for layout in (first, first, first, "single", "single"):
            page = Page(canvas, hard, font, cap)
            if getattr(page, layout)():
                tilt_limit(canvas, hard, page.margin)
                return select(canvas, page.questions, page.absent, hard)
        font, cap = canvas.font(), cap if cap < SMALL else EASY_CAP[0]
    raise ValueError(f"no text fits {canvas.width} x {canvas.height}")


# ---- what is written (also for signs) ------------------------------------------------------------------------------------------


def number(canvas: Canvas, low: int, high: int, places: int = 0) -> str:
    """A number of the split as text; low and high count in the last place."""
    while True:
        text = decimal(canvas.random.randint(low, high), places)
        if len(text) < 3 or canvas.assets.in_split(text, canvas.split):
            return text


def split_text(canvas: Canvas, build) -> str:
    """The first text that `build()` gives and that the split may show."""
    while True:
        text = build()
        if canvas.assets.in_split(text, canvas.split):
            return text


def value(canvas: Canvas, kind: str) -> str:
    """A random text of a kind: word, name, item, code, number, price, time, date, phone and those of KEYS."""
    r = canvas.random
    if kind in ("word", "name", "item"):
        words = distinct(canvas, kind + "s", 1)
        return words[0] if words else canvas.code()
    if kind == "code":
        return canvas.code()
    if kind == "number":
        low, high, places = r.choices(
            ((10, 99, 0), (100, 999, 0), (1000, 9999, 0), (10000, 99999, 0), (10, 99, 1)), (3, 5, 4, 1, 1)
        )[0]
        return number(canvas, low, high, places)
    if kind == "price":
        return number(canvas, 100, 9999, 2)
    if kind == "time":
        return split_text(canvas, lambda: f"{r.randint(0, 23)}:{r.randint(0, 59):02d}")
    if kind == "date":
        return split_text(canvas, lambda: f"{r.randint(1, 28):02d}/{r.randint(1, 12):02d}")
    if kind == "phone":
        return split_text(canvas, lambda: f"{r.randint(200, 999)}-{r.randint(0, 9999):04d}")
    if kind == "gate":
        return split_text(canvas, lambda: f"{r.choice('ABCDEFGH')}{r.randint(10, 59)}")
    if kind == "seat":
        return split_text(canvas, lambda: f"{r.randint(10, 59)}{r.choice('ABCDEF')}")
    if kind == "flight":
        return split_text(canvas, lambda: f"{r.choice(CODE_ALPHABET[:20])}{r.choice(CODE_ALPHABET[:20])}{r.randint(100, 999)}")
    if kind == "weight":
        return split_text(canvas, lambda: f"{r.randint(11, 999)}{r.choice(('kg', 'g', 'lb'))}")
    low, high = {"two": (10, 99), "room": (100, 999), "four": (1000, 9999), "long": (1000, 99999), "year": (1900, 2035)}[kind]
    return number(canvas, low, high)


def colours_apart(canvas: Canvas, count: int, back, taken=(), pool=None, contrast: float = 95) -> list[str]:
    """Up to `count` names of colours, none similar to another, all clear on `back` (an RGB colour, or None: not checked)."""
    names = [n for n in pool or COLOURS if back is None or abs(luminance(COLOURS[n]) - luminance(back)) >= contrast]
    canvas.random.shuffle(names)
    out = []
    for name in names:
        if (
            len(out) < count
            and name not in taken
            and not any(name == o or frozenset((name, o)) in SIMILAR for o in (*out, *taken))
        ):
            out.append(name)
    return out


def wreck(canvas: Canvas, x: float, baseline: float, text: str, font: str, cap: float, fill, back) -> str:
    """Draws a text around the middle x such that nobody can read it, without recording its characters; returns the way."""
    r = canvas.random
    face = truetype(font, cap)
    width = face.getlength(text)
    way = r.choice(("blur", "blur", "scribble", "blot", "mosaic"))
    pad = round(cap * 1.2)
    w, h = round(width) + 2 * pad, round(cap * 1.7) + 2 * pad
    left, top = round(x - width / 2) - pad, round(baseline - cap * 1.2) - pad
    mask = Image.new("L", (w, h))
    ImageDraw.Draw(mask).text((pad, pad + cap * 1.2), text, font=face, fill=255, anchor="ls")
    if way == "blur":
        mask = mask.filter(ImageFilter.GaussianBlur(cap * r.uniform(0.75, 0.9))).point(lambda v: min(255, v * 2))
    elif way == "mosaic":
        cell = cap * r.uniform(0.95, 1.2)
        mask = mask.resize((max(2, round(w / cell)), max(2, round(h / cell))), Image.Resampling.BOX).point(
            lambda v: min(255, v * 2)
        )
        mask = mask.resize((w, h), Image.Resampling.NEAREST)
    canvas.image.paste(tuple(fill), (left, top), mask)
    if way in ("scribble", "blot"):
        draw, x0, x1 = canvas.draw, x - width / 2 - cap * 0.15, x + width / 2 + cap * 0.15
        middle = baseline - cap * 0.4
        dark = (15, 15, 20) if luminance(back) > 125 else (240, 240, 235)
        paint = dark if r.random() < 0.5 else canvas.colour(r.choice(colours_apart(canvas, 3, back, contrast=60)))
        if way == "scribble":
            points, at, up = [], x0, True
            while at < x1 + cap * 0.3:
                points.append((at, middle + (-0.78 if up else 0.78) * cap * r.uniform(0.85, 1.1)))
                at, up = at + cap * r.uniform(0.16, 0.24), not up
            draw.line(points, fill=paint, width=max(3, round(cap * 0.3)), joint="curve")
        else:
            at = x0
            while at < x1 + cap * 0.2:
                radius, y = cap * r.uniform(0.72, 0.95), middle + cap * r.uniform(-0.12, 0.12)
                draw.ellipse((at - radius * 0.8, y - radius, at + radius * 0.8, y + radius), fill=paint)
                at += cap * 0.4
    return way


# ---- pages ---------------------------------------------------------------------------------------------------------------------

SAYS = (
    "What does the text say?",
    "What is written here?",
    "Read the text.",
    "What does it say?",
    "What text is shown?",
    "What is written in the picture?",
)
ALL = (
    "Read all the text.",
    "Read all the text in the picture.",
    "What is all the text?",
    "Write down all the text.",
    "Transcribe all the text.",
)


class Page:
    """One page being planned and drawn. A layout is a method that returns False, with nothing drawn, where it does not fit."""

    def __init__(self, canvas: Canvas, hard: bool, font: str, cap: float):
        self.canvas, self.hard, self.font, self.cap, self.r = canvas, hard, font, cap, canvas.random
        self.questions: list[Question] = []
        self.absent: list[Question] = []
        r = self.r
        self.margin = max(7.0, r.uniform(0.025, 0.05) * min(canvas.width, canvas.height))
        self.room = (canvas.width - 2 * self.margin, canvas.height - 2 * self.margin)
        self.pad = cap * r.uniform(0.8, 1.6) if r.random() < 0.5 else 0.0  # of a card around the block
        self.card, self.card_name = None, None
        self.back = canvas.background
        if self.pad:
            kind = r.random()
            if kind < 0.35:
                self.card_name = r.choice(canvas.colour_names())
                self.card = canvas.colour(self.card_name, 6 if self.card_name == "gray" else 14)
            elif kind < 0.7:
                base = r.randint(228, 255)
                self.card = tuple(min(255, base + r.randint(-14, 14)) for _ in range(3))
            else:
                self.card = mix(canvas.background, canvas.ink, r.uniform(0.04, 0.12))
            self.back = self.card
        self.ink_name = None
        self.ink = canvas.ink if abs(luminance(canvas.ink) - luminance(self.back)) >= 110 else text_on(self.back)
        if r.random() < 0.45:
            names = colours_apart(canvas, 1, self.back, contrast=105)
            if names:
                self.ink_name, self.ink = names[0], canvas.colour(names[0], 10)

    # ---- small helpers -----------------------------------------------------------------------------------------------------

    def width(self, text: str, cap: float | None = None) -> float:
        return self.canvas.text_width(text, self.font, cap or self.cap)

    def question(
        self, kind: str, phrasings, answer: str, detail: float | None = None, thought: str | None = None, times: int = 1, **parts
    ):
        """Adds a question, or the same one in `times` different phrasings."""
        detail = self.cap if detail is None else detail
        for phrasing in self.r.sample(phrasings, min(times, len(phrasings))):
            self.questions.append(Question(ask(self.canvas, (phrasing,), **parts), answer, kind, detail, thought))

    def missing(self, phrasings, detail: float | None = None, **parts):
        self.absent.append(
            Question(ask(self.canvas, phrasings, **parts), UNANSWERABLE, "absent", self.cap if detail is None else detail)
        )

    @property
    def small(self) -> bool:
        """Whether half resolution loses the text."""
        return self.cap < SMALL

    def ground(self):
        """Draws what is behind everything: a frame, a band, ruled lines, dots, or nothing."""
        c, r, d = self.canvas, self.r, self.canvas.draw
        way = r.random()
        line = mix(c.background, c.ink, r.uniform(0.1, 0.25))
        if way < 0.12:
            i = self.margin * r.uniform(0.2, 0.6)
            colour = c.colour(r.choice(c.colour_names())) if r.random() < 0.5 else line
            d.rectangle((i, i, c.width - 1 - i, c.height - 1 - i), outline=colour, width=r.randint(1, 3))
        elif way < 0.2:
            step, faint = r.randint(14, 40), mix(c.background, c.ink, 0.07)
            for y in range(r.randint(0, step), c.height, step):
                d.line((0, y, c.width, y), fill=faint)
        elif way < 0.26:
            faint = mix(c.background, c.ink, 0.06)
            for _ in range(r.randint(4, 14)):
                x, y, s = r.uniform(0, c.width), r.uniform(0, c.height), r.uniform(10, 0.3 * c.width)
                d.ellipse((x - s, y - s, x + s, y + s), fill=faint) if r.random() < 0.5 else d.rectangle(
                    (x, y, x + s, y + s), fill=faint
                )
        elif way < 0.33:
            end = mix(c.background, tuple(r.randint(0, 255) for _ in range(3)), 0.12)
            ramp = Image.new("L", (1, 2))
            ramp.putpixel((0, 1), 255)
            c.image.paste(end, (0, 0, c.width, c.height), ramp.resize((c.width, c.height), Image.Resampling.BILINEAR))

    def fits(self, w: float, h: float) -> bool:
        return w + 2 * self.pad <= self.room[0] and h + 2 * self.pad <= self.room[1]

    def block(self, w: float, h: float) -> tuple[float, float]:
        """Draws the ground and the card for a block of text of this size somewhere; returns the block's left and top."""
        c, r, d, p = self.canvas, self.r, self.canvas.draw, self.pad
        self.ground()
        free_x, free_y = self.room[0] - w - 2 * p, self.room[1] - h - 2 * p
        x = self.margin + p + free_x * (0.5 if r.random() < 0.4 else r.random())
        y = self.margin + p + free_y * (0.5 if r.random() < 0.4 else r.random())
        if self.card:
            ex, ey = (
                (r.uniform(0, min(30.0, min(x - p, c.width - x - w - p) - 3)) for _ in range(2))
                if r.random() < 0.4
                else (0.0, 0.0)
            )
            ey = max(0.0, min(ey, y - p - 3, c.height - y - h - p - 3))
            box = [x - p - ex, y - p - ey, x + w + p + ex, y + h + p + ey]
            radius = r.choice((0, 0, 4, 8, 14))
            if r.random() < 0.3:
                d.rounded_rectangle([b + 3 for b in box], radius, fill=mix(c.background, (0, 0, 0), 0.25))
            edge = mix(self.card, self.ink, r.uniform(0.2, 0.8)) if r.random() < 0.6 else None
            d.rounded_rectangle(box, radius, fill=self.card, outline=edge, width=r.randint(1, 3) if edge else 0)
            if self.card_name:
                size = min(box[2] - box[0], box[3] - box[1])
                if size >= 20:
                    self.question(
                        "card colour",
                        (
                            "What colour is the card?",
                            "What is the colour of the card?",
                            "Which colour is the card with the text?",
                            "What colour is the box behind the text?",
                        ),
                        self.card_name,
                        size,
                    )
        return x, y

    def write(self, x, baseline, text, anchor="l", fill=None, cap=None):
        return self.canvas.text(x, baseline, text, self.font, cap or self.cap, fill or self.ink, anchor)

    def texts(self, count: int, kinds=("word", "word", "item", "name", "code", "number")) -> list[tuple[str, str]]:
        """`count` different (kind, text): all of one kind or mixed, words in one case."""
        r = self.r
        kinds = [r.choice(kinds)] * count if r.random() < 0.55 else [r.choice(kinds) for _ in range(count)]
        words = {
            k: iter(case(self.canvas, distinct(self.canvas, k + "s", kinds.count(k))))
            for k in dict.fromkeys(kinds)
            if k in ("word", "name", "item")
        }
        out, taken = [], set()
        for kind in kinds:
            text = next(words[kind], None) if kind in words else value(self.canvas, kind)
            if text is None:
                kind, text = "code", self.canvas.code()
            while text.lower() in taken:
                kind, text = "code", self.canvas.code()
            taken.add(text.lower())
            out.append((kind, text))
        starts = [t[:2].lower() for k, t in out if k in ("word", "name", "item")]
        return out if len(set(starts)) == len(starts) else self.texts(count, ("code", "number"))

    def ask_ink(self):
        if self.ink_name and not self.small:
            self.question(
                "text colour",
                (
                    "What colour is the text?",
                    "What is the colour of the text?",
                    "Which colour is the text?",
                    "In what colour is the text written?",
                ),
                self.ink_name,
            )

    def ask_absent_colour(self, present, phrasings):
        """A question about a text of a colour that is not there; seen at half size when the text is large."""
        names = colours_apart(self.canvas, 1, None, present, self.canvas.colour_names())
        if names:
            self.missing(phrasings, colour=names[0])

    # ---- layouts -----------------------------------------------------------------------------------------------------------

    def single(self) -> bool:
        """One word, code, number or two words."""
        c, r = self.canvas, self.r
        if self.cap >= EASY_CAP[0] and r.random() < 0.5:
            self.cap = r.uniform(self.cap, max(self.cap, min(60.0, 0.14 * min(c.width, c.height))))
        kind, text = self.texts(
            1, ("word", "word", "item", "name", "code", "code", "number", "number", "price", "time", "phone", "date")
        )[0]
        if kind == "word" and r.random() < 0.3:
            text = " ".join(case(c, distinct(c, "words", 2)))
        w, h = self.width(text), self.cap * 1.75
        if not self.fits(w, h):
            return False
        x, y = self.block(w, h)
        baseline = y + self.cap * 1.2
        self.write(x, baseline, text)
        if r.random() < 0.1:
            c.draw.line(
                (x, baseline + self.cap * 0.6, x + w, baseline + self.cap * 0.6),
                fill=self.ink,
                width=max(1, round(self.cap * 0.08)),
            )
        self.question("read", SAYS, text, times=3)
        if len(text) <= 24:
            self.question("all text", ALL, text, times=2)
        words = text.split(" ")
        if len(words) == 2:
            self.question(
                "first word", ("What is the first word?", "Read the first word.", "Which word comes first?"), words[0], times=2
            )
            self.question(
                "last word", ("What is the last word?", "Read the last word.", "What is the second word?"), words[1], times=2
            )
        else:
            noun = NOUNS[kind]
            self.question(
                "read",
                (f"What {noun} is shown?", f"Which {noun} is written here?", f"Read the {noun}.", f"What is the {noun}?"),
                text,
                times=2,
            )
            if kind in ("word", "name", "item", "code"):
                part = "character" if kind == "code" else "letter"
                self.question(
                    "first letter",
                    (f"What is the first {part}?", f"Which {part} comes first?", f"What {part} does the {noun} start with?"),
                    text[0],
                )
                self.question(
                    "last letter",
                    (f"What is the last {part}?", f"Which {part} comes last?", f"What {part} does the {noun} end with?"),
                    text[-1],
                )
            if kind in ("word", "name", "item") and not self.small and len(text) <= 8:
                self.question(
                    "count letters",
                    (
                        "How many letters does the word have?",
                        "How many letters are there?",
                        "Count the letters.",
                        "How many letters long is the word?",
                    ),
                    str(len(text)),
                    None,
                    f"It reads {text}.",
                )
        self.ask_ink()
        if self.ink_name:
            self.ask_absent_colour(
                (self.ink_name,), ("What does the {colour} text say?", "Read the {colour} text.", "What is written in {colour}?")
            )
        if kind in ("word", "item"):
            self.missing(
                ("What is the phone number?", "What number is shown?", "What is the price?", "Which number is in the picture?")
            )
        elif kind in ("number", "code"):
            self.missing(("What is the name?", "What is the phone number?", "What is the price?", "What is the date?"))
        else:
            self.missing(("What does the second line say?", "What does line 2 say?", "Read the text below it."))
        return True

    def blurred(self) -> bool:
        """One large text that nothing can make readable."""
        c, r = self.canvas, self.r
        cap = max(EASY_CAP[0], min(r.uniform(18, 44), 0.12 * min(c.width, c.height)))
        small = self.cap
        self.cap = cap
        _, text = self.texts(1)[0]
        w, h = self.width(text), cap * 1.75
        self.pad = max(self.pad, cap * 0.8) if self.pad else cap * 0.4
        extra = [value(c, k) for k in ("code", "word", "number")][r.randrange(3)]
        if not self.fits(max(w, c.text_width(extra, self.font, small)), h + small * 2.4) or cap < EASY_CAP[0]:
            return False
        width = max(w, c.text_width(extra, self.font, small))
        x, y = self.block(width, h + small * 2.4)
        middle = x + width / 2
        below = r.random() < 0.5
        wreck(c, middle, y + (0 if below else small * 2.4) + cap * 1.2, text, self.font, cap, self.ink, self.back)
        self.write(middle, y + h + small * 1.7 if below else y + small * 1.2, extra, "m", cap=small)
        place, other = ("bottom", "top") if below else ("top", "bottom")
        self.cap = small
        parts = {"place": place}
        self.question(
            "read",
            (
                "What does the text at the {place} say?",
                "What is written at the {place}?",
                "Read the text at the {place}.",
                "What does the {place} line say?",
                "Read the {place} line.",
                "What is the readable text?",
                "Which text can be read?",
            ),
            extra,
            times=6,
            **parts,
        )
        phrasings = (
            "What does the text at the {other} say?",
            "What is written at the {other}?",
            "Read the {other} line.",
            "Read the text at the {other}.",
        )
        if cap > 1.5 * small:
            phrasings += ("What does the large text say?", "Read the large text.")
        self.question("wrecked", phrasings, UNANSWERABLE, cap, times=3, other=other)
        self.ask_absent_colour(
            [n for n in COLOURS if n not in ("purple", "cyan", "pink")]
            if self.ink_name not in ("purple", "cyan", "pink")
            else COLOURS,
            ("What does the {colour} text say?", "Read the {colour} text."),
        )
        return True

    GRIDS = {
        (2, 1): ("on the left", "on the right"),
        (1, 2): ("at the top", "at the bottom"),
        (1, 3): ("at the top", "in the middle", "at the bottom"),
        (3, 1): ("on the left", "in the middle", "on the right"),
        (2, 2): ("at the top left", "at the top right", "at the bottom left", "at the bottom right"),
        (2, 3): (
            "at the top left",
            "at the top right",
            "at the middle left",
            "at the middle right",
            "at the bottom left",
            "at the bottom right",
        ),
        (3, 2): (
            "at the top left",
            "at the top middle",
            "at the top right",
            "at the bottom left",
            "at the bottom middle",
            "at the bottom right",
        ),
        (3, 3): (
            "at the top left",
            "at the top middle",
            "at the top right",
            "at the middle left",
            "in the middle",
            "at the middle right",
            "at the bottom left",
            "at the bottom middle",
            "at the bottom right",
        ),
    }

    def scatter(self) -> bool:
        """Texts at several places, in several colours or in boxes."""
        c, r = self.canvas, self.r
        columns, rows = grid = r.choices(list(self.GRIDS), (2, 2, 2, 1.5, 5, 2, 2, 3))[0]
        names = self.GRIDS[grid]
        cells = list(range(columns * rows))
        if len(cells) > 3:
            cells = sorted(r.sample(cells, r.randint(max(2, len(cells) // 2), min(len(cells), 6))))
        self.back, self.card, self.card_name = c.background, None, None
        self.ink, self.ink_name = c.ink, None
        style = r.choices(("coloured", "boxes", "plain"), (5, 4, 2))[0]
        count = len(cells)
        colours = []
        if style == "coloured":
            colours = colours_apart(c, count, self.back)
            if len(colours) < count:  # the rest is in the page's ink, which may look black, brown, gray or white
                colours = [n for n in colours if n not in ("black", "brown", "gray", "white")]
            colours += [None] * (count - len(colours))
            r.shuffle(colours)
        elif style == "boxes":
            colours = colours_apart(
                c, count, None, ("white", "black") if r.random() < 0.3 else ("black",) if c.dark else ("white",)
            )
            cells = sorted(r.sample(cells, min(count, len(colours))))
            count = len(cells)
        else:
            colours = [None] * count
        texts = self.texts(count)
        caps, wrecked, large = [self.cap] * count, -1, -1
        if r.random() < 0.12 and count > 2:
            wrecked = r.randrange(count)
            caps[wrecked] = max(EASY_CAP[0], min(r.uniform(20, 34), 0.09 * min(c.width, c.height)))
        if self.small and count > 2 and r.random() < 0.35:
            large = r.randrange(count)
            caps[large] = max(EASY_CAP[0], min(c.cap_height(False), 0.09 * min(c.width, c.height))) if large != wrecked else caps[large]
        cw, ch = self.room[0] / columns, self.room[1] / rows
        widths = [c.text_width(t, self.font, s) for (_, t), s in zip(texts, caps)]
        inset = 0.9 * self.cap if style == "boxes" else 0.3 * self.cap
        if any(
            w + 2 * inset + (2 * s if i == wrecked else 0) > cw - 4 or s * 1.75 + 2 * inset + (s if i == wrecked else 0) > ch - 4
            for i, (w, s) in enumerate(zip(widths, caps))
        ):
            return False
        self.ground()
        loose = r.random() * (0.5 if columns * rows < 9 else 0.25)
        square, outlined = r.choice((0, 0, 5, 10)), r.random() < 0.25
        for i, cell in enumerate(cells):
            kind, text = texts[i]
            w, cap = widths[i], caps[i]
            half_w, half_h = w / 2 + inset + (cap if i == wrecked else 0), cap * 0.9 + inset + (cap * 0.5 if i == wrecked else 0)
            x = self.margin + cw * (cell % columns + 0.5) + r.uniform(-1, 1) * loose * max(0.0, cw / 2 - half_w - 2)
            y = self.margin + ch * (cell // columns + 0.5) + r.uniform(-1, 1) * loose * max(0.0, ch / 2 - half_h - 2)
            fill, back = (c.colour(colours[i], 10) if colours[i] else self.ink), self.back
            if style == "boxes":
                back = c.colour(colours[i])
                grow = r.uniform(0, 0.5)
                bw, bh = half_w + grow * (cw / 2 - half_w - 2), half_h + grow * (ch / 2 - half_h - 2)
                bw, bh = min(max(bw, 14), cw / 2 - 2), min(max(bh, 14), ch / 2 - 2)
                x = min(max(x, self.margin + cw * (cell % columns) + bw + 1), self.margin + cw * (cell % columns + 1) - bw - 1)
                y = min(max(y, self.margin + ch * (cell // columns) + bh + 1), self.margin + ch * (cell // columns + 1) - bh - 1)
                c.draw.rounded_rectangle(
                    (x - bw, y - bh, x + bw, y + bh),
                    square,
                    fill=back,
                    outline=self.ink if outlined else None,
                    width=2 if outlined else 0,
                )
                fill = text_on(back)
            if i == wrecked:
                wreck(c, x, y + cap / 2, text, self.font, cap, fill, back)
            else:
                c.text(x, y + cap / 2, text, self.font, cap, fill, "m")
            self.scatter_questions(i, cells, texts, colours, caps, wrecked, grid, names, style)
        if large >= 0 and large != wrecked:
            self.question(
                "large",
                ("What does the largest text say?", "Read the largest text.", "What is written in the largest letters?"),
                texts[large][1],
                caps[large],
            )
        known = [n for n in colours if n]
        if style != "plain" and len(known) == count:
            thing = "box" if style == "boxes" else "text"
            self.missing(
                [
                    p
                    for name in colours_apart(c, 1, None, known, c.colour_names())
                    for p in (
                        f"What does the {name} {thing} say?",
                        f"Read the text in the {name} box." if style == "boxes" else f"Read the {name} text.",
                        f"What is written in the {name} box?" if style == "boxes" else f"What is written in {name}?",
                    )
                ]
                or ("What does the text behind say?",),
                40.0 if style == "boxes" else None,
            )
        empty = [names[k] for k in range(columns * rows) if k not in cells]
        if empty and columns * rows > 3:
            self.missing(
                (
                    f"What does the text {r.choice(empty)} say?",
                    f"What is written {r.choice(empty)}?",
                    f"Read the text {r.choice(empty)}.",
                ),
                min(caps),
            )
        if not self.small and wrecked < 0 and style != "boxes":
            self.question(
                "count", ("How many texts are there?", "How many pieces of text are there?", "Count the texts."), str(count)
            )
        if style == "boxes":
            self.question(
                "count boxes",
                ("How many boxes are there?", "Count the boxes.", "How many coloured boxes are shown?"),
                str(count),
                28.0,
            )
        joined = " ".join(t for _, t in texts)
        if len(joined) <= 24 and (columns == 1 or rows == 1) and wrecked < 0:
            self.question("all text", ALL, joined, min(caps))
        return True

    def scatter_questions(self, i, cells, texts, colours, caps, wrecked, grid, names, style):
        """Questions about the text number i."""
        columns, rows = grid
        (kind, text), cell, cap = texts[i], cells[i], caps[i]
        answer, label = (UNANSWERABLE, "wrecked") if i == wrecked else (text, "place")
        noun = "text" if i == wrecked else NOUNS[kind]
        where = names[cell]
        self.question(
            label,
            (
                f"What is the {noun} {where}?",
                f"What does the text {where} say?",
                f"What is written {where}?",
                f"Read the text {where}.",
                f"Which {noun} is {where}?" if i != wrecked else f"What does it say {where}?",
            ),
            answer,
            cap,
            times={2: 3, 3: 2, 4: 2}.get(len(cells), 1),
        )
        if colours[i]:
            name = colours[i]
            if style == "boxes":
                phrasings = (
                    f"What is written in the {name} box?",
                    f"What does the {name} box say?",
                    f"Read the text in the {name} box.",
                    f"Which {noun} is in the {name} box?",
                    f"What {noun} is on {name}?",
                )
            else:
                phrasings = (
                    f"What does the {name} text say?",
                    f"What is written in {name}?",
                    f"Read the {name} text.",
                    f"What is the {name} {noun}?",
                    f"Which {noun} is {name}?",
                )
            self.question("wrecked" if i == wrecked else "colour", phrasings, answer, cap, times=2 if len(cells) == 2 else 1)
        if i == wrecked:
            return
        if cap >= 10:
            self.question(
                "where",
                (f"Where is {text}?", f"Where does it say {text}?", f"Where is the {noun} {text}?"),
                where.removeprefix("at the ").removeprefix("in the ").removeprefix("on the "),
                cap,
            )
            if colours[i]:
                thing = "box with" if style == "boxes" else noun
                self.question(
                    "colour of",
                    (
                        f"What colour is the {thing} {text}?",
                        f"Which colour is the {thing} {text}?",
                        f"What is the colour of the {thing} {text}?",
                    ),
                    colours[i],
                    cap,
                )
        # What stands next to it.
        x, y = cell % columns, cell // columns
        for word, dx, dy in (("below", 0, 1), ("above", 0, -1), ("to the right of", 1, 0), ("to the left of", -1, 0)):
            if 0 <= x + dx < columns and 0 <= y + dy < rows and (other := cell + dx + columns * dy) in cells:
                j = cells.index(other)
                if j != wrecked:
                    kind2, text2 = texts[j]
                    self.question(
                        "next to",
                        (
                            f"What is the {NOUNS[kind2]} {word} the {noun} {text}?",
                            f"What is {word} {text}?",
                            f"What is written {word} {text}?",
                            f"Which {NOUNS[kind2]} is {word} {text}?",
                            f"Read the text {word} {text}.",
                        ),
                        text2,
                        min(cap, caps[j]),
                        f"{word.capitalize()} {text} is {text2}.",
                        times=2 if len(cells) == 2 else 1,
                    )

    def lines(self) -> bool:
        """A short list: one text a line, sometimes numbered, with bullets or a heading."""
        c, r = self.canvas, self.r
        cap = self.cap
        mark = r.choices(("", "number", "bullet"), (6, 3, 2))[0]
        step = cap * r.uniform(1.9, 3.0)
        head = r.random() < 0.25
        head_cap = cap if not self.small or r.random() < 0.5 else max(EASY_CAP[0], min(22.0, 0.06 * c.width))
        heading = case(c, distinct(c, "words", 1, longest=8))[0] if head else ""
        head_h = head_cap * 2.4 if head else 0.0
        most = int((self.room[1] - 2 * self.pad - head_h - 1.75 * cap) / step) + 1
        if most < 2:
            return False
        n = r.randint(2, min(most, 8 if self.small else 6)) if most < 4 else r.randint(3, min(most, 8 if self.small else 6))
        texts = self.texts(n)
        if any(t.lower()[:2] == heading.lower()[:2] for _, t in texts):
            heading, head_h = "", 0.0
        marks = {
            "": [""] * n,
            "number": [f"{i + 1}{r.choice('..)')} " for i in range(n)],
            "bullet": [r.choice(("- ", "* "))] * n,
        }[mark]
        if mark == "number":
            marks = [f"{i + 1}{marks[0][-2]} " for i in range(n)]
        indent = max(self.width(m) for m in marks)
        w = indent + max(self.width(t) for _, t in texts)
        w = max(w, c.text_width(heading, self.font, head_cap)) if heading else w
        h = head_h + 1.75 * cap + (n - 1) * step
        if not self.fits(w, h):
            return False
        x, y = self.block(w, h)
        if heading:
            self.write(x if mark else x + w / 2, y + head_cap * 1.2, heading, "l" if mark else "m", cap=head_cap)
            if r.random() < 0.6:
                c.draw.line((x, y + head_cap * 1.85, x + w, y + head_cap * 1.85), fill=self.ink, width=r.randint(1, 2))
            self.question(
                "heading",
                ("What is the heading?", "What does the heading say?", "What is the title of the list?", "Read the heading."),
                heading,
                head_cap,
            )
        y += head_h
        align = r.choices("lmr", (6, 3, 1))[0] if not mark else "l"
        striped = r.random() < 0.15
        for i, (kind, text) in enumerate(texts):
            baseline = y + 1.2 * cap + i * step
            if striped and i % 2 == 0:
                c.draw.rectangle(
                    (x - 2, baseline - cap * 0.5 - step / 2, x + w + 2, baseline - cap * 0.5 + step / 2 - 1),
                    fill=mix(self.back, self.ink, 0.08),
                )
            if marks[i]:
                self.write(x, baseline, marks[i].strip())
            self.write({"l": x + indent, "m": x + w / 2, "r": x + w}[align], baseline, text, align)
        kinds = {k for k, _ in texts}
        noun = NOUNS[kinds.pop()] if len(kinds) == 1 else "text"
        unit = "item" if heading or mark else "line"
        for i, (kind, text) in enumerate(texts):
            ordinal = ORDINALS[i]
            self.question(
                "line",
                (
                    f"What does {unit} {i + 1} say?",
                    f"Read {unit} {i + 1}.",
                    f"What is on {unit} {i + 1}?" if unit == "line" else f"What is {unit} {i + 1}?",
                    f"What is the {ordinal} {noun if noun != 'text' else unit}?",
                    f"What does the {ordinal} {unit} say?",
                ),
                text,
            )
            if i + 1 < n:
                after = texts[i + 1][1]
                self.question(
                    "after",
                    (
                        f"Which {noun} comes after {text}?",
                        f"What comes after {text}?",
                        f"What is below {text}?",
                        f"What follows {text}?",
                    ),
                    after,
                    None,
                    f"After {text} comes {after}.",
                )
                self.question(
                    "before",
                    (f"Which {noun} comes before {after}?", f"What comes before {after}?", f"What is above {after}?"),
                    text,
                    None,
                    f"Before {after} comes {text}.",
                )
        what = noun if noun != "text" else unit
        self.question(
            "last",
            (
                f"What is the last {what}?",
                f"Read the last {unit}.",
                f"What does the last {unit} say?",
                f"Which {noun} is at the bottom?",
            ),
            texts[-1][1],
        )
        if not heading:
            self.question(
                "first",
                (
                    f"What is the first {what}?",
                    f"Read the first {unit}.",
                    f"What does the first {unit} say?",
                    f"Which {noun} is at the top?",
                ),
                texts[0][1],
            )
        joined = " ".join(t for _, t in texts)
        if len(joined) <= 24 and not heading and not mark:
            self.question("all text", ALL, joined)
        if not self.small:
            self.question(
                "count lines",
                (
                    f"How many {unit}s are there?",
                    f"Count the {unit}s.",
                    f"How many {unit}s does the {'list' if unit == 'item' else 'text'} have?",
                ),
                str(n),
            )
        self.ask_ink()
        self.missing(
            (
                f"What does {unit} {n + r.randint(1, 3)} say?",
                f"Read {unit} {n + r.randint(1, 3)}.",
                f"What is {unit} {n + r.randint(1, 3)}?",
            )
        )
        taken = [t for _, t in texts] + [heading]
        other = distinct(c, "words", 1, taken)
        if other and kinds <= {"word", "item", "name"}:
            self.missing((f"Which {noun} comes after {other[0]}?", f"What comes after {other[0]}?", f"What is below {other[0]}?"))
        return True

    def paragraph(self) -> bool:
        """Two to five lines of two to four words."""
        c, r = self.canvas, self.r
        cap, step = self.cap, self.cap * r.uniform(1.9, 2.6)
        most = min(5, int((self.room[1] - 2 * self.pad - 1.75 * cap) / step) + 1)
        if most < 2:
            return False
        n = r.randint(2, most)
        room = self.room[0] - 2 * self.pad
        longest = r.choice((5, 6, 8))
        words = distinct(c, "words", n * 4, longest=longest)
        way = r.choices(("lower", "sentence", "title", "upper"), (4, 4, 1, 1))[0]
        words = [w.upper() if way == "upper" else w.title() if way == "title" else w for w in words]
        numbers_too = r.random() < 0.3
        if way == "sentence" and words:
            words[0] = words[0].capitalize()
        rows = []
        for i in range(n):
            row, count = [], r.randint(2, 4)
            while words and len(row) < count:
                word = (
                    words[0] if not numbers_too or len(row) == 0 or r.random() < 0.8 else value(c, r.choice(("number", "code")))
                )
                if len(" ".join(row + [word])) > 26 or self.width(" ".join(row + [word])) > room:
                    break
                if word == words[0]:
                    words.pop(0)
                row.append(word)
            if len(row) < 2:
                return False
            rows.append(row)
        lines = [" ".join(row) for row in rows]
        flat = [w for row in rows for w in row]
        if len({w.lower() for w in flat}) < len(flat):
            return False
        w, h = max(self.width(t) for t in lines), 1.75 * cap + (n - 1) * step
        if not self.fits(w, h):
            return False
        x, y = self.block(w, h)
        align = r.choices("lm", (3, 1))[0]
        stop = "." if way == "sentence" and self.width(lines[-1] + ".") <= w else ""
        for i, line in enumerate(lines):
            self.write(x if align == "l" else x + w / 2, y + 1.2 * cap + i * step, line + (stop if i == n - 1 else ""), align)
        self.question(
            "first word",
            ("What is the first word?", "Read the first word.", "Which word comes first?", "What word does the text start with?"),
            flat[0],
        )
        self.question(
            "last word",
            ("What is the last word?", "Read the last word.", "Which word comes last?", "What word does the text end with?"),
            flat[-1],
        )
        for i, (row, line) in enumerate(zip(rows, lines)):
            ordinal = ORDINALS[i] if i < n - 1 or r.random() < 0.5 else "last"
            self.question(
                "line",
                (
                    f"Read line {i + 1}.",
                    f"What does line {i + 1} say?",
                    f"What does the {ordinal} line say?",
                    f"Read the {ordinal} line.",
                ),
                line,
            )
            self.question(
                "first of line",
                (
                    f"What is the first word of line {i + 1}?",
                    f"Which word does line {i + 1} start with?",
                    f"What is the first word of the {ordinal} line?",
                ),
                row[0],
            )
            self.question(
                "last of line",
                (
                    f"What is the last word of line {i + 1}?",
                    f"Which word does line {i + 1} end with?",
                    f"What is the last word of the {ordinal} line?",
                ),
                row[-1],
            )
            for a, b in zip(row, row[1:]):
                self.question(
                    "after",
                    (f"Which word comes after {a}?", f"What is the word after {a}?", f"What comes after {a}?"),
                    b,
                    None,
                    f"It reads {a} {b}.",
                )
                self.question(
                    "before",
                    (f"Which word comes before {b}?", f"What is the word before {b}?", f"What comes before {b}?"),
                    a,
                    None,
                    f"It reads {a} {b}.",
                )
        joined = " ".join(lines) + stop
        if len(joined) <= 24:
            self.question("all text", ALL, joined, times=2)
        if not self.small:
            self.question(
                "count lines", ("How many lines are there?", "Count the lines.", "How many lines of text are there?"), str(n)
            )
        self.ask_ink()
        self.missing(
            (
                f"What does line {n + r.randint(1, 2)} say?",
                f"Read line {n + r.randint(1, 2)}.",
                f"What is the first word of line {n + 1}?",
            )
        )
        other = distinct(c, "words", 1, flat)
        if other:
            self.missing(
                (f"Which word comes after {other[0]}?", f"What is the word before {other[0]}?", f"What comes after {other[0]}?")
            )
        return True

    def pairs(self) -> bool:
        """Lines of a key and its value."""
        c, r = self.canvas, self.r
        cap, step = self.cap, self.cap * r.uniform(1.9, 3.0)
        most = min(8 if self.small else 5, int((self.room[1] - 2 * self.pad - 1.75 * cap) / step) + 1)
        if most < 2:
            return False
        n = r.randint(min(3, most), most)
        keys, taken = [], set()
        for key in r.sample(list(KEYS), len(KEYS)):
            if len(keys) < n and KEYS[key] not in taken:
                taken.add(KEYS[key])
                keys.append(key)
        values = [value(c, KEYS[k]) for k in keys]
        if len({v.lower() for v in values}) < n:
            return False
        way = r.choices(("plain", "capital", "upper"), (3, 3, 2))[0]
        shown = [k.upper() if way == "upper" else k[:1].upper() + k[1:] if way == "capital" else k for k in keys]
        separator = r.choices((": ", " ", " - ", "columns"), (5, 3, 1, 4))[0]
        gap = cap * r.uniform(1.0, 2.5)
        if separator == "columns":
            left, right = max(self.width(s) for s in shown), max(self.width(v) for v in values)
            w = left + gap + right
            if r.random() < 0.3:
                w = max(w, r.uniform(w, self.room[0] - 2 * self.pad))
        else:
            w = max(self.width(s + separator + v) for s, v in zip(shown, values))
        h = 1.75 * cap + (n - 1) * step
        if not self.fits(w, h):
            return False
        key_ink = self.ink
        if r.random() < 0.3:
            faded = mix(self.ink, self.back, 0.3)
            key_ink = faded if abs(luminance(faded) - luminance(self.back)) > 90 else self.ink
        x, y = self.block(w, h)
        lined, right_aligned = r.random() < 0.2, separator == "columns" and r.random() < 0.4
        for i, (s, v) in enumerate(zip(shown, values)):
            baseline = y + 1.2 * cap + i * step
            if separator == "columns":
                self.write(x, baseline, s, fill=key_ink)
                self.write(x + w, baseline, v, "r") if right_aligned else self.write(x + left + gap, baseline, v)
            else:
                at = x + self.write(x, baseline, s + separator.rstrip(), fill=key_ink)
                self.write(at + self.width(" "), baseline, v)
            if lined and i < n - 1:
                line_y = baseline - cap / 2 + step / 2
                c.draw.line((x, line_y, x + w, line_y), fill=mix(self.back, self.ink, 0.3))
        for i, (key, v) in enumerate(zip(keys, values)):
            named = shown[i] if r.random() < 0.2 else key
            self.question(
                "value",
                (
                    f"What is the {named}?",
                    f"Which {named} is shown?",
                    f"Read the {named}.",
                    f"What {named} is given?",
                    f"What does it say for {named}?",
                ),
                v,
                None,
                f"The line {shown[i]} reads {v}.",
            )
            if not self.small:
                self.question(
                    "key",
                    (f"Which line has the value {v}?", f"What is {v}?", f"What does {v} stand for?"),
                    shown[i],
                    None,
                    f"The line {shown[i]} reads {v}.",
                )
            if i + 1 < n:
                self.question(
                    "below",
                    (f"Which value is below {v}?", f"What is the value below {v}?", f"What value comes after {v}?"),
                    values[i + 1],
                    None,
                    f"After {v} comes {values[i + 1]}.",
                )
        self.question(
            "last value",
            ("What is the last value?", "Which value is at the bottom?", "What is the value on the last line?"),
            values[-1],
        )
        self.question(
            "first value",
            ("What is the first value?", "Which value is at the top?", "What is the value on the first line?"),
            values[0],
        )
        if not self.small:
            self.question(
                "count lines", ("How many lines are there?", "Count the lines.", "How many lines of text are there?"), str(n)
            )
        self.ask_ink() if key_ink == self.ink else None
        others = [k for k in KEYS if KEYS[k] not in taken]
        if others:
            other = r.choice(others)
            self.missing((f"What is the {other}?", f"Which {other} is shown?", f"Read the {other}."))
        return True
