"""Everything about the gizmo that can be known without Nuke.

    python gizmo_check.py [GIZMO] [--update]      --update: write the golden form anew, after looking at the change

`problems` reads the file by a real Tcl interpreter and checks: codes, options, flags and values of the user knobs;
classes, knobs and values of the inner nodes; links on the stack, names, the way from each Input to the Output;
channels and their layers; expressions; embedded Python against the package. The golden form catches the rest.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parent))

import nk_expression
import nk_parse
from gizmo_tables import CODES, DEFAULT_INPUTS, FLAGS, FUNCTIONS, GIZMO, LAYERS, NODES, OPTIONS, UI_KNOBS

__all__ = ["GIZMO_PATH", "GOLDEN_PATH", "embedded_python", "inner_nodes", "problems", "user_knobs"]

HERE = Path(__file__).resolve().parent
GIZMO_PATH = HERE.parents[2] / "plugins/nuke/HeadroomReconstruct.gizmo"
GOLDEN_PATH = HERE / "golden/HeadroomReconstruct.json"
PYTHON = (3, 9)
NUMBER = re.compile(r"-?\d+(\.\d+)?")
PIXEL_NAMES = {"r": "rgba.red", "g": "rgba.green", "b": "rgba.blue", "a": "rgba.alpha"}
KNOB_NAMES = {"frame", "x", "y"}


def user_knobs(statements: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The knobs that the gizmo adds: name -> kind, options, flags, value. Wrong ones are left out."""
    knobs: dict[str, dict[str, Any]] = {}
    gizmo = next(s for s in statements if "node" in s)
    for words in nk_parse.split_many([spec for name, spec in gizmo["knobs"] if name == "addUserKnob"]):
        if len(words) < 2 or words[0] not in CODES:
            continue
        options, flags = _options(CODES[words[0]], words[2:])[:2]
        knobs[words[1]] = {"kind": CODES[words[0]], "options": options, "flags": flags, "value": None}
    for name, value in gizmo["knobs"]:
        if name in knobs:
            knobs[name]["value"] = value
    return knobs


