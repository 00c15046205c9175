"""Writes ../tools/*.json: what the references of the tools do with calls, each by its own code.

    python3 tools.py CHECKOUTS

CHECKOUTS holds the repositories that SOURCES names, as OWNER/NAME. No function of theirs is repeated here: their files are parsed,
and the functions, methods and statements that cut images out are run as they are, without the servers and models around them.
Needs Pillow, numpy, torch, jsonschema and json5. Pixels are compared as CRC-32 of the RGB bytes.
"""

import ast
import contextlib
import copy
import io
import json
import logging
import math
import os
import random
import re
import sys
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List, Optional, Tuple, Union

import numpy
import torch
from PIL import Image, ImageDraw
from synthetic_image import synthetic_image

FOLDER = Path(__file__).resolve().parent.parent / "tools"
CHECKOUTS = Path(sys.argv[1])
SOURCES = {
    "adaptvision": "AdaptVision/AdaptVision 9b7d57c0df97e7ff2da849f43e8fc816e2aa43b0",
    "awares": "NimrodShabtay/AwaRes 2121cde328830e8c682d539c3fe40831d8e39cf3",
    "deepeyes": "Visual-Agent/DeepEyes 6c5e79671dbff958a6f9d44848ba2ca87854f0b0",
    "mini-o3": "Mini-o3/Mini-o3 8654dbf42d2ea98b9d81b6cc7179026dd0598fdf",
    "vigorl": "Gabesarch/grounded-rl e7970c0f9b0647196df53091a6590848496957b1",
    "qwen-zoom": "QwenLM/Qwen-Agent 31a4d36d123688581a9e9744427272b33ce940e0",
}
CASES = 200
COMMON = dict(np=numpy, tempfile=tempfile, Image=Image, ImageDraw=ImageDraw, json=json, re=re, math=math, os=os, io=io, BytesIO=io.BytesIO, torch=torch,
              lru_cache=lru_cache, ThreadPoolExecutor=ThreadPoolExecutor, Tuple=Tuple, List=List, Optional=Optional,
              Union=Union, Any=Any, Dict=Dict, ceil=math.ceil, floor=math.floor, deepcopy=copy.deepcopy)


# --- running parts of a reference ---------------------------------------------------------------------------------------


def tree(repository, path):
    return ast.parse((CHECKOUTS / repository / path).read_text())


def run(nodes, space):
    exec(compile(ast.Module(list(nodes), []), "reference", "exec"), space)
    return space


def name_of(node):
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return node.name
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return None


def named(source, *names, **space):
    """Runs the first definition of each name, wherever it stands, without decorators of other libraries."""
    found = {}
    for node in ast.walk(source):
        if name_of(node) in names:
            found.setdefault(name_of(node), node)
    for node in found.values():
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            node.decorator_list = []
    missing = set(names) - set(found)
    assert not missing, missing
    return run([found[name] for name in names], {**COMMON, **space})


def quietly(function, *args, **kwargs):
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*args, **kwargs)


def pixels(image):
    return [image.width, image.height, f"{zlib.crc32(image.convert('RGB').tobytes()):08x}"]


def sha(text):
    return sha256(text.encode()).hexdigest()


# --- calls --------------------------------------------------------------------------------------------------------------


def sizes(rng):
    """Sizes of pictures: mostly ordinary, some small, some long."""
    kind = rng.random()
    if kind < 0.1:
        return rng.randint(8, 60), rng.randint(8, 60)
    if kind < 0.2:
        long = rng.randint(300, 700)
        return (long, rng.randint(20, 60)) if rng.random() < 0.5 else (rng.randint(20, 60), long)
    return rng.randint(60, 420), rng.randint(60, 420)


