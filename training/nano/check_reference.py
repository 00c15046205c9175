"""Compares this model with transformers' Qwen2.5-VL on an exported folder: `python -m nano.check_reference FOLDER`.

Runs both rounds of a turn on a synthetic picture of an odd size, in float32 on the CPU, and prints the largest difference of the logits.
"""

import sys

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoImageProcessor, Qwen2_5_VLForConditionalGeneration

from . import protocol
from .generate import pad_rows, prompt
from .model import Model, prepare, smart_size


def main(folder: str) -> None:
    """Prints one line a comparison; exits with 1 when they differ."""
    reference = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    model = Model()
    model.load({k: v.float() for k, v in load_file(f"{folder}/model.safetensors").items()})
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((500, 375), Image.Resampling.BICUBIC)
    half = picture.resize((250, 187), Image.Resampling.LANCZOS)
    processor = AutoImageProcessor.from_pretrained(folder, use_fast=False)
    inputs = [processor(images=[i], return_tensors="pt") for i in (half, picture)]
    full_pixels, half_pixels = prepare(torch.from_numpy(np.asarray(picture).copy())[None], torch.float32)
    grids = [tuple(s // 28 for s in smart_size(h, w)) for w, h in ((250, 187), (500, 375))]
    with torch.no_grad():
        f, h = model.vision(full_pixels), model.vision(half_pixels)
        question = "What is the code under the red circle?"
        row = prompt(question, grids[0], True)
        import random
        row.add(protocol.call_ids(random.Random(0)))
        row.add(protocol.tool_turn_before_image())
        row.image(grids[1])
        row.add(protocol.tool_turn_after_image(question))
        ids, positions, _, _ = pad_rows([row], "cpu")
        n = len(row.ids)
        hidden, _ = model.text(model.embed(ids, torch.cat([h, f], 1), protocol.IMAGE_PAD), positions)
        mine = model.logits(hidden)[0, :n]
        out = reference(input_ids=ids[:, :n], pixel_values=torch.cat([i["pixel_values"] for i in inputs]),
                        image_grid_thw=torch.cat([i["image_grid_thw"] for i in inputs]),
                        mm_token_type_ids=(ids[:, :n] == protocol.IMAGE_PAD).int()).logits[0]
    difference = (out - mine).abs().max().item()
    print(f"largest difference of logits {difference:.2e}, largest logit {out.abs().max().item():.2f}, over {n} positions")
    if difference > 0.02 * out.abs().max().item():
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
