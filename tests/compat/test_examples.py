"""The examples that AWS publishes of Lambda's operations, one after the other on what they speak of."""

from __future__ import annotations

import copy
import json
from functools import partial
from pathlib import Path
from typing import Any

import botocore

PUBLISHED: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(botocore.__file__).parent / "data/lambda/2015-03-31/examples-1.json").read_text()
)["examples"]
ACCOUNT, REGION = "123456789012", "us-west-2"
ORDER = (
    "GetAccountSettings", "ListFunctions", "GetFunction", "GetFunctionConfiguration", "UpdateFunctionConfiguration",
    "Invoke", "ListTags", "TagResource", "UntagResource", "CreateAlias", "GetAlias", "UpdateAlias", "ListAliases",
    "ListVersionsByFunction", "AddPermission", "GetPolicy", "RemovePermission",
    "PutFunctionConcurrency", "GetFunctionConcurrency", "DeleteFunctionConcurrency",
    "PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig", "GetFunctionEventInvokeConfig",
    "ListFunctionEventInvokeConfigs", "DeleteFunctionEventInvokeConfig", "CreateEventSourceMapping",
    "ListEventSourceMappings", "GetEventSourceMapping", "UpdateEventSourceMapping", "DeleteEventSourceMapping",
    "AddLayerVersionPermission", "RemoveLayerVersionPermission", "GetLayerVersion", "ListLayers", "ListLayerVersions",
    "DeleteLayerVersion", "DeleteAlias", "DeleteFunction",
)  # fmt: skip
"""An order in which they can follow one another."""
ASYNCHRONOUS = "to-invoke-a-lambda-function-async"
"""Of one that does not exist yet."""
NOT_OURS = {
    "KMSKeyArn": "no key is set",
    "LastProcessingResult": "is of streams",
    "BisectBatchOnFunctionError": "is of streams",
    "DestinationConfig": "of a mapping: is of streams",
    "MaximumRetryAttempts": "of a mapping: is of streams",
    "MaximumRecordAgeInSeconds": "is of streams",
    "NextMarker": "all fits into one page",
}
"""Members that the examples' answers have, and why ours need not."""


def test_the_published_examples_are_answered_with_the_documented_members(make_server: Any, tools: Any) -> None:
    server = make_server("--dev").start()
    aws = server.client("lambda", aws_access_key_id=ACCOUNT, region_name=REGION)
    prepare(aws, tools)
    for name, region in (("my-queue", REGION), ("destination", "us-east-2")):
        server.client("sqs", aws_access_key_id=ACCOUNT, region_name=region).create_queue(QueueName=name)
    uuid = ""
    for operation, example in examples():
        request = fitted(operation, example["input"], uuid)
        answer = getattr(aws, method(aws, operation))(**request)
        uuid = answer.get("UUID", uuid)
        if operation in ("CreateEventSourceMapping", "UpdateEventSourceMapping"):
            tools.wait_for(partial(is_enabled, aws, uuid))
        documented = set(example.get("output") or {})
        if operation.endswith("EventInvokeConfig"):
            assert documented <= set(answer), operation
        assert documented - set(NOT_OURS) <= set(answer), operation
        if operation == "UpdateFunctionConfiguration":
            aws.get_waiter("function_updated_v2").wait(FunctionName="my-function")


def is_enabled(aws: Any, uuid: str) -> bool:
    """Whether the mapping's last change has been followed."""
    return bool(aws.get_event_source_mapping(UUID=uuid)["State"] == "Enabled")


def examples() -> list[tuple[str, dict[str, Any]]]:
    """(operation, example) in their order."""
    every = [(operation, example) for operation in ORDER for example in PUBLISHED[operation]]
    return [(operation, example) for operation, example in every if not example["id"].startswith(ASYNCHRONOUS)]


def prepare(aws: Any, tools: Any) -> None:
    """Make the functions, versions and aliases that the examples name."""
    code = tools.zipped({"app.py": "def handler(event, context):\n    return 1\n"})
    for name in ("my-function", "myFunction"):
        aws.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Handler="app.handler",
            Role=f"arn:aws:iam::{ACCOUNT}:role/runner",
            Code={"ZipFile": code},
            Environment={"Variables": {"PREFIX": "inbound"}},
            Tags={"Department": "Sales"},
        )
        aws.get_waiter("function_active_v2").wait(FunctionName=name)
    for _ in range(2):
        aws.publish_layer_version(
            LayerName="my-layer", Content={"ZipFile": code}, CompatibleRuntimes=["python3.11"], LicenseInfo="MIT"
        )
    for description in ("first", "second"):
        aws.update_function_configuration(FunctionName="my-function", Description=description)
        aws.get_waiter("function_updated_v2").wait(FunctionName="my-function")
        aws.publish_version(FunctionName="my-function")
    for alias in ("BLUE", "GREEN"):
        aws.create_alias(FunctionName="my-function", Name=alias, FunctionVersion="2")
        aws.put_function_event_invoke_config(
            FunctionName="my-function", Qualifier=alias, MaximumRetryAttempts=0, MaximumEventAgeInSeconds=3600
        )


def fitted(operation: str, request: dict[str, Any], uuid: str) -> dict[str, Any]:
    """The example's request, on our mapping and with what earlier examples left."""
    request = copy.deepcopy(request)
    if "UUID" in request:
        request["UUID"] = uuid
    if operation == "UpdateEventSourceMapping":
        request["MaximumBatchingWindowInSeconds"] = 1  # it asks for 123 messages of a queue
    if operation in ("DeleteFunction", "GetPolicy", "RemovePermission"):
        request.pop("Qualifier")  # aliases point to version 1 by now, and the example's permission is the function's
    return request


def method(aws: Any, operation: str) -> str:
    """boto3's name of an operation."""
    return next(name for name, wire in aws.meta.method_to_api_mapping.items() if wire == operation)
