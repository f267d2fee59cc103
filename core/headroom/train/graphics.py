"""Letters, logos and bars put over training pictures: white that is white, and no light behind it.

A network that has only seen photographs takes a subtitle for a lamp. Pages are drawn once; a batch gets them as they
are or moved, at the picture's size, as sharp as a title tool makes them.
"""

from __future__ import annotations

import string

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

__all__ = ["GraphicsBank", "draw_colours"]

PAGES = 96
PAGE_PX = (256, 384)
WHITE_SHARE = 0.7
"""Of the pages; the others are of a colour whose largest channel is white."""
DARK_LEVEL = 0.003
"""Outlines and plates behind letters: dark, as in code 1 to 10."""


class GraphicsBank:
    """Pages on the device."""

    def __init__(self, device: torch.device, seed: int) -> None:
        """Draws them; a seed gives the same ones."""
        rng = np.random.default_rng(seed)
        drawn = np.stack([_page(rng) for _ in range(PAGES)])
        self._pages = torch.from_numpy(drawn).to(device)

    def __call__(self, number: Tensor, colour: Tensor, shift: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Cover (B, 1, H, W) 0..1 and the light (B, 3, H, W) seen there.

        ``number`` (B,) of the pages, ``colour`` (B, 3) of letters, ``shift`` (B, 2) -1..1 of what hangs over moves.
        """
        height, width = size
        pages = F.interpolate(self._pages[number % PAGES], size, mode="bilinear", align_corners=False, antialias=True)
        rows = (torch.arange(height, device=pages.device) + (shift[:, :1] * height).long()) % height
        columns = (torch.arange(width, device=pages.device) + (shift[:, 1:] * width).long()) % width
        pages = pages.gather(2, rows[:, None, :, None].expand_as(pages))
        pages = pages.gather(3, columns[:, None, None, :].expand_as(pages))
        cover, bright = pages[:, :1], pages[:, 1:]
        share = bright / cover.clamp(min=1e-6)
        return cover, DARK_LEVEL + (colour[:, :, None, None] - DARK_LEVEL) * share.clamp(0, 1)


def draw_colours(draws: Tensor) -> Tensor:
    """(B, 4) of 0..1 to (B, 3) light of letters: white, or a colour with one channel at the clip."""
    colour = draws[:, :3].clamp(min=0.02)
    colour = colour / colour.amax(1, keepdim=True)
    return torch.where(draws[:, 3:] < WHITE_SHARE, torch.ones_like(colour), colour)


def _page(rng: np.random.Generator) -> np.ndarray:
    """(2, h, w) 0..1: what is covered, and what of it is bright."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = PAGE_PX
    covered, bright = (Image.new("L", (width, height), 0) for _ in range(2))
    over, light = ImageDraw.Draw(covered), ImageDraw.Draw(bright)
    for _ in range(int(rng.integers(1, 4))):
        kind = rng.choice(["line", "line", "logo", "frame"])
        size = int(rng.integers(10, 44))
        x, y = int(rng.integers(0, width * 3 // 4)), int(rng.integers(0, height - size))
        if kind == "line":
            text, font = _words(rng), ImageFont.load_default(size)
            over.text((x, y), text, 255, font, stroke_width=int(rng.integers(0, 3)))
            light.text((x, y), text, 255, font)
        elif kind == "logo":
            box = (x, y, x + int(rng.integers(20, 90)), y + size)
            radius = int(rng.integers(0, size // 2))
            over.rounded_rectangle(box, radius, fill=255)
            light.rounded_rectangle(box, radius, fill=255)
            if rng.random() < 0.5:  # dark letters on it
                light.text((x + 3, y + 2), _words(rng), 0, ImageFont.load_default(max(8, size // 2)))
        else:
            line = int(rng.integers(1, 5))
            box = (
                x,
                y,
                min(width - 1, x + int(rng.integers(40, 200))),
                min(height - 1, y + int(rng.integers(30, 120))),
            )
            over.rectangle(box, outline=255, width=line)
            light.rectangle(box, outline=255, width=line)
    return np.stack([np.asarray(covered), np.asarray(bright)]).astype(np.float32) / 255


def _words(rng: np.random.Generator) -> str:
    """One to four words that mean nothing."""
    letters = np.array(list(string.ascii_letters + string.digits))
    return " ".join("".join(rng.choice(letters, int(rng.integers(2, 9)))) for _ in range(int(rng.integers(1, 5))))
