"""Makes the pack the reading stage draws pages from: `python -m nano.fetch_reading`.

Fonts of 194 families (printable ASCII, Latin-1 and some punctuation), sentences and words of WordNet. The pack goes to
training/assets/reading/ (not committed), downloads are kept in training/.cache/. Sources and licences stand in SOURCES.md.
Needs what fetch_assets.py needs.
"""

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .assets import PACK as NANO_PACK
from .assets import share
from .fetch_assets import DEBIAN, DEJAVU, GOOGLE_FONTS, RUDE, RUDE_PARTS, TEST_FONTS, VALIDATION_FONTS, debian, npm, word_lists

PACK = NANO_PACK / "reading"
LIMIT = 26e6  # bytes the pack may have before compression

# npm @expo-google-fonts/* beside those of fetch_assets.py, by version.
MORE_FONTS = {
    "0.4.0": """im-fell-english-sc libre-caslon-text permanent-marker young-serif""",
    "0.4.1": """abhaya-libre afacad almarai amiri assistant atkinson-hyperlegible azeret-mono bai-jamjuree barlow-condensed
        barlow-semi-condensed be-vietnam-pro besley blinker bricolage-grotesque cambo cardo chakra-petch dm-serif-text
        fraunces funnel-display host-grotesk inria-serif jersey-15 kanit lexend-deca lobster maven-pro montserrat-alternates
        newsreader pacifico press-start-2p prompt pt-mono questrial rajdhani readex-pro red-hat-display roboto-flex
        russo-one sarabun shadows-into-light shantell-sans share-tech-mono sorts-mill-goudy space-grotesk special-elite
        tajawal teko tenor-sans vazirmatn vt323 zen-kaku-gothic-new zen-maru-gothic""",
    "0.4.2": """albert-sans alegreya antonio biz-udpgothic bodoni-moda cairo caveat chivo-mono cormorant crimson-pro dancing-script
        darker-grotesque domine epilogue exo fragment-mono funnel-sans fustat gabarito geist geologica google-sans
        instrument-sans inter-tight josefin-sans jost jura league-gothic league-spartan martian-mono merriweather-sans
        nunito-sans onest orbitron oxanium parkinsans plus-jakarta-sans raleway rethink-sans schibsted-grotesk sen
        spline-sans syne urbanist""",
    "0.4.3": """geist-mono google-sans-code hanken-grotesk literata roboto-serif""",
}
TEST_MORE = set("atkinson-hyperlegible azeret-mono be-vietnam-pro hanken-grotesk jost newsreader onest plus-jakarta-sans geist crimson-pro".split())
STYLES = ("400Regular", "700Bold")
MORE_STYLES = ("400Regular_Italic", "500Medium", "300Light")  # of these families too
POPULAR = set(
    """arimo inter roboto open-sans noto-sans lato montserrat source-sans-3 poppins tinos cousine roboto-mono noto-serif nunito work-sans
    ibm-plex-sans fira-sans rubik dm-sans merriweather""".split()
)

# Debian packages whose files keep their hints: what desktops draw with.
DESKTOP = {
    "fonts-liberation2": (
        "2.1.5-1",
        "OFL-1.1",
        ("Liberation*-Regular.ttf", "Liberation*-Bold.ttf", "LiberationSans-Italic.ttf", "LiberationSerif-Italic.ttf"),
    ),
    "fonts-cantarell": ("0.303.1-1", "OFL-1.1", ("Cantarell-Regular.otf", "Cantarell-Bold.otf")),
    "fonts-hack": ("3.003-3", "MIT; Bitstream-Vera", ("Hack-Regular.ttf", "Hack-Bold.ttf")),
}
DEBIAN.update({package: version for package, (version, _, _) in DESKTOP.items()})

PUNCTUATION = "\u2013\u2014\u2018\u2019\u201c\u201d\u2022\u2026\u20ac\u2122\u00d7\u2190\u2192\u2713\u2212\u203a\u25b6\u25bc"
CODES = [*range(32, 127), *range(0xA1, 0x100), *map(ord, PUNCTUATION)]
SENTENCES, SHORTEST, LONGEST = 70_000, 24, 150


def subset_font(source: Path, target: Path, hinting: bool) -> str:
    """Writes the characters of CODES that the font has; returns those beyond ASCII. Raises ValueError where ASCII is not complete."""
    from fontTools import subset
    from fontTools.ttLib import TTFont

    font = TTFont(source, recalcTimestamp=False)
    if "fvar" in font:
        raise ValueError(f"{source.name} is a variable font")
    has = set(font.getBestCmap())
    if not set(range(33, 127)) <= has:
        raise ValueError(f"{source.name} lacks printable ASCII")
    options = subset.Options(hinting=hinting, layout_features=[], name_IDs=[0, 1, 2, 13, 14], notdef_outline=True, glyph_names=False)
    options.drop_tables += "GPOS GSUB GDEF BASE kern DSIG STAT MATH FFTM meta VDMX LTSH hdmx PCLT".split()
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[c for c in CODES if c in has])
    subsetter.subset(font)
    font.save(target)
    return "".join(chr(c) for c in CODES if c >= 127 and c in has)


