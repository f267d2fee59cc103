"""The gizmo and what refers to it, as far as it can be known without Nuke and without building anything."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import gizmo_check
import gizmo_mutations
import nk_expression
import nk_parse

from headroom.io.formats import READABLE_SUFFIXES

PACKAGE = gizmo_check.GIZMO_PATH.parent / "headroom_nuke"
TEXT = gizmo_check.GIZMO_PATH.read_text("utf-8")


@pytest.fixture(scope="module")
def user_knobs() -> dict[str, dict[str, Any]]:
    return gizmo_check.user_knobs(gizmo_check.parse(TEXT))


def test_nothing_is_wrong_with_the_gizmo() -> None:
    assert gizmo_check.problems(TEXT) == []


def test_its_parsed_form_is_the_golden_one() -> None:
    golden = gizmo_check.GOLDEN_PATH.read_text("utf-8")
    assert nk_parse.to_json(gizmo_check.golden_form(TEXT)) == golden, "look at the change; gizmo_check.py --update"


def test_damages_are_noticed() -> None:
    tally = gizmo_mutations.run(TEXT, every=60)
    assert tally.made >= 40
    assert tally.missed == []
    assert tally.by_check >= 0.5 * (tally.made - tally.same)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("parent.strength * clamp", "parent.strenght * clamp", "parent.strenght"),
        ("{parent.baked_first}", "{parent.baked_frist}", "parent.baked_frist"),
        ("from3 headroom.mask", "from3 headroom.msk", "no channel 'headroom.msk'"),
        ("add_layer {headroom headroom.mask headroom.gain}\n", "", "headroom.mask"),
        ("[value parent.baked_file]", "[value parent.bakedfile]", "names no text knob"),
        ("push $Nbaked\npush $Nplate", "push $Nplate\npush $Nbaked\npush $Nplate", "left on the stack"),
        ("addUserKnob {7 boost", "addUserKnob {77 boost", "unknown code 77"),
        ("R 0.5 3}", "R 3 0.5}", "range 3 0.5"),
        ("+READONLY +STARTLINE", "+READNLY +STARTLINE", "flag +READNLY"),
        ("events.created(", "events.creatd(", "node_events has no creatd"),
        ("except ImportError:", "except ImportErorr:", "does not stand a missing plug-in"),
        ("parent.show == 3", "parent.show == 7", "has no item 7"),
        ("b * pow(headroom_bake.blue / b, s)", "b * pow(headroom_bake.green / b, s)", "blue is not treated as red"),
        (" number 1\n", " number 2\n", "Inputs are numbered"),
        ("  on_error {{parent.missing}}", "  onerror {{parent.missing}}", "has no knob onerror"),
        ("push $Nbaked", "push $Nbake", "Tcl"),
    ],
)
def test_what_the_check_itself_finds(before: str, after: str, found: str) -> None:
    text = TEXT.replace(before, after) if before in TEXT else TEXT.replace(before.replace("[", "\\["), after)
    assert text != TEXT
    said = gizmo_check.problems(text)
    assert any(found in line for line in said), said


def test_tclsh_and_tkinter_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tkinter")
    by_tkinter = nk_parse.parse(TEXT)
    monkeypatch.setitem(sys.modules, "tkinter", None)
    try:
        assert nk_parse.parse(TEXT) == by_tkinter
    except RuntimeError as error:
        pytest.skip(str(error))
    assert nk_parse.split_many(["a {b c}", "", 'x "y \\[z\\]"']) == [["a", "b c"], [], ["x", "y [z]"]]


@pytest.mark.parametrize("text", ["Read {\n file", "exec rm -rf /", "push $Nowhere", "Read {a b c}", "set x [exec ls]"])
def test_what_is_no_gizmo_is_refused(text: str) -> None:
    with pytest.raises(nk_parse.TclError):
        nk_parse.parse(text)


@pytest.mark.parametrize("text", ["", "a +", "(a", "a b", "f(a", "a ? b", "1..2", "$x", "a ? : b"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(nk_expression.ExpressionError):
        nk_expression.parse(text)


def test_expressions_bind_as_in_c() -> None:
    assert nk_expression.parse("a + b * c == d && !e ? f : g ? h : i") == (
        "?",
        ("&&", ("==", ("+", ("name", "a"), ("*", ("name", "b"), ("name", "c"))), ("name", "d")), ("!", ("name", "e"))),
        ("name", "f"),
        ("?", ("name", "g"), ("name", "h"), ("name", "i")),
    )
    assert nk_expression.parse("a - b - c") == ("-", ("-", ("name", "a"), ("name", "b")), ("name", "c"))


def test_every_knob_that_the_package_names_is_there(user_knobs: dict[str, dict[str, Any]]) -> None:
    named: dict[str, str] = {}
    for path in sorted(PACKAGE.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            texts: list[str] = []
            if isinstance(node, ast.Call) and len(node.args) >= 2 and isinstance(node.args[0], ast.Name):
                function = getattr(node.func, "id", None)
                if function in ("value", "_text") and node.args[0].id in ("node", "self"):
                    texts = [a.value for a in node.args[1:2] if isinstance(a, ast.Constant)]  # type: ignore[misc]
            elif isinstance(node, ast.Subscript) and getattr(node.value, "id", None) == "node":
                texts = [node.slice.value] if isinstance(node.slice, ast.Constant) else []  # type: ignore[list-item]
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("BAKED", "SETTINGS"):
                texts = list(ast.literal_eval(node.value))
            named |= dict.fromkeys((text for text in texts if isinstance(text, str)), path.name)
    others = {"disable", "raw", "colorspace", "frame", "frame_mode", "premultiplied"}  # of a Read
    assert len(named) > 25
    assert {name: where for name, where in named.items() if name not in user_knobs and name not in others} == {}


def test_stills_that_go_to_the_engine_are_those_it_reads() -> None:
    suffixes: dict[str, set[str]] = {}
    for node in ast.parse((PACKAGE / "source.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            suffixes[getattr(node.targets[0], "id", "")] = set(str(node.value.value).split())
    assert suffixes["_STILLS"] and suffixes["_STILLS"] <= READABLE_SUFFIXES
    assert suffixes["_NO_ALPHA"] <= suffixes["_STILLS"]


def test_saved_names_never_change(user_knobs: dict[str, dict[str, Any]]) -> None:
    """A knob that a released version had must stay, or scripts lose its value. New ones may come."""
    kinds = {name: knob["kind"] for name, knob in user_knobs.items() if knob["kind"] not in ("tab", "text", "pyscript")}
    released = {
        "show": "enum", "strength": "double", "from_space": "string", "source": "enum", "clip_level": "double",
        "model": "string", "boost": "double", "peak_stops": "double", "light": "enum", "curve": "enum",
        "dequantize": "bool", "range_mode": "enum", "frames": "string", "cache_path": "string", "version": "int",
        "depth": "enum", "compression": "enum", "status": "string", "has_bake": "bool", "baked_file": "string",
        "baked_first": "int", "baked_last": "int", "baked_still": "bool", "outside": "enum", "missing": "enum",
        "baked_settings": "string", "baked_source": "string", "baked_config": "string", "worker_command": "string",
        "ocio_config": "file", "to_space": "string", "device": "string", "precision": "enum", "memory": "string",
    }  # fmt: skip
    assert {name: kinds.get(name) for name in released} == released
