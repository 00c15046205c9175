"""Arrangements of a sheet: documents, forms, receipts, code, terminals, chats, tables, panels, mail, dashboards, signs.

A layout fills an area (x0, y0, x1, y1) of a sheet from the top and returns how far down it went. What does not fit is left out, so all text that is
drawn is whole and recorded, in the order in which one reads it.
"""

import re

from ..facts import Fact, neighbours, pair, row_of_texts, stacked
from ..facts import table as facts_of_table
from .sheet import Line, Sheet, fonts, mix


def _last(*lines: Line | None) -> list[str]:
    """The texts drawn last in each of these lines; empty where one was not drawn."""
    return [line.texts[-1] for line in lines if line is not None] if all(line is not None for line in lines) else []


def _step(sheet: Sheet, size: float) -> float:
    """From one baseline to the next."""
    return size * sheet.random.choice((1.18, 1.25, 1.3, 1.4, 1.5, 1.6))


def document(sheet: Sheet, area) -> float:
    """Headings, paragraphs, lists."""
    r = sheet.random
    x0, y, x1, y1 = area
    ground = sheet.paper
    body = sheet.style(soft=0.6)
    step = _step(sheet, body.size)
    first = True
    while y + body.size * 1.5 < y1:
        kind = r.choices(("heading", "paragraph", "bullets", "quote"), (1.6 if first else 0.5, 2.2, 0.6, 0.2))[0]
        if kind == "heading":
            head = sheet.style(body.size * r.uniform(1.1, 2.2), "head", colour=sheet.readable_on(ground) if r.random() < 0.8 else None)
            for text in sheet.wrap(sheet.write.title() if r.random() < 0.6 else sheet.write.words(1, 6), head, x1 - x0)[:2]:
                y += head.size * 1.25
                if y > y1:
                    return y1
                if (line := sheet.put(x0, y, text, head)) and len(sheet.lines) == 1:
                    sheet.facts.append(Fact("title", text))
                elif line and sheet.facts and sheet.facts[-1].kind == "title" and len(sheet.lines) == 2:
                    sheet.facts.pop()  # it goes on: no line of it is all of it
            y += body.size * r.uniform(0.2, 0.8)
            if r.random() < 0.15:
                sheet.rule(x0, y, x1, y, mix(ground, sheet.ink, 0.3))
        else:
            indent = 0.0 if kind == "paragraph" else body.size * r.uniform(1.2, 2.0)
            for k in range(1 if kind != "bullets" else r.randint(2, 5)):
                mark = r.choice(("\u2022", "-", f"{k + 1}.", "*")) if kind == "bullets" else ""
                lines = sheet.wrap(sheet.write.paragraph(r.choice((60, 150, 300)) if kind != "bullets" else 25), body, x1 - x0 - indent)
                middle = kind == "paragraph" and len(lines) <= 3 and r.random() < 0.08
                for i, text in enumerate(lines):
                    y += step
                    if y + body.size * 0.3 > y1:
                        return y1
                    if mark == "\u2022" and i == 0:  # a round mark is drawn, not read: in a browser's list it is no text either
                        sheet.disc(x0 + indent * 0.5, y - body.size * 0.32, body.size * 0.15, fill=body.colour)
                        sheet.put(x0 + indent, y, text, body)
                    elif mark and i == 0:
                        line = sheet.put(x0 + indent * 0.3, y, mark, body)
                        sheet.put(x0 + indent, y, text, body, line=line)
                    else:
                        sheet.put((x0 + x1) / 2 if middle else x0 + indent, y, text, body, "m" if middle else "l")
            y += body.size * r.uniform(0.2, 1.0)
        first = False
    return y


def columns(sheet: Sheet, area) -> float:
    """Two or three columns of text, read one after another."""
    r = sheet.random
    x0, y0, x1, y1 = area
    n = 3 if x1 - x0 > 560 and r.random() < 0.4 else 2
    gap = r.uniform(14, 34)
    w = (x1 - x0 - gap * (n - 1)) / n
    if w < sheet.body * 9:
        return document(sheet, area)
    for i in range(n):
        document(sheet, (x0 + i * (w + gap), y0, x0 + i * (w + gap) + w, y1))
    return y1


