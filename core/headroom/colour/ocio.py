"""OpenColorIO behind a small door: configs, spaces, views and exact float32 transforms.

The only module that imports PyOpenColorIO (2.4 or newer). Every OCIO failure leaves here as a
``ColourError`` of one line.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import PyOpenColorIO as ocio  # noqa: N813

from headroom.errors import ColourError
from headroom.plate import FloatArray

__all__ = [
    "CG_CONFIG",
    "DEFAULT_CONFIG",
    "Config",
    "Space",
    "Transform",
    "View",
    "chain",
    "extended_config",
    "load_config",
    "load_lut",
    "ocio_version",
]

# The newest built-in configs that OCIO 2.4 has; never "latest" or "default", whose meaning moves
# with the installed library. Studio rather than CG: only the studio configs know camera logs.
DEFAULT_CONFIG = "studio-config-v2.2.0_aces-v1.3_ocio-v2.4"
CG_CONFIG = "cg-config-v2.2.0_aces-v1.3_ocio-v2.4"
SHORT_NAMES = {"studio-config": DEFAULT_CONFIG, "cg-config": CG_CONFIG}

ENVIRONMENT = "OCIO"
SCHEME = "ocio://"
DISPLAY_AS_SPACE = "<USE_DISPLAY_NAME>"

# OCIO handles the pixels that do not fill a vector register in other code, which rounds a table's
# result differently (seen with one pixel alone): whole blocks keep every pixel on the same path.
BLOCK = 16

LOADING = re.compile(r"^Error: Loading the OCIO profile '.*?' failed\.")

# Kodak, Conversion of 10-bit log film data to 8-bit linear (1995): code 685 is white, 95 black,
# 0.002 density a code, negative gamma 0.6; white is 1.0 and black 0.0 in linear.
CINEON_WHITE = 685.0
CINEON_BLACK = 95.0
CINEON_CODES_PER_DECADE = 0.6 / 0.002
CINEON_TOP = 1023.0

# Recommendation ITU-R BT.2020-2, table 4 (10-bit; BT.709-6 has the same curve): 4.5 L, 1.099 L^0.45 - 0.099.
REC2020_GAMMA = 1 / 0.45
REC2020_OFFSET = 0.099


@dataclass(frozen=True, eq=False)
class Config:
    """A loaded OCIO config."""

    name: str
    """A built-in's full name, or the path of the file."""
    cache_id: str
    """OCIO's digest of the config's content."""
    raw: Any
    """The ``PyOpenColorIO.Config``."""

    def names(self) -> list[str]:
        """All colour spaces, inactive and display ones too, in the config's order."""
        kinds = (ocio.SEARCH_REFERENCE_SPACE_ALL, ocio.COLORSPACE_ALL)
        return list(self.raw.getColorSpaceNames(*kinds))

    def canonical(self, name: str) -> str | None:
        """A colour space's own name from its name, alias or role in any letter case."""
        found = str(self.raw.getCanonicalName(name))
        # Named transforms answer too, but are curves without a reference space.
        return found if found and self.raw.getColorSpace(found) is not None else None

    def aliases(self, name: str) -> list[str]:
        """Other names of a space."""
        return list(self.raw.getColorSpace(name).getAliases())

    def is_data(self, name: str) -> bool:
        """Whether a space carries no colour (normals, masks, Raw)."""
        return bool(self.raw.getColorSpace(name).isData())

    def is_log(self, name: str) -> bool:
        """Whether the config itself says that the space is a log encoding (v2 configs do)."""
        return bool(self.raw.getColorSpace(name).getEncoding() == "log")

    def role(self, role: str) -> str | None:
        """The colour space of a role, or None."""
        return self.canonical(role) if self.raw.hasRole(role) else None

    def views(self) -> list[tuple[str, str]]:
        """Every (display, view), the default display's default view first."""
        first = str(self.raw.getDefaultDisplay())
        pairs = [(first, str(self.raw.getDefaultView(first)))] if first else []
        for display in self.raw.getDisplays():
            pairs += [(display, view) for view in self.raw.getViews(display)]
        return list(dict.fromkeys(pairs))


