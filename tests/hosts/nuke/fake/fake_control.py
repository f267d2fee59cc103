"""The tests' handles on the fake Nuke: its state, how nodes are built, what a render does, the main thread's queue."""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import gizmo_check
import nk_expression
import nk_parse

gui = False
executable = os.environ.get("FAKE_NUKE_PROGRAM", "/opt/Nuke14.0v1/Nuke14.0")
engine_python = os.environ.get("HEADROOM_TEST_PYTHON", sys.executable)
echo = False
plugin_folder = ""
root = None
_module = None
_queue: queue.Queue = queue.Queue()
_parsed: dict = {}
_helper = None
_helper_lock = threading.Lock()

READ_SPACES = ("sRGB - Texture", "ACEScg\tACES/ACEScg\t\tlin_ap1", "Linear Rec.709 (sRGB)", "ARRI LogC3 (EI800)", "Raw")


def start(module, path):
    global _module, plugin_folder
    _module = module
    plugin_folder = next((folder for folder in path.split(os.pathsep) if folder), "")
    reset()


def reset():
    """A new script."""
    global root, context, selected, open_panels, this, in_changed, now, views, printed, messages, log, tasks
    global cancel_pressed, answer, chosen, menus, plugin_paths, localised
    root = _module.Root()
    knob = _module
    root._add(knob.String_Knob("name", value=""))
    for name, first in (("first_frame", 1), ("last_frame", 100)):
        root._add(knob.Int_Knob(name, value=first))
    root._add(knob.Boolean_Knob("proxy", value=False))
    root._add(knob.File_Knob("project_directory", value=""))
    root._add(knob.Enumeration_Knob("colorManagement", values=("Nuke", "OCIO"), value="OCIO"))
    root._add(
        knob.Enumeration_Knob("OCIO_config", values=("nuke-default", "aces_1.2", "studio", "custom"), value="custom")
    )
    root._add(knob.File_Knob("customOCIOConfigPath", value="ocio://studio-config-v2.2.0_aces-v1.3_ocio-v2.4"))
    root._add(knob.File_Knob("OCIOConfigPath", value=""))
    root._add(knob.String_Knob("workingSpaceLUT", value="scene_linear (ACEScg)"))
    context, selected, open_panels, this = [root], set(), set(), []
    in_changed, now, views = False, 1, ["main"]
    printed, messages, log, tasks = [], [], [], []
    cancel_pressed, answer, chosen = False, False, 0
    menus, plugin_paths, localised = {}, [], {}
    _module.GUI = gui
    _module.Undo._depth = 0


def close():
    """End the helper process."""
    global _helper
    if _helper is not None:
        _helper.stdin.close()
        try:
            _helper.wait(120)
        except subprocess.TimeoutExpired:
            _helper.kill()
            _helper.wait()
        _helper.stdout.close()
        _helper = None


def _is_file(path):
    return bool(path) and Path(path).is_file()


# ---- the main thread -----------------------------------------------------------------------------------------------


def ask_main(call, args, kwargs, wait):
    done, box = threading.Event(), []

    def work():
        # What Nuke does with an exception: print it, and hand back None.
        try:
            box.append(call(*args, **kwargs))
        except Exception:  # noqa: BLE001
            printed.append(traceback.format_exc())
        done.set()

    _queue.put(work)
    if wait:
        done.wait()
    return box[0] if box else None


def pump(until, seconds=300.0):
    """The GUI's event loop, till ``until()`` is true."""
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            raise AssertionError(f"nothing came of it in {seconds} s; messages: {messages}; printed: {printed[-5:]}")
        try:
            _queue.get(timeout=0.02)()
        except queue.Empty:
            continue


# ---- building nodes ------------------------------------------------------------------------------------------------


def gizmo_path(kind):
    return str(Path(plugin_folder) / f"{kind}.gizmo")


def build(module, kind):
    parent = context[-1]
    if _is_file(gizmo_path(kind)):
        return build_group(module, kind, parent)
    makers = {
        "Read": _read,
        "Write": _write,
        "Group": None,
        "Dot": None,
        "NoOp": None,
        "Multiply": None,
        "Transform": None,
    }
    if kind not in makers:
        raise RuntimeError(f"{kind}: Unknown command")
    node = (module.Group if kind == "Group" else module.Node)(kind, parent)
    _place(module, node, kind)
    if kind == "Multiply":
        node._add(module.Double_Knob("value", value=1.0))
    elif kind == "Transform":
        node._add(module.XY_Knob("translate", value=[0.0, 0.0]))
    elif makers[kind]:
        makers[kind](module, node)
    return node


