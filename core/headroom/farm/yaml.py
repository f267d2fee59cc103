"""Plain data as block-style YAML; strings are quoted as in JSON, which is YAML too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["to_yaml"]

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.\[\]-]*")
_WORDS = frozenset(["y", "n", "yes", "no", "true", "false", "on", "off", "null", "none"])


def to_yaml(content: Any, comment: str = "") -> str:
    """A document; ``comment`` stands above it."""
    head = "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())
    return head + "\n".join(_lines(content)) + "\n"


def _lines(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        for key, value in content.items():
            if isinstance(value, str) and "\n" in value:
                yield f"{key}: |"
                yield from (f"  {line}".rstrip() for line in value.rstrip("\n").split("\n"))
            elif isinstance(value, (dict, list)) and value:
                yield f"{key}:"
                yield from (f"  {line}" for line in _lines(value))
            else:
                yield f"{key}: {_scalar(value)}"
    elif isinstance(content, list):
        for item in content:
            first, *rest = list(_lines(item)) if isinstance(item, (dict, list)) and item else [_scalar(item)]
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _scalar(content)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
