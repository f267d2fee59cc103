"""Lights found: connected clipped regions of the sphere, measured, and told apart into kinds.

Works on bands of rows, so that a panorama of any size needs little more memory than its labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from headroom.metrics.linear import luminance
from headroom.panorama.lights import FoundLights, Light, LightRows, Region, sky_below
from headroom.panorama.sphere import direction_at, solid_angles
from headroom.panorama.surroundings import Surroundings
from headroom.plate import FloatArray

__all__ = ["find_lights", "find_lights_in", "label_regions"]

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int32]
Reader = Callable[[int, int], LightRows]

LEVELS = 2.0 ** np.arange(-10, 24, 0.05)
"""Luminances between which a region's pixels are counted."""
LEAST_EXTRA = 1e-6
BAND_PIXELS = 1 << 20
"""Looked at together: some 200 bytes each while they are."""
LEAST_SHARE = 1e-4
"""Regions with less of all clipped light than this are glints: they stay as reconstructed and are not listed."""
MOST_LIGHTS = 256
SUN_CANDIDATES, SUN_LEAST, SUN_OVER_RIVALS = 4, 0.1, 3.0
"""Regions above the horizon that are looked at; the share of all their extra light that a sun has at least; how many
times the next one's it is: where several are alike, they are lamps."""
SUN_REACH_DEGREES = 8.0
"""A sun inside a larger clipped region is what passes the brightest pixel further than this from its peak."""
SUN_SHARE_LEAST, SUN_SHARE_MOST = 1 / 256, 0.8
"""As a share of the peak, that level is at least the first; above the second there is no sun to be seen."""
SUN_OVER_MEAN = 1.5
"""The peak is at least so many times the region's mean: an overcast sky has no sun."""
SUN_SPREAD, SUN_CLEAR = 0.1, 5.0
"""Where the first is passed the network spread the light wide; a peak of the second times the region's median is a sun
all the same, and what is over that median is its light."""
SUN_ALONE_SR = 0.024
"""A region up to this size (a cap of 5 degrees' radius) may be the sun as a whole."""
SKY_DEGREES, SKY_LEVEL = 25.0, 0.12
"""So far round a sun the sky's median is at least this share of white; round a street lamp it is dark."""
LARGE_SR = 0.03
"""Skies and windows are at least this large (about 10 x 10 degrees)."""
LAMP_ELEVATION = 60.0
"""Higher than this, a large region of an interior is a ceiling light and no window."""
WARM = 1.25
"""A light whose red over blue is so many times the room's is warm: a lamp, no window."""


def find_lights(pixels: FloatArray, mask: FloatArray, recorded: FloatArray | None = None) -> FoundLights:
    """Lights of a (H, W, 3) reconstruction with its (H, W) mask; ``recorded`` defaults to ``pixels`` cut at 1."""
    plate = np.minimum(pixels, np.float32(1)) if recorded is None else recorded

    def read(y0: int, y1: int) -> LightRows:
        return LightRows(pixels[y0:y1], plate[y0:y1], mask[y0:y1])

    return find_lights_in(read, lambda y0, y1: mask[y0:y1], pixels.shape[0], pixels.shape[1])


def find_lights_in(read: Reader, mask: Callable[[int, int], FloatArray], height: int, width: int) -> FoundLights:
    """The same over bands: ``mask(y0, y1)`` is called for every row first, then ``read(y0, y1)``, in order."""
    masked = np.zeros((height, width), np.uint8)
    for y0, y1 in _bands(height, width):
        masked[y0:y1] = mask(y0, y1) > 0
    components = label_regions(masked)
    del masked
    count = int(components.max())
    sums, around = _Sums(count), Surroundings()
    for y0, y1 in _bands(height, width):
        rows = read(y0, y1)
        sums.add(rows, components[y0:y1], y0, height, width)
        around.add(rows.recorded, y0, height)
    total = float(sums.power.sum())
    order = [int(n) for n in np.argsort(-sums.power, kind="stable") if sums.power[n] > LEAST_SHARE * total]
    kept = order[:MOST_LIGHTS]
    rank = np.zeros(count + 1, np.uint16)
    for place, n in enumerate(kept):
        rank[n + 1] = place + 1
    labels = np.empty((height, width), np.uint16)
    for y0, y1 in _bands(height, width):
        labels[y0:y1] = rank[components[y0:y1]]
    del components
    regions = _regions(labels, len(kept))
    lights = [_light(sums, n, region) for n, region in zip(kept, regions, strict=True)]
    other = total - sum(light.power for light in lights)
    soft = {index: float(sums.soft[n]) for index, n in enumerate(kept)}
    return _named(_with_sun(lights, sums, kept, labels, read, around), labels, around, other, soft)


