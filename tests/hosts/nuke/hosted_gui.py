"""In the GUI: buttons, progress, cancelling; and installing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

import fake_control as control
import headroom_nuke
import nuke
from bakes import Bakes
from headroom_nuke import baking, engine


class Install(unittest.TestCase):
    """install.py, in a home of its own."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="nuke_home_")).resolve()
        self.addCleanup(shutil.rmtree, str(self.folder), True)

    def run_it(self, *options):
        program = str(Path(control.plugin_folder) / "install.py")
        done = subprocess.run(
            [sys.executable, program, f"--folder={self.folder}", *options], capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_install_twice_and_away(self):
        own = "import nuke\nnuke.pluginAddPath('/studio')  # mine"
        for before in (None, "", own, own + "\n# >>> headroom >>>\n"):
            path = self.folder / "init.py"
            path.unlink() if path.exists() else None
            if before is not None:
                path.write_text(before)
            self.assertIn("Restart Nuke", self.run_it())
            once = path.read_text()
            self.run_it()
            self.assertEqual(path.read_text(), once)
            control.reset()
            exec(compile(once, "init.py", "exec"), {})
            self.assertEqual(control.plugin_paths[-1], Path(control.plugin_folder).as_posix())
            self.assertIn("was taken off", self.run_it("--uninstall"))
            self.assertEqual(path.read_text().rstrip() if path.exists() else "", (before or "").rstrip())
            self.assertIn("was not on", self.run_it("--uninstall"))


class InTheGui(Bakes):
    """Buttons, threads, the progress window."""

    def setUp(self):
        super().setUp()
        nuke.GUI = True
        self.addCleanup(setattr, nuke, "GUI", False)

    def wait(self, *nodes):
        names = [node.fullName() for node in nodes]
        control.pump(lambda: not any(baking.running(name) for name in names) and self.idle())

    @staticmethod
    def idle():
        return control._queue.empty() and not [t for t in threading.enumerate() if t.name == "headroom-bake"]

    def test_the_button_bakes_in_a_thread(self):
        node = self.node(self.read(self.sequence((1001, 1002)), 1001, 1002), range_mode="input")
        node["bake"].execute()
        self.assertFalse(node["has_bake"].value(), "the button does not wait")
        self.wait(node)
        self.assertTrue(node["has_bake"].value())
        self.assertEqual(node["status"].value(), "Baked 1001-1002: 2 frames.")
        self.assertEqual(control.tasks[0]._at, 100)
        self.assertTrue(any("frame 1002" in said for said in control.tasks[0]._said))
        self.assertEqual(control.messages, [])

    def test_a_graded_chain_in_a_thread(self):
        grade = nuke.createNode("Multiply")
        grade.setInput(0, self.read(self.sequence((1001, 1002, 1003)), 1001, 1003))
        node = self.node(grade, range_mode="input")
        nuke.root().setModified(False)
        node["bake"].execute()
        control.pump(lambda: any("rendering" in said for task in control.tasks for said in task._said))
        self.wait(node)
        self.assertTrue(node["has_bake"].value(), (node["status"].value(), control.printed))
        self.assertFalse(nuke.Undo.disabled())

    def test_two_nodes_at_once(self):
        grade = nuke.createNode("Multiply")
        grade.setInput(0, self.read(self.sequence(range(1001, 1004)), 1001, 1003))
        one = self.node(self.read(self.sequence(range(1001, 1004), "other.{:04d}.png"), 1001, 1003), range_mode="input")
        two = self.node(grade, range_mode="input", clip_level=0.9)
        for node in (one, two):
            node["bake"].execute()
        control.pump(lambda: baking.running(one.fullName()) and baking.running(two.fullName()))
        self.wait(one, two)
        for node in (one, two):
            self.assertIn("Baked 1001-1003: 3 frames.", node["status"].value())
        self.assertEqual(len(engine._workers), 1, "they share one engine")
        self.assertFalse(set(headroom_nuke.api.baked_files(one)) & set(headroom_nuke.api.baked_files(two)))

    def test_one_node_twice(self):
        node = self.node(self.read(self.sequence(range(1001, 1004)), 1001, 1003), range_mode="input")
        node["bake"].execute()
        control.pump(lambda: baking.running(node.fullName()))
        node["bake"].execute()
        self.assertIn("being baked already", control.messages[0])
        self.wait(node)
        self.assertTrue(node["has_bake"].value())

    def test_the_windows_cancel(self):
        node = self.node(self.read(self.sequence(range(1001, 1009)), 1001, 1008), range_mode="input")
        node["bake"].execute()
        control.pump(lambda: any("(2/8)" in said for task in control.tasks for said in task._said))
        control.cancel_pressed = True
        self.wait(node)
        self.assertFalse(node["has_bake"].value())
        self.assertIn("Cancelled", node["status"].value())
        self.assertEqual(control.messages, [], "who presses Cancel needs no dialog")
        partial = [p for p in self.script.parent.rglob("*") if "partial" in p.name]
        self.assertEqual(partial, [])
        control.cancel_pressed = False
        node["bake"].execute()
        self.wait(node)
        self.assertRegex(node["status"].value(), r"8 frames, \d of them were up to date")

    def test_the_nodes_cancel_while_a_chain_renders(self):
        grade = nuke.createNode("Multiply")
        grade.setInput(0, self.read(self.sequence(range(1001, 1009)), 1001, 1008))
        node = self.node(grade, range_mode="input")
        node["bake"].execute()
        control.pump(lambda: any("done" in said for task in control.tasks for said in task._said))
        node["cancel"].execute()
        self.wait(node)
        self.assertIn("Cancelled", node["status"].value())
        self.assertEqual(list(self.folder.glob("headroom_*")), [], "temporary frames are gone")
        self.assertFalse([n for n in nuke.allNodes() if n.Class() == "Write"])
        node["cancel"].execute()
        self.assertIn("not being baked", control.messages[-1])

    def test_a_killed_engine(self):
        node = self.node(self.read(self.sequence(range(1001, 1009)), 1001, 1008), range_mode="input")
        node["bake"].execute()
        control.pump(lambda: any("(2/8)" in said for task in control.tasks for said in task._said))
        worker = next(iter(engine._workers.values()))
        os.kill(worker.hello["pid"], signal.SIGKILL)
        self.wait(node)
        control.pump(lambda: control.messages)
        self.assertIn("SIGKILL", control.messages[0])
        self.assertIn("SIGKILL", node["status"].value())
        node["bake"].execute()
        self.wait(node)
        self.assertTrue(node["has_bake"].value(), "the next bake starts a new engine")

    def test_what_fails_is_shown(self):
        node = self.node(None)
        node["bake"].execute()
        self.wait(node)
        control.pump(lambda: control.messages)
        self.assertIn("has no plate", control.messages[0])
        gone = self.node(self.read(self.folder / "nowhere.jpg"))
        gone["bake"].execute()
        self.wait(gone)
        control.pump(lambda: len(control.messages) > 1)
        self.assertIn("nowhere.jpg", control.messages[1])

    def test_a_node_that_is_deleted_meanwhile(self):
        node = self.node(self.read(self.sequence(range(1001, 1007)), 1001, 1006), range_mode="input")
        name = node.fullName()
        node["bake"].execute()
        control.pump(lambda: any("(2/6)" in said for task in control.tasks for said in task._said))
        nuke.delete(node)
        control.pump(lambda: not baking.running(name) and self.idle())
        control.pump(lambda: control.messages)
        self.assertIn("not attached to a node", control.messages[0])

    def test_clear_asks(self):
        node = self.node(self.read(self.plate()))
        node["bake"].execute()
        self.wait(node)
        path = Path(node["baked_file"].value())
        node["clear"].execute()
        self.assertIn("Also delete the 1 baked file in", control.messages[0])
        self.assertTrue(path.is_file())
        self.assertFalse(node["has_bake"].value())

    def test_choosing_from_what_the_engine_has(self):
        node = self.node(self.read(self.plate()))
        control.chosen = 0
        node["model"].setValue("x")
        node["choose_model"].execute()
        control.pump(lambda: node["model"].value() != "x")
        self.assertEqual(node["model"].value(), "headroom-1")
        control.chosen = 1
        node["choose_space"].execute()
        control.pump(lambda: node["from_space"].value() != "auto")
        self.assertTrue(node["from_space"].value())

    def test_the_engines_check(self):
        node = self.node(self.read(self.plate()))
        node["check_engine"].execute()
        control.pump(lambda: control.messages)
        self.assertRegex(control.messages[0], r"(?m)^ok: ")

    def test_the_menu(self):
        exec(compile((Path(control.plugin_folder) / "menu.py").read_text(), "menu.py", "exec"), {})
        self.assertIn("HeadroomReconstruct", control.menus["Nodes"].findItem("Headroom")._items)
        bake = control.menus["Nuke"].findItem("Headroom").findItem("Bake selected")
        control.selected.clear()
        bake()
        self.assertIn("Select one", control.messages[0])
        node = self.node(self.read(self.plate()))
        node.setSelected(True)
        bake()
        self.wait(node)
        self.assertTrue(node["has_bake"].value())
