"""One stream of random numbers a view, the same on every machine and in every Python."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Draw"]

Item = TypeVar("Item")
DIGITS = 6
"""Numbers are rounded to so many significant digits: mathematical libraries differ in the last bits."""


class Draw:
    """Random numbers from a seed and a view's number."""

    def __init__(self, seed: int, number: int) -> None:
        """A text as seed is hashed (SHA-512), so that neighbouring numbers have nothing in common."""
        self._random = random.Random(f"headroom view {seed} {number}")

    def uniform(self, low: float, high: float) -> float:
        """Evenly between two numbers."""
        return rounded(low + (high - low) * self._random.random())

    def log_uniform(self, low: float, high: float) -> float:
        """Evenly in the logarithm."""
        return rounded(math.exp(math.log(low) + (math.log(high) - math.log(low)) * self._random.random()))

    def chance(self, share: float) -> bool:
        """True in that share of the cases."""
        return self._random.random() < share

    def count(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(self._random.random() * (high - low + 1))

    def one(self, items: Sequence[Item]) -> Item:
        """Any of them."""
        return items[int(self._random.random() * len(items))]


def rounded(value: float) -> float:
    """To DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}")
