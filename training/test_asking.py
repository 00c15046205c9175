"""Tests of the question stage, without the asset pack: `python -m unittest discover training`."""

import random
import re
import unittest

import numpy as np
import torch
from PIL import Image

from nano import ask_evaluate, ask_model, asking, facts, phrasings, read_model, read_step, reading
from nano.canvas import UNANSWERABLE
from nano.facts import Fact
from nano.model import Model, smart_size
from nano.optimizer import Optimizer
from nano.pages import scene
from nano.reading_tasks import Page

LINES = [["Home", "Offers", "Contact us"], ["Name", "Price", "Stock"], ["Bread", "$3.50", "12"], ["Milk", "$1.20", "7"], ["Total:", "$4.70"]]


class PhrasingsTest(unittest.TestCase):
    def test_there_are_1500_even_when_openings_and_ends_that_only_vary_count_once(self):
        whole = {kind: {phrasings.plain(t) for p in phrasings.of_kind(kind) for t in p} for kind in phrasings.PATTERNS}
        self.assertGreaterEqual(sum(map(len, whole.values())), 1500)
        opening, end = (
            re.compile(p)
            for p in (r"^(what is|what s|tell me|give me|find|show me|i need|which is) ", r" (here|in the image|on this page|in this picture)$")
        )
        less = {kind: {end.sub("", opening.sub("", t)) for t in texts} for kind, texts in whole.items()}
        self.assertGreaterEqual(sum(map(len, less.values())), 1500)

    def test_those_of_tests_are_never_trained_on_and_every_kind_has_both(self):
        for kind in phrasings.PATTERNS:
            test, train = ({phrasings.plain(t) for p in phrasings.of_split(kind, split) for t in p} for split in ("test", "train"))
            self.assertTrue(test and train, kind)
            self.assertFalse(test & train, kind)

    def test_a_pattern_stands_for_all_its_alternatives(self):
        self.assertEqual(set(phrasings.expand("[a|b [c|d]|]e")), {"ae", "b ce", "b de", "e"})

    def test_every_phrasing_names_what_its_facts_name(self):
        for kind in phrasings.PATTERNS:
            slots = [set(re.findall(r"<.>", t)) for p in phrasings.of_kind(kind) for t in p]
            self.assertTrue(all(s == slots[0] for s in slots), kind)

    def test_typing_keeps_the_slots(self):
        rng = random.Random(1)
        for kind in phrasings.PATTERNS:
            for _ in range(60):
                text = phrasings.phrasing(kind, "train", rng)
                self.assertEqual(sorted(re.findall(r"<.>", phrasings.typed(text, rng))), sorted(re.findall(r"<.>", text)))


class FactsTest(unittest.TestCase):
    def setUp(self):
        self.page = Page(LINES)
        self.facts = facts.table(LINES[1], LINES[2:4]) + facts.row_of_texts("menu", LINES[0]) + facts.pair("Total:", "$4.70")

    def test_what_stands_once_can_be_asked_and_what_does_not_cannot(self):
        asked = facts.Asked(self.page, [*self.facts, *facts.pair("Tax", "$0.40"), Fact("cell", "12", ("Bread", "Weight"))])
        self.assertIn(Fact("cell", "$1.20", ("Milk", "Price")), asked.facts)
        self.assertIn(Fact("right_of", "Contact us", ("Offers",)), asked.facts)
        self.assertFalse(any("Tax" in f.names or "Weight" in f.names for f in asked.facts))
        self.assertFalse(facts.shown(Page([*LINES, ["Milk"]]), Fact("cell", "$1.20", ("Milk", "Price"))))  # which milk?

    def test_a_question_with_two_answers_is_not_asked(self):
        asked = facts.Asked(self.page, [Fact("title", "Home"), Fact("title", "Milk")])
        self.assertNotIn("title", asked.kinds)

    def test_neighbours_must_have_been_drawn_beside_one_another(self):
        self.assertFalse(facts.shown(Page([["Home"], ["Offers"]]), Fact("right_of", "Offers", ("Home",))))

    def test_answers_stand_on_the_page_or_are_yes_no_or_that_it_is_not_there(self):
        rng = random.Random(2)
        asked = facts.Asked(self.page, self.facts)
        others = facts.pair("Delivery address", "12 Long Road") + facts.pair("Zebra crossing", "9")
        found = [q for q in (asked.question(others, "train", rng) for _ in range(1500)) if q]
        self.assertGreater(len(found), 1000)
        for kind, task in found:
            self.assertTrue(task.answer in ("yes", "no", UNANSWERABLE) or task.answer in self.page.flat, task)
            self.assertNotRegex(task.question, r"<[12n]>")
            if task.answer == UNANSWERABLE:
                self.assertEqual(kind, "absent")
                self.assertTrue(re.search("delivery address|zebra crossing|12 long road|mail|url|link|web|per ?cent", task.question.lower()), task)
        share = sum(task.answer == UNANSWERABLE for _, task in found) / len(found)
        self.assertTrue(0.03 < share < 0.12, share)
        self.assertTrue(any(t.answer == "$3.50" and "bread" in t.question.lower() for _, t in found))

    def test_the_only_one_of_its_kind_is_asked_for_without_a_name(self):
        page = Page([["Write to ann@example.org"], ["Open from 9:30"], ["or 14:00"]])
        self.assertEqual([f.answer for f in facts.unique(page)], ["ann@example.org"])


