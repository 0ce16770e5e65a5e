"""What a sandbox is born with: its sockets and pipes, ours and theirs."""

from __future__ import annotations

import contextlib
import os
import socket

from lambent.sandbox.namespaces.link import close_all, message_pair
from lambent.values import frozen


@frozen
class Ends:
    """The server's ends, and the sandbox's in the order in which a zygote wants them."""

    control: socket.socket
    channel: socket.socket
    output: int
    records: int
    theirs: tuple[int, ...]

    @staticmethod
    def make() -> Ends:
        """Raises OSError when descriptors run out, having closed those it made."""
        with contextlib.ExitStack() as undo:
            control, their_control = (undo.enter_context(end) for end in message_pair())
            channel, their_channel = (undo.enter_context(end) for end in socket.socketpair())
            output, their_output = _pipe(undo)
            records, their_records = _pipe(undo)
            undo.pop_all()
        theirs = (their_control.detach(), their_channel.detach(), their_output, their_records)
        return Ends(control, channel, output, records, theirs)

    def close_theirs(self) -> None:
        """Once the sandbox has its copies."""
        close_all(self.theirs)

    def close(self) -> None:
        """Close the server's ends."""
        self.control.close()
        self.channel.close()
        close_all([self.output, self.records])


def _pipe(undo: contextlib.ExitStack) -> tuple[int, int]:
    reader, writer = os.pipe()
    undo.callback(close_all, (reader, writer))
    os.set_blocking(reader, False)
    return reader, writer
