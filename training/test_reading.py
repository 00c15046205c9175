"""Tests of the reading stage, without the asset pack: `python -m unittest discover training`."""

import random
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

from nano import parts, read_evaluate, read_model, read_step, reading
from nano.canvas import UNANSWERABLE
from nano.model import Model
from nano.optimizer import Optimizer
from nano.reading_tasks import Page, long_task, short_task

LINES = [["ACME Market"], ["12 Main Street"], ["Milk", "1.20"], ["Brown bread", "3.50"], ["Total", "4.70"], ["Thank you, come again"]]


class TasksTest(unittest.TestCase):
    def setUp(self):
        self.page = Page(LINES)

    def test_pieces_of_a_line_are_joined_by_spaces_and_lines_by_breaks(self):
        self.assertEqual(self.page.text.split("\n")[2:4], ["Milk 1.20", "Brown bread 3.50"])

    def test_anchors_stand_once(self):
        self.assertTrue(self.page.once("Brown bread"))
        self.assertFalse(Page([["a b"], ["a c"]]).once("a"))
        self.assertFalse(Page([["bread"], ["breadth"]]).once("bread"))  # also inside a word

    def test_short_answers_stand_on_the_page_and_on_one_line(self):
        rng = random.Random(1)
        tasks = [t for t in (short_task(self.page, rng, "Zebra") for _ in range(600)) if t]
        self.assertGreater(len(tasks), 200)
        for t in tasks:
            self.assertTrue(t.answer == UNANSWERABLE or any(t.answer in line for line in self.page.lines), t)
        self.assertTrue(any(t.answer == UNANSWERABLE and "Zebra" in t.question for t in tasks))
        self.assertTrue(any(t.answer == "3.50" and "Brown bread" in t.question for t in tasks))

    def test_what_stands_on_the_page_is_never_called_absent(self):
        rng = random.Random(2)
        for _ in range(600):
            t = short_task(self.page, rng, "milk")
            self.assertFalse(t and t.answer == UNANSWERABLE)

    def test_long_tasks_end_where_the_text_ends_or_say_that_they_are_cut(self):
        rng = random.Random(3)
        for limit in (20, 1000):
            for _ in range(200):
                t = long_task(self.page, rng, limit)
                self.assertLessEqual(len(t.answer), limit)
                if t.whole:
                    self.assertTrue(self.page.text.endswith(t.answer))
                else:
                    self.assertIn(t.answer, self.page.text)