def signs(sheet: Sheet, area) -> float:
    """A few words in large letters: signs, labels, titles, buttons."""
    r = sheet.random
    x0, y, x1, y1 = area
    drawn: list[str] = []
    while y1 - y > 14:
        size = min(r.choice((14, 18, 22, 28, 36, 48, 64)) * r.uniform(0.85, 1.15), (y1 - y) * 0.62)
        if size < 9:
            break
        saved = sheet.head_font
        if r.random() < 0.5:
            sheet.head_font = r.choice(fonts(sheet.split)["all"])
        framed = r.random() < 0.4
        ground = sheet.accent if framed and r.random() < 0.5 else sheet.surface() if framed else sheet.paper
        style = sheet.style(size, "head", colour=sheet.readable_on(ground), ground=ground)
        text = sheet.fit(r.choice((sheet.write.title, sheet.write.word, sheet.write.token, lambda: sheet.write.words(1, 3)))(), style, x1 - x0 - size)
        sheet.head_font = saved
        if not text:
            y += 4
            continue
        w = sheet.measure(text, style)
        x = x0 + size / 2 + r.random() * max(0.0, x1 - x0 - size - w)
        base = y + size * 1.15
        if framed:
            sheet.box(
                x - size * 0.4,
                y + size * 0.1,
                x + w + size * 0.4,
                base + size * 0.45,
                fill=ground,
                outline=mix(ground, sheet.ink, r.random()),
                radius=r.choice((0, 3, 8, 99)),
            )
        if sheet.put(x, base, text, style):
            drawn.append(sheet.lines[-1].text)
        y = base + size * r.uniform(0.6, 1.2)
    if len(drawn) == 1 and len(sheet.lines) == 1:
        sheet.facts.append(Fact("sign", drawn[0]))
    else:
        sheet.facts += [f for f in stacked(drawn) if f.kind == "below"]
    return y


def form(sheet: Sheet, area) -> float:
    """Labels with fields beside or under them, tick boxes, buttons."""
    r = sheet.random
    x0, y, x1, y1 = area
    label, value = sheet.style(soft=1.0), sheet.style(kind="mono" if r.random() < 0.1 else "text")
    size = sheet.body
    beside = x1 - x0 > 220 and r.random() < 0.5
    split = x0 + (x1 - x0) * r.uniform(0.3, 0.45)
    boxed = r.choice(("box", "box", "line", "none"))
    colon = r.choice((":", "", ""))
    high = size * r.uniform(1.7, 2.6)
    edge = mix(sheet.paper, sheet.ink, r.uniform(0.15, 0.5))
    buttons: list[list[str]] = []
    if r.random() < 0.6:
        head = sheet.style(size * r.uniform(1.2, 1.9), "head")
        y += head.size * 1.2
        if (line := sheet.put(x0, y, sheet.fit(sheet.write.title(), head, x1 - x0), head)) and len(sheet.lines) == 1:
            sheet.facts.append(Fact("title", line.text))
        y += size * 0.8
    while y + high * 1.2 < y1:
        k = r.random()
        if k < 0.75:
            name = sheet.fit(sheet.write.label() + colon, label, (split if beside else x1) - x0 - 6)
            if beside:
                base, left, right = y + high * 0.68, split, x1
                named = line = sheet.put(x0, base, name, label)
            else:
                y += size * 1.25
                if y + high * 1.2 > y1:
                    break
                named = sheet.put(x0, y, name, label)
                y += size * 0.35
                base, left, right, line = y + high * 0.68, x0, x0 + (x1 - x0) * r.choice((0.5, 0.7, 1.0)), None
            if boxed == "box":
                sheet.box(
                    left,
                    y + 1,
                    right,
                    y + high - 1,
                    fill=mix(sheet.paper, (255, 255, 255), 0.0 if sheet.dark else 0.6),
                    outline=edge,
                    radius=r.choice((0, 0, 3, 6)),
                )
            elif boxed == "line":
                sheet.rule(left, y + high - 1, right, y + high - 1, edge)
            if r.random() < 0.9:
                text = sheet.fit(sheet.write.value(), value, right - left - 16)
                name = _last(named)
                if filled := sheet.put(left + (7 if boxed == "box" else 2), base, text, value, line=line):
                    sheet.facts += pair(name[0], filled.texts[-1]) if name else []
            y += high + size * r.uniform(0.2, 0.6)
        elif k < 0.88:
            s = size * 0.9
            y += high * 0.75
            sheet.box(
                x0, y - s * 0.9, x0 + s, y + s * 0.1, outline=edge, fill=sheet.accent if r.random() < 0.4 else None, radius=r.choice((0, 2, 99))
            )
            sheet.put(x0 + s * 1.6, y, sheet.fit(sheet.write.words(1, 6) if r.random() < 0.5 else sheet.write.title(), label, x1 - x0 - s * 2), label)
            y += size * 0.5
        else:
            x, line = x0, None
            for i in range(r.randint(1, 3)):
                ground = sheet.accent if i == 0 else sheet.surface()
                style = sheet.style(size, colour=sheet.readable_on(ground))
                text = sheet.fit(sheet.write.title(), style, min(180, x1 - x - size * 2))
                w = sheet.measure(text, style)
                if not text or x + w + size * 2 > x1:
                    break
                sheet.box(x, y, x + w + size * 1.8, y + high, fill=ground, outline=edge if i else None, radius=r.choice((0, 3, 6, 99)))
                line = sheet.put(x + size * 0.9, y + high * 0.66, text, style, line=line)
                x += w + size * 2.6
            if line:
                buttons.append(list(line.texts))
            y += high + size * 0.6
    sheet.facts += [f for texts in buttons for f in neighbours(texts)]
    if len(buttons) == 1 and len(buttons[0]) == 1:
        sheet.facts.append(Fact("button", buttons[0][0]))
    return y


