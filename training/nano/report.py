"""Writes REPORT.md and its pictures from the runs' logs and the evaluations: `python -m nano.report --help`. Every number is computed here.

`--torch` is what `train evaluate` wrote; `--engine` and `--foreign` hold engine-MODE.json and foreign-MODE.json (MODE: smart, full, half), each
the JSON object that `npm run -s check-answers -- TESTSET --mode MODE --json` prints last.
"""

import argparse
import io
import json
import re
from collections import defaultdict
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from .canvas import SMALL
from .protocol import parse_round

TRAINING = Path(__file__).parents[1]
MODES = ("half", "full", "smart")
EDGES = (9, 10, 11, 22, 30, 42)  # px of detail
WIDTH, PICTURE_BYTES = 320, 80_000
FIRST_RECORD = 5  # steps of a run before train.py logs for the first time
PENALTIES = {"grpo": "control penalty", "always": "every call pays 0.1", "always-1": "every call pays 1", "never": "no penalty"}  # by run
LATER = ("grpo-early", "grpo-second", "grpo-third")  # the shipped model's other GRPO runs: before sft5, after sft6, after sft7
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"  # of Okabe and Ito: colour-blind-safe


# ---- inputs ------------------------------------------------------------------------------------------------------------

def read_lines(file: Path) -> list[dict]:
    """The objects of a JSON lines file."""
    return [json.loads(line) for line in file.read_text().splitlines() if line.strip()]


def turn_is_valid(rounds: list[str]) -> bool:
    """Whether a smart turn is well formed: every round is, only the first may call, the last does not."""
    parsed = [parse_round(text) for text in rounds]
    return bool(parsed) and all(p.valid for p in parsed) and not any(p.called for p in parsed[1:]) and not parsed[-1].called


def engine_records(questions: list[dict], folder: Path, name: str) -> tuple[list[dict], float]:
    """check-answers' results of a folder as evaluate.py makes records, one a question, and smart's share of always full's visual tokens in %."""
    records = [dict(q) for q in questions]
    for mode in MODES:
        result = json.loads((folder / f"{name}-{mode}.json").read_text())
        answers = {a["id"]: a for a in result["answers"]}
        if answers.keys() != {q["id"] for q in questions}:
            raise ValueError(f"{name}-{mode}.json does not answer the set's {len(questions)} questions")
        for r in records:
            a = answers[r["id"]]
            r[mode] = {k: a[k] for k in ("answer", "right", "called")} | {"valid": turn_is_valid(a["rounds"]), "texts": a["rounds"]}
    return records, 100 * result["ofFull"]  # smart is the last mode


def read_set(testset: Path, torch_file: Path) -> tuple[list[dict], list[dict]]:
    """(questions of a test set, PyTorch's records of the same)."""
    questions = [q | dict(zip(("family", "detail", "kind"), q["meta"])) | {"image": testset / q["image"]}
                 for q in read_lines(testset / "questions.jsonl")]
    torch = {r["id"]: r for r in read_lines(torch_file)}
    for q in questions:
        if any(torch.get(q["id"], {}).get(key) != q[key] for key in ("question", "answer", "family", "detail", "kind")):
            raise ValueError(f"question {q['id']} of {testset} is not the one of {torch_file}")
    return questions, [torch[q["id"]] for q in questions]