ODD = ["[]", "[1, 2, 3]", "[1, 2, 3, 4, 5]", "null", "7", '"box"', '["a", "b", "c", "d"]', "[null, 0, 1, 1]", "[[0, 0, 1, 1]]",
       "{}", "[true, false, 90, 80]", "[1e9, 1e9, 2e9, 2e9]", "[-1e9, -1e9, 1e9, 1e9]", "[0, 0, 0, 0]", "[1e308, 0, 1e309, 5]",
       "[10, 10, 10.0, 40]", "[40, 40, 10, 10]", "[-0.0, 0, 30, 30]"]


def box(rng, width, height, unit=None):
    """A box as a model might write it; `unit`: what each side counts as."""
    w, h = (width, height) if unit is None else (unit, unit)
    kind = rng.random()
    xs, ys = sorted(rng.uniform(0, w) for _ in range(2)), sorted(rng.uniform(0, h) for _ in range(2))
    if kind < 0.15:  # beyond the edges
        xs, ys = [xs[0] - w * rng.random(), xs[1] + w * rng.random()], [ys[0] - h * rng.random(), ys[1] + h * rng.random()]
    elif kind < 0.25:  # small
        xs, ys = [xs[0], xs[0] + w * rng.random() / 20], [ys[0], ys[0] + h * rng.random() / 20]
    elif kind < 0.32:  # turned around
        xs, ys = xs[::-1], ys[:: rng.choice([1, -1])]
    elif kind < 0.38:  # long and thin
        ys = [ys[0], ys[0] + h * rng.random() / 150]
    sides = [xs[0], ys[0], xs[1], ys[1]]
    digits = rng.choice([0, 1, 2, 6]) if unit is None or unit > 1 else rng.choice([2, 3, 4, 8])
    return json.dumps([round(side, digits) if digits else int(side) for side in sides])


def sources(seed):
    rng = random.Random(seed)
    for index in range(CASES):
        width, height = sizes(rng)
        yield rng, index, width, height, 3000 + index


def write(name, frame, cases, prompts, **more):
    FOLDER.mkdir(exist_ok=True)
    head = dict(madeBy="test/golden/make/tools.py, Pillow " + Image.__version__, source=SOURCES[name], frame=frame, prompts=prompts, **more)
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    rows = ",\n    ".join(json.dumps(row, separators=(",", ":")) for row in cases)
    (FOLDER / f"{name}.json").write_text("{\n  " + ",\n  ".join(lines) + ',\n  "cases": [\n    ' + rows + "\n  ]\n}\n")


# --- AdaptVision --------------------------------------------------------------------------------------------------------


def adaptvision():
    script = tree("AdaptVision/AdaptVision", "scripts/vllm_adaptvision.py")
    utils = named(tree("QwenLM/Qwen2.5-VL", "qwen-vl-utils/src/qwen_vl_utils/vision_process.py"), "IMAGE_FACTOR", "MIN_PIXELS",
                  "MAX_PIXELS", "MAX_RATIO", "round_by_factor", "ceil_by_factor", "floor_by_factor", "smart_resize")
    space = named(script, "TOOL_CALL_PATTERN", "check_bbox_format", "parse_tool_call_json", "get_bbox_from_response",
                  "crop_image_by_bbox", "prepare_bbox_tool_call_inputs", "encode_image", "process_single_bbox_task", "IMAGE_CROP_SYSTEM_PROMPT",
                  "IMAGE_CROP_TOOL_CALL_MULTI_TRUN_PROMPT", "ERROR_INFO_MULTI_TURN_PROMPT", smart_resize=utils["smart_resize"],
                  eval_logger=SimpleNamespace(info=lambda _: None), self=SimpleNamespace(bbox_cache={}, image_cache={}, ds_factor=2))
    attempt = next(node for node in ast.walk(script) if isinstance(node, ast.Try) and "prepare_bbox_tool_call_inputs" in ast.dump(node))
    turns = [node.value for node in ast.walk(script) if name_of(node) == "tool_call_prompt_message"]
    frame = '<tool_call>{"name": "request_local_region", "arguments": {"bbox_2d": %s}}</tool_call>'
    cases = []
    for rng, index, width, height, seed in sources(1):
        text = frame % box(rng, width / 2, height / 2)
        if index < len(ODD):
            text = frame % ODD[index]
        elif index < len(ODD) + len(ADAPTVISION_ODD):
            text = ADAPTVISION_ODD[index - len(ODD)]
        picture = synthetic_image(width, height, seed)
        half, full = (quietly(space["encode_image"], None, picture, down) for down in (True, False))
        contents = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL).findall(text)
        result = None
        if contents:
            here = run([attempt], {**space, "tool_call_contents": contents, "error_info": None})
            result = here["error_info"]
            if result is None:
                task = dict(i_todo=0, image_input=half, image_to_crop=full, decoded_response=text)
                space["self"].bbox_cache.clear()
                space["self"].image_cache.clear()
                try:
                    result = quietly(space["process_single_bbox_task"], task)[1]
                except Exception:  # the script ends here
                    result = True
        cases.append([width, height, seed, text, [pixels(half), pixels(full)], outcome(result)])
    image, error = (eval(compile(ast.Expression(turn), "turn", "eval"), {**space, "tool_call_result_": "E"}) for turn in turns)
    prompts = dict(system=sha(space["IMAGE_CROP_SYSTEM_PROMPT"]), reply=sha(image), error=sha(error))
    write("adaptvision", frame, [short(case, frame) for case in cases], prompts)


