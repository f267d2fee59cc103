"""The zip: Blender's own validator, its texts, installing, enabling and disabling, and the engine's preferences."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import addon_utils
import bpy
import pytest
import scenes
import tomllib

PACKAGE = Path(os.environ["HEADROOM_ZIP"])


@pytest.fixture
def manifest() -> dict[str, object]:
    with zipfile.ZipFile(PACKAGE) as archive:
        return tomllib.loads(archive.read("blender_manifest.toml").decode())


def test_blenders_own_validator_passes() -> None:
    cli = Path(bpy.utils.resource_path("LOCAL")) / "scripts/addons_core/bl_pkg/cli/blender_ext.py"
    done = subprocess.run([sys.executable, str(cli), "validate", str(PACKAGE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Success" in done.stdout or not done.stderr


def test_the_texts_keep_blenders_rules(manifest: dict[str, object]) -> None:
    assert manifest["id"] == "headroom" and manifest["blender_version_min"] == "4.2.0"
    texts = [manifest["tagline"], *manifest["permissions"].values()]  # type: ignore[attr-defined]
    for text in texts:
        assert isinstance(text, str) and len(text) <= 64 and text[-1].isalnum(), text
    assert set(manifest["permissions"]) == {"files", "network", "clipboard"}  # type: ignore[call-overload]


def test_the_version_is_the_packages(manifest: dict[str, object], extension: ModuleType) -> None:
    package = {}
    exec(
        (scenes.REPOSITORY / "core/headroom/__init__.py")
        .read_text()
        .split("__version__", 1)[1]
        .split("\n")[0]
        .replace("=", "version =", 1)
        .strip(),
        package,
    )
    assert manifest["version"] == package["version"] == extension.engine_setup.VERSION


def test_nothing_compiled_and_python_311_syntax() -> None:
    with zipfile.ZipFile(PACKAGE) as archive:
        names = archive.namelist()
        assert not [name for name in names if name.endswith((".so", ".pyd", ".dll", ".dylib", ".pyc"))]
        for name in names:
            if name.endswith(".py"):
                compile(archive.read(name), name, "exec", dont_inherit=True)


def test_it_breaks_none_of_blenders_rules_for_extensions(extension: ModuleType) -> None:
    import headroom_blender

    assert headroom_blender.bake
    warnings = getattr(addon_utils, "_extensions_warnings_get", dict)()
    assert not [text for name, texts in warnings.items() if "headroom" in name for text in texts]
    assert "torch" not in sys.modules


def test_disabling_and_enabling_leaves_nothing_behind(extension: ModuleType) -> None:
    def names() -> set[str]:
        return {name for name in dir(bpy.types) if "HEADROOM" in name}

    before, handlers = names(), {name: len(getattr(bpy.app.handlers, name)) for name in ("load_pre", "undo_post")}
    assert len(before) > 12
    for _ in range(2):
        extension.unregister()
        assert not [name for name in names() if not name.startswith("HEADROOM_AP")]
        assert not hasattr(bpy.types.CompositorNodeTree, "headroom") and "headroom_blender" not in sys.modules
        extension.register()
    assert names() == before
    assert handlers == {name: len(getattr(bpy.app.handlers, name)) for name in handlers}


def test_the_node_is_in_the_add_menu_under_color() -> None:
    menu = bpy.types.NODE_MT_category_compositor_color
    drawn = [draw.__module__ for draw in menu._dyn_ui_initialize()]
    assert any("headroom" in module for module in drawn)


def test_every_operator_and_setting_has_a_tooltip(extension: ModuleType) -> None:
    names = dir(bpy.ops.headroom)
    assert len(names) >= 12
    for name in names:
        assert getattr(bpy.ops.headroom, name).get_rna_type().description.strip(" ."), name
    group = bpy.data.node_groups.new("g", "CompositorNodeTree").headroom
    for prop in group.bl_rna.properties:
        shown = prop.identifier not in ("rna_type", "name", "layout", "ident", "baked")
        assert not shown or (prop.description and not prop.description.endswith(".")), prop.identifier


def test_the_engine_is_found_in_the_stated_order(
    extension: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = extension.preferences.preferences()
    program = tmp_path / "headroom"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("HEADROOM_WORKER", str(program))
    assert extension.engine.find().where == "$HEADROOM_WORKER"
    other = tmp_path / "other/headroom"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    chosen.engine_path = str(other)
    try:
        assert extension.engine.find().where == "chosen by hand"
    finally:
        chosen.engine_path = ""


def test_setting_up_asks_for_online_access_first(extension: ModuleType) -> None:
    assert not bpy.app.online_access
    with pytest.raises(RuntimeError, match="online access is switched off"):
        bpy.ops.headroom.set_up_engine()


def test_the_health_check_has_a_sentence_for_everything(extension: ModuleType) -> None:
    assert bpy.ops.headroom.check_health() == {"FINISHED"}
    findings = extension.engine_setup.findings
    assert len(findings) >= 6 and all(finding.sentence.endswith(".") for finding in findings)
    assert not [finding for finding in findings if finding.level == "error"], findings
    assert any("weights" in finding.sentence for finding in findings)
    assert any("colour config" in finding.sentence for finding in findings)


def test_describe_names_models_and_devices(h: ModuleType, extension: ModuleType) -> None:
    said = h.describe()
    assert said["default_model"] in [model["name"] for model in said["models"]]
    assert extension.engine.known_devices()[0]["name"] == "auto"
    assert set(said["spaces"]) & set(extension.colour.blender_spaces()) >= {"sRGB", "ACEScg"}
