"""Runs a network over a frame, a band of tiles at a time, within a memory budget."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from headroom.engine.device import is_out_of_memory, pick_device, pick_precision, planning_memory
from headroom.engine.doubt import picked
from headroom.engine.tiles import Rect, Tile, padded, plan, split
from headroom.errors import DeviceError
from headroom.networks.contract import NetworkContract
from headroom.networks.curve_net import Curve, Lines
from headroom.networks.single_image import SingleImageNetwork
from headroom.plate import FloatArray

__all__ = ["BandInput", "BandOutput", "FrameRow", "Runner", "TilePlan"]

log = logging.getLogger(__name__)

BAND_BYTES_PER_PX = 200
"""Arrays that a band of rows holds besides the network: codes, light, mask, gain, result, and their temporaries."""
PROCESS_BYTES = 400 << 20
"""Python, torch, OpenColorIO and the weights."""
HOST_BAND_BYTES = 4 << 30
"""The most that a band of rows may take beside a GPU."""
TILE_PX_LARGEST = 2048
TILE_PX_SMALLEST = 128
"""Smaller tiles would be nearly all halo: a budget that cannot hold even these is exceeded, and said to be."""
BATCH_LARGEST = 16
LARGE_HALO_PX = 128
"""Networks that look further round a tile spend most of their time on halos unless tiles are as large as can be."""


@dataclass(frozen=True)
class TilePlan:
    """How a frame is cut up: tile and halo in pixels, tiles a batch."""

    tile_px: int
    halo_px: int
    batch: int
    rows: list[list[Tile]]
    over_budget: bool
    """Whether even the smallest tile needs more memory than was allowed."""


@dataclass(frozen=True)
class BandInput:
    """Rows ``y0 ..`` of the frame for one row of tiles, halo included."""

    y0: int
    x_srgb: FloatArray
    """(h, W, 3) 0..1."""
    alpha: FloatArray
    """(h, W, 3) 0..1."""


@dataclass(frozen=True)
class BandOutput:
    """The cores of one row of tiles."""

    gain_log2: FloatArray
    """(h, W, 3) stops, at least 0, of the light that was picked."""
    spread_log2: FloatArray
    """(h, W) log2 of the expected error of the median's gain, in stops."""
    dequantize: FloatArray | None
    """(h, W, 3) -1..1 half codes, if asked for."""


@dataclass(frozen=True)
class FrameRow:
    """One row of tiles of a frame."""

    tiles: Sequence[Tile]
    band: BandInput
    size: tuple[int, int]
    """Width and height of the frame."""
    features: Tensor
    """The scene's, of the whole frame."""

    @property
    def first_row(self) -> int:
        """Of the cores."""
        return self.tiles[0].core.y0

    def empty(self, dequantize: bool) -> BandOutput:
        """Where its result will stand."""
        rows, width = self.tiles[0].core.height, self.size[0]
        return BandOutput(
            np.zeros((rows, width, 3), np.float32),
            np.zeros((rows, width), np.float32),
            np.zeros((rows, width, 3), np.float32) if dequantize else None,
        )


@dataclass(frozen=True)
class _Piece:
    tile: Tile
    row: FrameRow
    out: BandOutput
    refine: bool
    light: str


