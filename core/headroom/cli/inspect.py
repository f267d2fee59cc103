"""``headroom inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from headroom.cli.options import emit_json, json_option
from headroom.errors import HeadroomError
from headroom.io.origin import WHY

__all__ = ["command"]


@click.command("inspect")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--from", "from_space", metavar="SPACE", help="Colour space of the file; default: what it says.")
@click.option("--ocio-config", metavar="FILE|NAME", help="OCIO config; default: $OCIO, else a built-in one.")
@click.option("--part", help="Part or layer of a multi-part EXR, by name or number.")
@click.option("--header", "with_header", is_flag=True, help="All header attributes, not only headroom's own.")
@json_option
def command(
    files: tuple[Path, ...],
    from_space: str | None,
    ocio_config: str | None,
    part: str | None,
    with_header: bool,
    as_json: bool,
) -> int:
    """Say what is in a picture or a movie: range, clipped share, spaces, header."""
    from headroom.inspection import inspect

    chosen = int(part) if part is not None and part.isdigit() else part
    found: list[dict[str, Any]] = []
    failed = []
    for path in files:
        try:
            found.append(inspect(path, part=chosen, frm=from_space, config=ocio_config))
        except HeadroomError as error:
            if error.exit_code != 1:
                raise
            failed.append({"path": str(path), "error": str(error)})
            click.echo(f"failed: {error}", err=True)
            continue
        if not as_json:
            click.echo("\n".join(_lines(path, found[-1], with_header)))
    if as_json:
        emit_json({"files": found, "failed": failed, "exit_code": 1 if failed else 0})
    return 1 if failed else 0


def _lines(path: Path, facts: dict[str, Any], with_header: bool) -> list[str]:
    file, plate, light, clip = facts["file"], facts["plate"], facts["light"], facts["clip"]
    is_movie = plate["movie_top"] is not None
    kind = f"{plate['bits']}-bit {'movie' if is_movie else 'float' if plate['float'] else 'integer'}"
    extra = " grey" if plate["grey"] else " RGB"
    extra += " with alpha" if plate["alpha"] else ""
    peak = "black" if light["peak_stops"] is None else f"{light['peak_stops']:+.2f} stops from white"
    stated = "stated by the file" if plate["space_stated"] else "assumed"
    lines = [
        f"{path}  {plate['width']}x{plate['height']}, {kind}{extra}, {file['format']}, {file['bytes']} bytes",
        f"  space    {plate['space']} ({stated}; {plate['kind']})",
        *([f"  origin   {plate['origin']}: {WHY[plate['origin']]}"] if plate["origin"] in WHY else []),
        f"  light    {light['min']:.4g} to {light['max']:.4g}, white is 1; peak {peak}",
        f"  range    {light['range_stops']:.1f} stops; {light['share_above_white']:.2%} above white",
        f"  clipped  {_clipped(plate, clip)}",
        *(f"  warning: {warning}" for warning in facts["warnings"]),
    ]
    if is_movie:
        told = file["parts"][0]["attributes"]
        code = f", time code {told['timecode']}" if "timecode" in told else ""
        shown = f"below: frame {plate['movie_frame']}"
        lines.insert(1, f"  frames   {told['frames']}, {told['framesPerSecond']} a second{code}; {shown}")
        lines.insert(2, f"  stored   {told['pixels']}, {told['levels']} range, matrix {told['matrix']}")
    for number, part in enumerate(file["parts"]):
        name = f" {part['name']}" if part["name"] else ""
        channels = ", ".join(f"{channel} {form}" for channel, form in part["channels"].items())
        lines.append(f"  part {number}{name}: {channels}{'; ' + part['compression'] if part['compression'] else ''}")
        if part["data_window"] != part["display_window"]:
            lines.append(f"    data window {part['data_window']}, display window {part['display_window']}")
        attributes = part["attributes"].items()
        lines += [f"    {key}: {value}" for key, value in attributes if with_header or key.startswith("headroom:")]
    return lines


def _clipped(plate: dict[str, Any], clip: dict[str, Any]) -> str:
    if plate["float"] and plate["movie_top"] is None and clip["peak_code"] > clip["level"]:
        return "not at white: values go on above it"
    return f"{clip['share']:.2%} of the pixels at code value {clip['level']:.4g} ({clip['source']})"
