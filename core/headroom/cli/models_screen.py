"""What to tell of a model in a few lines: how large it is, how fast, how good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headroom.weights import Card

__all__ = ["ModelFacts", "facts_of"]

UNMEASURED = "not measured"
NOT_ON_PIXELS = "no work per pixel"


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """Of one card."""

    card: Card
    parameters: int | None
    megabytes: float | None
    """Of the weights file."""
    gflop_per_mp: float | None
    """Of the network, a megapixel; None: it does not work on pixels."""
    seconds_per_mp: str | None
    """As the card states it, and on what."""
    quality: Mapping[str, str]
    """The card's first measurement, and what it was measured by."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON, without the card's own facts."""
        return {
            "parameters": self.parameters,
            "megabytes": self.megabytes,
            "gflop_per_mp": self.gflop_per_mp,
            "seconds_per_mp": self.seconds_per_mp,
            "quality": dict(self.quality),
        }

    def lines(self) -> list[tuple[str, str]]:
        """Name and text of each."""
        size = [f"{self.parameters / 1e6:.2f} M parameters"] if self.parameters else []
        size += [f"{self.megabytes:.1f} MB"] if self.megabytes is not None else ["weights missing"]
        speed = [f"{self.gflop_per_mp:.0f} GFLOP a megapixel"] if self.gflop_per_mp else []
        speed += [self.seconds_per_mp] if self.seconds_per_mp else []
        quality = "; ".join(f"{name} {value}" for name, value in self.quality.items())
        return [
            ("size", ", ".join(size)),
            ("speed", "; ".join(speed) or NOT_ON_PIXELS),
            ("quality", quality or UNMEASURED),
        ]


def facts_of(card: Card) -> ModelFacts:
    """Read from the card and, for the work per megapixel, from the network that it configures."""
    try:
        megabytes = round(card.weights.stat().st_size / 1e6, 1)
    except OSError:
        megabytes = None
    measured = dict(card.facts.get("measured") or {})
    protocol = measured.pop("protocol", None)
    first = dict(list(measured.items())[:1])
    if protocol and first:
        first["by"] = str(protocol)
    return ModelFacts(
        card=card,
        parameters=card.facts.get("parameters"),
        megabytes=megabytes,
        gflop_per_mp=_gflop_per_mp(card),
        seconds_per_mp=card.facts.get("speed"),
        quality={name: str(value) for name, value in first.items()},
    )


def _gflop_per_mp(card: Card) -> float | None:
    import torch

    from headroom.networks.table import NETWORKS

    if card.network not in NETWORKS:
        return None
    made_by, config = NETWORKS[card.network]
    widths: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in card.config.items()}
    try:
        with torch.device("meta"):
            contract = getattr(made_by(config(**widths)), "contract", None)
    except (TypeError, ValueError, RuntimeError):
        return None  # models verify says what is wrong
    return None if contract is None else float(contract.gflop_per_mp)
