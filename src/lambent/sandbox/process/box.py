"""One sandbox in the host's namespaces, as the server sees it: beside what every box has, a room and its ports."""

from __future__ import annotations

import contextlib
import resource
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from lambent.sandbox.base import Assignment, Limits, SandboxDied
from lambent.sandbox.namespaces.box import Box, House
from lambent.sandbox.namespaces.cgroup import Group
from lambent.sandbox.namespaces.ends import Ends
from lambent.sandbox.process import rooms
from lambent.sandbox.process.places import Places
from lambent.values import frozen


@frozen
class Ground:
    """What a box stands on: its room, where things are in it, and the host's sockets that are its ports."""

    room: Path
    places: Places
    listeners: Mapping[int, socket.socket]
    request: Mapping[str, object]
    """What its agent needs beside the user."""

    def clear(self) -> None:
        """Give it up. Blocks; raises OSError."""
        for listener in self.listeners.values():
            listener.close()
        rooms.remove_tree(self.room)


class FencedBox(Box):
    """Implements Sandbox."""

    def __init__(self, name: str, uid: int | None, ends: Ends, ground: Ground, group: Group, house: House) -> None:
        super().__init__(name, uid or 0, ends, (), group, house)
        self._own_user = uid is not None
        self._ground = ground
        self.listeners = ground.listeners

    def here(self, text: str) -> str:
        return self._ground.places.here(text)

    def request(self) -> dict[str, object]:
        user = self.uid if self._own_user else None
        return {"uid": user, "gid": user, **self._ground.request}

    async def _give(self, assignment: Assignment, line: bytes) -> None:
        if self._dead or self._channel is None:
            raise SandboxDied(self._dead or "assigned already")
        channel, self._channel = self._channel, None
        with channel:
            try:
                await self._house.tasks.in_thread(rooms.give, assignment.mounts, self._ground.places)
                channel.setblocking(False)
                channel.sendall(line)  # it fits: see MAX_LINE_BYTES
            except OSError as error:
                raise SandboxDied(str(error)) from error

    def _limits_of_each(self, limits: Limits) -> list[tuple[int, int]]:
        wanted = super()._limits_of_each(limits)
        if not self._own_user:
            # It counts all that the server's user runs: nobody's number of processes is in it.
            wanted = [each for each in wanted if each[0] != resource.RLIMIT_NPROC]
        return [*wanted, (resource.RLIMIT_FSIZE, limits.tmp_bytes)]

    def _take(self, fds: Sequence[int]) -> None:
        """The ports were there before the agent."""

    def _remove(self) -> None:
        with contextlib.ExitStack() as both:
            both.callback(self._ground.clear)
            super()._remove()
