"""The VisionThink protocol with this model's short prompts: token rows, outputs as they should be, and the parser of what comes out.

`PROMPTS` is what prompts.json of the checkpoint holds; the engine reads it from there.
"""

import json
import random
import re
from dataclasses import dataclass

from .tokenizer import Tokenizer

PROMPTS = {
    "image_placeholder": "<|vision_start|><|image_pad|><|vision_end|>",
    "note": "Prompts of visionthink-nano: VisionThink's, shortened. Same keys.",
    "efficient": {
        "system": "You may call resize_image.",
        "system_without_tool": None,
        "user_template": "{image}{question}",
        "tool_response_turn_prefix": "\n<|im_start|>user\n",
        "tool_response_turn_per_image": "{image}",
        "tool_response_turn_suffix": "Here is the full image.<|im_end|>\n<|im_start|>assistant\n",
    },
}
# What the model notes first: enough seen, too small, seen after the call. Evidence may follow after a space.
CLEAR, TOO_SMALL, FULL = ("Clear.",), ("Too small.",), ("Now clear.",)
CALL = '{"name": "resize_image", "arguments": {"action": "resize"}}'

tokenizer = Tokenizer()
IMAGE_PAD, IM_END = tokenizer.image_pad, tokenizer.im_end
encode, decode = tokenizer.encode, tokenizer.decode
_P = PROMPTS["efficient"]
_BEFORE, _AFTER = PROMPTS["image_placeholder"].split("<|image_pad|>")


def prompt_before_image(tool: bool) -> list[int]:
    """From the start to the first image's tokens."""
    system = _P["system"] if tool else _P["system_without_tool"]
    turn = f"<|im_start|>system\n{system}<|im_end|>\n" if system is not None else ""
    return encode(f"{turn}<|im_start|>user\n{_BEFORE}")


def prompt_after_image(question: str) -> list[int]:
    """From the image to where the model begins."""
    return encode(f"{_AFTER}{question}<|im_end|>\n<|im_start|>assistant\n")


def tool_turn_before_image() -> list[int]:
    """From the model's im_end to the full image's tokens."""
    return encode(_P["tool_response_turn_prefix"] + _BEFORE)


def tool_turn_after_image() -> list[int]:
    """From the full image to where the model begins again."""
    return encode(_AFTER + _P["tool_response_turn_suffix"])


def answer_parts(thought: str, answer: str) -> tuple[list[int], list[int], list[int]]:
    """A direct answer in three pieces, so that the answer's tokens are its own."""
    return encode(f"<think>{thought}</think><answer>"), encode(answer), encode("</answer>") + [IM_END]


def call_ids(rng: random.Random) -> list[int]:
    """A tool call."""
    return encode(f"<think>{rng.choice(TOO_SMALL)}</think><tool_call>{CALL}</tool_call>") + [IM_END]


@dataclass
class Round:
    """What one round's text holds. valid: tags and JSON are right. called: it holds a call that counts."""
    valid: bool
    called: bool
    answer: str | None


_CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.S)
_DIRECT = re.compile(r"<think>((?!</?(?:think|answer|tool_call)>).)*</think>\s*<answer>((?!</?(?:think|answer|tool_call)>).)*</answer>", re.S)
_WITH_CALL = re.compile(r"<think>((?!</?(?:think|answer|tool_call)>).)*</think>\s*<tool_call>((?!</?(?:think|answer|tool_call)>).)*</tool_call>", re.S)


def parse_round(text: str) -> Round:
    """Parses a round's text, im_end included when the model produced it (without it the round is not valid)."""
    ended = text.endswith("<|im_end|>")
    text = text.removesuffix("<|im_end|>").strip()
    calls = _CALL.findall(text)
    if calls:
        try:
            call = json.loads(calls[0])
            called = len(calls) == 1 and call["arguments"]["action"] == "resize"
        except (ValueError, KeyError, TypeError):
            called = False
        return Round(ended and called and _WITH_CALL.fullmatch(text) is not None, called, None)
    answer = text.split("</answer>")[0].split("<answer>")[-1].strip()
    return Round(ended and _DIRECT.fullmatch(text) is not None, False, answer)
