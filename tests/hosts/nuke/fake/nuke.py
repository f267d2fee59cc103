# ruff: noqa: N801, N802, N803, A002  the names are Nuke's
"""A stand-in for Nuke's Python module: small, strict, built from the parsed gizmo. Its behaviour is our model of Nuke.

What passes here shows that our logic holds, not that Nuke agrees. Every public name exists in ``types-nuke`` (tested).
Stricter than Nuke where that finds mistakes: node work outside the main thread raises, unknown menu items raise.
The tests' own handles live in `fake_control`.
"""

from __future__ import annotations

import os
import re
import sys
import threading

import fake_control as _control

GUI = _control.gui
INTERACTIVE = GUI
NUKE_VERSION_MAJOR = 14
NUKE_VERSION_MINOR = 0
NUKE_VERSION_STRING = "14.0v1"
READ_ONLY = 0x10000000
DISABLED = 0x80
env = {"ExecutablePath": _control.executable, "threads": 2, "gui": GUI}
_DEAD = "A PythonObject is not attached to a node"


def _main_only() -> None:
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("nodes may only be touched from the main thread")


# ---- knobs ---------------------------------------------------------------------------------------------------------


class Knob:
    def __init__(self, name="", label=None, value=None):
        self._name, self._label, self._value = name, label or name, value
        self._node = None
        self._flags = 0
        self._expression = None
        self._enabled = True

    def Class(self):
        return type(self).__name__

    def name(self):
        return self._name

    def label(self):
        return self._label

    def node(self):
        return self._node

    def value(self):
        self._check()
        return self._value

    def getValue(self):
        return self.value()

    def setValue(self, val, chan=0):
        _main_only()
        self._check()
        val = self._checked(val)
        changed = val != self._value
        self._value = val
        if changed and self._node is not None:
            _control.log.append((self._node.name(), self._name, val))
            self._node._knob_changed(self)
        return True

    def hasExpression(self, index=-1):
        return self._expression is not None

    def setExpression(self, expression, index=-1, view=None):
        self._expression = expression
        return True

    def setEnabled(self, enabled):
        self._enabled = enabled

    def enabled(self):
        return self._enabled

    def setFlag(self, flag):
        self._flags |= flag

    def clearFlag(self, flag):
        self._flags &= ~flag

    def _check(self):
        _main_only()
        if self._node is not None and self._node._dead:
            raise ValueError(_DEAD)

    def _checked(self, val):
        return val


class Array_Knob(Knob):
    pass


class Int_Knob(Array_Knob):
    def _checked(self, val):
        if isinstance(val, str):
            raise TypeError("an integer is required")
        return int(val)


class Double_Knob(Array_Knob):
    def _checked(self, val):
        if isinstance(val, str):
            raise TypeError("a float is required")
        return float(val)


class Boolean_Knob(Array_Knob):
    def _checked(self, val):
        if isinstance(val, str):
            raise TypeError("a bool is required")
        return bool(val)


class XY_Knob(Array_Knob):
    def _checked(self, val):
        x, y = val
        return [float(x), float(y)]


class Unsigned_Knob(Array_Knob):
    pass


class Enumeration_Knob(Unsigned_Knob):
    def __init__(self, name="", label=None, values=(), value=None):
        super().__init__(name, label, value if value is not None else (values[0] if values else ""))
        self._items = list(values)

    def values(self):
        return list(self._items)

    def setValues(self, items):
        self._items = list(items)

    def numValues(self):
        return len(self._items)

    def _checked(self, val):
        if isinstance(val, int) and not isinstance(val, bool):
            return self._items[val]
        if self._items and val not in self._items:
            raise TypeError(f"{val} is not one of the enumeration's values")
        return val


class String_Knob(Knob):
    def _checked(self, val):
        if not isinstance(val, str):
            raise TypeError("a string is required")
        return val

    def getText(self, oc=None):
        return self.value()


class EvalString_Knob(String_Knob):
    def evaluate(self, *args):
        return _control.tcl(self.value(), self._node)


class Multiline_Eval_String_Knob(EvalString_Knob):
    pass


class File_Knob(EvalString_Knob):
    def getEvaluatedValue(self, *args):
        text = _control.tcl(self.value(), self._node)
        return re.sub(r"#+", lambda found: f"%0{len(found[0])}d", text)


class Text_Knob(Knob):
    pass


class Tab_Knob(Knob):
    pass


class Script_Knob(String_Knob):
    def command(self):
        return self._value

    def execute(self):
        _main_only()
        _control.log.append((self._node.name(), self._name, "execute"))
        if isinstance(self, PyScript_Knob) and self._value:
            _with_this(self._node, self, self._value)


class PyScript_Knob(Script_Knob):
    pass


# ---- nodes ---------------------------------------------------------------------------------------------------------


