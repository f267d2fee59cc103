"""Models: found, verified, loaded strictly, refused where they cannot be trusted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from headroom import weights
from headroom.errors import UnknownModelError, WeightsError
from headroom.networks.headroom1 import HeadroomOne

SHIPPED = Path(__file__).parents[1] / "models" / "headroom-1"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "headroom-1"))


def rewrite(folder: Path, old: str, new: str) -> None:
    card = folder / "card.toml"
    text = card.read_text("utf-8")
    assert old in text
    card.write_text(text.replace(old, new, 1), "utf-8")


def test_the_shipped_card_is_complete_and_its_model_loads() -> None:
    card = weights.read_card(weights.find("headroom-1"))
    assert card.licence
    assert sum(len(names) for names in card.facts["training_scenes"].values()) == 95
    model = weights.load(SHIPPED)
    assert not model.module.training
    assert card.facts["parameters"] == sum(p.numel() for p in model.module.parameters()) < 6e6


def test_no_validation_scene_was_trained_on() -> None:
    card = weights.read_card(SHIPPED)
    trained = {name for names in card.facts["training_scenes"].values() for name in names}
    held = {"aft_lounge", "vestibule", "small_hangar_01", "photo_studio_01", "spree_bank", "quarry_01"}
    assert not trained & held


def test_a_changed_byte_is_noticed(copy: Path) -> None:
    data = bytearray((copy / "weights.safetensors").read_bytes())
    data[-100] ^= 1
    (copy / "weights.safetensors").write_bytes(data)
    with pytest.raises(WeightsError, match="sha256"):
        weights.load(copy)


def test_a_pickle_in_place_of_the_weights_is_never_opened(copy: Path) -> None:
    torch.save({"x": torch.zeros(1)}, copy / "weights.safetensors")
    card = weights.read_card(copy)
    with pytest.raises(WeightsError, match="sha256"):
        weights.load(copy)
    import hashlib

    digest = hashlib.sha256((copy / "weights.safetensors").read_bytes()).hexdigest()
    rewrite(copy, card.sha256, digest)
    with pytest.raises(WeightsError, match="does not fit"):
        weights.load(copy)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('licence = "', 'license = "', "lacks licence"),
        ('network = "headroom1"', 'network = "other"', "not one of"),
        ("curve_width = 256", "curve_width = 64", "does not fit"),
        ("curve_width", "no_such_width", "does not fit"),
        ("name = ", "name ", "cannot be read"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(copy: Path, old: str, new: str, says: str) -> None:
    rewrite(copy, old, new)
    with pytest.raises(WeightsError, match=says):
        weights.load(copy)


def test_missing_files_and_names(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (copy / "weights.safetensors").unlink()
    with pytest.raises(WeightsError, match="cannot be read"):
        weights.load(copy)
    with pytest.raises(UnknownModelError, match="headroom-1"):
        weights.find("no-such-model")
    monkeypatch.setenv("HEADROOM_MODELS", str(copy.parent))
    assert weights.find("headroom-1") == copy


def test_nothing_beyond_the_halo_reaches_a_tile() -> None:
    """The receptive field is what the contract says: a change further away than the halo changes no bit."""
    torch.manual_seed(0)
    network = HeadroomOne().eval()
    halo = network.contract.halo_px
    side = 2 * halo + 48
    x, alpha = torch.rand(1, 3, side, side), torch.rand(1, 3, side, side)
    features = torch.rand(1, network.config.scene_features + 4, 8, 8)
    place = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    changed = x.clone()
    changed[..., :16, :] = 1 - changed[..., :16, :]
    core = slice(16 + halo, 16 + halo + 16)
    with torch.inference_mode():
        before = network.local(x, alpha, features, place).gain_log2[..., core, :]
        after = network.local(changed, alpha, features, place).gain_log2[..., core, :]
        nearer = network.local(changed, alpha, features, place).gain_log2[..., :32, :]
    assert torch.equal(before, after)
    assert not torch.equal(nearer, network.local(x, alpha, features, place).gain_log2[..., :32, :])