ADAPTVISION_ODD = [
    "I need to look closer.",
    "<tool_call></tool_call>",
    "<tool_call>{}</tool_call>",
    '<tool_call>{"name": "request_local_region"}}</tool_call>',
    '<tool_call>{"name": "resize_image", "arguments": {"action": "resize"}}</tool_call>',
    '<tool_call>{"name": "request_local_region", "arguments": {"box": [1, 2, 3, 4]}}</tool_call>',
    '<tool_call>{"name": "request_local_region", "arguments": {"bbox_2d": [1, 2, 30, 40}}</tool_call>',
    '<tool_call>{"name": "request_local_region", arguments: {"bbox_2d": [1, 2, 30, 40]}}</tool_call>',
    '<tool_call>{"name": "request_local_region" "arguments": {"bbox_2d": [1, 2, 30, 40]}}</tool_call>',
    '<tool_call>{"name": "request_local_region", "arguments": {"bbox_2d": [1, 2, 3O, 40]}}</tool_call>',
    '<tool_call>\n{"name": "request_local_region", "arguments": {"bbox_2d": [1, 2, 20, 18]}}\n</tool_call>',
    '<tool_call>{"name": "request_local_region", "arguments": {"bbox_2d": [1, 2, 20, 18]}}</tool_call>'
    '<tool_call>{"name": "request_local_region", "arguments": {"bbox_2d": [1, 2, 20, 18]}}</tool_call>',
    '<tool_call>I call {"name": "request_local_region", "arguments": {"bbox_2d": [1, 2, 20, 18]}} now</tool_call>',
    '<tool_call>{"name": "request_local_region", "arguments": {"bbox_2d": [NaN, 2, 20, 18]}}</tool_call>',
    '<tool_call>{"name": "request_local_region", "arguments": {"bbox_2d": [1, 2, Infinity, 18]}}</tool_call>',
    '<tool_call>{"name": null, "arguments": {"bbox_2d": [1, 2, 20, 18]}}</tool_call>',
]


# --- AwaRes -------------------------------------------------------------------------------------------------------------


