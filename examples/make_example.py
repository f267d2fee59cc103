"""Makes examples/hangar.jpg: what a camera would have recorded of a CC0 panorama, clipped windows and all.

    python examples/make_example.py PATH/TO/small_hangar_01.exr [OUT.jpg]

The panorama (https://polyhaven.com/a/small_hangar_01, CC0 1.0, 1024x512 linear light) is looked at through
a 100 degree lens, exposed so that 10 % of the picture clips, encoded as sRGB and saved as a JPEG. What clipped is
gone: no trace of the light behind the door is left in the file. The light itself goes into hangar-truth.exr beside
it, at half the size, for the pictures that compare.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import OpenEXR
from PIL import Image

WIDTH, HEIGHT = 960, 640
LENS_DEGREES = 100.0
YAW_DEGREES = 58.0  # to the right of the panorama's middle: the door and the windows
PITCH_DEGREES = 4.0
CLIPPED_SHARE = 0.1
JPEG_QUALITY = 90

Array = npt.NDArray[np.float32]


def directions() -> Array:
    """(H, W, 3) unit vectors of the view's pixels: x right, y up, z ahead."""
    focal_px = WIDTH / 2 / np.tan(np.radians(LENS_DEGREES) / 2)
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5 - WIDTH / 2, HEIGHT / 2 - 0.5 - np.arange(HEIGHT))
    ray = np.stack([x, y, np.full_like(x, focal_px)], axis=-1)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    pitch, yaw = np.radians(PITCH_DEGREES), np.radians(YAW_DEGREES)
    tilt = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    return np.asarray(ray @ (turn @ tilt).T, dtype=np.float32)


def look(pano_lin: Array, ray: Array) -> Array:
    """Linear light along the rays, bilinear in log light so that a sun does not smear."""
    height, width = pano_lin.shape[:2]
    u = (np.arctan2(ray[..., 0], ray[..., 2]) / (2 * np.pi) + 0.5) * width - 0.5
    v = np.clip((0.5 - np.arcsin(ray[..., 1]) / np.pi) * height - 0.5, 0, height - 1)
    x0, y0 = np.floor(u).astype(int), np.minimum(np.floor(v).astype(int), height - 2)
    fx, fy = (u - x0)[..., None], (v - y0)[..., None]
    log_light = np.log2(np.maximum(pano_lin, 1e-5))
    top = log_light[y0, x0 % width] * (1 - fx) + log_light[y0, (x0 + 1) % width] * fx
    low = log_light[y0 + 1, x0 % width] * (1 - fx) + log_light[y0 + 1, (x0 + 1) % width] * fx
    return np.asarray(np.exp2(top * (1 - fy) + low * fy), dtype=np.float32)


def main(source: Path, target: Path) -> None:
    """Reads the panorama, writes the JPEG."""
    channels = OpenEXR.File(str(source)).channels()
    pano_lin = channels["RGB"].pixels.astype(np.float32)
    view_lin = look(pano_lin, directions())
    exposed = view_lin / np.quantile(view_lin.max(axis=-1), 1 - CLIPPED_SHARE)
    seen = np.clip(exposed, 0, 1)
    code = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    Image.fromarray(np.rint(code * 255).astype(np.uint8)).save(target, quality=JPEG_QUALITY, subsampling=0)
    halved = exposed.reshape(HEIGHT // 2, 2, WIDTH // 2, 2, 3).mean(axis=(1, 3)).astype(np.float16)
    header = {"compression": OpenEXR.DWAA_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {"RGB": halved}) as file:
        file.write(str(target.with_name(f"{target.stem}-truth.exr")))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else Path(__file__).parent / "hangar.jpg"))
