"""What charts and tables share: distinct labels, printed values, titles that fit, the choice of questions."""

import math
from functools import lru_cache

from ..assets import Assets
from ..canvas import EASY_CAP, SMALL, UNANSWERABLE, Canvas, Question, advance
from .core import KINDS

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
WORD_KINDS = ("words", "names", "items")
# What users ask most; `select` takes one more of each of these.
MAIN = {
    "bar_value",
    "bar_colour_value",
    "slice_percent",
    "slice_colour_percent",
    "point_value",
    "group_value",
    "cell",
    "cell_to_row",
    "price",
    "price_to_item",
    "board_time",
    "field",
    "line",
}


def distinct(canvas: Canvas, kind: str, count: int, taken=(), longest: int = 9) -> list[str]:
    """Up to `count` words of a list of which no two (nor one and one of `taken`) begin with the same two letters."""
    used = {w[:2].lower() for w in taken}
    whole = [w for w in canvas.assets.words(kind, canvas.split)]
    out = []
    for word in canvas.random.sample(whole, min(len(whole), count * 8 + 8)):
        if len(out) == count:
            break
        if 3 <= len(word) <= longest and word[:2].lower() not in used:
            used.add(word[:2].lower())
            out.append(word)
    return out


def decimal(number: int, places: int) -> str:
    """An integer number of the last place as text: (1250, 2) -> '12.50'."""
    return str(number) if places == 0 else f"{number // 10**places}.{number % 10**places:0{places}d}"


@lru_cache(None)
def allowed(split: str, low: int, high: int, places: int) -> list[int]:
    """The numbers of [low, high] whose text may be shown in a split; texts of one or two characters always may."""
    return [n for n in range(low, high + 1) if len(decimal(n, places)) < 3 or Assets.in_split(decimal(n, places), split)]


def numbers(canvas: Canvas, count: int, low: int, high: int, places: int = 0) -> list[int]:
    """`count` different allowed numbers of the last place (fewer where the split has not as many)."""
    pool = allowed(canvas.split, low, high, places)
    return canvas.random.sample(pool, min(count, len(pool)))


def easy_cap(canvas: Canvas, hard: bool, share: float = 0.07) -> float:
    """A cap height for this picture: hard ones as they come, easy ones at most `share` of the smaller side (16 at least)."""
    cap = canvas.cap_height(hard)
    return cap if cap < EASY_CAP[0] else max(EASY_CAP[0], min(cap, share * min(canvas.width, canvas.height)))


def tilt_limit(canvas: Canvas, hard: bool, margin: float) -> None:
    """Lowers the canvas's rotation so that nothing inside the margin is cut off."""
    limit = math.degrees(margin / (max(canvas.width, canvas.height) / 2)) / (0.4 if hard else 1.0)
    canvas.max_rotation = min(canvas.max_rotation, limit)


def case(canvas: Canvas, words: list[str]) -> list[str]:
    """The words as they are, capitalised or (seldom) in capitals; all in the same way."""
    way = canvas.random.choices(("as is", "capital", "upper"), (5, 4, 1))[0]
    return words if way == "as is" else [w[:1].upper() + w[1:] if way == "capital" else w.upper() for w in words]


def title_text(canvas: Canvas, font: str, cap: float, room: float) -> str | None:
    """A title of one or two words of the split that fits, or None."""
    for count in (2, 1, 1, 1) if canvas.random.random() < 0.6 else (1, 1, 1):
        words = distinct(canvas, "words", count)
        text = " ".join(words)
        text = canvas.random.choice((text.title(), text.capitalize(), text.upper()))
        if words and canvas.text_width(text, font, cap) <= room:
            return text
    return None


