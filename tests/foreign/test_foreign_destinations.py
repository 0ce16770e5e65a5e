"""Results of asynchronous invocations go to a bus and a bucket that are not ours."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

SOURCE = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("as asked")
    return "done"
"""


def test_successes_go_to_a_bus_and_failures_to_a_bucket(moto_server: Any, bucket: str, tools: Any) -> None:
    name = f"f-{uuid4().hex[:12]}"
    moto_server.function(name, {"app.py": SOURCE})
    events, s3, aws = (moto_server.client(service) for service in ("events", "s3", "lambda"))
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    events.create_archive(ArchiveName=name, EventSourceArn=bus)
    aws.put_function_event_invoke_config(
        FunctionName=name,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnSuccess": {"Destination": bus}, "OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}},
    )
    aws.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    aws.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"fail": true}')
    tools.wait_for(lambda: events.describe_archive(ArchiveName=name)["EventCount"] == 1, 60)
    (found,) = tools.wait_for(lambda: s3.list_objects_v2(Bucket=bucket).get("Contents"), 60)
    record = json.load(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"])
    assert record["requestPayload"] == {"fail": True}
    assert record["responsePayload"]["errorType"] == "ValueError"


def refused(server: Any, name: str, arn: str) -> str:
    """Code and text of the answer to one who wants failures to go there."""
    with pytest.raises(ClientError) as caught:
        server.client("lambda").put_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnFailure": {"Destination": arn}}
        )
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_a_bus_or_a_bucket_that_is_not_there_is_refused(moto_server: Any, bucket: str) -> None:
    name = f"f-{uuid4().hex[:12]}"
    moto_server.function(name, {"app.py": SOURCE})
    for arn in ("arn:aws:events:us-east-1:000000000000:event-bus/absent", f"arn:aws:s3:::{bucket}-absent"):
        told = f"InvalidParameterValueException: The destination ARN {arn} is invalid."
        assert refused(moto_server, name, arn) == told


def test_a_destination_that_nobody_has_here_is_refused_with_what_to_do(alone: Any) -> None:
    name = f"f-{uuid4().hex[:12]}"
    alone.function(name, {"app.py": SOURCE})
    told = refused(alone, name, "arn:aws:s3:::bucket")
    assert told.startswith("InvalidParameterValueException: Lambent has no s3 of its own.")
