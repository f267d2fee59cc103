"""A conversion as a job bundle: Open Job Description template, its parameters, and the files it reads and writes.

Analyse   once: what all frames must agree on
Convert   chunks of frames; each machine keeps one session process with the model loaded
Preview   once, where a movie is wanted: nothing is left to convert then but the movie
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headroom.errors import WriteError
from headroom.farm.ranges import listed_chunks, openjd_range
from headroom.farm.yaml import to_yaml

__all__ = ["MOST_LISTED", "Plan", "Work", "asset_references", "parameter_values", "template", "write_bundle"]

SPECIFICATION = "jobtemplate-2023-09"
CHUNKING = "TASK_CHUNKING"
MOST_LISTED = 1024
"""Values that the specification lets a list of a task parameter hold."""
NOTICE_S = 120
"""What a cancelled task has to finish its frame."""

_SESSION = "{{Session.WorkingDirectory}}"


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be converted; paths are absolute."""

    plate: str
    """Pattern or movie."""
    output: str
    """Pattern of the results."""
    frames: tuple[int, ...]
    inputs: tuple[Path, ...]
    """The files that the frames are read from, and others that the options name."""
    options: tuple[str, ...] = ()
    """Of ``headroom convert``, beside those that the template sets."""
    paths: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Options whose value is a file: parameter -> (option, path)."""
    analysis: str | None = None
    """Where the shot's analysis lies; None: frames are independent of each other."""
    preview: str | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How the farm should go about it."""

    name: str
    program: tuple[str, ...] = ("headroom",)
    """The program on the farm's machines, and what it wants before headroom's own arguments."""
    chunk: int = 10
    """Frames a task."""
    target_s: int = 0
    """Seconds that a task should take, by which schedulers may change the chunks; 0: they stay as they are."""
    extension: bool = True
    """The scheduler chunks by itself; otherwise the chunks are listed."""
    gpu: bool = False


def template(work: Work, plan: Plan) -> dict[str, Any]:
    """The job template."""
    steps: list[dict[str, Any]] = []
    convert = ["convert", "{{Param.Plate}}", "-o", "{{Param.Output}}", *work.options]
    for name, (option, _) in work.paths.items():
        convert += [option, f"{{{{Param.{name}}}}}"]
    if work.analysis is not None:
        convert += ["--analysis", "{{Param.Analysis}}"]
        steps.append(_once("Analyse", plan, [*convert, "--analyse-only"]))
    steps.append(_convert_step(work, plan, convert))
    if work.analysis is not None:
        steps[-1]["dependencies"] = [{"dependsOn": "Analyse"}]
    if work.preview is not None:
        steps.append(_once("Preview", plan, [*convert, "--preview-movie", "{{Param.PreviewMovie}}"]))
        steps[-1]["dependencies"] = [{"dependsOn": "Convert"}]
    return {
        "specificationVersion": SPECIFICATION,
        **({"extensions": [CHUNKING]} if plan.extension else {}),
        "name": "{{Param.JobName}}",
        "description": "headroom: linear light with its highlights back, frame by frame.",
        "parameterDefinitions": _parameters(work, plan),
        "steps": steps,
    }


def parameter_values(work: Work, plan: Plan) -> dict[str, Any]:
    """What the parameters are set to, as ``deadline bundle submit`` and ``openjd run -p file://`` take it."""
    return {"parameterValues": [{"name": name, "value": value} for name, value in _values(work, plan).items()]}


def asset_references(work: Work) -> dict[str, Any]:
    """The files that job attachments bring along, and the folders that they bring back."""
    written = [work.output, *(path for path in (work.analysis, work.preview) if path)]
    return {
        "assetReferences": {
            "inputs": {"filenames": sorted({str(path) for path in work.inputs}), "directories": []},
            "outputs": {"directories": sorted({str(Path(path).parent) for path in written})},
            "referencedPaths": [],
        }
    }


