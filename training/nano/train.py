"""Trains visionthink-nano: `python -m nano.train --help`. Several GPUs: `torchrun --nproc-per-node N -m nano.train ...`.

Stages, each resumable from --load: `sft` (supervised start), `grpo` (multi-turn GRPO), `evaluate`. Time limits are in seconds.
"""

import argparse
import copy
import json
import os
import time
from pathlib import Path

import numpy as np


def arguments():
    """Command line."""
    p = argparse.ArgumentParser()
    p.add_argument("stage", choices=("sft", "grpo", "evaluate"))
    p.add_argument("--out", required=True, help="folder for logs and results")
    p.add_argument("--load", help="checkpoint of an earlier stage")
    p.add_argument("--save", help="where the checkpoint goes")
    p.add_argument("--resume-optimizer", action="store_true", help="take over the optimizer's state and the step count as well")
    p.add_argument("--seconds", type=float, default=60, help="time limit of the stage")
    p.add_argument("--span", type=float, nargs=2, default=(0.0, 1.0), help="which part of the whole schedule this run is")
    p.add_argument("--steps", type=int, default=10**9)
    p.add_argument("--workers", type=int, default=14, help="rendering processes a GPU")
    p.add_argument("--slabs", type=int, default=2, help="slabs a step and GPU")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--device", default="cuda")
    p.add_argument("--muon-lr", type=float, default=2e-3)
    p.add_argument("--adam-lr", type=float, default=1e-3)
    p.add_argument("--decay-from", type=float, default=0.55, help="part of the schedule after which the learning rate falls linearly")
    p.add_argument("--own-labels-from", type=float, default=0.6, help="part of the schedule after which calls are labelled by what the model itself reads")
    p.add_argument("--call-labels", type=float, default=2.0, help="loss weight of call labels over direct ones, once they are the model's own")
    p.add_argument("--auxiliary", type=float, default=0.5)
    p.add_argument("--noise", type=float, default=0.02)
    p.add_argument("--hard-share", type=float, default=0.5)
    p.add_argument("--grpo-lr", type=float, default=2e-5)
    p.add_argument("--group", type=int, default=16)
    p.add_argument("--kl", type=float, default=0.001)
    p.add_argument("--penalty", choices=("controlled", "always", "never"), default="controlled")
    p.add_argument("--penalty-size", type=float, default=0.1, help="what a penalised turn pays")
    p.add_argument("--count", type=int, default=2048, help="questions to evaluate")
    p.add_argument("--split", default="test")
    p.add_argument("--name", default="run")
    p.add_argument("--no-compile", action="store_true")
    return p.parse_args()


