"""What a movie's tags mean: range, matrix and curve (ITU-T H.273), what is assumed where they are silent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from headroom.errors import PlateError, UsageError
from headroom.io.hints import LINEAR_REC709, SRGB

__all__ = ["Levels", "Matrix", "MovieTags", "tags_of"]

Levels = Literal["limited", "full"]
Matrix = Literal["601", "709", "2020", "240M", "FCC", "RGB"]

# H.273 table 4, MatrixCoefficients. 5 and 6 are both Rec. 601.
_MATRICES: Mapping[int, Matrix] = {0: "RGB", 1: "709", 4: "FCC", 5: "601", 6: "601", 7: "240M", 9: "2020"}
_UNUSABLE_MATRICES = {8: "YCgCo", 10: "BT.2020 constant luminance", 11: "YDzDx", 14: "ICtCp", 15: "IPT-C2"}
# H.273 tables 2 and 3: ColourPrimaries and TransferCharacteristics.
_UNSTATED = (0, 2)
_REC709, _PAL, _NTSC, _SMPTE240, _REC2020, _P3_D65, _P3_DCI = 1, 5, 6, 7, 9, 12, 11
_CAMERA_CURVES = (1, 6, 14, 15)
_PRIMARIES_OF_SD = (_PAL, _NTSC, _SMPTE240)
PQ, HLG = "Rec.2100-PQ - Display", "Rec.2100-HLG - Display"
CAMERA_REC709, CAMERA_REC2020 = "Camera Rec.709", "Camera Rec.2020"
_SPACES = {
    (_REC709, 13): SRGB,
    (_REC709, 4): "Gamma 2.2 Encoded Rec.709",
    (_REC709, 8): LINEAR_REC709,
    (_P3_D65, 13): "sRGB Encoded P3-D65",
    (_P3_D65, 8): "Linear P3-D65",
    (_REC2020, 8): "Linear Rec.2020",
}
_TRANSFER_NAMES = {
    5: "gamma 2.8", 7: "SMPTE 240M", 9: "logarithmic, 100:1", 10: "logarithmic, 316:1", 11: "xvYCC", 12: "BT.1361",
    17: "SMPTE 428",
}  # fmt: skip
_SD_ROWS, _HD_COLUMNS = 576, 1280
"""Above this height, or from this width on, a movie without a matrix tag is Rec. 709, else Rec. 601: as players do."""
_LOG = re.compile(
    r"(?<![a-z])(log[-_ ]?c[34]?|[svncfl][-_ ]?log[-_ ]?[23]?m?|log3g10|bmdfilm|braw|protune)(?![a-z])", re.I
)


@dataclass(frozen=True)
class MovieTags:
    """How the stored numbers become R'G'B' codes, and which space those are in."""

    levels: Levels
    matrix: Matrix
    space: str | None
    """A name for the OCIO resolver; None: not stated, and the plate's default holds."""
    warnings: tuple[str, ...] = ()


def tags_of(
    name: str,
    *,
    is_rgb: bool,
    is_grey: bool,
    size: tuple[int, int],
    stated: tuple[int, int, int, int],
    named_full: bool = False,
    levels: Levels | None = None,
    matrix: Matrix | None = None,
    from_space: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> MovieTags:
    """``size``: width, height. ``stated``: range (1 limited, 2 full, 0 not stated), and matrix, primaries, transfer as
    H.273 numbers.

    ``levels`` and ``matrix`` are the user's word against the file's; ``from_space`` is what ``--from`` names, without
    which PQ and HLG are refused.
    """
    range_tag, matrix_tag, primaries, transfer = stated
    is_hd = size[0] >= _HD_COLUMNS or size[1] > _SD_ROWS
    assumed: list[str] = []
    if levels is None:
        if range_tag in (1, 2):
            levels = "limited" if range_tag == 1 else "full"
        elif is_rgb or named_full:
            levels = "full"
        else:
            levels = "limited"
            assumed.append("limited range")
    if is_rgb or is_grey:
        matrix = "RGB"
    elif matrix is None:
        if matrix_tag in _UNUSABLE_MATRICES:
            raise PlateError(
                f"cannot read {name}: its colours are coded as {_UNUSABLE_MATRICES[matrix_tag]}; "
                "export it with a Rec.709 or Rec.2020 matrix, or as RGB"
            )
        if matrix_tag in _MATRICES:
            matrix = _MATRICES[matrix_tag]
        else:
            matrix = "2020" if primaries == _REC2020 else "709" if is_hd else "601"
            assumed.append(f"a Rec.{matrix} matrix")
    space, notes = _space(name, is_rgb, primaries, transfer, from_space, assumed)
    warnings = list(notes)
    if assumed:
        warnings.insert(0, f"{name}: does not say so, taken as: {', '.join(assumed)}")
    if not from_space:
        warnings += _log_hint(name, metadata or {})
    return MovieTags(levels, matrix, space, tuple(warnings))


def _space(
    name: str, is_rgb: bool, primaries: int, transfer: int, from_space: str | None, assumed: list[str]
) -> tuple[str | None, list[str]]:
    if transfer in (16, 18):
        kind, space = ("PQ", PQ) if transfer == 16 else ("HLG", HLG)
        if not from_space:
            raise UsageError(
                f"{name} is {kind}, which holds its highlights already; "
                f'to convert it all the same, say --from "{space}"'
            )
        return space, []
    if is_rgb and transfer in _UNSTATED:
        return None, []
    notes = []
    if primaries in _PRIMARIES_OF_SD:
        notes.append(f"{name}: its SD primaries are taken as Rec.709's, which are close")
    if primaries in _UNSTATED or primaries in _PRIMARIES_OF_SD:
        primaries = _REC709
    if transfer in _UNSTATED:
        assumed.append("a Rec.2020 camera curve" if primaries == _REC2020 else "a Rec.709 camera curve")
        transfer = 1
    if transfer in _CAMERA_CURVES and primaries in (_REC709, _REC2020):
        return (CAMERA_REC2020 if primaries == _REC2020 else CAMERA_REC709), notes
    if (primaries, transfer) in _SPACES:
        return _SPACES[primaries, transfer], notes
    if transfer in (1, 13) and primaries == _P3_D65:
        return "sRGB Encoded P3-D65", [*notes, f"{name}: a Rec.709 curve on P3 primaries is taken as Display P3"]
    what = _TRANSFER_NAMES.get(transfer, f"transfer {transfer}")
    if not from_space:
        notes.append(
            f"{name}: its colours ({what}, primaries {primaries}) are no known space; "
            "taken as Rec.709 with a camera curve, say which with --from"
        )
    return CAMERA_REC709, notes


def _log_hint(name: str, metadata: Mapping[str, Any]) -> list[str]:
    """Cameras tag log footage as Rec.709 and say what it is elsewhere, if at all."""
    for key, value in metadata.items():
        found = _LOG.search(f"{key} {value}")
        if found:
            return [
                f"{name}: its metadata speak of {found[0]} ({key}); if the picture is log, name the space with --from"
            ]
    return []