def receipt(sheet: Sheet, area) -> float:
    """A till's receipt or an invoice: a head, items with amounts to the right, totals, a foot."""
    r = sheet.random
    x0, y, x1, y1 = area
    width = min(x1 - x0, sheet.body * r.uniform(17, 34))
    x0 += r.random() * (x1 - x0 - width)
    x1 = x0 + width
    kind = "mono" if r.random() < 0.6 else "text"
    style = sheet.style(kind=kind, soft=0.4)
    bold = sheet.style(sheet.body * r.uniform(1.1, 1.7), r.choice(("head", kind)))
    step = _step(sheet, style.size)
    for i in range(r.randint(1, 5)):
        s = bold if i == 0 else style
        y += s.size * 1.3
        if y > y1 - step:
            return y
        text = r.choice(
            (sheet.write.title, sheet.write.address, sheet.write.phone, sheet.write.date, sheet.write.url, lambda: sheet.write.words(1, 3))
        )()
        sheet.put((x0 + x1) / 2, y, sheet.fit(text, s, width), s, "m")
    y += step * 0.5

    def both(left, right, s, kind="field"):
        nonlocal y
        y += step * s.size / style.size
        if y + s.size * 0.4 > y1:
            return False
        right = sheet.fit(right, s, width * 0.5)
        left = sheet.fit(left, s, width - sheet.measure(right, s) - s.size)
        line = sheet.put(x0, y, left, s)
        if line and sheet.put(x1, y, right, s, "r", line):
            left, right = line.texts
            thing = re.sub(r"^\d+ (x )?", "", left)  # asked for without its number
            sheet.facts += [Fact("total", right, (), needs=(left,))] if left.lower() == "total" else pair(thing, right, kind)
        return True

    def separator():
        nonlocal y
        y += step * 0.55
        k = r.random()
        if y > y1:
            return
        if k < 0.5:
            s = sheet.scale
            dash = r.choice((3, 5, 8))
            for x in range(int(x0 * s), int(x1 * s), 2 * dash):
                sheet.draw.line((x, y * s, x + dash, y * s), fill=style.colour)
        elif k < 0.7:
            sheet.rule(x0, y, x1, y, style.colour)

    for _ in range(r.randint(0, 3)):
        if not both(sheet.write.label(), sheet.write.value(), style):
            return y
    separator()
    for _ in range(r.randint(2, 16)):
        amount = r.choice(("", "", f"{r.randint(1, 9)} x ", f"{r.randint(1, 12)} "))
        if not both(amount + sheet.write.item(), sheet.write.price(), style, "item"):
            return y
        if r.random() < 0.15:
            y += step
            if y + style.size > y1:
                return y
            sheet.put(x0 + style.size, y, sheet.fit(sheet.write.words(1, 3), style, width - style.size), style)
    separator()
    for name in r.sample(
        ("Subtotal", "Tax", "VAT 19%", "Total", "Discount", "Cash", "Change", "Card", "Tip", "Amount due", "Balance"), r.randint(1, 4)
    ):
        if not both(name if r.random() < 0.6 else name.upper(), sheet.write.price(), bold if name == "Total" and r.random() < 0.6 else style):
            return y
    separator()
    for _ in range(r.randint(0, 3)):
        y += step
        if y + style.size > y1:
            return y
        sheet.put((x0 + x1) / 2, y, sheet.fit(r.choice((sheet.write.sentence, sheet.write.token, sheet.write.title))(), style, width), style, "m")
    return y


def code(sheet: Sheet, area) -> float:
    """An editor: line numbers or none, lines in colours."""
    return _mono(sheet, area, sheet.write.code_lines, numbers=sheet.random.random() < 0.5)


def terminal(sheet: Sheet, area) -> float:
    """A terminal's text."""
    return _mono(sheet, area, sheet.write.terminal_lines, numbers=False)