def read_run(file: Path) -> dict:
    """One run's log. Pictures of a run that goes on from a .pt checkpoint count from that checkpoint's, all others from 0."""
    lines = read_lines(file)
    starts, ends = ([e for e in lines if e["event"] == event] for event in ("start", "end"))
    if len(starts) != 1:
        raise ValueError(f"{file} holds {len(starts)} runs, not one")
    start = starts[0]
    records = [e for e in lines if e["event"] == start["stage"]]
    first, last = records[0], records[-1]
    count = "samples" if start["stage"] == "grpo" else "pictures"
    for r in records:
        r["count"] = r[count] * (start["world"] if count == "samples" else 1)  # samples are counted by each process, pictures over all
    continues = start["stage"] == "sft" and start["load"] != "" and not start["load"].endswith(".safetensors")
    per_step = (last["count"] - first["count"]) / max(1, last["step"] - first["step"])
    step_then = first["step"] - FIRST_RECORD if continues else 0
    return {"name": file.stem, "world": start["world"], "parameters": start["parameters"], "records": records, "continues": continues,
            "wall": ends[0]["wall"] if ends else last["seconds"], "ended": bool(ends), "unit": count, "steps": last["step"] - step_then,
            "step_then": step_then, "count": last["count"] - (first["count"] - FIRST_RECORD * per_step if continues else 0)}


def read_runs(folder: Path) -> tuple[list[dict], dict[str, dict], list[dict]]:
    """(supervised runs in order, each record's `total` counting over all of them; GRPO runs by name; the shipped model's other runs)."""
    supervised = [read_run(f) for f in sorted(folder.glob("sft*.jsonl"), key=lambda f: int(f.stem[3:]))]
    before = total = 0
    for run in supervised:
        before = before if run["continues"] else total
        for r in run["records"]:
            r["total"] = total = before + r["count"]
    return (supervised, {name: read_run(folder / f"{name}.jsonl") for name in PENALTIES},
            [read_run(folder / f"{name}.jsonl") for name in LATER])


# ---- numbers -----------------------------------------------------------------------------------------------------------

def share(values) -> float | None:
    """Mean in %, None of nothing."""
    values = list(values)
    return 100 * float(np.mean(values)) if values else None


def right(rows: list[dict], mode: str) -> float | None:
    """Accuracy of a mode in %."""
    return share(r[mode]["right"] for r in rows)


def calls(rows: list[dict]) -> float | None:
    """Share of smart turns with a call in %."""
    return share(r["smart"]["called"] for r in rows)


def measures(records: list[dict], tokens: float) -> dict[str, float | None]:
    """What the table of bounds compares, in % and points."""
    median = float(np.median([r["detail"] for r in records]))
    hard = [r for r in records if r["detail"] <= median]
    return {mode: right(records, mode) for mode in MODES} | {
        "smart - full": right(records, "smart") - right(records, "full"), "tokens": tokens,
        "smart - half, hard": right(hard, "smart") - right(hard, "half"),
        "calls, half right": calls([r for r in records if r["half"]["right"]]),
        "calls, small": calls([r for r in records if r["detail"] < SMALL]),
        "calls, only full right": calls([r for r in records if r["full"]["right"] and not r["half"]["right"]]),
        "malformed": share(not r["smart"]["valid"] for r in records)}


def percent(value: float | None, digits: int = 1) -> str:
    """A share for people."""
    return "–" if value is None else f"{value:.{digits}f} %"


def points(value: float) -> str:
    """A difference for people."""
    return f"{value:+.2f} points".replace("-", "−")


