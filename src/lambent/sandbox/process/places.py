"""Where things are for a program that has neither a root nor a network of its own. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

ROOTED = ("/var/task", "/var/runtime", "/var/lang", "/opt", "/tmp")
"""The folders that every sandbox has; elsewhere a program sees the host's."""


class Places:
    """The folders of one room, and the ports of one sandbox."""

    def __init__(self, room: str, ports: Mapping[int, int], also: Collection[str] = ()) -> None:
        """`room` stands for the root of what is below ROOTED and `also`; `ports`: port inside → the host's."""
        self._room = room
        self._ports = ports
        folders = sorted({*ROOTED, *also}, key=len, reverse=True)
        # A whole name: not the middle of a longer path, and not the beginning of a longer name.
        self._path = re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, folders))})(?![\w.-])")
        self._address = re.compile(r"(?<![\d.])127\.0\.0\.1:(\d+)(?!\d)")

    def here(self, text: str) -> str:
        """`text` with the paths and addresses that lead to what it names. Not to be applied twice."""
        moved = self._path.sub(lambda found: self._room + found.group(), text)
        return self._address.sub(self._moved_address, moved)

    def inside(self, path: str) -> str | None:
        """Where the room has `path`; None when that is a place of the host's."""
        return self._room + path if self._path.match(path) else None

    def _moved_address(self, found: re.Match[str]) -> str:
        port = int(found.group(1))
        return f"127.0.0.1:{self._ports.get(port, port)}"
