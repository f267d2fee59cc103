"""The host's side of a worker, against programs that behave badly: nothing hangs, nothing raises, nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from headroom.host.client import Worker, WorkerError
from workers import REAL, gone, old_python, program, until

FRAMES = [{"frame": 1, "source": "/a.jpg", "target": "/no such folder/a.exr"}]

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


@pytest.fixture(autouse=True)
def nothing_is_left() -> Any:
    yield
    until(lambda: not [t for t in threading.enumerate() if t.name.startswith("headroom-")], 10)


def fails_to_start(command: tuple[str, ...], timeout_s: float = 20.0) -> WorkerError:
    worker = Worker(command)
    with pytest.raises(WorkerError) as raised:
        worker.start(timeout_s)
    assert not worker.alive and worker._process is None
    assert raised.value.fix and "\n" not in str(raised.value)
    worker.close()
    return raised.value


def test_says_hello_answers_and_ends() -> None:
    lines: list[str] = []
    with Worker(REAL, log=lines.append) as worker:
        process = worker._process
        assert process is not None and worker.alive
        assert worker.hello["protocol"] == 1 and worker.hello["pid"] == process.pid
        assert worker.start() is worker.hello
        assert worker.ping() < 15
    assert not worker.alive and process.returncode == 0 and gone(process.pid)
    assert lines == []


def test_what_is_no_program(tmp_path: Path) -> None:
    assert "There is no program" in fails_to_start((str(tmp_path / "no"), "worker")).sentence
    (tmp_path / "text").write_text("no program")
    for path in (tmp_path, tmp_path / "text"):
        assert str(path) in fails_to_start((str(path), "worker")).sentence


def test_what_is_no_worker(tmp_path: Path) -> None:
    ends = fails_to_start(program(tmp_path, 'print("usage: other"); sys.stderr.write("no such option: worker")'))
    assert "is not a headroom worker: it said 'usage: other'" in ends.sentence
    assert "no such option: worker" in ends.sentence
    silent_and_ends = fails_to_start(program(tmp_path, "sys.exit(3)"))
    assert "exit code 3" in silent_and_ends.sentence
    start = time.monotonic()
    assert "did not say hello within 1 s" in fails_to_start(program(tmp_path, "time.sleep(60)"), 1.0).sentence
    assert "is not a headroom worker" in fails_to_start(program(tmp_path, 'while True: print("y")')).sentence
    assert "is not a headroom worker" in fails_to_start(program(tmp_path, 'say(a=1); say(event="done", id=1)')).sentence
    assert time.monotonic() - start < 100


@pytest.mark.parametrize(("theirs", "fix"), [(0, "engine"), (2, "plug-in"), (None, "plug-in"), ("1", "plug-in")])
def test_another_protocol_is_refused(tmp_path: Path, theirs: object, fix: str) -> None:
    error = fails_to_start(program(tmp_path, f"hello(protocol={theirs!r})\nfor _ in requests(): pass"))
    assert f"protocol {theirs}, this plug-in 1" in error.sentence
    assert f"Update {'the headroom engine' if fix == 'engine' else 'this plug-in'}" in str(error.fix)


def test_a_banner_before_and_garbage_after_the_hello_do_no_harm(tmp_path: Path) -> None:
    code = """
print("studio wrapper 1.2"); sys.stdout.flush()
hello()
for message in requests():
    sys.stdout.buffer.write(b"\\xff\\x00 not utf-8\\n[1, 2]\\n\\n{half\\n" + b"[" * 200000 + b"\\n"); sys.stdout.flush()
    say(id=message["id"], event="frame", frame=1, status="done")
    say(event="no such event"); say(id="1", event="done"); say(id=999, event="done")
    say(id=message["id"], event="done", counts={}, exit_code=0)
