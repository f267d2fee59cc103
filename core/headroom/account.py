"""What was found and done, as plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from headroom.blend import Band
from headroom.colour.plan import ColourPlan, describe
from headroom.curve import EstimatedCurve
from headroom.encode import Encoder
from headroom.engine.run import Runner
from headroom.options import Options
from headroom.plate import Plate
from headroom.weights import Card

__all__ = ["Tally", "report_of"]

DISAGREES_STOPS = 0.3
"""A curve further than this from the stated one is worth a word."""


@dataclass
class Tally:
    """Sums over the bands of a plate."""

    masked: int = 0
    gain_peak: float = 0.0
    gain_sum: float = 0.0
    confidence_sum: float = 0.0
    peak: float = 0.0
    repaired: int = 0

    def add(self, band: Band) -> None:
        """Count a band; values that are not finite are set to 0 in it."""
        bad = ~np.isfinite(band.pixels)
        if bad.any():
            self.repaired += int(bad.sum())
            band.pixels[bad] = 0
        touched = band.mask > 0
        self.masked += int(touched.sum())
        self.peak = max(self.peak, float(band.pixels.max()))
        if touched.any():
            self.gain_peak = max(self.gain_peak, float(band.gain_stops.max()))
            self.gain_sum += float(band.gain_stops[touched].sum(dtype=np.float64))
            self.confidence_sum += float(band.confidence[touched].sum(dtype=np.float64))


def report_of(
    card: Card,
    runner: Runner,
    plate: Plate,
    colour: ColourPlan,
    encoder: Encoder,
    estimate: EstimatedCurve,
    options: Options,
    tally: Tally,
    passed_through: bool,
) -> dict[str, Any]:
    """Model, options, spaces, clip, gain, curve and warnings of a finished plate, ready for JSON."""
    disagreement = estimate.disagreement_stops
    warnings = [*plate.warnings, *colour.warnings]
    if passed_through:
        warnings.append(
            f"{plate.name}: linear input reaches {encoder.clip.peak:.3g}, so its highlights are there already; "
            "passed through (--clip-level reconstructs above a level of your choice)"
        )
    surely_other = not estimate.keeps_stated and disagreement > DISAGREES_STOPS
    if options.curve == "declared" and colour.kind == "display" and surely_other:
        warnings.append(
            f"{plate.name}: the picture looks as if its curve differs from {colour.from_space} by "
            f"{disagreement:.2f} stops; --curve estimate would use what the network sees"
        )
    if tally.repaired:
        warnings.append(f"{plate.name}: {tally.repaired} values that were not finite were set to 0")
    return {
        "model": card.name,
        "model_version": card.version,
        "weights_sha256": card.sha256,
        "device": str(runner.device),
        "precision": runner.precision,
        "options": asdict(options),
        "colour": describe(colour),
        "width": plate.width,
        "height": plate.height,
        "clip_level": encoder.clip.code,
        "clip_level_source": encoder.clip.source,
        "clipped_share": encoder.clip.clipped_share,
        "masked_share": tally.masked / (plate.width * plate.height),
        "passed_through": passed_through,
        "gain_stops_peak": tally.gain_peak,
        "gain_stops_mean": tally.gain_sum / max(tally.masked, 1),
        "confidence_mean": tally.confidence_sum / max(tally.masked, 1) if tally.masked else 1.0,
        "peak": tally.peak,
        "curve": {
            "asked": options.curve,
            "looked_at": runner.contract.curve,
            "used": "declared" if estimate.keeps_stated else options.curve,
            "origin": plate.origin,
            "stated_probability": estimate.stated_probability,
            "disagreement_stops": disagreement,
            "expected_error_stops": estimate.error_stops,
        },
        "warnings": warnings,
    }
