"""Extra channels of a picture by name: the mask and the gain that lie beside R, G, B."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenImageIO

from headroom.errors import PlateError
from headroom.io.opened import SubsampledError, check_size, last_error, open_image, specs_of
from headroom.io.pixels import make_finite

__all__ = ["read_planes"]


def read_planes(path: Path | str, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """The channels of these names as (H, W) float16 or float32, finite; those that the file lacks are left out.

    The first part that has a channel gives it.
    """
    path = Path(path)
    found: dict[str, npt.NDArray[Any]] = {}
    try:
        with open_image(path) as image:
            for number, spec in enumerate(specs_of(image, path)):
                channels = [str(name) for name in spec.channelnames]
                here = {name: channels.index(name) for name in names if name in channels and name not in found}
                if here:
                    check_size(path, spec)
                    found |= _planes(image, spec, path, number, here)
    except SubsampledError:
        return {}
    return found


def _planes(image: Any, spec: Any, path: Path, part: int, wanted: dict[str, int]) -> dict[str, npt.NDArray[Any]]:
    """Those between the first and the last of ``wanted`` are read along: the codec unpacks whole rows anyway."""
    first, last = min(wanted.values()), max(wanted.values()) + 1
    kinds = [str(kind) for kind in spec.channelformats] or [str(spec.format)] * spec.nchannels
    kind = "half" if all(kinds[channel] == "half" for channel in wanted.values()) else "float"
    read = image.read_image(part, 0, first, last, OpenImageIO.TypeDesc(kind))
    if read is None:
        reason = last_error(image) or "no more pixels"
        raise PlateError(f"cannot read {path}: {', '.join(wanted)} damaged ({reason}); make it again")
    pixels = np.asarray(read).reshape(spec.height, spec.width, last - first)
    planes = {name: np.ascontiguousarray(pixels[..., channel - first]) for name, channel in wanted.items()}
    for plane in planes.values():
        make_finite(plane[..., None])
    return planes
