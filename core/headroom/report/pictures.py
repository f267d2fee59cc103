"""The frames that the page holds as pictures: pixels encoded, a thumbnail for the strip."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from headroom.colour.curves import srgb_encode
from headroom.plate import FloatArray
from headroom.report.codec import GAIN_LIMIT_STOPS, GAIN_STEPS, MASK_STEPS, Layer, LogCode, RowEncoder
from headroom.report.frame import Band, Frame
from headroom.report.shrink import shrink

__all__ = ["Embedded", "PictureWriter"]

THUMB_PX = 240
SHIFTED_CODES = 4096


@dataclass
class Embedded:
    """A picture in the page."""

    spec: dict[str, Any]
    """What the page needs to unpack it."""
    offset: int
    length: int
    """Where its deflated rows lie in the spool."""


class PictureWriter:
    """Takes a frame's bands and writes its encoded rows to the spool."""

    def __init__(self, frame: Frame, block: int, peak: float, spool: BinaryIO) -> None:
        """``peak``: no light of the frame, of either sign, is above it."""
        self._about, self._block, self._spool = frame.about, block, spool
        self._log = LogCode.up_to(peak)
        about = frame.about
        self._width, self._height = -(-about.width // block), -(-about.height // block)
        self._offset = spool.tell()
        table = None
        layers = [Layer("hdr", 3, 2)]
        if frame.plate is not None:
            layers = [Layer("ldr", 3, 2), Layer("hdr", 3, 2, "ldr")]
            if about.code_bytes:
                entries = 256 if about.code_bytes == 1 else SHIFTED_CODES
                table = self._log.encode(frame.spaces.light_of_greys(entries)[:, 1])
                layers = [Layer("code", 3, about.code_bytes), Layer("ldr", 3, 2, "code"), layers[1]]
        layers.append(Layer("mask", 1, 1))
        if about.gain_from is not None:
            layers.append(Layer("gain", 1, 2))
        self._table = table
        self._rows = RowEncoder(tuple(layers), self._width, spool, table=table)
        self._thumb_step = max(1, -(-max(self._width, self._height) // THUMB_PX))
        self._thumb: list[FloatArray] = []

    def add(self, band: Band) -> None:
        """The next rows; a band's height is a multiple of the block, but for the last one."""
        hdr = shrink(band.hdr, self._block)
        values = {"hdr": self._log.encode(hdr), "mask": np.rint(shrink(band.mask, self._block) * MASK_STEPS)}
        if band.ldr is not None:
            values["ldr"] = self._log.encode(shrink(band.ldr, self._block))
        if band.codes is not None:
            values["code"] = np.rint(shrink(band.codes.astype(np.float32), self._block))
        if band.gain is not None:
            gain = np.clip(shrink(band.gain, self._block), -GAIN_LIMIT_STOPS, GAIN_LIMIT_STOPS)
            values["gain"] = np.rint(gain * GAIN_STEPS)
        first = -self._rows.rows % self._thumb_step
        self._thumb.append(hdr[first :: self._thumb_step, :: self._thumb_step])
        self._rows.add({name: value.astype(np.int32) for name, value in values.items()})

    def close(self) -> Embedded:
        """The finished picture."""
        self._rows.close()
        about = self._about
        table = None if self._table is None else base64.b64encode(self._table.astype("<i2").tobytes()).decode()
        thumb = np.concatenate(self._thumb)
        spec = {
            "frame": about.number,
            "id": f"pixels-{0 if about.number is None else about.number}",
            "width": self._width,
            "height": self._height,
            "block": self._block,
            "steps": self._log.steps,
            "error": self._log.relative_error,
            "layers": [layer.as_dict() for layer in self._rows.layers],
            "table": table,
            "bits": about.code_bits,
            "code_bytes": about.code_bytes,
            "thumb": _jpeg(thumb),
            "thumb_width": thumb.shape[1],
            "thumb_height": thumb.shape[0],
        }
        return Embedded(spec, self._offset, self._spool.tell() - self._offset)


def _jpeg(light: FloatArray) -> str:
    """Linear Rec.709 as a small JPEG in a data address, clipped at white as a screen would."""
    codes = np.rint(255 * srgb_encode(np.clip(light, 0, 1))).astype(np.uint8)
    packed = BytesIO()
    Image.fromarray(codes).save(packed, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(packed.getvalue()).decode()
