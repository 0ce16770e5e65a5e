"""The folders that stand for a root: made, filled with what templates and assignments show, removed."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Collection, Iterable
from pathlib import Path

from lambent.sandbox.base import Bind, Template
from lambent.sandbox.process.places import ROOTED, Places

_FOR_ALL = 0o755
_ASIDE = ".dead-"
_LINKABLE = frozenset({errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EACCES})
"""Where a hard link is refused a copy will do: another file system, too many links, the kernel's protection of them."""


def reachable(path: Path) -> bool:
    """Whether every user may enter the folders above `path`."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)


class Rooms:
    """The rooms of one server, below a folder that is its own."""

    def __init__(self, home: Path, *, own_users: bool) -> None:
        """`own_users`: sandboxes run as users who must be able to enter the rooms and read what is in them."""
        self.home = home
        self._own_users = own_users
        self._copies: dict[tuple[Path, tuple[str, ...]], Path] = {}

    def open(self) -> None:
        """Start anew; what a dead server left is put aside, for `sweep`. Blocks; raises OSError."""
        if self.home.exists():
            self.home.rename(self.home.with_name(f"{self.home.name}{_ASIDE}{os.urandom(4).hex()}"))
        self.home.mkdir(parents=True)
        self.home.chmod(0o711)

    def sweep(self) -> None:
        """Remove what was put aside, which may take a while. Blocks; raises OSError."""
        for folder in self.home.parent.glob(f"{self.home.name}{_ASIDE}*"):
            remove_tree(folder)

    def close(self) -> None:
        """Remove everything. Blocks; raises OSError."""
        remove_tree(self.home)

    def furnish(self, template: Template) -> Furniture:
        """What every room of `template` has. Blocks; raises OSError."""
        shown: list[tuple[str, str]] = []
        readable: list[str] = []
        also: list[str] = []
        for bind in template.binds:
            inside = bind.inside
            covered = [each.inside[len(inside) :] for each in template.binds if each.inside.startswith(inside + "/")]
            host = self._readable_by_all(bind.host, tuple(covered))
            rooted = any(inside == each or inside.startswith(each + "/") for each in ROOTED)
            if not rooted and inside == str(host):
                readable.append(str(host))
                continue
            if not rooted and inside != str(bind.host) and os.path.exists(inside):
                continue  # it would cover something of the host's: that stays visible
            if any(inside.startswith(each + "/") for each, _ in shown):
                continue  # it would cover something that is shown already
            shown.append((inside, str(host)))
            readable.append(str(host))
            also += [] if rooted else [inside]
        links = {
            path: target
            for path, target in template.links.items()
            if not any(path.startswith(each + "/") for each, _ in shown)
        }
        return Furniture(tuple(shown), links, tuple(readable), (*also, *links))

    def make(self, name: str, places: Places, furniture: Furniture) -> None:
        """A room for everybody to look around in, with nothing in it that is anybody's. Blocks; raises OSError."""
        room = self.home / name
        room.mkdir(mode=0o700)
        for folder in ROOTED:
            # What is bound there as a whole takes the folder's own place.
            if all(inside != folder for inside, _ in furniture.shown):
                (room / folder[1:]).mkdir(parents=True)
        links = [(path, places.here(target)) for path, target in furniture.links.items()]
        for inside, target in sorted([*furniture.shown, *links]):
            path = room / inside[1:]
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_symlink():
                path.symlink_to(target)
        room.chmod(_FOR_ALL)

    def lock(self, name: str, uid: int | None) -> None:
        """Keep everybody out of a room but user `uid`, or the server's, who may write to its /tmp. Raises OSError."""
        room = self.home / name
        (room / "tmp").chmod(0o700)
        room.chmod(0o700)
        if uid is not None:
            os.chown(room / "tmp", uid, uid)
            os.chown(room, -1, uid)
            room.chmod(0o750)

    def _readable_by_all(self, host: Path, covered: tuple[str, ...]) -> Path:
        """`host`, or where the sandboxes' users cannot get to it, a copy that shares its content, without what is
        `covered` in it."""
        if not self._own_users or reachable(host):
            return host
        if (host, covered) not in self._copies:
            copy = self.home / f"shared{len(self._copies)}" / host.name
            copy.parent.mkdir()
            place(host, copy, frozenset(f"{host}{each}" for each in covered))
            self._copies[host, covered] = copy
        return self._copies[host, covered]


class Furniture:
    """What the rooms of one template have in common."""

    def __init__(
        self,
        shown: tuple[tuple[str, str], ...],
        links: dict[str, str],
        readable: tuple[str, ...],
        also: tuple[str, ...],
    ) -> None:
        self.shown = shown
        """Pairs: path inside, what of the host's is shown there."""
        self.links = links
        self.readable = readable
        """Paths of the host that the program may read."""
        self.also = also
        """Paths inside that the room has beside ROOTED."""


def give(binds: Iterable[Bind], places: Places) -> None:
    """Put an assignment's folders into its room. Blocks; raises OSError where there is no place for one."""
    for bind in binds:
        inside = places.inside(bind.inside)
        if inside is None or not os.path.isdir(inside):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), bind.inside)
        place(bind.host, Path(inside))


def place(source: Path, target: Path, without: Collection[str] = ()) -> None:
    """Have at `target` what is at `source`: folders anew, files as hard links where that is possible, for everybody to
    read; of the folders `without` only their names. Raises OSError."""
    if not source.is_dir():
        _place_file(source, target)
        return
    waiting = [(source, target)]
    while waiting:
        folder, copy = waiting.pop()
        copy.mkdir(mode=_FOR_ALL, exist_ok=True)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.path in without:
                    (copy / entry.name).mkdir(mode=_FOR_ALL)
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append((Path(entry.path), copy / entry.name))
                else:
                    _place_file(Path(entry.path), copy / entry.name)


def _place_file(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _LINKABLE:
            raise
        shutil.copy(source, target, follow_symlinks=False)


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that a program may have made in it. Raises OSError."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except (OSError, RecursionError):
        # Folders that their owner may not enter, or deeper than paths are long: these walk step by step.
        subprocess.run(["chmod", "-R", "u+rwX", "--", str(folder)], check=False, capture_output=True)
        removed = subprocess.run(["rm", "-rf", "--", str(folder)], check=False, capture_output=True, text=True)
        if removed.returncode != 0:
            raise OSError(removed.stderr.strip()) from None
