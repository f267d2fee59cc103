"""The measures of a report: name in the records, title, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["COLUMNS", "Column"]


@dataclass(frozen=True)
class Column:
    """One measure."""

    name: str
    title: str
    better: Literal["higher", "lower", "nearer 0", "nearer 1"]
    digits: int = 2

    def merit(self, value: float) -> float:
        """The value so that lower or higher is better: the distance from 0 or 1 where those are best."""
        if self.better == "nearer 0":
            return abs(value)
        return abs(value - 1.0) if self.better == "nearer 1" else value


COLUMNS = (
    Column("pu21_psnr", "PU21-PSNR dB", "higher"),
    Column("pu21_psnr_y", "PU21-PSNR Y dB", "higher"),
    Column("pu21_ssim", "PU21-SSIM", "higher", 4),
    Column("jod", "JOD", "higher"),
    Column("clip_rmse", "log2 RMSE in clip", "lower"),
    Column("clip_bias", "bias in clip", "nearer 0"),
    Column("clip_spread", "spread in clip", "lower"),
    Column("outside_rmse", "log2 RMSE outside", "lower", 3),
    Column("corrected_pu21_psnr", "PU21-PSNR corrected", "higher"),
    Column("corrected_pu21_ssim", "PU21-SSIM corrected", "higher", 4),
    Column("mu_psnr", "mu-law PSNR dB", "higher"),
    Column("linear_psnr", "linear PSNR dB", "higher"),
    Column("light_diffuse", "lighting diffuse", "lower", 3),
    Column("light_glossy", "lighting glossy", "lower", 3),
    Column("light_energy", "energy ratio", "nearer 1", 3),
    Column("light_energy_clipped", "energy ratio in clip", "nearer 1", 3),
    Column("light_direction_degrees", "direction deg", "lower", 1),
)
