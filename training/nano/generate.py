"""Batched sampling with a key/value cache, and the two rounds of the protocol on top of it."""

from dataclasses import dataclass, field

import numpy as np
import torch

from . import protocol
from .rows import Row
from .model import Model

MAX_NEW = 112  # tokens a round; the longest legitimate output is well below
ROWS, LENGTH = 128, 128  # decoders are made for multiples of these


class Decoder:
    """Static cache and (on CUDA) a recorded graph of one decode step, for one number of rows and one length."""

    def __init__(self, model: Model, rows: int, length: int, device: str, dtype):
        c = model.c
        self.model, self.rows, self.length = model, rows, length
        shape = (rows, c.kv_heads, length, c.head_dim)
        self.keys = [torch.zeros(shape, device=device, dtype=dtype) for _ in range(c.text_layers)]
        self.values = [torch.zeros(shape, device=device, dtype=dtype) for _ in range(c.text_layers)]
        self.ids, self.position, self.at = (torch.zeros(rows, dtype=torch.long, device=device) for _ in range(3))
        self.slots = torch.arange(length, device=device)
        self.zero, self.never = torch.zeros((), device=device, dtype=dtype), torch.full((), -1e9, device=device, dtype=dtype)
        self.graph = None
        if device != "cpu":
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(2):
                    self._run()
            torch.cuda.current_stream().wait_stream(side)
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
                self.out = self._run()

    def _run(self):
        mask = torch.where(self.slots[None] <= self.at[:, None], self.zero, self.never)[:, None, None]
        logits = self.model.step(self.ids, self.position, self.keys, self.values, self.at, mask).float()
        self.at += 1
        self.position += 1
        return logits

    def step(self, ids):
        """Takes the last tokens, returns the next logits."""
        self.ids.copy_(ids)
        if self.graph is None:
            return self._run()
        self.graph.replay()
        return self.out


_decoders: dict = {}


