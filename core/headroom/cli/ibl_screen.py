"""What ``headroom ibl`` shows."""

from __future__ import annotations

from typing import Any

import click

from headroom.cli.bar import Bar

__all__ = ["Screen"]

MOST_ROWS = 12


class Screen(Bar):
    """The bar, then the table."""

    def tell(self, report: dict[str, Any]) -> None:
        """What was found and written."""
        for what, path in report["outputs"].items():
            click.echo(f"{what:<16} {path}")
        absolute = report["cd_m2_for_one"]
        place = "outdoors" if report["outdoors"] else "indoors or at night"
        click.echo(f"  panorama       {report['width']}x{report['height']}, {report['layout']}, {place}")
        if report["filled_share"] > 0:
            click.echo(f"  filled in      {report['filled_share']:.1%} of the sphere, from the picture's edges")
        click.echo(f"  clipped        {report['clipped_share_of_sphere']:.2%} of the sphere; peak {report['peak']:.4g}")
        scale = f"1.0 is {absolute:.5g} cd/m2" if absolute else "relative: 1.0 is the plate's white (--ev, --lux)"
        click.echo(f"  scale          {scale}")
        unit, factor = ("lux", absolute) if absolute else ("", 1.0)
        before, after = report["illuminance_up_clipped"] * factor, report["illuminance_up"] * factor
        click.echo(f"  light from above {before:.4g} {unit} clipped, {after:.4g} {unit} now".rstrip())
        power = report["power_model"]
        click.echo(f"  powers         {'by ' + power['model'] if power else 'as the network made them'}")
        for line in _table(report, unit):
            click.echo(line)
        click.echo(f"  {report['seconds']:.1f} s")
        for warning in report["warnings"]:
            click.echo(f"  warning: {warning}", err=True)


def _table(report: dict[str, Any], unit: str) -> list[str]:
    lights = report["lights"]
    if not lights:
        return ["  lights         none"]
    lines = [f"  {'light':<12}{'azimuth':>9}{'elev.':>7}{'size':>9}{'power':>12} {unit:<4}{'recorded':>11}"]
    for light in lights[:MOST_ROWS]:
        size = f"{light['disc_degrees']:g} deg" if light["disc_degrees"] else f"{light['solid_angle_sr']:.4f} sr"
        off = "" if light["enabled"] else "  off"
        split = "  split off" if light["id"] in report["split"] else ""
        lines.append(
            f"  {light['id']:<12}{light['azimuth_degrees']:>9.1f}{light['elevation_degrees']:>7.1f}{size:>10}"
            f"{light['power']:>11.4g} {'':<4}{light['floor_power']:>11.4g}{off}{split}"
        )
    if len(lights) > MOST_ROWS:
        lines.append(f"  and {len(lights) - MOST_ROWS} weaker ones (--lights lists them)")
    return lines
