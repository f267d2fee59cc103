"""Staged brackets: one seed one bracket, the truth is the reference's, motion stands where the mask says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from headroom.errors import UsageError
from headroom.staging import Staging, Surroundings, stage, stage_tensors
from headroom.staging.motion import Hand, look_up
from headroom.staging.scenery import pixel_centres, project, rays_through

SIZE: dict[str, Any] = {"height": 96, "width": 128}


def surroundings(seed: int = 0, *, latlong: bool = True, name: str = "a") -> Surroundings:
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.lognormal(-1, 1.3, (1, 3, 24, 48)).astype(np.float32))
    return Surroundings(name, torch.nn.functional.interpolate(coarse, (128, 256), mode="bilinear")[0].half(), latlong)


@pytest.mark.parametrize("kind", ["still", "moving"])
@pytest.mark.parametrize("latlong", [True, False])
def test_the_same_seed_is_the_same_bracket_and_another_is_not(kind: str, latlong: bool) -> None:
    scene = surroundings(latlong=latlong)
    one, two, other = (stage(scene, seed=seed, kind=kind, **SIZE) for seed in (3, 3, 4))
    assert np.array_equal(one.frames, two.frames)
    assert np.array_equal(one.truth, two.truth)
    assert not np.array_equal(one.frames, other.frames)
    assert one.frames.shape == (3, 96, 128, 3)
    assert one.moving.any() == (kind == "moving")
    assert np.array_equal(np.round(one.frames * 255) / np.float32(255), one.frames)


def test_the_reference_frame_saw_the_truth() -> None:
    quiet = Staging(shot_noise=(1e-6, 2e-6), read_noise=(1e-6, 2e-6), clipped_share=(0.05, 0.050001))
    made = stage(surroundings(), seed=1, kind="moving", staging=quiet, **SIZE)
    assert made.ev_stops[made.reference] == 0
    assert list(made.ev_stops) == sorted(made.ev_stops)
    seen = made.decode(made.frames[made.reference])
    recorded = made.truth < 0.97
    assert np.abs(seen - made.truth)[recorded].max() < 0.03
    assert 0.02 < (made.truth.max(-1) >= 1).mean() < 0.1


def test_a_still_scene_from_a_tripod_agrees_in_all_frames() -> None:
    quiet = Staging(tripod_share=1.0, shot_noise=(1e-6, 2e-6), read_noise=(1e-6, 2e-6))
    made = stage(surroundings(), seed=2, kind="still", frames=5, staging=quiet, **SIZE)
    assert len(made.frames) == 5
    for frame, exposure in zip(made.frames, made.exposures, strict=True):
        lin = made.decode(frame)
        good = (lin > 0.1) & (lin < 0.95)
        assert np.abs(np.log2(lin / exposure / made.truth))[good].max() < 0.1


def test_outside_the_mask_every_frame_shows_the_truth_where_the_hand_took_it() -> None:
    quiet = Staging(tripod_share=0.0, shot_noise=(1e-6, 2e-6), read_noise=(1e-6, 2e-6), srgb_share=1.0)
    made = stage_tensors(surroundings(), seed=5, kind="moving", ev_stops=(-2, 0, 2), staging=quiet, **SIZE)
    assert float((made.frame_xy[0] - made.frame_xy[1]).abs().max()) > 1
    inside = []
    for number in (0, 2):
        lin = made.response.inverse(made.codes[number])
        there = look_up(lin, made.frame_xy[number]) / 2.0 ** made.ev_stops[number]
        seen = (look_up(lin, made.frame_xy[number]) > 0.1) & (look_up(lin, made.frame_xy[number]) < 0.9)
        y, x = 12, 12  # what came in over the border is not known
        frame = torch.zeros_like(made.moving)
        frame[y:-y, x:-x] = True
        error = (there / made.truth.clamp(min=1e-4)).log2().abs()
        still = seen & (frame & ~made.moving)
        assert float(error[still].quantile(0.98)) < 0.15
        moving = seen & (frame & made.moving)
        inside.append(float(error[moving].median()))
    assert max(inside) > 0.2


def test_the_map_to_a_frame_and_back_is_no_way() -> None:
    rng = np.random.default_rng(0)
    hand = Hand.draw(
        rng, Staging(tripod_share=0.0), frames=3, reference=1, size=(96, 128), focal_px=60.0, device=torch.device("cpu")
    )
    grid = pixel_centres(96, 128, 1, torch.device("cpu"))
    torch.testing.assert_close(project(rays_through(grid, 96, 128, 60.0), 96, 128, 60.0), grid, rtol=0, atol=1e-3)
    there = hand.frame_xy(0, grid)
    inside = ((there > 1) & (there < torch.tensor([126.0, 94.0]))).all(-1)
    assert float((hand.ref_xy(0, there) - grid).abs()[inside].max()) < 0.03
    assert torch.allclose(hand.ref_xy(1, grid), grid, atol=1e-3)


def test_what_cannot_be_staged_is_said() -> None:
    with pytest.raises(UsageError, match="still, moving"):
        stage(surroundings(), seed=0, kind="wild", **SIZE)
    with pytest.raises(UsageError, match="0 stops"):
        stage(surroundings(), seed=0, kind="still", ev_stops=(-2.0, 2.0), **SIZE)
