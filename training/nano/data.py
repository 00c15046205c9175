"""From pictures to batches: rendering processes that write images into shared memory, and token rows with explicit positions.

A slab is a batch of pictures of one size. Its rows:
- `half`: no tool, half image, then one branch per question with its answer;
- `full`: the same with the full image (sometimes with the tool offered);
- `decide`: the tool offered, half image, two branches per question: the direct answer and the tool call;
- `call`, `call2`: the tool offered, half image, question, tool call, full image, answer; one question each.
Branches of a row see the row's common start and themselves only (`segment`), so one image serves many questions.
"""

import mmap
import multiprocessing
import os
import queue
import random
import threading
import traceback
from dataclasses import dataclass

import numpy as np

from . import protocol
from .assets import Assets
from .canvas import CHARACTERS, COLOURS, SHAPES, UNANSWERABLE, Canvas, Question
from .families import charts, objects, shapes, signs, tables, words
from .families.core import CORE
from .model import smart_size
from .rows import ANSWER, TEXT, Row

FAMILIES = {"shapes": shapes, "objects": objects, "words": words, "charts": charts, "tables": tables, "signs": signs}
WEIGHTS = {"shapes": 0.12, "objects": 0.12, "words": 0.20, "charts": 0.19, "tables": 0.21, "signs": 0.16}
# Source sizes (width, height) and how often; several are no multiples of 28, as users' pictures.
SIZES = [((224, 224), 2), ((336, 336), 4), ((448, 448), 8), ((560, 560), 4), ((672, 672), 1), ((784, 784), 0.7), ((448, 336), 6), ((336, 448), 6),
         ((560, 392), 4), ((392, 560), 4), ((672, 448), 2), ((448, 672), 2), ((784, 448), 1), ((448, 784), 1), ((560, 336), 3), ((336, 560), 3),
         ((640, 480), 2), ((480, 640), 2), ((600, 400), 3), ((500, 375), 4), ((512, 512), 4), ((400, 300), 5), ((720, 540), 1), ((320, 240), 3), ((300, 420), 3)]
LONGEST = 784
SLOTS_X, SLOTS_Y = 7, 4
NO_CHARACTER = len(CHARACTERS) + 1
NO_CELL = len(SHAPES) * len(COLOURS)  # objects have the classes after it
DIRECTIONS = ("left", "right", "up", "down")

_assets: Assets | None = None


def assets() -> Assets:
    """The pack, read once a process."""
    global _assets
    if _assets is None:
        _assets = Assets()
    return _assets


@dataclass
class Picture:
    """One rendered picture: image (PIL), questions, the records for the auxiliary loss, its family."""
    image: object
    questions: list[Question]
    characters: list
    boxes: list
    family: str


def render(rng: random.Random, split: str, size: tuple[int, int], hard: bool, family: str | None = None) -> Picture:
    """Draws one picture with its questions; ValueError where nothing of the family fits into the size."""
    family = family or rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    canvas = Canvas(*size, assets(), split, rng)
    questions = FAMILIES[family].make(canvas, hard)
    if canvas.core_only:
        questions = [q for q in questions if q.kind in CORE[family]]
    gentle = any(q.hard for q in questions)
    return Picture(canvas.finish(gentle), questions, canvas.characters, canvas.boxes, family)


def pick_size(rng: random.Random) -> tuple[int, int]:
    """A source size."""
    return rng.choices([s for s, _ in SIZES], [w for _, w in SIZES])[0]


