"""How one plate's codes become light: every colour decision about a plate, made once.

plate codes --base--------------------------------------> output space  (recorded pixels)
plate codes --to_lin709--> linear Rec.709 --from_lin709-> output space  (reconstructed pixels)
plate codes --to_network-> 0..1, sRGB curve                             (what the network sees)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from headroom.colour import gamut, names, resolve
from headroom.colour.ocio import Config, Space, Transform, View, extended_config, load_config, ocio_version
from headroom.errors import ColourError, UnknownSpaceError
from headroom.plate import FloatArray

__all__ = ["ColourPlan", "describe", "plan"]

Kind = Literal["display", "log", "linear"]

# A curve whose top code holds more than this many times its white is worked on as log.
LOG_HEADROOM = 2.0
# How far a curve may bend, as a share of its range, and still be linear.
STRAIGHT = 1e-3
# How much of a channel may leak into another one before the primaries count as different.
LEAK = 1e-3
# Codes this near are the same to the network: a fortieth of an 8-bit step.
SAME_CODE = 1e-4
# Code values between which a curve is probed.
PROBE = np.array([0.0, 0.25, 0.5, 1.0], np.float32)


@dataclass(frozen=True, eq=False)
class ColourPlan:
    """A plate's way to light and back. Pixels are (..., 3) float32; nothing is clamped."""

    from_space: str
    """The plate's space, or "inverse-view:DISPLAY/VIEW"."""
    to_space: str
    config_name: str
    cache_id: str
    kind: Kind
    white: float
    """Linear value, plate scale, of code ``clip_code``: what the network's 1.0 stands for."""
    clip_code: float
    """Nominal clip level in code values: 1.0.

    For camera logs too: where the sensor clips within the log range depends on camera, exposure
    index and firmware, which the pixels do not state; it is detected from the plate instead.
    """
    mixes_channels: bool
    """The plate's primaries are not Rec.709: a clip in one channel touches all three."""
    chromaticities: tuple[float, ...] | None
    """Rx Ry Gx Gy Bx By Wx Wy of the output space; None where it is not linear."""
    warnings: tuple[str, ...] = ()
    """What was assumed and the user should know, one line each."""
    _base: Transform = field(repr=False, kw_only=True)
    _to_lin709: Transform = field(repr=False, kw_only=True)
    _from_lin709: Transform = field(repr=False, kw_only=True)
    _display_lin709: Transform | None = field(repr=False, kw_only=True, default=None)
    _through_view: bool = field(repr=False, kw_only=True, default=False)
    _seen_as_is: bool = field(repr=False, kw_only=True, default=False)

    def base(self, code: FloatArray) -> FloatArray:
        """Plate codes to the output space in one processor: the exact linearisation."""
        return self._base(self._codes(code))

    def to_lin709(self, code: FloatArray) -> FloatArray:
        """Plate codes to linear Rec.709, plate scale."""
        return self._to_lin709(self._codes(code))

    def from_lin709(self, lin709: FloatArray) -> FloatArray:
        """Linear Rec.709, plate scale, to the output space."""
        return self._from_lin709(lin709)

    def to_network(self, code: FloatArray) -> FloatArray:
        """Plate codes to what the network sees: 0..1, the sRGB curve on linear Rec.709 / white.

        Through a view, the network sees the picture as displayed, not the scene behind the tone
        map: that is the kind of picture it knows.
        """
        if self._seen_as_is:
            seen = code
        elif self._display_lin709 is not None:
            seen = _srgb_encoder()(self._display_lin709(self._codes(code)))
        else:
            seen = _srgb_encoder()(self.to_lin709(code) / np.float32(self.white))
        return np.asarray(np.clip(seen, 0.0, 1.0), np.float32)

    def _codes(self, code: FloatArray) -> FloatArray:
        # A tone map read backwards is defined on 0..1 only: ACES 1 takes code 1.1 to 47185.
        return np.clip(code, 0.0, 1.0) if self._through_view else code


def plan(
    plate_space: str | None,
    *,
    frm: str | None = None,
    to: str | None = None,
    config: str | Path | Config | None = None,
    is_float: bool = False,
    bits: int = 8,
    view: str | None = None,
) -> ColourPlan:
    """Decide a plate's colours.

    The plate's space is ``frm`` (what the user says; "inverse-view:DISPLAY/VIEW" reads a view
    backwards, as does ``view``), else ``plate_space`` (what the file says), else linear Rec.709
    for float and sRGB for integers. The output space is ``to``, else the config's scene_linear
    role. ``config`` as in ``load_config``.
    """
    setup = config if isinstance(config, Config) else load_config(config)
    warnings: list[str] = []
    source = _source(setup, plate_space, frm, view, is_float, bits, warnings)
    target = _target(setup, to, warnings)
    lin709 = _lin709(setup, source, target, warnings)
    plain = resolve.convert(source, lin709)
    curve = plain(np.repeat(PROBE[:, None], 3, axis=1))
    top = float(curve[-1].max())
    if not np.isfinite(curve).all() or top <= 0.0:
        raise ColourError(f"{source.name} in OCIO config {setup.name} gives no light for white")
    through_view = isinstance(source, View)
    kind = _kind(source, curve)
    mixes = _mixes(plain)
    _note_curve_only(source, kind, mixes, warnings)
    display = _display(source, lin709)
    return ColourPlan(
        from_space=source.name,
        to_space=target.name,
        config_name=setup.name,
        cache_id=setup.cache_id,
        kind=kind,
        white=top if kind == "log" or through_view else 1.0,
        clip_code=1.0,
        mixes_channels=mixes,
        chromaticities=_chromaticities(target, lin709, warnings),
        warnings=tuple(warnings),
        _base=resolve.convert(source, target),
        _to_lin709=plain,
        _from_lin709=resolve.convert(lin709, target),
        _display_lin709=display,
        _through_view=through_view,
        _seen_as_is=_is_srgb(display or plain) or (through_view and display is None),
    )


