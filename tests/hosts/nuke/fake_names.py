"""Every public name that the fake Nuke offers exists in types-nuke, methods and their parameters' names too.

    python fake_names.py FOLDER_OF_NUKE_STUBS

A fake that offers what Nuke does not have would let mistakes through. Signatures of the stubs that say ``*args`` are
taken as open.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

__all__ = ["unknown_names"]

HERE = Path(__file__).resolve().parent
PYTHON_OWN = {"__init__", "__getitem__", "__enter__", "__exit__", "__getattr__"}

Functions = dict[str, "set[str] | None"]


def unknown_names(stubs: Path) -> list[str]:
    """What the fake has and the stubs lack."""
    functions, classes, bases = _stubs(stubs)
    said: list[str] = []
    for node in ast.parse((HERE / "fake/nuke.py").read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            if node.name not in functions:
                said.append(f"function {node.name}")
            else:
                said += _parameters(node.name, node, functions[node.name])
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            if node.name not in classes:
                said.append(f"class {node.name}")
                continue
            there = _inherited(node.name, classes, bases)
            for method in node.body:
                if not isinstance(method, ast.FunctionDef):
                    continue
                name = method.name
                if (name.startswith("_") and name not in PYTHON_OWN) or name in PYTHON_OWN:
                    continue
                if name not in there:
                    said.append(f"{node.name}.{name}")
                else:
                    said += _parameters(f"{node.name}.{name}", method, there[name])
        elif isinstance(node, ast.Assign):
            names = [t.id for t in node.targets if isinstance(t, ast.Name)]
            said += [f"value {n}" for n in names if not n.startswith("_") and n not in functions]
    return said


def _parameters(where: str, function: ast.FunctionDef, allowed: set[str] | None) -> list[str]:
    if allowed is None:
        return []
    own = {a.arg for a in function.args.args + function.args.kwonlyargs} - {"self", "cls"}
    return [f"parameter {one} of {where}" for one in sorted(own - allowed)]


def _stubs(folder: Path) -> tuple[Functions, dict[str, Functions], dict[str, list[str]]]:
    functions: Functions = {}
    classes: dict[str, Functions] = {}
    bases: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.pyi")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                _note(functions, node)
            elif isinstance(node, ast.ClassDef):
                methods = classes.setdefault(node.name, {})
                bases[node.name] = [b.id for b in node.bases if isinstance(b, ast.Name)]
                for one in node.body:
                    if isinstance(one, ast.FunctionDef):
                        _note(methods, one)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                functions[node.target.id] = None
            elif isinstance(node, ast.Assign):
                functions.update({t.id: None for t in node.targets if isinstance(t, ast.Name)})
    return functions, classes, bases


def _note(where: Functions, function: ast.FunctionDef) -> None:
    open_ended = function.args.vararg is not None or function.args.kwarg is not None
    names = {a.arg for a in function.args.args + function.args.kwonlyargs}
    if open_ended or where.get(function.name, names) is None:
        where[function.name] = None
    else:
        where[function.name] = (where.get(function.name) or set()) | names


def _inherited(name: str, classes: dict[str, Functions], bases: dict[str, list[str]]) -> Functions:
    found: Functions = {}
    for base in bases.get(name, []):
        found.update(_inherited(base, classes, bases))
    found.update(classes.get(name, {}))
    return found


if __name__ == "__main__":
    wrong = unknown_names(Path(sys.argv[1]))
    sys.stdout.write("".join(f"{line}\n" for line in wrong) or "every name of the fake is in types-nuke\n")
    sys.exit(bool(wrong))
