"""Real brackets, for which there is no truth: do the frames agree with the merge within their noise?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headroom.bracket.agreement import FrameAgreement, agreement, summary
from headroom.bracket.align import Way, align
from headroom.bracket.exposure import stated_stops
from headroom.bracket.mergers import DEFAULT, Merger, available, merger
from headroom.bracket.noise import measured_noise
from headroom.bracket.reading import Exposing, expose, read_plates
from headroom.bracket.response import declared
from headroom.bracket.response_adapt import exposed_as
from headroom.bracket.response_find import find_response
from headroom.bracket.shot import by_name, read_shot
from headroom.bracket.stack import Bracket
from headroom.colour.plan import ColourPlan, plan
from headroom.errors import UsageError
from headroom.evaluate.table import table
from headroom.io.formats import is_readable_suffix

__all__ = ["FrameFound", "StackFound", "find_stacks", "measure_stack", "measure_stacks", "read_stack", "stacks_table"]

RESPONSES = ("declared", "emor")
"""As the files state it, and fitted to the stack: what a camera's own contrast curve costs, and what mends it."""
PLAIN = "inverse-variance"


@dataclass(frozen=True, kw_only=True)
class FrameFound(FrameAgreement):
    """One frame against the merge; 0.954 of a normal error would lie ``within`` two standard deviations."""

    file: str


@dataclass(frozen=True, kw_only=True)
class StackFound:
    """One stack, merged through one response."""

    name: str
    source: str
    """Where the exposures come from: EXIF or the pictures."""
    response: str
    align: str
    moved: bool
    """Whether some frame had to be resampled."""
    method: str
    within: float
    """Of all frames' samples together."""
    sigmas: float
    apart_stops: float
    frames: list[FrameFound]

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> StackFound:
        """Read back what ``asdict`` gave."""
        frames = [FrameFound(**_known(frame)) for frame in content["frames"]]
        return cls(**{**_known(content), "frames": frames})


def find_stacks(folder: Path) -> list[Path]:
    """The folder's folders with two pictures or more, by name; itself where it holds the pictures."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; name one with a folder for each bracket")
    found = [place for place in (folder, *sorted(folder.iterdir(), key=by_name)) if len(_pictures(place)) > 1]
    if not found:
        raise UsageError(f"{folder} has no brackets: no folder in it holds two pictures or more")
    return found


def measure_stacks(folder: Path, *, tell: Callable[[str], None] = lambda name: None) -> list[StackFound]:
    """All stacks of a folder; those whose exposures EXIF has also through the stated response, and merged plainly."""
    mergers = [merger(name) for name in (DEFAULT, PLAIN) if name in available()]
    found = []
    for place in find_stacks(folder):
        bracket, colour = read_stack(place)
        # Exposures that were measured through the stated curve agree with it by themselves.
        known = bracket.source == "exif"
        for response in RESPONSES if known else RESPONSES[1:]:
            for ready in mergers if known else mergers[:1]:
                tell(f"{place.name}, --response {response}, {ready.name}")
                found.append(measure_stack(place.name, bracket, colour, response, ready))
    return found


def read_stack(place: Path) -> tuple[Bracket, ColourPlan]:
    """The pictures of a folder as one bracket, and their stated colours. EXIF says the exposures, else the pictures."""
    shots = [read_shot(path) for path in _pictures(place)]
    plates, _ = read_plates(shots)
    colour = plan(plates[0].space, is_float=plates[0].is_float, bits=plates[0].bits)
    stated, _ = stated_stops([shot.stated for shot in shots])
    return expose(shots, plates, Exposing(estimate=stated is None), declared(colour).decode).bracket, colour


def measure_stack(
    name: str, bracket: Bracket, colour: ColourPlan, response_name: str, ready: Merger, *, how: Way = "flow"
) -> StackFound:
    """Merge a bracket and compare each frame with the merge."""
    response = find_response(response_name, [bracket], colour)
    bracket = exposed_as(bracket, response.offsets_stops, response.offsets_sigma)
    aligned = align(bracket, response.decode, how=how, mixes_channels=response.mixes_channels)
    noise = measured_noise(aligned)
    merged = ready(aligned.window(0, aligned.height), bracket.exposures, bracket.reference, noise, shares=True)
    frames = agreement(aligned, merged, noise)
    whole = summary(frames, noise)
    return StackFound(
        name=name,
        source=bracket.source,
        response=response_name,
        align=how,
        moved=not all(motion.is_still for motion in aligned.motions),
        method=ready.name,
        within=_number(whole["within_2_sigma"]),
        sigmas=_number(whole["sigmas"]),
        apart_stops=_number(whole["apart_stops"]),
        frames=[
            FrameFound(file=plate.path.name if plate.path else "", **asdict(frame))
            for plate, frame in zip(bracket.plates, frames, strict=True)
        ],
    )  # fmt: skip


def stacks_table(stacks: Sequence[StackFound]) -> str:
    """A row a stack and response, then a row a frame."""
    rows = [
        [
            stack.name, stack.method, stack.response, {"exif": "EXIF"}.get(stack.source, stack.source),
            "yes" if stack.moved else "no", f"{100 * stack.within:.1f} %", f"{stack.sigmas:.2f}",
            f"{stack.apart_stops:.3f}",
        ]
        for stack in stacks
    ]  # fmt: skip
    head = ["stack", "method", "response", "exposures", "moved", "within 2 sigma", "spread, sigmas", "apart, stops"]
    each = [
        [
            stack.name, stack.method, stack.response, frame.file, f"{frame.ev_stops:+.2f}", f"{frame.samples:,}",
            f"{100 * frame.within:.1f} %", f"{frame.sigmas:.2f}", f"{frame.bias_stops:+.3f}",
        ]
        for stack in stacks
        for frame in stack.frames
        if frame.samples
    ]  # fmt: skip
    frame_head = [
        "stack",
        "method",
        "response",
        "frame",
        "EV",
        "samples",
        "within 2 sigma",
        "spread, sigmas",
        "bias, stops",
    ]
    return f"{table(head, rows)}\n\n### Their frames\n\n{table(frame_head, each)}"


def _pictures(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return sorted((p for p in place.iterdir() if p.is_file() and is_readable_suffix(p)), key=by_name)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _known(content: dict[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in content.items()}
