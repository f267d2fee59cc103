"""Making, finding, measuring and removing the engine's own environment, with real virtual environments.

The engine is a stand-in of a few lines here, so that no gigabyte is moved; `test_the_real_one` takes the real one.
"""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from headroom.host import environment
from headroom.host.environment import EnvironmentCancelled, EnvironmentFailed, create, remove, size
from headroom.host.find import find_worker
from headroom.host.health import Finding, check
from headroom.host.installed import MARK, PREFIX, installed, python_of
from headroom.host.pythons import VERSIONS, find_python
from workers import HELLO, REAL, program

STAND_IN = (
    HELLO
    + """
hello()
for message in requests():
    model = dict(name="headroom-1", version="0", licence="CC0-1.0", verified=True, error=None)
    said = dict(version="0.1.0", libraries=dict(python="3"), models=[model], devices=[], config=dict(name="c"))
    say(id=message["id"], event="described", **said)
"""
)


@pytest.fixture(autouse=True)
def nobody_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("HEADROOM_WORKER", raising=False)
    monkeypatch.setattr(environment, "_ROOM", dict.fromkeys(environment._ROOM, 10**8))


def make_wheel(folder: Path, main: str, needs: str = "") -> Path:
    """A wheel named as the engine's."""
    stem = "headroom_hdr-0.1.0"
    path = folder / f"{stem}-py3-none-any.whl"
    info = f"{stem}.dist-info"
    needs = f"Requires-Dist: {needs}\n" if needs else ""
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("headroom/__init__.py", "")
        wheel.writestr("headroom/__main__.py", main)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: headroom-hdr\nVersion: 0.1.0\n{needs}")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


def failure(make: Callable[[], object]) -> EnvironmentFailed:
    with pytest.raises(EnvironmentFailed) as raised:
        make()
    assert raised.value.fix and raised.value.sentence.endswith(".") and "\n" not in str(raised.value)
    return raised.value


@pytest.mark.slow
def test_made_found_replaced_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "the engine ä"
    wheel = make_wheel(tmp_path, STAND_IN)
    lines: list[str] = []
    command = create(folder, wheel=wheel, constraints=None, online=False, wheels=tmp_path, on_line=lines.append)
    assert lines[0].startswith("Making an environment") and lines[-1].startswith("The engine is ready")
    assert find_worker(None, folder) == (command, "the plug-in's own environment")
    facts = installed(folder)
    assert facts is not None and facts["version"] == "0.1.0" and facts["wheel"] == wheel.name
    assert {path.name for path in folder.iterdir()} == {MARK, facts["environment"]}
    assert 10**4 < size(folder) < 10**9

    # A second one that fails, and one that is cancelled, leave the first as it is.
    bad = tmp_path / "bad"
    bad.mkdir()
    error = failure(
        lambda: create(folder, wheel=make_wheel(bad, STAND_IN, "no-such-package"), constraints=None, wheels=bad)
    )
    assert "no-such-package" in error.sentence and "not to be had" in str(error.fix)
    for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    unreached = failure(lambda: create(folder, wheel=bad / wheel.name, constraints=None))
    assert "Check the network" in str(unreached.fix)
    wrong = make_wheel(bad, "raise SystemExit('broken')")
    assert "does not run" in failure(lambda: create(folder, wheel=wrong, constraints=None, wheels=bad)).sentence
    said: list[str] = []
    with pytest.raises(EnvironmentCancelled):
        create(
            folder, wheel=wheel, constraints=None, wheels=tmp_path, on_line=said.append, cancelled=lambda: bool(said)
        )
    assert len(said) == 1
    assert {path.name for path in folder.iterdir()} == {MARK, facts["environment"]}
    findings = check(environment_dir=folder, version="0.1.0")
    assert findings[0].level == "ok" and str(command[0]) in findings[0].sentence

    (folder / "mine.txt").write_text("not the plug-in's")
    (folder / "env-of-mine").mkdir()
    remove(folder)
    assert {path.name for path in folder.iterdir()} == {"mine.txt", "env-of-mine"}
    assert installed(folder) is None and find_worker(None, folder) != (command, "the plug-in's own environment")
    (folder / "mine.txt").unlink()
    (folder / "env-of-mine").rmdir()
    remove(folder)
    assert not folder.exists()
    remove(folder)


