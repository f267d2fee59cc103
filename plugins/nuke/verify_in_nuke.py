"""Does the plug-in do in your Nuke what it should? Bakes, renders and compares, and writes what it found as JSON.

    nuke -t verify_in_nuke.py --report=headroom-nuke-report.json

Needs the engine and a render licence, takes a few minutes, works in a temporary folder and changes no script of yours.
The authors have no Nuke: nothing in this file was ever run inside one by them. Please send the report.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import headroom_nuke
import nuke
from headroom_nuke import colour, engine, exr_file

WIDTH, HEIGHT = 64, 48
Pixels = dict[str, "array[float]"]
"""Channels by their EXR names, rows from the top."""


class Failed(Exception):
    """A check found something else than it should."""


def expect(truth: bool, sentence: str) -> None:
    """Say what should have been."""
    if not truth:
        raise Failed(sentence)


class Checks:
    """All checks; each begins with an empty script."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.report: list[dict[str, Any]] = []

    def run(self, only: str | None = None) -> None:
        """One after the other; one that breaks does not stop the others."""
        for name in (n for n in dir(self) if n.startswith("check_")):
            if only and only not in name:
                continue
            start = time.monotonic()
            said: dict[str, Any] = {"check": name[len("check_") :]}
            try:
                self._new_script()
                said.update(status="pass", detail=getattr(self, name)())
            except Failed as error:
                said.update(status="fail", detail=str(error))
            except Exception as error:  # noqa: BLE001  the report is what this is for
                said.update(status="error", detail=f"{type(error).__name__}: {error}", trace=traceback.format_exc())
            said["seconds"] = round(time.monotonic() - start, 2)
            self.report.append(said)
            nuke.tprint(
                f"headroom verify: {said['status']:5} {said['check']} ({said['seconds']} s) {said['detail'] or ''}"
            )

    # ---- the checks, by the order of their names ----------------------------------------------------------------

    def check_01_engine(self) -> Any:
        """The engine is there and answers."""
        worker = engine.worker()
        described = engine.describe(worker, colour.of_script().config)
        expect(bool(described.get("models")), "the engine has no model")
        return {
            "command": list(worker.command), "version": worker.hello.get("version"),
            "config": described.get("config"), "script": str(colour.of_script()),
        }  # fmt: skip

    def check_02_node(self) -> Any:
        """The gizmo opens without an error, with all its knobs, and passes a plate on."""
        read = self._read(self._sequence(1, 1), 1, 1)
        node = self._node(read)
        expect(node.Class() == "HeadroomReconstruct", f"its class is {node.Class()}")
        for name in (
            "show",
            "strength",
            "from_space",
            "model",
            "bake",
            "status",
            "has_bake",
            "baked_file",
            "worker_command",
        ):
            expect(node.knob(name) is not None, f"there is no knob {name}")
        expect(not node.hasError(), "the node has an error")
        channels = set(node.channels())
        expect({"headroom.mask", "headroom.gain"} <= channels, f"its channels are {sorted(channels)}")
        self._same(self._render(node, 1), self._render(read, 1), ("R", "G", "B"), 0.0)
        return sorted(channels)

    def check_03_plain_read(self) -> Any:
        """A bake of a plain Read is what the command line makes."""
        read = self._read(self._sequence(1, 2), 1, 2)
        node = self._node(read)
        result = headroom_nuke.bake(node, 1, 2)
        expect(result.status == "done", str(result))
        baked = self._render(node, 1)
        source = result.frames[0].source
        mine = self._convert(source, result)
        self._same(baked, mine, ("R", "G", "B", "headroom.mask", "headroom.gain"), 0.0)
        expect(max(baked["headroom.gain"]) > 0.1, "nothing was reconstructed")
        return {
            "status": node["status"].value(),
            "file": node["baked_file"].value(),
            "settings": node["baked_settings"].value(),
        }

    def check_04_live_knobs(self) -> Any:
        """Strength and show need no bake."""
        read = self._read(self._sequence(1, 1), 1, 1)
        node = self._node(read)
        headroom_nuke.bake(node, 1, 1)
        plate, full = self._render(read, 1), self._render(node, 1)
        node["strength"].setValue(0.0)
        self._same(self._render(node, 1), plate, ("R", "G", "B"), 1e-5)
        node["strength"].setValue(1.0)
        node["show"].setValue("mask")
        shown = self._render(node, 1)
        expect(list(shown["R"]) == list(full["headroom.mask"]), "show mask does not show headroom.mask")
        node["show"].setValue("plate")
        self._same(self._render(node, 1), plate, ("R", "G", "B"), 0.0)
        node["show"].setValue("difference")
        shown = self._render(node, 1)
        expect(max(shown["R"]) > 0.01, "show difference is black")
        return {"brightest plate": max(plate["R"]), "brightest result": max(full["R"])}

    def check_05_frame_modes(self) -> Any:
        """Recorded pixels of every baked frame are those that Nuke's Read shows at that frame."""
        said = {}
        for mode, number, frames in (
            ("start at", "11", (11, 13)),
            ("offset", "100", (101, 103)),
            ("expression", "", (1, 3)),
        ):
            self._new_script()
            read = self._read(self._sequence(1, 3), 1, 3)
            read["frame_mode"].setValue(mode)
            read["frame"].setValue(number)
            node = self._node(read)
            headroom_nuke.bake(node, frames[0], frames[1])
            for frame in range(frames[0], frames[1] + 1):
                self._same(self._render(node, frame), self._render(read, frame), ("R",), 2e-3, dark=True)
            said[mode] = str(node["status"].value())
        return said

    def check_06_graded_chain(self) -> Any:
        """A chain is rendered in float, moved windows included, and nothing is left in the script."""
        grade = nuke.nodes.Multiply(inputs=[self._read(self._sequence(1, 2), 1, 2)])
        grade["value"].setValue(0.8)
        moved = nuke.nodes.Transform(inputs=[grade])
        moved["translate"].setValue([-8, 5])
        node = self._node(moved)
        node["clip_level"].setValue(0.8)
        root = nuke.root()
        root["proxy"].setValue(True)
        before = len(nuke.allNodes())
        result = headroom_nuke.bake(node, 1, 1)
        expect(len(nuke.allNodes()) == before, "the temporary Write is still there")
        expect(bool(root["proxy"].value()), "proxy was not put back")
        root["proxy"].setValue(False)
        window = exr_file.data_window(result.frames[0].target)
        expect(
            window is not None and window[0] < 0, f"the data window is {window}: the part left of the format is lost"
        )
        return {"data window": window, "notes": list(result.notes)}

    def check_07_missing_frames(self) -> Any:
        """A lost frame is an error, and black where that is asked for."""
        node = self._node(self._read(self._sequence(1, 2), 1, 2))
        result = headroom_nuke.bake(node, 1, 2)
        Path(result.frames[1].target).unlink()
        failed = False
        try:
            self._render(node, 2)
        except RuntimeError:
            failed = True
        expect(failed, "a missing baked frame rendered without an error")
        node["missing"].setValue("black")
        expect(max(self._render(node, 2)["R"]) == 0.0, "a missing frame is not black")
        return None

    def check_08_group(self) -> Any:
        """As a group it renders the same."""
        node = self._node(self._read(self._sequence(1, 1), 1, 1))
        headroom_nuke.bake(node, 1, 1)
        make = getattr(node, "makeGroup", None)
        expect(make is not None, f"a {type(node).__name__} has no makeGroup")
        group = make() if make is not None else node
        group.setInput(0, node.input(0))
        self._same(self._render(group, 1), self._render(node, 1), ("R", "G", "B", "headroom.mask"), 0.0)
        return group.Class()

    def check_09_save_and_open(self) -> Any:
        """A saved script comes back baked."""
        read = self._read(self._sequence(1, 1), 1, 1)
        node = self._node(read)
        headroom_nuke.bake(node, 1, 1)
        before, name = self._render(node, 1), node.name()
        path = str(self.folder / "saved.nk").replace("\\", "/")
        nuke.scriptSaveAs(path, 1)
        nuke.scriptClear()
        nuke.scriptOpen(path)
        again = nuke.toNode(name)
        expect(again is not None, f"{name} did not come back")
        if again is not None:
            expect(bool(again["has_bake"].value()), "has_bake was not saved")
            self._same(self._render(again, 1), before, ("R", "G", "B"), 0.0)
        return None

    def check_10_cancel(self) -> Any:
        """A bake that is stopped keeps what is finished."""
        node = self._node(self._read(self._sequence(1, 4), 1, 4))

        def stop(baked: nuke.Node, _: Any) -> None:
            headroom_nuke.cancel(baked)

        headroom_nuke.register("after_frame", stop)
        try:
            result = headroom_nuke.bake(node, 1, 4, check=False)
        finally:
            headroom_nuke.unregister("after_frame", stop)
        expect(result.status == "cancelled", f"it ended as {result.status}")
        expect(not node["has_bake"].value(), "a cancelled bake is used")
        return result.counts

    def check_11_matte(self) -> Any:
        """The second input says where."""
        read = self._read(self._sequence(1, 1), 1, 1)
        node = self._node(read)
        headroom_nuke.bake(node, 1, 1)
        full = self._render(node, 1)
        node.setInput(1, read)  # it has no alpha: nowhere
        self._same(self._render(node, 1), self._render(read, 1), ("R", "G", "B"), 1e-5)
        node.setInput(1, None)
        self._same(self._render(node, 1), full, ("R", "G", "B"), 0.0)
        return None

    # ---- tools ---------------------------------------------------------------------------------------------------

    def _new_script(self) -> None:
        nuke.scriptClear()
        nuke.root()["first_frame"].setValue(1)
        nuke.root()["last_frame"].setValue(200)

    def _sequence(self, first: int, last: int) -> str:
        """8-bit PNGs: a clipped spot, and below it a dark grey that tells the frame."""
        for number in range(first, last + 1):
            rows = bytearray()
            for y in range(HEIGHT):
                rows.append(0)
                for x in range(WIDTH):
                    near = (x - 32) ** 2 + (y - 14) ** 2
                    code = 255 if near < 80 else 40 + 10 * number if y >= 36 else max(30, 250 - near)
                    rows += bytes((code, min(255, code), max(0, code - (near < 400) * (code < 255) * 6)))
            _write_png(self.folder / "plates" / f"plate.{number:04d}.png", bytes(rows))
        return str(self.folder / "plates" / "plate.####.png").replace("\\", "/")

    def _read(self, pattern: str, first: int, last: int) -> nuke.Node:
        read = nuke.nodes.Read(file=pattern)
        for name, number in (("first", first), ("last", last), ("origfirst", first), ("origlast", last)):
            read[name].setValue(number)
        return read

    def _node(self, above: nuke.Node) -> nuke.Node:
        node = nuke.createNode("HeadroomReconstruct", inpanel=False)
        node.setInput(0, above)
        folder = str(self.folder / f"bake{time.monotonic_ns()}").replace("\\", "/")
        node["cache_path"].setValue(folder + "/{plate}.####.exr")
        node["depth"].setValue("float")
        node["device"].setValue("cpu")
        return node

    def _render(self, node: nuke.Node, frame: int) -> Pixels:
        """What comes out of a node, by a 32-bit float Write."""
        path = str(self.folder / f"render{time.monotonic_ns()}.exr").replace("\\", "/")
        write = nuke.nodes.Write(file=path, file_type="exr")
        try:
            write.setInput(0, node)
            for name, value in (
                ("channels", "all"),
                ("datatype", "32 bit float"),
                ("compression", "none"),
                ("raw", True),
            ):
                write[name].setValue(value)
            nuke.execute(write, frame, frame, 1)
        finally:
            nuke.delete(write)
        return read_float_exr(path)

    def _convert(self, source: str, result: Any) -> Pixels:
        """The same frame by the command line, with the settings that its header states."""
        header = exr_file.attributes(result.frames[0].target)
        out = str(self.folder / f"cli{time.monotonic_ns()}.exr")
        command = [*engine.find().command[:-1], "convert", source, "-o", out, "--mask", "--gain", "--depth", "float"]
        command += ["--compression", "none", "--device", "cpu"]
        command += ["--from", header["headroom:sourceSpace"], "--to", header["headroom:space"]]
        config = colour.of_script().config
        command += ["--ocio-config", config] if config else []
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        expect(done.returncode == 0, f"headroom convert said: {done.stderr.strip()}")
        return read_float_exr(out)

    def _same(self, a: Pixels, b: Pixels, channels: Any, tolerance: float, dark: bool = False) -> None:
        for name in channels:
            expect(name in a and name in b, f"channel {name} is missing: {sorted(a)} and {sorted(b)}")
            expect(len(a[name]) == len(b[name]), f"{name}: {len(a[name])} and {len(b[name])} pixels")
            pairs = list(zip(a[name], b[name]))
            if dark:
                pairs = pairs[WIDTH * 38 :]  # the rows that tell the frame
            worst = max(abs(x - y) for x, y in pairs)
            expect(worst <= tolerance, f"{name} differs by {worst:g}, more than {tolerance:g}")