@dataclass(frozen=True)
class Space:
    """A colour space of a config, by its own name."""

    config: Config
    name: str

    def into(self, name: str) -> Any:
        """The OCIO transform from here to another space of the same config."""
        return ocio.ColorSpaceTransform(src=self.name, dst=name)


@dataclass(frozen=True)
class View:
    """What a display shows through a view; read backwards, to the scene in front of it."""

    config: Config
    display: str
    view: str

    @property
    def name(self) -> str:
        """How a plan names it."""
        return f"inverse-view:{self.display}/{self.view}"

    def into(self, name: str) -> Any:
        """The OCIO transform from display codes to a space of the same config."""
        return ocio.DisplayViewTransform(
            src=name,
            display=self.display,
            view=self.view,
            direction=ocio.TRANSFORM_DIR_INVERSE,
        )

    def encoding(self) -> Space | None:
        """The space of the display alone, where the view's tone map is apart from it."""
        raw = self.config.raw
        if not raw.getDisplayViewTransformName(self.display, self.view):
            return None
        stated = str(raw.getDisplayViewColorSpaceName(self.display, self.view))
        found = self.config.canonical(self.display if stated == DISPLAY_AS_SPACE else stated)
        return Space(self.config, found) if found else None

    def is_data(self) -> bool:
        """Whether the view shows the numbers as they are."""
        stated = str(self.config.raw.getDisplayViewColorSpaceName(self.display, self.view))
        found = self.config.canonical(stated)
        return found is not None and self.config.is_data(found)


class Transform:
    """A colour transform of float32 pixels on the CPU.

    Nothing is baked or approximated, and a pixel's result has the same bits whatever array it
    came in, so that bands and whole frames agree.
    """

    def __init__(self, processor: Any) -> None:
        """Take an ``ocio.Processor``."""
        depth = ocio.BIT_DEPTH_F32
        with one_line("cannot build the colour transform"):
            self._cpu = processor.getOptimizedCPUProcessor(depth, depth, ocio.OPTIMIZATION_LOSSLESS)

    def __call__(self, pixels: FloatArray) -> FloatArray:
        """Convert (..., 3) float32 into a new array."""
        count = pixels.size // 3
        buffer = np.zeros((count + -count % BLOCK, 3), np.float32)
        out = buffer[:count].reshape(pixels.shape)
        out[...] = pixels
        if count and not self._cpu.isNoOp():
            self._cpu.applyRGB(buffer)
        return out


def load_config(name: str | Path | None = None) -> Config:
    """A config by path, folder, built-in name or ``ocio://`` name; None: $OCIO, then the default.

    Built-ins named by a moving name ("ocio://default") are recorded under their full name.
    """
    asked = str(name) if name else os.environ.get(ENVIRONMENT, "") or DEFAULT_CONFIG
    origin = "--ocio-config" if name else f"${ENVIRONMENT}"
    bare = str(ocio.ResolveConfigPath(asked)).removeprefix(SCHEME)
    bare = SHORT_NAMES.get(bare, bare)
    if bare in _builtin_names():
        return _builtin(bare)
    path = Path(asked)
    if path.is_dir():
        path = path / "config.ocio"
    if asked.startswith(SCHEME) or not path.is_file():
        raise ColourError(
            f"OCIO config {asked} ({origin}): no such file or built-in config; give a .ocio file "
            f"or a built-in such as {DEFAULT_CONFIG}"
        )
    with one_line(f"OCIO config {path} ({origin}) cannot be used"), _quiet():
        raw = ocio.Config.CreateFromFile(str(path))
        return Config(str(path), _cache_id(raw), raw)


