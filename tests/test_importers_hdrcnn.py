"""The authors' files as they come, as they may be damaged, and as an attacker would make them."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from command import headroom
from hdrcnn_reference import author_file, author_parameters
from headroom import weights
from headroom.errors import HeadroomError, UsageError, WeightsError
from headroom.importers import pickles
from headroom.importers.hdrcnn import layout, read
from headroom.importers.pickles import read_array_list
from headroom.importers.table import IMPORTERS, import_model
from headroom.networks.hdrcnn import HDRCNN, Config

WIDTH = 1 / 16


def npz_of(path: Path, content: bytes, *, name: str = "params.npy", header: bool = True) -> Path:
    """An archive whose object array is this pickle."""
    member = io.BytesIO()
    if header:
        np.lib.format.write_array_header_1_0(member, {"descr": "|O", "fortran_order": False, "shape": (80,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, member.getvalue() + content)
    return path


def test_a_file_of_the_authors_layout_gives_its_own_numbers_back(tmp_path: Path) -> None:
    parameters = author_parameters(WIDTH)
    card = import_model("hdrcnn", [author_file(tmp_path / "p.npz", parameters)], tmp_path / "mine")
    network = weights.load(tmp_path / "mine", network=weights.PLATES).module
    state = network.state_dict()
    for name, array in zip(layout(), parameters, strict=True):
        back = state[name].numpy()
        assert (back.transpose(2, 3, 1, 0) if back.ndim == 4 else back).tobytes() == array.tobytes()
    x = torch.rand(1, 3, 32, 64)
    again = HDRCNN(Config(width=WIDTH)).eval()
    again.load_state_dict(read([tmp_path / "p.npz"]).tensors)
    with torch.inference_mode():
        assert torch.equal(network(x), again(x))
    assert card.name == "mine"
    assert "does not know" in card.licence
    assert len(card.facts["source"]["p.npz sha256"]) == 64
    weights.verify(card)


def test_the_names_are_those_of_networks_that_there_are() -> None:
    from headroom.networks.table import NETWORKS

    assert {importer.network for importer in IMPORTERS.values()} <= set(NETWORKS)


class Python2Pickler(pickle._Pickler):  # type: ignore[name-defined]
    """Writes bytes as Python 2 wrote its strings."""

    dispatch = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_python2_string(self, content: bytes) -> None:
        self.write(b"T" + struct.pack("<i", len(content)) + content)
        self.memoize(content)

    dispatch[bytes] = save_python2_string


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_of_all_ages_are_read(tmp_path: Path, protocol: int) -> None:
    listed = np.empty(3, object)
    wanted = [np.arange(6, dtype="<f4").reshape(2, 3), np.asfortranarray(np.eye(3, dtype="<f8")), np.float32([1.5])]
    for number, array in enumerate(wanted):
        listed[number] = array
    path = npz_of(tmp_path / "a.npz", pickle.dumps(listed, protocol=min(protocol, 4)))
    if protocol == 5:  # not one of NumPy's files: the age of the release instead
        buffer = io.BytesIO()
        Python2Pickler(buffer, 2).dump(listed)
        assert b"_codecs" not in buffer.getvalue()
        path = npz_of(tmp_path / "a.npz", buffer.getvalue().replace(b"numpy._core", b"numpy.core"))
    for found, array in zip(read_array_list(path, "params"), wanted, strict=True):
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


class Runs:
    """Unpickled, it calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.what = function, arguments

    def __reduce__(self) -> Any:
        return self.what


def attacks(mark: Path) -> dict[str, Any]:
    from numpy.lib import format as npy

    touch = f"open({str(mark)!r}, 'w').close()"
    return {
        "a shell": Runs(os.system, f"touch {mark}"),
        "code": Runs(exec, touch),
        "another module's": Runs(pickle.loads, pickle.dumps(Runs(exec, touch))),
        "NumPy's own reader": Runs(npy.open_memmap, str(mark), "w+", np.float32, (1,)),
        "getattr": Runs(getattr, Path, "cwd"),
        "a file": Runs(open, str(mark), "w"),
    }


@pytest.mark.parametrize("which", ["a shell", "code", "another module's", "NumPy's own reader", "getattr", "a file"])
@pytest.mark.parametrize("place", ["alone", "in the list", "as an array's data"])
def test_malicious_pickles_are_refused_and_not_run(tmp_path: Path, which: str, place: str) -> None:
    mark = tmp_path / "run"
    evil = attacks(mark)[which]
    content: Any = evil
    if place != "alone":
        content = np.empty(2, object)
        content[0] = np.zeros(3, np.float32)
        content[1] = evil if place == "in the list" else np.array([evil], object)
    path = npz_of(tmp_path / "evil.npz", pickle.dumps(content, protocol=4))
    with pytest.raises(WeightsError, match=r"evil\.npz: refused, its pickle holds .*nothing of it was run") as caught:
        read([path])
    assert "\n" not in str(caught.value)
    assert not mark.exists()
    with pytest.raises(HeadroomError):
        import_model("hdrcnn", [path], tmp_path / "model")
    assert not (tmp_path / "model").exists()
    if which == "a shell" and place == "alone":  # the attack is a real one
        pickle.loads(pickle.dumps(evil))
        assert mark.exists()