def _mono(sheet: Sheet, area, lines, numbers: bool) -> float:
    r = sheet.random
    x0, y, x1, y1 = area
    style = sheet.style(min(sheet.body, 16), "mono")
    step = style.size * r.uniform(1.12, 1.55)
    colours = [style.colour] + [
        sheet.readable_on(sheet.paper) if r.random() < 0.4 else mix(style.colour, tuple(r.randint(0, 255) for _ in range(3)), 0.5) for _ in range(4)
    ]
    count = int((y1 - y) / step)
    start = r.choice((1, 1, r.randint(1, 900)))
    gutter = sheet.measure(str(start + count), style) + style.size if numbers else 0.0
    soft = mix(style.colour, sheet.paper, 0.4)
    if numbers and r.random() < 0.3:
        sheet.box(x0 - 3, y, x0 + gutter - style.size * 0.4, y1, fill=sheet.surface())
    whole = r.random() < 0.5  # one colour a line, else a colour a token
    for i, text in enumerate(lines(count)):
        y += step
        if y + style.size * 0.3 > y1:
            break
        line = None
        if numbers:
            line = sheet.put(x0 + gutter - style.size * 0.7, y, str(start + i), sheet.style(style.size, "mono", colour=soft), "r")
        text = sheet.fit(text.replace("\t", "    "), style, x1 - x0 - gutter)
        if not text.strip():
            continue
        if whole or len(text) > 90:
            sheet.put(x0 + gutter, y, text, sheet.style(style.size, "mono", colour=r.choice(colours)), line=line)
            continue
        x = x0 + gutter
        space = sheet.measure(" ", style)
        for piece in text.split(" "):
            if piece:
                line = sheet.put(x, y, piece, sheet.style(style.size, "mono", colour=r.choice(colours)), line=line) or line
            x += sheet.measure(piece, style) + space
    return y


def chat(sheet: Sheet, area) -> float:
    """Messages in bubbles, left and right, with names and times."""
    r = sheet.random
    x0, y, x1, y1 = area
    style = sheet.style()
    step = style.size * r.uniform(1.2, 1.45)
    mine, theirs = r.choice((sheet.accent, sheet.surface())), sheet.surface()
    pad = style.size * r.uniform(0.5, 0.9)
    names = r.random() < 0.6
    while y + step * 3 < y1:
        right = r.random() < 0.45
        ground = mine if right else theirs
        text_style = sheet.style(style.size, colour=sheet.readable_on(ground))
        width = (x1 - x0) * r.uniform(0.5, 0.8)
        lines = sheet.wrap(sheet.write.paragraph(r.choice((10, 40, 40, 120))), text_style, width - 2 * pad)[:6]
        if not lines:
            continue
        small = sheet.style(max(9.0, style.size * 0.8), soft=0.9)
        extra = small.size * 1.3 if names else 0.0
        high = len(lines) * step + pad * 1.2
        if y + high + extra > y1:
            break
        w = max(sheet.measure(t, text_style) for t in lines) + 2 * pad
        left = x1 - w if right else x0
        who = when = ""
        if names:
            who, when = sheet.write.name(), sheet.write.time()
            sheet.put(x1 if right else x0, y + small.size, sheet.fit(f"{who} {when}", small, width), small, "r" if right else "l")
        y += extra
        sheet.box(left, y, left + w, y + high, fill=ground, radius=r.choice((4, 10, 16)))
        base = y + pad * 0.6
        for text in lines:
            base += step
            sheet.put(left + pad, base - step * 0.25, text, text_style)
        if who:
            sheet.facts += [Fact("when_said", when, (who,)), *([Fact("said", lines[0], (who,)), Fact("sender", who, (lines[0],))] if len(lines) == 1 else [])]
        y += high + style.size * r.uniform(0.4, 0.9)
    return y


KINDS = ("number", "price", "percent", "date", "time", "code", "name", "word", "words", "email", "version")


def table(sheet: Sheet, area) -> float:
    """A table with a head, rules or stripes."""
    r = sheet.random
    x0, y, x1, y1 = area
    style = sheet.style(kind="mono" if r.random() < 0.12 else "text", soft=0.4)
    head = sheet.style(style.size, "head" if r.random() < 0.5 else "text", soft=0.3)
    step = style.size * r.uniform(1.4, 2.4)
    kinds = [r.choice(KINDS) for _ in range(max(2, min(8, int((x1 - x0) / (style.size * r.uniform(6, 10))))))]
    if r.random() < 0.6:
        kinds[0] = r.choice(("name", "words", "word", "code"))
    weights = [{"number": 0.8, "percent": 0.7, "time": 0.8, "version": 0.7, "words": 1.6, "email": 1.9, "name": 1.3}.get(k, 1.0) for k in kinds]
    edges = [x0]
    for w in weights:
        edges.append(edges[-1] + (x1 - x0) * w / sum(weights))
    rows = r.randint(2, max(2, int((y1 - y) / step) - 1))
    grid, stripes = r.choice(("all", "rows", "none", "rows")), r.random() < 0.3
    edge = mix(sheet.paper, sheet.ink, r.uniform(0.12, 0.6))
    pad = style.size * r.uniform(0.3, 0.6)
    top = y
    if r.random() < 0.4:
        sheet.box(x0, y, x1, y + step, fill=sheet.surface())
    drawn, cells = 0, []
    for row in range(rows + 1):
        if y + step > y1:
            break
        s = head if row == 0 else style
        if stripes and row and row % 2 == 0:
            sheet.box(x0, y, x1, y + step, fill=mix(sheet.paper, sheet.ink, 0.05))
        line = None
        for k, a, b in zip(kinds, edges, edges[1:]):
            text = sheet.write.title() if row == 0 else sheet.write.cell(k) if r.random() < 0.96 else "-"
            text = sheet.fit(text, s, b - a - 2 * pad)
            right = k in ("number", "price", "percent")
            line = sheet.put(b - pad if right else a + pad, y + step * 0.5 + s.size * 0.36, text, s, "r" if right else "l", line) or line
        if line and len(line.texts) == len(kinds):
            cells.append(line.texts)
        y += step
        drawn += 1
        if grid != "none":
            sheet.rule(x0, y, x1, y, edge)
    if grid == "all":
        for x in edges:
            sheet.rule(x, top, x, y, edge)
    if len(cells) == drawn:
        sheet.facts += facts_of_table(cells[0], cells[1:]) if cells else []
    return y


