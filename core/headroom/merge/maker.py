"""A stack that was read becomes a picture in the output space: what the job writes, and scripts get in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from headroom.bracket.continuation import go_on
from headroom.bracket.mergers import Merger, merger
from headroom.bracket.reading import Exposing, read_plates, shared_white_balance
from headroom.bracket.response_adapt import exposed_as
from headroom.bracket.shot import read_shot, shot_of
from headroom.colour.ocio import Config
from headroom.io.raw import CAMERA_MATRIX
from headroom.merge.group import Common, Prepared, response_of, settle
from headroom.merge.picture import Made, Picture, Tick, merge_bracket
from headroom.merge.record import attributes_of, facts_of
from headroom.merge.request import Merging, Request
from headroom.plate import FloatArray, Plate, Reconstruction
from headroom.reconstruct import Reconstructor

__all__ = ["PictureMaker", "finished", "merge_frames"]

BAND_PIXELS = 1 << 21


@dataclass
class PictureMaker:
    """A method and its networks, loaded, for many stacks."""

    merging: Merging
    merger: Merger = field(init=False)
    _reconstructor: Reconstructor | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Load the method; the network that continues is loaded where a stack needs it."""
        self.merger = merger(self.merging.method, device=self.merging.device, precision=self.merging.precision)

    def __call__(self, prepared: Prepared, common: Common, tick: Tick) -> Made:
        """The picture of a stack that was read."""
        merging = self.merging
        response, notes = common.response, list(common.notes)
        if response is None:
            response, notes = response_of([prepared], merging.response, self.reconstructor)
        bracket = prepared.bracket
        if common.response is None:
            bracket = exposed_as(bracket, response.offsets_stops, response.offsets_sigma)
        tick("read", 1.0)
        picture = merge_bracket(
            bracket, response, merging, self.merger, tick, self._go_on if merging.goes_on else None
        )  # fmt: skip
        scale = 1.0
        if common.zero_stops is not None and prepared.exposed.zero_stops is not None:
            scale = 2.0 ** (common.zero_stops - prepared.exposed.zero_stops)
        warnings = [*bracket.notes, *notes, *picture.warnings]
        return Made(picture=picture, bracket=bracket, response=response, scale=scale, warnings=warnings)

    def reconstructor(self) -> Reconstructor:
        """The single-image network, loaded once."""
        merging = self.merging
        if self._reconstructor is None:
            self._reconstructor = Reconstructor(
                merging.model, device=merging.device, precision=merging.precision, memory_bytes=merging.memory_bytes
            )
        return self._reconstructor

    def _go_on(self, picture: Picture, darkest: float, white: float, tick: Tick) -> dict[str, Any]:
        reconstructor = self.reconstructor()
        found = go_on(
            picture.radiance, picture.unrecorded, darkest, reconstructor, white=white,
            progress=lambda share: tick("go on", share), cancelled=tick.cancelled,
        )  # fmt: skip
        return {**found, "model_version": reconstructor.card.version}


def finished(prepared: Prepared, made: Made) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    """Bands of rows: their first, pixels in the output space (finite), and how little of them was recorded."""
    bracket, colour = prepared.bracket, prepared.colour
    rows = max(1, BAND_PIXELS // bracket.width)
    # A log or HDR plate's code 1.0 stands for more than 1.0: its own scale is kept, as everywhere.
    white = made.response.white
    matrix = bracket.plates[bracket.reference].metadata.get(CAMERA_MATRIX)
    to_rec709 = None if matrix is None else np.asarray(matrix, np.float32).reshape(3, 3).T
    repaired = 0
    for y0 in range(0, bracket.height, rows):
        light = made.picture.radiance[y0 : y0 + rows] * np.float32(white * made.scale)
        pixels = colour.from_lin709(light if to_rec709 is None else light @ to_rec709)
        bad = ~np.isfinite(pixels)
        if bad.any():
            repaired += int(bad.sum())
            pixels = np.where(bad, np.float32(0), pixels)
        yield y0, pixels, made.picture.unrecorded[y0 : y0 + rows].clip(0, 1)
    if repaired:
        made.warnings.append(f"{bracket.name}: {repaired} values that were not finite were set to 0")


def merge_frames(
    frames: Sequence[str | Path | Plate], *, ev: Sequence[float] | None, estimate_ev: bool, frm: str | None,
    to: str | None, config: Config, **merging: Any,
) -> Reconstruction:  # fmt: skip
    """`headroom.merge`."""
    request = Request(
        inputs=(), output=Path("merge.exr"), merging=Merging(**merging), from_space=frm, to_space=to,
        exposing=Exposing(ev_stops=None if ev is None else tuple(ev), estimate=estimate_ev),
    )  # fmt: skip
    maker = PictureMaker(request.merging)
    shots = [shot_of(frame) if isinstance(frame, Plate) else read_shot(Path(frame)) for frame in frames]
    given = [frame if isinstance(frame, Plate) else None for frame in frames]
    plates, notes = read_plates(shots, shared_white_balance(shots), given=given)
    prepared = settle(shots, plates, notes, request, config)
    made = maker(prepared, Common(), Tick(lambda: False, prepared.bracket.name))
    bands = list(finished(prepared, made))
    pixels, mask = (np.concatenate([band[k] for band in bands]) for k in (1, 2))
    facts = facts_of(request, prepared, made, maker.merger)
    return Reconstruction(
        pixels=pixels, mask=mask, gain_stops=np.zeros_like(mask),
        plate=prepared.bracket.plates[prepared.bracket.reference], space=prepared.colour.to_space,
        chromaticities=prepared.colour.chromaticities,
        report={**facts, "header": attributes_of(request, prepared, made, maker.merger)},
    )  # fmt: skip
