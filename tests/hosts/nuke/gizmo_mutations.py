"""What the gizmo check catches: the file is damaged in many small ways, and each damage must be noticed.

    python gizmo_mutations.py [--every N] [--list]

Prints the share caught by the check alone, and with the golden form. Damages that leave the parsed form as it was
(blanks, a needless backslash) change nothing for Nuke and are counted apart.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parent))

import gizmo_check
import nk_parse

__all__ = ["Tally", "mutations", "run"]


class Tally(NamedTuple):
    """Counts of damages."""

    made: int
    same: int
    by_check: int
    with_golden: int
    missed: list[str]

    def __str__(self) -> str:
        real = self.made - self.same
        return (
            f"{self.made} damages, {self.same} leave the parsed form as it was; of {real} others the check alone "
            f"catches {self.by_check} ({100 * self.by_check / real:.1f} %), with the golden form {self.with_golden} "
            f"({100 * self.with_golden / real:.1f} %)"
        )


def mutations(text: str) -> Iterator[tuple[str, str]]:
    """(what was done, the damaged text), always in the same order."""
    lines = text.splitlines(keepends=True)

    def put(number: int, line: str) -> str:
        return "".join([*lines[:number], line, *lines[number + 1 :]])

    for number, line in enumerate(lines):
        shown = f"line {number + 1}"
        yield f"{shown} dropped", put(number, "")
        yield f"{shown} twice", put(number, line + line)
        if number + 1 < len(lines) and line != lines[number + 1]:
            swapped = [*lines[:number], lines[number + 1], line, *lines[number + 2 :]]
            yield f"{shown} after the next", "".join(swapped)
        for found in re.finditer(r'[{}"\\\[\]$()]', line):
            yield (
                f"{shown} without {found[0]} at {found.start()}",
                put(number, line[: found.start()] + line[found.end() :]),
            )
        for found in re.finditer(r"(?<![\w#])-?\d+(\.\d+)?\b", line):
            changed = str(int(float(found[0])) + 1)
            yield f"{shown} {found[0]} -> {changed}", put(number, line[: found.start()] + changed + line[found.end() :])
        for found in re.finditer(r"[A-Za-z_]{3,}", line):
            word = found[0]
            changed = word[0] + word[2] + word[1] + word[3:]
            if changed == word:
                changed = word[:-1]
            yield f"{shown} {word} -> {changed}", put(number, line[: found.start()] + changed + line[found.end() :])
        for sign, other in ((" ? ", " : "), ("&&", "||"), ("||", "&&"), (" - ", " + "), (" * ", " / "), (">", "<"),
                            ("<=", ">="), ("==", "!="), ("true", "false"), ("false", "true"), (".red", ".green"),
                            ("+STARTLINE", "-STARTLINE"), ("\\n", " ")):  # fmt: skip
            at = line.find(sign)
            if at >= 0:
                yield f"{shown} {sign!r} -> {other!r}", put(number, line[:at] + other + line[at + len(sign) :])


def run(text: str, every: int = 1) -> Tally:
    """Damage and look."""
    golden = gizmo_check.golden_form(text)
    made = same = by_check = with_golden = 0
    missed = []
    for number, (what, damaged) in enumerate(mutations(text)):
        if number % every or damaged == text:
            continue
        made += 1
        try:
            form = gizmo_check.golden_form(damaged)
        except (nk_parse.TclError, IndexError, StopIteration):
            form = None
        header = damaged.splitlines()[:1] == text.splitlines()[:1]
        if form == golden and header:
            same += 1
            continue
        found = form is None or bool(_problems(damaged))
        by_check += found
        # The golden form holds all but the first line, a comment, which the check itself knows.
        if found or form != golden:
            with_golden += 1
        else:
            missed.append(what)
    return Tally(made, same, by_check, with_golden, missed)


def _problems(text: str) -> list[str]:
    try:
        return gizmo_check.problems(text)
    except (ValueError, KeyError, IndexError, AttributeError, TypeError, StopIteration) as error:
        return [f"{type(error).__name__}: {error}"]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--list", action="store_true")
    chosen = parser.parse_args()
    tally = run(gizmo_check.GIZMO_PATH.read_text("utf-8"), chosen.every)
    sys.stdout.write(f"{tally}\n" + ("".join(f"missed: {m}\n" for m in tally.missed) if chosen.list else ""))
    return bool(tally.missed)


if __name__ == "__main__":
    sys.exit(main())
