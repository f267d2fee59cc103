"""What is random about a staged bracket, and within which ranges. Pixels are those of a frame 384 wide."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WIDTH_PX", "Staging"]

WIDTH_PX = 384.0
"""Lengths in pixels below are for a frame of this width and go with it."""


@dataclass(frozen=True, kw_only=True)
class Staging:
    """Ranges are (least, most), uniform unless said."""

    # -- what is seen
    view_degrees: tuple[float, float] = (90.0, 115.0)
    """Horizontal field of view of 384 pixels: at 100 degrees a lat-long of 1024 columns is seen pixel for pixel."""
    pitch_degrees: float = 18.0
    """Standard deviation of where the camera looks up or down."""
    white_balance_std: float = 0.0
    """Standard deviation of the log channel gains of the scene's light."""
    saturation: tuple[float, float] = (1.0, 1.0)

    # -- exposure
    ev_stops: tuple[tuple[float, ...], ...] = (
        (-2.0, 0.0, 2.0),
        (-3.0, 0.0, 3.0),
        (-2.0, 0.0, 3.0),
        (-3.0, 0.0, 2.0),
        (-1.5, 0.0, 1.5),
    )
    """Of three frames; the reference is at 0. Other numbers of frames take steps of 2 or 3 stops."""
    clipped_share: tuple[float, float] = (0.02, 0.2)
    """Of the reference's pixels, log-uniform."""

    # -- the hand
    tripod_share: float = 0.25
    shake_px: float = 5.0
    """Standard deviation of the shift from one frame to the next, each way; from a turn of the camera."""
    roll_degrees: float = 0.5
    zoom: float = 0.004
    parallax_px: tuple[float, float] = (0.0, 5.0)
    """What near and far move apart from one frame to the next."""

    # -- what moves
    movers: tuple[int, int] = (1, 4)
    mover_px: tuple[float, float] = (7.0, 60.0)
    """Radius, log-uniform."""
    mover_stops: tuple[float, float] = (-3.0, 3.5)
    """Its light above the median of the scene's."""
    step_px: tuple[float, float] = (3.0, 40.0)
    """Its way between frames; and below that for ``slow_share`` of them."""
    slow_share: float = 0.2
    lamp_share: float = 0.12
    """Movers that are light sources."""
    lamp_stops: tuple[float, float] = (0.5, 5.0)
    """Above the reference's white."""
    flutter_share: float = 0.2
    """Movers that are a part of the scene that sways, as leaves and water do."""
    flutter_px: tuple[float, float] = (1.5, 10.0)

    # -- the camera
    srgb_share: float = 0.5
    gamma_share: float = 0.1
    """Of the responses; the rest are drawn from measured cameras (EMoR)."""
    shot_noise: tuple[float, float] = (0.002, 0.025)
    """Standard deviation at the frame's white, log-uniform: wells of 1,600 to 250,000 electrons."""
    read_noise: tuple[float, float] = (0.0002, 0.003)
    bits: int = 8
