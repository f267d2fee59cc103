"""Frames of a shot, steadied in time.

    plates of the window --network, each on its own--> gain_log2 --> log2 light, each frame relative to its clip level
         |                                                             |
         +--guides--> links between neighbours --chained--> where a clipped pixel of this frame is in the others
                                                                       |
                      robust mean of the light found there <-----------+    its difference from this frame's own light
                                                                            is added to this frame's gain

A frame depends on its window and on the shot's analysis, never on what was made before: chunks, workers and resumed
jobs give the same bits. What the network said of a frame is kept for as long as it is in the window of the frame
asked for last, so that ascending order runs it once a frame.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.account import Tally
from headroom.blend import Band, blend
from headroom.clipping import clip_level
from headroom.colour.plan import ColourPlan
from headroom.curve import EstimatedCurve, stated_curve
from headroom.encode import Encoder, Rows, largest_channel
from headroom.errors import Cancelled, PlateError
from headroom.options import Options
from headroom.plate import FloatArray, Plate
from headroom.reconstruct import HDR_ALREADY, Prepared, RawBand, Reconstructor
from headroom.temporal.analysis import Analysis
from headroom.temporal.flow import Chain, GuideMaker, Link, grid_step, link, prolong, start
from headroom.temporal.light import Answer, Light, light_log2, look_up, stored
from headroom.temporal.pooled_curve import curve_of
from headroom.temporal.window import window_of

__all__ = ["Stabiliser", "SteadyBand"]

AGREES_STOPS = 1.0
"""Light that differs by this from the frame's own counts half as much as in a plain mean; more, ever less."""
BELOW_STOPS = 0.1
"""A neighbour that recorded less light than this frame's clip level, by more than this, saw something else."""
SURE_ALPHA = 0.15
"""A pixel less clipped than this is mostly recorded: its light is moved in proportion."""
LINK_THREADS = 2


@dataclass(frozen=True)
class Neighbour:
    """A frame of the window."""

    number: int
    answer: Answer | PlateError
    links: Future[tuple[Link, Link]] | None
    """Between it and the one before it on the way from the window's own frame; None where there is no way."""


