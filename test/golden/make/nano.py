"""Choose questions of the small model's test set and write what transformers answers, round by round.

    python nano.py --checkpoint FOLDER --testset FOLDER --out OUT_DIR [--calls 8] [--direct 16]

FOLDER is the exported checkpoint (training/README.md), the test set is what `python -m nano.testset` writes, OUT_DIR receives
questions.jsonl and images/; ../README.md describes them. float32, eager attention, CPU, greedy. Taken are right answers whose every
step is clear (the margin of the largest logit over the second is at least MARGIN of the largest), small images, few of a kind.
"""
import argparse
import json
import re
import shutil
from pathlib import Path

import torch
from PIL import Image
from transformers import AutoTokenizer, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

MARGIN = 0.02
LARGEST_FILE, LARGEST_AREA = 140_000, 480 * 480
MOST_STEPS = 160


def main():
    parser = argparse.ArgumentParser()
    for name in ("--checkpoint", "--testset", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--calls", type=int, default=8)
    parser.add_argument("--direct", type=int, default=16)
    args = parser.parse_args()
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(args.checkpoint, dtype=torch.float32, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(args.checkpoint)
    processor = Qwen2VLImageProcessorPil.from_pretrained(args.checkpoint)
    prompts = json.loads((args.checkpoint / "prompts.json").read_text())
    placeholder, e = prompts["image_placeholder"], prompts["efficient"]
    pad = model.config.image_token_id

    def prompt_ids(text, grids):
        for t, h, w in grids:  # each placeholder's pad becomes as many as the image has visual tokens
            text = text.replace("<|image_pad|>", "<pad>" * (t * h * w // 4), 1)
        return tokenizer(text.replace("<pad>", "<|image_pad|>"), add_special_tokens=False).input_ids

    def greedy(ids, pixels):
        """Generated ids and the smallest margin of a step."""
        ids = torch.tensor([ids])
        with torch.no_grad():
            out = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=(ids == pad).int(), do_sample=False,
                pixel_values=torch.cat([p.pixel_values for p in pixels]), image_grid_thw=torch.cat([p.image_grid_thw for p in pixels]),
                max_new_tokens=MOST_STEPS, output_logits=True, return_dict_in_generate=True,
            )  # fmt: skip
        margins = []
        for step in out.logits:
            first, second = step[0].topk(2).values.tolist()
            margins.append((first - second) / step.abs().max().item())
        return out.sequences[0, ids.shape[1]:].tolist(), min(margins)

    def answer(image, question):
        """Both rounds as text, and the smallest margin."""
        half = processor(images=[image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)], return_tensors="pt")
        user = e["user_template"].replace("{image}", placeholder).replace("{question}", question)
        text = f"<|im_start|>system\n{e['system']}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"
        ids = prompt_ids(text, half.image_grid_thw.tolist())
        new, margin = greedy(ids, [half])
        rounds = [tokenizer.decode(new)]
        if "<tool_call>" in rounds[0]:
            full = processor(images=[image], return_tensors="pt")
            turn = e["tool_response_turn_prefix"] + e["tool_response_turn_per_image"].replace("{image}", placeholder) + e["tool_response_turn_suffix"].replace("{question}", question)
            again, second = greedy(ids + new + prompt_ids(turn, full.image_grid_thw.tolist()), [half, full])
            rounds.append(tokenizer.decode(again))
            margin = min(margin, second)
        return rounds, margin

    shutil.rmtree(args.out / "images", ignore_errors=True)
    (args.out / "images").mkdir(parents=True)
    wanted, chosen, kinds = {True: args.calls, False: args.direct}, [], {}
    for line in (args.testset / "questions.jsonl").read_text().splitlines():
        entry = json.loads(line)
        file = args.testset / entry["image"]
        image = Image.open(file).convert("RGB")
        family = entry["meta"][0]
        small = entry["meta"][1] < 11
        if file.stat().st_size > LARGEST_FILE or image.width * image.height > LARGEST_AREA or kinds.get((family, small), 0) >= 4 or not wanted[small]:
            continue
        rounds, margin = answer(image, entry["question"])
        found = re.search("<answer>(.*)</answer>", rounds[-1])
        if margin < MARGIN or not found or found[1].lower() != entry["answer"].lower() or (len(rounds) > 1) != small:
            continue
        kinds[family, small] = kinds.get((family, small), 0) + 1
        wanted[small] -= 1
        chosen.append((not small, entry, rounds, found[1], margin))
        print(entry["id"], family, len(rounds), found[1], f"{margin:.3f}", flush=True)
        if not any(wanted.values()):
            break
    chosen.sort(key=lambda c: c[0])  # those with a call come first
    with open(args.out / "questions.jsonl", "w") as out:
        for i, (_, entry, rounds, text, _) in enumerate(chosen):
            name = f"images/{i:02d}.png"
            Image.open(args.testset / entry["image"]).save(args.out / name, optimize=True)
            record = {"id": i, "image": name, "question": entry["question"], "answer": entry["answer"], "meta": entry["meta"]}
            out.write(json.dumps(record | {"reference": {"rounds": rounds, "answer": text}}) + "\n")
    print("smallest margin", min(c[-1] for c in chosen))


if __name__ == "__main__":
    main()
