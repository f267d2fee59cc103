"""Configs: where they come from, what is recorded, and each way they can be wrong in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headroom.colour import ocio
from headroom.errors import ColourError, HeadroomError

CONFIGS = Path(__file__).parent / "data" / "ocio"


def failure(name: str | None) -> str:
    with pytest.raises(ColourError) as caught:
        ocio.load_config(name)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_default_is_pinned_whatever_the_library_thinks_is_latest() -> None:
    config = ocio.load_config()
    assert config.name == ocio.DEFAULT_CONFIG
    assert config.cache_id
    assert "latest" not in config.name and "default" not in config.name


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (ocio.CG_CONFIG, ocio.CG_CONFIG),
        (f"ocio://{ocio.CG_CONFIG}", ocio.CG_CONFIG),
        ("cg-config", ocio.CG_CONFIG),
        ("studio-config", ocio.DEFAULT_CONFIG),
    ],
)
def test_builtin_by_name(asked: str, name: str) -> None:
    assert ocio.load_config(asked).name == name


@pytest.mark.parametrize("asked", ["ocio://default", "ocio://cg-config-latest"])
def test_a_moving_name_is_recorded_as_what_it_meant(asked: str) -> None:
    assert ocio.load_config(asked).name.startswith("cg-config-v")


def test_file_and_its_folder() -> None:
    by_file = ocio.load_config(CONFIGS / "nuke_style" / "config.ocio")
    by_folder = ocio.load_config(str(CONFIGS / "nuke_style"))
    assert by_file.cache_id == by_folder.cache_id
    assert by_file.name == by_folder.name


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCIO", str(CONFIGS / "blender_style" / "config.ocio"))
    assert ocio.load_config().name.endswith("config.ocio")
    assert ocio.load_config("cg-config").name == ocio.CG_CONFIG
    monkeypatch.setenv("OCIO", "")
    assert ocio.load_config().name == ocio.DEFAULT_CONFIG


def test_wrong_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCIO", "/nowhere/config.ocio")
    assert "$OCIO" in failure(None) and "/nowhere/config.ocio" in failure(None)


@pytest.mark.parametrize("asked", ["/nowhere/config.ocio", "ocio://no-such-config", "no-such-config", "/tmp"])
def test_missing(asked: str) -> None:
    assert asked in failure(asked)
    assert ocio.DEFAULT_CONFIG in failure(asked)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage: yes\n",
        bytes(range(256)) * 8,
        b"ocio_profile_version: 9\n",
        b"ocio_profile_version: 1\ncolorspaces: []\n",
        b"ocio_profile_version: 2\nroles: {\n",
        b"PK\x03\x04 not an archive",
    ],
)
@pytest.mark.parametrize("suffix", [".ocio", ".ocioz"])
def test_broken_file(tmp_path: Path, content: bytes, suffix: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    assert str(path) in failure(str(path))
    assert capfd.readouterr() == ("", "")


def test_a_config_without_its_lut_fails_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "config.ocio"
    path.write_text((CONFIGS / "nuke_style" / "config.ocio").read_text())
    config = ocio.load_config(path)
    with pytest.raises(ColourError, match=r"srgb\.spi1d") as caught:
        ocio.chain([(config, ocio.Space(config, "sRGB").into("linear"))])
    assert "\n" not in str(caught.value)


def test_lut_file() -> None:
    lut = ocio.load_lut(CONFIGS / "nuke_style" / "luts" / "srgb.spi1d")
    grey = lut(np.full((1, 1, 3), 0.5, np.float32))
    np.testing.assert_allclose(grey, 0.21404114, rtol=1e-4)


@pytest.mark.parametrize("content", [None, b"", b"no LUT at all\n", bytes(range(256))])
def test_broken_lut_file(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "curve.spi1d"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(HeadroomError, match=r"curve\.spi1d") as caught:
        ocio.load_lut(path)
    assert "\n" not in str(caught.value)


def test_transform_leaves_its_input_alone_and_takes_any_layout() -> None:
    config = ocio.load_config()
    transform = ocio.chain([(config, ocio.Space(config, "sRGB - Texture").into("ACEScg"))])
    pixels = np.random.default_rng(2).random((3, 5, 7), np.float32)
    turned = pixels[..., ::2][..., :3].transpose(1, 0, 2)
    before = turned.copy()
    result = transform(turned)
    assert (turned == before).all()
    np.testing.assert_array_equal(result, transform(np.ascontiguousarray(turned)))
    assert transform(np.zeros((0, 4, 3), np.float32)).shape == (0, 4, 3)
    assert result.dtype == np.float32


def test_cineon_is_kodaks_curve() -> None:
    config = ocio.extended_config()
    to_linear = ocio.chain([(config, ocio.Space(config, "Cineon").into("Linear Rec.709 (sRGB)"))])
    code = np.array([95.0, 445.0, 685.0, 1023.0])
    black = 10 ** ((95 - 685) * 0.002 / 0.6)
    expected = (10 ** ((code - 685) * 0.002 / 0.6) - black) / (1 - black)
    pixels = np.repeat((code / 1023).astype(np.float32)[:, None], 3, axis=1)
    np.testing.assert_allclose(to_linear(pixels)[:, 1], expected, rtol=1e-5, atol=1e-6)