class Node:
    def __init__(self, kind="", parent=None):
        self._class, self._parent, self._dead = kind, parent, False
        self._knobs = {}
        self._inputs = []
        self._count = 1

    def Class(self):
        self._alive()
        return self._class

    def name(self):
        self._alive()
        return self._knobs["name"]._value

    def fullName(self):
        self._alive()
        above = self._parent
        return self.name() if above is None or isinstance(above, Root) else f"{above.fullName()}.{self.name()}"

    def setName(self, name, uncollide=True, updateExpressions=False):
        self._knobs["name"]._value = name

    def parent(self):
        self._alive()
        return self._parent

    def knob(self, p, follow_link=True):
        self._alive()
        return self._knobs.get(p)

    def knobs(self):
        self._alive()
        return dict(self._knobs)

    def __getitem__(self, name):
        self._alive()
        if name not in self._knobs:
            raise NameError(f"knob {name} does not exist")
        return self._knobs[name]

    def input(self, index):
        self._alive()
        return self._inputs[index] if index < len(self._inputs) else None

    def inputs(self):
        self._alive()
        return len(self._inputs)

    def setInput(self, i, node):
        _main_only()
        self._alive()
        if node is not None and node is self:
            return False
        self._inputs += [None] * (i + 1 - len(self._inputs))
        self._inputs[i] = node
        return True

    def connectInput(self, i, node):
        return self.setInput(i, node)

    def channels(self):
        return _control.channels(self)

    def firstFrame(self):
        return _control.frame_range(self)[0]

    def lastFrame(self):
        return _control.frame_range(self)[1]

    def hasError(self):
        self._alive()
        return _control.has_error(self)

    def setSelected(self, selected):
        if selected:
            _control.selected.add(self)
        else:
            _control.selected.discard(self)

    def showControlPanel(self, forceFloat=False):
        _control.open_panels.add(self)
        knob = Knob("showPanel")
        self._run_changed(knob)

    def hideControlPanel(self):
        _control.open_panels.discard(self)

    def _alive(self):
        _main_only()
        if self._dead:
            raise ValueError(_DEAD)

    def _add(self, knob):
        knob._node = self
        self._knobs[knob._name] = knob
        return knob

    def _knob_changed(self, knob):
        # Nuke's knobChanged runs while the panel is open, and not from within itself.
        if self in _control.open_panels:
            self._run_changed(knob)

    def _run_changed(self, knob):
        body = self._knobs.get("knobChanged")
        if body is not None and body._value and not _control.in_changed:
            _control.in_changed = True
            try:
                _with_this(self, knob, body._value)
            finally:
                _control.in_changed = False


class Group(Node):
    def __init__(self, kind="Group", parent=None):
        super().__init__(kind, parent)
        self._nodes = []

    def begin(self):
        _control.context.append(self)
        return self

    def end(self):
        _control.context.pop()

    def __enter__(self):
        return self.begin()

    def __exit__(self, type, value, traceback):
        self.end()

    def nodes(self):
        return list(self._nodes)

    def node(self, s):
        return next((node for node in self._nodes if node.name() == s), None)


class Gizmo(Group):
    def filename(self):
        return _control.gizmo_path(self._class)

    def makeGroup(self):
        _main_only()
        copy = _control.build_group(sys.modules[__name__], self._class, self._parent, as_group=True)
        for name, knob in self._knobs.items():
            if name != "name":
                copy._knobs[name]._value = knob._value
        copy._inputs = list(self._inputs)
        return copy


class Root(Group):
    def __init__(self):
        super().__init__("Root")
        self._changed = False

    def name(self):
        return self._knobs["name"]._value or "Root"

    def firstFrame(self):
        return int(self["first_frame"].value())

    def lastFrame(self):
        return int(self["last_frame"].value())

    def modified(self):
        return self._changed

    def setModified(self, modified):
        self._changed = bool(modified)

    def setFrame(self, number):
        _control.now = int(number)

    def proxy(self):
        return bool(self["proxy"].value())


class _Nodes:
    def __getattr__(self, kind):
        def make(**knobs):
            _main_only()
            node = _control.build(sys.modules[__name__], kind)
            for name, wish in knobs.items():
                if name == "inputs":
                    for index, above in enumerate(wish):
                        node.setInput(index, above)
                elif name == "name":
                    node.setName(wish)
                else:
                    node[name].setValue(wish)
            return node

        return make


nodes = _Nodes()


# ---- functions -----------------------------------------------------------------------------------------------------


def root():
    return _control.root


def allNodes(filter=None, group=None, recurseGroups=False):
    found = list((group or _control.context[-1])._nodes)
    if recurseGroups:
        for node in list(found):
            if isinstance(node, Group):
                found += allNodes(None, node, True)
    return [node for node in found if filter is None or node._class == filter]