class EvaluationTest(unittest.TestCase):
    def test_distance(self):
        for a, b, d in (("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("abc", "abc", 0), ("flaw", "lawn", 2)):
            self.assertEqual(read_evaluate.distance(a, b), d)

    def test_distance_is_that_of_the_plain_recursion(self):
        rng = random.Random(4)

        def plain(a, b):
            row = list(range(len(b) + 1))
            for i, x in enumerate(a):
                row, old = [i + 1], row
                for j, y in enumerate(b):
                    row.append(min(old[j + 1] + 1, row[j] + 1, old[j] + (x != y)))
            return row[-1]

        for _ in range(100):
            a, b = ("".join(rng.choices("abc ", k=rng.randint(0, 12))) for _ in range(2))
            self.assertEqual(read_evaluate.distance(a, b), plain(a, b))

    def test_spaces_and_breaks_count_the_same_and_words_are_counted_with_their_number(self):
        self.assertEqual(read_evaluate.compare("a  b\nb", "a b b"), {"characters": 5, "wrong": 0, "words": 3, "found": 3})
        self.assertEqual(read_evaluate.compare("a b", "a b b")["found"], 2)


class ModelTest(unittest.TestCase):
    def test_branches_see_the_start_and_their_own_past_only(self):
        torch.manual_seed(0)
        model = Model(read_model.SIZES["tiny"]).requires_grad_(False)
        visual, grid = torch.randn(2, 6, 64), (2, 3)
        ids = torch.randint(0, 900, (4, 8))
        (one,) = read_model.branches(model, visual, grid, [ids])
        changed = ids.clone()
        changed[:, 5:] = 7
        changed[1] = 9  # another branch
        (two,) = read_model.branches(model, visual, grid, [changed])
        torch.testing.assert_close(one[0, :5], two[0, :5])
        torch.testing.assert_close(one[2:, :5], two[2:, :5])
        (other,) = read_model.branches(model, visual.flip(0), grid, [ids])
        self.assertGreater(float((one - other).abs().max()), 1e-3)

    def test_a_step_adds_the_gradients_of_the_losses_as_torch_computes_them(self):
        torch.manual_seed(0)
        model = Model(read_model.SIZES["tiny"])
        slab = read_step.example((56, 84), 0, "cpu")
        slab["labels"][:, ::3] = reading.NONE
        slab["labels"][:, 1::5] = -1
        optimizer = Optimizer(model, 1e-3, 1e-3)

        class Options:
            noise, auxiliary, slabs = 0.0, 0.3, 2

        stepper = read_step.Stepper(model, optimizer, torch.float32, Options, False)
        stepper.add(slab)
        stepper.add(slab)
        found = [p.grad.clone() for p in optimizer.parameters]
        for p in optimizer.parameters:
            p.grad = None
        c = model.c
        visual = model.vision(read_model.normalised(slab["images"], torch.float32))
        head = model.auxiliary_characters(visual).view(-1, c.characters)
        weights = torch.ones(c.characters)
        weights[-1] = 0.05
        loss = 0.3 * torch.nn.functional.cross_entropy(head, slab["labels"].view(-1).long(), weight=weights, ignore_index=-1)
        groups = [slab[g] for g in ("long", "short")]
        hidden = read_model.branches(model, visual, slab["grid"], [g["ids"].long() for g in groups])
        logits = torch.cat([model.logits(h[:, :-1]).reshape(-1, c.vocab) for h in hidden])
        (loss + torch.nn.functional.cross_entropy(logits, torch.cat([g["target"][:, 1:].reshape(-1) for g in groups]).long(), ignore_index=-1)).backward()
        for p, g in zip(optimizer.parameters, found):
            torch.testing.assert_close(torch.zeros_like(g) if p.grad is None else p.grad, g, rtol=1e-3, atol=1e-6)
        means = stepper.take()
        self.assertEqual(set(means), {k for k in read_step.SUMS if k[:5] not in ("level", "full_", "half_") or k == "level0_right"})
        self.assertEqual(stepper.take(), {})
        optimizer.step(1.0)
        self.assertEqual(max(float(p.grad.abs().max()) for p in optimizer.parameters), 0.0)

    def test_rows_keep_their_own_tokens_as_targets_and_are_cut_at_the_length(self):
        packed = reading.pack([([5, 6, 7, 8], 2), ([9, 9, 9, 9, 9, 9, 9], 1)], 6)
        self.assertEqual(packed["ids"].tolist(), [[5, 6, 7, 8, 0, 0], [9] * 6])
        self.assertEqual(packed["target"].tolist(), [[-1, -1, 7, 8, -1, -1], [-1, 9, 9, 9, 9, 9]])

    def test_a_misleading_past_leaves_targets_questions_and_breaks_alone(self):
        rows = [([9, 9, 9] + reading.spell("Some words here\nand there " * 20), 3) for _ in range(60)]
        packed = reading.pack(rows, 600)
        ids, target = packed["ids"].copy(), packed["target"].copy()
        reading.mislead(packed, random.Random(5))
        changed = packed["ids"] != ids
        np.testing.assert_array_equal(packed["target"], target)
        self.assertTrue(0.003 < changed[target >= 0].mean() < 0.03)
        self.assertFalse(changed[target < 0].any())
        self.assertTrue(np.isin(ids[changed], reading.spell("Somewrdshant")).all())

    def test_a_checkpoint_survives_being_cut_and_joined(self):
        torch.manual_seed(0)
        model = Model(read_model.SIZES["tiny"])
        optimizer = Optimizer(model, 1e-3, 1e-3)
        for p in optimizer.parameters:
            p.grad = torch.randn_like(p)
        optimizer.step(1.0)
        state = {"size": "tiny", "model": model.state_dict(), "optimizer": optimizer.state(), "step": 3, "pages": 70, "seconds": 1.5}
        with tempfile.TemporaryDirectory() as folder:
            data = {}
            for what in ("int8", "weights", "momentum"):
                whole = parts.serialised(state, what)
                parts.PART, size = 300_000, parts.PART
                try:
                    files = [str(Path(folder) / f) for first in (0, 2) for f in parts.cut(whole, what, Path(folder), first, 2 if first == 0 else 99)]
                finally:
                    parts.PART = size
                self.assertGreater(len(files), 1)
                data[what] = parts.join(files[::-1])
                self.assertEqual(data[what], whole)
                with self.assertRaises(ValueError):
                    parts.join(files[1:])
        for what, tolerance in (("weights", 4e-3), ("int8", 1e-2)):
            again = parts.checkpoint_of(data[what], data["momentum"])
            self.assertEqual((again["size"], again["step"], again["pages"]), ("tiny", 3, 70))
            for name, w in state["model"].items():
                np.testing.assert_allclose(again["model"][name], w, atol=tolerance * float(w.abs().max() + 1e-9))
            restored = Optimizer(Model(read_model.SIZES["tiny"]), 1e-3, 1e-3)
            restored.restore(again["optimizer"])
            for s, b in optimizer.buffers.items():
                torch.testing.assert_close(restored.buffers[s], b, rtol=1e-2, atol=1e-4)


if __name__ == "__main__":
    unittest.main()