def _place(module, node, kind):
    taken = {other._knobs["name"]._value for other in node._parent._nodes}
    number = next(n for n in range(1, 1000) if f"{kind}{n}" not in taken)
    node._add(module.String_Knob("name", value=f"{kind}{number}"))
    node._add(module.Boolean_Knob("disable", value=False))
    node._parent._nodes.append(node)


def _read(module, node):
    enum, flag, text = module.Enumeration_Knob, module.Boolean_Knob, module.String_Knob
    node._inputs = []
    node._add(module.File_Knob("file", value=""))
    for name in ("first", "last", "origfirst", "origlast"):
        node._add(module.Int_Knob(name, value=1))
    node._add(enum("before", values=("hold", "loop", "bounce", "black")))
    node._add(enum("after", values=("hold", "loop", "bounce", "black")))
    node._add(enum("frame_mode", values=("expression", "start at", "offset")))
    node._add(text("frame", value=""))
    node._add(enum("on_error", values=("error", "black", "checkerboard", "nearest frame")))
    node._add(enum("colorspace", values=("default (sRGB - Texture)", *READ_SPACES)))
    node._add(
        enum(
            "localizationPolicy",
            values=("on", "fromAutoLocalizePath", "fromSourceFile", "off"),
            value="fromAutoLocalizePath",
        )
    )
    for name in ("raw", "premultiplied", "auto_alpha"):
        node._add(flag(name, value=False))
    node._add(module.Script_Knob("reload", value=""))


def _write(module, node):
    """Setting its file_type brings that type's knobs."""
    node._add(module.File_Knob("file", value=""))
    node._add(module.String_Knob("channels", value="rgb"))
    node._add(module.Boolean_Knob("raw", value=False))
    node._add(module.Boolean_Knob("premultiplied", value=False))
    node._add(module.Boolean_Knob("create_directories", value=False))
    node._add(module.Boolean_Knob("reading", value=False))
    kind = node._add(module.Enumeration_Knob("file_type", values=(" ", "exr", "png")))
    before = kind.setValue

    def set_type(val, chan=0):
        before(val)
        if kind._value == "exr":
            node._add(module.Enumeration_Knob("datatype", values=("16 bit half", "32 bit float")))
            node._add(
                module.Enumeration_Knob(
                    "compression", values=("none", "Zip (1 scanline)", "DWAA"), value="Zip (1 scanline)"
                )
            )
            node._add(module.Boolean_Knob("autocrop", value=False))
            node._add(
                module.Enumeration_Knob(
                    "metadata", values=("no metadata", "default metadata", "all metadata"), value="default metadata"
                )
            )
        return True

    kind.setValue = set_type


def parsed(kind):
    if kind not in _parsed:
        text = Path(gizmo_path(kind)).read_text("utf-8")
        wrong = gizmo_check.problems(text, Path(plugin_folder) / "headroom_nuke")
        if wrong:
            raise RuntimeError(f"{kind}.gizmo: {wrong[0]}")
        _parsed[kind] = gizmo_check.parse(text)
    return _parsed[kind]


def build_group(module, kind, parent, as_group=False):
    statements = parsed(kind)
    node = module.Group("Group", parent) if as_group else module.Gizmo(kind, parent)
    _place(module, node, "Group" if as_group else kind)
    own = dict(map(tuple, (pair for pair in statements[1]["knobs"] if pair[0] != "addUserKnob")))
    for name in ("help", "onCreate", "knobChanged", "label"):
        node._add(module.String_Knob(name, value=own.get(name, "")))
    for name, user in gizmo_check.user_knobs(statements).items():
        node._add(_user_knob(module, name, user))
    for inner in gizmo_check.inner_nodes(statements):
        child = module.Node(inner["class"], node)
        for name, value in inner["knobs"].items():
            knob = child._add(module.Knob(name, value=value))
            knob._expression = value if value.startswith("{") else None
        if inner["class"] == "Read":
            child._add(module.Script_Knob("reload", value=""))
        child._links = inner["inputs"]
        node._nodes.append(child)
    if own.get("onCreate"):
        module._with_this(node, None, own["onCreate"])
    return node


def _user_knob(module, name, user):
    kind, options, value = user["kind"], user["options"], user["value"]
    if kind == "enum":
        return module.Enumeration_Knob(name, options.get("l"), nk_parse.split(options["M"]), value)
    if kind in ("int", "double"):
        number = float(value or 0)
        return module.Int_Knob(name, value=int(number)) if kind == "int" else module.Double_Knob(name, value=number)
    if kind == "bool":
        return module.Boolean_Knob(name, value=value == "true")
    if kind == "pyscript":
        return module.PyScript_Knob(name, value=options.get("T", ""))
    makers = {
        "string": module.EvalString_Knob,
        "file": module.File_Knob,
        "tab": module.Tab_Knob,
        "text": module.Text_Knob,
    }
    return makers[kind](name, value=value or "")


