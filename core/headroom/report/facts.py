"""Measures and headers as the sentences and tables of the page."""

from __future__ import annotations

from typing import Any

from headroom.report.frame import About
from headroom.report.measure import PERCENTILES, UNTOUCHED_LIMIT

__all__ = ["first_exposure", "key_figures", "notes_of", "number_rows", "percent", "shot_figures", "stops"]

MINUS = "\N{MINUS SIGN}"
DARKEST_START_STOPS = -6.0


def stops(value: float | None, *, sign: bool = True) -> str:
    """``+3.21``; black where there is no light."""
    if value is None:
        return "black"
    return (f"{value:+.2f}" if sign else f"{value:.2f}").replace("-", MINUS)


def percent(share: float | None) -> str:
    """``9.5 %``; small shares are not rounded to nothing."""
    if share is None:
        return "unknown"
    if share == 0:
        return "0 %"
    if share < 1e-4:
        return "under 0.01 %"
    return f"{100 * share:.2f} %" if share < 0.1 else f"{100 * share:.1f} %"


def light(value: float) -> str:
    """Four digits; large ones with an exponent."""
    return f"{value:.4g}".replace("-", MINUS)


def key_figures(measures: dict[str, Any], about: About) -> list[dict[str, str]]:
    """The tiles at the top."""
    hdr = measures["hdr"]
    figures = [
        {
            "name": "Peak",
            "value": stops(hdr["peak_stops"]),
            "unit": "stops",
            "note": f"{light(hdr['peak'])} times the plate's white",
        }
    ]
    if measures["clipped_share"] is not None:
        clip = about.clip
        level = "" if clip is None else f"at code value {clip.code:.4g} ({clip.source})"
        figures.append(
            {"name": "Clipped in the plate", "value": percent(measures["clipped_share"]), "unit": "", "note": level}
        )
    else:
        note = f"{about.mask_from}"
        figures.append({"name": "Reconstructed", "value": percent(measures["masked_share"]), "unit": "", "note": note})
    if measures["gain_mean_stops"] is not None:
        most = measures["gain_peak_stops"]
        note = f"on average in the mask; {stops(most)} at most"
        figures.append(
            {"name": "Stops gained", "value": stops(measures["gain_mean_stops"]), "unit": "stops", "note": note}
        )
    figures.append(
        {
            "name": "Above white",
            "value": percent(hdr["above_white_share"]),
            "unit": "",
            "note": "of the result's pixels" + (", by their brightest channel" if measures["ldr"] is None else ""),
        }
    )
    kept = measures["untouched"]
    if kept is not None:
        changed = kept["off_share"] > 0
        figures.append(
            {
                "name": "Recorded pixels",
                "value": percent(kept["off_share"]) if changed else "unchanged",
                "unit": "changed" if changed else "",
                "note": f"{percent(kept['share'])} of the picture; largest deviation {100 * kept['worst']:.2f} %",
            }
        )
    return figures


