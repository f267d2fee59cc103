"""Bake HeadroomReconstruct nodes of a script in a terminal or on a farm.

    nuke -t batch_bake.py shot.nk --node=HeadroomReconstruct1 --frames=1001-1100 --save
    nuke -t batch_bake.py shot.nk --list

Write ranges with "=": Nuke takes a bare number or range at the end of its command line for itself. Exit codes: 0 all
baked, 1 something failed, 2 wrong usage, 130 stopped. Without --save the script is left as it was; bakes that other
machines share are found by --save, or by running this with the same settings on one machine after the frames are there
(they are not made again).
"""

from __future__ import annotations

import argparse
import sys

import nuke
from headroom_nuke import baking, knobs
from headroom_nuke.host.frames import FrameError, parse_range
from headroom_nuke.progress import Lines


def main(arguments: list[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="batch_bake.py", description="Bake HeadroomReconstruct nodes of a script.")
    parser.add_argument("script", help="the .nk file")
    parser.add_argument(
        "--node", action="append", default=[], help="full name of a node; may be repeated; default: all"
    )
    parser.add_argument("--frames", help="such as 1001-1100 or 1001-1100x2; default: what the node says")
    parser.add_argument("--views", help="such as left,right; default: by the cache path")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KNOB=VALUE", help="set a knob of each node first"
    )
    parser.add_argument("--save", nargs="?", const="", metavar="PATH", help="save the script, or under another name")
    parser.add_argument("--list", action="store_true", help="only say which nodes there are")
    chosen = parser.parse_args(arguments)
    try:
        frames = parse_range(chosen.frames) if chosen.frames else None
    except FrameError as error:
        parser.error(str(error))
    nuke.scriptOpen(chosen.script)
    nodes = [node for node in nuke.allNodes(recurseGroups=True) if knobs.is_ours(node)]
    if chosen.list:
        for node in nodes:
            nuke.tprint(f"{node.fullName()}: {node['status'].value()}")
        return 0
    if chosen.node:
        by_name = {node.fullName(): node for node in nodes}
        missing = [name for name in chosen.node if name not in by_name]
        if missing:
            parser.error(
                f"{chosen.script} has no HeadroomReconstruct {missing[0]}; there is {', '.join(by_name) or 'none'}"
            )
        nodes = [by_name[name] for name in chosen.node]
    if not nodes:
        parser.error(f"{chosen.script} has no HeadroomReconstruct node")
    worst = 0
    for node in nodes:
        _set(parser, node, chosen.set)
        views = chosen.views.split(",") if chosen.views else None
        result = baking.Bake(node, Lines(node.fullName()), frames=frames, views=views).run()
        worst = max(worst, {"done": 0, "failed": 1, "cancelled": 130}[result.status])
        if result.status == "cancelled":
            break
    if chosen.save is not None and worst == 0:
        nuke.scriptSaveAs(chosen.save or chosen.script, 1)
    return worst


def _set(parser: argparse.ArgumentParser, node: nuke.Node, wishes: list[str]) -> None:
    for wish in wishes:
        name, sign, text = wish.partition("=")
        knob = node.knob(name)
        if not sign or knob is None:
            parser.error(f"--set={wish}: {node.fullName()} has no knob {name!r}" if sign else f"--set={wish}: no '='")
        was = knob.value()
        if isinstance(was, bool):
            knob.setValue(text.lower() in ("1", "true", "yes", "on"))
        elif isinstance(was, (int, float)):
            knob.setValue(type(was)(float(text)))
        else:
            knob.setValue(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
