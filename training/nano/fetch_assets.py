"""Makes the pack of fonts, icons, textures and words: `python -m nano.fetch_assets`. Needs npm, node (and the
project's node_modules, for sharp), apt-get, fonttools and Pillow.

Every source, its version and its licence stands in SOURCES.md. The pack goes to training/assets/ (about 10 MB, not committed).
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from .assets import PACK, share

CACHE = PACK.parent / ".cache"
FONT_VERSION = "0.4.2"
# Google fonts (OFL-1.1 or Apache-2.0; npm @expo-google-fonts/*), regular and bold of each.
FONTS = """inter roboto open-sans lato montserrat poppins source-sans-3 noto-sans noto-serif merriweather playfair-display pt-sans pt-serif ubuntu nunito rubik
work-sans ibm-plex-sans ibm-plex-mono ibm-plex-serif fira-sans fira-code jetbrains-mono roboto-mono source-code-pro space-mono inconsolata oswald roboto-condensed
barlow dm-sans karla cabin arimo tinos cousine bitter crimson-text lora libre-baskerville libre-franklin eb-garamond arvo roboto-slab zilla-slab quicksand
comfortaa exo-2 titillium-web archivo asap mulish manrope public-sans overpass heebo hind oxygen signika vollkorn spectral courier-prime overpass-mono
patrick-hand comic-neue anton saira source-serif-4 noto-sans-mono dm-mono figtree lexend outfit red-hat-text sora urbanist varela-round""".split()
TEST_FONTS = set("open-sans dm-sans pt-serif jetbrains-mono zilla-slab barlow libre-franklin figtree comic-neue source-serif-4 roboto-condensed cabin".split())
VALIDATION_FONTS = set("asap lora noto-sans-mono red-hat-text".split())
ICON_SETS = {"noto": "1.2.9", "noto-v1": "1.2.5", "fluent-emoji-flat": "1.2.6", "fluent-emoji": "1.2.7", "twemoji": "1.2.5", "fxemoji": "1.2.2", "emojione": "1.2.3"}
# name shown in questions: icon name where it differs ("|" for alternatives)
OBJECTS = """airplane apple:red-apple|redapple|apple ant axe backpack:backpack|school-backpack|backpackschool balloon banana basketball bat bear:bear|bear-face bed bee:honeybee bell bicycle
bird boat:sailboat book:closed-book|closedbook|book-closed boot:womans-boot|womansboot bread broccoli bus butterfly cactus cake:birthday-cake|birthdaycake camel camera candle candy car:automobile|automobile carrot
cat:cat|cat-face castle:castle|european-castle chair cheese:cheese-wedge|cheese cherries chicken clock:alarm-clock|alarmclock cloud coat cookie corn:ear-of-corn|earofcorn cow crab crown cup:hot-beverage|hotbeverage dog:dog|dog-face dolphin
door dress drum duck egg:cooking|egg eggplant elephant envelope:envelope eye:eye eyeglasses:glasses fire fish:fish flower:tulip|sunflower flute fork:fork-and-knife fox frog:frog|frog-face gem:gem-stone gift:wrapped-gift|wrappedgift
giraffe glove:gloves grapes guitar hammer hat:top-hat|tophat heart:red-heart helicopter horse:horse|horse-face house ice:ice-cream key:key kiwi:kiwi-fruit koala ladder lamp:light-bulb|lightbulb leaf:maple-leaf|fallen-leaf lemon lion lock:locked|lock
magnet map:world-map medal:sports-medal microphone milk:glass-of-milk monkey:monkey-face|monkey moon:crescent-moon motorcycle mountain mouse:mouse-face mushroom nut:chestnut onion:onion orange:tangerine owl paintbrush panda parrot pea peach pear pen:pen pencil
penguin phone:mobile-phone pig:pig-face|pig pineapple pizza potato printer pumpkin:jack-o-lantern rabbit:rabbit-face|rabbit radio rainbow ring rocket rose:rose ruler:straight-ruler sandwich scarf scissors shark sheep:ewe|sheep ship shirt:t-shirt|tshirt
shoe:running-shoe|mans-shoe shopping:shopping-cart snail snake snowflake snowman sock:socks spider spoon:spoon squid strawberry suitcase:luggage sun:sun-with-face|sun sword:crossed-swords taxi:taxi teapot telephone television tent tiger:tiger-face|tiger toilet tomato
tractor train:locomotive|steam-locomotive tree:deciduous-tree|deciduoustree trophy truck:delivery-truck|deliverytruck trumpet turtle umbrella:umbrella violin watch:watch watermelon whale:spouting-whale|whale wine:wine-glass wolf zebra avocado anchor burger:hamburger
doughnut fries:french-fries hourglass:hourglass-done lipstick lobster octopus rooster saxophone skull unicorn:unicorn|unicorn-face""".split()
DROP = {"ice", "shopping", "nut", "bat", "eye", "pea", "mountain", "door", "mouse", "ship", "wolf", "egg"}  # two-word names or easily confused
ITEMS = """tea coffee milk bread rice soup salad pasta pizza cake apple banana lemon peach melon grape onion carrot beans corn fish beef lamb ham eggs cheese butter honey sugar
salt pepper juice soda water beer wine cookie donut waffle bagel toast bacon burger fries taco nachos sushi ramen curry steak pen book lamp soap brush towel candle paper glue tape rope
nail hammer plant rose ball kite drum hat sock shoe belt ring watch scarf glove coat shirt jeans bag cup plate fork spoon knife bowl vase clock chair table desk mouse cable phone
muffin brownie croissant pretzel pickle olive tomato potato garlic ginger spinach lettuce cucumber pumpkin mango papaya plum cherry fig date almond walnut peanut cashew yogurt cream
custard pudding jam jelly syrup vinegar mustard ketchup mayo salsa hummus falafel kebab noodles dumpling omelette pancake porridge granola cereal oatmeal shrimp salmon tuna cod crab
lobster oyster turkey chicken duck sausage salami pastrami latte mocha espresso cappuccino cocoa lemonade smoothie milkshake cola tonic cider sherry sake vodka whisky rum gin
notebook pencil eraser ruler stapler folder envelope marker crayon scissors binder charger battery adapter headset speaker monitor keyboard printer scanner camera tripod lens
helmet gloves jacket sweater hoodie skirt dress blouse socks boots sandals slippers sneakers wallet purse backpack suitcase umbrella blanket pillow mattress curtain carpet mirror
bucket mop broom sponge bleach shampoo lotion perfume toothpaste razor tissue napkin foil kettle toaster blender grill oven freezer heater fan lantern torch ladder shovel rake
hose seeds soil pot bench stool shelf cabinet drawer hanger basket crate puzzle dice cards racket bat puck skates guitar violin flute piano trumpet banjo ticket stamp magnet
iced tea|green tea|black tea|hot dog|rice bowl|fish cake|apple pie|ice cream|beef stew|egg roll|garlic bread|fruit salad|corn dog|lamb chop|meat ball|pork bun|tomato soup|onion rings""".split("\n")

NAMES = """Anna Ben Carla David Emma Felix Greta Henry Ida Jack Karen Leo Maria Noah Olga Paul Quinn Rosa Sam Tina Uma Victor Wendy Xavier Yara Zoe Adam Alice Amir Amy Anton
Astrid Bella Boris Bruno Cara Cecil Chloe Clara Colin Cora Daisy Dan Dario Diana Dora Dylan Edith Edgar Elena Elias Ella Ellen Emil Eric Erin Esther Eva Fatima Fiona Frank Freya Gavin
George Gina Gloria Grace Hana Hannah Harry Helen Hugo Ian Igor Ines Iris Isaac Ivan Jane Jason Jenny Joan Jonas Jorge Julia June Kai Kate Keith Kevin Kim Kira Kurt Laura Lena Liam Lily
Linda Lisa Louis Lucas Lucy Luis Luna Lydia Mabel Magda Marco Mark Marta Mason Maya Megan Mia Milan Mona Nadia Nancy Nick Nina Nora Oliver Omar Oscar Otto Owen Paula Pedro Peter Petra
Pia Rachel Ralph Rita Robert Robin Roger Ruby Ruth Ryan Sally Sandra Sara Simon Sofia Stella Steve Susan Sven Tara Ted Thea Theo Tom Toni Ursula Vera Viola Walter Willa Yusuf Zack""".split()


def run(*command, **options):
    """A command that must succeed."""
    return subprocess.run(command, check=True, capture_output=True, **options)


def npm(package: str) -> Path:
    """Downloads and unpacks one npm package; returns its folder."""
    folder = CACHE / re.sub(r"\W+", "_", package)
    if not (folder / "package").exists():
        folder.mkdir(parents=True, exist_ok=True)
        name = run("npm", "pack", "-s", package, cwd=folder, text=True).stdout.strip().splitlines()[-1]
        with tarfile.open(folder / name) as t:
            t.extractall(folder, filter="data")
        (folder / name).unlink()
    return folder / "package"


def debian(package: str) -> Path:
    """Downloads and unpacks one Debian package; returns its folder."""
    folder = CACHE / ("deb_" + package)
    if not folder.exists():
        folder.mkdir(parents=True)
        run("apt-get", "download", package, cwd=folder)
        run("dpkg", "-x", str(next(folder.glob("*.deb"))), str(folder))
    return folder


def fonts() -> dict:
    """fonts/ and its index: printable ASCII only, without hints and kerning."""
    from fontTools import subset
    from fontTools.ttLib import TTFont
    with ThreadPoolExecutor(8) as pool:
        folders = dict(zip(FONTS, pool.map(_font_package, FONTS)))
    (PACK / "fonts").mkdir(parents=True, exist_ok=True)
    index = {}
    for family, folder in folders.items():
        if folder is None:
            print("no package for", family)
            continue
        for style in ("400Regular", "700Bold"):
            file = next(iter((folder / style).glob("*.ttf")), None)
            if file is None:
                continue
            font = TTFont(file)
            options = subset.Options()
            options.hinting, options.layout_features, options.name_IDs = False, [], [1, 2]
            options.drop_tables += ["GPOS", "GSUB", "GDEF", "DSIG", "STAT", "MATH"]
            s = subset.Subsetter(options)
            s.populate(unicodes=range(32, 127))
            s.subset(font)
            name = f"{family}__{style}.ttf"
            font.save(PACK / "fonts" / name)
            index[name] = {"family": family, "split": "test" if family in TEST_FONTS else "validation" if family in VALIDATION_FONTS else "train"}
    return index


def _font_package(family):
    try:
        return npm(f"@expo-google-fonts/{family}@{FONT_VERSION}")
    except subprocess.CalledProcessError:
        try:
            return npm(f"@expo-google-fonts/{family}")
        except subprocess.CalledProcessError:
            return None


def icons() -> list:
    """icons.bin and its index. Of each object one drawing is for tests only, and one for validation where there are five."""
    packages = CACHE / "icons"
    packages.mkdir(parents=True, exist_ok=True)
    names = {}
    for s, version in ICON_SETS.items():
        if not (packages / s).exists():
            shutil.copytree(npm(f"@iconify-json/{s}@{version}"), packages / s)
        data = json.loads((packages / s / "icons.json").read_text())
        names[s] = set(data["icons"]) | set(data.get("aliases", {}))
    wanted = []
    for entry in OBJECTS:
        name, _, alternatives = entry.partition(":")
        if name in DROP:
            continue
        found = []
        for s in ICON_SETS:
            icon = next((a for a in (alternatives or name).split("|") if a in names[s]), None)
            if icon:
                found.append({"set": s, "name": name, "icon": icon})
        if len(found) >= 4:
            found.sort(key=lambda f: share(f["name"] + f["set"]))
            for i, f in enumerate(found):
                f["split"] = "test" if i == 0 else "validation" if i == 1 and len(found) >= 5 else "train"
            wanted += found
    (CACHE / "list.json").write_text(json.dumps(wanted))
    out = CACHE / "png"
    out.mkdir(exist_ok=True)
    run("node", str(Path(__file__).parent / "rasterise.mjs"), str(CACHE / "list.json"), str(packages), str(out))
    index, data = [], bytearray()
    import io
    for i, w in enumerate(wanted):
        image = Image.open(out / f"{i}.png").convert("RGBA")
        if image.size != (128, 128):
            square = Image.new("RGBA", (128, 128))
            image.thumbnail((128, 128))
            square.paste(image, ((128 - image.width) // 2, (128 - image.height) // 2))
            image = square
        png = io.BytesIO()
        image.quantize(64, method=Image.Quantize.FASTOCTREE).save(png, "PNG", optimize=True)
        index.append({"name": w["name"], "set": w["set"], "split": w["split"], "offset": len(data), "length": png.tell()})
        data += png.getvalue()
    (PACK / "icons.bin").write_bytes(data)
    return index


def textures() -> dict:
    """textures/: CC0 photographs, and textures computed here."""
    folder = PACK / "textures"
    folder.mkdir(parents=True, exist_ok=True)
    index = {}

    def keep(name, image):
        image = image.convert("RGB")
        image.thumbnail((640, 640))
        image.save(folder / f"{name}.jpg", quality=78)
        s = share("texture" + name)
        index[f"{name}.jpg"] = "train" if s < 0.7 else "validation" if s < 0.78 else "test"
    try:
        for file in sorted(debian("python3-skimage").rglob("*")):
            if file.stem in ("astronaut", "coffee", "chelsea", "rocket", "brick", "grass", "gravel", "hubble_deep_field", "motorcycle_left", "coins", "moon", "retina") and file.suffix in (".png", ".jpg"):
                keep(file.stem, Image.open(file))
    except (subprocess.CalledProcessError, StopIteration) as error:
        print("no skimage pictures:", error)
    rng = np.random.default_rng(7)
    for i in range(24):
        h, w = 480, 640
        base = rng.uniform(60, 220, 3)
        field = np.zeros((h, w))
        for octave in range(1, 7):
            small = rng.normal(size=(2**octave + 1, 2**octave + 1 if i % 3 else 2))
            field += np.asarray(Image.fromarray(small.astype(np.float32)).resize((w, h), Image.Resampling.BICUBIC)) / octave
        picture = base + field[..., None] * rng.uniform(6, 28, 3) + rng.normal(0, rng.uniform(0, 6), (h, w, 1))
        if i % 4 == 0:  # bricks or tiles
            bh, bw = int(rng.integers(30, 70)), int(rng.integers(60, 140))
            y, x = np.mgrid[:h, :w]
            joint = (y % bh < 4) | ((x + (y // bh % 2) * bw // 2) % bw < 4)
            picture[joint] = rng.uniform(60, 220)
        keep(f"computed{i:02d}", Image.fromarray(picture.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(0, 1))))
    for wanted in ("validation", "test"):
        if wanted not in index.values():
            index[sorted(index)[-1 if wanted == "test" else -2]] = wanted
    return index


def word_lists() -> None:
    """words.txt (WordNet nouns and adjectives that other words of WordNet are built on or that have many senses), names.txt, items.txt."""
    dictionary = debian("wordnet-base")
    words = {}
    for part in ("noun", "adj"):
        for line in open(next(dictionary.rglob(f"index.{part}")), encoding="utf-8"):
            w, _, senses, *rest = line.split(" ") if not line.startswith(" ") else ("", "", "0")
            tagged = int(line.split()[3 + int(line.split()[3]) + 2]) if w else 0
            if re.fullmatch(r"[a-z]{3,9}", w) and tagged >= 1:
                words[w] = max(words.get(w, 0), int(senses) + 3 * tagged)
    rude = re.compile(r"ass|sex|shit|fuck|cock|tit|cunt|nazi|rape|slut|whore|bitch|nigg|fag|dick|piss|crap|damn|porn|kill|murder|slave|nude|penis|vagina|breast|bosom|corpse|suicide")
    best = sorted((w for w in words if not rude.search(w)), key=lambda w: (-words[w], w))[:4200]
    (PACK / "words.txt").write_text("\n".join(sorted(best)) + "\n")
    (PACK / "names.txt").write_text("\n".join(NAMES) + "\n")
    items = sorted({w.strip() for line in ITEMS for w in (line.split("|") if "|" in line else line.split()) if w.strip()})
    (PACK / "items.txt").write_text("\n".join(items) + "\n")


if __name__ == "__main__":
    PACK.mkdir(parents=True, exist_ok=True)
    steps = sys.argv[1:] or ["fonts", "icons", "textures", "words"]
    if "words" in steps:
        word_lists()
    if "fonts" in steps:
        (PACK / "fonts.json").write_text(json.dumps(fonts(), indent=1) + "\n")
    if "icons" in steps:
        (PACK / "icons.json").write_text(json.dumps(icons()) + "\n")
    if "textures" in steps:
        (PACK / "textures.json").write_text(json.dumps(textures(), indent=1) + "\n")
    total = sum(f.stat().st_size for f in PACK.rglob("*") if f.is_file())
    print(f"pack: {total / 1e6:.1f} MB in {os.path.relpath(PACK)}")
