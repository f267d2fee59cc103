"""The image-formation model: exposure, clip, noise, response curve, quantisation, JPEG.

One definition for evaluation (NumPy) and training (torch, any device): a ``Response`` is a table of code values over
linear light, read by linear interpolation in both; the sRGB family is exact besides.

    linear light, 1.0 = clip  ->  + noise  ->  clip  ->  response  ->  quantise  ->  (JPEG)  ->  code 0..1

Sources: Grossberg and Nayar, "Modeling the Space of Camera Response Functions", 2004 (EMoR, ``emor.npz``);
Eilertsen et al. 2017 (the sigmoid family, eq. 2); Foi et al. 2008 (signal-dependent noise).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.colour import curves

__all__ = [
    "EMOR_STD",
    "INVERSE_SAMPLES",
    "EmorBasis",
    "Response",
    "emor_basis",
    "expose_for_clipped_share",
    "inverse_emor_curve",
    "jpeg",
    "quantise",
    "sensor_noise",
    "shoot",
]

Array = npt.NDArray[np.float32]

TABLE_SIZE = 4096
"""Samples of a response, on a square-law grid of linear light: dense at the toe, where responses are steep."""
EMOR_STD = (2.98, 1.31, 0.44, 0.23, 0.11)
"""Standard deviations of the first five EMoR coefficients over the 201 measured responses."""
MIN_SLOPE = 1e-4
"""Least increase of a drawn response over one of the 1024 EMoR steps, relative to a straight line's."""
INVERSE_SAMPLES = 256
"""Of an inverse response that is made of components."""


@dataclass(frozen=True)
class EmorBasis:
    """Mean and components, 1024 samples each on 0..1; 25 components. ``inverse_*`` take code to light."""

    mean: Array
    components: Array
    inverse_mean: Array
    inverse_components: Array


@lru_cache(maxsize=1)
def emor_basis() -> EmorBasis:
    """The table that ships with the package."""
    with np.load(Path(__file__).with_name("emor.npz")) as table:
        return EmorBasis(table["f0"], table["h"], table["g0"], table["hinv"])


@dataclass(frozen=True)
class Response:
    """A camera's response: increasing, 0 to 0 and 1 to 1."""

    name: str
    table: Array
    """(4096,) code values at light ``(i / 4095)^2``."""
    encode: Callable[[Any], Any] | None = None
    """Closed form of ``forward`` where there is one (arrays and tensors)."""
    decode: Callable[[Any], Any] | None = None

    def forward(self, lin: Any) -> Any:
        """Linear light 0..1 (clipped) to code 0..1, NumPy or torch."""
        clipped = lin.clip(0, 1)
        if self.encode is not None:
            return self.encode(clipped)
        return _interp(clipped**0.5, self.table)

    def inverse(self, code: Any) -> Any:
        """Code 0..1 to linear light 0..1, NumPy or torch."""
        clipped = code.clip(0, 1)
        if self.decode is not None:
            return self.decode(clipped)
        return _interp(clipped, self.inverse_table)

    @property
    def inverse_table(self) -> Array:
        """(4096,) linear light at code ``i / 4095``."""
        grid = np.linspace(0, 1, TABLE_SIZE)
        if self.decode is not None:
            return np.asarray(self.decode(grid), np.float32)
        return np.interp(grid, self.table.astype(np.float64), grid**2).astype(np.float32)

    @classmethod
    def of(cls, name: str, encode: Callable[[Any], Any], decode: Callable[[Any], Any]) -> Response:
        """From a closed form and its inverse."""
        light = np.linspace(0, 1, TABLE_SIZE) ** 2
        return cls(name, np.asarray(encode(light), np.float32), encode, decode)

    @classmethod
    def srgb(cls) -> Response:
        """IEC 61966-2-1."""
        return cls.of("sRGB", curves.srgb_encode, curves.srgb_decode)

    @classmethod
    def rec709(cls) -> Response:
        """BT.709 camera curve."""
        return cls.of("Rec.709", curves.rec709_encode, curves.rec709_decode)

    @classmethod
    def gamma(cls, exponent: float) -> Response:
        """``code = light^(1/exponent)``."""
        return cls.of(f"gamma {exponent:g}", lambda lin: lin ** (1 / exponent), lambda code: code**exponent)

    @classmethod
    def sigmoid(cls, n: float, sigma: float) -> Response:
        """``code = (1+s) L^n / (L^n + s)``: Eilertsen et al. 2017, eq. 2; typical n = 0.9, s = 0.6."""

        def encode(lin: Any) -> Any:
            power = lin**n
            return (1 + sigma) * power / (power + sigma)

        def decode(code: Any) -> Any:
            return (sigma * code / (1 + sigma - code)) ** (1 / n)

        return cls.of(f"sigmoid {n:.2f} {sigma:.2f}", encode, decode)

    @classmethod
    def emor(cls, weights: npt.ArrayLike, name: str = "EMoR") -> Response:
        """Mean plus weighted components; ``ValueError`` where the curve is not increasing."""
        basis = emor_basis()
        w = np.asarray(weights, np.float64)
        curve = basis.mean + w @ basis.components[: len(w)]
        if np.diff(curve).min() < MIN_SLOPE / len(curve):
            raise ValueError(f"EMoR weights {np.round(w, 3).tolist()} give a curve that is not increasing")
        curve = (curve - curve[0]) / (curve[-1] - curve[0])
        light = np.linspace(0, 1, TABLE_SIZE) ** 2
        return cls(name, np.interp(light, np.linspace(0, 1, len(curve)), curve).astype(np.float32))

    @classmethod
    def draw_emor(cls, rng: np.random.Generator, *, spread: float = 1.0) -> Response:
        """A random real-like response; draws that are not increasing are thrown away."""
        while True:
            weights = rng.normal(0, EMOR_STD) * spread
            try:
                return cls.emor(weights, "EMoR " + " ".join(f"{w:+.2f}" for w in weights))
            except ValueError:
                continue

    @classmethod
    def picture_style(cls, contrast: float, lift: float = 0.0) -> Response:
        """SRGB followed by an S-curve of the code, as cameras' picture styles do.

        ``contrast`` -1..1 blends towards the smoothstep 3c^2 - 2c^3; ``lift`` bends the mid tones: c^(2^-lift).
        """
        light = np.linspace(0, 1, TABLE_SIZE) ** 2
        code = curves.srgb_encode(light) ** (2.0**-lift)
        styled = (1 - contrast) * code + contrast * code * code * (3 - 2 * code)
        return cls(f"style {contrast:+.2f} {lift:+.2f}", styled.astype(np.float32))

    @classmethod
    def log_like(cls, stops: float) -> Response:
        """``code = log2(1 + k L) / log2(1 + k)`` with ``k = 2^stops``: flat profiles of cameras and telephones."""
        k = 2.0**stops

        def encode(lin: Any) -> Any:
            return np.log1p(k * lin) / np.log1p(k) if isinstance(lin, np.ndarray) else (k * lin).log1p() / np.log1p(k)

        def decode(code: Any) -> Any:
            power = code * np.log1p(k)
            return (np.expm1(power) if isinstance(code, np.ndarray) else power.expm1()) / k

        return cls.of(f"log {stops:.1f}", encode, decode)


