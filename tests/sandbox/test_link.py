"""Messages with descriptors between the server and its helpers."""

from __future__ import annotations

import asyncio
import os

from lambent.sandbox.namespaces import syscalls
from lambent.sandbox.namespaces.link import Link, Received, message_pair


class Ear:
    def __init__(self) -> None:
        self.heard: asyncio.Queue[Received] = asyncio.Queue()
        self.ended = asyncio.Event()


async def linked() -> tuple[Link, Ear, object]:
    ours, theirs = message_pair()
    ear = Ear()
    return Link(ours, ear.heard.put_nowait, ear.ended.set), ear, theirs


async def test_a_message_arrives_with_its_descriptors_and_its_senders_id():
    link, ear, theirs = await linked()
    reader, writer = os.pipe()
    syscalls.send(theirs, {"made": 1}, [writer])
    received = await asyncio.wait_for(ear.heard.get(), 5)
    os.write(received.fds[0], b"x")
    assert os.read(reader, 9) == b"x"
    assert (received.body, received.pid) == ({"made": 1}, os.getpid())
    assert not os.get_inheritable(received.fds[0])
    for fd in (reader, writer, *received.fds):
        os.close(fd)
    link.close()
    theirs.close()


async def test_more_than_the_socket_holds_is_sent_in_order_and_what_is_given_is_closed():
    link, _, theirs = await linked()
    given = []
    for count in range(1000):
        fd = os.open("/dev/null", os.O_RDONLY)
        given.append(fd)
        link.send({"n": count, "padding": "x" * 500}, [fd], give=True)
    numbers = []
    theirs.setblocking(False)
    async with asyncio.timeout(60):
        while len(numbers) < len(given):
            try:
                message, fds = syscalls.receive(theirs)
            except BlockingIOError:
                await asyncio.sleep(0)
                continue
            numbers.append(message["n"])
            for fd in fds:
                os.close(fd)
    assert numbers == list(range(len(given)))
    assert not [fd for fd in set(given) if is_open(fd)]
    link.close()
    theirs.close()


async def test_the_end_is_told_once_and_later_messages_are_dropped_with_what_they_gave():
    link, ear, theirs = await linked()
    theirs.close()
    await asyncio.wait_for(ear.ended.wait(), 5)
    fd = os.open("/dev/null", os.O_RDONLY)
    link.send({"too": "late"}, [fd], give=True)
    assert link.ended
    assert not is_open(fd)


async def test_finishing_lets_the_other_side_read_the_end():
    link, ear, theirs = await linked()
    link.finish()
    assert syscalls.receive(theirs) == (None, [])
    theirs.close()
    await asyncio.wait_for(ear.ended.wait(), 5)


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
