"""A .gizmo or .nk file read by a real Tcl interpreter, as Nuke reads it: commands, and bodies that are Tcl lists.

Every command but Nuke's own few (set, push, stack, version, add_layer, end_group, clone) is a node. Nothing else can
run: the interpreter is a safe one whose commands have been taken away. ``tkinter.Tcl`` or ``tclsh`` does the reading.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

__all__ = ["Statement", "TclError", "parse", "split"]

Statement = dict[str, Any]

_TCL = r"""
proc hex {text} { return [binary encode hex [encoding convertto utf-8 $text]] }
set ::records {}
proc record {args} {
    set line {}
    foreach word $args { lappend line x[hex $word] }
    lappend ::records [join $line ,]
}
proc nk_node {args} {
    if {[llength $args] != 2} { error "a node has a class and a body: [lrange $args 0 1]" }
    set body [lindex $args 1]
    if {[llength $body] % 2} { error "the body of [lindex $args 0] has a knob without a value" }
    record node [lindex $args 0] {*}$body
}
proc nk_set {name value} {
    record set $name $value
    interp invokehidden nk set $name $value
}
proc nk_stack {number} {
    if {![string is integer -strict $number]} { error "stack $number" }
    return stack:$number
}
proc nk_plain {command args} { record $command {*}$args }
interp create -safe nk
nk hide set
foreach command [nk eval {info commands}] {
    if {$command ne "rename"} { nk eval [list rename $command {}] }
}
nk eval {rename rename {}}
interp alias nk set {} nk_set
interp alias nk stack {} nk_stack
foreach command {push version add_layer end_group clone} { interp alias nk $command {} nk_plain $command }
interp alias nk unknown {} nk_node
"""


class TclError(ValueError):
    """The text is not what Nuke could read."""


def parse(text: str) -> list[Statement]:
    """The statements of a file, in order. A node: class and knobs as pairs, in order; the rest: its words."""
    lines = _run(_TCL, [("nk eval", text)], "join $::records \\n")
    statements: list[Statement] = []
    for line in lines.splitlines():
        words = [bytes.fromhex(word[1:]).decode("utf-8") for word in line.split(",")]
        if words[0] == "node":
            pairs = list(zip(words[2::2], words[3::2]))
            statements.append({"node": words[1], "knobs": [list(pair) for pair in pairs]})
        else:
            statements.append({words[0]: words[1:]})
    return statements


def split(text: str) -> list[str]:
    """The words of a Tcl list."""
    return split_many([text])[0]


def split_many(texts: list[str]) -> list[list[str]]:
    """The words of many Tcl lists, in one go: starting tclsh a hundred times takes a second."""
    script = """
proc words {list} {
    set line {}
    foreach word [lrange $list 0 end] { lappend line x[binary encode hex [encoding convertto utf-8 $word]] }
    lappend ::lines [join $line ,]
}
set ::lines {}
"""
    said = _run(script, [("words", text) for text in texts], "join $::lines \\n")
    rows = said.split("\n") if texts else []
    return [[bytes.fromhex(word[1:]).decode("utf-8") for word in row.split(",")] if row else [] for row in rows]


def _run(script: str, calls: list[tuple[str, str]], answer: str) -> str:
    try:
        import tkinter
    except ImportError:
        return _by_tclsh(script, calls, answer)
    interpreter = tkinter.Tcl()
    try:
        interpreter.eval(script)
        for command, text in calls:
            interpreter.setvar("::text", text)
            interpreter.eval(f"{command} $::text")
        return str(interpreter.eval(answer))
    except tkinter.TclError as error:
        raise TclError(str(error)) from None


def _by_tclsh(script: str, calls: list[tuple[str, str]], answer: str) -> str:
    program = shutil.which("tclsh")
    if program is None:
        raise RuntimeError("neither tkinter nor tclsh is here: install one to read gizmos")
    whole = [script]
    for command, text in calls:
        whole.append(f'{command} [encoding convertfrom utf-8 [binary decode hex "{text.encode().hex()}"]]')
    whole.append(f"puts -nonewline [{answer}]")
    done = subprocess.run([program], input="\n".join(whole), capture_output=True, text=True, check=False)
    if done.returncode or done.stderr:
        raise TclError((done.stderr or done.stdout).splitlines()[0])
    return done.stdout


def to_json(statements: list[Statement]) -> str:
    """For golden files: one knob a line, easy to compare by eye."""
    return json.dumps(statements, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(to_json(parse(Path(sys.argv[1]).read_text("utf-8"))))
