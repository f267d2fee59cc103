"""Measuring environment maps by the light they throw: ``headroom evaluate DIR --ibl``."""

from headroom.evaluate.ibl.benchmark import evaluate_ibl
from headroom.evaluate.ibl.methods import ibl_methods
from headroom.evaluate.ibl.report import IblReport

__all__ = ["IblReport", "evaluate_ibl", "ibl_methods"]
