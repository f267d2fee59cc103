"""What can go wrong with a bake: one plain sentence, and what to do about it."""

from __future__ import annotations

from typing import Any

__all__ = ["BakeCancelled", "BakeError"]


class BakeError(Exception):
    """``sentence`` says what is wrong and where; ``fix`` what to do."""

    def __init__(self, sentence: str, fix: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.fix = fix
        self.result: Any = None
        """The `Result`, where a whole bake failed: which frames are done all the same."""

    def __str__(self) -> str:
        return f"{self.sentence} {self.fix}" if self.fix else self.sentence


class BakeCancelled(BakeError):
    """Somebody stopped it. Frames that were finished are kept and not done again."""
