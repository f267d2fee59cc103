"""The real worker, spoken to by the real client, and by hand where the client would not say such a thing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command import headroom_process, save_picture
from headroom.host.client import Worker, WorkerError
from headroom.host.protocol import MAX_LINE_BYTES
from headroom.host.run import Run
from workers import REAL, gone, program, until

pytestmark = pytest.mark.usefixtures("tiny_headroom_1")

SLOW = {"memory": "1MB"}
"""With `big`: some 250 tiles in about five seconds."""
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")


@pytest.fixture(scope="module")
def shared(tiny_models: Path) -> Iterator[Worker]:
    with Worker(REAL, env={"HEADROOM_MODELS": str(tiny_models)}) as worker:
        yield worker


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_picture(tmp_path_factory.mktemp("big") / "big.png", width=2048, height=2048, clipped=0.9)


def frame(source: Path, target: Path, number: int | None = None) -> dict[str, Any]:
    return {"frame": number, "source": str(source), "target": str(target)}


def in_mid_frame(run: Run, tiles: float = 0.1) -> None:
    """Waits until the frame in work is well under way, its file begun."""
    seen: list[dict[str, Any]] = []

    def under_way() -> bool:
        seen.extend(run.poll())
        assert not run.finished, run.outcome
        return any(event["event"] == "progress" and event["fraction"] > tiles for event in seen)

    until(under_way, 120)


def there(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# ---- it does what the command line does ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, []),
        (
            {"mask": True, "gain": True, "depth": "float", "boost": 2.0, "peak_stops": 3, "to_space": "ACES2065-1"},
            ["--mask", "--gain", "--depth", "float", "--boost", 2, "--peak-stops", 3, "--to", "ACES2065-1"],
        ),
        (
            {"from_space": "lin_rec709_srgb", "clip_level": 250, "tau": 0.9, "compression": "dwab", "strength": 0.5},
            [
                "--from",
                "lin_rec709_srgb",
                "--clip-level",
                250,
                "--tau",
                0.9,
                "--compression",
                "dwab",
                "--strength",
                0.5,
            ],
        ),
        ({"curve": "estimate", "dequantize": True}, ["--curve", "estimate", "--dequantize"]),
    ],
)
def test_the_same_file_as_convert(shared: Worker, tmp_path: Path, settings: dict[str, Any], options: list[Any]) -> None:
    source = save_picture(tmp_path / "a.png", width=300, height=200)
    outcome = shared.submit({"memory": "600MB", **settings}, [frame(source, tmp_path / "worker/a.exr")]).wait()
    assert outcome["status"] == "done", outcome
    done = headroom_process("convert", source, "-o", tmp_path / "cli/a.exr", "--memory", "600MB", *options)
    assert done.wait(60) == 0, done.communicate()
    done.communicate()
    assert (tmp_path / "worker/a.exr").read_bytes() == (tmp_path / "cli/a.exr").read_bytes()


def test_the_same_file_as_convert_with_the_real_model(repository: Path, tmp_path: Path) -> None:
    source = repository / "examples/hangar.jpg"
    with Worker(REAL, env={"HEADROOM_MODELS": ""}) as worker:
        run = worker.submit({"mask": True, "gain": True, "memory": 2 * 10**9}, [frame(source, tmp_path / "w/a.exr", 7)])
        outcome = run.wait()
        assert outcome["status"] == "done", outcome
        assert outcome["frames"][0]["facts"]["model_version"] == worker.describe()["models"][0]["version"] != "0"
    options = ("--mask", "--gain", "--memory", "2GB")
    done = headroom_process("convert", source, "-o", tmp_path / "c/a.exr", *options, env={"HEADROOM_MODELS": ""})
    assert done.wait(60) == 0, done.communicate()
    done.communicate()
    assert (tmp_path / "w/a.exr").read_bytes() == (tmp_path / "c/a.exr").read_bytes()


def test_every_setting_of_the_worker_is_an_option_and_has_its_default() -> None:
    from dataclasses import asdict

    from headroom.cli.convert import CURVE_OPTIONS, SHOT_OPTIONS, command
    from headroom.jobs import Settings
    from headroom.settings import SETTINGS, checked

    chosen = command.make_context("convert", ["a.png", "-o", "b.exr"]).params
    for name in ("inputs", "output", "as_json", *SHOT_OPTIONS, *CURVE_OPTIONS):
        del chosen[name]
    assert chosen["resume"] is None  # on for shots; for stills as here
    chosen["resume"] = False
    assert chosen == {name: setting.default for name, setting in SETTINGS.items()} == checked({})
    assert asdict(Settings.of()) == asdict(Settings())


def test_tells_how_it_goes(shared: Worker, tmp_path: Path) -> None:
    sources = [save_picture(tmp_path / f"{number}.png") for number in (1001, 1002)]
    frames = [frame(source, tmp_path / f"out/a.{source.stem}.exr", int(source.stem)) for source in sources]
    frames.insert(1, frame(tmp_path / "no.png", tmp_path / "out/no.exr", None))
    events: list[dict[str, Any]] = []
    outcome = shared.submit({}, frames).wait(events.append)
    assert events[0]["event"] == "accepted" and events[-1]["event"] == "done" and events[-1]["exit_code"] == 1
    results = [event for event in events if event["event"] == "frame"]
    assert [event["frame"] for event in results] == [1001, None, 1002] and results == outcome["frames"]
    assert [event["status"] for event in results] == ["done", "failed", "done"]
    assert results[0]["facts"]["gain_stops_peak"] > 0 and results[0]["seconds"] > 0
    assert outcome["status"] == "failed" and "1 of 3 frames failed" in outcome["error"] and "no.png" in outcome["error"]
    assert outcome["counts"] == {"done": 2, "skipped": 0, "failed": 1, "cancelled": 0, "left": 0}
    assert there(tmp_path / "out") == ["a.1001.exr", "a.1002.exr"]
    again = shared.submit({"resume": True}, [frames[0]]).wait()
    assert again["status"] == "done" and again["counts"]["skipped"] == 1


def test_runs_queue_and_share_the_model(shared: Worker, tmp_path: Path) -> None:
    source = save_picture(tmp_path / "a.png")
    runs = [shared.submit({"strength": i}, [frame(source, tmp_path / f"{i}.exr", i)]) for i in range(3)]
    assert runs[2].wait()["status"] == "done"
    assert all(run.finished for run in runs)
    assert [path.stat().st_mtime_ns for path in (tmp_path / f"{i}.exr" for i in range(3))] == sorted(
        (tmp_path / f"{i}.exr").stat().st_mtime_ns for i in range(3)
    )
    assert shared.submit({}, []).wait()["status"] == "done"


def test_a_changed_model_is_loaded_again(tmp_path: Path) -> None:
    from tiny_model import make_tiny_model

    model = make_tiny_model(tmp_path / "models", name="mine")
    source = save_picture(tmp_path / "a.png")
    with Worker(REAL, env={"HEADROOM_MODELS": str(tmp_path / "models")}) as worker:
        assert worker.submit({"model": "mine"}, [frame(source, tmp_path / "1.exr")]).wait()["status"] == "done"
        with (model / "weights.safetensors").open("ab") as file:
            file.write(b"tampered")
        outcome = worker.submit({"model": "mine"}, [frame(source, tmp_path / "2.exr")]).wait()
        assert outcome["status"] == "failed" and "changed or damaged" in outcome["error"]
        assert not [model for model in worker.describe()["models"] if model["name"] == "mine"][0]["verified"]


# ---- describe --------------------------------------------------------------------------------------------------


def test_describe(shared: Worker, repository: Path) -> None:
    said = shared.describe()
    (model,) = [model for model in said["models"] if model["name"] == "headroom-1"]
    assert model["verified"] and model["licence"] == "CC0-1.0" and len(model["sha256"]) == 64
    assert said["default_model"] == "headroom-1"
    assert [device["name"] for device in said["devices"]][:1] == ["auto"]
    assert said["devices"][-1]["name"] == "cpu" and all(device["label"] for device in said["devices"])
    assert said["config"]["scene_linear"] == "ACEScg" == said["roles"]["scene_linear"]
    assert set(said["data_spaces"]) < set(said["spaces"])
    assert said["defaults"]["boost"] == 1.0 and said["ranges"]["boost"][0] < 1 < said["ranges"]["boost"][1]
    assert set(said["ranges"]) == set(said["limits"])
    nuke = shared.describe(str(repository / "tests/data/ocio/nuke_style/config.ocio"))
    assert nuke["config"]["cache_id"] != said["config"]["cache_id"] and "AlexaV3LogC" in nuke["spaces"]
    with pytest.raises(WorkerError, match="no such file"):
        shared.describe("/no/config.ocio")


def test_describe_and_ping_while_frames_are_in_work(shared: Worker, big: Path, tmp_path: Path) -> None:
    run = shared.submit(SLOW, [frame(big, tmp_path / "a.exr")])
    in_mid_frame(run)
    assert shared.ping() < 10 and shared.describe()["spaces"]
    assert not run.finished
    run.cancel()
    assert run.wait()["status"] == "cancelled"


@LINUX
def test_hello_comes_before_anything_heavy(shared: Worker) -> None:
    with Worker(REAL) as worker:
        maps = Path(f"/proc/{worker.hello['pid']}/maps").read_text()
    assert "libtorch" not in maps and "numpy" not in maps and "OpenImageIO" not in maps


# ---- it stands what comes --------------------------------------------------------------------------------------


def by_hand(*lines: bytes) -> tuple[list[dict[str, Any]], str, int]:
    """What a worker answers to these lines, its standard error and its exit code."""
    process = subprocess.Popen(REAL, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(b"".join(lines), timeout=60)
    return [json.loads(line) for line in out.splitlines()], err.decode(), process.returncode


def test_nonsense_is_answered_and_does_no_harm() -> None:
    ping = b'{"id": 77, "verb": "ping"}\n'
    nonsense = [
        b"\xff\xfe\x00 no json\n",
        b"[1, 2]\n",
        b'"verb"\n',
        b'{"verb": "ping"}\n',
        b'{"id": true, "verb": "ping"}\n',
        b'{"id": 1}\n',
        b'{"id": 1, "verb": "exec"}\n',
        b'{"id": 1, "verb": ["ping"]}\n',
        b'{"id": 1, "verb": "ping", "x": NaN}\n',
        b'{"id": 1, "verb": "submit", "settings": []}\n',
        b'{"id": 1, "verb": "submit", "frames": {}}\n',
        b'{"id": 1, "verb": "submit", "frames": [1]}\n',
        b'{"id": 1, "verb": "cancel"}\n',
        b'{"id": 1, "verb": "cancel", "job": [2]}\n',
        b'{"id": 1, "verb": "describe", "config": 5}\n',
        b"[" * 100_000 + b"\n",
        b"x" * (MAX_LINE_BYTES + 70_000) + b"\n",
    ]
    answers, err, code = by_hand(*(line + ping for line in nonsense))
    assert code == 0 and "Traceback" not in err
    assert answers[0]["event"] == "hello"
    assert sum(answer["event"] == "pong" for answer in answers) == len(nonsense)
    failed = [answer for answer in answers if answer["event"] == "failed"]
    assert len(failed) >= len(nonsense) - 1  # the desk's answer may come after the end
    assert all(answer["error"] and len(answer["error"]) < 400 for answer in failed)


def test_an_empty_line_and_a_missing_last_line_end_are_no_trouble() -> None:
    answers, _, code = by_hand(b"\n\r\n", b'{"id": 5, "verb": "ping"}')
    assert code == 0 and [answer["event"] for answer in answers] == ["hello", "pong"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"bost": 2}, "did you mean boost?"),
        ({"zzz": 2}, "'zzz'"),
        ({"boost": 0}, "boost: 0 is not above 0"),
        ({"boost": "2"}, "boost"),
        ({"boost": True}, "boost"),
        ({"boost": None}, "boost"),
        ({"boost": 1e999}, "cannot be sent"),
        ({"tau": 1}, "tau: 1 is not above 0 and below 1"),
        ({"strength": -1}, "strength"),
        ({"mask": 1}, "mask"),
        ({"mask": "yes"}, "mask"),
        ({"depth": "double"}, "auto, half, float"),
        ({"compression": "lzw"}, "compression"),
        ({"curve": "/no/such.cube"}, "curve"),
        ({"memory": "much"}, "4GB"),
        ({"memory": -5}, "memory"),
        ({"part": -1}, "part"),
        ({"model": ""}, "model"),
        ({"model": "no such model"}, "no model 'no such model'"),
        ({"device": "abacus"}, "abacus"),
        ({"device": "cuda"}, "cuda"),
        ({"to_space": "no such space"}, "no such space"),
        ({"from_space": "Raw"}, "Raw"),
        ({"ocio_config": "/no/config.ocio"}, "/no/config.ocio"),
        ({"clip_level": 400}, "--clip-level 400"),
    ],
)
def test_wrong_settings_are_refused_by_name(
    shared: Worker, tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    outcome = shared.submit(settings, [frame(save_picture(tmp_path / "a.png"), tmp_path / "out/a.exr")]).wait()
    assert outcome["status"] == "failed" and said in outcome["error"] and "\n" not in outcome["error"]
    assert not there(tmp_path / "out")


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([{"source": "a.png", "target": "/b.exr"}], "absolute"),
        ([{"source": "/a.png", "target": "b.exr"}], "absolute"),
        ([{"source": "/a.png"}], "target must be a path"),
        ([{"source": 3, "target": "/b.exr"}], "source must be a path"),
        ([{"source": "/a\0.png", "target": "/b.exr"}], "source must be a path"),
        ([{"source": "/a.exr", "target": "/x/../a.exr", "frame": "1"}], "whole number"),
        ([{"source": "/a.exr", "target": "/a.exr"}], "same file"),
        ([{"source": "/a.png", "target": "/c.exr"}, {"source": "/b.png", "target": "/c.exr"}], "the same file"),
    ],
)
def test_wrong_frames_are_refused(shared: Worker, frames: list[dict[str, Any]], said: str) -> None:
    outcome = shared.submit({}, frames).wait()
    assert outcome["status"] == "failed" and said in outcome["error"]


def test_bad_plates_and_targets_fail_alone(shared: Worker, repository: Path, tmp_path: Path) -> None:
    good = save_picture(tmp_path / "good.png")
    damaged = sorted((repository / "tests/data/damaged").iterdir())
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.exr").mkdir()
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:200])
    bad = [frame(path, tmp_path / f"out/{i}.exr") for i, path in enumerate([*damaged, tmp_path, tmp_path / "cut.png"])]
    bad.append(frame(good, tmp_path / "file/a.exr"))
    bad.append(frame(good, tmp_path / "folder.exr"))
    bad.append(frame(good, tmp_path / "out/a.jpeg2"))
    outcome = shared.submit({"memory": "600MB"}, [*bad, frame(good, tmp_path / "out/good.exr")]).wait()
    assert [result["status"] for result in outcome["frames"]] == ["failed"] * len(bad) + ["done"]
    for result in outcome["frames"][:-1]:
        assert "\n" not in result["error"] and "unexpected" not in result["error"]
    assert there(tmp_path / "out") == ["good.exr"] and shared.alive


@LINUX
def test_names_of_any_kind(shared: Worker, tmp_path: Path) -> None:
    names = ["mit Leerzeichen ä ß", "写真 📷", "a'b\"c;$(x)&|%04d#@", "line\nend", "-o"]
    frames = []
    for name in names:
        folder = tmp_path / name
        folder.mkdir()
        frames.append(frame(save_picture(folder / f"{name}.png"), folder / f"{name}.exr"))
    outcome = shared.submit({}, frames).wait()
    assert outcome["status"] == "done", outcome["error"]
    assert [result["target"] for result in outcome["frames"]] == [f["target"] for f in frames]
    assert all(Path(f["target"]).stat().st_size for f in frames)
    # Not UTF-8: OpenImageIO takes no such name, and the wire must still carry it there and back.
    strange = frame(tmp_path / os.fsdecode(b"caf\xe9.png"), tmp_path / os.fsdecode(b"caf\xe9.exr"))
    save_picture(tmp_path / "x.png").rename(strange["source"])
    outcome = shared.submit({}, [strange]).wait()
    assert outcome["frames"][0]["source"] == strange["source"]
    assert outcome["status"] == "failed" and "caf\\udce9.png: the name is not UTF-8" in outcome["error"]
    assert not list(tmp_path.glob("*.partial*"))


@LINUX
def test_what_libraries_print_does_not_reach_the_wire(tmp_path: Path) -> None:
    code = """
