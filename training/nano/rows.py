"""Token rows with explicit positions."""

from . import protocol

# Kinds of tokens in a row: no loss, the model's own text (thought, tags), its answer.
NONE, TEXT, ANSWER = 0, 1, 2


class Row:
    """Tokens of one row with their M-RoPE positions, segments, loss kinds, weights and the branch each belongs to."""

    def __init__(self):
        self.ids, self.segment, self.kind, self.weight, self.group = [], [], [], [], []
        self.positions: list[tuple[int, int, int]] = []
        self.next = 0
        self.branch = 0
        self.start = 0

    def add(self, ids, kind=NONE, weight=1.0, group=-1):
        """Appends text."""
        n = len(ids)
        self.ids += ids
        self.positions += [(p, p, p) for p in range(self.next, self.next + n)]
        self.next += n
        self.segment += [self.branch] * n
        self.kind += [kind] * n
        self.weight += [weight] * n
        self.group += [group] * n

    def image(self, grid):
        """Appends an image's visual tokens."""
        rows, columns = grid
        n, p = rows * columns, self.next
        self.ids += [protocol.IMAGE_PAD] * n
        self.positions += [(p, p + i // columns, p + i % columns) for i in range(n)]
        self.next = p + max(rows, columns)
        self.segment += [self.branch] * n
        self.kind += [NONE] * n
        self.weight += [0.0] * n
        self.group += [-1] * n

    def fork(self):
        """Starts a branch where the common start ended."""
        if self.branch == 0:
            self.start = self.next
        self.branch += 1
        self.next = self.start
