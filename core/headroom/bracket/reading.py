"""From a stack's files to a Bracket: pixels read, exposures settled, doubles dealt with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from headroom.bracket.estimate import Estimate, estimate_stops
from headroom.bracket.exposure import stated_stops
from headroom.bracket.shot import Shot, by_name
from headroom.bracket.stack import Bracket, Source, content_digest, in_fixed_order, sorted_bracket
from headroom.errors import PlateError, UsageError
from headroom.io.raw import is_raw_suffix, read_raw
from headroom.io.reading import read
from headroom.plate import FloatArray, Plate

__all__ = ["Doubles", "Exposed", "Exposing", "expose", "read_plates", "shared_white_balance"]

SAME_STOPS = 0.05
"""Exposures nearer than this are the same."""
DISAGREES = 0.1
"""Measured and stated exposures that differ by this share, or by more than this many stops, are worth a word."""

Doubles = Literal["keep", "average", "error"]


@dataclass(frozen=True, kw_only=True)
class Exposing:
    """How a stack's exposures are to be known."""

    ev_stops: tuple[float, ...] | None = None
    """Stated by the user, in the order of the files as given."""
    estimate: bool = False
    """Measured in the pictures, whatever the files state."""
    doubles: Doubles | None = None
    """Frames of the same exposure; None: kept, but refused where all frames have it."""


@dataclass(frozen=True, kw_only=True)
class Exposed:
    """A bracket, and what was found out about its exposures."""

    bracket: Bracket
    """Its reference is the middle frame by exposure."""
    zero_stops: float | None
    """Light that the bracket's reference gathered, in stops over 1 s f/1 ISO 100; None where only ratios are known."""
    measured: tuple[float, ...] | None
    """Stops over the reference as the pictures say under their stated curve; None: they could not say."""
    measured_sigma: tuple[float, ...] | None
    curve_factor: float | None
    """Measured over stated stops: off 1 where the camera's curve is not the stated one; None: not known."""


