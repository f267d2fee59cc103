"""What the node's buttons do in the GUI: start work in a thread, show what is wrong in a dialog."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Callable

import nuke

from . import api, cache, colour, engine, knobs, progress
from .baking import Bake, running
from .errors import BakeCancelled, BakeError
from .hosting import in_main

__all__ = ["bake", "cancel", "check_engine", "choose_model", "choose_space", "clear", "set_up_engine"]


def bake(node: nuke.Node) -> None:
    """Start a bake in a thread of its own; in a terminal, do it here."""
    if running(node.fullName()) is not None:
        _say(f"{node.fullName()} is being baked already. Wait for it, or press Cancel.")
        return
    if not nuke.GUI:
        api.bake(node)
        return
    knobs.set_status(node, "Baking...")
    threading.Thread(target=_bake_and_tell, args=(node, node.name()), name="headroom-bake", daemon=True).start()


def cancel(node: nuke.Node) -> None:
    """Stop the bake of this node."""
    if not api.cancel(node):
        _say(f"{node.fullName()} is not being baked.")


def clear(node: nuke.Node) -> None:
    """Forget the bake; ask before files go."""
    try:
        files = api.baked_files(node)
        delete = bool(files) and nuke.ask(
            f"Also delete the {len(files)} baked file{'s' * (len(files) != 1)} in\n{Path(files[0]).parent}?"
        )
        api.clear(node, delete_files=delete)
    except (BakeError, OSError) as error:
        _say(str(error))


def choose_model(node: nuke.Node) -> None:
    """One of the engine's models."""

    def offer(described: Any) -> None:
        models = described.get("models", [])
        lines = [f"{m['name']} {m.get('version', '')}: {m.get('summary', '')} ({m.get('licence', '')})" for m in models]
        index = _choice("Model", lines)
        if index is not None:
            node["model"].setValue(models[index]["name"])

    _after_describe(node, offer)


def choose_space(node: nuke.Node) -> None:
    """One of the config's colour spaces, or auto."""

    def offer(described: Any) -> None:
        spaces = ["auto", *(str(space) for space in described.get("spaces", []))]
        index = _choice("Colourspace of the plate", spaces)
        if index is not None:
            node["from_space"].setValue(spaces[index])

    _after_describe(node, offer)


def check_engine(node: nuke.Node) -> None:
    """Say what is ready and what is not."""
    try:
        wishes = knobs.read(node)
        script = colour.of_script(wishes.ocio_config)
        folder = _cache_folder(wishes)
    except BakeError as error:
        _say(str(error))
        return

    def work() -> None:
        found = engine.findings(wishes.worker_command, script.config, folder)
        marks = {"ok": "ok", "warning": "note", "error": "WRONG"}
        lines = [
            f"{marks.get(one.level, one.level)}: {one.sentence}" + (f" {one.fix}" if one.fix else "") for one in found
        ]
        in_main(_say, "\n".join(lines))

    _in_thread(work)


def set_up_engine(node: nuke.Node) -> None:
    """Make the engine's private environment, after saying what that means."""
    folder = engine.environment_folder()
    if not nuke.ask(
        f"Make a Python environment for the headroom engine in\n{folder}\n\n"
        "It downloads about 1 GB from the Python Package Index and changes nothing in Nuke. Go on?"
    ):
        return

    def work() -> None:
        window = progress.Window("setting up the engine")
        try:
            engine.set_up("default", True, window.say, window.cancelled)
        except Exception as error:  # noqa: BLE001  whatever it was, the person at the button must read it
            in_main(_say, f"The engine was not set up: {error}")
        else:
            in_main(_say, f"The engine is ready in {folder}.")
        finally:
            window.close()

    _in_thread(work)


def _bake_and_tell(node: nuke.Node, name: str) -> None:
    try:
        result = in_main(Bake, node, progress.Window(name)).run()
        if result.status == "failed":
            in_main(_say, f"{name}: {result}")
    except BakeCancelled:
        return
    except BakeError as error:
        in_main(_say, f"{name}: {error}")


def _after_describe(node: nuke.Node, offer: Callable[[Any], None]) -> None:
    """Ask the engine in a thread (the first time it loads), then go on in the main thread."""
    try:
        wishes = knobs.read(node)
        config = colour.of_script(wishes.ocio_config).config
    except BakeError as error:
        _say(str(error))
        return

    def work() -> None:
        try:
            described = engine.describe(engine.worker(wishes.worker_command), config)
        except BakeError as error:
            in_main(_say, str(error))
        else:
            in_main(offer, described)

    _in_thread(work)


def _in_thread(work: Callable[[], None]) -> None:
    if nuke.GUI:
        threading.Thread(target=work, name="headroom", daemon=True).start()
    else:
        work()


def _cache_folder(wishes: knobs.Wishes) -> Any:
    name = nuke.root().name()
    try:
        return cache.place(
            wishes.cache_path, script="" if name == "Root" else name, node=wishes.name, plate="plate",
            version=wishes.version, key="0", still=False, views=["main"],
        ).folder  # fmt: skip
    except BakeError:
        return None


def _choice(title: str, lines: list[str]) -> Any:
    """The number of the line chosen; None where nothing was."""
    return nuke.choice(title, title, lines) if lines else None


def _say(text: str) -> None:
    if nuke.GUI:
        nuke.message(text)
    else:
        nuke.tprint(f"headroom: {text}")
