"""ColorVideoVDP: quality in JOD units on a stated display (10 is no visible difference).

Mantiuk, Hanji, Ashraf, Asano, Chapiro, "ColorVideoVDP: A visual difference predictor for image,
video and display distortions", SIGGRAPH 2024; package ``cvvdp``. Optional: ``headroom-hdr[evaluate]``.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.errors import UsageError
from headroom.metrics.pu21 import DIFFUSE_WHITE_NITS, NITS_FLOOR

__all__ = ["jod", "jod_of_shot"]

# The display and the room: an HDR monitor in a dim grading suite.
PEAK_NITS = 4000.0
CONTRAST = 1_000_000
AMBIENT_LUX = 10.0
RESOLUTION = (3840, 2160)
DIAGONAL_INCHES = 30.0
DISTANCE_METRES = 0.75

LIBRARY_SUFFIXES = (".so", ".pyd", ".dylib")

MISSING = "JOD needs the evaluation extra: pip install 'headroom-hdr[evaluate]', or leave the measure jod out"


def jod(test: npt.NDArray[np.floating], truth: npt.NDArray[np.floating]) -> float:
    """JOD (at most 10) of (H, W, 3) linear Rec.709 in camera units against the truth; seconds per megapixel."""
    quality, _ = _metric().predict(_nits(test), _nits(truth), dim_order="HWC")
    return float(quality)


def jod_of_shot(test: npt.NDArray[np.floating], truth: npt.NDArray[np.floating], rate: float) -> float:
    """JOD of (frames, H, W, 3) with the temporal channels, shown at ``rate`` frames a second: flicker counts here."""
    quality, _ = _metric().predict(_nits(test), _nits(truth), dim_order="FHWC", frames_per_second=rate)
    return float(quality)


def _nits(lin: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    nits = np.asarray(lin, np.float32) * np.float32(DIFFUSE_WHITE_NITS)
    return np.asarray(nits.clip(NITS_FLOOR, PEAK_NITS), np.float32)


@functools.cache
def _metric() -> Any:
    pycvvdp = _import_pycvvdp()
    import torch

    photometry = pycvvdp.vvdp_display_photo_eotf(
        PEAK_NITS,
        contrast=CONTRAST,
        source_colorspace="BT.709-linear",
        E_ambient=AMBIENT_LUX,
        name="headroom benchmark",
    )
    geometry = pycvvdp.vvdp_display_geometry(
        RESOLUTION, distance_m=DISTANCE_METRES, diagonal_size_inches=DIAGONAL_INCHES
    )
    return pycvvdp.cvvdp(
        display_photometry=photometry,
        display_geometry=geometry,
        device=torch.device("cuda" if torch.cuda.is_available() else "cpu"),
        quiet=True,
    )


def _import_pycvvdp() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _make_torchvision_importable()
            import pycvvdp
    except ImportError as error:
        raise UsageError(f"{MISSING} ({error})") from error
    return pycvvdp


def _make_torchvision_importable() -> None:
    """Declare two of torchvision's operators where its compiled part does not fit the torch at hand.

    pycvvdp uses pure-Python parts of torchvision only, but the package index has torchvision built
    for CUDA, whose library does not load beside a CPU-only torch; its Python part then stops at the
    missing operators. Their schemas are all that it asks for.
    """
    import torch

    library_of: Any = torch.library.Library
    load_library: Any = torch.ops.load_library
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None or "torchvision" in sys.modules:
        return
    compiled = sorted(p for p in Path(spec.origin).parent.glob("_C*") if p.suffix in LIBRARY_SUFFIXES)
    try:
        for library in compiled:
            load_library(library)
        if compiled:
            return
    except OSError:
        pass
    schemas = library_of("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        schemas.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _KEPT.append(schemas)


# A torch Library takes its schemas away when it is collected.
_KEPT: list[Any] = []
