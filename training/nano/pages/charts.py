"""Charts of our own for questions: columns, bars, lines and rings, of one or several series, with or without numbers on them.

What is asked can be seen without guessing: a number only where it is written, the highest only where it is higher by a twelfth of the scale.
"""

import math

from ..facts import Fact, pair
from .sheet import Sheet, mix

CLEAR = 1 / 12  # of the scale's length by which the extreme must differ
UNITS = ("", "", "", "%", "k", " ms", " kg", " km", " EUR", "$")


def categories(sheet: Sheet, count: int) -> list[str]:
    """Names under an axis, all different."""
    r, w = sheet.random, sheet.write
    k = r.random()
    if k < 0.15:
        first = r.randint(1960, 2030 - count)
        return [str(first + i) for i in range(count)]
    if k < 0.35:
        months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
        first = r.randint(0, 12 - min(12, count))
        return months[first : first + count]
    if k < 0.42:
        return [f"Q{i + 1}" for i in range(min(4, count))]
    if k < 0.5:
        return "Mon Tue Wed Thu Fri Sat Sun".split()[:count]
    kind = r.choice((w.word, w.word, w.title, w.name, w.item, lambda: r.choice(w.lists["lexicon"]).capitalize()))
    return list(dict.fromkeys(kind()[:14].strip() for _ in range(count)))


def fitted(sheet: Sheet, names: list[str], small, width: float) -> list[str]:
    """Names as they fit under an axis."""
    return [sheet.fit(name, small, width) or name[:2] for name in names]


def numbers(sheet: Sheet, count: int) -> tuple[list[float], str, float]:
    """Values, their unit, and the end of the scale."""
    r = sheet.random
    top = r.choice((1, 2, 2.5, 5, 8)) * 10 ** r.randint(0, 4)
    digits = 0 if top >= 20 else r.choice((1, 2))
    values = [round(r.uniform(0.06, 0.97) * top, digits) for _ in range(count)]
    return values, r.choice(UNITS), top


def written(value: float, unit: str, thousands: bool = False) -> str:
    """A number as it stands on a chart."""
    text = f"{value:,g}" if thousands and value >= 1000 else f"{value:g}"
    return unit + text if unit == "$" else text + unit


def extremes(names: list[str], values: list[float], scale: float) -> list[Fact]:
    """Which is the highest and the lowest, and which of two is higher, where one sees it."""
    order = sorted(range(len(values)), key=values.__getitem__)
    out = []
    if len(order) > 1:
        if values[order[-1]] - values[order[-2]] > CLEAR * scale:
            out.append(Fact("highest", names[order[-1]], needs=tuple(names)))
        if values[order[1]] - values[order[0]] > CLEAR * scale:
            out.append(Fact("lowest", names[order[0]], needs=tuple(names)))
        for a, b in zip(range(len(names)), range(1, len(names))):
            if abs(values[a] - values[b]) > CLEAR * scale:
                out.append(Fact("higher", names[a] if values[a] > values[b] else names[b], (names[a], names[b])))
                out.append(Fact("higher", names[a] if values[a] > values[b] else names[b], (names[b], names[a])))
    return out


def palette(sheet: Sheet, count: int) -> list[tuple]:
    """Colours of series, apart from the ground and from one another."""
    r = sheet.random
    start, out = r.random(), []
    for i in range(count):
        h, s, v = (start + i / max(1, count)) % 1, r.uniform(0.45, 0.9), r.uniform(0.55, 0.9)
        k = int(h * 6)
        p, q, t = v * (1 - s), v * (1 - s * (h * 6 - k)), v * (1 - s * (1 - (h * 6 - k)))
        out.append(tuple(round(255 * c) for c in ((v, t, p), (q, v, p), (p, v, t), (p, q, v), (t, p, v), (v, p, q))[k % 6]))
    return out


def chart(sheet: Sheet, area) -> float:
    """One chart; its facts are the sheet's."""
    r = sheet.random
    x0, y, x1, y1 = area
    small = sheet.style(max(9.5, sheet.body * r.uniform(0.8, 1.0)), soft=0.5)
    head = sheet.style(sheet.body * r.uniform(1.1, 1.6), "head")
    if r.random() < 0.8:
        y += head.size * 1.2
        title = sheet.fit(r.choice((sheet.write.title, lambda: sheet.write.words(2, 5)))(), head, x1 - x0)
        if put := sheet.put((x0 + x1) / 2, y, title, head, "m") if r.random() < 0.5 else sheet.put(x0, y, title, head):
            sheet.facts.append(Fact("chart_title", put.text))
        y += head.size * 0.6
    return r.choice((columns, columns, columns, rows, rows, lines, ring))(sheet, (x0, y, x1, y1), small)


