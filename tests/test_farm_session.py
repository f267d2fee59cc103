"""The session's background process, for real: it keeps the model, obeys its own tasks alone, and never stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import pytest

from command import headroom_process, save_picture
from headroom.errors import HeadroomError
from headroom.farm import client
from headroom.farm.session import LOG, Session, receive, send, session_file

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the processes are watched by POSIX means")

PATIENCE_S = 60.0


def until(true: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """No process, or one that is only waited for."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return Path("/proc").is_dir() or subprocess.run(["kill", "-0", str(pid)], check=False).returncode != 0
    return state == "Z"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "session"
    folder.mkdir()
    yield folder
    client.end(folder)


def asked(session: Session) -> dict[str, Any]:
    with Client(session.address, authkey=session.secret) as connection:
        send(connection, verb="ping")
        return receive(connection)


def test_tasks_share_one_process_and_see_what_it_prints(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = client.start(folder)
    assert client.start(folder) == session  # a second start finds the first one
    assert client.run(folder, ["--version"]) == 0
    assert "headroom, version" in capsys.readouterr().out
    assert client.run(folder, ["convert"]) == 2  # usage errors keep their exit code
    assert "headroom: Missing argument" in capsys.readouterr().out
    assert asked(session) == {"pid": session.pid, "runs": 2}
    assert client.end(folder) and not client.end(folder)
    until(lambda: is_gone(session.pid))
    assert not session_file(folder).exists()


def test_only_who_can_read_the_folder_is_obeyed(folder: Path) -> None:
    session = client.start(folder)
    assert session_file(folder).stat().st_mode & 0o077 == 0
    with pytest.raises(AuthenticationError):
        Client(session.address, authkey=b"guessed")
    assert asked(session)["pid"] == session.pid


def test_it_goes_with_its_folder(folder: Path, tmp_path: Path) -> None:
    session = client.start(folder)
    folder.rename(tmp_path / "gone")
    until(lambda: is_gone(session.pid))
    folder.mkdir()


def test_it_goes_with_the_process_that_owns_the_session(folder: Path) -> None:
    # An action starts the session, as a scheduler's worker does; then the worker itself is killed.
    start = [sys.executable, "-m", "headroom", "farm-session", "start", str(folder)]
    worker = f"import subprocess; subprocess.run({start}); print('ready', flush=True); input()"
    owner = subprocess.Popen([sys.executable, "-c", worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert b"headroom holds its model in process" in owner.stdout.readline()
    assert owner.stdout.readline() == b"ready\n"
    session = Session.read(folder)
    assert session is not None and not is_gone(session.pid)
    owner.kill()
    owner.communicate()
    until(lambda: is_gone(session.pid))
    assert "its session is over" in (folder / LOG).read_text()


def test_it_goes_when_nobody_wants_anything(folder: Path) -> None:
    session = client.start(folder, idle_s=1.0)
    until(lambda: is_gone(session.pid))
    assert "nothing to do" in (folder / LOG).read_text() and not session_file(folder).exists()


def test_one_that_was_killed_is_started_anew(folder: Path) -> None:
    first = client.start(folder)
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: is_gone(first.pid))
    assert client.run(folder, ["--version"]) == 0
    second = Session.read(folder)
    assert second is not None and second.pid != first.pid


def test_a_process_that_cannot_start_is_told_with_its_last_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(folder))
    (folder / "headroom").mkdir()
    (folder / "headroom" / "__init__.py").write_text("")
    (folder / "headroom" / "__main__.py").write_text("raise SystemExit('no such luck')")
    monkeypatch.chdir(folder)
    with pytest.raises(HeadroomError, match="ended at once: no such luck"):
        client.start(folder)


def long_shot(folder: Path, frames: int = 150) -> str:
    folder.mkdir()
    first = save_picture(folder / "plate.0001.png", width=96, height=64)
    for frame in range(2, frames + 1):
        (folder / f"plate.{frame:04d}.png").write_bytes(first.read_bytes())
    return str(folder / "plate.####.png")


def test_a_cancelled_task_ends_between_frames_and_the_session_lives_on(
    folder: Path, tmp_path: Path, tiny_headroom_1: Path
) -> None:
    session = client.start(folder)
    out = tmp_path / "out"
    convert = ["convert", long_shot(tmp_path / "plates"), "-o", f"{out}/hdr.####.exr", "--device", "cpu"]
    for way in ("notified", "killed"):
        task = headroom_process("farm-session", "run", folder, "--frames", "1-150", "--", *convert)
        already = len(list(out.glob("hdr.*.exr")))
        until(lambda count=already: len(list(out.glob("hdr.*.exr"))) > count)  # type: ignore[misc]
        if way == "notified":
            task.terminate()
            said, _ = task.communicate(timeout=PATIENCE_S)
            assert task.returncode == 130 and "not done: frames" in said
            assert "openjd_progress: " in said
        else:
            task.kill()
            task.communicate()
        done = len(list(out.glob("hdr.*.exr")))
        assert client.run(folder, ["--version"]) == 0  # waits for its turn: the cancelled command is over then
        assert not list(out.glob("*partial*")) and done < 150
    assert client.run(folder, [*convert, "--frames=1-8"]) == 0
    # A damaged frame fails its task, and no other one.
    hurt = tmp_path / "plates" / "plate.0149.png"
    hurt.write_bytes(hurt.read_bytes()[:300])
    os.utime(hurt, (1e9, 1e9))  # not one that is still being written
    assert client.run(folder, [*convert, "--frames=149-150"]) == 1
    assert (out / "hdr.0150.exr").exists() and not (out / "hdr.0149.exr").exists()
    assert asked(session)["pid"] == session.pid
