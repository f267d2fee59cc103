from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from headroom.host import find
from headroom.host.find import command_of, find_worker, last_used, remember
from headroom.host.installed import PREFIX, python_of, write_mark

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the programs made here are POSIX ones")


@pytest.fixture(autouse=True)
def nobody_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.delenv("HEADROOM_WORKER", raising=False)


def make(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def make_environment(folder: Path) -> Path:
    python = make(python_of(folder / f"{PREFIX}0123abcd"))
    write_mark(folder, {"environment": f"{PREFIX}0123abcd"})
    return python


def test_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "engine"
    assert find_worker(None, folder) is None
    on_path = make(tmp_path / "path/headroom")
    assert find_worker(None, folder) == ((str(on_path), "worker"), "PATH")
    used = make(tmp_path / "used/headroom")
    remember((str(used), "worker"))
    assert find_worker(None, folder) == ((str(used), "worker"), "used last")
    own = make_environment(folder)
    found = find_worker(None, folder)
    assert found == ((str(own), "-m", "headroom", "worker"), "the plug-in's own environment")
    stated = make(tmp_path / "stated/headroom")
    monkeypatch.setenv("HEADROOM_WORKER", str(stated))
    assert find_worker(None, folder) == ((str(stated), "worker"), "$HEADROOM_WORKER")
    chosen = make(tmp_path / "chosen/headroom")
    assert find_worker(str(chosen), folder) == ((str(chosen), "worker"), "chosen by hand")
    assert find_worker(str(tmp_path / "no"), folder) == ((str(stated), "worker"), "$HEADROOM_WORKER")
    assert find_worker("  ", None) is not None


def test_what_a_person_may_mean(tmp_path: Path) -> None:
    venv = tmp_path / "my venv ä"
    python = make(venv / "bin/python")
    assert command_of(str(venv)) == (str(python), "-m", "headroom", "worker")
    assert command_of(f'"{python}"') == (str(python), "-m", "headroom", "worker")
    program = make(venv / "bin/headroom")
    assert (
        command_of(str(venv)) == (str(program), "worker") == command_of(str(program)) == command_of(str(venv / "bin"))
    )
    rez = make(tmp_path / "path/rez-env")
    assert command_of("rez-env headroom -- headroom worker") == (str(rez), "headroom", "--", "headroom", "worker")
    assert command_of(f"'{python}' -X utf8 -m headroom worker") == (
        str(python),
        "-X",
        "utf8",
        "-m",
        "headroom",
        "worker",
    )
    for nothing in ("no-such-program", "no-such-program worker", str(tmp_path), "'unclosed", "x" * 5000, "a\0b"):
        assert command_of(nothing) is None


def test_a_link_to_a_python_is_kept(tmp_path: Path) -> None:
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/bin/python").symlink_to(sys.executable)
    assert command_of(str(tmp_path / "venv")) == (str(tmp_path / "venv/bin/python"), "-m", "headroom", "worker")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"command": []}', '{"command": [1]}', '{"command": "x"}', '{"command": ["/gone"]}']
)
def test_a_damaged_note_is_no_note(text: str) -> None:
    folder = find.config_folder()
    folder.mkdir(parents=True)
    (folder / "worker.json").write_text(text)
    assert last_used() is None and find_worker() is None


def test_noting_never_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    remember(("/x", "worker"))
    assert last_used() is None


def test_a_half_made_environment_is_not_there(tmp_path: Path) -> None:
    make(python_of(tmp_path / "engine" / f"{PREFIX}0123abcd"))
    assert find_worker(None, tmp_path / "engine") is None
    write_mark(tmp_path / "engine", {"environment": f"{PREFIX}ffffffff"})
    assert find_worker(None, tmp_path / "engine") is None
    write_mark(tmp_path / "engine", {"environment": "../../bin"})
    assert find_worker(None, tmp_path / "engine") is None
