"""What ``headroom merge`` shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from headroom.cli.bar import Bar

__all__ = ["Screen"]


class Screen(Bar):
    """The bar; a block a stack."""

    def left_out(self, lines: Sequence[str]) -> None:
        """Pictures of folders that belong to no stack."""
        if not self._quiet:
            for line in lines:
                click.echo(f"left out: {line}", err=True)

    def started(self, name: str, number: int, count: int) -> None:
        """A stack is begun."""
        self.begin(name if count == 1 else f"{name} ({number} of {count})")

    def finished(self, report: dict[str, Any]) -> None:
        """What was found and written, or why not."""
        if self._quiet:
            return
        if report["status"] == "failed":
            click.echo(f"{report['output']}: failed: {report['error']}", err=True)
            return
        click.echo(report["output"])
        for line in _lines(report):
            click.echo(f"  {line}")
        for warning in report["warnings"]:
            click.echo(f"  warning: {warning}", err=True)


def _lines(report: dict[str, Any]) -> list[str]:
    told = {"exif": "by EXIF", "stated": "as stated", "estimated": "measured in the pictures"}[report["exposures"]]
    lines = [f"frames         {len(report['frames'])} of {report['width']}x{report['height']}, exposures {told}"]
    lines += [_frame(k, frame, report) for k, frame in enumerate(report["frames"])]
    response = report["response"]
    residual = response["residual_stops"]
    lines.append(f"response       {response['name']}" + (f", residual {residual:.3f} stops" if residual else ""))
    lines.append(f"merged by      {report['method']}, aligned by {report['alignment']}")
    on = report["continued"]
    lost = f"not recorded, or not believed, {report['unrecorded_share']:.2%}"
    by = f", continued by {on['model']}" if on else ""
    lines.append(f"light          {lost}{by}; peak {report['peak']:.4g}")
    lines.append(f"scale          {report['scale']}")
    lines.append(f"{report['seconds']:.1f} s")
    return lines


def _frame(number: int, frame: dict[str, Any], report: dict[str, Any]) -> str:
    measured = ""
    if report["exposures"] == "estimated":
        measured = f" +-{frame['measured_sigma_stops']:.2f}" if frame["measured_sigma_stops"] is not None else ""
    elif frame["measured_ev_stops"] is not None:
        measured = f", measured {frame['measured_ev_stops']:+.2f} +-{frame['measured_sigma_stops']:.2f}"
    moved = "reference" if number == report["reference"] else f"{frame['method']}, moved {frame['moved_px']:.1f} px"
    return (
        f"  {number + 1}  {Path(frame['file']).name:<28} EV {frame['ev_stops']:+.2f}{measured}, "
        f"clipped {frame['clipped_share']:.1%}, {moved}"
    )
