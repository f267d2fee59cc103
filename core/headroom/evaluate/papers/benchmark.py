"""Everything that the papers claim, measured in one go: trained runs against each other, systems beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from headroom import weights
from headroom.engine.device import pick_device
from headroom.errors import HeadroomError
from headroom.evaluate.expandnet import expandnet_methods, find_peers
from headroom.evaluate.methods import Method
from headroom.evaluate.model import model_methods
from headroom.evaluate.papers.measure import measured
from headroom.evaluate.papers.report import PapersReport
from headroom.evaluate.papers.runs import find_runs
from headroom.evaluate.papers.shots import shots
from headroom.evaluate.papers.systems import systems
from headroom.evaluate.scenes import find_scenes

__all__ = ["evaluate_papers"]

SHARES = (0.05,)
CLAIMS_SHARE = 0.7
"""Of the progress; the systems' table is the rest."""


def evaluate_papers(
    folder: Path | str,
    runs: Path,
    *,
    models: Sequence[str] = (),
    shares: Sequence[float] = SHARES,
    device: str = "auto",
    precision: str = "auto",
    peers: Path | None = None,
    with_systems: bool = True,
    progress: Callable[[float, str], None] | None = None,
) -> PapersReport:
    """Measure the claims on all scenes of ``folder`` with the training runs in ``runs``.

    ``models``: what stands in the table of systems, by default every installed model for plates; ExpandNet is there
    where its weights are (``peers``). ``shares``: share of the pixels that clip.
    """
    found = find_runs(runs)
    scenes = find_scenes(Path(folder))
    photographs = list(shots(scenes, shares))

    def tell(share: float, name: str) -> None:
        if progress:
            progress(share * CLAIMS_SHARE, name)

    records = list(measured(found, photographs, device=pick_device(device), progress=tell))
    percent = ", ".join(f"{100 * share:g} %" for share in shares)
    notes = [
        f"{len(scenes)} scenes, {len(photographs)} virtual photographs of {photographs[0].light.shape[1]}x"
        f"{photographs[0].light.shape[0]} px, {percent} of the pixels clipped; cameras: sRGB and five EMoR draws in "
        "turn. Means over scenes with 95 % bootstrap intervals; differences are paired by scene. An order is found "
        "again, or the other way round, where the whole interval of the difference says so, and a tie where all of it "
        "is next to nothing (0.05 dB, 0.0005 stops of a grid)."
    ]
    if any(run.is_small for run in found.values()):
        notes.append(
            "Small variants, minutes of one CPU thread: the order of the variants is what can be compared with the "
            "papers, not the figures."
        )
    budgets: dict[str, dict[str, str]] = {}
    if with_systems:
        methods, left_out, budgets = _systems(Path(folder), models, device, precision, peers)
        notes += left_out

        def tell_systems(share: float, name: str) -> None:
            if progress:
                progress(CLAIMS_SHARE + share * (1 - CLAIMS_SHARE), name)

        records += systems(methods, photographs, progress=tell_systems)
    return PapersReport(records, [run.as_dict() for run in found.values()], notes, budgets)


def _systems(
    folder: Path, models: Sequence[str], device: str, precision: str, peers: Path | None
) -> tuple[list[Method], list[str], dict[str, dict[str, str]]]:
    """The installed models, and ExpandNet; what was left out of them; what their training took."""
    methods: list[Method] = []
    left_out = []
    budgets = {}
    for name in models or weights.names(weights.PLATES):
        try:
            card = weights.read_card(weights.find(name))
            methods += model_methods(name, device=device, precision=precision)
            budgets[card.name] = {
                key: str(card.facts.get(fact, "not stated"))
                for key, fact in (("data", "training_data"), ("steps", "training_steps"), ("on", "hardware"))
            }
        except HeadroomError as error:
            if models:
                raise
            left_out.append(f"{name} left out of the systems: {error}")
    expandnet = expandnet_methods(peers or find_peers(folder))
    if not expandnet:
        left_out.append("ExpandNet left out: no folder peers/expandnet with weights.pth was found.")
    else:
        budgets["ExpandNet"] = {"data": "its authors' scenes", "steps": "its authors'", "on": "released weights"}
    return [*methods, *expandnet], left_out, budgets