def label_regions(masked: npt.NDArray[np.uint8]) -> Labels:
    """(H, W): 0 where ``masked`` is 0, else the number of the connected region on the sphere, from 1.

    Neighbours touch at sides or corners, round in azimuth too; all of the first row meets at the zenith, all of the
    last at the nadir. Numbers follow the regions' first pixels.
    """
    import cv2

    count, labels = cv2.connectedComponents(masked, connectivity=8, ltype=cv2.CV_32S)
    root = np.arange(count)

    def join(a: int, b: int) -> None:
        while root[a] != a:
            a = root[a]
        while root[b] != b:
            b = root[b]
        root[max(a, b)] = min(a, b)

    left, right = labels[:, 0], labels[:, -1]
    for shift in (-1, 0, 1):
        first, last = max(0, shift), len(left) + min(0, shift)
        here, there = left[first:last], right[first - shift : last - shift]
        both = (here > 0) & (there > 0)
        for a, b in set(zip(here[both].tolist(), there[both].tolist(), strict=True)):
            join(a, b)
    for pole in (labels[0], labels[-1]):
        around = np.unique(pole[pole > 0]).tolist()
        for other in around[1:]:
            join(around[0], other)
    for n in range(count):  # roots are smaller than what hangs on them
        root[n] = root[root[n]]
    _, compact = np.unique(root, return_inverse=True)
    if len(np.unique(root)) == count:
        result: Labels = labels
        return result
    numbers = compact.reshape(-1).astype(np.int32)
    for y0, y1 in _bands(*labels.shape):
        labels[y0:y1] = numbers[labels[y0:y1]]
    joined: Labels = labels
    return joined


class _Sums:
    """Sums over regions 1..count, in double precision; index 0 is region 1."""

    def __init__(self, count: int) -> None:
        self.solid_angle, self.soft, self.power, self.floor = (np.zeros(count) for _ in range(4))
        self.peak, self.peak_at = np.zeros(count), np.zeros((count, 2), np.int64)
        self.total, self.extra, self.vector = (np.zeros((count, 3)) for _ in range(3))

    def add(self, rows: LightRows, labels: Labels, y0: int, height: int, width: int) -> None:
        y, x = np.nonzero(labels)
        if not len(y):
            return
        n = labels[y, x] - 1
        size = len(self.power)
        omega = solid_angles(height, width)[y0 + y]
        rgb = rows.pixels[y, x].astype(np.float64)
        recorded = rows.recorded[y, x].astype(np.float64)
        light = luminance(rgb)
        toward = direction_at(x + 0.5, y0 + y + 0.5, height, width)
        self.solid_angle += np.bincount(n, omega, size)
        self.soft += np.bincount(n, rows.mask[y, x] * omega, size)
        self.power += np.bincount(n, light * omega, size)
        self.floor += np.bincount(n, luminance(recorded) * omega, size)
        for c in range(3):
            self.total[:, c] += np.bincount(n, rgb[:, c] * omega, size)
            self.extra[:, c] += np.bincount(n, (rgb[:, c] - recorded[:, c]) * omega, size)
            self.vector[:, c] += np.bincount(n, toward[:, c] * light * omega, size)
        brightest = np.lexsort((-light, n))  # the first of each region is its brightest
        first = brightest[np.r_[True, np.diff(n[brightest]) > 0]]
        higher = first[light[first] > self.peak[n[first]]]
        self.peak[n[higher]] = light[higher]
        self.peak_at[n[higher]] = np.c_[y0 + y[higher], x[higher]]


def _light(sums: _Sums, n: int, region: Region) -> Light:
    power, size = float(sums.power[n]), float(sums.solid_angle[n])
    return Light(
        id="", kind="lamp", direction=_unit(sums.vector[n]), solid_angle_sr=size, colour=_chroma(sums, n),
        radiance=power / size, peak=float(sums.peak[n]), power=power, floor_power=min(float(sums.floor[n]), power),
        region=region,
    )  # fmt: skip


