"""Measuring merged brackets: staged ones whose truth is known, and real ones: ``headroom evaluate DIR --brackets``."""

from headroom.evaluate.brackets.benchmark import QUICK, Size, evaluate_brackets, plan_brackets
from headroom.evaluate.brackets.methods import BracketMethod
from headroom.evaluate.brackets.ours import FULL_WIDTH, bracket_methods, untrained
from headroom.evaluate.brackets.report import BracketReport
from headroom.evaluate.brackets.score import BRACKET_MEASURES
from headroom.evaluate.brackets.stacks import find_stacks
from headroom.staging import KINDS

__all__ = [
    "BRACKET_MEASURES",
    "FULL_WIDTH",
    "KINDS",
    "QUICK",
    "BracketMethod",
    "BracketReport",
    "Size",
    "bracket_methods",
    "evaluate_brackets",
    "find_stacks",
    "plan_brackets",
    "untrained",
]
