"""What a user may ask of a panorama, beside what holds for every plate."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from headroom.errors import UsageError
from headroom.io.targets import Depth
from headroom.options import Options
from headroom.panorama.layouts import FACES, LAYOUTS
from headroom.panorama.lights import KINDS, SUN_DEGREES

__all__ = ["Card", "Controls", "Outputs", "Request", "Scale", "parse_card", "parse_crop", "parse_kinds"]


_SUFFIXES = {
    "lights": (".json",),
    "irradiance map": (".exr", ".hdr", ".ktx2"),
    "prefiltered mips": (".ktx2",),
    "harmonics": (".json",),
    "preview": (".png", ".jpg"),
    "USD stage": (".usda",),
}


@dataclass(frozen=True, kw_only=True)
class Controls:
    """What happens to the lights."""

    predict: bool = True
    """Powers predicted from the whole scene, where the model for it is installed."""
    sun_stops: float = 0.0
    lamp_stops: float = 0.0
    window_stops: float = 0.0
    sky_stops: float = 0.0
    sun_disc: float | None = SUN_DEGREES
    """Diameter in degrees; None: as the network shaped it."""
    split: tuple[str, ...] = ()
    """Kinds that are taken out of the map."""
    lights_in: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what is no number."""
        for kind, stops in self.stops.items():
            if not math.isfinite(stops):
                raise UsageError(f"--{kind}-stops {stops}: give a number of stops")

    @property
    def stops(self) -> dict[str, float]:
        """By kind."""
        return {kind: getattr(self, f"{kind}_stops") for kind in KINDS}


@dataclass(frozen=True, kw_only=True)
class Card:
    """A grey card in the picture: pixels of the full lat-long, and what was measured on it."""

    x: int
    y: int
    width: int
    height: int
    value: float
    unit: str
    """``nits``: luminance of the card in cd/m2; ``lux``: illuminance on it, of 18 % reflectance."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """At most one of them: what makes the map absolute."""

    ev: float | None = None
    """Exposure value at ISO 100."""
    lux: float | None = None
    """Illuminance on a level surface at the camera."""
    card: Card | None = None

    def __post_init__(self) -> None:
        """Refuse several at once."""
        if sum(given is not None for given in (self.ev, self.lux, self.card)) > 1:
            raise UsageError("give one of --ev, --lux and --grey-card: each alone fixes the scale")


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Files; None: not asked for."""

    env: Path
    lights: Path | None = None
    cubemap: Path | None = None
    faces: Path | None = None
    face_size: int | None = None
    irradiance: Path | None = None
    ggx: Path | None = None
    harmonics: Path | None = None
    harmonics_order: int = 2
    usd: Path | None = None
    preview: Path | None = None
    truth: Path | None = None

    def written(self) -> dict[str, Path]:
        """Every file that will be, by what it holds."""
        files = {
            "environment map": self.env, "lights": self.lights, "cubemap": self.cubemap,
            "irradiance map": self.irradiance, "prefiltered mips": self.ggx, "harmonics": self.harmonics,
            "preview": self.preview, "USD stage": self.usd,
        }  # fmt: skip
        named = {what: path for what, path in files.items() if path is not None}
        if self.faces is not None:
            named |= {f"face {face}": self.face_path(face) for face in FACES}
        return named

    def face_path(self, face: str) -> Path:
        """``env.exr`` to ``env_px.exr``."""
        assert self.faces is not None
        return self.faces.with_name(f"{self.faces.stem}_{face}{self.faces.suffix}")


@dataclass(frozen=True, kw_only=True)
class Request:
    """One panorama."""

    inputs: tuple[Path, ...]
    """One picture, or six faces of a cube."""
    outputs: Outputs
    layout: str | None = None
    crop: tuple[int, int, int, int] | None = None
    """Full width, full height, left, top."""
    fov_degrees: float = 190.0
    """Of each circle of a dual fisheye."""
    controls: Controls = field(default_factory=Controls)
    scale: Scale = field(default_factory=Scale)
    options: Options = field(default_factory=Options)
    from_space: str | None = None
    to_space: str | None = None
    ocio_config: str | None = None
    mask: bool = False
    gain: bool = False
    depth: Depth = "auto"
    compression: str = "zip"
    overwrite: bool = False

    def __post_init__(self) -> None:
        """Refuse what makes no sense together, before anything is read."""
        if self.layout is not None and self.layout not in LAYOUTS:
            raise UsageError(f"layout {self.layout!r} is not one of {', '.join(LAYOUTS)}")
        if self.crop is not None and self.layout not in (None, "latlong"):
            raise UsageError("--crop places a part of a lat-long; it does not go with another --layout")
        if len(self.inputs) not in (1, 6):
            raise UsageError(f"{len(self.inputs)} inputs: give one panorama, or six faces of a cube")
        files = self.outputs.written()
        paths = [path.resolve() for path in files.values()]
        for what, path in files.items():
            if paths.count(path.resolve()) > 1:
                raise UsageError(f"{path}: two outputs of the same name ({what}); choose another one")
        sources = {path.resolve() for path in self.inputs}
        for path in files.values():
            if path.resolve() in sources:
                raise UsageError(f"{path}: input and output are the same file; choose another name")
        for what, path in files.items():
            known = _SUFFIXES.get(what, (".exr", ".hdr"))
            if path.suffix.lower() not in known:
                raise UsageError(f"{path}: the {what} is written as {' or '.join(known)}")
        if self.outputs.usd is not None and {*self.controls.split} - {"sun"}:
            raise UsageError("--usd: only a sun is a light without a distance; give --split-lights sun, or none")
        if self.outputs.truth is not None and self.outputs.preview is None:
            raise UsageError("--truth is for the picture that --preview writes; give both")


def parse_crop(text: str) -> tuple[int, int, int, int]:
    """``8192x4096+0+1024``: full size, and where the picture's corner lies in it."""
    found = re.fullmatch(r"(\d+)x(\d+)\+(\d+)\+(\d+)", text.strip())
    if not found:
        raise UsageError(f"--crop {text!r}: write it as FULLWIDTHxFULLHEIGHT+LEFT+TOP, such as 8192x4096+0+1024")
    width, height, left, top = (int(v) for v in found.groups())
    return width, height, left, top


def parse_card(text: str) -> Card:
    """``100,200,20,20=1200lux`` or ``...=85nits``."""
    number = r"(\d+(?:\.\d+)?)"
    found = re.fullmatch(rf"(\d+),(\d+),(\d+),(\d+)={number}(lux|nits|cd/m2)", text.strip())
    if not found or float(found[5]) <= 0 or int(found[3]) < 1 or int(found[4]) < 1:
        raise UsageError(
            f"--grey-card {text!r}: write it as X,Y,WIDTH,HEIGHT=VALUEnits (the card's luminance) or "
            "...=VALUElux (the light on it), such as 900,700,40,40=1200lux"
        )
    x, y, width, height = (int(v) for v in found.groups()[:4])
    return Card(
        x=x, y=y, width=width, height=height, value=float(found[5]), unit="lux" if found[6] == "lux" else "nits"
    )


def parse_kinds(text: str) -> tuple[str, ...]:
    """``sun,lamp`` or ``all``."""
    kinds = KINDS if text.strip() == "all" else tuple(part.strip() for part in text.split(",") if part.strip())
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"--split-lights {text!r}: {kind!r} is not one of {', '.join(KINDS)}, all")
    return kinds
