"""The fence around the embedded moto, put up by itself before it imports anything of moto.

Functions, whom nobody trusts, talk to moto, and moto was not made for that. So it is left with a root in which there is
Python and nothing else, read-only but for its own folder of temporary files; without a network, capabilities or, where
root starts it, an own user.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from lambent.sandbox.namespaces import syscalls
from lambent.sandbox.namespaces.seccomp import sandbox_filter

NOBODY = 65_534
_READ_ONLY = syscalls.ATTR_RDONLY | syscalls.ATTR_NOSUID | syscalls.ATTR_NODEV
_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives")
_DEVICES = ("/dev/null", "/dev/urandom", "/dev/random")


class CannotBeFenced(Exception):
    """The machine does not allow it; the text says what not."""


def put_up(scaffold: Path, writable: Path) -> None:
    """Fence this process in. `scaffold`: an empty folder, which is used for a moment; `writable`: what it may write to.
    Raises CannotBeFenced, perhaps when half of it is up. The process must have one thread."""
    is_root = os.geteuid() == 0
    try:
        _leave(is_root=is_root)
        _enter_root(scaffold, writable)
        syscalls.drop_bounding_set()
        if is_root:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        syscalls.drop_capabilities()
        syscalls.no_new_privileges()
        syscalls.load_filter(sandbox_filter(platform.machine()))
    except (OSError, KeyError) as error:
        raise CannotBeFenced(str(error)) from None


def _leave(*, is_root: bool) -> None:
    """Go into namespaces of its own: no network, no mounts of others. A Unix socket is reached all the same."""
    kinds = syscalls.NEWNS | syscalls.NEWNET | syscalls.NEWIPC
    uid, gid = os.geteuid(), os.getegid()
    if is_root:
        syscalls.unshare(kinds)
    else:
        syscalls.unshare(kinds | syscalls.NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    syscalls.mount("none", "/", "none", syscalls.MS_REC | syscalls.MS_PRIVATE)


def _enter_root(scaffold: Path, writable: Path) -> None:
    if os.geteuid() == 0:
        os.chown(writable, NOBODY, NOBODY)
    syscalls.mount("none", str(scaffold), "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "mode=0755,size=1m")
    for path in outermost([*_SYSTEM, *python_folders()]):
        _show(path, scaffold, _READ_ONLY)
    for path in _DEVICES:
        _show(path, scaffold, syscalls.ATTR_NOSUID)
    _show(str(writable), scaffold, syscalls.ATTR_NOSUID | syscalls.ATTR_NODEV | syscalls.ATTR_NOEXEC)
    syscalls.restrict_mount(str(scaffold), _READ_ONLY)
    syscalls.enter_root(str(scaffold))


def _show(path: str, root: Path, attributes: int) -> None:
    """Let `path` be seen below the new root, if there is such a thing; a link stays one."""
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.islink(path):
        target.symlink_to(os.readlink(path))
    elif os.path.isdir(path):
        target.mkdir(exist_ok=True)
        syscalls.bind(path, str(target), attributes)
    elif os.path.exists(path):
        target.touch()
        syscalls.bind(path, str(target), attributes)


def python_folders() -> list[str]:
    """Where this Python, and all that it may import, is: with links resolved, and as they are named."""
    named = {sys.prefix, sys.base_prefix, sys.exec_prefix, *filter(os.path.isdir, sys.path)}
    for package in ("lambent", "moto", "botocore"):
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            named.add(str(Path(spec.origin).parent.parent))
    return sorted(named | {os.path.realpath(path) for path in named})


def outermost(paths: Iterable[str]) -> list[str]:
    """The paths without those below another, and without the root itself, which would be everything."""
    kept: list[str] = []
    for path in sorted({os.path.normpath(path) for path in paths}):
        if path != "/" and not any(path.startswith(f"{other}/") for other in kept):
            kept.append(path)
    return kept
