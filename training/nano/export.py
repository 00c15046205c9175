"""A trained model as a Hugging Face checkpoint folder: `python -m nano.export WEIGHTS.safetensors FOLDER`."""

import json
import shutil
import sys
from pathlib import Path

from safetensors.torch import save_file

from . import protocol
from .compact import load_weights
from .model import MEAN, STD, Config
from .tokenizer import FOLDER as TOKENIZER

LARGEST_SIDE = 784


def config_json(c: Config) -> dict:
    """config.json as transformers 5 writes it for Qwen2.5-VL."""
    t = protocol.tokenizer
    return {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"], "model_type": "qwen2_5_vl", "dtype": "bfloat16", "tie_word_embeddings": True,
        "image_token_id": t.image_pad, "video_token_id": t.video_pad, "vision_start_token_id": t.vision_start, "vision_end_token_id": t.vision_end,
        "text_config": {
            "model_type": "qwen2_5_vl_text", "dtype": "bfloat16", "vocab_size": c.vocab, "hidden_size": c.text_hidden, "intermediate_size": c.text_mlp,
            "num_hidden_layers": c.text_layers, "num_attention_heads": c.heads, "num_key_value_heads": c.kv_heads, "hidden_act": "silu",
            "max_position_embeddings": 4096, "rms_norm_eps": 1e-6, "tie_word_embeddings": True, "use_cache": True, "use_sliding_window": False,
            "sliding_window": None, "max_window_layers": c.text_layers, "layer_types": ["full_attention"] * c.text_layers, "attention_dropout": 0.0,
            "initializer_range": 0.02, "bos_token_id": None, "eos_token_id": t.im_end, "pad_token_id": t.pad,
            "rope_parameters": {"rope_type": "default", "rope_theta": c.rope_theta, "mrope_section": list(c.mrope_section)},
        },
        "vision_config": {
            "model_type": "qwen2_5_vl_vision", "dtype": "bfloat16", "depth": c.vision_depth, "hidden_size": c.vision_hidden, "intermediate_size": c.vision_mlp,
            "num_heads": c.vision_heads, "hidden_act": "silu", "in_channels": 3, "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2,
            "tokens_per_second": 2, "window_size": 112, "out_hidden_size": c.text_hidden, "fullatt_block_indexes": list(c.vision_full),
            "initializer_range": 0.02,
        },
    }


def export(state: dict, out: str, config: Config = Config()) -> None:
    """Writes the folder; `state` holds tensors under Hugging Face's names (kept in bfloat16)."""
    import torch
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.to(torch.bfloat16).contiguous() for k, v in state.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    t = protocol.tokenizer
    files = {
        "config.json": config_json(config),
        "generation_config.json": {"do_sample": False, "eos_token_id": [t.im_end], "pad_token_id": t.pad},
        "preprocessor_config.json": {
            "image_processor_type": "Qwen2VLImageProcessor", "do_convert_rgb": True, "do_resize": True, "do_rescale": True, "do_normalize": True,
            "rescale_factor": 1 / 255, "image_mean": list(MEAN), "image_std": list(STD), "resample": 3, "patch_size": 14, "merge_size": 2,
            "temporal_patch_size": 2, "min_pixels": 56 * 56, "max_pixels": LARGEST_SIDE**2},
        "prompts.json": protocol.PROMPTS,
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(TOKENIZER / name, folder / name)


if __name__ == "__main__":
    export(load_weights(sys.argv[1]), sys.argv[2])