# ---- scripts on disk -----------------------------------------------------------------------------------------------


def clear_script():
    """A new script in the same session: what was printed, views and menus stay."""
    kept = views, printed, messages, tasks, menus, plugin_paths, open_panels
    reset()
    globals().update(zip(("views", "printed", "messages", "tasks", "menus", "plugin_paths", "open_panels"), kept))


def save(path):
    """As Nuke does: a node's own knobs where they differ from the defaults, links by the stack; no inner node."""
    lines = ["version 14.0 v1"]
    lines += _saved_knobs("Root", root, {"name": Path(path).name})
    written = set()
    for node in root._nodes:
        if node not in written:
            _save_node(node, lines, written)
    Path(path).write_text("\n".join(lines) + "\n", "utf-8")


def _save_node(node, lines, written):
    above = list(node._inputs)
    for one in above:
        if one is not None and one not in written:
            _save_node(one, lines, written)
    for one in reversed(above):
        lines.append(f"push ${_mark(one)}" if one is not None else "push 0")
    count = len(above)
    lines += _saved_knobs(node._class, node, {"inputs": str(count)})
    lines.append(f"set {_mark(node)} [stack 0]")
    written.add(node)


def _mark(node):
    return f"N{node._knobs['name']._value}"


def _saved_knobs(kind, node, first):
    plain = {} if node is root else {n: k._value for n, k in _fresh(kind)._knobs.items()}
    lines = [f"{kind} {{"] + [f" {name} {_quoted(value)}" for name, value in first.items()]
    for name, knob in node._knobs.items():
        if (
            name not in first
            and (knob._value != plain.get(name) or name == "name")
            and not isinstance(knob, _module.Script_Knob)
        ):
            value = knob._value
            text = str(value).lower() if isinstance(value, bool) else str(value)
            if isinstance(value, list):
                text = " ".join(str(one) for one in value)
            lines.append(f" {name} {_quoted(text)}")
    return lines + ["}"]


def _fresh(kind):
    """A node of the class as it is when new, in no script."""
    aside = _module.Group("Group", root)
    aside._add(_module.String_Knob("name", value="aside"))
    context.append(aside)
    try:
        return build(_module, kind)
    finally:
        context.pop()


def _quoted(text):
    return '"' + re.sub(r'(["\\\\\[\]$])', r"\\\1", text) + '"'


def open_script(module, path):
    statements = nk_parse.parse(Path(path).read_text("utf-8"))
    clear_script()
    marks, stack = {}, []
    pushes = iter(re.findall(r"^push (\S+)$", Path(path).read_text("utf-8"), re.MULTILINE))
    for statement in statements:
        if "push" in statement:
            word = next(pushes)
            stack.append(None if word == "0" else marks[word[1:]])
        elif "set" in statement:
            marks[statement["set"][0]] = stack[-1]
        elif statement.get("node") == "Root":
            _fill(root, statement["knobs"])
            root["name"].setValue(str(path))
        elif "node" in statement:
            node = build(module, statement["node"])
            _fill(node, statement["knobs"])
            count = int(dict(map(tuple, statement["knobs"])).get("inputs", "1"))
            node._inputs = [stack.pop() for _ in range(count)]
            stack.append(node)


def _fill(node, pairs):
    for name, text in pairs:
        if name == "inputs":
            continue
        knob = node[name]
        if isinstance(knob, _module.XY_Knob):
            knob.setValue([float(one) for one in text.split()])
        elif isinstance(knob, _module.Boolean_Knob):
            knob.setValue(text == "true")
        elif isinstance(knob, (_module.Int_Knob, _module.Double_Knob)):
            knob.setValue(float(text))
        else:
            knob.setValue(text)


# ---- evaluating ----------------------------------------------------------------------------------------------------


def tcl(text, node):
    def one(found):
        words = found[1].split()
        if words[0] == "getenv" and len(words) == 2:
            return os.environ.get(words[1], "")
        if words == ["value", "root.name"]:
            return root["name"].value()
        raise RuntimeError(f"{found[0]}: Tcl that the fake does not know")

    return re.sub(r"\[([^\[\]]*)\]", one, text)


