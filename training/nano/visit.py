"""One visit to a GPU machine: `python -m nano.visit compare --out OUT --state STATE --seconds 560`.

compare: trains each size in turn for the same time, evaluates, keeps the log, and puts the better one's 8-bit weights into OUT (files of 16 MiB).
go-on: trains on from STATE's SIZE.constant.pt (or --load) for the time given, evaluates, and brings the 8-bit weights back.
ask: the question stage, from checkpoints/ (or --weights) the first time and from STATE/ask after that, with a browser where one works.
bring: parts FIRST.. of a checkpoint in bfloat16 (weights or momentum) into OUT, for several short visits in a row while the machine is held.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

END = 52.0  # seconds a run needs after its training, for saving and the evaluation
SHORT_END = 8.0  # without the evaluation
ASK_END = 85.0  # questions at both sizes as well
# The question stage: from weights whose rate has fallen, so a lower one than reading's; most of the time it falls again.
ASK = "--stage ask --muon-lr 1e-3 --adam-lr 7e-4 --auxiliary 0.15 --decay-from 0.45 --slabs 1 --uses 3"
BROWSERS = 10  # rendering processes with a browser, beside one of the others for each core but four: they wait half of their time
WEIGHTS = Path(__file__).parent.parent / "checkpoints" / "reading.int8.safetensors"
PROFILE = 160.0  # seconds a profile may take


def run(command: list[str], log: Path, limit: float = 3600.0) -> int:
    """Runs a command of this package for at most `limit` seconds; its output goes to `log` and to stdout. Returns its exit code."""
    with open(log, "a") as file:
        process = subprocess.Popen([sys.executable, "-u", "-m", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        timer = threading.Timer(limit, process.kill)
        timer.start()
        for line in process.stdout:
            file.write(line)
            file.flush()
            print(line, end="", flush=True)
        timer.cancel()
        return process.wait()


def train(a, size: str, name: str, until: float, extra: list[str]) -> bool:
    """One run of read_train that ends at `until` (seconds since 1970), its evaluation included."""
    command = [
        "nano.read_train",
        "--size",
        size,
        "--name",
        name,
        "--out",
        str(a.out),
        "--state",
        str(a.state),
        "--minutes",
        "600",
        "--deadline",
        str(until - (SHORT_END if "--count 0" in a.train else ASK_END if "--stage ask" in a.train else END)),
        "--device",
        a.device,
        *extra,
        *shlex.split(a.train),
        *(shlex.split((a.state / "fastest").read_text()) if (a.state / "fastest").exists() else ()),
    ]
    return run(command, a.out / f"{name}.txt") == 0


def prepare_ask(a, size: str) -> None:
    """Makes `a` that of a run of the question stage: its folder, its first checkpoint, its options."""
    a.state = a.state / "ask"
    a.state.mkdir(parents=True, exist_ok=True)
    checkpoint = a.state / f"{size}.constant.pt"
    if not a.load and not checkpoint.exists() and run(["nano.parts", "load", str(checkpoint), "--weights", str(a.weights)], a.out / "load.txt"):
        raise SystemExit(1)
    browser = not a.no_browser and run(["nano.web", "measure", "4"], a.out / "browser.txt", 40.0) == 0
    cores = os.cpu_count() or 2
    rendering = f"--workers {max(1, cores - 4) + BROWSERS} --browsers {BROWSERS}" if browser else f"--workers {max(1, cores - 1)}"
    print("browser:", browser, flush=True)
    a.train = f"{ASK} {rendering} {a.train}"


def error_of(file: Path) -> tuple[float, float]:
    """(characters wrong, capped, 1 where nothing can be read yet; characters wrong with all before them given), means over the sets; lower is better."""
    if not file.exists():
        return 1.0, 1.0
    sets = json.loads(file.read_text())["sets"].values()
    wrong, given = (sum(s[k] for s in sets) / max(1, len(sets)) for k in ("characters_wrong_capped", "next_right"))
    return (wrong if wrong < 0.8 else 1.0), 1.0 - given


def main() -> None:
    """Command line."""
    p = argparse.ArgumentParser()
    p.add_argument("action", choices=("compare", "go-on", "ask", "bring"))
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--state", type=Path, required=True)
    p.add_argument("--seconds", type=float, default=560.0, help="from now to the end of everything")
    p.add_argument("--sizes", nargs="+", default=["18m", "55m"])
    p.add_argument("--size", help="go-on, bring: which one; without it the better of the last comparison")
    p.add_argument("--load", help="go-on: another checkpoint than the kept one")
    p.add_argument("--span", type=float, nargs=2, default=(0.5, 1.0), help="go-on, ask: part of the schedule (0.5 1: high rate, then falling; ask in one visit: 0 1)")
    p.add_argument("--weights", type=Path, default=WEIGHTS, help="ask: 8-bit weights to begin with")
    p.add_argument("--no-browser", action="store_true", help="ask: Pillow's pages only")
    p.add_argument("--what", default="weights", choices=("int8", "weights", "momentum"))
    p.add_argument("--first", type=int, default=0)
    p.add_argument("--count", type=int, default=4)
    p.add_argument("--profile", action="store_true", help="go-on: first measures which way of training is the fastest here; later visits' runs keep to it")
    p.add_argument("--device", default="cuda")
    p.add_argument("--train", default="", help="further options of read_train in one string, as in --train='--uses 3 --noise 0'")
    a = p.parse_args()
    began = time.time()
    a.out.mkdir(parents=True, exist_ok=True)
    a.state.mkdir(parents=True, exist_ok=True)
    chosen = a.state / "chosen"
    size = a.size or ("first" if a.action == "ask" else chosen.read_text() if chosen.exists() else a.sizes[0])
    if a.action == "bring":
        run(
            [
                "nano.parts",
                "cut",
                str(a.state / f"{size}.constant.pt"),
                str(a.out),
                "--what",
                a.what,
                "--first",
                str(a.first),
                "--count",
                str(a.count),
            ],
            a.out / "bring.txt",
        )
        return
    if run(["nano.read_check", "--device", a.device], a.out / "check.txt"):
        raise SystemExit(1)
    end = began + a.seconds - 12.0  # the last seconds write the files
    if a.action == "ask":
        prepare_ask(a, size)
    if a.action == "compare":
        for i, s in enumerate(a.sizes):
            left = end - time.time()
            train(a, s, f"compare-{s}", time.time() + left / (len(a.sizes) - i), [])
        errors = {s: error_of(a.out / f"compare-{s}.evaluation.json") for s in a.sizes}
        size = min(errors, key=errors.get)
        chosen.write_text(size)
        print("characters wrong (capped), and wrong with all before given:", errors, "chosen:", size, flush=True)
    else:
        fastest = a.state / "fastest"
        if a.profile:
            run(["nano.read_profile", "--size", size, "--choice", str(fastest)], a.out / "profile.txt", PROFILE)
        load = a.load or str(a.state / f"{size}.constant.pt")
        options = ["--load", load, "--span", *map(str, a.span)]
        name = f"{a.action}-{size}"
        if not train(a, size, name, end, options) and end - time.time() > 100:
            print("once more, in the slow way", flush=True)
            fastest.write_text("--no-graphs --no-cudnn --slabs 1" + ("" if a.action == "ask" else " --pixels 40"))
            train(a, size, f"{name}-again", end, options)
    for kind in ("", ".constant"):  # the end of the run, and the state before the learning rate fell (the same where it did not)
        if kind and (a.action == "compare" or a.span[1] < 1):
            continue
        run(["nano.parts", "cut", str(a.state / f"{size}{kind}.pt"), str(a.out), "--what", "int8", "--count", "3", *(("--name", f"asked{kind}.int8") if a.action == "ask" else ())], a.out / "bring.txt")
    logs = [f for f in sorted(a.out.iterdir()) if ".part" not in f.name]
    with tarfile.open(a.out / "logs.tar.gz", "w:gz") as archive:  # at most eight files can be carried away: the logs go as one
        for f in logs:
            archive.add(f, f.name)
    for f in logs:
        f.unlink()
    print(f"visit took {time.time() - began:.0f} s; files:", *sorted(f.name for f in a.out.iterdir()), flush=True)


if __name__ == "__main__":
    main()