def scale_marks(top: float, unit: str, count: int) -> list[tuple[float, str]]:
    """(share of the scale, text) of its marks."""
    return [(i / count, written(float(f"{top * i / count:.3g}"), unit)) for i in range(count + 1)]


def columns(sheet: Sheet, area, small) -> float:
    """Columns, one or several for each name, with a scale or with their numbers on top."""
    r = sheet.random
    x0, y, x1, y1 = area
    series = r.choice((1, 1, 1, 2, 3))
    names = categories(sheet, max(2, min(r.randint(2, 9), int((x1 - x0) / (small.size * 4.2 * series**0.5)))))
    n = len(names)
    keys = list(dict.fromkeys(sheet.write.title()[:16].strip() for _ in range(series))) if series > 1 else [""]
    series = len(keys)
    values, unit, top = numbers(sheet, n * series)
    colours = palette(sheet, series)
    printed = r.random() < 0.55 and (x1 - x0) / (n * series) > small.size * 3
    scale = not printed or r.random() < 0.4
    left = x0
    marks = scale_marks(top, unit, r.randint(2, 5))
    if scale:
        left += max(sheet.measure(t, small) for _, t in marks) + 8
    if series > 1:
        at, y = left, y + small.size * 1.4
        for key, colour in zip(keys, colours):
            if at + small.size * 1.3 + sheet.measure(key, small) > x1:
                return y
            sheet.box(at, y - small.size * 0.75, at + small.size * 0.8, y, fill=colour)
            sheet.put(at + small.size * 1.2, y, key, small)
            at += small.size * 2.4 + sheet.measure(key, small)
    y += small.size * 1.5
    label = r.random() < 0.3
    bottom = min(y1, y + r.uniform(0.6, 1.1) * (x1 - x0)) - small.size * (3.4 if label else 2)
    if bottom - y < 40:
        return y
    if scale:
        for share, text in marks:
            at = bottom - (bottom - y) * share
            sheet.rule(left, at, x1, at, mix(sheet.paper, sheet.ink, 0.15))
            sheet.put(left - 5, at + small.size * 0.35, text, small, "r")
    w = (x1 - left) / n
    names = fitted(sheet, names, small, w - 3)
    facts: list[Fact] = []
    drawn = []
    for i, name in enumerate(names):
        for j in range(series):
            v = values[i * series + j]
            a = left + w * (i + 0.15 + 0.7 * j / series)
            high = bottom - (bottom - y) * v / top
            sheet.box(a, high, a + w * 0.7 / series - 1, bottom, fill=colours[j])
            if printed:
                text = written(v, unit)
                if sheet.put(a + w * 0.35 / series, high - small.size * 0.35, text, small, "m"):
                    facts += pair(name, text, "bar") if series == 1 else [Fact("series", text, (name, keys[j]))]
        if sheet.put(left + w * (i + 0.5), bottom + small.size * 1.3, name, small, "m"):
            drawn.append(name)
    sheet.rule(left, bottom, x1, bottom, mix(sheet.paper, sheet.ink, 0.5))
    if label:
        text = sheet.fit(sheet.write.title(), small, x1 - left)
        if put := sheet.put((left + x1) / 2, bottom + small.size * 2.9, text, small, "m"):
            sheet.facts.append(Fact("axis_x", put.text))
    if drawn == names and len(set(names)) == n:
        sheet.facts += facts + (extremes(names, values, top) + [Fact("count", str(n), (), seen=False, needs=tuple(names))] if series == 1 else [])
    return bottom + small.size * 3


def rows(sheet: Sheet, area, small) -> float:
    """Bars from the left, names before them, numbers behind them or a scale under them."""
    r = sheet.random
    x0, y, x1, y1 = area
    step = small.size * r.uniform(1.5, 2.6)
    names = categories(sheet, max(2, min(10, int((y1 - y) / step) - 2)))
    values, unit, top = numbers(sheet, len(names))
    left = x0 + max(sheet.measure(t, small) for t in names) + 8
    right = x1 - max(sheet.measure(written(v, unit), small) for v in values) - 8
    if right - left < 60:
        return y
    printed = r.random() < 0.7
    colour = palette(sheet, 1)[0]
    drawn, facts = [], []
    for name, v in zip(names, values):
        if y + step > y1:
            break
        base = y + step * 0.5 + small.size * 0.36
        end = left + (right - left) * v / top
        sheet.box(left, y + step * 0.15, end, y + step * 0.85, fill=colour)
        line = sheet.put(left - 6, base, name, small, "r")
        if line:
            drawn.append(name)
        if printed and line and sheet.put(end + 5, base, written(v, unit), small, line=line):
            facts += pair(name, written(v, unit), "bar")
        y += step
    if not printed:
        for share, text in scale_marks(top, unit, r.randint(2, 4)):
            sheet.put(left + (right - left) * share, y + small.size * 1.3, text, small, "m")
    k = len(drawn)
    sheet.facts += facts + (extremes(names[:k], values[:k], top) if drawn == names[:k] else [])
    sheet.facts += [Fact("count", str(k), (), seen=False, needs=tuple(drawn))] if drawn == names[:k] and k > 1 else []
    return y + small.size * 2


