"""What travels through a merge: one frame of a bracket as seen from the reference, and the merged light."""

from __future__ import annotations

from dataclasses import dataclass

from headroom.plate import FloatArray

__all__ = ["FrameRows", "Merged"]


@dataclass(frozen=True)
class FrameRows:
    """A window of one frame, resampled to where the reference frame sees things."""

    linear: FloatArray
    """(h, w, 3) linear light in the frame's own exposure, 1.0 is its white; not clamped."""
    clipped: FloatArray
    """(h, w, 3) 0..1 how clipped (``headroom.clipping.soft_mask``); conservative where samples were mixed."""
    valid: FloatArray
    """(h, w) 0..1: 1 inside the overlap and seen, 0 outside or hidden. 1 everywhere in the reference frame."""
    placed_px: float = 0.0
    """Standard deviation, to each side, of where resampled samples come from; 0 where none was."""
    spoiled: float = 0.0
    """Share of its light by which a sample may be off that clipped (times how far it did): a JPEG's; 0: as it says."""

    def crop(self, y0: int, y1: int, x0: int, x1: int) -> FrameRows:
        """A part of the window, in its own coordinates; views, not copies."""
        part = (slice(y0, y1), slice(x0, x1))
        return FrameRows(self.linear[part], self.clipped[part], self.valid[part], self.placed_px, self.spoiled)


@dataclass(frozen=True)
class Merged:
    """Light in the reference frame's exposure: 1.0 is the reference's white."""

    radiance: FloatArray
    """(h, w, 3) linear, not clamped, finite."""
    doubt: FloatArray
    """(h, w) 0..1 how little the frames recorded there: 1 is clipped in every usable frame."""
    shares: tuple[FloatArray, ...] | None = None
    """Of a weighted mean that was asked for them: (h, w, 3) each frame's share in the light, 1 together."""

    def crop(self, y0: int, y1: int, x0: int, x1: int) -> Merged:
        """A part of the window, in its own coordinates; views, not copies."""
        return Merged(self.radiance[y0:y1, x0:x1], self.doubt[y0:y1, x0:x1])
