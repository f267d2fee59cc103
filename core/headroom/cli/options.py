"""Option types that several commands share."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from headroom.errors import UsageError
from headroom.host.protocol import jsonable
from headroom.settings import SETTINGS, parse_size

__all__ = ["emit_json", "json_option", "memory_size", "setting"]

_Command = TypeVar("_Command", bound=Callable[..., Any])


def memory_size(text: str) -> int:
    """Bytes from ``4GB``, ``512MiB``, ``1.5g`` or a bare number of bytes."""
    try:
        return parse_size(text)
    except UsageError as error:
        raise click.BadParameter(str(error)) from None


def setting(name: str, **named: Any) -> Callable[[_Command], _Command]:
    """The option of one of `headroom.settings`, with its type, range and default."""
    what = SETTINGS[name]
    flags = [f"--{name.removesuffix('_space').replace('_', '-')}", name]
    if what.kind == "flag":
        return click.option(*flags, is_flag=True, **named)
    named = {"default": what.default, "show_default": what.default is not None, **named}
    if what.kind == "choice":
        named["type"] = click.Choice(what.choices)
    elif what.kind == "number":
        named["type"] = _Number(what.low, what.high, min_open=what.low_open, max_open=what.high_open)
    elif what.kind in ("curve", "size"):
        named["type"] = _Checked(name)
    return click.option(*flags, **named)


class _Number(click.FloatRange):
    """Finite: FloatRange lets nan through, which is in no range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        return number if math.isfinite(number) else self.fail(f"{value} is not a finite number", param, ctx)


class _Checked(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """Checked by the table itself."""

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return SETTINGS[self.name].check(self.name, value)
        except UsageError as error:
            return self.fail(str(error).removeprefix(f"{self.name}: "), param, ctx)


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


def emit_json(content: dict[str, Any]) -> None:
    """Writes the command's whole answer as one JSON object; non-finite numbers become null."""
    click.echo(json.dumps(jsonable(content), indent=2, default=str))
