"""How much light a frame gathered, by what its file states."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Stated", "stated", "stated_stops"]

# The names that the readers give (EXIF 2.32 tables 7 and 8; OpenEXR's standard attributes expTime, aperture,
# isoSpeed), in the order in which they are believed. APEX values are in stops.
_TIME = ("ExposureTime", "expTime", "Exif:ExposureTime")
_TIME_APEX = ("Exif:ShutterSpeedValue",)
_APERTURE = ("FNumber", "aperture", "Exif:FNumber")
_APERTURE_APEX = ("Exif:ApertureValue",)
_ISO = ("Exif:PhotographicSensitivity", "isoSpeed", "Exif:ISOSpeedRatings", "Exif:RecommendedExposureIndex")
_BIAS = ("Exif:ExposureBiasValue", "Exif:ExposureCompensation")

LONGEST_APEX = 30
"""An exposure of more stops than this over or under a second is no exposure."""
DIAL_STOPS = 0.12
"""A dial's rounded times lie nearer than this to the true ones (1/60 for 1/64: 0.093, 1/6 for 2^-8/3: 0.083)."""
SAME_STOPS = 0.01


@dataclass(frozen=True, kw_only=True)
class Stated:
    """What one file says of its exposure; None: nothing."""

    seconds: float | None = None
    f_number: float | None = None
    iso: float | None = None
    bias_stops: float | None = None
    """Exposure compensation: a hint to the user, never an exposure (it is over whatever the camera metered)."""

    @property
    def text(self) -> str:
        """As a photographer writes it: ``1/60 s f/8 ISO 100``."""
        parts = []
        if self.seconds is not None:
            long = self.seconds >= 0.3
            parts.append(f"{self.seconds:g} s" if long else f"1/{1 / self.seconds:.4g} s")
        if self.f_number is not None:
            parts.append(f"f/{self.f_number:.3g}")
        if self.iso is not None:
            parts.append(f"ISO {self.iso:g}")
        return " ".join(parts) or "nothing"


def stated(metadata: Mapping[str, Any]) -> Stated:
    """Exposure time, f-number, ISO and bias of a file's metadata."""
    seconds = _seconds(metadata)
    f_number = _first(metadata, _APERTURE)
    if f_number is None:
        apex = _number(metadata, _APERTURE_APEX)
        # 0 is what lenses without contacts report: not f/1.
        f_number = None if apex is None or not 0 < apex < 20 else 2.0 ** (apex / 2)
    return Stated(
        seconds=seconds, f_number=f_number, iso=_first(metadata, _ISO), bias_stops=_number(metadata, _BIAS)
    )  # fmt: skip


def stated_stops(frames: Sequence[Stated]) -> tuple[list[float] | None, list[str]]:
    """Stops of light of each frame, log2(t S / (100 N^2)), and notes; None where some frame lacks its time.

    f-number or ISO that no frame states (manual lenses, scans) are taken as the same in all; one that only some state
    leaves the exposures unknown.
    """
    if any(frame.seconds is None for frame in frames):
        return None, []
    stops = [math.log2(frame.seconds or 1.0) for frame in frames]
    notes = []
    for what, values, weight in (
        ("f-number", [frame.f_number for frame in frames], -2.0),
        ("ISO", [frame.iso for frame in frames], 1.0),
    ):
        known = [value for value in values if value is not None]
        if not known:
            notes.append(f"no frame states its {what}: taken as the same in all of them")
            continue
        if len(known) < len(values):
            return None, []
        zero = 0.0 if what == "f-number" else math.log2(100)
        stops = [stop + weight * (math.log2(value) - zero) for stop, value in zip(stops, known, strict=True)]
    return stops, notes


def _seconds(metadata: Mapping[str, Any]) -> float | None:
    """1/30 s on the dial is 1/32 s: the APEX value says so where a camera writes it in thirds or halves of a stop."""
    nominal, apex = _first(metadata, _TIME), _number(metadata, _TIME_APEX)
    if apex is None or abs(apex) > LONGEST_APEX:
        return nominal
    if nominal is None:
        return float(2.0**-apex)
    on_scale = min(abs(apex * steps - round(apex * steps)) / steps for steps in (2, 3)) < SAME_STOPS
    return float(2.0**-apex) if on_scale and abs(apex + math.log2(nominal)) < DIAL_STOPS else nominal


def _first(metadata: Mapping[str, Any], names: Sequence[str]) -> float | None:
    value = _number(metadata, names, above=0.0)
    return value if value is not None and value > 0 else None


def _number(metadata: Mapping[str, Any], names: Sequence[str], above: float = -math.inf) -> float | None:
    """The first of the names with a finite number above a limit; EXIF lists (two ISO values) give their first."""
    for name in names:
        value = metadata.get(name)
        if isinstance(value, tuple) and value:
            value = value[0]
        if isinstance(value, int | float) and math.isfinite(value) and value > above:
            return float(value)
    return None