def awares():
    script = tree("NimrodShabtay/AwaRes", "lmms_eval/qwen2_5_vl_awares.py")
    readme = (CHECKOUTS / "NimrodShabtay/AwaRes/README.md").read_text().split("```python")[1].split("```")[0]
    space = named(script, "MAX_IMAGE_SIZE", "INDS_NOT_WORDS", "FIXED_LR_SIZE", "TOOL_CALL_PATTERN", "CROPS_MAP",
                  "VISION_MODEL_SHORT_SYSTEM_PROMPT", "parse_crop_pattern", "is_image_too_small", "get_crop_box", "get_crop_from_pattern", "resize_image")
    lists = named(ast.parse(readme), "extract_crop_indices")
    fetch = named(tree("QwenLM/Qwen2.5-VL", "qwen-vl-utils/src/qwen_vl_utils/vision_process.py"), "IMAGE_FACTOR", "MIN_PIXELS",
                  "MAX_PIXELS", "MAX_RATIO", "round_by_factor", "ceil_by_factor", "floor_by_factor", "smart_resize", "to_rgb", "fetch_image")["fetch_image"]
    frame = "GET_CROPS: [%s]"
    cases = []
    for rng, index, width, height, seed in sources(2):
        numbers = [str(rng.randint(0, 8)) for _ in range(rng.choice([1, 1, 2, 3]))]
        text = rng.choice(["GET_CROPS:[" + "".join(numbers) + "]", "GET_CROPS['" + numbers[0] + "']", frame % ", ".join(f"'{n}'" for n in numbers),
                           "I cannot read it. " + frame % ",".join(numbers), frame % numbers[0]])
        text = AWARES_ODD[index] if index < len(AWARES_ODD) else text
        picture = synthetic_image(width, height, seed)
        opening = space["resize_image"](picture, fixed_size=space["FIXED_LR_SIZE"])[0]
        result = None
        if space["TOOL_CALL_PATTERN"] in text:
            crops = space["get_crop_from_pattern"](text, picture)
            listed = lists["extract_crop_indices"](text)
            small = space["is_image_too_small"](*picture.size)
            if space["parse_crop_pattern"](text) is None and listed and not small and "9" not in listed:
                crops = [picture.crop(it) for it in space["get_crop_box"]([space["CROPS_MAP"][n] for n in listed], *picture.size)]
            result = [attempted(lambda: fetch({"image": crop})) for crop in crops]
        cases.append([width, height, seed, text, [outcome(attempted(lambda: fetch({"image": opening})))], outcome(result)])
    write("awares", frame, [short(case, frame) for case in cases], dict(system=sha(space["VISION_MODEL_SHORT_SYSTEM_PROMPT"])))


AWARES_ODD = ["The answer is 4.", "GET_CROPS", "GET_CROPS []", "GET_CROPS: []", "GET_CROPS: ['all']", "GET_CROPS:[all]", "GET_CROPS: ['9']",
              "GET_CROPS: ['top-left']", "GET_CROPS: [0", "get_crops: ['0']", "GET_CROPS: ['0', '0']", "GET_CROPS:[8] GET_CROPS:[7]",
              "GET_CROPS: [12]", "GET_CROPS:['3", "GET_CROPS : [ \"4\" ]", "GET_CROPS: [NaN, -1, 1e9]"]


# --- DeepEyes -----------------------------------------------------------------------------------------------------------


def deepeyes():
    script = tree("Visual-Agent/DeepEyes", "eval/eval_vstar.py")
    space = named(script, "IMAGE_FACTOR", "MIN_PIXELS", "MAX_PIXELS", "round_by_factor", "ceil_by_factor", "floor_by_factor", "smart_resize",
                  "instruction_prompt_system", "USER_PROMPT_V2", "start_token", "end_token")
    branch = next(node for node in ast.walk(script) if isinstance(node, ast.If) and ast.unparse(node.test) == "start_token in response_message")
    last = max(i for i, node in enumerate(branch.body) if name_of(node) == "cropped_image")
    branch = ast.If(branch.test, branch.body[: last + 1], [])
    ast.fix_missing_locations(branch)
    frame = '<tool_call>\n{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": %s, "label": "it"}}\n</tool_call>'
    cases = []
    for rng, index, width, height, seed in sources(3):
        text = frame % box(rng, width, height)
        if index < len(ODD):
            text = frame % ODD[index]
        elif index < len(ODD) + len(DEEPEYES_ODD):
            text = DEEPEYES_ODD[index - len(ODD)]
        here = {**space, "pil_img": synthetic_image(width, height, seed), "response_message": text, "true": True, "false": False, "null": None}
        result = attempted(lambda: run([branch], here).get("cropped_image"))
        cases.append([width, height, seed, text, [], outcome(result)])
    prompts = dict(system=sha(space["instruction_prompt_system"]), user=sha(space["USER_PROMPT_V2"]))
    write("deepeyes", frame, [short(case, frame) for case in cases], prompts)


