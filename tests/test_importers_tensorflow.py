"""TensorFlow's checkpoints: found by any of their names, read by name; nothing without TensorFlow but a clear word."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from headroom.errors import WeightsError
from headroom.importers.tensorflow_checkpoint import checkpoint_files, checkpoint_prefix, read_checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("model.ckpt-500000.index", "model.ckpt-500000.meta", "model.ckpt-500000.data-00000-of-00001"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("ending", ["", ".index", ".meta", ".data-00000-of-00001"])
def test_any_of_a_checkpoint_s_names_will_do(folder: Path, ending: str) -> None:
    assert checkpoint_prefix(folder / f"model.ckpt-500000{ending}") == folder / "model.ckpt-500000"


def test_the_files_that_hold_values_are_named(folder: Path) -> None:
    (folder / "model.ckpt-500000.txt").write_bytes(b"")
    names = [file.name for file in checkpoint_files(folder / "model.ckpt-500000")]
    assert names == ["model.ckpt-500000.data-00000-of-00001", "model.ckpt-500000.index"]


def test_a_folder_s_latest_is_taken_wherever_it_was_trained(folder: Path) -> None:
    (folder / "model.ckpt-2.index").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"model\.ckpt-2, model\.ckpt-500000"):
        checkpoint_prefix(folder)
    (folder / "checkpoint").write_text('model_checkpoint_path: "/home/author/run/model.ckpt-2"\n')
    assert checkpoint_prefix(folder) == folder / "model.ckpt-2"


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no checkpoint here"):
        checkpoint_prefix(tmp_path / "gone.ckpt")
    (tmp_path / "params.npz").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"params\.npz\.index is not beside it"):
        checkpoint_prefix(tmp_path / "params.npz")
    with pytest.raises(WeightsError, match="there are: none"):
        checkpoint_prefix(tmp_path)


def test_without_tensorflow_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(WeightsError, match=r"pip install 'headroom-hdr\[tensorflow\]'"):
        read_checkpoint(folder)


def test_variables_of_tensorflow_1_come_by_name(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is an extra; CI's own job has it")
    import tensorflow as tf

    values = {"net/conv/W_conv2d": np.arange(54, dtype=np.float32).reshape(3, 3, 2, 3), "global_step": np.int64(7)}
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        for name, value in values.items():
            tf.compat.v1.get_variable(name, initializer=value)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(tmp_path / "model.ckpt"), global_step=7)
    read = read_checkpoint(tmp_path)
    assert sorted(read) == sorted(values)
    np.testing.assert_array_equal(read["net/conv/W_conv2d"], values["net/conv/W_conv2d"])


def test_variables_of_tensorflow_2_come_by_their_path(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is an extra; CI's own job has it")
    import tensorflow as tf

    kernel = tf.Variable(np.ones((1, 2), np.float32))
    layer = tf.Module()
    layer.kernel = kernel
    tf.train.Checkpoint(layer=layer).write(str(tmp_path / "ckpt-1"))
    read = read_checkpoint(tmp_path / "ckpt-1.index")
    np.testing.assert_array_equal(read["layer/kernel"], kernel.numpy())
    assert not any("OBJECT_GRAPH" in name for name in read)


def test_a_torn_checkpoint_is_an_error_of_one_line(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is an extra; CI's own job has it")
    (tmp_path / "a.ckpt.index").write_bytes(b"not an index at all")
    with pytest.raises(WeightsError, match=r"a\.ckpt: the checkpoint cannot be read") as caught:
        read_checkpoint(tmp_path / "a.ckpt")
    assert "\n" not in str(caught.value)
