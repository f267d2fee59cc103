"""Pixels for the fake Nuke: reads, works on and writes float images with the real engine's libraries.

Runs in the engine's Python, as a process of its own: JSON lines in, JSON lines out. An image is its channels by Nuke's
names over a data window; y runs downwards, as in OpenEXR.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import nk_expression

from headroom import io
from headroom.colour.plan import plan

EXR_NAMES = {"R": "rgba.red", "G": "rgba.green", "B": "rgba.blue", "A": "rgba.alpha"}
LAYERS = {"headroom": ("mask", "gain"), "headroom_bake": ("red", "green", "blue", "alpha")}


class Image:
    """Channels over a window (x, y, width, height) in a display window."""

    def __init__(self, window: Any, display: Any, channels: dict[str, Any]) -> None:
        self.window, self.display, self.channels = tuple(window), tuple(display), channels

    def get(self, name: str) -> Any:
        found = self.channels.get(name)
        return np.zeros((self.window[3], self.window[2]), np.float32) if found is None else found

    def over(self, window: Any) -> Image:
        """The same over a larger window, black outside."""
        x, y, width, height = window
        moved = {}
        for name, pixels in self.channels.items():
            whole = np.zeros((height, width), np.float32)
            top, left = self.window[1] - y, self.window[0] - x
            whole[top : top + self.window[3], left : left + self.window[2]] = pixels
            moved[name] = whole
        return Image(window, self.display, moved)


def union(a: Image, b: Image) -> Any:
    if not a.window[2]:
        return b.window
    if not b.window[2]:
        return a.window
    x, y = min(a.window[0], b.window[0]), min(a.window[1], b.window[1])
    right = max(a.window[0] + a.window[2], b.window[0] + b.window[2])
    bottom = max(a.window[1] + a.window[3], b.window[1] + b.window[3])
    return x, y, right - x, bottom - y


def evaluate(tree: dict[str, Any]) -> Image:
    return {
        "empty": lambda t: Image((0, 0, 0, 0), (0, 0, 1, 1), {}),
        "read": read, "layers": layers, "multiply": multiply, "move": move, "copy": copy,
        "expression": expression, "remove": remove, "add": add,
    }[tree["op"]](tree)  # fmt: skip


def read(tree: dict[str, Any]) -> Image:
    plate = io.read(tree["path"])
    codes = plate.rows(0, plate.height)
    if tree["space"] is not None:
        codes = plan(None, frm=tree["space"], config=tree["config"], is_float=plate.is_float, bits=plate.bits).base(
            codes
        )
    step = tree["smaller"]
    codes = np.asarray(codes, np.float32)[::step, ::step]
    height, width = codes.shape[:2]
    window = (0, 0, width, height)
    if plate.data_window is not None and step == 1:
        window = (plate.data_window.x, plate.data_window.y, width, height)
    shown = plate.display_window
    display = (shown.x, shown.y, shown.width, shown.height) if shown is not None else (0, 0, width, height)
    names = ("rgba.red", "rgba.green", "rgba.blue")
    return Image(window, display, {name: np.ascontiguousarray(codes[..., i]) for i, name in enumerate(names)})


def layers(tree: dict[str, Any]) -> Image:
    with OpenEXR.File(tree["path"], separate_channels=True) as file:
        header = file.header()
        (x0, y0), (x1, y1) = header["dataWindow"]
        (dx0, dy0), (dx1, dy1) = header["displayWindow"]
        found = {EXR_NAMES.get(n, n): np.asarray(c.pixels, np.float32) for n, c in file.channels().items()}
    window = (int(x0), int(y0), int(x1 - x0 + 1), int(y1 - y0 + 1))
    return Image(window, (int(dx0), int(dy0), int(dx1 - dx0 + 1), int(dy1 - dy0 + 1)), found)


def multiply(tree: dict[str, Any]) -> Image:
    image = evaluate(tree["in"])
    by = np.float32(tree["by"])
    return Image(
        image.window, image.display, {n: p * by if n != "rgba.alpha" else p for n, p in image.channels.items()}
    )


def move(tree: dict[str, Any]) -> Image:
    image = evaluate(tree["in"])
    x, y, width, height = image.window
    return Image((x + tree["x"], y - tree["y"], width, height), image.display, image.channels)


def copy(tree: dict[str, Any]) -> Image:
    a, b = evaluate(tree["a"]), evaluate(tree["b"])
    window = union(a, b)
    a, b = a.over(window), b.over(window)
    channels = dict(b.channels)
    for source, target in tree["pairs"]:
        channels[target] = a.get(source)
    return Image(window, b.display, channels)


def expression(tree: dict[str, Any]) -> Image:
    image = evaluate(tree["in"])
    values: dict[str, Any] = {short: image.get(name) for short, name in zip("rgba", EXR_NAMES.values())}
    for layer, names in {"rgba": ("red", "green", "blue", "alpha"), **LAYERS}.items():
        values |= {f"{layer}.{name}": image.get(f"{layer}.{name}") for name in names}
    values |= {name: np.float32(number) for name, number in tree["values"].items()}
    for name, text in tree["temps"]:
        values[name] = calculate(nk_expression.parse(text), values)
    channels = dict(image.channels)
    shape = (image.window[3], image.window[2])
    for channel, text in tree["channels"]:
        result = np.asarray(calculate(nk_expression.parse(text), values), np.float32)
        channels[channel] = np.broadcast_to(result, shape).astype(np.float32)
    return Image(image.window, image.display, channels)


def calculate(tree: Any, values: dict[str, Any]) -> Any:
    """In float32, as Nuke works; both ways of a choice are worked out, so that warnings are of no meaning."""
    kind = tree[0]
    if kind == "number":
        return np.float32(tree[1])
    if kind == "name":
        return values[tree[1]]
    if kind == "call":
        given = [calculate(part, values) for part in tree[2]]
        if tree[1] == "clamp":
            return np.clip(given[0], *(given[1:] or (np.float32(0), np.float32(1))))
        return {"pow": lambda a, b: np.power(np.maximum(a, 0), b)}[tree[1]](*given)
    inner = [calculate(part, values) for part in tree[1:]]
    if kind == "?":
        return np.where(inner[0], inner[1], inner[2])
    if kind == "-" and len(inner) == 1:
        return -inner[0]
    return {
        "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "==": np.equal, "!=": np.not_equal,
        "<": np.less, ">": np.greater, "<=": np.less_equal, ">=": np.greater_equal, "&&": np.logical_and,
        "||": np.logical_or,
    }[kind](*inner)  # fmt: skip


def remove(tree: dict[str, Any]) -> Image:
    image = evaluate(tree["in"])
    kept = {n: p for n, p in image.channels.items() if not n.startswith(tree["layer"] + ".")}
    return Image(image.window, image.display, kept)


def add(tree: dict[str, Any]) -> Image:
    image = evaluate(tree["in"])
    channels = dict(image.channels)
    for name in LAYERS[tree["layer"]]:
        channels.setdefault(f"{tree['layer']}.{name}", image.get(f"{tree['layer']}.{name}"))
    return Image(image.window, image.display, channels)


def render(request: dict[str, Any]) -> None:
    image = evaluate(request["tree"])
    if not image.window[2]:
        raise RuntimeError("there is nothing to render")
    if not request["raw"]:
        raise RuntimeError("the fake's Write knows raw only")
    back = {name: exr for exr, name in EXR_NAMES.items()}
    wanted = {"rgb": tuple(EXR_NAMES.values())[:3], "rgba": tuple(EXR_NAMES.values())}.get(request["channels"])
    kind = np.float32 if request["float"] else np.float16
    channels = {
        back.get(name, name): np.ascontiguousarray(pixels, kind)
        for name, pixels in image.channels.items()
        if wanted is None or name in wanted
    }
    x, y, width, height = image.window
    dx, dy, dwidth, dheight = image.display
    header = {
        "compression": OpenEXR.NO_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "dataWindow": (np.array([x, y], np.int32), np.array([x + width - 1, y + height - 1], np.int32)),
        "displayWindow": (np.array([dx, dy], np.int32), np.array([dx + dwidth - 1, dy + dheight - 1], np.int32)),
    }
    OpenEXR.File(header, channels).write(request["path"])


def channels_of(request: dict[str, Any]) -> list[str]:
    plate = io.read(request["path"])
    return ["rgba.red", "rgba.green", "rgba.blue"] + (["rgba.alpha"] if plate.alpha is not None else [])


def compare(request: dict[str, Any]) -> dict[str, Any]:
    """How two EXR files differ: names, windows, types, largest absolute and relative difference of each channel."""
    a, b = (load(request[name]) for name in ("a", "b"))
    shared = sorted(set(a["channels"]) & set(b["channels"]))
    wanted = request.get("only") or shared
    differences = {}
    for name in wanted:
        one, other = a["channels"][name].astype(np.float64), b["channels"][name].astype(np.float64)
        differences[name] = [
            float(np.abs(one - other).max()),
            float((np.abs(one - other) / np.maximum(np.abs(other), 1e-3)).max()),
        ]
    return {
        "same_names": sorted(a["channels"]) == sorted(b["channels"]),
        "same_window": a["window"] == b["window"],
        "same_types": all(a["channels"][n].dtype == b["channels"][n].dtype for n in shared),
        "bits_equal": all(np.array_equal(a["channels"][n], b["channels"][n]) for n in wanted),
        "header_differs": sorted(
            key for key in set(a["header"]) | set(b["header"]) if str(a["header"].get(key)) != str(b["header"].get(key))
        ),
        "differences": differences,
    }  # fmt: skip


def load(path: str) -> dict[str, Any]:
    with OpenEXR.File(path, separate_channels=True) as file:
        header = dict(file.header())
        channels = {name: np.array(channel.pixels) for name, channel in file.channels().items()}
    header.pop("channels", None)
    (x0, y0), (x1, y1) = header["dataWindow"]
    return {"header": header, "channels": channels, "window": [int(v) for v in (x0, y0, x1, y1)]}


def facts(request: dict[str, Any]) -> dict[str, Any]:
    """What is in an EXR."""
    found = load(request["path"])
    return {
        "window": found["window"],
        "channels": {n: str(c.dtype) for n, c in found["channels"].items()},
        "max": {n: float(c.max()) for n, c in found["channels"].items()},
        "min": {n: float(c.min()) for n, c in found["channels"].items()},
        "mean": {n: float(c.astype(np.float64).mean()) for n, c in found["channels"].items()},
        "header": {k: str(v) for k, v in found["header"].items()},
    }


def plate(request: dict[str, Any]) -> None:
    """A photograph of a lamp and a window, 8 bit, clipped; ``number`` moves it."""
    from PIL import Image as Picture

    height, width, number = request["height"], request["width"], request["number"]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    scene = 0.05 + 0.5 * (x / width) * np.array([1.0, 0.8, 0.6])[:, None, None]
    distance = np.hypot(x - width * (0.3 + 0.02 * (number % 10)), y - height * 0.4)
    scene = scene + 6.0 * np.exp(-((distance / (0.12 * width)) ** 2)) * np.array([1.0, 0.9, 0.7])[:, None, None]
    scene += np.random.default_rng(number).normal(0, 0.004, scene.shape)
    code = np.clip(scene, 0, 1) ** (1 / 2.2)
    pixels = (code.transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)
    if request.get("alpha"):
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], 200, np.uint8)])
    Path(request["path"]).parent.mkdir(parents=True, exist_ok=True)
    Picture.fromarray(pixels).save(request["path"], quality=95)


def config(request: dict[str, Any]) -> None:
    import PyOpenColorIO as Ocio

    made = Ocio.Config.CreateFromBuiltinConfig(request["name"])
    Path(request["path"]).parent.mkdir(parents=True, exist_ok=True)
    Path(request["path"]).write_text(made.serialize(), "utf-8")


def convert(request: dict[str, Any]) -> dict[str, Any]:
    """``headroom convert``: the command line itself, without the seconds that a new process takes to load torch."""
    from headroom.cli import main as headroom

    said = StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        try:
            headroom(["convert", *request["arguments"]])
        except SystemExit as ended:
            return {"code": ended.code or 0, "said": said.getvalue()}
    raise AssertionError("the command line did not exit")


VERBS = {
    "convert": convert,
    "render": render, "channels": channels_of, "compare": compare, "facts": facts, "plate": plate, "config": config,
}  # fmt: skip


def main() -> None:
    np.seterr(all="ignore")
    for line in sys.stdin:
        request = json.loads(line)
        try:
            said = {"value": VERBS[request["verb"]](request)}
        except Exception as error:  # noqa: BLE001  the fake raises what it is told
            said = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
