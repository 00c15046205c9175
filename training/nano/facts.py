"""What a page says, as facts its renderer knows, and grounded questions about them.

A renderer notes what it writes (a label with its value, a cell with its row and column); only what is seen on the finished page is asked: a fact whose
texts do not stand on it, each once, is left out, so every answer is the only right one. Questions for what is not there take facts of another page.
"""

import random
import re
from dataclasses import dataclass

from . import phrasings
from .canvas import UNANSWERABLE
from .reading_tasks import Page, Task, quoted

ABSENT_SHARE = 0.08
LONGEST = 48  # characters of an answer
BACKWARDS = ("field_of", "item_of", "bar_of", "row_of")  # from the value to its name: people seldom ask so
SELDOM = 0.4  # how often these are asked, and what a page has only one of


@dataclass(frozen=True)
class Fact:
    """One thing a page says: kind (of phrasings.PATTERNS), the answer, the texts a question about it names (<1>, <2>), and <n>, a word of our own.

    seen: the answer stands on the page, or follows from what does (a number of bars). needs: other texts without which nobody could answer.
    """

    kind: str
    answer: str
    names: tuple[str, ...] = ()
    word: str = ""
    seen: bool = True
    needs: tuple[str, ...] = ()


def pair(label: str, value: str, kind: str = "field") -> list[Fact]:
    """A label with its value (field), a thing with its price (item), or a chart's entry with its number (bar): asked both ways."""
    label, value = label.rstrip(": "), value.strip()
    return [Fact(kind, value, (label,)), Fact(f"{kind}_of", label, (value,))]


def table(head: list[str], rows: list[list[str]]) -> list[Fact]:
    """Cells by row and column, rows by a cell, columns and rows by their number."""
    out = [Fact("columns", name, (), n) for name, n in numbered(head, whole=True)]
    out += [Fact("row_nth", row[0], (), n) for row, n in numbered(rows)]
    for row in rows:
        for name, value in list(zip(head, row))[1:]:
            out += [Fact("cell", value, (row[0], name)), Fact("row_of", row[0], (value, name))]
    return out


def numbered(entries: list, whole: bool = False) -> list[tuple]:
    """Entries with the ordinals they are called by; the last only where `whole` says that nothing can be cut off behind it."""
    out = list(zip(entries, ("first", "second", "third")))
    return out + ([(entries[-1], "last")] if whole and len(entries) > 1 else [])


def row_of_texts(kind: str, entries: list[str]) -> list[Fact]:
    """Things in a row (menu or tab): by number, and by their neighbours."""
    out = [Fact(kind, text, (), n) for text, n in numbered(entries)]
    return out + neighbours(entries)


def neighbours(entries: list[str]) -> list[Fact]:
    """What is right and left of what."""
    return [f for a, b in zip(entries, entries[1:]) for f in (Fact("right_of", b, (a,)), Fact("left_of", a, (b,)))]


def stacked(entries: list[str]) -> list[Fact]:
    """A list: by number, and what is below what."""
    return [Fact("row_nth", t, (), n) for t, n in numbered(entries)] + [Fact("below", b, (a,)) for a, b in zip(entries, entries[1:])]


# One of its kind on a page: what it looks like, and what must not be there if it is said to be absent.
UNIQUE = {
    "email": (r"[\w.-]+@[\w-]+\.[\w.]+", r"@"),
    "url": (r"https?://\S+|www\.\S+", r"https?:|www|\.(com|net|org|io|dev|app|de|fr|eu|edu|gov|uk)\b"),
    "percent": (r"[+-]?\d+(?:\.\d+)?%", r"%|per ?cent"),
    "phone": (r"\(\d{3}\) \d{3}-\d{4}|\+\d{1,2} \d{3} \d{4} \d{3}|\d{3}-\d{3}-\d{4}", None),
    "date": (
        r"\d{4}-\d\d-\d\d|\d{1,2}\.\d\d\.\d{4}|\d{1,2}/\d{1,2}/\d{4}|(?:January|February|March|April|May|June|July|August|September|October|November|December) \d{1,2}, \d{4}",
        None,
    ),
    "time": (r"(?<![\d:])\d{1,2}:\d\d(?: [AP]M)?(?![\d:])", None),
    "price": (r"[$\u20ac\u00a3]\d[\d,]*\.\d\d", r"[$\u20ac\u00a3]|EUR|USD|CHF|\d[.,]\d\d\b"),
}
# A page with anything of this has dates, times or prices in other forms: what looks like the only one may not be.
OTHERWISE = {
    "date": re.compile(
        r"\d{1,4}[-/.]\d{1,2}[-/.]\d{2,4}|\b(?:January|February|March|April|May|June|July|August|September|October|November|December|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b"
    ),
    "time": re.compile(r"\d:\d\d|\d ?h \d|min ago|\d s\b"),
    "price": re.compile(r"[$\u20ac\u00a3]|EUR|USD|CHF|\d[.,]\d\d(?!\d)"),
    "phone": re.compile(r"\d[\d /()-]{6,}\d"),
    "percent": re.compile(r"%"),
    "email": re.compile(r"@"),
    "url": re.compile(r"https?:|www\.|\w\.(?:com|net|org|io|dev|app|de|fr|eu|edu|gov|uk)\b"),
}


