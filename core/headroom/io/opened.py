"""Opening a picture safely: every way a file can be bad becomes one PlateError line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import OpenImageIO

from headroom.errors import PlateError
from headroom.io.formats import sniff

__all__ = ["SubsampledError", "check_size", "last_error", "one_line", "open_image", "specs_of"]

MAX_PIXELS = 2**31
"""More pixels than this in a header is damage, not a picture (a 65536x32768 panorama is just within)."""
MAX_EXPANSION = 50_000
"""Decoded bytes a stored byte may claim; deflate ends at 1032, lossy codecs on a photograph below 500."""
FREE_BYTES = 1 << 28
"""Below this decoded size (256 MiB) the claim is not checked: a flat frame may pack very small."""
_FORMAT_TITLES = {
    "openexr": "OpenEXR",
    "png": "PNG",
    "jpeg": "JPEG",
    "tiff": "TIFF",
    "dpx": "DPX",
    "cineon": "Cineon",
    "hdr": "Radiance HDR",
    "gif": "GIF",
    "webp": "WebP",
    "heif": "HEIC/AVIF",
}


class SubsampledError(Exception):
    """The EXR has subsampled channels, which this reader does not take (see luminance_chroma)."""


def one_line(text: str) -> str:
    """A library's message without line breaks, at most 140 characters."""
    flat = "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))
    return flat if len(flat) <= 140 else flat[:137] + "..."


def last_error(image: Any = None) -> str:
    """The library's pending message, cleared, as one line; damaged files put undecodable bytes into it."""
    messages = []
    for source in (image, OpenImageIO):
        try:
            messages.append(source.geterror() if source is not None else "")
        except UnicodeDecodeError:
            messages.append("unreadable names in its header")
    return one_line(next((m for m in messages if m), ""))


@contextmanager
def open_image(path: Path) -> Iterator[Any]:
    """The opened reader, closed at the end; PlateError for whatever cannot be opened."""
    head = _head(path)
    stated = sniff(head)
    hints = OpenImageIO.ImageSpec()
    hints.attribute("oiio:UnassociatedAlpha", 1)  # colours as stored: multiplying 8-bit codes loses them
    hints.attribute("oiio:RawColor", 0)
    image = OpenImageIO.ImageInput.open(str(path), hints)
    if image is None:
        message = last_error()
        if "ubsampled" in message:
            raise SubsampledError(message)
        raise PlateError(_why_not(path, stated, message))
    try:
        yield image
    except (UnicodeDecodeError, MemoryError, RuntimeError, OverflowError) as error:
        raise PlateError(
            f"cannot read {path}: the file is damaged ({one_line(str(error))}); copy or export it again"
        ) from None
    finally:
        image.close()
        last_error(image)


def specs_of(image: Any, path: Path) -> list[Any]:
    """The specification of each part (subimage)."""
    specs: list[Any] = []
    while len(specs) < 1000 and image.seek_subimage(len(specs), 0):
        specs.append(image.spec())
    last_error(image)
    if not specs:
        raise PlateError(f"cannot read {path}: it holds no picture; check the file")
    image.seek_subimage(0, 0)
    return specs


def check_size(path: Path, spec: Any) -> None:
    """Refuses sizes that the file cannot hold, before anything is allocated."""
    width, height = int(spec.width), int(spec.height)
    if spec.deep:
        raise PlateError(f"cannot read {path}: it is a deep image; flatten it first")
    if width < 1 or height < 1:
        raise PlateError(f"cannot read {path}: it is {width}x{height}, there are no pixels in it")
    if spec.depth > 1:
        raise PlateError(f"cannot read {path}: it is a volume of {spec.depth} slices, not a picture")
    if width * height > MAX_PIXELS:
        raise PlateError(
            f"cannot read {path}: its header claims {width}x{height} pixels, more than 2^31; "
            "the file is damaged, export it again"
        )
    claimed = width * height * int(spec.nchannels) * int(spec.format.size())
    stored = path.stat().st_size
    if claimed > max(FREE_BYTES, MAX_EXPANSION * stored):
        raise PlateError(
            f"cannot read {path}: {stored} bytes cannot hold the {width}x{height} pixels its header claims; "
            "the file is damaged, export it again"
        )


def _head(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise PlateError(f"cannot read {path}: it is a folder; name a picture in it")
        if not path.exists():
            raise PlateError(f"cannot read {path}: there is no such file; check the name")
        if not path.is_file():
            raise PlateError(f"cannot read {path}: it is not a regular file")
        with path.open("rb") as file:
            head = file.read(16)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PlateError(f"cannot read {path}: {reason}; check the name and the permissions") from None
    if not head:
        raise PlateError(f"cannot read {path}: the file is empty; copy or export it again")
    return head


def _why_not(path: Path, stated: str | None, message: str) -> str:
    readers = set(OpenImageIO.get_string_attribute("format_list").split(","))
    if stated is not None and stated not in readers:
        return (
            f"cannot read {path}: it is {_FORMAT_TITLES[stated]}, which this OpenImageIO was built without; "
            "convert it to PNG, TIFF or EXR first"
        )
    if stated is not None:
        reason = "" if "find a format reader" in message else f" ({message})"
        title = _FORMAT_TITLES[stated]
        return f"cannot read {path}: the {title} file is damaged or cut short{reason}; export it again"
    reason = "" if not message or "find a format reader" in message else f" ({message})"
    return f"cannot read {path}: it is not a picture in a known format, or a damaged one{reason}"