def _with_sun(
    lights: list[Light],
    sums: _Sums,
    kept: list[int],
    labels: npt.NDArray[np.uint16],
    read: Reader,
    around: Surroundings,
) -> list[Light]:
    """The lights, with the sun told apart where there is one: ``within`` is then the label of its region."""
    if not around.outdoors:
        return lights
    height, width = labels.shape
    peaks = [direction_at(x + 0.5, y + 0.5, height, width) for y, x in sums.peak_at[kept]]
    high = [i for i, peak in enumerate(peaks) if peak[1] > 0]
    strongest = sorted(high, key=lambda i: -lights[i].extra_power)[:SUN_CANDIDATES]
    suns: list[tuple[int, Light]] = []
    for i in strongest:
        x, y, z = peaks[i].tolist()
        if around.level_near((x, y, z), SKY_DEGREES) < SKY_LEVEL:
            continue
        alone = lights[i].solid_angle_sr <= SUN_ALONE_SR
        sun = replace(lights[i], kind="sun") if alone else _sun_inside(i, lights[i], peaks[i], labels, read)
        if sun is not None and sun.extra_power > 0:
            suns.append((i, sun))
    if not suns:
        return lights
    suns.sort(key=lambda pair: -pair[1].extra_power)
    best, sun = suns[0]
    rivals = [other.extra_power for _, other in suns[1:]]
    if sun.extra_power < max(
        SUN_LEAST * sum(lights[i].extra_power for i in high), SUN_OVER_RIVALS * max([0.0, *rivals])
    ):
        return lights
    if sun.within is None:
        lights[best] = sun
        return lights
    light = lights[best]
    rest = replace(light, power=light.power - sun.extra_power)
    lights[best] = replace(rest, radiance=rest.power / rest.solid_angle_sr, peak=float(sun.floor_radiance or 0))
    return [*lights, sun]


def _sun_inside(index: int, light: Light, toward: Array, labels: npt.NDArray[np.uint16], read: Reader) -> Light | None:
    """What of a region passes all that lies away from its peak, if that is a small part of the peak."""
    height, width = labels.shape
    region = light.region
    floor = SUN_SHARE_LEAST * light.peak
    omega, counts = solid_angles(height, width), np.zeros(len(LEVELS))
    for y, x, rows, y0 in _pixels_of(index, region, labels, read):
        level = luminance(rows.pixels[y - y0, x])
        away = direction_at(x + 0.5, y + 0.5, height, width) @ toward < math.cos(math.radians(SUN_REACH_DEGREES))
        if away.any():
            floor = max(floor, float(level[away].max()))
        counts += np.bincount(np.searchsorted(LEVELS[1:], level), omega[y], len(LEVELS))
    median = float(LEVELS[np.searchsorted(np.cumsum(counts), 0.5 * counts.sum())])
    if floor > SUN_SPREAD * light.peak and light.peak > SUN_CLEAR * median:
        floor = min(floor, median)
    if floor > SUN_SHARE_MOST * light.peak or light.peak < SUN_OVER_MEAN * light.radiance:
        return None
    floor *= 2  # the sky below bends from half of it on
    sums = _Sums(1)
    places: list[npt.NDArray[np.int64]] = []
    for y, x, rows, y0 in _pixels_of(index, region, labels, read):
        level = luminance(rows.pixels[y - y0, x])
        core = level > floor / 2
        y, x = y[core], x[core]
        mine = np.zeros(rows.mask.shape, np.int32)
        mine[y - y0, x] = 1
        lowered = rows.recorded.copy()
        lowered[y - y0, x] = rows.pixels[y - y0, x] * (sky_below(level[core], floor) / level[core])[:, None]
        sums.add(LightRows(rows.pixels, lowered, rows.mask), mine, y0, height, width)
        places.append(np.c_[y, x])
    at = np.concatenate(places)
    columns = np.zeros(width, bool)
    columns[at[:, 1]] = True
    box = _box(columns, int(at[:, 0].min()), int(at[:, 0].max()) + 1, len(at))
    return replace(_light(sums, 0, box), kind="sun", within=str(index), floor_radiance=floor)


