"""Writes ../tool-rounds.json: two rounds of every tool on tiny checkpoints, as transformers answers them.

    python tool_rounds.py CHECKOUTS

The images and the words are made by the references' own code (see tools.py, CHECKOUTS is the same), the tokens by transformers: the prompt's
ids (their number and CRC-32) and 32 greedy tokens behind a reply, in float32. Needs what tools.py and conversations.py need.
"""

import ast
import json
import zlib
from types import SimpleNamespace

import torch
import transformers
from conversations import LEAST_MARGIN, QUESTIONS, STEPS, Prompt, answer
from PIL import Image
from tiny_checkpoints import QUIET, load, pixels
from tokenizers import Tokenizer
from tools import CHECKOUTS, FOLDER, named, quietly, run, tree
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

TINY = FOLDER.parent / "tiny"
IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
END = "<|im_end|>\n<|im_start|>assistant\n"
VISION = ("IMAGE_FACTOR", "MIN_PIXELS", "MAX_PIXELS", "MAX_RATIO", "round_by_factor", "ceil_by_factor", "floor_by_factor", "smart_resize")


def vision(*names):
    return named(tree("QwenLM/Qwen2.5-VL", "qwen-vl-utils/src/qwen_vl_utils/vision_process.py"), *VISION, *names)


def framed(text, *images):
    """A text with images in the places of its placeholders."""
    parts = text.split(IMAGE)
    assert len(parts) == len(images) + 1
    pieces = [parts[0]]
    for image, part in zip(images, parts[1:]):
        pieces += [dict(pil=image), part]
    return pieces


def adaptvision(picture, question):
    script = tree("AdaptVision/AdaptVision", "scripts/vllm_adaptvision.py")
    space = named(script, "TOOL_CALL_PATTERN", "check_bbox_format", "parse_tool_call_json", "get_bbox_from_response", "crop_image_by_bbox", "encode_image",
                  "IMAGE_CROP_SYSTEM_PROMPT", "IMAGE_CROP_TOOL_CALL_MULTI_TRUN_PROMPT", smart_resize=vision()["smart_resize"])
    template = next(node.value.value for node in ast.walk(script) if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "prompt_template")
    turn = next(node.value for node in ast.walk(script) if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "tool_call_prompt_message")
    half, full = (quietly(space["encode_image"], None, picture, down) for down in (True, False))
    call = '<tool_call>{"name": "request_local_region", "arguments": {"bbox_2d": [10, 12, 60, 58]}}</tool_call>'
    crop = quietly(space["crop_image_by_bbox"], full, quietly(space["get_bbox_from_response"], call, half))
    user = template.format(Question=IMAGE + "\n" + question)
    reply = eval(compile(ast.Expression(turn), "turn", "eval"), space)
    return space["IMAGE_CROP_SYSTEM_PROMPT"], framed(user, half), call, framed(reply, crop)


def awares(picture, question):
    script = tree("NimrodShabtay/AwaRes", "lmms_eval/qwen2_5_vl_awares.py")
    space = named(script, "MAX_IMAGE_SIZE", "INDS_NOT_WORDS", "FIXED_LR_SIZE", "TOOL_CALL_PATTERN", "CROPS_MAP", "VISION_MODEL_SHORT_SYSTEM_PROMPT",
                  "parse_crop_pattern", "is_image_too_small", "get_crop_box", "get_crop_from_pattern", "resize_image")
    fetch = vision("to_rgb", "fetch_image")["fetch_image"]
    limits = next(node for node in ast.walk(script) if isinstance(node, ast.FunctionDef) and node.name == "__init__").args
    given = {arg.arg: value for arg, value in zip(limits.args[-len(limits.defaults):], limits.defaults)}
    least, most = (eval(ast.unparse(given[name])) for name in ("min_pixels", "max_pixels"))
    show = lambda image: dict(pil=fetch({"image": image}), limits=(least, most))
    call = "GET_CROPS:[05]"
    crops = [show(crop) for crop in space["get_crop_from_pattern"](call, picture)]
    low = show(space["resize_image"](picture, fixed_size=space["FIXED_LR_SIZE"])[0])
    return space["VISION_MODEL_SHORT_SYSTEM_PROMPT"], [low, question], call, ["\n<|im_start|>user\n", *crops, END]


