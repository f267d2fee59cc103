"""What a user may set for a conversion, once: names, kinds, ranges, defaults. Command line and worker read this table.

Light on purpose: no torch, no numpy. The meaning of each stands in ``headroom convert --help``.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from headroom.errors import UsageError

__all__ = ["ENDS", "LIGHTS", "SETTINGS", "STAGES", "Setting", "checked", "in_stages", "parse_size"]

# Decimal units as on a disk's label and in `--memory 4GB`; KiB and friends are powers of 1024.
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS |= {f"{letter}i": 1024**power for power, letter in enumerate("kmgt", start=1)}


def parse_size(text: str) -> int:
    """Bytes from ``4GB``, ``512MiB``, ``1.5g`` or a bare number of bytes."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([kmgt]?i?)b?", text.strip().lower())
    if not found or found[2] not in _UNITS or float(found[1]) <= 0:
        raise UsageError(f"{text!r} is not a size such as 4GB or 512MiB")
    return int(float(found[1]) * _UNITS[found[2]])


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One of them. A value of None means the default, where the default is None."""

    kind: Literal["text", "number", "flag", "choice", "curve", "size", "part"] = "text"
    default: Any = None
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    slider: tuple[float, float] | None = None
    """What an interface offers to drag through; typed values go as far as ``low`` and ``high``."""

    def check(self, name: str, value: Any) -> Any:
        """The value in its type; ``UsageError`` says what it may be."""
        if value is None and self.default is None:
            return None
        return getattr(self, f"_{self.kind}")(name, value)

    def _text(self, name: str, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise UsageError(f"{name}: {value!r} is not a name")
        return value

    def _flag(self, name: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise UsageError(f"{name}: {value!r} is neither true nor false")
        return value

    def _choice(self, name: str, value: Any) -> str:
        if value not in self.choices:
            raise UsageError(f"{name}: {value!r} is not one of {', '.join(self.choices)}")
        return str(value)

    def _number(self, name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"{name}: {value!r} is not a number")
        low_kept = self.low is None or value > self.low or (value == self.low and not self.low_open)
        high_kept = self.high is None or value < self.high or (value == self.high and not self.high_open)
        if not math.isfinite(value) or not low_kept or not high_kept:
            raise UsageError(f"{name}: {value!r} is not {self.range_text}")
        return float(value)

    def _curve(self, name: str, value: Any) -> str:
        if isinstance(value, str) and (value in ("declared", "estimate") or Path(value).is_file()):
            return value
        raise UsageError(f"{name}: {value!r} is neither declared, estimate nor a LUT file")

    def _size(self, name: str, value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        if not isinstance(value, str):
            raise UsageError(f"{name}: {value!r} is not a size such as 4GB or 512MiB")
        return parse_size(value)

    def _part(self, name: str, value: Any) -> str | int:
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        text = self._text(name, value)
        return int(text) if text.isdecimal() else text

    @property
    def range_text(self) -> str:
        """The limits in words."""
        parts = []
        if self.low is not None:
            parts.append(f"{'above' if self.low_open else 'at least'} {self.low:g}")
        if self.high is not None:
            parts.append(f"{'below' if self.high_open else 'at most'} {self.high:g}")
        return " and ".join(parts) or "a finite number"


STAGES = ("dequantize", "linearize", "hallucinate", "refine")
"""Of a single-image system, in the order in which they work."""

LIGHTS = ("median", "mean", "bold")
"""Which of the lights that are possible, where the network says how far its answer may be off."""
ENDS = ("low", "high")
"""Between these eight in ten of them lie: for measuring, of ``Options`` alone."""

SETTINGS: Mapping[str, Setting] = {
    "model": Setting(default="headroom-1"),
    "from_space": Setting(),
    "to_space": Setting(),
    "ocio_config": Setting(),
    "part": Setting(kind="part"),
    "curve": Setting(kind="curve", default="declared"),
    "boost": Setting(kind="number", default=1.0, low=0, low_open=True, slider=(0.25, 8.0)),
    "scaling": Setting(kind="number", default=1.0, low=1, high=16, slider=(1.0, 2.0)),
    # 0..1, or an 8-bit code; float plates may clip anywhere up to the largest half.
    "clip_level": Setting(kind="number", low=0, low_open=True, high=65504, slider=(0.5, 1.0)),
    "tau": Setting(kind="number", default=0.95, low=0, low_open=True, high=1, high_open=True, slider=(0.5, 0.99)),
    "peak_stops": Setting(kind="number", low=0, low_open=True, slider=(0.5, 16.0)),
    "strength": Setting(kind="number", default=1.0, low=0, slider=(0.0, 4.0)),
    "light": Setting(kind="choice", default="median", choices=LIGHTS),
    "dequantize": Setting(kind="flag", default=False),
    "refine": Setting(kind="flag", default=False),
    # Some of STAGES in words: what it says of curve, strength, dequantize and refine comes before them.
    "stages": Setting(),
    "mask": Setting(kind="flag", default=False),
    "gain": Setting(kind="flag", default=False),
    "depth": Setting(kind="choice", default="auto", choices=("auto", "half", "float")),
    "compression": Setting(kind="choice", default="zip", choices=("dwaa", "dwab", "zip", "zips", "piz", "none")),
    "device": Setting(default="auto"),
    "precision": Setting(kind="choice", default="auto", choices=("auto", "fp32", "fp16", "bf16")),
    "memory": Setting(kind="size"),
    "overwrite": Setting(kind="flag", default=False),
    "resume": Setting(kind="flag", default=False),
}


def checked(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """All settings: those chosen, in their types, and defaults; ``UsageError`` names what is wrong."""
    unknown = [name for name in chosen if name not in SETTINGS]
    if unknown:
        near = difflib.get_close_matches(unknown[0], SETTINGS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(SETTINGS)}"
        raise UsageError(f"no setting is called {unknown[0]!r}; {hint}")
    return {name: setting.check(name, chosen.get(name, setting.default)) for name, setting in SETTINGS.items()}


def in_stages(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Checked settings with what ``stages`` means written out and ``stages`` gone.

    None leaves all as it is. Else exactly the stages that are named work: without ``linearize`` the stated curve,
    without ``hallucinate`` no light is added. ``UsageError`` for a name that is no stage, or that the rest contradicts.
    """
    result = dict(flat)
    text = result.pop("stages")
    if text is None:
        return result
    asked = {part.strip() for part in text.split(",")}
    for name in sorted(asked - set(STAGES)):
        raise UsageError(f"stages: {name!r} is not one of {', '.join(STAGES)}")
    if "linearize" in asked and result["curve"] not in ("declared", "estimate"):
        raise UsageError(f"stages: linearize estimates the curve, and curve {result['curve']} states it; drop one")
    if "refine" in asked and "hallucinate" not in asked:
        raise UsageError("stages: refine works on what hallucinate adds; ask for both")
    for name in ("dequantize", "refine"):
        if result[name] and name not in asked:
            raise UsageError(f"stages: {text} leaves {name} out, and {name} is asked for; drop one")
        result[name] = name in asked
    if "linearize" in asked:
        result["curve"] = "estimate"
    elif result["curve"] == "estimate":
        raise UsageError(f"stages: {text} leaves linearize out, and curve estimate asks for it; drop one")
    if "hallucinate" not in asked:
        result["strength"] = 0.0
    return result