def toNode(s):
    if s == "root":
        return _control.root
    where, wanted = _control.context[-1], s
    while "." in wanted:
        first, _, wanted = wanted.partition(".")
        where = where.node(first)
        if where is None:
            return None
    return where.node(wanted)


def createNode(typ, knobs="", inpanel=True):
    _main_only()
    node = _control.build(sys.modules[__name__], typ)
    chosen = [one for one in _control.selected if not one._dead]
    if chosen:
        node.setInput(0, chosen[0])
    _control.selected.clear()
    _control.selected.add(node)
    return node


def selectedNodes(filter=None):
    return [node for node in _control.selected if filter is None or node._class == filter]


def delete(n):
    _main_only()
    n._alive()
    for node in n._parent._nodes:
        node._inputs = [None if above is n else above for above in node._inputs]
    n._parent._nodes.remove(n)
    n._dead = True


def execute(nameOrNode, start=None, end=None, incr=1, views=None, continueOnError=False):
    _main_only()
    node = toNode(nameOrNode) if isinstance(nameOrNode, str) else nameOrNode
    node._alive()
    for number in range(start, end + 1, incr):
        for view in views or ["main"]:
            _control.render(node, number, view)


render = execute


def executeInMainThreadWithResult(call, args=(), kwargs=None):
    if threading.current_thread() is threading.main_thread():
        raise RuntimeError("executeInMainThreadWithResult from the main thread would wait for itself")
    return _control.ask_main(call, args, kwargs or {}, wait=True)


def executeInMainThread(call, args=(), kwargs=None):
    _control.ask_main(call, args, kwargs or {}, wait=False)


def frame(f=None):
    if f is not None:
        _control.now = int(f)
    return _control.now


def views():
    return list(_control.views)


def thisView():
    return _control.views[0]


def thisNode():
    return _control.this[-1][0]


def thisKnob():
    return _control.this[-1][1]


def thisGroup():
    return _control.context[-1]


def tprint(*args, sep=" ", end="\n", file=None):
    _control.printed.append(sep.join(str(arg) for arg in args))
    if _control.echo:
        sys.stdout.write(sep.join(str(arg) for arg in args) + end)


def message(prompt):
    if not GUI:
        raise RuntimeError("no dialogs without the GUI")
    _main_only()
    _control.messages.append(prompt)


def ask(prompt):
    message(prompt)
    return _control.answer


def choice(title, prompt, options, default=0):
    message(prompt)
    return _control.chosen if options else None


def menu(name):
    if not GUI:
        raise RuntimeError("nuke.menu is of the GUI")
    return _control.menus.setdefault(name, Menu(name))


def pluginAddPath(args, addToSysPath=True):
    _control.plugin_paths.append(args)


def pluginPath():
    return [_control.plugin_folder]


def scriptSaveAs(filename=None, overwrite=-1):
    if _control._is_file(filename) and overwrite != 1:
        raise RuntimeError(f"{filename} exists")
    _control.root["name"].setValue(filename)
    _control.save(filename)


def scriptClear(*args):
    _control.clear_script()


def scriptOpen(filename=None):
    _control.open_script(sys.modules[__name__], filename)


def _with_this(node, knob, body):
    _control.this.append((node, knob))
    try:
        exec(compile(body, f"<{node.name()}>", "exec"), {"nuke": sys.modules[__name__]})
    finally:
        _control.this.pop()


class Menu:
    def __init__(self, name=""):
        self._name, self._items = name, {}

    def name(self):
        return self._name

    def addMenu(self, name, *args, **kwargs):
        return self._items.setdefault(name, Menu(name))

    def addCommand(self, name, command=None, *args, **kwargs):
        self._items[name] = command
        return command

    def findItem(self, name):
        return self._items.get(name)


class ProgressTask:
    def __init__(self, name=""):
        if not GUI:
            raise RuntimeError("no progress window without the GUI")
        self._name, self._said, self._at = name, [], 0
        _control.tasks.append(self)

    def isCancelled(self):
        return _control.cancel_pressed

    def setMessage(self, text):
        self._said.append(text)

    def setProgress(self, number):
        if not isinstance(number, int) or not 0 <= number <= 100:
            raise TypeError("a whole number from 0 to 100 is required")
        self._at = number


class Undo:
    _depth = 0

    @classmethod
    def disable(cls):
        if not GUI:
            raise RuntimeError("there is no undo without the GUI")
        cls._depth += 1

    @classmethod
    def enable(cls):
        if cls._depth == 0:
            raise RuntimeError("Undo was not disabled")
        cls._depth -= 1

    @classmethod
    def disabled(cls):
        return cls._depth > 0


_control.start(sys.modules[__name__], os.environ.get("NUKE_PATH", ""))
