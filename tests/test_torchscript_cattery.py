"""What lies in plugins/nuke/cattery, as far as it can be known without Nuke."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from headroom.torchscript import export
from headroom.torchscript.export import CHANNELS_IN, CHANNELS_OUT
from headroom.torchscript.knobs import ENCODINGS, KNOBS, SPACE_LABELS, SPACES, Knob

CATTERY = Path(__file__).parents[1] / "plugins" / "nuke" / "cattery"
CHECKER = Path(__file__).parent / "hosts" / "nuke"
GIZMO = CATTERY / "HeadroomCattery.gizmo"


@pytest.fixture(scope="module")
def model(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tiny_models / "headroom-1", tmp_path_factory.mktemp("cattery") / "headroom-1.pt").path


# ---- a stand-in for Nuke: records what the script sets, makes the .cat file that the button would ----------------


class FakeKnob:
    def __init__(self, kind: str, name: str, label: str = "", values: Any = None) -> None:
        self.kind, self.name, self.label, self.values = kind, name, label, values
        self.value: Any = None
        self.range: tuple[float, float] | None = None
        self.tooltip = ""
        self.on_execute: Any = None

    def setValue(self, value: Any) -> bool:  # noqa: N802  Nuke's name
        self.value = value
        return True

    def setRange(self, low: float, high: float) -> None:  # noqa: N802
        self.range = (low, high)

    def setTooltip(self, text: str) -> None:  # noqa: N802
        self.tooltip = text

    def execute(self) -> None:
        self.on_execute()


class FakeNode:
    def __init__(self, kind: str, works: bool) -> None:
        names = ("torchScriptFile", "catFile", "channelsIn", "channelsOut", "modelId", "outputScale", "createCatFile")
        self.kind = kind
        self.fixed = {name: FakeKnob("fixed", name) for name in names}
        self.added: list[FakeKnob] = []
        if works:
            self.fixed["createCatFile"].on_execute = lambda: Path(self["catFile"].value).write_bytes(b"cat")
        else:
            self.fixed["createCatFile"].on_execute = lambda: None

    def __getitem__(self, name: str) -> FakeKnob:
        if name not in self.fixed:
            raise NameError(f"knob {name} does not exist")
        return self.fixed[name]

    def addKnob(self, knob: FakeKnob) -> None:  # noqa: N802
        self.added.append(knob)


class FakeNuke(ModuleType):
    NUKE_VERSION_MAJOR, NUKE_VERSION_MINOR = 16, 0

    def __init__(self) -> None:
        super().__init__("nuke")
        self.made: list[FakeNode] = []
        self.deleted: list[FakeNode] = []
        self.works = True
        for kind in ("Node", "Knob", "Script_Knob", "Array_Knob"):
            setattr(self, kind, type(kind, (), {}))
        for kind in ("Tab_Knob", "Double_Knob", "Int_Knob", "Boolean_Knob", "Enumeration_Knob"):
            setattr(self, kind, lambda *words, kind=kind: FakeKnob(kind, *words))

    def createNode(self, kind: str, inpanel: bool = True) -> FakeNode:  # noqa: N802
        self.made.append(FakeNode(kind, self.works))
        return self.made[-1]

    def delete(self, node: FakeNode) -> None:
        self.deleted.append(node)


@pytest.fixture
def nuke(monkeypatch: pytest.MonkeyPatch) -> FakeNuke:
    fake = FakeNuke()
    monkeypatch.setitem(sys.modules, "nuke", fake)
    return fake


@pytest.fixture
def make_cat(nuke: FakeNuke) -> Any:
    spec = importlib.util.spec_from_file_location("make_cat", CATTERY / "make_cat.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


KINDS = {"float": "Double_Knob", "int": "Int_Knob", "bool": "Boolean_Knob", "enumeration": "Enumeration_Knob"}


def test_makes_the_node_that_the_model_asks_for(make_cat: Any, nuke: FakeNuke, model: Path, tmp_path: Path) -> None:
    cat = tmp_path / "headroom-1.cat"
    assert make_cat.main([str(model), str(cat)]) == 0
    assert cat.read_bytes() == b"cat"
    (node,) = nuke.made
    assert nuke.deleted == [node]
    assert node.kind == "CatFileCreator"
    assert node["torchScriptFile"].value == model.as_posix()
    assert node["channelsIn"].value == ", ".join(CHANNELS_IN)
    assert node["channelsOut"].value == ", ".join(CHANNELS_OUT)
    tab, *knobs = node.added
    assert tab.kind == "Tab_Knob"
    assert [knob.name for knob in knobs] == [knob.name for knob in KNOBS]
    for made, wanted in zip(knobs, KNOBS, strict=True):
        assert made.kind == KINDS[wanted.kind]
        assert made.value == wanted.default
        assert made.tooltip == wanted.tooltip
        if wanted.kind in ("float", "int"):
            assert made.range == (wanted.low, wanted.high)
        if wanted.kind == "enumeration":
            assert tuple(made.values) == wanted.values


def test_refusals_say_what_to_do(
    make_cat: Any, nuke: FakeNuke, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cat = tmp_path / "x.cat"
    cat.write_bytes(b"old")

    def said(*words: str) -> tuple[int, str]:
        code = make_cat.main(list(words))
        return code, capsys.readouterr().err

    assert said(str(model), str(cat)) == (1, f"make_cat: {cat} is there already: remove it, or say overwrite\n")
    assert cat.read_bytes() == b"old"
    assert said(str(model), str(cat), "--overwrite")[0] == 0
    assert said()[0] == said(str(model), "--nope")[0] == 2
    (tmp_path / "no.pt").write_bytes(b"not a zip")
    for missing in ("no.pt", "absent.pt"):
        code, text = said(str(tmp_path / missing))
        assert code == 1
        assert "headroom models export --torchscript" in text
    nuke.works = False
    code, text = said(str(model), str(tmp_path / "y.cat"))
    assert code == 1
    assert "NukeX" in text
    assert nuke.deleted == nuke.made
    nuke.NUKE_VERSION_MAJOR = 14
    code, text = said(str(model), str(tmp_path / "z.cat"))
    assert code == 1
    assert "15.1" in text


def test_runs_on_python_3_9(make_cat: Any) -> None:
    ast.parse((CATTERY / "make_cat.py").read_text("utf-8"), feature_version=(3, 9))


def test_types_against_nukes_stubs(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    if not any((Path(folder) / "nuke-stubs").is_dir() for folder in sys.path):
        pytest.skip("types-nuke is not installed")
    words = ["--strict", "--python-version", "3.9", "--cache-dir", tmp_path, "--config-file", "/dev/null"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words, CATTERY / "make_cat.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_cat_json_points_at_what_is_there() -> None:
    facts = json.loads((CATTERY / "cat.json").read_text("utf-8"))
    assert facts["minimum_nuke_version_required"] == 15.1
    for cat in facts["cats"]:
        assert (CATTERY / cat["filepath"]).is_file()
        assert Path(cat["filepath"]).stem == cat["name"]


# ---- the gizmo --------------------------------------------------------------------------------------------------

INFERENCE = {
    "inputs": "int",
    "useGPUIfAvailable": "number",
    "modelFile": "text",
    "halfPrecision": "number",
    "serialiseKnob": "text",
}


@pytest.fixture
def checker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The Tcl-based checker of the other gizmo, which may not know Inference."""
    monkeypatch.syspath_prepend(str(CHECKER))
    tables = pytest.importorskip("gizmo_tables")
    check = pytest.importorskip("gizmo_check")
    if "Inference" not in tables.NODES:
        monkeypatch.setitem(tables.NODES, "Inference", INFERENCE)
        monkeypatch.setitem(tables.DEFAULT_INPUTS, "Inference", 1)
    yield check