def panel(sheet: Sheet, area) -> float:
    """Rows of a settings page, a menu or a list: a name, perhaps a second line under it, a value or a switch at the right."""
    r = sheet.random
    x0, y, x1, y1 = area
    style, small = sheet.style(), sheet.style(max(9.0, sheet.body * 0.85), soft=1.0)
    second = r.random() < 0.4
    step = style.size * (r.uniform(2.6, 3.4) if second else r.uniform(1.7, 2.8))
    icon = r.random() < 0.3
    edge = mix(sheet.paper, sheet.ink, 0.15)
    left = x0 + (style.size * 2 if icon else 0)
    while y + step < y1:
        base = y + (style.size * 1.2 if second else step * 0.5 + style.size * 0.35)
        if icon:
            sheet.disc(x0 + style.size * 0.8, base - style.size * 0.35, style.size * 0.55, fill=mix(sheet.accent, sheet.paper, r.random() * 0.7))
        right = r.choice(("value", "switch", "none", "value", "count"))
        text = sheet.fit(sheet.write.title() if r.random() < 0.6 else sheet.write.label(), style, (x1 - left) * 0.6)
        line = sheet.put(left, base, text, style)
        if right == "switch":
            on = r.random() < 0.5
            if line:
                sheet.facts.append(Fact("setting", "on" if on else "off", (line.text,), seen=False))
            w = style.size * 2.2
            sheet.box(x1 - w, base - style.size, x1, base + style.size * 0.25, fill=sheet.accent if on else edge, radius=99)
            sheet.disc(x1 - style.size * 0.65 if on else x1 - w + style.size * 0.65, base - style.size * 0.38, style.size * 0.5, fill=(255, 255, 255))
        elif right != "none":
            value = sheet.put(
                x1 - 2,
                base,
                sheet.fit(sheet.write.value() if right == "value" else sheet.write.number(), small, (x1 - left) * 0.35),
                small,
                "r",
                line,
            )
            if line and value is line:
                sheet.facts += pair(*line.texts)
        if second:
            sheet.put(left, base + small.size * 1.35, sheet.fit(sheet.write.sentence(), small, (x1 - left) * 0.75), small)
        y += step
        if r.random() < 0.6:
            sheet.rule(x0, y, x1, y, edge)
    return y


def _message(who: str, about: str, when: str) -> list[Fact]:
    """Facts of a message in a list."""
    return [Fact("subject", about, (who,)), Fact("sender", who, (about,)), Fact("when_said", when, (who,))]


def mail(sheet: Sheet, area) -> float:
    """A list of messages: who, what about, when."""
    r = sheet.random
    x0, y, x1, y1 = area
    style, small = sheet.style(), sheet.style(max(9.0, sheet.body * 0.9), soft=0.8)
    wide = x1 - x0 > 420 and r.random() < 0.6
    step = style.size * (r.uniform(1.9, 2.6) if wide else r.uniform(3.4, 4.4))
    edge = mix(sheet.paper, sheet.ink, 0.15)
    who = x0 + (x1 - x0) * 0.26
    while y + step < y1:
        base = y + style.size * 1.4
        when = sheet.fit(r.choice((sheet.write.time, sheet.write.date))(), small, (x1 - x0) * 0.2)
        w = sheet.measure(when, small)
        if wide:
            line = sheet.put(x0 + 4, base, sheet.fit(sheet.write.name(), style, who - x0 - 14), style)
            sheet.put(who, base, sheet.fit(sheet.write.sentence(), small, x1 - w - who - 24), small, line=line)
            sheet.put(x1 - 4, base, when, small, "r", line)
            if line and len(line.texts) == 3:
                sheet.facts += _message(*line.texts)
        else:
            line = sheet.put(x0 + 4, base, sheet.fit(sheet.write.name(), style, x1 - x0 - w - 24), style)
            sheet.put(x1 - 4, base, when, small, "r", line)
            about = sheet.put(x0 + 4, base + small.size * 1.35, sheet.fit(sheet.write.sentence(), small, x1 - x0 - 10), small)
            if line and about and len(line.texts) == 2:
                sheet.facts += _message(line.texts[0], about.text, line.texts[1])
        y += step
        sheet.rule(x0, y, x1, y, edge)
    return y