"""
    lines: list[str] = []
    with Worker(program(tmp_path, code), log=lines.append) as worker:
        outcome = worker.submit({}, FRAMES).wait()
    assert outcome["status"] == "done" and outcome["counts"]["done"] == 1
    assert any("studio wrapper" in line for line in lines) and any("half" in line for line in lines)


def test_a_line_without_end_ends_the_worker(tmp_path: Path) -> None:
    code = 'hello()\nnext(requests())\nwhile True: sys.stdout.write("x" * 1000000)'
    with Worker(program(tmp_path, code)) as worker:
        outcome = worker.submit({}, FRAMES).wait()
        assert outcome["status"] == "failed" and "a line without end" in outcome["error"]
        assert not worker.alive


def test_silence_is_noticed(tmp_path: Path) -> None:
    with Worker(program(tmp_path, "hello()\nnext(requests())\ntime.sleep(600)"), silence_s=1.0) as worker:
        start = time.monotonic()
        process = worker._process
        assert process is not None
        run = worker.submit({}, FRAMES)
        assert run.poll() == [] and not run.finished
        outcome = run.wait()
        assert 0.7 < time.monotonic() - start < 20
        assert outcome["status"] == "failed" and "no sign of life for 1 s" in outcome["error"] and outcome["fix"]
        until(lambda: gone(process.pid))
        assert run.poll() == [] and run.outcome is outcome


def test_an_idle_worker_may_be_silent(tmp_path: Path) -> None:
    with Worker(program(tmp_path, "hello()\nfor m in requests(): say(id=m['id'], event='pong')"), silence_s=0.3) as w:
        time.sleep(1.2)
        assert w.alive and w.ping() < 15


def test_its_end_is_told_in_words(tmp_path: Path) -> None:
    code = 'hello()\nnext(requests())\nsys.stderr.write("first\\nout of luck\\n")\nsys.exit(3)'
    with Worker(program(tmp_path, code)) as worker:
        run = worker.submit({}, FRAMES)
        outcome = run.wait()
        assert "ended by itself with exit code 3; it said last: first / out of luck" in outcome["error"]
        assert outcome["status"] == "failed" and outcome["counts"]["left"] == 1
        later = worker.submit({}, FRAMES)
        assert later.finished and later.outcome == {**outcome, "counts": later.outcome["counts"]}
        assert [event["event"] for event in later.poll()] == ["failed"]
        with pytest.raises(WorkerError, match="exit code 3"):
            worker.describe()
        worker.start()
        assert worker.alive


@posix
def test_a_signal_is_named(tmp_path: Path) -> None:
    for number, name in ((signal.SIGKILL, "memory ran out"), (signal.SIGSEGV, "SIGSEGV")):
        with Worker(program(tmp_path, f"hello()\nnext(requests())\nos.kill(os.getpid(), {int(number)})")) as worker:
            outcome = worker.submit({}, FRAMES).wait()
            assert f"signal {int(number)}" in outcome["error"] and name in outcome["error"]


def test_a_closed_wire_is_an_end(tmp_path: Path) -> None:
    with Worker(program(tmp_path, "hello()\nnext(requests())\nos.close(1)\ntime.sleep(600)")) as worker:
        process = worker._process
        assert worker.submit({}, FRAMES).wait()["status"] == "failed"
        assert process is not None and gone(process.pid)


def test_one_that_does_not_go_is_killed_at_close(tmp_path: Path) -> None:
    worker = Worker(program(tmp_path, "hello()\nwhile True: time.sleep(1)"))
    worker.start()
    process, start = worker._process, time.monotonic()
    assert process is not None
    worker.close(0.5)
    assert time.monotonic() - start < 15 and gone(process.pid) and not worker.alive
    worker.close()


@posix
def test_a_wrapper_dies_with_its_child(tmp_path: Path) -> None:
    inner = program(tmp_path, "hello()\nwhile True: time.sleep(1)")
    worker = Worker(("/bin/sh", "-c", '"$@"; exit $?', "sh", *inner))
    pid = worker.start()["pid"]
    assert worker._process is not None and worker._process.pid != pid
    worker.close(0.2)
    until(lambda: gone(pid), 20)


def test_one_that_does_not_read_blocks_nobody(tmp_path: Path) -> None:
    worker = Worker(program(tmp_path, "hello()\ntime.sleep(600)"))
    worker.start()
    start = time.monotonic()
    runs = [worker.submit({"model": "x" * 2_000_000}, FRAMES) for _ in range(5)]
    runs[0].cancel()
    assert time.monotonic() - start < 5
    worker.close(0.2)
    assert [run.outcome and run.outcome["status"] for run in runs] == ["cancelled"] + ["failed"] * 4


def test_a_log_that_raises_does_not_stop_the_pipe(tmp_path: Path) -> None:
    def log(line: str) -> None:
        raise RuntimeError("the window was closed")

    code = 'sys.stderr.write(("x" * 99 + "\\n") * 20000)\nhello()\nfor m in requests(): pass'
    with Worker(program(tmp_path, code), log=log) as worker:
        assert len(worker.log_lines()) == 200


def test_a_cancel_that_nobody_obeys_ends_the_worker(tmp_path: Path) -> None:
    code = 'hello()\nwhile True:\n    time.sleep(0.1)\n    say(event="alive")'
    with Worker(program(tmp_path, code)) as worker:
        run = worker.submit({}, FRAMES)
        start = time.monotonic()
        run.cancel(patience_s=0.5)
        run.cancel(patience_s=600)
        outcome = run.wait()
        assert outcome["status"] == "cancelled" and 0.3 < time.monotonic() - start < 20


def test_what_cannot_be_sent_is_a_failed_run(tmp_path: Path) -> None:
    with Worker(program(tmp_path, "hello()\nfor m in requests(): pass")) as worker:
        for settings in ({"model": object()}, {"boost": float("nan")}, {"model": "x" * (33 << 20)}):
            run = worker.submit(settings, FRAMES)
            assert run.outcome is not None and run.outcome["status"] == "failed" and run.outcome["error"]


def test_an_exception_while_waiting_cancels(tmp_path: Path) -> None:
    code = """
