"""TensorFlow checkpoints, of TensorFlow 1 and 2, as plain arrays by name.

A checkpoint is ``NAME.index`` and ``NAME.data-00000-of-0000N`` (TensorFlow 1 writes a ``NAME.meta`` beside it, which
holds the graph and is not read: nothing of a checkpoint is executed). TensorFlow is an optional extra.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.errors import WeightsError

__all__ = ["checkpoint_files", "checkpoint_prefix", "read_checkpoint"]

_PART = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_OBJECT_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
"""What TensorFlow 2 hangs on the path of every variable that an object holds."""


def checkpoint_prefix(path: Path) -> Path:
    """The name that a checkpoint's files share, from that name, from one of the files, or from their folder.

    A folder is asked for the checkpoint that its file ``checkpoint`` calls the latest, else for the only one in it.
    ``WeightsError`` where there is none, or several.
    """
    if path.is_dir():
        return _in_folder(path)
    prefix = path.with_name(_PART.sub("", path.name))
    if prefix.with_name(prefix.name + ".index").is_file():
        return prefix
    if not path.exists():
        raise WeightsError(f"{path}: no checkpoint here; give the name before .index, or one of the files")
    raise WeightsError(f"{path}: {prefix.name}.index is not beside it, so it is not a TensorFlow checkpoint")


def checkpoint_files(path: Path) -> list[Path]:
    """The files of a checkpoint that hold its values, in order of name: index and data."""
    prefix = checkpoint_prefix(path)
    named = [file for file in prefix.parent.iterdir() if file.name.startswith(f"{prefix.name}.")]
    kept = [f for f in named if _PART.sub("", f.name) == prefix.name and _PART.search(f.name) and f.suffix != ".meta"]
    return sorted(kept)


def read_checkpoint(path: Path) -> dict[str, npt.NDArray[Any]]:
    """All numeric variables of a checkpoint by name; TensorFlow 2's object paths lose their common ending.

    ``path`` as in ``checkpoint_prefix``. ``WeightsError`` where TensorFlow is missing or the files are damaged.
    """
    prefix = checkpoint_prefix(Path(path))
    tf = _tensorflow()
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        names = sorted(reader.get_variable_to_shape_map())
        arrays = {name.removesuffix(_OBJECT_SUFFIX): np.asarray(reader.get_tensor(name)) for name in names}
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(f"{prefix}: the checkpoint cannot be read ({reason}); fetch its files again") from error
    numbers = {name: array for name, array in arrays.items() if array.dtype.kind in "fiu"}
    if not numbers:
        raise WeightsError(f"{prefix}: the checkpoint holds no numbers")
    return numbers


def _in_folder(folder: Path) -> Path:
    found = sorted(file.with_name(file.name.removesuffix(".index")) for file in folder.glob("*.index"))
    state = folder / "checkpoint"
    if state.is_file():
        latest = re.search(r'^model_checkpoint_path:\s*"(.*)"', state.read_text("utf-8", "replace"), re.MULTILINE)
        # The path was absolute on the machine that trained: only its name says anything here.
        named = folder / re.split(r"[/\\]", latest[1])[-1] if latest else None
        if named in found:
            return named
    if len(found) == 1:
        return found[0]
    names = ", ".join(prefix.name for prefix in found) or "none"
    raise WeightsError(f"{folder}: one checkpoint is wanted, there are: {names}; name the one that is meant")


def _tensorflow() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its greeting is of no use here
    try:
        import tensorflow as tf
    except ImportError as error:
        raise WeightsError(
            "TensorFlow checkpoints need TensorFlow to be read: pip install 'headroom-hdr[tensorflow]'"
        ) from error
    return tf