def lines(sheet: Sheet, area, small) -> float:
    """Points joined by a line over their names."""
    r = sheet.random
    x0, y, x1, y1 = area
    names = categories(sheet, max(3, min(r.randint(3, 10), int((x1 - x0) / (small.size * 4.5)))))
    n = len(names)
    values, unit, top = numbers(sheet, n)
    marks = scale_marks(top, unit, r.randint(2, 5))
    left = x0 + max(sheet.measure(t, small) for _, t in marks) + 8
    y += small.size * 1.6
    bottom = min(y1, y + (x1 - x0) * r.uniform(0.5, 0.9)) - small.size * 2
    if bottom - y < 40:
        return y
    for share, text in marks:
        at = bottom - (bottom - y) * share
        sheet.rule(left, at, x1, at, mix(sheet.paper, sheet.ink, 0.12))
        sheet.put(left - 5, at + small.size * 0.35, text, small, "r")
    w = (x1 - left) / n
    names = fitted(sheet, names, small, w - 3)
    colour = palette(sheet, 1)[0]
    points = [(left + w * (i + 0.5), bottom - (bottom - y) * v / top) for i, v in enumerate(values)]
    for (a, b), (c, d) in zip(points, points[1:]):
        sheet.rule(a, b, c, d, colour, r.choice((1.5, 2.0, 2.5)))
    printed = r.random() < 0.4 and w > small.size * 3
    drawn, facts = [], []
    for name, v, (a, b) in zip(names, values, points):
        sheet.disc(a, b, small.size * 0.25, fill=colour)
        if printed and b - small.size * 1.4 > y - small.size and sheet.put(a, b - small.size * 0.6, written(v, unit), small, "m"):
            facts += pair(name, written(v, unit), "bar")
        if sheet.put(a, bottom + small.size * 1.3, name, small, "m"):
            drawn.append(name)
    if drawn == names and len(set(names)) == n:
        sheet.facts += facts + extremes(names, values, top)
    return bottom + small.size * 2


def ring(sheet: Sheet, area, small) -> float:
    """A pie or a ring with a key beside it that says how much of it each has."""
    r = sheet.random
    x0, y, x1, y1 = area
    names = categories(sheet, r.randint(2, 6))
    n = len(names)
    cuts = sorted(r.sample(range(4, 97), n - 1))
    shares = [b - a for a, b in zip([0, *cuts], [*cuts, 100])]
    size = min(y1 - y - 8, (x1 - x0) * 0.55)
    if size < 60:
        return y
    s, at = sheet.scale, r.uniform(0, 360)
    colours = palette(sheet, n)
    for share, colour in zip(shares, colours):
        sheet.draw.pieslice((x0 * s, (y + 4) * s, (x0 + size) * s, (y + 4 + size) * s), at, at + share * 3.6, fill=colour, outline=sheet.paper)
        at += share * 3.6
    if r.random() < 0.4:
        sheet.disc(x0 + size / 2, y + 4 + size / 2, size * r.uniform(0.2, 0.32), fill=sheet.paper)
    printed = r.random() < 0.75
    base = y + max(small.size * 1.5, (size - n * small.size * 1.8) / 2)
    drawn, facts = [], []
    for name, share, colour in zip(names, shares, colours):
        left = x0 + size + small.size * 2.4
        if base > y1 or left + sheet.measure(f"{name} {share}%", small) + 12 > x1:
            break
        sheet.box(left - small.size * 1.2, base - small.size * 0.75, left - small.size * 0.4, base + 1, fill=colour)
        line = sheet.put(left, base, name, small)
        if line:
            drawn.append(name)
        if printed and line and sheet.put(left + sheet.measure(name, small) + small.size, base, f"{share}%", small, line=line):
            facts += pair(name, f"{share}%", "bar")
        base += small.size * 1.8
    if drawn == names:
        sheet.facts += facts + extremes(names, [float(v) for v in shares], 100 * math.sqrt(n) / 2)
        sheet.facts.append(Fact("count", str(n), (), seen=False, needs=tuple(names)))
    return y + size + 8
