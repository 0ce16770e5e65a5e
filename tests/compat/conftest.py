"""What the tests of versions and aliases share: a client, functions whose code says which version runs, and errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

SOURCE = """
import os

def handler(event, context):
    return {
        "code": %r,
        "version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
        "arn": context.invoked_function_arn,
        "stream": context.log_stream_name,
    }
"""


class Deployed:
    """A function whose code names itself, by the name that it was deployed under."""

    def __init__(self, server: Any, tools: Any, name: str) -> None:
        self.aws = server.client("lambda")
        unchecked = Config(parameter_validation=False, retries={"total_max_attempts": 1})
        self._unchecked = server.client("lambda", config=unchecked)
        self.name = name
        self.arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
        self._server = server
        self._tools = tools

    def package(self, code: str) -> bytes:
        return self._tools.zipped({"app.py": SOURCE % code})

    def create(self, code: str = "one", **members: Any) -> Any:
        answer = self.aws.create_function(
            FunctionName=self.name,
            **{"Runtime": "python3.11", "Handler": "app.handler", "Role": self._server.role(), **members},
            Code={"ZipFile": self.package(code)},
        )
        self.settled()
        return answer

    def deploy(self, code: str, **members: Any) -> Any:
        answer = self.aws.update_function_code(FunctionName=self.name, ZipFile=self.package(code), **members)
        self.settled()
        return answer

    def configure(self, **members: Any) -> Any:
        self.aws.update_function_configuration(FunctionName=self.name, **members)
        return self.settled()

    def publish(self, **members: Any) -> Any:
        return self.aws.publish_version(FunctionName=self.name, **members)

    def settled(self) -> Any:
        """The configuration when no creation or update is under way."""

        def configuration() -> Any:
            now = self.aws.get_function_configuration(FunctionName=self.name)
            return now if now["State"] != "Pending" and now.get("LastUpdateStatus") != "InProgress" else None

        return self._tools.wait_for(configuration)

    def call(self, qualifier: str | None = None, name: str | None = None, event: bytes = b"{}") -> tuple[str, Any]:
        """(X-Amz-Executed-Version, what the function returned)."""
        request = {"FunctionName": name or self.name, "Payload": event} | (
            {"Qualifier": qualifier} if qualifier else {}
        )
        answer = self.aws.invoke(**request)
        assert "FunctionError" not in answer
        return answer["ExecutedVersion"], json.load(answer["Payload"])

    def alias(self, name: str, version: str, **members: Any) -> Any:
        return self.aws.create_alias(FunctionName=self.name, Name=name, FunctionVersion=version, **members)

    def move(self, name: str, **members: Any) -> Any:
        return self.aws.update_alias(FunctionName=self.name, Name=name, **members)

    def refused(self, operation: str, **members: Any) -> tuple[int, str, str]:
        """(status, code, text) of the error that a call is answered with."""
        request = members if "ResourceArn" in members else {"FunctionName": self.name, **members}
        with pytest.raises(ClientError) as caught:
            getattr(self._unchecked, operation)(**request)
        answer = caught.value.response
        return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


@pytest.fixture
def deployed(shared_server: Any, tools: Any) -> Iterator[Deployed]:
    """A name for a function; what is made of it is deleted."""
    made = Deployed(shared_server, tools, f"f-{uuid4().hex[:12]}")
    yield made
    try:
        made.aws.delete_function(FunctionName=made.name)
    except made.aws.exceptions.ResourceNotFoundException:
        pass


@pytest.fixture(scope="module")
def two_versions(shared_server: Any, tools: Any) -> Iterator[Deployed]:
    """One function with versions 1 and 2, for tests that leave it as they found it."""
    made = Deployed(shared_server, tools, f"two-{uuid4().hex[:12]}")
    made.create(Publish=True)
    made.deploy("two", Publish=True)
    yield made
    made.aws.delete_function(FunctionName=made.name)