def fonts() -> dict:
    """fonts/ and its index: file -> family, style, split, licence, source, characters beyond ASCII, whether all letters have one width."""
    packages: dict = {}
    for table in (GOOGLE_FONTS, MORE_FONTS):
        for version, families in table.items():
            packages |= {family: version for family in families.split() if family not in packages}
    with ThreadPoolExecutor(8) as pool:
        folders = dict(zip(packages, pool.map(lambda p: npm(f"@expo-google-fonts/{p[0]}@{p[1]}"), packages.items())))
    sources = []  # family, style, file, licence, source, hints
    for family, folder in folders.items():
        licence = json.loads((folder / "package.json").read_text())["license"].replace("MIT AND ", "")
        for style in STYLES + (MORE_STYLES if family in POPULAR else ()):
            for file in sorted((folder / style).glob("*.ttf"))[:1]:
                sources.append((family, style, file, licence, f"npm @expo-google-fonts/{family} {packages[family]}", False))
    for package, (version, licence, patterns) in DESKTOP.items():
        for pattern in patterns:
            for file in sorted((debian(package) / "usr/share/fonts").rglob(pattern)):
                family, _, style = file.stem.partition("-")
                sources.append((re.sub(r"(?<=[a-z])(?=[A-Z])", "-", family).lower(), style, file, licence, f"Debian {package} {version}", True))
    dejavu = debian("fonts-dejavu-core") / "usr/share/fonts/truetype/dejavu"
    for family, stem in DEJAVU.items():
        for style, end in (("Regular", ""), ("Bold", "-Bold")):
            sources.append(
                (family, style, dejavu / f"{stem}{end}.ttf", "Bitstream-Vera", f"Debian fonts-dejavu-core {DEBIAN['fonts-dejavu-core']}", True)
            )
    shutil.rmtree(PACK / "fonts", ignore_errors=True)
    (PACK / "fonts").mkdir(parents=True)
    index = {}
    for family, style, file, licence, source, hinting in sorted(sources, key=lambda s: s[:2]):
        name = f"{family}__{style}{file.suffix}"
        try:
            extra = subset_font(file, PACK / "fonts" / name, hinting)
        except ValueError as error:
            print("left out:", error)
            continue
        split = "test" if family in TEST_FONTS | TEST_MORE else "validation" if family in VALIDATION_FONTS else "train"
        index[name] = {
            "family": family,
            "style": style,
            "split": split,
            "licence": licence,
            "source": source,
            "extra": extra,
            "mono": one_width(PACK / "fonts" / name),
        }
    return index


def one_width(file: Path) -> bool:
    """Whether the letters of a font are all equally wide."""
    from fontTools.ttLib import TTFont

    font = TTFont(file)
    cmap, widths = font.getBestCmap(), font["hmtx"]
    return len({widths[cmap[ord(c)]][0] for c in "ilmMW.0"}) == 1


def clean(text: str) -> bool:
    """Whether a text holds nothing rude."""
    low = text.lower()
    return not RUDE_PARTS.search(low) and not RUDE & set(re.findall("[a-z]+", low))


def language() -> None:
    """sentences.txt (WordNet's definitions and examples) and lexicon.txt (its single words, names with their capitals)."""
    wordnet = debian("wordnet-base") / "usr/share/wordnet"
    sentences, lexicon = set(), set()
    for part in ("noun", "verb", "adj", "adv"):
        for line in (wordnet / f"data.{part}").read_text(encoding="utf-8").splitlines():
            if line.startswith(" "):
                continue
            head, _, gloss = line.partition(" | ")
            fields = head.split(" ")
            for w in fields[4 : 4 + 2 * int(fields[3], 16) : 2]:
                w = re.sub(r"\(.*", "", w)
                if re.fullmatch("[A-Za-z][a-z]{1,12}", w) and clean(w):
                    lexicon.add(w)
            for piece in re.findall(r'"([^"]+)"', gloss) + re.split(r";\s*", re.sub(r'"[^"]*"', "", gloss)):
                piece = piece.strip(" ;")
                if SHORTEST <= len(piece) <= LONGEST and piece.isascii() and clean(piece):
                    sentences.add(piece)
    chosen = sorted(sentences, key=lambda s: share("sentence " + s))[:SENTENCES]
    (PACK / "sentences.txt").write_text("\n".join(sorted(chosen)) + "\n")
    (PACK / "lexicon.txt").write_text("\n".join(sorted(lexicon)) + "\n")
    if not (NANO_PACK / "names.txt").exists():
        word_lists()
    for name in ("names.txt", "items.txt"):
        shutil.copyfile(NANO_PACK / name, PACK / name)


if __name__ == "__main__":
    PACK.mkdir(parents=True, exist_ok=True)
    language()
    made = fonts()
    (PACK / "fonts.json").write_text(json.dumps(made, indent=1) + "\n")
    total = sum(f.stat().st_size for f in PACK.rglob("*") if f.is_file())
    for s in ("train", "validation", "test"):
        print(
            s, sum(e["split"] == s for e in made.values()), "font files of", len({e["family"] for e in made.values() if e["split"] == s}), "families"
        )
    print(f"pack: {total / 1e6:.1f} MB")
    if total > LIMIT:
        raise SystemExit("the pack is too large")
