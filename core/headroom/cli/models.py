"""``headroom models``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from headroom.cli.options import emit_json, json_option
from headroom.errors import UsageError, WeightsError

__all__ = ["command"]


@click.group("models")
def command() -> None:
    """List, show, verify and export the installed models."""


@command.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """Each model: name, version, network, licence and folder; size, speed per megapixel and measured quality."""
    from headroom import weights
    from headroom.cli.models_screen import facts_of

    found = [facts_of(weights.read_card(weights.find(name))) for name in weights.names()]
    if as_json:
        emit_json({"models": [{**_brief(facts.card), **facts.as_dict()} for facts in found]})
        return
    if not found:
        folders = ", ".join(str(folder) for folder in weights.model_folders()) or "nowhere"
        click.echo(f"no model is installed; looked in {folders}")
    for facts in found:
        card = facts.card
        click.echo(f"{card.name}  {card.version}  {card.network}  {card.licence}  {card.folder}")
        for name, text in facts.lines():
            click.echo(f"  {name:<8} {text}")


@command.command("show")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """The whole card of a model: training data, recipe, quality, limits, licence."""
    from headroom import weights

    card = weights.read_card(weights.find(name))
    if as_json:
        emit_json({"folder": str(card.folder), **card.facts})
        return
    click.echo(f"{card.name} in {card.folder}")
    for key, value in card.facts.items():
        if isinstance(value, dict):
            click.echo(f"[{key}]")
            for inner, item in value.items():
                click.echo(f"  {inner}: {item}")
        else:
            click.echo(f"{key}: {_shown(value)}")


@command.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME...]")
@json_option
def verify(names: tuple[str, ...], as_json: bool) -> int:
    """Whether the weights of models (default: all) still have the hash that their card states, and load."""
    from headroom import weights

    results: list[dict[str, Any]] = []
    for name in names or weights.names():
        folder = weights.find(name)
        try:
            card = weights.load(folder, network=None).card
            results.append({"name": name, "ok": True, "sha256": card.sha256, "error": None})
        except WeightsError as error:
            results.append({"name": name, "ok": False, "sha256": None, "error": str(error)})
    if as_json:
        emit_json({"models": results})
    else:
        for result in results:
            line = f"ok      {result['name']}  {result['sha256']}" if result["ok"] else f"failed: {result['error']}"
            click.echo(line, err=not result["ok"])
    return 0 if all(result["ok"] for result in results) else 1


@command.command("export")
@click.argument("model", default="headroom-1")
@click.option("--torchscript", is_flag=True, help="A .pt for Nuke's CatFileCreator (torch 2.1 and newer).")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write; default: MODEL.pt here.")
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there.")
@json_option
def export(model: str, torchscript: bool, output: Path | None, overwrite: bool, as_json: bool) -> None:
    """Write a MODEL (default: headroom-1) for another program: one file that needs nothing of headroom to run."""
    if not torchscript:
        raise UsageError("say what to export to: --torchscript writes a .pt for Nuke's CatFileCreator")
    from headroom import torchscript as module

    written = module.export(model, output or Path(f"{Path(model).name}.pt"), overwrite=overwrite)
    if as_json:
        emit_json({"path": str(written.path), "bytes": written.bytes, "sha256": written.sha256, **written.facts})
        return
    click.echo(f"{written.path}  {written.bytes / 1e6:.1f} MB  sha256 {written.sha256}")
    click.echo(f"channels in:  {', '.join(written.facts['channels_in'])}")
    click.echo(f"channels out: {', '.join(written.facts['channels_out'])}")
    click.echo(f"knobs:        {', '.join(knob['name'] for knob in written.facts['knobs'])}")


@command.command("import")
@click.argument("kind")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="Folder of the model.")
@click.option("--overwrite", is_flag=True, help="Replace the model in the folder.")
@json_option
def import_model(kind: str, files: tuple[Path, ...], output: Path | None, overwrite: bool, as_json: bool) -> None:
    """Read weights in their authors' own format: KIND is hdrcnn, singlehdr, ahdrnet, wu or kalantari.

    hdrcnn takes one hdrcnn_params.npz, ahdrnet one .pth, the others TensorFlow checkpoints by their name before .index.
    No code in the files is run. The weights stay under their own licence, which is yours to know. Without -o the
    model goes to the user's models folder and is found by its name from then on.
    """
    from headroom.importers import table

    card = table.import_model(kind, files, output, overwrite=overwrite)
    if as_json:
        emit_json({**_brief(card), "parameters": card.facts["parameters"], "source": card.facts["source"]})
        return
    click.echo(f"{card.name}  {card.network}  {card.facts['parameters'] / 1e6:.2f} M parameters  {card.folder}")
    click.echo(f"licence: {card.licence}")


def _brief(card: Any) -> dict[str, Any]:
    return {
        "name": card.name,
        "version": card.version,
        "network": card.network,
        "licence": card.licence,
        "sha256": card.sha256,
        "folder": str(card.folder),
    }


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
