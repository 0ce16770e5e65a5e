"""Where the AWS SDKs come from that functions may import without bringing them: boto3, and the one for JavaScript.

The server's own boto3 serves every Python that it supports; for older Pythons, and for Node.js, `install` fetches one.
What it installs is also compiled for its Python, so that it loads faster. It is called by `lambent sdk add` and by
`make`, never when the server starts.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lambent.runtimes.base import Interpreter
from lambent.values import frozen

_CLIENTS = """
    client-apigatewaymanagementapi client-bedrock-runtime client-cloudwatch client-cloudwatch-logs
    client-cognito-identity client-cognito-identity-provider client-cognito-sync client-dynamodb
    client-dynamodb-streams client-ec2 client-ecs client-elastic-load-balancing-v2 client-eventbridge
    client-firehose client-iam client-iot client-iot-data-plane client-kinesis client-kms client-lambda
    client-rds-data client-s3 client-scheduler client-secrets-manager client-ses client-sesv2 client-sfn client-sns
    client-sqs client-ssm client-sts credential-providers lib-dynamodb lib-storage s3-request-presigner
    util-dynamodb
"""
CLIENTS = tuple(_CLIENTS.split())
"""The packages of the AWS SDK for JavaScript v3 that `install` fetches, all of @aws-sdk."""


class SdkFailed(Exception):
    """An SDK could not be installed; the text says why."""


@frozen
class Installed:
    """An SDK that functions can import."""

    target: str
    """`nodejs`, or a Python such as `python3.8`."""
    name: str
    version: str
    folder: Path


def default_root() -> Path:
    """$XDG_DATA_HOME/lambent/sdk, else ~/.local/share/lambent/sdk."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "lambent" / "sdk"


