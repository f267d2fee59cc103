"""Nuke's expression language, as far as the gizmo uses it: text -> tree. Precedence as in C.

("number", 1.0) ("name", "parent.strength") ("tcl", "exists parent.input1") ("call", "clamp", [tree, ...])
("-", tree) ("!", tree) ("+", left, right) ... ("?", condition, yes, no)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["ExpressionError", "names", "parse", "walk"]

_TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|\[([^\[\]]*)\]"
    r"|(\|\||&&|==|!=|<=|>=|[-+*/<>!?:(),]))"
)
_LEVELS = (("||",), ("&&",), ("==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/"))


class ExpressionError(ValueError):
    """The text is no expression."""


def parse(text: str) -> tuple[Any, ...]:
    """The tree of an expression."""
    tokens = list(_tokens(text))
    tree, rest = _ternary(tokens)
    if rest:
        raise ExpressionError(f"{text!r}: {rest[0][1]!r} is too much")
    return tree


def walk(tree: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """All parts of a tree."""
    yield tree
    for part in tree[1:]:
        if isinstance(part, tuple):
            yield from walk(part)
        elif isinstance(part, list):
            for one in part:
                yield from walk(one)


def names(tree: tuple[Any, ...]) -> set[str]:
    """Names of values in it."""
    return {part[1] for part in walk(tree) if part[0] == "name"}


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if not found:
            raise ExpressionError(f"{text!r}: {text[at:].strip()[0]!r} is not understood")
        kind = ("number", "name", "tcl", "sign")[(found.lastindex or 1) - 1]
        yield kind, found[found.lastindex or 1]
        at = found.end()


def _ternary(tokens: list[tuple[str, str]]) -> tuple[Any, Any]:
    condition, rest = _binary(tokens, 0)
    if not rest or rest[0] != ("sign", "?"):
        return condition, rest
    yes, rest = _ternary(rest[1:])
    rest = _expect(rest, ":")
    no, rest = _ternary(rest)
    return ("?", condition, yes, no), rest


def _binary(tokens: list[tuple[str, str]], level: int) -> tuple[Any, Any]:
    if level == len(_LEVELS):
        return _unary(tokens)
    left, rest = _binary(tokens, level + 1)
    while rest and rest[0][0] == "sign" and rest[0][1] in _LEVELS[level]:
        sign = rest[0][1]
        right, rest = _binary(rest[1:], level + 1)
        left = (sign, left, right)
    return left, rest


def _unary(tokens: list[tuple[str, str]]) -> tuple[Any, Any]:
    if not tokens:
        raise ExpressionError("the expression ends too soon")
    kind, text = tokens[0]
    if kind == "sign" and text in "-!":
        inner, rest = _unary(tokens[1:])
        return (text, inner), rest
    if kind == "sign" and text == "(":
        inner, rest = _ternary(tokens[1:])
        return inner, _expect(rest, ")")
    if kind == "number":
        return ("number", float(text)), tokens[1:]
    if kind == "tcl":
        return ("tcl", text.strip()), tokens[1:]
    if kind == "name":
        if len(tokens) > 1 and tokens[1] == ("sign", "("):
            return _call(text, tokens[2:])
        return ("name", text), tokens[1:]
    raise ExpressionError(f"{text!r} cannot stand there")


def _call(name: str, tokens: list[tuple[str, str]]) -> tuple[Any, Any]:
    arguments = []
    while True:
        one, tokens = _ternary(tokens)
        arguments.append(one)
        if tokens and tokens[0] == ("sign", ","):
            tokens = tokens[1:]
            continue
        return ("call", name, arguments), _expect(tokens, ")")


def _expect(tokens: list[tuple[str, str]], sign: str) -> Any:
    if not tokens or tokens[0] != ("sign", sign):
        raise ExpressionError(f"{sign!r} is missing")
    return tokens[1:]
