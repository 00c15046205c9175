"""What charts and tables share: distinct labels, printed values, titles that fit, the choice of questions."""

import math
from functools import lru_cache

from ..canvas import Canvas, Question

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
WORD_KINDS = ("words", "names", "items")


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
    from ..assets import Assets
    return [n for n in range(low, high + 1) if len(decimal(n, places)) < 3 or Assets.in_split(decimal(n, places), split)]


def numbers(canvas: Canvas, count: int, low: int, high: int, places: int = 0) -> list[int]:
    """`count` different allowed numbers of the last place (fewer where the split has not as many)."""
    pool = allowed(canvas.split, low, high, places)
    return canvas.random.sample(pool, min(count, len(pool)))


def easy_cap(canvas: Canvas, hard: bool, share: float = 0.07) -> float:
    """A cap height for a picture of this size: the hard ones as they come, the easy ones at most `share` of the smaller side (16 at least)."""
    cap = canvas.cap_height(hard)
    return cap if cap < 16 else max(16.0, min(cap, share * min(canvas.width, canvas.height)))


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
    """5 to 8 of the questions, few of a kind; in a hard picture at most 30 % that half resolution answers; seldom one of `absent`."""
    r = canvas.random
    count = r.randint(5, 8)
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
            if len(out) >= count or question.text in texts or kinds.get(question.kind, 0) >= limit:
                continue
            if not question.hard and clear >= most_clear:
                continue
            out.append(question)
            texts.add(question.text)
            kinds[question.kind] = kinds.get(question.kind, 0) + 1
            clear += not question.hard
    return out