DEEPEYES_ODD = [
    "It is red.",
    "<tool_call></tool_call>",
    "<tool_call>zoom in</tool_call>",
    '<tool_call>{"name": "image_zoom_in_tool"}</tool_call>',
    '<tool_call>{"name": "image_zoom_in_tool", "arguments": {"bbox": [1, 2, 30, 40]}}</tool_call>',
    '<tool_call>{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [1, 2, 30, 40]}}',
    "<tool_call>{'name': 'image_zoom_in_tool', 'arguments': {'bbox_2d': (1, 2, 30, 40), 'label': None}}</tool_call>",
    '<tool_call>{"arguments": {"bbox_2d": [1, 2, 30, 40,],},}</tool_call>',
    '<tool_call>{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [1, 2, 30, 40]}}</tool_call><tool_call>no</tool_call>',
    '<tool_call>{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [0, 0, 20000, 20000]}}</tool_call>',
    '<tool_call>{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [500, 500, 900, 900]}}</tool_call>',
    '<tool_call>{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [2.5, 3.5, 40.5, 41.5]}}</tool_call>',
]


# --- Mini-o3 ------------------------------------------------------------------------------------------------------------


def mini_o3():
    engine = tree("Mini-o3/Mini-o3", "verl/workers/rollout/vllm_rollout/vllm_async_engine.py")
    tools = named(tree("Mini-o3/Mini-o3", "verl/workers/rollout/vllm_rollout/function_tools.py"), "crop_image", "prepare_grounding_inputs_multi_turn")
    texts = named(tree("Mini-o3/Mini-o3", "verl/trainer/constants.py"), "TOOL_CROP_SYSTEM_PROMPT", "TOOL_CALL_CROP_MULTI_TRUN_PROMPT", "ERROR_INFO_MULTI_TURN_PROMPT")
    first = named(tree("Mini-o3/Mini-o3", "verl/utils/dataset/multimodal_dataset.py"), "process_image")["process_image"]
    space = named(engine, "process_image", "process_tool_call", "grounding_pattern", **{k: texts[k] for k in texts if k.isupper()},
                  crop_image=tools["crop_image"], prepare_grounding_inputs_multi_turn=tools["prepare_grounding_inputs_multi_turn"])
    frame = '<grounding>{"bbox_2d": %s, "source": "original_image"}</grounding>'
    limits = dict(max_pixels=2000000, min_pixels=40000)  # README.md, Stage 2
    said = []
    encode = lambda text: said.append(text) or [0]
    me = SimpleNamespace(config=SimpleNamespace(rollout=SimpleNamespace(use_relative_coordinates=True)), tokenizer=SimpleNamespace(encode=encode),
                         calculate_image_token_num=lambda _: 1, **limits)
    cases = []
    for rng, index, width, height, seed in sources(4):
        calls = [frame % box(rng, width, height, 1)]
        if index < len(ODD):
            calls = [frame % ODD[index]]
        elif index < len(ODD) + len(MINI_O3_ODD):
            calls = MINI_O3_ODD[index - len(ODD)]
        elif index % 2 == 0:
            for turn in range(rng.choice([1, 2])):
                source = rng.choice(["original_image", "observation_1", f"observation_{turn + 1}"])
                calls.append((frame % box(rng, width, height, 1)).replace("original_image", source))
        picture = synthetic_image(width, height, seed)
        opening = attempted(lambda: first(numpy.asarray(picture), **limits))
        observations, used, images, results = [picture], [(width, height)], [], []
        for turn, call in enumerate(calls):
            if not space["grounding_pattern"].findall(call):
                results.append(None)
                continue
            vllm_input = dict(prompt_token_ids=[], multi_modal_data=dict(image=images))
            _, output = quietly(space["process_tool_call"], me, vllm_input, call, observations, used, [torch.zeros(1)], turn, False, None, "")
            results.append(outcome(images[-1]) if isinstance(output, Image.Image) else output.removeprefix(ERROR).removesuffix(".\n"))
        cases.append([width, height, seed, [cut(call, frame) for call in calls], [outcome(opening)], [own(result) for result in results]])
    reply = texts["TOOL_CALL_CROP_MULTI_TRUN_PROMPT"].format(action_turn=0, observation_turn=1)
    errors = [text for text in said if ERROR in text]
    prompts = dict(system=sha(texts["TOOL_CROP_SYSTEM_PROMPT"]), reply=sha(said[next(i for i, text in enumerate(said) if reply in text)]),
                   error=[sha(errors[0]), errors[0].split(ERROR)[1].split(".\n")[0]])
    write("mini-o3", frame, cases, prompts)


