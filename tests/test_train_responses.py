"""The cameras of training photographs: which responses are drawn, and how their channels differ."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from headroom.colour.curves import srgb_encode
from headroom.errors import UsageError
from headroom.train.batches import BatchMaker, Frame, Shooting, draw_responses
from headroom.train.curve_lines import LineShooting, Photographer
from headroom.train.scenes import HdrScene
from headroom.train.views import SceneBank

CPU = torch.device("cpu")
FRAME = Frame(kind="cells", height=64, width=64, batch=6, share=1)


def grey_scene() -> HdrScene:
    """Light that rises along the rows, the same in all channels."""
    return HdrScene("grey", (0.02 + torch.linspace(0, 1, 1024)).expand(3, 512, 1024).half(), True)


def shooting(**changes: object) -> Shooting:
    plain = {"white_balance_std": 0.0, "saturation": (1.0, 1.0), "contrast": (1.0, 1.0), "noisy_share": 0.0}
    return Shooting(frames=(FRAME,), jpeg_share=0.0, responses=40, **{**plain, **changes})  # type: ignore[arg-type]


def test_responses_are_drawn_by_their_shares() -> None:
    asked = Shooting(frames=(), srgb_share=0.4, emor_share=0.3, style_share=0.1, sigmoid_share=0.05, log_share=0.1)
    drawn = draw_responses(asked, np.random.default_rng(1))
    assert drawn[0].name == "sRGB"
    kinds = Counter(response.name.split()[0] for response in drawn[1:])
    found = [kinds[kind] / (asked.responses - 1) for kind in ("EMoR", "style", "sigmoid", "gamma", "log")]
    assert found == pytest.approx([0.5, 0.1 / 0.6, 0.05 / 0.6, 0.05 / 0.6, 0.1 / 0.6], abs=0.04)
    for response in drawn:
        assert (np.diff(response.table) > 0).all(), response.name


def test_without_a_share_no_camera_is_logarithmic() -> None:
    assert not [r for r in draw_responses(shooting(), np.random.default_rng(1)) if r.name.startswith("log")]


def test_shares_that_pass_one_are_refused() -> None:
    with pytest.raises(UsageError, match="add up to 1.2"):
        draw_responses(shooting(emor_share=0.5, log_share=0.02), np.random.default_rng(1))


def test_channels_differ_where_it_is_asked_for_and_never_in_stated_photographs() -> None:
    bank = SceneBank([grey_scene()], CPU)
    maker = BatchMaker(bank, shooting(channel_spread=0.1, srgb_share=0.5), scene_px=64, scene_multiple=8, seed=1)
    alike, unlike = [], []
    for batch in (maker() for _ in range(4)):
        apart = (batch.x_srgb.amax(1) - batch.x_srgb.amin(1)).amax((1, 2))
        alike += apart[batch.stated == 1].tolist()
        unlike += apart[batch.stated == 0].tolist()
        off = (batch.x_srgb - srgb_encode(batch.truth_lin.clamp(0, 1)))[batch.stated == 1].abs()
        assert not (off > 0.52 / 255).any()
        # What is learnt as the light is the light: grey, whatever the channels did to the codes.
        recorded = (batch.truth_lin < 0.9) & (batch.x_srgb > 0.2)
        error = (batch.lin / batch.truth_lin).log2()[recorded]
        assert float(error.abs().quantile(0.99)) < 0.1
    assert len(alike) > 3
    assert max(alike) == 0
    assert np.median(unlike) > 3 / 255


def test_lines_show_the_difference_of_the_channels_too() -> None:
    def spread(channel_spread: float) -> float:
        sheets = shooting(channel_spread=channel_spread, srgb_share=0.0)
        shot = Photographer([grey_scene()], LineShooting(sheets=sheets, plain=6), 200, CPU, 1)()
        plain = shot.lines.x_srgb[FRAME.batch :]
        return float((plain.amax(3) - plain.amin(3)).amax())

    assert spread(0.0) == 0
    assert spread(0.1) > 3 / 255
