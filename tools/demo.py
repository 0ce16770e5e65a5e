"""What `make run` does: start the server, deploy the examples and call them, all through the public API, and stay up.

python tools/demo.py [--port 4566] [--data .lambent] [--once]
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import io
import json
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import ClientError, WaiterError

from lambent.cli import paint
from lambent.cli.access import Access, written
from lambent.cli.client import connect, talking_to
from lambent.cli.failure import Failure
from lambent.runtimes.sdk import Sdk

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
ROLE = "lambent-examples"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
LOGGING = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
WAIT = {"Delay": 0.1, "MaxAttempts": 600}


@dataclass(frozen=True)
class Example:
    """A folder of `examples/`, as its example.json describes it."""

    name: str
    code: bytes
    function: dict[str, Any]
    event: bytes
    needs: Sequence[str]

    @property
    def missing(self) -> list[str]:
        """Programs that it needs and that this host does not have."""
        return [program for program in self.needs if shutil.which(program) is None]


class CannotRun(Exception):
    """An example cannot be shown; the text says why."""


def main() -> int:
    """Run the demonstration; the exit status: 0 when every example that could be called answered well."""
    parser = argparse.ArgumentParser(description="Start Lambent, deploy the examples and call them.")
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--data", type=Path, default=ROOT / ".lambent")
    parser.add_argument("--once", action="store_true", help="stop after the examples have been called")
    options = parser.parse_args()
    data = options.data.absolute()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    with server(options.port, data) as process:
        if process.poll() is not None:
            return process.returncode
        access = written(data)
        with talking_to(access):
            well = show_all(access)
        if options.once:
            return 0 if well else 1
        say_where_to_go(data)
        return process.wait()
    return 0


@contextlib.contextmanager
def server(port: int, data: Path) -> Iterator[subprocess.Popen[str]]:
    """A running server, or one that has ended because it could not start (it has said why). Stopped at the end.

    It has a process group of its own, so that Ctrl-C reaches it through us alone, and once.
    """
    command = [sys.executable, "-m", "lambent", "serve", "--port", str(port), "--data", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0)
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        if not ready:
            process.wait()
        click.secho(ready.rstrip(), bold=True)
        yield process
    except KeyboardInterrupt:
        pass
    finally:
        stop(process)


def stop(process: subprocess.Popen[str]) -> None:
    """Let it finish its work; a second Ctrl-C ends it at once."""
    for _ in range(2):
        process.terminate()
        with contextlib.suppress(KeyboardInterrupt):
            process.wait()
            return
    process.wait()


def show_all(access: Access) -> bool:
    """Deploy and call every example, printing what comes; whether some could run, and all of those answered well."""
    role = ensure_role(connect(access, "iam"))
    client = connect(access, "lambda")
    answers: list[bool] = []
    for example in examples(EXAMPLES):
        click.secho(f"\n{example.name}", bold=True, nl=False)
        click.echo(f"  ({example.function['Runtime']})")
        try:
            deploy(client, example, role)
            answers.append(call(client, example))
        except CannotRun as reason:
            click.secho(f"  left out: {reason}", fg="yellow")
    return bool(answers) and all(answers)


def examples(folder: Path) -> list[Example]:
    """What `folder` holds, by name."""
    return [example(file.parent) for file in sorted(folder.glob("*/example.json"))]


def example(folder: Path) -> Example:
    """The example in one folder."""
    told = json.loads((folder / "example.json").read_text())
    return Example(
        name=folder.name,
        code=zipped(folder),
        function=told["function"],
        event=json.dumps(told.get("event", {})).encode(),
        needs=told.get("needs", []),
    )


def zipped(folder: Path) -> bytes:
    """The folder's files but example.json, with their permissions and no times: the same code is the same zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file.name != "example.json" and "__pycache__" not in file.parts:
                entry = zipfile.ZipInfo(str(file.relative_to(folder)))
                entry.external_attr = file.stat().st_mode << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read_bytes())
    return buffer.getvalue()


def ensure_role(client: Any) -> str:
    """The ARN of the role that the examples run as, made when it is not there yet."""
    try:
        role = client.get_role(RoleName=ROLE)["Role"]
    except client.exceptions.NoSuchEntityException:
        role = client.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    client.attach_role_policy(RoleName=ROLE, PolicyArn=LOGGING)
    return str(role["Arn"])


def deploy(client: Any, example: Example, role: str) -> None:
    """Create the function, or bring the one that exists up to date; return when it can be called. Raises CannotRun."""
    if example.missing:
        raise CannotRun(f"{', '.join(example.missing)} not found on this machine")
    name = example.name
    try:
        if exists(client, name):
            client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=WAIT)
            client.update_function_configuration(FunctionName=name, Role=role, **example.function)
            client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=WAIT)
            client.update_function_code(FunctionName=name, ZipFile=example.code)
        else:
            code = {"ZipFile": example.code}
            client.create_function(FunctionName=name, Role=role, Code=code, **example.function)
            client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=WAIT)
        client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=WAIT)
    except ClientError as error:
        raise CannotRun(error.response["Error"]["Message"]) from None
    except WaiterError as error:
        last = error.last_response if isinstance(error.last_response, dict) else {}
        configuration = last.get("Configuration", last)
        raise CannotRun(configuration.get("StateReason") or str(error)) from None


def exists(client: Any, name: str) -> bool:
    """Whether there is a function of that name."""
    try:
        client.get_function_configuration(FunctionName=name)
    except client.exceptions.ResourceNotFoundException:
        return False
    return True


def call(client: Any, example: Example) -> bool:
    """Call it once and print its log and its answer; whether it answered well."""
    try:
        answer = client.invoke(FunctionName=example.name, Payload=example.event, LogType="Tail")
    except ClientError as error:
        click.secho(f"  {error.response['Error']['Message']}", fg="red")
        return False
    result = answer["Payload"].read().decode()
    for line in base64.b64decode(answer["LogResult"]).decode("utf-8", "replace").splitlines():
        click.echo(f"  {paint.log_line(line)}")
    well = "FunctionError" not in answer
    click.secho(f"  → {result}", fg="green" if well else "red")
    return well


def say_where_to_go(data: Path) -> None:
    """The next lines to type."""
    lambent = _shown(Path(sys.executable).parent / "lambent")
    click.secho("\nThe server stays up until Ctrl-C. In another shell:", bold=True)
    click.echo(f'  eval "$({lambent} env --data {_shown(data)})"')
    click.echo('  aws lambda list-functions     # or with boto3: boto3.client("lambda").list_functions()')
    click.echo(f"  {lambent} logs hello-python --tail")
    click.echo(f"  {lambent} doctor             # what this machine lacks, and how to get it")
    if not Sdk().installed(["nodejs"]):
        click.echo(f"  {lambent} sdk add nodejs     # the AWS SDK for Node.js functions, from the next start on")


def _shown(path: Path) -> str:
    """Relative to where the user is, when that is shorter."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"demo: {failure.message}")
