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
                for name in names:
                    if name in channels and name not in found:
                        check_size(path, spec)
                        found[name] = _plane(image, spec, path, number, channels.index(name))
    except SubsampledError:
        return {}
    return found


def _plane(image: Any, spec: Any, path: Path, part: int, channel: int) -> npt.NDArray[Any]:
    kinds = spec.channelformats
    kind = "half" if str(kinds[channel] if kinds else spec.format) == "half" else "float"
    read = image.read_image(part, 0, channel, channel + 1, OpenImageIO.TypeDesc(kind))
    if read is None:
        reason = last_error(image) or "no more pixels"
        raise PlateError(
            f"cannot read {path}: its channel {spec.channelnames[channel]} is damaged ({reason}); make it again"
        )
    plane: npt.NDArray[Any] = np.ascontiguousarray(np.asarray(read).reshape(spec.height, spec.width))
    make_finite(plane[..., None])
    return plane
