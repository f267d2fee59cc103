"""Jobs: many files in, many files out; each output complete or absent; resumable.

Names load on first use: what plans a job, and says what is wrong with it, does not wait for the network's library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headroom.jobs.job import Job
    from headroom.jobs.naming import Task, plan_tasks
    from headroom.jobs.report import FileReport, Watcher, exit_code_of
    from headroom.jobs.settings import Settings
    from headroom.jobs.shot_job import ShotJob, ShotResult
    from headroom.jobs.shots import Shot, plan_shots

__all__ = [
    "FileReport",
    "Job",
    "Settings",
    "Shot",
    "ShotJob",
    "ShotResult",
    "Task",
    "Watcher",
    "exit_code_of",
    "plan_shots",
    "plan_tasks",
]

_HOMES = {
    "FileReport": "report",
    "Job": "job",
    "Settings": "settings",
    "Shot": "shots",
    "ShotJob": "shot_job",
    "ShotResult": "shot_job",
    "Task": "naming",
    "Watcher": "report",
    "exit_code_of": "report",
    "plan_shots": "shots",
    "plan_tasks": "naming",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