def up(n: int, to: int) -> int:
    """n rounded up to a multiple."""
    return -(-n // to) * to


def pad_rows(rows: list[Row], device: str):
    """Rows (without branches) -> ids (R, L), positions (3, R, L), lengths, next positions."""
    L = up(max(len(r.ids) for r in rows), 32)
    ids = np.zeros((len(rows), L), np.int64)
    positions = np.zeros((3, len(rows), L), np.int64)
    for i, r in enumerate(rows):
        ids[i, :len(r.ids)] = r.ids
        positions[:, i, :len(r.ids)] = np.array(r.positions).T
    lengths = torch.tensor([len(r.ids) for r in rows], device=device)
    following = torch.tensor([r.next for r in rows], device=device)
    return torch.from_numpy(ids).to(device), torch.from_numpy(positions).to(device), lengths, following


@torch.no_grad()
def generate(model: Model, rows: list[Row], images, copies: list[int], temperature: float, dtype):
    """Continues rows; `images` (R, n, T) are their visual tokens; row i is sampled copies[i] times (temperature 0: greedy).

    Returns a list of token lists in the order of np.repeat(rows, copies), each ended by im_end or cut at MAX_NEW.
    """
    device = images.device.type
    wanted = len(rows)
    ids, positions, lengths, following = pad_rows(rows, device)
    hidden, kept = model.text(model.embed(ids, images, protocol.IMAGE_PAD), positions, cache=True)
    last = model.logits(hidden[torch.arange(wanted, device=device), lengths - 1]).float()
    source = torch.tensor(np.repeat(np.arange(wanted), copies), device=device)
    total = len(source)
    R, L = up(total, ROWS) if device != "cpu" else total, up(ids.shape[1] + MAX_NEW, LENGTH)
    source = torch.cat([source, source[:1].expand(R - total)])
    key = (id(model), R, L, device)
    if key not in _decoders:
        _decoders[key] = Decoder(model, R, L, device, dtype)
    d = _decoders[key]
    n = ids.shape[1]
    for i, (k, v) in enumerate(kept):
        d.keys[i][:, :, :n] = k[source]
        d.values[i][:, :, :n] = v[source]
    d.at.copy_(lengths[source])
    d.position.copy_(following[source])
    logits = last[source]
    out = torch.zeros(R, MAX_NEW, dtype=torch.long, device=device)
    done = torch.zeros(R, dtype=torch.bool, device=device)
    for t in range(MAX_NEW):
        if temperature > 0:
            noise = -torch.log(-torch.log(torch.rand_like(logits).clamp_(1e-10, 1 - 1e-7)))
            token = (logits / temperature + noise).argmax(-1)
        else:
            token = logits.argmax(-1)
        token = torch.where(done, torch.zeros_like(token), token)
        out[:, t] = token
        done |= token == protocol.IM_END
        if t % 6 == 5 and bool(done.all()):
            break
        if t < MAX_NEW - 1:
            logits = d.step(token)
    result = []
    for row in out[:total].cpu().numpy().tolist():
        result.append(row[:row.index(protocol.IM_END) + 1] if protocol.IM_END in row else row)
    return result


@dataclass
class Rollout:
    """One sampled turn: its row (tokens and positions; kind 1 marks the model's own), what it did and said."""
    source: int
    row: Row
    called: bool = False
    valid: bool = False
    answer: str | None = None
    texts: list = field(default_factory=list)


def prompt(question: str, grid, tool: bool) -> Row:
    """A first-round prompt."""
    row = Row()
    row.add(protocol.prompt_before_image(tool))
    row.image(grid)
    row.add(protocol.prompt_after_image(question))
    return row


def copy(row: Row) -> Row:
    """A row that can be continued on its own."""
    other = Row()
    for name in ("ids", "segment", "kind", "weight", "group", "positions"):
        setattr(other, name, list(getattr(row, name)))
    other.next = row.next
    return other


def one_round(model, features, grid, questions, tool: bool, dtype) -> list[Rollout]:
    """Greedy first rounds only: always-half and always-full."""
    rows = [prompt(q, grid, tool) for q in questions]
    out = []
    for i, ids in enumerate(generate(model, rows, features, [1] * len(rows), 0.0, dtype)):
        text = protocol.decode(ids)
        parsed = protocol.parse_round(text)
        out.append(Rollout(i, rows[i], parsed.called, parsed.valid and not parsed.called, parsed.answer, [text]))
    return out


def turns(model, half, full, grids, questions, group: int, temperature: float, dtype) -> list[Rollout]:
    """Whole turns with the tool offered: round 1 on the half image (N, n, T), round 2 on the full one where it was called."""
    rows = [prompt(q, grids[0], True) for q in questions]
    outputs = generate(model, rows, half, [group] * len(rows), temperature, dtype)
    rollouts, again = [], {}
    for k, ids in enumerate(outputs):
        i = k // group
        text = protocol.decode(ids)
        parsed = protocol.parse_round(text)
        row = copy(rows[i])
        row.add(ids, 1)
        r = Rollout(i, row, parsed.called, parsed.valid, parsed.answer, [text])
        if r.called:
            row.add(protocol.tool_turn_before_image())
            row.image(grids[1])
            row.add(protocol.tool_turn_after_image(questions[i]))
            again.setdefault((i, tuple(ids)), []).append(r)
        rollouts.append(r)
    if again:
        firsts = [v[0] for v in again.values()]
        source = torch.tensor([r.source for r in firsts], device=half.device)
        images = torch.cat([half[source], full[source]], 1)
        outputs = generate(model, [r.row for r in firsts], images, [len(v) for v in again.values()], temperature, dtype)
        for r, ids in zip([r for v in again.values() for r in v], outputs):
            text = protocol.decode(ids)
            parsed = protocol.parse_round(text)
            r.row.add(ids, 1)
            r.texts.append(text)
            r.valid = r.valid and parsed.valid and not parsed.called
            r.answer = parsed.answer
    return rollouts