class Sdk:
    """The SDKs of this machine: those under `root`, and the server's own boto3."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root if root is not None else default_root()

    def place(self, interpreter: Interpreter) -> Path | None:
        """The folder whose modules functions on `interpreter` may import; None when there is none."""
        if interpreter.family == "nodejs":
            return _existing(self.root / "nodejs" / "node_modules")
        if interpreter.family != "python":
            return None
        return self._boto3(interpreter.numbers[1])

    def installed(self, targets: Sequence[str]) -> list[Installed]:
        """Which of `targets` have an SDK."""
        found: list[Installed] = []
        for target in targets:
            folder = self._folder(target)
            if folder is not None:
                name = "@aws-sdk/client-s3" if target == "nodejs" else "boto3"
                found.append(Installed(target, name, _version(target, folder), folder))
        return found

    def install(self, target: str, executable: Path | None = None) -> Installed:
        """Fetch the newest SDK that `target` can run. `executable` is a Python of that version, to compile it with.
        Takes a minute or two; whatever was there before stays until the new one is whole. Raises SdkFailed."""
        if target != "nodejs" and re.fullmatch(r"python3\.\d+", target) is None:
            raise SdkFailed(f"There is no SDK for {target}: it is nodejs or a Python such as python3.8.")
        self.root.mkdir(parents=True, exist_ok=True)
        new = self.root / f".{target}.new-{os.getpid()}"
        shutil.rmtree(new, ignore_errors=True)
        try:
            new.mkdir(mode=0o755)
            if target == "nodejs":
                _fetch_javascript(new)
            else:
                _fetch_boto3(new, target, executable)
            _put(new, self.root / target)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        return self.installed([target])[0]

    def _folder(self, target: str) -> Path | None:
        if target == "nodejs":
            return _existing(self.root / "nodejs" / "node_modules")
        return self._boto3(int(target.removeprefix("python3.")))

    def _boto3(self, minor: int) -> Path | None:
        """The installed one for Python 3.`minor`, unless it is not that of the server any more."""
        installed = _existing(self.root / f"python3.{minor}")
        if not own_supports(minor):
            return installed
        own = own_folder()
        return installed if installed is not None and own is not None and _same(installed, own) else own


def _existing(folder: Path) -> Path | None:
    return folder if folder.is_dir() else None


def own_folder() -> Path | None:
    """The folder that this process imports boto3 from."""
    spec = importlib.util.find_spec("boto3")
    return Path(spec.origin).parent.parent if spec is not None and spec.origin is not None else None


def own_supports(minor: int) -> bool:
    """Whether the server's boto3 runs on Python 3.`minor`, by what its metadata says."""
    folder = own_folder()
    for found in folder.glob("boto3-*.dist-info/METADATA") if folder is not None else ():
        # Only the fields at its beginning are wanted; a whole description follows.
        with found.open(encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("Requires-Python:"):
                    oldest = re.search(r">=\s*3\.(\d+)", line)
                    return oldest is None or minor >= int(oldest.group(1))
    return False


def sdk_entries(folder: Path) -> list[Path]:
    """boto3 and what it needs, in a folder where more may be installed."""
    return sorted(entry for entry in folder.iterdir() if _is_sdk(entry.name))


def _is_sdk(name: str) -> bool:
    if name.endswith(".dist-info"):
        return name.partition("-")[0] in _DISTRIBUTIONS
    return name.removesuffix(".py") in _MODULES


_MODULES = frozenset(("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six"))
_DISTRIBUTIONS = _MODULES - {"dateutil"} | {"python_dateutil"}


def _same(one: Path, other: Path) -> bool:
    return _version("python", one) == _version("python", other)


def _version(target: str, folder: Path) -> str:
    if target == "nodejs":
        described = json.loads((folder / "@aws-sdk" / "client-s3" / "package.json").read_text())
        return str(described["version"])
    for found in folder.glob("boto3-*.dist-info"):
        return found.name.removeprefix("boto3-").removesuffix(".dist-info")
    return "unknown"


def _fetch_boto3(into: Path, target: str, executable: Path | None) -> None:
    version = target.removeprefix("python")
    own = own_folder()
    if own is not None and own_supports(int(version.removeprefix("3."))):
        for entry in sdk_entries(own):
            _copy(entry, into / entry.name)
    else:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(into)]
        # Wheels alone: a source package would be built for the wrong Python.
        wanted = ["--only-binary=:all:", "--python-version", version, "--implementation", "cp", "--no-compile", "boto3"]
        _run([*pip, *wanted])
    if executable is not None:
        # Sources never change under a read-only mount, so they need not be looked at when the compiled file is read.
        compiler = [str(executable), "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
        _run([*compiler, str(into)])


def _copy(entry: Path, to: Path) -> None:
    if entry.is_dir():
        shutil.copytree(entry, to, copy_function=_link, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        _link(str(entry), str(to))


def _link(source: str, to: str) -> None:
    """A second name where that is possible: the files are large and never written to."""
    try:
        os.link(source, to)
    except OSError:
        shutil.copyfile(source, to)


def _fetch_javascript(into: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SdkFailed("npm, which fetches the AWS SDK for JavaScript, is not on this host.")
    options = ["--prefix", str(into), "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--silent"]
    _run([npm, "install", *options, *(f"@aws-sdk/{name}" for name in CLIENTS)])


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, umask=0o022)
    except (OSError, subprocess.SubprocessError) as error:
        raise SdkFailed(f"{Path(command[0]).name}: {error}") from None
    if done.returncode != 0:
        told = (done.stderr or done.stdout).strip().splitlines()
        raise SdkFailed(f"{Path(command[0]).name}: {told[-1] if told else f'status {done.returncode}'}")


def _put(new: Path, place: Path) -> None:
    """Let `new` take the place of what is there."""
    old = place.with_name(f".{place.name}.old-{os.getpid()}")
    if place.exists():
        os.rename(place, old)
    os.rename(new, place)
    shutil.rmtree(old, ignore_errors=True)
