"""SingleHDR against TensorFlow: a tiny one was run there and stored (tests/data/singlehdr/make.py), stage by stage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from headroom.camera import emor_basis
from headroom.colour.curves import srgb_decode
from headroom.importers.singlehdr import convert
from headroom.networks.singlehdr import hallucination, linearization, tensorflow_ops
from headroom.networks.singlehdr.linearization import LinearizationNet, apply_curve, rising, soft_histogram
from headroom.networks.singlehdr.squares import PIECE_MOST, PIXELS_MOST, FrameSquares
from headroom.networks.singlehdr.system import Config, SingleHDR, Stages

GOLDEN = Path(__file__).parent / "data" / "singlehdr" / "golden.npz"
TINY = Config(
    dequantize_widths=(2, 2, 3, 3, 4),
    linearize_width=2,
    hallucinate_widths=(3, 4, 4, 5, 5),
    refine_widths=(2, 2, 3, 3, 3),
)


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.fixture(scope="module")
def network(golden: dict[str, np.ndarray]) -> SingleHDR:
    variables = {name: value for name, value in golden.items() if not name.startswith("out:")}
    config, tensors = convert(variables, named="golden")
    module = SingleHDR(config)
    module.load_state_dict(tensors, strict=True)
    return module.eval()


def chw(values: np.ndarray) -> Tensor:
    lifted = values.astype(np.float32) / np.float32(255) if values.dtype == np.uint8 else values
    return torch.from_numpy(lifted).permute(0, 3, 1, 2)


def test_every_stage_gives_what_tensorflow_gives(network: SingleHDR, golden: dict[str, np.ndarray]) -> None:
    with torch.inference_mode():
        stages = network(chw(golden["out:x"]))
    for name in ("dequantized", "linear", "hallucinated", "refined"):
        torch.testing.assert_close(getattr(stages, name), chw(golden[f"out:{name}"]), rtol=2e-5, atol=2e-5, msg=name)
    np.testing.assert_allclose(stages.curve, golden["out:curve"], atol=3e-6)
    assert (stages.hallucinated - stages.linear).amax() > 1  # there was something to get wrong


def test_an_odd_size_is_padded_as_tensorflow_pads_it(network: SingleHDR, golden: dict[str, np.ndarray]) -> None:
    with torch.inference_mode():
        curve = network.linearization(chw(golden["out:odd"]))
    np.testing.assert_allclose(curve, golden["out:odd_curve"], atol=3e-6)
    assert np.abs(golden["out:odd_curve"] - golden["out:curve"]).max() > 2e-4


def trap_torch_epsilon(monkeypatch: pytest.MonkeyPatch, network: SingleHDR) -> str:
    for module in network.linearization.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            monkeypatch.setattr(module, "eps", 1e-5)
    return "curve"


def trap_even_padding(monkeypatch: pytest.MonkeyPatch, network: SingleHDR) -> str:
    def both_sides(x: Tensor, kernel: int, stride: int, value: float = 0.0) -> Tensor:
        return F.pad(x, [kernel // 2] * 4, value=value)

    monkeypatch.setattr(linearization, "pad_same", both_sides)
    return "curve"


def trap_half_pixels(monkeypatch: pytest.MonkeyPatch, network: SingleHDR) -> str:
    def centred(x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

    monkeypatch.setattr("headroom.networks.singlehdr.unet.upsample_bilinear", centred)
    return "dequantized"


def trap_edges_to_the_right_first(monkeypatch: pytest.MonkeyPatch, network: SingleHDR) -> str:
    inner = tensorflow_ops.sobel_edges

    def right_first(x: Tensor) -> Tensor:
        return inner(x).unflatten(1, (3, 2)).flip(2).flatten(1, 2)

    monkeypatch.setattr(linearization, "sobel_edges", right_first)
    return "curve"


def trap_edges_on_black(monkeypatch: pytest.MonkeyPatch, network: SingleHDR) -> str:
    inner = tensorflow_ops.sobel_edges

    def bordered(x: Tensor) -> Tensor:
        return inner(F.pad(x, (1, 1, 1, 1)))[..., 1:-1, 1:-1]

    monkeypatch.setattr(linearization, "sobel_edges", bordered)
    return "curve"


def trap_one_relu(monkeypatch: pytest.MonkeyPatch, network: SingleHDR) -> str:
    def forward(self: hallucination.UpStep, x: Tensor) -> Tensor:
        x = F.pad(F.interpolate(x, scale_factor=2), (1, 1, 1, 1), mode="reflect")
        return self.norm(F.relu(self.conv(x)))

    monkeypatch.setattr(hallucination.UpStep, "forward", forward)
    return "hallucinated"


def trap_centred_skip(monkeypatch: pytest.MonkeyPatch, network: SingleHDR) -> str:
    fuse = network.hallucination.head_fuse.forward

    def centred(x: Tensor) -> Tensor:
        light, skip = x.chunk(2, 1)
        return fuse(torch.cat([light, ((skip * 255).flip(1) - network.hallucination.mean_bgr) / 255], 1))

    monkeypatch.setattr(network.hallucination.head_fuse, "forward", centred)
    return "hallucinated"


@pytest.mark.parametrize(
    "trap",
    [
        trap_torch_epsilon, trap_even_padding, trap_half_pixels, trap_edges_to_the_right_first, trap_edges_on_black,
        trap_one_relu, trap_centred_skip,
    ],
)  # fmt: skip
def test_each_trap_of_a_port_would_be_seen(
    trap: object, network: SingleHDR, golden: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a port gets wrong: the comparison above would miss by ten times its tolerance or more."""
    told = trap(monkeypatch, network)  # type: ignore[operator]
    with torch.inference_mode():
        stages: Stages = network(chw(golden["out:x"]))
    wrong = getattr(stages, told)
    right = torch.from_numpy(golden["out:curve"]) if told == "curve" else chw(golden[f"out:{told}"])
    assert (wrong - right).abs().max() > (3e-5 if told == "curve" else 2e-4)


