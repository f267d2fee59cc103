"""The extension installed once from its zip, and an empty file for every test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import bpy
import pytest


@pytest.fixture(scope="session", autouse=True)
def extension() -> Iterator[ModuleType]:
    """The installed extension's package."""
    package = os.environ["HEADROOM_ZIP"]
    result = bpy.ops.extensions.package_install_files(repo="user_default", filepath=package, enable_on_install=True)
    assert result == {"FINISHED"}
    from bl_ext.user_default import headroom

    yield headroom
    headroom.unregister()


@pytest.fixture(autouse=True)
def empty_file(extension: ModuleType) -> Iterator[None]:
    """A new .blend without a name; the preferences stay."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    yield
    assert not extension.state.running, "a bake was left running"


@pytest.fixture
def h(extension: ModuleType) -> ModuleType:
    """The scripting interface."""
    import headroom_blender

    return headroom_blender


@pytest.fixture
def cache(tmp_path: Path) -> str:
    """A cache folder of the test's own."""
    return str(tmp_path / "cache")
