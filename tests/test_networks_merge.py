"""The merge networks: what is easy to get wrong in them, against plain NumPy or a property."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from headroom.networks import ahdrnet, kalantari, wu
from headroom.networks.merging import (
    MU,
    expand_mu_law,
    gamma_code,
    mu_law,
    triples,
    unrecorded,
)
from headroom.networks.table import NETWORKS
from merge_stacks import KINDS, photographed, scene, small, window

# ---- all of them ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_with_its_halo_gives_what_the_whole_frame_gives(kind: str) -> None:
    network = small(kind)
    contract = network.contract
    core = -(-40 // contract.multiple_of) * contract.multiple_of
    side = 2 * contract.halo_px + core
    x0, multiple = contract.halo_px // contract.multiple_of * contract.multiple_of, contract.multiple_of
    whole = photographed(scene(64 if contract.least_px <= 64 else 96, side + 2 * multiple), [-2, 0, 2], 1)
    whole.linear[:, 2] = whole.linear[:, 2].flip(-1)  # something has moved
    inside = slice(x0 + multiple, x0 + multiple + core)
    with torch.inference_mode():
        expected = network.merge(whole).radiance[..., inside]
        found = network.merge(window(whole, 0, 10_000, multiple, multiple + side)).radiance[..., x0 : x0 + core]
        changed = replace(whole, linear=whole.linear.flip(-1))
        assert not torch.allclose(network.merge(changed).radiance[..., inside], expected, atol=1e-3)
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_stated_cost_is_the_counted_one(kind: str) -> None:
    network = small(kind)
    stack = photographed(scene(96, 96), [-2, 0, 2], 1)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network.merge(stack)
    assert counter.get_total_flops() / (96 * 96) * 1e-3 == pytest.approx(network.contract.gflop_per_mp, rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_keeps_the_light_of_float32(kind: str) -> None:
    network = small(kind)
    stack = photographed(scene(96, 96), [-2, 0, 2], 1)
    with torch.inference_mode():
        expected = network.merge(stack).radiance
        with torch.autocast("cpu", torch.bfloat16):
            found = network.merge(stack).radiance
    assert found.dtype == torch.float32
    top = stack.top
    assert (mu_law(found.clamp(min=0) / top) - mu_law(expected.clamp(min=0) / top)).abs().mean() < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_its_name_and_configuration_rebuild_it(kind: str) -> None:
    network = small(kind)
    made_by, config = NETWORKS[kind.partition("-")[0]]
    again = made_by(config(**vars(network.config)))  # type: ignore[arg-type]
    again.load_state_dict(network.state_dict(), strict=True)
    assert again.contract == network.contract


def test_mu_law_runs_from_0_to_1_and_back() -> None:
    hdr01 = torch.tensor([0.0, 1 / MU, 0.5, 1.0])
    np.testing.assert_allclose(mu_law(hdr01), np.log(1 + MU * hdr01.numpy()) / np.log(1 + MU), rtol=1e-6)
    np.testing.assert_allclose(expand_mu_law(mu_law(hdr01)), hdr01, rtol=1e-4, atol=1e-9)


def test_what_is_not_valid_is_the_reference_at_that_exposure() -> None:
    stack = photographed(scene(8, 8, top=0.8), [-2, 0, 2], 1)
    moved = replace(stack, linear=stack.linear.roll(3, -1))
    moved.linear[:, 1], moved.valid[:, 0], moved.valid[:, 2] = stack.linear[:, 1], 0, 0
    seen = triples(moved)
    np.testing.assert_allclose(seen[:, 0], stack.linear[:, 1] / 4, rtol=1e-5)
    np.testing.assert_allclose(seen[:, 2], (stack.linear[:, 1] * 4).clamp(max=1), rtol=1e-5)


def test_a_place_is_unrecorded_where_every_valid_frame_clipped_in_some_channel() -> None:
    stack = photographed(torch.full((1, 3, 1, 3), 0.5), [-2, 0, 2], 1)
    stack.clipped[:] = 0
    stack.clipped[0, :, 0, 0, 0] = 1  # red clipped everywhere
    stack.clipped[0, 1:, 2, 0, 1] = 1  # the darkest frame still has this one,
    stack.valid[0, 0, 0, 0, 2] = 0
    stack.clipped[0, 1:, 1, 0, 2] = 0.75  # and here it is hidden
    np.testing.assert_allclose(unrecorded(stack)[0, 0, 0], [1, 0, 0.75])


# ---- AHDRNet ---------------------------------------------------------------------------------------------------


def test_ahdrnet_has_the_authors_names_and_sizes() -> None:
    state = ahdrnet.AHDRNet().state_dict()
    assert state["conv1.weight"].shape == (64, 6, 3, 3)
    assert state["att31.weight"].shape == (128, 128, 3, 3)
    assert state["RDB2.dense_layers.5.conv.weight"].shape == (32, 224, 3, 3)
    assert state["RDB3.conv_1x1.weight"].shape == (64, 256, 1, 1)
    assert {"attConv1.weight", "attConv3.bias", "GFF_1x1.weight", "GFF_3x3.bias", "conv_up.bias"} <= set(state)
    assert sum(tensor.numel() for tensor in state.values()) == 1_515_139


def test_ahdrnets_unused_layers_change_nothing_and_the_rest_does() -> None:
    network = small("ahdrnet")
    frames = tuple(torch.rand(1, 6, 12, 12) for _ in range(3))
    with torch.inference_mode():
        before = network(*frames)
        for name, parameter in network.named_parameters():
            if name.startswith("attConv"):
                parameter.zero_()
        assert torch.equal(network(*frames), before)
        network.RDB3.conv_1x1.bias.add_(1.0)  # type: ignore[union-attr, operator]
        assert not torch.allclose(network(*frames), before)


def test_ahdrnets_attention_gates_the_moving_frames_and_spares_the_reference() -> None:
    network = small("ahdrnet")
    dark, reference, bright = (torch.rand(1, 6, 12, 12) for _ in range(3))
    with torch.inference_mode():
        for layer in (network.att12, network.att32):
            layer.weight.zero_()  # type: ignore[union-attr, operator]
            layer.bias.fill_(-1e4)  # type: ignore[union-attr, operator]
        one = network(dark, reference, bright)
        assert torch.equal(network(dark.flip(-1), reference, bright.flip(-1)), one)
        assert not torch.allclose(network(dark, reference.flip(-1), bright), one)


# ---- Wu --------------------------------------------------------------------------------------------------------


def test_wus_transposed_convolution_is_tensorflows_same() -> None:
    torch.manual_seed(3)
    layer, x = wu.Transposed(2, 3).double(), torch.randn(1, 2, 4, 5).double()
    kernel = layer.weight.detach().numpy()  # (in, out, 5, 5)
    # The gradient of a strided convolution that pads 1 before and 2 behind: input i reaches outputs 2i - 1 .. 2i + 3.
    whole = np.zeros((3, 2 * 4 + 3, 2 * 5 + 3))
    for i in range(4):
        for j in range(5):
            whole[:, 2 * i : 2 * i + 5, 2 * j : 2 * j + 5] += np.einsum("c,cokl->okl", x[0, :, i, j].numpy(), kernel)
    expected = whole[:, 1 : 1 + 8, 1 : 1 + 10] + layer.bias.detach().numpy()[:, None, None]
    np.testing.assert_allclose(layer(x)[0].detach(), expected, atol=1e-12)


def test_wus_strided_convolution_reflects_one_before_and_two_behind() -> None:
    torch.manual_seed(3)
    layer, x = wu.Strided(1, 1).double(), torch.randn(1, 1, 6, 8).double()
    padded = np.pad(x[0, 0].numpy(), ((1, 2), (1, 2)), mode="reflect")
    kernel = layer.weight.detach().numpy()[0, 0]
    expected = [[(padded[2 * i : 2 * i + 5, 2 * j : 2 * j + 5] * kernel).sum() for j in range(4)] for i in range(3)]
    np.testing.assert_allclose(layer(x)[0, 0].detach(), np.array(expected) + layer.bias.item(), atol=1e-12)


def test_wus_residual_block_is_norm_relu_norm_on_a_reflected_border() -> None:
    torch.manual_seed(3)
    block = wu.ResidualBlock(1).double().eval()
    block.norm1.running_var.fill_(1e-5)  # type: ignore[union-attr]
    x = torch.rand(1, 1, 4, 4).double()

    def conv(layer: torch.nn.Conv2d, plane: np.ndarray) -> np.ndarray:
        edge = np.pad(plane, 1, mode="reflect")
        kernel = layer.weight.detach().numpy()[0, 0]
        return np.array([[(edge[i : i + 3, j : j + 3] * kernel).sum() for j in range(4)] for i in range(4)])

    y = (conv(block.conv1, x[0, 0].numpy()) + block.conv1.bias.item()) / np.sqrt(1e-5 + 1e-5)
    y = (conv(block.conv2, np.maximum(y, 0)) + block.conv2.bias.item()) / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(block(x)[0, 0].detach(), y + x[0, 0].numpy(), atol=1e-10)


def test_wu_resnet_has_the_released_number_of_values() -> None:
    assert sum(parameter.numel() for parameter in wu.Wu().parameters()) == 16_606_339


# ---- Kalantari -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "values"), [("direct", 383_603), ("we", 383_909), ("wie", 384_368)])
def test_kalantari_has_the_published_number_of_values(form: str, values: int) -> None:
    network = kalantari.Kalantari(kalantari.Config(form=form))
    assert sum(parameter.numel() for parameter in network.parameters()) == values


@pytest.mark.parametrize("form", ["we", "wie"])
def test_kalantaris_light_is_the_weighted_mean_of_the_frames(form: str) -> None:
    network = small(f"kalantari-{form}")
    assert isinstance(network, kalantari.Kalantari)
    stack = photographed(scene(6, 7), [-2, 0, 3], 1)
    raw = torch.rand(1, kalantari.FORMS[form], 6, 7)
    times = np.array([1, 4, 32.0])[:, None, None, None]  # over the darkest frame
    codes = raw[0, 9:].reshape(3, 3, 6, 7).numpy() if form == "wie" else gamma_code(stack.linear)[0].numpy()
    weights, light = raw[0, :9].reshape(3, 3, 6, 7).numpy(), codes**2.2 / times
    expected = (weights * light).sum(0) / (weights.sum(0) + 1e-6)
    found = network.light(raw, network.encode(stack), stack)
    np.testing.assert_allclose(found[0], expected, rtol=2e-4, atol=1e-6)


def test_kalantaris_input_is_nine_codes_and_nine_of_light() -> None:
    stack = photographed(scene(4, 4), [-1, 0, 1], 1)
    codes_hdr = small("kalantari-we").encode(stack)  # type: ignore[operator]
    assert codes_hdr.shape == (1, 18, 4, 4)
    np.testing.assert_allclose(codes_hdr[0, 6:9], gamma_code(stack.linear[0, 2]))
    np.testing.assert_allclose(codes_hdr[0, 15:18], codes_hdr[0, 6:9] ** 2.2 / 4, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    "made", [lambda: kalantari.Kalantari(kalantari.Config(form="?")), lambda: wu.Wu(wu.Config(merger="?"))]
)
def test_a_form_that_is_none_is_refused(made: object) -> None:
    with pytest.raises(ValueError, match="is not one of"):
        made()  # type: ignore[operator]