def deepeyes(picture, question):
    script = tree("Visual-Agent/DeepEyes", "eval/eval_vstar.py")
    space = named(script, *[name for name in VISION if name != "MAX_RATIO"], "instruction_prompt_system", "USER_PROMPT_V2", "start_token", "end_token")
    branch = next(node for node in ast.walk(script) if isinstance(node, ast.If) and ast.unparse(node.test) == "start_token in response_message")
    last = max(i for i, node in enumerate(branch.body) if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "cropped_image")
    branch = ast.fix_missing_locations(ast.If(branch.test, branch.body[: last + 1], []))
    call = '<tool_call>{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [20, 12.4, 110, 90.6], "label": "it"}}</tool_call>'
    crop = run([branch], {**space, "pil_img": picture, "response_message": call})["cropped_image"]
    words = space["USER_PROMPT_V2"]
    reply = "\n<|im_start|>user\n<tool_response>" + IMAGE + words + "</tool_response>" + END
    return space["instruction_prompt_system"], framed(f"{IMAGE}Question: {question}\n" + words, picture), call, framed(reply, crop)


def mini_o3(picture, question):
    tools = named(tree("Mini-o3/Mini-o3", "verl/workers/rollout/vllm_rollout/function_tools.py"), "crop_image", "prepare_grounding_inputs_multi_turn")
    texts = named(tree("Mini-o3/Mini-o3", "verl/trainer/constants.py"), "TOOL_CROP_SYSTEM_PROMPT", "TOOL_CALL_CROP_MULTI_TRUN_PROMPT", "ERROR_INFO_MULTI_TURN_PROMPT")
    first = named(tree("Mini-o3/Mini-o3", "verl/utils/dataset/multimodal_dataset.py"), "process_image")["process_image"]
    engine = tree("Mini-o3/Mini-o3", "verl/workers/rollout/vllm_rollout/vllm_async_engine.py")
    space = named(engine, "process_image", "process_tool_call", **{k: texts[k] for k in texts if k.isupper()},
                  crop_image=tools["crop_image"], prepare_grounding_inputs_multi_turn=tools["prepare_grounding_inputs_multi_turn"])
    limits, said = dict(max_pixels=2000000, min_pixels=40000), []
    me = SimpleNamespace(config=SimpleNamespace(rollout=SimpleNamespace(use_relative_coordinates=True)), calculate_image_token_num=lambda _: 1,
                         tokenizer=SimpleNamespace(encode=lambda text: said.append(text) or [0]), **limits)
    call = '<grounding>{"bbox_2d": [0.1, 0.2, 0.5, 0.9], "source": "original_image"}</grounding>'
    vllm_input = dict(prompt_token_ids=[], multi_modal_data=dict(image=[]))
    quietly(space["process_tool_call"], me, vllm_input, call, [picture], [picture.size], [torch.zeros(1)], 0, False, None, "")
    opening = first(space["np"].asarray(picture), **limits)
    reply = said[0].removeprefix("<|im_end|>")  # the model's own message is ended apart
    return texts["TOOL_CROP_SYSTEM_PROMPT"], framed(IMAGE + "\n" + question, opening), call, framed(reply, vllm_input["multi_modal_data"]["image"][0])


def vigorl(picture, question):
    demo = tree("Gabesarch/grounded-rl", "demo/demo_multiturn.py")
    space = named(demo, "TOOL_RE", "parse_coordinate", "get_point_crop")
    jinja = (CHECKOUTS / "Gabesarch/grounded-rl/src/trainer/rl/examples/format_prompt/vstar_multiturn.jinja").read_text()
    told = next(node.value for node in ast.walk(demo) if isinstance(node, ast.Constant) and str(node.value).startswith("<observation>"))
    call = '<tool_call>{"name": "search_coordinate", "arguments": {"coordinate": [60, 50]}}</tool_call>'
    crop = space["get_point_crop"](picture, space["parse_coordinate"](space["TOOL_RE"].search(call).group(1)), draw_dot=False)
    fetch = vision("to_rgb", "fetch_image")["fetch_image"]
    reply = "\n<|im_start|>user\n" + told + IMAGE + END
    system = jinja.replace("\\n", "\n").replace('\\"', '"')
    return system, framed(IMAGE + question, fetch({"image": picture})), call, framed(reply, fetch({"image": crop}))


