"""Slabs of the question stage: pages of all sources with grounded questions, asked of the page at its own size and of its half.

The half is made on the device, as the protocol makes it (ask_model.py); what is asked and answered is the same at both. A share of the slabs are
the reading stage's, so that reading is kept.
"""

import random

import numpy as np

from . import facts, matplot, protocol
from .assets import PACK
from .model import smart_size
from .pages import charts, degrade, layouts, scene
from .pages.sheet import Sheet
from .reading import READABLE, SHIFT, SMALLEST, pack, row, slab_count, slot_labels
from .reading import draw_slab as draw_reading
from .reading import use_slab as use_reading
from .reading_tasks import Page, short_task

# Sizes (width, height), multiples of 56: whole visual tokens at the half too.
SIZES = (
    ((336, 224), (336, 336), (448, 336), (336, 448)),
    ((448, 448), (560, 392), (672, 448), (448, 672), (560, 560)),
    ((784, 560), (896, 672), (672, 896), (1008, 784), (1344, 896)),
)
LEVELS = (0.25, 0.45, 0.3)  # how often each is drawn
# Sizes at which reading goes on, with their level of reading.SIZES.
READING = (((448, 336), 1), ((560, 280), 1), ((672, 448), 2), ((672, 896), 2), ((896, 672), 2), ((1008, 588), 2), ((1344, 896), 3))
READING_SHARE = 0.15  # of the slabs
ASKED = 6  # questions a picture
LENGTH = 80  # tokens of a question with its answer; one in fifty would be longer
CONTINUED = 0.12  # share of the questions that are the reading stage's short ones
GUESS = 0.15  # weight of answers at the half where its letters are too small to be read

MIX = {"interface": 0.32, "document": 0.22, "chart": 0.20, "table": 0.12, "sign": 0.09, "old": 0.05}
LAYOUTS = {
    "interface": ("window", "window", "window", "form", "panel", "chat", "mail", "dashboard", "terminal"),
    "document": ("document", "receipt", "receipt", "form", "reference", "columns", "listing"),
    "table": ("table",),
}
DRAWN_BY_BROWSER = 0.85  # of a browser process's pages of interfaces, documents and tables


class Given:
    """Questions that a picture brings along (the first generation's), in the place of facts.Asked."""

    def __init__(self, questions: list):
        self.questions = questions

    def question(self, others, split: str, rng: random.Random):
        """(kind, task), as facts.Asked.question."""
        q = rng.choice(self.questions)
        return f"old {q.kind}", facts.Task(q.text, q.answer)


def sources() -> dict:
    """What can be drawn here and how often: without the first generation's pack its pictures are left out."""
    return {k: v for k, v in MIX.items() if k != "old" or (PACK / "icons.json").exists()}


def draw_old(rng: random.Random, split: str, size: tuple[int, int]):
    """A picture of the first generation's families."""
    from . import data

    try:
        picture = data.render(rng, split, size, rng.random() < 0.5)
    except ValueError:  # nothing of the family fits
        return None
    if not picture.questions:
        return None
    return picture.image, None, None, min(q.detail for q in picture.questions), Given(picture.questions)


def draw_picture(rng: random.Random, split: str, size: tuple[int, int], drawer=None, source: str | None = None):
    """(source, picture, characters or None, Page or None, cap height of most letters, Asked or Given, facts); None where nothing came of it.

    Pictures are SHIFT pixels smaller than `size`.
    """
    every = sources()
    source = source or rng.choices(list(every), list(every.values()))[0]
    w, h = size[0] - SHIFT, size[1] - SHIFT
    if source == "old":
        found = draw_old(rng, split, (w, h)) if max(size) <= 784 else None
        return found and (source, *found, [])
    if source == "sign" and rng.random() < 0.6:
        found = scene.scene(rng, split, (w, h))
    elif source == "chart" and w >= 400 and matplot.available() and rng.random() < 0.35:
        found = matplot.chart(rng, split, (w, h))
    elif drawer and source in ("interface", "document", "table") and size[0] >= 336 and rng.random() < DRAWN_BY_BROWSER:
        found = drawer.page(rng, split, size, SHIFT)
        found = found and (*found, drawer.facts)
    else:
        large = w * h < 350_000
        sheet = Sheet(w, h, split, rng, rng.choice((1.0, 1.0, 1.25, 1.5, 2.0)) if large else rng.choice((1.0, 1.0, 1.25)))
        if source == "chart":
            m = rng.choice((4, 8, 14))
            charts.chart(sheet, (m, m, w - m, h - m))
        else:
            layouts.fill(sheet, "signs" if source == "sign" else rng.choice(LAYOUTS[source]))
        lines = [line for line in sheet.lines if line.texts]
        smallest = min((line.cap for line in lines), default=0.0)
        found = (*sheet.finish(), [line.texts for line in lines], smallest, sheet.facts) if smallest >= SMALLEST else None
    if found is None:
        return None
    image, characters, lines, smallest, said = found
    page = Page(lines)
    asked = facts.Asked(page, said)
    if not page.lines or not asked.facts:
        return None
    usual = float(np.median(characters[:, 3])) if characters is not None and len(characters) else smallest
    return source, image, characters, page, usual, asked, asked.facts