def read_float_exr(path: str) -> Pixels:
    """An uncompressed 32-bit float scan-line EXR, row by row from the top, without any library."""
    content = Path(path).read_bytes()
    channels, window, at = exr_file.layout(content)
    width, height = window[2] - window[0] + 1, window[3] - window[1] + 1
    pixels: Pixels = {name: array("f", bytes(4 * width * height)) for name in channels}
    for offset in struct.unpack_from(f"<{height}Q", content, at):
        line, _ = struct.unpack_from("<ii", content, offset)
        start = offset + 8
        row = (line - window[1]) * width
        for name in channels:
            values = array("f", content[start : start + 4 * width])
            if sys.byteorder == "big":
                values.byteswap()
            pixels[name][row : row + width] = values
            start += 4 * width
    return pixels


def _write_png(path: Path, rows: bytes) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


@contextlib.contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="headroom_verify_"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(str(folder), ignore_errors=True)


def main(arguments: list[str]) -> int:
    """0 where all checks pass."""
    parser = argparse.ArgumentParser(description="Check the headroom plug-in inside Nuke.")
    parser.add_argument("--report", type=Path, default=Path("headroom-nuke-report.json"))
    parser.add_argument("--only", help="checks whose name has this in it")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    chosen = parser.parse_args(arguments)
    with _folder(chosen.keep) as folder:
        checks = Checks(folder)
        checks.run(chosen.only)
    engine.close_all()
    good = sum(one["status"] == "pass" for one in checks.report)
    report = {
        "plug-in": headroom_nuke.__version__,
        "nuke": nuke.NUKE_VERSION_STRING,
        "python": platform.python_version(),
        "system": platform.platform(),
        "ocio": os.environ.get("OCIO"),
        "passed": good,
        "of": len(checks.report),
        "checks": checks.report,
    }
    chosen.report.write_text(json.dumps(report, indent=1, default=str) + "\n", "utf-8")
    nuke.tprint(
        f"headroom verify: {good} of {len(checks.report)} checks pass; the report is {chosen.report.absolute()}"
    )
    return 0 if checks.report and good == len(checks.report) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
