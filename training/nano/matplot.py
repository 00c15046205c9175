"""Charts by Matplotlib (its licence: PSF-like), where it is installed: other axes, ticks, keys and fonts than our own drawing has."""

import io
import random
from functools import lru_cache

from PIL import Image

from .facts import Fact, pair
from .pages import charts
from .pages.sheet import Sheet, fonts

try:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import font_manager, pyplot
except ImportError:
    pyplot = None

STYLES = (
    "default",
    "default",
    "classic",
    "ggplot",
    "bmh",
    "fivethirtyeight",
    "seaborn-v0_8",
    "seaborn-v0_8-whitegrid",
    "dark_background",
    "grayscale",
    "Solarize_Light2",
)


@lru_cache(None)
def available() -> bool:
    """Whether Matplotlib is installed here and knows all that is asked of it: one chart is drawn to see."""
    if pyplot is None:
        return False
    try:
        chart(random.Random(1), "train", (448, 336))
    except Exception as error:  # another version: our own charts do without it
        print("no charts by Matplotlib:", repr(error)[:200], flush=True)
        return False
    return True


def chart(rng: random.Random, split: str, size: tuple[int, int]):
    """(picture, None for the places of its characters, texts, smallest cap height, facts); None where texts do not fit."""
    width, height = size
    write = Sheet(64, 64, split, rng)  # names and numbers as our own charts have them
    count = rng.randint(2, 8)
    names = charts.categories(write, count)
    series = rng.choice((1, 1, 1, 2))
    keys = list(dict.fromkeys(write.write.title()[:16].strip() for _ in range(series))) if series > 1 else []
    values, unit, top = charts.numbers(write, len(names) * max(1, len(keys)))
    path, _ = rng.choice(fonts(split)["plain"])
    points = rng.uniform(9, 13)
    kind = rng.choice(("bar", "bar", "barh", "line", "pie")) if not keys else rng.choice(("bar", "line"))
    printed = rng.random() < 0.55 and kind != "line" or kind == "pie"
    title, facts, texts = write.write.title(), [], []
    with (
        pyplot.style.context(rng.choice(STYLES[:6] if kind == "pie" else STYLES)),
        matplotlib.rc_context({"font.size": points, "text.parse_math": False}),
    ):
        font = font_manager.FontProperties(fname=path, size=points)
        figure, axes = pyplot.subplots(figsize=(width / 100, height / 100), dpi=100)
        try:
            n = len(names)
            if kind == "pie":
                total = sum(values)
                shares = [f"{100 * v / total:.0f}%" for v in values]
                axes.pie(values, labels=names, startangle=rng.uniform(0, 360), autopct=lambda p: f"{p:.0f}%", textprops={"fontproperties": font})
                texts += names + shares
                if min(values) > 0.07 * total:  # thin pieces' numbers lie over one another
                    facts += [f for name, share in zip(names, shares) for f in pair(name, share, "bar")]
            else:
                for j, key in enumerate(keys or [""]):
                    part = values[j * n : (j + 1) * n]
                    width_of = 0.8 / max(1, len(keys))
                    places = [i + j * width_of - (0.4 - width_of / 2 if keys else 0) for i in range(n)]
                    if kind == "bar":
                        bars = axes.bar(places, part, width_of, label=key or None)
                    elif kind == "barh":
                        bars = axes.barh(range(n), part, 0.7)
                    else:
                        axes.plot(range(n), part, marker=rng.choice(("o", "s", "", "x")), label=key or None)
                    if printed:
                        shown = [charts.written(v, unit) for v in part]
                        axes.bar_label(bars, labels=shown, fontproperties=font)
                        texts += shown
                        facts += [f for a, b in zip(names, shown) for f in (pair(a, b, "bar") if not keys else [Fact("series", b, (a, key))])]
                (axes.set_yticks if kind == "barh" else axes.set_xticks)(range(n), names, fontproperties=font)
                for label in axes.get_xticklabels() + axes.get_yticklabels():
                    label.set_fontproperties(font)
                texts += names + keys
                if rng.random() < 0.4 and kind != "barh":
                    across, up = write.write.title(), write.write.title()
                    axes.set_xlabel(across, fontproperties=font)
                    axes.set_ylabel(up, fontproperties=font)
                    facts += [Fact("axis_x", across), Fact("axis_y", up)]
                    texts += [across, up]
                if keys:
                    axes.legend(prop=font)
            if not keys:
                facts += charts.extremes(names, values, sum(values) if kind == "pie" else top)
                facts += [Fact("count", str(n), (), seen=False, needs=tuple(names))] if kind != "line" else []
            if rng.random() < 0.8:
                axes.set_title(title, fontproperties=font_manager.FontProperties(fname=path, size=points * rng.uniform(1.0, 1.4)))
                facts.append(Fact("chart_title", title))
                texts.append(title)
            figure.tight_layout()
            canvas = figure.canvas
            canvas.draw()
            labels = [t.get_window_extent() for t in (axes.get_yticklabels() if kind == "barh" else axes.get_xticklabels())] if kind != "pie" else []
            cut = any(
                b.x0 < 0 or b.x1 > width or b.y0 < 0 or b.y1 > height
                for b in (axes.title.get_window_extent(), axes.xaxis.label.get_window_extent(), *labels)
            )
            over = kind != "barh" and any(a.x1 > b.x0 for a, b in zip(labels, labels[1:]))
            if cut or over:
                return None
            data = io.BytesIO()
            figure.savefig(data, format="rgba", dpi=100)
            image = Image.frombytes("RGBA", canvas.get_width_height(), data.getvalue()).convert("RGB")
        finally:
            pyplot.close(figure)
    if image.size != size:
        image = image.resize(size)
    return image, None, [[t] for t in texts], points * 100 / 72 * 0.7, facts
