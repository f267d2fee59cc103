"""Measuring a reconstruction: virtual photographs of HDR scenes, baselines, oracles, tables."""

from headroom.evaluate.benchmark import evaluate
from headroom.evaluate.follow import QuickTable, quick
from headroom.evaluate.methods import Method, MethodFunction
from headroom.evaluate.model import model_methods
from headroom.evaluate.report import Report

__all__ = ["Method", "MethodFunction", "QuickTable", "Report", "evaluate", "model_methods", "quick"]