def dashboard(sheet: Sheet, area) -> float:
    """Cards with a name and a large number, some with a change or bars."""
    r = sheet.random
    x0, y, x1, y1 = area
    small = sheet.style(max(9.5, sheet.body * 0.9), soft=0.9)
    n = max(1, min(4, int((x1 - x0) / r.uniform(110, 190))))
    gap = r.uniform(8, 18)
    w = (x1 - x0 - gap * (n - 1)) / n
    high = r.uniform(64, 120)
    while y + high < y1:
        for i in range(n):
            left = x0 + i * (w + gap)
            ground = sheet.surface()
            sheet.box(
                left,
                y,
                left + w,
                y + high,
                fill=ground,
                outline=mix(ground, sheet.ink, 0.2) if r.random() < 0.5 else None,
                radius=r.choice((0, 4, 10)),
            )
            name = sheet.style(small.size, colour=sheet.readable_on(ground, 0.8))
            big = sheet.style(min(r.uniform(18, 34), high * 0.36), "head", colour=sheet.readable_on(ground))
            at = y + name.size * 1.6
            label = sheet.put(left + 9, at, sheet.fit(sheet.write.title(), name, w - 18), name)
            at += big.size * 1.3
            text = sheet.fit(r.choice((sheet.write.number, sheet.write.price, sheet.write.percent, sheet.write.time))(), big, w - 18)
            number = sheet.put(left + 9, at, text, big)
            if label and number:
                sheet.facts += pair(label.text, number.text)
            at += name.size * 1.5
            if at + name.size * 0.4 < y + high and r.random() < 0.7:
                sheet.put(left + 9, at, sheet.fit(sheet.write.percent() + " " + sheet.write.words(1, 3), name, w - 18), name)
        y += high + gap
    return y


def bars(sheet: Sheet, area) -> float:
    """A chart of bars with names under them and a scale at the left; read title, scale from the top, names."""
    r = sheet.random
    x0, y, x1, y1 = area
    small = sheet.style(max(9.0, sheet.body * 0.85), soft=0.6)
    if y1 - y < 120 or x1 - x0 < 160:
        return panel(sheet, area)
    head = sheet.style(sheet.body * 1.2, "head")
    y += head.size * 1.2
    sheet.put(x0, y, sheet.fit(sheet.write.title() if r.random() < 0.6 else sheet.write.words(2, 5), head, x1 - x0), head)
    y += head.size
    bottom = min(y1, y + r.uniform(110, 260)) - small.size * 2
    ticks = r.randint(3, 6)
    unit = r.choice((1, 2, 5, 10, 25, 50, 100, 250, 1000))
    end = r.choice(("", "", "%", "k", " ms"))
    axis = mix(sheet.paper, sheet.ink, 0.5)
    left = x0 + sheet.measure(f"{unit * ticks}{end}", small) + 8
    for i in range(ticks, -1, -1):
        at = bottom - (bottom - y - 4) * i / ticks
        sheet.rule(left, at, x1, at, mix(sheet.paper, sheet.ink, 0.15))
        sheet.put(left - 5, at + small.size * 0.35, f"{unit * i}{end}", small, "r")
    n = max(2, min(12, int((x1 - left) / (small.size * r.uniform(3.5, 7)))))
    w = (x1 - left) / n
    line = None
    for i in range(n):
        colour = sheet.accent if r.random() < 0.7 else sheet.surface()
        sheet.box(left + w * (i + 0.2), bottom - (bottom - y - 6) * r.random(), left + w * (i + 0.8), bottom, fill=colour)
        name = sheet.fit(r.choice((sheet.write.word, sheet.write.title, sheet.write.date))(), small, w - 3)
        line = sheet.put(left + w * (i + 0.5), bottom + small.size * 1.3, name, small, "m", line) or line
    sheet.rule(left, bottom, x1, bottom, axis)
    return bottom + small.size * 2


