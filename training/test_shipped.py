"""Tests of the weights rebuilt from the bundled model: `python -m unittest discover training`."""

import json
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from nano import evaluate, generate, shipped
from nano.compact import compact
from nano.model import Model, prepare

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "test" / "golden" / "nano"


class ShippedTest(unittest.TestCase):
    def setUp(self):
        self.weights = shipped.weights(str(ROOT / "public" / "models" / "visionthink-nano"))

    def test_every_parameter_is_there_in_its_shape(self):
        model = Model()
        self.assertEqual({n: model.get(n).shape for n in model.names}, {n: w.shape for n, w in self.weights.items()})

    def test_the_model_answers_as_the_reference_with_one_scale_a_row(self):
        small = compact(self.weights)
        model = Model().requires_grad_(False)
        model.load(
            {
                n: w.float() * small[n + ":scale"].view(-1, *[1] * (w.ndim - 1)) if n + ":scale" in small else w.float()
                for n, w in small.items()
                if ":" not in n
            }
        )
        for line in (GOLDEN / "questions.jsonl").read_text().splitlines()[:4]:
            q = json.loads(line)
            image = Image.open(GOLDEN / q["image"]).convert("RGB")
            with torch.no_grad():
                full, half = prepare(torch.from_numpy(np.array(image))[None], torch.float32)
                (turn,) = generate.turns(
                    model, model.vision(half), model.vision(full), evaluate.grids(image.size), [q["question"]], 1, 0.0, torch.float32
                )
            self.assertEqual(turn.texts, q["reference"]["rounds"])


if __name__ == "__main__":
    unittest.main()
