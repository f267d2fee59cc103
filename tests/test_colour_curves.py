"""Closed-form curves: reference numbers, round trips, NumPy and torch alike, shapes, odd values."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.colour import curves

PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "srgb": (curves.srgb_decode, curves.srgb_encode),
    "rec709": (curves.rec709_decode, curves.rec709_encode),
    "gamma": (curves.gamma_decode, curves.gamma_encode),
}


@pytest.mark.parametrize(
    ("name", "code", "lin"),
    [
        ("srgb", 0.5, 0.21404114),
        ("srgb", 0.02, 0.02 / 12.92),
        ("srgb", -0.1, -0.1 / 12.92),
        ("rec709", 0.5, 0.25971944),
        ("rec709", 0.045, 0.01),
        ("gamma", 0.5, 0.21763764),
        ("gamma", -0.5, -0.21763764),
    ],
)
def test_reference_numbers(name: str, code: float, lin: float) -> None:
    decode, encode = PAIRS[name]
    assert decode(np.array([code])) == pytest.approx([lin], rel=1e-6)
    assert encode(np.array([lin])) == pytest.approx([code], rel=1e-6)


@pytest.mark.parametrize("name", PAIRS)
def test_ends_stay(name: str) -> None:
    ends = np.array([0.0, 1.0], np.float32)
    for curve in PAIRS[name]:
        np.testing.assert_allclose(curve(ends), ends, rtol=0, atol=2e-7)


@pytest.mark.parametrize("name", PAIRS)
@given(code=st.floats(-2.0, 60.0))
def test_there_and_back(name: str, code: float) -> None:
    decode, encode = PAIRS[name]
    assert encode(decode(np.array([code])))[0] == pytest.approx(code, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", PAIRS)
def test_increasing_across_the_break(name: str) -> None:
    x = np.linspace(-0.2, 2.0, 20001)
    for curve in PAIRS[name]:
        assert (np.diff(curve(x)) > 0).all()


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("shape", [(0,), (), (5,), (2, 3, 3), (1, 4, 1, 2)])
def test_shape_and_type_stay(name: str, shape: tuple[int, ...]) -> None:
    x = np.full(shape, 0.3, np.float32)
    for curve in PAIRS[name]:
        assert np.shape(curve(x)) == shape
        assert curve(x).dtype == np.float32


@pytest.mark.parametrize("name", PAIRS)
def test_odd_values_pass_without_a_warning(name: str) -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0.0], np.float32)
    for curve in PAIRS[name]:
        y = curve(x)
        assert np.isnan(y[0])
        assert y[1] == np.inf
        assert y[2] == -np.inf
        assert y[3] == 0.0


@pytest.mark.parametrize("name", PAIRS)
def test_torch_is_the_same_curve(name: str) -> None:
    torch = pytest.importorskip("torch")
    x = np.linspace(-0.2, 4.0, 4001, dtype=np.float32)
    for curve in PAIRS[name]:
        y = curve(torch.from_numpy(x.copy()))
        assert y.dtype == torch.float32
        np.testing.assert_allclose(y.numpy(), curve(x), rtol=2e-6, atol=1e-7)


def test_torch_gradient_is_finite_at_black() -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor([0.0, 0.001, 0.5, 2.0], requires_grad=True)
    curves.srgb_encode(x).sum().backward()
    assert torch.isfinite(x.grad).all()


def test_curves_do_not_import_torch_or_ocio() -> None:
    code = (
        "import sys, headroom.colour, headroom.colour.curves;"
        "sys.exit(bool({'torch', 'PyOpenColorIO'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