def window(sheet: Sheet, area) -> float:
    """A program's or a web page's window: a bar with a title or menus, perhaps a column of entries at the side, something in the middle."""
    r = sheet.random
    x0, y, x1, y1 = area
    style = sheet.style(min(sheet.body, 15))
    high = style.size * r.uniform(1.9, 3.0)
    ground = sheet.accent if r.random() < 0.4 else sheet.surface()
    bar = sheet.style(style.size, colour=sheet.readable_on(ground))
    sheet.box(0, 0, sheet.width, y + high, fill=ground)
    x, line = x0, None
    base = y + high / 2 + style.size * 0.36
    for i in range(r.randint(1, 6)):
        text = sheet.fit(sheet.write.title() if r.random() < 0.7 else r.choice((sheet.write.url, sheet.write.word))(), bar, min(170, x1 - x))
        w = sheet.measure(text, bar)
        if not text or x + w > x1:
            break
        line = sheet.put(x, base, text, bar, line=line) or line
        x += w + style.size * r.uniform(1.2, 2.2)
    if line:
        sheet.facts += row_of_texts("menu", list(line.texts))
    y += high + r.uniform(4, 12)
    if x1 - x0 > 330 and r.random() < 0.5:
        side = (x1 - x0) * r.uniform(0.2, 0.3)
        if r.random() < 0.5:
            sheet.box(0, y - 4, x0 + side, sheet.height, fill=(shade := sheet.surface()))
        else:
            shade = sheet.paper
        entry = sheet.style(style.size, colour=sheet.readable_on(shade, 0.4))
        at, step, entries = y, style.size * r.uniform(1.6, 2.4), []
        for _ in range(r.randint(3, 14)):
            at += step
            if at > y1:
                break
            if put := sheet.put(x0, at, sheet.fit(sheet.write.title(), entry, side - 14), entry):
                entries.append(put.text)
        sheet.facts += [f for f in stacked(entries) if f.kind == "below"]
        x0 += side + r.uniform(10, 20)
    return inner(sheet, (x0, y, x1, y1))


def inner(sheet: Sheet, area) -> float:
    """One or two layouts under one another."""
    r = sheet.random
    x0, y, x1, y1 = area
    often = weights(sheet.split)
    names = [n for n in often if n not in ("window", "columns", "receipt")]
    if y1 - y > 260 and r.random() < 0.5:
        middle = y + (y1 - y) * r.uniform(0.35, 0.65)
        y = LAYOUTS[r.choices(names, [often[n] for n in names])[0]](sheet, (x0, y, x1, middle)) + sheet.body
        if y > y1 - 40:
            return y
    return LAYOUTS[r.choices(names, [often[n] for n in names])[0]](sheet, (x0, y, x1, y1))


def listing(sheet: Sheet, area) -> float:
    """Lines that look alike, in two or more columns of pieces: where one loses the place."""
    r = sheet.random
    x0, y, x1, y1 = area
    style = sheet.style(min(sheet.body, 16), "mono" if r.random() < 0.35 else "text", soft=0.4)
    step = style.size * r.uniform(1.2, 2.0)
    if r.random() < 0.4:
        head = sheet.style(style.size * r.uniform(1.1, 1.6), "head")
        y += head.size * 1.2
        sheet.put(x0, y, sheet.fit(sheet.write.title(), head, x1 - x0), head)
        y += style.size * 0.4
    rows = sheet.write.alike(min(40, r.randint(4, 44)))
    rule, last, numbers = r.random() < 0.25, r.random() < 0.6, r.random() < 0.15
    edge = mix(sheet.paper, sheet.ink, 0.18)
    inset = style.size * 2.6 if numbers else 0.0
    width = min(x1 - x0, style.size * r.uniform(18, 70))
    for i, pieces in enumerate(rows):
        y += step
        if y + style.size * 0.35 > y1:
            return y1
        line = sheet.put(x0 + inset * 0.7, y, str(i + 1), style, "r") if numbers else None
        w = (width - inset) / len(pieces)
        for k, text in enumerate(pieces):
            text = sheet.fit(text, style, (x1 - x0 if len(pieces) == 1 else w) - 6)
            right = last and k and k == len(pieces) - 1
            line = sheet.put(x0 + inset + w * (k + 1) if right else x0 + inset + w * k, y, text, style, "r" if right else "l", line) or line
        if rule:
            sheet.rule(x0, y + step * 0.3, x0 + width, y + step * 0.3, edge)
    return y


