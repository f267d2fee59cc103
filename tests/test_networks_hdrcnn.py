"""HDRCNN against a reference in NumPy, and what the engine asks of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hdrcnn_reference import author_file, author_parameters, expected_layout, hdrcnn, same_transposed
from headroom.importers.hdrcnn import layout, read
from headroom.networks.hdrcnn import HDRCNN, Config, blend
from headroom.networks.single_image import linear_blend_gain

WIDTH = 1 / 16


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> HDRCNN:
    found = read([author_file(tmp_path_factory.mktemp("authors") / "p.npz", author_parameters(WIDTH))])
    module = HDRCNN(found.config).eval()
    module.load_state_dict(found.tensors)
    return module


def picture(height: int, width: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)


def run(network: HDRCNN, code: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return network(torch.from_numpy(code).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()


def test_it_is_the_paper_s_network_number_for_number(network: HDRCNN) -> None:
    for height, width in ((32, 32), (64, 96)):
        code = picture(height, width)
        expected = hdrcnn(author_parameters(WIDTH), code)
        assert np.abs(expected).mean() > 0.3
        np.testing.assert_allclose(run(network, code), expected, rtol=2e-4, atol=2e-4)


def test_the_order_of_batch_norm_s_numbers_and_its_epsilon_matter(network: HDRCNN) -> None:
    """What the comparison above would catch: mean and beta exchanged, and torch's epsilon of small variances."""
    code = picture(32, 32)
    wrong = author_parameters(WIDTH)
    at = layout().index("bottom.1.bias")
    wrong[at], wrong[at + 2] = wrong[at + 2], wrong[at]
    assert np.abs(run(network, code) - hdrcnn(wrong, code)).max() > 0.01


def test_a_transposed_convolution_lies_where_tensorflow_s_does() -> None:
    up = HDRCNN(Config(width=WIDTH)).up[0][0]
    x = picture(5, 7)[..., :1].repeat(up.in_channels, 2) * np.random.default_rng(3).random(up.in_channels)
    kernel = np.random.default_rng(4).normal(size=(4, 4, up.out_channels, up.in_channels)).astype(np.float32)
    with torch.no_grad():
        up.weight.copy_(torch.from_numpy(kernel).permute(3, 2, 0, 1))
        found = up(torch.from_numpy(x.astype(np.float32)).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, same_transposed(x, kernel, np.zeros(up.out_channels)), rtol=1e-4, atol=1e-4)


def test_it_has_the_size_of_the_release() -> None:
    with torch.device("meta"):
        network = HDRCNN()
    state = network.state_dict()
    assert sum(value.numel() for value in state.values()) == 29_447_332
    assert len(state) == len(layout()) == 80
    theirs = [tuple(shape) for shape in expected_layout()]
    ours = [tuple(state[name].shape) for name in layout()]
    assert theirs == [(*s[2:], s[1], s[0]) if len(s) == 4 else s for s in ours]
    assert 900 < network.contract.gflop_per_mp < 950


def test_it_starts_as_the_paper_says() -> None:
    torch.manual_seed(2)
    network = HDRCNN(Config(width=WIDTH)).eval()
    ramp = torch.arange(8.0).expand(1, network.up[0][0].in_channels, 8, 8)
    doubled = network.up[0][0](ramp)[0, 0, 8]
    assert doubled[2:-2].tolist() == pytest.approx(((torch.arange(16) - 0.5) / 2)[2:-2].tolist())
    for fuse in (*network.fuse, network.last_fuse):
        width = fuse.out_channels
        both = torch.rand(1, 2 * width, 3, 3)
        assert torch.allclose(fuse(both), both[:, :width] + both[:, width:], atol=1e-6)
    # He's start: the deepest features are neither dead nor beyond what half floats hold.
    with torch.no_grad():
        deep = torch.rand(1, 3, 64, 64) * 255 - 110
        for block in network.encoder:
            deep = torch.nn.functional.max_pool2d(block(deep), 2)
    assert 1 < deep.mean() < 1e4


