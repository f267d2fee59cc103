"""A picture file becomes a Plate: codes as stored, upright, finite, and what the file states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.errors import PlateError, UsageError
from headroom.io.channels import choose, part_name
from headroom.io.hints import space_hint, space_of_chromaticities
from headroom.io.icc import PRIMARIES
from headroom.io.jpeg import is_cut_short
from headroom.io.jpeg_coding import PICTURE, coding_of, coding_variance
from headroom.io.luminance_chroma import luminance_weights, read_subsampled, to_rgb
from headroom.io.metadata import carried, plain
from headroom.io.opened import SubsampledError, check_size, open_image, specs_of
from headroom.io.origin import origin_of
from headroom.io.pixels import exact_scale, make_finite, orient, read_channels
from headroom.io.raw import is_raw_suffix, read_raw
from headroom.plate import Plate, Window

__all__ = ["read"]

_ASSOCIATED = ("openexr", "tiff", "hdr", "jpegxl")
"""Formats whose colours are multiplied by alpha unless the file says otherwise."""
_UPRIGHT = ("openexr", "jpegxl", "heif")
"""Formats that have no orientation, or whose decoder has applied it already."""
# TIFF 6.0 sections 16 and 23, TIFF technical note: photometric interpretations without plain R, G, B.
_TIFF_LAB = {8: "CIE L*a*b*", 9: "ICC L*a*b*", 10: "ITU L*a*b*"}


def read(path: Path | str, *, part: str | int | None = None) -> Plate:
    """The picture in ``path``; ``part`` picks a part or layer of an EXR by name or number."""
    path = Path(path)
    if is_raw_suffix(path):
        return read_raw(path, to_rec709=True)
    try:
        return _read(path, part)
    except SubsampledError:
        return _read_luminance_chroma(path, part)


def _read(path: Path, part: str | int | None) -> Plate:
    with open_image(path) as image:
        format_name = str(image.format_name())
        specs = specs_of(image, path) if format_name == "openexr" else [image.spec()]
        choice = choose(path, [_names(s) for s in specs], [part_name(s) for s in specs], part)
        spec = specs[choice.part]
        check_size(path, spec)
        image.seek_subimage(choice.part, 0)
        if format_name == "jpeg" and is_cut_short(path):
            raise PlateError(f"cannot read {path}: the JPEG file is cut short; copy or export it again")
        codes, alpha = read_channels(image, spec, path, choice.colour, choice.alpha)
        space, warnings = space_hint(path, spec, format_name)
        animated = format_name in ("gif", "webp") and bool(image.seek_subimage(1, 0))
    warnings = [*choice.warnings, *warnings, *_model_warnings(path, spec, format_name, animated)]
    if choice.kind == "luminance-chroma":
        codes = _rgb_of(codes, spec.getattribute("chromaticities"))
    coding = coding_of(path) if format_name == "jpeg" else None
    lost = None if coding is None else coding_variance(coding, codes, dropped=PICTURE)
    upright = format_name in _UPRIGHT
    orientation = 1 if upright else int(spec.getattribute("Orientation") or 1)
    if orientation in range(2, 9):
        codes = orient(codes, orientation)
        alpha = None if alpha is None else orient(alpha, orientation)
    bits = _bits(spec, codes)
    if codes.dtype == np.uint16 and bits < 16:
        exact_scale(codes, bits)
        if alpha is not None:
            exact_scale(alpha, bits)
    warnings += _repair(path, codes, alpha)
    is_exr = format_name == "openexr"
    return Plate(
        codes=codes,
        alpha=alpha,
        premultiplied=alpha is not None
        and format_name in _ASSOCIATED
        and not spec.getattribute("oiio:UnassociatedAlpha"),
        bits=bits,
        is_float=codes.dtype.kind == "f",
        is_grey=choice.kind == "grey",
        is_jpeg=_is_lossy_dct(path, spec, format_name),
        coding_variance=lost,
        space=space,
        origin=origin_of(spec),
        data_window=_window(spec.x, spec.y, spec.width, spec.height) if is_exr else None,
        display_window=_window(spec.full_x, spec.full_y, spec.full_width, spec.full_height) if is_exr else None,
        metadata=carried(spec),
        warnings=warnings,
        path=path,
    )


def _read_luminance_chroma(path: Path, part: str | int | None) -> Plate:
    if part not in (None, 0):
        raise UsageError(f"{path} has no part or layer {part!r}; it is a single luminance/chroma image")
    pixels, alpha, header = read_subsampled(path)
    codes: npt.NDArray[Any] = pixels
    stated = header.get("chromaticities")
    space = None if stated is None else space_of_chromaticities(tuple(float(v) for v in stated))
    warnings = _repair(path, codes, alpha)
    (dx0, dy0), (dx1, dy1) = header["displayWindow"]
    (x0, y0), _ = header["dataWindow"]
    wanted = ("owner", "comments", "capDate", "expTime", "aperture", "isoSpeed")
    return Plate(
        codes=codes,
        alpha=alpha,
        premultiplied=alpha is not None,
        bits=32,
        is_float=True,
        space=space,
        data_window=_window(x0, y0, codes.shape[1], codes.shape[0]),
        display_window=_window(dx0, dy0, dx1 - dx0 + 1, dy1 - dy0 + 1),
        metadata={name: plain(header[name]) for name in wanted if name in header},
        warnings=warnings,
        path=path,
    )


def _names(spec: Any) -> list[str]:
    """Channel names; more than four nameless ones (multispectral TIFF) start with R, G, B."""
    names = [str(name) for name in spec.channelnames]
    if len(names) >= 3 and not {"R", "G", "B"} & set(names) and all(n.startswith("channel") for n in names):
        names[:3] = ["R", "G", "B"]
    return ["Y"] if len(names) == 1 and names[0].startswith("channel") else names


def _rgb_of(planes: npt.NDArray[Any], stated: Any) -> npt.NDArray[Any]:
    primaries = PRIMARIES["Rec.709"] if stated is None else tuple(float(v) for v in stated)
    floats = planes.astype(np.float32)
    return to_rgb(floats[..., 0], floats[..., 1], floats[..., 2], luminance_weights(primaries))


def _bits(spec: Any, codes: npt.NDArray[Any]) -> int:
    if codes.dtype == np.uint16:
        stated = int(spec.getattribute("oiio:BitsPerSample") or 16)
        return stated if 8 < stated < 16 else 16
    return int(codes.dtype.itemsize) * 8


def _window(x: int, y: int, width: int, height: int) -> Window:
    return Window(x=int(x), y=int(y), width=int(width), height=int(height))


def _is_lossy_dct(path: Path, spec: Any, format_name: str) -> bool:
    if format_name in ("jpeg", "heif"):
        return True
    if format_name == "tiff":
        return str(spec.getattribute("compression") or "") == "jpeg"
    if format_name == "webp":
        with path.open("rb") as file:
            return b"VP8 " in file.read(4096)
    return False


def _model_warnings(path: Path, spec: Any, format_name: str, animated: bool) -> list[str]:
    """Lines about colour models that were converted on the way in; PlateError for those that cannot be."""
    notes = []
    photometric = spec.getattribute("tiff:PhotometricInterpretation")
    if format_name == "tiff" and photometric in _TIFF_LAB:
        raise PlateError(f"cannot read {path}: it is {_TIFF_LAB[photometric]}, not RGB; convert it to RGB first")
    model = str(spec.getattribute("tiff:ColorSpace") or spec.getattribute("jpeg:ColorSpace") or "").upper()
    if model in ("CMYK", "YCCK"):
        notes.append(
            f"{path.name}: CMYK, turned into RGB without its press profile: colours are approximate; "
            "convert it to RGB in a paint program for exact ones"
        )
    if format_name == "gif" or model == "PALETTE" or _is_palette_png(path, format_name):
        notes.append(f"{path.name}: a palette image; its clipped areas and curve are not the camera's")
    if animated:
        notes.append(f"{path.name}: an animation; only its first frame was read")
    return notes


def _is_palette_png(path: Path, format_name: str) -> bool:
    if format_name != "png":
        return False
    with path.open("rb") as file:
        return file.read(26)[25:] == b"\x03"  # IHDR colour type 3


def _repair(path: Path, codes: npt.NDArray[Any], alpha: npt.NDArray[Any] | None) -> list[str]:
    notes = []
    for what, array in (("colour", codes), ("alpha", alpha)):
        if array is None:
            continue
        found = {name: n for name, n in make_finite(array).items() if n}
        if found:
            counts = ", ".join(f"{n} {name}" for name, n in found.items())
            notes.append(
                f"{path.name}: {counts} in its {what} values; NaN became 0, "
                "Inf the channel's largest (smallest) finite value"
            )
    return notes
