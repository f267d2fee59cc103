"""``headroom farm``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headroom.cli.options import emit_json, json_option
from headroom.errors import UsageError

if TYPE_CHECKING:
    from headroom.farm.bundle import Work

__all__ = ["command"]

_PATH = click.Path(path_type=Path)
# Set by the template itself, or of no use on a farm.
_NOT_PASSED_ON = ("inputs", "output", "frames", "analysis", "analyse_only", "preview_movie", "as_json")
_FILES = {"ocio_config": "OcioConfig", "curve": "Curve", "model": "Model"}
"""Options that may name a file or folder, which a farm may have elsewhere: a parameter of its own."""


@click.command(
    "farm", context_settings={"ignore_unknown_options": True}, options_metavar="--bundle DIR [OPTIONS]",
    epilog="All other options are those of headroom convert: see headroom convert --help.",
)  # fmt: skip
@click.option("--bundle", required=True, type=_PATH, metavar="DIR", help="The folder that becomes the job bundle.")
@click.option("--chunk", type=click.IntRange(1), default=10, show_default=True, help="Frames a task.")
@click.option(
    "--target-seconds",
    type=click.IntRange(0),
    default=0,
    metavar="S",
    help="Schedulers may change chunks to this long.",
)
@click.option("--listed-chunks", is_flag=True, help="For schedulers without the TASK_CHUNKING extension.")
@click.option("--job-name", metavar="NAME", help="Default: headroom and the shot's name.")
@click.option(
    "--program",
    default="headroom",
    show_default=True,
    help="headroom on the farm, such as 'rez-env headroom -- headroom'.",
)
@click.option("--gpu", is_flag=True, help="Ask for machines with a GPU.")
@json_option
@click.argument("convert", nargs=-1, required=True, type=click.UNPROCESSED, metavar="IN -o OUT [CONVERT OPTIONS]")
def command(
    bundle: Path,
    chunk: int,
    target_seconds: int,
    listed_chunks: bool,
    job_name: str | None,
    program: str,
    gpu: bool,
    as_json: bool,
    convert: tuple[str, ...],
) -> int:
    """Write a conversion as a job bundle for a render farm (Open Job Description).

    \b
    headroom farm --bundle job plate.####.jpg -o hdr.####.exr --frames 1001-1240 --to ACEScg
    openjd run job/template.yaml --step Convert --run-dependencies     runs it here
    deadline bundle submit job                                        AWS Deadline Cloud
    """
    from headroom.farm.bundle import MOST_LISTED, Plan, write_bundle

    work = _work(convert)
    words = shlex.split(program)
    if not words:
        raise UsageError("--program is empty; name the headroom program on the farm's machines")
    plan = Plan(
        name=job_name or f"headroom {Path(work.plate).name}", program=tuple(words), chunk=chunk,
        target_s=target_seconds, extension=not listed_chunks, gpu=gpu,
    )  # fmt: skip
    tasks = -(-len(work.frames) // chunk)
    if listed_chunks and tasks > MOST_LISTED:
        least = -(-len(work.frames) // MOST_LISTED)
        raise UsageError(
            f"--chunk {chunk} makes {tasks} chunks, {MOST_LISTED} can be listed; give --chunk {least} or more"
        )
    write_bundle(bundle, work, plan)
    if as_json:
        emit_json({"bundle": str(bundle), "frames": len(work.frames), "tasks": tasks, "analysis": work.analysis})
        return 0
    click.echo(f"{bundle}: {len(work.frames)} frames in {tasks} tasks of up to {chunk}, {work.plate} -> {work.output}")
    step = "Preview" if work.preview else "Convert"
    values = shlex.quote(f"file://{bundle / 'parameters.yaml'}")
    template = shlex.quote(str(bundle / "template.yaml"))
    click.echo(f"here:           openjd run {template} --step {step} --run-dependencies -p {values}")
    click.echo(f"Deadline Cloud: deadline bundle submit {shlex.quote(str(bundle))}")
    return 0


def _work(arguments: tuple[str, ...]) -> Work:
    """A command line of ``headroom convert``, checked as that does, as work for a farm."""
    from headroom.cli.convert import command as convert
    from headroom.farm.bundle import Work
    from headroom.jobs.shots import is_shot, plan_shots
    from headroom.settings import SETTINGS, checked

    context = convert.make_context("convert", list(arguments))
    said = context.params
    if said["output"] is None:
        raise UsageError("no output: name a pattern or a folder with -o")
    inputs: tuple[Path, ...] = said["inputs"]
    if len(inputs) != 1 or not is_shot(inputs[0]):
        raise UsageError("a bundle is for one shot: name a frame pattern such as plate.####.jpg, or a movie")
    checked({name: value for name, value in said.items() if name in SETTINGS and name != "resume"})
    shot = plan_shots(
        [_absolute(inputs[0])], _absolute(said["output"]), frames=said["frames"], missing=said["missing"],
        part=said["part"], from_space=said["from_space"],
        movie={name: said[name] for name in ("first_frame", "levels", "matrix") if said[name] is not None},
    )[0]  # fmt: skip
    options: list[str] = []
    paths: dict[str, tuple[str, str]] = {}
    for parameter in convert.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name) not in (None, click.core.ParameterSource.DEFAULT)
        if not given or name in _NOT_PASSED_ON or not isinstance(parameter, click.Option):
            continue
        if name in _FILES and Path(said[name]).exists():
            paths[_FILES[name]] = (parameter.opts[0], str(Path(said[name]).resolve()))
        else:
            options += _as_arguments(parameter, said[name])
    folder = shot.output.folder
    needs_analysis = said.get("temporal") != "off" and "analysis" in said
    analysis = said.get("analysis") or folder / f"{shot.stem}.headroom.json"
    preview = said["preview_movie"]
    # Frames are looked at beside those asked for: the whole shot is what the analysis is made of.
    read = [shot.source.path(frame) for frame in shot.source.frames] if needs_analysis else []
    read += [task.source for task in shot.tasks]
    return Work(
        plate=shot.source.name,
        output=str(folder / shot.output.name),
        frames=tuple(sorted({task.frame for task in shot.tasks if task.frame is not None})),
        inputs=(*map(_absolute, read), *(Path(path) for _, path in paths.values())),
        options=tuple(options),
        paths=paths,
        analysis=str(_absolute(Path(analysis))) if needs_analysis else None,
        preview=str(_absolute(preview)) if preview is not None else None,
    )


def _as_arguments(option: click.Option, value: Any) -> list[str]:
    if option.is_flag:
        return [option.opts[0] if value else (option.secondary_opts or option.opts)[0]]
    return [f"{option.opts[0]}={value}" if option.opts[0].startswith("--") else str(value)]


def _absolute(path: Path) -> Path:
    """Without following links: a farm may know the path by the same name."""
    return path if path.is_absolute() else Path.cwd() / path
