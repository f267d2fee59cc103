"""A shot through the real pipeline, and where its time goes, against what this machine can do at most.

The share of the convolution rate is the arithmetic of the convolutions that were run, over the wall time of the whole
shot, over the measured rate: 100 % would be a machine that does nothing but convolve from the first frame to the last.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headroom.bench.convolutions import ConvolutionRate, convolution_rate
from headroom.bench.files import FileRate, encode_rates, exr_threads, read_rate
from headroom.bench.gpu import GpuUse
from headroom.bench.limits import largest_window
from headroom.bench.synthetic import SyntheticShot
from headroom.errors import PlateError, UsageError
from headroom.io.pattern import is_pattern
from headroom.jobs.report import Watcher
from headroom.jobs.settings import Settings
from headroom.jobs.shot_job import ShotJob, ShotResult
from headroom.jobs.shots import plan_shots
from headroom.jobs.stages import PipelineTimes, StageTimes
from headroom.reconstruct import Reconstructor

__all__ = ["ShotBench", "bench_shot"]

Say = Callable[[str], None]

FRAMES = 24
"""Of a synthetic shot: enough that the pipeline's filling and draining weigh little."""
FRAMES_MOST = 100_000


@dataclass(frozen=True, kw_only=True)
class ShotBench:
    """One shot, measured."""

    source: str
    width: int
    height: int
    frames: int
    times: PipelineTimes
    convolution: ConvolutionRate
    gflop: float
    """Of the convolutions that were run, halos included, tiles without clipped pixels left out."""
    encode_rate: FileRate
    decode_rate: FileRate | None
    """None for movies."""
    compression: str
    exr_threads: int
    gpu: dict[str, Any]
    temporal: bool
    analysis_seconds: float
    """Of the pass over the shot that comes before the first frame, where it is made steady; in the wall time too."""

    @property
    def frames_per_second(self) -> float:
        """From the first read to the last file in its place."""
        return self.frames / self.times.wall_seconds

    @property
    def convolution_share(self) -> float:
        """Of the measured rate, over the whole shot."""
        return self.gflop / self.times.wall_seconds / self.convolution.gflop_per_second

    @property
    def network_share(self) -> float:
        """Of the measured rate, while the network's stage is at work: what its own other layers and copies cost."""
        network = self.stage("network")
        return self.gflop / network.busy_seconds / self.convolution.gflop_per_second if network.busy_seconds else 0.0

    @property
    def network_core_share(self) -> float | None:
        """As ``network_share``, by processor time: what a machine with nothing else to do would come near to.

        None where the network has other threads than its stage's, whose time is not known.
        """
        network, rate = self.stage("network"), self.convolution.gflop_per_core_second
        if self.times.torch_threads != 1 or not rate or not network.cpu_seconds:
            return None
        return self.gflop / network.cpu_seconds / rate

    @property
    def bottleneck(self) -> str:
        """The stage that waits least for others."""

        def waiting(stage: StageTimes) -> float:
            return stage.waiting_seconds / max(stage.busy_seconds + stage.waiting_seconds, 1e-9)

        return min(self.times.stages, key=waiting).name

    def stage(self, name: str) -> StageTimes:
        """One of the pipeline's."""
        return next(stage for stage in self.times.stages if stage.name == name)

    def shares(self, stage: StageTimes) -> dict[str, float]:
        """How much of the shot's time the stage's threads were busy and waiting, each 0..1."""
        thread_seconds = self.times.wall_seconds * stage.threads
        return {"busy": stage.busy_seconds / thread_seconds, "waiting": stage.waiting_seconds / thread_seconds}

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "source": self.source,
            "width": self.width,
            "height": self.height,
            "frames": self.frames,
            "temporal": self.temporal,
            "analysis_seconds": self.analysis_seconds,
            "frames_per_second": self.frames_per_second,
            "megapixels_per_second": self.frames_per_second * self.width * self.height / 1e6,
            "times": self.times.as_dict(),
            "stage_shares": {stage.name: self.shares(stage) for stage in self.times.stages},
            "bottleneck": self.bottleneck,
            "gflop": self.gflop,
            "convolution_share": self.convolution_share,
            "network_share": self.network_share,
            "network_core_share": self.network_core_share,
            "convolution": self.convolution.as_dict(),
            "compression": self.compression,
            "exr_threads": self.exr_threads,
            "encode_rate": self.encode_rate.as_dict(),
            "decode_rate": self.decode_rate.as_dict() if self.decode_rate else None,
            "gpu": self.gpu,
        }


def bench_shot(
    shot: str | None,
    *,
    size: tuple[int, int] = (1920, 1080),
    frames: str | None = None,
    temporal: str = "on",
    compile_network: bool = False,
    say: Say = lambda _: None,
    **settings: Any,
) -> ShotBench:
    """Converts a shot into a folder that is removed again, and measures the limits just before.

    ``shot``: a pattern or movie; None makes one of ``size`` with as many frames as ``frames`` says (24). Of a given
    shot, ``frames`` is a range. ``settings``: names of `headroom.settings`.
    """
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as folder:
        work = Path(folder)
        if shot is None:
            source, wanted = _make(work / "plates", size, frames, say), None
        else:
            source, wanted = Path(shot), frames
        chosen = Settings.of(**settings)
        planned = plan_shots([source], work / "out" / "hdr.####.exr", frames=wanted, part=chosen.part)[0]
        loaded = Reconstructor(
            chosen.model,
            device=chosen.device,
            precision=chosen.precision,
            memory_bytes=chosen.memory_bytes,
            compile=compile_network,
        )
        job = ShotJob(chosen, loaded, temporal=temporal == "on")
        first = planned.source.read(planned.tasks[0].reads or 0)
        runner = loaded.runner
        say("limits of this machine ...")
        convolution = convolution_rate(runner, *largest_window(runner, first.width, first.height))
        encode = encode_rates(work, first.width, first.height, compressions=[chosen.compression])[0]
        decode = read_rate(planned.tasks[0].source) if is_pattern(source) else None
        say(f"{len(planned.tasks)} frames ...")
        before = runner.pixels_run
        with GpuUse(runner.device) as gpu:
            result = job.run(planned, Watcher())
        times = _checked(result)
        return ShotBench(
            source="synthetic" if shot is None else shot,
            width=first.width,
            height=first.height,
            frames=len(planned.tasks),
            times=times,
            convolution=convolution,
            gflop=(runner.pixels_run - before) / 1e6 * convolution.gflop_per_megapixel,
            encode_rate=encode,
            decode_rate=decode,
            compression=chosen.compression,
            exr_threads=exr_threads(),
            gpu=gpu.as_dict(),
            temporal=temporal == "on",
            analysis_seconds=result.analysis_seconds,
        )


def _make(folder: Path, size: tuple[int, int], frames: str | None, say: Say) -> Path:
    text = frames or str(FRAMES)
    if not text.isdecimal() or not 0 < int(text) <= FRAMES_MOST:
        raise UsageError(f"--frames {text}: a synthetic shot takes a number of frames, 1 to {FRAMES_MOST}")
    say(f"a synthetic shot of {text} frames ...")
    return SyntheticShot(*size).save(folder, int(text))


def _checked(result: ShotResult) -> PipelineTimes:
    """The times of a shot that came out whole."""
    for report in result.reports:
        if report.status != "done":
            raise PlateError(report.error or f"{report.source}: {report.status}")
    if result.left or result.times is None:
        raise PlateError(f"{result.shot.source.name}: {result.left} frames were not reached")
    return result.times
