"""From a plate to its file: the colour plan, the writer, and what decides the result. One for all files of a job."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import headroom
from headroom import io
from headroom.blend import Band
from headroom.colour.lut import through_lut
from headroom.colour.ocio import load_config
from headroom.colour.plan import ColourPlan
from headroom.colour.plan import plan as plan_colour
from headroom.errors import PlateError
from headroom.io.targets import Depth
from headroom.jobs.record import digest_of_file, header_attributes
from headroom.jobs.settings import Settings
from headroom.plate import Plate
from headroom.reconstruct import Reconstructor

__all__ = ["Conversion", "check_names", "write_band"]


class Conversion:
    """Settings, colour config and a loaded model.

    Making one checks what concerns every file (config, spaces, model, device) and raises if it is wrong.
    """

    def __init__(self, settings: Settings, loaded: Reconstructor | None = None) -> None:
        """``loaded``: made before from the same model, device, precision and memory."""
        self.settings = settings
        self.config = load_config(settings.ocio_config)
        plan = plan_colour(None, frm=settings.from_space, to=settings.to_space, config=self.config)
        if settings.lut is not None:
            through_lut(plan, settings.lut)
        self.reconstructor = loaded or Reconstructor(
            settings.model,
            device=settings.device,
            precision=settings.precision,
            memory_bytes=settings.memory_bytes,
        )
        self.reconstructor.check(settings.options)

    def colour_of(self, plate: Plate) -> ColourPlan:
        """How this plate's codes become light."""
        plan = plan_colour(
            plate.space,
            frm=self.settings.from_space,
            to=self.settings.to_space,
            config=self.config,
            is_float=plate.is_float,
            bits=plate.bits,
        )
        return plan if self.settings.lut is None else through_lut(plan, self.settings.lut)

    def shaping(self) -> dict[str, Any]:
        """What decides a result's pixels and file, beside its sources."""
        chosen = self.settings
        return {
            "version": headroom.__version__,
            "model": chosen.model,
            "weights": self.reconstructor.card.sha256,
            "precision": self.reconstructor.runner.precision,
            "from": chosen.from_space,
            "to": chosen.to_space,
            "config": self.config.cache_id,
            "lut": digest_of_file(chosen.lut) if chosen.lut else None,
            "part": chosen.part,
            "options": asdict(chosen.options),
            "channels": [chosen.mask, chosen.gain],
            "depth": chosen.depth,
            "compression": chosen.compression,
        }

    def open_writer(
        self,
        target: Path,
        plate: Plate,
        colour: ColourPlan,
        depth: Depth,
        marks: dict[str, str],
        *,
        owner: str | None = None,
    ) -> io.Writer:
        """A writer with this plate's size, windows and metadata, and a header that says what made it."""
        chosen = self.settings
        attributes = header_attributes(self.reconstructor.card, colour, chosen.options, plate.path, plate.frame)
        return io.open_writer(
            target,
            plate.width,
            plate.height,
            depth=depth,
            compression=chosen.compression,
            alpha=plate.alpha is not None,
            mask=chosen.mask,
            gain=chosen.gain,
            chromaticities=colour.chromaticities,
            attributes={**attributes, **marks},
            metadata=plate.metadata,
            data_window=plate.data_window,
            display_window=plate.display_window,
            keep_glow=plate.premultiplied,
            owner=owner,
        )


def write_band(writer: io.Writer, band: Band, plate: Plate, settings: Settings) -> None:
    """The next rows, with the plate's alpha and the channels that were asked for."""
    writer.write_rows(
        band.y0,
        band.pixels,
        alpha=plate.alpha_rows(band.y0, band.y0 + len(band.pixels)),
        mask=band.mask if settings.mask else None,
        gain=band.gain_stops if settings.gain else None,
    )


def check_names(*paths: Path) -> None:
    """Refuses names that the image libraries cannot take."""
    for path in paths:
        shown = str(path).encode("utf-8", "backslashreplace").decode()
        if shown != str(path):
            raise PlateError(f"{shown}: the name is not UTF-8, which the image libraries need; rename it")