class ViewsTest(unittest.TestCase):
    def test_the_half_is_pillows(self):
        rng = np.random.default_rng(3)
        w, h = 448, 336
        image = np.asarray(Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize((w, h), Image.Resampling.BICUBIC))
        slab = {"images": torch.from_numpy(image.copy())[None], "half_grid": asking.half_grid((w, h))}
        _, half = ask_model.views(slab, torch.float32)
        mean, std = read_model.statistics(half.device)
        rows, columns = (28 * n for n in slab["half_grid"])
        self.assertEqual((rows, columns), smart_size(h // 2, w // 2))
        expected = Image.fromarray(image).resize((w // 2, h // 2), Image.Resampling.LANCZOS).resize((columns, rows), Image.Resampling.BICUBIC)
        apart = (half * std + mean)[0].permute(1, 2, 0) - torch.from_numpy(np.array(expected)).float()
        self.assertLess(float(apart.abs().max()), 2.1)  # each of four passes rounds
        self.assertLess(float(apart.abs().mean()), 0.1)

    def test_sizes_have_whole_tokens_at_the_half(self):
        for size in (s for sizes in asking.SIZES for s in sizes):
            self.assertEqual(asking.half_grid(size), (size[1] // 56, size[0] // 56))

    def test_both_views_are_computed_as_each_alone_and_guesses_weigh_less(self):
        torch.manual_seed(0)
        model = Model(read_model.SIZES["tiny"])
        saved, reading.LEAST = reading.LEAST, 2
        reading.set_slab(100_000)
        try:
            slab = read_step.example_of_questions((112, 112), "cpu")
        finally:
            reading.LEAST = saved
            reading.set_slab(16_000_000)
        slab["half_weight"][::2] = asking.GUESS
        out = ask_model.forward(model, slab, torch.float32)
        target = slab["asked"]["target"][:, 1:].long()
        sums = []
        for image, grid in zip(ask_model.views(slab, torch.float32), (slab["grid"], slab["half_grid"])):
            (hidden,) = read_model.branches(model, model.vision(image), grid, [slab["asked"]["ids"].long()])
            each = torch.nn.functional.cross_entropy(model.logits(hidden[:, :-1]).transpose(1, 2), target, reduction="none", ignore_index=-1)
            sums.append(each)
        weight, own = slab["half_weight"][:, None], target >= 0
        loss = (sums[0].sum() + (sums[1] * weight).sum()) / (own.sum() + (own * weight).sum())
        torch.testing.assert_close(out["loss"], loss, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(out["half"][0], sums[1].sum(), rtol=1e-4, atol=1e-3)

        class Options:
            noise, auxiliary, slabs = 0.0, 0.3, 1

        stepper = read_step.Stepper(model, Optimizer(model, 1e-3, 1e-3), torch.float32, Options, False)
        stepper.add(slab)
        self.assertEqual({k for k in stepper.take() if "right" in k}, {"full_right", "half_right"})


class SceneTest(unittest.TestCase):
    def test_corners_of_a_sign_go_where_they_should(self):
        corners = [(10.0, 12.0), (90.0, 5.0), (95.0, 70.0), (4.0, 60.0)]
        to = scene.homography(corners, (50, 40))
        np.testing.assert_allclose(scene.mapped(np.array([[0, 0], [50, 0], [50, 40], [0, 40]], float), to), corners, atol=1e-6)


class EvaluationTest(unittest.TestCase):
    def test_summaries_count_what_is_right_and_what_is_said_not_to_be_there(self):
        base = {"source": "table", "kind": "cell", "letters": "readable at the half", "question": "?", "full_valid": True, "half_valid": False}
        records = [
            base | {"answer": "$3.50", "full": "$3.50", "half": UNANSWERABLE},
            base | {"answer": UNANSWERABLE, "kind": "absent", "full": "Not in the image.", "half": "7"},
        ]
        s = ask_evaluate.summary(records)
        self.assertEqual((s["full"], s["half"]), (1.0, 0.0))
        self.assertEqual(s["absent_said"], {"full": 1.0, "half": 0.0})
        self.assertEqual(s["absent_said_wrongly"], {"full": 0.0, "half": 1.0})
        self.assertEqual(s["by_kind"]["cell"], {"n": 1, "full": 1.0, "half": 0.0})
        self.assertEqual(s["malformed"], {"full": 0.0, "half": 1.0})


if __name__ == "__main__":
    unittest.main()
