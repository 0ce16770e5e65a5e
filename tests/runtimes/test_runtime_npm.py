"""Packages of the npm registry: by an npm that is a script, and from a registry on a loopback port."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lambent.runtimes import npm
from lambent.runtimes.npm import NpmFailed, digest_of, fetch, named_registry, newest, reason

CONTENT = b"the package"


def integrity(content: bytes = CONTENT) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


# --- decisions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("versions", "best"),
    [
        ([], None),
        (["20.1.0", "24.0.0"], None),
        (["22.9.0", "22.10.0", "22.2.11", "24.0.0"], "22.10.0"),
        (["22.1.0", "22.2.0-rc.1", "22.3", "v22.4.0", "nonsense"], "22.1.0"),
        (["2.2.0", "220.0.0"], None),
    ],
)
def test_the_newest_release_is_the_highest_number(versions: list[str], best: str | None) -> None:
    assert newest(versions, 22) == best


@pytest.mark.parametrize(
    ("environ", "configuration", "registry"),
    [
        ({}, "", None),
        ({"NPM_CONFIG_REGISTRY": "https://a.test/"}, "registry=https://b.test", "https://a.test"),
        ({"npm_config_registry": "https://a.test/npm"}, "", "https://a.test/npm"),
        ({"NPM_CONFIG_REGISTRY": ""}, "registry = https://b.test/npm/ ", "https://b.test/npm"),
        ({}, "; registry=https://c.test\n# registry=https://c.test\nloglevel=error\n", None),
        ({}, "@mine:registry=https://c.test\nregistry=\n", None),
        ({}, 'registry="https://a.test"\nregistry=https://b.test', "https://b.test"),
        ({"PLACE": "b.test"}, "registry=https://${PLACE}/${NOTHING}", "https://b.test"),
    ],
)
def test_the_registry_is_the_one_that_the_user_named(
    environ: dict[str, str], configuration: str, registry: str | None
) -> None:
    assert named_registry(environ, configuration) == registry


def test_the_strong_digest_is_taken_of_several() -> None:
    assert digest_of(f"sha1-AAAA {integrity()}?hint sha384-AAAA") == hashlib.sha512(CONTENT).digest()


@pytest.mark.parametrize("text", ["", "sha1-AAAA", "sha512-", "sha512-AAAA", "sha512-*", "sha512"])
def test_a_package_without_a_strong_digest_cannot_be_verified(text: str) -> None:
    with pytest.raises(NpmFailed, match="cannot be verified"):
        digest_of(text)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("", ""),
        ("npm error code ETARGET\nnpm error notarget None\nnpm error A complete log of this run: /x", "notarget None"),
        ("npm warn Unknown user config\nnpm ERR! code E404\nnpm ERR! 404 Not Found\n", "404 Not Found"),
        ("npm error syscall connect\nnpm error errno X\nnpm error FetchError: refused\n", "FetchError: refused"),
        ("env: node: not found\n", "env: node: not found"),
    ],
)
def test_the_reason_is_found_among_what_npm_says(told: str, why: str) -> None:
    assert reason(told) == why


# --- by npm ---------------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which npm is looked for."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def _npm(path: Path, pack: str, view: str) -> None:
    program = path / "npm"
    program.write_text(f'#!/bin/sh\necho "$@" >> {path}/called\ncase $1 in\npack) {pack} ;;\nview) {view} ;;\nesac\n')
    program.chmod(0o755)


def test_npm_packs_it_and_the_registrys_digest_is_compared(path: Path, into: Path) -> None:
    _npm(path, f"printf '{CONTENT.decode()}' > thing-22.1.2.tgz", f"echo '\"{integrity()}\"'")
    package = fetch("thing", 22, into)
    assert (package.file, package.version) == (into / "thing-22.1.2.tgz", "22.1.2")
    pack, view = (path / "called").read_text().splitlines()
    assert pack.endswith(" thing@22")
    assert view.endswith(" thing@22.1.2 dist.integrity")


@pytest.mark.parametrize(
    ("pack", "view", "why"),
    [
        ("echo 'npm error code E404' >&2; echo 'npm error 404 none such' >&2; exit 1", "", "npm: 404 none such"),
        ("exit 7", "", "npm: status 7"),
        ("true", "", "has not left one package of thing"),
        ("printf other > thing-22.1.2.tgz", f"echo '\"{integrity()}\"'", "its SHA-512 differs"),
        ("printf other > thing-22.1.2.tgz", "echo", "cannot be verified"),
        ("printf other > thing-22.1.2.tgz", "echo '[1]'", "cannot be verified"),
    ],
)
def test_what_npm_does_not_deliver_is_no_package(path: Path, into: Path, pack: str, view: str, why: str) -> None:
    _npm(path, pack, view)
    with pytest.raises(NpmFailed, match=why):
        fetch("thing", 22, into)


# --- without npm ----------------------------------------------------------------------------------------------


class Registry:
    """Answers by path; everything else is not found."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        answers = self.answers

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = answers.get(self.path, (404, b"{}"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/npm"

    def publish(self, version: str, content: bytes = CONTENT, told: str | None = None) -> None:
        _, body = self.answers.get("/npm/thing", (200, b'{"versions": {}}'))
        document = json.loads(body)
        document["versions"][version] = {"dist": {"integrity": integrity() if told is None else told}}
        self.answers["/npm/thing"] = (200, json.dumps(document).encode())
        self.answers[f"/npm/thing/-/thing-{version}.tgz"] = (200, content)


@pytest.fixture
def registry(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry that the user has named, on a host without npm."""
    registry = Registry()
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", registry.url + "/")
    monkeypatch.setenv("no_proxy", "*")
    thread = threading.Thread(target=registry.server.serve_forever)
    thread.start()
    yield registry
    registry.server.shutdown()
    thread.join()
    registry.server.server_close()


def test_without_npm_the_named_registry_is_asked(registry: Registry, into: Path) -> None:
    registry.publish("22.9.0")
    registry.publish("22.10.0")
    registry.publish("24.0.0")
    package = fetch("thing", 22, into)
    assert (package.version, package.file.read_bytes()) == ("22.10.0", CONTENT)


def test_what_is_not_as_promised_is_refused(registry: Registry, into: Path) -> None:
    registry.publish("22.9.0", b"something else")
    with pytest.raises(NpmFailed, match=r"thing-22\.9\.0\.tgz is not what the registry says"):
        fetch("thing", 22, into)


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, b"{", "does not answer as an npm registry does"),
        (200, b"[]", "does not answer as an npm registry does"),
        (200, b'{"versions": {"22.1.0": {}}}', "does not answer as an npm registry does"),
        (200, b'{"versions": {"20.1.0": {}}}', "has no release 22 of thing"),
        (200, b'{"versions": {"22.1.0": {"dist": {}}}}', r"thing-22\.1\.0\.tgz answers with status 404"),
        (401, b"", "answers with status 401; a registry that wants a login needs npm"),
        (500, b"", r"answers with status 500\."),
    ],
)
def test_a_registry_that_cannot_help_is_told_of(
    registry: Registry, into: Path, status: int, body: bytes, why: str
) -> None:
    registry.answers["/npm/thing"] = (status, body)
    with pytest.raises(NpmFailed, match=why):
        fetch("thing", 22, into)


def test_a_package_without_end_is_given_up(registry: Registry, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.publish("22.9.0", b"x" * 2000)
    monkeypatch.setattr(npm, "PACKAGE_BYTES", 1999)
    with pytest.raises(NpmFailed, match="is larger than"):
        fetch("thing", 22, into)


def test_a_registry_that_is_not_there_is_told_of(path: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Registry()
    gone.server.server_close()
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", gone.url)
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(NpmFailed, match="refused"):
        fetch("thing", 22, into)


def test_files_are_no_registry(path: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "file:///etc")
    with pytest.raises(NpmFailed, match="is no registry"):
        fetch("thing", 22, into)


def test_with_neither_npm_nor_a_registry_it_is_said_what_would_help(
    path: Path, into: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NPM_CONFIG_REGISTRY", "npm_config_registry", "npm_config_userconfig"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(tmp_path / "npmrc"))
    with pytest.raises(NpmFailed, match="npm is not on this host"):
        fetch("thing", 22, into)
    (tmp_path / "npmrc").write_text("registry=ftp://a.test\n")
    with pytest.raises(NpmFailed, match=r"ftp://a\.test is no registry"):
        fetch("thing", 22, into)
