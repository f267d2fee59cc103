"""headroom: gives a clipped photograph, plate or panorama its linear light back.

    plate = headroom.read("plate.jpg")
    hdr = headroom.reconstruct(plate)
    headroom.write(hdr, "plate.exr", space="ACEScg")
    hdr = headroom.merge(["dark.jpg", "middle.jpg", "bright.jpg"])

The public names load on first use, so that ``import headroom`` stays quick and needs neither torch nor numpy.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headroom.api import merge, reconstruct, write
    from headroom.errors import HeadroomError
    from headroom.io import read
    from headroom.plate import Plate, Reconstruction, Window
    from headroom.reconstruct import Options, Reconstructor

__version__ = "0.1.0"

__all__ = [
    "HeadroomError",
    "Options",
    "Plate",
    "Reconstruction",
    "Reconstructor",
    "Window",
    "__version__",
    "merge",
    "read",
    "reconstruct",
    "write",
]

_HOMES = {
    "HeadroomError": "headroom.errors",
    "Options": "headroom.reconstruct",
    "Plate": "headroom.plate",
    "Reconstruction": "headroom.plate",
    "Reconstructor": "headroom.reconstruct",
    "Window": "headroom.plate",
    "read": "headroom.io",
    "write": "headroom.api",
}


def __getattr__(name: str) -> Any:
    if name in _CALLABLE:
        return import_module(f"headroom.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))


_CALLABLE = ("merge", "reconstruct")


class _CallableModule(ModuleType):
    """`headroom.reconstruct` is a module and the function of its name: importing the one must not hide the other."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return getattr(import_module("headroom.api"), self.__name__.rpartition(".")[2])(*arguments, **options)


class _Package(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        if name in _CALLABLE and type(value) is ModuleType:
            value.__class__ = _CallableModule
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
