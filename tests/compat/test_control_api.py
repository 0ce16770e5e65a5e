"""Settings of functions and the resources beside them, as boto3 sees them on a running server: recorded answers and
errors of AWS, each a case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import botocore
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

REGION, ACCOUNT = "us-east-1", "000000000000"
LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:t"
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/t/stream/2024-01-01T00:00:00.000"
PROFILE = f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/p/abcdefghij"
NO_CONFIG = f"{LAMBDA}:code-signing-config:csc-00000000000000000"
NO_UUID = "00000000-0000-4000-8000-000000000000"
NO_MAPPING = f"{LAMBDA}:event-source-mapping:{NO_UUID}"
PUBLISHERS = {"SigningProfileVersionArns": [PROFILE]}
NETWORK = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
GONE = "The resource you requested does not exist."

INVALID = (400, "InvalidParameterValueException")
MISSING = (404, "ResourceNotFoundException")
CONFLICT = (409, "ResourceConflictException")
MALFORMED = (400, "ValidationException")


@pytest.fixture(scope="module")
def aws(shared_server: Any) -> Any:
    return shared_server.client("lambda")


@pytest.fixture(scope="module")
def members(shared_server: Any, tools: Any) -> dict[str, Any]:
    code = tools.zipped({"app.py": "def handler(event, context):\n    return 1\n"})
    return {
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": shared_server.role(),
        "Code": {"ZipFile": code},
    }


@pytest.fixture(scope="module")
def f(aws: Any, members: dict[str, Any]) -> Iterator[str]:
    """A function that all tests here share; each leaves it as it found it."""
    name = f"shared-{uuid4().hex[:8]}"
    aws.create_function(FunctionName=name, **members)
    aws.get_waiter("function_active_v2").wait(FunctionName=name)
    yield name
    aws.delete_function(FunctionName=name)


def named(value: Any, name: str) -> Any:
    """`value` with {F} replaced by the shared function's name wherever it is."""
    if isinstance(value, str):
        return value.replace("{F}", name)
    if isinstance(value, dict):
        return {key: named(each, name) for key, each in value.items()}
    if isinstance(value, list):
        return [named(each, name) for each in value]
    return value


def refused(aws: Any, operation: str, request: dict[str, Any]) -> tuple[int, str, str]:
    """(status, code, text) of the error that a call is answered with."""
    with pytest.raises(ClientError) as caught:
        getattr(aws, operation)(**request)
    answer = caught.value.response
    error = answer["Error"]
    return answer["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"] or ""


def on_failure(arn: str) -> dict[str, Any]:
    return {"DestinationConfig": {"OnFailure": {"Destination": arn}}}


def mapping(**more: Any) -> dict[str, Any]:
    return {"FunctionName": "{F}", "EventSourceArn": QUEUE, **more}


def filtered(*patterns: str) -> dict[str, Any]:
    return mapping(FilterCriteria={"Filters": [{"Pattern": pattern} for pattern in patterns]})


PUT_INVOKE, UPDATE_INVOKE = "put_function_event_invoke_config", "update_function_event_invoke_config"
GET_INVOKE, DELETE_INVOKE = "get_function_event_invoke_config", "delete_function_event_invoke_config"
LIST_INVOKE = "list_function_event_invoke_configs"
CREATE_URL, UPDATE_URL, GET_URL = "create_function_url_config", "update_function_url_config", "get_function_url_config"
DELETE_URL, LIST_URL = "delete_function_url_config", "list_function_url_configs"
CREATE_MAPPING, UPDATE_MAPPING = "create_event_source_mapping", "update_event_source_mapping"
PUT_SIGNING, GET_SIGNING = "put_function_code_signing_config", "get_function_code_signing_config"
DELETE_SIGNING = "delete_function_code_signing_config"
PUT_RUNTIME, GET_RUNTIME = "put_runtime_management_config", "get_runtime_management_config"
PUT_LOOP, GET_LOOP = "put_function_recursion_config", "get_function_recursion_config"
PUT_SCALE, GET_SCALE = "put_function_scaling_config", "get_function_scaling_config"
MISMATCH = "The derived qualifier from the function name does not match the specified qualifier."
NOTHING = "You must specify at least one of error handling or destination setting."
NO_INVOKE = "The function " + LAMBDA + ":function:{F}:$LATEST doesn't have an EventInvokeConfig"
NO_F = {"FunctionName": "nobody"}
F = {"FunctionName": "{F}"}

