"""Each claim: which runs it compares, in which order its paper found them, and by which measure."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CLAIMS", "Claim", "Measure"]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One column."""

    name: str
    title: str
    higher_is_better: bool
    digits: int = 2


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a paper says."""

    name: str
    title: str
    says: str
    variants: tuple[tuple[str, str], ...]
    """Kind of run (``runs.Run.kind``; in brackets: what needs none) and what to call it, worst first."""
    measures: tuple[Measure, ...]
    """The first one decides."""
    chain: bool = True
    """Each variant is compared with the one before it; else all with the first."""


PSNR_CODES = Measure(name="codes_psnr", title="PSNR of the codes, dB", higher_is_better=True)
PU21 = Measure(name="pu21_psnr", title="PU21-PSNR, dB", higher_is_better=True)
IN_CLIP = Measure(name="clip_rmse", title="log2 RMSE in the clip, stops", higher_is_better=False)

CLAIMS = (
    Claim(
        name="dequantization",
        title="Dequantization",
        says="SingleHDR, section 4.2: Dequantization-Net gains about 2 dB over the plain 8-bit picture.",
        variants=(("(plain)", "8-bit codes as they are"), ("dequantize", "Dequantization-Net")),
        measures=(PSNR_CODES,),
    ),
    Claim(
        name="dequantization-jpeg",
        title="Dequantization of JPEGs",
        says="The same, where a JPEG of quality 90 came between; the authors trained for it.",
        variants=(("(plain)", "JPEG's codes as they are"), ("dequantize", "Dequantization-Net")),
        measures=(PSNR_CODES,),
    ),
    Claim(
        name="linearization",
        title="Linearization",
        says="SingleHDR, table 3: the picture alone < + edges < + histograms < + the monotone constraint.",
        variants=(
            ("(srgb)", "sRGB's curve for all"),
            ("linearize-image", "picture alone"),
            ("linearize-edges", "+ edges"),
            ("linearize-histogram", "+ histograms"),
            ("linearize", "+ monotone: Linearization-Net"),
        ),
        measures=(
            Measure(name="linear_psnr", title="PSNR of the linear picture, dB", higher_is_better=True),
            Measure(name="curve_rms", title="RMS of the curve", higher_is_better=False, digits=4),
            Measure(name="curve_stops", title="error of the curve, stops", higher_is_better=False),
        ),
    ),
    Claim(
        name="hallucination",
        title="Hallucination",
        says="SingleHDR, table 4: the positive residual and the resize-convolution each help.",
        variants=(
            ("(nothing)", "nothing added"),
            ("hallucinate-signed", "residual of either sign"),
            ("hallucinate-transposed", "transposed convolution"),
            ("hallucinate", "Hallucination-Net"),
        ),
        measures=(PU21, IN_CLIP),
        chain=False,
    ),
    Claim(
        name="checkerboard",
        title="Checkerboard in flat clipped areas",
        says="SingleHDR, section 3.4: transposed convolutions leave a checkerboard, resize-convolutions do not.",
        variants=(("hallucinate-transposed", "transposed convolution"), ("hallucinate", "resize-convolution")),
        measures=(Measure(name="grid_stops", title="grid of 2, 4, 8 px, stops RMS", higher_is_better=False, digits=4),),
    ),
    Claim(
        name="training",
        title="Stage by stage, then jointly, against end to end",
        says="SingleHDR, section 4.3: stages trained one by one and then jointly beat one training end to end.",
        variants=(
            ("(srgb)", "sRGB's curve, nothing added"),
            ("end-to-end", "end to end from scratch"),
            ("(stages)", "stages alone, put together"),
            ("joint", "stages, then jointly"),
        ),
        measures=(PU21, IN_CLIP),
    ),
)
