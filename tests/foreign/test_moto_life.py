"""The embedded moto as a process: begun when it is needed, begun again when it died, ended with us, fenced in."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lambent.foreign.moto import is_installed

pytestmark = pytest.mark.skipif(not is_installed(), reason="moto is not installed: pip install 'lambent[moto]'")


def motos(server: Any) -> list[int]:
    """The processes of moto that this server's process started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if b"lambent.foreign.moto_child" in command and parent == str(server.process.pid):
            found.append(int(folder.name))
    return found


def is_gone(pid: int) -> bool:
    try:
        return (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]) == "Z"
    except OSError:
        return True


def test_when_it_died_the_next_request_starts_it_anew(moto_server: Any, tools: Any) -> None:
    s3 = moto_server.client("s3")
    s3.create_bucket(Bucket="kept-in-memory")
    ended = moto_server.log.read_text().count("moto_ended")
    (pid,) = motos(moto_server)
    os.kill(pid, signal.SIGKILL)
    tools.wait_for(lambda: moto_server.log.read_text().count("moto_ended") > ended)
    assert s3.list_buckets()["Buckets"] == []
    assert motos(moto_server) != [pid]


def test_a_request_that_it_dies_under_is_answered_with_an_error_that_clients_try_again(
    moto_server: Any, tools: Any
) -> None:
    moto_server.client("s3").create_bucket(Bucket="moto-lives")
    (pid,) = motos(moto_server)
    os.kill(pid, signal.SIGSTOP)
    config = Config(retries={"total_max_attempts": 1}, read_timeout=60)
    answers: list[Any] = []

    def ask() -> None:
        try:
            moto_server.client("dynamodb", config=config).list_tables()
        except ClientError as error:
            answers.append(error.response["ResponseMetadata"]["HTTPStatusCode"])

    from threading import Thread

    asking = Thread(target=ask)
    asking.start()
    tools.wait_for(lambda: established(moto_server) > 0)
    os.kill(pid, signal.SIGKILL)
    asking.join(60)
    assert answers == [503]


def established(server: Any) -> int:
    """Connections of the server to moto's socket that are accepted, or wait for it."""
    lines = Path(f"/proc/{server.process.pid}/net/unix").read_text().splitlines()
    return sum(1 for line in lines if line.endswith("/socket") and line.split()[5] in ("02", "03"))


def test_it_is_started_by_the_first_request_for_what_we_lack_and_ends_with_us(
    make_server: Callable[..., Any], tools: Any
) -> None:
    server = make_server().start()
    server.client("sts").get_caller_identity()
    assert motos(server) == []
    server.client("ssm").describe_parameters()
    (pid,) = motos(server)
    log = server.log.read_text()
    assert "moto_started" in log
    assert "in memory only" in log
    server.kill()
    tools.wait_for(lambda: is_gone(pid))
    server.start()
    assert server.client("ssm").describe_parameters()["Parameters"] == []
    (pid,) = motos(server)
    server.stop()
    tools.wait_for(lambda: is_gone(pid))
    assert not (server.data / "moto").exists()


def test_nobody_else_gets_in(moto_server: Any) -> None:
    moto_server.client("s3").create_bucket(Bucket="moto-lives")
    folder = moto_server.data / "moto"
    assert folder.stat().st_mode & 0o777 == 0o700
    with socket.socket(socket.AF_UNIX) as stranger:
        descriptor = os.open(folder, os.O_RDONLY)
        stranger.connect(f"/proc/self/fd/{descriptor}/socket")
        os.close(descriptor)
        stranger.sendall(b"GET /moto-lives HTTP/1.1\r\nHost: x\r\nX-Lambent-Token: guess\r\n\r\n")
        assert stranger.recv(100).startswith(b"HTTP/1.1 403")


def test_it_has_neither_network_nor_docker_nor_rights_nor_our_files(moto_server: Any) -> None:
    moto_server.client("ssm").describe_parameters()
    (pid,) = motos(moto_server)
    if "moto_is_less_fenced_in" in moto_server.log.read_text():
        pytest.skip("no namespace can be made here")
    assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
    status = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    assert (status["CapEff"], status["CapBnd"], status["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")
    assert status["Seccomp"] == "2"
    if os.geteuid() == 0:
        assert set(status["Uid"].split()) == {"65534"}
    root = Path(f"/proc/{pid}/root")
    assert (root / str(moto_server.data)[1:] / "moto" / "tmp").is_dir()
    assert not (root / str(moto_server.data)[1:] / "master.key").exists()
    assert not (root / "etc" / "passwd").exists()
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"DOCKER_HOST=unix:///nonexistent" in environment
    assert b"AWS_" not in environment
    assert b"LAMBENT" not in environment


TEMPLATE = """
Parameters: {Name: {Type: String}}
Resources:
  Topic:
    Type: AWS::SSM::Parameter
    Properties: {Name: !Ref Name, Type: String, Value: !Sub "of ${Name}"}
"""


def test_templates_are_read_and_make_no_objects_of_python(moto_server: Any) -> None:
    """moto reads them with the loader that would."""
    cloudformation = moto_server.client("cloudformation")
    name = f"n-{uuid4().hex[:8]}"
    parameters = [{"ParameterKey": "Name", "ParameterValue": name}]
    cloudformation.create_stack(StackName=name, TemplateBody=TEMPLATE, Parameters=parameters)
    assert moto_server.client("ssm").get_parameter(Name=name)["Parameter"]["Value"] == f"of {name}"
    (pid,) = motos(moto_server)
    hostile = TEMPLATE.replace("String, Value: !Sub", "String, Value: !!python/object/apply:os._exit [3] #")
    assert hostile != TEMPLATE
    hostile = hostile.replace("[3] #", "[3]}\n#")
    try:
        cloudformation.create_stack(StackName=f"{name}-2", TemplateBody=hostile, Parameters=parameters)
    except ClientError:
        pass  # that it ends in an error is moto's matter
    assert motos(moto_server) == [pid]
