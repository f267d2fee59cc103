from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import headroom
from command import save_picture

HEAVY = {"torch", "numpy", "OpenImageIO", "OpenEXR", "PyOpenColorIO", "rich", "click", "PIL", "scipy", "safetensors"}


def modules_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_is_light() -> None:
    assert not modules_after("import headroom") & HEAVY


def test_help_needs_no_torch() -> None:
    code = "from headroom.cli import cli\ncli.main(['--help'], standalone_mode=False)"
    assert not modules_after(code) & (HEAVY - {"click"})


def test_help_of_each_command_needs_no_torch() -> None:
    from headroom.cli.main import COMMANDS

    code = "from headroom.cli import cli\n" + "\n".join(
        f"cli.main(['{name}', '--help'], standalone_mode=False)" for name in COMMANDS
    )
    assert not modules_after(code) & {"torch", "OpenImageIO", "PyOpenColorIO"}


def test_public_names_are_there_and_no_others() -> None:
    for name in headroom.__all__:
        assert getattr(headroom, name) is not None
    assert set(headroom.__all__) <= set(dir(headroom))
    with pytest.raises(AttributeError):
        headroom.no_such_name  # noqa: B018


@pytest.mark.parametrize("first", ["import headroom.reconstruct", "from headroom.jobs import Job", "pass"])
def test_reconstruct_is_a_verb_and_a_module_in_any_order(first: str) -> None:
    code = f"import headroom\n{first}\nassert callable(headroom.reconstruct)\n"
    code += "from headroom.reconstruct import Options\nassert callable(headroom.reconstruct)"
    modules_after(code)


def test_read_reconstruct_write(tmp_path: Path, tiny_headroom_1: Path) -> None:
    plate = headroom.read(save_picture(tmp_path / "a.png"))
    hdr = headroom.reconstruct(plate, headroom.Options(strength=2.0), to="ACES2065-1")
    assert hdr.space == "ACES2065-1" and hdr.pixels.shape == (32, 48, 3)
    headroom.write(hdr, tmp_path / "same.exr", depth="float", mask=True)
    assert np.array_equal(headroom.read(tmp_path / "same.exr").codes, hdr.pixels)
    headroom.write(hdr, tmp_path / "other.exr", space="ACEScg", depth="float")
    direct = headroom.reconstruct(plate, headroom.Options(strength=2.0), to="ACEScg")
    other = headroom.read(tmp_path / "other.exr")
    assert other.space == "ACEScg"
    assert other.codes == pytest.approx(direct.pixels, rel=1e-4, abs=1e-5)


def test_errors_are_of_one_tree_with_exit_codes() -> None:
    from headroom import errors

    kinds = [getattr(errors, name) for name in errors.__all__]
    assert all(issubclass(kind, headroom.HeadroomError) for kind in kinds)
    assert {kind.exit_code for kind in kinds} == {1, 2, 130}
