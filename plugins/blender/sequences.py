"""Numbered files as Blender itself reads them: the last run of digits before the suffix is the frame."""

import os
from typing import NamedTuple

__all__ = ["Sequence", "sequence_of"]


class Sequence(NamedTuple):
    """The name of numbered files, without the number."""

    head: str
    digits: int
    tail: str
    first: int
    """The number in the name that it was made from."""

    def path(self, number: int) -> str:
        """The file of a frame."""
        return f"{self.head}{number:0{self.digits}d}{self.tail}"

    @property
    def pattern(self) -> str:
        """For people: #### in place of the number."""
        return f"{self.head}{'#' * self.digits}{self.tail}"

    @property
    def stem(self) -> str:
        """What to call the sequence."""
        return os.path.basename(self.head).rstrip("._- ") or os.path.splitext(self.tail)[0].strip("._- ") or "plate"

    def on_disk(self) -> list[int]:
        """The numbers that are there, sorted."""
        folder, start = os.path.split(self.head)
        try:
            names = os.listdir(folder or ".")
        except OSError:
            return []
        found = []
        for name in names:
            if name.startswith(start) and name.endswith(self.tail):
                digits = name[len(start) : len(name) - len(self.tail)]
                if digits.isdecimal() and f"{int(digits):0{self.digits}d}" == digits:
                    found.append(int(digits))
        return sorted(found)


def sequence_of(path: str) -> Sequence | None:
    """The sequence that a file belongs to; None where its name has no number."""
    folder, name = os.path.split(path)
    stem, suffix = os.path.splitext(name)
    end = next((i for i in range(len(stem), 0, -1) if stem[i - 1].isdecimal()), None)
    if end is None:
        return None
    start = end
    while start > 0 and stem[start - 1].isdecimal():
        start -= 1
    number = stem[start:end]
    head = os.path.join(folder, stem[:start]) if folder else stem[:start]
    return Sequence(head, len(number), stem[end:] + suffix, int(number))
