"""One package of the npm registry: by npm itself, which knows the user's registry, proxy and logins; where npm is
missing, straight from the registry that the user named."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from lambent.values import frozen

NPM_TIMEOUT_S = 900
SILENCE_S = 60
"""How long a registry that is asked without npm may say nothing."""
DOCUMENT_BYTES = 64 << 20
PACKAGE_BYTES = 512 << 20

_CHUNK = 1 << 20
_RELEASE = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_NOT_A_REASON = ("code ", "syscall ", "errno ", "A complete log of this run")


class NpmFailed(Exception):
    """A package could not be had; the text says why."""


@frozen
class Package:
    """A package's file, as the registry promised it."""

    file: Path
    version: str


def fetch(name: str, major: int, into: Path) -> Package:
    """Put the newest release `major`.x.x of package `name` into the existing folder `into`. It is compared with the
    digest that the registry tells of it. Raises NpmFailed, or OSError when the disk does not take it."""
    npm = shutil.which("npm")
    if npm is not None:
        package, integrity = _by_npm(npm, name, major, into)
    else:
        registry = named_registry(os.environ, _user_configuration(os.environ))
        if registry is None:
            raise NpmFailed(
                "npm is not on this host. Install it, or name the registry to ask without it: NPM_CONFIG_REGISTRY=https://…"
            )
        package, integrity = _by_hand(registry, name, major, into)
    _verify(package.file, integrity)
    return package


def named_registry(environ: Mapping[str, str], configuration: str) -> str | None:
    """The registry that the environment names, else the text of the user's .npmrc; without a slash at its end. Pure."""
    for key, value in environ.items():
        if key.lower() == "npm_config_registry" and value:
            return value.rstrip("/")
    named = None
    for line in configuration.splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "registry":
            named = re.sub(r"\$\{(\w+)\}", lambda found: environ.get(found[1], ""), value.strip().strip("\"'"))
    return named.rstrip("/") if named else None


def newest(versions: Iterable[str], major: int) -> str | None:
    """The highest of the releases that begin with `major`; what is not yet a release does not count. Pure."""
    releases = [found for version in versions if (found := _RELEASE.fullmatch(version)) and int(found[1]) == major]
    best = max(releases, key=lambda release: [int(part) for part in release.groups()], default=None)
    return None if best is None else best[0]


def digest_of(integrity: str) -> bytes:
    """The SHA-512 in a subresource-integrity text such as `sha512-…`. Raises NpmFailed when it has none. Pure."""
    for each in integrity.split():
        algorithm, _, value = each.partition("?")[0].partition("-")
        if algorithm == "sha512":
            try:
                digest = base64.b64decode(value, validate=True)
            except ValueError:
                continue
            if len(digest) == hashlib.sha512().digest_size:
                return digest
    raise NpmFailed("The registry tells no SHA-512 of the package, so it cannot be verified.")


def reason(told: str) -> str:
    """The line of npm's complaint that says what is wrong. Pure."""
    lines = [re.sub(r"^npm (error|ERR!)\s*", "", line).strip() for line in told.splitlines()]
    complaints = [line for line in lines if line and not line.startswith(("npm warn", "npm WARN", *_NOT_A_REASON))]
    return complaints[0] if complaints else ""


def _by_npm(npm: str, name: str, major: int, into: Path) -> tuple[Package, str]:
    _run([npm, "pack", "--loglevel=error", "--ignore-scripts", f"{name}@{major}"], into)
    found = [(file, match) for file in into.iterdir() if (match := re.fullmatch(rf"{name}-(.+)\.tgz", file.name))]
    if len(found) != 1:
        raise NpmFailed(f"npm has not left one package of {name}.")
    (file, match) = found[0]
    integrity = _run([npm, "view", "--loglevel=error", "--json", f"{name}@{match[1]}", "dist.integrity"], into)
    try:
        told = json.loads(integrity)
    except ValueError:
        told = None
    return Package(file, match[1]), told if isinstance(told, str) else ""


def _run(command: list[str], folder: Path) -> str:
    """What npm prints. It runs in a folder of ours, so that no project's settings play a part, only the user's."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=NPM_TIMEOUT_S, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise NpmFailed(f"npm: {error}") from None
    if done.returncode != 0:
        raise NpmFailed(f"npm: {reason(done.stderr) or f'status {done.returncode}'}")
    return done.stdout


def _user_configuration(environ: Mapping[str, str]) -> str:
    file = environ.get("NPM_CONFIG_USERCONFIG") or environ.get("npm_config_userconfig")
    try:
        return (Path(file) if file else Path.home() / ".npmrc").read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _by_hand(registry: str, name: str, major: int, into: Path) -> tuple[Package, str]:
    if urllib.parse.urlsplit(registry).scheme not in ("http", "https"):
        raise NpmFailed(f"{registry} is no registry: its address must begin with https:// or http://.")
    description = into / "package.json"
    _download(f"{registry}/{name}", description, DOCUMENT_BYTES)
    try:
        versions = json.loads(description.read_bytes())["versions"]
        version = newest(versions, major)
        integrity = "" if version is None else str(versions[version]["dist"].get("integrity", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NpmFailed(f"{registry} does not answer as an npm registry does.") from None
    if version is None:
        raise NpmFailed(f"{registry} has no release {major} of {name}.")
    file = into / f"{name}-{version}.tgz"
    # Where every registry has it. The address in the description may lead past the mirror that the user named.
    _download(f"{registry}/{name}/-/{file.name}", file, PACKAGE_BYTES)
    return Package(file, version), integrity


def _download(url: str, file: Path, limit: int) -> None:
    request = urllib.request.Request(url, headers={"Accept": "application/vnd.npm.install-v1+json, */*;q=0.8"})
    try:
        with urllib.request.urlopen(request, timeout=SILENCE_S) as answer, file.open("wb") as out:
            complete = _copied(answer, out, limit)
    except urllib.error.HTTPError as error:
        login = "; a registry that wants a login needs npm" if error.code in (401, 403) else ""
        raise NpmFailed(f"{url} answers with status {error.code}{login}.") from None
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ValueError) as error:
        raise NpmFailed(f"{url}: {getattr(error, 'reason', error)}") from None
    if not complete:
        raise NpmFailed(f"{url} is larger than {limit >> 20} MB.")


def _copied(answer: IO[bytes], out: IO[bytes], limit: int) -> bool:
    """Whether all of it fitted."""
    left = limit
    while data := answer.read(_CHUNK):
        left -= len(data)
        if left < 0:
            return False
        out.write(data)
    return True


def _verify(file: Path, integrity: str) -> None:
    wanted = digest_of(integrity)
    with file.open("rb") as content:
        found = hashlib.file_digest(content, "sha512").digest()
    if found != wanted:
        raise NpmFailed(f"{file.name} is not what the registry says that it is: its SHA-512 differs.")
