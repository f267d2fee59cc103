"""What a JPEG's coding left of a picture: the variance of its samples, out of the file's own tables.

The coder rounds every coefficient of an 8 x 8 block to a step that the file states (ITU-T T.81, A.3.4). Where a
coefficient survives, its error is uniform over the step: a variance of q^2 / 12. Where it was rounded to zero, all of
it is lost; how much that was follows from the density that leaves the observed share of zeros: a generalised Gaussian
of shape 1/2 (Mueller 1993 finds about 0.6 for DCT coefficients of pictures; 1/2 has closed forms). From quality 90 up
that is right to some 20 %; of smooth pictures at lower ones, which hold next to nothing but zeros, it is up to twice
what was lost.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["PICTURE", "Coding", "coding_of", "coding_variance"]

Array = npt.NDArray[np.float64]

BLOCK = 8
MOST_BLOCKS = 4096
"""Looked at, spread evenly: thousands tell the share of zeros to a few percent."""
LEAST_SEEN = 5
"""Survivors from which a coefficient's share says something by itself."""
PICTURE = 0.5
"""Of what the coder dropped, taken to have been the picture. The rest was the camera's noise, and that it is gone is no
error; a file does not tell the one from the other."""
ROUNDED = 1 / 12
"""Variance of rounding to whole codes, which the coder does to luma and chroma before it transforms them."""
_HEAD = 1 << 20
_FRAMES = (0xC0, 0xC1, 0xC2)
"""Baseline, extended, progressive: all with 8-bit samples here."""

# JFIF 1.02, page 3: rows R, G, B out of Y, Cb, Cr.
RGB_OF_YCC = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])
YCC_OF_RGB = np.linalg.inv(RGB_OF_YCC)


@dataclass(frozen=True, kw_only=True)
class Coding:
    """Of a file's header."""

    tables: tuple[Array, ...]
    """(8, 8) steps of each component, rows are vertical frequencies."""
    sampling: tuple[tuple[int, int], ...]
    """Of each component: rows and columns of the picture to one of its samples."""
    is_rgb: bool = False
    """The components are R, G, B themselves."""


def coding_of(path: Path) -> Coding | None:
    """A grey or three-component JPEG's tables; None for any other file."""
    try:
        with path.open("rb") as file:
            return _parse(file.read(_HEAD))
    except (OSError, struct.error, LookupError, ValueError, ZeroDivisionError):
        return None


def coding_variance(
    coding: Coding, codes: npt.NDArray[Any], *, dropped: float = 1.0
) -> tuple[float, float, float]:  # fmt: skip
    """Mean variance of R, G, B in squares of one code, of the decoded 8-bit picture (H, W, 3) as it lies in the file.

    Beside it stands the rounding of the decoded samples to codes, another 1/12, which is not counted here. ``dropped``:
    how far what was rounded to zero counts (``PICTURE``).
    """
    to_components = np.eye(3) if coding.is_rgb else YCC_OF_RGB
    of_components = np.eye(3) if coding.is_rgb else RGB_OF_YCC
    variances = np.zeros(3)
    for n, (table, (down, right)) in enumerate(zip(coding.tables, coding.sampling, strict=True)):
        weights = to_components[n] if len(coding.tables) == 3 else np.full(3, 1 / 3)
        blocks = _blocks(codes, weights, down, right)
        if not len(blocks):
            return (0.0, 0.0, 0.0)
        lost = _lost(_transformed(blocks), table, dropped)
        variances[n] = float((lost * _gain(down, right)).mean()) + ROUNDED / (down * right)
    if len(coding.tables) == 1:
        return (float(variances[0]),) * 3
    red, green, blue = of_components**2 @ variances
    return float(red), float(green), float(blue)


