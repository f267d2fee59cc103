"""The plug-in in the fake Nuke, with the real engine: everything a bake does, in the terminal and in the GUI.

Started by run.py, which says where the plug-in (built and unpacked) and the engine are. Standard library only: runs in
Nuke 14's Python 3.9 as in later ones.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import fake_control as control
import headroom_nuke
import nuke
from headroom_nuke import baking, cache, callbacks, colour, engine, exr_file, knobs, node_events, source
from headroom_nuke.host.frames import format_range
from headroom_nuke.timeline import Clip

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


class PlainRead(Bakes):
    def test_a_still_is_what_convert_makes_to_the_bit(self):
        path = self.plate()
        node = self.node(self.read(path), depth="float")
        result = self.bake(node)
        self.assertEqual((result.status, result.counts["done"]), ("done", 1))
        target = node["baked_file"].value()
        self.assertTrue(node["has_bake"].value() and node["baked_still"].value())
        self.assertNotIn("#", target)
        mine = self.convert(path, self.folder / "cli.exr", "--depth", "float", "--from", "sRGB - Texture",
                            "--to", "ACEScg", "--ocio-config", CONFIG)  # fmt: skip
        said = self.compare(target, mine)
        self.assertTrue(said["bits_equal"] and said["same_names"] and said["same_types"], said)
        self.assertEqual([k for k in said["header_differs"] if k not in ("headroom:options",)], [])
        facts = self.facts(target)
        self.assertEqual(set(facts["channels"].values()), {"float32"})
        self.assertEqual(facts["header"]["headroom:space"], "ACEScg")
        self.assertIn("chromaticities", facts["header"])
        self.assertGreater(facts["max"]["headroom.gain"], 0.5)

    def test_half_is_asked_for_and_within_half(self):
        path = self.plate()
        half = self.node(self.read(path), depth="half")
        self.bake(half)
        full = self.node(self.read(path), depth="float")
        self.bake(full)
        self.assertNotEqual(half["baked_file"].value(), full["baked_file"].value())
        self.assertEqual(set(self.facts(half["baked_file"].value())["channels"].values()), {"float16"})
        said = self.compare(half["baked_file"].value(), full["baked_file"].value())
        for channel in "RGB":
            self.assertLess(said["differences"][channel][1], 2**-10)
        mine = self.convert(path, self.folder / "cli.exr", "--from", "sRGB - Texture", "--to", "ACEScg",
                            "--ocio-config", CONFIG)  # fmt: skip
        self.assertTrue(self.compare(half["baked_file"].value(), mine)["bits_equal"])

    def test_settings_reach_the_engine(self):
        path = self.plate()
        node = self.node(self.read(path), depth="float", boost=1.4, peak_stops=3.0, clip_level=0.9, dequantize=True,
                         light="mean", compression="piz")  # fmt: skip
        self.bake(node)
        mine = self.convert(
            path, self.folder / "cli.exr", "--depth", "float", "--from", "sRGB - Texture", "--to", "ACEScg",
            "--ocio-config", CONFIG, "--boost", "1.4", "--peak-stops", "3", "--clip-level", "0.9", "--dequantize",
            "--light", "mean", "--compression", "piz",
        )  # fmt: skip
        said = self.compare(node["baked_file"].value(), mine)
        self.assertTrue(said["bits_equal"], said)
        self.assertEqual(said["header_differs"], [])

    def test_another_light_is_another_bake_and_the_median_is_what_it_always_was(self):
        node = self.node(self.read(self.plate()))
        self.assertNotIn("light", knobs.read(node).engine)
        self.assertNotIn("light", knobs.describe_settings(node))
        self.bake(node)
        median = node["baked_file"].value()
        node["light"].setValue("bold")
        node_events.changed(node, node["light"])
        self.assertEqual(node["status"].value(), node_events.STALE)
        self.bake(node)
        bold = node["baked_file"].value()
        self.assertNotEqual(bold, median)
        self.assertFalse(self.compare(bold, median)["bits_equal"])
        node["light"].setValue("median")
        self.assertEqual(len(self.bake(node).frames), 1)
        self.assertEqual(node["baked_file"].value(), median)

    def test_a_sequence_that_starts_at_another_frame(self):
        pattern = self.sequence(range(1, 5))
        read = self.read(pattern, 1, 4, frame_mode="start at", frame="1003")
        node = self.node(read)
        result = self.bake(node)
        self.assertEqual([frame.frame for frame in result.frames], [1003, 1004, 1005, 1006])
        self.assertEqual(
            [Path(frame.source).name for frame in result.frames], [f"plate.000{n}.png" for n in (1, 2, 3, 4)]
        )
        self.assertTrue(all(f".{frame.frame}." in frame.target for frame in result.frames))
        self.assertEqual((node["baked_first"].value(), node["baked_last"].value()), (1003, 1006))
        self.assertIn("####", node["baked_file"].value())
        self.assertIn("1001-1002,1007-1010", result.notes[0])

    def test_an_offset_and_only_the_projects_range(self):
        pattern = self.sequence(range(1, 31))
        read = self.read(pattern, 1, 30, frame_mode="offset", frame="990")
        nuke.root()["last_frame"].setValue(1002)
        result = self.bake(self.node(read))
        self.assertEqual([(f.frame, Path(f.source).name) for f in result.frames],
                         [(1001, "plate.0011.png"), (1002, "plate.0012.png")])  # fmt: skip

    def test_ranges_that_are_asked_for(self):
        pattern = self.sequence(range(1001, 1006))
        read = self.read(pattern, 1001, 1005)
        wanted = {
            ("custom", "1002-1004x2"): [1002, 1004],
            ("single", ""): [1004],
            ("input", ""): [1001, 1002, 1003, 1004, 1005],
        }
        nuke.frame(1004)
        for (mode, frames), expected in wanted.items():
            node = self.node(read, range_mode=mode, frames=frames)
            self.assertEqual([f.frame for f in self.bake(node).frames], expected, mode)
        node = self.node(read, range_mode="custom", frames="1003,2000")
        result = self.bake(node)
        self.assertEqual([f.frame for f in result.frames], [1003])
        self.assertIn("outside the project's range, left out: 2000", result.notes)
        with self.assertRaisesRegex(headroom_nuke.BakeError, "not a frame range"):
            self.bake(self.node(read, range_mode="custom", frames="ten"))
        self.assertEqual([f.frame for f in self.bake(node, 1001, 1005, step=2).frames], [1001, 1003, 1005])

    def test_ranges_that_touch_become_one(self):
        read = self.read(self.sequence(range(1001, 1007)), 1001, 1006)
        node = self.node(read)
        for first, last, whole in ((1001, 1002, (1001, 1002)), (1003, 1004, (1001, 1004)), (1006, 1006, (1006, 1006))):
            self.bake(node, first, last)
            self.assertEqual((node["baked_first"].value(), node["baked_last"].value()), whole)

    def test_loop_bounce_black_as_the_read_shows_them(self):
        clip = Clip.of(5, 8, "start at", 101, "bounce", "loop")
        self.assertEqual([clip.file_frame(f) for f in range(98, 112)], [8, 7, 6, 5, 6, 7, 8, 5, 6, 7, 8, 5, 6, 7])
        self.assertEqual(Clip.of(5, 8, "offset", 10, "black", "hold").file_frame(14), None)
        self.assertEqual(Clip.of(5, 8, "offset", 10, "black", "hold").file_frame(99), 8)
        self.assertEqual(Clip.of(7, 7, "", 0, "bounce", "bounce").file_frame(3), 7)
        read = self.read(
            self.sequence(range(1, 3)), 1, 2, frame_mode="start at", frame="1001", before="black", after="loop"
        )
        nuke.root()["first_frame"].setValue(1000)
        nuke.root()["last_frame"].setValue(1004)
        result = self.bake(self.node(read))
        self.assertEqual([(f.frame, Path(f.source).name[6:10]) for f in result.frames],
                         [(1001, "0001"), (1002, "0002"), (1003, "0001"), (1004, "0002")])  # fmt: skip
        self.assertIn("is black at 1000", result.notes[0])

    def test_missing_plate_frames_by_on_error(self):
        pattern = self.sequence((1001, 1002, 1004))
        read = self.read(pattern, 1001, 1004)
        with self.assertRaises(headroom_nuke.BakeError) as caught:
            self.bake(self.node(read))
        self.assertIn("frame 1003", str(caught.exception))
        self.assertIn("plate.1003.png", str(caught.exception))
        self.assertEqual(caught.exception.result.counts, {"done": 3, "skipped": 0, "failed": 1, "cancelled": 0})
        read["on_error"].setValue("black")
        result = self.bake(self.node(read))
        self.assertEqual([f.frame for f in result.frames], [1001, 1002, 1004])
        self.assertIn("no plate file at 1003: left out, as Read1 shows black", result.notes)
        read["on_error"].setValue("nearest frame")
        result = self.bake(self.node(read, version=2))
        self.assertEqual([Path(f.source).name[6:10] for f in result.frames], ["1001", "1002", "1002", "1004"])

    def test_through_dots_and_disabled_nodes_it_stays_a_plain_read(self):
        read = self.read(self.plate())
        dot = nuke.createNode("Dot")
        dot.setInput(0, read)
        grade = nuke.createNode("Multiply")
        grade.setInput(0, dot)
        grade["value"].setValue(0.5)
        grade["disable"].setValue(True)
        node = self.node(grade)
        result = self.bake(node)
        self.assertIn("Read1, file", node["baked_source"].value())
        self.assertEqual(result.frames[0].source, read["file"].value())

    def test_a_plate_that_holds_its_highlights_is_said_to(self):
        bright = self.node(self.read(self.plate()), depth="float")
        self.bake(bright)
        again = self.node(
            self.read(bright["baked_file"].value(), colorspace="ACEScg\tACES/ACEScg\t\tlin_ap1"), depth="float"
        )
        result = self.bake(again)
        self.assertTrue(any("above" in line or "already" in line for line in result.warnings), result.warnings)
        self.assertIn("Note:", again["status"].value())


class Cache(Bakes):
    def test_up_to_date_frames_are_not_made_again(self):
        pattern = self.sequence((1001, 1002))
        node = self.node(self.read(pattern, 1001, 1002))
        self.bake(node)
        times = [Path(p).stat().st_mtime_ns for p in headroom_nuke.api.baked_files(node)]
        result = self.bake(node)
        self.assertEqual(result.counts["skipped"], 2)
        self.assertEqual(times, [Path(p).stat().st_mtime_ns for p in headroom_nuke.api.baked_files(node)])
        self.plate("plate.1002.png", 7)
        result = self.bake(node)
        self.assertEqual([f.status for f in result.frames], ["skipped", "done"])

    def test_half_written_frames_are_made_again(self):
        pattern = self.sequence((1001, 1002, 1003))
        node = self.node(self.read(pattern, 1001, 1003))
        self.bake(node)
        first, second, third = (Path(p) for p in headroom_nuke.api.baked_files(node))
        whole = second.read_bytes()
        second.write_bytes(whole[: len(whole) - 40])
        third.write_bytes(b"")
        self.assertTrue(exr_file.is_whole(str(first)))
        self.assertFalse(exr_file.is_whole(str(second)) or exr_file.is_whole(str(third)))
        result = self.bake(node)
        self.assertEqual([f.status for f in result.frames], ["skipped", "done", "done"])
        self.assertEqual(second.read_bytes(), whole)

    def test_every_cut_of_a_file_is_seen(self):
        node = self.node(self.read(self.plate()), depth="half")
        self.bake(node)
        whole = Path(node["baked_file"].value()).read_bytes()
        self.assertTrue(exr_file.is_whole(node["baked_file"].value()))
        cut = self.folder / "cut.exr"
        for length in [*range(0, len(whole), max(1, len(whole) // 60)), len(whole) - 1]:
            cut.write_bytes(whole[:length])
            self.assertFalse(exr_file.is_whole(str(cut)), length)

    def test_other_settings_go_elsewhere(self):
        node = self.node(self.read(self.plate()))
        names = set()
        for wishes in ({}, {"boost": 1.5}, {"version": 2}, {"compression": "dwaa"}):
            for name, value in wishes.items():
                node[name].setValue(value)
            self.bake(node)
            names.add(node["baked_file"].value())
        self.assertEqual(len(names), 4)
        self.assertTrue(all("HeadroomReconstruct1_v00" in name for name in names))

    def test_plates_of_one_name_never_share_frames(self):
        node = self.node(self.read(self.plate("v1/plate.jpg")))
        self.bake(node)
        first = node["baked_file"].value()
        node.input(0)["file"].setValue(str(self.plate("v2/plate.jpg", 5)))
        self.bake(node)
        self.assertNotEqual(node["baked_file"].value(), first)
        self.assertFalse(self.compare(node["baked_file"].value(), first)["bits_equal"])
        grade = nuke.createNode("Multiply")
        grade.setInput(0, node.input(0))
        chain = self.node(grade, range_mode="single")
        self.bake(chain)
        first = chain["baked_file"].value()
        nuke.root()["name"].setValue(str(self.script.with_name("shot_v2.nk")))
        self.bake(chain)
        self.assertNotEqual(chain["baked_file"].value(), first)

    def test_paths_and_their_tokens(self):
        def at(text, **more):
            wishes = {
                "script": "/show/comp/shot.nk", "node": "Node1", "plate": "plate", "version": 3, "key": "0a1b2c3d",
                "still": False, "views": ["main"], **more,
            }  # fmt: skip
            return cache.place(text, **wishes).pattern

        self.assertEqual(at("{script_dir}/{script}/{node}_{version}/{plate}.{key}.####.exr"),
                         "/show/comp/shot/Node1_v003/plate.0a1b2c3d.####.exr")  # fmt: skip
        self.assertEqual(at("cache/a.exr"), "/show/comp/cache/a.####.exr")
        self.assertEqual(at("/c/a.%04d.exr", still=True), "/c/a.exr")
        self.assertEqual(at("/c/{plate}_{version}.####.exr", still=True), "/c/plate_v003.exr")
        self.assertEqual(at("/c/a.####.exr", views=["left", "right"]), "/c/a.%V.####.exr")
        self.assertEqual(at("/c/%V/a.####.exr", views=["left", "right"]), "/c/%V/a.####.exr")
        place = cache.place("/c/%V/a.####.exr", script="", node="n", plate="p", version=1, key="k", still=False,
                            views=["left", "right"])  # fmt: skip
        self.assertEqual(place.path(7, "left"), "/c/left/a.0007.exr")
        for text, why in (("{shot}/a.exr", "unknown token"), ("/c/a.tif", "end in .exr"), ("", "is empty"),
                          ("/c/[a].exr", "square brackets")):  # fmt: skip
            with self.assertRaisesRegex(headroom_nuke.BakeError, why):
                at(text)
        with self.assertRaisesRegex(headroom_nuke.BakeError, "not saved"):
            at("{script_dir}/a.exr", script="")

    def test_an_unsaved_script_is_told_so(self):
        nuke.root()["name"].setValue("")
        node = self.node(self.read(self.plate()))
        with self.assertRaisesRegex(headroom_nuke.BakeError, "Save the script"):
            self.bake(node)
        self.assertIn("Save the script", node["status"].value())
        self.assertFalse(node["has_bake"].value())

    def test_a_cache_that_cannot_be_written_to(self):
        node = self.node(self.read(self.plate()))
        (self.folder / "file").write_text("in the way")
        for path in (f"{self.folder}/file/a.####.exr", "/proc/headroom/a.####.exr"):
            node["cache_path"].setValue(path)
            with self.assertRaisesRegex(headroom_nuke.BakeError, "cannot be written to"):
                self.bake(node)
        self.assertFalse(node["has_bake"].value())

    def test_clear_deletes_its_own_frames_alone(self):
        pattern = self.sequence((1001, 1002))
        node = self.node(self.read(pattern, 1001, 1002))
        self.bake(node)
        files = headroom_nuke.api.baked_files(node)
        other = Path(files[0]).with_name(Path(files[0]).name.replace("1001", "2001"))
        shutil.copy(files[0], str(other))
        self.assertEqual(headroom_nuke.clear(node), files)
        self.assertTrue(all(Path(p).is_file() for p in files))
        self.assertFalse(node["has_bake"].value())
        self.bake(node)
        headroom_nuke.clear(node, delete_files=True)
        self.assertFalse(any(Path(p).is_file() for p in files))
        self.assertTrue(other.is_file())
        self.assertEqual(node["status"].value(), "Not baked.")


class Chains(Bakes):
    def graded(self, read, **moves):
        grade = nuke.createNode("Multiply")
        grade.setInput(0, read)
        grade["value"].setValue(moves.pop("value", 0.8))
        last = grade
        if moves:
            last = nuke.createNode("Transform")
            last.setInput(0, grade)
            last["translate"].setValue([moves["x"], moves["y"]])
        return last

    def test_a_graded_chain_is_rendered_to_float_and_then_reconstructed(self):
        pattern = self.sequence((1001, 1002))
        grade = self.graded(self.read(pattern, 1001, 1002))
        node = self.node(grade, depth="float", clip_level=0.8, range_mode="input")
        before = dict.fromkeys(nuke.allNodes())
        result = self.bake(node)
        self.assertEqual(result.counts["done"], 2)
        self.assertEqual(dict.fromkeys(nuke.allNodes()), before, "the temporary Write is gone")
        self.assertIn("Multiply1 (Multiply) changes the plate", node["baked_source"].value())
        self.assertEqual([p.name for p in self.folder.glob("headroom_*")], [])
        rendered = self.show(grade, "graded.exr")
        mine = self.convert(rendered, self.folder / "cli.exr", "--depth", "float", "--from", "ACEScg", "--to", "ACEScg",
                            "--ocio-config", CONFIG, "--clip-level", "0.8")  # fmt: skip
        said = self.compare(node["baked_file"].value().replace("####", "1001"), mine)
        self.assertTrue(said["bits_equal"] and said["same_window"], said)
        self.assertEqual(
            said["header_differs"], ["headroom:fingerprint", "headroom:source"][-len(said["header_differs"]) :]
        )
        self.assertGreater(self.facts(mine)["max"]["headroom.gain"], 0.1)

    def test_data_windows_that_are_negative_or_larger_are_kept(self):
        moved = self.graded(self.read(self.plate(), on_error="error"), x=-16, y=9)
        node = self.node(moved, depth="float", range_mode="single")
        self.bake(node)
        facts = self.facts(node["baked_file"].value().replace("####", "0001"))
        self.assertEqual(facts["window"], [-16, -9, -16 + WIDTH - 1, -9 + HEIGHT - 1])
        self.assertIn(f"{WIDTH - 1}", facts["header"]["displayWindow"])

    def test_proxy_localisation_and_on_error_are_put_back(self):
        path = self.plate()
        read = self.read(path, on_error="black", localizationPolicy="on")
        control.localised[str(path)] = str(self.plate("stale.jpg", 9))
        nuke.root()["proxy"].setValue(True)
        grade = self.graded(read)
        node = self.node(grade, depth="float", range_mode="single")
        nuke.root().setModified(False)
        self.bake(node)
        facts = self.facts(node["baked_file"].value().replace("####", "0001"))
        self.assertEqual(facts["window"], [0, 0, WIDTH - 1, HEIGHT - 1], "full size, not the proxy's")
        self.assertTrue(nuke.root()["proxy"].value())
        self.assertEqual((read["localizationPolicy"].value(), read["on_error"].value()), ("on", "black"))
        self.assertFalse(nuke.Undo.disabled())
        control.localised.clear()
        nuke.root()["proxy"].setValue(False)
        clean = self.node(grade, depth="float", range_mode="single")
        self.bake(clean)
        self.assertTrue(self.compare(node["baked_file"].value().replace("####", "0001"),
                                     clean["baked_file"].value().replace("####", "0001"))["bits_equal"])  # fmt: skip

    def test_a_frame_that_cannot_be_rendered(self):
        read = self.read(self.sequence((1001, 1003)), 1001, 1003, on_error="black")
        node = self.node(self.graded(read), range_mode="input")
        nuke.root()["proxy"].setValue(True)
        with self.assertRaises(headroom_nuke.BakeError) as caught:
            self.bake(node)
        self.assertIn("frame 1002", str(caught.exception))
        self.assertEqual(caught.exception.result.counts["done"], 2)
        self.assertTrue(nuke.root()["proxy"].value())
        self.assertEqual(read["on_error"].value(), "black")
        self.assertFalse(node["has_bake"].value())
        self.assertFalse([n for n in nuke.allNodes() if n.Class() == "Write"])

    def test_one_node_above_another(self):
        path = self.plate()
        above = self.node(self.read(path), depth="float")
        self.bake(above)
        inner = above.node("Baked")
        was = {name: knob.value() for name, knob in inner.knobs().items()}
        below = self.node(above, depth="float", range_mode="single", to_space="ACEScg")
        result = self.bake(below)
        self.assertTrue(any("above" in line or "already" in line for line in result.warnings), result.warnings)
        self.assertEqual({name: knob.value() for name, knob in inner.knobs().items()}, was)
        said = self.compare(result.frames[0].target, above["baked_file"].value(), only=["R", "G", "B"])
        self.assertTrue(said["bits_equal"], "HDR light is passed through")
        self.assertEqual([read.name() for read in source.upstream_reads(above)], ["Baked", "Read1"])

    def test_what_is_rendered_and_why(self):
        read = self.read(self.plate("a.png", alpha=True))
        node = self.node(read)
        wishes = knobs.read(node)
        self.assertIn("alpha", source.look(node, wishes, [1], ["main"]).why)
        movie = self.read(self.folder / "plates" / "a.mov")
        self.assertIn("'.mov' files", source.look(self.node(movie), wishes, [1], ["main"]).why)
        by_hand = self.node(self.read(self.plate()), source="render")
        self.assertIn("set to render", source.look(by_hand, knobs.read(by_hand), [1], ["main"]).why)
        retimed = self.read(self.plate(), frame_mode="expression", frame="frame*2")
        self.assertIn("expression", source.look(self.node(retimed), wishes, [1], ["main"]).why)

    def test_a_plate_with_alpha_keeps_its_straight_colours(self):
        path = self.plate("a.png", alpha=True)
        node = self.node(self.read(path), depth="float", range_mode="single")
        self.bake(node)
        plain = self.folder / "plates" / "b.png"
        control.ask({"verb": "plate", "path": str(plain), "width": WIDTH, "height": HEIGHT, "number": 0})
        straight = self.show(self.read(plain), "straight.exr")
        plate_max = self.facts(straight)["max"]["R"]
        self.assertGreaterEqual(self.facts(node["baked_file"].value().replace("####", "0001"))["max"]["R"], plate_max)


class Colour(Bakes):
    def test_names_that_a_knob_may_show(self):
        wanted = {
            "default (sRGB)": ["sRGB"],
            "ACEScct\tColorspaces/ACES/ACEScct\t\taliases": ["ACEScct"],
            "scene_linear (ACES - ACEScg)": ["scene_linear (ACES - ACEScg)", "ACES - ACEScg", "scene_linear"],
            "Utility/Linear/ACEScg": ["Utility/Linear/ACEScg", "ACEScg"],
            "ARRI LogC3 (EI800)": ["ARRI LogC3 (EI800)", "EI800", "ARRI LogC3"],
            "default": [],
            "": [],
        }
        for text, names in wanted.items():
            self.assertEqual(colour.candidates(text), names, text)
        self.assertEqual(colour.pick(["x (acescg)", "acescg"], ["ACEScg", "Raw"]), "ACEScg")
        self.assertEqual(colour.pick(["nothing"], ["ACEScg"]), "nothing")
        self.assertIsNone(colour.pick([], ["ACEScg"]))

    def test_configs_by_nukes_precedence(self):
        files = {}
        for name in ("environment", "custom", "shipped", "chosen"):
            files[name] = str(self.folder / f"{name}.ocio")
            control.ask({"verb": "config", "name": "cg-config-v2.2.0_aces-v1.3_ocio-v2.4", "path": files[name]})
        root = nuke.root()
        root["OCIO_config"].setValue("studio")
        root["OCIOConfigPath"].setValue(files["shipped"])
        root["customOCIOConfigPath"].setValue(files["custom"])
        self.assertEqual(colour.of_script().config, files["shipped"])
        root["OCIO_config"].setValue("custom")
        self.assertEqual(colour.of_script().config, files["custom"])
        os.environ["OCIO"] = files["environment"]
        self.assertEqual(colour.of_script().config, files["environment"])
        self.assertEqual(colour.of_script().where, "$OCIO")
        self.assertEqual(colour.of_script(files["chosen"]).config, files["chosen"])
        root["colorManagement"].setValue("Nuke")
        self.assertEqual(colour.of_script().config, "studio-config", "no nuke-default there: the engine's own")
        os.environ["OCIO"] = "ocio://default"
        root["colorManagement"].setValue("OCIO")
        self.assertTrue(colour.of_script().notes)
        del os.environ["OCIO"]

    def test_a_config_file_is_passed_on_with_its_cache_id(self):
        path = str(self.folder / "show.ocio")
        control.ask({"verb": "config", "name": "cg-config-v2.2.0_aces-v1.3_ocio-v2.4", "path": path})
        nuke.root()["customOCIOConfigPath"].setValue(path)
        node = self.node(self.read(self.plate()), depth="float")
        self.bake(node)
        header = self.facts(node["baked_file"].value())["header"]
        self.assertIn(header["headroom:configCacheId"], node["baked_config"].value())
        self.assertEqual(header["headroom:space"], "ACEScg")

    def test_nukes_own_colour_management(self):
        root = nuke.root()
        root["colorManagement"].setValue("Nuke")
        root["workingSpaceLUT"].setValue("linear")
        node = self.node(self.read(self.plate(), colorspace="default (sRGB - Texture)"), depth="float")
        os.environ["OCIO"] = str(self.folder / "not-there.ocio")  # of no meaning to it
        try:
            self.bake(node)
        finally:
            del os.environ["OCIO"]
        header = self.facts(node["baked_file"].value())["header"]
        self.assertEqual(header["headroom:space"], "Linear Rec.709 (sRGB)")

    def test_a_log_plate(self):
        node = self.node(self.read(self.plate(), colorspace="ARRI LogC3 (EI800)"), depth="float")
        self.bake(node)
        facts = self.facts(node["baked_file"].value())
        self.assertEqual(facts["header"]["headroom:sourceSpace"], "ARRI LogC3 (EI800)")
        self.assertGreater(facts["max"]["R"], 20.0, "code 1 of LogC is far above 1")

    def test_raw_and_data_are_refused(self):
        read = self.read(self.plate(), raw=True)
        with self.assertRaisesRegex(headroom_nuke.BakeError, "Choose the input colourspace"):
            self.bake(self.node(read))
        result = self.bake(self.node(read, from_space="sRGB"))
        self.assertEqual(self.facts(result.frames[0].target)["header"]["headroom:sourceSpace"][:4], "sRGB")
        with self.assertRaisesRegex(headroom_nuke.BakeError, "data"):
            self.bake(self.node(self.read(self.plate(), colorspace="Raw")))
        with self.assertRaisesRegex(headroom_nuke.BakeError, "nearest"):
            self.bake(self.node(read, from_space="no such space"))

    def test_the_output_space_can_be_chosen(self):
        node = self.node(self.read(self.plate()), to_space="lin_rec709", depth="float")
        self.bake(node)
        self.assertEqual(self.facts(node["baked_file"].value())["header"]["headroom:space"], "Linear Rec.709 (sRGB)")


class Views(Bakes):
    def test_stereo_plates(self):
        control.views[:] = ["left", "right"]
        for view in control.views:
            self.sequence((1001, 1002), f"plate.{view}." + "{:04d}.png")
        read = self.read(self.folder / "plates" / "plate.%V.####.png", 1001, 1002)
        node = self.node(read, cache_path="{script_dir}/bake/%V/{plate}.####.exr", range_mode="input")
        result = self.bake(node)
        self.assertEqual([(f.frame, f.view) for f in result.frames],
                         [(1001, "left"), (1001, "right"), (1002, "left"), (1002, "right")])  # fmt: skip
        self.assertTrue(result.frames[1].target.endswith("/bake/right/plate.1001.exr"))
        self.assertTrue(node["baked_file"].value().endswith("/bake/%V/plate.####.exr"))
        result = self.bake(node, views=["right"])
        self.assertEqual([f.status for f in result.frames], ["skipped", "skipped"])
        with self.assertRaisesRegex(headroom_nuke.BakeError, "no view top"):
            self.bake(node, views=["top"])

    def test_one_view_where_the_cache_path_has_no_place_for_two(self):
        control.views[:] = ["left", "right"]
        result = self.bake(self.node(self.read(self.plate())))
        self.assertEqual([f.view for f in result.frames], ["left"])
        self.assertIn("%V", " ".join(result.notes))

    def test_a_graded_stereo_chain(self):
        control.views[:] = ["left", "right"]
        for number, view in enumerate(control.views):
            self.plate(f"plate.{view}.1001.png", number)
        grade = nuke.createNode("Multiply")
        grade.setInput(0, self.read(self.folder / "plates" / "plate.%v.####.png".replace("%v", "%V"), 1001, 1001))
        node = self.node(grade, cache_path="{script_dir}/%v.####.exr", range_mode="input", depth="float")
        result = self.bake(node)
        self.assertEqual([Path(f.target).name for f in result.frames], ["l.1001.exr", "r.1001.exr"])
        self.assertFalse(self.compare(result.frames[0].target, result.frames[1].target)["bits_equal"])


class Node(Bakes):
    """What comes out of the gizmo, worked out from its own inner nodes."""

    def baked(self, **wishes):
        path = self.plate()
        node = self.node(self.read(path), depth="float", **wishes)
        self.bake(node)
        return node, node["baked_file"].value(), self.show(node.input(0), "plate.exr")

    def test_the_result_is_the_baked_file_to_the_bit(self):
        node, baked, _ = self.baked()
        out = self.show(node, "result.exr")
        said = self.compare(out, baked)
        self.assertTrue(said["bits_equal"] and said["same_names"], said)

    def test_strength_is_live(self):
        node, baked, plate = self.baked()
        nothing = self.compare(self.show(node, "0.exr", strength=0.0), plate, only=["R", "G", "B"])
        self.assertLess(max(d[0] for d in nothing["differences"].values()), 3e-7, "the plate, to a rounding")
        half = self.folder / "half.exr"
        self.convert(node.input(0)["file"].value(), half, "--depth", "float", "--from", "sRGB - Texture", "--to",
                     "ACEScg", "--ocio-config", CONFIG, "--strength", "0.5")  # fmt: skip
        said = self.compare(self.show(node, "half.exr", strength=0.5), half)
        worst = max(said["differences"][c][1] for c in "RGB")
        sys.stderr.write(f"\n  live strength 0.5 differs from the engine's by {100 * worst:.2f} % at most\n")
        self.assertLess(worst, 0.03)
        self.assertLess(said["differences"]["headroom.gain"][0], 1e-5)
        more = self.facts(self.show(node, "2.exr", strength=2.0))
        self.assertGreater(more["max"]["R"], self.facts(baked)["max"]["R"])

    def test_show_is_live(self):
        node, baked, plate = self.baked()
        facts = self.facts(self.show(node, "mask.exr", show="mask"))
        self.assertEqual(facts["max"]["R"], self.facts(baked)["max"]["headroom.mask"])
        self.assertTrue(self.compare(self.show(node, "p.exr", show="plate"), plate, only=["R", "G", "B"])["bits_equal"])
        facts = self.facts(self.show(node, "d.exr", show="difference"))
        self.assertGreater(facts["max"]["R"], 0.5)
        self.assertGreater(facts["min"]["R"], -1e-6)
        for show in ("mask", "plate", "difference"):
            said = self.compare(self.show(node, "l.exr", show=show), baked, only=["headroom.mask", "headroom.gain"])
            self.assertTrue(said["bits_equal"], show)

    def test_without_a_bake_the_plate_passes_with_empty_layers(self):
        path = self.plate()
        node = self.node(self.read(path))
        plate = self.show(node.input(0), "plate.exr")
        out = self.show(node, "out.exr")
        self.assertTrue(self.compare(out, plate, only=["R", "G", "B"])["bits_equal"])
        facts = self.facts(out)
        self.assertEqual((facts["max"]["headroom.mask"], facts["max"]["headroom.gain"]), (0.0, 0.0))
        self.assertEqual(self.facts(self.show(node, "m.exr", show="mask"))["max"]["R"], 0.0)

    def test_the_matte_says_where(self):
        node, baked, plate = self.baked()
        black = nuke.createNode("Multiply")  # its alpha is nought
        black.setInput(0, node.input(0))
        node.setInput(1, black)
        out = self.show(node, "out.exr")
        said = self.compare(out, plate, only=["R", "G", "B"])
        self.assertLess(max(d[0] for d in said["differences"].values()), 3e-7)
        facts = self.facts(out)
        self.assertEqual((facts["max"]["headroom.mask"], facts["max"]["headroom.gain"]), (0.0, 0.0))
        node.setInput(1, None)
        self.assertTrue(self.compare(self.show(node, "out.exr"), baked)["bits_equal"])

    def test_outside_the_baked_range(self):
        pattern = self.sequence(range(1001, 1005))
        node = self.node(self.read(pattern, 1001, 1004), depth="float")
        self.bake(node, 1002, 1003)
        plate = self.show(node.input(0), "plate.exr", 1004)
        held = node["baked_file"].value().replace("####", "1003")
        self.assertTrue(self.compare(self.show(node, "a.exr", 1004, outside="hold"), held)["bits_equal"])
        said = self.compare(self.show(node, "b.exr", 1004, outside="plate"), plate, only=["R", "G", "B"])
        self.assertTrue(said["bits_equal"])
        Path(held).unlink()
        with self.assertRaisesRegex(RuntimeError, "No such file"):
            self.show(node, "c.exr", 1003)
        self.show(node, "c.exr", 1003, missing="black")

    def test_a_stereo_bake_shows_its_view(self):
        control.views[:] = ["left", "right"]
        for number, view in enumerate(control.views):
            self.plate(f"plate.{view}.png", number)
        node = self.node(
            self.read(self.folder / "plates" / "plate.%V.png"), cache_path="{script_dir}/%V/a.exr", depth="float"
        )
        result = self.bake(node)
        self.assertEqual(len(result.frames), 2)
        for number, view in enumerate(control.views):
            write = nuke.nodes.Write(file=str(self.folder / f"{view}.exr"), file_type="exr", channels="all", raw=True)
            write["datatype"].setValue("32 bit float")
            write.setInput(0, node)
            nuke.execute(write, 1, 1, 1, [view])
            self.assertTrue(self.compare(self.folder / f"{view}.exr", result.frames[number].target)["bits_equal"])

    def test_as_a_group_and_on_a_farm_without_the_plug_in(self):
        node, baked, _ = self.baked()
        group = node.makeGroup()
        self.assertEqual(group.Class(), "Group")
        self.assertTrue(self.compare(self.show(group, "g.exr"), baked)["bits_equal"])
        hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("headroom_nuke")}
        paths = list(sys.path)
        sys.path[:] = [p for p in sys.path if not (Path(p) / "headroom_nuke").is_dir()]
        try:
            farm = nuke.createNode("HeadroomReconstruct")
            control.open_panels.add(farm)
            farm["boost"].setValue(2.0)
            self.assertTrue(self.compare(self.show(group, "g.exr"), baked)["bits_equal"])
            with self.gui():
                for button in (
                    "bake",
                    "cancel",
                    "clear",
                    "choose_model",
                    "choose_space",
                    "check_engine",
                    "set_up_engine",
                ):
                    control.messages.clear()
                    group[button].execute()
                    self.assertIn("not installed here", control.messages[0], button)
        finally:
            sys.path[:] = paths
            sys.modules.update(hidden)

    def test_loading_changes_nothing(self):
        node, _, _ = self.baked()
        node["strength"].setValue(0.3)
        before = {name: knob.value() for name, knob in node.knobs().items()}
        node_events.created(node)
        self.assertEqual({name: knob.value() for name, knob in node.knobs().items()}, before)
        Path(node["baked_file"].value()).unlink()
        node_events.created(node)
        self.assertEqual({name: knob.value() for name, knob in node.knobs().items()}, before)
        with self.gui():
            node_events.created(node)
        changed = {name for name, knob in node.knobs().items() if knob.value() != before[name]}
        self.assertEqual(changed, {"status"})
        self.assertIn("are not there", node["status"].value())

    def test_the_status_tells_a_bake_that_no_longer_fits(self):
        node, _, _ = self.baked()
        with self.gui():
            node.showControlPanel()
            node["boost"].setValue(1.7)
            self.assertIn("Settings changed", node["status"].value())
            node["strength"].setValue(0.5)
            node["boost"].setValue(1.0)
            self.assertIn("fits", node["status"].value())
            self.assertFalse(node["frames"].enabled())
            node["range_mode"].setValue("custom")
            self.assertTrue(node["frames"].enabled())


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


def tearDownModule():  # noqa: N802  unittest's name
    engine.close_all()
    control.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
