"""Unfinished files of killed runs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from headroom.jobs.claims import Holder, process_ended, this_process

__all__ = ["owner_tag", "sweep"]

OLD_S = 3600.0
"""A partial file of an unknown process that nothing was added to for this long is nobody's any more."""
_PARTIAL = re.compile(r"(?P<target>.+)\.partial-(?P<pid>\d+)(?:-(?P<born>\d+)@(?P<host>.+))?")


def owner_tag() -> str:
    """Tells whose a partial file is, on whichever host it is found."""
    us = this_process()
    host = re.sub(r"[^A-Za-z0-9._-]", "_", us.host)
    return f"{us.pid}-{us.born}@{host}"


def sweep(folder: Path, is_ours: Callable[[str], bool], share_time: float) -> list[str]:
    """Removes what ended processes of this host left, and what is old; the names.

    ``is_ours`` is asked about the name that the whole file would have had; others' partial files are let be.
    """
    gone = []
    host = owner_tag().rpartition("@")[2]
    with os.scandir(folder) as listing:
        names = [entry.name for entry in listing]
    for name in names:
        found = _PARTIAL.fullmatch(name)
        if found is None or not is_ours(found["target"]):
            continue
        path = folder / name
        try:
            dead = False
            if found["host"] == host:
                dead = process_ended(Holder(this_process().host, int(found["pid"]), int(found["born"])))
            if dead or share_time - path.stat().st_mtime > OLD_S:
                path.unlink()
                gone.append(name)
        except OSError:
            continue
    return gone
