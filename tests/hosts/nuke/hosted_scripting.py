"""Python around a bake: results, callbacks, cancelling, no engine."""

from __future__ import annotations

import os
import time
from pathlib import Path

import fake_control as control
import headroom_nuke
from bakes import CONFIG, Bakes
from headroom_nuke import callbacks, engine
from headroom_nuke.host.frames import format_range


class Scripting(Bakes):
    def test_init_runs_anywhere(self):
        exec(compile((Path(control.plugin_folder) / "init.py").read_text(), "init.py", "exec"), {})
        self.assertEqual(control.plugin_paths, ["./cattery"])

    def test_callbacks(self):
        said = []

        def before(node, settings):
            said.append(("before", settings["boost"]))
            settings["boost"] = 2.0

        headroom_nuke.register("before_bake", before)
        headroom_nuke.register("after_frame", lambda node, frame: said.append(("frame", frame.frame)))
        headroom_nuke.register("after_bake", lambda node, result: said.append(("after", result.status)))
        headroom_nuke.register("after_bake", lambda node, result: 1 / 0)
        node = self.node(self.read(self.sequence((1001, 1002)), 1001, 1002), range_mode="input")
        self.bake(node)
        self.assertEqual(said, [("before", 1.0), ("frame", 1001), ("frame", 1002), ("after", "done")])
        self.assertIn('"boost": 2.0', self.facts(headroom_nuke.api.baked_files(node)[0])["header"]["headroom:options"])
        self.assertTrue(any("ZeroDivisionError" in line for line in control.printed))
        headroom_nuke.unregister("before_bake", before)

        def refuse(node, settings):
            raise ValueError("no bakes on Fridays")

        headroom_nuke.register("before_bake", refuse)
        with self.assertRaisesRegex(headroom_nuke.BakeError, "no bakes on Fridays"):
            self.bake(node)
        with self.assertRaises(ValueError):
            headroom_nuke.register("before_lunch", refuse)

    def test_results_without_exceptions(self):
        node = self.node(None)
        result = self.bake(node, check=False)
        self.assertEqual(result.status, "failed")
        self.assertIn("has no plate", str(result))
        with self.assertRaises(ValueError):
            headroom_nuke.bake(node, 1001)
        with self.assertRaisesRegex(headroom_nuke.BakeError, "is a Read, not a"):
            headroom_nuke.bake(self.read(self.plate()))

    def test_lines_in_a_terminal(self):
        node = self.node(self.read(self.sequence((1001, 1002)), 1001, 1002), range_mode="input")
        headroom_nuke.bake(node)
        said = "\n".join(control.printed)
        self.assertIn("headroom: HeadroomReconstruct1: frame 1001 done (1/2)", said)
        self.assertIn("headroom: HeadroomReconstruct1: Baked 1001-1002: 2 frames.", said)

    def test_files_without_a_node(self):
        pattern = self.sequence((1001, 1002, 1003))
        out = self.folder / "out" / "a.####.exr"
        result = headroom_nuke.reconstruct_files(pattern, str(out), "1001-1003x2", device="cpu", depth="float",
                                                 from_space="sRGB - Texture", ocio_config=CONFIG)  # fmt: skip
        self.assertEqual([f.frame for f in result.frames], [1001, 1003])
        mine = self.convert(pattern.replace("####", "1003"), self.folder / "cli.exr", "--depth", "float", "--from",
                            "sRGB - Texture", "--ocio-config", CONFIG)  # fmt: skip
        self.assertTrue(self.compare(str(out).replace("####", "1003"), mine, only=["R", "G", "B"])["bits_equal"])
        again = headroom_nuke.reconstruct_files(pattern, str(out), device="cpu", check=False)
        self.assertEqual(again.status, "failed")
        self.assertEqual(again.counts["done"], 1)
        with self.assertRaisesRegex(headroom_nuke.BakeError, "No frame of"):
            headroom_nuke.reconstruct_files(str(self.folder / "no.####.png"), str(out))
        with self.assertRaises(ValueError):
            headroom_nuke.reconstruct_files([pattern], str(out))

    def test_cancel_from_another_thread(self):
        node = self.node(self.read(self.sequence(range(1001, 1011)), 1001, 1010))
        headroom_nuke.register("after_frame", lambda n, frame: headroom_nuke.cancel(n))
        with self.assertRaises(headroom_nuke.BakeCancelled) as caught:
            self.bake(node)
        self.assertLess(caught.exception.result.counts["done"], 10)
        self.assertFalse(headroom_nuke.cancel(node))

    def test_ctrl_c(self):
        def stop(node, frame):
            raise KeyboardInterrupt

        node = self.node(self.read(self.sequence(range(1001, 1005)), 1001, 1004))
        headroom_nuke.register("after_frame", stop)
        with self.assertRaises(headroom_nuke.BakeCancelled):
            self.bake(node)
        self.assertIn("Cancelled: 1 frame finished", node["status"].value())
        callbacks.unregister("after_frame", stop)
        self.assertGreaterEqual(self.bake(node).counts["skipped"], 1)

    def test_no_engine_at_all(self):
        known = os.environ.pop("HEADROOM_WORKER")
        path, home = os.environ["PATH"], os.environ.get("XDG_CONFIG_HOME")
        os.environ["PATH"], os.environ["XDG_CONFIG_HOME"] = "/nowhere", str(self.folder)
        try:
            with self.assertRaisesRegex(headroom_nuke.BakeError, "Set up"):
                self.bake(self.node(self.read(self.plate())))
            with self.assertRaisesRegex(headroom_nuke.BakeError, "headroom"):
                self.bake(self.node(self.read(self.plate()), worker_command="/bin/true"))
        finally:
            os.environ.update(HEADROOM_WORKER=known, PATH=path)
            os.environ.pop("XDG_CONFIG_HOME")
            if home is not None:
                os.environ["XDG_CONFIG_HOME"] = home

    def test_the_engine_ends_when_asked(self):
        self.bake(self.node(self.read(self.plate())))
        worker = next(iter(engine._workers.values()))
        engine.close_all()
        self.assertFalse(worker.alive)
        end = time.monotonic() + 10
        while Path(f"/proc/{worker.hello['pid']}").exists() and time.monotonic() < end:
            time.sleep(0.05)
        self.assertFalse(Path(f"/proc/{worker.hello['pid']}").exists())

    def test_ranges_in_words(self):
        self.assertEqual(format_range([1001, 1002, 1003, 1010]), "1001-1003,1010")
