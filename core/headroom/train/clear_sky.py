"""Skies with a sun of known power: irradiance, luminance and colour by published models, clouds by noise.

The power of sun and sky: Ineichen and Perez 2002, from the sun's elevation and Linke's turbidity. The sky's luminance:
Perez, Seals and Michalsky 1993. Their luminous efficacy: Littlefair 1985. Colour: Rayleigh's and Angstrom's optical
depths for three wavelengths, scattered once. Veils and cumulus take light from the sun and give a part back round it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headroom.metrics.linear import luminance
from headroom.panorama.sphere import direction_of_angles, directions, solid_angles

__all__ = ["Sky", "airmass", "clear_irradiance", "cloud_noise", "draw_sky"]

Array = npt.NDArray[np.float64]

SOLAR_CONSTANT = 1361.0
WAVELENGTHS_UM = np.array([0.61, 0.55, 0.465])
"""For red, green and blue."""
RAYLEIGH = 0.00864 * WAVELENGTHS_UM ** -(3.916 + 0.074 * WAVELENGTHS_UM + 0.05 / WAVELENGTHS_UM)
"""Optical depth of air, Leckner 1978."""
ANGSTROM = WAVELENGTHS_UM**-1.3
"""Of haze, times its turbidity."""
CLEARNESS = (1.0, 1.065, 1.230, 1.500, 1.950, 2.800, 4.500, 6.200)
PEREZ = np.array([
    [1.3525, -.2576, -.2690, -1.4366, -.7670, .0007, 1.2734, -.1233, 2.8000, .6004, 1.2375, 1.0000, 1.8734, .6297,
     .9738, .2809, .0356, -.1246, -.5718, .9938],
    [-1.2219, -.7730, 1.4148, 1.1016, -.2054, .0367, -3.9128, .9156, 6.9750, .1774, 6.4477, -.1239, -1.5798, -.5081,
     -1.7812, .1080, .2624, .0672, -.2190, -.4285],
    [-1.1000, -.2515, .8952, .0156, .2782, -.1812, -4.5000, 1.1766, 24.7219, -13.0812, -37.7000, 34.8438, -5.0000,
     1.5218, 3.9229, -2.6204, -.0156, .1597, .4199, -.5562],
    [-.5484, -.6654, -.2672, .7117, .7234, -.6219, -5.6812, 2.6297, 33.3389, -18.3000, -62.2500, 52.0781, -3.5000,
     .0016, 1.1477, .1062, .4659, -.3296, -.0876, -.0329],
    [-.6000, -.3566, -2.5000, 2.3250, .2937, .0496, -5.6812, 1.8415, 21.0000, -4.7656, -21.5906, 7.2492, -3.5000,
     -.1554, 1.4062, .3988, .0032, .0766, -.0656, -.1294],
    [-1.0156, -.3670, 1.0078, 1.4051, .2875, -.5328, -3.8500, 3.3750, 14.0000, -.9999, -7.1406, 7.5469, -3.4000,
     -.1078, -1.0750, 1.5702, -.0672, .4016, .3017, -.4844],
    [-1.0000, .0211, .5025, -.5119, -.3000, .1922, .7023, -1.6317, 19.0000, -5.0000, 1.2438, -1.9094, -4.0000, .0250,
     .3844, .2656, 1.0468, -.3788, -2.4517, 1.4656],
    [-1.0500, .0289, .4260, .3590, -.3250, .1156, .7781, .0025, 31.0625, -14.5000, -46.1148, 55.3750, -7.2312, .4050,
     13.3500, .6234, 1.5000, -.6426, 1.8564, .5636],
])  # fmt: skip
"""Perez et al. 1993, table 1: by clearness, four numbers for each of a to e."""
OCTAVES = 6
NOISE_CELLS = 256


@dataclass(frozen=True)
class Sky:
    """A sky without its sun's disc, and the sun; in one unit of light."""

    radiance: Array
    """(H, 2H, 3); below the horizon a grey that nothing shows."""
    sun: Array
    """(3,) unit vector to it."""
    elevation_degrees: float
    direct: Array
    """(3,) irradiance by the sun alone of a surface that faces it."""


def airmass(elevation_degrees: float) -> float:
    """Relative optical air mass, Kasten and Young 1989."""
    sine = math.sin(math.radians(elevation_degrees))
    return float(1.0 / (sine + 0.50572 * (elevation_degrees + 6.07995) ** -1.6364))


