"""What a template's root is made of: template + facts about the host → ordered steps. Pure; the launcher obeys.

The root is built once per zygote. Whatever belongs to one sandbox (/proc, /tmp, its user's name) is its agent's work,
and whatever belongs to one assignment (code, layers) is mounted later over the empty folders made here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from lambent.sandbox.base import Forked, Template
from lambent.values import frozen

SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32")
"""A program's libraries. Links stay links (merged /usr); folders are shown as they are."""

SHARED_ETC = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/mime.types",
    "/etc/pki/ca-trust/extracted",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
)
"""What of the host's /etc a program may see: lists that are the same everywhere, certificates, the loader's cache."""

MOUNT_POINTS = ("/var/task", "/opt", "/var/runtime", "/var/lang", "/tmp", "/proc", "/run", "/mnt", "/home")
DEVICES = ("null", "zero", "full", "random", "urandom")
USER = "sbx_user1051"
"""The user's name on AWS; the number is the sandbox's own."""

ZYGOTE_FOLDER = "/run/lambent"
"""Where a Forked template's interpreter finds zygote.py; unmounted again before anything is preloaded."""

_ETC = {
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n",
    "/etc/host.conf": "multi on\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
    "/etc/resolv.conf": "",
    "/etc/passwd": "",
    "/etc/group": "",
}
_ETC_LINKS = {"/etc/localtime": "/usr/share/zoneinfo/UTC", "/etc/os-release": "/usr/lib/os-release"}
_DEV_LINKS = {
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
}

Step = tuple[str, ...]
"""("folder", path) · ("file", path, text) · ("link", path, to) · ("bind", host, inside) · ("device", host, inside)
· ("seal", path): nothing new under this mount from here on."""


@frozen
class Host:
    """What of SYSTEM_FOLDERS and SHARED_ETC this host has."""

    links: Mapping[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    etc: tuple[str, ...] = ()


def survey(root: Path = Path("/")) -> Host:
    """Look at the host; `root` is where its file tree starts."""
    links: dict[str, str] = {}
    folders: list[str] = []
    for name in SYSTEM_FOLDERS:
        path = root / name[1:]
        if path.is_symlink():
            links[name] = str(path.readlink())
        elif path.is_dir():
            folders.append(name)
    return Host(links, tuple(folders), tuple(name for name in SHARED_ETC if (root / name[1:]).exists()))


def root_steps(template: Template, host: Host, code: Path, *, own_proc: bool) -> list[Step]:
    """How to build the root of `template`. `code` is the folder of zygote.py.

    `own_proc`: the host's /proc stays mounted beneath the sandbox's own. Without the rights of the machine's root the
    kernel mounts a new /proc only where one is visible already.
    """
    steps: list[Step] = [("folder", path) for path in MOUNT_POINTS]
    steps += [("bind", path, path) for path in host.folders]
    steps += [("link", path, target) for path, target in host.links.items()]
    steps += [("file", path, text) for path, text in _ETC.items()]
    steps += [("link", path, target) for path, target in _ETC_LINKS.items()]
    steps += [("bind", path, path) for path in host.etc]
    steps += [("device", f"/dev/{name}", f"/dev/{name}") for name in DEVICES]
    steps += [("link", path, target) for path, target in _DEV_LINKS.items()]
    if own_proc:
        steps.append(("bind", "/proc", "/proc"))
    if isinstance(template.program, Forked):
        steps.append(("bind", str(code), ZYGOTE_FOLDER))
    steps += [("bind", str(bind.host), bind.inside) for bind in template.binds]
    steps += [("link", path, target) for path, target in template.links.items()]
    steps.append(("seal", "/"))
    return list(dict.fromkeys(steps))  # a template may name what every root has anyway
