"""What goes over the wire between a host and its worker: one JSON object a line, in both directions.

host -> worker      describe, submit, cancel, ping          each with an ``id`` that its answers repeat
worker -> host      hello, alive                            of itself, without an id
                    described, pong                         answers
                    accepted, progress, frame               of a submitted run
                    done, cancelled, failed                 last word of a run; ``failed`` also answers what is wrong
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any

__all__ = [
    "ACCEPTED",
    "ALIVE",
    "CANCEL",
    "CANCELLED",
    "DESCRIBE",
    "DESCRIBED",
    "DONE",
    "FAILED",
    "FRAME",
    "HELLO",
    "LAST_WORDS",
    "MAX_LINE_BYTES",
    "PING",
    "PONG",
    "PROGRESS",
    "PROTOCOL",
    "SUBMIT",
    "VERBS",
    "ProtocolError",
    "decode",
    "encode",
    "jsonable",
]

PROTOCOL = 1
"""Raised when either side could no longer understand the other. New optional keys do not raise it."""

DESCRIBE, SUBMIT, CANCEL, PING = "describe", "submit", "cancel", "ping"
VERBS = (DESCRIBE, SUBMIT, CANCEL, PING)

HELLO, ALIVE = "hello", "alive"
DESCRIBED, PONG = "described", "pong"
ACCEPTED, PROGRESS, FRAME = "accepted", "progress", "frame"
DONE, CANCELLED, FAILED = "done", "cancelled", "failed"
LAST_WORDS = (DONE, CANCELLED, FAILED)

MAX_LINE_BYTES = 32 << 20
"""A submit of 100,000 frames stays below it; what is longer is no message."""


class ProtocolError(ValueError):
    """A line that is no message, or a message that cannot become a line."""


def encode(message: Mapping[str, Any]) -> bytes:
    """One line, newline included. Paths become strings; a name that is not UTF-8 survives the round trip."""
    try:
        text = json.dumps(message, ensure_ascii=True, allow_nan=False, separators=(",", ":"), default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"this cannot be sent: {error}") from error
    line = text.encode("ascii") + b"\n"
    if len(line) > MAX_LINE_BYTES:
        raise ProtocolError(f"a message of {len(line) >> 20} MiB is too long; submit fewer frames at once")
    return line


def decode(line: bytes) -> dict[str, Any]:
    """The message of one line; ``ProtocolError`` says what is wrong with it."""
    if len(line) > MAX_LINE_BYTES:
        raise ProtocolError(f"a line of more than {MAX_LINE_BYTES >> 20} MiB is no message")
    try:
        message = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not a JSON line: {_shown(line)}") from error
    if not isinstance(message, dict):
        raise ProtocolError(f"not a JSON object: {_shown(line)}")
    return message


def jsonable(value: Any) -> Any:
    """What JSON can hold of a value: arrays and their numbers become plain ones, what is not finite null."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        return jsonable(value.item() if getattr(value, "size", 1) == 1 else value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _plain(value: Any) -> str:
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    raise TypeError(f"{type(value).__name__} has no place in a message")


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _shown(line: bytes) -> str:
    text = line[:200].decode("utf-8", "replace").strip()
    return repr(text if len(text) <= 80 else text[:77] + "...")
