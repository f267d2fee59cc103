"""Which frame of a shot comes next: in blocks that are claimed one by one, past those that others have in work."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from headroom.jobs.claims import Holder, block_of
from headroom.jobs.naming import Task

__all__ = ["Agenda"]


class _Claims(Protocol):
    def take(self, block: int | str) -> Holder | None: ...
    def release(self, block: int | str) -> None: ...


class Agenda:
    """The frames that are still to be looked at. Not for several threads."""

    def __init__(self, tasks: Sequence[Task], claims: _Claims) -> None:
        """``tasks``: with their frames set."""
        self._claims = claims
        self._blocks: dict[int, list[Task]] = {}
        for task in tasks:
            self._blocks.setdefault(block_of(_frame(task)), []).append(task)
        self._order = sorted(self._blocks)
        self._open: dict[int, int] = {}
        self._queue: deque[Task] = deque()
        self._later: list[Task] = []
        self._last: int | None = None
        self.others: dict[int, Holder] = {}
        """Blocks that others have in work, as of the last look."""
        self.halted = False
        """Nothing more comes until this is lifted: a share is away, a disk is full, the user stops."""

    @property
    def left(self) -> list[Task]:
        """Frames that are not settled and not in the pipeline."""
        theirs = [task for block in self._blocks.values() for task in block]
        return sorted([*self._later, *self._queue, *theirs], key=_frame)

    def tasks(self) -> Iterator[Task]:
        """Frames to be done, ascending where it can be; ends where all that is left is in other hands.

        Each is to be answered by `settle` or `put_back`.
        """
        self._queue = deque(sorted([*self._later, *self._queue], key=_frame))
        self._later = []
        while not self.halted:
            if self._queue:
                yield self._queue.popleft()
            elif (block := self._take()) is not None:
                tasks = self._blocks.pop(block)
                self._open[block] = len(tasks)
                self._queue.extend(tasks)
            else:
                return

    def settle(self, task: Task) -> None:
        """Done, found done, or failed for good: once all of a block are, others may look at it."""
        block = block_of(_frame(task))
        self._open[block] -= 1
        if self._open[block] == 0:
            del self._open[block]
            self._claims.release(block)

    def put_back(self, task: Task) -> None:
        """To be tried again in the next round; its block stays ours."""
        self._later.append(task)

    def _take(self) -> int | None:
        self.others = {block: holder for block, holder in self.others.items() if block in self._blocks}
        passed: set[int] = set()
        while (block := self._pick(passed)) is not None:
            holder = self._claims.take(block)
            if holder is None:
                self.others.pop(block, None)
                self._last = block
                return block
            passed.add(block)
            self.others[block] = holder
        return None

    def _pick(self, passed: set[int]) -> int | None:
        """The block after our last one; where that is taken, the middle of the longest run that another comes into."""
        free = [block for block in self._order if block in self._blocks and block not in passed]
        if not free:
            return None
        if self._last is not None and self._last + 1 in free:
            return self._last + 1
        runs: list[list[int]] = []
        place = {block: number for number, block in enumerate(self._order)}
        for block in free:
            if runs and place[block] == place[runs[-1][-1]] + 1:
                runs[-1].append(block)
            else:
                runs.append([block])
        longest = max(runs, key=len)
        first = place[longest[0]]
        follows_another = first > 0 and self._order[first - 1] in self.others
        return longest[len(longest) // 2 if follows_another else 0]


def _frame(task: Task) -> int:
    assert task.frame is not None
    return task.frame
