"""How bright and of what colour real lights are: sun and sky by the sun's height, lamps by lumens and kelvins.

Light is in kcd/m2 (radiance) and klx (irradiance): a renderer that knows no units then gets white paper in klx / pi.
Colours are linear Rec.709 of luminance 1.
"""

from __future__ import annotations

import math

__all__ = [
    "SUN_DEGREES",
    "air_mass",
    "beam_luminance",
    "blackbody",
    "disc_luminance",
    "sky_klx",
    "sphere_luminance",
    "sun_colour",
    "sun_klx",
    "sun_luminance",
]

SUN_DEGREES = 0.53
"""The sun's disc from edge to edge."""
SOLAR_KLX = 133.8
"""The sun's light above the air (IES 1984)."""
EXTINCTION = {"clear": 0.21, "partly cloudy": 0.80}
"""Per air mass; the mean of a day with clouds. An overcast sky shows no sun."""
SKY_KLX = {"clear": (0.8, 15.5, 0.5), "partly cloudy": (0.3, 45.0, 1.0), "overcast": (0.3, 21.0, 1.0)}
"""a + b sin(height)^c (IES, Recommended practice for the calculation of daylight availability, J. IES 13(4), 1984)."""
CHANNEL_UM = (0.61, 0.55, 0.465)
"""Where red, green and blue lie, micrometres."""
RAYLEIGH = 0.008735
"""Optical depth of clean air at 1 um; exponent -4.08 (Preetham, Shirley and Smits 1999, appendix 1)."""
AEROSOL = 0.05
"""Of haze at 1 um, on a clear day; exponent -1.3 (there)."""
LUMINANCE = (0.2126, 0.7152, 0.0722)


def air_mass(height_degrees: float) -> float:
    """Air on the sunlight's way, 1 at the zenith (Kasten and Young 1989)."""
    return 1 / (math.sin(math.radians(height_degrees)) + 0.50572 * (height_degrees + 6.07995) ** -1.6364)


def sun_klx(height_degrees: float, sky: str) -> float:
    """The sun's light on a surface that faces it; 0 where the sky hides it."""
    if sky not in EXTINCTION or height_degrees <= 0:
        return 0.0
    return SOLAR_KLX * math.exp(-EXTINCTION[sky] * air_mass(height_degrees))


def sky_klx(height_degrees: float, sky: str) -> float:
    """The sky's light on level ground, without the sun."""
    base, rise, power = SKY_KLX[sky]
    return base + rise * math.sin(math.radians(max(height_degrees, 0.0))) ** power


def sun_luminance(klx: float) -> float:
    """Of the disc that gives that light, kcd/m2."""
    return klx / (2 * math.pi * (1 - math.cos(math.radians(SUN_DEGREES / 2))))


def sun_colour(height_degrees: float) -> tuple[float, float, float]:
    """White above the air, redder by what air and haze scatter out of it."""
    mass = air_mass(height_degrees)
    depths = [RAYLEIGH * um**-4.08 + AEROSOL * um**-1.3 for um in CHANNEL_UM]
    return _normalised([math.exp(-mass * depth) for depth in depths])


def sphere_luminance(lumens: float, radius: float) -> float:
    """Of a frosted bulb of that radius in metres, kcd/m2."""
    return lumens / (4 * math.pi**2 * radius**2) / 1000


def disc_luminance(lumens: float, area: float) -> float:
    """Of a flat panel that sends its light to one side, kcd/m2; ``area`` in m2."""
    return lumens / (math.pi * area) / 1000


def beam_luminance(lumens: float, area: float, sharpness: float) -> float:
    """On the axis of a panel whose luminance falls as cos^sharpness, kcd/m2."""
    return lumens * (sharpness + 2) / (2 * math.pi * area) / 1000


def blackbody(kelvin: float) -> tuple[float, float, float]:
    """A glowing body's colour, 1667 to 25000 K (Kim et al. 2002, US patent 7024034, a cubic fit of Planck's locus)."""
    t = 1000 / kelvin
    if kelvin <= 4000:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.240390
    if kelvin <= 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif kelvin <= 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    big_x, big_z = x / y, (1 - x - y) / y
    return _normalised(
        [
            3.2404542 * big_x - 1.5371385 - 0.4985314 * big_z,
            -0.9692660 * big_x + 1.8760108 + 0.0415560 * big_z,
            0.0556434 * big_x - 0.2040259 + 1.0572252 * big_z,
        ]
    )


def _normalised(colour: list[float]) -> tuple[float, float, float]:
    """Of luminance 1; what lies outside the gamut goes to its edge."""
    red, green, blue = (max(channel, 0.0) for channel in colour)
    luminance = red * LUMINANCE[0] + green * LUMINANCE[1] + blue * LUMINANCE[2]
    return red / luminance, green / luminance, blue / luminance