@pytest.mark.parametrize("named", [b"c_codecs\nencode\n", b"cnumpy\nndarray\n", b"cnumpy\ndtype\n"])
def test_what_a_pickle_may_name_it_cannot_change(tmp_path: Path, named: bytes) -> None:
    """BUILD sets attributes: of the very functions that read the next file, if it could."""
    for state in (b"}X\x04\x00\x00\x00markK\x01s", b"N}X\x04\x00\x00\x00markK\x01s\x86"):
        path = npz_of(tmp_path / "build.npz", b"\x80\x02" + named + state + b"b.")
        with pytest.raises(WeightsError):
            read([path])
    assert not any(hasattr(known, "mark") for known in pickles.KNOWN.values())


class Crafted:
    """An array's pickle with a state of one's own."""

    def __init__(self, *state: Any, dtype: Any = None) -> None:
        self.state = state

    def __reduce__(self) -> Any:
        return np.zeros(0).__reduce__()[0], (np.ndarray, (10**12,), b"b"), self.state


@pytest.mark.parametrize(
    "state",
    [
        (1, (10**12,), np.dtype("f4"), False, b"few"),
        (1, (2, -3), np.dtype("f4"), False, b""),
        (1, (1,), np.dtype("f4"), False, [1.0]),
        (1, (3,), np.dtype(object), False, [None]),
        (1, (1,), np.dtype([("a", "f4")]), False, b"1234"),
        (1, (1,), np.dtype("V4"), False, b"1234"),
        (1, (1,), "f4", False, b"1234"),
        (1,),
    ],
)
def test_arrays_that_lie_about_themselves_are_refused(tmp_path: Path, state: tuple[Any, ...]) -> None:
    listed = np.empty(1, object)
    listed[0] = Crafted(*state)
    path = npz_of(tmp_path / "crafted.npz", pickle.dumps(listed, protocol=4))
    with pytest.raises(WeightsError, match=r"crafted\.npz"):
        read([path])


def test_damaged_and_foreign_files_are_refused_in_one_line(tmp_path: Path) -> None:
    parameters = author_parameters(WIDTH)
    whole = author_file(tmp_path / "whole.npz", parameters).read_bytes()
    (tmp_path / "torn.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.npz").write_bytes(b"")
    np.savez(tmp_path / "plain.npz", params=np.zeros(80))
    np.savez(tmp_path / "named.npz", other=np.zeros(3))
    npz_of(tmp_path / "nonsense.npz", b"\x80\x04nonsense")
    npz_of(tmp_path / "headless.npz", b"no array", header=False)
    for name, said in {
        "torn": "not an .npz", "empty": "not an .npz", "plain": "one array of float64", "named": "not the one list",
        "nonsense": "damaged|refused", "headless": "damaged",
    }.items():  # fmt: skip
        with pytest.raises(WeightsError, match=said) as caught:
            read([tmp_path / f"{name}.npz"])
        assert "\n" not in str(caught.value)


def test_counts_and_shapes_are_checked(tmp_path: Path) -> None:
    parameters = author_parameters(WIDTH)

    def refused(changed: list[Any], said: str) -> None:
        with pytest.raises(WeightsError, match=said):
            read([author_file(tmp_path / "changed.npz", changed)])

    refused(parameters[:-1], "79 arrays where HDRCNN has 80")
    refused([*parameters, parameters[0]], "81 arrays")
    at = layout().index("up.2.0.weight")
    turned = list(parameters)
    turned[at] = turned[at].transpose(0, 1, 3, 2)
    refused(turned, rf"array {at + 1} \(up\.2\.0\.weight\) is .* HDRCNN's is")
    swapped = list(parameters)
    swapped[2], swapped[4] = swapped[4], swapped[2]
    refused(swapped, r"array 3 ")
    unfinite = [array.copy() for array in parameters]
    unfinite[7][0] = np.nan
    refused(unfinite, "array 8 .*not finite")
    whole_numbers = list(parameters)
    whole_numbers[5] = whole_numbers[5].astype(np.int32)
    refused(whole_numbers, "array 6 .*int32")
    refused([np.zeros((7, 7, 3, 64), np.float32), *parameters[1:]], "begins with")
    with pytest.raises(WeightsError, match="one file"):
        read([tmp_path / "a.npz", tmp_path / "b.npz"])


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    monkeypatch.setenv("HEADROOM_MODELS", str(tmp_path / "models"))
    source = author_file(tmp_path / "hdrcnn_params.npz", author_parameters(WIDTH))
    done = headroom(capsys, "models", "import", "hdrcnn", source)
    assert done.code == 0, done.err
    assert "licence: as its source's" in done.out
    assert (tmp_path / "models" / "hdrcnn" / "card.toml").is_file()
    listed = headroom(capsys, "models", "list", "--json")
    found = {model["name"]: model for model in json.loads(listed.out)["models"]}["hdrcnn"]
    assert found["parameters"] == sum(array.size for array in author_parameters(WIDTH))
    assert found["gflop_per_mp"] > 0
    assert headroom(capsys, "models", "verify", "hdrcnn").code == 0
    again = headroom(capsys, "models", "import", "hdrcnn", source)
    assert again.code == 2
    assert "--overwrite" in again.err
    assert headroom(capsys, "models", "import", "hdrcnn", source, "--overwrite").code == 0
    assert headroom(capsys, "models", "import", "nothing", source).code == 2
    missing = headroom(capsys, "models", "import", "hdrcnn", tmp_path / "no.npz", "--overwrite")
    assert missing.code == 1
    assert "not found" in missing.err
    with pytest.raises(UsageError, match="there are: hdrcnn"):
        import_model("resnet", [source])
