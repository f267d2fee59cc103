"""Makes headroom-1.cat from headroom-1.pt, with its knobs. Runs inside NukeX or Nuke Studio 15.1 and newer.

In a shell:          nuke --nukex -t make_cat.py headroom-1.pt [headroom-1.cat] [--overwrite] [--check]
In the Script Editor: import make_cat; make_cat.make("/path/headroom-1.pt")

The .pt comes from `headroom models export --torchscript`. Channels and knobs are read out of it, so that they are
those of the model. Python 3.9, standard library and nuke only.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any, cast

import nuke

FACTS_FILE = "extra/headroom.json"
FORMAT = 1
OLDEST_NUKE = (15, 1)
"""The first with torch 2.1. In 1.12 (Nuke 14) the first frame comes out right and the second fails."""
GIZMO = "HeadroomCattery"


class CatError(RuntimeError):
    """What went wrong and what to do, in one line."""


def facts_of(model: Path) -> dict[str, Any]:
    """What the .pt says of itself: model, channels, knobs."""
    try:
        with zipfile.ZipFile(str(model)) as archive:
            name = next(name for name in archive.namelist() if name.endswith("/" + FACTS_FILE))
            facts = cast(dict[str, Any], json.loads(archive.read(name).decode("utf-8")))
    except (OSError, zipfile.BadZipFile, StopIteration, ValueError) as error:
        raise CatError(f"{model} is not a file that `headroom models export --torchscript` wrote ({error})") from error
    if facts.get("format") != FORMAT:
        raise CatError(
            f"{model} has format {facts.get('format')}, this script knows {FORMAT}: "
            "use the make_cat.py of the same headroom"
        )
    return facts


def make(model: str, cat: str | None = None, overwrite: bool = False) -> Path:
    """Create the .cat beside the .pt, or where ``cat`` says; returns its path."""
    source = Path(model).resolve()
    target = Path(cat).resolve() if cat else source.with_suffix(".cat")
    facts = facts_of(source)
    found = (nuke.NUKE_VERSION_MAJOR, nuke.NUKE_VERSION_MINOR)
    if found < OLDEST_NUKE:
        raise CatError(
            f"Nuke {found[0]}.{found[1]} has too old a torch for the model: "
            f"use Nuke {OLDEST_NUKE[0]}.{OLDEST_NUKE[1]} or newer"
        )
    if target.exists():
        if not overwrite:
            raise CatError(f"{target} is there already: remove it, or say overwrite")
        target.unlink()
    node = nuke.createNode("CatFileCreator", inpanel=False)
    try:
        add_knobs(node, facts["knobs"])
        node["torchScriptFile"].setValue(source.as_posix())
        node["catFile"].setValue(target.as_posix())
        node["channelsIn"].setValue(", ".join(facts["channels_in"]))
        node["channelsOut"].setValue(", ".join(facts["channels_out"]))
        node["modelId"].setValue(f"{facts['model']}_{facts['model_version']}")
        node["outputScale"].setValue(1)
        cast(nuke.Script_Knob, node["createCatFile"]).execute()
    finally:
        nuke.delete(node)
    if not target.is_file():
        raise CatError(f"Nuke made no {target}: look at its error above; NukeX or Nuke Studio is needed")
    return target


def add_knobs(node: nuke.Node, knobs: list[dict[str, Any]]) -> None:
    """One user knob for each attribute of the model, of the same name."""
    node.addKnob(nuke.Tab_Knob("headroom", "headroom"))
    for knob in knobs:
        node.addKnob(_knob(knob))


def _knob(knob: dict[str, Any]) -> nuke.Knob:
    made: nuke.Knob
    kind, name, label = knob["kind"], knob["name"], knob["label"]
    if kind == "enumeration":
        made = nuke.Enumeration_Knob(name, label, list(knob["values"]))
        made.setValue(int(knob["default"]))
    elif kind == "bool":
        made = nuke.Boolean_Knob(name, label)
        made.setValue(bool(knob["default"]))
    elif kind in ("float", "int"):
        number = nuke.Double_Knob(name, label) if kind == "float" else nuke.Int_Knob(name, label)
        number.setRange(knob["low"], knob["high"])
        number.setValue(knob["default"])
        made = number
    else:
        raise CatError(f"knob {name} is of unknown kind {kind}: use the make_cat.py of the same headroom")
    made.setTooltip(knob["tooltip"])
    return made


def check(cat: Path, facts: dict[str, Any]) -> list[str]:
    """What of the .cat and the gizmo does not work in this Nuke, one line each; empty when all does."""
    wrong: list[str] = []
    inference = nuke.createNode("Inference", inpanel=False)
    try:
        inference["modelFile"].setValue(cat.as_posix())
        there = inference.knobs()
        wrong += [f"Inference shows no knob {k['name']}" for k in facts["knobs"] if k["name"] not in there]
        wrong += [f"Inference has an error after loading {cat}"] if inference.hasError() else []
    finally:
        nuke.delete(inference)
    try:
        gizmo = nuke.createNode(GIZMO, inpanel=False)
    except RuntimeError as error:
        return [*wrong, f"{GIZMO} is not on the plug-in path ({error})"]
    try:
        inside = nuke.toNode(f"{gizmo.fullName()}.Inference1")
        if inside is None:
            return [*wrong, f"{GIZMO} holds no Inference1"]
        for knob in facts["knobs"]:
            name, kind = knob["name"], knob["kind"]
            other = 1 if kind == "enumeration" else 0 if kind == "bool" else 2
            gizmo[name].setValue(other)
            seen = inside.knobs().get(name)
            if seen is None or cast(nuke.Array_Knob, seen).getValue() != other:
                wrong.append(f"{GIZMO}: {name} does not reach the model; set it on an Inference node instead")
    finally:
        nuke.delete(gizmo)
    return wrong


def main(arguments: list[str]) -> int:
    """``model.pt [model.cat] [--overwrite] [--check]``; 0 when all went well."""
    flags = {word for word in arguments if word.startswith("--")}
    files = [word for word in arguments if not word.startswith("--")]
    if not 1 <= len(files) <= 2 or flags - {"--overwrite", "--check"}:
        sys.stderr.write("usage: make_cat.py model.pt [model.cat] [--overwrite] [--check]\n")
        return 2
    try:
        cat = make(files[0], files[1] if len(files) > 1 else None, "--overwrite" in flags)
        sys.stdout.write(f"{cat}\n")
        wrong = check(cat, facts_of(Path(files[0]))) if "--check" in flags else []
    except CatError as error:
        sys.stderr.write(f"make_cat: {error}\n")
        return 1
    for line in wrong:
        sys.stderr.write(f"make_cat: {line}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
