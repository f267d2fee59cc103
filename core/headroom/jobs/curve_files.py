"""The response curve that a network sees in a plate: as a LUT that ``--curve`` and OCIO read, and drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from headroom import io
from headroom.blend import light_by_estimate
from headroom.curve import EstimatedCurve
from headroom.encode import Encoder
from headroom.errors import HeadroomError, UsageError, WriteError
from headroom.jobs.conversion import Conversion
from headroom.jobs.shots import Shot
from headroom.plate import FloatArray, Plate
from headroom.reconstruct import Prepared
from headroom.temporal.analysis import Analysis, PooledCurve
from headroom.temporal.pooled_curve import curve_of

__all__ = [
    "LUT_SUFFIXES", "PlateCurve", "check_curve_targets", "plate_curve", "plot_curve", "put_curve", "write_curve",
    "write_curves", "write_shot_curves",
]  # fmt: skip

SAMPLES = 1024
"""As many as the estimate has: on a plate whose curve is sRGB's the LUT is the estimate, number by number."""
LUT_SUFFIXES = (".spi1d", ".cube")
PLOT_SUFFIXES = (".png", ".pdf", ".svg")
FLOOR_STOPS = -10.0


@dataclass(frozen=True)
class PlateCurve:
    """What a plate's codes mean."""

    code: FloatArray
    """(1024,) 0..1."""
    light: FloatArray
    """(1024,) linear Rec.709 light, 1.0 is the plate's white: what ``--curve estimate`` uses."""
    stated: FloatArray
    """(1024,) the same by the plate's colour space."""
    estimate: EstimatedCurve

    @property
    def notes(self) -> list[str]:
        """What whoever reads it should know."""
        if self.estimate.keeps_stated:
            return ["the network sees too little against the stated curve: that one was written"]
        return []


def plate_curve(plate: Plate, conversion: Conversion, *, estimate: EstimatedCurve | None = None) -> PlateCurve:
    """Ask the network, unless ``estimate`` is its answer; ``UsageError`` where the plate is not display-referred."""
    colour = conversion.colour_of(plate)
    if colour.kind != "display":
        raise UsageError(f"{plate.name}: a curve is estimated for display-referred plates, not for {colour.from_space}")
    # As the network is asked when nothing is changed on the way in.
    options = replace(conversion.settings.options, boost=1.0, scaling=1.0, curve="estimate")
    prepared: Prepared = conversion.reconstructor.prepare(plate, colour, options)
    estimate = estimate or conversion.reconstructor.estimate(prepared)
    code = np.linspace(0, 1, SAMPLES, dtype=np.float32)
    ramp = replace(plate, codes=np.repeat(code[None, :, None], 3, axis=2), alpha=None, premultiplied=False)
    encoder = Encoder(ramp, colour, prepared.encoder.clip, options.tau)
    rows = encoder.rows(0, 1)
    stated = colour.to_lin709(rows.code)
    used = stated if estimate.keeps_stated else light_by_estimate(rows.code, rows.x_srgb, encoder, estimate)
    return PlateCurve(code, used[0, :, 1].copy(), stated[0, :, 1].copy(), estimate)


def check_curve_targets(lut: Path | None, plot: Path | None, sources: Sequence[Path]) -> None:
    """What can be known to be wrong before the work: suffixes, and one file for several pictures."""
    for option, target, suffixes in (("--curve-out", lut, LUT_SUFFIXES), ("--curve-plot", plot, PLOT_SUFFIXES)):
        if target is None:
            continue
        if target.suffix.lower() in suffixes:
            if len(sources) > 1:
                raise UsageError(f"{option} {target}: one file for {len(sources)} curves; name a folder")
        elif target.suffix and not target.is_dir():
            raise UsageError(f"{option} {target}: the suffix must be one of {', '.join(suffixes)}, or name a folder")
    if plot is not None:
        _matplotlib()


def curve_target(given: Path, source: Path, suffix: str) -> Path:
    """The file itself, or ``source``'s name, which has no suffix, in the folder that is given."""
    return given if given.suffix and not given.is_dir() else given / f"{source.name}{suffix}"


def write_curve(path: Path, curve: PlateCurve, *, made_by: str) -> Path:
    """A 1D LUT of 1024 samples, ``.spi1d`` or ``.cube``, codes 0..1 to linear light; complete or absent."""
    if path.suffix.lower() == ".cube":
        lines = [f"# {made_by}", f"LUT_1D_SIZE {SAMPLES}", "DOMAIN_MIN 0 0 0", "DOMAIN_MAX 1 1 1"]
        lines += [" ".join([f"{light:.9g}"] * 3) for light in curve.light]
    else:
        lines = ["Version 1", "From 0 1", f"Length {SAMPLES}", "Components 1", "{"]
        lines += [*(f" {light:.9g}" for light in curve.light), "}"]

    def write(partial: Path) -> None:
        partial.write_text("\n".join(lines) + "\n", "utf-8")

    return _beside(path, write)


