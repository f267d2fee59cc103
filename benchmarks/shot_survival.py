"""A shot of many frames survives: memory stays flat, ten kills leave no trace, two workers share it.

    python benchmarks/shot_survival.py --scratch /big/disk/survival                 # 200 frames of 1920x1080
    python benchmarks/shot_survival.py --scratch /tmp/survival --frames 40 --size 320x180 --kills 10

Four runs of `headroom convert plate.####.jpg -o hdr.####.exr` on one synthetic shot (moving lights, a tenth
clipped, grain), each in processes of their own:

1. once from the first frame to the last, its resident memory read several times a second;
2. killed with SIGKILL at random moments, resumed by the same command each time;
3. the same command once more: nothing may be done again;
4. by two processes at the same time on one folder.

Files are compared byte by byte (SHA-256), headers included. That no finished frame is done twice is told in two
ways: the manifest has one line for each, and a file that was once in its place keeps its inode and its time of
change. After each kill every file in its place must already be the right one. Folders are removed once hashed, so
the disk holds one set of results at a time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headroom.bench.synthetic import SyntheticShot

SAMPLE_S = 0.2
CHECK_S = 0.05
WARM_UP = 0.15
"""Share of the frames after which memory should no longer grow."""
SEED = 20
GROWTH_MOST = 0.05
"""Of the peak memory, between the halves of a run."""
STUCK_S = 1800
"""No new file for so long: something hangs."""
TARGET = "hdr.####.exr"


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory, kills and two workers on one shot.")
    parser.add_argument("--size", default="1920x1080", help="WIDTHxHEIGHT")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument(
        "--scratch", type=Path, required=True, help="folder for plates and results; about 12 MB a 1080p frame"
    )
    parser.add_argument(
        "-o", "--output", type=Path, help="folder for survival.md, survival.json and survival-memory.png"
    )
    parser.add_argument("--seed", type=int, default=SEED, help="of the moments of the kills")
    parser.add_argument("--only-memory", action="store_true", help="the first run alone")
    parser.add_argument("options", nargs="*", help="more of headroom convert, after --")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    shutil.rmtree(options.scratch / "results", ignore_errors=True)
    say(f"{options.frames} plates of {width}x{height} ...")
    plates = SyntheticShot(width, height).save(options.scratch / "plates" / options.size, options.frames)
    proof = Proof(plates, options.scratch / "results", options.frames, options.options)
    found: dict[str, Any] = {"size": options.size, "frames": options.frames, "options": options.options}
    phases = (
        ("whole", proof.uninterrupted),
        ("killed", lambda: proof.killed(options.kills, random.Random(options.seed))),
        ("again", proof.nothing_left),
        ("workers", proof.two_workers),
    )
    for name, phase in phases[: 1 if options.only_memory else None]:
        found[name] = phase()
        save(found, options.output)
    print(table(found))
    if not all(row[-1] == "yes" for row in verdicts(found)):
        sys.exit(1)


@dataclass
class Proof:
    plates: Path
    folder: Path
    frames: int
    options: list[str]
    reference: dict[str, str] = field(default_factory=dict)
    """Name to SHA-256, of the uninterrupted run."""

    def uninterrupted(self) -> dict[str, Any]:
        say("once from the first frame to the last ...")
        target = self.folder / "whole"
        worker = Worker(self, target)
        samples = []
        while worker.alive():
            if resident := resident_bytes(worker.process.pid):
                samples.append((time.monotonic() - worker.begun, len(results(target)), resident))
            time.sleep(SAMPLE_S)
        worker.must_have_succeeded()
        self.reference = hashes(target)
        sizes = [path.stat().st_size for path in results(target)]
        shutil.rmtree(target)
        return {
            "seconds": time.monotonic() - worker.begun,
            "files": len(self.reference),
            "bytes": sum(sizes),
            "memory": [(round(when, 2), done, held) for when, done, held in samples],
            **flatness(samples, self.frames),
        }

    def killed(self, kills: int, rng: random.Random) -> dict[str, Any]:
        target = self.folder / "killed"
        moments = sorted(rng.sample(range(self.frames), min(kills, self.frames)))
        seen: dict[str, tuple[int, int]] = {}
        rows = []
        wrong: set[str] = set()
        redone: set[str] = set()
        for number, moment in enumerate(moments, start=1):
            worker = Worker(self, target)
            delay = rng.random()
            done = worker.kill_after(moment, delay)
            check_in_place(target, seen, redone)
            hashed = hashes(target)
            wrong |= {name for name, digest in hashed.items() if self.reference.get(name) != digest}
            rows.append(
                {"asked_at": moment, "in_place": len(hashed), "already_over": done, "leftovers": len(leftovers(target))}
            )
            say(f"kill {number} of {len(moments)}: {len(hashed)} files in their place")
        worker = Worker(self, target)
        worker.wait()
        worker.must_have_succeeded()
        check_in_place(target, seen, redone)
        hashed = hashes(target)
        return {
            "kills": rows,
            "killed_while_running": sum(not row["already_over"] for row in rows),
            "wrong_in_between": sorted(wrong),
            "changed_after_in_place": sorted(redone),
            "differing": sorted(name for name in self.reference if hashed.get(name) != self.reference[name]),
            "lines_per_frame": lines_per_frame(target),
            "leftovers": [str(path.name) for path in leftovers(target)],
        }

    def nothing_left(self) -> dict[str, Any]:
        say("the same command once more ...")
        target = self.folder / "killed"
        before = {path.name: place(path) for path in results(target)}
        worker = Worker(self, target)
        worker.wait()
        worker.must_have_succeeded()
        after = {path.name: place(path) for path in results(target)}
        lines = lines_per_frame(target)
        shutil.rmtree(target)
        return {
            "seconds": time.monotonic() - worker.begun,
            "touched": sum(before[n] != after.get(n) for n in before),
            "lines_per_frame": lines,
        }

    def two_workers(self) -> dict[str, Any]:
        say("two workers on one folder ...")
        target = self.folder / "two"
        begun = time.monotonic()
        workers = [Worker(self, target, log=f"worker-{number}") for number in (1, 2)]
        for worker in workers:
            worker.wait()
        for worker in workers:
            worker.must_have_succeeded()
        hashed = hashes(target)
        found = {
            "seconds": time.monotonic() - begun,
            "differing": sorted(name for name in self.reference if hashed.get(name) != self.reference[name]),
            "lines_per_frame": lines_per_frame(target),
            "shares": [worker.frames_done() for worker in workers],
            "leftovers": [str(path.name) for path in leftovers(target)],
        }
        shutil.rmtree(target)
        return found


class Worker:
    """`headroom convert` in a process of its own."""

    def __init__(self, proof: Proof, target: Path, log: str = "worker") -> None:
        self.target, self.log = target, proof.folder / f"{target.name}-{log}.json"
        proof.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "headroom", "convert", str(proof.plates), "-o", str(target / TARGET), "--json"]
        self.said = self.log.with_suffix(".txt")
        with self.log.open("w") as out, self.said.open("w") as said:
            self.process = subprocess.Popen([*command, *proof.options], stdout=out, stderr=said)
        self.begun = time.monotonic()

    def alive(self) -> bool:
        return self.process.poll() is None

    def wait(self) -> None:
        last, newest = time.monotonic(), -1
        while self.alive():
            if (count := len(results(self.target))) != newest:
                last, newest = time.monotonic(), count
            if time.monotonic() - last > STUCK_S:
                self.process.kill()
                raise SystemExit(f"no new file for {STUCK_S} s; see {self.log}")
            time.sleep(SAMPLE_S)

    def kill_after(self, files: int, delay: float) -> bool:
        """SIGKILL some moment after so many files are in their place; whether it was over by then."""
        times = [time.monotonic()]
        count = len(results(self.target))
        while self.alive() and count < files:
            time.sleep(CHECK_S)
            if (now := len(results(self.target))) > count:
                count = now
                times.append(time.monotonic())
        frame_s = (times[-1] - times[1]) / (len(times) - 2) if len(times) > 2 else 1.0
        time.sleep(2 * delay * frame_s)
        over = not self.alive()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        return over

    def must_have_succeeded(self) -> None:
        if self.process.wait():
            raise SystemExit(f"exit code {self.process.returncode}; see {self.log}:\n{self.said.read_text()[-2000:]}")

    def frames_done(self) -> int:
        answer = json.loads(self.log.read_text())
        return int(answer["done"])


def results(folder: Path) -> list[Path]:
    return sorted(folder.glob("hdr.*.exr"))


def leftovers(folder: Path) -> list[Path]:
    """Whatever lies there besides results, the manifest and the look at the shot."""
    belong = {*results(folder), *folder.glob("*.headroom.jsonl"), *folder.glob("*.headroom.json")}
    return [path for path in folder.iterdir() if path not in belong]


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in results(folder)}


def place(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def check_in_place(folder: Path, seen: dict[str, tuple[int, int]], redone: set[str]) -> None:
    """Files that were in their place before must be the very same."""
    for path in results(folder):
        if seen.setdefault(path.name, place(path)) != place(path):
            redone.add(path.name)


def lines_per_frame(folder: Path) -> dict[str, int]:
    """How many frames have one line in the manifest, how many two, ...

    A frame whose maker was killed between file and line gets its line from who finds it, without seconds.
    """
    lines = Counter()
    for manifest in folder.glob("*.headroom.jsonl"):
        for line in manifest.read_bytes().split(b"\n"):
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # torn by a kill
            if "frame" in entry:
                lines[entry["frame"]["target"]] += 1
    return {str(count): number for count, number in sorted(Counter(lines.values()).items())}


def resident_bytes(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


def flatness(samples: list[tuple[float, int, int]], frames: int) -> dict[str, float]:
    """Peak, and how the memory of the last quarter stands to that of the second one."""

    def peak(first: float, last: float) -> int:
        return max((held for _, done, held in samples if first * frames <= done < last * frames), default=0)

    return {
        "peak_bytes": max(held for *_, held in samples),
        "early_peak_bytes": peak(WARM_UP, 0.5),
        "late_peak_bytes": peak(0.5, 1.0),
    }


def verdicts(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What was promised, the figure, and whether it holds; of the phases that are over."""
    frames, rows = found["frames"], []
    once = {"1": frames}

    def row(what: str, figure: Any, fine: bool) -> None:
        rows.append((what, str(figure), "yes" if fine else "NO"))

    if whole := found.get("whole"):
        figure = f"{whole['files']} of {frames}, {whole['seconds']:.0f} s, {whole['bytes'] / 1e6:.0f} MB"
        row("uninterrupted: frames", figure, whole["files"] == frames)
        early, late, peak = (whole[f"{name}_bytes"] / 1e6 for name in ("early_peak", "late_peak", "peak"))
        growth = late / early - 1 if early else 1.0
        figure = f"{early:.0f} and {late:.0f} MB ({100 * growth:+.1f} %); peak {peak:.0f} MB"
        row(
            "uninterrupted: highest memory of the first half (after warm-up), of the second",
            figure,
            growth < GROWTH_MOST,
        )
    if killed := found.get("killed"):
        running = killed["killed_while_running"]
        row("killed with SIGKILL while it ran", f"{running} times", running == len(killed["kills"]))
        wrong = len(killed["wrong_in_between"])
        row("killed: files in their place after a kill that were not the final ones", wrong, not wrong)
        differing = len(killed["differing"])
        row("killed: files that differ from the uninterrupted run's, byte for byte", differing, not differing)
        changed = len(killed["changed_after_in_place"])
        row("killed: files in their place that were made again (inode, time of change)", changed, not changed)
        lines = killed["lines_per_frame"]
        row("killed: lines in the manifest", said(lines), lines == once)
        row("killed: left over in the folder", ", ".join(killed["leftovers"]) or "nothing", not killed["leftovers"])
    if again := found.get("again"):
        fine = not again["touched"] and again["lines_per_frame"] == once
        row("the same command once more: files touched", f"{again['touched']} ({again['seconds']:.0f} s)", fine)
    if workers := found.get("workers"):
        differing = len(workers["differing"])
        row("two workers: files that differ, byte for byte", differing, not differing)
        shares = workers["shares"]
        figure = f"{' and '.join(map(str, shares))} ({workers['seconds']:.0f} s)"
        row("two workers: frames done by each", figure, sum(shares) == frames)
        row("two workers: lines in the manifest", said(workers["lines_per_frame"]), workers["lines_per_frame"] == once)
    return rows


