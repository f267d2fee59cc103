"""The pipeline's two ends: plates ahead, files behind; order, bounds, and what goes wrong in threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from headroom.jobs.encoders import Encoders, Sheet, SheetClosed
from headroom.jobs.prefetch import Prefetch
from headroom.jobs.stages import Clock


@dataclass(frozen=True)
class Item:
    frame: int
    nbytes: int = 10


def test_plates_are_loaded_once_each_and_let_go() -> None:
    loaded: list[int] = []

    def load(frame: int) -> Item:
        loaded.append(frame)
        return Item(frame)

    plates = Prefetch(load, threads=2)
    for frame in range(10):  # windows of three that overlap
        plates.want((frame, frame + 1, frame + 2))
    for frame in range(10):
        assert [plates.get(f).frame for f in (frame, frame + 1, frame + 2)] == [frame, frame + 1, frame + 2]
        plates.release((frame, frame + 1, frame + 2))
    assert sorted(loaded) == list(range(12)) and plates.held_bytes == 0
    assert plates.get(3).frame == 3 and loaded[-1] == 3, "what nobody wanted is loaded when it is asked for"
    plates.close()


def test_what_cannot_be_loaded_is_raised_where_it_is_asked_for() -> None:
    def load(frame: int) -> Item:
        if frame == 2:
            raise ValueError("torn")
        return Item(frame)

    plates = Prefetch(load, threads=2)
    plates.want((1, 2, 3))
    assert plates.get(1).frame == 1
    with pytest.raises(ValueError, match="torn"):
        plates.get(2)
    assert plates.get(3).frame == 3
    plates.close()


def test_plates_on_their_way_count_as_held() -> None:
    gate = threading.Event()

    def load(frame: int) -> Item:
        if frame:
            gate.wait(60)
        return Item(frame, nbytes=100)

    plates = Prefetch(load, threads=1)
    plates.want((0,))
    plates.get(0)
    plates.want((1, 2))
    assert plates.held_bytes == 300
    gate.set()
    plates.close()


def test_bands_wait_for_the_disk_and_never_pass_the_bound() -> None:
    gate = threading.Event()
    written: list[int] = []
    most = 0
    files = Encoders(threads=2, most_bytes=100, clock=Clock("encode"))

    def write(bands: Iterator[Any]) -> None:
        nonlocal most
        gate.wait(60)
        for band in bands:
            most = max(most, files.held_bytes)
            written.append(band)

    def feed() -> None:
        for number in range(8):
            sheet = files.begin(Sheet(write=write))
            for part in range(5):
                files.put(sheet, 10 * number + part, 40)
            files.end(sheet)

    feeder = threading.Thread(target=feed)
    feeder.start()
    feeder.join(0.3)
    assert feeder.is_alive() and files.held_bytes <= 100, "the network waits while the disk stands"
    gate.set()
    feeder.join(60)
    assert files.wait(timeout=60) and not feeder.is_alive()
    assert sorted(written) == [10 * number + part for number in range(8) for part in range(5)]
    assert most <= 100 and files.held_bytes == 0
    files.close()


def test_a_band_larger_than_the_bound_goes_through_alone() -> None:
    files = Encoders(threads=1, most_bytes=10)
    got: list[int] = []
    sheet = files.begin(Sheet(write=lambda bands: got.extend(bands)))
    for part in range(3):
        files.put(sheet, part, 1000)
    files.end(sheet)
    assert files.wait(timeout=60) and got == [0, 1, 2]
    files.close()


def test_a_file_that_fails_takes_no_more_bands_and_holds_nothing_up() -> None:
    files = Encoders(threads=1, most_bytes=100)

    def fail(bands: Iterator[Any]) -> None:
        next(bands)

    sheet = files.begin(Sheet(write=fail))
    files.put(sheet, 0, 60)
    assert files.wait(timeout=60)
    with pytest.raises(SheetClosed):
        files.put(sheet, 1, 60)
    assert files.held_bytes == 0
    got: list[int] = []
    other = files.begin(Sheet(write=lambda bands: got.extend(bands)))
    files.put(other, 7, 60)
    files.end(other)
    assert files.wait(timeout=60) and got == [7]
    files.close()


def test_giving_up_tells_the_files_in_work() -> None:
    files = Encoders(threads=1, most_bytes=100)
    told: list[BaseException] = []
    begun = threading.Event()

    def write(bands: Iterator[Any]) -> None:
        try:
            for _ in bands:
                begun.set()
        except RuntimeError as error:
            told.append(error)

    for _ in range(2):
        files.put(files.begin(Sheet(write=write)), 0, 10)
    begun.wait(60)
    files.close(RuntimeError("stopped"), wait_s=60)
    assert len(told) == 2 and files.held_bytes == 0