def plot_curve(path: Path, curve: PlateCurve, *, title: str) -> Path:
    """Light over code, linear and in stops, with the stated curve beside it."""
    pyplot = _matplotlib()
    figure, (linear, stops) = pyplot.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    for light, name, style in ((curve.stated, "stated", {"ls": "--", "c": "0.5"}), (curve.light, "estimated", {})):
        linear.plot(curve.code, light, label=name, **style)
        shown = np.log2(np.maximum(light, 2.0**FLOOR_STOPS))
        stops.plot(curve.code, shown, **style)
    linear.set(xlabel="code", ylabel="linear light, 1 = white", xlim=(0, 1), ylim=(0, None))
    stops.set(xlabel="code", ylabel="stops below white", xlim=(0, 1), ylim=(FLOOR_STOPS, None))
    linear.legend()
    for axis in (linear, stops):
        axis.grid(alpha=0.3)
    off = curve.estimate.disagreement_stops
    said = "kept: too little against it" if curve.estimate.keeps_stated else f"{off:.2f} stops from the stated curve"
    figure.suptitle(f"{title}: {said}", fontsize=11)

    def write(partial: Path) -> None:
        figure.savefig(partial, format=path.suffix.lower().lstrip("."), dpi=110)

    try:
        return _beside(path, write)
    finally:
        pyplot.close(figure)


def write_curves(
    conversion: Conversion,
    sources: Sequence[Path],
    lut: Path | None,
    plot: Path | None,
    *,
    tell: Callable[[str], None] = lambda text: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> int:
    """LUTs and plots of single pictures; ``tell`` hears of each file; the exit code of what failed, else 0."""
    exit_code = 0
    for source in sources:
        if cancelled():
            return 130
        try:
            plate = io.read(source, part=conversion.settings.part)
            curve = plate_curve(plate, conversion)
            put_curve(curve, Path(source.stem), conversion, lut, plot, tell=tell)
        except HeadroomError as error:
            tell(f"failed: {error}")
            exit_code = max(exit_code, error.exit_code)
    return exit_code


def write_shot_curves(
    conversion: Conversion,
    shot: Shot,
    analysis: Path,
    lut: Path | None,
    plot: Path | None,
    *,
    tell: Callable[[str], None] = lambda text: None,
) -> int:
    """The curve of each stretch between two cuts, as the shot's analysis holds it; without one, the first frame's.

    Several stretches: the number of the first frame of each goes into the name.
    """
    stretches: list[tuple[int, PooledCurve | None]] = [(shot.tasks[0].frame or 0, None)]
    if analysis.is_file():
        stretches = [(segment.first, segment.curve) for segment in Analysis.load(analysis).segments]
    try:
        for first, pooled in stretches:
            estimate = None if pooled is None else curve_of(pooled)
            curve = plate_curve(shot.source.read(first), conversion, estimate=estimate)
            name = Path(shot.stem if len(stretches) == 1 else f"{shot.stem}.{first}")
            put_curve(curve, name, conversion, _numbered(lut, name), _numbered(plot, name), tell=tell)
    except HeadroomError as error:
        tell(f"failed: {error}")
        return error.exit_code
    return 0


def _numbered(given: Path | None, name: Path) -> Path | None:
    """The file that is given, with the number that ``name`` ends in, if it has one."""
    if given is None or not given.suffix or given.is_dir():
        return given
    number = name.suffix
    return given.with_name(f"{given.stem}{number}{given.suffix}") if number[1:].isdecimal() else given


def put_curve(
    curve: PlateCurve,
    name: Path,
    conversion: Conversion,
    lut: Path | None,
    plot: Path | None,
    *,
    tell: Callable[[str], None],
) -> None:
    """One curve, as a LUT, a plot or both; ``name``: what it is of."""
    for note in curve.notes:
        tell(f"{name.name}: {note}")
    card = conversion.reconstructor.card
    if lut is not None:
        path = curve_target(lut, name, LUT_SUFFIXES[0])
        tell(f"curve: {write_curve(path, curve, made_by=f'{card.name} {card.version}, from {name.name}')}")
    if plot is not None:
        tell(f"curve: {plot_curve(curve_target(plot, name, PLOT_SUFFIXES[0]), curve, title=name.name)}")


def _beside(path: Path, write: Callable[[Path], None]) -> Path:
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise WriteError(f"{path}: cannot be written ({error.strerror}); name another place") from error
    return path


def _matplotlib() -> Any:
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise UsageError("--curve-plot needs matplotlib: pip install 'headroom-hdr[train]'") from error
    mpl.use("Agg")
    from matplotlib import pyplot

    return pyplot
