"""``headroom ibl``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from headroom.cli.options import emit_json, json_option, setting
from headroom.cli.signals import cancel_on_signal
from headroom.errors import UsageError

__all__ = ["command"]

_PATH = click.Path(path_type=Path)
_Command = TypeVar("_Command", bound=Callable[..., Any])
_LAYOUTS = ("latlong", "cross", "strip", "angular", "mirror-ball", "dual-fisheye")


class _Parsed(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """Through a function of `headroom.ibl.request`, loaded when the option is used."""

    name = "text"

    def __init__(self, function: str) -> None:
        self._function = function

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from headroom.ibl import request

        if not isinstance(value, str):
            return value
        try:
            parse: Callable[[str], Any] = getattr(request, self._function)
            return parse(value)
        except UsageError as error:
            return self.fail(str(error), param, ctx)


def _stops(kind: str, what: str) -> Callable[[_Command], _Command]:
    # 40 stops are a factor of 1e12: beyond any light, within float32.
    return click.option(f"--{kind}-stops", type=click.FloatRange(-40, 40), default=0.0, metavar="STOPS", help=what)


def _disc(ctx: click.Context, param: click.Parameter, value: str) -> float | None:
    if value.strip().lower() in ("off", "none"):
        return None
    try:
        degrees = float(value)
    except ValueError:
        degrees = 0.0
    if not 0 < degrees <= 90:
        raise click.BadParameter(f"{value!r} is neither a diameter in degrees (up to 90) nor off", ctx, param)
    return degrees


@click.command("ibl")
@click.argument("inputs", nargs=-1, required=True, type=_PATH, metavar="PANO...")
@click.option("-o", "--output", required=True, type=_PATH, metavar="ENV", help="The map: .exr or .hdr, a lat-long.")
@click.option("--layout", type=click.Choice(_LAYOUTS), help="What PANO is; default: by its metadata and sides.")
@click.option("--crop", type=_Parsed("parse_crop"), metavar="WxH+X+Y", help="PANO is this part of a lat-long of WxH.")
@click.option("--fov", type=click.FloatRange(180, 280), default=190.0, show_default=True,
              help="Degrees that each circle of a dual fisheye sees.")  # fmt: skip
@_stops("sun", "Make the sun so many stops stronger (below 0: weaker).")
@_stops("lamp", "The same for lamps.")
@_stops("window", "The same for windows.")
@_stops("sky", "The same for clipped sky.")
@click.option("--sun-disc", callback=_disc, default="0.53", show_default=True, metavar="DEGREES|off",
              help="Paint the sun as a disc of this diameter, with its energy.")  # fmt: skip
@click.option("--lights", type=_PATH, metavar="JSON", help="Write the table of lights.")
@click.option("--lights-in", type=_PATH, metavar="JSON", help="Set the lights as an edited table says.")
@click.option("--split-lights", type=_Parsed("parse_kinds"), is_flag=False, flag_value="sun,lamp", default=(),
              metavar="[KINDS|all]", help="Take lights out of the map and leave them to the renderer "
              "(default: sun,lamp); writes the table.")  # fmt: skip
@click.option("--usd", type=_PATH, metavar="USDA", help="A USD stage: the map as a dome light, and with "
              "--split-lights sun each sun as a distant light.")  # fmt: skip
@click.option("--ev", type=click.FloatRange(-20, 30), help="Exposure value at ISO 100: makes the scale absolute.")
@click.option("--lux", type=click.FloatRange(0, min_open=True), help="Light on a level surface: the same.")
@click.option("--grey-card", type=_Parsed("parse_card"), metavar="X,Y,W,H=VALUElux|nits",
              help="An 18 % card in the map, and what was measured on it: the same.")  # fmt: skip
@click.option("--cubemap", type=_PATH, metavar="EXR", help="A cross of six faces.")
@click.option("--faces", type=_PATH, metavar="EXR", help="Six files: env.exr gives env_px.exr, env_nx.exr, ...")
@click.option("--face-size", type=click.IntRange(1, 16384), help="Pixels; default: a quarter of the map's width.")
@click.option("--irradiance", type=_PATH, metavar="EXR|KTX2", help="Irradiance / pi: 128x64 lat-long, or a cubemap.")
@click.option("--ggx", type=_PATH, metavar="KTX2", help="Cubemap prefiltered by GGX, roughness 0 to 1 over its mips.")
@click.option("--sh", type=_PATH, metavar="JSON", help="Spherical harmonics of the light.")
@click.option("--sh-order", type=click.IntRange(2, 4), default=2, show_default=True)
@click.option("--preview", type=_PATH, metavar="PNG", help="A picture: spheres and a still life lit by the map.")
@click.option("--truth", type=_PATH, metavar="HDR", help="For the preview: the true panorama, to compare with.")
@click.option("--no-power", is_flag=True, help="Leave the lights as bright as the network made them pixel by pixel.")
@setting("peak_stops", metavar="STOPS", help="No light passes so many stops above the clip.")
@setting("model", help="Name of a model, or its folder.")
@setting("from_space", metavar="SPACE", help="Colour space of PANO; default: what the file says.")
@setting("to_space", metavar="SPACE", help="Colour space of the map; default: scene_linear.")
@setting("ocio_config", metavar="FILE|NAME", help="OCIO config; default: $OCIO, else a built-in one.")
@setting("curve", metavar="declared|estimate", help="What linearises the plate.")
@setting("boost", help="Above 1: the network sees a brighter plate and its stops count for more.")
@setting("clip_level", metavar="CODE", help="Code that counts as clipped, 0..1 or an 8-bit code; default: detected.")
@setting("tau", help="Where the soft mask begins, as a share of the clip level.")
@setting("strength", help="Multiplies the stops that are added.")
@setting("mask", help="Add channel headroom.mask: how much of a pixel is reconstructed.")
@setting("gain", help="Add channel headroom.gain: stops that were added.")
@setting("depth")
@setting("compression", help="Of EXRs.")
@setting("device", help="auto, cuda, cuda:N, mps or cpu.")
@setting("precision")
@setting("memory", metavar="SIZE", help="Budget of the network's pass, such as 2GB.")
@setting("overwrite", help="Replace results that exist.")
@json_option
def command(inputs: tuple[Path, ...], output: Path, as_json: bool, **chosen: Any) -> int:
    """Turn a clipped panorama into an environment map that lights as the place did.

    PANO is a lat-long (2:1, or a part of one with GPano metadata), a cube (cross, strip or six files), an angular map,
    a mirror ball or a dual fisheye. Its lights are found, given the power that the whole scene speaks for, and listed;
    --lights writes the list, --lights-in applies an edited one.
    """
    from headroom.cli.ibl_screen import Screen

    settings = {name: chosen.pop(name) for name in ("model", "device", "precision")}
    memory = chosen.pop("memory")
    request = _request(inputs, output, chosen)
    from headroom.ibl.job import run
    from headroom.reconstruct import Reconstructor

    reconstructor = Reconstructor(**settings, memory_bytes=memory)
    with cancel_on_signal() as cancelled, Screen(output.name, quiet=as_json) as screen:
        report = run(request, reconstructor, progress=screen.progress, cancelled=cancelled)
    if as_json:
        emit_json({**report, "exit_code": 0})
    else:
        screen.tell(report)
    return 0


def _request(inputs: tuple[Path, ...], output: Path, chosen: dict[str, Any]) -> Any:
    from dataclasses import fields

    from headroom.ibl.request import Controls, Outputs, Request, Scale
    from headroom.options import Options

    if chosen["curve"] not in ("declared", "estimate"):
        raise UsageError("--curve: headroom ibl takes declared or estimate; a LUT's space goes through --from")
    split = chosen.pop("split_lights")
    lights = chosen.pop("lights")
    if split and lights is None:
        lights = output.with_suffix(".lights.json")
    controls = Controls(
        predict=not chosen.pop("no_power"), split=tuple(split), sun_disc=chosen.pop("sun_disc"),
        lights_in=chosen.pop("lights_in"),
        **{f"{kind}_stops": chosen.pop(f"{kind}_stops") for kind in ("sun", "lamp", "window", "sky")},
    )  # fmt: skip
    outputs = Outputs(
        env=output, lights=lights, harmonics=chosen.pop("sh"), harmonics_order=chosen.pop("sh_order"),
        **{name: chosen.pop(name)
           for name in ("cubemap", "faces", "face_size", "irradiance", "ggx", "usd", "preview", "truth")},
    )  # fmt: skip
    scale = Scale(ev=chosen.pop("ev"), lux=chosen.pop("lux"), card=chosen.pop("grey_card"))
    options = Options(**{f.name: chosen.pop(f.name) for f in fields(Options) if f.name in chosen})
    return Request(
        inputs=inputs, outputs=outputs, controls=controls, scale=scale, options=options,
        fov_degrees=chosen.pop("fov"), **chosen,
    )  # fmt: skip
