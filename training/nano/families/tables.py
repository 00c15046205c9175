"""Tables, price lists, receipts, departure boards, forms and lists, with questions that look something up in them."""

from ..canvas import EASY_CAP, SMALL, Canvas, Question
from .labels import (
    MONTHS,
    ORDINALS,
    WORD_KINDS,
    Sheet,
    allowed,
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

KINDS = {"grid": 36, "prices": 18, "receipt": 20, "board": 8, "form": 10, "lines": 8}
# Header of a column of numbers -> (least, largest, decimal places).
NUMBERS = {
    "Age": (18, 79, 0),
    "Points": (10, 99, 0),
    "Score": (10, 99, 0),
    "Stock": (10, 99, 0),
    "Room": (101, 499, 0),
    "Weight": (10, 99, 0),
    "Year": (1950, 2025, 0),
    "Height": (100, 220, 0),
    "Price": (100, 4999, 2),
    "Speed": (20, 320, 0),
    "Size": (10, 60, 0),
    "Rate": (10, 99, 1),
    "Number": (100, 999, 0),
    "Distance": (10, 950, 0),
}
FIRST_HEADERS = {
    "names": ("Name", "Player", "Person", "Student", "Guest"),
    "items": ("Item", "Product", "Article", "Goods"),
    "words": ("Word", "Entry", "Label", "Topic"),
}
WORD_HEADERS = ("Team", "Group", "Place", "Tag", "Project", "Street")
CURRENCIES = ("", "", "", "$")
THANKS = ("Thank you!", "Thank you", "THANK YOU", "See you soon", "Come again", "Have a nice day")


def make(canvas: Canvas, hard: bool) -> list[Question]:
    """Draws one table, list or form and returns its questions."""
    r = canvas.random
    font, cap = canvas.font(), easy_cap(canvas, hard, 0.06)
    first = r.choices(list(KINDS), list(KINDS.values()))[0]
    for attempt in range(4):
        for kind in [first, first, first, "prices", "lines"]:
            sheet = Table(canvas, hard, font, cap)
            if getattr(sheet, kind)():
                tilt_limit(canvas, hard, sheet.margin)
                return select(canvas, sheet.questions, sheet.absent, hard)
        font, cap = canvas.font(), cap if cap < SMALL else EASY_CAP[0]
    raise ValueError(f"no table fits {canvas.width} x {canvas.height}")


def date_text(canvas: Canvas) -> str:
    """A date of the split in one of the usual notations."""
    r = canvas.random
    while True:
        day, month, year = r.randint(1, 28), r.randint(1, 12), r.randint(1998, 2029)
        text = r.choice(
            (
                f"{year}-{month:02d}-{day:02d}",
                f"{day:02d}.{month:02d}.{year}",
                f"{month:02d}/{day:02d}/{year}",
                f"{day} {MONTHS[month - 1]} {year}",
            )
        )
        if canvas.assets.in_split(text, canvas.split):
            return text


def drawn(canvas: Canvas, make_text, count: int) -> list[str]:
    """`count` different texts of the split from a generator of texts."""
    out = []
    while len(out) < count:
        text = make_text()
        if text not in out and canvas.assets.in_split(text, canvas.split):
            out.append(text)
    return out


def prices(canvas: Canvas, count: int, low: int = 100, high: int = 2999) -> list[int]:
    """Different prices in cents, of the split, mostly round ones."""
    step = canvas.random.choice((5, 10, 1))
    pool = [p for p in allowed(canvas.split, low, high, 2) if p % step == 0]
    return canvas.random.sample(pool, min(count, len(pool)))


class Table(Sheet):
    """One sheet with rows. Every kind is a method that returns False, with nothing drawn, where it does not fit."""

    # ---- helpers -----------------------------------------------------------------------------------------------------------

    def row_count(self) -> int:
        """How many rows one would like."""
        return min(12, round(self.r.triangular(3, 12, 5))) if self.hard else self.r.randint(2, 6)

    def absent_label(self, kind: str, labels: list[str]) -> str | None:
        """A label of the same kind, written in the same way, that is not in the picture."""
        word = next(iter(distinct(self.canvas, kind, 1, labels)), None)
        if word is None:
            return None
        return word.upper() if labels[0].isupper() else word.capitalize() if labels[0][0].isupper() else word

    def rule(self, x0, x1, y, style, colour):
        """A horizontal line: 'solid', 'dashes', 'dots' or 'double'."""
        draw = self.canvas.draw
        if style in ("solid", "double"):
            draw.line((x0, y, x1, y), fill=colour)
            if style == "double":
                draw.line((x0, y + 3, x1, y + 3), fill=colour)
            return
        step, length = (8, 4) if style == "dashes" else (4, 1)
        for x in range(round(x0), round(x1) - length, step):
            draw.line((x, y, x + length, y), fill=colour)

    def place_questions(self, labels, what: str, nameable: bool = True):
        """First, last and n-th row."""
        r, cap, n = self.r, self.cap, len(labels)
        if not nameable:
            return
        self.question(
            "first_row",
            ("What is the first {w}?", "Which {w} is at the top?", "What is the {w} in the first row?", "Which {w} comes first?"),
            labels[0],
            cap,
            w=what,
        )
        if n > 1:
            self.question(
                "last_row",
                (
                    "What is the last {w}?",
                    "Which {w} is at the bottom?",
                    "What is the {w} in the last row?",
                    "Which {w} comes last?",
                ),
                labels[-1],
                cap,
                w=what,
            )
        if n > 2:
            i = r.randrange(1, min(n, 8))
            self.question(
                "nth_row",
                ("What is the {o} {w}?", "Which {w} is in row {k}?", "What is the {w} in row {k}?", "Which {w} is the {o}?"),
                labels[i],
                cap,
                o=ORDINALS[i],
                k=i + 1,
                w=what,
            )
            i = r.randrange(n - 1)
            self.question(
                "next_row",
                ("Which {w} is right below {x}?", "What comes right after {x}?", "Which {w} follows {x}?"),
                labels[i + 1],
                cap,
                x=labels[i],
                w=what,
            )

    def count_question(self, n: int, pitch: float, what: str):
        """How many rows, where one sees them well."""
        if n <= (8 if not self.hard else 6) and pitch >= 22:
            self.question(
                "row_count",
                ("How many {w}s are there?", "How many {w}s does the list have?", "Count the {w}s.", "How many {w}s are shown?"),
                str(n),
                max(pitch, EASY_CAP[0]),
                w=what,
            )

    # ---- tables ------------------------------------------------------------------------------------------------------------

    def column(self, count: int, taken: set, labels: list[str], used: set) -> tuple[str, list[str], list | None] | None:
        """(header, texts, numbers or None) of one more column whose texts are new in the table, or None."""
        r, canvas = self.r, self.canvas
        way = r.choices(("number", "word", "name", "code", "date", "time", "phone"), (10, 4, 2, 3, 1.2, 1.2, 0.8))[0]
        values = None
        if way == "number":
            header = r.choice(list(NUMBERS))
            low, high, places = NUMBERS[header]
            values = numbers(canvas, count, low, high, places)
            texts = [decimal(v, places) for v in values]
        elif way in ("word", "name"):
            header = r.choice(WORD_HEADERS if way == "word" else ("Owner", "Seller", "Driver", "Teacher"))
            texts = case(canvas, distinct(canvas, "words" if way == "word" else "names", count, labels + sorted(used), longest=8))
        else:
            header = {
                "code": ("Code", "Key", "Ref", "Seat"),
                "date": ("Date", "Day", "Birthday"),
                "time": ("Time", "Start", "End"),
                "phone": ("Phone", "Tel"),
            }[way]
            header = r.choice(header)
            if way == "code":
                texts = [canvas.code() for _ in range(count)]
            elif way == "date":
                texts = drawn(canvas, lambda: f"{r.randint(1, 28):02d}.{r.randint(1, 12):02d}.", count)
            elif way == "time":
                texts = drawn(canvas, lambda: f"{r.randint(6, 23):02d}:{r.randint(0, 59):02d}", count)
            else:
                texts = drawn(canvas, lambda: f"555-{r.randint(0, 9999):04d}", count)
        if header in taken or len(texts) < count or len(set(texts)) < count or used & set(texts):
            return None
        return header, texts, values

    def grid(self) -> bool:
        """A table with a header, row labels and one to four columns."""
        r, cap, canvas = self.r, self.cap, self.canvas
        if canvas.height > 14 * cap and r.random() < 0.35:
            self.plan_title()
        room = self.bottom - self.top
        count = min(self.row_count(), int(room / (cap * 2.0)) - 1)
        kind = r.choice(WORD_KINDS)
        labels = case(canvas, distinct(canvas, kind, max(count, 0), longest=9))
        count = len(labels)
        if count < (3 if self.hard else 2):
            return False
        what = r.choice(FIRST_HEADERS[kind])
        columns, pad = [(what, labels, None)], cap * r.uniform(0.7, 1.2)
        widths = [self.widest([what] + labels) + 2 * pad]
        used, taken = set(labels), {what}
        for _ in range(r.choice((1, 2, 2, 3, 3, 4)) * 2):
            new = self.column(count, taken, labels, used)
            if new is None or len(columns) > 4:
                continue
            width = self.widest([new[0]] + new[1]) + 2 * pad
            if sum(widths) + width > self.right - self.left:
                continue
            columns.append(new)
            widths.append(width)
            used |= set(new[1])
            taken.add(new[0])
        if len(columns) < 2:
            return False
        # Places.
        share = r.choice((0.0, r.random(), 1.0))
        spare = (self.right - self.left - sum(widths)) * share
        widths = [w + min(spare / len(widths), cap * 7) for w in widths]
        total = sum(widths)
        x0 = r.choice((self.left, (self.left + self.right - total) / 2, (self.left + self.right - total) / 2))
        pitch = min(room / (count + 1), cap * r.uniform(2.1, 4.2))
        y0 = self.top + (room - pitch * (count + 1)) * r.choice((0, 0.5, r.random()))
        x1, y1 = x0 + total, y0 + pitch * (count + 1)
        xs = [x0 + sum(widths[:i]) for i in range(len(widths) + 1)]
        # Drawing.
        draw = canvas.draw
        line = mix(canvas.background, canvas.ink, r.uniform(0.2, 0.9))
        style = r.choice(("grid", "grid", "zebra", "rules", "plain", "frame"))
        header_fill, header_name = None, None
        if r.random() < 0.5:
            header_name = r.choice([c for c in canvas.colour_names() if c not in ("white", "yellow", "pink") or canvas.dark])
            header_fill = canvas.colour(header_name)
        elif r.random() < 0.5:
            header_fill = mix(canvas.background, canvas.ink, r.uniform(0.1, 0.2))
        if style == "zebra" or r.random() < 0.2:
            shade = mix(canvas.background, canvas.ink, r.uniform(0.07, 0.15))
            for i in range(r.randrange(2), count, 2):
                draw.rectangle((x0, y0 + pitch * (i + 1), x1, y0 + pitch * (i + 2)), fill=shade)
        if header_fill:
            draw.rectangle((x0, y0, x1, y0 + pitch), fill=header_fill)
        if style in ("grid", "rules"):
            for i in range(count + 2):
                draw.line((x0, y0 + pitch * i, x1, y0 + pitch * i), fill=line)
        if style in ("grid", "frame"):
            draw.rectangle((x0, y0, x1, y1), outline=line, width=r.choice((1, 1, 2)))
        if style == "grid":
            for x in xs[1:-1]:
                draw.line((x, y0, x, y1), fill=line)
        if style in ("plain", "frame") and not header_fill or style == "rules":
            draw.line((x0, y0 + pitch, x1, y0 + pitch), fill=canvas.ink, width=2)
        self.draw_title((x0 + x1) / 2, x0)
        header_ink = text_on(header_fill) if header_name else canvas.ink
        upper, heads = r.random() < 0.2, []
        for j, (header, texts, values) in enumerate(columns):
            anchor = "l" if j == 0 and r.random() < 0.85 else r.choice("rrm" if values else "llm")
            x = {"l": xs[j] + pad, "m": (xs[j] + xs[j + 1]) / 2, "r": xs[j + 1] - pad}[anchor]
            heads.append(header.upper() if upper and self.width(header.upper()) < widths[j] - pad else header)
            self.write(x, y0 + pitch / 2 + cap / 2, heads[j], header_ink, anchor)
            for i, text in enumerate(texts):
                self.write(x, y0 + pitch * (i + 1.5) + cap / 2, text, None, anchor)
        # Questions.
        what = what.lower()
        cells = [(i, j) for i in range(count) for j in range(1, len(columns))]
        for i, j in r.sample(cells, min(len(cells), 4)):
            header, texts, _ = columns[j]
            self.question(
                "cell",
                (
                    "What is the {h} of {x}?",
                    "What is the {h} of {x}?",
                    "In the row {x}, what is the {h}?",
                    "Which {h} has {x}?",
                    "What does the table say for {x} under {h}?",
                    "{x}: what is the {h}?",
                ),
                texts[i],
                cap,
                f"The row {labels[i]} reads {texts[i]}.",
                h=header.lower(),
                x=labels[i],
            )
        for i, j in r.sample(cells, min(len(cells), 2)):
            header, texts, _ = columns[j]
            self.question(
                "cell_to_row",
                ("Which {w} has the {h} {v}?", "In which row is the {h} {v}?", "Which row has the {h} {v}?", "Whose {h} is {v}?"),
                labels[i],
                cap,
                f"{texts[i]} is in the row {labels[i]}.",
                w=what,
                h=header.lower(),
                v=texts[i],
            )
        if len(columns) > 2:
            i = r.randrange(count)
            j, k = r.sample(range(1, len(columns)), 2)
            self.question(
                "cell_to_cell",
                (
                    "What is the {a} in the row with the {b} {v}?",
                    "In the row with {b} {v}, what is the {a}?",
                    "Which {a} goes with the {b} {v}?",
                ),
                columns[j][1][i],
                cap,
                f"The row {labels[i]} reads {columns[j][1][i]}.",
                a=columns[j][0].lower(),
                b=columns[k][0].lower(),
                v=columns[k][1][i],
            )
            i, j = r.randrange(min(count, 8)), r.randrange(1, len(columns))
            self.question(
                "row_column",
                ("What is in row {i}, column {j}?", "What does row {i} say in column {j}?", "Read row {i}, column {j}."),
                columns[j][1][i],
                cap,
                f"Row {i + 1} is {labels[i]}.",
                i=i + 1,
                j=j + 1,
            )
        self.place_questions(labels, what)
        for j in range(1, len(columns)):
            header, texts, values = columns[j]
            if values and count <= 6 and header != "Room":
                order = sorted(range(count), key=lambda i: -values[i])
                most = r.random() < 0.7
                i = order[0 if most else -1]
                self.question(
                    "extreme_row",
                    ("Which {w} has the {m} {h}?", "Which row has the {m} {h}?", "Who or what has the {m} {h}?"),
                    labels[i],
                    cap,
                    f"The row {labels[i]} reads {texts[i]}.",
                    w=what,
                    h=header.lower(),
                    m="highest" if most else "lowest",
                )
                self.question(
                    "extreme_value",
                    ("What is the {m} {h}?", "Which is the {m} {h}?", "What is the {m} value under {h}?"),
                    texts[i],
                    cap,
                    None,
                    h=header.lower(),
                    m="highest" if most else "lowest",
                )
        if not self.hard:
            j = r.randrange(len(columns))
            self.question(
                "header",
                (
                    "What is the header of column {j}?",
                    "What is the {o} column called?",
                    "What does the header of the {o} column say?",
                ),
                heads[j],
                cap,
                j=j + 1,
                o=ORDINALS[j],
            )
        if style == "grid" and min(widths) >= 24 and len(columns) > 1:
            self.question(
                "column_count",
                ("How many columns are there?", "How many columns does the table have?", "Count the columns."),
                str(len(columns)),
                30.0,
            )
        if count <= 6 and pitch >= 22:
            self.question(
                "row_count",
                (
                    "How many rows are below the header?",
                    "How many rows are there without the header?",
                    "How many {w}s does the table list?",
                    "Count the rows below the header.",
                ),
                str(count),
                max(pitch, EASY_CAP[0]),
                w=what,
            )
        if header_name and pitch >= EASY_CAP[0]:
            self.question(
                "header_colour",
                (
                    "What colour is the header?",
                    "What is the colour of the header row?",
                    "Which colour has the header?",
                    "What colour is the table's top row?",
                ),
                header_name,
                max(pitch, EASY_CAP[0]),
            )
        other = self.absent_label(kind, labels)
        if other:
            self.missing(
                ("What is the {h} of {x}?", "In the row {x}, what is the {h}?", "{x}: what is the {h}?"),
                cap,
                h=columns[1][0].lower(),
                x=other,
            )
        gone = r.choice([h for h in NUMBERS if h not in taken])
        self.missing(("What is the {h} of {x}?", "In the row {x}, what is the {h}?"), cap, h=gone.lower(), x=r.choice(labels))
        return True

    def board(self) -> bool:
        """A departure board or timetable: time, destination, platform."""
        r, cap, canvas = self.r, self.cap, self.canvas
        count = min(self.row_count(), int((self.bottom - self.top) / (cap * 2.0)) - 1)
        kind = r.choice(("words", "names"))
        labels = case(canvas, distinct(canvas, kind, max(count, 0), longest=8))
        count = len(labels)
        if count < (3 if self.hard else 2):
            return False
        times = sorted(drawn(canvas, lambda: "{:02d}:{:02d}".format(*divmod(r.randint(300, 1439), 60)), count))
        third = r.choice(("Platform", "Gate", "Track"))
        marks = r.sample(range(1, 30), count)
        texts = [str(m) if third != "Gate" else f"{r.choice('ABCDE')}{m}" for m in marks]
        columns = [
            ("Time", times, "l"),
            (r.choice(("To", "Destination", "Train to", "From")), labels, "l"),
            (third, texts, r.choice("lr")),
        ]
        third_shown = True
        widths = [self.widest([h] + t) + cap * 1.5 for h, t, _ in columns]
        if sum(widths) > self.right - self.left:
            columns[1] = ("To", labels, "l")
            columns[2] = ("Pl." if third == "Platform" else third, texts, "l")
            widths = [self.widest([h] + t) + cap * 1.3 for h, t, _ in columns]
            if sum(widths) > self.right - self.left:
                columns, widths, third_shown = columns[:2], widths[:2], False
                if sum(widths) > self.right - self.left:
                    return False
        spare = self.right - self.left - sum(widths)
        x0, x1 = self.left, self.right
        if r.random() < 0.4:
            x0, x1, spare = self.left + spare / 2, self.right - spare / 2, 0
        pitch = min((self.bottom - self.top) / (count + 1), cap * r.uniform(2.2, 4.0))
        draw = canvas.draw
        ink, back = canvas.ink, canvas.background
        if r.random() < 0.5:
            back = r.choice(((18, 18, 22), (15, 25, 70), (20, 50, 35), (45, 20, 30)))
            ink = r.choice(((250, 250, 250), (250, 215, 60), (250, 170, 50), (160, 250, 170)))
            draw.rectangle((x0 - 4, self.top - 4, x1 + 4, self.top + pitch * (count + 1) + 4), fill=back)
        rules = r.random() < 0.5
        x = x0 + cap * 0.5
        for j, (header, column, anchor) in enumerate(columns):
            at = x if anchor == "l" else x + widths[j] - cap * 0.9
            for i, text in enumerate([header] + column):
                self.write(at, self.top + pitch * (i + 0.5) + cap / 2, text, mix(ink, back, 0.15) if i == 0 else ink, anchor)
            x += widths[j] + (spare * 0.5 if j < 2 else 0)
        for i in range(1, count + 1):
            if rules or i == 1:
                draw.line((x0, self.top + pitch * i, x1, self.top + pitch * i), fill=mix(back, ink, 0.4))
        verb = "come from" if columns[1][0] == "From" else "go to"
        noun = r.choice(("train", "bus")) if third != "Gate" else "flight"
        to = "from" if verb == "come from" else "to"
        for i in r.sample(range(count), min(count, 3)):
            self.question(
                "board_time",
                (
                    "When is the {n} {t} {x}?",
                    "At what time is the {n} {t} {x}?",
                    "What time is listed for {x}?",
                    "What is the time of {x}?",
                ),
                times[i],
                cap,
                f"The row {labels[i]} reads {times[i]}.",
                n=noun,
                t=to,
                x=labels[i],
            )
            self.question(
                "board_place",
                (
                    "Where does the {n} at {v} {g}?",
                    "Which place is listed at {v}?",
                    "What is the place in the row {v}?",
                    "What stands next to {v}?",
                ),
                labels[i],
                cap,
                f"The row {times[i]} reads {labels[i]}.",
                n=noun,
                v=times[i],
                g=verb,
            )
            if third_shown and (len(texts[i]) > 1):
                self.question(
                    "board_mark",
                    ("What is the {m} of {x}?", "Which {m} is listed for {x}?", "In the row {x}, what is the {m}?"),
                    texts[i],
                    cap,
                    f"The row {labels[i]} reads {texts[i]}.",
                    m=third.lower(),
                    x=labels[i],
                )
                self.question(
                    "board_time_mark",
                    ("What is the {m} of the {n} at {v}?", "Which {m} is listed at {v}?"),
                    texts[i],
                    cap,
                    f"The row {times[i]} reads {texts[i]}.",
                    m=third.lower(),
                    n=noun,
                    v=times[i],
                )
        self.question(
            "board_first",
            ("What is the first time?", "Which time is at the top?", "What time is in the first row?"),
            times[0],
            cap,
        )
        self.question(
            "board_last",
            ("What is the last time?", "Which time is at the bottom?", "What time is in the last row?"),
            times[-1],
            cap,
        )
        self.place_questions(labels, "place")
        other = self.absent_label(kind, labels)
        if other:
            self.missing(
                ("When is the {n} {t} {x}?", "What time is listed for {x}?", "At what time is the {n} {t} {x}?"),
                cap,
                n=noun,
                t=to,
                x=other,
            )
        self.count_question(count, pitch, noun)
        return True

    # ---- lists of prices ---------------------------------------------------------------------------------------------------

    def price_row(self, x0, x1, base, name, text, leader, ink=None):
        """A name at the left, its price at the right, perhaps dots between."""
        self.write(x0, base, name, ink)
        self.write(x1, base, text, ink, "r")
        a, b = x0 + self.width(name) + self.cap * 0.6, x1 - self.width(text) - self.cap * 0.6
        if leader and b - a > 8:
            step = max(3.0, self.cap * 0.45)
            colour, size = mix(self.canvas.background, ink or self.canvas.ink, 0.7), max(1, round(self.cap * 0.08))
            dots = int((b - a) / step)
            for i in range(dots):
                x = round(b - i * step)
                self.canvas.draw.rectangle((x - size + 1, base - size + 1, x, base), fill=colour)

    def price_questions(self, kind, labels, cents, texts, plain):
        """What one can ask about names with prices."""
        r, cap, n = self.r, self.cap, len(labels)
        for i in r.sample(range(n), min(n, 4)):
            self.question(
                "price",
                (
                    "What is the price of {x}?",
                    "How much is {x}?",
                    "What does {x} cost?",
                    "How much does {x} cost?",
                    "What is the price of {x}?",
                ),
                texts[i],
                cap,
                f"The row {labels[i]} reads {texts[i]}.",
                x=labels[i],
            )
        for i in r.sample(range(n), min(n, 2)):
            self.question(
                "price_to_item",
                ("What costs {v}?", "Which item costs {v}?", "What can you buy for {v}?", "Which item has the price {v}?"),
                labels[i],
                cap,
                f"{texts[i]} is in the row {labels[i]}.",
                v=texts[i],
            )
        self.place_questions(labels, "item")
        order = sorted(range(n), key=lambda i: -cents[i])
        if n <= 6 and n > 1:
            i, j = order[0], order[-1]
            self.question(
                "most_expensive",
                ("What is the most expensive item?", "Which item costs the most?", "Which item has the highest price?"),
                labels[i],
                cap,
                f"The row {labels[i]} reads {texts[i]}.",
            )
            self.question(
                "cheapest",
                ("What is the cheapest item?", "Which item costs the least?", "Which item has the lowest price?"),
                labels[j],
                cap,
                f"The row {labels[j]} reads {texts[j]}.",
            )
        if plain and n > 1:
            a, b = r.sample(range(n), 2)
            self.question(
                "price_sum",
                ("What do {a} and {b} cost together?", "How much are {a} and {b} together?", "What is the sum of {a} and {b}?"),
                texts[0][: texts[0].startswith("$")] + str(cents[a] + cents[b]),
                cap,
                f"{labels[a]} {texts[a]}, {labels[b]} {texts[b]}.",
                a=labels[a],
                b=labels[b],
            )
        other = self.absent_label(kind, labels)
        if other:
            self.missing(
                ("What is the price of {x}?", "How much is {x}?", "What does {x} cost?", "How much does {x} cost?"), cap, x=other
            )

    def prices(self) -> bool:
        """A menu or price list."""
        r, cap, canvas = self.r, self.cap, self.canvas
        card = r.random() < 0.3 and min(canvas.width, canvas.height) > 300
        if card:
            self.left, self.top, self.right, self.bottom = self.left + cap, self.top + cap, self.right - cap, self.bottom - cap
        if canvas.height > 12 * cap and r.random() < 0.6:
            self.plan_title()
        room = self.bottom - self.top
        count = min(self.row_count(), int(room / (cap * 2.0)))
        kind = r.choices(WORD_KINDS, (3, 0, 7))[0]
        labels = case(canvas, distinct(canvas, kind, max(count, 0), longest=12 if canvas.width > cap * 26 else 9))
        count, sign = len(labels), r.choice(CURRENCIES)
        plain = r.random() < 0.2
        cents = numbers(canvas, count, 10, 99) if plain else prices(canvas, count)
        texts = [sign + decimal(c, 0 if plain else 2) for c in cents]
        least = self.widest(labels) + self.widest(texts) + cap * 1.5
        if count < 2 or len(texts) < count or least > self.right - self.left:
            return False
        wide = min(self.right - self.left, least + cap * r.choice((1, 4, 8, 16, 60)))
        x0 = r.choice((self.left, (self.left + self.right - wide) / 2))
        x1 = x0 + wide
        pitch = min(room / count, cap * r.uniform(2.1, 4.0))
        y0 = self.top + (room - pitch * count) * r.choice((0, 0, 0.5))
        if card:
            box = (self.margin * 0.6, self.margin * 0.6, canvas.width - self.margin * 0.6, canvas.height - self.margin * 0.6)
            colour = canvas.colour(r.choice(canvas.colour_names()))
            canvas.draw.rounded_rectangle(box, r.choice((0, 8, 16)), outline=colour, width=r.choice((2, 3, 4)))
        self.draw_title((x0 + x1) / 2, x0)
        leader, lined = r.random() < 0.45, r.random() < 0.25
        for i in range(count):
            y = y0 + pitch * i
            if lined and i:
                self.rule(x0, x1, y, "solid", mix(canvas.background, canvas.ink, 0.25))
            self.price_row(x0, x1, y + pitch / 2 + cap / 2, labels[i], texts[i], leader)
        self.price_questions(kind, labels, cents, texts, plain)
        self.count_question(count, pitch, "item")
        return True

    def receipt(self) -> bool:
        """A till receipt: shop, date, rows, subtotal, tax, total, thanks."""
        r, cap, canvas = self.r, self.cap, self.canvas
        inset = cap * 0.9
        lines = int((self.bottom - self.top - 2 * inset) / (cap * 1.85))
        # What stands there besides the rows, as far as there is room: the total always.
        parts = {"shop": 1, "date": 1, "sums": 2, "thanks": 1}
        least = 3 if self.hard else 2
        shown, left = {"total"}, lines - 1.5 - least
        for part in r.sample(sorted(parts), 4):
            if left >= parts[part] + 0.5 and r.random() < 0.8:
                shown.add(part)
                left -= parts[part] + 0.3
        count = min(12, int(least + max(0.0, left)), self.row_count() if self.hard else r.randint(2, 5))
        if left < 0 or count < least:
            return False
        kind = r.choices(WORD_KINDS, (2, 0, 9))[0]
        labels = case(canvas, distinct(canvas, kind, count, longest=11 if canvas.width > cap * 26 else 8))
        count, sign = len(labels), r.choice(CURRENCIES)
        if count < least:
            return False
        inside = canvas.assets.in_split
        for _ in range(400):
            cents = prices(canvas, count)
            if len(cents) < count:
                continue
            subtotal = sum(cents)
            if subtotal not in cents and inside(decimal(subtotal, 2), canvas.split):
                break
        else:
            return False
        total, tax = subtotal, 0
        if "sums" in shown:
            for _ in range(2000):
                tax = max(5, round(subtotal * r.uniform(0.04, 0.25)))
                total = subtotal + tax
                if tax not in cents and inside(decimal(tax, 2), canvas.split) and inside(decimal(total, 2), canvas.split):
                    break
            else:
                return False
        texts = [sign + decimal(c, 2) for c in cents]
        tax_name, total_name = r.choice(("Tax", "VAT", "TAX")), r.choice(("Total", "TOTAL", "Sum", "To pay"))
        sums = [("Subtotal", sign + decimal(subtotal, 2)), (tax_name, sign + decimal(tax, 2))] if "sums" in shown else []
        sums.append((total_name, sign + decimal(total, 2)))
        inner = (
            max(self.widest(labels) + self.widest(texts), self.widest(a for a, _ in sums) + self.widest(b for _, b in sums))
            + cap * 1.6
        )
        shop_cap = max(EASY_CAP[0], min(24.0, canvas.width * 0.05)) if cap < SMALL and r.random() < 0.3 else cap
        shop = "".join(w.capitalize() if r.random() < 0.8 else w.upper() for w in distinct(canvas, "words", 1))
        if r.random() < 0.5:
            shop += " " + r.choice(("Shop", "Market", "Store", "Cafe", "Bakery", "Deli"))
        day = date_text(canvas)
        heads = ([("shop", shop)] if "shop" in shown else []) + ([("date", day)] if "date" in shown else [])
        inner = max([inner] + [canvas.text_width(t, self.font, shop_cap if p == "shop" else cap) for p, t in heads])
        thanks = r.choice(THANKS)
        if "thanks" in shown:
            inner = max(inner, self.width(thanks))
        if inner > self.right - self.left - 2 * inset:
            return False
        inner = min(self.right - self.left - 2 * inset, inner + cap * r.choice((0, 3, 6, 12)))
        # Heights: every line has its pitch, separators a half, the shop its own size.
        separators = r.choice((2, 2, 1, 0))
        units = len(heads) + count + len(sums) + ("thanks" in shown) + separators * 0.4
        extra = (shop_cap - cap) * 1.6 if "shop" in shown else 0
        pitch = (self.bottom - self.top - 2 * inset - extra) / units
        if pitch < cap * 1.65:
            return False
        pitch = min(pitch, cap * r.uniform(1.8, 3.0))
        high = pitch * units + extra
        x0 = self.left + inset + (self.right - self.left - 2 * inset - inner) * r.choice((0.5, 0.5, r.random()))
        x1 = x0 + inner
        y = self.top + inset + (self.bottom - self.top - 2 * inset - high) * r.choice((0.5, 0, r.random()))
        ink = canvas.ink
        if r.random() < 0.7:  # a paper of its own
            shade = r.randint(236, 255)
            paper = (shade, shade, max(0, shade - r.randint(0, 14)))
            ink = tuple(r.randint(0, 60) for _ in range(3))
            canvas.draw.rectangle(
                (x0 - inset, y - inset, x1 + inset, y + high + inset),
                fill=paper,
                outline=mix(paper, (0, 0, 0), 0.25) if r.random() < 0.6 else None,
            )
        else:
            paper = canvas.background
        rule, rule_ink = r.choice(("solid", "dashes", "dots", "double")), mix(paper, ink, 0.6)
        leader = r.random() < 0.25
        middle = r.random() < 0.75
        for part, text in heads:
            size = shop_cap if part == "shop" else cap
            step = pitch + (extra if part == "shop" else 0)
            canvas.text(
                (x0 + x1) / 2 if middle else x0, y + step / 2 + size / 2, text, self.font, size, ink, "m" if middle else "l"
            )
            y += step
        if separators > 0:
            self.rule(x0, x1, y + pitch * 0.2, rule, rule_ink)
            y += pitch * 0.4
        for name, text in zip(labels, texts):
            self.price_row(x0, x1, y + pitch / 2 + cap / 2, name, text, leader, ink)
            y += pitch
        if separators > 1:
            self.rule(x0, x1, y + pitch * 0.2, rule, rule_ink)
            y += pitch * 0.4
        for name, text in sums:
            self.price_row(x0, x1, y + pitch / 2 + cap / 2, name, text, False, ink)
            y += pitch
        if "thanks" in shown:
            self.write((x0 + x1) / 2 if middle else x0, y + pitch / 2 + cap / 2, thanks, ink, "m" if middle else "l")
        # Questions.
        self.price_questions(kind, labels, cents, texts, False)
        for _ in range(2):
            self.question(
                "total",
                (
                    "What is the total?",
                    "What is the total amount?",
                    "How much is to be paid in total?",
                    "How much is the whole receipt?",
                    "What is the sum at the bottom?",
                ),
                sums[-1][1],
                cap,
                f"The row {total_name} reads {sums[-1][1]}.",
            )
        if len(sums) > 1:
            self.question(
                "tax",
                ("What is the tax?", "How much is the tax?", "How much tax is there?", "What amount of tax is shown?"),
                sums[1][1],
                cap,
                f"The row {tax_name} reads {sums[1][1]}.",
            )
            self.question(
                "subtotal",
                ("What is the subtotal?", "How much is the subtotal?", "What is the sum before tax?"),
                sums[0][1],
                cap,
                f"The row Subtotal reads {sums[0][1]}.",
            )
        else:
            self.missing(("What is the tax?", "How much is the tax?", "How much tax is there?"), cap)
        if "date" in shown:
            self.question(
                "date",
                (
                    "What is the date?",
                    "What date is on the receipt?",
                    "When was this bought?",
                    "What is the date of the receipt?",
                ),
                day,
                cap,
            )
        else:
            self.missing(("What is the date?", "What date is on the receipt?", "What is the date of the receipt?"), cap)
        if "shop" in shown:
            self.question(
                "shop",
                (
                    "What is the name of the shop?",
                    "Which shop is it?",
                    "What is the shop called?",
                    "Where was this bought?",
                    "What does the first line say?",
                ),
                shop,
                shop_cap,
            )
        if not self.hard:
            self.count_question(count, pitch, "item")
        return True

    # ---- forms and lists ---------------------------------------------------------------------------------------------------

    def form(self) -> bool:
        """Names of fields with their values."""
        r, cap, canvas = self.r, self.cap, self.canvas

        def word(kind):
            return lambda: (distinct(canvas, kind, 1, longest=8) or ["none"])[0].capitalize()

        def number(digits):
            return lambda: drawn(canvas, lambda: str(r.randrange(10 ** (digits - 1), 10**digits)), 1)[0]

        def amount():
            return decimal(prices(canvas, 1, 100, 19999)[0], 2)

        fields = {
            "Name": word("names"),
            "Date": lambda: date_text(canvas),
            "Invoice": number(5),
            "Phone": lambda: "555-" + number(4)(),
            "Order": number(4),
            "City": word("words"),
            "Room": number(3),
            "Code": canvas.code,
            "Total": amount,
            "Seat": canvas.code,
            "Company": word("words"),
            "Item": word("items"),
            "Amount": amount,
            "Ticket": canvas.code,
            "Street": word("words"),
            "Manager": word("names"),
            "Zip": number(5),
            "Age": lambda: str(r.randint(18, 89)),
            "Password": canvas.code,
            "Fax": lambda: "556-" + number(4)(),
            "Account": number(6),
        }
        if canvas.height > 12 * cap and r.random() < 0.5:
            self.plan_title()
        room = self.bottom - self.top
        count = min(r.randint(3, 8) if self.hard else r.randint(2, 5), int(room / (cap * 2.0)))
        keys = r.sample(sorted(fields), max(count, 0))
        values = [fields[k]() for k in keys]
        if count < 2 or len(set(values)) < count or "None" in values:
            return False
        colon = r.choice((":", ":", ""))
        way = r.choice(("column", "column", "right", "inline" if colon else "column", "box"))
        a, b = self.widest(k + colon for k in keys), self.widest(values)
        need = a + b + cap * 1.6 + (cap * 1.2 if way == "box" else 0)
        if need > self.right - self.left:
            return False
        wide = min(self.right - self.left, need + cap * r.choice((1, 3, 8, 20)))
        x0 = r.choice((self.left, (self.left + self.right - wide) / 2))
        pitch = min(room / count, cap * r.uniform(2.2, 4.2))
        y0 = self.top + (room - pitch * count) * r.choice((0, 0, 0.5))
        if way == "box" and pitch < cap * 2.1:
            way = "column"
        self.draw_title(x0 + wide / 2, x0)
        soft = mix(canvas.ink, canvas.background, r.choice((0.0, 0.0, 0.25)))
        lined = r.random() < 0.3
        field_fill = mix(canvas.background, canvas.ink, r.choice((0.0, 0.06)))
        for i in range(count):
            base = y0 + pitch * (i + 0.5) + cap / 2
            x = x0 + a + cap * 1.2
            if way == "box":
                canvas.draw.rectangle(
                    (x, base - cap * 1.45, x0 + wide, base + cap * 0.5),
                    fill=field_fill,
                    outline=mix(canvas.background, canvas.ink, 0.5),
                )
                x += cap * 0.6
            if lined and i and way != "box":
                self.rule(x0, x0 + wide, y0 + pitch * i, "solid", mix(canvas.background, canvas.ink, 0.25))
            self.write(x0, base, keys[i] + colon, soft)
            if way == "inline":
                x = x0 + self.width(keys[i] + colon) + cap * 0.8
            self.write(x0 + wide if way == "right" else x, base, values[i], anchor="r" if way == "right" else "l")
        for i in range(count):
            self.question(
                "field",
                (
                    "What is the {k}?",
                    "What does the form say for {k}?",
                    "Which {k} is given?",
                    "What is written next to {k}?",
                    "What is the {k} on the form?",
                ),
                values[i],
                cap,
                f"The row {keys[i]} reads {values[i]}.",
                k=keys[i].lower(),
            )
            self.question(
                "field_nth",
                ("What is the value in row {i}?", "What does the {o} field say?", "What is the {o} value?"),
                values[i],
                cap,
                f"Row {i + 1} is {keys[i]}.",
                i=i + 1,
                o=ORDINALS[i],
            )
        if not self.hard:
            for i in range(count):
                self.question(
                    "field_name",
                    ("Which field says {v}?", "What is {v}?", "Next to what does {v} stand?"),
                    keys[i],
                    cap,
                    v=values[i],
                )
            self.count_question(count, pitch, "field")
        gone = r.choice([k for k in fields if k not in keys])
        self.missing(("What is the {k}?", "What does the form say for {k}?", "Which {k} is given?"), cap, k=gone.lower())
        return True

    def lines(self) -> bool:
        """A list of lines of words, codes and numbers."""
        r, cap, canvas = self.r, self.cap, self.canvas
        if canvas.height > 14 * cap and r.random() < 0.3:
            self.plan_title()
        room = self.bottom - self.top
        count = min(8, int(room / (cap * 2.0)), r.randint(3, 8) if self.hard else r.randint(2, 6))
        mark = r.choice(("", "", "- ", "bullet", "box"))
        indent = {"": 0.0, "- ": self.width("- ")}.get(mark, cap * 1.6)
        first = distinct(canvas, r.choice(WORD_KINDS), max(count, 0), longest=8)
        second = distinct(canvas, r.choice(WORD_KINDS), len(first), first, 8)
        way = r.choice(("words", "words", "codes", "both", "numbers"))
        rows = case(canvas, first)
        if way == "codes":
            rows = [canvas.code() for _ in first]
        elif way != "words":
            tail = second if way == "both" else drawn(canvas, lambda: str(r.randint(100, 9999)), len(first))
            rows = [f"{a} {b}" for a, b in zip(rows, tail)]
        if self.widest(rows) + indent > self.right - self.left:
            rows = [row.split(" ")[0] for row in rows]
        if len(rows) < 2 or len(set(rows)) < len(rows) or self.widest(rows) + indent > self.right - self.left:
            return False
        count = len(rows)
        wide = self.widest(rows) + indent
        anchor = r.choice("lllm") if not mark else "l"
        x = canvas.width / 2 if anchor == "m" else r.choice((self.left, (self.left + self.right - wide) / 2))
        pitch = min(room / count, cap * r.uniform(2.1, 4.5))
        y0 = self.top + (room - pitch * count) * r.choice((0, 0, 0.5))
        self.draw_title(canvas.width / 2, x if anchor == "l" else None)
        ruled = r.random() < 0.25
        draw = canvas.draw
        for i, row in enumerate(rows):
            base = y0 + pitch * (i + 0.5) + cap / 2
            if ruled:
                self.rule(self.left, self.right, y0 + pitch * (i + 1) - 1, "solid", mix(canvas.background, canvas.ink, 0.25))
            if mark == "bullet":
                draw.ellipse((x, base - cap * 0.75, x + cap * 0.5, base - cap * 0.25), fill=canvas.ink)
            elif mark == "box":
                draw.rectangle((x, base - cap, x + cap, base), outline=canvas.ink)
            elif mark:
                self.write(x, base, "-")
            self.write(x + indent, base, row, anchor=anchor)
        below = " below the title" if self.title else ""
        for i in r.sample(range(count), min(count, 5)):
            if self.title:
                phrasings = ("What does line {i}{b} say?", "Read line {i}{b}.", "What is the {o} line{b}?")
            else:
                phrasings = (
                    "What does line {i} say?",
                    "Read line {i}.",
                    "What is in line {i}?",
                    "What is the {o} line?",
                    "What does the {o} line say?",
                )
            self.question("line", phrasings, rows[i], cap, i=i + 1, o=ORDINALS[i], b=below)
        self.question(
            "last_line", ("What does the last line say?", "What is the last line?", "Read the bottom line."), rows[-1], cap
        )
        for i in r.sample(range(count - 1), min(count - 1, 2)):
            self.question(
                "line_below",
                ("Which line is right below {x}?", "What comes right after {x}?", "What stands directly under {x}?"),
                rows[i + 1],
                cap,
                f"{rows[i]} is line {i + 1}.",
                x=rows[i],
            )
            self.question(
                "line_above",
                ("Which line is right above {x}?", "What comes right before {x}?", "What stands directly over {x}?"),
                rows[i],
                cap,
                f"{rows[i + 1]} is line {i + 2}.",
                x=rows[i + 1],
            )
        if not self.hard and not self.title:
            for i in r.sample(range(count), min(count, 2)):
                self.question(
                    "line_number",
                    ("Which line says {x}?", "What is the number of the line {x}?", "In which line is {x}?"),
                    str(i + 1),
                    cap,
                    x=rows[i],
                )
        if not self.title and pitch >= 22:
            self.count_question(count, pitch, "line")
        other = distinct(canvas, "words", 1, rows)
        if other and count > 1:
            self.missing(("What comes right after {x}?", "Which line is right below {x}?"), cap, x=other[0])
        if not self.title:
            self.missing(
                ("What does line {i} say?", "Read line {i}."),
                max(pitch, EASY_CAP[0]) if pitch >= 22 and count <= 6 else cap,
                i=count + r.randint(1, 3),
            )
        return True