def questions(picture, others: list, split: str, rng: random.Random, count: int) -> list[tuple[str, facts.Task]]:
    """Up to so many different questions about a picture, each (kind, task)."""
    _, _, characters, page, _, asked, _ = picture
    out: dict = {}
    for _ in range(4 * count):
        if page is not None and characters is not None and rng.random() < CONTINUED:
            task = short_task(page, rng)
            found = ("read", task) if task and len(task.answer) <= facts.LONGEST else None
        else:
            found = asked.question(others, split, rng)
        if found and found[1].question not in out and len(row(found[1])[0]) <= LENGTH:
            out[found[1].question] = found
        if len(out) == count:
            break
    return list(out.values())


def half_grid(size: tuple[int, int]) -> tuple[int, int]:
    """Visual tokens (rows, columns) of the half of a picture (width, height)."""
    return tuple(s // 28 for s in smart_size(size[1] // 2, size[0] // 2))


def draw_slab(rng: random.Random, split: str, drawer=None, size=None, count=None) -> dict:
    """Fresh pictures of one size for `use_slab`: a reading slab or one to ask about."""
    if size is None and rng.random() < READING_SHARE:
        chosen, level = rng.choice(READING)
        return draw_reading(rng, split, level, chosen, drawer=drawer) | {"kind": "read"}
    size = size or rng.choice(SIZES[rng.choices(range(len(SIZES)), LEVELS)[0]])
    pictures = []
    for _ in range(count or slab_count(size)):
        source = None
        for attempt in range(200):
            if attempt % 12 == 0:  # a source is tried some times before another, or the difficult ones were seldom
                source = rng.choices(list(sources()), list(sources().values()))[0]
            if (picture := draw_picture(rng, split, size, drawer, source)) is not None:
                break
        else:
            raise RuntimeError(f"nothing to ask about came of 200 pictures of {size[0]} x {size[1]}")
        pictures.append(picture)
    return {"kind": "ask", "size": size, "pages": pictures, "used": 0}


def use_slab(rng: random.Random, fresh: dict, images: np.ndarray, wear: bool = True, split: str = "train") -> dict:
    """Gives pictures out once, as reading.use_slab: writes them into `images` and returns rows, weights at the half, and labels at both sizes."""
    if fresh["kind"] == "read":
        return use_reading(rng, fresh, images, wear) | {"kind": "read"}
    w, h = fresh["size"]
    grids = {"labels": (h // 28, w // 28), "half_labels": half_grid(fresh["size"])}
    labels: dict = {k: [] for k in grids}
    rows, weights = [], []
    pictures = fresh["pages"]
    for i, picture in enumerate(pictures):
        _, image, characters, _, usual, _, _ = picture
        dx, dy = rng.randint(0, SHIFT), rng.randint(0, SHIFT)
        pixels = np.asarray(degrade.wear(image, usual, rng) if wear else image)
        images[i] = np.pad(pixels, ((dy, SHIFT - dy), (dx, SHIFT - dx), (0, 0)), mode="edge")
        for name, grid in grids.items():
            if characters is None:
                labels[name].append(np.full_like(labels[name][-1], -1) if labels[name] else np.full((grid[0] * grid[1], 28), -1, np.int8))
                continue
            moved = characters.copy()
            moved[:, 0] = (moved[:, 0] + dx) * (grid[1] * 28 / w)
            moved[:, 1] = (moved[:, 1] + dy) * (grid[0] * 28 / h)
            moved[:, 3] *= grid[0] * 28 / h
            labels[name].append(slot_labels(moved, grid))
        found = [row(task) for _, task in questions(picture, pictures[i - 1][6], split, rng, ASKED)]
        rows += found + [([protocol.IM_END], 1)] * (ASKED - len(found))
        weights += [1.0 if usual / 2 >= READABLE else GUESS] * ASKED
    fresh["used"] += 1
    return {
        "kind": "ask",
        "n": len(pictures),
        "size": fresh["size"],
        "grid": grids["labels"],
        "half_grid": grids["half_labels"],
        "asked": pack(rows, LENGTH),
        "half_weight": np.array(weights, np.float32),
        **{k: np.stack(v) for k, v in labels.items()},
    }


def held_out(seed: int, size: tuple[int, int], count: int, asked: int) -> list[dict]:
    """Pictures of the test split with questions in phrasings of the test split, without wear: pixels, and (source, kind, question, answer) of each.

    The same seed gives the same ones where the same renderers are installed; no browser draws here.
    """
    rng = random.Random(f"ask-held-out-{seed}-{size}")
    fresh = draw_slab(rng, "test", size=size, count=count)
    out = []
    for i, picture in enumerate(fresh["pages"]):
        pixels = np.pad(np.asarray(picture[1]), ((0, SHIFT), (0, SHIFT), (0, 0)), mode="edge")
        found = questions(picture, fresh["pages"][i - 1][6], "test", rng, asked)
        letters = "too small at the half" if picture[4] / 2 < READABLE else "readable at the half"
        out.append({"pixels": pixels, "letters": letters, "asked": [(picture[0], kind, t.question, t.answer) for kind, t in found]})
    return out