def reference(sheet: Sheet, area) -> float:
    """Documentation of a program: names, declarations in a box, what parameters mean, options, examples, contents."""
    r = sheet.random
    x0, y, x1, y1 = area
    body, mono = sheet.style(min(sheet.body, 17), soft=0.3), sheet.style(min(sheet.body, 16) * r.uniform(0.85, 1.0), "mono", soft=0.3)
    step = body.size * r.choice((1.25, 1.35, 1.5, 1.6))
    boxed = r.random() < 0.5
    while y + step * 1.5 < y1:
        kind = r.choices(("name", "code", "text", "parameters", "options", "links", "alike"), (1.2, 1.4, 1.3, 1.2, 0.8, 0.6, 0.6))[0]
        if kind == "name":
            head = sheet.style(body.size * r.uniform(1.1, 1.9), "head")
            y += head.size * 1.5
            if y + head.size * 0.4 > y1:
                return y1
            text = r.choice((sheet.write.identifier, sheet.write.title, lambda: "Function: " + sheet.write.identifier(), lambda: sheet.write.words(1, 3)))()
            sheet.put(x0, y, sheet.fit(text, head, x1 - x0), head)
            y += body.size * 0.4
        elif kind == "code":
            lines = [t for _ in range(r.randint(1, 5)) for t in sheet.wrap(sheet.write.snippet(), mono, x1 - x0 - 20)[:2]]
            high = len(lines) * mono.size * 1.4 + mono.size
            if y + high + mono.size > y1:
                y += step
                continue
            y += body.size * 0.5
            if boxed:
                sheet.box(x0, y, x1, y + high, fill=sheet.surface(), outline=mix(sheet.paper, sheet.ink, 0.2) if r.random() < 0.5 else None)
            at = y + mono.size * 0.3
            for text in lines:
                at += mono.size * 1.4
                sheet.put(x0 + 8, at, text, mono)
            y += high + body.size * 0.3
        elif kind == "text":
            lines = sheet.wrap(sheet.write.sentence() + " " + sheet.write.identifier() + " " + sheet.write.sentence(), body, x1 - x0)
            for text in lines:
                y += step
                if y + body.size * 0.35 > y1:
                    return y1
                sheet.put(x0, y, text, body)
            y += body.size * 0.5
        elif kind in ("parameters", "options"):
            split = x0 + (x1 - x0) * r.uniform(0.2, 0.4)
            for _ in range(r.randint(2, 6)):
                y += step
                if y + body.size * 0.35 > y1:
                    return y1
                text = sheet.write.identifier() + r.choice((":", ":", "")) if kind == "parameters" else sheet.write.snippet()
                line = sheet.put(x0 + 6, y, sheet.fit(text, mono, split - x0 - 12), mono)
                sheet.put(split, y, sheet.fit(sheet.write.sentence(), body, x1 - split), body, line=line)
            y += body.size * 0.5
        elif kind == "links":
            for _ in range(r.randint(2, 6)):
                y += step
                if y + body.size * 0.35 > y1:
                    return y1
                if r.random() < 0.7:
                    sheet.disc(x0 + body.size * 0.6, y - body.size * 0.32, body.size * 0.15, fill=body.colour)
                blue = sheet.style(body.size, colour=mix((30, 60, 200), sheet.ink, 0.5 if sheet.dark else r.random() * 0.3))
                sheet.put(x0 + body.size * 1.6, y, sheet.fit(r.choice((sheet.write.title, sheet.write.identifier, sheet.write.url))(), blue, x1 - x0 - body.size * 2), blue)
            y += body.size * 0.5
        else:
            y = listing(sheet, (x0, y, x1, min(y1, y + step * r.randint(4, 10)))) + body.size * 0.5
    return y


LAYOUTS = {
    "document": document,
    "columns": columns,
    "signs": signs,
    "form": form,
    "receipt": receipt,
    "code": code,
    "terminal": terminal,
    "chat": chat,
    "table": table,
    "panel": panel,
    "mail": mail,
    "dashboard": dashboard,
    "bars": bars,
    "window": window,
    "listing": listing,
    "reference": reference,
}
# The last two are for training and for a held-out set of their own: the other held-out pages stay what they were.
WEIGHTS = {
    "document": 1.6,
    "columns": 0.6,
    "signs": 1.2,
    "form": 1.1,
    "receipt": 1.1,
    "code": 0.8,
    "terminal": 0.7,
    "chat": 0.8,
    "table": 1.3,
    "panel": 1.0,
    "mail": 0.6,
    "dashboard": 0.5,
    "bars": 0.5,
    "window": 1.8,
}
MORE = {"listing": 2.4, "reference": 2.4}


def weights(split: str) -> dict:
    """How often each layout is drawn."""
    return WEIGHTS | MORE if split == "train" else WEIGHTS


def fill(sheet: Sheet, name: str | None = None) -> str:
    """Fills a sheet with one layout (of that name, or any); returns its name."""
    r = sheet.random
    often = weights(sheet.split)
    name = name or r.choices(list(often), list(often.values()))[0]
    margin = r.choice((3, 6, 10, 16, 24))
    margin = min(margin, sheet.width * 0.06, sheet.height * 0.06)
    LAYOUTS[name](sheet, (margin, margin * r.uniform(0.3, 1.0), sheet.width - margin, sheet.height - margin * r.uniform(0.3, 1.0)))
    return name
