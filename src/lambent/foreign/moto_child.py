"""The program of the embedded moto: serves a listening socket that it is handed, for whoever knows the token.

It is fenced in (fence.py), and has no Docker: what asks it are functions that nobody trusts. The first line on its
standard input is the token; when that input ends, so does it.
"""

from __future__ import annotations

import hmac
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from lambent.foreign.fence import CannotBeFenced, put_up
from lambent.foreign.idle import template_refusal

TOKEN_HEADER = "x-lambent-token"
UNKNOWN_HEADER = "x-lambent-unknown-service"
"""In the answer to a request for a service that moto has not."""
_MOTOS_OWN = ("/moto-api", "/latest/meta-data/", "/latest/api/", "/favicon.ico")
"""Paths that moto answers itself, whatever service is asked: they would empty it, or show what is in it."""

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def main() -> None:
    """Serve until standard input ends: `moto_child.py DESCRIPTOR SCAFFOLD`."""
    token = sys.stdin.buffer.readline().strip().decode()
    descriptor = int(sys.argv[1])
    remarks = [*_die_first(), *_fenced_in()]
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


def _load_yaml_safely() -> None:
    """Let no template of CloudFormation name Python objects to make: moto reads them with the loader that makes any,
    so that whoever may call it could run what he likes."""
    yaml: Any = import_module("yaml")

    def add(prefix: str, constructor: Any, Loader: Any = None) -> None:
        yaml.SafeLoader.add_multi_constructor(prefix, constructor)

    yaml.add_multi_constructor = add
    for name in ("Loader", "FullLoader", "UnsafeLoader", "CLoader", "CFullLoader", "CUnsafeLoader"):
        setattr(yaml, name, yaml.SafeLoader)


def _refuse_templates() -> None:
    """Let CloudFormation make no functions, queues and the like of its own: it would say that all is well."""
    from moto.cloudformation.exceptions import ValidationError
    from moto.cloudformation.models import CloudFormationBackend, Stack

    yaml: Any = import_module("yaml")

    def checked(method: Callable[..., Any]) -> Callable[..., Any]:
        form = signature(method)

        def check(*given: Any, **named: Any) -> Any:
            template = form.bind(*given, **named).arguments.get("template")
            try:
                document = Stack.parse_template(template) if template else None
            except (yaml.YAMLError, ValueError):
                document = None  # moto says what is wrong with it
            if (text := template_refusal(document)) is not None:
                raise ValidationError(message=text)
            return method(*given, **named)

        return check

    for name in ("create_stack", "update_stack", "create_change_set", "create_stack_set", "update_stack_set"):
        setattr(CloudFormationBackend, name, checked(getattr(CloudFormationBackend, name)))


def _moto() -> Wsgi:
    """moto's application, with notifications of S3 left to Lambent."""
    _load_yaml_safely()
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from moto.s3 import notifications

    class Dispatcher(DomainDispatcherApplication):  # type: ignore[misc,unused-ignore]
        def get_backend_for_host(self, host: str | None) -> Any:
            backend = super().get_backend_for_host(host)
            if backend is None and host is not None:
                raise UnknownService
            return backend

    notifications.send_event = notifications.send_test_event = lambda *_, **__: None
    _refuse_templates()
    application: Wsgi = Dispatcher(create_backend_app)
    return application


# -- what it gives up


def _fenced_in() -> list[str]:
    """Put up the fence. As root it must hold: else whoever finds a hole in moto has the machine."""
    try:
        put_up(Path(sys.argv[2]), Path(os.environ["TMPDIR"]))
    except CannotBeFenced as error:
        if os.geteuid() == 0:
            sys.exit(f"it cannot be fenced in here, and is not run as root without: {error}")
        return [f"it is not fenced in: {error}"]
    return []


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
