"""Writes ../processor.json and ../smart-resize.json from transformers' Qwen2-VL image processor (Pillow backend).

Needs transformers 5, Pillow, numpy. Run from anywhere: python3 processor.py
"""

import base64
import hashlib
import random

import numpy as np
import PIL
import transformers
from resample import write
from synthetic_image import synthetic_image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil, smart_resize

STEP = 997  # every STEP-th value is kept; the hash covers all of them
MADE_BY = f"transformers {transformers.__version__}, Pillow {PIL.__version__}, test/golden/make/processor.py"


def processor_cases():
    defaults = (3136, 12845056)
    images = [
        (350, 210, *defaults),  # halves: banker's rounding
        (28, 28, *defaults),  # below min_pixels
        (280, 196, *defaults),  # unchanged
        (333, 517, *defaults),  # grows and shrinks
        (20, 3500, *defaults),  # aspect ratio 175
        (4000, 21, *defaults),
        (900, 700, 3136, 50176),  # above max_pixels
        (60, 33, 100352, 1003520),  # raised to min_pixels
        (701, 1009, 3136, 1003520),
    ]
    cases = []
    for index, (w, h, low, high) in enumerate(images):
        processor = Qwen2VLImageProcessorPil(min_pixels=low, max_pixels=high)
        output = processor(synthetic_image(w, h, 700 + index), return_tensors="np")
        values = np.ascontiguousarray(output["pixel_values"], dtype="<f4")
        kept = base64.b64encode(np.ascontiguousarray(values.reshape(-1)[::STEP]).tobytes()).decode()
        digest = hashlib.sha256(values.tobytes()).hexdigest()
        total = float(values.astype(np.float64).sum())
        cases.append([w, h, 700 + index, low, high, output["image_grid_thw"][0].tolist(), list(values.shape), total, digest, kept])
    return cases


def smart_resize_cases():
    rng = random.Random(28)
    limits = [(3136, 12845056), (3136, 1003520), (200704, 1003520), (784, 50176), (1, 784)]
    cases = []
    while len(cases) < 500:
        low, high = rng.choice(limits)
        if rng.random() < 0.3:  # exact halves of a token, where rounding rules differ
            w, h = 14 * rng.randint(1, 150), 14 * rng.randint(1, 150)
        else:
            w, h = int(2 ** rng.uniform(0, 13)), int(2 ** rng.uniform(0, 13))
        if max(w, h) / min(w, h) > 200:
            continue
        to_h, to_w = smart_resize(h, w, 28, low, high)
        cases.append([w, h, low, high, to_w, to_h])
    return cases


if __name__ == "__main__":
    write("processor.json", madeBy=MADE_BY, step=STEP,
          columns=["width", "height", "seed", "minPixels", "maxPixels", "gridThw", "shape", "sum", "sha256", "kept"],
          cases=processor_cases())
    write("smart-resize.json", madeBy=MADE_BY, columns=["width", "height", "minPixels", "maxPixels", "toWidth", "toHeight"],
          cases=smart_resize_cases())