def qwen_zoom(picture, question):
    source = tree("QwenLM/Qwen-Agent", "qwen_agent/tools/image_zoom_in_qwen3vl.py")
    nous = named(tree("QwenLM/Qwen-Agent", "qwen_agent/llm/fncall_prompts/nous_fncall_prompt.py"), "FN_CALL_TEMPLATE")
    here = SimpleNamespace(image=None)
    space = named(source, "ImageZoomInToolQwen3VL", BaseToolWithFileAccess=object, requests=None, logger=None, uuid=SimpleNamespace(uuid4=lambda: "crop"),
                  ContentItem=lambda image=None, text=None: SimpleNamespace(image=image, text=text), extract_images_from_messages=lambda _: [here.image])
    tool = space["ImageZoomInToolQwen3VL"]()
    given = {"bbox_2d": [100, 150, 600, 800], "label": "it", "img_idx": 0}
    tool._verify_json_format_args = lambda params: params
    with space["tempfile"].TemporaryDirectory() as folder:
        tool.work_dir, here.image = folder, f"{folder}/picture.png"
        picture.save(here.image)
        crop = Image.open(tool.call(given)[0].image)
        crop.load()
    function = dict(name="image_zoom_in_tool", description=tool.description, parameters=tool.parameters)
    system = nous["FN_CALL_TEMPLATE"].format(tool_descs=json.dumps({"type": "function", "function": function}, ensure_ascii=False))
    call = "<tool_call>" + json.dumps({"name": "image_zoom_in_tool", "arguments": given}) + "</tool_call>"
    reply = "\n<|im_start|>user\n<tool_response>\n" + IMAGE + "\n</tool_response>" + END
    return system, framed(IMAGE + question, picture), call, framed(reply, crop)


class ToolPrompt(Prompt):
    """A prompt whose images are given as they are; some with limits that differ from the checkpoint's own."""

    def show(self, piece):
        processor = self.processor
        if "limits" in piece:
            least, most = piece["limits"]
            processor = Qwen2VLImageProcessorPil.from_pretrained(self.folder, min_pixels=least, max_pixels=most)
        image = piece["pil"]
        if "limits" in piece:  # resized by such a processor, then by the checkpoint's
            image = Image.fromarray(resized(processor, image))
        patches, grid, _ = pixels(self.processor, image)
        self.images.append((patches, grid))
        self.text += IMAGE.replace("<|image_pad|>", "<|image_pad|>" * (int(grid.prod()) // 4))


def resized(processor, image):
    """What a processor's resize makes of an image, with neither numbers nor patches made of it."""
    size = processor.size
    sized = processor.resize(torch_free(image), size, resample=processor.resample, factor=processor.patch_size * processor.merge_size)
    return channels_last(sized)


def torch_free(image):
    import numpy

    return numpy.asarray(image).transpose(2, 0, 1)


def channels_last(array):
    import numpy

    return numpy.asarray(array).transpose(1, 2, 0)


def main():
    torch.set_num_threads(2)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    cases = []
    for name in ("flat-f16-sharded", "nested-tied-bf16"):
        folder = TINY / name / "checkpoint"
        ToolPrompt.folder = folder
        model, tokenizer = load(folder), Tokenizer.from_file(str(folder / "tokenizer.json"))
        processor = Qwen2VLImageProcessorPil.from_pretrained(folder)
        picture = Image.open(TINY / name / "image1.png").convert("RGB")
        for make in (adaptvision, awares, deepeyes, mini_o3, vigorl, qwen_zoom):
            for question in QUESTIONS:
                system, user, call, reply = make(picture, question)
                reply[-1] = reply[-1].removesuffix("<|im_start|>assistant\n")  # Prompt opens the last message itself
                messages = [("system", [system]), ("user", user), ("assistant", [dict(said=call)]), ("tool", reply)]
                prompt = ToolPrompt(tokenizer, processor, messages)
                tokens, margin, _ = answer(model, prompt)
                if len(tokens) == STEPS and not set(tokens) & set(QUIET) and margin > LEAST_MARGIN:
                    break
            else:
                raise SystemExit(f"no usable question for {name}, {make.__name__}")
            crc = f"{zlib.crc32(','.join(map(str, prompt.ids)).encode()):08x}"
            cases.append(dict(checkpoint=name, tool=make.__name__.replace("_", "-"), question=question, call=call, tokens=len(prompt.ids),
                              ids_crc32=crc, greedy_ids=tokens, smallest_margin=round(margin, 6)))
            print(name, make.__name__, question, len(prompt.ids), "tokens, margin", round(margin, 5), flush=True)
    made_by = f"transformers {transformers.__version__}, test/golden/make/tool_rounds.py"
    rows = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (FOLDER.parent / "tool-rounds.json").write_text('{"made_by":' + json.dumps(made_by) + ',"cases":[\n' + rows + "\n]}\n")


if __name__ == "__main__":
    main()
