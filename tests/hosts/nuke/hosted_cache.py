"""Where frames lie, when they are made again, and what is never deleted."""

from __future__ import annotations

import shutil
from pathlib import Path

import headroom_nuke
import nuke
from bakes import Bakes
from headroom_nuke import cache, exr_file


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