def test_what_it_sees_ends_where_its_contract_says(network: HDRCNN) -> None:
    """The same from a window with a halo as from the whole."""
    halo, multiple = network.contract.halo_px, network.contract.multiple_of
    code = picture(32, 3 * halo)
    whole = run(network, code)
    core = slice(halo, 2 * halo)
    np.testing.assert_allclose(run(network, code)[:, core], whole[:, core])
    other = code.copy()
    other[:, : multiple // 2] = 0.9  # more than a halo's 154 px of a core that begins at 192
    beyond = slice(halo + multiple, 2 * halo)
    np.testing.assert_allclose(run(network, other)[:, beyond], whole[:, beyond], rtol=1e-5, atol=1e-5)
    near = code.copy()
    near[:, halo - 4 : halo] = 0.9
    assert np.abs(run(network, near)[:, core] - whole[:, core]).max() > 1e-4


def test_the_paper_s_blend() -> None:
    plate = torch.tensor([0.5, 0.975, 1.0]).view(1, 1, 1, 3).expand(1, 3, 1, 3)
    light = blend(plate, torch.full((1, 3, 1, 3), 4.0).log())
    network = 4.0 - 1.0 / 255.0
    expected = [0.25, 0.5 * 0.975**2 + 0.5 * network, network]
    assert light[0, 0, 0].tolist() == pytest.approx(expected, abs=1e-5)


def test_gains_blend_linearly_and_never_darken() -> None:
    ratio, alpha = torch.meshgrid(torch.tensor([0.0, 0.5, 1.0, 3.0, 900.0]), torch.linspace(0.002, 1, 9), indexing="ij")
    blended = torch.exp2(alpha * linear_blend_gain(ratio, alpha))
    assert torch.allclose(blended, 1 + alpha * (ratio.clamp(min=1) - 1), rtol=1e-5)
    assert torch.isfinite(linear_blend_gain(torch.tensor([torch.inf]), torch.tensor([0.0]))).all()


def test_its_answer_in_stops_is_the_paper_s_blend_over_the_squared_plate(network: HDRCNN) -> None:
    x = torch.from_numpy(picture(64, 64)).permute(2, 0, 1)[None].clamp(min=0.2)
    alpha = ((x - 0.95) / 0.05).clamp(0, 1)
    with torch.inference_mode():
        local = network.local(x, alpha, torch.zeros(1, 0, 1, 1), torch.zeros(1, 4), dequantize=False)
        light = (network(x).exp() - 1 / 255).clamp(min=0)
    expected = (1 - alpha) * x.square() + alpha * torch.maximum(light, x.square())
    masked = (alpha > 0.01) & (light < 2**15)  # 16 stops at most
    assert masked.any()
    found = x.square() * torch.exp2(alpha * local.gain_log2)
    np.testing.assert_allclose(found[masked], expected[masked], rtol=1e-3)
    assert local.dequantize is None
    assert torch.allclose(local.spread_log2, torch.tensor(1.0))


def test_half_precision_stays_close(network: HDRCNN) -> None:
    code = torch.from_numpy(picture(64, 64)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        exact = network(code)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(code)
    assert rough.dtype == torch.float32
    assert (rough - exact).abs().mean() < 0.15


def test_trained_weights_survive_half_floats(tmp_path: Path) -> None:
    """Counts of batches are no weights: after 65,504 of them a half would overflow."""
    network = HDRCNN(Config(width=WIDTH))
    assert all(value.is_floating_point() for value in network.state_dict().values())
    network.train()
    network(torch.rand(2, 3, 32, 32))
    torch.save(network.state_dict(), tmp_path / "s.pt")
    HDRCNN(Config(width=WIDTH)).load_state_dict({k: v.half().float() for k, v in network.state_dict().items()})
