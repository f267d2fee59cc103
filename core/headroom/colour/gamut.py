"""RGB primaries as numbers: matrices from chromaticities, and chromaticities from a matrix.

Chromaticities are eight CIE 1931 x, y values: red, green, blue, white, the order of the EXR
attribute. Matrices are (3, 3) float64 acting on column vectors; XYZ has Y = 1 for white.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["GAMUTS", "REC709", "chromaticities", "rgb_to_rgb", "rgb_to_xyz"]

Matrix = npt.NDArray[np.float64]

# CIE D65 and the ACES white (near D60) as the standards below round them.
D65 = (0.3127, 0.3290)
ACES_WHITE = (0.32168, 0.33767)

REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *D65)  # ITU-R BT.709-6
GAMUTS: dict[str, tuple[float, ...]] = {
    "Rec.709": REC709,
    "AP0": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.0770, *ACES_WHITE),  # SMPTE ST 2065-1
    "AP1": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, *ACES_WHITE),  # Academy S-2014-004
    "P3-D65": (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *D65),  # SMPTE RP 431-2, EG 432-1
    "Rec.2020": (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *D65),  # ITU-R BT.2020-2
    "AdobeRGB": (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *D65),  # Adobe RGB (1998)
    "XYZ": (1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1 / 3, 1 / 3),
    "ARRI Wide Gamut 3": (0.684, 0.313, 0.221, 0.848, 0.0861, -0.1020, *D65),  # ARRI 2017
    "ARRI Wide Gamut 4": (0.7347, 0.2653, 0.1424, 0.8576, 0.0991, -0.0308, *D65),  # ARRI 2022
    "S-Gamut3": (0.730, 0.280, 0.140, 0.855, 0.100, -0.050, *D65),  # Sony, S-Gamut3 summary (2016)
    "S-Gamut3.Cine": (0.766, 0.275, 0.225, 0.800, 0.089, -0.087, *D65),
    "V-Gamut": (0.730, 0.280, 0.165, 0.840, 0.100, -0.030, *D65),  # Panasonic, V-Log/V-Gamut (2014)
    "REDWideGamutRGB": (0.780308, 0.304253, 0.121595, 1.493994, 0.095612, -0.084589, *D65),  # RED 2017
}

# Cone responses: Bradford (Lam 1985) and CAT02 (CIE 159:2004). ACES configs use either.
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
CAT02 = np.array([[0.7328, 0.4296, -0.1624], [-0.7036, 1.6975, 0.0061], [0.0030, 0.0136, 0.9834]])
# How near a measured matrix must come to a known gamut's; adaptations differ by less.
MATCH = 2e-3


def rgb_to_xyz(primaries: tuple[float, ...]) -> Matrix:
    """RGB to XYZ under the gamut's own white."""
    points = np.array(primaries, np.float64).reshape(4, 2)
    xyz = np.column_stack([points, 1.0 - points.sum(axis=1)])
    columns = xyz[:3].T
    white = xyz[3] / xyz[3, 1]
    scaled: Matrix = columns * np.linalg.solve(columns, white)
    return scaled


def rgb_to_rgb(source: tuple[float, ...], target: tuple[float, ...], cones: Matrix) -> Matrix:
    """RGB to RGB; white goes to white by von Kries scaling of the given cone responses."""
    to_xyz, from_xyz = rgb_to_xyz(source), np.linalg.inv(rgb_to_xyz(target))
    white_in, white_out = to_xyz.sum(axis=1), np.linalg.inv(from_xyz).sum(axis=1)
    scale = np.diag((cones @ white_out) / (cones @ white_in))
    joined: Matrix = from_xyz @ np.linalg.inv(cones) @ scale @ cones @ to_xyz
    return joined


def chromaticities(to_rec709: Matrix) -> tuple[float, ...]:
    """The primaries of a linear space from its matrix to linear Rec.709.

    A known gamut is given with its standard's own numbers and white; any other one as seen under
    D65, the white that the matrix leads to.
    """
    for primaries in GAMUTS.values():
        # ACES configs take a camera's white to theirs by CAT02, and theirs to D65 by Bradford.
        by_aces = rgb_to_rgb(GAMUTS["AP0"], REC709, BRADFORD) @ rgb_to_rgb(primaries, GAMUTS["AP0"], CAT02)
        direct = (rgb_to_rgb(primaries, REC709, cones) for cones in (BRADFORD, CAT02))
        if any(np.abs(known - to_rec709).max() < MATCH for known in (*direct, by_aces)):
            return primaries
    xyz = rgb_to_xyz(REC709) @ np.column_stack([to_rec709, to_rec709.sum(axis=1)])
    return tuple((xyz[:2] / xyz.sum(axis=0)).T.ravel().tolist())
