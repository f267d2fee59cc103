"""From what people and files call a colour space to the space in a config, and across configs.

A name is looked up as the config's own name, alias or role; then without letter case and
punctuation; then under the other names of the same well-known space. A well-known space that the
config lacks (a camera log in a CG config) is taken from the built-in studio config and joined
through linear Rec.709 or ACES2065-1, which both sides have.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from headroom.colour import names
from headroom.colour.ocio import Config, Space, Transform, View, chain, extended_config
from headroom.errors import ColourError, UnknownSpaceError

__all__ = [
    "INVERSE_VIEW",
    "Bridge",
    "bridge",
    "convert",
    "find_space",
    "find_view",
    "resolve_space",
]

INVERSE_VIEW = "inverse-view"
ACES = "ACES2065-1"
NEAREST = 6
# Names of a linear space whose primaries a config of curves alone (nuke-default) leaves open.
OPEN_LINEAR = ("linear", "scene_linear", "default_float", "reference")


@dataclass(frozen=True)
class Bridge:
    """A linear space that a config shares with the built-in studio config."""

    here: str
    """Its name in the config."""
    there: str
    """Its name in the built-in studio config."""
    assumed: bool = False
    """Whether the config leaves its primaries open and Rec.709 was assumed."""


def resolve_space(config: Config, name: str) -> str:
    """The config's own name of a space asked for by name, alias, role or well-known other name."""
    found = _look_up(config, name)
    if found is None:
        raise UnknownSpaceError(_unknown("colour space", name, config, _nearest(config, name)))
    return found


def find_space(config: Config, name: str) -> Space:
    """A space of the config, or a well-known one from the built-in studio config; never data."""
    found = _look_up(config, name)
    space = Space(config, found) if found else None
    row = names.row_of(name)
    if space is None and row and row[0] != names.DATA:
        other = extended_config()
        elsewhere = _look_up(other, name)
        space = Space(other, elsewhere) if elsewhere else None
    if (space is None and row) or (space and space.config.is_data(space.name)):
        raise ColourError(
            f'"{found or name}" is data, not colour, and cannot be reconstructed: give --from and --to colour spaces'
        )
    return space or Space(config, resolve_space(config, name))


def find_view(config: Config, text: str) -> View:
    """A view by "DISPLAY/VIEW", "DISPLAY" or "VIEW"; empty: the config's default."""
    pairs = config.views()
    wanted = names.key(text)
    for display, view in pairs:
        if wanted in ("", names.key(f"{display}/{view}"), names.key(view), names.key(display)):
            found = View(config, display, view)
            if found.is_data():
                raise ColourError(f'view "{display}/{view}" shows data as it is: no way back')
            return found
    listed = [f"{display}/{view}" for display, view in pairs]
    near = difflib.get_close_matches(text, listed, NEAREST, 0.3) or listed[:NEAREST]
    raise UnknownSpaceError(_unknown("view", text, config, near))


def bridge(config: Config) -> Bridge | None:
    """What joins the config to the built-in studio config, if anything does."""
    found = _look_up(config, names.LINEAR_REC709)
    if found:
        return Bridge(found, names.LINEAR_REC709)
    found = config.role("aces_interchange") or _look_up(config, ACES)
    if found:
        return Bridge(found, ACES)
    for name in OPEN_LINEAR:
        found = config.canonical(name)
        if found and not config.is_data(found):
            return Bridge(found, names.LINEAR_REC709, assumed=True)
    return None


def convert(source: Space | View, target: Space) -> Transform:
    """One transform from a space or view to a space, of the same config or of another one."""
    if source.config is target.config:
        return chain([(source.config, source.into(target.name))])
    studio = extended_config()
    steps: list[tuple[Config, Any]] = []
    if source.config is not studio:
        link = _bridge(source.config)
        steps.append((source.config, source.into(link.here)))
        source = Space(studio, link.there)
    if target.config is studio:
        steps.append((studio, source.into(target.name)))
    else:
        link = _bridge(target.config)
        steps.append((studio, source.into(link.there)))
        steps.append((target.config, Space(target.config, link.here).into(target.name)))
    return chain(steps)


def _bridge(config: Config) -> Bridge:
    found = bridge(config)
    if found is None:
        raise ColourError(
            f"OCIO config {config.name} has neither linear Rec.709 nor ACES2065-1 nor a "
            "scene_linear role: headroom cannot tell what its colours are; use another config"
        )
    return found


def _look_up(config: Config, name: str) -> str | None:
    found = config.canonical(name)
    if found:
        return found
    by_key = _keys(config)
    for candidate in (name, *names.row_of(name)):
        found = by_key.get(names.key(candidate))
        if found:
            return found
    return None


def _keys(config: Config) -> dict[str, str]:
    spaces = config.names()
    keys = {names.key(alias): name for name in spaces for alias in config.aliases(name)}
    return keys | {names.key(name): name for name in spaces}


def _nearest(config: Config, name: str) -> list[str]:
    wanted = names.key(name)
    keys = _keys(config)
    for row in names.ROWS:
        here = next((keys[names.key(other)] for other in row if names.key(other) in keys), None)
        if here:
            keys = {names.key(other): here for other in row} | keys
    near = difflib.get_close_matches(wanted, keys, 2 * NEAREST, 0.6)
    near += [key for key in keys if len(wanted) > 2 and wanted in key]
    return list(dict.fromkeys(keys[key] for key in near))[:NEAREST] or config.names()[:NEAREST]


def _unknown(kind: str, name: str, config: Config, near: list[str]) -> str:
    return f'no {kind} "{name}" in OCIO config {config.name}; nearest: {", ".join(near)}'