def write_bundle(folder: Path, work: Work, plan: Plan) -> Path:
    """The bundle's three files and a copy of the values for the ``openjd`` command; the folder."""
    values = _values(work, plan)
    about = (
        f"{plan.name}, written by headroom. Here: openjd run template.yaml --step "
        f"{'Preview' if work.preview else 'Convert'} --run-dependencies -p file://parameters.yaml\n"
        "Deadline Cloud: deadline bundle submit <this folder>"
    )
    contents = {
        "template.yaml": to_yaml(template(work, plan), about),
        "parameter_values.yaml": to_yaml(parameter_values(work, plan)),
        "asset_references.yaml": to_yaml(asset_references(work)),
        "parameters.yaml": to_yaml(values),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in contents.items():
            partial = folder / f".{name}.partial"
            partial.write_text(text, "utf-8")
            partial.replace(folder / name)
    except OSError as error:
        raise WriteError(f"cannot write {folder}: {error.strerror or error}; choose another --bundle") from error
    return folder


def _values(work: Work, plan: Plan) -> dict[str, Any]:
    values: dict[str, Any] = {"JobName": plan.name, "Plate": work.plate, "Output": work.output}
    values["Frames"] = openjd_range(work.frames)
    if plan.extension:
        values |= {"ChunkSize": plan.chunk, "TargetSeconds": plan.target_s}
    if work.analysis is not None:
        values["Analysis"] = work.analysis
    if work.preview is not None:
        values["PreviewMovie"] = work.preview
    return {**values, **{name: path for name, (_, path) in work.paths.items()}, "Headroom": plan.program[0]}


def _parameters(work: Work, plan: Plan) -> list[dict[str, Any]]:
    file = {"type": "PATH", "objectType": "FILE", "dataFlow": "NONE"}
    described: dict[str, dict[str, Any]] = {
        "JobName": {"type": "STRING", "description": "What the farm calls the job."},
        "Plate": {**file, "description": "The shot: a frame pattern or a movie."},
        "Output": {**file, "description": "The results' frame pattern."},
        "Frames": {"type": "STRING", "description": "Frames to convert, such as 1001-1240 or 1001-1240:2,1300."},
        "ChunkSize": {"type": "INT", "minValue": 1, "description": "Frames a task."},
        "TargetSeconds": {"type": "INT", "minValue": 0, "description": "Seconds a task should take; 0: fixed chunks."},
        "Analysis": {**file, "description": "What all frames agree on; made by the first step."},
        "PreviewMovie": {**file, "description": "A movie to look at."},
        "Headroom": {"type": "STRING", "description": "The headroom program on the farm's machines."},
    }
    if not plan.extension:
        described["Frames"]["description"] = "Frames of the shot; the chunks in the template are made of them."
    for name, (option, _) in work.paths.items():
        described[name] = {**file, "description": f"The file of {option}."}
    values = _values(work, plan)
    return [{"name": name, **described[name], "default": value} for name, value in values.items()]


def _action(plan: Plan, arguments: Sequence[str], **other: Any) -> dict[str, Any]:
    return {"command": "{{Param.Headroom}}", "args": [*plan.program[1:], "farm-session", *arguments], **other}


def _cancelation() -> dict[str, Any]:
    return {"cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": NOTICE_S}}


def _once(name: str, plan: Plan, convert: Sequence[str]) -> dict[str, Any]:
    arguments = ["once", "--frames", "{{Param.Frames}}", "--", *convert]
    step = {"name": name, "script": {"actions": {"onRun": _action(plan, arguments, **_cancelation())}}}
    return step | _host(plan)


def _convert_step(work: Work, plan: Plan, convert: Sequence[str]) -> dict[str, Any]:
    steps = {b - a for a, b in zip(work.frames, work.frames[1:], strict=False)}
    if plan.extension:
        frames: dict[str, Any] = {
            "name": "Frames",
            "type": "CHUNK[INT]",
            "range": "{{Param.Frames}}",
            "chunks": {
                "defaultTaskCount": "{{Param.ChunkSize}}",
                "targetRuntimeSeconds": "{{Param.TargetSeconds}}",
                "rangeConstraint": "CONTIGUOUS" if steps <= {1} else "NONCONTIGUOUS",
            },
        }
    else:
        frames = {"name": "Frames", "type": "STRING", "range": listed_chunks(work.frames, plan.chunk)}
    run = ["run", _SESSION, "--frames", "{{Task.Param.Frames}}", "--", *convert]
    return {
        "name": "Convert",
        "parameterSpace": {"taskParameterDefinitions": [frames]},
        "stepEnvironments": [
            {
                "name": "Headroom",
                "description": "One process a machine holds the model from task to task.",
                "script": {
                    "actions": {
                        "onEnter": _action(plan, ["start", _SESSION], timeout=300),
                        "onExit": _action(plan, ["end", _SESSION], timeout=60),
                    }
                },
            }
        ],
        "script": {"actions": {"onRun": _action(plan, run, **_cancelation())}},
    } | _host(plan)


def _host(plan: Plan) -> dict[str, Any]:
    return {"hostRequirements": {"amounts": [{"name": "amount.worker.gpu", "min": 1}]}} if plan.gpu else {}
