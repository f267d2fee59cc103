"""headroom-merge-1: recorded light stays recorded light, whatever its weights say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from headroom.networks.merge1 import NOISE_REACH, Answer, MergeOne, box_mean
from headroom.networks.merging import Stack
from merge_stacks import photographed, scene, small


def inverse_variance(stack: Stack) -> torch.Tensor:
    variance = stack.variance(box_mean(stack.radiance[:, stack.reference]))
    weights = stack.valid * (1 - stack.clipped) / variance
    return (weights * stack.radiance).sum(1) / weights.sum(1).clamp(min=1e-9)


def answer(stack: Stack, logit: float, raw: float) -> Answer:
    batch, frames, _, height, width = stack.linear.shape
    return Answer(torch.full((batch, frames - 1, 1, height, width), logit), torch.full((batch, 6, height, width), raw))


def decoded(stack: Stack, logit: float, raw: float) -> torch.Tensor:
    level = box_mean(stack.radiance[:, stack.reference])
    return MergeOne().decode(answer(stack, logit, raw), stack, level, stack.variance(level)).radiance


@pytest.mark.parametrize("stops", [[-2, 0], [-2, 0, 2], [-3, -1, 0, 2, 4]])
@pytest.mark.parametrize("reference", [0, 1])
def test_a_still_bracket_merges_as_inverse_variance_does(stops: list[float], reference: int) -> None:
    stack = photographed(scene(48, 48, top=2.0), stops, reference, noise=0.002)
    stack.clipped[:] = (stack.clipped.amax(2, keepdim=True) > 0).float()  # frames lose samples whole
    stack.clipped[:, 0] = 0  # the darkest frame recorded everything
    expected = inverse_variance(stack)
    with torch.inference_mode():
        light = MergeOne().eval().merge(stack)
    error = (light.radiance - expected).abs() / (expected + 0.01)
    assert error.mean() < 2e-3  # untrained: what distrust there is costs little
    if reference == 1 and len(stops) > 2:
        assert light.doubt.amax() < 0.05


def test_frames_that_are_believed_leave_nothing_to_the_network() -> None:
    stack = photographed(scene(32, 32, top=2.0), [-2, 0, 2], 1, noise=0.002)
    stack.clipped[:] = (stack.clipped.amax(2, keepdim=True) > 0).float()
    for raw in (-50.0, 50.0):
        found = decoded(stack, 40.0, raw)
        recorded = stack.clipped[:, 0].amax(1, keepdim=True).expand_as(found) == 0
        sigma = stack.variance(box_mean(stack.radiance[:, 1]))[:, 1].sqrt()
        off = (found - inverse_variance(stack)).abs() / sigma
        assert off[recorded].amax() < 0.6 and off[recorded].mean() < 0.05


def test_the_reference_holds_where_no_frame_is_believed_within_the_noise() -> None:
    stack = photographed(scene(32, 32, top=0.9), [-2, 0, 2], 1, noise=0.002)
    moved = replace(stack, linear=torch.cat([stack.linear[:, :1].flip(-1), stack.linear[:, 1:2],
                                             stack.linear[:, 2:].flip(-1)], 1))  # fmt: skip
    sigma = stack.variance(box_mean(stack.radiance[:, 1]))[:, 1].sqrt()
    inside = moved.clipped[:, 1] == 0
    for raw in (-50.0, 0.0, 50.0):
        off = (decoded(moved, -40.0, raw) - moved.radiance[:, 1]).abs() / sigma
        assert off[inside].amax() <= NOISE_REACH + 1e-2
        if raw == 0:
            assert off[inside].amax() < 1e-3


def test_a_hole_lies_between_what_the_reference_proves_and_what_the_darkest_could_hold() -> None:
    stack = photographed(torch.full((1, 3, 16, 16), 2.0), [-2, 0, 2], 1)
    stack.linear[:, 0] = 0.05  # something dark stands there in the dark frame: not to be believed
    low, high = decoded(stack, -40.0, -50.0), decoded(stack, -40.0, 50.0)
    torch.testing.assert_close(low, torch.full_like(low, 1.0), rtol=1e-3, atol=0)
    torch.testing.assert_close(high, torch.full_like(high, 4.0), rtol=1e-3, atol=0)


def test_what_clipped_in_every_frame_is_the_darkest_frames_white_and_doubted() -> None:
    stack = photographed(torch.full((1, 3, 16, 16), 50.0), [-2, 0, 2], 1)
    with torch.inference_mode():
        light = small("merge1").merge(stack)
    torch.testing.assert_close(light.radiance, torch.full_like(light.radiance, 4.0), rtol=5e-3, atol=0)
    assert light.doubt.amin() == 1


@pytest.mark.parametrize("valid", [0.0, 1.0])
def test_no_hole_and_nothing_that_is_not_finite(valid: float) -> None:
    torch.manual_seed(5)
    stack = photographed(torch.rand(1, 3, 32, 32) * 8, [-3, 0, 3], 1)
    stack = replace(stack, linear=torch.rand_like(stack.linear), clipped=torch.rand_like(stack.clipped).round())
    stack.valid[:, 0], stack.valid[:, 2] = valid, valid
    with torch.inference_mode():
        light = small("merge1").merge(stack)
    assert torch.isfinite(light.radiance).all() and light.radiance.amin() > -0.05
    assert light.doubt.amin() >= 0 and light.doubt.amax() <= 1


def test_frames_are_compared_alike_wherever_they_stand() -> None:
    network = small("merge1")
    stack = photographed(scene(32, 32), [-2, -1, 0, 1, 2], 2, noise=0.01)
    level = box_mean(stack.radiance[:, 2])
    order = [2, 0, 3, 1]
    with torch.inference_mode():
        evidence = network.encode(stack, level, stack.variance(level))  # type: ignore[operator]
        one, other = network(*evidence), network(*(part[:, order] for part in evidence))
    torch.testing.assert_close(other.logits, one.logits[:, order], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(other.raw, one.raw, rtol=1e-4, atol=1e-4)


def test_untrained_it_already_refuses_what_moved() -> None:
    still = photographed(scene(64, 64, top=0.9), [-2, 0, 2], 1, noise=0.003)
    moved = replace(still, linear=still.linear.clone(), clipped=still.clipped.clone())
    moved.linear[:, 2, :, 20:44, 20:44] = 0.3  # a thing in the bright frame alone
    moved.clipped[:, 2, :, 20:44, 20:44] = 0
    with torch.inference_mode():
        ghost = (inverse_variance(moved) - inverse_variance(still)).abs()[..., 24:40, 24:40].mean()
        found = (MergeOne().eval().merge(moved).radiance - inverse_variance(still)).abs()[..., 24:40, 24:40].mean()
    assert found < 0.1 * ghost


def test_every_weight_learns() -> None:
    network = small("merge1").train()
    stack = photographed(scene(32, 32, top=6.0), [-2, 0, 2], 1, noise=0.01)
    stack.linear[:, 0] = stack.linear[:, 0].flip(-1)
    network.merge(stack).radiance.square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_a_frame_that_lost_a_channel_brings_no_false_colour() -> None:
    """The curve is off by 15 % in the bright frame, whose blue clipped: all of the light comes from the reference."""
    truth = torch.tensor([0.2, 0.22, 0.5])[None, :, None, None].expand(1, 3, 32, 32)
    stack = photographed(truth, [0, 2], 0)
    stack.linear[:, 1, :2] *= 0.85
    assert stack.clipped[0, 1, :, 0, 0].tolist() == [0, 0, 1]
    expected = inverse_variance(stack)
    assert (expected / truth)[0, :2].max() < 0.9  # a plain merge turns it blue
    torch.testing.assert_close(decoded(stack, 40.0, 0.0) / truth, torch.ones_like(truth), rtol=0.01, atol=0)
    # In the dark, where noise is worse than that, the bright frame's channels still count.
    dark = photographed(truth / 50, [0, 2], 0)
    dark.clipped[:, 1, 2], dark.linear[:, 1, :2] = 1, dark.linear[:, 1, :2] * 1.05
    assert (decoded(dark, 40.0, 0.0) / truth * 50)[0, :2].min() > 1.035


def test_a_sample_that_clipped_in_part_is_a_lower_bound() -> None:
    """JPEG leaves clipped samples a little below white: they contradict no brighter light, and leave no grey rim."""
    truth = torch.full((1, 3, 32, 32), 2.5)
    stack = photographed(truth, [-2, 0, 2], 1)
    stack.linear[:, 1:] = 0.975  # code 252
    stack.clipped[:, 1:] = 0.77
    with torch.inference_mode():
        light = MergeOne().eval().merge(stack)
    torch.testing.assert_close(light.radiance, truth, rtol=0.02, atol=0)


@pytest.mark.parametrize(
    ("dark", "believed"),
    [((2.0, 2.0, 2.0), True), ((3.4, 2.0, 0.5), True), ((0.8, 0.8, 0.8), True), ((0.4, 0.4, 0.4), False)],
)
def test_where_the_reference_clipped_only_darker_light_speaks_for_motion(
    dark: tuple[float, float, float], believed: bool
) -> None:
    """Whatever the network says of a frame that is as bright as the reference proves, its light is taken."""
    stack = photographed(torch.full((1, 3, 16, 16), 2.0), [-2, 0], 1)
    stack.linear[:, 0] = torch.tensor(dark)[:, None, None] / 4
    stack.clipped[:, 0] = 0
    found = decoded(stack, -40.0, 50.0)[0, :, 8, 8]
    expected = dark if believed else (4.0, 4.0, 4.0)
    torch.testing.assert_close(found, torch.tensor(expected), rtol=0.02, atol=0)


def test_colours_that_faded_towards_white_do_not_split_a_pixel() -> None:
    """Red and green clipped, blue was lifted: all three channels come from the dark frame."""
    stack = photographed(torch.full((1, 3, 16, 16), 2.0), [-2, 0], 1)
    stack.linear[:, 0] = torch.tensor([2.8, 1.8, 0.3])[:, None, None] / 4
    stack.linear[:, 1] = torch.tensor([1.0, 1.0, 0.6])[:, None, None]
    stack.clipped[:, 0], stack.clipped[:, 1, 2] = 0, 0
    found = decoded(stack, -40.0, 50.0)[0, :, 8, 8]
    torch.testing.assert_close(found, torch.tensor([2.8, 1.8, 0.3]), rtol=0.15, atol=0)


def test_a_black_reference_is_no_evidence() -> None:
    """Where the reference holds a code or two, what a bright frame shows a little above it is believed."""
    truth = torch.full((1, 3, 32, 32), 0.002)
    stack = photographed(truth, [0, 4], 0)
    stack.linear[:, 0] = 0.0
    with torch.inference_mode():
        found = MergeOne().eval().merge(stack).radiance
    torch.testing.assert_close(found, truth, rtol=0.05, atol=0)


def test_what_resampling_mixed_with_clipped_light_counts_where_nothing_else_recorded() -> None:
    """The aligner marks the dark frame's samples beside a lamp as clipped: they are still the best there is."""
    truth = torch.full((1, 3, 32, 32), 1.6)
    truth[..., 14:18, 14:18] = 40.0
    stack = photographed(truth, [-2, 0], 1)
    stack.clipped[:, 0, :, 12:20, 12:20] = 1
    with torch.inference_mode():
        light = MergeOne().eval().merge(stack)
    torch.testing.assert_close(light.radiance[..., 12, 12], truth[..., 12, 12], rtol=0.02, atol=0)
    assert light.doubt[0, 0, 12, 12] < 0.1 and light.doubt[0, 0, 16, 16] > 0.95


def test_one_frame_comes_out_as_it_is() -> None:
    stack = photographed(scene(16, 16), [0.0], 0)
    light = small("merge1").merge(stack)
    assert torch.equal(light.radiance, stack.linear[:, 0])