def table(header: list[str], rows: list[list], words: int = 1) -> str:
    """A Markdown table; the first columns are words, the others stand to the right."""
    line = "|" + " --- |" * words + " ---: |" * (len(header) - words)
    return "\n".join(["| " + " | ".join(header) + " |", line, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def group_table(records: list[dict], name: str, key, label=str) -> str:
    """Number, accuracy by mode and calls of the groups that `key` makes, and of all."""
    groups = defaultdict(list)
    for r in records:
        groups[key(r)].append(r)
    named = [*((label(k), v) for k, v in sorted(groups.items())), ("**all**", records)]
    return table([name, "n", *MODES, "calls"], [[k, len(v), *(percent(right(v, m)) for m in MODES), percent(calls(v))] for k, v in named])


def detail_label(at: int) -> str:
    """The name of a detail's group: how many edges it reaches."""
    if at == len(EDGES):
        return f"{EDGES[-1]:g} px and more"
    return f"{EDGES[at - 1]:g} to under {EDGES[at]:g} px" if at else f"under {EDGES[0]:g} px"


def folded(title: str, text: str) -> str:
    """Text that opens on a click."""
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def code(text: str | None) -> str:
    """Any text as code, also inside a table."""
    text = re.sub(r"\s+", " ", text or "").strip().replace("|", "\\|") or "(nothing)"
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"


# ---- pictures ----------------------------------------------------------------------------------------------------------

def save_picture(source: Path, target: Path) -> None:
    """A copy as PNG, at most WIDTH pixels wide and PICTURE_BYTES large: where it must shrink, colours go first, pixels then."""
    image = Image.open(source).convert("RGB")
    width = min(WIDTH, image.width)
    while True:
        small = image.resize((width, max(1, round(image.height * width / image.width))), Image.LANCZOS)
        for version in (small, small.quantize(256)):
            data = io.BytesIO()
            version.save(data, "PNG", optimize=True)
            if data.tell() <= PICTURE_BYTES:
                target.write_bytes(data.getvalue())
                return
        width = int(width * 0.85)


def choose(records: list[dict], count: int, fits, key, used: set) -> list[dict]:
    """The first `count` records in order that fit, of groups and pictures not in `used` (which they join); of any group when those run out."""
    chosen = []
    for fresh in (True, False):
        for r in records:
            if len(chosen) < count and fits(r) and r not in chosen and r["image"] not in used and not (fresh and key(r) in used):
                used |= {key(r), r["image"]}
                chosen.append(r)
    return sorted(chosen, key=records.index)


def examples(records: list[dict], name: str, out: Path) -> str:
    """A table of pictures and what was said about them; the pictures go to report/."""
    if not records:
        return "None."
    lines = ["| picture | question and rounds |", "| --- | --- |"]
    for i, r in enumerate(records, 1):
        file = f"report/{name}-{i}.png"
        save_picture(r["image"], out / file)
        group = f"{r['family']}, {r['kind']}" if "family" in r else r["kind"]
        alt = re.sub(r"([\\\[\]|`*_<>$])", r"\\\1", f"Test picture ({group}). Question: {r['question']} Expected answer: {r['answer']}")
        said = [f"{group}, id {r['id']}", code(r["question"]), f"expected: {code(r['answer'])}"]
        said += [f"round {k}: {code(text.removesuffix('<|im_end|>'))}" for k, text in enumerate(r["smart"]["texts"], 1)]
        said += [", ".join(f"always {m}: {'right' if r[m]['right'] else 'wrong'}" for m in ("half", "full"))]
        lines.append(f"| ![{alt}]({file}) | {'<br>'.join(said)} |")
    return "\n".join(lines)


def panels(heights: list[float], height: float, columns: int = 1):
    """A figure of panels below or beside each other that share the x axis; returns (figure, panels)."""
    figure = Figure(figsize=(8, height), layout="constrained")
    axes = figure.subplots(len(heights), columns, sharex=True, sharey=columns > 1, height_ratios=heights, squeeze=False).flatten()
    for a in axes:
        a.grid(alpha=0.3)
        a.spines[["top", "right"]].set_visible(False)
    return figure, axes


def draw(axis, x, records, name: str, scale: float = 100, **style) -> None:
    """One line of a log's values; records without the value are left out."""
    pairs = [(a, scale * r[name]) for a, r in zip(x, records) if name in r]
    axis.plot(*zip(*pairs), **style)


def supervised_figure(runs: list[dict]) -> Figure:
    """Whole answers right against pictures seen, the runs' ends, the learning rate's scale below."""
    figure, (top, low) = panels([4, 1], 5)
    for n, run in enumerate(runs):
        x = [r["total"] / 1000 for r in run["records"]]
        for view, colour in (("full", BLUE), ("half", ORANGE)):
            for hard, dash in (("easy", "-"), ("hard", "--")):
                draw(top, x, run["records"], f"{view}_{hard}", color=colour, linestyle=dash, label=None if n else f"{view} image, {hard} question")
        draw(low, x, run["records"], "scale", 1, color=GREY)
        for a in (top, low):
            a.axvline(x[-1], color=GREY, linewidth=0.8, linestyle=":")
        top.text(x[-1], 101, run["name"], ha="center", va="bottom", color=GREY, fontsize=9)
    top.set(ylabel="whole answers right, %", ylim=(0, 100))
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    low.set(ylabel="learning\nrate, scale", ylim=(0, 1.1), xlabel="pictures seen, thousands")
    return figure


def grpo_figure(run: dict) -> Figure:
    """Reward above; accuracy and calls below, against samples."""
    figure, (top, low) = panels([2, 3], 5)
    x = [r["count"] / 1000 for r in run["records"]]
    draw(top, x, run["records"], "reward", 1, color="black", marker="o")
    for name, label, colour, marker in (("calls_hard", "calls, hard questions", ORANGE, "s"), ("accuracy", "accuracy", BLUE, "o"),
                                        ("calls_easy", "calls, easy questions", GREEN, "^")):
        draw(low, x, run["records"], name, color=colour, marker=marker, label=label)
    top.set(ylabel="mean reward")
    low.set(ylabel="%", ylim=(0, 100), xlabel="samples, thousands")
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def ablation_figure(runs: dict[str, dict]) -> Figure:
    """Share of calls against samples for the penalties: all questions, and easy ones alone."""
    figure, axes = panels([1], 3.8, 2)
    for a, name, title in zip(axes, ("calls", "calls_easy"), ("all questions", "easy questions")):
        for key, colour, marker in (("grpo", BLUE, "o"), ("always", ORANGE, "s"), ("always-1", PURPLE, "D"), ("never", GREEN, "^")):
            records = runs[key]["records"]
            draw(a, [r["count"] / 1000 for r in records], records, name, color=colour, marker=marker, label=PENALTIES[key])
        a.set_title(title, fontsize=11)
        a.set_xlabel("samples, thousands")
    axes[0].set_ylabel("turns with a call, %")
    axes[0].set_ylim(bottom=0)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    return figure


def change(records: list[dict], names: dict[str, str], scale: float = 100) -> str:
    """'calls 1.0 % to 2.0 %' for each of `names` (key -> words): first and last value of a log."""
    def value(v):
        return f"{v:.3f}" if scale == 1 else percent(scale * v)
    pairs = [(words, [r[name] for r in records if name in r]) for name, words in names.items()]
    return ", ".join(f"{words} {value(v[0])} to {value(v[-1])}" for words, v in pairs)


# ---- sections ----------------------------------------------------------------------------------------------------------

def minutes(seconds: float) -> str:
    """A time for people."""
    return f"{seconds / 60:.1f} min"


def gpu_time(runs: list[dict]) -> float:
    """Wall time times GPUs, summed, in seconds."""
    return sum(r["wall"] * r["world"] for r in runs)


def introduction(manifest: dict, folder: Path, runs: list[dict], path: list[dict]) -> str:
    """What was trained."""
    if manifest["parameters"] != runs[-1]["parameters"]:
        raise ValueError(f"{folder} has {manifest['parameters']} parameters, the runs {runs[-1]['parameters']}")
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    return f"""# How {manifest["name"]} was trained and what it can do

Written by `python -m nano.report` from the logs in `runs/` and the evaluations' results.

{manifest["name"]} is a Qwen2.5-VL of {manifest["parameters"]:,} parameters, trained from random weights on pictures from the renderer in `nano/` \
only: supervised training in {sum(r["name"].startswith("sft") for r in path)} runs and multi-turn GRPO with VisionThink's control penalty in \
{sum(r["name"].startswith("grpo") for r in path)} (in turn, as the table of runs lists them), together {minutes(gpu_time(path))} of GPU time. Twice the weights were averaged with \
those before the last runs (`nano.average`; shares 0.3 and 0.75 of the new, chosen on the validation split); at last the threshold of its calls was \
set there too (`nano.threshold`). Unlike VisionThink's, its prompts repeat the question behind the full image (`prompts.json`): without that it invented values for what is not in the picture. The shipped folder holds its weights as {manifest["dtype"]} and graphs for our engine, {size / 1e6:.1f} MB in all. Smart: the model first sees \
the picture at half its width and height and may call for the full one. Always half, always full: one round without the tool.
"""


def bounds_section(torch: list[dict], engine: list[dict], tokens: float, foreign: list[dict]) -> str:
    """Bounds and whether the engine meets them."""
    used = sum(r["half_tokens"] + r["smart"]["called"] * r["full_tokens"] for r in torch)
    p, e = measures(torch, 100 * used / sum(r["full_tokens"] for r in torch)), measures(engine, tokens)
    met = []

    def row(words, bound, name, meets, show=lambda v: percent(v, 2)):
        met.append(None if e[name] is None else bool(meets(round(e[name], 6))))
        return [words, bound, show(p[name]), show(e[name]), {True: "yes", False: "**no**", None: "–"}[met[-1]]]
    titles = {m: m if m == "smart" else f"always {m}" for m in MODES}
    rows = [
        row("accuracy, smart minus always full", "≥ −1 point", "smart - full", lambda v: v >= -1, points),
        row("visual tokens, smart of always full", "≤ 55 %", "tokens", lambda v: v <= 55),
        row("accuracy, smart minus always half, harder half of the set", "≥ 20 points", "smart - half, hard", lambda v: v >= 20, points),
        row("calls where always half is right", "< 10 %", "calls, half right", lambda v: v < 10),
        row(f"calls where the detail is under {SMALL:g} px, the limit of legibility", "> 90 %", "calls, small", lambda v: v > 90),
        row("calls where always half is wrong and always full right", "> 90 %", "calls, only full right", lambda v: v > 90),
        row("malformed outputs, smart", "< 0.5 %", "malformed", lambda v: v < 0.5),
        row("accuracy, always full", "≥ 90 %", "full", lambda v: v >= 90),
        *(row(f"accuracy, {titles[m]}: engine against PyTorch", "within 0.5 points", m, lambda v, m=m: abs(v - p[m]) <= 0.5) for m in MODES),
        *([f"accuracy, {titles[m]}, pictures not made by our renderer", "reported", "–", percent(right(foreign, m), 2), "–"] for m in MODES)]
    median = float(np.median([r["detail"] for r in engine]))
    error = 100 * (e["smart"] / 100 * (1 - e["smart"] / 100) / len(engine)) ** 0.5
    return f"""## Bounds

The engine meets {met.count(True)} of {len(met)} bounds.

{table(["measure", "bound", "PyTorch", "engine", "met"], rows, 2)}

{len(engine):,} questions, each with a picture of its own, from the split `test` (fonts, textures, icons and words kept out of training). PyTorch: \
the trained weights in float32. Engine: the shipped folder in this project's own engine. Both decode greedily; an answer is right when it equals \
the expected one apart from case, spaces and punctuation around it. The harder half has details of at most {median:.4g} px, the median. Smart's \
accuracy has a standard error of {error:.1f} points from the choice of questions.
"""


def groups_section(engine: list[dict]) -> str:
    """Tables by family, detail and kind."""
    return f"""## By family and size of the detail

Of the engine; calls are smart's. The detail is the smallest thing that must be seen, in pixels of the full picture: the height of capital letters, say.

{group_table(engine, "family", lambda r: r["family"])}

{group_table(engine, "detail", lambda r: sum(r["detail"] >= e for e in EDGES), detail_label)}

{folded("By kind of question", group_table(engine, "kind", lambda r: f"{r['family']}, {r['kind']}"))}
"""


def curves_section(supervised: list[dict], grpo: dict[str, dict], out: Path) -> str:
    """The three figures with first and last values."""
    for name, figure in (("supervised", supervised_figure(supervised)), ("grpo", grpo_figure(grpo["grpo"])), ("ablation", ablation_figure(grpo))):
        figure.savefig(out / f"report/{name}.svg", metadata={"Date": None, "Creator": None})
    steps = {f"{view}_{hard}": f"{view} {hard}" for view in ("full", "half") for hard in ("easy", "hard")}
    records = grpo["grpo"]["records"]
    lines = "\n".join(
        f"- {PENALTIES[k]} (`{k}`, {run['records'][-1]['count']:,} samples): "
        + change(run["records"], {"calls": "calls", "calls_easy": "on easy questions", "calls_hard": "on hard ones", "accuracy": "accuracy"})
        for k, run in grpo.items())
    samples = records[0]["count"] // records[0]["step"]
    return f"""## Curves

Values are of training batches, not of the test set. A hard question has a detail under {SMALL:g} px.

![Supervised runs: share of whole answers right against pictures seen, at full and half resolution, for easy and hard questions; \
learning rate below](report/supervised.svg)

Supervised runs: an answer counts when each of its tokens, thought and tags included, is the model's first choice after the right ones before it. \
The runs before sft6 logged the third and fourth question of a picture as easy whatever their size, so "easy" holds hard ones too there. \
Dotted lines: where a run ends. First to last record: {change([r for run in supervised for r in run["records"]], steps)}.

![GRPO with the control penalty: mean reward, accuracy, calls on hard and on easy questions against samples](report/grpo.svg)

GRPO with the control penalty; turns sampled at temperature 1. First to last record: {change(records, {"reward": "reward"}, 1)}, \
{change(records, {"accuracy": "accuracy", "calls_hard": "calls on hard questions", "calls_easy": "on easy ones"})}.

![Ablation: share of turns with a call against samples for the control penalty, penalties of 0.1 and of 1 on every call, and none](report/ablation.svg)

The ablation of VisionThink's figure 3: the penalty decides how often the model calls. All start from a supervised model (`always-1` from the one after sft6, the \
others from the one after sft5), which has learnt when to call. Without a penalty it ends up calling for nearly everything, as in the paper. With a \
penalty on every call the paper's model stops calling. With the paper's 0.1 ours calls less, but does not stop: half resolution answers hardly any of our hard \
questions, so a call gains nearly 1 there and costs 0.1. Where the call costs as much as it can gain, 1, the collapse is there: calls end and accuracy falls with them. The first record is of one step ({samples:,} samples), later ones are means of up to ten, \
and questions differ between records. First to last record:

{lines}
"""


def runs_section(supervised: list[dict], grpo: dict[str, dict], others: list[dict]) -> str:
    """What each run cost."""
    early, second, third = others
    path = [*supervised[:4], early, supervised[4], grpo["grpo"], supervised[5], second, supervised[6], third]
    runs = [*path, *(run for name, run in grpo.items() if name != "grpo")]

    def row(name, group):
        seen = [sum(r["count"] for r in group if r["unit"] == unit) for unit in ("pictures", "samples")]
        wall = ("" if all(r["ended"] for r in group) else "≥ ") + minutes(sum(r["wall"] for r in group))
        return [name, group[0]["world"] if len(group) == 1 else "", wall, minutes(gpu_time(group)), *(f"{n:,.0f}" if n else "–" for n in seen),
                f"{sum(r['steps'] for r in group):,}"]
    rows = [row(r["name"], [r]) for r in runs]
    rows += [row("**shipped model**", path), row("**all**", runs)]
    notes = ["Pictures, samples and steps up to each run's last record; wall time with the start of the program."]
    notes += [f"{r['name']}'s log has no end: its time is that of its last record." for r in runs if not r["ended"]]
    if supervised[0]["step_then"]:
        notes.append(f"{supervised[0]['name']} went on from {supervised[0]['step_then']} steps of a trial without a log.")
    return f"## Runs\n\n{table(['run', 'GPUs', 'wall time', 'GPU time', 'pictures', 'samples', 'steps'], rows)}\n\n{' '.join(notes)}\n"


def examples_section(engine: list[dict], out: Path) -> str:
    """Six successes, six failures."""
    used = set()

    def good(called):
        return choose(engine, 3, lambda r: r["smart"]["right"] and r["smart"]["called"] == called, lambda r: r["family"], used)
    direct, call = good(False), good(True)
    wrong = choose(engine, 6, lambda r: not r["smart"]["right"], lambda r: r["family"], set())
    return f"""## Examples

Smart turns of the engine: the first of the test set by id, each of another family where there is one. Pictures are scaled down here.

Right, directly:

{examples(direct, "direct", out)}

Right, with a call:

{examples(call, "call", out)}

Wrong:

{examples(wrong, "wrong", out)}
"""


def foreign_section(foreign: list[dict], out: Path) -> str:
    """Pictures not made by our renderer."""
    bad = choose(foreign, 4, lambda r: not r["smart"]["right"], lambda r: r["kind"], set())
    answers = table(["id", "question", "expected", "smart", "called", "right"], [
        [r["id"], code(r["question"]), code(r["answer"]), code(r["smart"]["answer"]), "yes" if r["smart"]["called"] else "no",
         "yes" if r["smart"]["right"] else "**no**"] for r in foreign], 6)
    return f"""## Pictures not made by our renderer

{len(foreign)} questions on {len({r["image"] for r in foreign})} pictures from public packages ([sources](foreign/SOURCES.md)), in the engine. `needs`: \
the resolution at which a person can see the answer.

{group_table(foreign, "kind", lambda r: r["kind"])}

{group_table(foreign, "needs", lambda r: r["needs"])}

{folded("Every question", answers)}

First failures, of different kinds:

{examples(bad, "foreign", out)}
"""


def main() -> None:
    """Writes the report."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--testset", type=Path, required=True, help="folder with questions.jsonl and images/")
    p.add_argument("--torch", type=Path, required=True, help="records of `train evaluate`")
    p.add_argument("--engine", type=Path, required=True, help="folder with engine-MODE.json")
    p.add_argument("--foreign", type=Path, required=True, help="folder with foreign-MODE.json")
    p.add_argument("--model", type=Path, required=True, help="the shipped model folder")
    p.add_argument("--out", type=Path, default=TRAINING)
    a = p.parse_args()
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "nano", "font.family": "sans-serif", "font.size": 11,
                                "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans"], "lines.markersize": 5})
    supervised, grpo, others = read_runs(TRAINING / "runs")
    questions, torch = read_set(a.testset, a.torch)
    engine, tokens = engine_records(questions, a.engine, "engine")
    questions = [q | {"image": TRAINING / "foreign" / q["image"]} for q in read_lines(TRAINING / "foreign/questions.jsonl")]
    foreign, _ = engine_records(questions, a.foreign, "foreign")
    (a.out / "report").mkdir(parents=True, exist_ok=True)
    for old in [*(a.out / "report").glob("*.png"), *(a.out / "report").glob("*.svg")]:
        old.unlink()
    path = [*supervised, grpo["grpo"], *others]
    sections = [introduction(json.loads((a.model / "manifest.json").read_text()), a.model, [*supervised, *grpo.values()], path),
                bounds_section(torch, engine, tokens, foreign), groups_section(engine), curves_section(supervised, grpo, a.out),
                runs_section(supervised, grpo, others), examples_section(engine, a.out), foreign_section(foreign, a.out)]
    (a.out / "REPORT.md").write_text("\n".join(sections))


if __name__ == "__main__":
    main()
