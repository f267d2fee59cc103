"""``headroom convert`` of patterns and movies."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headroom.cli.options import emit_json
from headroom.cli.report_shots import ShotListener, ShotWatcher
from headroom.cli.signals import cancel_on_signal
from headroom.errors import UsageError
from headroom.jobs import Settings
from headroom.jobs.shots import Missing, Shot, plan_shots

if TYPE_CHECKING:
    from headroom.jobs.shot_job import ShotResult

__all__ = ["convert_shots"]


def convert_shots(
    inputs: Sequence[Path],
    output: Path,
    as_json: bool,
    chosen: dict[str, Any],
    *,
    frames: str | None,
    missing: Missing | None,
    temporal: str | None,
    analysis: Path | None,
    analyse_only: bool,
    preview_movie: Path | None,
    preview_exposure: float,
    curve_out: Path | None = None,
    curve_plot: Path | None = None,
    **movie: Any,
) -> int:
    """Converts one shot after the other; the exit code."""
    settings = Settings.of(**chosen)
    shots = plan_shots(
        inputs, output, frames=frames, missing=missing, part=settings.part, from_space=settings.from_space,
        movie={name: value for name, value in movie.items() if value is not None},
    )  # fmt: skip
    if temporal == "off" and (analyse_only or analysis is not None):
        raise UsageError("--analysis is what --temporal on goes by: leave out one of them")
    if analysis is not None and len(shots) > 1:
        raise UsageError(f"--analysis {analysis}: one file for one shot; convert the shots apart")
    if preview_movie is not None:
        _check_preview(preview_movie, shots)
    wants_curves = curve_out is not None or curve_plot is not None
    if wants_curves:
        from headroom.jobs.curve_files import check_curve_targets, write_shot_curves

        check_curve_targets(curve_out, curve_plot, [Path(shot.source.name) for shot in shots])
    from headroom.jobs.shot_job import ShotJob  # the network's library comes after all that may be wrong without it

    results: list[ShotResult] = []
    failed = 0
    begun = time.perf_counter()
    keeper = click.get_current_context().obj  # of a farm's session: holds the model between its tasks
    with cancel_on_signal() as cancelled:
        loaded = keeper.reconstructor(settings) if keeper else None
        job = ShotJob(settings, loaded, temporal=temporal != "off", analysis=analysis)
        for shot in shots:
            with ShotListener() if as_json else ShotWatcher(shot, cancelled) as watcher:
                result = job.run(shot, watcher, cancelled, analyse_only=analyse_only)
                results.append(result)
                watcher.result(result)
                if preview_movie is not None and not analyse_only and not cancelled():
                    _preview(result, preview_movie, preview_exposure, watcher, cancelled)
                if wants_curves and not cancelled():
                    path = analysis or shot.output.folder / f"{shot.stem}.headroom.json"
                    failed = max(
                        failed, write_shot_curves(job.conversion, shot, path, curve_out, curve_plot, tell=watcher.note)
                    )
            shot.source.close()
            if result.cancelled:
                break
    codes = [failed, *(result.exit_code for result in results)]
    exit_code = 130 if 130 in codes else max(codes)
    if as_json:
        reports = [report for result in results for report in result.reports]
        counts = {status: sum(r.status == status for r in reports) for status in ("done", "skipped", "failed")}
        emit_json(
            {
                "shots": [result.as_dict() for result in results],
                "files": [report.as_dict() for report in reports],
                **counts,
                "seconds": round(time.perf_counter() - begun, 3),
                "exit_code": exit_code,
            }
        )
    return exit_code


def _check_preview(movie: Path, shots: Sequence[Shot]) -> None:
    """What can be known to be wrong before the night's work."""
    from headroom.jobs.preview_movie import PREVIEW_SUFFIXES

    if len(shots) > 1:
        raise UsageError(f"--preview-movie {movie}: one movie for one shot; convert the shots apart")
    if movie.suffix.lower() not in PREVIEW_SUFFIXES:
        raise UsageError(f"--preview-movie {movie}: the suffix must be one of {', '.join(sorted(PREVIEW_SUFFIXES))}")
    if shots[0].output.suffix.lower() != ".exr":
        raise UsageError("--preview-movie is made from EXRs; name a folder or an .exr pattern with -o")


def _preview(
    result: ShotResult, movie: Path, exposure_stops: float, watcher: ShotListener, cancelled: Callable[[], bool]
) -> None:
    """From every frame that is there, those of earlier runs too."""
    from headroom.jobs.preview_movie import make_preview

    made = [(task.frame or 0, task.target) for task in result.shot.tasks if task.target.is_file()]
    if not made:
        return
    watcher.note(f"preview movie: {movie}")
    make_preview(made, movie, rate=result.shot.source.rate, exposure_stops=exposure_stops, cancelled=cancelled)