def shared_white_balance(shots: Sequence[Shot]) -> tuple[float, ...] | None:
    """What all RAWs of a bracket are developed with: the middle one's by exposure, whatever their order."""
    known = [shot for shot in shots if shot.white_balance is not None]
    stops, _ = stated_stops([shot.stated for shot in known])
    ranked = sorted(zip(stops or [0.0] * len(known), (shot.white_balance for shot in known), strict=True))
    return ranked[(len(ranked) - 1) // 2][1] if ranked else None


def read_plates(
    shots: Sequence[Shot],
    white_balance: tuple[float, ...] | None = None,
    alive: Callable[[float], None] = lambda share: None,
    *,
    given: Sequence[Plate | None] = (),
) -> tuple[list[Plate], list[str]]:
    """The pixels in the order of ``shots``, and notes. ``alive`` gets 0..1 and may raise.

    ``given``: those that are in memory already, None for the others.
    """
    ready = [*given] or [None] * len(shots)
    raws = [have is None and is_raw_suffix(shot.path) for shot, have in zip(shots, ready, strict=True)]
    if len(set(raws)) > 1:
        raise PlateError(f"{_names(shots)}: some are camera RAW and some are not; merge the ones or the others")
    _check_sizes(shots)
    plates, notes = [], []
    for k, (shot, have, raw) in enumerate(zip(shots, ready, raws, strict=True)):
        alive(k / len(shots))
        plate = have or (read_raw(shot.path, white_balance=white_balance) if raw else read(shot.path))
        if plate.alpha is not None:
            notes.append(f"{shot.path.name}: its alpha is ignored; a merge takes the colours as they are stored")
            plate = replace(plate, alpha=None, premultiplied=False)
        plates.append(plate)
        notes += plate.warnings
    if white_balance and any(shot.white_balance not in (None, white_balance) for shot in shots):
        notes.append("the frames' white balances differ: all are developed with the middle one's")
    if len({plate.is_float for plate in plates}) > 1:
        raise PlateError(f"{_names(shots)}: some hold floats and some integers; a bracket's frames are of one kind")
    return plates, sorted(notes)


def expose(
    shots: Sequence[Shot], plates: Sequence[Plate], how: Exposing, decode: Callable[[FloatArray], FloatArray]
) -> Exposed:
    """Order the frames by exposure. ``decode``: codes to linear light as the files' stated space has it."""
    stops, source, notes = _stops(shots, how)
    shots, plates, stops, more = _without_copies(shots, list(plates), stops)
    notes += more
    measured = _measured(plates, decode, needed=stops is None)
    sigma: tuple[float, ...] = ()
    if stops is None:
        assert measured is not None
        stops, sigma = list(measured.stops), measured.sigma_stops
        notes += _estimate_notes(plates, measured)
    plates, stops, notes = _doubles(plates, stops, how.doubles, notes)
    if len(plates) != len(shots):
        measured = _measured(plates, decode, needed=False)
        sigma = sigma and ((measured.sigma_stops if measured else ()) or ())
    bracket = sorted_bracket(plates, stops, source=source, sigma_stops=sigma, notes=notes)
    place = {id(plate): k for k, plate in enumerate(plates)}
    order = [place[id(plate)] for plate in bracket.plates]
    zero = None if source == "estimated" else stops[order[bracket.reference]]
    seen, seen_sigma, factor = None, None, None
    if measured is not None:
        middle = measured.stops[order[bracket.reference]]
        seen = tuple(measured.stops[k] - middle for k in order)
        seen_sigma = tuple(measured.sigma_stops[k] for k in order)
        if source != "estimated":
            factor = _factor(np.array(bracket.ev_stops), np.array(seen))
            bracket = replace(bracket, notes=(*bracket.notes, *_disagreements(bracket, seen, seen_sigma, factor)))
    return Exposed(
        bracket=bracket, zero_stops=zero, measured=seen, measured_sigma=seen_sigma, curve_factor=factor
    )  # fmt: skip


def _stops(shots: Sequence[Shot], how: Exposing) -> tuple[list[float] | None, Source, list[str]]:
    if len(shots) < 2:
        raise PlateError(
            f"{_names(shots)}: a lone frame is no bracket; give two or more, or take it to headroom convert"
        )
    if how.ev_stops is not None:
        if len(how.ev_stops) != len(shots):
            raise UsageError(f"--ev: {len(how.ev_stops)} exposures for {len(shots)} frames ({_names(shots)})")
        return list(how.ev_stops), "stated", []
    if how.estimate:
        return None, "estimated", []
    stated = [shot.stated for shot in shots]
    stops, notes = stated_stops(stated)
    if stops is None:
        silent = [shot for shot in shots if shot.stated.seconds is None] or [
            shot for shot in shots if shot.stated.f_number is None or shot.stated.iso is None
        ]
        biases = [shot.stated.bias_stops for shot in shots]
        hint = ""
        if None not in biases and len(set(biases)) > 1:
            hint = f" (their exposure bias says --ev {','.join(f'{bias:g}' for bias in biases if bias is not None)})"
        what = "exposure time" if any(shot.stated.seconds is None for shot in shots) else "f-number or ISO"
        raise PlateError(
            f"{_names(silent)}: no {what} in the file; say the exposures with --ev -2,0,2{hint}, "
            "or have them measured with --estimate-ev"
        )
    return stops, "exif", notes


def _without_copies(
    shots: Sequence[Shot], plates: list[Plate], stops: list[float] | None
) -> tuple[list[Shot], list[Plate], list[float] | None, list[str]]:
    """The same picture twice is one frame."""
    digests = [content_digest(plate) for plate in plates]
    kept: dict[str, int] = {}
    notes = []
    for k in sorted(range(len(shots)), key=lambda k: by_name(shots[k].path)):
        first = kept.setdefault(digests[k], k)
        if first == k:
            continue
        if stops is not None and abs(stops[k] - stops[first]) >= SAME_STOPS:
            raise PlateError(
                f"{shots[first].path.name} and {shots[k].path.name} are the same picture with different exposures; "
                "one of the files is not what it says"
            )
        notes.append(f"{shots[k].path.name} is {shots[first].path.name} again: left out")
    if len(kept) < 2:
        raise PlateError(f"{_names(shots)}: they are all the same picture; a bracket has two exposures or more")
    chosen = sorted(kept.values())
    return (
        [shots[k] for k in chosen], [plates[k] for k in chosen],
        None if stops is None else [stops[k] for k in chosen], notes,
    )  # fmt: skip


def _measured(plates: Sequence[Plate], decode: Callable[[FloatArray], FloatArray], *, needed: bool) -> Estimate | None:
    try:
        return estimate_stops(plates, decode)
    except PlateError:
        if needed:
            raise
        return None


def _estimate_notes(plates: Sequence[Plate], measured: Estimate) -> list[str]:
    notes = []
    if not plates[0].is_float and plates[0].bits == 8:
        notes.append(
            "exposures are measured under the stated curve; a camera's own contrast curve scales them all by one factor"
        )
    unsure = [plate.name for plate, sigma in zip(plates, measured.sigma_stops, strict=True) if sigma > 0.25]
    if unsure:
        notes.append(f"{', '.join(sorted(unsure))}: exposure measured to a quarter of a stop at best; --ev is surer")
    return notes


def _doubles(
    plates: list[Plate], stops: list[float], doubles: Doubles | None, notes: list[str]
) -> tuple[list[Plate], list[float], list[str]]:
    """Frames of one exposure: told, averaged or refused."""
    groups: list[list[int]] = []
    for k in in_fixed_order(plates, stops):
        if groups and stops[k] - stops[groups[-1][0]] < SAME_STOPS:
            groups[-1].append(k)
        else:
            groups.append([k])
    shared = [group for group in groups if len(group) > 1]
    if not shared:
        return plates, stops, notes
    names = "; ".join(", ".join(sorted(plates[k].name for k in group)) for group in shared)
    if doubles == "error" or (doubles is None and len(groups) == 1):
        raise PlateError(
            f"{names}: the same exposure; leave one out, or give --same-exposure keep (each counts) or average"
        )
    if doubles != "average":
        return plates, stops, [*notes, f"{names}: the same exposure, each of them counts"]
    if len(groups) == 1:
        raise PlateError(f"{names}: all have the same exposure: averaged, one frame is left, and that is no bracket")
    averaged = [_average([plates[k] for k in group]) if len(group) > 1 else plates[group[0]] for group in groups]
    means = [float(np.mean([stops[k] for k in group])) for group in groups]
    return averaged, means, [*notes, f"{names}: the same exposure, averaged as they lie (for a tripod)"]


def _average(plates: Sequence[Plate]) -> Plate:
    """The mean of codes; integers in 16 bit, so that what averaging gains is not rounded away."""
    first = plates[0]
    if first.is_float:
        codes = np.mean([plate.codes.astype(np.float64) for plate in plates], axis=0).astype(np.float32)
        return replace(first, codes=codes)
    mean = np.empty(first.codes.shape, np.uint16)
    for y in range(0, first.height, 256):
        rows = np.mean([plate.rows(y, min(y + 256, first.height)) for plate in plates], axis=0)
        mean[y : y + 256] = np.rint(rows * 65535)
    return replace(first, codes=mean, bits=16)


def _factor(stated: npt.NDArray[np.float64], measured: npt.NDArray[np.float64]) -> float | None:
    """How many times the stated stops the pictures show: least squares through the middle."""
    a, b = stated - stated.mean(), measured - measured.mean()
    return float((a @ b) / (a @ a)) if a @ a > 0.05 else None


def _disagreements(
    bracket: Bracket, measured: Sequence[float], sigma: Sequence[float], factor: float | None
) -> list[str]:
    if factor is None:
        return []
    told = "--ev" if bracket.source == "stated" else "EXIF"
    if factor < 0:
        return [f"the pictures grow darker where {told} says brighter: the exposures are probably in the wrong order"]
    notes = []
    for plate, stated, seen, doubt in zip(bracket.plates, bracket.ev_stops, measured, sigma, strict=True):
        off = seen - factor * stated
        if abs(off) > max(3 * doubt, 3 * DISAGREES):
            notes.append(
                f"{plate.name}: {told} says {stated:+.2f} stops over the reference, the picture {seen / factor:+.2f}; "
                "--estimate-ev takes the pictures' word"
            )
    return notes


def _check_sizes(shots: Sequence[Shot]) -> None:
    sizes = [shot.size for shot in shots]
    usual = max(sorted(set(sizes)), key=sizes.count)
    odd = next((shot for shot in shots if shot.size != usual), None)
    if odd is not None:
        other = next(shot for shot in shots if shot.size == usual)
        raise PlateError(
            f"{odd.path} is {odd.size[0]}x{odd.size[1]}, {other.path.name} is {usual[0]}x{usual[1]}: "
            "the frames of a bracket have one size; leave the odd one out or export it again"
        )


def _names(shots: Sequence[Shot]) -> str:
    names = sorted((shot.path for shot in shots), key=by_name)
    return ", ".join([str(names[0]), *(path.name for path in names[1:4])]) + (", ..." if len(names) > 4 else "")
