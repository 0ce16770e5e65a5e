"""The pool of disks, and what is decided about one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from lambent.kit.log import Log
from lambent.sandbox.namespaces.disks import Disks, NoDisks, Workshop, file_system, image_bytes, open_workshop

MB = 1024 * 1024
MOUNTINFO = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
25 22 0:23 / /dev/shm rw,relatime shared:4 - tmpfs tmpfs rw
"""


class FakeWorkshop(Workshop):
    """Makes descriptors of pipes."""

    def __init__(self) -> None:
        self.made: dict[int, int] = {}
        self.open: set[int] = set()
        self.broken = False
        self.closed = False

    def make(self, size: int) -> int:
        if self.broken:
            raise OSError(28, "No space left on device")
        reader, writer = os.pipe()
        os.close(writer)
        self.made[reader] = size
        self.open.add(reader)
        return reader

    def sweep(self) -> None:
        """It has no devices."""

    def waiting(self, size: int) -> int:
        """How many of this size are open."""
        return sum(1 for disk in self.open if _is_open(disk) and self.made[disk] == size)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@pytest.fixture
def workshop() -> FakeWorkshop:
    return FakeWorkshop()


@pytest_asyncio.fixture
async def disks(workshop: FakeWorkshop) -> AsyncIterator[Disks]:
    disks = Disks(workshop, Log("error"))
    yield disks
    await disks.close()
    assert workshop.closed
    assert not [disk for disk in workshop.open if _is_open(disk)], "none is left over"


async def quiet(disks: Disks) -> None:
    async with asyncio.timeout(60):
        for _ in iter(lambda: bool(disks._refilling or disks._tasks._running), False):
            await asyncio.sleep(0)


async def test_a_disk_of_a_size_that_nobody_expected_is_made_at_once(disks: Disks, workshop: FakeWorkshop) -> None:
    disk = await disks.take(5 * MB)
    assert disk is not None
    assert workshop.made[disk] == 5 * MB
    os.close(disk)


async def test_expected_sizes_are_ready_and_made_good_when_taken(disks: Disks, workshop: FakeWorkshop) -> None:
    disks.expect(MB)
    await quiet(disks)
    ready = set(workshop.made)
    disk = await disks.take(MB)
    assert disk in ready
    await quiet(disks)
    assert len(workshop.made) == len(ready) + 1
    os.close(disk)


async def test_sizes_that_have_not_been_asked_for_lately_are_not_kept(disks: Disks, workshop: FakeWorkshop) -> None:
    for size in range(1, 7):
        disks.expect(size * MB)
        await quiet(disks)
    assert workshop.waiting(MB) == workshop.waiting(2 * MB) == 0
    assert all(workshop.waiting(size * MB) for size in range(3, 7))


async def test_no_disk_is_an_answer_when_none_can_be_made(disks: Disks, workshop: FakeWorkshop) -> None:
    workshop.broken = True
    assert await disks.take(MB) is None
    workshop.broken = False
    disk = await disks.take(MB)
    assert disk is not None
    os.close(disk)


async def test_who_no_longer_waits_for_a_disk_leaves_it_to_others(disks: Disks, workshop: FakeWorkshop) -> None:
    taking = asyncio.ensure_future(disks.take(MB))
    await asyncio.sleep(0)
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)


@pytest.mark.parametrize(
    ("device", "kind"), [(os.makedev(254, 0), "ext4"), (os.makedev(0, 23), "tmpfs"), (os.makedev(9, 9), "")]
)
def test_the_file_system_of_a_folder_is_known(device: int, kind: str) -> None:
    assert file_system(MOUNTINFO, device) == kind


def test_disks_in_memory_would_not_help(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("lambent.sandbox.namespaces.disks.file_system", lambda mountinfo, device: "tmpfs")
    with pytest.raises(NoDisks, match="the data directory is on tmpfs"):
        open_workshop(tmp_path / "disks")


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("mb", [8, 512, 2048, 10240])
def test_a_disk_has_the_room_that_was_asked_for_and_little_more(tmp_path: Path, mb: int) -> None:
    try:
        workshop = open_workshop(tmp_path / "disks")
    except NoDisks as error:
        pytest.skip(str(error))
    disk = workshop.make(mb * MB)
    facts = os.statvfs(f"/proc/self/fd/{disk}")
    assert mb * MB <= facts.f_bavail * facts.f_frsize <= mb * MB * 1.02 + MB
    assert facts.f_files > 64 * mb, "room for many small files too"
    assert os.listdir(f"/proc/self/fd/{disk}") == []
    assert os.listdir(tmp_path / "disks") == [], "the image has no name"
    os.close(disk)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_sweep_removes_idle_devices_and_leaves_the_others(tmp_path: Path) -> None:
    try:
        workshop = open_workshop(tmp_path / "disks")
    except NoDisks as error:
        pytest.skip(str(error))
    disks = [workshop.make(MB) for _ in range(12)]
    numbers = [_number(disk) for disk in disks]
    kept = max(range(12), key=numbers.__getitem__)
    for index, disk in enumerate(disks):
        if index != kept:
            os.close(disk)
    workshop.sweep()
    assert Path(f"/sys/block/loop{numbers[kept]}/loop/backing_file").exists()
    os.listdir(f"/proc/self/fd/{disks[kept]}")
    os.close(disks[kept])
    if numbers[kept] >= 8:
        until_gone(workshop, numbers[kept])


def until_gone(workshop: Workshop, number: int) -> None:
    for _ in range(100):
        workshop.sweep()
        # Another server on this machine may have taken it by now.
        if not Path(f"/sys/block/loop{number}").exists() or Path(f"/sys/block/loop{number}/loop").exists():
            return
    raise AssertionError(f"loop{number} is still there")


def _number(disk: int) -> int:
    device = os.fstat(disk).st_dev
    return os.minor(device)


def test_an_image_is_a_whole_number_of_blocks() -> None:
    assert all(image_bytes(mb * MB) % 4096 == 0 and image_bytes(mb * MB) > mb * MB for mb in (8, 513, 10240))
