"""Linear light to a file: EXR, Radiance HDR or TIFF, by bands of rows, complete or absent.

A file is written as ``<name>.partial-<pid>`` beside its place, checked, synced and renamed. OpenImageIO's
writer streams (a 16384x8192 EXR of five channels in under 100 MB) and types every attribute; OpenEXR's own
Python binding writes whole images only, its streaming class is deprecated and loses chromaticities.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenImageIO

from headroom.errors import WriteError
from headroom.io.metadata import attach
from headroom.io.opened import last_error
from headroom.io.targets import Depth, Target, WriteReport, target_of
from headroom.plate import ALPHA_FLOOR, FloatArray, Window

__all__ = ["HALF_MAX", "HalfOverflow", "WriteReport", "Writer", "open_writer", "partial_path", "write"]

HALF_MAX = 65504.0
"""Largest finite half float, IEEE 754 binary16."""
_BAND_ROWS = 256
_DWA_CEILING = 32768.0
"""DWA's error grows with the value and may reach Inf near 65504: brighter images are stored without loss."""


class HalfOverflow(WriteError):  # noqa: N818 - a signal, always answered by writing again as float
    """A value does not fit half floats (or DWA, which keeps halves); start again with depth="float"."""


def write(
    path: Path | str,
    pixels: FloatArray,
    *,
    alpha: npt.NDArray[Any] | None = None,
    mask: FloatArray | None = None,
    gain: FloatArray | None = None,
    depth: Depth = "auto",
    compression: str = "zip",
    chromaticities: tuple[float, ...] | None = None,
    attributes: Mapping[str, str | int | float] | None = None,
    metadata: Mapping[str, Any] | None = None,
    data_window: Window | None = None,
    display_window: Window | None = None,
    premultiply: bool = True,
    keep_glow: bool = False,
) -> WriteReport:
    """Writes (H, W, 3) linear pixels; ``depth="auto"`` is half where every value fits, float32 otherwise."""

    def once(chosen: Depth) -> WriteReport:
        with open_writer(
            path,
            pixels.shape[1],
            pixels.shape[0],
            alpha=alpha is not None,
            mask=mask is not None,
            gain=gain is not None,
            depth=chosen,
            compression=compression,
            chromaticities=chromaticities,
            attributes=attributes,
            metadata=metadata,
            data_window=data_window,
            display_window=display_window,
            premultiply=premultiply,
            keep_glow=keep_glow,
        ) as writer:
            writer.write_rows(0, pixels, alpha=alpha, mask=mask, gain=gain)
            return writer.close()

    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise WriteError(f"cannot write {path}: pixels must be (H, W, 3), they are {pixels.shape}")
    try:
        return once(depth)
    except HalfOverflow as overflow:
        report = once("float")
        if depth == "half":
            report.warnings.append(f"{overflow}: stored as float32")
        return report


def open_writer(
    path: Path | str,
    width: int,
    height: int,
    *,
    alpha: bool = False,
    mask: bool = False,
    gain: bool = False,
    depth: Depth = "auto",
    compression: str = "zip",
    chromaticities: tuple[float, ...] | None = None,
    attributes: Mapping[str, str | int | float] | None = None,
    metadata: Mapping[str, Any] | None = None,
    data_window: Window | None = None,
    display_window: Window | None = None,
    premultiply: bool = True,
    keep_glow: bool = False,
    owner: str | None = None,
) -> Writer:
    """A writer of rows, to be used in a ``with``.

    ``depth="auto"`` and ``"half"`` write half floats and raise HalfOverflow at the first value that does
    not fit; the caller then starts again with ``"float"``. TIFF: ``half`` means 16-bit integers (0..1),
    else float32.
    ``premultiply``: EXR colours are multiplied by alpha. ``keep_glow``: colours at alpha 0 stay as they are
    (the source was premultiplied, ``Plate.premultiplied``). ``owner``: see `partial_path`.
    """
    path = Path(path)
    target = target_of(path, alpha, mask, gain, depth, compression, chromaticities)
    spec = OpenImageIO.ImageSpec(width, height, len(target.channels), target.depth)
    spec.channelnames = target.channels
    spec.alpha_channel = target.channels.index("A") if "A" in target.channels else -1
    carried = dict(metadata or {})
    if target.format == "openexr":
        carried.setdefault("DateTime", "")  # otherwise the library states the present time as capDate
        if chromaticities is not None:
            carried["chromaticities"] = tuple(float(v) for v in chromaticities)
        if data_window is not None:
            spec.x, spec.y = data_window.x, data_window.y
        shown = display_window or Window(x=spec.x, y=spec.y, width=width, height=height)
        spec.full_x, spec.full_y = shown.x, shown.y
        spec.full_width, spec.full_height = shown.width, shown.height
    else:
        carried = {name: value for name, value in carried.items() if isinstance(value, (str, int, float))}
    attach(spec, carried, attributes or {})
    spec.attribute("compression", "zip" if target.format == "tiff" else target.compression)
    if target.format == "tiff" and spec.alpha_channel >= 0:
        spec.attribute("oiio:UnassociatedAlpha", 1)
    return Writer(path, spec, target, premultiply=premultiply, keep_glow=keep_glow, owner=owner)


