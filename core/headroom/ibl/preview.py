"""The picture that ``--preview`` writes: what the map does, beside what the clipped panorama would do.

For each of clipped, result and truth: the panorama, a matte, a glossy and a mirror ball, a small still life, all at one
exposure. Below: the result at falling exposures, and its luminance in false colour. Same input, same picture.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from headroom import io
from headroom.errors import PlateError, WriteError
from headroom.ibl.request import Outputs
from headroom.ibl.still_life import render
from headroom.ibl.view import ViewSums
from headroom.metrics.linear import luminance
from headroom.panorama.layouts import sample_latlong
from headroom.panorama.lighting import EnergySums, ggx_lit, irradiance
from headroom.panorama.lights import Light
from headroom.panorama.sphere import directions, pixel_at
from headroom.plate import FloatArray

__all__ = ["false_colour", "named", "tone", "write_preview"]

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

COLUMN, GAP, MARGIN = 448, 24, 32
BALL = 144
STILL = (448, 280)
LADDER_STOPS = (0, -2, -4, -6, -8, -10)
GLOSSY_ROUGHNESS = 0.3
BACKGROUND, TEXT, FAINT = (22, 23, 26), (232, 232, 228), (150, 152, 156)
MOST_NAMED, LEAST_NAMED = 5, 0.02
"""Lights that get a ring, and the share of the strongest one's power that they have at least."""
GREY = 0.32
"""What the lit platform shows, on average: the exposure follows from it."""
# Stops about white, and their colours, from a dark blue over green and yellow to white (luminance rises all the way).
FALSE = (
    (-8, (12, 12, 60)), (-6, (35, 35, 140)), (-4, (20, 95, 170)), (-2, (20, 140, 130)), (0, (60, 165, 60)),
    (2, (170, 190, 40)), (4, (240, 195, 40)), (7, (245, 130, 40)), (10, (240, 80, 90)), (13, (240, 150, 220)),
    (16, (255, 255, 255)),
)  # fmt: skip


