"""Arrays out of NumPy files that hold pickled objects, without unpickling anything but arrays.

A pickle is a program: it may name any function of any module and have it called. Here the few names that NumPy writes
are bound to small classes of this file, which build arrays from shape, type and bytes; every other name is refused,
and no function of NumPy itself runs.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.errors import WeightsError

__all__ = ["read_array_list"]

Array = npt.NDArray[Any]

BYTES_MOST = 2 << 30
"""Of one member of an archive, unpacked: a bomb ends here."""
NUMBER_TYPES = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"}
OBJECT_TYPES = {"O", "O8"}
BYTE_ORDERS = {"<": "<", ">": ">", "|": "|", "=": "="}


class _Dtype:
    """Stands for ``numpy.dtype``."""

    def __init__(self, code: Any = None, align: Any = False, copy: Any = True) -> None:
        self.code = code.decode("latin1") if isinstance(code, bytes) else code
        if self.code not in NUMBER_TYPES | OBJECT_TYPES:
            raise pickle.UnpicklingError(f"an array of type {self.code!r:.40}")
        self.order = "|"

    def __setstate__(self, state: Any) -> None:
        order = state[1].decode("latin1") if isinstance(state[1], bytes) else state[1]
        if order not in BYTE_ORDERS or any(part is not None for part in state[2:5]):
            raise pickle.UnpicklingError("a structured array")
        self.order = order

    @property
    def is_object(self) -> bool:
        return self.code in OBJECT_TYPES

    @property
    def real(self) -> np.dtype[Any]:
        return np.dtype(BYTE_ORDERS[self.order].replace("|", "=") + self.code)


class _Array:
    """Stands for ``numpy.ndarray``; ``value`` is the array, once its state is set."""

    def __init__(self) -> None:
        self.value: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        if not isinstance(dtype, _Dtype) or not all(type(side) is int and side >= 0 for side in shape):
            raise pickle.UnpicklingError("an array that is none")
        count = math.prod(shape)
        if dtype.is_object:
            if not isinstance(data, list) or len(data) != count:
                raise pickle.UnpicklingError("an object array that does not hold what it says")
            self.value = data
            return
        raw = data.encode("latin1") if isinstance(data, str) else data
        if not isinstance(raw, bytes | bytearray) or len(raw) != count * dtype.real.itemsize:
            raise pickle.UnpicklingError("an array that does not hold what it says")
        array = np.frombuffer(raw, dtype.real)
        self.value = array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


class _Reconstruct:
    """Stands for NumPy's function of that name: an empty array, filled by its state."""

    __slots__ = ()  # a pickle may set attributes of what it names: there are none

    def __call__(self, kind: Any, shape: Any, code: Any) -> _Array:
        if kind is not _Array:
            raise pickle.UnpicklingError("an array of a class of its own")
        return _Array()


class _Encode:
    """Stands for ``_codecs.encode``: how Python 3 writes bytes in old protocols."""

    __slots__ = ()

    def __call__(self, text: str, encoding: str = "latin1") -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise pickle.UnpicklingError(f"bytes by the codec {encoding!r:.40}")
        return text.encode("latin1")


KNOWN: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _Reconstruct(),
    ("numpy._core.multiarray", "_reconstruct"): _Reconstruct(),
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _Encode(),
}
"""Every name that may be in such a pickle."""


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return KNOWN[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module_name}.{global_name}, which is no NumPy array") from None


def read_array_list(path: Path, key: str) -> list[Array]:
    """The arrays of a list that was saved as ``np.savez(path, key=list)``.

    ``WeightsError`` where the file is anything else, or holds anything but arrays of numbers.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if names != [f"{key}.npy"]:
                raise WeightsError(f"{path}: holds {', '.join(names[:4])} and not the one list {key!r}")
            if archive.getinfo(names[0]).file_size > BYTES_MOST:
                raise WeightsError(f"{path}: {names[0]} unpacks to more than {BYTES_MOST >> 30} GB; not weights")
            content = archive.read(names[0])
        return _array_list(io.BytesIO(content))
    except WeightsError:
        raise
    except pickle.UnpicklingError as error:
        raise WeightsError(f"{path}: refused, its pickle holds {_one_line(error)}; nothing of it was run") from error
    except (OSError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path}: not an .npz file that can be read ({_one_line(error)})") from error
    except Exception as error:  # noqa: BLE001  damaged pickles fail in every way there is
        raise WeightsError(f"{path}: a damaged list of arrays ({type(error).__name__}: {_one_line(error)})") from error


def _array_list(file: io.BytesIO) -> list[Array]:
    version = np.lib.format.read_magic(file)
    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    _, _, dtype = header[version](file)
    if dtype != np.dtype(object):
        raise ValueError(f"one array of {dtype}")
    content = _ArraysOnly(file, encoding="latin1").load()
    values = content.value if isinstance(content, _Array) else None
    if not isinstance(values, list) or not all(isinstance(item, _Array) for item in values):
        raise pickle.UnpicklingError("something that is no list of arrays")
    arrays = [item.value for item in values]
    if not all(isinstance(array, np.ndarray) for array in arrays):
        raise pickle.UnpicklingError("lists within its list of arrays")
    return arrays


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
