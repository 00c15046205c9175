"""Write ../conversations.json: conversations of several images and turns on the tiny checkpoints, as transformers answers them.

    python conversations.py [--only NAME ...]

Needs transformers 5, torch, Pillow, numpy; reads ../tiny. Every case is a list of messages; its prompt's ids and 32 greedy tokens in
float32 are what transformers makes of it. ../README.md describes the file.
"""
import argparse
import json
from pathlib import Path

import torch
import transformers
from PIL import Image
from tiny_checkpoints import IM_END, IMAGE_PAD, QUIET, SPECS, half_of, load, pixels, positions, relative_margin
from tokenizers import Tokenizer
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

TINY = Path(__file__).resolve().parent.parent / "tiny"
STEPS = 32
LEAST_MARGIN = 1e-3
QUESTIONS = [
    "What color is the star?", "How many items are there?", "Where is the blue triangle?", "List the shapes.", "Which bar is the tallest?",
    "What is the total price?", "Is the circle left of the square?", "What is the code under the red circle?", "How much is the tea?",
    "What shape is green?", "What is the value of the red bar?", "What is written on the sign?",
]  # fmt: skip
ANSWERS = ["It is red.", "There are two circles.", "the green square", "I see three bars and a star.", "17"]
FRAME = "<|vision_start|><|image_pad|><|vision_end|>"
CALL = "<think>The text is too small to read. I need a closer look.</think><tool_call>look</tool_call>"


def image(path, scale=1.0, region=None):
    return dict(image=path, scale=scale, region=region)


def cases(name, q, a):
    """The four cases of a checkpoint with questions from `q` on. A piece of content is a text, an image, or the model's own text ("said")."""
    def ask(i):
        return QUESTIONS[(q + i) % len(QUESTIONS)]
    one, two = f"{name}/image1.png", f"{name}/image2.png"
    three, four = "head64-size-tied/image1.png", "interleaved-f32/image2.png"
    answers = [ANSWERS[(a + i) % len(ANSWERS)] for i in range(2)]
    w, h = Image.open(TINY / one).size
    crops = [[w // 3, h // 4, w // 2, h // 2], [0, h // 3, min(w, 60), h - h // 3]]
    return {
        "two images": [("user", [image(one), image(two), ask(0)])],
        "four images": [("user", ["First ", image(one), ", then ", image(two), image(three), ask(1), image(four)])],
        "three turns": [
            ("system", ["You see what is there."]),
            ("user", [image(one), ask(0)]), ("assistant", [answers[0]]),
            ("user", [ask(2)]), ("assistant", [answers[1]]),
            ("user", [ask(3), image(two)]),
        ],
        "crops": [
            ("user", [image(one, 0.5), ask(0)]), ("assistant", [dict(said=CALL)]),
            ("tool", ["<|im_start|>user\n", image(one, region=crops[0]), "Here it is.<|im_end|>\n<|im_start|>assistant\n"]),
            ("assistant", [dict(said=CALL)]),
            ("tool", ["<|im_start|>user\n", image(one, region=crops[1]), image(one), "Look.<|im_end|>\n<|im_start|>assistant\n"]),
            ("assistant", [dict(said=answers[0])]),
            ("user", [image(two, 0.5), ask(1)]),
        ],
    }  # fmt: skip


class Prompt:
    """The ids and images of messages. The model's own text is encoded apart and ended by im_end; all else between two such as one text."""

    def __init__(self, tokenizer, processor, messages):
        self.images, self.ids, self.text = [], [], ""
        self.tokenizer, self.processor = tokenizer, processor
        before = None
        for role, content in messages:
            if role in ("system", "user"):
                said = before == "assistant" and self.text == ""
                self.text += ("\n" if said else "") + f"<|im_start|>{role}\n"
            elif role == "assistant" and before != "tool":
                self.text += "<|im_start|>assistant\n"
            is_said = False
            for piece in content:
                if isinstance(piece, str):
                    self.text += piece
                elif "said" in piece:
                    self.flush()
                    self.ids += self.encode(piece["said"]) + [IM_END]
                    is_said = True
                else:
                    self.show(piece)
            if role != "tool" and not is_said:
                self.text += "<|im_end|>\n"
            before = role
        self.text += "<|im_start|>assistant\n"
        self.flush()

    def show(self, piece):
        im = Image.open(TINY / piece["image"]).convert("RGB")
        if piece["region"]:
            x, y, w, h = piece["region"]
            im = im.crop((x, y, x + w, y + h))
        assert min(im.size) >= 28
        patches, grid, _ = pixels(self.processor, half_of(im) if piece["scale"] == 0.5 else im)
        self.images.append((patches, grid))
        self.text += FRAME.replace("<|image_pad|>", "<|image_pad|>" * (int(grid.prod()) // 4))

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def flush(self):
        self.ids += self.encode(self.text)
        self.text = ""

    def inputs(self):
        ids = torch.tensor([self.ids])
        return dict(
            input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=(ids == IMAGE_PAD).int(),
            pixel_values=torch.cat([i[0] for i in self.images]), image_grid_thw=torch.cat([i[1] for i in self.images]),
        )


@torch.no_grad()
def answer(model, prompt):
    inputs = prompt.inputs()
    out = model.generate(
        **inputs, max_new_tokens=STEPS, do_sample=False, repetition_penalty=1.0, temperature=None,
        return_dict_in_generate=True, output_logits=True,
    )
    tokens = out.sequences[0, len(prompt.ids) :].tolist()
    margins = [relative_margin(x[0]) for x in out.logits]
    pos, following = positions(prompt.ids, [grid[0].tolist() for _, grid in prompt.images])
    theirs, deltas = model.model.get_rope_index(
        inputs["input_ids"], inputs["mm_token_type_ids"], image_grid_thw=inputs["image_grid_thw"], attention_mask=inputs["attention_mask"])  # fmt: skip
    assert torch.equal(theirs[:, 0], pos) and int(deltas) + len(prompt.ids) == following
    model.model.rope_deltas = None
    return tokens, min(margins), following


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*", default=list(SPECS))
    args = parser.parse_args()
    torch.set_num_threads(2)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    lines = []
    for name in args.only:
        folder = TINY / name / "checkpoint"
        model, tokenizer = load(folder), Tokenizer.from_file(str(folder / "tokenizer.json"))
        processor = Qwen2VLImageProcessorPil.from_pretrained(folder)
        for kind in cases(name, 0, 0):
            for attempt in range(len(QUESTIONS) * len(ANSWERS)):
                messages = cases(name, attempt % len(QUESTIONS), attempt // len(QUESTIONS))[kind]
                prompt = Prompt(tokenizer, processor, messages)
                tokens, margin, following = answer(model, prompt)
                if len(tokens) == STEPS and not set(tokens) & set(QUIET) and margin > LEAST_MARGIN:
                    break
            else:
                raise SystemExit(f"no usable case for {name}, {kind}")
            case = dict(
                checkpoint=name, case=kind, messages=[dict(role=role, content=content) for role, content in messages],
                ids=prompt.ids, next_position=following, greedy_ids=tokens, smallest_margin=round(margin, 6),
            )  # fmt: skip
            lines.append(json.dumps(case, separators=(",", ":")))
            print(name, kind, len(prompt.ids), "tokens, margin", round(margin, 5), "attempt", attempt, flush=True)
    made_by = f"transformers {transformers.__version__}, test/golden/make/conversations.py"
    text = '{"made_by":' + json.dumps(made_by) + ',"cases":[\n' + ",\n".join(lines) + "\n]}\n"
    (TINY.parent / "conversations.json").write_text(text)


if __name__ == "__main__":
    main()