def luminance(colour) -> float:
    """Perceived brightness of an RGB colour, 0 to 255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def text_on(colour) -> tuple[int, int, int]:
    """Black or white, whichever is clearer on a colour."""
    return (12, 12, 12) if luminance(colour) > 125 else (250, 250, 250)


def mix(a, b, share: float) -> tuple[int, int, int]:
    """A colour between two: share 0 gives a, 1 gives b."""
    return tuple(round(x + (y - x) * share) for x, y in zip(a, b))


def ask(canvas: Canvas, phrasings, **parts) -> str:
    """One of the phrasings with its parts filled in; 'colour' is now and then spelt 'color'."""
    text = canvas.random.choice(phrasings).format(**parts)
    return text.replace("olour", "olor") if "olour" in text and canvas.random.random() < 0.2 else text


def select(canvas: Canvas, pool: list[Question], absent: list[Question], hard: bool) -> list[Question]:
    """5 to 8 of the questions, few of a kind, seldom one of `absent`; in a hard picture at most 30 % are clear at half size."""
    r = canvas.random
    count = r.randint(5, 8)
    if canvas.core_only:
        pool = [q for q in pool if q.kind in KINDS]
    r.shuffle(pool)
    out, kinds, clear = [], {}, 0
    most_clear = int(count * 0.3) if hard and any(q.hard for q in pool) else count
    if absent and r.random() < 0.36:
        question = r.choice(absent)
        out.append(question)
        clear += not question.hard
    texts = {q.text for q in out}
    for limit in (1, 2, 3, 8):
        for question in pool:
            if len(out) >= count or question.text in texts or kinds.get(question.kind, 0) >= limit + (question.kind in MAIN):
                continue
            if not question.hard and clear >= most_clear:
                continue
            out.append(question)
            texts.add(question.text)
            kinds[question.kind] = kinds.get(question.kind, 0) + 1
            clear += not question.hard
    for question in pool:  # a picture that has little to ask: the limit on clear ones gives way
        if len(out) >= 5:
            break
        if question.text not in texts:
            out.append(question)
            texts.add(question.text)
    return out


class Sheet:
    """A picture with text of one font and size being planned and drawn, its margins, its title and its questions."""

    title_phrasings = (
        "What is the title?",
        "What does the title say?",
        "Read the title.",
        "What is written at the top?",
        "What is the heading?",
    )

    def __init__(self, canvas: Canvas, hard: bool, font: str, cap: float):
        self.canvas, self.hard, self.font, self.cap, self.r = canvas, hard, font, cap, canvas.random
        self.questions: list[Question] = []
        self.absent: list[Question] = []
        self.margin = m = max(7.0, self.r.uniform(0.025, 0.05) * min(canvas.width, canvas.height))
        self.left, self.top, self.right, self.bottom = m, m, canvas.width - m, canvas.height - m
        self.title = None

    def width(self, text: str) -> float:
        """Width of a text in the sheet's font and size."""
        return sum(advance(self.font, self.cap, c) for c in text)

    def widest(self, texts) -> float:
        """Width of the widest of the texts."""
        return max((self.width(t) for t in texts), default=0.0)

    def write(self, x: float, baseline: float, text: str, fill=None, anchor: str = "l") -> None:
        """Draws a text in the sheet's font and size."""
        self.canvas.text(x, baseline, text, self.font, self.cap, fill, anchor)

    def question(self, kind: str, phrasings, answer: str, detail: float, thought: str | None = None, **parts) -> None:
        """Adds a question in one of its phrasings."""
        self.questions.append(Question(ask(self.canvas, phrasings, **parts), answer, kind, detail, thought))

    def missing(self, phrasings, detail: float, **parts) -> None:
        """Adds a question about something that is not there."""
        self.absent.append(Question(ask(self.canvas, phrasings, **parts), UNANSWERABLE, "absent", detail))

    def plan_title(self) -> None:
        """Reserves room for a title at the top if one fits; it may be large in a hard picture: then it is read at half size."""
        r, cap = self.r, self.cap
        large = cap < SMALL and r.random() < 0.3
        self.title_cap = max(EASY_CAP[0], min(r.uniform(20, 26), self.canvas.width * 0.05)) if large else cap
        self.title_font = self.font if r.random() < 0.7 else self.canvas.font()
        self.title = title_text(self.canvas, self.title_font, self.title_cap, self.right - self.left)
        self.title_anchor, self.title_baseline = r.choice("lm"), self.top + self.title_cap * 1.15
        if self.title:
            self.top += self.title_cap * 2.1

    def draw_title(self, centre: float | None = None, left: float | None = None) -> None:
        """Draws the planned title, if any, and asks for it."""
        if not self.title:
            return
        room = self.canvas.text_width(self.title, self.title_font, self.title_cap) / 2
        x = self.canvas.width / 2 if centre is None else max(self.left + room, min(self.right - room, centre))
        if self.title_anchor == "l":
            x = self.left if left is None else max(self.left, min(self.right - 2 * room, left))
        self.canvas.text(x, self.title_baseline, self.title, self.title_font, self.title_cap, anchor=self.title_anchor)
        self.question("title", self.title_phrasings, self.title, self.title_cap)
