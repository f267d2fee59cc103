"""Everything that can go wrong, as one tree.

HeadroomError                 exit 1
├── UsageError                exit 2   an option, a name or a combination that makes no sense
│   ├── UnknownSpaceError              a colour space the config does not have (lists the nearest)
│   └── UnknownModelError              a model that is not there (lists what is)
├── PlateError                         the input: missing, truncated, empty, not an image
├── ColourError                        a config or transform that does not work, a data space
├── WriteError                         the output: folder, disk, permission, format limits
├── WeightsError                       a weights file that is missing, tampered with or foreign
├── AnalysisError                      a shot's analysis that is missing, torn or of other frames
├── DeviceError                        a device that is not there or has too little memory
└── Cancelled                 exit 130 the user stopped the work

A message says what, where (file, frame) and what to do, in one line. Errors are caught once, at the edge
(command line or worker), which prints ``str(error)`` and uses ``error.exit_code``.
"""

from __future__ import annotations

__all__ = [
    "AnalysisError",
    "Cancelled",
    "ColourError",
    "DeviceError",
    "HeadroomError",
    "PlateError",
    "UnknownModelError",
    "UnknownSpaceError",
    "UsageError",
    "WeightsError",
    "WriteError",
]


class HeadroomError(Exception):
    """Base of all errors that headroom raises on purpose."""

    exit_code = 1


class UsageError(HeadroomError):
    """The request itself is wrong; nothing was read or written."""

    exit_code = 2


class UnknownSpaceError(UsageError):
    """The colour space is not in the config."""


class UnknownModelError(UsageError):
    """No model of that name is installed."""


class PlateError(HeadroomError):
    """The input cannot be read as a picture."""


class ColourError(HeadroomError):
    """A colour config or transform cannot be used."""


class WriteError(HeadroomError):
    """The output cannot be written; no partial file is left."""


class WeightsError(HeadroomError):
    """A weights file or its card cannot be trusted or loaded."""


class AnalysisError(HeadroomError):
    """A shot's analysis is missing, torn, or of other frames."""


class DeviceError(HeadroomError):
    """The compute device is missing or out of memory."""


class Cancelled(HeadroomError):
    """The user stopped the work."""

    exit_code = 130
