"""Disks for /tmp: small file systems on loop devices, some ready ahead, so that files do not count as memory.

A disk is a descriptor of a mount that is attached nowhere yet. A sandbox attaches one while it is made; where an
assignment wants another size, the launcher attaches that over it. Its image has no
name and its device lets go by itself, so that whoever is killed leaves nothing: the kernel frees a disk with the last
descriptor or sandbox that has it. Only the level `full` can make any.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import struct
import subprocess
import tempfile
from collections import defaultdict, deque
from pathlib import Path

from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.sandbox.namespaces import syscalls

FIRST_BYTES = 512 * 1024 * 1024
"""The size that every sandbox has at its beginning: what most are assigned."""
_READY = 8
_SIZES = 4
"""Sizes that some are kept ready of: those asked for last."""

_BLOCK = 4096
_MAKE = (
    *("-q", "-F", "-t", "ext4", "-b", str(_BLOCK), "-I", "256", "-i", "16384", "-m", "0"),
    # Named one by one, so that no mke2fs.conf decides. No journal and no checksums: nobody reads a disk after a crash.
    "-O",
    "none,dir_index,dir_nlink,ext_attr,extent,extra_isize,filetype,flex_bg,huge_file,large_file,sparse_super,uninit_bg",
    *("-E", "lazy_itable_init=1,nodiscard,root_owner=0:0"),
)
# What a function syncs need not survive the host's power either: "nobarrier" spares the host's disk.
_OPTIONS = ("nobarrier", "noinit_itable", "errors=continue")
_NAME = b"lambent"

_CONTROL = "/dev/loop-control"
_LOOP_CTL_REMOVE, _LOOP_CTL_GET_FREE, _LOOP_CONFIGURE = 0x4C81, 0x4C82, 0x4C0A
_LO_FLAGS_AUTOCLEAR = 4
_CONFIG = struct.Struct("II" + "QQQQQIIII64s64s32s2Q" + "8Q")
_TAKEN = frozenset({errno.EBUSY, errno.ENOENT, errno.ENXIO, errno.ENODEV})
"""Somebody else has taken the free device, or removed it as idle: another one will do."""
_TRIES = 50
_LASTING_DEVICES = 8
"""As kernels are built; more by the parameter max_loop."""

_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


class NoDisks(Exception):
    """Disks cannot be had here; the text says why, in a few words."""


def image_bytes(size: int) -> int:
    """How large a file must be to hold a file system with `size` free bytes: it keeps inode tables, maps and a reserve
    of at most 16 MiB for itself."""
    total = size + size // 64 + size // 1024 + min(size // 48, 16 * 1024 * 1024) + 1024 * 1024
    return -(-total // _BLOCK) * _BLOCK


def file_system(mountinfo: str, device: int) -> str:
    """The type of the file system with this st_dev, given /proc/self/mountinfo; empty when it is not there."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        if left.split()[2] == wanted:
            return right.split()[0]
    return ""


class Disks:
    """A pool of disks, by size."""

    def __init__(self, workshop: Workshop, log: Log) -> None:
        self._workshop = workshop
        self._log = log
        self._tasks = Tasks(log)
        self._ready: defaultdict[int, deque[int]] = defaultdict(deque)
        self._recent: dict[int, None] = {}
        """The sizes that some are kept ready of, the one asked for last at the end."""
        self._refilling: set[int] = set()

    async def take(self, size: int) -> int | None:
        """A new, empty disk with room for `size` bytes, as a descriptor that is the caller's to close or to give away.
        None when none could be made, which the log says."""
        ready = self._ready[size]
        try:
            while not ready:
                await self._tasks.in_thread(self._make, size)
        except OSError as error:
            self._log.warning("disk_failed", size=size, reason=error)
            return None
        disk = ready.popleft()
        self.expect(size)
        return disk

    def expect(self, size: int) -> None:
        """Have some of this size ready from now on."""
        self._recent.pop(size, None)
        self._recent[size] = None
        if len(self._recent) > _SIZES:
            forgotten = next(iter(self._recent))
            del self._recent[forgotten]
            self._tasks.start(f"free disks of {forgotten} bytes", self._tasks.in_thread(_free, self._ready[forgotten]))
        if size not in self._refilling:
            self._refilling.add(size)
            self._tasks.start(f"make disks of {size} bytes", self._refill(size))

    def sweep(self) -> None:
        """Tidy up behind predecessors, in the background."""
        self._tasks.start("remove idle loop devices", self._tasks.in_thread(self._workshop.sweep))

    async def close(self) -> None:
        """Free those that wait; those in sandboxes live as long as these."""
        self._workshop.closed = True
        await self._tasks.close()
        for ready in self._ready.values():
            _free(ready)

    async def _refill(self, size: int) -> None:
        try:
            while size in self._recent and len(self._ready[size]) < _READY:
                await self._tasks.in_thread(self._make, size)
        except OSError as error:
            self._log.warning("disk_failed", size=size, reason=error)
        finally:
            self._refilling.discard(size)

    def _make(self, size: int) -> None:
        # In a thread that nobody can cancel: what it made is always found where `close` looks.
        self._ready[size].append(self._workshop.make(size))


