"""Signs and labels on photographs and textures."""

from ..canvas import COLOURS, UNANSWERABLE, Canvas, Question


def content(canvas: Canvas, longest: int) -> str:
    """A word (in one of three cases), a code or a number."""
    r = canvas.random
    u = r.random()
    if u < 0.5:
        while True:
            word = r.choice(canvas.assets.words(r.choice(("words", "names", "items")), canvas.split))
            if len(word) <= longest:
                return r.choice((word, word.capitalize(), word.upper()))
    if u < 0.75:
        return canvas.code()
    while True:
        text = str(r.randint(10, 99999))
        if len(text) < 3 or canvas.assets.in_split(text, canvas.split):
            return text


def make(canvas: Canvas, hard: bool) -> list[Question]:
    """One to three signs of different colours on a background, with questions."""
    r, out = canvas.random, []
    canvas.background_texture()
    count = r.choice((1, 1, 2, 2, 3))
    names = r.sample([c for c in COLOURS if c not in ("gray", "brown", "pink")], count)
    band = canvas.height / count
    for i, colour in enumerate(names):
        font, cap = canvas.font(), canvas.cap_height(hard)
        lines = []
        for _ in range(r.choice((1, 1, 2))):
            for _ in range(20):
                text = content(canvas, 8)
                if canvas.text_width(text, font, cap) < canvas.width - 60 and text not in lines:
                    lines.append(text)
                    break
        if not lines:
            continue
        step = cap * 1.9
        widest = max(canvas.text_width(t, font, cap) for t in lines)
        w = min(canvas.width - 16, max(widest + cap * r.uniform(1.2, 4), r.uniform(70, 160)))
        h = min(band - 8, max(step * len(lines) + cap * r.uniform(0.6, 2), r.uniform(44, 90)))
        if h < step * len(lines) + cap * 0.3:
            lines = lines[:1]
            if h < cap * 1.8:
                continue
        x, y = r.uniform(6, canvas.width - 6 - w), i * band + r.uniform(3, band - 3 - h)
        fill = canvas.colour(colour)
        light = sum(fill) / 3 > 120
        ink = (15, 15, 20) if light else (250, 250, 250)
        canvas.draw.rounded_rectangle((x, y, x + w, y + h), radius=r.choice((0, 4, 10, 16)), fill=fill, outline=ink if r.random() < 0.5 else None, width=r.choice((1, 2, 3)))
        top = y + h / 2 - step * (len(lines) - 1) / 2 + cap / 2
        for k, text in enumerate(lines):
            canvas.text(x + w / 2, top + k * step, text, font, cap, ink, anchor="m")
        whole = " ".join(lines)
        out.append(Question(r.choice((f"What does the {colour} sign say?", f"What is on the {colour} sign?", f"Read the {colour} sign.", f"What is written on the {colour} label?")), whole, "sign", cap))
        if count == 1:
            out.append(Question(r.choice(("What does the sign say?", "What is written on the sign?", "Read the sign.")), whole, "sign", cap))
            out.append(Question(r.choice(("What colour is the sign?", "Which colour is the sign?")), colour, "colour", 40.0))
        if len(lines) == 2:
            out.append(Question(r.choice((f"What is the top line of the {colour} sign?", f"What is the first line on the {colour} sign?")), lines[0], "top line", cap))
            out.append(Question(r.choice((f"What is the bottom line of the {colour} sign?", f"What is the second line on the {colour} sign?")), lines[1], "bottom line", cap))
    if out:
        if count > 1 and len({q.text for q in out}) and all(f" {n} " in " ".join(q.text for q in out) for n in names):
            out.append(Question(r.choice(("How many signs are there?", "How many signs can you see?")), str(count), "count", 40.0))
        if r.random() < 0.3:
            absent = r.choice([c for c in ("red", "green", "blue", "yellow", "purple", "orange") if c not in names])
            out.append(Question(f"What does the {absent} sign say?", UNANSWERABLE, "absent", 40.0))
    r.shuffle(out)
    return out[:8]
