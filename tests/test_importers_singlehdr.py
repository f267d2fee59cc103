"""SingleHDR's checkpoints in its authors' layout: what comes in answers as TensorFlow did, nothing else comes in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from headroom import weights
from headroom.errors import WeightsError
from headroom.importers.singlehdr import convert, read
from headroom.importers.table import import_model
from headroom.networks.singlehdr.system import SingleHDR

GOLDEN = Path(__file__).parent / "data" / "singlehdr" / "golden.npz"
Variables = dict[str, np.ndarray]
SCOPES = {"deq": ("Dequantization_Net",), "lin": ("crf_feature_net", "ae_invcrf"), "hal": ("Hallucination_Net",)}


@pytest.fixture
def variables() -> Variables:
    with np.load(GOLDEN) as file:
        return {name: file[name] for name in file.files if not name.startswith("out:")}


def test_widths_come_from_the_shapes(variables: Variables) -> None:
    config, tensors = convert(variables, named="golden")
    assert config.dequantize_widths == (2, 3, 3, 4, 4)
    assert config.refine_widths == (2, 3, 3, 3, 3)
    assert config.hallucinate_widths == (4, 4, 6, 6, 6)
    assert config.linearize_width == 2
    SingleHDR(config).load_state_dict(tensors, strict=True)


def test_refinement_may_be_absent(variables: Variables) -> None:
    kept = {name: value for name, value in variables.items() if not name.startswith("Refinement_Net")}
    config, _ = convert(kept, named="golden")
    assert config.refine_widths == ()


def test_a_stage_that_is_missing_is_named(variables: Variables) -> None:
    kept = {name: value for name, value in variables.items() if name.startswith("Dequantization_Net")}
    with pytest.raises(WeightsError, match=r"deq: holds dequantize, not linearize, hallucinate; give the checkpoints"):
        convert(kept, named="deq")
    with pytest.raises(WeightsError, match=r"x: holds no stage of SingleHDR"):
        convert({"dense/kernel": np.zeros((2, 2))}, named="x")


def test_nothing_may_be_missing_left_over_or_of_another_shape(variables: Variables) -> None:
    name = "crf_feature_net/bn2b_branch2c/BatchNorm/gamma"
    fewer = {key: value for key, value in variables.items() if key != name}
    with pytest.raises(WeightsError, match=f"lacks {name}"):
        convert(fewer, named="x")
    with pytest.raises(WeightsError, match="holds the unknown Hallucination_Net/encoder/h1/conv_3/W_conv2d"):
        convert({**variables, "Hallucination_Net/encoder/h1/conv_3/W_conv2d": np.zeros(3)}, named="x")
    with pytest.raises(WeightsError, match=rf"{name} is \(3,\), which does not fit"):
        convert({**variables, name: np.zeros(3)}, named="x")
    with pytest.raises(WeightsError, match="not finite"):
        convert({**variables, name: np.full_like(variables[name], np.nan)}, named="x")


def test_checkpoints_of_the_stages_become_a_model_that_answers_as_tensorflow_did(
    variables: Variables, tmp_path: Path
) -> None:
    paths = [write(tmp_path / f"{stage}.ckpt", pick(variables, scopes)) for stage, scopes in SCOPES.items()]
    card = import_model("singlehdr", paths, tmp_path / "singlehdr")
    model = weights.load(card.folder, network="singlehdr")
    with np.load(GOLDEN) as file, torch.inference_mode():
        x = torch.from_numpy(file["out:x"] / np.float32(255)).permute(0, 3, 1, 2)
        hallucinated = model.module(x).hallucinated.permute(0, 2, 3, 1)
        np.testing.assert_allclose(hallucinated, file["out:hallucinated"], rtol=2e-5, atol=2e-5)
    assert card.facts["source"]


def test_a_whole_checkpoint_with_its_optimiser_is_read_and_none_twice(variables: Variables, tmp_path: Path) -> None:
    slots = {f"{name}/Adam_1": value for name, value in variables.items()} | {"beta1_power": np.float32(0.9)}
    whole = write(tmp_path / "model.ckpt-100", {**variables, **slots})
    imported = read([whole])
    assert imported.config.refine_widths
    with pytest.raises(WeightsError, match=r"model\.ckpt-100 and in .*deq\.ckpt; give each stage's checkpoint once"):
        read([whole, write(tmp_path / "deq.ckpt", pick(variables, SCOPES["deq"]))])


def pick(variables: Variables, scopes: tuple[str, ...]) -> Variables:
    return {name: value for name, value in variables.items() if name.startswith(scopes)}


def write(prefix: Path, variables: Variables) -> Path:
    """As TensorFlow 1's saver does."""
    pytest.importorskip("tensorflow", reason="TensorFlow, an extra, writes and reads the checkpoints of this test")
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        for name, value in variables.items():
            tf.compat.v1.get_variable(name, initializer=value)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(prefix))
    return prefix