def test_gizmo_has_no_problems(checker: Any) -> None:
    text = GIZMO.read_text("utf-8")
    assert checker.problems(text) == []
    assert checker.problems(text.replace("parent.use_gpu", "parent.use_cpu"))
    assert checker.problems(text.replace("{4 encoding", "{99 encoding"))


def test_gizmo_shows_every_knob_of_the_model(checker: Any) -> None:
    statements = checker.parse(GIZMO.read_text("utf-8"))
    shown = checker.user_knobs(statements)
    for knob in KNOBS:
        check_knob(shown[knob.name], knob)
    (inference,) = (node for node in checker.inner_nodes(statements) if node["class"] == "Inference")
    wanted = "".join(f"{knob.name}:{{parent.{knob.name}}};" for knob in KNOBS)
    assert inference["knobs"]["serialiseKnob"] == wanted


def check_knob(shown: dict[str, Any], knob: Knob) -> None:
    assert shown["kind"] == {"float": "double", "int": "int", "bool": "bool", "enumeration": "enum"}[knob.kind]
    assert shown["options"]["l"] == knob.label
    assert shown["options"]["t"] == knob.tooltip
    if knob.kind == "enumeration":
        assert (
            tuple(shown["options"]["M"].split() if isinstance(shown["options"]["M"], str) else shown["options"]["M"])
            == knob.values
        )
    elif knob.kind == "bool":
        assert (shown["value"] == "true") == knob.default
    else:
        assert float(shown["value"] or 0) == knob.default


def test_labels_survive_nukes_list_of_values() -> None:
    """Inference saves ``name:value;`` pairs: a label must hold none of those marks, nor spaces or braces."""
    assert len(SPACE_LABELS) == len(SPACES)
    for label in (*SPACE_LABELS, *ENCODINGS):
        assert re.fullmatch(r"[\w.\-]+", label)
