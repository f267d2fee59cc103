"""From a finished run to a model that can be shipped: weights joined, card written, README made from the card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from headroom import weights
from headroom.errors import WeightsError
from headroom.networks.table import NETWORKS

__all__ = ["card_readme", "facts_of", "join_stages", "mean_of", "publish", "scenes_by_licence", "write_model"]

LIMITS = (
    "Trained on 1K panoramas, views out of them and three stills: fine structure inside large clips is guessed.",
    "A disc of the sun is recovered by its likely power, not measured; set --peak-stops or --boost to taste.",
    "--curve estimate is for photographs of unknown cameras: half to two thirds of the curve's error stay, and "
    "pictures that were sharpened, denoised or scaled may mislead it; declare the colour space where you know it.",
    "Smooth highlights carry a faint grid, 8 pixels apart, about 0.02 stops deep: seen at -3 stops, not in lighting.",
    "A sky that clipped as a whole comes back paler than a deep blue one was, and a sun in it bluer.",
    "White letters and logos are taken for lamps (5 dB lost at 5 % clipped); strong lamp light that clips only red may "
    "come out too bright.",
    "The network sees frames one by one and flickers a little: headroom convert steadies shots (--temporal on).",
)


def mean_of(run: Path, start: Path, out: Path) -> Path:
    """The mean of a run's weights and of those it started from, which often err in other places; the run's header.

    Parts that the start lacks are the run's own. (Wortsman et al. 2022, "Model soups".)
    """
    before = load_file(start)
    with safe_open(run, "pt") as file:
        facts = file.metadata() or {}
    tensors = load_file(run)
    strange = sorted(key for key in before if key not in tensors or tensors[key].shape != before[key].shape)
    if strange:
        raise WeightsError(
            f"{run}: has not all of the tensors of {start} ({strange[0]}); give the weights it started from"
        )
    mean = {key: (tensor + before[key]) / 2 if key in before else tensor for key, tensor in tensors.items()}
    save_file(mean, out, metadata=facts)
    return out


def join_stages(gain: Path, curve: Path | None, out: Path) -> Path:
    """Put the curve stage's tensors in place of the untrained ones of the gain stage's file."""
    tensors = {key: value for key, value in load_file(gain).items() if not key.startswith("scene_net.curve.")}
    with safe_open(gain, "pt") as file:
        facts = file.metadata() or {}
    if "recipe" not in facts:
        raise WeightsError(f"{gain}: not a file of the training loop (no recipe in its header)")
    if curve is not None:
        tensors = {key: value for key, value in tensors.items() if not key.startswith("curve_net.")}
        tensors.update({f"curve_net.{key}": value for key, value in load_file(curve).items()})
    stored = json.loads(facts["config"])
    config: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}
    # Stated in full, so that a later default cannot change what these weights are.
    facts["config"] = json.dumps(asdict(NETWORKS[facts["network"]][1](**config)))
    save_file(tensors, out, metadata=facts)
    return out


def publish(
    gain: Path,
    curve: Path | None,
    folder: Path,
    *,
    version: str,
    hardware: str,
    manifest: Path | None = None,
    measured: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> weights.Card:
    """Write ``folder``/weights.safetensors, card.toml and README.md."""
    joined = join_stages(gain, curve, gain.with_name("joined.safetensors"))
    scenes = scenes_by_licence(manifest) if manifest else {}
    facts = facts_of(
        folder, scenes, version=version, hardware=hardware, more={"curve_stage": curve is not None}, limits=LIMITS,
        notes=notes, measured=measured,
    )  # fmt: skip
    card = write_model(folder, joined, facts)
    joined.unlink()
    return card


def facts_of(
    folder: Path,
    scenes: Mapping[str, Sequence[str]],
    *,
    version: str,
    hardware: str,
    data: str = "{count} HDR scenes",
    more: Mapping[str, Any] | None = None,
    limits: Sequence[str],
    notes: Sequence[str],
    measured: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What a card says beside what the weights say themselves; ``scenes``: names by licence."""
    count = sum(len(names) for names in scenes.values())
    of_licences = ", ".join(f"{len(names)} {licence}" for licence, names in scenes.items())
    return {
        "name": folder.name,
        "version": version,
        "licence": "BSD-3-Clause",
        "hardware": hardware,
        "training_data": f"{data.format(count=count)}: {of_licences}",
        **(more or {}),
        "limits": list(limits),
        "notes": list(notes),
        "training_scenes": scenes,
        "measured": dict(measured or {}),
    }


def write_model(folder: Path, trained: Path, facts: Mapping[str, Any]) -> weights.Card:
    """weights.safetensors, card.toml and README.md."""
    card = weights.save(folder, trained, facts)
    (folder / "README.md").write_text(card_readme(card), "utf-8")
    return card


def scenes_by_licence(manifest: Path, *, projection: str | None = None) -> dict[str, list[str]]:
    """Names of a manifest's scenes by licence; ``projection``: those of it."""
    found: dict[str, list[str]] = {}
    for item in json.loads(manifest.read_text("utf-8"))["items"]:
        if projection not in (None, item["projection"]):
            continue
        found.setdefault(item["licence"], []).append(Path(item["file"]).stem)
    return {licence: sorted(names) for licence, names in sorted(found.items())}


def card_readme(card: weights.Card) -> str:
    """The page beside a card, made from it alone."""
    facts = card.facts
    measured = facts.get("measured") or {}
    lines = [
        f"# {card.name} {card.version}",
        "",
        f"Made from `card.toml`. {facts['parameters'] / 1e6:.2f} M parameters, network `{card.network}`, "
        f"licence {card.licence}, sha256 `{card.sha256}`.",
        "",
        f"- **Trained on** {facts['training_data']}; the names are in the card.",
        f"- **Recipe** `{facts['recipe']}`, {facts['training_steps']} steps. **Hardware** {facts['hardware']}.",
        *([f"- **Speed** {facts['speed']}."] if "speed" in facts else []),
        *(f"- {note}" for note in facts.get("notes", [])),
        "",
        "## Measured",
        "",
        *(f"- {name}: {value}" for name, value in measured.items()),
        *([] if measured else ["Not yet."]),
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in facts["limits"]),
    ]
    return "\n".join(lines) + "\n"