def clear_irradiance(elevation_degrees: float, turbidity: float, altitude_m: float) -> tuple[float, float]:
    """Direct normal and diffuse horizontal irradiance, W/m2, of a cloudless sky: Ineichen and Perez 2002."""
    mass = airmass(elevation_degrees) * math.exp(-altitude_m / 8434.0)
    fh1, fh2 = math.exp(-altitude_m / 8000.0), math.exp(-altitude_m / 1250.0)
    sine = math.sin(math.radians(elevation_degrees))
    extinction = (3.92e-5 * altitude_m + 0.0387) * mass * (fh1 + fh2 * (turbidity - 1.0))
    whole = (5.09e-5 * altitude_m + 0.868) * SOLAR_CONSTANT * sine
    whole *= math.exp(-extinction) * math.exp(min(0.01 * mass**1.8, 1.0))
    direct = min(
        (0.664 + 0.163 / fh1) * SOLAR_CONSTANT * math.exp(-0.09 * mass * (turbidity - 1.0)),
        whole * (1.0 - (0.1 - 0.2 * math.exp(-turbidity)) / (0.1 + 0.882 / fh1)) / sine,
    )
    return direct, whole - direct * sine


def draw_sky(rng: np.random.Generator, height: int) -> Sky:
    """A sky at random: half of the suns low; cloudless, with cumulus, or veiled."""
    low = rng.random() < 0.5
    elevation = math.exp(rng.uniform(math.log(3.0), math.log(22.0))) if low else float(rng.uniform(12.0, 72.0))
    turbidity = float(np.clip(np.exp(rng.normal(math.log(2.9), 0.3)), 1.9, 7.0))
    direct, diffuse = clear_irradiance(elevation, turbidity, float(rng.uniform(0.0, 1200.0)))
    haze = max(0.02 + 0.045 * (turbidity - 2.0) * float(rng.uniform(0.6, 1.4)), 0.01)
    sun = direction_of_angles(float(rng.uniform(-180.0, 180.0)), elevation)
    toward, omega = directions(height, 2 * height), solid_angles(height, 2 * height)[:, None]
    up, sine = toward[..., 1], math.sin(math.radians(elevation))
    away = np.degrees(np.arccos((toward @ sun).clip(-1, 1)))
    kind = rng.choice(["clear", "cumulus", "veil"], p=[0.42, 0.33, 0.25])
    through, given_back = 1.0, 0.0
    if kind == "veil":
        through = math.exp(-math.exp(rng.uniform(math.log(0.05), math.log(5.0))))
        given_back = (1.0 - through) * float(rng.uniform(0.3, 0.6))
    # Littlefair 1985, lm/W: of the sun's light by elevation, and of a clear sky's.
    sunlight = direct * (51.8 + 1.646 * elevation - 0.01513 * elevation**2) / 100.0
    skylight = diffuse * 1.44 * (1 - 0.35 * (1 - through)) + (1 - through) * sunlight * sine * 0.35
    veiled = diffuse * (1 - 0.35 * (1 - through)) + (1 - through) * direct * sine * 0.4
    level = _perez(toward, sun, elevation, direct * through, veiled) * (up > 0)
    level *= skylight / float((level * omega * up.clip(0)).sum())
    blue = _sky_tint(toward, sun, elevation, haze + 0.6 * (1 - through))
    tint = _sun_tint(elevation, haze * 0.9)
    white = _grey(0.3 * tint + 0.7 * np.array([0.97, 1.0, 1.05]))
    light = level[..., None] * _grey(blue * (1 - 0.75 * (1 - through)) + white * 0.75 * (1 - through))

    def round_the_sun(degrees: float) -> Array:
        lobe = np.exp(-away / degrees) * (up > -0.02)
        return np.asarray(lobe / (lobe * omega).sum())

    aureole = round_the_sun(rng.uniform(1.2, 3.5)) * rng.uniform(0.01, 0.07) * sunlight * through
    light = light + aureole[..., None] * tint
    if given_back:
        glow = round_the_sun(rng.uniform(4.0, 14.0)) * given_back * sunlight
        light = light + glow[..., None] * (0.6 * tint + 0.4 * white)
    if kind == "cumulus":
        flat = up.clip(0.035)
        scale, off = rng.uniform(0.8, 3.5), rng.uniform(0, 200, 2)
        noise = cloud_noise(toward[..., 0] / flat * scale + off[0], toward[..., 2] / flat * scale + off[1], rng)
        cover, soft = rng.uniform(-0.6, 1.6), rng.uniform(0.15, 0.6)
        cloud = _logistic((noise - cover) / soft * 2) * (up > 0) * np.clip(up / 0.06, 0, 1) ** 0.5
        thick = _logistic((noise - cover - rng.uniform(0.3, 1.2)) / soft)
        white_lit = (sunlight * sine * 0.6 + skylight) / math.pi
        lit = white_lit * (rng.uniform(0.8, 1.5) * (1 - thick * rng.uniform(0.2, 0.65)))
        lit = lit * (1 + 2.5 * np.exp(-away / 18.0) * (1 - thick))
        before = float(cloud.ravel()[int((toward @ sun).argmax())])
        through = 1 - before if before < 0.5 else (1 - before) * math.exp(-rng.uniform(0.0, 3.0))
        behind = round_the_sun(rng.uniform(3.0, 8.0)) * (1 - through) * sunlight * rng.uniform(0.05, 0.3)
        lit = lit + behind * (before > 0.3)
        light = light * (1 - cloud[..., None]) + (lit * cloud)[..., None] * _grey(
            0.7 * white + 0.3 * np.array([0.98, 1.0, 1.04])
        )
    light[up <= 0] = light[up > 0].mean(0) * 0.3
    return Sky(light, sun, elevation, sunlight * through * tint)


