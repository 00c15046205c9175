"""The pack of fonts, icons, textures and words that `fetch_assets.py` makes (see SOURCES.md), with its splits.

Layout of the pack: fonts/ + fonts.json, icons.bin + icons.json, textures/ + textures.json, words.txt, names.txt, items.txt.
"""

import hashlib
import io
import json
import os
import random
import re
from functools import lru_cache
from pathlib import Path

from PIL import Image

PACK = Path(os.environ.get("NANO_ASSETS", Path(__file__).parent.parent / "assets"))
SPLITS = ("train", "validation", "test")


def share(text: str) -> float:
    """A number in [0, 1) that depends on nothing but the text (SHA-256)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def split_of(text: str) -> str:
    """The split a piece of content (a code, a word, a number as text) belongs to: 80 % train, 5 % validation, 15 % test."""
    s = share(text.lower())
    return "train" if s < 0.80 else "validation" if s < 0.85 else "test"


def invented(real: list[str], count: int) -> list[str]:
    """Words that do not exist: chains in which each letter follows the two before it as in `real`, a tenth of them letters at random."""
    rng = random.Random("invented")
    follows: dict = {}
    for word in real:
        for i, c in enumerate(word + "$"):
            follows.setdefault(("^^" + word)[i:i + 2], []).append(c)
    out: set = set()
    while len(out) < count:
        if rng.random() < 0.1:
            word = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 7)))
            word = word.capitalize() if real[0][0].isupper() else word
        else:
            word = ""
            while not word.endswith("$"):
                word += rng.choice(follows[("^^" + word)[-2:]])
            word = word[:-1]
        if 3 <= len(word) <= 9 and " " not in word and not UGLY.search(word.lower()) and split_of(word) == "train":
            out.add(word)
    return sorted(out - set(real))


UGLY = re.compile("fuck|nigg|shit|cunt|rape|nazi|sex|dick|cock|ass|tit|cum|puss|fag|whor|slut|porn|piss|prick|bastard|kill|jew")


class Assets:
    """Reads the pack once; every method that takes a split gives only what belongs to it."""

    def __init__(self, pack: Path = PACK):
        self.pack = Path(pack)
        # fonts.json: file -> {"family": ..., "split": ...}; a family is in one split only.
        self._fonts = json.loads((self.pack / "fonts.json").read_text())
        self._icons = json.loads((self.pack / "icons.json").read_text())  # list of {"name", "set", "split", "offset", "length"} into icons.bin (PNG)
        self._icon_data = (self.pack / "icons.bin").read_bytes()
        self._textures = json.loads((self.pack / "textures.json").read_text())  # file -> split
        self._by_name: dict = {}
        for entry in self._icons:
            self._by_name.setdefault((entry["split"], entry["name"]), []).append(entry)

    @staticmethod
    def in_split(text: str, split: str) -> bool:
        """Whether this content may be shown in this split."""
        return split_of(text) == split

    @lru_cache(None)
    def fonts(self, split: str) -> list[str]:
        """Paths of the split's fonts."""
        return sorted(str(self.pack / "fonts" / f) for f, e in self._fonts.items() if e["split"] == split)

    @lru_cache(None)
    def words(self, kind: str, split: str) -> list[str]:
        """Words of a list ('words': dictionary words, 'names': first names, 'items': things one buys), of this split only.

        Training adds invented words, four for each real one, so that reading letters pays and knowing words does not.
        """
        real = [w for w in (self.pack / f"{kind}.txt").read_text().split("\n") if w and split_of(w) == split]
        return real + (invented(real, 4 * max(len(real), 1000)) if split == "train" else [])

    @lru_cache(None)
    def icon_names(self, split: str) -> list[str]:
        """Names of the objects that have a drawing in this split."""
        return sorted({name for s, name in self._by_name if s == split})

    def icon(self, name: str, split: str, rng: random.Random) -> Image.Image:
        """One of the split's drawings of an object, RGBA, 128 x 128."""
        entry = rng.choice(self._by_name[(split, name)])
        return self._decode(entry["offset"], entry["length"])

    @lru_cache(None)
    def _decode(self, offset: int, length: int) -> Image.Image:
        image = Image.open(io.BytesIO(self._icon_data[offset:offset + length])).convert("RGBA")
        image.load()
        return image

    @lru_cache(None)
    def _texture(self, file: str) -> Image.Image:
        image = Image.open(self.pack / "textures" / file).convert("RGB")
        image.load()
        return image

    def texture(self, split: str, rng: random.Random) -> Image.Image:
        """A photograph or texture of the split."""
        return self._texture(rng.choice(sorted(f for f, s in self._textures.items() if s == split)))
