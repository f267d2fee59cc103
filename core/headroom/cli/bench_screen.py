"""What ``headroom bench`` says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headroom.bench import Bench
    from headroom.bench.convolutions import ConvolutionRate
    from headroom.bench.limits import Limits
    from headroom.bench.shot import ShotBench

__all__ = ["frame_lines", "limit_lines", "shot_lines"]


def frame_lines(result: Bench) -> list[str]:
    """One plate."""
    how = f"{result.precision}, {result.threads} threads, torch {result.torch}"
    return [
        f"{result.model} on {result.device} ({how})",
        f"{result.width}x{result.height}: {result.seconds:.2f} s, {result.megapixels_per_second:.2f} MP/s",
        f"peak memory {result.peak_memory_bytes / 1e9:.2f} GB",
    ]


def limit_lines(limits: Limits) -> list[str]:
    """What the machine can do at most."""
    lines = [
        f"limits for {limits.width}x{limits.height}, each measured alone",
        _convolution(limits.convolution) + f", {limits.convolution_frames_per_second:.2f} frames/s",
    ]
    for title, rates in (("EXR out, half float", limits.encode), ("plates in", limits.decode)):
        lines.append(f"{title} ({limits.exr_threads} EXR threads)" if rates is limits.encode else title)
        lines += [
            f"  {rate.name:6} {rate.frames_per_second:7.1f} frames/s {rate.megabytes_per_second:7.0f} MB/s"
            f" {rate.bytes / 1e6:6.1f} MB a file"
            for rate in rates
        ]
    return lines


def shot_lines(shot: ShotBench) -> list[str]:
    """A shot, stage by stage."""
    times = shot.times
    lines = [
        f"{shot.frames} frames of {shot.width}x{shot.height}, temporal {'on' if shot.temporal else 'off'}, "
        f"{shot.compression}: {times.wall_seconds:.1f} s, {shot.frames_per_second:.2f} frames/s",
        f"of these the look at the shot before its first frame: {shot.analysis_seconds:.1f} s",
        "",
        "stage     threads   busy  waiting   ms a frame  processor ms",
    ]
    for stage in times.stages:
        shares = shot.shares(stage)
        busy, waiting = _percent(shares["busy"]), _percent(shares["waiting"])
        a_frame = 1000 * stage.busy_seconds / max(stage.frames, 1)
        of_cores = 1000 * stage.cpu_seconds / max(stage.frames, 1)
        lines.append(f"{stage.name:10}{stage.threads:6}  {busy}   {waiting}   {a_frame:8.0f} {of_cores:13.0f}")
    core_share = shot.network_core_share
    by_cores = "" if core_share is None else f" (by processor time {_percent(core_share).strip()})"
    gpu = f"{_percent(shot.gpu['busy'])} busy" if shot.gpu["busy"] is not None else shot.gpu["why_absent"]
    lines += [
        "",
        f"bottleneck: {shot.bottleneck}",
        _convolution(shot.convolution),
        f"  reached over the whole shot: {_percent(shot.convolution_share).strip()} of it "
        f"({shot.gflop / shot.frames:.0f} GFLOP a frame); while the network works: "
        f"{_percent(shot.network_share).strip()}{by_cores}",
        f"EXR out ({shot.compression}, {shot.exr_threads} threads): {shot.encode_rate.frames_per_second:.1f} frames/s",
    ]
    if shot.decode_rate is not None:
        lines.append(f"plates in ({shot.decode_rate.name}): {shot.decode_rate.frames_per_second:.1f} frames/s")
    lines += [
        f"GPU: {gpu}",
        f"in flight at most: {times.most_frames} frames, {times.most_bytes / 1e6:.0f} MB",
    ]
    return lines


def _convolution(rate: ConvolutionRate) -> str:
    return (
        f"convolutions: {rate.gflop_per_second:.0f} GFLOP/s on {rate.device} ({rate.precision}, {rate.threads} threads)"
    )


def _percent(share: float) -> str:
    return f"{100 * share:4.0f} %"
