"""What keeps the frames of a real, static stack from their merge: noise, or what the camera did from place to place?

    python benchmarks/bracket_residuals.py STACKS/room_static

The frames are compared with the merge as ``headroom evaluate --stacks`` does it; then each frame's median difference is
taken away, by place (squares of 32 pixels), by hue, or by level. Noise stays as it was. What one response curve for
the whole frame and all hues cannot say goes with the medians.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from headroom.bracket.align import align
from headroom.bracket.classical import merge_inverse_variance
from headroom.bracket.noise import measured_noise, placement_variance
from headroom.bracket.response_adapt import exposed_as
from headroom.bracket.response_find import find_response
from headroom.evaluate.brackets.stacks import read_stack

PLACE_PX = 32
LEAST = 60
HUES = ((0, 0.3), (0.3, 0.45), (0.45, 0.6), (0.6, 0.8), (0.8, 1.25), (1.25, np.inf))
"""Green over red, and blue over red."""


def main(place: Path) -> None:
    bracket, colour = read_stack(place)
    response = find_response("emor", [bracket], colour)
    bracket = exposed_as(bracket, response.offsets_stops, response.offsets_sigma)
    aligned = align(bracket, response.decode)
    noise = measured_noise(aligned)
    frames = aligned.window(0, aligned.height)
    merged = merge_inverse_variance(frames, bracket.exposures, bracket.reference, noise, shares=True)
    light, shares = np.maximum(merged.radiance, 1e-6), merged.shares
    assert shares is not None
    exposures = bracket.exposures.astype(np.float32)
    variances = [noise.variance(light * e) / e**2 + placement_variance(light, f.placed_px)
                 for f, e in zip(frames, exposures, strict=True)]  # fmt: skip
    held = np.sum([share**2 * variance for share, variance in zip(shares, variances, strict=True)], axis=0)
    black = np.maximum(aligned.black, np.float32(0.0025))
    good = [((f.clipped.max(axis=2) == 0) & (f.valid > 0.99))[..., None] & (np.minimum(light * e, f.linear) > black)
            for f, e in zip(frames, exposures, strict=True)]  # fmt: skip
    shared = np.sum(good, axis=0) >= 2
    inside: dict[str, int] = {}
    samples, red = 0, []
    for k, (frame, e) in enumerate(zip(frames, exposures, strict=True)):
        mine = good[k] & shared
        off = (frame.linear / e - light) / light
        sigma = np.sqrt(np.maximum(held + (1 - 2 * shares[k]) * variances[k], 1e-3 * variances[k])) / light
        samples += int(mine.sum())
        for name, groups in (("as it is", []), ("by level", levels(light * e)), ("by hue", hues(light)),
                             ("by place", places(light.shape))):  # fmt: skip
            left = off.copy()
            for group in groups:
                for channel in range(3):
                    at = (*group, channel) if isinstance(group, tuple) else (group, channel)
                    known = mine[at]
                    if known.sum() >= LEAST:
                        left[at] -= np.median(off[at][known])
            inside[name] = inside.get(name, 0) + int((np.abs(left / sigma)[mine] <= 2).sum())
        red.append([
            f"{np.log2(1 + np.median(off[..., 0][at])):+.3f}" if (at := group & mine[..., 0]).sum() >= LEAST else "-"
            for group in by_ratio(light)
        ])  # fmt: skip
    print(f"{place.name}: within two sigma of {samples:,} samples, each frame's medians taken away:")
    for name, count in inside.items():
        print(f"  {name}: {100 * count / samples:.1f} %")
    print("  red, stops from the merge, by green over red " + ", ".join(f"{a:g}..{b:g}" for a, b in HUES))
    for stops, row in zip(bracket.ev_stops, red, strict=True):
        print(f"    {stops:+.2f} EV: {' '.join(row)}")


def places(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    for y in range(0, shape[0], PLACE_PX):
        for x in range(0, shape[1], PLACE_PX):
            yield slice(y, y + PLACE_PX), slice(x, x + PLACE_PX)


def levels(light: np.ndarray) -> Iterator[np.ndarray]:
    level = np.floor(2 * np.log2(light.mean(axis=2))).astype(int)
    for value in np.unique(level):
        yield level == value


def by_ratio(light: np.ndarray, channel: int = 1) -> list[np.ndarray]:
    ratio = light[..., channel] / light[..., 0]
    return [(ratio >= low) & (ratio < high) for low, high in HUES]


def hues(light: np.ndarray) -> Iterator[np.ndarray]:
    for green in by_ratio(light):
        for blue in by_ratio(light, 2):
            yield green & blue


if __name__ == "__main__":
    main(Path(sys.argv[1]))