def inverse_emor_curve(weights: Any) -> Any:
    """(B, K) torch weights of the inverse components, added to sRGB's decoding, to (B, 256) light at code i/255.

    Rising, 0 to 0 and 1 to 1, by SingleHDR's equation 3: the steps are lifted by the most negative one, then summed
    and normalised. How much is lifted depends on the grid: the measured components have a jag near white, which on
    1024 samples straightens the whole curve. So training and use share this one.
    """
    import torch

    base, components = (torch.as_tensor(part).to(weights) for part in _inverse_basis(weights.shape[1]))
    curve = base + weights @ components
    steps = curve[:, 1:] - curve[:, :-1]
    steps = steps + (-steps.amin(1, keepdim=True)).clip(min=0)
    total = steps.cumsum(1)
    total = total / total[:, -1:]
    return torch.cat([torch.zeros_like(total[:, :1]), total], 1)


@lru_cache(maxsize=2)
def _inverse_basis(count: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    code = np.linspace(0, 1, INVERSE_SAMPLES)
    rows = emor_basis().inverse_components[:count]
    components = [np.interp(code, np.linspace(0, 1, rows.shape[1]), row) for row in rows]
    return np.asarray(curves.srgb_decode(code), np.float64), np.stack(components)


def expose_for_clipped_share(lin: Array, share: float) -> float:
    """Scale that makes ``share`` of the pixels of (H, W, 3) have some channel at or above 1."""
    peak = np.sort(lin.max(axis=2), axis=None)
    index = min(peak.size - 1, max(0, round(peak.size * (1 - share))))
    return float(1.0 / max(peak[index], 1e-12))


def sensor_noise(lin: Any, normal: Any, shot: Any, read: Any) -> Any:
    """Add shot noise (std ``shot * sqrt(lin)``) and read noise (std ``read``) to light before the clip."""
    return lin + normal * (shot * shot * lin.clip(min=0) + read * read) ** 0.5


def quantise(code: Any, bits: int) -> Any:
    """Round 0..1 to the codes of ``bits`` bits."""
    top = float(2**bits - 1)
    return (code.clip(0, 1) * top).round() / top


def jpeg(code: Array, quality: int) -> Array:
    """(H, W, 3) 0..1 through a real 8-bit JPEG (4:2:0 below quality 90, as most cameras and sites do)."""
    from PIL import Image

    buffer = io.BytesIO()
    picture = Image.fromarray((code.clip(0, 1) * 255 + 0.5).astype(np.uint8))
    picture.save(buffer, "JPEG", quality=quality, subsampling=2 if quality < 90 else 0)
    decoded: Array = np.asarray(Image.open(buffer).convert("RGB"), np.float32) / np.float32(255)
    return decoded


def shoot(
    lin: Array,
    response: Response,
    *,
    bits: int = 8,
    shot_noise: float = 0.0,
    read_noise: float = 0.0,
    jpeg_quality: int | None = None,
    rng: np.random.Generator | None = None,
) -> Array:
    """(H, W, 3) linear light, 1.0 = clip, to the code values 0..1 that a camera stores."""
    if shot_noise or read_noise:
        generator = rng or np.random.default_rng(0)
        lin = sensor_noise(lin, generator.standard_normal(lin.shape, np.float32), shot_noise, read_noise)
    code: Array = quantise(response.forward(lin.clip(0, 1)), bits).astype(np.float32)
    return code if jpeg_quality is None else jpeg(code, jpeg_quality)


def _interp(position: Any, table: Array) -> Any:
    if isinstance(position, np.ndarray):
        grid = np.linspace(0, 1, len(table))
        return np.interp(position, grid, table).astype(np.float32)
    import torch

    samples = torch.as_tensor(table, dtype=position.dtype, device=position.device)
    scaled = position * (len(table) - 1)
    low = scaled.floor().clamp(0, len(table) - 2).long()
    fraction = scaled - low
    return samples[low] * (1 - fraction) + samples[low + 1] * fraction