import ctypes, subprocess
import site; site.main()  # this program runs with -S
import headroom.jobs
from headroom.worker import serve
whole = headroom.jobs.Job.run
def run(*rest):
    libc = ctypes.CDLL(None)
    libc.puts(b"from C"); libc.fflush(None)
    libc.write(1, b"from write\\n", 11)
    print("from print", flush=True)
    os.write(1, b'{"event": "done", "id": 1}\\n')
    subprocess.run(["echo", "from a child"])
    assert sys.stdin.read() == "" and subprocess.run(["cat"], capture_output=True).stdout == b""
    return whole(*rest)
headroom.jobs.Job.run = run
serve()
"""
    source, lines = save_picture(tmp_path / "a.png"), []
    with Worker(program(tmp_path, code), log=lines.append) as worker:
        outcome = worker.submit({}, [frame(source, tmp_path / "a.exr")]).wait()
        assert outcome["status"] == "done" and outcome["counts"]["done"] == 1, outcome
    for said in ("from C", "from write", "from print", '{"event": "done", "id": 1}', "from a child"):
        assert said in lines


# ---- it stops when it should, and nothing half-made is left ------------------------------------------------------


def test_cancel_in_mid_frame(shared: Worker, big: Path, tmp_path: Path) -> None:
    frames = [frame(big, tmp_path / f"{i}.exr", i) for i in range(3)]
    run, waiting = shared.submit(SLOW, frames), shared.submit(SLOW, frames)
    in_mid_frame(run)
    waiting.cancel()
    assert waiting.wait()["status"] == "cancelled" and not run.finished
    start = time.monotonic()
    run.cancel()
    outcome = run.wait()
    assert time.monotonic() - start < 8
    assert outcome["status"] == "cancelled" and outcome["counts"]["left"] == 3
    assert [result["status"] for result in outcome["frames"]] == ["cancelled"] and there(tmp_path) == []
    assert shared.submit({}, [frame(save_picture(tmp_path / "a.png"), tmp_path / "a.exr")]).wait()["status"] == "done"


@pytest.mark.parametrize("how", ["close", "terminate", "interrupt"])
def test_it_goes_at_once_in_mid_frame(how: str, big: Path, tmp_path: Path) -> None:
    worker = Worker(REAL)
    pid = worker.start()["pid"]
    run = worker.submit(SLOW, [frame(big, tmp_path / "a.exr")])
    in_mid_frame(run)
    assert there(tmp_path) == [f"a.exr.partial-{pid}"]
    start = time.monotonic()
    if how == "close":
        worker.close()
    else:
        os.kill(pid, signal.SIGTERM if how == "terminate" else signal.SIGINT)
    outcome = run.wait()
    until(lambda: gone(pid), 8)
    assert time.monotonic() - start < 8 and there(tmp_path) == []
    assert outcome["status"] in ("cancelled", "failed")
    worker.close()


def test_one_stuck_in_a_library_goes_too(tmp_path: Path) -> None:
    """A frame that never looks whether it should stop: the process ends all the same and takes its file away."""
    target = tmp_path / "a.exr"
    code = f"""