def _free(disks: deque[int]) -> None:
    with contextlib.suppress(IndexError):
        while True:
            os.close(disks.popleft())


class Workshop:
    """Makes disks, one at a call; every method may be called in threads. Its images lie in `folder`, without names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blanks: dict[int, list[tuple[int, bytes]]] = {}
        self.closed = False
        """Set it to end a sweep."""

    def make(self, size: int) -> int:
        """A new, empty disk. Raises OSError."""
        blocks = self._blank(size)
        with tempfile.TemporaryFile(dir=self._folder, buffering=0) as image:
            image.truncate(image_bytes(size))
            for offset, block in blocks:
                os.pwrite(image.fileno(), block, offset)
            path, device = _attached(image.fileno())
        try:
            disk = syscalls.new_mount("ext4", path, _OPTIONS, syscalls.ATTR_NOSUID | syscalls.ATTR_NODEV)
        finally:
            os.close(device)
        try:
            os.rmdir("lost+found", dir_fd=disk)
            os.chmod(f"/proc/self/fd/{disk}", 0o1777)
        except BaseException:
            os.close(disk)
            raise
        return disk

    def sweep(self) -> None:
        """Remove the loop devices that the kernel made for somebody and that nobody has any more: it makes others when
        they are wanted, and each takes some 70 KiB, so that thousands count. Takes up to 50 ms for each."""
        numbers = (path.name.removeprefix("loop") for path in Path("/sys/block").glob("loop*"))
        with contextlib.suppress(OSError), open(_CONTROL, "rb") as control:
            for number in [int(each) for each in numbers if each.isdigit()]:
                if self.closed:
                    return
                if number >= _lasting_devices():
                    with contextlib.suppress(OSError):  # somebody has it
                        fcntl.ioctl(control, _LOOP_CTL_REMOVE, number)

    def _blank(self, size: int) -> list[tuple[int, bytes]]:
        """What a new file system of this size consists of: offsets and blocks, some twenty. All else is zeros."""
        if size not in self._blanks:
            with tempfile.TemporaryFile(dir=self._folder, buffering=0) as image:
                image.truncate(image_bytes(size))
                _make_file_system(image.fileno())
                self._blanks[size] = _blocks(image.fileno())
        return self._blanks[size]


def open_workshop(folder: Path) -> Workshop:
    """A workshop that has made and freed a disk. Blocks for some 10 ms; raises NoDisks."""
    try:
        shutil.rmtree(folder, ignore_errors=True)  # whoever was killed between making a file and taking its name away
        folder.mkdir(mode=0o700)
        kind = file_system(Path("/proc/self/mountinfo").read_text(), folder.stat().st_dev)
        if kind in _IN_MEMORY:
            raise NoDisks(f"the data directory is on {kind}")
        workshop = Workshop(folder)
        os.close(workshop.make(FIRST_BYTES))
    except OSError as error:
        raise NoDisks(str(error)) from error
    return workshop


def _lasting_devices() -> int:
    """How many loop devices there are whether they are used or not."""
    try:
        configured = int(Path("/sys/module/loop/parameters/max_loop").read_text())
    except (OSError, ValueError):
        configured = 0
    return max(configured, _LASTING_DEVICES)


def _make_file_system(image: int) -> None:
    """Raises OSError."""
    program = shutil.which("mkfs.ext4", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise OSError(errno.ENOENT, "mkfs.ext4 (of e2fsprogs) is not installed")
    argv = [program, *_MAKE, f"/proc/self/fd/{image}"]
    made = subprocess.run(argv, pass_fds=[image], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if made.returncode != 0:
        raise OSError(errno.EIO, f"mkfs.ext4: {made.stderr.strip()}")


def _blocks(image: int) -> list[tuple[int, bytes]]:
    """The blocks of a sparse file that are not all zeros."""
    found: list[tuple[int, bytes]] = []
    end = 0
    while True:
        try:
            start = os.lseek(image, end, os.SEEK_DATA)
        except OSError:  # ENXIO: nothing but a hole is left
            return found
        end = os.lseek(image, start, os.SEEK_HOLE)
        for offset in range(start, end, _BLOCK):
            block = os.pread(image, _BLOCK, offset)
            if block.strip(b"\0"):
                found.append((offset, block))


def _attached(image: int) -> tuple[str, int]:
    """Put a file on a free loop device: its path, and an open descriptor without which it would be free again."""
    reason: OSError | None = None
    with open(_CONTROL, "rb") as control:
        for _ in range(_TRIES):
            number = fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
            path = f"/dev/loop{number}"
            details = (0, 0, 0, 0, 0, number, 0, 0, _LO_FLAGS_AUTOCLEAR, _NAME, b"", b"", 0, 0)
            device = -1
            try:
                device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                fcntl.ioctl(device, _LOOP_CONFIGURE, _CONFIG.pack(image, 0, *details, *[0] * 8))
            except OSError as error:
                reason = error
                if device >= 0:
                    os.close(device)
                if error.errno not in _TAKEN:
                    raise
            else:
                return path, device
    assert reason is not None
    raise reason