@lru_cache(maxsize=1)
def extended_config() -> Config:
    """The default config plus well-known plate spaces that no ACES config carries (Cineon, Camera Rec.2020)."""
    raw = ocio.Config.CreateFromBuiltinConfig(DEFAULT_CONFIG)
    black = 10.0 ** ((CINEON_BLACK - CINEON_WHITE) / CINEON_CODES_PER_DECADE)
    curve = ocio.LogAffineTransform(
        logSideSlope=[CINEON_CODES_PER_DECADE / CINEON_TOP * math.log10(2.0)] * 3,  # OCIO: base 2
        logSideOffset=[CINEON_WHITE / CINEON_TOP] * 3,
        linSideSlope=[1.0 - black] * 3,
        linSideOffset=[black] * 3,
        direction=ocio.TRANSFORM_DIR_INVERSE,
    )
    rec709 = ocio.ColorSpaceTransform(src="Linear Rec.709 (sRGB)", dst="ACES2065-1")
    raw.addColorSpace(
        ocio.ColorSpace(
            name="Cineon",
            encoding="log",
            toReference=ocio.GroupTransform([curve, rec709]),
        )
    )
    camera = ocio.ExponentWithLinearTransform(
        gamma=[REC2020_GAMMA] * 3 + [1.0],
        offset=[REC2020_OFFSET] * 3 + [0.0],
        negativeStyle=ocio.NEGATIVE_LINEAR,
    )
    rec2020 = ocio.ColorSpaceTransform(src="Linear Rec.2020", dst="ACES2065-1")
    raw.addColorSpace(
        ocio.ColorSpace(
            name="Camera Rec.2020",
            encoding="sdr-video",
            toReference=ocio.GroupTransform([camera, rec2020]),
        )
    )
    return Config(f"{DEFAULT_CONFIG} with Cineon", _cache_id(raw), raw)


def chain(steps: Sequence[tuple[Config, Any]]) -> Transform:
    """Transforms, each in its own config, joined into one processor."""
    with one_line("cannot build the colour transform"), _quiet():
        if len(steps) == 1:
            config, transform = steps[0]
            return Transform(config.raw.getProcessor(transform))
        group = ocio.GroupTransform()
        for config, transform in steps:
            for part in config.raw.getProcessor(transform).createGroupTransform():
                group.appendTransform(part)
        return Transform(steps[-1][0].raw.getProcessor(group))


def load_lut(path: Path) -> Transform:
    """A curve or LUT in any file format that OCIO reads."""
    if not path.is_file():
        raise ColourError(f"{path}: no such LUT file")
    with one_line(f"{path} cannot be used as a LUT"), _quiet():
        file = ocio.FileTransform(src=str(path.resolve()), interpolation=ocio.INTERP_BEST)
        return Transform(ocio.Config.CreateRaw().getProcessor(file))


def ocio_version() -> str:
    """The version of the OpenColorIO library."""
    return str(ocio.GetVersion())


@contextmanager
def one_line(what: str) -> Iterator[None]:
    """Turn an OCIO exception into a ColourError of one line."""
    try:
        yield
    except (ocio.Exception, ocio.ExceptionMissingFile, UnicodeDecodeError, RuntimeError) as problem:
        why = " ".join(LOADING.sub("", str(problem)).split())
        raise ColourError(f"{what}: {why}") from problem


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep OCIO's own notes off stderr; OCIO_LOGGING_LEVEL still brings them back."""
    level = ocio.GetLoggingLevel()
    ocio.SetLoggingLevel(ocio.LOGGING_LEVEL_NONE)
    try:
        yield
    finally:
        ocio.SetLoggingLevel(level)


@lru_cache(maxsize=1)
def _builtin_names() -> frozenset[str]:
    return frozenset(row[0] for row in ocio.BuiltinConfigRegistry().getBuiltinConfigs())


@lru_cache(maxsize=4)
def _builtin(name: str) -> Config:
    raw = ocio.Config.CreateFromBuiltinConfig(name)
    return Config(name, _cache_id(raw), raw)


def _cache_id(raw: Any) -> str:
    return str(raw.getCacheID())
