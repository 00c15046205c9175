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
    "note": "Prompts of visionthink-nano: VisionThink's, shortened; the question is repeated behind the full image. Same keys.",
    "efficient": {
        "system": "You may call resize_image.",
        "system_without_tool": None,
        "user_template": "{image}{question}",
        "tool_response_turn_prefix": "\n<|im_start|>user\n",
        "tool_response_turn_per_image": "{image}",
        "tool_response_turn_suffix": "{question}<|im_end|>\n<|im_start|>assistant\n",
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


def tool_turn_after_image(question: str) -> list[int]:
    """From the full image to where the model begins again."""
    return encode(_AFTER + _P["tool_response_turn_suffix"].replace("{question}", question))


# Words of thoughts that are the model's own; every other word there is read from the picture.
OWN = set("""Clear. Too small. Now clear. The the row reads is in It line comes After Before Below Above Row at tallest longest shortest largest
    highest lowest bar slice point price Second To left right of on""".split())


def thought_ids(thought: str) -> list[int]:
    """A thought: the model's own words as the tokenizer has them, words read from the picture letter by letter."""
    ids, own = [], ""
    for word in re.findall(r" ?[^ ]+", thought):
        if word.strip() in OWN:
            own += word
        else:
            ids += encode(own) + tokenizer.spell(word)
            own = ""
    return ids + encode(own)


def answer_parts(thought: str, answer: str, read: bool) -> tuple[list[int], list[int], list[int]]:
    """A direct answer in three pieces, so that the answer's tokens are its own. read: it is text of the picture, spelt letter by letter."""
    return (encode("<think>") + thought_ids(thought) + encode("</think><answer>"), tokenizer.spell(answer) if read else encode(answer),
            encode("</answer>") + [IM_END])


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
_OBJECT = re.compile(r"\{[^\n]*?\}\}")
_DIRECT = re.compile(r"<think>((?!</?(?:think|answer|tool_call)>).)*</think>\s*<answer>((?!</?(?:think|answer|tool_call)>).)*</answer>", re.S)
_WITH_CALL = re.compile(r"<think>((?!</?(?:think|answer|tool_call)>).)*</think>\s*<tool_call>((?!</?(?:think|answer|tool_call)>).)*</tool_call>", re.S)


def _resizes(content: str) -> bool | None:
    """Whether a JSON text is an object whose arguments.action is resize; None when it is no JSON object."""
    try:
        call = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(call, dict):
        return None
    arguments = call.get("arguments")
    return isinstance(arguments, dict) and arguments.get("action") == "resize"


def call_is_valid(text: str) -> bool | None:
    """The engine's parseToolCall (src/engine/response.ts): None without a call, else whether it is one the engine follows.

    As in the reference, all that looks like {...}} on one line is read as an object; what is one object as a whole is taken too.
    """
    contents = _CALL.findall(text)
    if not contents:
        return None
    objects = [o for c in contents for o in ([c] if _resizes(c) is not None else _OBJECT.findall(c))]
    return len(objects) == 1 and _resizes(objects[0]) is True


def parse_round(text: str) -> Round:
    """Parses a round's text, im_end included when the model produced it (without it the round is not valid).

    answer follows the engine's extractAnswer; None after a call that counts.
    """
    ended = text.endswith("<|im_end|>")
    text = text.removesuffix("<|im_end|>").strip()
    call = call_is_valid(text)
    if call:
        alone = _resizes(_CALL.search(text)[1]) is True  # the engine follows a call with text around it, but it is no right format
        return Round(ended and alone and _WITH_CALL.fullmatch(text) is not None, True, None)
    answer = text.split("</answer>")[0].split("<answer>")[-1].strip()
    return Round(ended and call is None and _DIRECT.fullmatch(text) is not None, False, answer)