ERROR = "ERROR occurs during grounding. Error Information: "
WORDS_OF_PYTHON = ("can't multiply", "not supported between", "could not convert", "unsupported operand", "invalid literal", "int() arg",
                   "(<string>", "is not defined", "subscriptable", "division by zero", "has no len()", "unpack", "__round__", "must be real")


def own(result):
    """An error in Python's own words is one, whatever it says."""
    return True if isinstance(result, str) and any(words in result for words in WORDS_OF_PYTHON) else result


MINI_O3_ODD = [[call] for call in (
    "It is red.",
    "<grounding></grounding>",
    '<grounding>{"bbox_2d": [0.1, 0.1, 0.5, 0.5]}</grounding>',
    '<grounding>{"bbox_2d": (0.1, 0.1, 0.5, 0.5), "source": "original_image"}</grounding>',
    '<grounding>{"bbox_2d": 0.1, 0.1, 0.5, 0.5, "source": "original_image"}</grounding>',
    '<grounding>{"bbox_2d": [0.1, 0.1, 0.5, 0.5], "label": "it", "source": "original_image"}</grounding>',
    "<grounding>{\"bbox_2d\": [0.1, 0.1, 0.5, 0.5], \"source\": 'original_image'}</grounding>",
    '<grounding>{"bbox_2d": [0.1, 0.1, 0.5, 0.5], "source": "observation_1"}</grounding>',
    '<grounding>{"bbox_2d": [0.1, 0.1, 0.5, 0.5], "source": "observation_0"}</grounding>',
    '<grounding>{"bbox_2d": [0.1, 0.1, 0.5, 0.5], "source": "observation_99999999999999999999"}</grounding>',
    '<grounding>{"bbox_2d": [0.1, 0.1, 0.5, 0.5], "source": "observation_"}</grounding>',
    '<grounding>{"bbox_2d": [0.1, 0.1, 0.5, 0.5], "source": "picture"}</grounding>',
    '<grounding>{"bbox_2d": [0.1, 0.1, 0.5, 0.5], "source": ""}</grounding>',
    '<grounding>{"source": "original_image", "bbox_2d": [0.1, 0.1, 0.5, 0.5]}</grounding>',
    '<grounding>{"bbox_2d": [0.1, 0.1, 0.5, 0.5], "source": "original_image"}</grounding> and '
    '<grounding>{"bbox_2d": [0.2, 0.2, 0.9, 0.9], "source": "original_image"}</grounding>',
    '<grounding>{"bbox_2d": [0.1, 0.1, 0.5, 0.5], "source": "original_image"} </grounding>',
    '<grounding>{ "bbox_2d": [0.1, 0.1, 0.5, 0.5], "source": "original_image"}</grounding>',
    '<grounding>{"bbox_2d": [0, 0, 1, 1], "source": "original_image"}</grounding>',
    '<grounding>{"bbox_2d": [0, 0, 0.004, 1], "source": "original_image"}</grounding>',
)]


