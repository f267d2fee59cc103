"""The measures of merged brackets: name in the records, title, and which way is better."""

from __future__ import annotations

from headroom.evaluate.columns import Column

__all__ = ["COLUMNS"]

COLUMNS = (
    Column("mu_psnr", "mu-PSNR dB", "higher"),
    Column("mu_psnr_moving", "mu-PSNR in motion dB", "higher"),
    Column("mu_psnr_rest", "mu-PSNR elsewhere dB", "higher"),
    Column("linear_psnr", "linear PSNR dB", "higher"),
    Column("pu21_psnr", "PU21-PSNR dB", "higher"),
    Column("jod", "JOD", "higher"),
    Column("ghost", "ghosts, stops", "lower", 3),
    Column("ghost_clip", "motion over clipped, stops", "lower", 3),
    Column("log_rmse", "log2 RMSE", "lower", 3),
    Column("clip_rmse", "log2 RMSE, reference clipped", "lower", 3),
    Column("burnt_rmse", "log2 RMSE, all clipped", "lower", 3),
    Column("dark_rmse", "log2 RMSE, reference dark", "lower", 3),
)
"""Stops are log2 RMSE. *ghost*: moving areas that the reference frame recorded; *clip*: samples above its white."""