def _pixels_of(
    index: int, region: Region, labels: npt.NDArray[np.uint16], read: Reader
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], LightRows, int]]:
    """Rows, columns, band and the band's first row of a region's pixels, band by band."""
    for y0, y1 in _bands(region.y + region.height, labels.shape[1], first=region.y):
        y, x = np.nonzero(labels[y0:y1] == index + 1)
        if len(y):
            yield y + y0, x, read(y0, y1), y0


def _named(
    lights: list[Light], labels: npt.NDArray[np.uint16], around: Surroundings, other: float, soft: dict[int, float]
) -> FoundLights:
    """Kinds, and ids by kind and rank."""
    kinds = [light.kind if light.kind == "sun" else _kind(light, around) for light in lights]
    counts: dict[str, int] = {}
    ids = [""] * len(lights)
    for i in sorted(range(len(lights)), key=lambda i: -lights[i].power):
        counts[kinds[i]] = counts.get(kinds[i], 0) + 1
        ids[i] = f"{kinds[i]}-{counts[kinds[i]]}"
    named = [
        replace(light, id=mark, kind=kind, within=None if light.within is None else ids[int(light.within)])
        for light, mark, kind in zip(lights, ids, kinds, strict=True)
    ]
    regions = tuple(light.id for light in named if light.within is None)
    ranked = tuple(sorted(named, key=lambda light: -light.power))
    return FoundLights(ranked, labels, regions, around.outdoors, other, {ids[i]: sr for i, sr in soft.items()})


def _kind(light: Light, around: Surroundings) -> str:
    large = light.solid_angle_sr >= LARGE_SR
    if around.outdoors:
        return "sky" if large and light.elevation_degrees > 0 else "lamp"
    if not large or abs(light.elevation_degrees) > LAMP_ELEVATION:
        return "lamp"
    red_over_blue = light.colour[0] / max(light.colour[2], 1e-6)
    return "lamp" if red_over_blue > WARM * around.red_over_blue else "window"


def _regions(labels: npt.NDArray[np.uint16], count: int) -> list[Region]:
    """Boxes of labels 1..count; their columns may run past the right edge."""
    height, width = labels.shape
    columns = np.zeros((count + 1, width), bool)
    top, bottom = np.full(count + 1, height), np.zeros(count + 1, np.int64)
    pixels = np.zeros(count + 1, np.int64)
    for y0, y1 in _bands(height, width):
        y, x = np.nonzero(labels[y0:y1])
        n = labels[y0:y1][y, x]
        columns[n, x] = True
        np.minimum.at(top, n, y0 + y)
        np.maximum.at(bottom, n, y0 + y + 1)
        pixels += np.bincount(n, minlength=count + 1)
    return [_box(columns[n], int(top[n]), int(bottom[n]), int(pixels[n])) for n in range(1, count + 1)]


def _box(columns: npt.NDArray[np.bool_], top: int, bottom: int, pixels: int) -> Region:
    """The shortest stretch of columns, round in azimuth, that holds all that are set."""
    width = len(columns)
    used = np.flatnonzero(columns)
    gaps = np.diff(np.r_[used, used[0] + width])
    widest = int(np.argmax(gaps))
    x = int(used[(widest + 1) % len(used)])
    return Region(x=x, y=top, width=width - int(gaps[widest]) + 1, height=bottom - top, pixels=pixels)


def _bands(last: int, width: int, first: int = 0) -> Iterator[tuple[int, int]]:
    rows = max(1, BAND_PIXELS // width)
    for y0 in range(first, last, rows):
        yield y0, min(y0 + rows, last)


def _unit(vector: Array) -> tuple[float, float, float]:
    length = float(np.linalg.norm(vector))
    x, y, z = (vector / length if length > 0 else np.array([0.0, 1.0, 0.0])).tolist()
    return x, y, z


def _chroma(sums: _Sums, n: int) -> tuple[float, float, float]:
    """Of the extra; of the whole where there is no extra to speak of, or none that is a colour."""
    rgb = sums.extra[n]
    if luminance(rgb) < LEAST_EXTRA * sums.power[n] or rgb.min() < 0:
        rgb = sums.total[n]
    level = float(luminance(rgb))
    r, g, b = (rgb / level if level > 0 and rgb.min() >= 0 else np.ones(3)).tolist()
    return r, g, b
