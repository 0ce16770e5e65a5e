"""A server with the embedded moto behind it, for the tests that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from lambent.foreign.moto import installed


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory, tools: Any) -> Iterator[Any]:
    if installed() is None:
        pytest.skip("moto is not installed: pip install 'lambent[moto]'")
    server = tools.Server(tmp_path_factory.mktemp("abroad") / "data").start()
    yield server
    server.stop()


@pytest.fixture
def bucket(moto_server: Any) -> str:
    """An empty bucket of the test's own."""
    name = f"bucket-{uuid4().hex[:12]}"
    moto_server.client("s3").create_bucket(Bucket=name)
    return name
