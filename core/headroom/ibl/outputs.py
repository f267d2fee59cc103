"""Beside the map: its header, cubemaps, irradiance, prefiltered mips, spherical harmonics."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import headroom
from headroom import io
from headroom.colour.plan import ColourPlan
from headroom.ibl.ktx2 import write_cubemap
from headroom.ibl.request import Request
from headroom.ibl.source import Panorama
from headroom.ibl.text import write_text
from headroom.panorama import harmonics
from headroom.panorama.layouts import FACES, cube_directions, cube_of
from headroom.panorama.lighting import Energy, ggx_lit, irradiance
from headroom.panorama.sphere import directions
from headroom.plate import FloatArray

__all__ = ["header", "write_light_maps"]

IRRADIANCE_ROWS = 64
IRRADIANCE_FACE = 32
MIP_SIZE, MIP_LEVELS, COARSE_FROM = 128, 6, 0.4
"""Roughness rises evenly from 0 on the first level to 1 on the last."""
CUBE_ROWS = 128
CROSS = ((None, "py", None, None), ("nx", "pz", "px", "nz"), (None, "ny", None, None))
"""A horizontal cross."""


def header(request: Request, report: dict[str, Any], panorama: Panorama, nits: float | None) -> dict[str, Any]:
    """Attributes of every EXR: what made it, from what, and what 1.0 is worth."""
    attributes: dict[str, Any] = {
        "headroom:version": headroom.__version__,
        "headroom:model": f"{report['model']} {report['model_version']}",
        "headroom:weights": report["weights_sha256"],
        "headroom:options": json.dumps(report["options"], sort_keys=True),
        "headroom:source": ", ".join(path.name for path in request.inputs),
        "headroom:sourceLayout": panorama.layout,
        "headroom:sourceSpace": report["colour"]["from"],
        "headroom:scale": "relative: 1.0 is the plate's white" if nits is None else f"1.0 is {nits:.6g} cd/m2",
    }
    if nits is not None:
        attributes["whiteLuminance"] = float(nits)
    return attributes


def write_light_maps(
    request: Request,
    out: ColourPlan,
    energy: Energy,
    fine: Energy,
    view: FloatArray,
    latlong: FloatArray | None,
    attributes: dict[str, Any],
    nits: float | None,
    alive: Callable[[], None],
) -> list[str]:
    """What was asked for; ``latlong``: the whole map in the output space, for cubemaps. ``alive`` may raise."""
    outputs = request.outputs
    warnings: list[str] = []

    def write(path: Path, pixels: FloatArray) -> None:
        report = io.write(
            path, pixels, depth=request.depth, compression=request.compression, chromaticities=out.chromaticities,
            attributes={**attributes, "headroom:space": out.to_space},
        )  # fmt: skip
        warnings.extend(report.warnings)

    if latlong is not None:
        size = outputs.face_size or max(1, latlong.shape[1] // 4)
        single = [] if outputs.faces is None else [(outputs.face_path(face), ((face,),)) for face in FACES]
        crossed = [] if outputs.cubemap is None else [(outputs.cubemap, CROSS)]
        for path, layout in [*single, *crossed]:
            warnings += _write_cube(path, layout, latlong, size, request, out, attributes, alive)
    if outputs.irradiance is not None:
        if outputs.irradiance.suffix.lower() == ".ktx2":
            level = [irradiance(energy, _units(cube_directions(face, IRRADIANCE_FACE))) for face in FACES]
            write_cubemap(outputs.irradiance, [level], _about(attributes, "irradiance / pi"))
        else:
            lit = irradiance(energy, directions(IRRADIANCE_ROWS, 2 * IRRADIANCE_ROWS))
            write(outputs.irradiance, out.from_lin709(lit))
    if outputs.ggx is not None:
        write_cubemap(outputs.ggx, mips(energy, fine, view, alive), _about(attributes, "radiance prefiltered by GGX"))
    if outputs.harmonics is not None:
        _write_harmonics(outputs.harmonics, energy, outputs.harmonics_order, nits)
    return warnings


def _write_cube(
    path: Path,
    layout: Sequence[Sequence[str | None]],
    latlong: FloatArray,
    size: int,
    request: Request,
    out: ColourPlan,
    attributes: dict[str, Any],
    alive: Callable[[], None],
) -> list[str]:
    """Faces in rows and columns, black where there is none, band by band: a face of 4096 is 200 MB."""

    def once(depth: Any) -> io.WriteReport:
        with io.open_writer(
            path, len(layout[0]) * size, len(layout) * size, depth=depth, compression=request.compression,
            chromaticities=out.chromaticities, attributes={**attributes, "headroom:space": out.to_space},
        ) as writer:  # fmt: skip
            for row, faces in enumerate(layout):
                for first in range(0, size, CUBE_ROWS):
                    alive()
                    end = min(size, first + CUBE_ROWS)
                    black = np.zeros((end - first, size, 3), np.float32)
                    parts = [black if face is None else cube_of(latlong, face, size, first, end) for face in faces]
                    writer.write_rows(row * size + first, np.concatenate(parts, axis=1))
            return writer.close()

    try:
        return once(request.depth).warnings
    except io.HalfOverflow as overflow:
        warnings = once("float").warnings
        return [*warnings, f"{overflow}: stored as float32"] if request.depth == "half" else warnings


def mips(
    energy: Energy, fine: Energy, view: FloatArray, alive: Callable[[], None] = lambda: None
) -> list[list[FloatArray]]:
    """Six faces a level, 128 px and halving, roughness 0 (the map itself) to 1, linear Rec.709."""
    levels = [[cube_of(view, face, MIP_SIZE) for face in FACES]]
    for level in range(1, MIP_LEVELS):
        roughness, size = level / (MIP_LEVELS - 1), MIP_SIZE >> level
        light = fine if roughness < COARSE_FROM else energy  # a lobe is wider than the cells it gathers
        faces = []
        for face in FACES:
            alive()
            faces.append(ggx_lit(light, _units(cube_directions(face, size)), roughness))
        levels.append(faces)
    return levels


def _units(toward: Any) -> Any:
    return toward / np.linalg.norm(toward, axis=-1, keepdims=True)


def _about(attributes: dict[str, Any], what: str) -> dict[str, str]:
    return {
        "KTXwriter": f"headroom {headroom.__version__}",
        "KTXorientation": "rd",
        "headroom:what": f"{what}, linear Rec.709",
        "headroom:scale": str(attributes["headroom:scale"]),
    }


def _write_harmonics(path: Path, energy: Energy, order: int, nits: float | None) -> None:
    radiance = harmonics.project(energy.toward, energy.rgb, order)
    lit = radiance * harmonics.irradiance_factors(order)[:, None]
    pairs = [(band, m) for band in range(order + 1) for m in range(-band, band + 1)]
    scale = nits or 1.0
    table = {
        "format": "headroom spherical harmonics",
        "version": 1,
        "order": order,
        "basis": "real, orthonormal, no Condon-Shortley phase; rows by l, m from -l to l",
        "axes": "polar axis y (up), azimuth from z (the map's middle) towards x (to the left of it); OpenEXR lat-long",
        "space": "linear Rec.709",
        "units": "cd/m2 and lux" if nits else "relative: 1.0 is the plate's white",
        "coefficients": [
            {"l": band, "m": m, "radiance": (radiance[i] * scale).tolist(), "irradiance": (lit[i] * scale).tolist()}
            for i, (band, m) in enumerate(pairs)
        ],
    }
    write_text(path, json.dumps(table, indent=2) + "\n")