class Stabiliser:
    """Makes any frame of one shot. Bands may be finished in any thread; all else is for one thread."""

    def __init__(
        self,
        reconstructor: Reconstructor,
        analysis: Analysis,
        options: Options | None,
        colour_of: Callable[[Plate], ColourPlan],
        read: Callable[[int], Plate | Prepared],
        *,
        memory_bytes: int | None = None,
    ) -> None:
        """``read`` gives the plate of a number, or what ``prepare`` made of it; ``PlateError`` leaves it out.

        ``memory_bytes``: what the caches may hold before the report warns. ``AnalysisError`` where the analysis was
        made with other options than these.
        """
        self.reconstructor, self.analysis, self.options = reconstructor, analysis, options or Options()
        analysis.check(self.options, reconstructor.card.sha256)
        self._colour_of, self._read, self._memory_bytes = colour_of, read, memory_bytes
        self._answers: dict[int, Answer | PlateError] = {}
        self._prepared: dict[int, Prepared] = {}
        self._links: dict[tuple[int, int], Future[tuple[Link, Link]]] = {}
        self._pool = ThreadPoolExecutor(LINK_THREADS, thread_name_prefix="motion")
        self._curves: dict[int, EstimatedCurve] = {}
        self.most_bytes = 0
        """The most that the caches have held."""

    def window(self, frame: int) -> tuple[int, ...]:
        """The frames whose plates decide this one, ascending, itself among them."""
        return window_of(self.analysis, frame)

    def close(self) -> None:
        """End the threads and forget what is kept."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._answers.clear()
        self._prepared.clear()
        self._links.clear()

    def prepare(self, plate: Plate, colour: ColourPlan | None = None) -> Prepared:
        """As ``Reconstructor.prepare``, with the shot's clip level for ``plate.frame``; any thread may."""
        if plate.frame is None:
            raise PlateError(f"{plate.name}: has no frame number")
        segment, level = self.analysis.segment(plate.frame), self.analysis.clip_level(plate.frame)
        clip = replace(clip_level(plate, user=level), code=level, source=segment.clip_source)
        colour = colour or self._colour_of(plate)
        passed_through = colour.kind == "linear" and self.options.clip_level is None and segment.peak > HDR_ALREADY
        reaches_mask = clip.peak > self.options.tau * level / self.options.scaling * (1 - 1e-6)
        if reaches_mask or self.options.dequantize:
            prepared = self.reconstructor.prepare(plate, colour, self.options, clip=clip)
            return replace(prepared, passed_through=passed_through)
        encoder = Encoder(plate, colour, clip, self.options.tau, self.options.boost, self.options.scaling)
        return Prepared(encoder, self.options, None, passed_through)

    def bands(
        self,
        frame: int,
        *,
        report: dict[str, Any] | None = None,
        progress: Callable[[float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Iterator[Band]:
        """The frame from top to bottom, as ``Reconstructor.bands``."""
        began, tally = time.monotonic(), Tally()
        report = {} if report is None else report
        for raw in self.raw_bands(frame, progress=progress, cancelled=cancelled):
            band = raw.finish()
            tally.add(band)
            yield band
        report.update(self.account(frame, raw, tally))
        report["seconds"] = round(time.monotonic() - began, 3)

    def raw_bands(
        self,
        frame: int,
        *,
        progress: Callable[[float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Iterator[RawBand]:
        """The network's part, for this frame and those of its window it has not run on."""
        window = self.window(frame)
        self._forget(window)
        todo = [number for number in window if number not in self._answers]
        for done, number in enumerate(todo):

            def told(share: float, done: int = done) -> None:
                if progress:
                    progress((done + share) / len(todo))

            self._answers[number] = self._answer(number, told, cancelled)
        if progress and not todo:
            progress(1.0)
        own = self._answers[frame]
        if isinstance(own, PlateError):
            del self._answers[frame]  # it may be readable when it is asked for again
            raise own
        prepared = self._prepared_of(frame)
        motion = Motion(self._sides(frame, window))
        self._count()
        for number, (y0, _) in enumerate(own.bands):
            if cancelled and cancelled():
                raise Cancelled(f"{prepared.plate.name}: cancelled")
            yield SteadyBand(y0, prepared, own.estimate, own, number, motion)
        self._prepared.pop(frame, None)

    def account(self, frame: int, raw: RawBand, tally: Tally) -> dict[str, Any]:
        """The report of a finished frame; any thread may ask for it."""
        report = self.reconstructor.account(raw.prepared, raw.estimate, tally)
        used = raw.motion.frames if isinstance(raw, SteadyBand) else ()
        window = self.window(frame)
        lost = raw.motion.unreadable if isinstance(raw, SteadyBand) else ()
        report["temporal"] = {"window": list(window), "used": sorted({frame, *used}), "unreadable": list(lost)}
        if lost:
            numbers = ", ".join(map(str, lost))
            report["warnings"].append(
                f"{raw.prepared.plate.name}: frame {numbers} cannot be read, so this one was steadied without it"
            )
        if self._memory_bytes and self.most_bytes > self._memory_bytes:
            report["warnings"].append(
                f"{raw.prepared.plate.name}: steadying held {self.most_bytes / 1e6:.0f} MB of neighbouring frames, "
                f"more than the {self._memory_bytes / 1e6:.0f} MB allowed; --temporal off needs none"
            )
        return report

    # ---- what is kept ------------------------------------------------------------------------------------------

    def _prepared_of(self, frame: int) -> Prepared:
        if frame in self._prepared:
            return self._prepared[frame]
        read = self._read(frame)
        return read if isinstance(read, Prepared) else self.prepare(replace(read, frame=frame))

    def _answer(
        self, frame: int, progress: Callable[[float], None], cancelled: Callable[[], bool] | None
    ) -> Answer | PlateError:
        try:
            prepared = self._prepared_of(frame)
        except PlateError as error:
            return error
        self._prepared[frame] = prepared
        segment = self.analysis.segment(frame)
        height, width = prepared.plate.height, prepared.plate.width
        if prepared.whole is None:
            tiles = self.reconstructor.tiles(prepared.plate).rows
            bands = tuple((row[0].core.y0, row[0].core.y1) for row in tiles)
            empty = tuple(np.zeros(-(-(y1 - y0) * width // 8), np.uint8) for y0, y1 in bands)
            none3, none = np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
            progress(1.0)
            return Answer(
                frame, self._curve(segment.first) or stated_curve(), bands, empty, (none3,) * len(bands),
                (none,) * len(bands), (None,) * len(bands), None, None,
            )  # fmt: skip
        spans, packed, gains, spreads, corrections = [], [], [], [], []
        light = np.zeros((height, width, 3), np.int16)
        anywhere = np.zeros((height, width), np.bool_)
        guide = GuideMaker(height, width)
        estimate = self._curve(segment.first)
        for raw in self.reconstructor.raw_bands(prepared, estimate=estimate, progress=progress, cancelled=cancelled):
            y0, y1 = raw.y0, raw.y0 + len(raw.rows.code)
            touched = largest_channel(raw.rows.alpha) > 0
            guide.see(y0, raw.rows)
            anywhere[y0:y1] = touched
            light[y0:y1] = stored(light_log2(raw.rows, raw.result.gain_log2, self.options.boost))
            spans.append((y0, y1))
            packed.append(np.packbits(touched))
            gains.append(raw.result.gain_log2[touched])
            spreads.append(raw.result.spread_log2[touched])
            corrections.append(raw.result.dequantize)
            estimate = raw.estimate
        assert estimate is not None
        clipped = bool(anywhere.any())
        return Answer(
            frame, estimate, tuple(spans), tuple(packed), tuple(gains), tuple(spreads), tuple(corrections),
            Light.around(anywhere, light) if clipped else None, guide.guide() if clipped else None,
        )  # fmt: skip

    def _curve(self, first: int) -> EstimatedCurve | None:
        """The curve of the segment that begins here; None where every frame has its own."""
        pooled = self.analysis.segment(first).curve
        if pooled is None:
            return None
        if first not in self._curves:
            self._curves[first] = curve_of(pooled)
        return self._curves[first]

    def _sides(self, frame: int, window: tuple[int, ...]) -> list[list[Neighbour]]:
        """Going away from the frame, on either side, as far as there is a way."""
        middle = window.index(frame)
        sides = []
        for numbers in (window[:middle][::-1], window[middle + 1 :]):
            side: list[Neighbour] = []
            before = frame
            for number in numbers:
                links = self._link(before, number)
                side.append(Neighbour(number, self._answers[number], links))
                if links is None:
                    break
                before = number
            sides.append(side)
        return sides

    def _link(self, a: int, b: int) -> Future[tuple[Link, Link]] | None:
        """Links between neighbours, being found; None where one has nothing that clipped, or is another size."""
        key = min(a, b), max(a, b)
        first, second = (self._answers[number] for number in key)
        if isinstance(first, PlateError) or isinstance(second, PlateError):
            return None
        if first.guide is None or second.guide is None or first.guide.gray.shape != second.guide.gray.shape:
            return None
        if key not in self._links:
            self._links[key] = self._pool.submit(link, first.guide, second.guide)
        return self._links[key]

    def _forget(self, window: tuple[int, ...]) -> None:
        for kept in (self._answers, self._prepared):
            for number in [number for number in kept if number not in window]:
                del kept[number]
        for key in [key for key in self._links if key[0] not in window or key[1] not in window]:
            del self._links[key]

    def _count(self) -> None:
        answers = sum(answer.nbytes for answer in self._answers.values() if isinstance(answer, Answer))
        plates = sum(prepared.nbytes for prepared in self._prepared.values())
        cells = next((a.guide.gray.size for a in self._answers.values() if isinstance(a, Answer) and a.guide), 0)
        self.most_bytes = max(self.most_bytes, answers + plates + len(self._links) * 2 * 12 * cells)


class Motion:
    """From a frame to the others of its window: found when the first of its bands is finished."""

    def __init__(self, sides: list[list[Neighbour]]) -> None:
        self._sides = sides
        self._lock = threading.Lock()
        near = [neighbour for side in sides for neighbour in side]
        self.frames = tuple(sorted(n.number for n in near if n.links is not None))
        """Those that take part."""
        self.unreadable = tuple(sorted(n.number for n in near if isinstance(n.answer, PlateError)))

    def chains(self) -> list[tuple[Light, Chain]]:
        """Each neighbour's light and the way there."""
        with self._lock:
            return self._chains

    @cached_property
    def _chains(self) -> list[tuple[Light, Chain]]:
        found = []
        for ahead, side in zip((False, True), self._sides, strict=True):
            chain: Chain | None = None
            for neighbour in side:
                if neighbour.links is None or isinstance(neighbour.answer, PlateError):
                    break
                up, down = neighbour.links.result()
                step = up if ahead else down
                chain = start(step) if chain is None else prolong(chain, step)
                assert neighbour.answer.light is not None
                found.append((neighbour.answer.light, chain))
        return found


@dataclass(frozen=True)
class SteadyBand(RawBand):
    """What the network answered for a frame, and where to look for what it said of the same light in others."""

    answer: Answer
    number: int
    """Of the band in the frame."""
    motion: Motion

    @property
    def nbytes(self) -> int:
        """Bytes that it holds beside the plate: its share of the frame's answer."""
        return self.answer.nbytes // len(self.answer.bands)

    def finish(self) -> Band:
        """Steady the gain, then put recorded and reconstructed light together; any thread may."""
        prepared = self.prepared
        rows = prepared.rows(*self.answer.bands[self.number])
        touched, result = self.answer.output(self.number, prepared.plate.width)
        if self.answer.light is not None and touched.any():
            result.gain_log2[touched] = self._steadied(self.answer.light, rows, touched, result.gain_log2[touched])
        return blend(self.y0, rows, result, prepared.encoder, self.estimate, prepared.options)

    def _steadied(self, light: Light, rows: Rows, touched: npt.NDArray[np.bool_], gain: FloatArray) -> FloatArray:
        """(n, 3) gains of the band's touched pixels."""
        plate, boost = self.prepared.plate, self.prepared.options.boost
        row, column = np.nonzero(touched)
        x, y = column.astype(np.float32), (row + self.y0).astype(np.float32)
        part = Rows(rows.code[touched], rows.x_srgb[touched], rows.alpha[touched])
        least = light_log2(part, np.zeros_like(gain), boost) - np.float32(BELOW_STOPS)
        step = np.float32(grid_step(plate.height, plate.width))
        cell_x, cell_y = (x + np.float32(0.5)) / step - np.float32(0.5), (y + np.float32(0.5)) / step - np.float32(0.5)
        own = light.at(x, y)
        total, weights = np.zeros_like(own), np.ones_like(own)
        for other, chain in self.motion.chains():
            way = look_up(chain.way, cell_x, cell_y)
            there = other.at(x + way[:, 0] * step, y + way[:, 1] * step) + np.float32(chain.ev_stops)
            difference = there - own
            weight = way[:, 2:] * (there > least) / (1 + (difference / np.float32(AGREES_STOPS)) ** 2)
            total += weight * difference
            weights += weight
        alpha = part.alpha
        moved = total / weights * (alpha / np.float32(SURE_ALPHA)).clip(0, 1)
        scale = np.maximum(alpha, np.float32(1e-3)) * np.float32(boost)
        steadied: FloatArray = np.where(alpha > 0, np.maximum(gain + moved / scale, 0), gain)
        return steadied
