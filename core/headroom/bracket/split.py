"""The stacks in a folder, told apart by when their frames were taken and by how their exposures repeat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from headroom.bracket.exposure import stated_stops
from headroom.bracket.shot import Shot, by_name
from headroom.errors import UsageError

__all__ = ["LeftOut", "in_order", "stacks_in"]

SAME_EV = 0.17
"""Exposures nearer than half of a third of a stop are the same."""
CLOCK_S = 1.0
"""Most cameras' clocks tick in seconds."""
REPEATED = (3.0, 2.0)
DISTINCT = (6.0, 5.0)
UNKNOWN = (4.0, 3.0)
"""A pause parts two stacks when it is so many times as long as the next shorter one, and so many seconds: the frames
on its two sides share an exposure, share none, or do not say."""


@dataclass(frozen=True)
class LeftOut:
    """Frames of a folder that belong to no stack."""

    shots: tuple[Shot, ...]
    why: str


@dataclass(frozen=True)
class _Frame:
    shot: Shot
    stops: float | None


def in_order(shots: Iterable[Shot]) -> list[Shot]:
    """By time, then by name; by name alone where some frame does not say when it was taken."""
    shots = sorted(shots, key=lambda shot: by_name(shot.path))
    if any(shot.taken is None for shot in shots):
        return shots
    return sorted(shots, key=lambda shot: shot.taken or 0.0)


def stacks_in(
    shots: Iterable[Shot], *, per_stack: int | None = None, frames: int | None = None, by_exposure: bool = True
) -> tuple[list[tuple[Shot, ...]], list[LeftOut]]:
    """The stacks, in order of time, and what belongs to none.

    ``per_stack``: so many frames each, without a guess. ``frames``: a run of a multiple of so many is that many stacks.
    ``by_exposure``: whether what the files state counts; not where the user knows better.
    """
    ordered = in_order(shots)
    if per_stack is not None:
        if len(ordered) % per_stack:
            raise UsageError(f"--per-stack {per_stack}: {len(ordered)} frames are no whole number of stacks")
        return [tuple(ordered[k : k + per_stack]) for k in range(0, len(ordered), per_stack)], []
    kinds: dict[tuple[object, ...], list[Shot]] = {}
    for shot in ordered:
        kinds.setdefault((shot.camera, shot.size), []).append(shot)
    runs = [
        stack
        for kind in kinds.values()
        for moment in _joined(_by_pauses(_frames(kind, by_exposure)))
        for part in _by_pattern(moment)
        for stack in _in_runs_of(frames, part)
    ]
    place = {shot: k for k, shot in enumerate(ordered)}
    runs.sort(key=lambda run: place[run[0].shot])
    stacks, left_out = [], []
    for run in runs:
        members = tuple(frame.shot for frame in run)
        if len(run) < 2:
            left_out.append(LeftOut(members, "a lone frame (headroom convert takes it)"))
        elif run[0].stops is not None and _same_everywhere(run):
            left_out.append(LeftOut(members, f"{len(run)} frames of the same exposure, {run[0].shot.stated.text}"))
        else:
            stacks.append(members)
    return stacks, left_out


def _in_runs_of(count: int | None, run: list[_Frame]) -> list[list[_Frame]]:
    if count is None or count < 2 or len(run) % count:
        return [run]
    return [run[k : k + count] for k in range(0, len(run), count)]


def _frames(kind: list[Shot], by_exposure: bool) -> list[_Frame]:
    """Of one camera and size: a stray picture without EXIF says nothing about the others."""
    shots = in_order(kind)
    stops = stated_stops([shot.stated for shot in shots])[0] if by_exposure else None
    return [_Frame(shot, None if stops is None else stops[k]) for k, shot in enumerate(shots)]


def _by_pauses(frames: list[_Frame]) -> list[list[_Frame]]:
    """Parted at the pauses that stand out among the others, again and again."""
    if len(frames) < 3 or any(frame.shot.taken is None for frame in frames):
        return [frames]
    pauses = [_pause(a.shot, b.shot) for a, b in pairwise(frames)]
    ascending = sorted(pauses)
    ratios = [longer / shorter for shorter, longer in pairwise(ascending)]
    if not ratios:
        return [frames]
    ratio = max(ratios)
    least = ascending[ratios.index(ratio) + 1]
    parts: list[list[_Frame]] = [[frames[0]]]
    for pause, frame in zip(pauses, frames[1:], strict=True):
        if pause >= least:
            parts.append([])
        parts[-1].append(frame)
    for before, after in pairwise(parts):
        wanted = UNKNOWN if frames[0].stops is None else REPEATED if _share_one(before, after) else DISTINCT
        if ratio < wanted[0] or least < wanted[1]:
            return [frames]
    return [piece for part in parts for piece in _by_pauses(part)]


def _pause(first: Shot, second: Shot) -> float:
    """Idle seconds between two frames, not below the clock's tick."""
    exposing = max(first.stated.seconds or 0.0, second.stated.seconds or 0.0)
    return max(CLOCK_S, (second.taken or 0.0) - (first.taken or 0.0) - exposing)


def _joined(parts: list[list[_Frame]]) -> list[list[_Frame]]:
    """A lone frame goes back to its neighbour, unless that has its exposure already."""
    joined: list[list[_Frame]] = []
    for part in parts:
        alone = len(part) == 1 or (joined and len(joined[-1]) == 1)
        if joined and alone and part[0].stops is not None and not _share_one(joined[-1], part):
            joined[-1] = joined[-1] + part
        else:
            joined.append(part)
    return joined


def _by_pattern(frames: list[_Frame]) -> list[list[_Frame]]:
    """-2 0 2 -2 0 2 is two stacks, whatever the camera metered for each."""
    if len(frames) < 4 or frames[0].stops is None or _same_everywhere(frames):
        return [frames]
    stops = [frame.stops or 0.0 for frame in frames]
    steps = [later - earlier for earlier, later in pairwise(stops)]
    if min(steps) > SAME_EV or max(steps) < -SAME_EV:
        return [frames]  # one long rise or fall also repeats its steps
    for period in range(2, len(frames) // 2 + 1):
        if len(frames) % period == 0 and _repeats(stops, period):
            return [frames[k : k + period] for k in range(0, len(frames), period)]
    return _at_repeats(frames)


def _repeats(stops: list[float], period: int) -> bool:
    pattern = [stop - stops[0] for stop in stops[:period]]
    if any(abs(a - b) < SAME_EV for k, a in enumerate(pattern) for b in pattern[:k]):
        return False
    return all(abs(stop - stops[k - k % period] - pattern[k % period]) < SAME_EV for k, stop in enumerate(stops))


def _at_repeats(frames: list[_Frame]) -> list[list[_Frame]]:
    """No period: a stack ends where an exposure comes back; a lone start belongs to what follows."""
    parts: list[list[_Frame]] = [[]]
    for frame in frames:
        if _share_one(parts[-1], [frame]) and len(parts[-1]) > 1:
            parts.append([])
        parts[-1].append(frame)
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [parts[-2] + parts[-1]]
    return parts


def _share_one(left: Sequence[_Frame], right: Sequence[_Frame]) -> bool:
    return any(abs((a.stops or 0.0) - (b.stops or 0.0)) < SAME_EV for a in left for b in right)


def _same_everywhere(frames: Sequence[_Frame]) -> bool:
    return all(abs((frame.stops or 0.0) - (frames[0].stops or 0.0)) < SAME_EV for frame in frames)