import site; site.main()
import headroom.jobs
from headroom.worker import serve
def stuck(self, task, *rest):
    open({str(target)!r} + f".partial-{{os.getpid()}}", "w").close()
    while True: time.sleep(1)
headroom.jobs.Job._convert = stuck
serve()
"""
    worker = Worker(program(tmp_path, code))
    pid = worker.start()["pid"]
    worker.submit({}, [frame(save_picture(tmp_path / "a.png"), target)])
    until(lambda: Path(f"{target}.partial-{pid}").exists())
    start = time.monotonic()
    worker.close()
    assert time.monotonic() - start < 8 and there(tmp_path) == ["a.png", "program.py"]


@LINUX
def test_killed_in_mid_frame_and_run_again(big: Path, tmp_path: Path) -> None:
    small = save_picture(tmp_path / "a.png")
    frames = [frame(small, tmp_path / "out/1.exr", 1), frame(big, tmp_path / "out/2.exr", 2)]
    frames.append(frame(small, tmp_path / "out/3.exr", 3))
    with Worker(REAL) as worker:
        run = worker.submit({**SLOW, "resume": True}, frames)
        until(lambda: (tmp_path / "out/1.exr").exists())
        in_mid_frame(run)
        os.kill(worker.hello["pid"], signal.SIGKILL)
        outcome = run.wait()
        assert outcome["status"] == "failed" and "signal 9" in outcome["error"] and outcome["fix"]
        assert outcome["counts"]["done"] == 1 and outcome["counts"]["left"] == 2
        assert there(tmp_path / "out") == ["1.exr"]
        made = (tmp_path / "out/1.exr").stat().st_mtime_ns
        worker.start()
        again = worker.submit({"memory": "600MB", "resume": True}, frames).wait()
        assert [result["status"] for result in again["frames"]] == ["skipped", "done", "done"]
    assert (tmp_path / "out/1.exr").stat().st_mtime_ns == made
    assert there(tmp_path / "out") == ["1.exr", "2.exr", "3.exr"]


@LINUX
def test_stopped_in_mid_frame_is_a_hang_that_is_noticed(big: Path, tmp_path: Path) -> None:
    with Worker(REAL, silence_s=4.0) as worker:
        run = worker.submit(SLOW, [frame(big, tmp_path / "a.exr")])
        in_mid_frame(run)
        pid = worker.hello["pid"]
        os.kill(pid, signal.SIGSTOP)
        start = time.monotonic()
        outcome = run.wait()
        assert 3 < time.monotonic() - start < 25
        assert outcome["status"] == "failed" and "no sign of life for 4 s" in outcome["error"]
        until(lambda: gone(pid))
    assert there(tmp_path) == []


def test_a_host_that_reads_nothing_any_more_ends_it() -> None:
    process = subprocess.Popen(REAL, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin and process.stdout and b"hello" in process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) == 0
    process.stdin.close()
