"""Sheets of small labelled pictures for docs/gallery: exposure ladders, false colour, contact sheets.

One fixed view for all light: times 2^stops, cut to 0..1, sRGB's curve. No tone mapping: what is white on the page is
at or above display white at that exposure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from headroom.colour.curves import srgb_encode
from headroom.plate import FloatArray

WIDTH = 1500
CELLS_LEAST = 4
"""A row with fewer is not stretched over the whole width."""
GAP, LABEL_PX, FONT_PX = 4, 20, 14
QUALITY = 85
INK, PAPER = (20, 20, 20), (255, 255, 255)
FRAME = (255, 70, 40)
BAR_PX = (110, 9)

Picture = npt.NDArray[np.uint8]
Window = tuple[float, float, float, float]
"""x0, y0, x1, y1, 0..1 of the picture's size."""


@dataclass(frozen=True)
class Cell:
    """One picture of a sheet and what stands above it."""

    label: str
    picture: Picture
    """(H, W, 3)"""
    bar: tuple[str, str, str] | None = None
    """Name of the colour map, and what its ends stand for."""
    outlined: Window | None = None
    """A frame drawn into it."""


def seen(light: FloatArray, stops: float = 0.0) -> Picture:
    """(H, W, 3) linear light as the page shows it."""
    return np.rint(srgb_encode((light * np.float32(2.0**stops)).clip(0, 1)) * 255).astype(np.uint8)


def coloured(values: FloatArray, low: float, high: float, name: str) -> Picture:
    """(H, W) values low..high in a colour map of matplotlib's."""
    scaled = ((values - low) / (high - low)).clip(0, 1)
    return np.rint(mpl.colormaps[name](scaled)[..., :3] * 255).astype(np.uint8)


def busiest(weight: FloatArray, share: float) -> Window:
    """The window of ``share`` of both sides that holds most of (H, W) ``weight``; of equals the most central one."""
    height, width = weight.shape
    rows, columns = max(1, round(height * share)), max(1, round(width * share))
    sums = np.pad(weight.astype(np.float64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    held = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
    y, x = np.mgrid[: held.shape[0], : held.shape[1]]
    apart = np.hypot(y - (held.shape[0] - 1) / 2, x - (held.shape[1] - 1) / 2) / max(held.shape)
    top, left = np.unravel_index(int((held - 1e-6 * apart).argmax()), held.shape)
    return float(left) / width, float(top) / height, float(left + columns) / width, float(top + rows) / height


def cut(picture: Any, window: Window) -> Any:
    """The window of (H, W) or (H, W, 3)."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = window
    return picture[round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)]


def save_sheet(rows: Sequence[Sequence[Cell]], path: Path) -> None:
    """Rows of cells, all of a row of one width, as a JPEG of ``WIDTH`` pixels."""
    font = ImageFont.load_default(FONT_PX)
    placed: list[tuple[int, int, int, int, Cell]] = []
    y = 0
    for row in rows:
        count = max(len(row), CELLS_LEAST)
        width = (WIDTH - GAP * (count - 1)) // count
        height = max(round(width * cell.picture.shape[0] / cell.picture.shape[1]) for cell in row)
        for number, cell in enumerate(row):
            own = round(width * cell.picture.shape[0] / cell.picture.shape[1])
            placed.append((number * (width + GAP), y, width, own, cell))
        y += LABEL_PX + height + GAP
    sheet = Image.new("RGB", (WIDTH, y - GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for x, top, width, height, cell in placed:
        draw.text((x + 2, top + LABEL_PX / 2), cell.label, INK, font, "lm")
        sheet.paste(Image.fromarray(_fitted(cell.picture, width, height)), (x, top + LABEL_PX))
        if cell.outlined:
            x0, y0, x1, y1 = cell.outlined
            corners = (x + x0 * width, top + LABEL_PX + y0 * height, x + x1 * width - 1, top + LABEL_PX + y1 * height)
            draw.rectangle(corners, outline=FRAME, width=2)
        if cell.bar:
            _draw_bar(sheet, draw, font, x + width, top, cell.bar)
    sheet.save(path, quality=QUALITY, optimize=True)


def _fitted(picture: Picture, width: int, height: int) -> Picture:
    smaller = width < picture.shape[1]
    result = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return np.asarray(result, np.uint8)


def _draw_bar(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, right: int,
    top: int, bar: tuple[str, str, str],
) -> None:  # fmt: skip
    """At the right end of a label's line."""
    name, low, high = bar
    middle = top + LABEL_PX / 2
    draw.text((right - 2, middle), high, INK, font, "rm")
    x = right - round(draw.textlength(high, font)) - 6 - BAR_PX[0]
    ramp = np.broadcast_to(np.linspace(0, 1, BAR_PX[0], dtype=np.float32), (BAR_PX[1], BAR_PX[0]))
    sheet.paste(Image.fromarray(coloured(np.asarray(ramp), 0, 1, name)), (x, round(middle - BAR_PX[1] / 2)))
    draw.text((x - 4, middle), low, INK, font, "rm")