def save(found: dict[str, Any], folder: Path | None) -> None:
    """What is known so far; a phase takes long."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "survival.json").write_text(json.dumps(found, indent=1) + "\n")
    (folder / "survival.md").write_text(table(found) + "\n")
    plot(found, folder / "survival-memory.png")


def said(lines: dict[str, int]) -> str:
    return ", ".join(f"{count} for each of {number} frames" for count, number in lines.items()) or "none"


def table(found: dict[str, Any]) -> str:
    head = f"{found['frames']} frames of {found['size']}, JPEG to EXR" + (
        f", {' '.join(found['options'])}" if found["options"] else ""
    )
    rows = [f"| {what} | {figure} | {fine} |" for what, figure, fine in verdicts(found)]
    return "\n".join([head, "", "| what | figure | as promised |", "|---|---|---|", *rows])


def plot(found: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    samples = found["whole"]["memory"]
    figure, axes = pyplot.subplots(figsize=(8, 3.2), dpi=120, layout="constrained")
    axes.plot([done for _, done, _ in samples], [held / 1e6 for *_, held in samples], linewidth=0.8, color="#1f5fa8")
    axes.set(xlabel="files in their place", ylabel="resident memory, MB", ylim=(0, None), xlim=(0, found["frames"]))
    axes.set_title(f"{found['frames']} frames of {found['size']}: memory of the process", fontsize=10)
    axes.grid(alpha=0.3)
    figure.savefig(path)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