def channels(node):
    """Of a Read: by its file; of others: by their input."""
    node._alive()
    if node._class == "Read":
        found = ask({"verb": "channels", "path": _read_path(node, frame_range(node)[0], views[0])})
        return found + ["rgba.alpha"] if node["auto_alpha"].value() and "rgba.alpha" not in found else found
    above = node.input(0)
    found = channels(above) if above is not None else []
    return found + ["headroom.mask", "headroom.gain"] if isinstance(node, _module.Group) else found


def frame_range(node):
    if node._class == "Read":
        first, last = node["first"].value(), node["last"].value()
        text = node["frame"].value()
        if node["frame_mode"].value() == "start at" and text:
            return int(text), int(text) + last - first
        shift = int(text) if node["frame_mode"].value() == "offset" and text else 0
        return first + shift, last + shift
    above = node.input(0)
    return frame_range(above) if above is not None else (root.firstFrame(), root.lastFrame())


def has_error(node):
    if node._class == "Read":
        path = _read_path(node, now, views[0])
        return node["on_error"].value() == "error" and not _is_file(path)
    return False


def _read_path(node, number, view):
    """A second writing of Read's rules, on purpose not the plug-in's."""
    name = node["file"].getEvaluatedValue() if "[" in node["file"].value() else node["file"].value()
    first, last = node["first"].value(), node["last"].value()
    begin, end = frame_range(node)
    if number < begin or number > end:
        way = node["before" if number < begin else "after"].value()
        if way == "black":
            return ""
        if way == "hold":
            number = begin if number < begin else end
        elif way == "loop":
            while number < begin:
                number += last - first + 1
            while number > end:
                number -= last - first + 1
    file_number = number - begin + first
    name = name.replace("%V", view).replace("%v", view[0])
    name = re.sub(r"%(?:0(\d))?d", lambda found: f"{file_number:0{int(found[1] or 1)}d}", name)
    return re.sub(r"#+", lambda found: f"{file_number:0{len(found[0])}d}", name)


def render(node, number, view):
    """nuke.execute of a Write."""
    if node._class != "Write":
        raise RuntimeError(f"{node.name()} cannot be executed")
    above = node.input(0)
    if above is None:
        raise RuntimeError(f"{node.name()}: no input")
    tree = _tree(above, number, view)
    path = re.sub(r"#+", lambda found: f"{number:0{len(found[0])}d}", node["file"].value()).replace("%V", view)
    if node["create_directories"].value():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    log.append((node.name(), "execute", number))
    ask(
        {
            "verb": "render", "tree": tree, "path": path, "channels": node["channels"].value(),
            "float": node["datatype"].value() == "32 bit float", "raw": node["raw"].value(), "config": _config(),
        }
    )  # fmt: skip


def _config():
    return os.environ.get("OCIO") or root["customOCIOConfigPath"].value()


def _tree(node, number, view):
    if node is None:
        return {"op": "empty"}
    kind = node._class
    if kind not in ("Input", "Read") and "disable" in node._knobs and node._knobs["disable"]._value is True:
        return _tree(node.input(0), number, view)
    if kind == "Read":
        return _read_tree(node, number, view)
    if kind in ("Dot", "NoOp"):
        return _tree(node.input(0), number, view)
    if kind == "Multiply":
        return {"op": "multiply", "in": _tree(node.input(0), number, view), "by": node["value"].value()}
    if kind == "Transform":
        x, y = (int(v) for v in node["translate"].value())
        return {"op": "move", "in": _tree(node.input(0), number, view), "x": x, "y": y}
    if isinstance(node, _module.Group):
        return _Inside(node, number, view).tree("Output1")
    raise RuntimeError(f"the fake cannot render a {kind}")


def _read_tree(node, number, view):
    path = _read_path(node, number, view)
    if not _is_file(path):
        on_error = node["on_error"].value()
        if on_error == "error":
            raise RuntimeError(f"{node.name()}: {path}: No such file or directory")
        return {"op": "empty"}
    if node["localizationPolicy"].value() != "off" and path in localised:
        path = localised[path]
    name = node["colorspace"].value()
    name = re.sub(r"^default \((.*)\)$", r"\1", name).split("\t")[0]
    return {
        "op": "read", "path": path, "space": None if node["raw"].value() else name, "config": _config(),
        "smaller": 2 if root["proxy"].value() else 1,
    }  # fmt: skip


