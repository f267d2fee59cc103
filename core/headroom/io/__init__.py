"""Pictures in and out: ``read`` a file into a Plate, ``write`` linear light, whole or by bands of rows.

Names load on first use, so that importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from headroom.io.formats import READABLE_SUFFIXES, WRITABLE_SUFFIXES, is_readable_suffix

if TYPE_CHECKING:
    from headroom.io.headers import header
    from headroom.io.reading import read
    from headroom.io.writing import HalfOverflow, Writer, WriteReport, open_writer, write

__all__ = [
    "READABLE_SUFFIXES",
    "WRITABLE_SUFFIXES",
    "HalfOverflow",
    "WriteReport",
    "Writer",
    "header",
    "is_readable_suffix",
    "open_writer",
    "read",
    "write",
]

_HOMES = {
    "header": "headers",
    "read": "reading",
    "HalfOverflow": "writing",
    "WriteReport": "writing",
    "Writer": "writing",
    "open_writer": "writing",
    "write": "writing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