def test_edges_reflect_at_the_border() -> None:
    x = torch.arange(12.0).view(1, 1, 3, 4) ** 2
    padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
    down = torch.tensor([[-1.0, -2, -1], [0, 0, 0], [1, 2, 1]])
    expected = F.conv2d(padded, torch.stack([down, down.T])[:, None])
    torch.testing.assert_close(tensorflow_ops.sobel_edges(x), expected)


@given(st.integers(1, 12), st.integers(1, 12))
def test_same_padding_keeps_every_size(height: int, width: int) -> None:
    x = torch.rand(1, 1, height, width)
    for kernel, stride in ((7, 2), (3, 2), (3, 1), (1, 2)):
        padded = tensorflow_ops.pad_same(x, kernel, stride)
        for size, whole in zip((height, width), padded.shape[2:], strict=True):
            assert (whole - kernel) // stride + 1 == -(-size // stride)


def test_full_widths_have_the_papers_parameters() -> None:
    network = SingleHDR(Config(refine_widths=(16, 32, 64, 128, 128)))
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
    # Counted by hand from the layers that the authors' code makes.
    assert counts["dequantization"] == 1_999_779
    assert counts["linearization"] == 1_200_971
    assert counts["hallucination"] == 24_569_118
    assert counts["refinement"] == 1_266_947


def test_the_papers_choices_are_config_values() -> None:
    paper = Config(dequantize_widths=(2, 2, 3, 3, 4, 4), linearize_width=2, bins="paper", backbone="resnet18",
                   hallucinate_widths=(2, 2, 2, 2, 2), mask_from=0.95)  # fmt: skip
    network = SingleHDR(paper).eval()
    assert network.linearization.stem.in_channels == 3 + 6 + 3 * (4 + 8 + 16)
    with torch.inference_mode():
        stages = network(torch.rand(1, 3, 64, 64))
    assert stages.light.isfinite().all()
    assert network.contract.halo_px >= 259 + hallucination.REACH_PX
    bare = LinearizationNet(2, edges=False, histogram=False, monotone=False)
    assert bare.stem.in_channels == 3


def test_bins_share_every_code_between_two_neighbours() -> None:
    x = torch.linspace(0, 1, 101).view(1, 1, 1, -1).expand(1, 3, 1, -1)
    code = soft_histogram(x, 4, "code")
    assert code.shape[1] == 15
    torch.testing.assert_close(code.sum(1), torch.full((1, 1, 101), 3.0))
    assert code[0, :3, 0, 0].tolist() == [1, 1, 1]  # bin 0 of R, G and B comes first
    paper = soft_histogram(x, 4, "paper")
    assert paper.shape[1] == 12
    assert float(paper[0, 0, 0, 0]) == 0.5  # black lies half a bin from the first centre
    torch.testing.assert_close(paper[..., 13:88].sum(1), torch.full((1, 1, 75), 3.0))


@given(st.lists(st.floats(-1, 1), min_size=11, max_size=11))
def test_equation_3_makes_any_weights_a_curve(weights: list[float]) -> None:
    curve = torch.from_numpy(emor_basis().inverse_mean) + torch.tensor([weights]) @ LinearizationNet(2).components
    made = rising(curve)[0]
    assert made[0] == 0
    assert made[-1] == 1
    assert (made.diff() >= 0).all()
    steps = np.diff(curve[0].double().numpy())
    steps += max(0.0, -steps.min())
    paper = np.cumsum(steps) / steps.sum()
    np.testing.assert_allclose(made[1:], paper, atol=1e-4)