class _Inside:
    """The inner nodes of a gizmo, at one frame and view."""

    def __init__(self, group, number, view):
        self.group, self.number, self.view = group, number, view
        self.nodes = {child._knobs["name"]._value: child for child in group._nodes}
        self.values = {"frame": float(number)}
        for name, knob in group._knobs.items():
            if isinstance(knob, _module.Enumeration_Knob):
                self.values[f"parent.{name}"] = float(knob._items.index(knob._value))
            elif isinstance(knob, _module.Array_Knob):
                self.values[f"parent.{name}"] = float(knob._value)

    def number_of(self, text):
        """A knob's value: a number, or {{"expression"}}."""
        if re.fullmatch(r"-?\d+(\.\d+)?", text):
            return float(text)
        tree = nk_expression.parse(nk_parse.split(nk_parse.split(text)[0])[0])
        return calculate(tree, self.values, lambda said: float(self._exists(said)))

    def _exists(self, said):
        assert said == "exists parent.input1", said
        return self.group.input(1) is not None

    def tree(self, name):
        child = self.nodes[name]
        own = {knob: value._value for knob, value in child._knobs.items()}
        links = child._links
        kind = child._class
        if kind == "Input":
            return _tree(self.group.input(int(own.get("number", "0"))), self.number, self.view)
        if kind == "Output":
            return self.tree(links[0])
        if kind == "Switch":
            return self.tree(links[int(self.number_of(own["which"]))])
        if kind == "Read":
            return self._baked(own)
        below = self.tree(links[0])
        if kind == "Copy":
            pairs = [[own[f"from{i}"], own[f"to{i}"]] for i in range(4) if f"from{i}" in own]
            return {"op": "copy", "b": below, "a": self.tree(links[1]), "pairs": pairs}
        if kind == "Expression":
            return {
                "op": "expression", "in": below, "values": self.values,
                "temps": [[own[f"temp_name{i}"], own[f"temp_expr{i}"]] for i in range(4) if f"temp_name{i}" in own],
                "channels": [[own[f"channel{i}"], own[f"expr{i}"]] for i in range(4) if f"expr{i}" in own],
            }  # fmt: skip
        if kind == "Remove":
            return {"op": "remove", "in": below, "layer": own["channels"]}
        if kind == "AddChannels":
            return {"op": "add", "in": below, "layer": own["channels"]}
        raise RuntimeError(f"the fake cannot render a {kind}")

    def _baked(self, own):
        if self.number_of(own["disable"]):
            return {"op": "empty"}
        path = self.group["baked_file"].value().replace("%V", self.view).replace("%v", self.view[0])
        first, last = int(self.number_of(own["first"])), int(self.number_of(own["last"]))
        number = min(max(self.number, first), last)
        path = re.sub(r"#+", lambda found: f"{number:0{len(found[0])}d}", path)
        if not _is_file(path):
            mode = ("error", "black", "checkerboard", "nearest frame")[int(self.number_of(own["on_error"]))]
            if mode == "error":
                raise RuntimeError(f"Baked: {path}: No such file or directory")
            return {"op": "empty"}
        return {"op": "layers", "path": path}


def calculate(tree, values, ask_tcl=None):
    """The number that an expression stands for."""
    kind = tree[0]
    if kind == "number":
        return tree[1]
    if kind == "name":
        return values[tree[1]]
    if kind == "tcl":
        return ask_tcl(tree[1])
    inner = [calculate(part, values, ask_tcl) for part in tree[1:]]
    if kind == "?":
        return inner[1] if inner[0] else inner[2]
    if kind == "&&":
        return float(bool(inner[0]) and bool(inner[1]))
    if kind == "||":
        return float(bool(inner[0]) or bool(inner[1]))
    if kind == "!":
        return float(not inner[0])
    compare = {
        "==": inner[0] == inner[-1], "!=": inner[0] != inner[-1], "<": inner[0] < inner[-1],
        ">": inner[0] > inner[-1], "<=": inner[0] <= inner[-1], ">=": inner[0] >= inner[-1],
    }  # fmt: skip
    if kind in compare:
        return float(compare[kind])
    if kind == "-":
        return -inner[0] if len(inner) == 1 else inner[0] - inner[1]
    return {"+": inner[0] + inner[-1], "*": inner[0] * inner[-1]}[kind]


# ---- pixels: another process, with the engine's Python --------------------------------------------------------------


def ask(request):
    """One request to the helper; RuntimeError with its words where it failed."""
    global _helper
    with _helper_lock:
        if _helper is None:
            script = str(Path(__file__).resolve().parent / "pixels.py")
            clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
            _helper = subprocess.Popen(
                [engine_python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean
            )
        _helper.stdin.write(json.dumps(request) + "\n")
        _helper.stdin.flush()
        line = _helper.stdout.readline()
    if not line:
        raise RuntimeError("the pixel helper is gone")
    said = json.loads(line)
    if "error" in said:
        raise RuntimeError(said["error"])
    return said["value"]
