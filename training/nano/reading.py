"""From pages to batches for the reading stage: rendering processes with their own ring of pages, and compact token rows.

A slab is a batch of pictures of one size with, for each, one long task (a page, or the page from an anchor on) and some short ones. A process keeps
its last slabs' pages in memory and gives each page out several times, every time with other tasks, another wear and shifted by some pixels.
"""

import mmap
import multiprocessing
import os
import queue
import random
import threading
import traceback
from collections import deque
from contextlib import ExitStack, contextmanager

import numpy as np

from . import protocol, web
from .pages import degrade, layouts
from .pages.sheet import NONE, Sheet
from .reading_tasks import Page, long_task, short_task

# Sizes (width, height), multiples of 28 as the model sees them, by level: words and lines, small pages, pages.
SIZES = (
    ((224, 112), (336, 112), (448, 112), (224, 224), (336, 224), (280, 280), (560, 140)),
    ((448, 336), (336, 448), (448, 448), (560, 336), (392, 392), (560, 280)),
    ((672, 448), (560, 560), (448, 672), (784, 560), (896, 672), (672, 896), (1008, 588), (784, 784)),
    ((1092, 784), (1008, 1008), (1344, 896), (896, 1344)),
)
LONG = (128, 640, 640, 1024)  # characters of a long answer, by level; at 320 for small pages the model repeated lines on fuller ones
QUESTION = 64  # tokens of a long task around its answer: rows are LONG + QUESTION long, whatever they hold, so that shapes repeat
SHORT = 3  # short tasks a picture
LONGEST_SHORT = 80  # tokens of a short task with its question; short rows are as long
SHIFT = 14  # pixels by which a page moves each time it is used
SLOTS_X, SLOTS_Y = 7, 4
READABLE = 4.5  # cap height in pixels under which a character has no label
SMALLEST = 4.8  # pages with smaller capitals are not asked about
PIXELS = 16_000_000  # of a slab
LEAST = 12  # pictures of a slab
GREATEST = 256  # pictures of a slab


def set_slab(pixels: int) -> None:
    """How many pixels a slab holds, before anything is drawn."""
    global PIXELS, GREATEST
    PIXELS, GREATEST = pixels, pixels // 62_500


def level_weights(at: float) -> tuple:
    """How often each level is drawn at this part of the schedule: words first, pages later, some of each always."""
    t = min(1.0, at / 0.35)
    return (0.72 - 0.64 * t, 0.22 + 0.02 * t, 0.06 + 0.44 * t, 0.18 * t)


def draw_page(rng: random.Random, split: str, size: tuple[int, int], layout: str | None = None):
    """One page a little smaller than `size`: (picture, characters, lines as lists of pieces, smallest cap height); None where it holds too little."""
    w, h = size[0] - SHIFT, size[1] - SHIFT
    scale = rng.choice((1.0, 1.0, 1.0, 1.25, 1.5, 2.0)) if w * h < 350_000 else rng.choice((1.0, 1.0, 1.0, 1.25))
    sheet = Sheet(w, h, split, rng, scale)
    if layout is None and w * h < 60_000 and rng.random() < 0.6:
        layout = rng.choice(("signs", "document", "document", "panel", "form"))
    layouts.fill(sheet, layout)
    lines = [line for line in sheet.lines if line.texts]
    if not lines:
        return None
    smallest = min(line.cap for line in lines)
    if smallest < SMALLEST:
        return None
    image, characters = sheet.finish()
    return image, characters, [line.texts for line in lines], smallest