def shot_figures(frames: list[int], measures: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The tiles at the top, over all frames of a shot."""

    def of(tell: Any) -> list[tuple[float, int]]:
        return [(tell(found), frame) for found, frame in zip(measures, frames, strict=True) if tell(found) is not None]

    def spread(found: list[tuple[float, int]], tell: Any) -> str:
        return f"{tell(min(found)[0])} to {tell(max(found)[0])} over the frames"

    def mean(found: list[tuple[float, int]]) -> float:
        return sum(value for value, _ in found) / len(found)

    figures = []
    peaks = of(lambda found: found["hdr"]["peak_stops"])
    if peaks:
        top, frame = max(peaks)
        figures.append(
            {"name": "Peak", "value": stops(top), "unit": "stops", "note": f"at frame {frame}; {spread(peaks, stops)}"}
        )
    shares = of(lambda found: found["clipped_share"])
    name = "Clipped in the plate"
    if not shares:
        shares, name = of(lambda found: found["masked_share"]), "Reconstructed"
    figures.append(
        {"name": name, "value": percent(mean(shares)), "unit": "", "note": f"on average; {spread(shares, percent)}"}
    )
    gains = of(lambda found: found["gain_mean_stops"])
    if gains:
        note = f"on average in the mask; {spread(gains, stops)}"
        figures.append({"name": "Stops gained", "value": stops(mean(gains)), "unit": "stops", "note": note})
    kept = of(lambda found: None if found["untouched"] is None else found["untouched"]["off_share"])
    if kept:
        worst, frame = max(kept)
        changed = worst > 0
        note = f"at most, at frame {frame}" if changed else "in every frame, outside the mask"
        value = percent(worst) if changed else "unchanged"
        figures.append({"name": "Recorded pixels", "value": value, "unit": "changed" if changed else "", "note": note})
    return figures


def number_rows(measures: dict[str, Any]) -> list[dict[str, str]]:
    """Rows of the table of numbers: name, plate, result."""
    sides = {"ldr": measures["ldr"], "hdr": measures["hdr"]}

    def row(name: str, tell: Any) -> dict[str, str]:
        return {"name": name, **{side: "" if found is None else tell(found) for side, found in sides.items()}}

    rows = [
        row("Peak, stops", lambda found: stops(found["peak_stops"])),
        row("Peak, linear", lambda found: light(found["peak"])),
        row("Peak at x, y", lambda found: "{}, {}".format(*found["peak_at"])),
    ]
    for share in reversed(PERCENTILES):
        name = f"{share:g}"
        rows.append(row(f"{name} % below, stops", lambda found, n=name: stops(found["percentile_stops"][n])))
    rows += [
        row("Mean luminance, stops", lambda found: stops(found["mean_stops"])),
        row("Above white", lambda found: percent(found["above_white_share"])),
        row("Outside Rec.709", lambda found: percent(found["negative_share"])),
    ]
    rows.append({"name": "Mask above 0", "ldr": "", "hdr": percent(measures["masked_share"])})
    if measures["masked_mean_stops"] is not None:
        rows.append({"name": "Mean in the mask, stops", "ldr": "", "hdr": stops(measures["masked_mean_stops"])})
    if measures["gain_mean_stops"] is not None:
        rows.append({"name": "Gain, mean, stops", "ldr": "", "hdr": stops(measures["gain_mean_stops"])})
        rows.append({"name": "Gain, most, stops", "ldr": "", "hdr": stops(measures["gain_peak_stops"])})
    return rows


def notes_of(measures: dict[str, Any], about: About) -> list[str]:
    """What of a frame's numbers needs a warning."""
    notes = []
    kept = measures["untouched"]
    if kept is not None and kept["off_share"] > 1e-4 and kept["worst"] > UNTOUCHED_LIMIT:
        why = (
            "its curve was estimated, so that is expected"
            if about.header.options.get("curve") == "estimate"
            else "is it the result of this plate, and are the spaces right (--from for the plate, --to for the result)?"
        )
        notes.append(
            f"some of the pixels outside the mask differ from the plate by more than {100 * UNTOUCHED_LIMIT:g} %: {why}"
        )
    scale = about.header.scale
    if scale is not None and not scale.startswith("relative"):
        notes.append(f"the result is in a scale of its own ({scale}): its stops are not from the plate's white")
    if measures["hdr"]["peak"] <= 1 and (measures["clipped_share"] or 0) > 0:
        notes.append("the plate is clipped, but the result does not go above its white: was it written as 8 bit?")
    if measures["clipped_share"] == 0 and measures["ldr"] is not None and measures["masked_share"] == 0:
        notes.append("nothing is clipped in the plate, so that nothing was reconstructed")
    return notes


def first_exposure(measures: dict[str, Any]) -> float:
    """Stops at which the page opens: dark enough to show what was reconstructed, bright enough to see the rest."""
    bright = measures["hdr"]["percentile_stops"]["99.9"]
    if bright is None or bright <= 0:
        return 0.0
    return float(max(-round(0.6 * bright * 2) / 2, DARKEST_START_STOPS))
