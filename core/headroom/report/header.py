"""What a result's header says about its making, as facts that people read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from headroom.clipping import TAU

__all__ = ["Header"]

# Attribute -> what the page calls it, in the order in which it is shown.
_TITLES = {
    "headroom:model": "Model",
    "headroom:weights": "Weights, SHA-256",
    "headroom:version": "Made by headroom",
    "headroom:source": "Source",
    "headroom:sourceFrame": "Source frame",
    "headroom:window": "Frames that shaped it",
    "headroom:sourceSpace": "Plate space",
    "headroom:space": "Result space",
    "headroom:scale": "Scale",
    "headroom:config": "OCIO config",
    "headroom:configCacheId": "Config digest",
    "headroom:options": "Options",
    "headroom:fingerprint": "Fingerprint",
    "headroom:settings": "Settings digest",
}
_CARRIED = {
    "smpte:timecode": "Timecode",
    "timecode": "Timecode",
    "framespersecond": "Frames per second",
    "make": "Camera make",
    "model": "Camera",
    "exposuretime": "Exposure time",
    "fnumber": "F-number",
    "exif:photographicsensitivity": "ISO",
}
_LONGEST = 400


@dataclass(frozen=True)
class Header:
    """The first part of a picture file."""

    format: str
    file_bytes: int
    attributes: dict[str, Any]
    channels: dict[str, str]
    compression: str

    @classmethod
    def of(cls, told: dict[str, Any]) -> Header:
        """From what `io.header` tells."""
        part = told["parts"][0]
        return cls(told["format"], told["bytes"], part["attributes"], part["channels"], part["compression"])

    @property
    def is_exr(self) -> bool:
        """Whether it can have a mask, a gain and headroom's attributes."""
        return self.format == "openexr"

    @property
    def chromaticities(self) -> tuple[float, ...] | None:
        """Red, green, blue, white x y; None where the file states none."""
        stated = self.attributes.get("chromaticities")
        if not isinstance(stated, list) or len(stated) != 8:
            return None
        return tuple(float(value) for value in stated)

    @property
    def source_space(self) -> str | None:
        """The plate's space as the conversion took it."""
        return self._text("headroom:sourceSpace")

    @property
    def space(self) -> str | None:
        """The result's space by name."""
        return self._text("headroom:space")

    @property
    def model(self) -> str | None:
        """Name and version of what made it."""
        return self._text("headroom:model")

    @property
    def scale(self) -> str | None:
        """What 1.0 stands for, where it is not the plate's white."""
        return self._text("headroom:scale")

    @property
    def options(self) -> dict[str, Any]:
        """The conversion's options; empty where they are missing or damaged."""
        try:
            found = json.loads(self._text("headroom:options") or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def asked_clip_level(self) -> float | None:
        """The clip level that the user gave for the conversion."""
        level = self.options.get("clip_level")
        return float(level) if isinstance(level, (int, float)) else None

    @property
    def tau(self) -> float:
        """Where the conversion's soft mask began."""
        tau = self.options.get("tau")
        return float(tau) if isinstance(tau, (int, float)) and 0 < tau < 1 else TAU

    def rows(self) -> list[tuple[str, str]]:
        """Label and text: headroom's attributes, then what was carried over, then the file."""
        rows = []
        for name, title in _TITLES.items():
            if name == "headroom:options" and self.options:
                rows.append((title, ", ".join(f"{key} {_plain(value)}" for key, value in self.options.items())))
            elif name in self.attributes:
                rows.append((title, _plain(self.attributes[name])))
        others = sorted(name for name in self.attributes if name.startswith("headroom:") and name not in _TITLES)
        rows += [(name.removeprefix("headroom:"), _plain(self.attributes[name])) for name in others]
        lower = {name.lower(): value for name, value in self.attributes.items()}
        rows += [(title, _plain(lower[name])) for name, title in _CARRIED.items() if name in lower]
        stored = ", ".join(f"{channel} {kind}" for channel, kind in self.channels.items())
        if self.compression:
            stored += f"; {self.compression}"
        rows.append(("Channels", stored[:_LONGEST]))
        rows.append(("File", f"{self.file_bytes / 1e6:.2f} MB, {self.format}"))
        return rows

    def _text(self, name: str) -> str | None:
        value = self.attributes.get(name)
        return value if isinstance(value, str) and value else None


def _plain(value: Any) -> str:
    if value is None:
        return "default"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)[:_LONGEST]
