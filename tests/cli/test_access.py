"""Where the client commands find their server and their keys."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lambent.cli.access import Access, find, parsed, written
from lambent.cli.failure import Failure

TEXT = """[default]
aws_access_key_id = AKIAOURS
aws_secret_access_key = our%secret/+=
region = eu-central-1
endpoint_url = http://127.0.0.1:4567
"""
OURS = Access("http://127.0.0.1:4567", "eu-central-1", "AKIAOURS", "our%secret/+=")
KEYS = {"AWS_ACCESS_KEY_ID": "AKIATHEIRS", "AWS_SECRET_ACCESS_KEY": "theirs"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "credentials").write_text(TEXT)
    return tmp_path


def test_the_file_of_the_server_says_everything(data: Path) -> None:
    assert find({}, data, named=False) == OURS


def test_keys_without_an_endpoint_are_meant_for_somewhere_else(data: Path) -> None:
    assert find({**KEYS, "AWS_REGION": "eu-west-1"}, data, named=False) == OURS


def test_an_endpoint_with_keys_in_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    environ = {**KEYS, "AWS_ENDPOINT_URL": "http://localhost:1", "AWS_SESSION_TOKEN": "t"}
    assert find(environ, tmp_path, named=False) == Access(
        "http://localhost:1", "us-east-1", "AKIATHEIRS", "theirs", "t"
    )


def test_an_endpoint_for_lambda_alone_goes_before_the_general_one(tmp_path: Path) -> None:
    environ = {**KEYS, "AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_LAMBDA": "http://b"}
    assert find(environ, tmp_path, named=False).endpoint == "http://b"


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_of_the_environment_counts_with_its_endpoint(tmp_path: Path, variable: str) -> None:
    environ = {**KEYS, "AWS_ENDPOINT_URL": "http://a", variable: "ap-south-1"}
    assert find(environ, tmp_path, named=False).region == "ap-south-1"


def test_an_endpoint_without_keys_takes_the_keys_of_the_file(data: Path) -> None:
    found = find({"AWS_ENDPOINT_URL": "http://elsewhere"}, data, named=False)
    assert found == Access("http://elsewhere", "eu-central-1", "AKIAOURS", "our%secret/+=")


def test_a_directory_that_was_named_decides_alone(data: Path) -> None:
    assert find({**KEYS, "AWS_ENDPOINT_URL": "http://elsewhere"}, data, named=True) == OURS


@pytest.mark.parametrize("place", ["", "nothing/here"])
def test_a_server_that_was_never_started_is_named(tmp_path: Path, place: str) -> None:
    with pytest.raises(Failure, match="no server has been started with the data directory"):
        written(tmp_path / place)


def test_a_data_directory_that_is_a_file_has_no_server(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match="no server has been started"):
        written(tmp_path / "file")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    with pytest.raises(Failure, match=r"cannot read .*credentials: Is a directory"):
        written(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_somebody_elses_file_is_not_readable(data: Path) -> None:
    (data / "credentials").chmod(0)
    with pytest.raises(Failure, match="Permission denied"):
        written(data)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it lacks 'default'"),
        ("[other]\n", "it lacks 'default'"),
        ("[default]\nendpoint_url = http://x\n", "it lacks 'aws_access_key_id'"),
        ("\x00\x01", "not an AWS credentials file"),
        ("[default\n", "not an AWS credentials file"),
        ("[default]\na=1\n[default]\n", "not an AWS credentials file"),
    ],
)
def test_a_damaged_file_is_named(text: str, said: str) -> None:
    with pytest.raises(Failure, match=f"/d/credentials is damaged: {said}"):
        parsed(text, Path("/d/credentials"))


def test_bytes_that_are_no_text_are_damage(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_bytes(b"\xff\xfe")
    with pytest.raises(Failure, match="not a text file"):
        written(tmp_path)