# --- ViGoRL -------------------------------------------------------------------------------------------------------------


def vigorl():
    demo = tree("Gabesarch/grounded-rl", "demo/demo_multiturn.py")
    space = named(demo, "TOOL_RE", "parse_coordinate", "get_point_crop")
    jinja = (CHECKOUTS / "Gabesarch/grounded-rl/src/trainer/rl/examples/format_prompt/vstar_multiturn.jinja").read_text()
    frame = '<tool_call>\n{"name": "search_coordinate", "arguments": {"coordinate": %s}}\n</tool_call>'
    odd = ["[]", "[1]", "[1, 2, 3]", "null", '"xy"', '["a", "b"]', "[NaN, 5]", "[1e9, 5]", "[-1e9, 5]", "[5, -76]", "[true, false]", "{}", "[Infinity, 0]"]
    cases = []
    for rng, index, width, height, seed in sources(5):
        spread = rng.choice([0, 0, 0, 100])
        point = [rng.uniform(-spread, width + spread), rng.uniform(-spread, height + spread)]
        digits = rng.choice([0, 0, 1, 3])
        text = frame % (odd[index] if index < len(odd) else json.dumps([round(side, digits) if digits else int(side) for side in point]))
        if len(odd) <= index < len(odd) + 4:
            text = ["No call.", "<tool_call>{}</tool_call>", "<tool_call>no JSON</tool_call>", frame % "[1, 2]" + "<answer>4</answer>"][index - len(odd)]
        match = space["TOOL_RE"].search(text) if "<answer>" not in text else None
        result = None
        if match:
            coordinate = space["parse_coordinate"](match.group(1))
            result = attempted(lambda: space["get_point_crop"](synthetic_image(width, height, seed), coordinate, draw_dot=False)) if coordinate else True
        cases.append([width, height, seed, text, [], True if isinstance(result, str) else outcome(result)])
    prompts = dict(system=sha(jinja.replace("\\n", "\n").replace('\\"', '"')))
    write("vigorl", frame, [short(case, frame) for case in cases], prompts)


# --- Qwen-Agent ---------------------------------------------------------------------------------------------------------


def qwen_zoom():
    import json5

    base = named(tree("QwenLM/Qwen-Agent", "qwen_agent/tools/base.py"), "_verify_json_format_args",
                 json_loads=named(tree("QwenLM/Qwen-Agent", "qwen_agent/utils/utils.py"), "json_loads", json5=json5)["json_loads"])
    utils = named(tree("QwenLM/Qwen-Agent", "qwen_agent/utils/utils.py"), "extract_images_from_messages", Message=object)
    Base = type("Base", (), {"_verify_json_format_args": base["_verify_json_format_args"]})
    item = lambda image=None, text=None: SimpleNamespace(image=image, text=text)
    source = tree("QwenLM/Qwen-Agent", "qwen_agent/tools/image_zoom_in_qwen3vl.py")
    import uuid

    space = named(source, "ImageZoomInToolQwen3VL", BaseToolWithFileAccess=Base, ContentItem=item, uuid=uuid, requests=None,
                  logger=logging.getLogger("silent"), extract_images_from_messages=utils["extract_images_from_messages"])
    logging.getLogger("silent").setLevel(logging.CRITICAL)
    template = named(tree("QwenLM/Qwen-Agent", "qwen_agent/llm/fncall_prompts/nous_fncall_prompt.py"), "FN_CALL_TEMPLATE")["FN_CALL_TEMPLATE"]
    tool = space["ImageZoomInToolQwen3VL"]()
    frame = '{"bbox_2d": %s, "label": "it", "img_idx": 0}'
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        tool.work_dir = folder
        for rng, index, width, height, seed in sources(6):
            calls = [frame % box(rng, width, height, 1000)]
            if index < len(ODD):
                calls = [frame % ODD[index]]
            elif index < len(ODD) + len(QWEN_ODD):
                calls = [QWEN_ODD[index - len(ODD)]]
            elif index % 2 == 0:
                for turn in range(rng.choice([1, 2])):
                    calls.append((frame % box(rng, width, height, 1000)).replace('"img_idx": 0', f'"img_idx": {rng.choice([0, 1, -1, turn + 1])}'))
            path = os.path.join(folder, f"{index}.png")
            synthetic_image(width, height, seed).save(path)
            messages, results = [SimpleNamespace(content=[item(path)])], []
            for call in calls:
                try:
                    part = tool.call(call, messages=messages)[0]
                except Exception:  # the agent reports it with a traceback
                    results.append(True)
                    continue
                if part.image is not None:
                    messages.append(SimpleNamespace(content=[part]))
                    results.append(pixels(Image.open(part.image)))
                else:
                    results.append(True if part.text.startswith("Error: Invalid input image") else own(part.text))
            cases.append([width, height, seed, [cut(call, frame) for call in calls], [], results])
    function = dict(name="image_zoom_in_tool", description=tool.description, parameters=tool.parameters)
    described = json.dumps({"type": "function", "function": function}, ensure_ascii=False)
    write("qwen-zoom", frame, cases, dict(system=sha(template.format(tool_descs=described))))


