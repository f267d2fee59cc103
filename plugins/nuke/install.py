"""Put this folder on Nuke's plug-in path, or take it off again. Any Python 3.9 or newer; Nuke's own too.

    python install.py              adds three marked lines to ~/.nuke/init.py
    python install.py --uninstall  takes exactly those lines out again
    python install.py --folder DIR another folder than ~/.nuke

Instead of this, NUKE_PATH may name the folder. Nothing is copied and nothing else is changed.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

BEGIN = "# >>> headroom >>>"
END = "# <<< headroom <<<"
HERE = Path(__file__).resolve().parent


def block() -> str:
    """What stands in init.py."""
    return f"{BEGIN}\nimport nuke; nuke.pluginAddPath({HERE.as_posix()!r})\n{END}\n"


def without_block(text: str) -> str:
    """The text of an init.py without our lines; all others stay as they are."""
    lines = text.splitlines(keepends=True)
    kept, inside = [], False
    for number, line in enumerate(lines):
        if line.strip() == BEGIN:
            # Only a whole block: a stray mark must not swallow what follows it.
            marks = [later.strip() for later in lines[number + 1 :] if later.strip() in (BEGIN, END)]
            inside = marks[:1] == [END]
        if not inside:
            kept.append(line)
        if inside and line.strip() == END:
            inside = False
    return "".join(kept)


def install(folder: Path) -> Path:
    """Add the lines, or bring them up to date; returns the file."""
    path = folder / "init.py"
    text = without_block(path.read_text("utf-8")) if path.is_file() else ""
    if text and not text.endswith("\n"):
        text += "\n"
    folder.mkdir(parents=True, exist_ok=True)
    _write(path, text + block())
    return path


def uninstall(folder: Path) -> bool:
    """Take the lines out; an init.py that held nothing else goes. False where there were none."""
    path = folder / "init.py"
    if not path.is_file():
        return False
    text = path.read_text("utf-8")
    rest = without_block(text)
    if rest == text:
        return False
    if rest.strip():
        _write(path, rest)
    else:
        path.unlink()
    return True


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(text, "utf-8")
    beside.replace(path)


def main(arguments: list[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="Put headroom on Nuke's plug-in path.")
    parser.add_argument("--folder", type=Path, default=Path.home() / ".nuke", help="default: ~/.nuke")
    parser.add_argument("--uninstall", action="store_true")
    chosen = parser.parse_args(arguments)
    if chosen.uninstall:
        said = "was taken off" if uninstall(chosen.folder) else "was not on"
        sys.stdout.write(f"headroom {said} Nuke's plug-in path ({chosen.folder / 'init.py'}).\n")
    else:
        sys.stdout.write(f"headroom is on Nuke's plug-in path ({install(chosen.folder)}). Restart Nuke.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