class Runner:
    """A network on a device. Not safe for several threads at once."""

    def __init__(
        self,
        module: SingleImageNetwork,
        *,
        device: str = "auto",
        precision: str = "auto",
        memory_bytes: int | None = None,
        compile_network: bool = False,
    ) -> None:
        """Move the module and choose precision; ``DeviceError`` where the device is missing."""
        self.contract: NetworkContract = module.contract
        self.device = pick_device(device)
        self.dtype = pick_precision(precision, self.device, self.contract.dtypes)
        self.memory_bytes = memory_bytes
        to: Any = module.to  # its stub knows no memory_format
        self.module: SingleImageNetwork = to(self.device, memory_format=torch.channels_last).eval()
        self._local: Any = self.module.local
        if compile_network:
            # On CUDA with CUDA graphs: one launch a tile. A shot has few sizes of tiles; each is captured once.
            how: dict[str, Any] = {"mode": "reduce-overhead", "dynamic": False} if self.device.type == "cuda" else {}
            self._local = torch.compile(self.module.local, **how)
        self.pixels_run = 0
        """Pixels of windows (tiles with their halos) that went through the network so far, for ``headroom bench``."""

    @property
    def precision(self) -> str:
        """Name of the precision in use."""
        return str(self.dtype).removeprefix("torch.")

    def autocast(self) -> torch.autocast:
        """The context in which the local part runs: the precision in use."""
        return torch.autocast(self.device.type, self.dtype, self.dtype != torch.float32)

    def look(self, gathered: Any, table: FloatArray) -> Tensor:
        """What was gathered of the whole frame to the features that its tiles need, float32.

        ``table`` (1024,): the inverse response curve in use.
        """
        with torch.inference_mode():
            return self.module.look(gathered, torch.from_numpy(table)[None], self._upload)

    def curve(self, lines: Lines) -> Curve:
        """The lines of one frame to its inverse response curve, on the CPU."""
        module: Any = self.module
        with torch.inference_mode():
            curve = module.curve(Lines(*(part.to(self.device) for part in lines)))
        return Curve(*(part.cpu() for part in curve))

    def inverse_curve(self, gathered: Any) -> Tensor:
        """(1024,) the curve that a network without lines sees in a frame, float32, on the CPU."""
        with torch.inference_mode():
            return self.module.inverse_curve(gathered, self._upload)[0].float().cpu()

    def plan(self, width: int, height: int, *, plate_bytes: int = 0) -> TilePlan:
        """The largest tile, and then the largest batch, that the memory budget holds beside the plate itself."""
        budget = self.memory_bytes or planning_memory(self.device, self.contract.bytes_per_px)
        if self.device.type == "cpu":
            budget -= PROCESS_BYTES + plate_bytes
        multiple, halo = self.contract.multiple_of, self.contract.halo_px
        network_bytes = self.contract.bytes_per_px * (4 if self.dtype == torch.float32 else 2) // 4

        def fits(tile: int) -> bool:
            window_rows = min(tile + 2 * halo, padded(height, multiple))
            window_columns = min(tile + 2 * halo, padded(width, multiple))
            band = BAND_BYTES_PER_PX * window_rows * width
            network = network_bytes * window_rows * window_columns
            if self.device.type == "cpu":
                return band + network <= budget
            return network <= budget and band <= HOST_BAND_BYTES

        tile = largest = min(TILE_PX_LARGEST, padded(max(width, height), multiple))
        while tile > TILE_PX_SMALLEST and not fits(tile):
            tile = max(TILE_PX_SMALLEST, padded(tile // 2, multiple))
        while halo > LARGE_HALO_PX and tile < largest and fits(min(tile + halo, largest)):
            tile = padded(min(tile + halo, largest), multiple)
        rows = plan(width, height, tile_px=tile, halo_px=halo, multiple=multiple)
        batch = 1
        if self.device.type != "cpu":
            batch = int(max(1, min(BATCH_LARGEST, budget // (network_bytes * (tile + 2 * halo) ** 2))))
        return TilePlan(tile, halo, batch, rows, over_budget=not fits(tile))

    def band(
        self,
        tiles: Sequence[Tile],
        band: BandInput,
        size: tuple[int, int],
        features: Tensor,
        *,
        dequantize: bool,
        batch: int,
        on_tile: Callable[[], None],
        refine: bool = False,
        light: str = "median",
    ) -> BandOutput:
        """One row of tiles of a frame of ``size`` (width, height); ``on_tile`` is called after each and may raise.

        Tiles with nothing clipped skip the network, unless dequantising is asked for. ``refine``: of networks whose
        contract has that stage. ``light``: of those that are possible, as in ``engine.doubt``.
        """
        row = FrameRow(tiles, band, size, features)
        return self.bands([row], dequantize=dequantize, batch=batch, on_tile=on_tile, refine=refine, light=light)[0]

    def bands(
        self,
        rows: Sequence[FrameRow],
        *,
        dequantize: bool,
        batch: int,
        on_tile: Callable[[], None],
        refine: bool = False,
        light: str = "median",
    ) -> list[BandOutput]:
        """A row of tiles of each of several frames; tiles of one size go together, whichever frame they are of.

        On a GPU a small frame alone leaves most of it idle; on a CPU ``batch`` is 1 and nothing is gained.
        """
        groups: dict[tuple[int, int], list[_Piece]] = {}
        outs = []
        for row in rows:
            out = row.empty(dequantize)
            outs.append(out)
            for tile in row.tiles:
                if dequantize or _core_rows(row.band.alpha, row.band.y0, tile.core).any():
                    same_size = groups.setdefault((tile.window.width, tile.window.height), [])
                    same_size.append(_Piece(tile, row, out, refine, light))
                else:
                    on_tile()
        for same in groups.values():
            for start in range(0, len(same), batch):
                chunk = same[start : start + batch]
                self._run(chunk)
                for _ in chunk:
                    on_tile()
        return outs

    def _run(self, pieces: list[_Piece]) -> None:
        try:
            self._forward(pieces)
            return
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            smaller = pieces if len(pieces) > 1 else self._split(pieces[0], error)
        # Outside the handler: the failed call's tensors are released before the smaller ones are tried.
        for piece in smaller:
            self._run([piece])

    def _split(self, piece: _Piece, error: BaseException) -> list[_Piece]:
        contract, tile = self.contract, piece.tile
        parts = split(tile, *piece.row.size, halo_px=contract.halo_px, multiple=contract.multiple_of)
        if len(parts) == 1:
            raise DeviceError(
                f"out of memory on {self.device} with a tile of {tile.core.width}x{tile.core.height} px; "
                "close other programs, give less --memory, or use --device cpu"
            ) from error
        log.warning("out of memory on %s: tile of %d px halved", self.device, tile.core.width)
        return [_Piece(part, piece.row, piece.out, piece.refine, piece.light) for part in parts]

    def _forward(self, pieces: list[_Piece]) -> None:
        x, alpha = (
            self._upload(_windows([(getattr(piece.row.band, name), piece) for piece in pieces]))
            for name in ("x_srgb", "alpha")
        )
        place = torch.tensor([_place(piece.tile.window, *piece.row.size) for piece in pieces], dtype=torch.float64)
        asked = {"dequantize": pieces[0].out.dequantize is not None}
        if pieces[0].refine:
            asked["refine"] = True
        with torch.inference_mode(), self.autocast():
            local = self._local(
                x.permute(0, 3, 1, 2),  # channels last already
                alpha.permute(0, 3, 1, 2),
                _features(pieces),
                place if self.device.type == "mps" else place.to(self.device),
                **asked,
            )
            local = picked(local, alpha.permute(0, 3, 1, 2), pieces[0].light)
        self.pixels_run += x.shape[0] * x.shape[1] * x.shape[2]
        fetched = []
        for index, piece in enumerate(pieces):
            tile, out, y0 = piece.tile, piece.out, piece.row.first_row
            inside = slice(tile.core.y0 - y0, tile.core.y1 - y0), slice(tile.core.x0, tile.core.x1)
            fetched.append((out.gain_log2[inside], self._fetch(_core(local.gain_log2[index], tile))))
            fetched.append((out.spread_log2[inside][..., None], self._fetch(_core(local.spread_log2[index], tile))))
            if out.dequantize is not None and local.dequantize is not None:
                fetched.append((out.dequantize[inside], self._fetch(_core(local.dequantize[index], tile))))
        if self.device.type == "cuda":
            torch.cuda.current_stream(self.device).synchronize()
        for place_in_frame, values in fetched:
            place_in_frame[:] = values.numpy()

    def _upload(self, values: Tensor) -> Tensor:
        """To the device. From page-locked memory to CUDA, so that the copy does not wait for the kernels before it."""
        if self.device.type == "cuda":
            return values.pin_memory().to(self.device, non_blocking=True)
        return values.to(self.device)

    def _fetch(self, values: Tensor) -> Tensor:
        """(c, h, w) to (h, w, c) float32 on the CPU; from CUDA valid once the stream has been waited for."""
        turned = values.float().permute(1, 2, 0)
        if self.device.type != "cuda":
            return turned.cpu()
        turned = turned.contiguous()  # turned on the GPU, where it costs nothing beside the copy
        host = torch.empty(turned.shape, dtype=torch.float32, pin_memory=True)
        return host.copy_(turned, non_blocking=True)


def _place(window: Rect, width: int, height: int) -> tuple[float, float, float, float]:
    return window.x0 / width, window.y0 / height, window.width / width, window.height / height


def _core_rows(values: FloatArray, first: int, core: Rect) -> FloatArray:
    return values[core.y0 - first : core.y1 - first, core.x0 : core.x1]


def _windows(parts: Sequence[tuple[FloatArray, _Piece]]) -> Tensor:
    """(B, h, w, 3) of the pieces' windows; what lies beyond the frame repeats its last row and column."""
    windows = []
    for values, piece in parts:
        window, first = piece.tile.window, piece.row.band.y0
        part = values[window.y0 - first : window.y1 - first, window.x0 : window.x1]
        right, bottom = window.width - part.shape[1], window.height - part.shape[0]
        windows.append(np.pad(part, ((0, bottom), (0, right), (0, 0)), mode="edge") if right or bottom else part)
    return torch.from_numpy(np.stack(windows) if len(windows) > 1 else np.ascontiguousarray(windows[0])[None])


def _features(pieces: Sequence[_Piece]) -> Tensor:
    """(B, F, h, w): each piece's frame's."""
    first = pieces[0].row.features
    if all(piece.row.features is first for piece in pieces):
        return first.expand(len(pieces), -1, -1, -1)
    return torch.cat([piece.row.features for piece in pieces])


def _core(values: Tensor, tile: Tile) -> Tensor:
    core, window = tile.core, tile.window
    return values[:, core.y0 - window.y0 : core.y1 - window.y0, core.x0 - window.x0 : core.x1 - window.x0]
