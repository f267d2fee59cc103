"""The same ground for every test: seeds, environment, one thread."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

# Before numpy and torch: one thread, and no GPU unless the tests marked gpu are wanted.
os.environ.setdefault("OMP_NUM_THREADS", "1")
if not os.environ.get("HEADROOM_TEST_GPU"):
    os.environ["CUDA_VISIBLE_DEVICES"] = ""

import hypothesis  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

hypothesis.settings.register_profile("headroom", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("headroom")

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OCIO", "OCIO_ACTIVE_DISPLAYS", "OCIO_ACTIVE_VIEWS", "HEADROOM_MODELS", "HEADROOM_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("XDG_DATA_HOME", os.devnull)  # models that the user imported


@pytest.fixture(autouse=True)
def fixed_chance() -> Iterator[None]:
    random.seed(1)
    np.random.seed(1)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(1)
    yield


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of HDR scenes, brackets and damaged files that lies beside the repository."""
    folder = Path(os.environ.get("HEADROOM_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data at {folder}; name it in HEADROOM_DATA")
    return folder


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder whose headroom-1 is tiny and has random weights."""
    from tiny_model import make_tiny_model

    return make_tiny_model(tmp_path_factory.mktemp("models"), name="headroom-1").parent


@pytest.fixture
def tiny_headroom_1(tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default model is the tiny one."""
    monkeypatch.setenv("HEADROOM_MODELS", str(tiny_models))
    return tiny_models / "headroom-1"


@pytest.fixture
def gpu() -> str:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return "cuda"
