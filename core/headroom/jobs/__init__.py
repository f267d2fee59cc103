"""Jobs: many files in, many files out, one after the other; each output complete or absent; resumable."""

from __future__ import annotations

from headroom.jobs.job import FileReport, Job, Settings, Watcher, exit_code_of
from headroom.jobs.naming import Task, plan_tasks

__all__ = ["FileReport", "Job", "Settings", "Task", "Watcher", "exit_code_of", "plan_tasks"]
