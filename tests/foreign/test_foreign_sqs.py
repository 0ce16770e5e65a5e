"""`--neighbour sqs=URL`: clients, functions and pollers find somebody else's queues, here another Lambent's."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

HANDLER = """
import boto3, json, os

def handler(event, context):
    sqs = boto3.client("sqs")
    for record in event["Records"]:
        sqs.send_message(QueueUrl=os.environ["OUT"], MessageBody=json.dumps([record["body"], record["eventSourceARN"]]))
"""


def test_queues_of_somebody_else_are_used_and_polled(
    make_server: Callable[..., Any], shared_server: Any, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = shared_server.credentials()
    monkeypatch.setenv("LAMBENT_NEIGHBOUR_SQS_ACCESS_KEY_ID", theirs["aws_access_key_id"])
    monkeypatch.setenv("LAMBENT_NEIGHBOUR_SQS_SECRET_ACCESS_KEY", theirs["aws_secret_access_key"])
    server = make_server("--no-moto", "--neighbour", f"sqs={shared_server.endpoint}").start()
    name = f"q-{uuid4().hex[:8]}"
    sqs, there = server.client("sqs"), shared_server.client("sqs")
    came, went = sqs.create_queue(QueueName=name)["QueueUrl"], sqs.create_queue(QueueName=f"{name}-out")["QueueUrl"]
    assert there.get_queue_url(QueueName=name)["QueueUrl"].endswith(f"/{name}")
    arn = sqs.get_queue_attributes(QueueUrl=came, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    variables = {"Variables": {"OUT": went}}
    server.function(name, {"app.py": HANDLER}, Timeout=30, MemorySize=1769, Environment=variables)
    aws = server.client("lambda")
    aws.create_event_source_mapping(FunctionName=name, EventSourceArn=arn)
    there.send_message(QueueUrl=there.get_queue_url(QueueName=name)["QueueUrl"], MessageBody="hello")
    out = there.get_queue_url(QueueName=f"{name}-out")["QueueUrl"]

    def received() -> Any:
        return there.receive_message(QueueUrl=out, WaitTimeSeconds=5).get("Messages")

    (message,) = tools.wait_for(received, 60)
    assert json.loads(message["Body"]) == ["hello", arn]

    def is_empty() -> bool:
        wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = there.get_queue_attributes(QueueUrl=came.replace(server.endpoint, shared_server.endpoint),
                                            AttributeNames=wanted)["Attributes"]  # fmt: skip
        return all(count == "0" for count in counts.values())

    tools.wait_for(is_empty)


def test_a_mapping_cannot_be_made_while_sqs_does_not_answer(alone: Any) -> None:
    name = f"f-{uuid4().hex[:12]}"
    alone.function(name, {"app.py": "def handler(event, context): pass\n"})
    with pytest.raises(ClientError, match=r"The neighbour sqs at .* cannot be reached") as caught:
        alone.client("lambda").create_event_source_mapping(
            FunctionName=name, EventSourceArn=f"arn:aws:sqs:us-east-1:000000000000:{name}"
        )
    assert caught.value.response["Error"]["Code"] == "ServiceException"