hello()
for message in requests():
    if message["verb"] == "submit":
        say(id=message["id"], event="accepted")
    if message["verb"] == "cancel":
        say(id=message["job"], event="cancelled", counts={})
"""

    def raising(event: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    with Worker(program(tmp_path, code)) as worker:
        run = worker.submit({}, FRAMES)
        with pytest.raises(KeyboardInterrupt):
            run.wait(raising)
        until(lambda: run.finished)
        assert run.outcome is not None and run.outcome["status"] == "cancelled"
        asked = worker.submit({}, FRAMES).wait(cancelled=lambda: True)
        assert asked["status"] == "cancelled"


def test_progress_that_nobody_looked_at_is_dropped_but_the_newest(tmp_path: Path) -> None:
    code = """
hello()
number = next(requests())["id"]
for i in range(1000): say(id=number, event="progress", frame=1, index=0, count=1, fraction=i / 1000)
say(id=number, event="frame", frame=1, status="done")
say(id=number, event="done", counts={}, exit_code=0)
for _ in requests(): pass
"""
    with Worker(program(tmp_path, code)) as worker:
        run = worker.submit({}, FRAMES)
        until(lambda: run.finished)
        events = run.poll()
    assert [event["event"] for event in events] == ["progress", "frame", "done"]
    assert events[0]["fraction"] == 0.999


def test_the_hosts_python_does_not_reach_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = tmp_path / "evil"
    evil.mkdir()
    for name in ("json", "headroom", "torch", "click"):
        (evil / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    monkeypatch.setenv("PYTHONHOME", str(evil))
    monkeypatch.setenv("PYTHONPATH", str(evil))
    monkeypatch.setenv("PYTHONSTARTUP", str(evil / "json.py"))
    monkeypatch.setenv("LD_PRELOAD", str(evil / "no.so"))
    monkeypatch.chdir(evil)
    with Worker(REAL) as worker:
        assert worker.hello["version"]
        assert worker.describe()["models"]
        assert not worker.log_lines()


def test_variables_can_be_kept_and_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/kept")
    monkeypatch.setenv("QT_PLUGIN_PATH", "/dropped")
    monkeypatch.setenv("HEADROOM_KEEP_ENV", "CUDA_HOME, LD_LIBRARY_PATH")
    code = (
        'hello(version=[os.environ.get(n) for n in ("LD_LIBRARY_PATH", "QT_PLUGIN_PATH", "GIVEN")])\nnext(requests())'
    )
    with Worker(program(tmp_path, code), env={"GIVEN": "yes"}) as worker:
        assert worker.hello["version"] == ["/kept", None, "yes"]


HOST = """
import os, sys, time
sys.path.insert(0, {core!r})
from host.client import Worker
worker = Worker({command!r})
print(worker.start()["pid"], flush=True)
{then}
"""


@posix
@pytest.mark.parametrize("then", ["os.kill(os.getpid(), 9)", "pass", "raise SystemExit(1)", "os._exit(0)"])
def test_no_worker_outlives_its_host(then: str, repository: Path) -> None:
    code = HOST.format(core=str(repository / "core/headroom"), command=REAL, then=then)
    host = subprocess.run([old_python(), "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert host.stdout.strip().isdigit(), host.stderr
    until(lambda: gone(int(host.stdout)), 20)


def test_the_host_side_is_standard_library_and_python_3_9(repository: Path) -> None:
    """Every module of host, imported on 3.9 as a plug-in would: from its own copy, under another name."""
    names = sorted(path.stem for path in (repository / "core/headroom/host").glob("[!_]*.py"))
    assert {"client", "protocol", "find", "frames", "stamp", "environment", "health"} <= set(names)
    code = f"""
import importlib, sys
sys.path.insert(0, {str(repository / "core/headroom")!r})
before = set(sys.modules)
for name in {names!r}:
    importlib.import_module("host." + name)
standard = set({sorted(sys.stdlib_module_names)!r})
strange = {{name.split(".")[0] for name in set(sys.modules) - before}} - standard - {{"host"}}
assert not strange, strange
assert not any(name.startswith("headroom") for name in sys.modules)
"""
    done = subprocess.run([old_python(), "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_importing_host_brings_nothing_heavy() -> None:
    code = "import headroom.host.client, headroom.host.environment, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"torch", "numpy", "click", "OpenImageIO", "PyOpenColorIO", "rich"}