def _parse(head: bytes) -> Coding | None:
    if head[:2] != b"\xff\xd8":
        return None
    tables: dict[int, Array] = {}
    at, is_rgb, frame = 2, False, b""
    while head[at] == 0xFF and head[at + 1] != 0xDA:
        marker, (length,) = head[at + 1], struct.unpack_from(">H", head, at + 2)
        part = head[at + 4 : at + 2 + length]
        if marker == 0xDB:
            tables |= _tables(part)
        elif marker in _FRAMES:
            frame = part
        elif marker == 0xEE and part[:5] == b"Adobe":
            is_rgb = part[11] == 0
        at += 2 + length
    count = frame[5] if frame else 0
    if count not in (1, 3) or frame[0] != 8:
        return None
    components = [frame[6 + 3 * n : 9 + 3 * n] for n in range(count)]
    if count == 3 and bytes(c[0] for c in components) == b"RGB":
        is_rgb = True
    across, along = [c[1] >> 4 for c in components], [c[1] & 15 for c in components]
    if any(max(across) % h or max(along) % v for h, v in zip(across, along, strict=True)):
        return None
    return Coding(
        tables=tuple(tables[c[2]] for c in components),
        sampling=tuple((max(along) // v, max(across) // h) for h, v in zip(across, along, strict=True)),
        is_rgb=is_rgb and count == 3,
    )


def _tables(part: bytes) -> dict[int, Array]:
    found: dict[int, Array] = {}
    at = 0
    while at < len(part):
        wide, name = part[at] >> 4, part[at] & 15
        steps = np.frombuffer(part, ">u2" if wide else "u1", 64, at + 1).astype(np.float64)
        table = np.empty((BLOCK, BLOCK))
        table[tuple(_zigzag())] = steps
        if steps.min() < 1:
            raise ValueError("a step of 0")
        found[name] = table
        at += 1 + 64 * (wide + 1)
    return found


def _zigzag() -> npt.NDArray[np.int64]:
    """(2, 64) row and column of each coefficient in the order of the file (T.81, figure A.6)."""
    order = sorted(
        ((row, column) for row in range(BLOCK) for column in range(BLOCK)),
        key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
    )
    return np.asarray(np.array(order, np.int64).T)


def _blocks(codes: npt.NDArray[Any], weights: Array, down: int, right: int) -> Array:
    """(N, 8, 8) of one component, around 0; a subsampled one is the mean of the pixels that it stands for."""
    tall, wide = BLOCK * down, BLOCK * right
    rows, columns = codes.shape[0] // tall, codes.shape[1] // wide
    every = max(1, int(np.ceil((rows * columns / MOST_BLOCKS) ** 0.5)))
    found = []
    for row in range(every // 2, rows, every):
        band = codes[row * tall : (row + 1) * tall, : columns * wide].astype(np.float64) @ weights
        cells = band.reshape(BLOCK, down, columns, BLOCK, right).mean(axis=(1, 4))
        found.append(cells.transpose(1, 0, 2)[every // 2 :: every])
    return np.concatenate(found) - 128 if found else np.empty((0, BLOCK, BLOCK))


def _basis() -> Array:
    """(8, 8) orthonormal DCT-II, a row a frequency."""
    k, x = np.mgrid[:BLOCK, :BLOCK]
    basis: Array = np.cos((2 * x + 1) * k * np.pi / (2 * BLOCK)) * np.sqrt(2 / BLOCK)
    basis[0] /= np.sqrt(2)
    return basis


def _transformed(blocks: Array) -> Array:
    basis = _basis()
    return np.asarray(basis @ blocks @ basis.T)


def _lost(coefficients: Array, table: Array, dropped: float) -> Array:
    """(8, 8) mean variance that rounding to the table's steps left of each coefficient."""
    count, half = len(coefficients), table / 2
    share = (np.abs(coefficients) >= half).mean(axis=0)  # that survived
    share[0, 0] = 1  # a mean is anywhere between two steps, also between 0 and the first
    frequency = np.maximum(np.hypot(*np.mgrid[:BLOCK, :BLOCK]), 1)
    # Pictures' amplitudes fall as 1 / frequency: where next to none survived, all together tell how large they are.
    seen, steep = max(float(share.sum()) - 1, 0.5 / count), (half * frequency).ravel()[1:]
    scales = np.geomspace(1e-5, 1e4, 400)
    expected = np.array([_beyond(np.sqrt(steep / scale)).sum() for scale in scales])
    scale = np.exp(np.interp(np.log(seen), np.log(expected.clip(1e-300)), np.log(scales)))
    reach = np.where(share * count >= LEAST_SEEN, _reach(share), np.sqrt(half * frequency / scale))
    inside = (half / reach**2) ** 2 * _within(6, reach) / _within(2, reach)
    lost: Array = share * table**2 / 12 + dropped * (1 - share) * np.minimum(inside, half**2 / 3)
    return lost


def _beyond(reach: Array) -> Array:
    """Share of a density ``exp(-sqrt(x / scale))`` beyond ``x = scale * reach^2``."""
    return np.asarray((1 + reach) * np.exp(-reach))


def _reach(share: Array) -> Array:
    """The inverse."""
    reaches = np.geomspace(1e-3, 40, 800)
    found: Array = np.interp(-np.log(share.clip(1e-15, 1)), -np.log(_beyond(reaches)), reaches)
    return found


def _within(n: int, reach: Array) -> Array:
    """The lower incomplete gamma function of a whole ``n``, in closed form."""
    term, total = np.ones_like(reach), np.ones_like(reach)
    for k in range(1, n):
        term = term * reach / k
        total = total + term
    return np.asarray(math.factorial(n - 1) * np.maximum(1 - np.exp(-reach) * total, 1e-300))


def _gain(down: int, right: int) -> Array:
    """(8, 8) what is left of each coefficient's variance when its component is enlarged to the picture's size.

    Linear between the samples' centres, as decoders do it.
    """
    basis = _basis()
    rows, columns = (_enlarged(basis, times) for times in (down, right))
    return np.asarray(np.outer(rows, columns), np.float64)


def _enlarged(basis: Array, times: int) -> Array:
    """(8,) mean square of each frequency, over what it was."""
    at = (np.arange(BLOCK * times) + 0.5) / times - 0.5
    lines = np.stack([np.interp(at, np.arange(BLOCK), line) for line in basis])
    power: Array = (lines**2).mean(axis=1) * BLOCK
    return power
