"""``headroom convert`` of shots as a user meets it; kills, stops and several workers are real processes."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from command import headroom, headroom_process, save_picture
from headroom import io
from headroom.jobs.manifest import entries
from workers import until

pytestmark = pytest.mark.usefixtures("tiny_headroom_1")

CapSys = pytest.CaptureFixture[str]
COUNT = 24


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    folder = tmp_path / "plates"
    folder.mkdir()
    for number in range(1001, 1001 + COUNT):
        path = save_picture(folder / f"plate.{number}.png", width=96, height=64, clipped=0.1 + 0.01 * (number - 1001))
        os.utime(path, (1_600_000_000, 1_600_000_000))
    return folder


def start(plates: Path, out: Path, *more: Any) -> subprocess.Popen[str]:
    return headroom_process(
        "convert", plates / "plate.####.png", "-o", out / "hdr.####.exr", "--temporal", "off", *more
    )


def finished(out: Path) -> int:
    return len(list(out.glob("hdr.*.exr"))) if out.is_dir() else 0


def digests(out: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.glob("hdr.*.exr")}


def made(out: Path) -> Counter[int]:
    lines = [entry["frame"] for entry in entries(out / "hdr.headroom.jsonl") if "frame" in entry]
    return Counter(line["frame"] for line in lines if line["status"] == "done")


def test_a_shot_on_the_command_line(plates: Path, tmp_path: Path, capsys: CapSys) -> None:
    out = tmp_path / "out"
    arguments = ("convert", plates / "plate.####.png", "-o", out, "--frames", "1001-1005x2", "--temporal", "off")
    said = headroom(capsys, *arguments)
    assert said.code == 0, said.err
    first, *rows, last = said.out.splitlines()
    assert "3 frames: 1001-1005x2" in first and str(out / "plate.####.exr") in first
    # Files are written by several threads: which of two is told first is chance.
    rows[2:] = sorted(rows[2:])
    assert [row.split()[0] for row in rows] == ["spaces", "model", "1001", "1003", "1005"]
    assert "plate.1003.exr" in rows[3] and "clipped" in rows[3]
    assert last.startswith("3 converted of 3 in ")
    said = headroom(capsys, *arguments, "--json")
    answer = json.loads(said.out)
    assert said.code == 0 and answer["skipped"] == 3 and answer["shots"][0]["frames"] == "1001-1005x2"
    assert [file["frame"] for file in answer["files"]] == [1001, 1003, 1005]


def test_a_frame_that_stands_in_for_another_is_told(plates: Path, tmp_path: Path, capsys: CapSys) -> None:
    chosen = ("--frames", "1023-1026", "--missing", "nearest", "--temporal", "off")
    said = headroom(capsys, "convert", plates / "plate.####.png", "-o", tmp_path / "out", *chosen)
    assert said.code == 0 and "1025-1026 are missing" in said.err
    stand_in = sorted(line.split()[0] for line in said.out.splitlines() if line.endswith("from frame 1024"))
    assert stand_in == ["1025", "1026"]
    assert io.header(tmp_path / "out" / "plate.1026.exr")["parts"][0]["attributes"]["headroom:sourceFrame"] == 1024


def test_what_is_not_there_is_said_before_anything_is_done(plates: Path, tmp_path: Path, capsys: CapSys) -> None:
    out = tmp_path / "out"
    said = headroom(capsys, "convert", plates / "plat.####.png", "-o", out)
    assert said.code == 1 and "plate.####.png (1001-1024)" in said.err and said.err.count("\n") == 1
    said = headroom(capsys, "convert", plates / "plate.####.png", "-o", out, "--frames", "1020-1030,1040")
    assert said.code == 1 and "1025-1030,1040" in said.err
    said = headroom(capsys, "convert", plates / "plate.1001.png", "-o", out, "--frames", "1001-1003")
    assert said.code == 2 and "plate.####.png" in said.err
    said = headroom(capsys, "convert", plates / "plate.####.png", plates / "plate.1001.png", "-o", out)
    assert said.code == 2 and "apart" in said.err
    said = headroom(capsys, "convert", plates / "plate.####.png", "-o", out / "a.exr")
    assert said.code == 2 and "a.####.exr" in said.err
    said = headroom(capsys, "convert", plates / "plate.####.png", "-o", out, "--first-frame", 5)
    assert said.code == 2 and "--first-frame" in said.err
    said = headroom(capsys, "convert", plates / "plate.####.png")
    assert said.code == 2 and "-o" in said.err
    assert not out.exists()


def test_a_damaged_frame_makes_exit_code_1_and_is_mended(plates: Path, tmp_path: Path, capsys: CapSys) -> None:
    bad = plates / "plate.1003.png"
    whole = bad.read_bytes()
    bad.write_bytes(whole[:-300])
    os.utime(bad, (1_600_000_000, 1_600_000_000))
    arguments = (
        "convert",
        plates / "plate.####.png",
        "-o",
        tmp_path / "out",
        "--frames",
        "1001-1005",
        "--temporal",
        "off",
    )
    said = headroom(capsys, *arguments)
    assert said.code == 1 and "frame 1003" in said.err and "failed: frames 1003" in said.err
    assert "4 converted, 1 failed of 5" in said.out and "the same command goes on" in said.err
    bad.write_bytes(whole)
    said = headroom(capsys, *arguments)
    assert said.code == 0 and "1 converted, 4 already there of 5" in said.out


def test_killed_at_random_and_gone_on_with_it_comes_out_the_same(plates: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    out, whole = tmp_path / "out", tmp_path / "whole"
    undisturbed = start(plates, whole)
    for _ in range(3):
        process = start(plates, out)
        goal = finished(out) + chance.randrange(1, 6)
        until(lambda: finished(out) >= goal or process.poll() is not None, 120)  # noqa: B023
        time.sleep(chance.random() * 0.1)  # anywhere inside a frame
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for path in out.glob("hdr.*.exr"):
            assert io.read(path).width == 96
    last = start(plates, out)
    said, told = last.communicate(timeout=240)
    assert last.returncode == 0, told
    assert undisturbed.communicate(timeout=240) is not None and undisturbed.returncode == 0
    assert digests(out) == digests(whole) and len(digests(out)) == COUNT
    # A kill between a file's renaming and its line leaves the line to the next run, which says that it found the file.
    assert max(made(out).values()) == 1 and len(made(out)) >= COUNT - 3
    assert {path.name for path in out.iterdir()} - set(digests(out)) == {"hdr.headroom.jsonl"}


def test_two_workers_share_a_folder(plates: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    workers = [start(plates, out) for _ in range(2)]
    said = [worker.communicate(timeout=240) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    assert made(out) == Counter(range(1001, 1001 + COUNT))
    assert {path.name for path in out.iterdir()} - set(digests(out)) == {"hdr.headroom.jsonl"}
    lines = [entry["frame"]["status"] for entry in entries(out / "hdr.headroom.jsonl") if "frame" in entry]
    assert lines == ["done"] * COUNT
    both = [text.splitlines()[-1] for text, _ in said]
    assert sum(int(line.split()[0]) for line in both if "converted" in line) == COUNT


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_ctrl_c_finishes_the_frame_in_hand_and_says_how_to_go_on(plates: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start(plates, out)
    until(lambda: finished(out) >= 2, 120)
    process.send_signal(signal.SIGINT)
    said, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert "Traceback" not in told and "the same command goes on from here" in told and "not done: frames" in told
    done = finished(out)
    assert 2 <= done < COUNT and len(made(out)) == done and not list(out.glob("*.partial*"))
    again = start(plates, out)
    said, told = again.communicate(timeout=240)
    assert again.returncode == 0 and f"{COUNT - done} converted, {done} already there of {COUNT}" in said


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_a_second_ctrl_c_stops_at_once_and_leaves_no_part(plates: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start(plates, out)
    until(lambda: list(out.glob("*.partial-*")), 240)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)  # two signals at once would be one
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130 and "Traceback" not in told
    assert finished(out) < COUNT and not list(out.glob("*.partial*")) and not list(out.glob(".*claims"))
    for path in out.glob("hdr.*.exr"):
        assert io.read(path).width == 96
