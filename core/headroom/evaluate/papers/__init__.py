"""What the papers of single-image systems claim, measured again on networks that were trained here."""

from headroom.evaluate.papers.benchmark import evaluate_papers
from headroom.evaluate.papers.report import PapersReport

__all__ = ["PapersReport", "evaluate_papers"]
