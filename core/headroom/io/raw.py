"""Camera RAW through LibRaw: linear light in the camera's own primaries, 1.0 where the sensor clips.

Needs the extra ``raw`` (the package rawpy). Loaded on use.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.errors import PlateError
from headroom.io.metadata import carried
from headroom.io.opened import one_line, open_image
from headroom.plate import Plate

__all__ = ["CAMERA_MATRIX", "RAW_SUFFIXES", "RawFacts", "is_raw_suffix", "raw_facts", "read_raw"]

_SUFFIXES = (
    ".3fr .arw .cr2 .cr3 .dcr .dng .erf .fff .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .rw2 .rwl .sr2 .srf "
    ".srw .x3f"
)
RAW_SUFFIXES = frozenset(_SUFFIXES.split())
"""Suffixes (lower case, with the dot) that are developed before anything else."""
CAMERA_MATRIX = "headroom:cameraToRec709"
"""Metadata of a plate in camera primaries: the nine numbers, row by row, that take its light to linear Rec.709."""
LINEAR_REC709 = "Linear Rec.709 (sRGB)"
# CIE XYZ of linear sRGB, IEC 61966-2-1.
_XYZ_OF_REC709 = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


@dataclass(frozen=True, kw_only=True)
class RawFacts:
    """What can be known without developing."""

    width: int
    height: int
    metadata: dict[str, Any]
    white_balance: tuple[float, ...]
    """The camera's multipliers of red, green, blue and the second green."""


def is_raw_suffix(path: Path) -> bool:
    """Whether the file's name says that it is a camera's RAW."""
    return path.suffix.lower() in RAW_SUFFIXES


def raw_facts(path: Path) -> RawFacts:
    """Size, EXIF, white balance."""
    with _opened(path) as raw:
        sizes = raw.sizes
        width, height = int(sizes.width), int(sizes.height)
        if sizes.flip in (5, 6):  # LibRaw: turned by 90 degrees to either side
            width, height = height, width
        return RawFacts(
            width=width, height=height, metadata=_metadata(path, raw), white_balance=_white_balance(raw)
        )  # fmt: skip


def read_raw(path: Path, *, white_balance: tuple[float, ...] | None = None, to_rec709: bool = False) -> Plate:
    """Developed without taste: black subtracted, white balanced, demosaiced; no brightening, no curve.

    Every channel is 1.0 where the sensor clipped, whatever the frame shows, so that frames of a bracket are on one
    scale; ``white_balance``: the multipliers that such frames share, default: the file's own. The light is in the
    camera's primaries, and ``CAMERA_MATRIX`` in the metadata says the way out of them; ``to_rec709`` goes that way at
    once, where LibRaw clips what lies outside.
    """
    with _opened(path) as raw:
        library = importlib.import_module("rawpy")
        space = library.ColorSpace.sRGB if to_rec709 else library.ColorSpace.raw
        codes: npt.NDArray[Any] = raw.postprocess(
            user_wb=list(white_balance or _white_balance(raw)), output_color=space, output_bps=16, gamma=(1, 1),
            no_auto_bright=True, adjust_maximum_thr=0.0, highlight_mode=library.HighlightMode.Clip,
        )  # fmt: skip
        metadata = _metadata(path, raw)
        notes = []
        if not to_rec709:
            matrix = _to_rec709(raw)
            if matrix is None:
                notes.append(f"{path.name}: LibRaw does not know this camera's colours; its primaries are left as is")
            else:
                metadata[CAMERA_MATRIX] = tuple(float(v) for v in matrix.ravel())
    return Plate(codes=codes, bits=16, space=LINEAR_REC709, metadata=metadata, warnings=notes, path=path)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        library = importlib.import_module("rawpy")
    except ImportError:
        raise PlateError(
            f"cannot read {path}: camera RAW needs the extra 'raw' (pip install 'headroom-hdr[raw]'), "
            "or develop it to 16-bit TIFF first"
        ) from None
    if not path.is_file():
        raise PlateError(f"cannot read {path}: there is no such file; check the name")
    try:
        raw = library.imread(str(path))
    except library.LibRawError as error:
        raise _damaged(path, error) from None
    try:
        yield raw
    except library.LibRawError as error:
        raise _damaged(path, error) from None
    finally:
        raw.close()


def _damaged(path: Path, error: Exception) -> PlateError:
    reason = error.args[0] if error.args else error
    if isinstance(reason, bytes):
        reason = reason.decode("utf-8", "replace")
    return PlateError(f"cannot read {path}: {one_line(str(reason))}; is it a RAW of a camera that LibRaw knows?")


def _white_balance(raw: Any) -> tuple[float, ...]:
    """As shot; the second green as the first where the camera states none; daylight where it states nothing."""
    shot = [float(v) for v in raw.camera_whitebalance]
    if min(shot[:3]) <= 0:
        shot = [float(v) for v in raw.daylight_whitebalance]
    if min(shot[:3]) <= 0:
        shot = [1.0] * 4
    return (*shot[:3], shot[3] if shot[3] > 0 else shot[1])


def _to_rec709(raw: Any) -> npt.NDArray[np.float64] | None:
    """White-balanced camera light to Rec.709: neutral stays neutral (rows sum to 1), as in LibRaw's own conversion."""
    camera_of_xyz = np.asarray(raw.rgb_xyz_matrix, np.float64)[:3]
    if not np.isfinite(camera_of_xyz).all() or abs(np.linalg.det(camera_of_xyz)) < 1e-9:
        embedded: npt.NDArray[np.float64] = np.asarray(raw.color_matrix, np.float64)[:, :3]  # a DNG's own, to Rec.709
        return embedded if np.abs(embedded.sum(axis=1) - 1).max() < 1e-2 else None
    camera_of_rec709 = camera_of_xyz @ _XYZ_OF_REC709
    white = camera_of_rec709.sum(axis=1, keepdims=True)
    if (white <= 0).any():
        return None
    inverse: npt.NDArray[np.float64] = np.linalg.inv(camera_of_rec709 / white)
    return inverse


def _metadata(path: Path, raw: Any) -> dict[str, Any]:
    """EXIF as the TIFF reader finds it (most RAWs are TIFFs), with LibRaw's own facts where it finds none."""
    metadata: dict[str, Any] = {}
    with contextlib.suppress(PlateError), open_image(path) as image:
        metadata = carried(image.spec())
    wanted = {"ExposureTime": "shutter_speed", "FNumber": "aperture", "Exif:PhotographicSensitivity": "iso_speed"}
    if wanted.keys() <= metadata.keys() and "Exif:DateTimeOriginal" in metadata:
        return metadata
    other = raw.other  # unpacks the whole file
    for name, field in wanted.items():
        value = getattr(other, field)
        if value and value > 0:
            metadata.setdefault(name, float(value))
    if isinstance(other.timestamp, datetime):
        metadata.setdefault("Exif:DateTimeOriginal", other.timestamp.strftime("%Y:%m:%d %H:%M:%S"))
    return metadata
