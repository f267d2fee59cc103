"""Runs the networks over the photographs; a record for every claim, variant and photograph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from headroom.colour.curves import srgb_decode
from headroom.evaluate.papers.grid import flattened, grid_stops
from headroom.evaluate.papers.runs import Run
from headroom.evaluate.papers.shots import Shot
from headroom.metrics import align_scale, log_errors, psnr, pu21_encode, to_nits, well_exposed
from headroom.metrics.pu21 import PEAK
from headroom.networks.singlehdr.hallucination import soft_mask
from headroom.networks.singlehdr.linearization import CURVE_SAMPLES, apply_curve
from headroom.networks.singlehdr.system import SingleHDR
from headroom.plate import FloatArray

__all__ = ["Record", "curve_values", "light_values", "measured"]

MID_CODES = (25 / 255, 230 / 255)
"""Where a curve is judged in stops: well exposed."""
LIGHT_FLOOR = 1e-5


@dataclass(frozen=True)
class Record:
    """One variant on one photograph."""

    claim: str
    variant: str
    """Kind of run, or what needs none in brackets."""
    scene: str
    share: float
    response: str
    values: dict[str, float]


Found = list[tuple[str, dict[str, float]]]
"""Claims, and what was measured for them."""

PLAIN = {"hallucination": "(nothing)", "linearization": "(srgb)", "training": "(srgb)"}
"""What a claim calls doing nothing; else ``(plain)``."""
STAGES = ("dequantize", "linearize", "hallucinate")


def measured(
    runs: Mapping[str, Run],
    photographs: Sequence[Shot],
    *,
    device: torch.device,
    progress: Callable[[float, str], None] | None = None,
) -> Iterator[Record]:
    """All records, network by network; claims whose runs are missing have fewer variants."""
    kinds = ["(plain)", *runs, *(["(stages)"] if set(STAGES) <= runs.keys() else [])]
    for number, kind in enumerate(kinds):
        work = _work(kind, runs, device)
        for index, shot in enumerate(photographs):
            if progress:
                progress((number + index / len(photographs)) / len(kinds), f"{kind}: {shot.scene}")
            for claim, values in work(shot):
                variant = PLAIN.get(claim, kind) if kind == "(plain)" else kind
                yield Record(claim, variant, shot.scene, shot.share, shot.response, values)


def _work(kind: str, runs: Mapping[str, Run], device: torch.device) -> Callable[[Shot], Found]:
    """What is measured with a run; nothing where no claim is about it."""
    if kind == "(plain)":
        return _plain
    if kind == "(stages)":
        network = runs["dequantize"].network()
        network.linearization = runs["linearize"].network().linearization
        network.hallucination = runs["hallucinate"].network().hallucination
        return partial(_whole, network.to(device))
    work = {"dequantize": _dequantize, "linearize": _linearize, "hallucinate": _hallucinate}.get(kind.split("-")[0])
    if work is None and kind in ("joint", "end-to-end"):
        work = _whole
    if work is None:
        return lambda shot: []
    return partial(work, runs[kind].network().to(device))


def _plain(shot: Shot) -> Found:
    """What doing nothing gives."""
    srgb = np.asarray(srgb_decode(np.linspace(0, 1, CURVE_SAMPLES)), np.float32)
    linear = np.asarray(srgb_decode(shot.x_srgb), np.float32)
    return [
        ("dequantization", {"codes_psnr": psnr(shot.x_srgb, shot.code, 1.0)}),
        ("dequantization-jpeg", {"codes_psnr": psnr(shot.x_jpeg, shot.code, 1.0)}),
        ("linearization", curve_values(srgb, linear, shot)),
        ("hallucination", light_values(shot.clipped, shot)),
        ("training", light_values(linear, shot)),
    ]


def _dequantize(network: SingleHDR, shot: Shot) -> Found:
    def db(x_srgb: FloatArray) -> dict[str, float]:
        codes = network.dequantization(_tensor(x_srgb, network)).clamp(0, 1)
        return {"codes_psnr": psnr(_array(codes), shot.code, 1.0)}

    with torch.inference_mode():
        return [("dequantization", db(shot.x_srgb)), ("dequantization-jpeg", db(shot.x_jpeg))]


def _linearize(network: SingleHDR, shot: Shot) -> Found:
    with torch.inference_mode():
        x_srgb = _tensor(shot.x_srgb, network)
        curve = network.linearization(x_srgb)
        linear = _array(apply_curve(x_srgb, curve))
    return [("linearization", curve_values(curve[0].cpu().numpy(), linear, shot))]


def _hallucinate(network: SingleHDR, shot: Shot) -> Found:
    def light(clipped: FloatArray) -> FloatArray:
        linear = _tensor(clipped, network)
        return _array(linear + soft_mask(linear, network.config.mask_from) * network.hallucination(linear))

    with torch.inference_mode():
        found = [("hallucination", light_values(light(shot.clipped), shot))]
        return [*found, ("checkerboard", {"grid_stops": grid_stops(light(flattened(shot.clipped)))})]


def _whole(network: SingleHDR, shot: Shot) -> Found:
    with torch.inference_mode():
        light = _array(network(_tensor(shot.x_srgb, network)).light)
    return [("training", light_values(light, shot))]


def _tensor(picture: FloatArray, network: SingleHDR) -> Tensor:
    """(H, W, 3) to (1, 3, H, W), where the network is."""
    device = network.linearization.mean_curve.device
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].to(device)


def _array(picture: Tensor) -> FloatArray:
    """(1, 3, H, W) to (H, W, 3)."""
    answer: FloatArray = picture[0].float().cpu().numpy().transpose(1, 2, 0)
    return answer


def curve_values(curve: FloatArray, linear: FloatArray, shot: Shot) -> dict[str, float]:
    """Of a (1024,) inverse response and the (H, W, 3) picture that it made linear: SingleHDR's Table 3."""
    codes = np.linspace(0, 1, CURVE_SAMPLES)
    inside = (codes >= MID_CODES[0]) & (codes <= MID_CODES[1])
    stops = np.log2(np.maximum(curve, LIGHT_FLOOR) / np.maximum(shot.curve, LIGHT_FLOOR))[inside]
    return {
        "linear_psnr": psnr(linear, shot.clipped, 1.0),
        "curve_rms": float(np.sqrt(np.mean((curve - shot.curve) ** 2, dtype=np.float64))),
        "curve_stops": float(np.std(stops)),
    }


def light_values(light: FloatArray, shot: Shot) -> dict[str, float]:
    """Of (H, W, 3) light of any scale: it is aligned on what was recorded."""
    recorded = well_exposed(shot.x_srgb)
    scale = align_scale(light, shot.light, recorded)
    aligned = np.maximum(light * np.float32(scale), 0)
    inside = log_errors(aligned, shot.light, shot.light >= 1.0)
    return {
        "pu21_psnr": psnr(pu21_encode(to_nits(aligned)), pu21_encode(to_nits(shot.light)), PEAK),
        "clip_rmse": inside.rmse,
        "clip_bias": inside.bias,
        "outside_rmse": log_errors(aligned, shot.light, recorded).rmse,
    }
