"""HDRCNN's losses, on the logarithm that the network answers with (Eilertsen et al. 2017, section 4.2 and 2019).

The mask comes from the truth: light at the clip and above, beginning at 0.95 of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from headroom.networks.hdrcnn import EPSILON, TAU
from headroom.train.hdrcnn_camera import Shots
from headroom.train.losses import per_picture

__all__ = ["coherence", "clip_figures", "illumination", "reconstruction", "sparse_jacobian", "truth_mask"]

LUMINANCE = (0.213, 0.715, 0.072)
KERNEL_PX, KERNEL_REACH = 13, 2.0
"""The release takes the root of a normal distribution's mass in 13 bins over two standard deviations either way: a
kernel that looks like a Gaussian of 4.2 px, where the paper says 2."""


def truth_mask(truth_lin: Tensor) -> Tensor:
    """(B, 1, H, W) 0..1 of the brightest channel."""
    return ((truth_lin.amax(1, keepdim=True) - TAU) / (1 - TAU)).clamp(0, 1)


def reconstruction(ln_lin: Tensor, shots: Shots, *, lam: float | None, per_clip: bool) -> dict[str, Tensor]:
    """``lam``: the illumination's share against reflectance (the paper's 0.5); None: the plain masked log loss.

    ``per_clip``: means over each picture's mask, then over pictures, so that small suns count as much as large skies;
    otherwise, as the paper has it, over all pixels.
    """
    error = ln_lin.float() - (shots.truth_lin + EPSILON).log()
    mask = truth_mask(shots.truth_lin)

    def mean(values: Tensor) -> Tensor:
        return per_picture(values, mask) / values.shape[1] if per_clip else (values * mask).mean()

    if lam is None:
        return {"log": mean(error.square())}
    # The difference of illuminations is the illumination of both minus the other's: borders pad alike.
    light = illumination(ln_lin.float()) - illumination((shots.truth_lin + EPSILON).log())
    return {
        "illumination": lam * mean(light.square().expand_as(error)),
        "reflectance": (1 - lam) * mean((error - light).square()),
    }


def illumination(ln_lin: Tensor) -> Tensor:
    """(B, 1, H, W): the blurred ln of luminance."""
    weights = ln_lin.new_tensor(LUMINANCE).log().view(1, 3, 1, 1)
    ln_luminance = torch.logsumexp(ln_lin + weights, 1, keepdim=True)
    kernel = torch.tensor(_kernel(), device=ln_lin.device, dtype=ln_lin.dtype)
    across = F.conv2d(ln_luminance, kernel.view(1, 1, 1, -1), padding=(0, KERNEL_PX // 2))
    return F.conv2d(across, kernel.view(1, 1, -1, 1), padding=(KERNEL_PX // 2, 0))


@lru_cache(maxsize=1)
def _kernel() -> tuple[float, ...]:
    """13 weights; the square kernel is their product with themselves."""
    step = (2 * KERNEL_REACH + 1) / KERNEL_PX
    first = -KERNEL_REACH - step / 2
    last = KERNEL_REACH + step / 2
    below = [math.erf((first + (last - first) * i / KERNEL_PX) / math.sqrt(2)) / 2 for i in range(KERNEL_PX + 1)]
    roots = [math.sqrt(b - a) for a, b in pairwise(below)]
    return tuple(root / sum(roots) for root in roots)


def coherence(ln_moved: Tensor, ln_still: Tensor, grid: Tensor, mask: Tensor) -> Tensor:
    """Transform coherence: what the answer to a moved picture differs by from the moved answer (2019, eq. 5)."""
    there = _moved(torch.cat([ln_still.float(), mask], 1), grid)
    return ((ln_moved.float() - there[:, :3]).square() * there[:, 3:]).mean()


def sparse_jacobian(ln_moved: Tensor, ln_still: Tensor, truth_lin: Tensor, grid: Tensor) -> Tensor:
    """The answer should change as the truth changes when the picture moves (2019, eq. 7)."""
    mask = truth_mask(truth_lin)
    there = _moved(torch.cat([truth_lin, mask], 1), grid)
    change = (there[:, :3].clamp(min=0) + EPSILON).log() - (truth_lin + EPSILON).log()
    either = torch.maximum(mask, there[:, 3:])
    return ((ln_moved.float() - ln_still.float() - change).square() * either).mean()


def _moved(values: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(values, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def clip_figures(ln_lin: Tensor, shots: Shots) -> Mapping[str, Tensor]:
    """Stops of error where the truth clips: of the network, and of a plate that is only squared."""
    clipped = (shots.truth_lin >= 1).float()
    truth = shots.truth_lin.clamp(min=EPSILON).log2()
    error = (ln_lin.float().exp() - EPSILON).clamp(min=1).log2() - truth
    plain = shots.x_srgb.square().clamp(min=EPSILON).log2() - truth
    return {
        "stops_rmse": per_picture(error.square(), clipped).sqrt(),
        "stops_bias": per_picture(error, clipped),
        "stops_rmse_squared_plate": per_picture(plain.square(), clipped).sqrt(),
    }
