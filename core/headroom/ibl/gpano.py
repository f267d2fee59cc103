"""What a picture says of its panorama: Google's GPano properties in the XMP packet of JPEG, PNG, TIFF or WebP."""

from __future__ import annotations

import re
from pathlib import Path

from headroom.errors import PlateError
from headroom.panorama.place import Crop

__all__ = ["crop_of", "read_gpano"]

HEAD_BYTES = 4 << 20
"""XMP stands before the pixels in all of these formats but some TIFFs, which are searched at their end too."""
NUMBERS = (
    "FullPanoWidthPixels",
    "FullPanoHeightPixels",
    "CroppedAreaLeftPixels",
    "CroppedAreaTopPixels",
    "CroppedAreaImageWidthPixels",
    "CroppedAreaImageHeightPixels",
)
LEAST_AGREEMENT = 0.02
"""How far the two scales of a resized picture may differ."""


def read_gpano(path: Path) -> dict[str, str]:
    """Names to values of the GPano namespace; empty where the file has none."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        size = path.stat().st_size
        if size > HEAD_BYTES:
            file.seek(max(HEAD_BYTES, size - HEAD_BYTES))
            head += file.read()
    found: dict[str, str] = {}
    for packet in re.findall(rb"<x:xmpmeta.*?</x:xmpmeta>", head, re.DOTALL):
        text = packet.decode("utf-8", "replace")
        pairs = re.findall(r'GPano:(\w+)\s*=\s*["\']([^"\']*)["\']', text)
        pairs += re.findall(r"<GPano:(\w+)>([^<]*)</GPano:", text)
        found |= {name: value.strip() for name, value in pairs}
    return found


def crop_of(gpano: dict[str, str], width: int, height: int, name: str) -> Crop | None:
    """Where a picture of this size lies; None where its metadata say nothing. A resized picture's are scaled along."""
    if not any(key in gpano for key in NUMBERS):
        return None
    try:
        values = {key: float(gpano[key]) for key in NUMBERS if key in gpano}
    except ValueError:
        raise PlateError(
            f"{name}: its GPano metadata hold no numbers; place it with --layout latlong or --crop"
        ) from None
    area = (
        values.get("CroppedAreaImageWidthPixels", float(width)),
        values.get("CroppedAreaImageHeightPixels", float(height)),
    )
    if min(area) <= 0:
        raise PlateError(f"{name}: its GPano metadata state an area without pixels; correct them or give --crop")
    scales = width / area[0], height / area[1]
    if abs(scales[0] / scales[1] - 1) > LEAST_AGREEMENT:
        raise PlateError(
            f"{name}: its GPano metadata speak of {area[0]:g}x{area[1]:g} px, the picture is {width}x{height}: "
            "it was cut after they were written; give --crop"
        )
    full_width = round(values.get("FullPanoWidthPixels", area[0]) * scales[0])
    full_height = round(values.get("FullPanoHeightPixels", full_width / 2 / scales[0]) * scales[1])
    crop = Crop(
        full_width=full_width,
        full_height=full_height,
        left=round(values.get("CroppedAreaLeftPixels", 0) * scales[0]),
        top=round(values.get("CroppedAreaTopPixels", 0) * scales[1]),
        width=width,
        height=height,
    )
    return checked_crop(crop, name)


def checked_crop(crop: Crop, name: str) -> Crop:
    """The crop, if it lies in its full panorama."""
    fits = crop.top >= 0 and crop.top + crop.height <= crop.full_height and crop.width <= crop.full_width
    if not fits or crop.full_width < 2 or abs(crop.full_width - 2 * crop.full_height) > 0.01 * crop.full_width:
        raise PlateError(
            f"{name}: a part of {crop.width}x{crop.height} px at {crop.left},{crop.top} does not fit a lat-long of "
            f"{crop.full_width}x{crop.full_height}; correct its GPano metadata or give --crop"
        )
    return crop