def test_a_curve_is_read_linearly_and_reaches_its_end() -> None:
    curve = torch.linspace(0, 1, 1024)[None] ** 2
    x = torch.tensor([0.0, 0.25, 0.5 / 1023, 1.0]).view(1, 1, 1, 4)
    read = apply_curve(x, curve).flatten()
    torch.testing.assert_close(read, torch.tensor([0.0, 0.0625, 0.5 / 1023**2, 1.0]), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("upsample", ["resize", "transposed"])
def test_nothing_beyond_the_halo_changes_a_tile(upsample: str) -> None:
    network = SingleHDR(replace(TINY, upsample=upsample)).eval()  # type: ignore[arg-type]
    halo = network.contract.halo_px
    x = torch.rand(1, 3, 32, 2 * halo + 64)
    other = x.clone()
    other[..., :32] = torch.rand(1, 3, 32, 32)
    features = network.look(None, srgb_table(), lambda tensor: tensor)
    alpha = torch.ones_like(x)
    with torch.inference_mode():
        one, two = (network.local(v, alpha, features, x, dequantize=True, refine=True) for v in (x, other))
    changed = (one.gain_log2 != two.gain_log2).any(1).any(1).flatten().nonzero()
    assert 32 < int(changed.max()) < 32 + halo


def srgb_table() -> Tensor:
    return torch.from_numpy(srgb_decode(np.linspace(0, 1, 1024))).float()[None]


@example(900, 400, 100)
@example(400, 900, 100)
@given(st.integers(1, 900), st.integers(1, 900), st.integers(1, 300))
def test_squares_are_the_frames_own_pixels_however_its_rows_come(height: int, width: int, rows: int) -> None:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    frame = np.stack([y, x, y * 0 + 7], -1)
    gatherer = FrameSquares(height, width)
    for start in range(0, height, rows):
        gatherer.see(frame[start : start + rows], frame[start : start + rows])
    squares = gatherer.gathered().x_srgb
    pieces, tall, wide = squares.shape[:3]
    assert pieces * tall * wide <= PIXELS_MOST + max(height, width)  # halves of an odd side share a line
    assert tall * wide <= PIECE_MOST + max(height, width)
    for square in squares:
        top, left = (int(v) for v in square[0, 0, :2])
        np.testing.assert_array_equal(square, frame[top : top + len(square), left : left + square.shape[1]])
    if height * width <= PIECE_MOST:
        assert squares.shape == (1, height, width, 3)
    elif height * width <= PIXELS_MOST:
        seen = np.zeros((height, width), bool)
        for square in squares:
            top, left = (int(v) for v in square[0, 0, :2])
            seen[top : top + tall, left : left + wide] = True
        assert len(squares) == 2
        assert seen.all()
        assert max(tall, wide) < max(height, width)  # the longer side is cut, never the shorter
    else:
        assert len(squares) > 1
        assert squares[0, 0, 0, 0] == 0 or squares.shape[0] == 1 or squares[0, 0, 0, 1] == 0


def test_a_large_frames_curve_does_not_depend_on_its_bands() -> None:
    network = SingleHDR(TINY).eval()
    frame = np.random.default_rng(3).random((700, 900, 3), np.float32)
    curves = []
    for rows in (700, 64):
        gatherer = network.gatherer(700, 900)
        for start in range(0, 700, rows):
            gatherer.see(frame[start : start + rows], frame[start : start + rows])
        with torch.inference_mode():
            curves.append(network.inverse_curve(gatherer.gathered(), lambda tensor: tensor))
    torch.testing.assert_close(curves[0], curves[1], rtol=0, atol=0)
    assert curves[0].shape == (1, 1024)


def test_what_was_recorded_is_not_raised_and_what_clipped_is_never_lowered() -> None:
    network = SingleHDR(TINY).eval()
    x = torch.rand(1, 3, 64, 64)
    alpha = (x > 0.9).float()
    features = network.look(None, srgb_table(), lambda tensor: tensor)
    with torch.inference_mode():
        local = network.local(x, alpha, features, x, dequantize=True)
    assert (local.gain_log2 >= 0).all()
    assert (local.gain_log2 * alpha)[alpha == 0].abs().max() == 0
    assert local.dequantize is not None
    assert local.dequantize.abs().max() <= 1


def test_doubling_is_the_same_in_16_bit() -> None:
    x = torch.rand(1, 2, 3, 5).bfloat16()
    torch.testing.assert_close(hallucination.doubled(x).float(), hallucination.doubled(x.float()), rtol=0, atol=0)


def test_the_cost_is_what_torch_counts() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    network = SingleHDR(TINY).eval()
    x = torch.rand(1, 3, 64, 64)
    features = network.look(None, srgb_table(), lambda tensor: tensor)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network.local(x, torch.ones_like(x), features, x, dequantize=True, refine=True)
    counted = counter.get_total_flops() / (64 * 64) / 1e3
    assert network.contract.gflop_per_mp == pytest.approx(counted, rel=0.02)
