"""A health check: each thing that can be wrong between a host and its worker, in a plain sentence with the fix."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .client import Worker, WorkerError
from .find import VARIABLE, Found, command_of, find_worker
from .installed import PREFIX, installed
from .protocol import PROTOCOL

__all__ = ["Finding", "check"]

GB = 10**9
LITTLE_ROOM, NO_ROOM = 5 * GB, GB // 4
"""A UHD frame with mask and gain is about 60 MB: the first may not hold a long shot, the second not a short one."""
SET_UP = "Set up the engine, or choose one that is installed."


class Finding(NamedTuple):
    """``level``: ok, warning or error. ``fix``: what to do, empty where nothing is wrong."""

    level: str
    sentence: str
    fix: str = ""


def check(
    command: Sequence[str] | None = None,
    *,
    preferred: str | None = None,
    environment_dir: Path | None = None,
    config: str | None = None,
    cache: Path | None = None,
    version: str | None = None,
    device: str | None = None,
    worker: Worker | None = None,
) -> list[Finding]:
    """All findings, in the order in which a person would look; never raises for what it finds. Blocks for seconds.

    ``command``: the worker to look at, else the one that `find_worker` finds. ``worker``: one that runs already.
    ``config``: the host's OCIO config. ``cache``: where results go. ``version``: the plug-in's. ``device``: the chosen.
    """
    findings = _look_for(preferred, environment_dir)
    if worker is not None and worker.alive:
        findings.append(Finding("ok", f"The engine runs: {' '.join(worker.command)}."))
        findings += _ask(worker, config, version, device)
    else:
        found = Found(tuple(command), "chosen") if command else find_worker(preferred, environment_dir)
        if found is None:
            findings.append(Finding("error", "There is no headroom engine on this machine.", SET_UP))
        else:
            findings.append(Finding("ok", f"The engine was found ({found.where}): {' '.join(found.command)}."))
            findings += _start(found.command, config, version, device)
    if cache is not None:
        findings += _place(Path(cache))
    return findings


def _look_for(preferred: str | None, environment_dir: Path | None) -> list[Finding]:
    findings = []
    for text, what in ((preferred, "The engine chosen by hand"), (os.environ.get(VARIABLE), f"${VARIABLE}")):
        if text and text.strip() and command_of(text) is None:
            findings.append(
                Finding("warning", f"{what} is {text}, where there is none.", "Correct or clear it; another is used.")
            )
    if environment_dir is not None and installed(Path(environment_dir)) is None:
        half = list(Path(environment_dir).glob(f"{PREFIX}*"))
        if half:
            sentence = f"{environment_dir} holds an engine that is not whole."
            findings.append(Finding("warning", sentence, "Set it up again."))
    return findings


def _start(command: Sequence[str], config: str | None, version: str | None, device: str | None) -> list[Finding]:
    with contextlib.closing(Worker(command)) as worker:
        try:
            worker.start()
        except WorkerError as error:
            return [Finding("error", error.sentence, error.fix or SET_UP)]
        return _ask(worker, config, version, device)


def _ask(worker: Worker, config: str | None, version: str | None, device: str | None) -> list[Finding]:
    theirs = str(worker.hello.get("version"))
    findings = [Finding("ok", f"It starts and speaks protocol {PROTOCOL}.")]
    if version is None or version == theirs:
        findings.append(Finding("ok", f"It is headroom {theirs}."))
    else:
        fix = "Set up the engine again, or install the plug-in of the same version."
        findings.append(Finding("warning", f"The engine is headroom {theirs}, this plug-in {version}.", fix))
    said: dict[str, Any]
    try:
        said = worker.describe(config)
        findings.append(Finding("ok", f"The colour config can be read: {said['config']['name']}."))
    except WorkerError as error:
        fix = error.fix or "Correct the OCIO config of the program or of $OCIO."
        findings.append(Finding("error", f"The engine cannot answer: {error.sentence}", fix))
        if not worker.alive:
            return findings
        try:
            said = worker.describe("studio-config")
        except WorkerError as second:
            return [*findings, Finding("error", second.sentence, second.fix or SET_UP)]
    return findings + _models(said["models"]) + _devices(said["devices"], device)


def _models(models: Sequence[dict[str, Any]]) -> list[Finding]:
    again = "Set up the engine again."
    if not models:
        return [Finding("error", "The engine has no model.", again)]
    return [
        Finding("ok", f"The weights of {model['name']} {model['version']} are whole ({model['licence']}).")
        if model["verified"]
        else Finding("error", f"The model {model['name']} cannot be used: {model['error']}", again)
        for model in models
    ]


def _devices(devices: Sequence[dict[str, str]], chosen: str | None) -> list[Finding]:
    names = [device["name"] for device in devices]
    if chosen and chosen not in names and f"{chosen}:0" not in names:
        there = ", ".join(names)
        return [Finding("error", f"The device {chosen} is not there; there are {there}.", "Choose another device.")]
    if names == ["auto", "cpu"]:
        fix = "Where there is an NVIDIA card, set up the engine with CUDA and update the driver."
        return [Finding("warning", "No GPU can be used: frames are worked on by the CPU, which is slower.", fix)]
    return [Finding("ok", f"Frames can be worked on by {', '.join(device['label'] for device in devices[1:])}.")]


def _place(cache: Path) -> list[Finding]:
    there = cache
    while not there.exists() and there != there.parent:
        there = there.parent
    probe = there / f".headroom-{os.getpid()}"
    try:
        probe.write_bytes(b"")
        probe.unlink()
        free = shutil.disk_usage(there).free
    except OSError as error:
        why = error.strerror or error
        return [Finding("error", f"{cache} cannot be written to: {why}.", "Choose another folder for the results.")]
    findings = [Finding("ok", f"{cache} can be written to.")]
    if free < LITTLE_ROOM:
        level = "error" if free < NO_ROOM else "warning"
        findings.append(
            Finding(level, f"Only {free / GB:.1f} GB are free there.", "Make room, or choose a folder on another disk.")
        )
    else:
        findings.append(Finding("ok", f"{free / GB:.0f} GB are free there."))
    return findings
