"""Graded chains are rendered first; stereo views."""

from __future__ import annotations

from pathlib import Path

import fake_control as control
import headroom_nuke
import nuke
from bakes import CONFIG, HEIGHT, WIDTH, Bakes
from headroom_nuke import knobs, source


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
