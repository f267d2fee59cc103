"""A movie as a `FrameSource`: numbered plates of R'G'B' codes, with time code, rate and what its tags state.

movie_facts   what container, codec and pictures say
movie_index   which frames there are and where they lie (nothing is decoded)
movie_decode  any of them, in any order
movie_tags    range, matrix, curve, primaries; PQ and HLG are refused unless named
movie_codes   planes -> R'G'B' codes, exact
"""

from __future__ import annotations

import hashlib
import json
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
        from headroom.io.movie_facts import MovieFacts, orientation_of
        from headroom.io.movie_index import index_of
        from headroom.io.timecode import Timecode

        self._path = Path(path)
        self.name = str(path)
        stream = _part(self._path, part)
        self._index = index_of(self._path, stream)
        self._decoder: Decoder = Decoder(self._path, self._index, stream)
        self._facts = MovieFacts(self._path, stream)
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
        from headroom.io.movie_facts import orientation_of
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
        from headroom.io.movie_facts import orientation_of

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


def _part(path: Path, part: int | str | None) -> int | None:
    if part is None or isinstance(part, int):
        return part
    raise PlateError(f"{path}: the parts of a movie are its video streams, by number from 0; {part!r} is none")
