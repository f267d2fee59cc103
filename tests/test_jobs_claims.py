"""Claims, manifest and leftovers, with real files and real processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headroom.jobs.agenda import Agenda
from headroom.jobs.claims import BLOCK_FRAMES, Claims, Holder, block_of, process_ended, this_process
from headroom.jobs.leftovers import OLD_S, owner_tag, sweep
from headroom.jobs.manifest import Manifest, entries
from headroom.jobs.naming import Task

TAKE = """
import sys
from pathlib import Path
from headroom.jobs.claims import Claims
claims = Claims(Path(sys.argv[1])).__enter__()
print(claims.take(int(sys.argv[2])), flush=True)
sys.stdin.read()
"""


def another(folder: Path, block: int) -> subprocess.Popen[str]:
    """A process that takes a block and holds it until it is killed or its stdin closes."""
    return subprocess.Popen(
        [sys.executable, "-c", TAKE, str(folder), str(block)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def tasks(frames: range) -> list[Task]:
    return [Task(source=Path(f"p.{n}"), target=Path(f"t.{n}"), frame=n, reads=n) for n in frames]


def test_a_block_has_one_holder_and_outlives_no_killed_one(tmp_path: Path) -> None:
    folder = tmp_path / "claims"
    other = another(folder, 3)
    assert other.stdout is not None and other.stdout.readline().strip() == "None"
    with Claims(folder) as claims:
        holder = claims.take(3)
        assert holder is not None and holder.pid == other.pid and f"process {other.pid}" in str(holder)
        assert claims.take(4) is None and claims.take(4) is None
        other.kill()
        other.wait()
        assert claims.take(3) is None
    assert not folder.exists()
    other.stdout.close()
    assert other.stdin is not None
    other.stdin.close()


def test_a_claim_from_another_host_is_void_once_it_is_old(tmp_path: Path) -> None:
    claim = tmp_path / "7.0"
    claim.write_text(json.dumps({"host": "elsewhere", "pid": os.getpid(), "born": 1}))
    with Claims(tmp_path, expiry_s=60) as claims:
        holder = claims.take(7)
        assert holder is not None and holder.host == "elsewhere"
        long_ago = time.time() - 61
        os.utime(claim, (long_ago, long_ago))
        assert claims.take(7) is None
        assert (tmp_path / "7.1").exists() and not claim.exists()


def test_an_unreadable_claim_counts_by_its_age(tmp_path: Path) -> None:
    (tmp_path / "7.0").write_bytes(b"")
    with Claims(tmp_path) as claims:
        assert claims.take(7) is not None
        os.utime(tmp_path / "7.0", (1, 1))
        assert claims.take(7) is None


def grab(folder: str, blocks: int, gate: object, won: object) -> None:
    gate.wait()  # type: ignore[attr-defined]
    with Claims(Path(folder)) as claims:
        for block in range(blocks):
            if claims.take(block) is None:
                won.put((block, os.getpid()))  # type: ignore[attr-defined]
        won.put(None)  # type: ignore[attr-defined]
        gate.wait()  # type: ignore[attr-defined]


def test_of_several_that_try_at_once_one_wins_each_block(tmp_path: Path) -> None:
    """Void claims of a dead process lie there: taking over must not let two in."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for block in range(40):
        (tmp_path / f"{block}.0").write_text(json.dumps({"host": this_process().host, "pid": dead.pid, "born": 0}))
    context = multiprocessing.get_context("spawn")
    gate, won = context.Barrier(3), context.Queue()
    workers = [context.Process(target=grab, args=(str(tmp_path), 40, gate, won)) for _ in range(3)]
    for worker in workers:
        worker.start()
    winners: list[tuple[int, int]] = []
    ended = 0
    while ended < 3:
        if (word := won.get(timeout=60)) is None:
            ended += 1
        else:
            winners.append(word)
    for worker in workers:
        worker.join(60)
    assert sorted(block for block, _ in winners) == list(range(40))
    assert not list(tmp_path.glob("*.[0-9]"))


def test_a_number_that_was_given_again_is_not_the_same_process() -> None:
    us = this_process()
    assert not process_ended(us)
    assert not process_ended(Holder("elsewhere", 1, 0))
    if us.born:
        assert process_ended(Holder(us.host, us.pid, us.born + 1))


class Open:
    """Claims of which some are in others' hands."""

    def __init__(self, theirs: set[int]) -> None:
        self.theirs, self.released = theirs, []  # type: ignore[var-annotated]

    def take(self, block: int | str) -> Holder | None:
        return Holder("elsewhere", 1, 0) if block in self.theirs else None

    def release(self, block: int | str) -> None:
        self.released.append(block)


