"""The client commands against real sockets that do not answer as they should, and with a user's own AWS settings."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lambent.cli.access import Access
from lambent.cli.client import connect, talking_to
from lambent.cli.failure import Failure


@contextmanager
def _server(answer: bytes | None) -> Iterator[str]:
    """Takes one connection, reads a request's head, sends `answer` (or nothing) and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def once() -> None:
            connection, _ = listening.accept()
            with connection:
                head = b""
                while b"\r\n\r\n" not in head and (more := connection.recv(65_536)):
                    head += more
                if answer:
                    connection.sendall(answer)

        thread = threading.Thread(target=once)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def _list(endpoint: str) -> None:
    access = Access(endpoint, "us-east-1", "AKIA", "secret")
    with talking_to(access):
        connect(access, "lambda").list_functions()


def _nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_nobody_listening() -> None:
    endpoint = _nobody()
    with pytest.raises(Failure) as failed:
        _list(endpoint)
    assert failed.value.message == f"cannot reach {endpoint}: is `lambent serve` running?"


def test_a_connection_that_ends_without_an_answer() -> None:
    with _server(None) as endpoint, pytest.raises(Failure, match="lost the connection to http://127"):
        _list(endpoint)


def test_what_the_server_says_is_passed_on_in_one_line() -> None:
    body = b'{"Type":"User","Message":"no\\nway"}'
    head = f"HTTP/1.1 403 x\r\nx-amzn-errortype: AccessDeniedException\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    with _server(head + body) as endpoint, pytest.raises(Failure) as failed:
        _list(endpoint)
    assert failed.value.message == "AccessDeniedException: no way"


@pytest.mark.parametrize("endpoint", ["nonsense", "127.0.0.1:4566", "http://"])
def test_an_endpoint_that_is_no_url(endpoint: str) -> None:
    with pytest.raises(Failure):
        _list(endpoint)


def test_the_users_profile_and_proxy_play_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("http_proxy", _nobody())
    monkeypatch.setenv("HTTP_PROXY", _nobody())
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with _server(b'HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{"Functions":[]}') as endpoint:
        _list(endpoint)


def test_an_error_without_a_word_is_told_by_its_code() -> None:
    body = b'{"Message":null}'
    head = b"HTTP/1.1 403 Forbidden\r\nx-amzn-ErrorType: AccessDeniedException\r\nContent-Type: application/json\r\n"
    answer = head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    with _server(answer) as endpoint, pytest.raises(Failure, match="AccessDeniedException: An error occurred"):
        _list(endpoint)