def cloud_noise(x: Array, y: Array, rng: np.random.Generator) -> Array:
    """Fractal noise of standard deviation 1 at points of a plane."""
    import cv2

    out = np.zeros(x.shape)
    for octave in range(OCTAVES):
        cells = rng.standard_normal((NOISE_CELLS, NOISE_CELLS)).astype(np.float32)
        u, v = ((part * 2.0**octave) % NOISE_CELLS for part in (x, y))
        padded = np.pad(cells, ((0, 2), (0, 2)), mode="wrap")
        out += cv2.remap(padded, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR) * 0.55**octave
    return np.asarray(out / out.std())


def _perez(toward: Array, sun: Array, elevation: float, direct: float, diffuse: float) -> Array:
    """(H, W) relative luminance."""
    zenith = math.radians(90.0 - elevation)
    clearness = ((diffuse + direct) / diffuse + 1.041 * zenith**3) / (1 + 1.041 * zenith**3)
    brightness = min(max(airmass(elevation) * diffuse / SOLAR_CONSTANT, 0.02), 0.55)
    row = max(n for n, least in enumerate(CLEARNESS) if clearness >= least)
    table = PEREZ[row].reshape(5, 4)
    a, b, c, d, e = (float(value) for value in table @ [1.0, zenith, brightness, brightness * zenith])
    if row == 0:
        c = math.exp((brightness * (table[2, 0] + table[2, 1] * zenith)) ** table[2, 2]) - table[2, 3]
        d = -math.exp(brightness * (table[3, 0] + table[3, 1] * zenith)) + table[3, 2] + brightness * table[3, 3]
    cosine = (toward @ sun).clip(-1, 1)
    gradation = 1 + a * np.exp(b / toward[..., 1].clip(0.01))
    indicatrix = 1 + c * np.exp(d * np.arccos(cosine)) + e * cosine**2
    return np.asarray((gradation * indicatrix).clip(1e-3))


def _sun_tint(elevation: float, haze: float) -> Array:
    return _grey(np.exp(-(RAYLEIGH + haze * ANGSTROM) * airmass(elevation)))


def _sky_tint(toward: Array, sun: Array, elevation: float, haze: float) -> Array:
    """(H, W, 3) of light scattered once on its way through the air, and a share scattered again."""
    cosine = (toward @ sun).clip(-1, 1)[..., None]
    path = np.minimum(1.0 / (toward[..., 1].clip(0) + 0.025), 38.0)[..., None]
    mie, g = haze * ANGSTROM, 0.75
    depth = RAYLEIGH + mie
    by_air = 0.0597 * (1 + cosine**2)
    by_haze = 0.0796 * (1 - g * g) / (1 + g * g - 2 * g * cosine) ** 1.5
    arriving = np.exp(-depth * airmass(elevation) * 0.55)
    once = arriving * (RAYLEIGH * by_air + mie * by_haze) / depth * (1 - np.exp(-depth * path))
    again = 0.12 * arriving * (1 - np.exp(-RAYLEIGH * path)) * RAYLEIGH / depth.max()
    return _grey(once + again)


def _grey(colour: Array) -> Array:
    """Brought to luminance 1."""
    return np.asarray(colour / luminance(colour)[..., None])


def _logistic(value: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-value)))
