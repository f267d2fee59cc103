"""Geometry of the sphere: directions, solid angles, what lies beyond a pole, layouts, discs, harmonics."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.panorama import harmonics
from headroom.panorama.disc import disc_of
from headroom.panorama.layouts import FACES, cube_directions, cube_of, guess_layout, latlong_of, sample_latlong
from headroom.panorama.lighting import EnergySums, ggx_lit, ggx_total, irradiance
from headroom.panorama.place import Crop, placed
from headroom.panorama.sphere import (
    angles_of,
    direction_at,
    direction_of_angles,
    directions,
    pixel_at,
    solid_angles,
    turned,
)
from headroom.panorama.turn import light_column


def test_directions_are_openexr_s() -> None:
    height, width = 64, 128
    for x, y, expected in ((64, 32, (0, 0, 1)), (32, 32, (1, 0, 0)), (0, 32, (0, 0, -1)), (5, 0, (0, 1, 0))):
        assert direction_at(x, y, height, width) == pytest.approx(expected, abs=1e-12)


@given(st.floats(0, 255.99), st.floats(0.01, 127.99))
def test_pixels_and_directions_are_inverse(x: float, y: float) -> None:
    back = pixel_at(direction_at(x, y, 128, 256), 128, 256)
    assert float(back[0]) == pytest.approx(x, abs=1e-6)
    assert float(back[1]) == pytest.approx(y, abs=1e-6)


def test_angles_are_inverse_and_grow_to_the_right() -> None:
    assert angles_of(direction_at(96, 32, 64, 128)) == pytest.approx((90.0, 0.0))
    assert angles_of(direction_of_angles(-120.0, 35.0)) == pytest.approx((-120.0, 35.0))


@pytest.mark.parametrize("size", [(1, 2), (7, 13), (64, 128), (512, 1024)])
def test_solid_angles_sum_to_the_sphere(size: tuple[int, int]) -> None:
    assert solid_angles(*size).sum() * size[1] == pytest.approx(4 * math.pi, rel=1e-12)


def test_what_lies_beyond_a_pole_is_half_a_turn_away() -> None:
    picture = np.arange(4 * 8).reshape(4, 8)
    row, column = turned(4, 8, [-2, -1, 0, 3, 4, 5], np.arange(8))
    wrapped = picture[row, column]
    assert (wrapped[1] == np.roll(picture[0], 4)).all()
    assert (wrapped[0] == np.roll(picture[1], 4)).all()
    assert (wrapped[2] == picture[0]).all()
    assert (wrapped[4] == np.roll(picture[3], 4)).all()


def _scene(height: int = 64) -> np.ndarray:
    """Smooth, different in every direction, with structure round all three axes."""
    d = directions(height, 2 * height)
    x, y, z = d[..., 0], d[..., 1], d[..., 2]
    return np.stack([1.2 + x + 0.2 * y * z, 1.2 + y - 0.2 * x * z, 1.2 + z + 0.2 * x * y], -1).astype(np.float32)


def test_a_cube_and_back_is_the_same_picture() -> None:
    scene = _scene()
    faces = {face: cube_of(scene, face, 64) for face in FACES}
    assert np.array_equal(cube_of(scene, "py", 64, 5, 23), faces["py"][5:23])
    strip = np.concatenate([faces[face] for face in FACES], axis=1)
    back = latlong_of(strip, "strip", fov_degrees=0, width=128)
    assert np.abs(back - scene).max() < 0.02


def test_faces_look_where_their_names_say() -> None:
    middle = {face: cube_directions(face, 1)[0, 0] for face in FACES}
    for face, (azimuth, elevation) in {
        "pz": (0, 0), "px": (90, 0), "nx": (-90, 0), "py": (0, 90), "ny": (0, -90),
    }.items():  # fmt: skip
        assert middle[face] == pytest.approx(direction_of_angles(azimuth, elevation), abs=1e-12)
    # The floor's upper edge meets the front's lower edge: as a cross is folded.
    assert cube_directions("ny", 3)[0, 1] @ np.array([0, 0, 1.0]) > 0
    assert cube_directions("pz", 3)[2, 1] @ np.array([0, -1.0, 0]) > 0


@pytest.mark.parametrize(("across", "down"), [(4, 3), (3, 4)])
def test_both_crosses_unfold(across: int, down: int) -> None:
    scene, n = _scene(), 48
    faces = {face: cube_of(scene, face, n) for face in FACES}
    faces_at = {"py": (1, 0), "nx": (0, 1), "pz": (1, 1), "px": (2, 1), "ny": (1, 2)}
    faces_at["nz"] = (3, 1) if across == 4 else (1, 3)
    cross = np.zeros((down * n, across * n, 3), np.float32)
    for face, (column, row) in faces_at.items():
        picture = faces[face] if across == 4 or face != "nz" else faces[face][::-1, ::-1]
        cross[row * n : (row + 1) * n, column * n : (column + 1) * n] = picture
    assert guess_layout(across * n, down * n) == "cross"
    assert np.abs(latlong_of(cross, "cross", fov_degrees=0, width=128) - scene).max() < 0.02


def _draw(size: tuple[int, int], toward_of: object) -> np.ndarray:
    height, width = size
    y, x = np.mgrid[0:height, 0:width] + 0.5
    return sample_latlong(_scene(128), toward_of(x, y))  # type: ignore[operator]


def test_an_angular_map_is_unwrapped() -> None:
    def toward(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        u, v = x / 128 - 1, 1 - y / 128
        angle = np.minimum(np.hypot(u, v), 1.0) * math.pi
        round_ = np.arctan2(v, u)
        return np.stack([-np.sin(angle) * np.cos(round_), np.sin(angle) * np.sin(round_), np.cos(angle)], -1)

    back = latlong_of(_draw((256, 256), toward), "angular", fov_degrees=0, width=128)
    error = np.abs(back - _scene())
    away = np.abs(np.arange(128) - 63.5) < 56  # straight behind, all of the rim is one direction
    assert error[:, away].max() < 0.05


def test_a_mirror_ball_shows_the_left_on_its_right() -> None:
    def toward(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        u, v = x / 128 - 1, 1 - y / 128
        angle = 2 * np.arcsin(np.minimum(np.hypot(u, v), 1.0))
        round_ = np.arctan2(v, u)
        return np.stack([np.sin(angle) * np.cos(round_), np.sin(angle) * np.sin(round_), np.cos(angle)], -1)

    back = latlong_of(_draw((256, 256), toward), "mirror-ball", fov_degrees=0, width=128)
    assert np.abs(back - _scene())[16:48, 24:104].max() < 0.05


def test_two_fisheyes_meet() -> None:
    half = math.radians(200) / 2

    def toward(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        sign = np.where(x < 256, 1.0, -1.0)
        u, v = (x % 256) / 128 - 1, 1 - y / 128
        angle = np.minimum(np.hypot(u, v), 1.0) * half
        round_ = np.arctan2(v, u)
        sine = np.sin(angle)
        return np.stack([-sign * sine * np.cos(round_), sine * np.sin(round_), sign * np.cos(angle)], -1)

    back = latlong_of(_draw((256, 512), toward), "dual-fisheye", fov_degrees=200, width=128)
    assert np.abs(back - _scene()).max() < 0.05


def test_a_part_lies_where_it_was_and_no_star_forms_at_the_poles() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 255, (20, 60, 3), np.uint8)
    crop = Crop(full_width=80, full_height=40, left=70, top=10, width=60, height=20)
    full, filled = placed(codes, crop)
    assert full.dtype == np.uint8
    assert (full[10:30, (70 + np.arange(60)) % 80] == codes).all()
    seen = solid_angles(40, 80)[10:30].sum() * 60
    assert filled == pytest.approx(1 - seen / (4 * math.pi))
    assert full[0].astype(float).std(axis=0).max() < 0.1 * full[10].astype(float).std(axis=0).max()


@given(st.integers(-200, 200), st.integers(0, 5))
def test_turning_a_picture_turns_its_light_column(shift: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 255, (8, 37, 3), np.uint8)
    if seed == 0:
        codes[:] = np.tile(codes[:, :1], (1, 37, 1))  # the same all round, but for what follows
        codes[3, 5] = 255 - codes[3, 5]
    before, after = light_column(codes), light_column(np.roll(codes, shift, axis=1))
    assert (np.roll(codes, -before, axis=1) == np.roll(np.roll(codes, shift, axis=1), -after, axis=1)).all()


@pytest.mark.parametrize("elevation", [0.0, 47.0, 89.9, 90.0, -90.0])
@pytest.mark.parametrize("height", [4, 64, 512])
def test_a_disc_lies_where_it_should_with_the_size_it_has(height: int, elevation: float) -> None:
    disc = disc_of(tuple(direction_of_angles(179.9, elevation)), 0.53, height, 2 * height)
    omega = solid_angles(height, 2 * height)
    assert (disc.cover * omega[disc.y]).sum() == pytest.approx(disc.solid_angle_sr, rel=1e-9)
    at = directions(height, 2 * height)[disc.y, disc.x] * (disc.cover * omega[disc.y])[:, None]
    mean = at.sum(axis=0) / np.linalg.norm(at.sum(axis=0))
    off = math.degrees(math.acos(min(1.0, float(mean @ direction_of_angles(179.9, elevation)))))
    assert off < 0.75 * 180 / height
    if height == 512:
        assert disc.solid_angle_sr == pytest.approx(2 * math.pi * (1 - math.cos(math.radians(0.265))), rel=0.03)


def test_harmonics_are_orthonormal() -> None:
    height = 128
    d = directions(height, 2 * height).reshape(-1, 3)
    omega = np.repeat(solid_angles(height, 2 * height), 2 * height)
    values = harmonics.basis(d, 4)
    gram = values.T @ (values * omega[:, None])
    assert np.abs(gram - np.eye(25)).max() < 1e-3


def test_harmonics_of_a_lobe_light_as_its_integral_says() -> None:
    # Radiance max(0, d . a): its irradiance is known on the axis: int cos^2 = 2 pi / 3.
    axis = direction_of_angles(33.0, 20.0)
    sums = EnergySums(64)
    sums.add(np.repeat((directions(128, 256) @ axis).clip(0)[..., None], 3, axis=2).astype(np.float32), 0, 128)
    energy = sums.energy()
    coefficients = harmonics.project(energy.toward, energy.rgb, 4)
    lit = harmonics.basis(axis, 4) @ (coefficients * harmonics.irradiance_factors(4)[:, None])
    assert lit == pytest.approx(2 * math.pi / 3, rel=5e-3)
    assert irradiance(energy, axis[None])[0] * math.pi == pytest.approx(2 * math.pi / 3, rel=2e-3)


def test_even_light_stays_even_however_it_is_filtered() -> None:
    sums = EnergySums(32)
    for y0 in range(0, 64, 16):
        sums.add(np.ones((16, 128, 3), np.float32), y0, 64)
    normals = directions(4, 8)
    for merged in (1, 2):
        assert irradiance(sums.energy(merged), normals) == pytest.approx(1.0, rel=5e-3)
        assert ggx_lit(sums.energy(merged), normals, 0.6) == pytest.approx(1.0, rel=2e-2)


@pytest.mark.parametrize("alpha2", [0.04**2, 0.5, 1.0])
def test_ggx_s_total_is_its_integral(alpha2: float) -> None:
    cosine = (np.arange(200_000) + 0.5) / 200_000
    numeric = 2 * math.pi * (cosine / ((1 + cosine) / 2 * (alpha2 - 1) + 1) ** 2).mean()
    assert ggx_total(alpha2) == pytest.approx(numeric, rel=1e-5)
