"""Bar, line and pie charts with printed values, and questions about values, names, colours and order."""

import math

from PIL import Image, ImageDraw

from ..canvas import EASY_CAP, SMALL, Canvas, Question
from .labels import (
    MONTHS,
    ORDINALS,
    WORD_KINDS,
    Sheet,
    case,
    decimal,
    distinct,
    easy_cap,
    mix,
    numbers,
    select,
    text_on,
    tilt_limit,
)

KINDS = {"vertical": 30, "horizontal": 22, "grouped": 12, "line": 13, "lines": 9, "pie": 14}


def make(canvas: Canvas, hard: bool) -> list[Question]:
    """Draws one chart and returns its questions."""
    r = canvas.random
    font, cap = canvas.font(), easy_cap(canvas, hard)
    order = list(KINDS)
    first = r.choices(order, list(KINDS.values()))[0]
    for attempt in range(3):
        for kind in [first] * 2 + ["vertical", "horizontal"]:
            chart = Chart(canvas, hard, font, cap)
            if getattr(chart, kind)():
                return select(canvas, chart.questions, chart.absent, hard)
        font, cap = canvas.font(), cap if cap < SMALL else EASY_CAP[0]
    raise ValueError(f"no chart fits {canvas.width} x {canvas.height}")


class Chart(Sheet):
    """One chart being planned and drawn. Every kind is a method that returns False, with nothing drawn, where it does not fit."""

    title_phrasings = (
        "What is the title of the chart?",
        "What is the chart's title?",
        "Read the title.",
        "What does the title say?",
        "What is written above the chart?",
    )

    def __init__(self, canvas: Canvas, hard: bool, font: str, cap: float):
        super().__init__(canvas, hard, font, cap)
        r = self.r
        if canvas.height > 12 * cap and r.random() < 0.6:
            self.plan_title()
        self.panel = mix(canvas.background, canvas.ink, r.uniform(0.02, 0.07)) if r.random() < 0.3 else None
        self.grid = mix(canvas.background, canvas.ink, r.uniform(0.12, 0.3))
        self.back = self.panel or canvas.background

    def categories(self, count: int, words_only: bool = False) -> tuple[str, list[str]]:
        """(kind, labels): what stands below the bars."""
        r = self.r
        kinds = WORD_KINDS if words_only else WORD_KINDS + ("years", "months", "quarters", "letters")
        weights = (4, 3, 4) if words_only else (4, 3, 4, 3, 2, 1, 1)
        kind = r.choices(kinds, weights)[0]
        if kind == "years":
            start = r.randint(1960, 2030 - count)
            return kind, [str(start + i) for i in range(count)]
        if kind == "months":
            count = min(count, 12)
            start = r.randint(0, 12 - count)
            return kind, list(MONTHS[start : start + count])
        if kind == "quarters":
            return kind, [f"Q{i + 1}" for i in range(min(count, 4))]
        if kind == "letters":
            return kind, [chr(65 + i) for i in range(count)]
        return kind, case(self.canvas, distinct(self.canvas, kind, count, longest=8))

    def absent_label(self, kind: str, labels: list[str]) -> str | None:
        """A label of the same kind that is not in the picture."""
        if kind == "years":
            return str(int(self.r.choice((int(labels[0]) - self.r.randint(2, 9), int(labels[-1]) + self.r.randint(2, 9)))))
        rest = (
            [m for m in MONTHS if m not in labels]
            if kind == "months"
            else distinct(self.canvas, kind, 1, labels, 8)
            if kind in WORD_KINDS
            else []
        )
        if not rest:
            return None
        word = self.r.choice(rest)
        return word.upper() if labels[0].isupper() else word.capitalize() if labels[0][0].isupper() else word

    def values(self, count: int) -> tuple[list[int], list[str], bool]:
        """(numbers, their texts, whether they are small whole numbers); the largest stands clear of the second."""
        r = self.r
        low, high, places = r.choices(((10, 99, 0), (100, 999, 0), (10, 99, 1), (1000, 9900, 0)), (10, 5, 3, 1))[0]
        largest = r.choice(numbers(self.canvas, 40, low + (high - low) // 2, high, places) or [0])
        rest = (
            [n for n in numbers(self.canvas, 10**6, max(low, round(largest * 0.14)), round(largest * 0.86), places)]
            if largest
            else []
        )
        if len(rest) < count * 2:
            low, high, places = 10, 99, 0
            largest = r.randint(60, 99)
            rest = list(range(10, round(largest * 0.86)))
        out = [largest] + r.sample(rest, count - 1)
        r.shuffle(out)
        before, after = r.choices((("", ""), ("", "%" if high == 99 else ""), ("$", "")), (8, 1, 1))[0]
        plain = places == 0 and high == 99
        return out, [before + decimal(n, places) + after for n in out], plain and not before and not after

    def ticks(self, largest: int) -> tuple[int, int]:
        """(step, top) of the value axis in the numbers' last place."""
        step = 1
        for step in (s * 10**e for e in range(5) for s in (1, 2, 5)):
            if largest <= step * 5:
                break
        return step, step * math.ceil(largest / step)

    def axis_text(self, value: int, example: str) -> str:
        """A tick's label in the way of the printed values."""
        if "." in example:
            return decimal(value, 1)
        return str(value)

    def named(self, colour: str) -> tuple[int, int, int]:
        return self.canvas.colour(colour, 12)

    def colours(self, count: int) -> list[str]:
        """Different colour names that stand out from the background."""
        return self.r.sample(self.canvas.colour_names(), count)

    # ---- legends -----------------------------------------------------------------------------------------------------------

    def plan_legend(self, names: list[str]):
        """Reserves room for a legend above or below; returns what draws it (given RGB colours), or None where it does not fit."""
        cap, gap = self.cap, self.cap * 1.5
        widths = [self.width(n) + cap * 1.6 for n in names]
        rows, row, used = [], [], 0.0
        for i, w in enumerate(widths):
            if row and used + w > self.right - self.left:
                rows.append(row)
                row, used = [], 0.0
            row.append(i)
            used += w + gap
        rows.append(row)
        high = cap * 2.0 * len(rows)
        if max(widths) > self.right - self.left or high > (self.bottom - self.top) * 0.34:
            return None
        if self.r.random() < 0.5:
            y = self.top
            self.top += high + cap * 0.4
        else:
            self.bottom -= high + cap * 0.3
            y = self.bottom + cap * 0.3
        middle = self.r.random() < 0.6
        mark = self.r.choice(("square", "circle"))

        def draw(rgb):
            for k, row in enumerate(rows):
                total = sum(widths[i] for i in row) + gap * (len(row) - 1)
                x = (self.left + self.right - total) / 2 if middle else self.left
                base = y + cap * (2.0 * k + 1.4)
                for i in row:
                    self.swatch(x, base, rgb[i], mark)
                    self.write(x + cap * 1.6, base, names[i])
                    x += widths[i] + gap

        return draw

    def swatch(self, x, baseline, rgb, mark):
        """The little patch of colour before a legend's name."""
        box = (x, baseline - self.cap * 1.05, x + self.cap * 1.1, baseline + self.cap * 0.05)
        (self.canvas.draw.ellipse if mark == "circle" else self.canvas.draw.rectangle)(box, fill=rgb)

    # ---- bars --------------------------------------------------------------------------------------------------------------

    def frame(self, x0, y0, x1, y1):
        """Panel and frame of the plot area."""
        draw, r = self.canvas.draw, self.r
        if self.panel:
            draw.rectangle((x0, y0, x1, y1), fill=self.panel)
        if r.random() < 0.2:
            draw.rectangle((x0, y0, x1, y1), outline=self.grid)

    def plain_bar(self, box, rgb, outline, radius):
        if radius and min(box[2] - box[0], box[3] - box[1]) > 2 * radius + 1:
            self.canvas.draw.rounded_rectangle(box, radius, fill=rgb, outline=outline)
        else:
            self.canvas.draw.rectangle(box, fill=rgb, outline=outline)

    def bar_colours(self, count: int) -> tuple[str, list[str]]:
        """('many' | 'accent' | 'one', a colour name a bar)."""
        mode = self.r.choices(("many", "accent", "one"), (6, 1.5, 2.5))[0]
        if mode == "many" and count <= 9:
            return mode, self.colours(count)
        base, accent = self.colours(2)
        names = [base] * count
        if mode == "accent":
            names[self.r.randrange(count)] = accent
        return mode if mode != "many" else "one", names

    def vertical(self) -> bool:
        """Bars that stand side by side."""
        r, cap, canvas = self.r, self.cap, self.canvas
        limit = r.randint(3, 10) if self.hard else r.randint(2, 6)
        kind, labels = self.categories(limit)
        numbers_, texts, plain = self.values(len(labels))
        with_ticks = r.random() < 0.5
        step, top = self.ticks(max(numbers_))
        tick_texts = [self.axis_text(v, texts[0]) for v in range(0, top + 1, step)]
        left = self.left + (self.widest(tick_texts) + cap * 0.7 if with_ticks else 0)
        slot = max(self.widest(labels), self.widest(texts)) + cap * 0.8
        count = min(len(labels), int((self.right - left) / slot))
        bottom, plot_top = self.bottom - cap * 2.1, self.top + cap * 2.0
        if count < (3 if self.hard else 2) or bottom - plot_top < cap * 5:
            return False
        if count < len(labels):
            labels = labels[:count]
            numbers_, texts, plain = self.values(count)
            step, top = self.ticks(max(numbers_))
            tick_texts = [self.axis_text(v, texts[0]) for v in range(0, top + 1, step)]
            left = self.left + (self.widest(tick_texts) + cap * 0.7 if with_ticks else 0)
            if max(self.widest(labels), self.widest(texts)) + cap * 0.5 > (self.right - left) / count:
                return False
        slot = (self.right - left) / count
        thick = min(slot * r.uniform(0.45, 0.85), canvas.width * 0.22)
        mode, names = self.bar_colours(count)
        self.draw_title()
        scale = (bottom - plot_top) / (top if with_ticks else max(numbers_))
        self.frame(left, plot_top - cap * 2.0, self.right, bottom)
        draw = canvas.draw
        every = 1 if step * scale > cap * 1.7 else 2
        if with_ticks or r.random() < 0.4:
            lines = with_ticks and r.random() < 0.8 or not with_ticks
            for i, v in enumerate(range(0, top + 1, step)):
                y = bottom - v * scale
                if y < plot_top - cap * 2:
                    continue
                if lines:
                    draw.line((left, y, self.right, y), fill=self.grid)
                if with_ticks and i % every == 0 and y - cap * 0.6 > self.top - cap * 0.2:
                    self.write(left - cap * 0.5, min(y + cap / 2, bottom + cap * 0.5), tick_texts[i], anchor="r")
        rgb = {n: self.named(n) for n in set(names)}
        outline = canvas.ink if r.random() < 0.2 else None
        radius = r.choice((0, 0, 0, 3, 6))
        inside = r.random() < 0.2 and self.widest(texts) + 4 < thick
        for i in range(count):
            x, y = left + slot * (i + 0.5), bottom - numbers_[i] * scale
            self.plain_bar((x - thick / 2, y, x + thick / 2, bottom), rgb[names[i]], outline, radius)
            if inside and bottom - y > cap * 2.2:
                self.write(x, y + cap * 1.55, texts[i], text_on(rgb[names[i]]), "m")
            else:
                self.write(x, y - cap * 0.45, texts[i], anchor="m")
            self.write(x, bottom + cap * 1.6, labels[i], anchor="m")
        draw.line((left, bottom, self.right, bottom), fill=canvas.ink, width=r.choice((1, 2)))
        if with_ticks and r.random() < 0.6:
            draw.line((left, plot_top - cap, left, bottom), fill=canvas.ink, width=1)
        self.bar_questions(kind, labels, numbers_, texts, plain, mode, names, thick, "from the left", "tallest", "shortest")
        tilt_limit(canvas, self.hard, self.margin)
        return True

    def horizontal(self) -> bool:
        """Bars that lie below each other."""
        r, cap, canvas = self.r, self.cap, self.canvas
        pitch_least = cap * 1.9
        room = int((self.bottom - self.top) / pitch_least)
        count = min(room, r.randint(3, 10) if self.hard else r.randint(2, 6))
        if count < (3 if self.hard else 2):
            return False
        kind, labels = self.categories(count, words_only=r.random() < 0.6)
        count = len(labels)
        numbers_, texts, plain = self.values(count)
        left = self.left + self.widest(labels) + cap * 0.7
        right = self.right - self.widest(texts) - cap * 0.6
        if right - left < max(40.0, canvas.width * 0.22) or count < 2:
            return False
        pitch = min((self.bottom - self.top) / count, cap * r.uniform(3.5, 9))
        thick = max(min(pitch * r.uniform(0.55, 0.85), canvas.height * 0.16), cap * 1.2)
        mode, names = self.bar_colours(count)
        self.draw_title()
        top = self.top + (self.bottom - self.top - pitch * count) * r.choice((0, 0.5))
        end = top + pitch * count
        self.frame(left, top, self.right, end)
        draw = canvas.draw
        if r.random() < 0.4:
            for k in range(1, 6):
                x = left + (right - left) * k / 5
                draw.line((x, top, x, end), fill=self.grid)
        rgb = {n: self.named(n) for n in set(names)}
        outline = canvas.ink if r.random() < 0.2 else None
        radius = r.choice((0, 0, 0, 3, 6))
        inside = r.random() < 0.25
        near_axis = r.random() < 0.7
        scale = (right - left) / max(numbers_)
        for i in range(count):
            y, x = top + pitch * (i + 0.5), left + numbers_[i] * scale
            self.plain_bar((left, y - thick / 2, x, y + thick / 2), rgb[names[i]], outline, radius)
            if inside and x - left > self.width(texts[i]) + cap * 1.4:
                self.write(x - cap * 0.6, y + cap / 2, texts[i], text_on(rgb[names[i]]), "r")
            else:
                self.write(x + cap * 0.5, y + cap / 2, texts[i])
            if near_axis:
                self.write(left - cap * 0.5, y + cap / 2, labels[i], anchor="r")
            else:
                self.write(self.left, y + cap / 2, labels[i])
        draw.line((left, top, left, end), fill=canvas.ink, width=r.choice((1, 2)))
        self.bar_questions(kind, labels, numbers_, texts, plain, mode, names, thick, "from the top", "longest", "shortest")
        tilt_limit(canvas, self.hard, self.margin)
        return True

    def bar_questions(self, kind, labels, values, texts, plain, mode, names, thick, side, most, least):
        """What one can ask about simple bars."""
        r, cap, n = self.r, self.cap, len(labels)
        order = sorted(range(n), key=lambda i: -values[i])
        # A name that is to be read must not be one of a few possible ones where half resolution hides it.
        nameable = [
            i
            for i in range(n)
            if not self.hard
            or kind in WORD_KINDS
            or kind == "years"
            and self.canvas.assets.in_split(labels[i], self.canvas.split)
        ]
        for i in r.sample(range(n), min(n, 3)):
            self.question(
                "bar_value",
                (
                    "What is the value of {x}?",
                    "What value does {x} have?",
                    "Which number belongs to {x}?",
                    "How much is {x}?",
                    "What number is shown for {x}?",
                ),
                texts[i],
                cap,
                f"{labels[i]} reads {texts[i]}.",
                x=labels[i],
            )
        top = order[0]
        if top in nameable:
            self.question(
                "bar_largest",
                (
                    "Which bar is the {m}?",
                    "Which category has the largest value?",
                    "Which one is the highest?",
                    "What is the name of the {m} bar?",
                    "Which bar has the highest value?",
                ),
                labels[top],
                cap,
                f"The {most} bar is {labels[top]}, {texts[top]}.",
                m=most,
            )
        self.question(
            "bar_top_value",
            (
                "What is the largest value?",
                "What is the value of the {m} bar?",
                "What is the highest number?",
                "How much is the {m} bar?",
            ),
            texts[top],
            cap,
            f"The {most} bar is {labels[top]}.",
            m=most,
        )
        low = order[-1]
        if n > 2 and values[order[-2]] - values[low] >= values[top] * 0.1:
            if low in nameable:
                self.question(
                    "bar_smallest",
                    (
                        "Which bar is the {m}?",
                        "Which category has the smallest value?",
                        "Which one is the lowest?",
                        "What is the name of the {m} bar?",
                    ),
                    labels[low],
                    cap,
                    f"The {least} bar is {labels[low]}, {texts[low]}.",
                    m=least,
                )
            if mode == "many":
                self.question(
                    "bar_lowest_colour",
                    ("What colour is the {m} bar?", "Which colour is the {m} bar?", "Which colour has the smallest value?"),
                    names[low],
                    max(thick, EASY_CAP[0]),
                    m=least,
                )
        second = order[1]
        if n > 3 and values[second] - values[order[2]] >= values[top] * 0.1 and second in nameable:
            self.question(
                "bar_second",
                (
                    "Which bar is the second {m}?",
                    "Which category has the second largest value?",
                    "What comes second?",
                    "Which one is the second highest?",
                ),
                labels[second],
                cap,
                f"Second is {labels[second]}, {texts[second]}.",
                m=most,
            )
        if mode != "one" and thick >= 14:
            single = [i for i in range(n) if names.count(names[i]) == 1]
            for i in r.sample(single, min(len(single), 2)):
                self.question(
                    "bar_colour_value",
                    (
                        "What is the value of the {c} bar?",
                        "What value does the {c} bar have?",
                        "How much is the {c} bar?",
                        "What number is at the {c} bar?",
                    ),
                    texts[i],
                    cap,
                    f"The {names[i]} bar reads {texts[i]}.",
                    c=names[i],
                )
                if i in nameable:
                    self.question(
                        "bar_colour_name",
                        (
                            "Which category is {c}?",
                            "What is the {c} bar called?",
                            "What is the label of the {c} bar?",
                            "Which name belongs to the {c} bar?",
                        ),
                        labels[i],
                        cap,
                        c=names[i],
                    )
            if mode == "many":
                self.question(
                    "bar_top_colour",
                    (
                        "What colour is the {m} bar?",
                        "Which colour is the {m} bar?",
                        "What is the colour of the {m} bar?",
                        "Which colour has the highest bar?",
                    ),
                    names[top],
                    max(thick, EASY_CAP[0]),
                    m=most,
                )
                if n >= 3:
                    i = r.choice((0, n - 1))
                    self.question(
                        "bar_place_colour",
                        (
                            "What colour is the {o} bar {s}?",
                            "Which colour is the {o} bar {s}?",
                            "What is the colour of the {o} bar {s}?",
                        ),
                        names[i],
                        max(thick, EASY_CAP[0]),
                        o="first" if i == 0 else "last",
                        s=side,
                    )
                if not self.hard:
                    i = r.randrange(n)
                    self.question(
                        "bar_name_colour",
                        (
                            "What colour is the bar {x}?",
                            "Which colour is {x}?",
                            "What is the colour of {x}?",
                            "What colour is the bar of {x}?",
                        ),
                        names[i],
                        cap,
                        x=labels[i],
                    )
            rest = [c for c in self.canvas.colour_names() if c not in names and c not in ("gray", "white", "black")]
            if rest:
                self.missing(
                    ("What is the value of the {c} bar?", "How much is the {c} bar?", "What is the {c} bar called?"),
                    40.0,
                    c=r.choice(rest),
                )
        if n <= 8 and thick >= 12:
            self.question(
                "bar_count",
                (
                    "How many bars are there?",
                    "How many bars does the chart have?",
                    "Count the bars.",
                    "How many bars are shown?",
                    "What is the number of bars?",
                ),
                str(n),
                max(thick, EASY_CAP[0]),
            )
        i = r.randrange(min(n, 5))
        if i in nameable and n > 2:
            self.question(
                "bar_place_name",
                (
                    "What is the {o} bar {s}?",
                    "What is the name of the {o} bar {s}?",
                    "Which label has the {o} bar {s}?",
                ),
                labels[i],
                cap,
                o=ORDINALS[i],
                s=side,
            )
        if plain:
            a, b = r.sample(range(n), 2)
            a, b = (a, b) if values[a] > values[b] else (b, a)
            self.question(
                "bar_difference",
                (
                    "How much more is {a} than {b}?",
                    "What is the difference between {a} and {b}?",
                    "By how much is {a} larger than {b}?",
                    "What is {a} minus {b}?",
                ),
                str(values[a] - values[b]),
                cap,
                f"{labels[a]} {texts[a]}, {labels[b]} {texts[b]}.",
                a=labels[a],
                b=labels[b],
            )
        other = self.absent_label(kind, labels)
        if other:
            self.missing(
                ("What is the value of {x}?", "What value does {x} have?", "How much is {x}?", "What number is shown for {x}?"),
                cap,
                x=other,
            )

    def grouped(self) -> bool:
        """Pairs of bars, with a legend for the two series."""
        r, cap, canvas = self.r, self.cap, self.canvas
        series = case(canvas, distinct(canvas, r.choice(("words", "names", "items")), 2, longest=7))
        kind, labels = self.categories(r.randint(3, 6) if self.hard else r.randint(2, 4))
        if len(series) < 2 or {s[:2].lower() for s in series} & {t[:2].lower() for t in labels}:
            return False
        legend = self.plan_legend(series)
        numbers_, texts, plain = self.values(2 * len(labels))
        slot = max(self.widest(labels) + cap * 0.8, 2.15 * (self.widest(texts) + cap * 0.35))
        count = min(len(labels), int((self.right - self.left) / slot))
        bottom, plot_top = self.bottom - cap * 2.1, self.top + cap * 1.9
        if legend is None or count < 2 or bottom - plot_top < cap * 5:
            return False
        labels, numbers_, texts = labels[:count], numbers_[: 2 * count], texts[: 2 * count]
        slot = (self.right - self.left) / count
        thick = max(self.widest(texts) + cap * 0.35, min(slot * r.uniform(0.34, 0.44), canvas.width * 0.13))
        self.draw_title()
        self.frame(self.left, plot_top - cap * 1.9, self.right, bottom)
        draw = canvas.draw
        if r.random() < 0.6:
            for k in range(1, 5):
                y = bottom - (bottom - plot_top) * k / 4
                draw.line((self.left, y, self.right, y), fill=self.grid)
        names = self.colours(2)
        rgb = [self.named(n) for n in names]
        legend(rgb)
        outline = canvas.ink if r.random() < 0.2 else None
        scale = (bottom - plot_top) / max(numbers_)
        for i in range(count):
            x = self.left + slot * (i + 0.5)
            for k in (0, 1):
                y, x0 = bottom - numbers_[2 * i + k] * scale, x - thick + k * thick
                draw.rectangle((x0, y, x0 + thick - 1, bottom), fill=rgb[k], outline=outline)
                self.write(x0 + thick / 2, y - cap * 0.45, texts[2 * i + k], anchor="m")
            self.write(x, bottom + cap * 1.6, labels[i], anchor="m")
        draw.line((self.left, bottom, self.right, bottom), fill=canvas.ink, width=r.choice((1, 2)))
        for i in r.sample(range(count), min(count, 3)):
            k = r.randrange(2)
            text = texts[2 * i + k]
            self.question(
                "group_value",
                (
                    "What is the value of {s} for {x}?",
                    "How much is {s} in {x}?",
                    "What is {s} at {x}?",
                    "For {x}, what is the value of {s}?",
                ),
                text,
                cap,
                f"{series[k]} is {names[k]}: {text}.",
                s=series[k],
                x=labels[i],
            )
            k = r.randrange(2)
            text = texts[2 * i + k]
            self.question(
                "group_colour_value",
                (
                    "What is the value of the {c} bar for {x}?",
                    "How much is the {c} bar at {x}?",
                    "At {x}, what does the {c} bar show?",
                ),
                text,
                cap,
                f"{labels[i]}, {names[k]}: {text}.",
                c=names[k],
                x=labels[i],
            )
        for k in (0, 1):
            self.question(
                "legend_name",
                (
                    "What does {c} stand for?",
                    "Which series is {c}?",
                    "What is the name of the {c} series?",
                    "What do the {c} bars show?",
                ),
                series[k],
                cap,
                c=names[k],
            )
            if not self.hard:
                self.question(
                    "legend_colour",
                    (
                        "What colour is {s}?",
                        "Which colour has {s}?",
                        "Which colour stands for {s}?",
                        "What is the colour of {s}?",
                    ),
                    names[k],
                    cap,
                    s=series[k],
                )
        top = max(range(2 * count), key=lambda j: numbers_[j])
        self.question(
            "group_top_colour",
            ("What colour is the tallest bar?", "Which colour is the tallest bar?", "What is the colour of the tallest bar?"),
            names[top % 2],
            max(thick, EASY_CAP[0]),
        )
        self.question(
            "bar_top_value",
            ("What is the largest value?", "What is the value of the tallest bar?", "What is the highest number?"),
            texts[top],
            cap,
        )
        if not self.hard or kind in WORD_KINDS:
            self.question(
                "bar_largest",
                ("Which category has the tallest bar?", "Where is the tallest bar?", "At which label is the tallest bar?"),
                labels[top // 2],
                cap,
                f"The tallest bar is at {labels[top // 2]}.",
            )
        self.question(
            "group_count",
            ("How many groups of bars are there?", "How many pairs of bars are there?", "Count the groups of bars."),
            str(count),
            max(thick, EASY_CAP[0]),
        )
        if thick >= 14:
            self.question(
                "bar_count",
                ("How many {c} bars are there?", "Count the {c} bars.", "How many bars are {c}?"),
                str(count),
                max(thick, EASY_CAP[0]),
                c=r.choice(names),
            )
            rest = [c for c in canvas.colour_names() if c not in names and c not in ("gray", "white", "black")]
            self.missing(
                ("What does {c} stand for?", "What is the value of the {c} bar for {x}?"), 40.0, c=r.choice(rest), x=labels[0]
            )
        other = self.absent_label(kind, labels + series) if kind != "years" else self.absent_label(kind, labels)
        if other:
            self.missing(
                ("What is the value of {s} for {x}?", "How much is {s} in {x}?", "What is {s} at {x}?"), cap, s=series[0], x=other
            )
        tilt_limit(canvas, self.hard, self.margin)
        return True

    # ---- lines -------------------------------------------------------------------------------------------------------------

    def marker(self, shape, x, y, radius, rgb):
        """A line's marker."""
        draw = self.canvas.draw
        if shape == "circle":
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=rgb)
        elif shape == "square":
            draw.rectangle((x - radius, y - radius, x + radius, y + radius), fill=rgb)
        elif shape == "diamond":
            q = radius * 1.3
            draw.polygon([(x, y - q), (x + q, y), (x, y + q), (x - q, y)], fill=rgb)

    def line(self) -> bool:
        """One line with a printed value at each point."""
        r, cap, canvas = self.r, self.cap, self.canvas
        kind, labels = self.categories(r.randint(4, 9) if self.hard else r.randint(3, 6))
        numbers_, texts, plain = self.values(len(labels))
        slot = max(self.widest(labels), self.widest(texts)) + cap
        count = min(len(labels), int((self.right - self.left) / slot))
        bottom = self.bottom - cap * 2.1
        if count < 3 or bottom - self.top < cap * 8:
            return False
        labels = labels[:count]
        if count < len(numbers_):
            numbers_, texts, plain = self.values(count)
            if max(self.widest(labels), self.widest(texts)) + cap * 0.6 > (self.right - self.left) / count:
                return False
        self.draw_title()
        self.frame(self.left, self.top, self.right, bottom)
        draw, slot = canvas.draw, (self.right - self.left) / count
        high, low = self.top + cap * 2.1, bottom - cap * 2.3
        if r.random() < 0.6:
            for k in range(5):
                y = self.top + (bottom - self.top) * k / 5
                draw.line((self.left, y, self.right, y), fill=self.grid)
        name = self.colours(1)[0]
        rgb = self.named(name)
        least, span = min(numbers_), max(numbers_) - min(numbers_)
        points = [(self.left + slot * (i + 0.5), low - (v - least) / span * (low - high)) for i, v in enumerate(numbers_)]
        width = r.randint(2, 4) if self.hard else r.randint(3, 6)
        if r.random() < 0.15:
            draw.polygon([(points[0][0], bottom)] + points + [(points[-1][0], bottom)], fill=mix(self.back, rgb, 0.2))
        draw.line(points, fill=rgb, width=width, joint="curve")
        shape = r.choice(("circle", "square", "diamond", None))
        for x, y in points:
            self.marker(shape, x, y, width * r.uniform(1.4, 1.6) + 1, rgb)
        for i, (x, y) in enumerate(points):
            below = all(points[j][1] < y for j in (i - 1, i + 1) if 0 <= j < count)
            base = y + cap * 1.35 + width + 3 if below else y - cap * 0.45 - width - 3
            half = self.width(texts[i]) / 2 + 2
            draw.rectangle((x - half, base - cap - 2, x + half, base + 2), fill=self.back)
            self.write(x, base, texts[i], anchor="m")
            self.write(x, bottom + cap * 1.6, labels[i], anchor="m")
        draw.line((self.left, bottom, self.right, bottom), fill=canvas.ink, width=1)
        nameable = [
            i
            for i in range(count)
            if not self.hard or kind in WORD_KINDS or kind == "years" and canvas.assets.in_split(labels[i], canvas.split)
        ]
        for i in r.sample(range(count), min(count, 4)):
            self.question(
                "point_value",
                (
                    "What is the value in {x}?",
                    "What is the value at {x}?",
                    "What value does the line have at {x}?",
                    "Which number is shown for {x}?",
                    "How much is {x}?",
                ),
                texts[i],
                cap,
                f"{labels[i]} reads {texts[i]}.",
                x=labels[i],
            )
        order = sorted(range(count), key=lambda i: -numbers_[i])
        if order[0] in nameable:
            self.question(
                "point_highest",
                (
                    "Where is the line highest?",
                    "At which label is the highest point?",
                    "When is the value the largest?" if kind in ("years", "months") else "Which label has the largest value?",
                    "Where is the peak?",
                ),
                labels[order[0]],
                cap,
                f"The highest point is {labels[order[0]]}, {texts[order[0]]}.",
            )
        if order[-1] in nameable and numbers_[order[-2]] - numbers_[order[-1]] > 0.1 * span:
            self.question(
                "point_lowest",
                ("Where is the line lowest?", "At which label is the lowest point?", "Which label has the smallest value?"),
                labels[order[-1]],
                cap,
                f"The lowest point is {labels[order[-1]]}, {texts[order[-1]]}.",
            )
        self.question(
            "point_top_value",
            ("What is the largest value?", "What is the highest value of the line?", "What is the value at the peak?"),
            texts[order[0]],
            cap,
            f"The highest point is {labels[order[0]]}.",
        )
        for i, phrasings in (
            (0, ("What is the first value?", "At which value does the line start?", "What is the value of the first point?")),
            (count - 1, ("What is the last value?", "At which value does the line end?", "What is the value of the last point?")),
        ):
            self.question("point_end", phrasings, texts[i], cap)
        if plain:
            a, b = r.sample(range(count), 2)
            a, b = (a, b) if numbers_[a] > numbers_[b] else (b, a)
            self.question(
                "point_difference",
                ("How much more is {a} than {b}?", "What is the difference between {a} and {b}?", "What is {a} minus {b}?"),
                str(numbers_[a] - numbers_[b]),
                cap,
                f"{labels[a]} {texts[a]}, {labels[b]} {texts[b]}.",
                a=labels[a],
                b=labels[b],
            )
        self.question(
            "line_colour",
            ("What colour is the line?", "Which colour has the line?", "What is the colour of the line?"),
            name,
            30.0,
        )
        self.question(
            "point_count",
            (
                "How many points does the line have?",
                "How many values are shown?",
                "How many points are there?",
                "Count the points of the line.",
            ),
            str(count),
            cap if self.hard else 24.0,
        )
        if self.hard:
            self.questions.pop()
        other = self.absent_label(kind, labels)
        if other:
            self.missing(
                ("What is the value in {x}?", "What is the value at {x}?", "Which number is shown for {x}?"), cap, x=other
            )
        tilt_limit(canvas, self.hard, self.margin)
        return True

    def lines(self) -> bool:
        """Two or three lines with a legend and, mostly, their last values."""
        r, cap, canvas = self.r, self.cap, self.canvas
        n = r.choice((2, 3, 3))
        series = case(canvas, distinct(canvas, r.choice(WORD_KINDS), n, longest=8))
        kind, labels = self.categories(r.randint(4, 8) if self.hard else r.randint(3, 5))
        if len(series) < n or {s[:2].lower() for s in series} & {t[:2].lower() for t in labels}:
            return False
        legend = self.plan_legend(series)
        low, high = r.choice(((10, 99), (10, 99), (100, 999)))
        bottom = self.bottom - cap * 2.1
        count = min(len(labels), int((self.right - self.left - cap * 3) / (self.widest(labels) + cap)))
        if legend is None or count < 3 or bottom - self.top < cap * 3 * n + cap * 2:
            return False
        labels = labels[:count]
        # Last values and first values of the lines stand clear of each other.
        gap = max(0.18, 1.9 * cap / (bottom - self.top - cap * 3))
        if gap * (n - 1) > 0.9:
            return False
        pool = numbers(canvas, 10**6, low, high)
        ends = []
        for _ in range(60):
            ends = r.sample(pool, n)
            ordered = sorted(ends)
            if min(b - a for a, b in zip(ordered, ordered[1:])) >= gap * (high - low):
                break
        else:
            return False
        span = high - low
        walks = []
        for end in ends:
            v, walk = float(end), [float(end)]
            for _ in range(count - 1):
                v = min(high, max(low, v + r.uniform(-0.3, 0.3) * span))
                walk.append(v)
            walks.append(walk[::-1])
        printed = r.random() < 0.75
        right = self.right - (max(self.width(str(e)) for e in ends) + cap * 1.2 if printed else cap * 0.5)
        self.draw_title()
        self.frame(self.left, self.top, self.right, bottom)
        draw = canvas.draw
        if r.random() < 0.6:
            for k in range(5):
                y = self.top + (bottom - self.top) * k / 5
                draw.line((self.left, y, self.right, y), fill=self.grid)
        names = self.colours(n)
        rgb = [self.named(c) for c in names]
        legend(rgb)
        y0, y1 = bottom - cap * 1.5, self.top + cap * 1.5
        first = self.left + self.widest(labels) / 2 + cap * 0.3
        last = (
            min(right, self.right - self.widest(labels) / 2) if not printed else min(right, self.right - self.widest(labels) / 2)
        )
        xs = [first + (last - first) * i / (count - 1) for i in range(count)]
        width = r.randint(3, 5)
        shape = r.choice(("circle", "square", "diamond", None, None))
        for k in range(n):
            points = [(x, y0 - (v - low) / span * (y0 - y1)) for x, v in zip(xs, walks[k])]
            draw.line(points, fill=rgb[k], width=width, joint="curve")
            for x, y in points:
                self.marker(shape, x, y, width * 1.5, rgb[k])
            if printed:
                self.write(points[-1][0] + cap * 0.4 + width * 1.9, points[-1][1] + cap / 2, str(ends[k]))
        for x, t in zip(xs, labels):
            self.write(x, bottom + cap * 1.6, t, anchor="m")
        draw.line((self.left, bottom, self.right, bottom), fill=canvas.ink, width=1)
        order = sorted(range(n), key=lambda k: -ends[k])
        for k, phrasings in (
            (
                order[0],
                ("Which line ends highest?", "Which line is highest at the end?", "Which line has the largest last value?"),
            ),
            (
                order[-1],
                ("Which line ends lowest?", "Which line is lowest at the end?", "Which line has the smallest last value?"),
            ),
        ):
            self.question(
                "line_end_name",
                tuple(p + " Give its name." for p in phrasings),
                series[k],
                cap,
                f"It is {names[k]}, {series[k]}.",
            )
        self.question(
            "line_top_colour",
            (
                "What colour is the line that ends highest?",
                "Which colour is highest at the end?",
                "What is the colour of the line that ends at the top?",
            ),
            names[order[0]],
            24.0,
        )
        self.question(
            "line_low_colour",
            ("What colour is the line that ends lowest?", "Which colour is lowest at the end?"),
            names[order[-1]],
            24.0,
        )
        for k in range(n):
            self.question(
                "legend_name",
                ("What does {c} stand for?", "Which line is {c}?", "What is the name of the {c} line?", "What is the {c} line?"),
                series[k],
                cap,
                c=names[k],
            )
            if not self.hard:
                self.question(
                    "legend_colour",
                    ("What colour is the line {s}?", "Which colour has {s}?", "What is the colour of {s}?"),
                    names[k],
                    cap,
                    s=series[k],
                )
            if printed:
                self.question(
                    "line_last_value",
                    (
                        "What is the last value of the {c} line?",
                        "At which value does the {c} line end?",
                        "What number is at the end of the {c} line?",
                    ),
                    str(ends[k]),
                    cap,
                    c=names[k],
                )
                self.question(
                    "line_name_value",
                    ("What is the last value of {s}?", "At which value does {s} end?", "What number does {s} end with?"),
                    str(ends[k]),
                    cap,
                    f"{series[k]} is {names[k]}: {ends[k]}.",
                    s=series[k],
                )
        self.question(
            "line_count", ("How many lines are there?", "How many lines does the chart have?", "Count the lines."), str(n), 24.0
        )
        for i, o in ((0, "first"), (count - 1, "last")):
            if kind in WORD_KINDS or kind == "years" and canvas.assets.in_split(labels[i], canvas.split) or not self.hard:
                self.question(
                    "axis_label",
                    (
                        "What is the {o} label below the chart?",
                        "What is the {o} label of the axis?",
                        "Which label comes {o} on the axis?",
                    ),
                    labels[i],
                    cap,
                    o=o,
                )
        rest = [c for c in canvas.colour_names() if c not in names and c not in ("gray", "white", "black")]
        self.missing(
            ("What does {c} stand for?", "What is the name of the {c} line?", "At which value does the {c} line end?"),
            40.0,
            c=r.choice(rest),
        )
        tilt_limit(canvas, self.hard, self.margin)
        return True

    # ---- pies --------------------------------------------------------------------------------------------------------------

    def shares(self, n: int) -> list[int]:
        """n different percentages that add up to 100; the largest stands clear."""
        while True:
            cuts = sorted(self.r.sample(range(1, 100), n - 1))
            out = [b - a for a, b in zip([0] + cuts, cuts + [100])]
            ordered = sorted(out)
            if ordered[0] >= (10 if self.hard else 9) and len(set(out)) == n and ordered[-1] - ordered[-2] >= 6:
                return out

    def pie(self) -> bool:
        """A pie or a ring, the percentages beside or in the slices or in the legend."""
        r, cap, canvas = self.r, self.cap, self.canvas
        n = r.randint(3, 6) if self.hard else r.randint(2, 5)
        kind = r.choice(WORD_KINDS)
        labels = case(canvas, distinct(canvas, kind, n, longest=8))
        if len(labels) < n:
            return False
        percent = self.shares(n)
        texts = [f"{p}%" for p in percent]
        way = r.choices(("slices", "legend", "beside"), (5, 2, 3))[0]
        rows = [f"{a} {t}" for a, t in zip(labels, texts)] if way == "legend" else labels
        left, top, right, bottom = self.left, self.top, self.right, self.bottom
        legend = None
        if way != "beside":
            wide = self.widest(rows) + cap * 1.8
            pitch = cap * r.uniform(2.0, 2.6)
            if right - left > (bottom - top) * 0.9 and r.random() < 0.85 and wide < (right - left) * 0.5:
                legend = (
                    (right - wide, (top + bottom - pitch * n) / 2)
                    if r.random() < 0.75
                    else (left, (top + bottom - pitch * n) / 2)
                )
                right, left = (right - wide - cap, left) if legend[0] > left else (right, left + wide + cap)
            else:
                if wide > right - left:
                    return False
                legend = (left + (right - left - wide) * r.choice((0, 0.5)), bottom - pitch * n)
                bottom -= pitch * n + cap * 0.6
        side = {
            "slices": (self.widest(texts) + cap * 0.6, cap * 1.8),
            "legend": (2.0, 2.0),
            "beside": (max(self.widest(labels), self.widest(texts)) + cap * 0.6, cap * 3.4),
        }[way]
        radius = min((right - left) / 2 - side[0], (bottom - top) / 2 - side[1], canvas.width * 0.36)
        if radius < (34 if self.hard else 40):
            return False
        x, y = (left + right) / 2, (top + bottom) / 2
        names = self.colours(n)
        rgb = [self.named(c) for c in names]
        hole = r.uniform(0.4, 0.62) if r.random() < 0.35 else 0.0
        inside = (
            way == "slices"
            and r.random() < 0.5
            and all(math.tau * p / 100 * radius * 0.66 > self.width(t) + cap * 0.8 for p, t in zip(percent, texts))
            and radius * (1 - hole) > self.widest(texts) * 1.25
        )
        for _ in range(12):
            start = r.uniform(0, 360)
            placed = self.around(percent, labels, texts, x, y, radius, hole, start, way, inside)
            if placed is not None:
                break
        else:
            return False
        self.draw_title()
        size = int(radius * 4) + 4
        patch = Image.new("RGB", (size, size), canvas.background)
        draw = ImageDraw.Draw(patch)
        a, c = start, size / 2
        line = self.r.choice((None, canvas.background, canvas.background, canvas.ink))
        for p, colour in zip(percent, rgb):
            draw.pieslice(
                (c - 2 * radius, c - 2 * radius, c + 2 * radius, c + 2 * radius),
                a,
                a + p * 3.6,
                fill=colour,
                outline=line,
                width=3,
            )
            a += p * 3.6
        if hole:
            h = 2 * radius * hole
            draw.ellipse((c - h, c - h, c + h, c + h), fill=canvas.background)
        patch = patch.reduce(2)
        canvas.image.paste(patch, (round(x - patch.width / 2), round(y - patch.height / 2)))
        for tx, base, text, i in placed:
            self.write(tx, base, text, text_on(rgb[i]) if inside else None, "m")
        if legend:
            mark = r.choice(("square", "circle"))
            for i in range(n):
                base = legend[1] + pitch * (i + 0.5) + cap / 2
                self.swatch(legend[0], base, rgb[i], mark)
                self.write(legend[0] + cap * 1.7, base, rows[i])
        self.pie_questions(labels, percent, texts, names, way)
        tilt_limit(canvas, self.hard, self.margin)
        return True

    def around(self, percent, labels, texts, x, y, radius, hole, start, way, inside):
        """Places (x, baseline, text, slice) for what stands in or around a pie, or None where something would overlap."""
        cap, placed, boxes, a = self.cap, [], [], start
        if way == "legend":
            return []
        for i, p in enumerate(percent):
            t = math.radians(a + p * 1.8)
            a += p * 3.6
            lines = [labels[i], texts[i]] if way == "beside" else [texts[i]]
            w, h = max(self.width(s) for s in lines), cap * (1 + 1.6 * (len(lines) - 1))
            if inside:
                distance = radius * ((1 + hole) / 2 if hole else 0.66)
            else:  # the nearest distance at which the text's box clears the circle
                distance = radius + cap * 0.45 + abs(math.cos(t)) * w / 2 + abs(math.sin(t)) * h / 2
            cx, cy = x + math.cos(t) * distance, y + math.sin(t) * distance
            box = (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)
            if (
                box[0] < 3
                or box[2] > self.canvas.width - 3
                or box[1] < self.top - cap * 0.3
                or box[3] > self.canvas.height - 3 - cap * 0.3
            ):
                return None
            g = cap * 0.35
            if any(box[0] < b[2] + g and b[0] < box[2] + g and box[1] < b[3] + g and b[1] < box[3] + g for b in boxes):
                return None
            boxes.append(box)
            for k, s in enumerate(lines):
                placed.append((cx, box[1] + cap + k * 1.6 * cap, s, i))
        return placed

    def pie_questions(self, labels, percent, texts, names, way):
        """What one can ask about a pie."""
        r, cap, n = self.r, self.cap, len(labels)
        for i in r.sample(range(n), min(n, 3)):
            self.question(
                "slice_percent",
                ("What percentage is {x}?", "What is the share of {x}?", "How many percent is {x}?", "What percent has {x}?"),
                texts[i],
                cap,
                f"{labels[i]} is {names[i]}: {texts[i]}." if way == "slices" else f"{labels[i]} reads {texts[i]}.",
                x=labels[i],
            )
        for i in r.sample(range(n), min(n, 3)):
            self.question(
                "slice_colour_percent",
                (
                    "What percentage is the {c} slice?",
                    "How many percent is the {c} part?",
                    "What is the share of {c}?",
                    "What percent does the {c} slice have?",
                ),
                texts[i],
                cap,
                c=names[i],
            )
            self.question(
                "slice_colour_name",
                (
                    "What does {c} stand for?",
                    "Which slice is {c}?",
                    "What is the {c} slice called?",
                    "What is the name of the {c} part?",
                ),
                labels[i],
                cap,
                c=names[i],
            )
        top = max(range(n), key=lambda i: percent[i])
        self.question(
            "slice_largest",
            (
                "Which slice is the largest?",
                "What has the largest share?",
                "What is the name of the biggest slice?",
                "Which part is the biggest?",
            ),
            labels[top],
            cap,
            f"The largest slice is {names[top]}, {labels[top]}.",
        )
        self.question(
            "slice_top_percent",
            ("What is the largest percentage?", "How many percent has the biggest slice?", "What is the largest share?"),
            texts[top],
            cap,
        )
        self.question(
            "slice_top_colour",
            (
                "What colour is the largest slice?",
                "Which colour is the biggest slice?",
                "What is the colour of the largest part?",
            ),
            names[top],
            40.0,
        )
        self.question(
            "slice_count",
            (
                "How many slices are there?",
                "How many slices does the pie have?",
                "Count the slices.",
                "How many parts are there?",
            ),
            str(n),
            40.0,
        )
        if not self.hard:
            i = r.randrange(n)
            self.question(
                "slice_name_colour",
                ("What colour is {x}?", "Which colour has {x}?", "What is the colour of {x}?"),
                names[i],
                cap,
                x=labels[i],
            )
        if n > 2:
            a, b = r.sample(range(n), 2)
            a, b = (a, b) if percent[a] > percent[b] else (b, a)
            self.question(
                "slice_difference",
                (
                    "How many percent more is {a} than {b}?",
                    "By how many percent is {a} larger than {b}?",
                    "What is the difference between {a} and {b} in percent?",
                ),
                f"{percent[a] - percent[b]}%",
                cap,
                f"{labels[a]} {texts[a]}, {labels[b]} {texts[b]}.",
                a=labels[a],
                b=labels[b],
            )
        rest = [c for c in self.canvas.colour_names() if c not in names and c not in ("gray", "white", "black")]
        self.missing(
            ("What percentage is the {c} slice?", "What does {c} stand for?", "How many percent is the {c} part?"),
            40.0,
            c=r.choice(rest),
        )
        other = self.absent_label(r.choice(WORD_KINDS), labels)
        if other:
            self.missing(("What percentage is {x}?", "What is the share of {x}?", "How many percent is {x}?"), cap, x=other)