class Log:
    """Lines for people on stdout, records for the report in <name>.jsonl; of the first process only."""

    def __init__(self, out: str, name: str, rank: int):
        self.rank = rank
        Path(out).mkdir(parents=True, exist_ok=True)
        self.file = open(Path(out) / f"{name}.jsonl", "a") if rank == 0 else None

    def __call__(self, **record):
        if self.rank:
            return
        self.file.write(json.dumps(record) + "\n")
        self.file.flush()
        print(" ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in record.items()), flush=True)


def main():
    """Runs one stage."""
    a = arguments()
    started = time.time()
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    from . import data, evaluate
    loader = None if a.stage == "evaluate" else data.Loader(a.workers, a.seed * 1000 + rank, a.hard_share, a.stage == "grpo")
    rendered = evaluate.render_set(a.count // world, a.split, a.workers, rank * (a.count // world)) if a.stage == "evaluate" else None
    import torch
    import torch.distributed as dist
    from . import model as models
    cuda = a.device != "cpu"
    if cuda:
        a.device = f"cuda:{rank}"
        torch.cuda.set_device(rank)
    if world > 1:
        dist.init_process_group("nccl" if cuda else "gloo")
    torch.backends.cuda.matmul.allow_tf32 = True
    dtype = torch.bfloat16 if cuda else torch.float32
    torch.manual_seed(a.seed)  # the same start everywhere
    if not a.no_compile:
        models.compile_blocks()
    model = models.Model().to(a.device)
    checkpoint = {}
    if a.load and a.load.endswith(".safetensors"):  # the weights alone
        from .compact import load_weights
        model.load(load_weights(a.load))
    elif a.load:
        checkpoint = torch.load(a.load, map_location=a.device, weights_only=True)
        model.load_state_dict(checkpoint["model"])
    torch.manual_seed(a.seed * 7919 + rank + checkpoint.get("step", 0))
    log = Log(a.out, a.name, rank)
    log(event="start", stage=a.stage, parameters=sum(model.get(n).numel() for n in model.names), world=world, seconds_to_start=time.time() - started,
        load=Path(a.load or "").name, options={k: v for k, v in vars(a).items() if k not in ("out", "load", "save")})

    def together(values):
        if world == 1:
            return values
        t = torch.tensor(values, device=a.device, dtype=torch.float64)
        dist.all_reduce(t)
        return [v / world for v in t.tolist()]

    def save(done, to=a.save):
        """Writes the checkpoint and its weights alone."""
        if not to or rank:
            return
        torch.save({"model": model.state_dict(), **done}, to + ".new")
        os.replace(to + ".new", to)
        from safetensors.torch import save_file
        save_file({k: v.to(torch.bfloat16).contiguous() for k, v in model.state().items()}, to + ".safetensors")

    done = None
    if a.stage == "sft":
        done = supervised(a, model, loader, log, checkpoint, together, dtype, world, save)
    elif a.stage == "grpo":
        done = reinforce(a, model, loader, log, checkpoint, together, dtype)
    else:
        model.requires_grad_(False)
        records = evaluate.evaluate(model, rendered.get(), a.device, dtype)
        if world > 1:
            parts = [None] * world
            dist.all_gather_object(parts, records)
            records = sorted((r for part in parts for r in part), key=lambda r: r["id"])
        if rank == 0:
            table = evaluate.summary(records)
            folder = Path(a.out)
            (folder / f"{a.name}.summary.json").write_text(json.dumps(table, indent=1))
            (folder / f"{a.name}.records.jsonl").write_text("\n".join(json.dumps(r) for r in records))
            print(json.dumps(table), flush=True)
    if done:
        save(done)
    log(event="end", stage=a.stage, wall=time.time() - started)
    if loader:
        loader.stop()
    if world > 1:
        dist.barrier()
        dist.destroy_process_group()


def forward_rows(model, batch, images, dtype):
    """Logits at every token with a loss: (losses, whether it is the first choice, flat indices)."""
    import torch
    import torch.nn.functional as F
    from . import protocol
    ids = batch["ids"].long()
    segment = batch["segment"]
    L = ids.shape[1]
    earlier = torch.ones(L, L, dtype=torch.bool, device=ids.device).tril()
    mask = (earlier & ((segment[:, None, :] == 0) | (segment[:, None, :] == segment[:, :, None])))[:, None]
    hidden, _ = model.text(model.embed(ids, images, protocol.IMAGE_PAD), batch["positions"].long(), mask)
    index = batch["kind"].flatten().nonzero()[:, 0]
    # kinds other than 0 never stand at a row's or a branch's start, so the token before predicts this one
    logits = model.logits(hidden.reshape(-1, hidden.shape[-1])[index - 1]).float()
    target = ids.flatten()[index]
    return F.cross_entropy(logits, target, reduction="none"), logits.argmax(-1) == target, index


def paired_rows(slab, kinds, h, f):
    """The rows of some kinds of a slab as one batch, padded to the longer: fewer and larger kernels. Returns (batch, images)."""
    import torch
    import torch.nn.functional as F
    rows = slab["rows"]
    L = max(rows[k]["ids"].shape[1] for k in kinds)
    fill = {"ids": 0, "segment": 127, "kind": 0, "weight": 0, "group": -1, "positions": 0}
    batch = {m: torch.cat([F.pad(rows[k][m], (0, L - rows[k][m].shape[-1]), value=v) for k in kinds], 1 if m == "positions" else 0)
             for m, v in fill.items()}
    if kinds == ("half", "decide"):
        return batch, torch.cat([h, h])
    return batch, torch.cat([F.pad(f, (0, 0, 0, h.shape[1]))] + [torch.cat([h, f], 1)] * (len(kinds) - 1))


def all_right(ok, index, batch, groups: int):
    """(R, groups): whether every token of a branch is the model's first choice; and whether the branch exists."""
    import torch
    R, L = batch["ids"].shape
    g = batch["group"].flatten()[index].long()
    at = torch.div(index, L, rounding_mode="floor") * groups + g
    wrong = torch.zeros(R * groups, device=ok.device).index_add_(0, at, (~ok).float())
    there = torch.zeros(R * groups, device=ok.device).index_add_(0, at, torch.ones_like(ok, dtype=torch.float32))
    return (wrong == 0).view(R, groups), (there > 0).view(R, groups)


def supervised(a, model, loader, log, checkpoint, together, dtype, world, save):
    """The supervised start: all rows of data.py, auxiliary losses on the visual tokens, calls labelled by legibility."""
    import torch
    import torch.nn.functional as F
    from . import data
    from .model import prepare
    from .optimizer import Optimizer
    optimizer = Optimizer(model, a.muon_lr, a.adam_lr)
    step, pictures = checkpoint.get("step", 0), checkpoint.get("pictures", 0)
    if a.resume_optimizer and "optimizer" in checkpoint:
        optimizer.restore(checkpoint["optimizer"])
    slot_weights = torch.ones(model.c.characters, device=a.device)
    slot_weights[data.NO_CHARACTER] = 0.05
    batches = loader.batches(a.device)
    begin = last = None
    saved = time.time()
    decaying = a.span[0] >= a.decay_from
    steps = 0
    sums: dict = {}
    waited = 0.0

    def add(name, value, weight=1.0):
        s = sums.setdefault(name, [0.0, 0.0])
        s[0] = s[0] + value
        s[1] = s[1] + weight

    while True:
        elapsed = 0.0 if begin is None else time.time() - begin
        fraction = together([min(1.0, elapsed / a.seconds)])[0]
        if fraction >= 1.0 or steps >= a.steps:
            break
        at = a.span[0] + (a.span[1] - a.span[0]) * fraction
        scale = min(1.0, (steps + 1) / 60) * (1.0 if at < a.decay_from else max(0.02, (1 - at) / (1 - a.decay_from)))
        own_labels = at >= a.own_labels_from
        if at >= a.decay_from and not decaying:  # what later runs with more time can go on from
            decaying = True
            save({"step": step, "pictures": pictures}, a.save and a.save + ".constant")
        for _ in range(a.slabs):
            t = time.time()
            slab = next(batches)
            waited += time.time() - t
            n = slab["n"]
            with torch.no_grad():
                full, half = prepare(slab["images"], dtype, a.noise)
            f, h = model.vision(full), model.vision(half)
            loss = 0.0
            for name, tokens, share in (("full", f, 1.0), ("half", h, 0.5)):
                head = F.linear(tokens, model.auxiliary_characters.weight.to(dtype), model.auxiliary_characters.bias.to(dtype))
                labels = slab["labels"][name + "_characters"].view(-1).long()
                head = head.view(-1, model.c.characters).float()
                characters = F.cross_entropy(head, labels, weight=slot_weights, ignore_index=-1)
                cells = F.linear(tokens, model.auxiliary_cells.weight.to(dtype), model.auxiliary_cells.bias.to(dtype)).float()
                cells = F.cross_entropy(cells.view(-1, model.c.cells), slab["labels"][name + "_cells"].view(-1).long())
                loss = loss + a.auxiliary * share * (characters + cells)
                with torch.no_grad():
                    text = (labels >= 0) & (labels < data.NO_CHARACTER)
                    add(f"characters_{name}", ((head.argmax(-1) == labels) & text).sum(), text.sum())
            total = count = 0.0
            for kinds in (("half", "decide"), ("full", "call", "call2")):
                batch, images = paired_rows(slab, kinds, h, f)
                losses, ok, index = forward_rows(model, batch, images, dtype)
                with torch.no_grad():
                    em, there = (t.view(len(kinds), n, 8) for t in all_right(ok, index, batch, 8))
                    weight = batch["weight"].float()
                    first = there[0] & (torch.arange(8, device=there.device) < 4)
                    hard = F.pad(slab["hard"], (0, 4))
                    for label, m in (("hard", first & hard), ("easy", first & ~hard)):
                        add(f"{kinds[0]}_{label}", (em[0] & m).sum(), m.sum())
                    if kinds[0] == "half":
                        # direct answers where half resolution is enough, calls where it is not: by text size first, by the model's own reading later
                        readable = em[0, :, :4] if own_labels else ~slab["hard"]
                        chosen = torch.stack([readable.float(), (~readable).float() * (a.call_labels if own_labels else 1.0)], 2).view(n, 8)
                        weight[n:] *= torch.gather(chosen, 1, batch["group"][n:].long().clamp(min=0, max=7))
                        add("readable", (readable & first[:, :4]).sum(), first[:, :4].sum())
                    else:
                        add("call", (em[1:] & there[1:]).sum(), there[1:].sum())
                    weight = weight.flatten()[index]
                total, count = total + (losses * weight).sum(), count + weight.sum()
            language = total / count
            add("loss", language.detach())
            ((loss + language) / a.slabs).backward()
            pictures += n * world
        norm = optimizer.step(scale)
        step += 1
        steps += 1
        if begin is None:
            if a.device != "cpu":
                torch.cuda.synchronize()
            begin = last = time.time()
            pictures_then = pictures
            waited = 0.0
        if steps in (5, 20, 50) or steps % 100 == 0:
            values = {k: float(v[0]) / max(1.0, float(v[1])) for k, v in sums.items()}
            now = time.time()
            log(event="sft", step=step, pictures=pictures, at=at, seconds=now - begin, scale=scale, norm=float(norm), **values,
                rate=(pictures - pictures_then) / max(1e-9, now - last), waited=waited / max(1e-9, now - last),
                memory=torch.cuda.max_memory_allocated() / 2**30 if a.device != "cpu" else 0.0)
            sums, last, pictures_then, waited = {}, now, pictures, 0.0
            if now > saved + 150:
                save({"step": step, "pictures": pictures, "optimizer": optimizer.state()})
                saved = now
    return {"step": step, "pictures": pictures, "optimizer": optimizer.state()}


def reinforce(a, model, loader, log, checkpoint, together, dtype):
    """Multi-turn GRPO on the language model: groups of whole turns, loss on the model's own tokens only."""
    import torch
    import torch.nn.functional as F
    from . import protocol
    from .canvas import Question
    from .generate import pad_rows, turns
    from .model import prepare
    from .optimizer import Optimizer
    from .reward import ExactMatch, advantages, rewards
    judge = ExactMatch()
    optimizer = Optimizer(model, 0, a.grpo_lr, train=lambda name: "language_model" in name)
    reference = copy.deepcopy(model).requires_grad_(False)
    batches = loader.batches(a.device)
    step, samples, sums = 0, 0, {}
    begin = time.time()
    while True:
        fraction = together([min(1.0, (time.time() - begin) / a.seconds)])[0]
        if fraction >= 1.0 or step >= a.steps:
            break
        slab = next(batches)
        with torch.no_grad():
            full, half = prepare(slab["images"], dtype, a.noise)
            f, h = model.vision(full), model.vision(half)
        questions = slab["questions"]
        n, G = len(questions), a.group
        rollouts = turns(model, h, f, (slab["half"], slab["full"]), [q[0] for q in questions], G, 1.0, dtype)
        accuracy = np.array([judge(questions[r.source][0], r.answer or "", questions[r.source][1]) for r in rollouts]).reshape(n, G)
        called = np.array([r.called for r in rollouts]).reshape(n, G)
        valid = np.array([r.valid for r in rollouts]).reshape(n, G)
        reward = rewards(accuracy, called, valid, penalty=a.penalty, size=a.penalty_size)
        advantage = advantages(reward).reshape(-1)
        selected = [i for i in range(len(rollouts)) if abs(advantage[i]) > 1e-6]  # the others carry no gradient
        kl_sum = 0.0
        for with_call in (False, True):
            chosen = [i for i in selected if rollouts[i].called == with_call]
            for s in range(0, len(chosen), 128):
                part = chosen[s:s + 128]
                rows = [rollouts[i].row for i in part]
                ids, positions, _, _ = pad_rows(rows, a.device)
                own = torch.zeros(ids.shape, dtype=torch.bool)
                for k, r in enumerate(rows):
                    own[k, :len(r.kind)] = torch.tensor(r.kind) == 1
                own = own.to(a.device)
                source = torch.tensor([rollouts[i].source for i in part], device=a.device)
                images = torch.cat([h[source], f[source]], 1) if with_call else h[source]
                index = own.flatten().nonzero()[:, 0]
                target = ids.flatten()[index]

                def log_probabilities(m):
                    hidden, _ = m.text(m.embed(ids, images, protocol.IMAGE_PAD), positions)
                    return -F.cross_entropy(m.logits(hidden.reshape(-1, hidden.shape[-1])[index - 1]).float(), target, reduction="none")
                p = log_probabilities(model)
                with torch.no_grad():
                    q = log_probabilities(reference)
                row = torch.div(index, ids.shape[1], rounding_mode="floor")
                per_row = own.sum(1).clamp(min=1)
                adv = torch.tensor(advantage[part], device=a.device, dtype=torch.float32)
                kl = torch.exp(q - p) - (q - p) - 1
                # on-policy: the ratio is 1 and its gradient that of the log probability
                loss = ((-p * adv[row] + a.kl * kl) / per_row[row]).sum() / len(rollouts)
                loss.backward()
                kl_sum += float(kl.detach().mean()) * len(part) / len(rollouts)
        optimizer.step(min(1.0, (step + 1) / 10) * max(0.1, 1 - fraction))
        step += 1
        samples += len(rollouts)
        hard = np.array([Question("", "", "", q[2]).hard for q in questions])
        record = {"reward": reward.mean(), "accuracy": accuracy.mean(), "calls": called.mean(), "malformed": 1 - valid.mean(), "selected": len(selected) / len(rollouts),
                  "kl": kl_sum}
        if hard.any():
            record |= {"calls_hard": called[hard].mean(), "accuracy_hard": accuracy[hard].mean()}
        if (~hard).any():
            record |= {"calls_easy": called[~hard].mean(), "accuracy_easy": accuracy[~hard].mean()}
        for k, v in record.items():
            sums.setdefault(k, []).append(float(v))
        if step in (1, 3) or step % 10 == 0:
            log(event="grpo", penalty=a.penalty, penalty_size=a.penalty_size, step=step, samples=samples, seconds=time.time() - begin, **{k: float(np.mean(v)) for k, v in sums.items()})
            sums = {}
    return {"step": checkpoint.get("step", 0), "pictures": checkpoint.get("pictures", 0), "grpo_steps": step, "grpo_samples": samples}


if __name__ == "__main__":
    main()
