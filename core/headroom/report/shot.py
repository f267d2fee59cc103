"""What is told of a shot: which frames go into the page as pictures, the curves over time, and where they jump."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

from headroom.errors import UsageError
from headroom.io.frames import frames_of_range, range_text

__all__ = ["Jumps", "chosen_frames", "find_jumps", "series_of"]

MOST_PICTURES = 64
ADDED = "Light added"
JUMP_STOPS = 0.05
JUMP_OVER_MEDIAN = 6.0
"""A frame is marked where the result's mean changes by more than both, beyond what the plate's mean does."""


@dataclass(frozen=True)
class Jumps:
    """Changes of the result's mean luminance from frame to frame, less the plate's own, in stops."""

    flags: tuple[int, ...]
    """Places in the list of frames."""
    text: str | None


def chosen_frames(text: str, frames: tuple[int, ...]) -> tuple[int, ...]:
    """``8``: so many, evenly spread, first and last among them; ``1010-1017``: these."""
    if text.strip().isdigit():
        count = int(text)
        if not 1 <= count <= MOST_PICTURES:
            raise UsageError(f"--embed {text}: give 1 to {MOST_PICTURES} pictures, or a range such as 1010-1017")
        count = min(count, len(frames))
        last = len(frames) - 1
        return tuple(frames[round(i * last / max(count - 1, 1))] for i in range(count))
    try:
        asked = frames_of_range(text)
    except UsageError as error:
        raise UsageError(str(error).replace("--frames", "--embed", 1)) from None
    lacking = set(asked) - set(frames)
    if lacking:
        raise UsageError(f"--embed {text}: frames {range_text(lacking)} are not among {range_text(frames)}")
    if len(asked) > MOST_PICTURES:
        raise UsageError(f"--embed {text}: {len(asked)} pictures are too many for a page; give at most {MOST_PICTURES}")
    return asked


def series_of(measures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One curve each: title, unit, values by frame (None: nothing there), and how to draw it."""

    def column(*path: str) -> list[float | None]:
        values = []
        for value in measures:
            found: Any = value
            for name in path:
                found = None if found is None else found.get(name)
            values.append(None if found is None else float(found))
        return values

    def percent(values: list[float | None]) -> list[float | None]:
        return [None if value is None else 100 * value for value in values]

    common = {"zero": False, "digits": 2, "least_range": 0.2}
    has_plate = measures[0]["ldr"] is not None
    peak = {"title": "Peak", "unit": "stops from white", "values": column("hdr", "peak_stops"), **common}
    most = column("hdr", "percentile_stops", "99.9")
    found: list[dict[str, Any]] = [{**peak, "also": most, "also_title": "99.9 % are below"}]
    shares: dict[str, Any] = {"zero": True, "digits": 2, "least_range": 0.1}
    if has_plate:
        clipped = percent(column("clipped_share"))
        found.append({"title": "Clipped", "unit": "% of the plate", "values": clipped, "of_plate": True, **shares})
    else:
        masked = percent(column("masked_share"))
        found.append({"title": "Reconstructed", "unit": "% of the picture", "values": masked, **shares})
    if any(value["gain_mean_stops"] is not None for value in measures):
        gains = column("gain_mean_stops")
        found.append({"title": "Mean gain in the mask", "unit": "stops", "values": gains, **common, "zero": True})
    means = column("hdr", "mean_stops")
    mean = {"title": "Mean luminance", "unit": "stops from white", "values": means, **common}
    found.append({**mean, "plate": column("ldr", "mean_stops")} if has_plate else mean)
    inside = column("masked_mean_stops")
    found.append({"title": "Mean luminance in the mask", "unit": "stops from white", "values": inside, **common})
    if has_plate:
        added = {"title": ADDED, "unit": "stops of mean luminance", "values": light_added(measures), **common}
        found.append({**added, "flagged": True})
    return found


def light_added(measures: list[dict[str, Any]]) -> list[float | None]:
    """By frame, how much more light the result has than the plate, in stops of its mean: where flicker shows."""
    pairs = [(value["hdr"]["mean_stops"], value["ldr"]["mean_stops"]) for value in measures]
    return [None if hdr is None or ldr is None else hdr - ldr for hdr, ldr in pairs]


def find_jumps(frames: list[int], measures: list[dict[str, Any]]) -> Jumps:
    """Where the light flickers; without a plate nothing can be told from what really happens in the shot."""
    if len(frames) < 3 or measures[0]["ldr"] is None:
        return Jumps((), None)
    added = light_added(measures)
    changes = {}
    for i, (before, after) in enumerate(zip(added, added[1:], strict=False), start=1):
        if before is not None and after is not None:
            changes[i] = abs(after - before)
    if not changes:
        return Jumps((), None)
    usual = median(changes.values())
    limit = max(JUMP_STOPS, JUMP_OVER_MEDIAN * usual)
    flags = tuple(i for i, change in changes.items() if change > limit)
    worst = max(changes, key=lambda i: changes[i])
    text = (
        "Flicker: from frame to frame the light added changes "
        f"by {usual:.3f} stops as a rule (median), at most by {changes[worst]:.3f} at frame {frames[worst]}."
    )
    if flags:
        text += f" Marked: {len(flags)} frame{'s' if len(flags) > 1 else ''} that jump by more than {limit:.2f} stops."
    return Jumps(flags, text)
