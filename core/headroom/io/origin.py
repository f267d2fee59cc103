"""Where a picture comes from, as far as its file says, and what that says of its response curve.

A file that states sRGB states how it is to be shown. Of a render that is the whole story: its codes were computed by
that curve. A camera's JPEG, and a raw converter's, went through a picture style first: it is to be shown as sRGB, and
yet its codes bend otherwise than sRGB's.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["CAMERA", "RENDER", "STATED_ODDS", "WHY", "origin_of"]

CAMERA, RENDER = "camera", "render"

STATED_ODDS = {CAMERA: 0.5, RENDER: 1e9}
"""By what the odds that the stated curve is the true one are multiplied; 1 where the file does not say.

A render is never corrected. Cameras: of the two whose response could be measured here (bracketed JPEGs of a Canon 5D
Mark II and a T2i, both stated as sRGB) none follows sRGB, 0.34 and 0.45 stops off. By Laplace's rule of succession one
in four such pictures would: odds of 1 to 3, where the network was taught to expect 2 to 3."""

WHY = {
    CAMERA: "a camera's picture style bends the curve that it states: the estimate is believed a little sooner",
    RENDER: "a render's curve is what it says: it is never corrected",
}

_RENDER_SOFTWARE = re.compile(
    r"\b(blender|nuke|houdini|karma|arnold|v-?ray|renderman|redshift|octane|corona|maya|3ds max|cinema 4d|katana|natron"
    r"|unreal|unity|keyshot|mitsuba|luxcore|pov-?ray)",
    re.IGNORECASE,
)
"""Names in a file's ``Software``: what computes or composites pictures under colour management."""
_RENDER_MARKS = ("blender:", "cycles.", "nuke/", "arnold/", "rendertime")
"""How the names of attributes begin that such programs leave behind, seen in files of Blender 4.5 (PNG, JPEG)."""


def origin_of(spec: Any) -> str | None:
    """``CAMERA``, ``RENDER`` or None, from the attributes of one part of a file."""
    software = str(spec.getattribute("Software") or "")
    names = [str(attribute.name).lower() for attribute in spec.extra_attribs]
    if _RENDER_SOFTWARE.search(software) or any(name.startswith(_RENDER_MARKS) for name in names):
        return RENDER
    # A scanner states a make too, but no exposure.
    states_camera = spec.getattribute("Make") or spec.getattribute("Model")
    return CAMERA if states_camera and spec.getattribute("ExposureTime") is not None else None
