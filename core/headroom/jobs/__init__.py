"""Jobs: many files in, many files out; each output complete or absent; resumable."""

from __future__ import annotations

from headroom.jobs.job import Job
from headroom.jobs.naming import Task, plan_tasks
from headroom.jobs.report import FileReport, Watcher, exit_code_of
from headroom.jobs.settings import Settings

__all__ = ["FileReport", "Job", "Settings", "Task", "Watcher", "exit_code_of", "plan_tasks"]