QWEN_ODD = [
    "{}",
    '{"bbox_2d": [0, 0, 500, 500], "label": "it"}',
    '{"bbox_2d": [0, 0, 500, 500], "img_idx": 0}',
    '{"bbox_2d": [0, 0, 500, 500], "label": 3, "img_idx": 0}',
    '{"bbox_2d": [0, 0, 500, 500], "label": "it", "img_idx": "0"}',
    '{"bbox_2d": [0, 0, 500, 500], "label": "it", "img_idx": 0.0}',
    '{"bbox_2d": [0, 0, 500, 500], "label": "it", "img_idx": 1}',
    '{"bbox_2d": [0, 0, 500, 500], "label": "it", "img_idx": -1}',
    '{"bbox_2d": [0, 0, 500, 500], "label": "it", "img_idx": -2}',
    '{"bbox_2d": [0, 0, 500, 500], "label": "it", "img_idx": true}',
    '{"bbox_2d": [0, 0, 1000, 1000], "label": "it", "img_idx": 0}',
    '{"bbox_2d": [2000, 2000, 3000, 3000], "label": "it", "img_idx": 0}',
    '{"bbox_2d": [NaN, 0, 500, 500], "label": "it", "img_idx": 0}',
    '{"bbox_2d": [500, 500, 501, 501], "label": "it", "img_idx": 0}',
    '{"bbox_2d": [0, 0, 1, 1], "label": "it", "img_idx": 0}',
    '{"bbox_2d": [999, 0, 1000, 1000], "label": "it", "img_idx": 0}',
]


# --- outcomes -----------------------------------------------------------------------------------------------------------


def attempted(function):
    """What a function returns, or the words of what it raises."""
    try:
        return function()
    except Exception as error:
        return own(str(error)) or True


def outcome(result):
    """Size and pixels of an image; an error's words, true where they are Python's own; null where there is no call."""
    if isinstance(result, Image.Image):
        return pixels(result)
    if isinstance(result, list):
        return [outcome(part) for part in result]
    return own(result)


def cut(text, frame):
    """A text that is the frame with something in it, as that; any other behind an exclamation mark."""
    before, after = frame.split("%s")
    return text[len(before): len(text) - len(after)] if text.startswith(before) and text.endswith(after) and len(text) >= len(before + after) else "!" + text


def short(case, frame):
    width, height, seed, text, openings, result = case
    return [width, height, seed, [cut(text, frame)], openings, [result]]


if __name__ == "__main__":
    Image.MAX_IMAGE_PIXELS = 89478485  # Pillow's own, named because it is part of what is compared
    for make in (adaptvision, awares, deepeyes, mini_o3, vigorl, qwen_zoom):
        make()
