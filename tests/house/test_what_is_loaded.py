"""What a server has loaded when it is ready, with nothing in its data directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

START = """
import asyncio, json, os, signal, sys
from pathlib import Path
from lambent.app import serve
from lambent.config import Settings

def ready(running):
    print(json.dumps(sorted(sys.modules)), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)

asyncio.run(serve(Settings(port=0, data=Path(sys.argv[1]), moto=False), ready=ready))
"""
NOT_AT_THE_START = (
    # Of services that nobody has called.
    "lambent.neighbours.iam.operations",
    "lambent.neighbours.logs.operations",
    "lambent.neighbours.sns.background",
    "lambent.neighbours.sns.operations",
    "lambent.neighbours.sns.signing",
    "lambent.neighbours.sqs",
    "lambent.neighbours.sts.operations",
    "lambent.wire.published",
    # What is for a command line, or for calls that leave the server.
    "boto3",
    "botocore",
    "email",
    "http.client",
    # Large, and of use only in some requests.
    "configparser",
    "decimal",
    "zipfile",
    "rich",
    "xml.dom",
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    data = tmp_path_factory.mktemp("data")
    told = subprocess.run(
        [sys.executable, "-c", START, str(data)], env=dict(os.environ), stdout=subprocess.PIPE, timeout=100, check=True
    )
    return frozenset(json.loads(told.stdout))


@pytest.mark.parametrize("module", NOT_AT_THE_START)
def test_a_server_that_is_ready_has_not_loaded(loaded: frozenset[str], module: str) -> None:
    assert "lambent.app" in loaded
    assert [name for name in loaded if f"{name}.".startswith(f"{module}.")] == []