def describe(chosen: ColourPlan) -> dict[str, Any]:
    """What was used, ready for a report, a header or JSON."""
    return {
        "from": chosen.from_space,
        "to": chosen.to_space,
        "config": chosen.config_name,
        "config_cache_id": chosen.cache_id,
        "ocio": ocio_version(),
        "kind": chosen.kind,
        "white": chosen.white,
        "clip_code": chosen.clip_code,
        "chromaticities": list(chosen.chromaticities) if chosen.chromaticities else None,
        "warnings": list(chosen.warnings),
    }


def _source(
    config: Config,
    plate_space: str | None,
    frm: str | None,
    view: str | None,
    is_float: bool,
    bits: int,
    warnings: list[str],
) -> Space | View:
    if frm and frm.casefold().startswith(resolve.INVERSE_VIEW):
        view = frm[len(resolve.INVERSE_VIEW) :].lstrip(":")
    if view is not None:
        if is_float:
            warnings.append(
                "float plate read back through a view: values outside 0..1 are clamped, "
                "because a view has no meaning there"
            )
        return resolve.find_view(config, view)
    default = names.LINEAR_REC709 if is_float else names.SRGB
    if frm or not plate_space:
        return _noted(resolve.find_space(config, frm or default), config, warnings)
    try:
        return _noted(resolve.find_space(config, plate_space), config, warnings)
    except UnknownSpaceError:
        warnings.append(
            f'the file says "{plate_space}", which OCIO config {config.name} does not have: '
            f"taken as {default} ({'float' if is_float else f'{bits} bit'}); say --from to correct"
        )
        return _noted(resolve.find_space(config, default), config, warnings)


def _target(config: Config, to: str | None, warnings: list[str]) -> Space:
    if to:
        return _noted(resolve.find_space(config, to), config, warnings)
    found = config.role("scene_linear")
    if found and not config.is_data(found):
        return Space(config, found)
    warnings.append(f"OCIO config {config.name} has no scene_linear role: the result is {names.LINEAR_REC709}")
    return _noted(resolve.find_space(config, names.LINEAR_REC709), config, warnings)


def _noted(space: Space, config: Config, warnings: list[str]) -> Space:
    if space.config is not config and space.name != names.LINEAR_REC709:
        warnings.append(
            f'"{space.name}" is not in OCIO config {config.name}: taken from the built-in {space.config.name}'
        )
    return space


def _lin709(config: Config, source: Space | View, target: Space, warnings: list[str]) -> Space:
    link = resolve.bridge(config)
    crosses = source.config is not config or target.config is not config
    if link is not None and link.assumed and crosses:
        warnings.append(f'OCIO config {config.name} does not say which primaries "{link.here}" has: Rec.709 is assumed')
    return resolve.find_space(config, names.LINEAR_REC709)


def _kind(source: Space | View, curve: FloatArray) -> Kind:
    if isinstance(source, View):
        return "display"
    grey = curve.max(axis=-1) - curve[0].max()
    if np.abs(grey - PROBE * grey[-1]).max() <= STRAIGHT * abs(grey[-1]):
        return "linear"
    log = source.config.is_log(source.name) or grey[-1] > LOG_HEADROOM
    return "log" if log else "display"


def _mixes(to_lin709: Transform) -> bool:
    light = to_lin709(np.concatenate([np.zeros((1, 3), np.float32), np.eye(3, dtype=np.float32)]))
    pure = light[1:] - light[0]
    leak = np.abs(pure - np.diag(np.diag(pure))).max()
    return bool(leak > LEAK * np.abs(np.diag(pure)).max())


def _note_curve_only(source: Space | View, kind: Kind, mixes: bool, warnings: list[str]) -> None:
    row = names.row_of(source.name) if isinstance(source, Space) else ()
    if kind == "log" and not mixes and row and not re.search("cineon", row[0], re.IGNORECASE):
        warnings.append(
            f'"{source.name}" in OCIO config {source.config.name} undoes the curve alone and '
            "leaves the camera's primaries as they are"
        )


def _chromaticities(target: Space, lin709: Space, warnings: list[str]) -> tuple[float, ...] | None:
    to_lin709 = resolve.convert(target, lin709)
    curve = to_lin709(np.repeat(PROBE[:, None], 3, axis=1))
    if _kind(target, curve) != "linear":
        warnings.append(f'output space "{target.name}" is not linear: the result is encoded')
        return None
    zero = to_lin709(np.zeros((1, 3), np.float32))
    matrix = (to_lin709(np.eye(3, dtype=np.float32)) - zero).astype(np.float64).T
    return gamut.chromaticities(matrix)


@lru_cache(maxsize=1)
def _srgb_encoder() -> Transform:
    """Linear Rec.709 to sRGB codes: ``srgb_encode`` within 2e-5, several times as fast."""
    studio = extended_config()
    return resolve.convert(Space(studio, names.LINEAR_REC709), Space(studio, names.SRGB))


def _is_srgb(to_lin709: Transform) -> bool:
    """Whether codes already are what the network sees, so that they need no way there and back."""
    levels = np.linspace(0.0, 1.0, 9, dtype=np.float32)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    return bool(np.abs(_srgb_encoder()(to_lin709(cube)) - cube).max() < SAME_CODE)


def _display(source: Space | View, lin709: Space) -> Transform | None:
    encoding = source.encoding() if isinstance(source, View) else None
    return resolve.convert(encoding, lin709) if encoding else None
