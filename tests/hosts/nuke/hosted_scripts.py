"""Saved scripts, renders without the plug-in, jobs for a farm."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import unittest
from pathlib import Path

import fake_control as control
import headroom_nuke
import nuke
from bakes import Bakes
from headroom_nuke import exr_file, knobs
from headroom_nuke.timeline import Clip


class Scripts(Bakes):
    """batch_bake.py and verify_in_nuke.py, and scripts on disk."""

    def main(self, name):
        found = {"__name__": "script", "__file__": name}
        path = Path(control.plugin_folder) / name
        exec(compile(path.read_text("utf-8"), str(path), "exec"), found)
        return found["main"]

    def saved(self):
        node = self.node(self.read(self.sequence(range(1001, 1004)), 1001, 1003), boost=1.25)
        self.node(self.read(self.plate()), source="auto")
        nuke.scriptSaveAs(str(self.script), 1)
        return node.name()

    def test_a_script_on_disk_keeps_the_bake_in_the_nodes_own_knobs(self):
        name = self.saved()
        node = nuke.toNode(name)
        self.bake(node, 1001, 1002)
        before = self.show(node, "before.exr")
        nuke.scriptSaveAs(str(self.script), 1)
        nuke.scriptOpen(str(self.script))
        again = nuke.toNode(name)
        self.assertIsNot(again, node)
        for knob in (*knobs.BAKED, "boost", "status", "cache_path"):
            self.assertEqual(again[knob].value(), node[knob].value(), knob)
        self.assertTrue(self.compare(self.show(again, "after.exr"), before)["bits_equal"])
        self.assertEqual(self.bake(again, 1001, 1002).counts["skipped"], 2)

    def test_batch(self):
        name = self.saved()
        main = self.main("batch_bake.py")
        self.assertEqual(main([str(self.script), "--list"]), 0)
        self.assertIn(f"{name}: Not baked.", control.printed)
        code = main(
            [
                str(self.script),
                f"--node={name}",
                "--frames=1001-1003x2",
                "--set=boost=1.5",
                "--set=depth=float",
                "--save",
            ]
        )
        self.assertEqual(code, 0)
        nuke.scriptOpen(str(self.script))
        node = nuke.toNode(name)
        self.assertEqual(
            (node["boost"].value(), node["baked_first"].value(), node["baked_last"].value()), (1.5, 1001, 1003)
        )
        self.assertEqual(len(headroom_nuke.api.baked_files(node)), 2)
        self.assertFalse(nuke.toNode("HeadroomReconstruct2")["has_bake"].value())
        self.assertEqual(main([str(self.script), "--frames=1002-1003"]), 0)
        Path(self.folder / "plates" / "plate.1002.png").unlink()
        self.assertEqual(main([str(self.script), f"--node={name}", "--frames=1002", "--set=version=2"]), 1)
        for wrong in (["--node=Nobody"], ["--frames=x"], ["--set=nothing=1"], ["--set=boost"]):
            with self.assertRaises(SystemExit) as caught, contextlib.redirect_stderr(io.StringIO()):
                main([str(self.script), *wrong])
            self.assertEqual(caught.exception.code, 2)

    def test_verify_in_nuke_runs_here(self):
        report = self.folder / "report.json"
        code = self.main("verify_in_nuke.py")([f"--report={report}"])
        found = json.loads(report.read_text())
        self.assertEqual([c for c in found["checks"] if c["status"] != "pass"], [])
        self.assertEqual((code, found["passed"], found["of"]), (0, 11, 11))

    def test_verify_in_nuke_sees_what_is_wrong(self):
        """Each damage to the plug-in or the host must fail its check."""
        main = self.main("verify_in_nuke.py")
        report = self.folder / "report.json"

        def fails(only):
            return main([f"--report={report}", f"--only={only}"]) == 1

        with damaged(knobs, "set_baked", lambda *_: None):
            self.assertTrue(fails("plain_read"))
        with damaged(Clip, "file_frame", lambda self, frame: self.first):
            self.assertTrue(fails("frame_modes"))
        with damaged(exr_file, "is_whole", lambda path: "headroom_" not in path):
            self.assertTrue(fails("graded_chain"))
        with damaged(headroom_nuke, "cancel", lambda node: None):
            self.assertTrue(fails("cancel"))


@contextlib.contextmanager
def damaged(where, name, instead):
    """Damage, for the length of a test, to see that it is noticed."""
    was = getattr(where, name)
    setattr(where, name, instead)
    try:
        yield
    finally:
        setattr(where, name, was)


class Farm(Bakes):
    """Bakes by the command line alone."""

    def job(self, **wishes):
        read = self.read(self.sequence(range(11, 15)), 11, 14, frame_mode="start at", frame="1001")
        node = self.node(read, depth="float", boost=1.3, **wishes)
        pattern = headroom_nuke.farm_job(node, str(self.folder / "job"), 1001, 1003)
        return node, pattern, json.loads((self.folder / "job" / "parameters.json").read_text())

    def test_the_parameters_of_a_node(self):
        node, pattern, said = self.job()
        self.assertFalse(node["has_bake"].value())
        self.assertEqual(said["Plate"], str(self.folder / "plates" / "plate.####.png"))
        self.assertEqual((said["Frames"], said["FrameShift"], said["Output"]), ("1001-1003", 990, pattern))
        self.assertIn("--from 'sRGB - Texture' --to ACEScg", said["Options"])
        self.assertIn("--boost 1.3", said["Options"])
        values = json.loads((self.folder / "job" / "parameter_values.json").read_text())["parameterValues"]
        self.assertEqual({one["name"]: one["value"] for one in values}, said)

    def test_a_graded_chain_is_refused(self):
        grade = nuke.createNode("Multiply")
        grade.setInput(0, self.read(self.plate()))
        with self.assertRaisesRegex(headroom_nuke.BakeError, "batch_bake.py"):
            headroom_nuke.farm_job(self.node(grade), str(self.folder / "job"))

    @unittest.skipUnless(os.environ.get("HEADROOM_TEST_OPENJD"), "openjd is not on PATH (pip install openjd-cli)")
    def test_the_job_makes_what_a_bake_would(self):
        node, pattern, _ = self.job(precision="fp32")
        program = os.environ["HEADROOM_TEST_OPENJD"]
        template = str(self.folder / "job" / "template.yaml")
        self.assertEqual(subprocess.run([program, "check", template], capture_output=True, check=False).returncode, 0)
        done = subprocess.run(
            [program, "run", template, "-p", f"file://{self.folder}/job/parameters.json", "-p",
             f"Headroom={os.environ['HEADROOM_TEST_PYTHON']} -m headroom", "-p",
             f"Python={os.environ['HEADROOM_TEST_PYTHON']}"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-2000:])
        files = [pattern.replace("####", str(n)) for n in (1001, 1002, 1003)]
        self.assertTrue(all(exr_file.is_whole(path) for path in files), done.stdout[-3000:])
        headroom_nuke.use_frames(node, pattern, 1001, 1003)
        self.assertEqual(node["status"].value(), "Reads 3 frames made elsewhere.")
        self.assertTrue(self.compare(self.show(node, "out.exr", 1002), files[1])["bits_equal"])
        self.assertEqual(self.bake(node, 1001, 1003).counts["skipped"], 3, "a bake takes them for its own")
        twice = self.node(node.input(0), depth="float", boost=1.3, precision="fp32", version=2)
        self.bake(twice, 1002, 1002)
        self.assertTrue(self.compare(twice["baked_file"].value().replace("####", "1002"), files[1])["bits_equal"])
