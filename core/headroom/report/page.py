"""Facts and pictures become one HTML file, written beside its place and renamed."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO

import jinja2

from headroom.errors import UsageError, WriteError
from headroom.report.pictures import Embedded

__all__ = ["check_output", "partial_of", "write_failure", "write_page"]

_SCRIPTS = ("decode.js", "tone.js", "draw.js", "viewer.js", "plots.js", "main.js")
_PLACE = "<!--PIXELS-->"
_CHUNK_BYTES = 3 * (1 << 18)
"""A multiple of three: base64 of the parts joined is base64 of the whole."""


def check_output(path: Path, overwrite: bool) -> None:
    """Refuses a place that cannot take the page, before any picture is read."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"cannot write {path}: a report is an HTML page; name it like {path.stem or 'report'}.html")
    if path.is_dir():
        raise WriteError(f"cannot write {path}: it is a folder; name a file")
    if path.exists() and not overwrite:
        raise WriteError(f"{path} exists; give --overwrite to replace it, or another -o")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial_of(path).touch()
        partial_of(path).unlink()
    except OSError as error:
        raise write_failure(path, error) from None


def partial_of(path: Path) -> Path:
    """Where the page is written before it is renamed."""
    return path.with_name(f"{path.name}.partial-{os.getpid()}")


def write_page(
    path: Path, shown: dict[str, Any], data: dict[str, Any], pictures: Sequence[Embedded], spool: BinaryIO
) -> int:
    """Writes the page and returns its bytes. ``shown`` is for the template, ``data`` for the script."""
    head, tail = _rendered(shown, data)
    partial = partial_of(path)
    try:
        with partial.open("wb") as file:
            file.write(head)
            for picture in pictures:
                file.write(f'<script type="text/plain" id="{picture.spec["id"]}">'.encode())
                spool.seek(picture.offset)
                for start in range(0, picture.length, _CHUNK_BYTES):
                    size = min(_CHUNK_BYTES, picture.length - start)
                    file.write(base64.b64encode(spool.read(size)))
                file.write(b"</script>\n")
            file.write(tail)
            file.flush()
            os.fsync(file.fileno())
        size = partial.stat().st_size
        partial.replace(path)
    except OSError as error:
        raise write_failure(path, error) from None
    finally:
        partial.unlink(missing_ok=True)
    return size


def _rendered(shown: dict[str, Any], data: dict[str, Any]) -> tuple[bytes, bytes]:
    folder = files("headroom.report") / "page"
    style = (folder / "page.css").read_text(encoding="utf-8")
    script = "\n".join((folder / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    environment = jinja2.Environment(autoescape=True, trim_blocks=False, undefined=jinja2.StrictUndefined)
    template = environment.from_string((folder / "page.html").read_text(encoding="utf-8"))
    text = template.render(
        facts=shown, data=data, style=style, script=script, style_hash=_hash(style), script_hash=_hash(script)
    )
    head, _, tail = text.partition(_PLACE)
    # Names on a file system may hold bytes that are no text; they are shown as question marks.
    return head.encode("utf-8", "replace"), tail.encode("utf-8", "replace")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def write_failure(path: Path, error: OSError) -> WriteError:
    """What the system said, as an error that says what to do."""
    return WriteError(f"cannot write {path}: {error.strerror or error}; check the folder, the disk's space and quota")
