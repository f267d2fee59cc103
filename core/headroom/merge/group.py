"""A stack read and settled, and what the stacks of one panorama have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from headroom.bracket.exposure import stated_stops
from headroom.bracket.reading import Exposed, expose, read_plates, shared_white_balance
from headroom.bracket.reference import best_reference
from headroom.bracket.response import Response, declared
from headroom.bracket.response_find import find_response
from headroom.bracket.shot import Shot
from headroom.bracket.stack import Bracket
from headroom.colour import names
from headroom.colour.ocio import Config
from headroom.colour.plan import ColourPlan, plan
from headroom.errors import PlateError, UsageError
from headroom.io.raw import CAMERA_MATRIX
from headroom.merge.inputs import Task
from headroom.merge.request import Request
from headroom.plate import Plate
from headroom.reconstruct import Reconstructor

__all__ = ["Common", "Prepared", "of_group", "prepare", "response_of", "settle"]

CURVE_FITS = 0.1
"""Measured over stated stops within this of 1: the stated curve is near enough the camera's."""
FITTED = "emor"
"""What takes its place where it is not."""
LOOKED_AT = 3
"""Stacks of a group whose pixels tell its response curve."""


@dataclass(frozen=True, kw_only=True)
class Common:
    """What all stacks of a run share; nothing where they are no group."""

    zero_stops: float | None = None
    """The light for which 1.0 stands in every result: stops over 1 s f/1 ISO 100, or over the zero of --ev."""
    response: Response | None = None
    white_balance: tuple[float, ...] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A stack whose pixels were read, and whose colours and exposures are settled."""

    exposed: Exposed
    colour: ColourPlan

    @property
    def bracket(self) -> Bracket:
        """Its frames."""
        return self.exposed.bracket


def prepare(
    task: Task, request: Request, config: Config, common: Common, alive: Callable[[float], None] = lambda share: None
) -> Prepared:
    """Read a stack."""
    balance = common.white_balance or shared_white_balance(task.shots)
    plates, notes = read_plates(task.shots, balance, alive)
    return settle(task.shots, plates, notes, request, config)


def settle(
    shots: Sequence[Shot], plates: Sequence[Plate], notes: Sequence[str], request: Request, config: Config
) -> Prepared:
    """Colours and exposures of a stack that was read, and the reference that the user asks for."""
    if request.from_space is None:
        _check_spaces(plates)
    elif any(CAMERA_MATRIX in plate.metadata for plate in plates):
        raise UsageError(f"--from {request.from_space}: camera RAW says itself what its colours are; leave it out")
    first = min(plates, key=lambda plate: str(plate.space))
    colour = plan(
        first.space, frm=request.from_space, to=request.to_space, config=config, is_float=first.is_float,
        bits=first.bits,
    )  # fmt: skip
    exposed = expose(shots, plates, request.exposing, declared(colour).decode)
    bracket = replace(exposed.bracket, notes=(*notes, *exposed.bracket.notes, *colour.warnings))
    return Prepared(
        exposed=_seen_from(replace(exposed, bracket=bracket), request.merging.reference), colour=colour
    )  # fmt: skip


def response_of(
    stacks: Sequence[Prepared], name: str, network: Callable[[], Reconstructor]
) -> tuple[Response, list[str]]:
    """The curve that ``--response`` asks for, out of all of these stacks, and what is to be said about it.

    ``network``: loads the one that is asked for its view of the curve.
    """
    notes = []
    colour = stacks[0].colour
    if name == "auto":
        factors = [stack.exposed.curve_factor for stack in stacks]
        known = sorted(factor for factor in factors if factor is not None)
        factor = known[(len(known) - 1) // 2] if known else 1.0
        name = "declared"
        if colour.kind == "display" and factor > 0 and abs(factor - 1) > CURVE_FITS:
            name = FITTED
            notes.append(
                f"the pictures show {factor:.2f} times the stated stops: {colour.from_space} is not the camera's "
                f"curve, so one was fitted ({FITTED}); --response declared keeps the stated one"
            )
    if name == "declared":
        return declared(colour), notes
    looking = network() if name == "network" else None
    return find_response(name, [stack.bracket for stack in stacks], colour, reconstructor=looking), notes


def _check_spaces(plates: Sequence[Plate]) -> None:
    """A file that states nothing is what every such file is taken for."""
    usual = names.LINEAR_REC709 if plates[0].is_float else names.SRGB
    stated = {plate.space or usual: plate for plate in sorted(plates, key=lambda plate: plate.name, reverse=True)}
    if len(stated) > 1:
        told = "; ".join(f"{plate.name}: {space}" for space, plate in sorted(stated.items()))
        raise PlateError(f"the frames state different colour spaces ({told}); say which it is with --from")


def _seen_from(exposed: Exposed, wanted: str) -> Exposed:
    bracket = exposed.bracket
    index = _reference(bracket, wanted)
    if index == bracket.reference:
        return exposed
    zero, measured = exposed.zero_stops, exposed.measured
    return replace(
        exposed,
        bracket=bracket.seen_from(index),
        zero_stops=None if zero is None else zero + bracket.ev_stops[index],
        measured=None if measured is None else tuple(stops - measured[index] for stops in measured),
    )


def _reference(bracket: Bracket, wanted: str) -> int:
    if wanted == "middle":
        return bracket.reference
    if wanted == "auto":
        return best_reference(bracket)
    if wanted.isdecimal():
        if not 1 <= int(wanted) <= len(bracket.plates):
            raise UsageError(f"--reference {wanted}: this bracket has frames 1 (the darkest) to {len(bracket.plates)}")
        return int(wanted) - 1
    files = [plate.path.name if plate.path else "" for plate in bracket.plates]
    for k, name in enumerate(files):
        if Path(wanted).name in (name, Path(name).stem):
            return k
    raise UsageError(
        f"--reference {wanted}: give middle, auto, a number from 1 (the darkest) or one of {', '.join(files)}"
    )


def of_group(
    tasks: Sequence[Task], request: Request, config: Config, network: Callable[[], Reconstructor],
    alive: Callable[[float], None] = lambda share: None,
) -> Common:  # fmt: skip
    """One reference exposure, one curve, one white balance for all shots of a panorama.

    The exposure is that of the middle stack's middle frame. Exposures come from EXIF, or are as stated: then one
    ``--ev`` holds for every stack (a camera on manual).
    """
    shots = [shot for task in tasks for shot in task.shots]
    zero, notes = 0.0, []
    if request.exposing.ev_stops is None:
        stops, _ = stated_stops([shot.stated for shot in shots])
        if stops is None:
            raise PlateError(
                f"--group: not all of the {len(shots)} frames state how they were exposed; "
                "state it with --ev (one list for every stack), or merge the stacks without --group"
            )
        middles, at = [], 0
        for task in tasks:
            own = sorted(stops[at : at + len(task.shots)])
            middles.append(own[(len(own) - 1) // 2])
            at += len(task.shots)
        zero = sorted(middles)[(len(middles) - 1) // 2]
        spread = max(middles) - min(middles)
        if spread > 0.1:
            notes.append(f"the stacks' middle exposures differ by {spread:.2f} stops; all results are on one scale")
    else:
        own = sorted(request.exposing.ev_stops)
        zero = own[(len(own) - 1) // 2]
    common = Common(zero_stops=zero, white_balance=shared_white_balance(shots))
    step = max(1, len(tasks) // LOOKED_AT)
    chosen = tasks[step // 2 :: step][:LOOKED_AT]
    looked_at = []
    for k, task in enumerate(chosen):
        alive(k / len(chosen))
        looked_at.append(prepare(task, request, config, common))
    response, more = response_of(looked_at, request.merging.response, network)
    return replace(common, response=response, notes=(*notes, *more))
