"""A USD stage for the renderer: the map as a dome light, and each sun that was taken out of it as a distant light.

UsdLux's dome lights and the map agree as they are: both follow OpenEXR's lat-long, y up. A distant light with
``normalize`` gives a surface that faces it ``intensity`` lux, whatever its angle; it shines along its own -z.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from headroom.ibl.text import write_text
from headroom.panorama.lights import SUN_DEGREES, Light
from headroom.plate import FloatArray

__all__ = ["write_usd"]

ROOT = "env"


def write_usd(
    path: Path, env: Path, suns: Sequence[Light], nits: float | None, from_lin709: Callable[[FloatArray], FloatArray]
) -> None:
    """A ``.usda`` beside the map ``env``; ``suns`` are not in the map. Absolute where ``nits`` says what 1.0 is worth.

    ``from_lin709`` brings (1, N, 3) linear Rec.709 to the map's space, which the lights' colours are in too.
    """
    scale = 1.0 if nits is None else nits
    unit = "relative: 1 is the plate's white" if nits is None else "cd/m2 and lux"
    # Forward slashes on any system, and never an absolute path: map and stage move together.
    texture = Path(os.path.relpath(env.absolute(), path.absolute().parent)).as_posix()
    lines = [
        "#usda 1.0",
        "(",
        f'    defaultPrim = "{ROOT}"',
        f'    doc = "Made by headroom ibl. Intensities are {unit}."',
        "    metersPerUnit = 1",
        '    upAxis = "Y"',
        ")",
        "",
        f'def Xform "{ROOT}"',
        "{",
        '    def DomeLight "map"',
        "    {",
        f"        float inputs:intensity = {scale:.9g}",
        f"        asset inputs:texture:file = @@@{texture if texture.startswith('.') else f'./{texture}'}@@@",
        '        token inputs:texture:format = "latlong"',
        "    }",
    ]
    for sun in suns:
        lines += ["", *_distant(sun, scale, from_lin709)]
    write_text(path, "\n".join([*lines, "}"]) + "\n")


def _distant(sun: Light, scale: float, from_lin709: Callable[[FloatArray], FloatArray]) -> list[str]:
    colour = from_lin709(np.array([[sun.colour]], np.float32))[0, 0]
    rows = ", ".join(_tuple((*row, 0.0)) for row in _turn(sun.direction))
    return [
        f'    def DistantLight "{sun.id.replace("-", "_")}"',
        "    {",
        f"        float inputs:angle = {sun.disc_degrees or SUN_DEGREES:.9g}",
        f"        color3f inputs:color = {_tuple(colour)}",
        f"        float inputs:intensity = {sun.extra_power * scale:.9g}",
        "        bool inputs:normalize = 1",
        f"        matrix4d xformOp:transform = ( {rows}, (0, 0, 0, 1) )",
        '        uniform token[] xformOpOrder = ["xformOp:transform"]',
        "    }",
    ]


def _turn(toward: Sequence[float]) -> np.ndarray:
    """(3, 3) rows: where the light's own x, y and z point; its z towards the sun."""
    z = np.asarray(toward, np.float64) / np.linalg.norm(toward)
    across = np.array([0.0, 1.0, 0.0]) if abs(z[1]) < 0.99 else np.array([0.0, 0.0, 1.0])
    x = np.cross(across, z)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z])


def _tuple(values: Sequence[float] | np.ndarray) -> str:
    return "(" + ", ".join(f"{float(value):.9g}" for value in values) + ")"