ERRORS: list[tuple[str, dict[str, Any], tuple[int, str], str]] = [
    # asynchronous invocations
    (PUT_INVOKE, F, INVALID, NOTHING),
    (UPDATE_INVOKE, F, INVALID, NOTHING),
    (PUT_INVOKE, {**NO_F, "MaximumRetryAttempts": 1}, MISSING, "The function doesn't exist."),
    (PUT_INVOKE, {**F, "Qualifier": "nobody", "MaximumRetryAttempts": 1}, MISSING, "The function doesn't exist."),
    (PUT_INVOKE, {**F, "Qualifier": "7", "MaximumRetryAttempts": 1}, MISSING, "The function doesn't exist."),
    (LIST_INVOKE, NO_F, MISSING, "The function doesn't exist."),
    (UPDATE_INVOKE, {**F, "MaximumRetryAttempts": 1}, MISSING, NO_INVOKE),
    (GET_INVOKE, F, MISSING, NO_INVOKE),
    (DELETE_INVOKE, F, MISSING, NO_INVOKE),
    (GET_INVOKE, NO_F, MISSING, NO_INVOKE.replace("{F}", "nobody")),
    (PUT_INVOKE, {"FunctionName": "{F}:A", "Qualifier": "B", "MaximumRetryAttempts": 1}, INVALID, MISMATCH),
    (PUT_INVOKE, {**F, **on_failure(LAMBDA + ":function:{F}")}, INVALID,
     "You can't specify the function as a destination for itself."),
    (PUT_INVOKE, {**F, **on_failure(LAMBDA + ":function:nobody")}, INVALID,
     f"The destination ARN {LAMBDA}:function:nobody is invalid."),
    (PUT_INVOKE, {**F, **on_failure(QUEUE + ".fifo")}, INVALID, f"The destination ARN {QUEUE}.fifo is invalid."),
    (PUT_INVOKE, {**F, **on_failure(QUEUE + "-absent")}, INVALID, f"The destination ARN {QUEUE}-absent is invalid."),
    (PUT_INVOKE, {**F, **on_failure(TOPIC + "-absent")}, INVALID, f"The destination ARN {TOPIC}-absent is invalid."),
    (PUT_INVOKE, {**F, **on_failure(STREAM)}, INVALID,
     "The provided destination config DestinationConfig(onSuccess=null, "
     f"onFailure=OnFailure(destination={STREAM})) is invalid."),
    (PUT_INVOKE, {**F, "DestinationConfig": {"OnSuccess": {"Destination": STREAM}}}, INVALID,
     f"The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={STREAM}), "
     "onFailure=null) is invalid."),
    (PUT_INVOKE, {**F, "DestinationConfig": {"OnSuccess": {"Destination": "arn:aws:s3:::bucket"}}}, INVALID,
     "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=arn:aws:s3:::bucket), "
     "onFailure=null) is invalid."),
    (PUT_INVOKE, {**F, **on_failure("no-arn")}, MALFORMED,
     "1 validation error detected: Value 'no-arn' at 'destinationConfig.onFailure.destination' failed to satisfy "
     "constraint: Member must satisfy regular expression pattern: "),
    # URLs
    (CREATE_URL, {**NO_F, "AuthType": "NONE"}, MISSING, "Function does not exist"),
    (CREATE_URL, {**F, "Qualifier": "nobody", "AuthType": "NONE"}, MISSING, "Function does not exist"),
    (UPDATE_URL, {**NO_F, "AuthType": "NONE"}, MISSING, "Function does not exist"),
    (LIST_URL, NO_F, MISSING, "Function does not exist"),
    (UPDATE_URL, {**F, "AuthType": "NONE"}, MISSING, GONE),
    (GET_URL, F, MISSING, GONE),
    (GET_URL, NO_F, MISSING, GONE),
    (DELETE_URL, F, MISSING, GONE),
    (DELETE_URL, NO_F, MISSING, GONE),
    (CREATE_URL, {**F, "Qualifier": "$LATEST", "AuthType": "NONE"}, MALFORMED,
     "1 validation error detected: Value '$LATEST' at 'qualifier' failed to satisfy constraint: Member must satisfy "
     "regular expression pattern: ((?!^\\d+$)^[0-9a-zA-Z-_]+$)"),
    (CREATE_URL, {**F, "Qualifier": "1", "AuthType": "NONE"}, MALFORMED,
     "1 validation error detected: Value '1' at 'qualifier' failed to satisfy constraint: Member must satisfy "
     "regular expression pattern: ((?!^\\d+$)^[0-9a-zA-Z-_]+$)"),
    (CREATE_URL, {**F, "AuthType": "NONE", "Cors": {"AllowMethods": ["BREW"]}}, INVALID, "The CORS method BREW"),
    # event source mappings
    ("get_event_source_mapping", {"UUID": NO_UUID}, MISSING, GONE),
    (UPDATE_MAPPING, {"UUID": NO_UUID, "BatchSize": 5}, MISSING, GONE),
    ("delete_event_source_mapping", {"UUID": NO_UUID}, MISSING, GONE),
    (CREATE_MAPPING, F, INVALID, "Unrecognized event source."),
    (CREATE_MAPPING, mapping(EventSourceArn=BUS), INVALID, "Unrecognized event source."),
    (CREATE_MAPPING, mapping(FunctionName="nobody"), INVALID, "Function does not exist"),
    (CREATE_MAPPING, mapping(FunctionName="{F}:nobody"), INVALID, "Function does not exist"),
    (CREATE_MAPPING, mapping(BatchSize=11), INVALID,
     "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"),
    (CREATE_MAPPING, mapping(EventSourceArn=QUEUE + ".fifo", BatchSize=11), INVALID, "Batch size 11 is larger than 10"),
    (CREATE_MAPPING, mapping(EventSourceArn=QUEUE + ".fifo", MaximumBatchingWindowInSeconds=1), INVALID,
     "Batching window is not supported for FIFO queues."),
    (CREATE_MAPPING, mapping(**on_failure(TOPIC)), INVALID,
     "Unsupported DestinationConfig parameter for given event source mapping type."),
    (CREATE_MAPPING, mapping(ParallelizationFactor=2), INVALID,
     "Unsupported ParallelizationFactor parameter for given event source mapping type."),
    (CREATE_MAPPING, mapping(EventSourceArn=STREAM), INVALID,
     "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
     "Member must not be null."),
    (CREATE_MAPPING, mapping(EventSourceArn=TABLE, StartingPosition="AT_TIMESTAMP"), INVALID,
     f"Unsupported starting position for arn type: {TABLE}"),
    (CREATE_MAPPING, mapping(EventSourceArn=STREAM, StartingPosition="LATEST", StartingPositionTimestamp=1741010802.0),
     INVALID, "Timestamp only valid with StartingPosition AT_TIMESTAMP"),
    (CREATE_MAPPING, mapping(StartingPosition="LATEST"), INVALID,
     "StartingPosition is not valid for SQS event sources."),
    (CREATE_MAPPING, mapping(StartingPosition="0"), MALFORMED,
     "1 validation error detected: Value '0' at 'startingPosition' failed to satisfy constraint: Member must satisfy "
     "enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]"),
    (CREATE_MAPPING, {**F, "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["h:1"]}}}, INVALID,
     "Required 'sourceAccessConfigurations' parameter is missing."),
    (CREATE_MAPPING, filtered("no json"), INVALID, "Invalid filter pattern definition."),
    (CREATE_MAPPING, filtered('{"body": "x"}'), INVALID, "Invalid filter pattern definition."),
    (CREATE_MAPPING, filtered(*['{"body": ["x"]}'] * 6), INVALID, "can have at most 5 filters."),
    (CREATE_MAPPING, mapping(EventSourceArn=STREAM, StartingPosition="LATEST"), INVALID, "Kinesis streams"),
    (CREATE_MAPPING, mapping(EventSourceArn=TABLE, StartingPosition="LATEST"), INVALID, "DynamoDB streams"),
    (CREATE_MAPPING, mapping(EventSourceArn=f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/c/1"), INVALID, "Kafka"),
    (CREATE_MAPPING, mapping(EventSourceArn=f"arn:aws:mq:{REGION}:{ACCOUNT}:broker:b:1"), INVALID, "Amazon MQ"),
    (CREATE_MAPPING, mapping(KMSKeyArn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k"), INVALID, "KMSKeyArn is not supported"),
    (CREATE_MAPPING, mapping(EventSourceArn=QUEUE.replace(REGION, "eu-west-1")), INVALID, "in the function's region"),
    (CREATE_MAPPING, mapping(ProvisionedPollerConfig={"MinimumPollers": 1}), INVALID, "MinimumPollers"),
    # code signing
    ("get_code_signing_config", {"CodeSigningConfigArn": NO_CONFIG}, MISSING,
     f"The Lambda code signing configuration {NO_CONFIG} can not be found."),
    ("update_code_signing_config", {"CodeSigningConfigArn": NO_CONFIG}, MISSING,
     f"The Lambda code signing configuration {NO_CONFIG} can not be found."),
    ("delete_code_signing_config", {"CodeSigningConfigArn": NO_CONFIG}, MISSING,
     f"The Lambda code signing configuration {NO_CONFIG} can not be found."),
    ("list_functions_by_code_signing_config", {"CodeSigningConfigArn": NO_CONFIG}, MISSING,
     f"The Lambda code signing configuration {NO_CONFIG} can not be found."),
    (PUT_SIGNING, {**F, "CodeSigningConfigArn": NO_CONFIG}, (404, "CodeSigningConfigNotFoundException"),
     "The code signing configuration cannot be found. Check that the provided configuration is not deleted: "
     f"{NO_CONFIG}."),
    (GET_SIGNING, NO_F, MISSING, f"Function not found: {LAMBDA}:function:nobody"),
    (DELETE_SIGNING, NO_F, MISSING, f"Function not found: {LAMBDA}:function:nobody"),
    ("create_code_signing_config", {"AllowedPublishers": {"SigningProfileVersionArns": [QUEUE]}}, INVALID,
     f"The signing profile version ARN {QUEUE} is invalid."),
    # runtimes, loops, scaling
    (GET_RUNTIME, NO_F, MISSING, f"Function not found: {LAMBDA}:function:nobody:$LATEST"),
    (PUT_RUNTIME, {**NO_F, "UpdateRuntimeOn": "Auto"}, MISSING, "Function not found: "),
    (PUT_RUNTIME, {**F, "UpdateRuntimeOn": "Manual"}, INVALID, "RuntimeVersionArn must be given"),
    (PUT_RUNTIME, {**F, "UpdateRuntimeOn": "Manual", "RuntimeVersionArn": f"arn:aws:lambda:{REGION}::runtime:abc"},
     INVALID, "UpdateRuntimeOn Manual is not supported by Lambent"),
    (GET_LOOP, NO_F, MISSING, f"Function not found: {LAMBDA}:function:nobody"),
    (PUT_LOOP, {**NO_F, "RecursiveLoop": "Allow"}, MISSING, f"Function not found: {LAMBDA}:function:nobody"),
    (PUT_LOOP, {"FunctionName": "{F}:A", "RecursiveLoop": "Allow"}, MALFORMED, "1 validation error detected"),
    (PUT_SCALE, {**F, "Qualifier": "7"}, MISSING, "Function not found: " + LAMBDA + ":function:{F}:7"),
    (GET_SCALE, {**NO_F, "Qualifier": "7"}, MISSING, f"Function not found: {LAMBDA}:function:nobody:7"),
    # capacity providers
    ("get_capacity_provider", {"CapacityProviderName": "nobody"}, MISSING,
     f"Capacity provider not found: {LAMBDA}:capacity-provider:nobody"),
    ("delete_capacity_provider", {"CapacityProviderName": "nobody"}, MISSING, "Capacity provider not found: "),
    ("update_capacity_provider", {"CapacityProviderName": "nobody"}, MISSING, "Capacity provider not found: "),
    ("list_function_versions_by_capacity_provider", {"CapacityProviderName": "nobody"}, MISSING,
     "Capacity provider not found: "),
    # tags
    ("list_tags", {"Resource": f"{LAMBDA}:function:nobody"}, MISSING, f"Function not found: {LAMBDA}:function:nobody"),
    ("list_tags", {"Resource": NO_MAPPING}, MISSING, f"Event source mapping not found: {NO_MAPPING}"),
    ("list_tags", {"Resource": f"{LAMBDA}:capacity-provider:nobody"}, MISSING,
     f"Capacity provider not found: {LAMBDA}:capacity-provider:nobody"),
    ("tag_resource", {"Resource": NO_MAPPING, "Tags": {"a": "b"}}, MISSING,
     f"Event source mapping not found: {NO_MAPPING}"),
    ("list_tags", {"Resource": NO_MAPPING.replace(REGION, "eu-west-1")}, MISSING, "Event source mapping not found: "),
    ("list_tags", {"Resource": f"{LAMBDA}:network-connector:n"}, MISSING, GONE),
    ("list_tags", {"Resource": NO_MAPPING.replace(ACCOUNT, "111111111111")}, (403, "AccessDeniedException"), ""),
    ("tag_resource", {"Resource": LAMBDA + ":function:{F}:1", "Tags": {"a": "b"}}, INVALID,
     "Tags on function aliases and versions are not supported. Please specify a function ARN."),
    ("tag_resource", {"Resource": LAMBDA + ":function:{F}", "Tags": {}}, INVALID,
     "An error occurred and the request cannot be processed."),
    ("tag_resource", {"Resource": LAMBDA + ":function:{F}", "Tags": {str(n): "x" for n in range(51)}}, INVALID,
     "Number of tags exceeds resource tag limit."),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "request_", "error", "text"), ERRORS)
def test_an_error_is_the_one_that_aws_answers(
    aws: Any, f: str, operation: str, request_: dict[str, Any], error: tuple[int, str], text: str
) -> None:
    status, code, message = refused(aws, operation, named(request_, f))
    assert (status, code) == error
    assert message.startswith(named(text, f)) or named(text, f) in message, message


def body(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without the metadata that boto3 adds."""
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def status(answer: dict[str, Any]) -> int:
    """The HTTP status of an answer."""
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


@pytest.fixture
def own(aws: Any, members: dict[str, Any]) -> Iterator[str]:
    """A function of one test."""
    name = f"own-{uuid4().hex[:8]}"
    aws.create_function(FunctionName=name, **members)
    yield name
    try:
        aws.delete_function(FunctionName=name)
    except ClientError:
        pass


@pytest.fixture
def places(shared_server: Any) -> Iterator[dict[str, str]]:
    """The ARNs of a queue and a topic."""
    sqs, sns = shared_server.client("sqs"), shared_server.client("sns")
    name = f"place-{uuid4().hex[:8]}"
    url, topic = sqs.create_queue(QueueName=name)["QueueUrl"], sns.create_topic(Name=name)["TopicArn"]
    yield {"queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", "topic": topic}
    sqs.delete_queue(QueueUrl=url)
    sns.delete_topic(TopicArn=topic)


def test_event_invoke_configs_are_put_merged_listed_and_deleted(aws: Any, own: str, places: dict[str, str]) -> None:
    arn = f"{LAMBDA}:function:{own}:$LATEST"
    put = aws.put_function_event_invoke_config(FunctionName=own, MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60)
    modified = put.pop("LastModified")
    assert (status(put), body(put)) == (
        200,
        {
            "FunctionArn": arn,
            "MaximumRetryAttempts": 1,
            "MaximumEventAgeInSeconds": 60,
            "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
        },
    )
    destinations = {"OnSuccess": {"Destination": places["queue"]}, "OnFailure": {"Destination": places["topic"]}}
    updated = aws.update_function_event_invoke_config(FunctionName=own, DestinationConfig=destinations)
    assert updated["DestinationConfig"] == destinations
    assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (1, 60)
    assert updated["LastModified"] >= modified
    assert body(aws.get_function_event_invoke_config(FunctionName=own, Qualifier="$LATEST")) == body(updated)
    assert aws.list_function_event_invoke_configs(FunctionName=own)["FunctionEventInvokeConfigs"] == [body(updated)]
    replaced = aws.put_function_event_invoke_config(FunctionName=own, MaximumRetryAttempts=0)
    assert "MaximumEventAgeInSeconds" not in replaced
    assert replaced["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}
    assert status(aws.delete_function_event_invoke_config(FunctionName=own)) == 204
    assert aws.list_function_event_invoke_configs(FunctionName=own)["FunctionEventInvokeConfigs"] == []


def test_versions_and_aliases_have_settings_of_their_own(aws: Any, own: str) -> None:
    aws.get_waiter("function_active_v2").wait(FunctionName=own)
    aws.put_function_event_invoke_config(FunctionName=own, MaximumRetryAttempts=2)
    assert aws.publish_version(FunctionName=own)["Version"] == "1"
    for alias in ("A", "B"):
        aws.create_alias(FunctionName=own, Name=alias, FunctionVersion="$LATEST" if alias == "A" else "1")
    arn = f"{LAMBDA}:function:{own}"
    assert refused(aws, GET_INVOKE, {"FunctionName": own, "Qualifier": "1"}) == (
        *MISSING,
        f"The function {arn}:1 doesn't have an EventInvokeConfig",
    )
    for number, qualifier in enumerate(("1", "A", "B")):
        put = aws.put_function_event_invoke_config(FunctionName=f"{own}:{qualifier}", MaximumRetryAttempts=number)
        assert put["FunctionArn"] == f"{arn}:{qualifier}"
    listed = aws.list_function_event_invoke_configs(FunctionName=own, MaxItems=3)
    rest = aws.list_function_event_invoke_configs(FunctionName=own, Marker=listed["NextMarker"])
    configs = listed["FunctionEventInvokeConfigs"] + rest["FunctionEventInvokeConfigs"]
    retries = {each["FunctionArn"].removeprefix(f"{arn}:"): each["MaximumRetryAttempts"] for each in configs}
    assert retries == {"$LATEST": 2, "1": 0, "A": 1, "B": 2}
    runtime = aws.put_runtime_management_config(FunctionName=own, Qualifier="1", UpdateRuntimeOn="FunctionUpdate")
    assert runtime["FunctionArn"] == f"{arn}:1"
    assert refused(aws, PUT_RUNTIME, {"FunctionName": own, "Qualifier": "A", "UpdateRuntimeOn": "Auto"})[:2] == INVALID
    assert refused(aws, PUT_SCALE, {"FunctionName": own, "Qualifier": "1"})[:2] == INVALID
    url = aws.create_function_url_config(FunctionName=own, Qualifier="B", AuthType="AWS_IAM")
    assert url["FunctionArn"] == f"{arn}:B"
    aws.delete_alias(FunctionName=own, Name="B")
    aws.delete_function(FunctionName=own, Qualifier="1")
    configs = aws.list_function_event_invoke_configs(FunctionName=own)["FunctionEventInvokeConfigs"]
    assert [each["FunctionArn"] for each in configs] == [f"{arn}:$LATEST", f"{arn}:A"]
    urls = aws.list_function_url_configs(FunctionName=own)["FunctionUrlConfigs"]
    assert [each["FunctionArn"] for each in urls] == [f"{arn}:B"]


def test_a_destination_may_be_a_queue_a_topic_or_another_function(
    aws: Any, f: str, own: str, places: dict[str, str]
) -> None:
    function = f"{LAMBDA}:function:{f}"
    for arn in (*places.values(), function, f"{function}:$LATEST"):
        wanted = on_failure(arn)
        answer = aws.put_function_event_invoke_config(FunctionName=own, **wanted)
        assert answer["DestinationConfig"] == {"OnSuccess": {}, **wanted["DestinationConfig"]}


def test_a_function_has_one_url_which_keeps_its_address(aws: Any, own: str) -> None:
    arn = f"{LAMBDA}:function:{own}"
    cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET", "*"], "MaxAge": 60}
    created = aws.create_function_url_config(FunctionName=own, AuthType="AWS_IAM", Cors=cors)
    assert status(created) == 201
    assert created["FunctionArn"] == arn
    assert (created["AuthType"], created["InvokeMode"], created["Cors"]) == ("AWS_IAM", "BUFFERED", cors)
    host = created["FunctionUrl"].removeprefix("https://").removesuffix(f".lambda-url.{REGION}.on.aws/")
    assert (len(host), host.isalnum()) == (32, True)
    assert "LastModifiedTime" not in created
    assert refused(aws, CREATE_URL, {"FunctionName": own, "AuthType": "NONE"}) == (
        *CONFLICT,
        f"Failed to create function url config for [functionArn = {arn}]. "
        "Error message:  FunctionUrlConfig exists for this Lambda function",
    )
    updated = aws.update_function_url_config(FunctionName=own, AuthType="NONE", InvokeMode="RESPONSE_STREAM", Cors={})
    assert (updated["AuthType"], updated["InvokeMode"]) == ("NONE", "RESPONSE_STREAM")
    assert "Cors" not in updated
    assert (updated["FunctionUrl"], updated["CreationTime"]) == (created["FunctionUrl"], created["CreationTime"])
    assert body(aws.get_function_url_config(FunctionName=own)) == body(updated)
    assert aws.list_function_url_configs(FunctionName=own)["FunctionUrlConfigs"] == [body(updated)]
    assert status(aws.delete_function_url_config(FunctionName=own)) == 204
    assert aws.list_function_url_configs(FunctionName=own)["FunctionUrlConfigs"] == []


def test_what_belongs_to_a_function_goes_with_it(aws: Any, own: str, members: dict[str, Any]) -> None:
    aws.put_function_event_invoke_config(FunctionName=own, MaximumRetryAttempts=1)
    aws.create_function_url_config(FunctionName=own, AuthType="NONE")
    aws.put_function_recursion_config(FunctionName=own, RecursiveLoop="Allow")
    aws.put_runtime_management_config(FunctionName=own, UpdateRuntimeOn="FunctionUpdate")
    config = aws.create_code_signing_config(AllowedPublishers=PUBLISHERS)["CodeSigningConfig"]["CodeSigningConfigArn"]
    aws.put_function_code_signing_config(FunctionName=own, CodeSigningConfigArn=config)
    aws.delete_function(FunctionName=own)
    aws.create_function(FunctionName=own, **members)
    assert aws.list_function_event_invoke_configs(FunctionName=own)["FunctionEventInvokeConfigs"] == []
    assert aws.list_function_url_configs(FunctionName=own)["FunctionUrlConfigs"] == []
    assert aws.get_function_recursion_config(FunctionName=own)["RecursiveLoop"] == "Terminate"
    assert aws.get_runtime_management_config(FunctionName=own)["UpdateRuntimeOn"] == "Auto"
    assert body(aws.get_function_code_signing_config(FunctionName=own)) == {}
    assert aws.list_functions_by_code_signing_config(CodeSigningConfigArn=config)["FunctionArns"] == []
    aws.delete_code_signing_config(CodeSigningConfigArn=config)


def test_a_code_signing_config_goes_through_its_life(aws: Any, own: str) -> None:
    created = aws.create_code_signing_config(Description="d", AllowedPublishers=PUBLISHERS, Tags={"team": "a"})
    assert status(created) == 201
    config = created["CodeSigningConfig"]
    arn = config["CodeSigningConfigArn"]
    assert arn == f"{LAMBDA}:code-signing-config:{config['CodeSigningConfigId']}"
    assert (len(config["CodeSigningConfigId"]), config["Description"]) == (21, "d")
    assert config["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Warn"}
    assert config["AllowedPublishers"] == PUBLISHERS
    assert aws.list_tags(Resource=arn)["Tags"] == {"team": "a"}
    assert config in aws.list_code_signing_configs()["CodeSigningConfigs"]
    put = aws.put_function_code_signing_config(FunctionName=own, CodeSigningConfigArn=arn)
    assert body(put) == {"CodeSigningConfigArn": arn, "FunctionName": own}
    assert body(aws.get_function_code_signing_config(FunctionName=own)) == body(put)
    users = aws.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"]
    assert users == [f"{LAMBDA}:function:{own}"]
    assert refused(aws, "delete_code_signing_config", {"CodeSigningConfigArn": arn})[:2] == CONFLICT
    assert status(aws.delete_function_code_signing_config(FunctionName=own)) == 204
    assert body(aws.get_function_code_signing_config(FunctionName=own)) == {}
    assert status(aws.delete_code_signing_config(CodeSigningConfigArn=arn)) == 204


def test_enforce_refuses_unsigned_code_and_warn_lets_it_pass(aws: Any, own: str, members: dict[str, Any]) -> None:
    policy = {"UntrustedArtifactOnDeployment": "Enforce"}
    config = aws.create_code_signing_config(AllowedPublishers=PUBLISHERS, CodeSigningPolicies=policy)
    arn = config["CodeSigningConfig"]["CodeSigningConfigArn"]
    text = (
        "Lambda cannot deploy the function. The function or layer might be signed using a signature that the client is "
        "not configured to accept. Check the provided signature for "
    )
    unsigned = (400, "CodeVerificationFailedException")
    new = {"FunctionName": "never-made", "CodeSigningConfigArn": arn, **members}
    assert refused(aws, "create_function", new) == (*unsigned, f"{text}never-made.")
    aws.get_waiter("function_active_v2").wait(FunctionName=own)
    aws.put_function_code_signing_config(FunctionName=own, CodeSigningConfigArn=arn)
    code = {"FunctionName": own, "ZipFile": members["Code"]["ZipFile"]}
    assert refused(aws, "update_function_code", code) == (*unsigned, f"{text}{own}.")
    aws.update_code_signing_config(
        CodeSigningConfigArn=arn, CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Warn"}
    )
    aws.update_function_code(**code)
    aws.delete_function(FunctionName=own)
    aws.create_function(FunctionName=own, CodeSigningConfigArn=arn, **members)
    assert aws.get_function_code_signing_config(FunctionName=own)["CodeSigningConfigArn"] == arn
    aws.delete_function(FunctionName=own)
    aws.delete_code_signing_config(CodeSigningConfigArn=arn)
    gone = {**new, "CodeSigningConfigArn": arn}
    assert refused(aws, "create_function", gone)[:2] == (404, "CodeSigningConfigNotFoundException")


def test_runtime_management_and_recursion_have_defaults_and_keep_what_is_put(aws: Any, own: str) -> None:
    latest = f"{LAMBDA}:function:{own}:$LATEST"
    assert body(aws.get_runtime_management_config(FunctionName=own)) == {
        "UpdateRuntimeOn": "Auto",
        "FunctionArn": latest,
    }
    put = aws.put_runtime_management_config(FunctionName=own, UpdateRuntimeOn="FunctionUpdate")
    assert body(put) == {"UpdateRuntimeOn": "FunctionUpdate", "FunctionArn": latest}
    assert body(aws.get_runtime_management_config(FunctionName=own)) == body(put)
    assert body(aws.get_function_recursion_config(FunctionName=own)) == {"RecursiveLoop": "Terminate"}
    assert body(aws.put_function_recursion_config(FunctionName=own, RecursiveLoop="Allow")) == {
        "RecursiveLoop": "Allow"
    }
    assert body(aws.get_function_recursion_config(FunctionName=own)) == {"RecursiveLoop": "Allow"}


def test_a_capacity_provider_is_kept_but_no_function_can_use_it(
    aws: Any, shared_server: Any, members: dict[str, Any]
) -> None:
    name = f"provider-{uuid4().hex[:8]}"
    arn = f"{LAMBDA}:capacity-provider:{name}"
    new = {
        "CapacityProviderName": name,
        "VpcConfig": NETWORK,
        "PermissionsConfig": {"CapacityProviderOperatorRoleArn": shared_server.role()},
    }
    created = aws.create_capacity_provider(Tags={"team": "a"}, **new)
    assert (status(created), created["CapacityProvider"]["State"]) == (202, "Pending")
    assert refused(aws, "create_capacity_provider", new)[:2] == CONFLICT
    found = aws.get_capacity_provider(CapacityProviderName=arn)["CapacityProvider"]
    assert (found["State"], found["CapacityProviderArn"], found["VpcConfig"]) == ("Active", arn, NETWORK)
    group = f"/aws/lambda/capacity-provider/{name}"
    assert found["TelemetryConfig"] == {"LoggingConfig": {"LogGroup": group}}
    scaling = {"MaxVCpuCount": 8, "ScalingMode": "Auto"}
    updated = aws.update_capacity_provider(CapacityProviderName=name, CapacityProviderScalingConfig=scaling)
    assert updated["CapacityProvider"]["CapacityProviderScalingConfig"] == scaling
    assert arn in [p["CapacityProviderArn"] for p in aws.list_capacity_providers(State="Active")["CapacityProviders"]]
    versions = aws.list_function_versions_by_capacity_provider(CapacityProviderName=name)
    assert body(versions) == {"CapacityProviderArn": arn, "FunctionVersions": []}
    assert aws.list_tags(Resource=arn)["Tags"] == {"team": "a"}
    use = {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": arn}}
    code, text = refused(aws, "create_function", {"FunctionName": "x", "CapacityProviderConfig": use, **members})[1:]
    assert (code, text) == ("InvalidParameterValueException", "CapacityProviderConfig is not supported by Lambent yet.")
    deleted = aws.delete_capacity_provider(CapacityProviderName=name)
    assert (status(deleted), deleted["CapacityProvider"]["State"]) == (202, "Deleting")
    assert refused(aws, "get_capacity_provider", {"CapacityProviderName": name})[:2] == MISSING


def test_resources_are_tagged_and_untagged(aws: Any, shared_server: Any, f: str) -> None:
    name = f"tagged-{uuid4().hex[:8]}"
    url = shared_server.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    source = QUEUE.replace(":q", f":{name}")
    mapping = aws.create_event_source_mapping(FunctionName=f, EventSourceArn=source, Enabled=False)
    config = aws.create_code_signing_config(AllowedPublishers=PUBLISHERS)["CodeSigningConfig"]["CodeSigningConfigArn"]
    for arn in (mapping["EventSourceMappingArn"], config):
        aws.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
        aws.tag_resource(Resource=arn, Tags={"b": "3"})
        aws.untag_resource(Resource=arn, TagKeys=["a", "never"])
        assert aws.list_tags(Resource=arn)["Tags"] == {"b": "3"}
    aws.delete_event_source_mapping(UUID=mapping["UUID"])
    aws.delete_code_signing_config(CodeSigningConfigArn=config)
    shared_server.client("sqs").delete_queue(QueueUrl=url)


def test_a_dead_letter_target_is_kept_shown_and_taken_away(aws: Any, own: str) -> None:
    aws.get_waiter("function_active_v2").wait(FunctionName=own)
    assert "DeadLetterConfig" not in aws.get_function_configuration(FunctionName=own)
    for arn in (QUEUE, TOPIC):
        aws.update_function_configuration(FunctionName=own, DeadLetterConfig={"TargetArn": arn})
        aws.get_waiter("function_updated_v2").wait(FunctionName=own)
        assert aws.get_function_configuration(FunctionName=own)["DeadLetterConfig"] == {"TargetArn": arn}
    for arn in (f"{QUEUE}.fifo", BUS):
        wrong = {"FunctionName": own, "DeadLetterConfig": {"TargetArn": arn}}
        assert refused(aws, "update_function_configuration", wrong)[:2] == INVALID
    aws.update_function_configuration(FunctionName=own, DeadLetterConfig={"TargetArn": ""})
    aws.get_waiter("function_updated_v2").wait(FunctionName=own)
    assert "DeadLetterConfig" not in aws.get_function_configuration(FunctionName=own)


def test_a_configuration_names_the_version_of_its_runtime_except_in_lists(aws: Any, own: str) -> None:
    aws.get_waiter("function_active_v2").wait(FunctionName=own)
    config = aws.get_function_configuration(FunctionName=own)["RuntimeVersionConfig"]
    start, _, digest = config["RuntimeVersionArn"].rpartition(":")
    assert (start, len(digest)) == (f"arn:aws:lambda:{REGION}::runtime", 64)
    assert aws.get_function(FunctionName=own)["Configuration"]["RuntimeVersionConfig"] == config
    assert aws.publish_version(FunctionName=own)["RuntimeVersionConfig"] == config
    assert aws.update_function_configuration(FunctionName=own, Timeout=4)["RuntimeVersionConfig"] == config
    for listed in aws.list_versions_by_function(FunctionName=own)["Versions"]:
        assert "RuntimeVersionConfig" not in listed


def test_enforce_refuses_layers_too(aws: Any, own: str, members: dict[str, Any]) -> None:
    layer = aws.publish_layer_version(LayerName=own, Content=members["Code"])["LayerVersionArn"]
    policy = {"UntrustedArtifactOnDeployment": "Enforce"}
    config = aws.create_code_signing_config(AllowedPublishers=PUBLISHERS, CodeSigningPolicies=policy)
    arn = config["CodeSigningConfig"]["CodeSigningConfigArn"]
    aws.get_waiter("function_active_v2").wait(FunctionName=own)
    aws.put_function_code_signing_config(FunctionName=own, CodeSigningConfigArn=arn)
    wanted = {"FunctionName": own, "Layers": [layer]}
    assert refused(aws, "update_function_configuration", wanted)[:2] == (400, "CodeVerificationFailedException")
    aws.update_function_configuration(FunctionName=own, Layers=[], Timeout=9)
    aws.delete_function(FunctionName=own)
    aws.delete_code_signing_config(CodeSigningConfigArn=arn)
    aws.delete_layer_version(LayerName=own, VersionNumber=1)


def test_variables_are_measured_as_the_json_that_the_error_shows(aws: Any, members: dict[str, Any]) -> None:
    name = f"own-{uuid4().hex[:8]}"
    fits = "x" * (4096 - len('{"KEY":""}'))
    for value, is_refused in ((f"{fits}x", True), (fits, False)):
        request = {"FunctionName": name, "Environment": {"Variables": {"KEY": value}}, **members}
        if is_refused:
            measured = json.dumps({"KEY": value}, separators=(",", ":"))
            assert refused(aws, "create_function", request)[2].endswith(f"4KB limit. String measured: {measured}")
        else:
            aws.create_function(**request)
    aws.delete_function(FunctionName=name)


def test_settings_survive_the_death_of_the_server(make_server: Any, tools: Any) -> None:
    server = make_server().start()
    server.function("kept", {"app.py": "def handler(event, context):\n    return 1\n"})
    aws = server.client("lambda")
    config = aws.create_code_signing_config(AllowedPublishers=PUBLISHERS)["CodeSigningConfig"]["CodeSigningConfigArn"]
    aws.put_function_event_invoke_config(FunctionName="kept", MaximumRetryAttempts=0)
    aws.create_function_url_config(FunctionName="kept", AuthType="NONE")
    aws.put_function_recursion_config(FunctionName="kept", RecursiveLoop="Allow")
    aws.put_function_code_signing_config(FunctionName="kept", CodeSigningConfigArn=config)
    server.client("sqs").create_queue(QueueName="q")
    uuid = aws.create_event_source_mapping(FunctionName="kept", EventSourceArn=QUEUE, Enabled=False)["UUID"]
    reads: list[tuple[str, dict[str, Any]]] = [
        (GET_INVOKE, {"FunctionName": "kept"}),
        (GET_URL, {"FunctionName": "kept"}),
        (GET_LOOP, {"FunctionName": "kept"}),
        (GET_SIGNING, {"FunctionName": "kept"}),
        ("get_event_source_mapping", {"UUID": uuid}),
        ("get_code_signing_config", {"CodeSigningConfigArn": config}),
    ]
    before = [body(getattr(aws, operation)(**request)) for operation, request in reads]
    server.kill()
    aws = server.start().client("lambda")
    assert [body(getattr(aws, operation)(**request)) for operation, request in reads] == before


EXAMPLES: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(botocore.__file__).parent / "data/lambda/2015-03-31/examples-1.json").read_text()
)["examples"]


@pytest.mark.parametrize(
    ("operation", "example"),
    [(operation, example) for operation, examples in EXAMPLES.items() for example in examples],
)
def test_a_published_example_is_answered_in_the_models_shape_or_with_an_error_of_its_name(
    shared_server: Any, operation: str, example: dict[str, Any]
) -> None:
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    client = shared_server.client("lambda", config=config)  # some examples have ids that the model does not allow
    model = client.meta.service_model.operation_model(operation)
    method = next(name for name, wire in client.meta.method_to_api_mapping.items() if wire == operation)
    answer, code, status = {}, None, 200
    try:
        answer = body(getattr(client, method)(**example.get("input") or {}))
    except ClientError as error:
        code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    named_errors = {shape.name for shape in model.error_shapes} | {"AccessDeniedException", "ValidationException"}
    assert code in named_errors | {None, "NotImplementedException"}
    assert status < 500 or code == "NotImplementedException"
    assert set(answer) <= set(model.output_shape.members if model.output_shape else ())
