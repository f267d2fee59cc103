"""What a perceptual loss looks with: VGG-16's first three blocks, with whatever weights are at hand.

The paper compares pool1 to pool3 of a VGG-16 that was trained on ImageNet. Those weights are not ours to ship, so the
recipes look with random ones (a seed, a quarter of the width): an untrained VGG, too, tells edges and textures apart.
``FILE`` brings trained ones.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from headroom.errors import WeightsError

__all__ = ["FeatureNet", "feature_net"]

DEPTHS = (2, 2, 3)
RANDOM_WIDTHS = (16, 32, 64)
SEED = 1604
TORCHVISION = ("features.0", "features.2", "features.5", "features.7", "features.10", "features.12", "features.14")
"""Of torchvision's vgg16, as far as pool3."""
RGB_MEAN, RGB_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BGR_MEAN = (103.939, 116.779, 123.68)


class FeatureNet(nn.Module):
    """Pictures 0..1 to their features at a half, a quarter and an eighth of the resolution."""

    mean: Tensor
    std: Tensor

    def __init__(self, widths: tuple[int, ...], *, bgr: bool) -> None:
        """``bgr``: weights from Caffe, as HDRCNN's and SingleHDR's encoders: B G R, 0..255, centred."""
        super().__init__()
        self.bgr = bgr
        before = [3, *widths]
        self.blocks = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(before[b] if i == 0 else widths[b], widths[b], 3, padding=1) for i in range(depth))
            for b, depth in enumerate(DEPTHS)
        )
        mean, std = (BGR_MEAN, (1.0, 1.0, 1.0)) if bgr else (RGB_MEAN, RGB_STD)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """(B, 3, H, W) R G B."""
        x = ((picture * 255).flip(1) if self.bgr else picture).sub(self.mean).div(self.std)
        found = []
        for block in self.blocks:
            assert isinstance(block, nn.ModuleList)
            for conv in block:
                x = F.relu(conv(x))
            x = F.max_pool2d(x, 2)
            found.append(x)
        return found

    def distance(self, first: Tensor, second: Tensor) -> Tensor:
        """(B, 1, 1, 1): mean absolute differences of the features, summed over the three levels."""
        pairs = zip(self(first), self(second), strict=True)
        return torch.stack([(a.float() - b.float()).abs().mean((1, 2, 3), keepdim=True) for a, b in pairs]).sum(0)


def feature_net(file: Path | None = None) -> FeatureNet:
    """Random ones, or a file's: torchvision's vgg16 as safetensors, or the weights of an HDRCNN or a SingleHDR."""
    if file is None:
        network = FeatureNet(RANDOM_WIDTHS, bgr=False)
        generator = torch.Generator().manual_seed(SEED)
        for conv in network.modules():
            if isinstance(conv, nn.Conv2d):
                _orthogonal(conv, generator)
        return network
    try:
        tensors = load_file(file)
    except (OSError, SafetensorError, ValueError) as error:
        raise WeightsError(f"{file}: not a safetensors file ({str(error).splitlines()[0]})") from error
    for prefix, names, bgr in _layouts():
        if all(f"{prefix}{name}.weight" in tensors for name in names):
            layers = [(tensors[f"{prefix}{n}.weight"].float(), tensors[f"{prefix}{n}.bias"].float()) for n in names]
            return _filled(layers, bgr=bgr)
    raise WeightsError(f"{file}: holds no VGG-16; give torchvision's vgg16, or an HDRCNN's or SingleHDR's weights")


def _layouts() -> list[tuple[str, list[str], bool]]:
    ours = [(block, index) for block, depth in enumerate(DEPTHS) for index in range(depth)]
    return [
        ("", list(TORCHVISION), False),
        ("hallucination.encoder.", [f"{block}.{index}" for block, index in ours], True),
        ("encoder.", [f"{block}.{2 * index}" for block, index in ours], True),
    ]


def _filled(layers: list[tuple[Tensor, Tensor]], *, bgr: bool) -> FeatureNet:
    ends = [sum(DEPTHS[: block + 1]) - 1 for block in range(len(DEPTHS))]
    network = FeatureNet(tuple(layers[end][0].shape[0] for end in ends), bgr=bgr)
    convs = [conv for conv in network.modules() if isinstance(conv, nn.Conv2d)]
    for conv, (weight, bias) in zip(convs, layers, strict=True):
        if conv.weight.shape != weight.shape:
            raise WeightsError(f"a VGG-16 of widths that do not fit: {tuple(weight.shape)}")
        conv.weight.data.copy_(weight)
        assert conv.bias is not None
        conv.bias.data.copy_(bias)
    return network


def _orthogonal(conv: nn.Conv2d, generator: torch.Generator) -> None:
    flat = torch.randn(conv.weight.flatten(1).shape, generator=generator)
    basis = torch.linalg.qr(flat.T if flat.shape[0] < flat.shape[1] else flat).Q
    rows = basis.T if flat.shape[0] < flat.shape[1] else basis
    conv.weight.data.copy_((rows * 2**0.5).view_as(conv.weight))
    assert conv.bias is not None
    conv.bias.data.zero_()
