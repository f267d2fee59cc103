"""What a movie's container, codec and pictures say about themselves."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type

from headroom.io.movie_index import open_movie
from headroom.io.movie_tags import Levels, Matrix, MovieTags, tags_of

__all__ = ["MovieFacts", "orientation_of"]

_INTERLACED = (2, 3, 4, 5)
"""AVFieldOrder: fields of either order, coded or shown."""
_SAYS_709_ALWAYS = ("dnxhd",)
"""Codecs whose pictures say Rec.709 where nobody said anything else: the container's word goes before theirs."""


class MovieFacts:
    """What container and codec say, taken while the file is open once."""

    def __init__(self, path: Path, part: int | None) -> None:
        """Opens the movie and closes it again; ``part`` counts its video streams."""
        self._name = path.name
        container, stream = open_movie(path, part)
        with container:
            context = stream.codec_context
            self.codec = str(context.name)
            self.pixels = str(context.pix_fmt or "")
            self.container = str(container.format.name).partition(",")[0]
            self.width, self.height = int(context.width), int(context.height)
            components = context.format.components if context.format is not None else ()
            self.bits = max((int(component.bits) for component in components), default=8)
            self._stated = tuple(
                int(value or 0)
                for value in (context.color_range, context.colorspace, context.color_primaries, context.color_trc)
            )
            order = getattr(context, "field_order", 0)  # not told by PyAV before 18; its frames tell too
            self.is_interlaced = int(order or 0) in _INTERLACED
            self.centred_chroma = self.codec in ("mjpeg", "mpeg1video")
            self._metadata = {**container.metadata, **stream.metadata}
            timecodes = [
                value
                for source in (stream.metadata, container.metadata, *(other.metadata for other in container.streams))
                for key, value in source.items()
                if key.lower() == "timecode"
            ]
            self.timecode: str | None = timecodes[0] if timecodes else None
            aspect = stream.sample_aspect_ratio
            extradata = bytes(context.extradata or b"")
        self.carried: dict[str, Any] = {}
        if aspect and aspect > 0 and aspect != 1:
            self.carried["PixelAspectRatio"] = float(aspect)
        reel = self._metadata.get("reel_name") or self._metadata.get("com.apple.proapps.reel")
        if reel:
            self.carried["reelName"] = str(reel)
        made = str(self._metadata.get("creation_time", ""))
        if len(made) >= 19 and made[4] == "-" and made[10] in "T ":
            self.carried["DateTime"] = f"{made[:10].replace('-', ':')} {made[11:19]}"
        self.identity = [self.codec, self.pixels, hashlib.sha256(extradata).hexdigest(), self.timecode]

    def tags(self, picture: Any, levels: Levels | None, matrix: Matrix | None, from_space: str | None) -> MovieTags:
        """What a picture says counts where it says something; else what the container says."""
        stated = list(self._stated)
        kind = None
        if picture is not None:
            kind = picture.format
            own = (picture.color_range, picture.colorspace, picture.color_primaries, picture.color_trc)
            unstated = ((0,), (2,), (0, 2), (0, 2))
            for n, (value, nothing) in enumerate(zip(own, unstated, strict=True)):
                settled = self.codec in _SAYS_709_ALWAYS and stated[n] not in nothing
                if int(value) not in nothing and not settled:
                    stated[n] = int(value)
        components = list(kind.components) if kind is not None else []
        full_chroma = all((c.width, c.height) == (components[0].width, components[0].height) for c in components)
        if stated[1] == 0 and not (kind is not None and (kind.is_rgb or full_chroma)):
            stated[1] = 2  # the identity matrix makes no sense for subsampled chroma: a tag left at zero
        is_rgb = kind is not None and (kind.is_rgb or kind.has_palette or (stated[1] == 0 and len(components) >= 3))
        return tags_of(
            self._name,
            is_rgb=is_rgb,
            is_grey=len(components) == 1 and not is_rgb,
            size=(self.width, self.height),
            stated=(stated[0], stated[1], stated[2], stated[3]),
            named_full="yuvj" in (kind.name if kind is not None else self.pixels),
            levels=levels,
            matrix=matrix,
            from_space=from_space,
            metadata=self._metadata,
        )


def orientation_of(picture: Any) -> int:
    """EXIF's 1..8 of a frame's display matrix; turns that are no quarter turns count as none."""
    found = picture.side_data.get(Type.DISPLAYMATRIX) if hasattr(picture.side_data, "get") else None
    if found is None:
        return 1
    a, b, _, c, d = (int(v) for v in np.frombuffer(bytes(found), "<i4")[:5])
    across, down = math.hypot(a, b), math.hypot(c, d)
    if not across or not down:
        return 1
    # The matrix takes stored (x, y), y downwards, to shown: x' = a x + c y, y' = b x + d y.
    turned = (round(a / across), round(b / across), round(c / down), round(d / down))
    return {
        (1, 0, 0, 1): 1, (-1, 0, 0, 1): 2, (-1, 0, 0, -1): 3, (1, 0, 0, -1): 4,
        (0, 1, 1, 0): 5, (0, 1, -1, 0): 6, (0, -1, -1, 0): 7, (0, -1, 1, 0): 8,
    }.get(turned, 1)  # fmt: skip
