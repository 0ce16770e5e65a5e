"""Identifiers."""

from __future__ import annotations

import os
import uuid

from lambent.kit.ids import uuid4


def test_ids_are_random_uuids_and_never_the_same() -> None:
    made = [uuid4() for _ in range(2000)]
    assert len(set(made)) == 2000
    assert all(str(uuid.UUID(text)) == text and uuid.UUID(text).version == 4 for text in made)
    assert all(uuid.UUID(text).variant == uuid.RFC_4122 for text in made)


def test_a_process_and_its_fork_draw_different_ids() -> None:
    uuid4()  # there is a stock now
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, uuid4().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 36).decode() not in {uuid4() for _ in range(256)}
    os.close(read)
    os.close(write)