def test_what_is_wrong_before_anything_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel, folder = make_wheel(tmp_path, ""), tmp_path / "engine"
    offline = failure(lambda: create(folder, wheel=wheel, constraints=None, online=False))
    assert "network access is switched off" in offline.sentence and "online access" in str(offline.fix)
    assert "without the engine" in failure(lambda: create(folder, wheel=None, constraints=None)).sentence
    gone = tmp_path / "gone.whl"
    assert str(gone) in failure(lambda: create(folder, wheel=gone, constraints=None)).sentence
    assert "gone.txt" in failure(lambda: create(folder, wheel=wheel, constraints=tmp_path / "gone.txt")).sentence
    (tmp_path / "file").write_text("")
    assert "cannot be made" in failure(lambda: create(tmp_path / "file/x", wheel=wheel, constraints=None)).sentence
    monkeypatch.setattr(environment, "_ROOM", dict.fromkeys(environment._ROOM, 10**18))
    assert "are free" in failure(lambda: create(folder, wheel=wheel, constraints=None)).sentence
    assert not folder.exists()
    with pytest.raises(ValueError):
        create(folder, wheel=wheel, constraints=None, torch="rocm")


def test_half_made_ones_are_cleared_after_a_day(tmp_path: Path) -> None:
    old, young = tmp_path / f"{PREFIX}00000000", tmp_path / f"{PREFIX}11111111"
    for path in (old, young):
        python_of(path).parent.mkdir(parents=True)
        python_of(path).write_text("")
    os.utime(old, (1, 1))
    environment._clear_half_made(tmp_path)
    assert not old.exists() and young.exists()
    assert any("not whole" in finding.sentence for finding in check(environment_dir=tmp_path, preferred="/no/such"))


def test_size_counts_a_file_with_two_names_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1000)
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    (tmp_path / "c").symlink_to("/usr")
    assert 1000 <= size(tmp_path) < 1100 and size(tmp_path / "no") == 0


def test_a_python_is_found_that_the_engine_runs_on() -> None:
    python = find_python()
    assert python is not None
    assert tuple(int(part) for part in python.version.split(".")[:2]) in VERSIONS
    assert find_python(lambda: True) is None


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("HEADROOM_TEST_NETWORK"), reason="downloads torch; set HEADROOM_TEST_NETWORK=1")
def test_the_real_one(tmp_path: Path, repository: Path) -> None:
    sys.path.insert(0, str(repository))
    try:
        from build_plugins import build_wheel
    finally:
        sys.path.remove(str(repository))
    name, content = build_wheel()
    (tmp_path / name).write_bytes(content)
    create(tmp_path / "e", wheel=tmp_path / name, constraints=repository / "constraints.txt", on_line=sys.stderr.write)
    levels = {finding.level for finding in check(environment_dir=tmp_path / "e", version="0.1.0", cache=tmp_path)}
    assert "error" not in levels
    shutil.rmtree(tmp_path / "e")


# ---- health ----------------------------------------------------------------------------------------------------


def wrong(findings: list[Finding]) -> list[str]:
    for finding in findings:
        assert finding.level in ("ok", "warning", "error") and finding.sentence and "\n" not in finding.sentence
        assert bool(finding.fix) == (finding.level != "ok")
    return [finding.sentence for finding in findings if finding.level == "error"]


def test_all_is_well(tiny_headroom_1: Path, tmp_path: Path) -> None:
    findings = check(REAL, cache=tmp_path / "not/yet", version="0.1.0")
    assert wrong(findings) == []
    text = " ".join(finding.sentence for finding in findings)
    for said in ("was found", "protocol 1", "headroom 0.1.0", "can be read", "headroom-1 0 are whole", "be written to"):
        assert said in text
    assert not (tmp_path / "not").exists()


def test_each_thing_that_can_be_wrong(tiny_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = tmp_path / "models"
    shutil.copytree(tiny_models, models)
    with (models / "headroom-1/weights.safetensors").open("ab") as file:
        file.write(b"x")
    monkeypatch.setenv("HEADROOM_MODELS", str(models))
    monkeypatch.setenv("HEADROOM_WORKER", "/no/such/worker")
    (tmp_path / "file").write_text("")
    findings = check(
        REAL, preferred="/no/engine", config="/no/config.ocio", cache=tmp_path / "file/x", version="9.9", device="cuda"
    )
    errors = wrong(findings)
    assert len(errors) == 4
    assert "/no/config.ocio" in errors[0] and "damaged" in errors[1] and "cuda" in errors[2] and "file/x" in errors[3]
    warnings = [finding.sentence for finding in findings if finding.level == "warning"]
    assert "/no/engine" in warnings[0] and "/no/such/worker" in warnings[1] and "9.9" in warnings[2]


def test_no_engine_and_no_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert wrong(check()) == ["There is no headroom engine on this machine."]
    assert "is not a headroom worker" in wrong(check(program(tmp_path, "print('hello')")))[0]
    assert "protocol 2" in wrong(check(program(tmp_path, "hello(protocol=2)\nfor m in requests(): pass")))[0]
    dies = program(tmp_path, "hello()\nnext(requests())\nsys.exit(5)")
    assert "exit code 5" in wrong(check(dies))[0]
