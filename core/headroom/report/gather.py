"""What a report holds, gathered a frame at a time; only one frame's pixels are in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, BinaryIO

from headroom.errors import PlateError
from headroom.report.facts import notes_of, number_rows
from headroom.report.frame import About, Frame, open_frame
from headroom.report.measure import Measures
from headroom.report.pictures import Embedded, PictureWriter
from headroom.report.shrink import block_of
from headroom.report.sources import Pair
from headroom.report.spaces import Spaces

__all__ = ["Gathered"]

KNOWN_BY_NUMBERS = "belong to no known space"
"""The reader's warning about chromaticities without a name; the report uses their numbers, so that it does not hold."""


@dataclass
class Gathered:
    """The frames so far."""

    pair: Pair
    spaces: Spaces
    pictured: set[int]
    """Frames that go into the page as pictures."""
    most_px: int | None
    spool: BinaryIO
    """Takes the encoded pictures."""
    frames: list[int] = field(default_factory=list)
    measures: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[Embedded] = field(default_factory=list)
    abouts: list[About] = field(default_factory=list)
    """Of the pictures."""
    notes: dict[str, list[int]] = field(default_factory=dict)
    """Warnings, each with the frames it is about."""
    failed: list[str] = field(default_factory=list)
    """Why frames are missing."""
    owed: int = 0
    """Pictures whose frames could not be read: the next good frames stand in for them."""

    def add(self, number: int) -> None:
        """Measures a frame; one of a shot that cannot be read is named and left out."""
        try:
            frame = self._open(number)
            measures, picture = self._measured(frame, number in self.pictured or self.owed > 0)
        except PlateError as error:
            if not self.pair.is_shot:
                raise
            self.failed.append(str(error))
            self.owed += number in self.pictured
            return
        about = frame.about
        self.frames.append(number)
        self.measures.append(measures)
        if picture is not None:
            picture.spec |= {"measures": measures, "rows": number_rows(measures)}
            self.owed -= number not in self.pictured
            self.pictures.append(picture)
            self.abouts.append(about)
        read = [*frame.result.warnings, *(frame.plate.warnings if frame.plate is not None else ())]
        for note in (*notes_of(measures, about), *read):
            if KNOWN_BY_NUMBERS not in note:
                self.notes.setdefault(note, []).append(number)

    def _open(self, number: int) -> Frame:
        result = self.pair.result.read(number)
        plate = None if self.pair.plate is None else self.pair.plate.read(number)
        return open_frame(result, plate, self.spaces)

    def _measured(self, frame: Frame, pictured: bool) -> tuple[dict[str, Any], Embedded | None]:
        about = frame.about
        block = block_of(about.width, about.height, self.most_px)
        measures = Measures()
        writer = PictureWriter(frame, block, frame.peak_bound(), self.spool) if pictured else None
        for band in frame.bands(block):
            measures.add(band)
            if writer is not None:
                writer.add(band)
        share = None if about.clip is None else about.clip.clipped_share
        told = measures.as_dict(clipped_share=share, has_gain=about.gain_from is not None)
        return told, None if writer is None else writer.close()
