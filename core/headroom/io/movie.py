"""A movie as a `FrameSource`: numbered plates of R'G'B' codes, with time code, rate and what its tags state.

movie_index   which frames there are and where they lie (nothing is decoded)
movie_decode  any of them, in any order
movie_tags    range, matrix, curve, primaries; PQ and HLG are refused unless named
movie_codes   planes -> R'G'B' codes, exact
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headroom.errors import HeadroomError, PlateError
from headroom.plate import Plate

if TYPE_CHECKING:
    from headroom.io.movie_decode import Decoder
    from headroom.io.movie_tags import Levels, Matrix, MovieTags

__all__ = ["MOVIE_SUFFIXES", "MovieSource", "is_movie"]

_SUFFIXES = (
    ".3g2 .3gp .asf .avi .dv .flv .h264 .h265 .hevc .m1v .m2t .m2ts .m2v .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf "
    ".nut .ogv .qt .ts .vob .webm .wmv .y4m"
)
MOVIE_SUFFIXES = frozenset(_SUFFIXES.split())
"""Suffixes (lower case, with the dot) that are taken as movies."""

FIRST_FRAME = 1
"""Of a movie without time code."""
_INTERLACED = (2, 3, 4, 5)
"""AVFieldOrder: fields of either order, coded or shown."""
_SAYS_709_ALWAYS = ("dnxhd",)
"""Codecs whose pictures say Rec.709 where nobody said anything else: the container's word goes before theirs."""
_LOSSY_DCT = ("prores", "dnxhd", "h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "mjpeg", "dvvideo", "vp9", "av1")


def is_movie(path: Path | str) -> bool:
    """Whether the file's name says that it is a movie."""
    return Path(path).suffix.lower() in MOVIE_SUFFIXES


class MovieSource:
    """The frames of a movie, numbered from its time code (01:00:00:00 at 24 is frame 86400) or from 1.

    Every frame that the header promises is listed; reading one that is damaged or cut off raises `PlateError`, and
    the others still come. Safe to read from several threads.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        first_frame: int | None = None,
        part: int | str | None = None,
        from_space: str | None = None,
        levels: Levels | None = None,
        matrix: Matrix | None = None,
    ) -> None:
        """Opens it and reads its index.

        ``first_frame``: number of the first frame. ``part``: which video stream, from 0. ``from_space``: what
        ``--from`` names, without which PQ and HLG are refused (`UsageError`). ``levels``, ``matrix``: where the
        file's own tags are wrong.
        """
        from headroom.io.movie_decode import Decoder
        from headroom.io.movie_index import index_of
        from headroom.io.timecode import Timecode

        self._path = Path(path)
        self.name = str(path)
        stream = _part(self._path, part)
        self._index = index_of(self._path, stream)
        self._decoder: Decoder = Decoder(self._path, self._index, stream)
        self._facts = _Facts(self._path, stream)
        text = self._facts.timecode
        self.timecode = Timecode.of(text, self._index.rate) if text else None
        if first_frame is None:
            first_frame = self.timecode.start if self.timecode else FIRST_FRAME
        self.frames: tuple[int, ...] = tuple(range(first_frame, first_frame + self._index.promised))
        picture = self._decoder.any_frame()
        self._tags: MovieTags = self._facts.tags(picture, levels, matrix, from_space)
        self.warnings: tuple[str, ...] = (*self._tags.warnings, *self._notes(picture))
        turned = 1 if picture is None else orientation_of(picture)
        made_with = [*self._facts.identity, self._tags.levels, self._tags.matrix, self._tags.space, turned]
        self._header = json.dumps(made_with).encode()
        self._lock = threading.Lock()
        self._identities: dict[int, str] = {}

    @property
    def rate(self) -> Fraction | None:
        """Frames a second; of a movie with a variable rate the mean."""
        return self._index.rate

    def path(self, frame: int) -> Path:
        """The movie itself."""
        return self._path

    def read(self, frame: int) -> Plate:
        """The plate of a frame, upright; the decoder is shared by all threads, the conversion is not."""
        from headroom.io.movie_codes import alpha_of, bits_of, codes_of, planar, video_top
        from headroom.io.pixels import orient

        k = self._number(frame)
        try:
            picture = planar(self._decoder.frame(k), self._path.name)
        except HeadroomError as error:
            raise type(error)(f"frame {frame}: {error}") from None
        bits = bits_of(picture)
        codes = codes_of(picture, self._tags, centred=self._facts.centred_chroma)
        alpha = alpha_of(picture)
        orientation = orientation_of(picture)
        if orientation != 1:
            codes = orient(codes, orientation)
            alpha = None if alpha is None else orient(alpha, orientation)
        return Plate(
            codes=codes,
            alpha=alpha,
            bits=bits,
            is_float=codes.dtype == np.float32,
            video_top=video_top(self._tags.levels, bits),
            is_grey=len(picture.format.components) == 1,
            is_jpeg=self._facts.codec in _LOSSY_DCT,
            space=self._tags.space,
            metadata=self._metadata(k),
            warnings=list(self.warnings),
            path=self._path,
            frame=frame,
        )

    def identity(self, frame: int) -> str:
        """SHA-256 over the packets that decide the frame, and over what is made of them."""
        k = self._number(frame)
        with self._lock:
            known = self._identities.get(k)
        if known is None:
            if k >= self._index.count:
                raise PlateError(
                    f"frame {frame}: cannot read {self._path}: the movie is cut short after {self._index.count} of "
                    f"{self._index.promised} frames; copy or export it again"
                )
            try:
                known = hashlib.sha256(self._header + self._index.digest_of(k)).hexdigest()
            except PlateError as error:
                raise PlateError(f"frame {frame}: {error}") from None
            with self._lock:
                self._identities[k] = known
        return known

    def header(self) -> dict[str, Any]:
        """What the movie says about itself, in the shape of `headroom.io.header`; ready for JSON."""
        told = self._facts
        rate, first, last = self._index.rate, self.frames[0], self.frames[-1]
        attributes = {
            "frames": f"{first}-{last}",
            "framesPerSecond": f"{float(rate):.6g} ({rate})" if rate is not None else "unknown",
            "timecode": self.timecode.text() if self.timecode else None,
            "pixels": told.pixels,
            "levels": self._tags.levels,
            "matrix": self._tags.matrix,
            **told.carried,
        }
        size = {"width": told.width, "height": told.height}
        window = [0, 0, told.width, told.height]
        part = {
            "name": "",
            **size,
            "data_window": window,
            "display_window": window,
            "channels": {told.codec: told.pixels},
            "bits": told.bits,
            "compression": "",
            "tiled": False,
            "deep": False,
            "attributes": {name: value for name, value in attributes.items() if value is not None},
        }
        return {
            "path": self.name,
            "format": told.container,
            "bytes": self._path.stat().st_size,
            **size,
            "space": self._tags.space,
            "parts": [part],
            "warnings": list(self.warnings),
        }

    def close(self) -> None:
        """Lets go of the file and of decoded frames."""
        self._decoder.close()

    def _number(self, frame: int) -> int:
        k = frame - self.frames[0]
        if not 0 <= k < len(self.frames):
            raise PlateError(f"{self.name}: there is no frame {frame}; there are {self.frames[0]}-{self.frames[-1]}")
        return k

    def _metadata(self, k: int) -> dict[str, Any]:
        carried = dict(self._facts.carried)
        if self._index.rate is not None:
            carried["framesPerSecond"] = (self._index.rate.numerator, self._index.rate.denominator)
        if self.timecode is not None:
            carried["timeCode"] = self.timecode.packed(k)
        return carried

    def _notes(self, picture: Any) -> list[str]:
        name, index = self._path.name, self._index
        notes = []
        if index.promised > index.count:
            notes.append(f"{name}: cut short, {index.count} of {index.promised} frames are there")
        if index.is_uneven:
            mean = f", {float(index.rate):.3f} a second on average" if index.rate else ""
            notes.append(
                f"{name}: variable frame rate (a frame lasts {1000 * index.shortest_s:.1f} to "
                f"{1000 * index.longest_s:.1f} ms{mean}); each stored frame is one result, their timing is lost"
            )
        if self._facts.timecode and self.timecode is None:
            notes.append(
                f"{name}: its time code {self._facts.timecode} makes no sense at its rate; "
                f"numbered from {self.frames[0]}"
            )
        if self._facts.is_interlaced or (picture is not None and picture.interlaced_frame):
            notes.append(f"{name}: interlaced; fields are kept as they lie, deinterlace it first for clean edges")
        if picture is not None and orientation_of(picture) != 1:
            notes.append(f"{name}: turned upright as its rotation says")
        return notes


class _Facts:
    """What container and codec say, taken while the file is open once."""

    def __init__(self, path: Path, part: int | None) -> None:
        from headroom.io.movie_index import open_movie

        self._name = path.name
        container, stream = open_movie(path, part)
        with container:
            context = stream.codec_context
            self.codec = str(context.name)
            self.pixels = str(context.pix_fmt or "")
            self.container = str(container.format.name).partition(",")[0]
            self.width, self.height = int(context.width), int(context.height)
            self.bits = max((int(component.bits) for component in context.format.components), default=8)
            self._stated = tuple(
                int(value or 0)
                for value in (context.color_range, context.colorspace, context.color_primaries, context.color_trc)
            )
            self.is_interlaced = int(context.field_order or 0) in _INTERLACED
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
        from headroom.io.movie_tags import tags_of

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
    from av.sidedata.sidedata import Type

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


def _part(path: Path, part: int | str | None) -> int | None:
    if part is None or isinstance(part, int):
        return part
    raise PlateError(f"{path}: the parts of a movie are its video streams, by number from 0; {part!r} is none")
