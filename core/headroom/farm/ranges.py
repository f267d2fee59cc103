"""Frame numbers in Open Job Description's spelling: ``1001-1240:2,1300``, steps after a colon."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from headroom.host.frames import format_range, parse_range

__all__ = ["frames_option", "listed_chunks", "openjd_range"]


def openjd_range(frames: Iterable[int]) -> str:
    """The frames as the value of a job parameter."""
    return format_range(frames).replace("x", ":")


def frames_option(text: str) -> str:
    """A task's frames, as the scheduler spells them, as ``--frames`` of ``headroom convert``."""
    return format_range(parse_range(text.replace(":", "x")))


def listed_chunks(frames: Iterable[int], size: int) -> list[str]:
    """Chunks of at most ``size`` frames each, for schedulers that cannot chunk by themselves."""
    ordered: Sequence[int] = sorted(set(frames))
    return [openjd_range(ordered[at : at + size]) for at in range(0, len(ordered), size)]
