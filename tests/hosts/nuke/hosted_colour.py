"""Colour spaces and configs, as Nuke has them."""

from __future__ import annotations

import os

import fake_control as control
import headroom_nuke
import nuke
from bakes import Bakes
from headroom_nuke import colour


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
