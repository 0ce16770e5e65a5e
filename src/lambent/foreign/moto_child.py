"""The program of the embedded moto: serves a listening socket that it is handed, for whoever knows the token.

It is given no network, no Docker and, where possible, no rights: what asks it are functions that nobody trusts. The
first line on its standard input is the token; when that input ends, so does it.
"""

from __future__ import annotations

import ctypes
import hmac
import logging
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

NOBODY = 65_534
TOKEN_HEADER = "x-lambent-token"
UNKNOWN_HEADER = "x-lambent-unknown-service"
"""In the answer to a request for a service that moto has not."""
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_MOTOS_OWN = ("/moto-api", "/latest/meta-data/", "/latest/api/", "/favicon.ico")
"""Paths that moto answers itself, whatever service is asked: they would empty it, or show what is in it."""

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def main() -> None:
    """Serve until standard input ends: `moto_child.py DESCRIPTOR`."""
    token = sys.stdin.buffer.readline().strip().decode()
    descriptor = int(sys.argv[1])
    remarks = [*_leave_network(), *_give_up_rights(), *_die_first()]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = Door(token, _moto())

    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    server = make_server(
        "unix://moto", 0, application, threaded=True, request_handler=MotoRequestHandler, fd=descriptor
    )
    print("ready", *remarks, sep="; ", flush=True)
    server.serve_forever()


class Door:
    """Lets nobody in without the token, and nobody to what moto has for its own tests."""

    def __init__(self, token: str, application: Wsgi) -> None:
        self._token = token
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        given = environ.pop("HTTP_X_LAMBENT_TOKEN", "")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return _refused(start_response, "403 Forbidden")
        if environ.get("PATH_INFO", "").startswith(_MOTOS_OWN):
            return _refused(start_response, "403 Forbidden")
        try:
            return self._application(environ, start_response)
        except UnknownService:
            return _refused(start_response, "501 Not Implemented", (UNKNOWN_HEADER, "1"))


class UnknownService(Exception):
    """moto has no such service."""


def _refused(start_response: Any, status: str, *headers: tuple[str, str]) -> Iterable[bytes]:
    start_response(status, [("Content-Length", "0"), *headers])
    return (b"",)


def _moto() -> Wsgi:
    """moto's application, with notifications of S3 left to Lambent."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from moto.s3 import notifications

    class Dispatcher(DomainDispatcherApplication):  # type: ignore[misc,unused-ignore]
        def get_backend_for_host(self, host: str | None) -> Any:
            backend = super().get_backend_for_host(host)
            if backend is None and host is not None:
                raise UnknownService
            return backend

    notifications.send_event = notifications.send_test_event = lambda *_, **__: None
    application: Wsgi = Dispatcher(create_backend_app)
    return application


# -- what it gives up


def _leave_network() -> list[str]:
    """Go where there is no network: what asks moto to fetch something must not reach the host's. A Unix socket is
    reached all the same."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0 and libc.unshare(_CLONE_NEWNET) == 0:
        return []
    if uid != 0 and libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
        return []
    return ["it has the host's network: no network namespace can be made here"]


def _give_up_rights() -> list[str]:
    """Become nobody, if root and if nobody may read what is imported later."""
    if os.geteuid() != 0:
        return []
    spec = find_spec("moto")
    if spec is None or spec.origin is None or not _is_public(Path(spec.origin)):
        return ["it runs as root: others may not read where moto is installed"]
    os.chown(os.environ["TMPDIR"], NOBODY, NOBODY)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    return []


def _is_public(file: Path) -> bool:
    """Whether anybody may read the file, and its Python."""
    for path in (file.resolve(), Path(sys.executable).resolve(), Path(os.__file__).resolve(), Path(__file__).resolve()):
        if not path.stat().st_mode & stat.S_IROTH:
            return False
        if any(not folder.stat().st_mode & stat.S_IXOTH for folder in path.parents):
            return False
    return True


def _die_first() -> list[str]:
    """When memory runs out, this goes before the server and its functions."""
    try:
        Path("/proc/self/oom_score_adj").write_text("900")
    except OSError:
        pass  # it is only a wish
    return []


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
