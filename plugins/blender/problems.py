"""What can go wrong, in words for the artist, and how it is shown."""

from typing import Any

__all__ = ["Problem", "report_problem"]


class Problem(Exception):
    """One plain sentence; ``fix`` says what to do about it."""

    def __init__(self, sentence: str, fix: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.sentence} {self.fix}" if self.fix else self.sentence


def report_problem(operator: Any, problem: Exception, level: str = "ERROR") -> None:
    """Blender's own report: a pop-up, the status bar and the Info editor."""
    operator.report({level}, str(problem))
