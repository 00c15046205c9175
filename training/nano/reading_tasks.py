"""Reading tasks of a page: what to ask and what stands there.

A page is its lines in reading order, each a list of pieces. Long tasks ask for the whole text or for all that follows an anchor; short ones for
words, lines and values beside others. Anchors stand once on the page, so every answer is the only right one.
"""

import random
from collections import Counter
from dataclasses import dataclass

from .canvas import UNANSWERABLE

READ_ALL = (
    "Read the text.",
    "Read the text.",
    "Read the text.",
    "Read all text.",
    "What does it say?",
    "Transcribe the image.",
    "Read everything.",
    "What is written here?",
    "Read this page.",
    "Write down the text.",
    "OCR",
    "read the text",
    "transcribe",
    "What text is in the image?",
    "Please read it to me.",
    "Type out all the text.",
)
READ_ON = (
    "Read on from {}.",
    "Read from {} on.",
    "Read the text from {}.",
    "Continue from {}.",
    "read on at {}",
    "Start at {} and read on.",
    "Read what follows, from {}.",
)
FOLLOWS = (
    "What follows {}?",
    "What comes after {}?",
    "What is written after {}?",
    "What stands right of {}?",
    "what comes after {}",
    "What is next to {}?",
    "Which word follows {}?",
    "After {}?",
    "What does it say after {}?",
)
BEFORE = ("What comes before {}?", "What is written before {}?", "What stands left of {}?", "Which word is before {}?", "what comes before {}")
LINE_WITH = (
    "Read the line with {}.",
    "Which line has {}?",
    "Read the line that contains {}.",
    "read the line with {}",
    "Read the whole line with {}.",
    "What is the line with {} in it?",
)
NEXT_LINE = (
    "What is the line after {}?",
    "Which line follows {}?",
    "What is written below {}?",
    "Read the line under {}.",
    "what is under {}",
    "What stands below {}?",
)
VALUE = (
    "What is {}?",
    "What is the value of {}?",
    "{}?",
    "What does {} say?",
    "What is given for {}?",
    "What stands beside {}?",
    "Read the value of {}.",
    "what is the {}",
    "How much is {}?",
    "What is entered for {}?",
)
FIRST = ("What is the first line?", "Read the first line.", "What is at the top?", "What is the heading?")
LAST = ("What is the last line?", "Read the last line.", "What is at the bottom?")
NUMBERED = ("Read line {}.", "What is line {}?", "What does line {} say?")
ABSENT_SHARE = 0.05
ANSWER = 64  # characters of a short answer


@dataclass
class Task:
    """question; answer; whole: the answer ends where the text does (a long one may be cut)."""

    question: str
    answer: str
    whole: bool = True


def quoted(text: str, rng: random.Random) -> str:
    """An anchor as people write it."""
    k = rng.random()
    return (
        f'"{text}"' if k < 0.45 and '"' not in text else f"'{text}'" if k < 0.6 and "'" not in text else f"\u201c{text}\u201d" if k < 0.65 else text
    )


class Page:
    """The text of a page, indexed for tasks. lines: list of lists of pieces, in reading order."""

    def __init__(self, lines: list[list[str]]):
        self.pieces = [p for p in lines if p]
        self.lines = [" ".join(p) for p in self.pieces]
        self.text = "\n".join(self.lines)
        self.flat = " ".join(self.lines)
        self.words = [line.split(" ") for line in self.lines]
        self.count = Counter(self.lines)

    def once(self, text: str) -> bool:
        """Whether a text stands exactly once on the page, as whole words."""
        return bool(text) and f" {self.flat} ".count(f" {text} ") == 1 and self.flat.count(text) == 1


def long_task(page: Page, rng: random.Random, limit: int) -> Task:
    """The whole text, or the text from an anchor on; cut after `limit` characters."""
    answer = page.text
    if len(page.text) > 40 and rng.random() < (0.6 if len(page.text) > limit else 0.35):
        for _ in range(8):
            i = rng.randrange(len(page.lines))
            words = page.words[i]
            j = rng.randrange(len(words)) if rng.random() < 0.4 else 0
            n = rng.choice((1, 2, 2, 3, 3, 4))
            while n <= 6 and j + n <= len(words) and not page.once(" ".join(words[j : j + n])):
                n += 1  # among lines that look alike it takes more words to name a place
            anchor = " ".join(words[j : j + n])
            if len(anchor) >= 3 and page.once(anchor):
                answer = "\n".join([" ".join(words[j:])] + page.lines[i + 1 :])
                return Task(rng.choice(READ_ON).format(quoted(anchor, rng)), answer[:limit], len(answer) <= limit)
    return Task(rng.choice(READ_ALL), answer[:limit], len(answer) <= limit)


def short_task(page: Page, rng: random.Random, strange: str = "") -> Task | None:
    """One short task, or None where this page has none of the kind drawn. strange: a text to ask for that may not be there."""
    k = rng.random()
    lines = page.lines
    if not lines:
        return None
    if strange and k < ABSENT_SHARE:
        if strange.lower() in page.flat.lower():
            return None
        return Task(rng.choice(FOLLOWS + LINE_WITH + VALUE + NEXT_LINE).format(quoted(strange, rng)), UNANSWERABLE)
    i = rng.randrange(len(lines))
    words, pieces = page.words[i], page.pieces[i]
    task = None
    if k < 0.30:
        if len(pieces) == 2 and page.once(pieces[0]):
            task = Task(rng.choice(VALUE).format(quoted(pieces[0].rstrip(":"), rng) if rng.random() < 0.5 else pieces[0].rstrip(":")), pieces[1])
        elif len(pieces) > 2:
            j = rng.randrange(len(pieces) - 1)
            if page.once(pieces[j]):
                task = Task(rng.choice(FOLLOWS).format(quoted(pieces[j], rng)), pieces[j + 1])
    elif k < 0.58 and len(words) > 1:
        j = rng.randrange(len(words) - 1)
        n = rng.choice((1, 1, 2, 3))
        anchor = " ".join(words[max(0, j - n + 1) : j + 1])
        if page.once(anchor):
            question, rest = rng.choice(FOLLOWS), words[j + 1 :]
            task = Task(question.format(quoted(anchor, rng)), rest[0] if "word" in question else " ".join(rest if len(rest) <= 6 else rest[:4]))
    elif k < 0.64 and len(words) > 1:
        j = rng.randrange(1, len(words))
        anchor = " ".join(words[j : j + rng.choice((1, 2))])
        if page.once(anchor):
            task = Task(rng.choice(BEFORE).format(quoted(anchor, rng)), words[j - 1])
    elif k < 0.78:
        j = rng.randrange(len(words))
        anchor = " ".join(words[j : j + rng.choice((1, 1, 2))])
        if page.once(anchor):
            task = Task(rng.choice(LINE_WITH).format(quoted(anchor, rng)), lines[i])
    elif k < 0.86 and i + 1 < len(lines):
        if page.count[lines[i]] == 1 and len(lines[i]) <= 40:
            task = Task(rng.choice(NEXT_LINE).format(quoted(lines[i], rng)), lines[i + 1])
    elif k < 0.90:
        task = Task(rng.choice(FIRST), lines[0])
    elif k < 0.93:
        task = Task(rng.choice(LAST), lines[-1])
    elif len(lines) <= 9:
        task = Task(rng.choice(NUMBERED).format(i + 1), lines[i])
    return task if task and 0 < len(task.answer) <= ANSWER and len(task.question) <= 90 else None
