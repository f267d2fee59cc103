"""Which files are pictures: by suffix for listings, by their first bytes for reading."""

from __future__ import annotations

from pathlib import Path

__all__ = ["READABLE_SUFFIXES", "WRITABLE_SUFFIXES", "is_readable_suffix", "sniff"]

_READABLE = (
    ".bmp .cin .dib .dpx .exr .gif .hdr .heic .heif .hif .avif .j2c .j2k .jfif .jp2 .jpe .jpeg .jpg .jxl "
    ".mxr .pbm .pfm .pgm .pic .png .pnm .ppm .psd .rgbe .sgi .sxr .tga .tif .tiff .tx .webp"
)
READABLE_SUFFIXES = frozenset(_READABLE.split())
"""Suffixes (lower case, with the dot) that the reader tries; HEIC and AVIF only where its build has them."""

WRITABLE_SUFFIXES = {".exr": "openexr", ".hdr": "hdr", ".tif": "tiff", ".tiff": "tiff"}
"""Suffix -> the writer's name for the format."""

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x76\x2f\x31\x01", "openexr"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"II+\0", "tiff"),
    (0, b"MM\0+", "tiff"),
    (0, b"SDPX", "dpx"),
    (0, b"XPDS", "dpx"),
    (0, b"\x80\x2a\x5f\xd7", "cineon"),
    (0, b"#?RADIANCE", "hdr"),
    (0, b"#?RGBE", "hdr"),
    (0, b"GIF8", "gif"),
    (8, b"WEBP", "webp"),
    (4, b"ftypheic", "heif"),
    (4, b"ftypheix", "heif"),
    (4, b"ftyphevc", "heif"),
    (4, b"ftypmif1", "heif"),
    (4, b"ftypmsf1", "heif"),
    (4, b"ftypavif", "heif"),
)


def is_readable_suffix(path: Path) -> bool:
    """Whether the file's name says that it is a still picture."""
    return path.suffix.lower() in READABLE_SUFFIXES


def sniff(head: bytes) -> str | None:
    """The format that the first 16 bytes state, by the reader's name, or None."""
    for offset, magic, name in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return name
    return None
