"""A model as one TorchScript file for Nuke's CatFileCreator: pixels of the pipe in, pixels of the pipe out."""

from __future__ import annotations

from headroom.torchscript.export import Exported, export

__all__ = ["Exported", "export"]
