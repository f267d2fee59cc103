"""A plain Read goes to the engine as the file it is: results, settings, frames."""

from __future__ import annotations

from pathlib import Path

import headroom_nuke
import nuke
from bakes import CONFIG, Bakes
from headroom_nuke import knobs, node_events
from headroom_nuke.timeline import Clip


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
