"""Writes the .spi1d curves of these test configs from their closed forms: python make_luts.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

LENGTH = 1024


def srgb(code: float) -> float:
    return code / 12.92 if code <= 0.04045 else ((code + 0.055) / 1.055) ** 2.4


def rec709(code: float) -> float:
    return code / 4.5 if code < 0.081 else ((code + 0.099) / 1.099) ** (1 / 0.45)


def cineon(code: float) -> float:
    black = 10 ** ((95 - 685) / 300)
    return float((10 ** ((1023 * code - 685) / 300) - black) / (1 - black))


def logc3(code: float) -> float:
    """ARRI, ALEXA LogC curve, usage in VFX (2017): EI 800, scene linear."""
    if code <= 0.149658:
        return (code - 0.092809) / 5.367655
    return float((10 ** ((code - 0.385537) / 0.247190) - 0.052272) / 5.555556)


def write(name: str, curve: Callable[[float], float], low: float, high: float) -> None:
    rows = [curve(low + (high - low) * i / (LENGTH - 1)) for i in range(LENGTH)]
    text = f"Version 1\nFrom {low} {high}\nLength {LENGTH}\nComponents 1\n{{\n"
    path = Path(__file__).parent / "nuke_style" / "luts" / f"{name}.spi1d"
    path.write_text(text + "".join(f"{row:.8g}\n" for row in rows) + "}\n")


if __name__ == "__main__":
    write("srgb", srgb, -0.125, 1.125)
    write("rec709", rec709, -0.125, 1.125)
    write("cineon", cineon, 0.0, 1.0)
    write("logc3", logc3, 0.0, 1.0)
