"""What comes out of the node: bit for bit, by strength, view and matte; and what its status says."""

from __future__ import annotations

import sys
from pathlib import Path

import fake_control as control
import nuke
from bakes import CONFIG, Bakes
from headroom_nuke import node_events


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