def partial_path(path: Path, owner: str | None = None) -> Path:
    """Where a file is written until it is whole; ``owner`` says whose it is where this process's number does not."""
    return path.with_name(f"{path.name}.partial-{owner or os.getpid()}")


class Writer:
    """Rows in increasing y go in; the file appears at ``close()``, nothing at all on an exception."""

    def __init__(
        self, path: Path, spec: Any, target: Target, *, premultiply: bool, keep_glow: bool, owner: str | None = None
    ) -> None:
        self._path, self._spec, self._target = path, spec, target
        self._premultiply = premultiply and target.format == "openexr"
        self._keep_glow = keep_glow
        self._partial = partial_path(path, owner)
        self._next = 0
        self._low = math.inf
        self.report = WriteReport(
            path=path,
            depth=target.depth,
            compression=target.compression,
            channels=target.channels,
            warnings=list(target.warnings),
            peak=-math.inf,
        )
        self._done = False
        self._check_place()
        self._out: Any = OpenImageIO.ImageOutput.create(target.format)
        if self._out is None:
            raise WriteError(f"cannot write {path}: {last_error()}")
        if not self._out.open(str(self._partial), spec):
            failure = self._failure(last_error(self._out))  # before the partial file's room is given back
            self.discard()
            raise failure

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.discard()
        elif not self._done:
            self.close()

    def write_rows(
        self,
        y0: int,
        rgb: FloatArray,
        *,
        alpha: npt.NDArray[Any] | None = None,
        mask: FloatArray | None = None,
        gain: FloatArray | None = None,
    ) -> None:
        """The next band: rgb (h, W, 3), alpha, mask and gain (h, W); y0 counts from the image's first row."""
        rows = rgb.shape[0]
        if rows > _BAND_ROWS:
            for y in range(0, rows, _BAND_ROWS):
                part = slice(y, y + _BAND_ROWS)
                planes = {"alpha": alpha, "mask": mask, "gain": gain}
                cut = {k: None if v is None else v[part] for k, v in planes.items()}
                self.write_rows(y0 + y, rgb[part], **cut)
            return
        if y0 != self._next or rgb.shape != (rows, self._spec.width, 3) or y0 + rows > self._spec.height:
            raise ValueError(f"rows {y0}+{rgb.shape} do not follow row {self._next} of {self._spec.width} columns")
        extra = {"A": alpha, "headroom.mask": mask, "headroom.gain": gain}
        band = np.empty((rows, self._spec.width, len(self._target.channels)), np.float32)
        band[..., :3] = rgb
        for k, name in enumerate(self._target.channels[3:], start=3):
            plane = extra[name]
            if plane is None:
                raise ValueError(f"the writer was opened with {name}, the band has none")
            band[..., k] = plane
        self._check_values(band)
        if self._premultiply and "A" in self._target.channels:
            matte = band[..., 3]
            factor = np.where(matte > ALPHA_FLOOR, matte, np.float32(1.0)) if self._keep_glow else matte
            band[..., :3] *= factor[..., None]
        stored = self._encode(band)
        top = self._spec.y + y0
        if not self._out.write_scanlines(top, top + rows, self._spec.z, stored):
            failure = self._failure(last_error(self._out))  # before the partial file's room is given back
            self.discard()
            raise failure
        self._next = y0 + rows

    def close(self) -> WriteReport:
        """Finishes, checks and renames the file."""
        if self._done:
            return self.report
        try:
            if self._next != self._spec.height:
                raise WriteError(
                    f"cannot write {self._path}: only {self._next} of {self._spec.height} rows were written"
                )
            if not self._out.close():
                raise self._failure(last_error(self._out))
            self._verify()
            try:
                with self._partial.open("rb") as file:
                    os.fsync(file.fileno())
                self.report.bytes = self._partial.stat().st_size
                self._partial.replace(self._path)
            except OSError as error:
                raise self._failure(error.strerror or str(error)) from None
        except BaseException:
            self.discard()
            raise
        self._done = True
        self._note_losses()
        return self.report

    def discard(self) -> None:
        """Stops and leaves nothing behind."""
        if self._done:
            return
        self._done = True
        if getattr(self, "_out", None) is not None:
            self._out.close()
            last_error(self._out)
        self._partial.unlink(missing_ok=True)

    def _check_place(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.is_dir():
                raise WriteError(f"cannot write {self._path}: it is a folder; name a file")
            with self._partial.open("wb"):
                pass
            self._partial.unlink()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise WriteError(f"cannot write {self._path}: {reason}; choose a folder that can be written to") from None

    def _check_values(self, band: FloatArray) -> None:
        low, high = float(band.min()), float(band.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            self.discard()
            raise WriteError(f"cannot write {self._path}: the picture holds NaN or Inf; nothing was written")
        self._low = min(self._low, float(band[..., :3].min()))
        self.report.peak = max(self.report.peak, float(band[..., :3].max()))
        if self._target.depth != "half":
            return
        ceiling = _DWA_CEILING if self._target.compression.startswith("dwa") else HALF_MAX
        if max(high, -low) > ceiling:
            self.discard()
            raise HalfOverflow(
                f"cannot write {self._path} as half: {max(high, -low):.6g} is above {ceiling:.6g}; use float"
            )

    def _encode(self, band: FloatArray) -> npt.NDArray[Any]:
        if self._target.depth == "half":
            return band.astype(np.float16)
        if self._target.depth == "uint16":
            scaled = np.clip(band, 0.0, 1.0) * np.float32(65535.0)
            codes: npt.NDArray[Any] = np.rint(scaled).astype(np.uint16)
            return codes
        return _rounded_rgbe(band) if self._target.format == "hdr" else band

    def _verify(self) -> None:
        """The library does not report a failed last write: the file must open and give its last rows.

        DWA is read whole, since what its loss does to a lamp shows only there.
        """
        lossy = self._target.compression.startswith("dwa")
        image = OpenImageIO.ImageInput.open(str(self._partial))
        if image is None:
            raise self._failure(last_error())
        try:
            spec = image.spec()
            first = 0 if lossy else max(spec.height - 1, 0)
            for y in range(first, spec.height, _BAND_ROWS):
                rows = (spec.y + y, spec.y + min(y + _BAND_ROWS, spec.height))
                band = image.read_scanlines(*rows, spec.z, 0, spec.nchannels, spec.format)
                if band is None:
                    raise self._failure(last_error(image))
                if lossy and not np.isfinite(band).all():
                    raise HalfOverflow(f"cannot write {self._path}: DWA turned a value into Inf; use float")
        finally:
            image.close()
            last_error(image)

    def _failure(self, message: str) -> WriteError:
        try:
            free = f"{shutil.disk_usage(self._path.parent).free / 1e6:.0f} MB free"
        except OSError:
            free = "folder not reachable"
        reason = message.replace(str(self._partial), self._path.name) or "the file is incomplete"
        return WriteError(f"cannot write {self._path}: {reason} ({free}); check the disk's space and quota")

    def _note_losses(self) -> None:
        if self._target.depth == "uint16" and (self.report.peak > 1.0 or self._low < 0.0):
            self.report.warnings.append(
                f"{self._path.name}: 16-bit TIFF keeps 0 to 1 only, "
                f"values up to {self.report.peak:.4g} were clipped; write EXR or a float TIFF to keep them"
            )
        if self._target.format == "hdr" and self._low < 0.0:
            self.report.warnings.append(f"{self._path.name}: Radiance HDR has no negative values; they became 0")


def _rounded_rgbe(band: FloatArray) -> FloatArray:
    """The nearest values that a shared exponent holds exactly (the library's writer truncates)."""
    largest = np.maximum(band, 0.0).max(axis=-1, keepdims=True)
    _, exponent = np.frexp(largest)
    step = np.ldexp(np.float32(1.0), np.clip(exponent - 8, -126, None))
    step = np.where(np.rint(largest / step) > 255, step * 2, step)  # rounding up may need the next exponent
    rounded: FloatArray = np.rint(np.maximum(band, 0.0) / step) * step
    return rounded
