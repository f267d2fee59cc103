"""What a file says about itself, as plain values for ``headroom inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headroom.errors import PlateError
from headroom.io.hints import space_hint
from headroom.io.metadata import FRAME_RATE, TIME_CODE, plain, timecode_text
from headroom.io.opened import SubsampledError, one_line, open_image, specs_of

__all__ = ["header"]

_SHORT = 400
"""Longer texts and arrays (profiles, previews, manifests) are told by their size."""


def header(path: Path | str) -> dict[str, Any]:
    """Format, size, parts (windows, channels, types, compression, attributes), stated space, file size.

    Everything in it can go into JSON. No pixels are read.
    """
    path = Path(path)
    try:
        with open_image(path) as image:
            format_name = str(image.format_name())
            specs = specs_of(image, path)
            parts = [_part(spec) for spec in specs]
            space, warnings = space_hint(path, specs[0], format_name)
    except SubsampledError:
        return _subsampled(path)
    return {
        "path": str(path),
        "format": format_name,
        "bytes": path.stat().st_size,
        "width": parts[0]["width"],
        "height": parts[0]["height"],
        "space": space,
        "parts": parts,
        "warnings": warnings,
    }


def _part(spec: Any) -> dict[str, Any]:
    kinds = [str(f) for f in spec.channelformats] or [str(spec.format)] * spec.nchannels
    attributes = {str(a.name): _told(str(a.name), a.value) for a in spec.extra_attribs}
    return {
        "name": str(attributes.get("oiio:subimagename") or attributes.get("name") or ""),
        "width": int(spec.width),
        "height": int(spec.height),
        "data_window": [int(spec.x), int(spec.y), int(spec.width), int(spec.height)],
        "display_window": [int(v) for v in (spec.full_x, spec.full_y, spec.full_width, spec.full_height)],
        "channels": dict(zip((str(n) for n in spec.channelnames), kinds, strict=False)),
        "bits": int(spec.getattribute("oiio:BitsPerSample") or 8 * spec.format.size()),
        "compression": str(attributes.get("compression", "")),
        "tiled": bool(spec.tile_width),
        "deep": bool(spec.deep),
        "attributes": attributes,
    }


def _told(name: str, value: Any) -> Any:
    value = plain(value)
    if name == "smpte:TimeCode" and isinstance(value, tuple):
        return timecode_text(value)
    if name.lower() == FRAME_RATE.lower() and isinstance(value, tuple):
        return f"{value[0]}/{value[1]}"
    if isinstance(value, tuple):
        return list(value) if len(value) <= 64 else f"{len(value)} values"
    if isinstance(value, str) and len(value) > _SHORT:
        return value[:_SHORT] + f"... ({len(value)} characters)"
    return value


def _subsampled(path: Path) -> dict[str, Any]:
    import OpenEXR

    try:
        with OpenEXR.File(str(path), header_only=True) as file:
            raw = dict(file.header())
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise PlateError(f"cannot read {path}: damaged OpenEXR file ({one_line(str(error))})") from None
    (x0, y0), (x1, y1) = ((int(v) for v in corner) for corner in raw.pop("dataWindow"))
    (fx0, fy0), (fx1, fy1) = ((int(v) for v in corner) for corner in raw.pop("displayWindow"))
    channels = {c.name: f"subsampled {c.xSampling}x{c.ySampling}" for c in raw.pop("channels")}
    attributes = {
        name: (":".join(f"{v:02d}" for v in value[:4]) if name == TIME_CODE else _told(name, value))
        for name, value in raw.items()
    }
    width, height = x1 - x0 + 1, y1 - y0 + 1
    part = {
        "name": "",
        "width": width,
        "height": height,
        "data_window": [x0, y0, width, height],
        "display_window": [fx0, fy0, fx1 - fx0 + 1, fy1 - fy0 + 1],
        "channels": channels,
        "bits": 16,
        "compression": str(attributes.get("compression", "")),
        "tiled": False,
        "deep": False,
        "attributes": {name: value if _is_json(value) else str(value) for name, value in attributes.items()},
    }
    return {
        "path": str(path),
        "format": "openexr",
        "bytes": path.stat().st_size,
        "width": width,
        "height": height,
        "space": None,
        "parts": [part],
        "warnings": [],
    }


def _is_json(value: Any) -> bool:
    return isinstance(value, (str, int, float, list))
