"""Functions of a server that has no API to make them: they are there from the start, and each is used once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from client import Code, Lambda, Made, NotOffered, Target


@dataclass(frozen=True, slots=True)
class Stocked:
    """So many functions with this code and this memory."""

    code: Code
    memory_mb: int
    count: int


class Shelf:
    """Hands out names of functions that nobody has called."""

    def __init__(self, names: Mapping[tuple[Code, int], Sequence[str]]) -> None:
        self._names = {key: list(each) for key, each in names.items()}

    def take(self, code: Code, memory_mb: int) -> str:
        """The next one. Raises NotOffered."""
        names = self._names.get((code, memory_mb))
        if not names:
            raise NotOffered(f"no function of {code.runtime} is left or was ever there")
        return names.pop(0)


class Shelved(Lambda):
    """A client that takes functions from the shelf instead of making them."""

    def __init__(self, target: Target, shelf: Shelf) -> None:
        super().__init__(target)
        self._shelf = shelf

    def make_role(self) -> None:
        """None is needed."""

    def create(self, code: Code, memory_mb: int) -> Made:
        """Take one."""
        return Made(self._shelf.take(code, memory_mb), None)

    def update(self, name: str, code: Code) -> None:
        """Raises NotOffered: code is what the file says."""
        raise NotOffered("there is no such operation")

    def delete(self, name: str) -> None:
        """It stays until the server ends."""

    def log_lines(self, name: str, pattern: str) -> list[str]:
        """None: it prints logs to its own output."""
        return []
