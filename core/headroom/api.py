"""The verbs for scripts: read (`headroom.io.read`), reconstruct, merge, write."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from headroom import io
from headroom.colour.ocio import Config, load_config
from headroom.colour.plan import plan
from headroom.errors import WriteError
from headroom.io.targets import Depth, WriteReport
from headroom.jobs.record import header_attributes
from headroom.plate import Plate, Reconstruction
from headroom.reconstruct import Options, Reconstructor

__all__ = ["merge", "reconstruct", "write"]

_reconstructor = lru_cache(maxsize=2)(Reconstructor)


def reconstruct(
    plate: Plate,
    options: Options | None = None,
    *,
    model: str | Path = "headroom-1",
    frm: str | None = None,
    to: str | None = None,
    config: str | Path | Config | None = None,
    device: str = "auto",
    precision: str = "auto",
    memory_bytes: int | None = None,
) -> Reconstruction:
    """Linear light for a plate, whole, in the space ``to`` (default: the config's scene_linear).

    The last two models stay loaded. For files larger than memory use `headroom.jobs`.
    """
    options = options or Options()
    colour = plan(plate.space, frm=frm, to=to, config=config, is_float=plate.is_float, bits=plate.bits)
    loaded = _reconstructor(model, device, precision, memory_bytes)
    hdr = loaded(plate, options, colour=colour)
    hdr.report["header"] = header_attributes(loaded.card, colour, options, plate.path)
    return hdr


def merge(
    frames: Sequence[str | Path | Plate],
    *,
    ev: Sequence[float] | None = None,
    estimate_ev: bool = False,
    frm: str | None = None,
    to: str | None = None,
    config: str | Path | Config | None = None,
    **merging: Any,
) -> Reconstruction:
    """One linear picture out of a bracket's frames (files or plates, in any order), whole, in the space ``to``.

    ``ev``: their exposures in stops, in the order of ``frames``; default: what the files state. ``merging``: the
    fields of `headroom.merge.request.Merging`, such as ``method``, ``align`` and ``reference``. 1.0 of the result is
    the reference frame's white; its mask says what no frame recorded.
    """
    from headroom.merge.maker import merge_frames

    return merge_frames(
        frames, ev=ev, estimate_ev=estimate_ev, frm=frm, to=to, config=_config(config), **merging
    )  # fmt: skip


def _config(config: str | Path | Config | None) -> Config:
    return config if isinstance(config, Config) else load_config(config)


def write(
    hdr: Reconstruction,
    path: str | Path,
    *,
    space: str | None = None,
    config: str | Path | Config | None = None,
    mask: bool = False,
    gain: bool = False,
    depth: Depth = "auto",
    compression: str = "zip",
) -> WriteReport:
    """Writes a reconstruction as EXR, .hdr or TIFF, by the suffix; ``space``: convert on the way."""
    attributes: dict[str, Any] = dict(hdr.report.get("header", {}))
    pixels, chromaticities = hdr.pixels, hdr.chromaticities
    if space is not None and space != hdr.space:
        setup = _config(config or hdr.report.get("colour", {}).get("config"))
        way = plan(None, frm=hdr.space, to=space, config=setup, is_float=True)
        pixels, chromaticities = way.base(pixels), way.chromaticities
        attributes["headroom:space"] = way.to_space
    plate = hdr.plate
    if plate.alpha is not None and plate.alpha.shape != pixels.shape[:2]:
        raise WriteError(f"cannot write {path}: alpha and pixels differ in size")
    return io.write(
        Path(path),
        pixels,
        alpha=plate.alpha_rows(0, plate.height),
        mask=hdr.mask if mask else None,
        gain=hdr.gain_stops if gain else None,
        depth=depth,
        compression=compression,
        chromaticities=chromaticities,
        attributes=attributes,
        metadata=plate.metadata,
        data_window=plate.data_window,
        display_window=plate.display_window,
        keep_glow=plate.premultiplied,
    )