def test_blocks_lie_on_a_grid_that_all_share() -> None:
    assert [block_of(frame) for frame in (-1, 0, BLOCK_FRAMES - 1, BLOCK_FRAMES)] == [-1, 0, 0, 1]


def test_alone_the_frames_come_in_order() -> None:
    claims = Open(set())
    agenda = Agenda(tasks(range(1001, 1041)), claims)
    seen = []
    for task in agenda.tasks():
        seen.append(task.frame)
        agenda.settle(task)
    assert seen == list(range(1001, 1041)) and not agenda.left
    assert len(claims.released) == len({block_of(frame) for frame in seen})


def test_beside_another_a_worker_begins_in_the_middle_of_what_is_left() -> None:
    width = BLOCK_FRAMES
    claims = Open({0})
    agenda = Agenda(tasks(range(10 * width)), claims)
    order = []
    for task in agenda.tasks():
        order.append(block_of(task.frame or 0))
        agenda.settle(task)
    blocks = list(dict.fromkeys(order))
    assert blocks[0] == 5 and blocks[1:5] == [6, 7, 8, 9]
    assert sorted(blocks) == list(range(1, 10))
    assert [task.frame for task in agenda.left] == list(range(width)) and set(agenda.others) == {0}
    claims.theirs.clear()
    assert [task.frame for task in agenda.tasks()] == list(range(width))


def test_what_is_put_back_comes_again_and_a_halt_holds_everything() -> None:
    agenda = Agenda(tasks(range(4)), Open(set()))
    for task in agenda.tasks():
        if task.frame == 1:
            agenda.put_back(task)
        else:
            agenda.settle(task)
        agenda.halted = task.frame == 2
    assert [task.frame for task in agenda.left] == [1, 3]
    assert list(agenda.tasks()) == []
    agenda.halted = False
    assert [task.frame for task in agenda.tasks()] == [1, 3]


def test_a_manifest_survives_torn_lines_and_other_hands(tmp_path: Path) -> None:
    path = tmp_path / "hdr.headroom.jsonl"
    first, second = Manifest(path), Manifest(path)
    first.add("frame", {"target": "a.exr", "sha256": "1"})
    with path.open("ab") as file:
        file.write(b'{"frame": {"target": "b.exr", "sha')
    second.add("frame", {"target": "c.exr", "sha256": "3"})
    with path.open("ab") as file:
        file.write(b"\xff\xfe{no json}\n")
    assert [entry["frame"]["target"] for entry in entries(path)] == ["a.exr", "c.exr"]
    first.add("frame", {"target": "a.exr", "sha256": "4"})
    first.reload()
    assert first.frames["a.exr"]["sha256"] == "4" and set(first.frames) == {"a.exr", "c.exr"}


def add_lines(path: str, name: str) -> None:
    manifest = Manifest(Path(path))
    for number in range(50):
        manifest.add("frame", {"target": f"{name}.{number}.exr", "filler": "x" * 3000})


def test_lines_of_several_processes_do_not_mix(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    path = tmp_path / "m.jsonl"
    workers = [context.Process(target=add_lines, args=(str(path), name)) for name in "abc"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    assert len(list(entries(path))) == 150 == len(path.read_bytes().splitlines())


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = owner_tag().rpartition("@")[2]
    keep = [
        f"hdr.1001.exr.partial-{owner_tag()}",  # ours
        f"hdr.1002.exr.partial-{dead.pid}-0@elsewhere",  # another host's
        f"hdr.1003.exr.partial-{dead.pid}",  # of nobody knows which host, and young
        f"beauty.1001.exr.partial-{dead.pid}-0@{host}",  # another shot's
        "hdr.1001.exr",
    ]
    gone = [
        f"hdr.1004.exr.partial-{dead.pid}-0@{host}",
        "hdr.1005.exr.partial-17",
        "hdr.1006.exr.partial-9-8@elsewhere",
    ]
    for name in keep + gone:
        (tmp_path / name).touch()
    now = time.time()
    for name in gone[1:]:
        os.utime(tmp_path / name, (now - OLD_S - 60,) * 2)
    assert sorted(sweep(tmp_path, lambda name: name.startswith("hdr."), now)) == sorted(gone)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(keep)


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_folder_that_takes_no_claims_is_said(tmp_path: Path) -> None:
    from headroom.errors import WriteError

    (tmp_path / "file").touch()
    with Claims(tmp_path / "file" / "claims") as claims, pytest.raises(WriteError, match="file"):
        claims.take(1)