def write_preview(
    outputs: Outputs, view: FloatArray, clipped: FloatArray, lights: tuple[Light, ...], nits: float | None
) -> None:
    """Draw it from small lat-longs (h, 2 h, 3) in linear Rec.709."""
    assert outputs.preview is not None
    columns = [("clipped panorama", clipped), ("headroom", view)]
    if outputs.truth is not None:
        columns.append(("truth", _truth(outputs.truth, clipped)))
    pictures = render([column for _, column in columns], *STILL)
    exposure = _exposure(pictures[-1])
    height = MARGIN + 40 + COLUMN // 2 + GAP + BALL + GAP + STILL[1] + GAP
    below = 30 + _ladder_size(len(columns))[1] + GAP + 30 + COLUMN // 2 + 26 + MARGIN
    width = 2 * MARGIN + len(columns) * COLUMN + (len(columns) - 1) * GAP
    canvas = Image.new("RGB", (width, height + below), BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    small, large = ImageFont.load_default(15), ImageFont.load_default(21)
    for index, ((name, column), picture) in enumerate(zip(columns, pictures, strict=True)):
        x, y = MARGIN + index * (COLUMN + GAP), MARGIN
        draw.text((x, y), name, TEXT, large)
        note = (
            f"light from above: {_up(column):.3g}"
            if nits is None
            else f"light from above: {_up(column) * nits:.4g} lux"
        )
        draw.text((x + COLUMN, y + 5), note, FAINT, small, anchor="ra")
        y += 40
        canvas.paste(_image(tone(_resized(column, COLUMN))), (x, y))
        if name == "headroom":
            _mark(draw, lights, x, y, small)
        y += COLUMN // 2 + GAP
        gap = (COLUMN - 3 * BALL) // 2
        for number, ball in enumerate(_balls(column)):
            canvas.paste(_image(tone(ball * exposure)), (x + number * (BALL + gap), y))
        canvas.paste(_image(tone(picture * exposure)), (x, y + BALL + GAP))
    y = height
    draw.text(
        (MARGIN, y),
        "headroom, exposure lowered: light that is only white goes grey, light that is there stays",
        FAINT,
        small,
    )
    _draw_ladder(canvas, draw, view, len(columns), y + 30, small)
    y += 30 + _ladder_size(len(columns))[1] + GAP
    unit = "stops over the plate's white" if nits is None else f"cd/m2 (white is {nits:.4g})"
    draw.text((MARGIN, y), f"luminance, {unit}", FAINT, small)
    for index, (_, column) in enumerate(columns):
        canvas.paste(Image.fromarray(false_colour(_resized(column, COLUMN))), (MARGIN + index * (COLUMN + GAP), y + 30))
    _legend(draw, MARGIN, y + 30 + COLUMN // 2 + 8, width - 2 * MARGIN, nits, small)
    _save(canvas, outputs.preview)


def tone(linear: FloatArray) -> FloatArray:
    """Linear Rec.709 to 0..1 sRGB codes: straight up to 0.6, then bent towards white."""
    x = np.maximum(linear, 0.0)
    knee = np.float32(0.6)
    bent = np.where(x > knee, knee + (1 - knee) * (1 - np.exp(-(x - knee) / (1 - knee) / 1.6)), x)
    coded: FloatArray = np.where(bent <= 0.0031308, bent * 12.92, 1.055 * np.maximum(bent, 1e-9) ** (1 / 2.4) - 0.055)
    return coded.astype(np.float32, copy=False)


def false_colour(linear: FloatArray) -> np.ndarray:
    """(h, w, 3) linear to 8-bit colours by luminance in stops about 1.0."""
    stops = np.log2(np.maximum(luminance(linear), 2.0**-30))
    at = [stop for stop, _ in FALSE]
    channels = [np.interp(stops, at, [colour[c] for _, colour in FALSE]) for c in range(3)]
    colours: np.ndarray = np.stack(channels, -1).round().astype(np.uint8)
    return colours


def _balls(latlong: FloatArray) -> list[FloatArray]:
    """Matte, glossy and mirror ball before the map's middle, (BALL, BALL, 3) each; edges by 3 x 3 samples."""
    sums = EnergySums(64)
    sums.add(latlong, 0, len(latlong))
    matte = 0.8 * irradiance(sums.energy(2), directions(32, 64))
    glossy = ggx_lit(sums.energy(), directions(48, 96), GLOSSY_ROUGHNESS)
    across = 3
    step = (np.arange(BALL * across) + 0.5) / (BALL * across) * 2 - 1
    u, v = np.meshgrid(step, -step)
    room = 0.92
    inside = u**2 + v**2 < room**2
    depth = np.sqrt(np.maximum(room**2 - u**2 - v**2, 0.0)) / room
    normal = np.stack([-u / room, v / room, -depth], -1)
    bounced = np.stack([np.zeros_like(u), np.zeros_like(u), np.ones_like(u)], -1)
    bounced = bounced + 2 * depth[..., None] * normal
    behind = np.stack([-u * 0.45, v * 0.45, np.ones_like(u)], -1)
    seen = sample_latlong(latlong, behind)
    result = []
    for source, toward, gain in ((matte, normal, 1.0), (glossy, bounced, 0.9), (latlong, bounced, 0.9)):
        colour = np.where(inside[..., None], gain * sample_latlong(source, toward), seen)
        fine = tone(colour) if source is latlong else colour
        blocks = fine.reshape(BALL, across, BALL, across, 3).mean((1, 3))
        result.append(_untoned(blocks) if source is latlong else blocks)
    return result


def _untoned(coded: FloatArray) -> FloatArray:
    """``tone`` backwards: averages of shown colours, so that one bright sample does not eat an edge."""
    c = coded.clip(0, 1)
    bent = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    room = ((1 - bent) / 0.4).clip(1e-7, 1)
    linear: FloatArray = np.where(bent > 0.6, 0.6 - 0.64 * np.log(room), bent).astype(np.float32)
    return linear


def _truth(path: Path, clipped: FloatArray) -> FloatArray:
    """The true panorama at the view's size, brought to the plate's scale on what the plate recorded."""
    plate = io.read(path)
    if abs(plate.width - 2 * plate.height) > 0.01 * plate.width:
        raise PlateError(f"{path}: {plate.width}x{plate.height} is no lat-long of 2:1, as --truth must be")
    sums = ViewSums(plate.height, plate.width)
    for y0 in range(0, plate.height, 256):
        rows = plate.rows(y0, min(y0 + 256, plate.height))
        sums.add(np.maximum(rows, 0.0), y0)
    view = sums.mean()
    if view.shape != clipped.shape:
        toward = directions(*clipped.shape[:2])
        view = sample_latlong(view, toward)
    seen, true = luminance(clipped), luminance(view)
    good = (seen > 0.02) & (clipped.max(axis=2) < 0.8) & (true > 0)
    if good.sum() < 16:
        raise PlateError(f"{path}: shares too little with the panorama to be brought to its exposure")
    scale = float(np.exp(np.median(np.log(seen[good] / true[good]))))
    scaled: FloatArray = view * np.float32(scale)
    return scaled


def _exposure(picture: FloatArray) -> float:
    """So that the lower half of the still life, the platform, shows a middle grey."""
    lower = luminance(picture[len(picture) // 2 :])
    return GREY / max(float(np.median(lower)), 1e-6)


def _up(latlong: FloatArray) -> float:
    sums = EnergySums(32)
    sums.add(latlong, 0, len(latlong))
    energy = sums.energy()
    return float(luminance((energy.rgb * energy.toward[:, 1:2].clip(min=0)).sum(axis=0)))


def _resized(latlong: FloatArray, width: int) -> FloatArray:
    return sample_latlong(latlong, directions(width // 2, width))


def _image(coded: FloatArray) -> Image.Image:
    return Image.fromarray((coded.clip(0, 1) * 255 + 0.5).astype(np.uint8))


def _mark(draw: ImageDraw.ImageDraw, lights: tuple[Light, ...], x: int, y: int, font: _Font) -> None:
    """A ring and a name at each light that gets one."""
    drawn: list[tuple[float, float]] = []
    for light in named(lights):
        px, py = (float(v) for v in pixel_at(light.direction, COLUMN // 2, COLUMN))
        if any(abs(px - other_x) < 60 and abs(py - other_y) < 18 for other_x, other_y in drawn):
            continue
        drawn.append((px, py))
        draw.ellipse((x + px - 7, y + py - 7, x + px + 7, y + py + 7), outline=(235, 80, 60), width=2)
        right = px < COLUMN - 80
        draw.text(
            (x + px + (11 if right else -11), y + py),
            light.id,
            TEXT,
            font,
            stroke_width=2,
            stroke_fill=(0, 0, 0),
            anchor="lm" if right else "rm",
        )


def named(lights: tuple[Light, ...]) -> list[Light]:
    """The suns, however faint, before the strongest of the others: of two that would overlap the first is named."""
    suns = [light for light in lights if light.kind == "sun"]
    strong = [light for light in lights if light not in suns and light.power >= LEAST_NAMED * lights[0].power]
    return [*suns, *strong][:MOST_NAMED]


def _ladder_size(columns: int) -> tuple[int, int]:
    whole = columns * COLUMN + (columns - 1) * GAP
    one = (whole - 8 * (len(LADDER_STOPS) - 1)) // len(LADDER_STOPS)
    return one, one // 2


def _draw_ladder(
    canvas: Image.Image, draw: ImageDraw.ImageDraw, view: FloatArray, columns: int, y: int, font: _Font
) -> None:
    width, height = _ladder_size(columns)
    small = sample_latlong(view, directions(height, 2 * height))
    for index, stops in enumerate(LADDER_STOPS):
        x = MARGIN + index * (width + 8)
        coded = tone(small * np.float32(2.0**stops))
        canvas.paste(_image(coded).resize((width, height)), (x, y))
        draw.text((x + 6, y + 4), f"{stops:+d}" if stops else "0", TEXT, font, stroke_width=2, stroke_fill=(0, 0, 0))


def _legend(draw: ImageDraw.ImageDraw, x: int, y: int, width: int, nits: float | None, font: _Font) -> None:
    low, high = FALSE[0][0], FALSE[-1][0]
    for column in range(width):
        stops = low + (high - low) * column / (width - 1)
        colour = false_colour(np.full((1, 1, 3), 2.0**stops, np.float32))[0, 0]
        draw.line((x + column, y, x + column, y + 10), tuple(int(v) for v in colour))
    for stop in range(low, high + 1, 2):
        at = x + (width - 1) * (stop - low) / (high - low)
        text = (f"{stop:+d}" if stop else "0") if nits is None else f"{nits * 2.0**stop:.3g}"
        anchor = "la" if stop == low else "ra" if stop == high else "ma"
        draw.text((at, y + 13), text, FAINT, font, anchor=anchor)


def _save(canvas: Image.Image, path: Path) -> None:
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        canvas.save(partial, format="PNG" if path.suffix.lower() != ".jpg" else "JPEG", quality=92)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise WriteError(f"cannot write {path}: {error.strerror or error}; choose another place") from None
