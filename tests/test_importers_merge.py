"""The merge networks' weights as their authors wrote them, into ours: nothing missing, left over or turned round."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from headroom.errors import WeightsError
from headroom.importers import ahdrnet, kalantari, wu
from headroom.importers.table import IMPORTERS, Imported, import_model
from headroom.networks.kalantari import Kalantari
from headroom.networks.merging import MergeNetwork
from headroom.networks.table import NETWORKS
from headroom.weights import load
from merge_stacks import photographed, scene, small

Variables = dict[str, np.ndarray]
ANYWHERE = Path("checkpoint")


def theirs(network: MergeNetwork, names: dict[str, str]) -> Variables:
    """Our state dict as TensorFlow holds it: kernels (height, width, in, out)."""
    state = network.state_dict()
    turned = {name: state[ours].numpy() for name, ours in names.items()}
    return {name: a.transpose(2, 3, 1, 0) if a.ndim == 4 else a for name, a in turned.items()}


def wus() -> tuple[MergeNetwork, Variables]:
    network = small("wu-resnet")
    return network, theirs(network, dict(wu.layout(9)))


def kalantaris(form: str) -> tuple[MergeNetwork, Variables]:
    """As the remake saves it: blue first."""
    network = small(f"kalantari-{form}")
    parts = {"kernel": "weight", "bias": "bias"}
    names = {f"myModel/conv{i}/{t}": f"conv{i}.{o}" for i in range(1, 5) for t, o in parts.items()}
    found = theirs(network, names)
    out = found["myModel/conv4/bias"].size

    def swapped(array: np.ndarray) -> np.ndarray:
        return array.reshape(*array.shape[:-1], -1, 3)[..., ::-1].reshape(array.shape).copy()

    first = found["myModel/conv1/kernel"]
    found["myModel/conv1/kernel"] = swapped(first.transpose(0, 1, 3, 2)).transpose(0, 1, 3, 2)
    for name in ("myModel/conv4/kernel", "myModel/conv4/bias"):
        assert found[name].shape[-1] == out
        found[name] = swapped(found[name])
    return network, found | {"save_counter": np.array(3)}


def rebuilt(imported: Imported, name: str) -> MergeNetwork:
    network = NETWORKS[name][0](imported.config)
    network.load_state_dict(imported.tensors, strict=True)
    assert isinstance(network, MergeNetwork)
    return network.eval()


def same_light(one: MergeNetwork, other: MergeNetwork) -> None:
    stack = photographed(scene(32, 40), [-2, 0, 2], 1)
    with torch.inference_mode():
        torch.testing.assert_close(one.merge(stack).radiance, other.merge(stack).radiance, rtol=0, atol=0)


# ---- AHDRNet ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"epoch": 7, "state_dict": s}], ids=["plain", "wrapped"])
@pytest.mark.parametrize("before", ["", "module."])
def test_ahdrnet_comes_back_as_it_was(tmp_path: Path, wrap: Callable[[Any], Any], before: str) -> None:
    network = small("ahdrnet")
    torch.save(wrap({before + key: value for key, value in network.state_dict().items()}), tmp_path / "model.pth")
    card = import_model("ahdrnet", [tmp_path / "model.pth"], tmp_path / "ahdrnet")
    loaded = load(tmp_path / "ahdrnet", network="ahdrnet")
    same_light(loaded.module, network)
    assert card.network == "ahdrnet" and card.config == {"features": 6, "growth": 4, "dense_layers": 6}


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("this must never run",)


@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_code_in_a_pth_file_never_runs(tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.pth"
    if how == "torch":
        torch.save({"conv1.weight": torch.zeros(1), "more": Hostile()}, path)
    else:
        path.write_bytes(pickle.dumps({"conv1.weight": Hostile()}))
    with pytest.raises(WeightsError, match="more than tensors"):
        ahdrnet.read([path])
    assert "never run" not in capsys.readouterr().out


def saved(tmp_path: Path, state: Any) -> Path:
    torch.save(state, tmp_path / "x.pth")
    return tmp_path / "x.pth"


def test_another_state_dict_is_refused_by_name_and_shape(tmp_path: Path) -> None:
    state = small("ahdrnet").state_dict()
    lacking = {key: value for key, value in state.items() if key != "attConv3.bias"}
    with pytest.raises(WeightsError, match=r"lacks attConv3\.bias"):
        ahdrnet.read([saved(tmp_path, lacking)])
    with pytest.raises(WeightsError, match="holds the unknown extra"):
        ahdrnet.read([saved(tmp_path, {**state, "extra": torch.zeros(1)})])
    with pytest.raises(WeightsError, match="att11.bias is"):
        ahdrnet.read([saved(tmp_path, {**state, "att11.bias": torch.zeros(3)})])
    with pytest.raises(WeightsError, match="not finite"):
        ahdrnet.read([saved(tmp_path, {**state, "att11.bias": torch.full((12,), torch.nan)})])
    with pytest.raises(WeightsError, match="no state dict"):
        ahdrnet.read([saved(tmp_path, [1, 2])])
    with pytest.raises(WeightsError, match="is no state dict of AHDRNet"):
        ahdrnet.read([saved(tmp_path, {"weight": torch.zeros(1)})])
    (tmp_path / "torn.pth").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(WeightsError, match="torn"):
        ahdrnet.read([tmp_path / "torn.pth"])


# ---- Wu and Kalantari, from variables --------------------------------------------------------------------------


def test_wu_comes_back_as_it_was_without_what_the_optimiser_left() -> None:
    network, variables = wus()
    adam = {f"{name}/Adam": array for name, array in variables.items()} | {"beta1_power": np.array(0.5)}
    imported = wu.convert(variables | adam, ANYWHERE)
    assert (imported.config.width, imported.config.blocks, len(imported.tensors)) == (4, 9, 158)
    same_light(rebuilt(imported, "wu"), network)


def test_another_checkpoint_is_not_wus() -> None:
    _, variables = wus()
    with pytest.raises(WeightsError, match="no checkpoint of Wu"):
        wu.convert({"conv/w": np.zeros(3)}, ANYWHERE)
    with pytest.raises(WeightsError, match="lacks generator/decoder/g_d2/w"):
        wu.convert({name: a for name, a in variables.items() if name != "generator/decoder/g_d2/w"}, ANYWHERE)
    with pytest.raises(WeightsError, match="holds the unknown generator/x"):
        wu.convert(variables | {"generator/x": np.zeros(1)}, ANYWHERE)
    with pytest.raises(WeightsError, match="g_d3_bn/gamma is"):
        wu.convert(variables | {"generator/decoder/g_d3_bn/gamma": np.zeros(9)}, ANYWHERE)


@pytest.mark.parametrize("form", ["direct", "we", "wie"])
def test_kalantaris_remake_comes_back_as_it_was(form: str) -> None:
    network, variables = kalantaris(form)
    again = rebuilt(kalantari.convert(variables, ANYWHERE), "kalantari")
    assert isinstance(again, Kalantari) and again.config.form == form
    same_light(again, network)


def test_another_checkpoint_is_not_kalantaris() -> None:
    _, variables = kalantaris("we")
    with pytest.raises(WeightsError, match="3, 9 or 18 outputs"):
        kalantari.convert({}, ANYWHERE)
    with pytest.raises(WeightsError, match="lacks conv2"):
        kalantari.convert({name: a for name, a in variables.items() if "conv2" not in name}, ANYWHERE)
    with pytest.raises(WeightsError, match="conv3/kernel is"):
        kalantari.convert(variables | {"myModel/conv3/kernel": np.zeros((1, 1, 8, 6))}, ANYWHERE)


# ---- through TensorFlow ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tf() -> Any:
    return pytest.importorskip("tensorflow", reason="the optional extra tensorflow is not installed")


@pytest.mark.filterwarnings("ignore")
def test_wus_checkpoint_of_tensorflow_1_gives_tensorflows_own_light(tf: Any, tmp_path: Path) -> None:
    network, variables = wus()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        held = [tf.compat.v1.get_variable(name, initializer=array) for name, array in variables.items()]
        held.append(tf.compat.v1.get_variable("beta2_power", initializer=np.float32(0.9)))
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(held).save(session, str(tmp_path / "model-1"))
    import_model("wu", [tmp_path / "model-1"], tmp_path / "wu-resnet")
    loaded = load(tmp_path / "wu-resnet", network="wu").module
    same_light(loaded, network)
    frames = loaded.encode(photographed(scene(32, 40), [-2, 0, 2], 1))
    with torch.inference_mode():
        found = loaded(*frames).permute(0, 2, 3, 1).numpy()
    expected = wu_in_tensorflow(tf, variables, [frame.permute(0, 2, 3, 1).numpy() for frame in frames])
    np.testing.assert_allclose(found, expected, atol=2e-5)


def wu_in_tensorflow(tf: Any, variables: Variables, frames: list[np.ndarray]) -> np.ndarray:
    """The paper's network said again in TensorFlow's own operators."""

    def get(name: str) -> np.ndarray:
        return variables[f"generator/{name}"]

    def norm(x: Any, name: str) -> Any:
        scale, shift = get(f"{name}/gamma"), get(f"{name}/beta")
        return tf.nn.batch_normalization(
            x, get(f"{name}/moving_mean"), get(f"{name}/moving_variance"), shift, scale, 1e-5
        )

    def conv(x: Any, name: str, stride: int) -> Any:
        kernel = get(f"{name}/w")
        total = kernel.shape[0] - stride
        sides = [[total // 2, total - total // 2]] * 2
        edge = tf.pad(x, [[0, 0], *sides, [0, 0]], "REFLECT")
        return tf.nn.conv2d(edge, kernel, stride, "VALID") + get(f"{name}/biases")

    def up(x: Any, name: str) -> Any:
        kernel = get(f"{name}/w")
        size = [1, 2 * x.shape[1], 2 * x.shape[2], kernel.shape[2]]
        return norm(tf.nn.conv2d_transpose(x, kernel, size, 2) + get(f"{name}/biases"), f"{name}_bn")

    def leaky(x: Any) -> Any:
        return tf.nn.leaky_relu(x, 0.2)

    half = [conv(frame, f"encoder{i + 1}/g_e1_conv", 2) for i, frame in enumerate(frames)]
    quarter = [
        norm(conv(leaky(x), f"encoder{i + 1}/g_e2_conv", 2), f"encoder{i + 1}/g_e2_bn") for i, x in enumerate(half)
    ]
    eighth = norm(conv(leaky(tf.concat(quarter, 3)), "merger/g_e3_conv", 2), "merger/g_e3_bn")
    deep = eighth
    for block in range(1, 10):
        start = tf.nn.relu(deep)
        inner = tf.nn.relu(norm(conv(start, f"merger/g_r{block}_c1", 1), f"merger/g_r{block}_bn1"))
        deep = norm(conv(inner, f"merger/g_r{block}_c2", 1), f"merger/g_r{block}_bn2") + start
    x = up(tf.nn.relu(tf.concat([deep, eighth], 3)), "decoder/g_d1")
    x = up(tf.nn.relu(tf.concat([x, *quarter], 3)), "decoder/g_d2")
    x = up(tf.nn.relu(tf.concat([x, *half], 3)), "decoder/g_d3")
    return np.asarray(tf.tanh(conv(tf.nn.relu(x), "decoder/g_d_out_conv", 1)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["direct", "we", "wie"])
def test_kalantaris_checkpoint_of_tensorflow_2_gives_kerass_own_outputs(
    tf: Any, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, variables = kalantaris(form)
    layers = {}
    for number, activation in ((1, "relu"), (2, "relu"), (3, "relu"), (4, "sigmoid")):
        kernel = variables[f"myModel/conv{number}/kernel"]
        made = tf.keras.layers.Conv2D(kernel.shape[3], kernel.shape[:2], activation=activation, padding="same")
        made.build((None, None, None, kernel.shape[2]))
        made.set_weights([kernel, variables[f"myModel/conv{number}/bias"]])
        layers[f"conv{number}"] = made
    holder = tf.Module()
    for name, layer in layers.items():
        holder_layer = tf.Module()
        holder_layer.kernel, holder_layer.bias = (tf.Variable(w) for w in layer.get_weights())
        setattr(holder, name, holder_layer)
    prefix = tf.train.Checkpoint(myModel=holder).save(str(tmp_path / "model.ckpt"))
    monkeypatch.setenv("HEADROOM_MODELS", str(tmp_path))
    assert import_model("kalantari", [Path(prefix)]).name == f"kalantari-{form}"
    loaded = load(f"kalantari-{form}", network="kalantari").module
    same_light(loaded, network)
    codes_hdr = loaded.encode(photographed(scene(16, 20), [-2, 0, 2], 1))
    with torch.inference_mode():
        found = loaded(codes_hdr)[0].numpy()
    x = codes_hdr[0].numpy().reshape(6, 3, 16, 20)[:, ::-1].reshape(18, 16, 20).transpose(1, 2, 0)[None].copy()
    for layer in layers.values():
        x = layer(x)
    expected = np.asarray(x)[0].transpose(2, 0, 1)
    expected = expected.reshape(-1, 3, 16, 20)[:, ::-1].reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_the_table_knows_them() -> None:
    assert {"ahdrnet", "wu", "kalantari"} <= set(IMPORTERS)