def slot_labels(characters: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """(tokens, slots) int8: the class of the character whose centre lies in each slot of each visual token; NONE, or -1 for several or too small ones."""
    rows, columns = grid
    flat = np.full(rows * columns * SLOTS_X * SLOTS_Y, NONE, np.int8)
    if len(characters):
        x = np.clip(characters[:, 0], 0, columns * 28 - 1).astype(np.int32)
        y = np.clip(characters[:, 1], 0, rows * 28 - 1).astype(np.int32)
        at = (y // 28 * columns + x // 28) * (SLOTS_X * SLOTS_Y) + y % 28 // (28 // SLOTS_Y) * SLOTS_X + x % 28 // (28 // SLOTS_X)
        flat[at] = characters[:, 2].astype(np.int8)
        count = np.bincount(at, minlength=len(flat))
        flat[count > 1] = -1
        flat[at[characters[:, 3] < READABLE]] = -1
    return flat.reshape(rows * columns, -1)


_SPELLING = {chr(c): protocol.tokenizer.spell(chr(c))[0] for c in range(32, 127)}
_SPELLING["\n"] = protocol.encode("\n")[0]
_LETTERS = np.array([_SPELLING[chr(c)] for c in range(33, 127)], np.int16)
BEFORE = protocol.encode("<think>Clear.</think><answer>")
AFTER = protocol.encode("</answer>") + [protocol.IM_END]


def spell(text: str) -> list[int]:
    """Token ids letter by letter, line breaks too."""
    out = []
    for c in text:
        k = _SPELLING.get(c)
        if k is None:
            out += protocol.encode(c)
        else:
            out.append(k)
    return out


def row(task) -> tuple[list[int], int]:
    """Tokens from behind the image to the end of the answer, and where the model's own begin."""
    question = protocol.prompt_after_image(task.question)
    return question + BEFORE + spell(task.answer) + (AFTER if task.whole else []), len(question)


def pack(rows: list[tuple[list[int], int]], length: int) -> dict:
    """Rows -> ids (R, length) int16 padded with 0, and target, of the same shape: the model's own tokens in their places, -1 elsewhere.

    Longer rows are cut.
    """
    ids, target = np.zeros((len(rows), length), np.int16), np.full((len(rows), length), -1, np.int16)
    for i, (r, start) in enumerate(rows):
        r = r[:length]
        ids[i, : len(r)] = r
        target[i, start : len(r)] = r[start:]
    return {"ids": ids, "target": target}


def mislead(packed: dict, rng: random.Random) -> None:
    """Puts wrong characters into what a third of the rows read as their own past, never into their targets.

    Reading alone, a model meets its own mistakes: it has to look at the picture again and go on.
    """
    chance = np.random.default_rng(rng.getrandbits(32))
    ids, target = packed["ids"], packed["target"]
    share = np.where(chance.random(len(ids)) < 0.35, chance.uniform(0.01, 0.06, len(ids)), 0.0)
    wrong = (target >= 0) & (chance.random(ids.shape) < share[:, None]) & np.isin(ids, _LETTERS)
    ids[wrong] = chance.choice(_LETTERS, int(wrong.sum()))


def slab_count(size) -> int:
    """How many pictures of a size make a slab."""
    return max(LEAST, min(GREATEST, PIXELS // (size[0] * size[1]) // 8 * 8))


def draw_slab(rng: random.Random, split: str, level: int, size=None, count=None, drawer=None) -> dict:
    """Fresh pages of one size: what `use_slab` takes. drawer: a web.Drawer in the place of Pillow."""
    size = size or rng.choice(SIZES[level])
    pages = []
    for _ in range(count or slab_count(size)):
        while (page := drawer.page(rng, split, size, SHIFT) if drawer else draw_page(rng, split, size)) is None:
            pass
        pages.append(page)
    return {"level": level, "size": size, "pages": pages, "texts": [Page(p[2]) for p in pages], "used": 0}


def use_slab(rng: random.Random, fresh: dict, images: np.ndarray, wear: bool = True) -> dict:
    """Gives pages out once: writes worn and shifted pictures into `images` (n, h, w, 3) and returns tasks as rows and labels.

    wear False: pictures and the rows' past stay as they are.
    """
    w, h = fresh["size"]
    grid = (h // 28, w // 28)
    long_rows, short_rows, labels = [], [], []
    texts = fresh["texts"]
    for i, ((image, characters, _, smallest), page) in enumerate(zip(fresh["pages"], texts)):
        dx, dy = rng.randint(0, SHIFT), rng.randint(0, SHIFT)
        pixels = np.asarray(degrade.wear(image, smallest, rng) if wear else image)
        images[i] = np.pad(pixels, ((dy, SHIFT - dy), (dx, SHIFT - dx), (0, 0)), mode="edge")
        moved = characters.copy()
        moved[:, 0] += dx
        moved[:, 1] += dy
        labels.append(slot_labels(moved, grid))
        long_rows.append(row(long_task(page, rng, LONG[fresh["level"]])))
        other = texts[i - 1]
        strange = rng.choice(rng.choice(other.words))
        found = []
        for _ in range(4 * SHORT):
            task = short_task(page, rng, strange)
            if task:
                r = row(task)
                if len(r[0]) <= LONGEST_SHORT:
                    found.append(r)
            if len(found) == SHORT:
                break
        short_rows += found + [([protocol.IM_END], 1)] * (SHORT - len(found))
    fresh["used"] += 1
    long = pack(long_rows, LONG[fresh["level"]] + QUESTION)
    if wear:
        mislead(long, rng)
    return {
        "n": len(texts),
        "size": fresh["size"],
        "grid": grid,
        "level": fresh["level"],
        "long": long,
        "short": pack(short_rows, LONGEST_SHORT),
        "labels": np.stack(labels),
    }


RING = 5  # slabs of pages a process keeps
MOVERS = 2  # threads that move slabs to the device


def _worker(number, seed, buffers, free, ready, at, uses, kept, browse, stage):
    """A rendering process: draws slabs, keeps some, gives each out several times."""
    from . import asking

    os.nice(5)
    drawer, failures = web.Drawer() if browse else None, 0
    most = uses.value * (2 if browse else 1)  # a browser's pages cost more, so each is given out more often
    rng = random.Random(f"reading-{seed}-{number}")
    ring: deque = deque(maxlen=RING)
    while True:
        slot = free.get()
        try:
            again = [s for s in ring if s["used"] < most]
            if len(ring) < RING or not again or rng.random() < 1.0 / most:
                if stage == "ask":
                    slab = asking.draw_slab(rng, "train", drawer)
                else:
                    level = rng.choices(range(len(SIZES)), level_weights(at.value))[0]
                    slab = draw_slab(rng, "train", max(1, level), drawer=drawer) if drawer else draw_slab(rng, "train", level)
                ring.append(slab)
                with kept.get_lock():
                    kept.value += len(slab["pages"])
            else:
                slab = rng.choice(again)
            w, h = slab["size"]
            n = len(slab["pages"])
            images = np.frombuffer(buffers[slot], np.uint8, n * w * h * 3).reshape(n, h, w, 3)
            ready.put((slot, (asking.use_slab if stage == "ask" else use_slab)(rng, slab, images)))
        except Exception:  # one page must not stop a training run; the log shows what to mend
            traceback.print_exc()
            free.put(slot)
            if drawer:  # with a new browser; where none works, without
                failures += 1
                drawer.stop()
                drawer = web.Drawer() if failures < 4 else None


class Loader:
    """Rendering processes (start them before CUDA) and threads that move their slabs to the device.

    uses: how often each page is given out. `at` is the schedule's progress, which chooses the sizes; `drawn()` counts pages drawn.
    browsers: so many of the processes draw with a browser (slower, so their share of the pages is smaller than of the processes). stage: read, or
    ask for the slabs of asking.py.
    """

    def __init__(self, workers: int, seed: int, uses: int, at: float = 0.0, browsers: int = 0, stage: str = "read"):
        from . import asking

        context = multiprocessing.get_context("fork")
        self.at, self.uses, self.kept = context.Value("d", at), context.Value("i", uses), context.Value("q", 0)
        size = 3 * max(w * h * slab_count((w, h)) for sizes in SIZES + (asking.SIZES if stage == "ask" else ()) for w, h in sizes)
        self.moving = [threading.Lock() for _ in range(MOVERS)]  # each held by a thread while it moves a slab to the device
        self.buffers = [mmap.mmap(-1, size) for _ in range(workers + 8)]
        self.free, self.ready = context.Queue(), context.Queue()
        for i in range(len(self.buffers)):
            self.free.put(i)
        self.processes = [
            context.Process(
                target=_worker, args=(i, seed, self.buffers, self.free, self.ready, self.at, self.uses, self.kept, i < browsers, stage), daemon=True
            )
            for i in range(workers)
        ]
        for p in self.processes:
            p.start()

    @contextmanager
    def pause(self):
        """No slab is moved to the device meanwhile."""
        with ExitStack() as stack:
            for lock in self.moving:
                stack.enter_context(lock)
            yield

    def drawn(self) -> int:
        """Pages drawn so far."""
        return self.kept.value

    def batches(self, device: str, depth: int = 3):
        """Slabs with their pictures and rows as tensors on the device, for ever."""
        import torch

        out: queue.Queue = queue.Queue(depth)
        cuda = device != "cpu"

        def run(moving):
            stream = torch.cuda.Stream(device) if cuda else None
            while True:
                slot, slab = self.ready.get()
                w, h = slab["size"]
                images = torch.from_numpy(np.frombuffer(self.buffers[slot], np.uint8, slab["n"] * w * h * 3).reshape(slab["n"], h, w, 3))

                def moved(v):
                    return torch.from_numpy(v).to(device) if isinstance(v, np.ndarray) else {k: moved(x) for k, x in v.items()} if isinstance(v, dict) else v

                def move():
                    slab.update(moved(slab), images=images.to(device, copy=True))

                if cuda:
                    with moving, torch.cuda.stream(stream):
                        move()
                        stream.synchronize()
                else:
                    move()
                self.free.put(slot)
                out.put(slab)

        for lock in self.moving:
            threading.Thread(target=run, args=(lock,), daemon=True).start()
        while True:
            slab = out.get()
            if cuda:  # their memory belongs to the copying stream: it must not be given out again while this one's kernels still read it
                for value in slab.values():
                    for t in value.values() if isinstance(value, dict) else (value,):
                        if isinstance(t, torch.Tensor):
                            t.record_stream(torch.cuda.current_stream(device))
            yield slab

    def stop(self):
        """Ends the rendering processes."""
        for p in self.processes:
            p.terminate()


HELD_OUT = 600  # characters of the longest held-out page


def held_out(seed: int, size: tuple[int, int], count: int, split: str = "test", names: tuple = (None,), longest: int = HELD_OUT):
    """Pages of a split never trained on: (pictures (n, h, w, 3) uint8, texts). The same seed gives the same pages; no wear.

    names: layouts to choose from; longest: characters of the longest page.
    """
    rng = random.Random(f"held-out-{seed}-{size}-{split}")
    images, texts = np.empty((count, size[1], size[0], 3), np.uint8), []
    while len(texts) < count:
        page = draw_page(rng, split, size, rng.choice(names) if len(names) > 1 else names[0])
        if page is None:
            continue
        text = Page(page[2]).text
        if 4 <= len(text) <= longest:
            images[len(texts)] = np.pad(np.asarray(page[0]), ((0, SHIFT), (0, SHIFT), (0, 0)), mode="edge")
            texts.append(text)
    return images, texts
