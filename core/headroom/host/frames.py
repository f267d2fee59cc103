"""Frame numbers and the files that hold them: ranges, patterns, where a result lies in a cache.

Numbered names may be written ``plate.####.exr``, ``plate.%04d.exr``, ``plate.$F4.exr`` or ``plate.@@@@.exr``. The
token is looked for in the file's name only, the last one counts; folders may hold any character.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "FrameError",
    "cached_frame",
    "find_frames",
    "format_range",
    "frame_of",
    "frame_path",
    "has_token",
    "missing_frames",
    "parse_range",
    "pattern_of",
    "settings_key",
]

LONGEST_RANGE = 1_000_000
NOT_SHAPING = frozenset({"overwrite", "resume", "memory"})
"""Settings that no pixel depends on."""

_PART = re.compile(r"(-?\d+)(?:-(-?\d+)(?:[x:](\d+))?)?")
# A lone # must stand apart, since it is also found in plain names; so must a lone @ never count.
_TOKEN = re.compile(r"%(?:0(\d+))?d(?![A-Za-z])|\$F(\d*)|(#{2,}|(?:(?<=[._-])|^)#(?=[._-]|$))|(@{2,})")
_NUMBER = re.compile(r"(?<!\d)(-?\d+)(?=\.[A-Za-z][A-Za-z0-9]*$)")


class FrameError(ValueError):
    """A frame range or pattern that makes no sense."""


def parse_range(text: str) -> list[int]:
    """``1001-1010x2,1020`` to frame numbers, each once, in the order given; spaces part like commas."""
    frames: dict[int, None] = {}
    parts = [part for part in re.split(r"[,;\s]+", text.strip()) if part]
    if not parts:
        raise FrameError("No frames given: write for example 1001-1100 or 1001-1100x2,1150.")
    for part in parts:
        found = _PART.fullmatch(part)
        if not found:
            raise FrameError(f"'{part}' is not a frame range: write for example 1001-1100 or 1001-1100x2,1150.")
        first = int(found[1])
        last = int(found[2]) if found[2] is not None else first
        step = int(found[3]) if found[3] is not None else 1
        if step < 1:
            raise FrameError(f"'{part}': the step must be 1 or more.")
        if abs(last - first) // step + len(frames) >= LONGEST_RANGE:
            raise FrameError(f"'{part}': that is more than {LONGEST_RANGE:,} frames.")
        way = 1 if last >= first else -1
        frames.update(dict.fromkeys(range(first, last + way, step * way)))
    return list(frames)


def format_range(frames: Iterable[int]) -> str:
    """Frame numbers to the shortest text that `parse_range` reads back as the same set, sorted."""
    left = sorted(set(frames))
    parts = []
    while left:
        count = 1
        step = left[1] - left[0] if len(left) > 1 else 1
        while count < len(left) and left[count] - left[count - 1] == step:
            count += 1
        if count == 2 and step > 1:
            count = 1  # 1,5 rather than 1-5x4: the next number may begin a real range
        first, last = left[0], left[count - 1]
        parts.append(str(first) if count == 1 else f"{first}-{last}" + (f"x{step}" if step > 1 else ""))
        left = left[count:]
    return ",".join(parts)


def has_token(pattern: str) -> bool:
    """Whether the file's name holds a frame token."""
    return _split(pattern) is not None


def frame_path(pattern: str, frame: int) -> str:
    """The path of one frame; a name without a token stands for itself."""
    parts = _split(pattern)
    if parts is None:
        return pattern
    before, width, after = parts
    return f"{before}{_numbered(frame, width)}{after}"


def frame_of(pattern: str, path: str) -> int | None:
    """The frame number that makes ``path`` from ``pattern``, or None where it is another file."""
    parts = _split(pattern)
    if parts is None:
        return None
    before, width, after = (parts[0].replace("\\", "/"), parts[1], parts[2])
    path = path.replace("\\", "/")
    if not (path.startswith(before) and path.endswith(after) and len(path) > len(before) + len(after)):
        return None
    digits = path[len(before) : len(path) - len(after)]
    if not re.fullmatch(r"-?[0-9]+", digits):
        return None
    return int(digits) if _numbered(int(digits), width) == digits else None


def pattern_of(path: str) -> tuple[str, int] | None:
    """``plate.1001.exr`` to ``(plate.####.exr, 1001)``: the number before the suffix; None where there is none."""
    folder, name = _folder_and_name(path)
    found = _NUMBER.search(name)
    if not found:
        return None
    digits = found[1]
    start = found.start(1)
    if digits.startswith("-") and start > 0 and name[start - 1] not in "._- ":
        digits, start = digits[1:], start + 1  # shot-1001: a dash, not a sign
    width = len(digits)
    token = "#" * width if width > 1 else "%d"
    return f"{folder}{name[:start]}{token}{name[found.end(1) :]}", int(digits)


def find_frames(pattern: str) -> list[int]:
    """The frames that lie on disk, sorted; a folder that cannot be read has none."""
    folder, _ = _folder_and_name(pattern)
    try:
        names = [path.name for path in Path(folder or ".").iterdir()]
    except OSError:
        return []
    found = (frame_of(pattern, folder + name) for name in names)
    return sorted(frame for frame in found if frame is not None)


def settings_key(settings: Mapping[str, Any]) -> str:
    """8 hex digits that stand for the settings that shape a result; a key set to None counts as not set."""
    shaping = {str(k): _same(v) for k, v in settings.items() if v is not None and k not in NOT_SHAPING}
    text = json.dumps(shaping, sort_keys=True, separators=(",", ":"), default=os.fspath)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]


def cached_frame(folder: str | os.PathLike[str], stem: str, version: str, frame: int | None) -> Path:
    """Where a result lies: ``folder/stem_version/stem.1001.exr``; a still has no number."""
    name = f"{stem}.exr" if frame is None else f"{stem}.{_numbered(frame, 4)}.exr"
    return Path(folder) / f"{stem}_{version}" / name


def missing_frames(
    folder: str | os.PathLike[str], stem: str, version: str, frames: Sequence[int | None]
) -> list[int | None]:
    """The frames whose result is not there. Results appear whole or not at all, so that being there is enough."""
    return [frame for frame in frames if not cached_frame(folder, stem, version, frame).is_file()]


def _same(value: Any) -> Any:
    """2.0 and 2 are one setting."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _numbered(frame: int, width: int) -> str:
    return f"{frame:0{width}d}" if width else str(frame)


def _folder_and_name(path: str) -> tuple[str, str]:
    """Split after the last separator of either kind; on POSIX a backslash is part of a name."""
    cut = max(path.rfind("/"), path.rfind("\\") if os.name == "nt" or re.match(r"[A-Za-z]:\\|\\\\", path) else -1)
    return path[: cut + 1], path[cut + 1 :]


def _split(pattern: str) -> tuple[str, int, str] | None:
    folder, name = _folder_and_name(pattern)
    tokens = list(_TOKEN.finditer(name))
    if not tokens:
        return None
    token = tokens[-1]
    width = len(token[0]) if token[3] or token[4] else int(token[1] or token[2] or 0)
    return folder + name[: token.start()], width, name[token.end() :]
