"""What every test of a bake has: a folder of its own, a saved script, a new session of the fake Nuke."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import unittest
from pathlib import Path

import fake_control as control
import headroom_nuke
import nuke
from headroom_nuke import callbacks

ENGINE = os.environ["HEADROOM_WORKER"]
CONFIG = "ocio://studio-config-v2.2.0_aces-v1.3_ocio-v2.4"
WIDTH, HEIGHT = 97, 65


class Bakes(unittest.TestCase):
    """A folder of its own, a saved script, a new session of the fake."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="nuke_test_")).resolve()
        self.addCleanup(shutil.rmtree, str(self.folder), True)
        control.reset()
        self.script = self.folder / "comp" / "shot.nk"
        self.script.parent.mkdir()
        nuke.root()["name"].setValue(str(self.script))
        nuke.root()["first_frame"].setValue(1001)
        nuke.root()["last_frame"].setValue(1010)
        os.environ.pop("OCIO", None)
        os.environ["NUKE_TEMP_DIR"] = str(self.folder)
        for event in callbacks.EVENTS:
            callbacks._registered[event].clear()

    def plate(self, name="plate.jpg", number=0, **more):
        path = self.folder / "plates" / name
        control.ask({"verb": "plate", "path": str(path), "width": WIDTH, "height": HEIGHT, "number": number, **more})
        return path

    def sequence(self, numbers, name="plate.{:04d}.png"):
        for number in numbers:
            self.plate(name.format(number), number)
        return str(self.folder / "plates" / name.replace("{:04d}", "####"))

    def read(self, path, first=1, last=1, **wishes):
        node = nuke.createNode("Read")
        node["file"].setValue(str(path))
        for name, value in {"first": first, "last": last, "origfirst": first, "origlast": last, **wishes}.items():
            node[name].setValue(value)
        return node

    def node(self, above, **wishes):
        node = nuke.createNode("HeadroomReconstruct")
        node.setInput(0, above)
        node["device"].setValue("cpu")
        for name, value in wishes.items():
            node[name].setValue(value)
        return node

    def bake(self, node, *frames, **more):
        return headroom_nuke.bake(node, *frames, quiet=True, **more)

    def convert(self, source, target, *options):
        """``headroom convert`` with the options of a bake."""
        arguments = [str(source), "-o", str(target), "--mask", "--gain", "--device", "cpu", *options]
        done = control.ask({"verb": "convert", "arguments": arguments})
        self.assertEqual(done["code"], 0, done["said"])
        return str(target)

    def compare(self, a, b, **more):
        return control.ask({"verb": "compare", "a": str(a), "b": str(b), **more})

    def facts(self, path):
        return control.ask({"verb": "facts", "path": str(path)})

    def show(self, node, name, frame=1001, **wishes):
        """Render what comes out of a node, all channels, 32-bit float."""
        for knob, value in wishes.items():
            node[knob].setValue(value)
        path = str(self.folder / "out" / name)
        write = nuke.nodes.Write(file=path, file_type="exr", channels="all", raw=True, create_directories=True)
        write["datatype"].setValue("32 bit float")
        write.setInput(0, node)
        try:
            nuke.execute(write, frame, frame, 1)
        finally:
            nuke.delete(write)
        return path

    @contextlib.contextmanager
    def gui(self):
        nuke.GUI = True
        try:
            yield
        finally:
            nuke.GUI = False