def inner_nodes(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The nodes inside, in order, with the names of the nodes on their inputs; a node without a name has none."""
    nodes: list[dict[str, Any]] = []
    stack: list[str | None] = []
    variables: dict[str, str | None] = {}
    for statement in statements[2:]:
        if "set" in statement:
            variables[statement["set"][0]] = stack[-1] if stack else None
        elif "push" in statement:
            # The Tcl interpreter has filled in the variable: what is pushed stands where it was set.
            stack.append(statement.get("of"))
        elif "node" in statement:
            knobs = dict(map(tuple, statement["knobs"]))
            count = int(knobs.get("inputs", DEFAULT_INPUTS.get(statement["node"], 1)))
            inputs = [stack.pop() if stack else None for _ in range(count)]
            nodes.append({"class": statement["node"], "knobs": knobs, "inputs": inputs, "name": knobs.get("name")})
            stack.append(knobs.get("name"))
    return nodes


def embedded_python(statements: list[dict[str, Any]]) -> dict[str, str]:
    """Knob -> the Python in it."""
    gizmo = next(s for s in statements if "node" in s)
    found = {name: body for name, body in gizmo["knobs"] if GIZMO.get(name) == "python"}
    found |= {name: k["options"].get("T", "") for name, k in user_knobs(statements).items() if k["kind"] == "pyscript"}
    return found


def problems(text: str, package: Path | None = None) -> list[str]:
    """What is wrong with a gizmo, one line each. ``package``: the headroom_nuke that its Python speaks to."""
    try:
        statements = parse(text)
    except nk_parse.TclError as error:
        return [f"Tcl: {error}"]
    said = _frame(statements, text)
    if said:
        return said
    gizmo = statements[1]
    knobs = user_knobs(statements)
    said += _user_knobs(gizmo, knobs)
    said += _nodes(statements, knobs)
    for name, body in embedded_python(statements).items():
        said += [f"Python of {name}: {line}" for line in _python(body, package or GIZMO_PATH.parent / "headroom_nuke")]
    return said


def parse(text: str) -> list[dict[str, Any]]:
    """`nk_parse.parse`, with each push told which node it pushes."""
    statements = nk_parse.parse(text)
    # "set N [stack 0]" gives a name to what lies on top; Nuke's pushes name it again. The interpreter records the
    # value alone, so that the variable's own name is taken from the text, in order.
    pushed = re.findall(r"^\s*push\s+\$(\w+)\s*$", text, re.MULTILINE)
    tops: dict[str, str | None] = {}
    top: list[str | None] = []
    index = 0
    for statement in statements[2:]:
        if "set" in statement:
            tops[statement["set"][0]] = top[-1] if top else None
        elif "push" in statement:
            if index < len(pushed):
                statement["of"] = tops.get(pushed[index])
                index += 1
            top.append(statement.get("of"))
        elif "node" in statement:
            knobs = dict(map(tuple, statement["knobs"]))
            count = knobs.get("inputs", str(DEFAULT_INPUTS.get(statement["node"], 1)))
            for _ in range(int(count) if count.isdigit() else 0):
                if top:
                    top.pop()
            top.append(knobs.get("name"))
    return statements


def _frame(statements: list[dict[str, Any]], text: str) -> list[str]:
    """Version first, then the Gizmo, end_group last."""
    said = []
    if not statements or "version" not in statements[0]:
        return [*said, "version is not the first statement"]
    if text.splitlines()[0] != f"#! Nuke{statements[0]['version'][0]} -nx":
        said.append("the first line does not say what opens it")
    if not re.fullmatch(r"1[4-7]\.\d+ v\d+", " ".join(statements[0]["version"])):
        said.append(f"version {' '.join(statements[0]['version'])}")
    if len(statements) < 3 or statements[1].get("node") != "Gizmo":
        return [*said, "no Gizmo follows the version"]
    if "end_group" not in statements[-1] or statements[-1]["end_group"]:
        said.append("end_group is not the last statement")
    if any("end_group" in s or s.get("node") == "Gizmo" or "version" in s for s in statements[2:-1]):
        said.append("there is more than one Gizmo")
    known = ("node", "set", "push", "add_layer", "end_group")
    said += [f"{next(iter(s))} has no place here" for s in statements[2:] if not any(k in s for k in known)]
    return said


def _options(kind: str, words: list[str]) -> tuple[dict[str, str], list[str], list[str]]:
    options: dict[str, str] = {}
    flags: list[str] = []
    said: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        if word[:1] in "+-" and not NUMBER.fullmatch(word):
            flags.append(word)
            if word[1:] not in FLAGS:
                said.append(f"flag {word}")
            at += 1
            continue
        takes = 2 if word == "R" else 1
        if len(word) != 1 or word not in OPTIONS[kind] or word in options or at + takes >= len(words):
            return options, flags, [*said, f"option {word!r} of a {kind} knob"]
        options[word] = " ".join(words[at + 1 : at + 1 + takes])
        at += 1 + takes
    return options, flags, said


def _user_knobs(gizmo: dict[str, Any], knobs: dict[str, dict[str, Any]]) -> list[str]:
    said: list[str] = []
    seen: set[str] = set()
    declared: set[str] = set()
    valued: set[str] = set()
    specs = iter(nk_parse.split_many([spec for name, spec in gizmo["knobs"] if name == "addUserKnob"]))
    for number, (name, value) in enumerate(gizmo["knobs"]):
        if name != "addUserKnob":
            if name in GIZMO:
                said += _value(f"Gizmo {name}", GIZMO[name], value, knobs, {}) if name != "help" else []
                if name in seen:
                    said.append(f"Gizmo {name} twice")
                seen.add(name)
            elif name not in declared:
                said.append(f"{name} is given a value, and is no knob declared above")
            else:
                if name in valued:
                    said.append(f"{name} is given a value twice")
                valued.add(name)
                said += _user_value(name, knobs[name], value)
            continue
        words = next(specs)
        if len(words) < 2:
            said.append(f"user knob {number} has no code and name")
            continue
        code, knob = words[:2]
        if code not in CODES:
            said.append(f"user knob {knob} has the unknown code {code}")
            continue
        if not re.fullmatch(r"[a-z][a-z0-9_]*", knob):
            said.append(f"user knob name {knob!r}")
        if knob in declared:
            said.append(f"user knob {knob} twice")
        declared.add(knob)
        options, flags, wrong = _options(CODES[code], words[2:])
        said += [f"{knob}: {line}" for line in wrong]
        said += _own_options(knob, CODES[code], options, flags)
    if not any(k["kind"] == "tab" for k in list(knobs.values())[:1]):
        said.append("the first user knob is no tab")
    return said


def _own_options(knob: str, kind: str, options: dict[str, str], flags: list[str]) -> list[str]:
    said = []
    if "R" in options:
        low, high = options["R"].split()
        if not (NUMBER.fullmatch(low) and NUMBER.fullmatch(high) and float(low) < float(high)):
            said.append(f"{knob}: range {options['R']}")
    if kind == "enum":
        items = nk_parse.split(options.get("M", ""))
        if len(items) < 2 or len(set(items)) < len(items) or not all(items):
            said.append(f"{knob}: items {items}")
    if kind == "pyscript" and not options.get("T"):
        said.append(f"{knob}: a button without a script")
    if len({flag[1:] for flag in flags}) < len(flags):
        said.append(f"{knob}: a flag twice")
    if "t" in options and not options["t"].endswith((".", "mps")):
        said.append(f"{knob}: the tooltip is no sentence")
    for name in "lt":
        if re.search(r"\\|\$|\[|  ", options.get(name, "")):
            said.append(f"{knob}: option {name} has characters that were not meant")
    return said


def _user_value(name: str, knob: dict[str, Any], value: str) -> list[str]:
    kind = knob["kind"]
    good = {
        "int": re.fullmatch(r"-?\d+", value),
        "double": NUMBER.fullmatch(value),
        "bool": value in ("true", "false"),
        "enum": value in nk_parse.split(knob["options"].get("M", "")),
        "string": bool(value) and "[" not in value,
        "file": bool(value),
    }.get(kind)
    said = [] if good else [f"{name} ({kind}) cannot be {value!r}"]
    if kind == "double" and "R" in knob["options"] and good:
        low, high = map(float, knob["options"]["R"].split())
        if not low <= float(value) <= high:
            said.append(f"{name}: {value} lies outside its range")
    tokens = set(re.findall(r"\{(\w*)\}", value))
    if kind == "string" and ("{" in value or "}" in value):
        unknown = tokens - {"script_dir", "script", "node", "plate", "version", "key"}
        if unknown or value.count("{") != value.count("}") or len(re.findall(r"\{\w+\}", value)) != value.count("{"):
            said.append(f"{name}: tokens of {value}")
    return said


def _nodes(statements: list[dict[str, Any]], knobs: dict[str, dict[str, Any]]) -> list[str]:
    said: list[str] = []
    layers = dict(LAYERS)
    names: dict[str, dict[str, Any]] = {}
    stack: list[str] = []
    variables: set[str] = set()
    used: set[str] = set()
    for statement in statements[2:-1]:
        if "add_layer" in statement:
            said += _add_layer(statement["add_layer"], layers)
            continue
        if "set" in statement:
            if len(statement["set"]) != 2 or statement["set"][1] != "stack:0" or not stack:
                said.append(f"set {' '.join(statement['set'])}")
            if statement["set"][0] in variables:
                said.append(f"set {statement['set'][0]} twice")
            variables.add(statement["set"][0])
            continue
        if "push" in statement:
            if statement.get("of") is None:
                said.append(f"push {' '.join(statement['push'])}")
            else:
                stack.append(statement["of"])
            continue
        kind, pairs = statement["node"], [tuple(pair) for pair in statement["knobs"]]
        own = dict(pairs)
        name = own.get("name", "")
        where = f"{kind} {name}"
        if kind not in NODES:
            said.append(f"unknown class {kind}")
            continue
        if len(own) < len(pairs):
            said.append(f"{where}: a knob twice")
        if not re.fullmatch(r"[A-Za-z]\w*", name) or name in names:
            said.append(f"{where}: its name is missing, taken or no name")
        count = own.get("inputs", str(DEFAULT_INPUTS[kind]))
        wanted = {"Input": ("0",), "Read": ("0",), "Switch": ("2",), "Copy": ("2",)}.get(kind, ("1",))
        if count not in wanted:
            said.append(f"{where}: inputs {count}")
            count = wanted[0]
        if len(stack) < int(count):
            said.append(f"{where}: nothing on the stack for its inputs")
        inputs = [stack.pop() for _ in range(min(int(count), len(stack)))]
        used |= set(inputs)
        names[name] = {"class": kind, "inputs": inputs, "knobs": own}
        stack.append(name)
        said += _own_knobs(where, kind, own, knobs, layers)
    said += _links(names, stack, used, variables, statements)
    said += _arithmetic(names)
    return said


def _own_knobs(
    where: str, kind: str, own: dict[str, str], knobs: dict[str, dict[str, Any]], layers: dict[str, tuple[str, ...]]
) -> list[str]:
    said = []
    table = {**NODES[kind], **UI_KNOBS}
    for knob, value in own.items():
        if knob not in table:
            said.append(f"{where} has no knob {knob}")
        else:
            said += _value(f"{where} {knob}", table[knob], value, knobs, layers, own)
    for knob in ("xpos", "ypos"):
        if knob not in own:
            said.append(f"{where}: {knob} is missing")
    if kind == "Expression":
        for i in range(4):
            channel = own.get(f"channel{i}", "none")
            if (channel == "none") != (f"expr{i}" not in own):
                said.append(f"{where}: channel{i} and expr{i} do not fit")
            if (f"temp_name{i}" in own) != (f"temp_expr{i}" in own):
                said.append(f"{where}: temp_name{i} and temp_expr{i} do not fit")
        said += [f"{where}: channel{i} is not said" for i in range(4) if f"channel{i}" not in own]
    if kind == "Copy":
        said += [f"{where}: from{i} and to{i} do not fit" for i in range(4) if (f"from{i}" in own) != (f"to{i}" in own)]
        if "from0" not in own or len({v for k, v in own.items() if k.startswith("to")}) < sum(
            k.startswith("to") for k in own
        ):
            said.append(f"{where}: copies nothing, or twice to one channel")
    needed = {"Switch": "which", "Remove": "channels", "AddChannels": "channels", "Read": "file"}.get(kind)
    if needed and needed not in own:
        said.append(f"{where}: {needed} is missing")
    return said


def _value(
    where: str,
    kind: str,
    value: str,
    knobs: dict[str, dict[str, Any]],
    layers: dict[str, tuple[str, ...]],
    own: dict[str, str] | None = None,
) -> list[str]:
    if kind in ("text", "python", "name"):
        return []
    if kind.startswith("="):
        return [] if value in kind[1:].split("|") else [f"{where} cannot be {value!r}"]
    if kind == "int":
        return [] if re.fullmatch(r"-?\d+", value) else [f"{where} is no whole number: {value!r}"]
    if kind == "bool":
        return [] if value in ("true", "false") else [f"{where} is neither true nor false: {value!r}"]
    if kind == "colour":
        return [] if re.fullmatch(r"0x[0-9a-f]{8}", value) else [f"{where} is no colour: {value!r}"]
    if kind == "identifier":
        return [] if re.fullmatch(r"[a-z]\w*", value) else [f"{where} is no name: {value!r}"]
    if kind == "layer":
        return [] if value in layers else [f"{where}: no layer {value!r} was added above"]
    if kind == "channel":
        return [] if value == "none" or _is_channel(value, layers) else [f"{where}: no channel {value!r}"]
    if kind == "tcl":
        found = re.fullmatch(r"\[value parent\.(\w+)\]", value)
        if not found or found[1] not in knobs or knobs[found[1]]["kind"] not in ("string", "file"):
            return [f"{where}: {value!r} names no text knob of the gizmo"]
        return []
    if kind == "number":
        if NUMBER.fullmatch(value):
            return []
        words = nk_parse.split(value)
        # A list of channels, each a list of an expression and its keys: {{"a ? b : c"}} in the file.
        inner = nk_parse.split(words[0]) if len(words) == 1 and value.startswith("{") else []
        if len(inner) != 1:
            return [f"{where} is neither a number nor an expression: {value!r}"]
        return _expression(where, inner[0], knobs, set(KNOB_NAMES))
    if kind == "pixel":
        temps = {v for k, v in (own or {}).items() if k.startswith("temp_name")}
        channels = {f"{layer}.{one}" for layer, ones in layers.items() for one in ones}
        return _expression(where, value, knobs, channels | set(PIXEL_NAMES) | temps)
    raise AssertionError(kind)


def _is_channel(value: str, layers: dict[str, tuple[str, ...]]) -> bool:
    layer, _, channel = value.rpartition(".")
    return channel in layers.get(layer, ())


def _expression(where: str, text: str, knobs: dict[str, dict[str, Any]], there: set[str]) -> list[str]:
    try:
        tree = nk_expression.parse(text)
    except nk_expression.ExpressionError as error:
        return [f"{where}: {error}"]
    said = []
    for part in nk_expression.walk(tree):
        if part[0] == "name" and part[1] not in there:
            knob = part[1][len("parent.") :] if part[1].startswith("parent.") else None
            if knob is None or knobs.get(knob, {}).get("kind") not in ("int", "double", "bool", "enum"):
                said.append(f"{where}: {part[1]} is nothing that has a number")
        elif part[0] == "call":
            low, high = FUNCTIONS.get(part[1], (9, 0))
            if not low <= len(part[2]) <= high:
                said.append(f"{where}: {part[1]} with {len(part[2])} arguments")
        elif part[0] == "tcl" and part[1] != "exists parent.input1":
            said.append(f"{where}: [{part[1]}]")
        elif part[0] == "==" and part[1][0] == "name" and part[1][1].startswith("parent."):
            knob = part[1][1][len("parent.") :]
            items = nk_parse.split(knobs.get(knob, {}).get("options", {}).get("M", ""))
            if part[2][0] != "number" or not 0 <= part[2][1] < len(items):
                said.append(f"{where}: {knob} has no item {part[2][1]}")
    return said


def _add_layer(words: list[str], layers: dict[str, tuple[str, ...]]) -> list[str]:
    parts = nk_parse.split(words[0]) if len(words) == 1 else []
    if len(parts) < 2:
        return [f"add_layer {words}"]
    name, channels = parts[0], parts[1:]
    wrong = [channel for channel in channels if not re.fullmatch(rf"{re.escape(name)}\.[a-z]+", channel)]
    if wrong or name in layers or len(set(channels)) < len(channels) or not re.fullmatch(r"[a-z_]+", name):
        return [f"add_layer {words[0]}"]
    layers[name] = tuple(channel.rpartition(".")[2] for channel in channels)
    return []


def _links(
    names: dict[str, dict[str, Any]],
    stack: list[str],
    used: set[str],
    variables: set[str],
    statements: list[dict[str, Any]],
) -> list[str]:
    said = []
    numbers = sorted(int(n["knobs"].get("number", "0")) for n in names.values() if n["class"] == "Input")
    if numbers != list(range(len(numbers))) or not numbers:
        said.append(f"the Inputs are numbered {numbers}")
    outputs = [name for name, node in names.items() if node["class"] == "Output"]
    if len(outputs) != 1:
        return [*said, f"{len(outputs)} Outputs"]
    if stack != outputs:
        said.append(f"left on the stack: {stack}")
    pushed = {s.get("of") for s in statements if "push" in s}
    if len(pushed) < len(variables):
        said.append("something is set and never pushed")
    reached: set[str] = set()
    left = list(outputs)
    while left:
        name = left.pop()
        if name not in reached:
            reached.add(name)
            left += names.get(name, {"inputs": []})["inputs"]
    said += [f"{name} does not reach the Output" for name in names if name not in reached]
    return said


def _arithmetic(names: dict[str, dict[str, Any]]) -> list[str]:
    """The three colour channels of an Expression say the same thing of red, green and blue."""
    said = []
    for name, node in names.items():
        if node["class"] != "Expression":
            continue
        own = node["knobs"]
        if not own.get("channel0", "").endswith(".red"):
            continue
        for i, (letter, colour) in enumerate((("r", "red"), ("g", "green"), ("b", "blue"))):
            text = re.sub(rf"\b{letter}\b", "r", own.get(f"expr{i}", "")).replace(f".{colour}", ".red")
            channel = own.get(f"channel{i}", "").replace(f".{colour}", ".red")
            if (channel, text) != (own["channel0"], own.get("expr0", "")):
                said.append(f"Expression {name}: {colour} is not treated as red is")
    return said


def _python(body: str, package: Path) -> list[str]:
    try:
        tree = ast.parse(body, feature_version=PYTHON)
    except SyntaxError as error:
        return [f"does not compile: {error.msg}"]
    said = []
    modules: dict[str, Path] = {}
    bound = {"nuke", "ImportError"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first, _, module = alias.name.partition(".")
                path = package / f"{module}.py"
                if first != package.name or not path.is_file():
                    said.append(f"imports {alias.name}")
                modules[alias.asname or first] = path
        elif isinstance(node, (ast.ImportFrom, ast.FunctionDef, ast.ClassDef)):
            said.append("does more than call the package")
    tries = [node for node in tree.body if isinstance(node, ast.Try)]
    guarded = len(tree.body) == 1 and len(tries) == 1 and len(tries[0].handlers) == 1 and len(tries[0].orelse) == 1
    kind = tries[0].handlers[0].type if guarded else None
    if not (isinstance(kind, ast.Name) and kind.id == "ImportError") or not modules:
        said.append("does not stand a missing plug-in")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in bound | set(modules):
            said.append(f"uses {node.id}")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            path = modules.get(node.value.id)
            if path is not None and path.is_file() and node.attr not in _functions(path):
                said.append(f"{path.stem} has no {node.attr}")
            if node.value.id == "nuke" and node.attr not in ("thisNode", "thisKnob", "message"):
                said.append(f"nuke.{node.attr}")
    return said


def _functions(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("gizmo", nargs="?", type=Path, default=GIZMO_PATH)
    parser.add_argument("--package", type=Path)
    parser.add_argument("--update", action="store_true")
    chosen = parser.parse_args()
    text = chosen.gizmo.read_text("utf-8")
    package = chosen.package or chosen.gizmo.parent / "headroom_nuke"
    said = problems(text, package)
    if not said:
        golden = nk_parse.to_json(golden_form(text))
        if chosen.update:
            GOLDEN_PATH.write_text(golden, "utf-8")
        elif GOLDEN_PATH.read_text("utf-8") != golden:
            said.append(f"the parsed form differs from {GOLDEN_PATH.name}: look at the change, then run with --update")
    sys.stdout.write("\n".join(said) + "\n" if said else f"{chosen.gizmo.name}: nothing wrong\n")
    return bool(said)


def golden_form(text: str) -> list[dict[str, Any]]:
    """What is compared: the statements, with the stamped version back at its placeholder."""
    statements = parse(text)
    for name, spec in (pair for pair in statements[1].get("knobs", [])):
        if name == "addUserKnob" and spec.startswith("26 about "):
            pair = next(p for p in statements[1]["knobs"] if p[1] == spec)
            pair[1] = re.sub(r"headroom (@VERSION@|\d[\w.]*)", "headroom @VERSION@", spec)
    return statements


if __name__ == "__main__":
    sys.exit(main())