def slot_labels(picture: Picture, size, grid, readable: float):
    """Per visual token of a grid (rows, columns): a character class per slot, and the class of the shape at its centre.

    Characters of a cap height (in this image's pixels) under `readable` have no label (-1).
    """
    rows, columns = grid
    labels = np.full((rows * columns, SLOTS_X * SLOTS_Y), NO_CHARACTER, np.int8)
    scale_x, scale_y = columns * 28 / size[0], rows * 28 / size[1]
    if picture.characters:
        a = np.array(picture.characters, np.float32)
        x = np.clip(a[:, 0] * scale_x, 0, columns * 28 - 1).astype(int)
        y = np.clip(a[:, 1] * scale_y, 0, rows * 28 - 1).astype(int)
        at = (y // 28 * columns + x // 28) * (SLOTS_X * SLOTS_Y) + y % 28 // (28 // SLOTS_Y) * SLOTS_X + x % 28 // (28 // SLOTS_X)
        flat = labels.reshape(-1)
        flat[at] = a[:, 2].astype(np.int8)
        unique, count = np.unique(at, return_counts=True)
        flat[unique[count > 1]] = -1
        flat[at[a[:, 3] * scale_y < readable]] = -1
    cells = np.full((rows, columns), NO_CELL, np.uint8)
    cx, cy = (np.arange(columns) + 0.5) * 28 / scale_x, (np.arange(rows) + 0.5) * 28 / scale_y
    for x0, y0, x1, y1, k in picture.boxes:
        cells[np.ix_((cy > y0) & (cy < y1), (cx > x0) & (cx < x1))] = k
    return labels, cells.reshape(-1)


# Words of answers that name what is seen; all others are read letter by letter.
NAMED = {w for text in (*COLOURS, *SHAPES, *DIRECTIONS, UNANSWERABLE, "yes no top bottom middle center") for w in text.split()}


def answer_ids(rng, question: Question, after_call: bool):
    """(thought and tags, answer, end) of a direct answer."""
    phrase = protocol.FULL if after_call else protocol.CLEAR
    read = not all(w in NAMED for w in question.answer.split())
    return protocol.answer_parts(rng.choice(phrase) + (" " + question.thought if question.thought else ""), question.answer, read)


def add_answer(row: Row, rng, question: Question, after_call: bool, weight: float, group: int):
    """The model's turn with a direct answer: loss on everything, the answer marked."""
    before, answer, after = answer_ids(rng, question, after_call)
    row.add(before, TEXT, weight, group)
    row.add(answer, ANSWER, weight, group)
    row.add(after, TEXT, weight, group)


GUESS_WEIGHT = 0.1  # loss weight of answers that half resolution cannot know: the baseline must still try
CALL_WEIGHT = 1.5  # loss weight of answers after a call: two a picture, where the full image alone has five
ABSENT_WEIGHT = 2.0  # the same for what is not there: a tenth of the pictures have such a question
ABSENT_SHARE = 0.7  # of the call rows of these pictures ask it: chosen as often as any other, it was never learnt after a call


def called_questions(questions: list[Question], rng: random.Random) -> tuple[Question, Question]:
    """What the two call rows ask: hard questions where there are any, what is not there among them, and something that is."""
    hard = [q for q in questions if q.hard]
    absent = [q for q in hard if q.answer == UNANSWERABLE]
    present = [q for q in hard if q.answer != UNANSWERABLE] or questions
    first = rng.choice(absent) if absent and rng.random() < ABSENT_SHARE else rng.choice(present if rng.random() < 0.85 else questions)
    others = [q for q in present if q is not first] or questions
    return first, rng.choice(others)


def rows_of(picture: Picture, half, full, rng: random.Random):
    """The rows of a picture for its grids at half and full resolution, by kind."""
    questions = list(picture.questions)
    rng.shuffle(questions)
    questions = questions[:5]
    out = {}
    for name, grid in (("half", half), ("full", full)):
        row = Row()
        row.add(protocol.prompt_before_image(name == "full" and rng.random() < 0.15))
        row.image(grid)
        for i, q in enumerate(questions):
            row.fork()
            row.add(protocol.prompt_after_image(q.text))
            add_answer(row, rng, q, False, GUESS_WEIGHT if name == "half" and q.hard else 1.0, i)
        out[name] = row
    row = Row()
    row.add(protocol.prompt_before_image(True))
    row.image(half)
    for i, q in enumerate(questions[:4]):
        row.fork()
        row.add(protocol.prompt_after_image(q.text))
        add_answer(row, rng, q, False, 1.0, 2 * i)
        row.fork()
        row.add(protocol.prompt_after_image(q.text))
        row.add(protocol.call_ids(rng), TEXT, 1.0, 2 * i + 1)
    out["decide"] = row
    for name, q in zip(("call", "call2"), called_questions(questions, rng)):
        row = Row()
        row.add(protocol.prompt_before_image(True))
        row.image(half)
        row.add(protocol.prompt_after_image(q.text))
        row.add(protocol.call_ids(rng))
        row.add(protocol.tool_turn_before_image())
        row.image(full)
        row.add(protocol.tool_turn_after_image(q.text))
        add_answer(row, rng, q, True, ABSENT_WEIGHT if q.answer == UNANSWERABLE else CALL_WEIGHT, 0)
        out[name] = row
    return out, questions


def pack(rows: list[Row]) -> dict:
    """Rows of one kind -> padded arrays: ids, positions (3, R, L), segment, kind, weight, group."""
    L = -(-max(len(r.ids) for r in rows) // 32) * 32
    n = len(rows)
    out = {"ids": np.zeros((n, L), np.int16), "segment": np.full((n, L), 127, np.int8), "kind": np.zeros((n, L), np.int8),
           "weight": np.zeros((n, L), np.float16), "group": np.full((n, L), -1, np.int8), "positions": np.zeros((3, n, L), np.int16)}
    for i, r in enumerate(rows):
        k = len(r.ids)
        for name in ("ids", "segment", "kind", "weight", "group"):
            out[name][i, :k] = getattr(r, name)
        out["positions"][:, i, :k] = np.array(r.positions, np.int16).T
    return out


BYTES = LONGEST * LONGEST * 3 * 56


def slab_size(size) -> int:
    """How many pictures of this size make one slab: about the same number of pixels each."""
    return max(32, min(192, round(128 * 470 * 470 / (size[0] * size[1]) / 8) * 8))


def make_slab(rng: random.Random, buffer, hard_share: float, size=None, n=None, for_rollouts=False) -> dict:
    """Renders one slab into the buffer and returns everything else about it."""
    size = size or pick_size(rng)
    n = n or slab_size(size)
    images = np.frombuffer(buffer, np.uint8, n * size[0] * size[1] * 3).reshape(n, size[1], size[0], 3)
    full = tuple(s // 28 for s in smart_size(size[1], size[0]))
    half = tuple(s // 28 for s in smart_size(size[1] // 2, size[0] // 2))
    rows = {kind: [] for kind in ("half", "full", "decide", "call", "call2")}
    labels = {"full_characters": [], "half_characters": [], "full_cells": [], "half_cells": []}
    chosen = []
    hard_flags = []
    for i in range(n):
        while True:
            try:
                picture = render(rng, "train", size, rng.random() < hard_share)
            except ValueError:
                continue
            if picture.questions:
                break
        images[i] = np.asarray(picture.image)
        if for_rollouts:
            want = rng.random() < 0.5
            pool = [q for q in picture.questions if q.hard == want] or picture.questions
            q = rng.choice(pool)
            chosen.append((q.text, q.answer, q.detail, picture.family))
            continue
        r, questions = rows_of(picture, half, full, rng)
        for name, row in r.items():
            rows[name].append(row)
        hard_flags.append([q.hard for q in questions[:4]] + [False] * (4 - len(questions[:4])))
        for name, grid, scale in (("full", full, 1), ("half", half, 2)):
            characters, cells = slot_labels(picture, size, grid, 6.0)
            labels[name + "_characters"].append(characters)
            labels[name + "_cells"].append(cells)
    out = {"n": n, "size": size, "half": half, "full": full, "questions": chosen}
    if not for_rollouts:
        out |= {"rows": {k: pack(v) for k, v in rows.items()}, "labels": {k: np.stack(v) for k, v in labels.items()},
                "hard": np.array(hard_flags)}
    return out


def _worker(number, seed, buffers, free, ready, hard_share, for_rollouts):
    os.nice(5)
    rng = random.Random(f"train-{seed}-{number}")
    sizes = [s for s in SIZES if s[0][0] * s[0][1] <= 560 * 400] if for_rollouts else None
    while True:
        slot = free.get()
        size = rng.choices([s for s, _ in sizes], [w for _, w in sizes])[0] if sizes else None
        while True:
            try:
                slab = make_slab(rng, buffers[slot], hard_share.value, size, 32 if for_rollouts else None, for_rollouts)
                break
            except Exception:  # one picture must not stop a training run; the log shows what to mend
                traceback.print_exc()
        ready.put((slot, slab))


class Loader:
    """Rendering processes (started before CUDA is) and a thread that moves their slabs to the device."""

    def __init__(self, workers: int, seed: int, hard_share: float, for_rollouts=False):
        context = multiprocessing.get_context("fork")
        self.hard_share = context.Value("d", hard_share)
        self.buffers = [mmap.mmap(-1, BYTES) for _ in range(workers * 2 + 8)]
        self.free, self.ready = context.Queue(), context.Queue()
        for i in range(len(self.buffers)):
            self.free.put(i)
        assets()
        self.processes = [context.Process(target=_worker, args=(w, seed, self.buffers, self.free, self.ready, self.hard_share, for_rollouts), daemon=True)
                          for w in range(workers)]
        for p in self.processes:
            p.start()
        self.seen = 0

    def batches(self, device: str, depth: int = 3):
        """Slabs with their images and rows as tensors on the device, for ever."""
        import torch
        out: queue.Queue = queue.Queue(depth)
        cuda = device != "cpu"

        def run():
            stream = torch.cuda.Stream(device) if cuda else None
            while True:
                slot, slab = self.ready.get()
                w, h = slab["size"]
                images = torch.from_numpy(np.frombuffer(self.buffers[slot], np.uint8, slab["n"] * w * h * 3).reshape(slab["n"], h, w, 3))

                def move():
                    slab["images"] = images.to(device, copy=True)
                    if "rows" in slab:
                        slab["rows"] = {k: {m: torch.from_numpy(a).to(device) for m, a in v.items()} for k, v in slab["rows"].items()}
                        slab["hard"] = torch.from_numpy(slab["hard"]).to(device)
                        slab["labels"] = {k: torch.from_numpy(a).to(device) for k, a in slab["labels"].items()}
                if cuda:
                    with torch.cuda.stream(stream):
                        move()
                    stream.synchronize()
                else:
                    move()
                self.free.put(slot)
                self.seen += slab["n"]
                out.put(slab)
        threading.Thread(target=run, daemon=True).start()
        while True:
            yield out.get()

    def stop(self):
        """Ends the rendering processes."""
        for p in self.processes:
            p.terminate()
