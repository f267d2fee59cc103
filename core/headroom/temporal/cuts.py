"""Where a shot is cut, and which frames are flashes: PySceneDetect's adaptive detector on thumbnails."""

from __future__ import annotations

from collections import deque
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from headroom.colour.plan import ColourPlan
from headroom.plate import Plate

__all__ = ["CutFinder", "thumbnail"]

THUMBNAIL_PX = 160
"""Width; finer pictures find the same cuts (the detector averages over the frame)."""
SAMPLES_PER_PX = 2
"""Pixels of the plate that are looked at for one of the thumbnail, each way."""
NEIGHBOURS = 2
"""Frames on either side whose change a cut's is compared with: the detector's ``window_width``."""
FLASH_FRAMES = 3
"""A departure that is over after so many frames, the picture being the same before and after, is a flash, no cut."""
FLASH_CODES = 15.0
"""Mean difference of two thumbnails, in 8-bit codes, that makes a flash: the detector's own least for a cut."""
SAME_PICTURE = 0.5
"""Before and after a flash the pictures differ by less than this share of what the flash differs by."""

Thumbnail = npt.NDArray[np.uint8]


def thumbnail(plate: Plate, colour: ColourPlan) -> Thumbnail:
    """(h, 160, 3) 8-bit sRGB, B G R, of any plate."""
    width = min(THUMBNAIL_PX, plate.width)
    height = max(1, round(plate.height * width / plate.width))
    step = max(1, plate.width // (width * SAMPLES_PER_PX))
    codes = plate.codes[step // 2 :: step, step // 2 :: step]
    alpha = None if plate.alpha is None else plate.alpha[step // 2 :: step, step // 2 :: step]
    few = Plate(codes=codes, alpha=alpha, premultiplied=plate.premultiplied, bits=plate.bits, is_float=plate.is_float)
    x_srgb = np.nan_to_num(colour.to_network(few.rows(0, few.height)))
    small = cv2.resize(np.ascontiguousarray(x_srgb[..., ::-1]), (width, height), interpolation=cv2.INTER_AREA)
    picture: Thumbnail = (small.reshape(height, width, 3).clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return picture


class CutFinder:
    """Is shown the thumbnails in order; memory does not grow with the shot."""

    def __init__(self) -> None:
        from scenedetect import FrameTimecode
        from scenedetect.detectors import AdaptiveDetector

        self._at: Any = lambda index: FrameTimecode(index, 24.0)
        self._detector: Any = AdaptiveDetector(min_scene_len=1, window_width=NEIGHBOURS)
        self._recent: deque[Thumbnail] = deque(maxlen=FLASH_FRAMES + 1)
        self._cuts: list[int] = []
        self._flashes: set[int] = set()
        self._fed = self._count = 0

    def see(self, picture: Thumbnail) -> None:
        """The next frame; another size than the last one's is another picture in any case."""
        if not self._count:
            for _ in range(NEIGHBOURS):  # the detector looks at no frame that lacks neighbours
                self._feed(picture)
        elif self._recent[-1].shape != picture.shape:
            raise ValueError("thumbnails of two sizes")
        self._flashes.update(self._flash_before(picture))
        self._recent.append(picture)
        self._count += 1
        self._feed(picture)

    def finish(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Indices of first frames after cuts, and of frames that are flashes."""
        for _ in range(NEIGHBOURS if self._recent else 0):
            self._feed(self._recent[-1])
        edges = self._flashes | {index + 1 for index in self._flashes}
        return tuple(index for index in self._cuts if index not in edges), tuple(sorted(self._flashes))

    def _feed(self, picture: Thumbnail) -> None:
        found = self._detector.process_frame(self._at(self._fed), picture)
        self._fed += 1
        self._cuts += [int(cut.frame_num) - NEIGHBOURS for cut in found if int(cut.frame_num) > NEIGHBOURS]

    def _flash_before(self, picture: Thumbnail) -> range:
        """Indices of the frames just before this one that are a flash which is over now."""
        recent = list(self._recent)
        for length in range(1, len(recent)):
            before, flash = recent[-length - 1], recent[-length:]
            least = min(min(_difference(frame, before), _difference(frame, picture)) for frame in flash)
            if least > FLASH_CODES and _difference(before, picture) < SAME_PICTURE * least:
                return range(self._count - length, self._count)
        return range(0)


def _difference(a: Thumbnail, b: Thumbnail) -> float:
    return float(np.abs(a.astype(np.int16) - b.astype(np.int16)).mean())
