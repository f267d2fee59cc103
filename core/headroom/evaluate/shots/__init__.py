"""Steadiness in time: synthetic shots of HDR scenes whose truth and motion are known, measures, baselines, tables."""

from headroom.evaluate.shots.benchmark import evaluate_shots
from headroom.evaluate.shots.methods import ShotFunction, ShotMethod
from headroom.evaluate.shots.model import model_shot_methods
from headroom.evaluate.shots.report import ShotReport
from headroom.evaluate.shots.score import SHOT_MEASURES
from headroom.evaluate.shots.shot import SyntheticShot
from headroom.evaluate.shots.spec import KINDS, QUICK, ShotSpec, Size, plan_shots

__all__ = [
    "KINDS",
    "QUICK",
    "SHOT_MEASURES",
    "ShotFunction",
    "ShotMethod",
    "ShotReport",
    "ShotSpec",
    "Size",
    "SyntheticShot",
    "evaluate_shots",
    "model_shot_methods",
    "plan_shots",
]