def unique(page: Page) -> list[Fact]:
    """What a page has only one of: an address of e-mail, a date, a price."""
    out = []
    for kind, (pattern, _) in UNIQUE.items():
        found = [m for m in re.finditer(pattern, page.flat)]
        if len(found) == 1 and len(OTHERWISE[kind].findall(page.flat)) == 1:
            start, end = found[0].span()
            if (start == 0 or page.flat[start - 1] == " ") and (end == len(page.flat) or page.flat[end] in " .,;:"):
                out.append(Fact(kind, found[0][0].rstrip(".,;:"), ()))
    return out


def shown(page: Page, fact: Fact) -> bool:
    """Whether a fact can be asked: its names stand once on the page, its answer stands there."""
    if not fact.answer or len(fact.answer) > LONGEST or any(not (2 <= len(n) <= 40) for n in fact.names) or len(set(fact.names)) < len(fact.names):
        return False
    if any(not page.once(n) for n in fact.names) or any(n not in page.flat for n in fact.needs):
        return False
    if fact.kind in ("right_of", "left_of"):  # beside one another where they were drawn: a row may have been broken
        both = (*fact.names, fact.answer) if fact.kind == "right_of" else (fact.answer, *fact.names)
        return any(f" {' '.join(both)} " in f" {line} " for line in page.lines)
    return not fact.seen or f" {fact.answer} " in f" {page.flat} "


def filled(fact: Fact, split: str, rng: random.Random) -> str:
    """A question for a fact, as somebody types it."""
    text = phrasings.typed(phrasings.phrasing(fact.kind, split, rng), rng)
    small = rng.random() < 0.22 and text == text.lower()  # who types in small letters types names so as well
    for i, name in enumerate(fact.names):
        name = quoted(name, rng) if rng.random() < 0.3 else name
        text = text.replace(f"<{i + 1}>", name.lower() if small else name)
    return text.replace("<n>", rng.choice(phrasings.ORDINALS[fact.word]) if fact.word else "")


def absent(page: Page, facts: list[Fact], rng: random.Random) -> Fact | None:
    """A question of another page that has no answer on this one; None where it may have."""
    flat = page.flat.lower()
    fact = rng.choice(facts) if facts else None
    if fact is None or not fact.names:
        return None
    gone = [
        n
        for n in fact.names
        if n.lower() not in flat and max(map(len, n.split(" "))) > 3 and not any(w in flat for w in n.lower().split(" ") if len(w) > 3)
    ]
    if fact.kind in ("higher", "exists") or not gone or (len(fact.names) == 1 and len(gone) < 1):
        return None
    return Fact(fact.kind, UNANSWERABLE, fact.names, fact.word, seen=False)


def absent_unique(page: Page, rng: random.Random) -> Fact | None:
    """Asks for an address of e-mail, a price and the like where the page has none."""
    kind = rng.choice([k for k, (_, none) in UNIQUE.items() if none])
    return None if re.search(UNIQUE[kind][1], page.flat) else Fact(kind, UNANSWERABLE, (), seen=False)


def whether(page: Page, others: list[Fact], rng: random.Random) -> Fact | None:
    """Whether something is on the page: yes for a line or a word of it, no for a name of another page."""
    if rng.random() < 0.5:
        line = rng.choice(page.words) if page.words else [""]
        i = rng.randrange(len(line))
        text = " ".join(line[i : i + rng.choice((1, 1, 2, 3))])
        return Fact("exists", "yes", (text,), seen=False) if len(text) > 3 and page.once(text) else None
    fact = absent(page, others, rng)
    return Fact("exists", "no", (fact.names[0],), seen=False) if fact and len(fact.names) == 1 else None


class Asked:
    """The questions of one page: facts that can be asked, checked once."""

    def __init__(self, page: Page, facts: list[Fact]):
        self.page = page
        known = [f for f in dict.fromkeys(facts) if shown(page, f)]
        answers: dict = {}
        for f in known:  # one question with two answers is none
            answers.setdefault((f.kind, f.names, f.word), set()).add(f.answer)
        self.facts = [f for f in known if len(answers[f.kind, f.names, f.word]) == 1] + unique(page)
        self.kinds: dict = {}
        for f in self.facts:
            self.kinds.setdefault(f.kind, []).append(f)

    def question(self, others: list[Fact], split: str, rng: random.Random) -> tuple[str, Task] | None:
        """(kind, task); None where none was found this time. others: facts of another page."""
        k = rng.random()
        if k < ABSENT_SHARE:
            fact = (absent_unique(self.page, rng) if rng.random() < 0.15 else None) or absent(self.page, others, rng)
            kind = "absent"
        elif k < ABSENT_SHARE + 0.05:
            fact = whether(self.page, others, rng)
            kind = "exists"
        else:  # kinds alike, whatever their number on the page
            kinds = list(self.kinds)
            chosen = rng.choices(kinds, [SELDOM if kind in UNIQUE or kind in BACKWARDS else 1.0 for kind in kinds])[0] if kinds else None
            fact = rng.choice(self.kinds[chosen]) if chosen else None
            kind = fact.kind if fact else ""
        if fact is None:
            return None
        return kind, Task(filled(fact, split, rng), fact.answer)
