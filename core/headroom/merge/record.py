"""What a merge says of its own making: the header's attributes and the report."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import headroom
from headroom import io
from headroom.bracket.mergers import Merger
from headroom.colour.plan import describe
from headroom.merge.group import Prepared
from headroom.merge.inputs import Task
from headroom.merge.picture import Made
from headroom.merge.request import Request

__all__ = ["attributes_of", "facts_of", "report_of"]


def attributes_of(request: Request, prepared: Prepared, made: Made, merger: Merger) -> dict[str, Any]:
    """The ``headroom:*`` attributes of the EXR; the order in which files were given plays no part."""
    bracket, colour, card = made.bracket, prepared.colour, merger.card
    on = made.picture.report["went_on"]
    attributes: dict[str, Any] = {
        "headroom:version": headroom.__version__,
        "headroom:method": merger.name,
        "headroom:frames": ", ".join(_file(plate) for plate in bracket.plates),
        "headroom:evStops": ", ".join(f"{stops:.4f}" for stops in bracket.ev_stops),
        "headroom:evSource": bracket.source,
        "headroom:reference": _file(bracket.plates[bracket.reference]),
        "headroom:response": made.response.name,
        "headroom:alignment": request.merging.align,
        "headroom:sourceSpace": colour.from_space,
        "headroom:space": colour.to_space,
        "headroom:config": colour.config_name,
        "headroom:configCacheId": colour.cache_id,
        "headroom:scale": _scale_text(made.scale),
        "headroom:options": json.dumps(_options(request), sort_keys=True),
    }
    if bracket.ev_stops != prepared.bracket.ev_stops:
        attributes["headroom:evStated"] = ", ".join(f"{stops:.4f}" for stops in prepared.bracket.ev_stops)
    if card is not None:
        attributes |= {"headroom:model": f"{card.name} {card.version}", "headroom:weights": card.sha256}
    if on is not None:
        attributes |= {
            "headroom:continuedBy": f"{on['model']} {on['model_version']}",
            "headroom:continuedByWeights": on["weights_sha256"],
        }
    return attributes


def report_of(
    request: Request, task: Task, prepared: Prepared, made: Made, merger: Merger, *,
    written: io.WriteReport, seconds: float,
) -> dict[str, Any]:  # fmt: skip
    """Everything that ``--json`` tells about a stack."""
    facts = facts_of(request, prepared, made, merger)
    return {
        "status": "done",
        "output": str(task.target),
        **facts,
        "peak": written.peak,
        "depth": written.depth,
        "bytes": written.bytes,
        "warnings": [*facts["warnings"], *written.warnings],
        "seconds": round(seconds, 3),
    }


def facts_of(request: Request, prepared: Prepared, made: Made, merger: Merger) -> dict[str, Any]:
    """What was found and done, as plain values."""
    bracket, exposed, card = made.bracket, prepared.exposed, merger.card
    alignment = made.picture.report["alignment"]
    frames = [
        {
            "file": str(plate.path),
            "ev_stops": bracket.ev_stops[k],
            "stated_ev_stops": None if bracket.source == "estimated" else prepared.bracket.ev_stops[k],
            "measured_ev_stops": None if exposed.measured is None else exposed.measured[k],
            "measured_sigma_stops": None if exposed.measured_sigma is None else exposed.measured_sigma[k],
            "clip_level": made.picture.report["clip_levels"][k],
            "clipped_share": made.picture.report["clipped_shares"][k],
            **alignment["frames"][k],
        }
        for k, plate in enumerate(bracket.plates)
    ]
    return {
        "width": bracket.width,
        "height": bracket.height,
        "frames": frames,
        "reference": bracket.reference,
        "exposures": bracket.source,
        "curve_factor": exposed.curve_factor,
        "response": {"name": made.response.name, "residual_stops": made.response.residual_stops, **made.response.facts},
        "alignment": alignment["how"],
        "method": merger.name,
        "weights_sha256": None if card is None else card.sha256,
        "noise": made.picture.report["noise"],
        "unrecorded_share": made.picture.report["unrecorded_share"],
        "continued": made.picture.report["went_on"],
        "scale": _scale_text(made.scale),
        "scale_factor": made.scale,
        "colour": describe(prepared.colour),
        "tile_px": made.picture.report["tile_px"],
        "options": _options(request),
        "warnings": list(dict.fromkeys(made.warnings)),
    }


def _file(plate: Any) -> str:
    return plate.path.name if plate.path is not None else "?"


def _scale_text(scale: float) -> str:
    if scale == 1.0:
        return "relative: 1.0 is the reference frame's white"
    return f"relative: {scale:.6g} is the reference frame's white (one scale for the group)"


def _options(request: Request) -> dict[str, Any]:
    """What shapes the picture; not what only says how it is made."""
    options = {name: value for name, value in asdict(request.merging).items() if name not in ("device", "memory_bytes")}
    options["model"] = str(options["model"])
    return {**options, "doubles": request.exposing.doubles, "group": request.group}
