"""What an eye would see of the error, as a loss: contrasts by scale, light apart from colour.

The ingredients of ColorVideoVDP (Mantiuk et al. 2024) that training can afford: codes that are even to the eye (PU21),
an opponent split, a pyramid of bands, a sensitivity to each, and strong contrasts in the truth that hide errors of
their scale. Fine contrasts of colour hardly count, coarse ones as much as those of light: a sky's tint is seen, its
grain is not. Weights follow the contrast sensitivity at 75 pixels a degree in rough; no fit to observers is claimed.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from headroom.metrics import pu21
from headroom.train.batches import Batch

__all__ = ["visible_difference"]

LIGHT_WEIGHTS = (0.5, 0.9, 1.0, 0.8, 0.6)
"""Of bands of 2, 4, 8 and 16 pixels, and of what is coarser; single pixels are left to other terms."""
COLOUR_WEIGHTS = (0.1, 0.3, 0.7, 1.0, 1.0)
HIDING_CODES = 16.0
"""Contrasts of the truth well below this hide nothing; PU21 units, of which 100 cd/m2 has 256."""
LEVEL_CODES = 32.0
"""What is coarser than all bands is a level, not a contrast, and hides nothing: its errors count by this."""
REC709_LUMA = (0.2126, 0.7152, 0.0722)


def visible_difference(gain_log2: Tensor, batch: Batch) -> Tensor:
    """Of predicted and true light of the masked pixels, about 0..2; mean over bands, opponent channels and pictures."""
    predicted = batch.lin * torch.exp2((batch.alpha * gain_log2).clamp(max=16))
    mask = (batch.alpha > 0).float()
    truth = _opponent(F.avg_pool2d(batch.truth_lin, 2))
    apart = (_opponent(F.avg_pool2d(predicted, 2)) - truth) * F.avg_pool2d(mask.amax(1, keepdim=True), 2)
    weights = apart.new_tensor([LIGHT_WEIGHTS, COLOUR_WEIGHTS, COLOUR_WEIGHTS]).T[:, None, :, None, None]
    total = apart.new_zeros(())
    *contrasts, level = _bands(truth)
    hiding = [(contrast.square() + HIDING_CODES**2).sqrt() for contrast in contrasts]
    for weight, seen, hidden in zip(
        weights, _bands(apart), [*hiding, torch.full_like(level, LEVEL_CODES)], strict=True
    ):
        # The root keeps small differences in play; its floor is what PU21 calls invisible.
        total = total + (weight * ((seen / hidden).square() + 1e-4).sqrt()).sum(1).mean()
    return total / len(LIGHT_WEIGHTS) / mask.mean().clamp(min=0.02).sqrt()


def _opponent(lin: Tensor) -> Tensor:
    """(B, 3, H, W) light to PU21 codes of luminance, red against green, blue against yellow."""
    red, green, blue = lin.unbind(1)
    luminance = REC709_LUMA[0] * red + REC709_LUMA[1] * green + REC709_LUMA[2] * blue
    nits = torch.stack([luminance, red, green, blue, 0.5 * (red + green)], 1) * pu21.DIFFUSE_WHITE_NITS
    code = pu21.pu21_curve(nits.clamp(pu21.NITS_FLOOR, pu21.NITS_CEILING))
    return torch.stack([code[:, 0], code[:, 1] - code[:, 2], code[:, 3] - code[:, 4]], 1)


def _bands(picture: Tensor) -> list[Tensor]:
    """A pyramid: what each halving takes away, and what is left."""
    bands = []
    for _ in range(len(LIGHT_WEIGHTS) - 1):
        half = F.avg_pool2d(picture, 2)
        bands.append(picture - F.interpolate(half, picture.shape[2:], mode="bilinear", align_corners=False))
        picture = half
    return [*bands, picture]
