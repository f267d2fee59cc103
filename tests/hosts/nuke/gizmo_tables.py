"""What a gizmo may hold: codes of user knobs, options, flags, and the knobs of the node classes that ours uses.

Codes: `nuke.KnobType` and what public gizmos use them for. Knob names and kinds: as saved in public Nuke scripts.
"""

from __future__ import annotations

__all__ = ["CODES", "FLAGS", "FUNCTIONS", "LAYERS", "NODES", "OPTIONS", "UI_KNOBS"]

CODES = {
    "1": "string", "2": "file", "3": "int", "4": "enum", "6": "bool", "7": "double", "20": "tab", "22": "pyscript",
    "26": "text",
}  # fmt: skip
"""Those that the gizmo uses; a typing slip in a code makes another knob, or none."""
OPTIONS = {
    "string": "lt", "file": "lt", "int": "ltR", "enum": "ltM", "bool": "lt", "double": "ltR", "tab": "ltn",
    "pyscript": "ltT", "text": "ltT",
}  # fmt: skip
"""l label, t tooltip, T value or script, M items, R range, n tab group."""
FLAGS = {"STARTLINE", "HIDDEN", "INVISIBLE", "DISABLED", "READONLY"}

LAYERS = {"rgba": ("red", "green", "blue", "alpha")}
"""Those that every script has."""
FUNCTIONS = {"clamp": (1, 3), "pow": (2, 2), "max": (2, 2), "min": (2, 2), "abs": (1, 1), "exp": (1, 1), "log": (1, 1)}

UI_KNOBS = {"name": "name", "xpos": "int", "ypos": "int", "tile_color": "colour", "note_font_color": "colour"}
_OWN = {"inputs": "int", "disable": "number"}

NODES: dict[str, dict[str, str]] = {
    "Input": {"inputs": "int", "number": "int"},
    "Output": {},
    "Read": {
        **_OWN, "file_type": "=exr", "file": "tcl", "first": "number", "last": "number", "origfirst": "number",
        "origlast": "number", "origset": "bool", "before": "=hold|loop|bounce|black",
        "after": "=hold|loop|bounce|black", "frame_mode": "=expression|start at|offset", "frame": "int",
        "on_error": "number", "localizationPolicy": "=on|off|fromAutoLocalizePath|fromSourceFile",
        "auto_alpha": "bool", "raw": "bool",
    },
    "Switch": {**_OWN, "which": "number"},
    "Copy": {**_OWN, **{f"{way}{i}": "channel" for way in ("from", "to") for i in range(4)}},
    "Expression": {
        **_OWN, **{f"channel{i}": "channel" for i in range(4)}, **{f"expr{i}": "pixel" for i in range(4)},
        **{f"temp_name{i}": "identifier" for i in range(4)}, **{f"temp_expr{i}": "pixel" for i in range(4)},
    },
    "Remove": {**_OWN, "operation": "=remove|keep", "channels": "layer"},
    "AddChannels": {**_OWN, "channels": "layer"},
    "Inference": {
        **_OWN, "modelFile": "text", "useGPUIfAvailable": "number", "halfPrecision": "number", "serialiseKnob": "text",
    },
}  # fmt: skip
DEFAULT_INPUTS = {
    "Input": 0,
    "Output": 1,
    "Read": 0,
    "Switch": 1,
    "Copy": 2,
    "Expression": 1,
    "Remove": 1,
    "AddChannels": 1,
    "Inference": 1,
}
GIZMO = {"tile_color": "colour", "help": "text", "onCreate": "python", "knobChanged": "python"}
