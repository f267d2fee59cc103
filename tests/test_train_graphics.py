"""Letters and logos over training pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from headroom.train.batches import BatchMaker, Frame, Shooting
from headroom.train.graphics import DARK_LEVEL, GraphicsBank, draw_colours
from headroom.train.scenes import HdrScene
from headroom.train.views import SceneBank


def test_pages_cover_a_part_and_show_white_or_a_colour_or_dark() -> None:
    bank, draws = GraphicsBank(torch.device("cpu"), 3), torch.Generator().manual_seed(1)
    number, colour = torch.arange(48), draw_colours(torch.rand(48, 4, generator=draws))
    assert (colour.amax(1) == 1).all() and 20 < (colour == 1).all(1).sum() < 44
    shift = torch.rand(48, 2, generator=draws) * 2 - 1
    for size in ((256, 512), (320, 320)):
        cover, light = bank(number, colour, shift, size)
        assert cover.shape == (48, 1, *size) and light.shape == (48, 3, *size)
        shares = cover.mean((1, 2, 3))
        assert (shares > 0).all() and (shares < 0.6).all() and 0.02 < shares.mean() < 0.3
        whole = (cover > 0.999).expand_as(light)
        assert light[whole].max() <= 1 and light[whole].min() >= DARK_LEVEL
        assert ((light - colour[:, :, None, None]).abs().amax(1, keepdim=True) < 1e-3)[
            cover > 0.999
        ].float().mean() > 0.3


def test_a_seed_gives_the_same_pages_and_a_shift_moves_them() -> None:
    ask = torch.tensor([5]), torch.ones(1, 3)
    first, second = (GraphicsBank(torch.device("cpu"), 3)(*ask, torch.zeros(1, 2), (64, 96)) for _ in range(2))
    moved = GraphicsBank(torch.device("cpu"), 3)(*ask, torch.tensor([[0.5, 0.25]]), (64, 96))
    assert torch.equal(first[0], second[0])
    assert torch.equal(moved[0], torch.roll(first[0], (-32, -24), (2, 3)))


def test_batches_with_letters_say_that_white_is_white() -> None:
    light = torch.from_numpy(np.random.default_rng(1).lognormal(-1, 1.5, (3, 512, 1024)).astype(np.float32))
    bank = SceneBank([HdrScene("a", light.half(), True)], torch.device("cpu"))
    frame = Frame(kind="view", height=256, width=384, batch=12, share=1)
    shooting = Shooting(frames=(frame,), responses=8, noisy_share=0.0, jpeg_share=0.0)
    plain, written = (
        BatchMaker(bank, replace(shooting, graphics_share=share), scene_px=1024, scene_multiple=32, seed=1)()
        for share in (0.0, 1.0)
    )
    letters = ((written.truth_lin - 1).abs() < 1e-4).all(1)
    assert letters.flatten(1).any(1).sum() >= 6
    assert (written.alpha == 1).all(1)[letters].all() and (written.lin.movedim(1, -1)[letters] > 0.99).all()
    pairs = BatchMaker(
        bank, replace(shooting, graphics_share=1.0, pairs=True), scene_px=1024, scene_multiple=32, seed=1
    )()
    first, second = ((pairs.truth_lin - 1).abs() < 1e-4).all(1).chunk(2)
    assert torch.equal(first, second) and first.any()
    assert not torch.equal(plain.truth_lin, written.truth_lin)
