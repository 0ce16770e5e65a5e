"""Answers that were recorded from AWS, request by request: status, code, text, and which members a body has and lacks."""
# ruff: noqa: E501  (tables are read by row)

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT, REGION = "000000000000", "us-east-1"
LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}"
ARN, NOBODY = LAMBDA + ":function:{F}", LAMBDA + ":function:nobody"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
CONFIG = f"{LAMBDA}:code-signing-config:csc-00000000000000000"
LAYER = LAMBDA + ":layer:{F}"
F, NO_F = {"FunctionName": "{F}"}, {"FunctionName": "nobody"}

INVALID = (400, "InvalidParameterValueException")
MALFORMED = (400, "ValidationException")
MISSING = (404, "ResourceNotFoundException")
CONFLICT = (409, "ResourceConflictException")
STALE = (412, "PreconditionFailedException")

MISMATCH = "The derived qualifier from the function name does not match the specified qualifier."
GONE = "The resource you requested does not exist."
NOT_LATEST = "The function resource provided must be an alias or a published version."
REVISION = (
    "The Revision Id provided does not match the latest Revision Id. Call the {} API to retrieve the latest Revision Id"
)
NO_SIGNING = f"The Lambda code signing configuration {CONFIG} can not be found."
UNTYPED = frozenset({"ValidationException", "RequestEntityTooLargeException", "SerializationException"})
"""Errors whose bodies have no member Type, whatever they are about."""


@pytest.fixture(scope="module")
def aws(shared_server: Any) -> Any:
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    return shared_server.client("lambda", config=config)


@pytest.fixture(scope="module")
def f(shared_server: Any, aws: Any, tools: Any) -> Iterator[str]:
    """A function with versions 1 and 2, an alias `live` of 1, a policy on `live`, and a layer of its name with versions
    1 and 2, for tests that leave all of it as it is."""
    name = f"answers-{uuid4().hex[:12]}"
    shared_server.function(
        name, {"app.py": "def handler(event, context): return 1 / (event != 'fail')\n"}, Publish=True
    )
    aws.update_function_configuration(FunctionName=name, Description="two")
    tools.wait_for(lambda: aws.get_function_configuration(FunctionName=name)["LastUpdateStatus"] == "Successful")
    aws.publish_version(FunctionName=name)
    aws.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    invoke = {"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    aws.add_permission(FunctionName=name, Qualifier="live", StatementId="s3", **invoke)
    for _ in range(2):
        aws.publish_layer_version(LayerName=name, Content={"ZipFile": tools.zipped({"a": "b"})})
    allowed = {"Action": "lambda:GetLayerVersion", "Principal": "*", "StatementId": "s1"}
    aws.add_layer_version_permission(LayerName=name, VersionNumber=1, **allowed)
    yield name
    for number in (1, 2):
        aws.delete_layer_version(LayerName=name, VersionNumber=number)
    aws.delete_function(FunctionName=name)


def filled(value: Any, name: str) -> Any:
    """`value` with {F} replaced by the shared function's name wherever it is."""
    if isinstance(value, str):
        return value.replace("{F}", name)
    if isinstance(value, dict):
        return {filled(key, name): filled(each, name) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, name) for each in value]
    return value


def refusal(aws: Any, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """The error that a call is answered with, as botocore has parsed it."""
    with pytest.raises(ClientError) as caught:
        getattr(aws, operation)(**request)
    return dict(caught.value.response)


def pattern(aws: Any, operation: str, member: str) -> str:
    """The pattern that the model has for a member."""
    shape = aws.meta.service_model.operation_model(operation).input_shape.members[member]
    return str(getattr(shape, "metadata", {})["pattern"])


def routed(version: str, weights: dict[str, float], **more: Any) -> dict[str, Any]:
    return {
        **F,
        "Name": "new",
        "FunctionVersion": version,
        "RoutingConfig": {"AdditionalVersionWeights": weights},
        **more,
    }


def weight(shown: str, what: str) -> str:
    return (
        f"1 validation error detected: Value '{{{shown}}}' at 'routingConfig.additionalVersionWeights' failed to satisfy "
        f"constraint: {what}"
    )


RANGE = (
    "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value "
    "greater than or equal to 0.0, Member must not be null]"
)
DIGITS = (
    "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length "
    "greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, Member must not be null]"
)
INVOKE = {"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com", "StatementId": "new"}
USE = {"Action": "lambda:GetLayerVersion", "Principal": "*", "StatementId": "new"}
L, NO_L = {"LayerName": "{F}", "VersionNumber": 1}, {"LayerName": "nobody", "VersionNumber": 1}
URL = {**F, "AuthType": "NONE"}
URL_OPS = (("create", {"AuthType": "NONE"}), ("update", {"AuthType": "NONE"}), ("get", {}), ("delete", {}))
SIGNING = {"CodeSigningConfigArn": CONFIG}
PROVISION = {"ProvisionedConcurrentExecutions": 1}
RETRIES = {"MaximumRetryAttempts": 1}

ERRORS: list[tuple[str, dict[str, Any], tuple[int, str], str]] = [
    # names and qualifiers
    *[(op, {"FunctionName": NOBODY + ":1", "Qualifier": "$LATEST"}, INVALID, MISMATCH)
      for op in ("delete_function", "get_function", "get_function_configuration", "get_policy", "invoke")],
    *[(op, {"FunctionName": NOBODY + ":$LATEST", "Qualifier": "$LATEST"}, MISSING, f"Function not found: {NOBODY}:$LATEST")
      for op in ("get_function", "get_function_configuration")],
    ("delete_function", {"FunctionName": NOBODY + ":$LATEST", "Qualifier": "$LATEST"}, INVALID,
     "$LATEST version cannot be deleted without deleting the function."),
    *[(op, {**F, "Qualifier": "1221"}, MISSING, f"Function not found: {ARN}:1221")
      for op in ("get_function", "get_function_configuration")],
    *[(op, {**F, "Qualifier": "absent"}, MISSING, f"Function not found: {ARN}:absent")
      for op in ("get_function", "get_function_configuration", "invoke")],
    ("get_function_event_invoke_config", {**F, "Qualifier": "1221"}, MISSING,
     f"The function {ARN}:1221 doesn't have an EventInvokeConfig"),
    *[(op, NO_F, MISSING, f"Function not found: {NOBODY}")
      for op in ("delete_function", "get_function", "get_function_configuration", "get_function_code_signing_config",
                 "get_function_concurrency", "list_provisioned_concurrency_configs", "get_policy",
                 "delete_function_code_signing_config")],
    *[(op, {"FunctionName": f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:x"}, MISSING,
       f"Functions from 'eu-central-1' are not reachable in this region ('{REGION}')")
      for op in ("get_function", "get_function_configuration", "get_function_url_config", "delete_function", "invoke",
                 "get_function_code_signing_config", "get_function_event_invoke_config", "get_function_concurrency")],
    *[(op, {"FunctionName": "f", "Qualifier": "-1"}, MISSING, f"Function not found: {LAMBDA}:function:f:-1")
      for op in ("get_function", "invoke")],
    ("delete_function", {"FunctionName": "f", "Qualifier": "-1"}, INVALID,
     "Deletion of aliases is not currently supported."),
    ("delete_function", {"FunctionName": "f", "Qualifier": "$latest"}, MISSING,
     f"Function not found: {LAMBDA}:function:f"),
    *[(op, {"FunctionName": "f", "Qualifier": "$latest"}, MISSING, f"Function not found: {LAMBDA}:function:f:$latest")
      for op in ("get_function", "invoke")],
    # invocations
    *[(op, {**F, "ClientContext": text}, (400, "InvalidRequestContentException"),
       "Client context must be a valid Base64-encoded JSON object.")
      for op in ("invoke", "invoke_with_response_stream") for text in ("no base64", "MQ==", "e30")],
    ("invoke", {**F, "InvocationType": "Other"}, MALFORMED,
     "1 validation error detected: Value 'Other' at 'invocationType' failed to satisfy constraint: Member must satisfy "
     "enum value set: [Event, RequestResponse, DryRun]"),
    ("invoke_async", {**NO_F, "InvokeArgs": b"{}"}, MISSING, f"Function not found: {NOBODY}:$LATEST"),
    # what a function is made of
    ("list_functions", {"FunctionVersion": "invalid"}, MALFORMED,
     "1 validation error detected: Value 'invalid' at 'functionVersion' failed to satisfy constraint: Member must "
     "satisfy enum value set: [ALL]"),
    # versions and aliases
    ("publish_version", {**F, "CodeSha256": "other"}, INVALID, "{starts}CodeSHA256 (other) is different from current "),
    ("create_alias", routed("1", {"1": 0.8, "2": 0.2}), INVALID,
     "Number of items in AdditionalVersionWeights cannot be greater than 1"),
    ("create_alias", routed("1", {"2": 2.0}), MALFORMED, weight("2=2.0", RANGE)),
    ("create_alias", routed("1", {"2": -1.0}), MALFORMED, weight("2=-1.0", RANGE)),
    ("create_alias", routed("1", {"1": 0.5}), INVALID,
     "Invalid function version 1. Function version 1 is already included in routing configuration."),
    ("create_alias", routed("10", {"2": 0.5}), MISSING, f"Function not found: {ARN}:10"),
    ("create_alias", routed("1", {"10": 0.5}), MISSING, f"Function not found: {ARN}:10"),
    ("create_alias", routed("$LATEST", {"1": 0.5}), INVALID,
     "{untyped}$LATEST is not supported for an alias pointing to more than 1 version"),
    ("create_alias", routed("1", {"$LATEST": 0.5}), MALFORMED, weight("$LATEST=0.5", DIGITS)),
    ("create_alias", {**NO_F, "Name": "a", "FunctionVersion": "1"}, MISSING, f"Function not found: {NOBODY}:1"),
    ("create_alias", {**F, "Name": "live", "FunctionVersion": "1"}, CONFLICT, f"Alias already exists: {ARN}:live"),
    ("get_alias", {**F, "Name": "absent"}, MISSING, f"Cannot find alias arn: {ARN}:absent"),
    # tags
    *[(op, {"Resource": NOBODY, **more}, MISSING, f"Function not found: {NOBODY}")
      for op, more in (("tag_resource", {"Tags": {"a": "b"}}), ("untag_resource", {"TagKeys": ["a"]}), ("list_tags", {}))],
    *[("tag_resource", {"Resource": f"{ARN}:{qualifier}", "Tags": {"a": "b"}}, INVALID,
       "Tags on function aliases and versions are not supported. Please specify a function ARN.")
      for qualifier in ("1", "$LATEST", "absent")],
    ("tag_resource", {"Resource": "arn:aws:something", "Tags": {"a": "b"}}, MALFORMED, "{pattern}TagResource.Resource"),
    ("untag_resource", {"Resource": ARN, "TagKeys": []}, MALFORMED,
     "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"),
    # asynchronous invocations
    ("put_function_event_invoke_config",
     {**F, "DestinationConfig": {"OnSuccess": {"Destination": f"arn:aws:iam:{REGION}:{ACCOUNT}:function:x"}}}, INVALID,
     "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=arn:aws:iam:"
     f"{REGION}:{ACCOUNT}:function:x), onFailure=null) is invalid."),
    ("put_function_event_invoke_config", {"FunctionName": NOBODY, **RETRIES}, MISSING, "The function doesn't exist."),
    *[("put_function_event_invoke_config", {"FunctionName": name, "Qualifier": qualifier, **RETRIES}, INVALID, MISMATCH)
      for name, qualifier in ((ARN + ":live", "2"), ("{F}:live", "other"), ("{F}:$LATEST", "live"), ("{F}:live", "$LATEST"))],
    ("delete_function_event_invoke_config", NO_F, MISSING,
     f"The function {NOBODY}:$LATEST doesn't have an EventInvokeConfig"),
    ("get_function_event_invoke_config", {**F, "Qualifier": "absent"}, MISSING,
     f"The function {ARN}:absent doesn't have an EventInvokeConfig"),
    ("update_function_event_invoke_config", {**NO_F, **RETRIES}, MISSING, "The function doesn't exist."),
    ("update_function_event_invoke_config", {**F, "Qualifier": "live", **RETRIES}, MISSING,
     f"The function {ARN}:live doesn't have an EventInvokeConfig"),
    # concurrency
    ("put_function_concurrency", {**NO_F, "ReservedConcurrentExecutions": 100_000}, MISSING,
     f"Function not found: {NOBODY}:$LATEST"),
    ("put_function_concurrency", {"FunctionName": ARN + ":1", "ReservedConcurrentExecutions": 1}, INVALID,
     "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please "
     "specify either a function name or an unqualified function ARN."),
    *[(f"{verb}_provisioned_concurrency_config", {**subject, "Qualifier": qualifier, **more}, MISSING, text)
      for verb, more in (("get", {}), ("delete", {}), ("put", PROVISION))
      for subject, qualifier, text in (
          (NO_F, "absent", f"Cannot find alias arn: {NOBODY}:absent"), (NO_F, "1", f"Function not found: {NOBODY}:1"),
          (F, "absent", f"Cannot find alias arn: {ARN}:absent"), (F, "10", f"Function not found: {ARN}:10"))],
    ("get_provisioned_concurrency_config", {**F, "Qualifier": "$LATEST"}, INVALID, NOT_LATEST),
    ("delete_provisioned_concurrency_config", {**F, "Qualifier": "$LATEST"}, INVALID, NOT_LATEST),
    ("put_provisioned_concurrency_config", {**F, "Qualifier": "$LATEST", **PROVISION}, INVALID,
     "Provisioned Concurrency Configs cannot be applied to unpublished function versions."),
    ("put_provisioned_concurrency_config", {**F, "Qualifier": "1", "ProvisionedConcurrentExecutions": 0}, MALFORMED,
     "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: Member "
     "must have value greater than or equal to 1"),
    ("get_provisioned_concurrency_config", {**F, "Qualifier": "1"},
     (404, "ProvisionedConcurrencyConfigNotFoundException"), "No Provisioned Concurrency Config found for this function"),
    # URLs
    *[(op, {**URL, "FunctionName": name}, MISSING, "Function does not exist")
      for op in ("create_function_url_config", "update_function_url_config") for name in ("nobody", NOBODY)],
    *[(f"{verb}_function_url_config", {"FunctionName": name, "Qualifier": qualifier, **more}, MALFORMED,
       f"1 validation error detected: Value '{qualifier}' at 'qualifier' failed to satisfy constraint: Member must "
       "satisfy regular expression pattern: ((?!^\\d+$)^[0-9a-zA-Z-_]+$)")
      for verb, more in URL_OPS for name, qualifier in (("nobody", "1"), ("{F}", "1"), ("{F}", "7"), ("{F}", "$LATEST"))],
    *[(op, {**URL, "Qualifier": "absent"}, MISSING, "Function does not exist")
      for op in ("create_function_url_config", "update_function_url_config")],
    *[(op, {"FunctionName": name}, MISSING, GONE)
      for op in ("get_function_url_config", "delete_function_url_config") for name in ("nobody", NOBODY, "{F}")],
    *[(op, {**F, "Qualifier": "absent"}, MISSING, GONE)
      for op in ("get_function_url_config", "delete_function_url_config")],
    *[(f"{verb}_function_url_config", {"FunctionName": ARN + ":live", "Qualifier": "other", **more}, INVALID, MISMATCH)
      for verb, more in URL_OPS],
    ("update_function_url_config", URL, MISSING, GONE),
    # permissions
    ("add_permission", {**F, **INVOKE, "StatementId": "example.com"}, MALFORMED,
     "1 validation error detected: Value 'example.com' at 'statementId' failed to satisfy constraint: Member must "
     "satisfy regular expression pattern: ([a-zA-Z0-9-_]+)"),
    ("add_permission", {"FunctionName": "{F}:alias-a", "Qualifier": "alias-b", **INVOKE}, INVALID, MISMATCH),
    ("add_permission", {**F, "Qualifier": "$LATEST", **INVOKE}, INVALID,
     "We currently do not support adding policies for $LATEST."),
    ("add_permission", {**F, **INVOKE, "Principal": "invalid.nonaws.com"}, INVALID,
     "The provided principal was invalid. Please check the principal and try again."),
    ("add_permission", {**NO_F, **INVOKE}, MISSING, f"Function not found: {NOBODY}"),
    ("add_permission", {**F, "Qualifier": "absent", **INVOKE}, MISSING, f"Cannot find alias arn: {ARN}:absent"),
    ("add_permission", {**F, "Qualifier": "42", **INVOKE}, MISSING, f"Function not found: {ARN}:42"),
    ("add_permission", {**F, "Qualifier": "with-?-char", **INVOKE}, MALFORMED, "{pattern}AddPermission.Qualifier"),
    ("add_permission", {**F, "Qualifier": "with-$-but-absent", **INVOKE}, MISSING,
     f"Function not found: {ARN}:with-$-but-absent"),
    ("add_permission", {**F, "Qualifier": "live", **INVOKE, "StatementId": "s3"}, CONFLICT,
     "The statement id (s3) provided already exists. Please provide a new statement id, or remove the existing "
     "statement."),
    ("add_permission", {**F, **INVOKE, "RevisionId": "other"}, STALE, REVISION.format("GetPolicy")),
    ("remove_permission", {**F, "Qualifier": "live", "StatementId": "s3", "RevisionId": "other"}, STALE,
     REVISION.format("GetFunction/GetAlias")),
    ("remove_permission", {**F, "StatementId": "s3"}, MISSING, "No policy is associated with the given resource."),
    ("remove_permission", {**NO_F, "StatementId": "s3"}, MISSING, f"No policy found for: {NOBODY}"),
    ("remove_permission", {**F, "Qualifier": "absent", "StatementId": "s3"}, MISSING,
     f"Cannot find alias arn: {ARN}:absent"),
    ("remove_permission", {**F, "Qualifier": "live", "StatementId": "absent"}, MISSING,
     "Statement absent is not found in resource policy."),
    ("get_policy", {**F, "Qualifier": "42"}, MISSING, GONE),
    ("get_policy", F, MISSING, GONE),
    # code signing
    *[(op, {**SIGNING, **more}, MISSING, "{untyped}" + NO_SIGNING)
      for op, more in (("get_code_signing_config", {}), ("delete_code_signing_config", {}),
                       ("update_code_signing_config", {}), ("update_code_signing_config", {"Description": "new"}),
                       ("list_functions_by_code_signing_config", {}))],
    *[("put_function_code_signing_config", {**subject, **SIGNING}, (404, "CodeSigningConfigNotFoundException"),
       f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {CONFIG}.")
      for subject in (F, NO_F)],
    # event source mappings
    ("create_event_source_mapping", NO_F, INVALID, "Unrecognized event source."),
    ("create_event_source_mapping", {**NO_F, "EventSourceArn": QUEUE}, INVALID, "Function does not exist"),
    *[("create_event_source_mapping", {**F, "EventSourceArn": QUEUE, "StartingPosition": "LATEST", **more}, INVALID,
       "StartingPosition is not valid for SQS event sources.")
      for more in ({}, {"StartingPositionTimestamp": 1741010802})],
    ("create_event_source_mapping", {**F, "EventSourceArn": QUEUE, "StartingPosition": "0"}, MALFORMED,
     "{starts}1 validation error detected: Value '0' at 'startingPosition' failed to satisfy constraint: Member must "
     "satisfy enum value set: ["),
    ("create_event_source_mapping",
     {**F, "EventSourceArn": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s", "StartingPosition": "LATEST",
      "StartingPositionTimestamp": 1741010802}, INVALID, "Timestamp only valid with StartingPosition AT_TIMESTAMP"),
    # layers
    ("get_layer_version", NO_L, MISSING, GONE),
    ("get_layer_version", {**L, "VersionNumber": 9}, MISSING, GONE),
    *[(op, {**L, "VersionNumber": number}, INVALID, "Layer Version Cannot be less than 1")
      for op in ("get_layer_version", "delete_layer_version") for number in (-1, 0)],
    ("get_layer_version_by_arn", {"Arn": LAYER}, MALFORMED, "{pattern}GetLayerVersionByArn.Arn"),
    ("get_layer_version_by_arn", {"Arn": LAYER + ":9"}, MISSING, GONE),
    ("list_layers", {"CompatibleArchitecture": "absent"}, MALFORMED,
     "1 validation error detected: Value 'absent' at 'compatibleArchitecture' failed to satisfy constraint: Member must "
     "satisfy enum value set: [x86_64, arm64]"),
    ("get_layer_version_policy", NO_L, MISSING, f"Layer version {LAMBDA}:layer:nobody:1 does not exist."),
    ("get_layer_version_policy", {**L, "VersionNumber": 9}, MISSING, f"Layer version {LAYER}:9 does not exist."),
    *[("add_layer_version_permission", {**where, **USE}, MISSING, f"Layer version {arn} does not exist.")
      for where, arn in ((NO_L, LAMBDA + ":layer:nobody:1"), ({**L, "VersionNumber": 9}, LAYER + ":9"))],
    *[("remove_layer_version_permission", {**where, "StatementId": "s1"}, MISSING,
       f"Layer version {arn} does not exist.")
      for where, arn in ((NO_L, LAMBDA + ":layer:nobody:1"), ({**L, "VersionNumber": 9}, LAYER + ":9"))],
    ("remove_layer_version_permission", {**L, "StatementId": "absent"}, MISSING,
     "Statement absent is not found in resource policy."),
    *[(op, {**L, **request, "RevisionId": "other"}, STALE, REVISION.format("GetLayerPolicy"))
      for op, request in (("add_layer_version_permission", USE),
                          ("remove_layer_version_permission", {"StatementId": "s1"}))],
    ("add_layer_version_permission", {**L, **USE, "Action": "*"}, MALFORMED,
     "1 validation error detected: Value '*' at 'action' failed to satisfy constraint: Member must satisfy regular "
     "expression pattern: lambda:GetLayerVersion"),
    ("add_layer_version_permission", {**L, **USE, "StatementId": "s1"}, CONFLICT,
     "The statement id (s1) provided already exists. Please provide a new statement id, or remove the existing "
     "statement."),
    *[("update_function_configuration", {**F, "Layers": [f"{LAYER}:{number}" for number in numbers]}, INVALID,
       "Two different versions of the same layer are not allowed to be referenced in the same function. "
       f"{LAYER}:{numbers[0]} and {LAYER}:{numbers[1]} are versions of the same layer.")
      for numbers in ((1, 2), (1, 2, 3), (1, 1))],
    ("update_function_configuration", {**F, "Layers": [LAMBDA + ":layer:nobody:1"]}, INVALID,
     f"Layer version {LAMBDA}:layer:nobody:1 does not exist."),
    ("update_function_configuration", {**F, "Layers": [LAYER + ":9"]}, INVALID,
     f"Layer version {LAYER}:9 does not exist."),
    *[("get_layer_version_by_arn", {"Arn": arn}, INVALID, f"Invalid layer version {arn}")
      for arn in (f"arn:aws-cn:lambda:cn-north-1:{ACCOUNT}:layer:f:1", f"arn:aws-us-gov:lambda:{REGION}:{ACCOUNT}:layer:f:1")],
    ("add_permission", {**F, **INVOKE, "FunctionUrlAuthType": "NONE"}, INVALID,
     "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"),
    # pages
    *[(op, {**request, "Marker": marker}, INVALID, "Invalid pagination key.")
      for op, request in (("list_layers", {}), ("list_layer_versions", {"LayerName": "{F}"}), ("list_functions", {}),
                          ("list_versions_by_function", F), ("list_aliases", F), ("list_event_source_mappings", {}),
                          ("list_function_event_invoke_configs", F), ("list_function_url_configs", F),
                          ("list_provisioned_concurrency_configs", F), ("list_code_signing_configs", {}))
      for marker in ("made up", "bWFkZSB1cA=")],
    *[(op, {**request, "MaxItems": number}, (400, "SerializationException"), f"'{number}' can not be converted to Integer")
      for op, request in (("list_layers", {}), ("list_aliases", F)) for number in ("x", " ", "1.5", "2147483648")],
    ("get_layer_version", {**L, "VersionNumber": "x"}, (400, "SerializationException"), "'x' can not be converted to Long"),
    # what runs the function
    *[(op, {**F, "Qualifier": "live", **more}, INVALID,
       f"The provided function name {ARN}:live is invalid. Aliases are not allowed.")
      for op, more in (("get_runtime_management_config", {}), ("put_runtime_management_config", {"UpdateRuntimeOn": "Auto"}))],
    *[("update_function_configuration", {**F, "Runtime": runtime, "SnapStart": {"ApplyOn": "PublishedVersions"}}, INVALID,
       f"{runtime} is not supported for SnapStart enabled functions.")
      for runtime in ("nodejs22.x", "python3.11", "ruby3.4", "java8.al2")],
]  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "request_", "kind", "text"), ERRORS, ids=[f"{n}-{case[0]}" for n, case in enumerate(ERRORS)]
)
def test_an_error_is_the_recorded_one_with_its_members(
    aws: Any, f: str, operation: str, request_: dict[str, Any], kind: tuple[int, str], text: str
) -> None:
    answer = refusal(aws, operation, filled(request_, f))
    error = answer["Error"]
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], error["Code"]) == kind, error
    text = filled(text, f)
    is_typed = kind[1] not in UNTYPED
    if text.startswith("{untyped}"):
        is_typed, text = False, text.removeprefix("{untyped}")
    if text.startswith("{pattern}"):
        where, _, member = text.removeprefix("{pattern}").partition(".")
        assert error["Message"].endswith(
            f"Member must satisfy regular expression pattern: {pattern(aws, where, member)}"
        )
    elif text.startswith("{starts}"):
        assert error["Message"].startswith(text.removeprefix("{starts}"))
    else:
        assert error["Message"] == text
    assert answer.get("Type") == ("User" if is_typed else None)


LONG = "a" * 129
FAR = f"arn:aws:lambda:far-away:{ACCOUNT}:function:f"
NAMES: list[tuple[dict[str, Any], list[str]]] = [
    ({"FunctionName": "f!"}, ["functionName pattern"]),
    ({"FunctionName": "no-account:function:f"}, ["functionName pattern"]),
    ({"FunctionName": FAR}, ["functionName pattern"]),
    ({"FunctionName": f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance:i-1"}, ["functionName pattern"]),
    ({"FunctionName": f"{LAMBDA}:function:f:1:2"}, ["functionName pattern"]),
    ({"FunctionName": "function:f:$LATEST:extra"}, ["functionName pattern"]),
    ({"FunctionName": f"arn:aws:lambda::{ACCOUNT}:function:f"}, ["functionName pattern"]),
    ({"FunctionName": f"arn:aws:lambda:{REGION}::function:f"}, ["functionName pattern"]),
    ({"FunctionName": f"{LAMBDA}:function:f:$LATES"}, ["functionName pattern"]),
    ({"FunctionName": FAR + "a" * 256}, ["functionName max", "functionName pattern"]),
    ({"FunctionName": "f", "Qualifier": "bad!"}, ["qualifier pattern"]),
    ({"FunctionName": "f", "Qualifier": LONG}, ["qualifier max"]),
    ({"FunctionName": FAR + "a" * 256, "Qualifier": LONG}, ["qualifier max", "functionName max", "functionName pattern"]),
]  # fmt: skip


@pytest.mark.parametrize("operation", ["GetFunction", "DeleteFunction", "Invoke", "CreateFunction"])
@pytest.mark.parametrize(("names", "broken"), NAMES, ids=[str(number) for number in range(len(NAMES))])
def test_every_rule_that_a_name_breaks_is_told_and_those_of_the_qualifier_first(
    aws: Any, operation: str, names: dict[str, str], broken: list[str]
) -> None:
    members = aws.meta.service_model.operation_model(operation).input_shape.members
    names = {name: value for name, value in names.items() if name in members}
    broken = [each for each in broken if each.split()[0].capitalize()[0] + each.split()[0][1:] in names]
    if not broken:
        return
    more = {}
    if operation == "CreateFunction":
        more = {"Role": f"arn:aws:iam::{ACCOUNT}:role/r", "Code": {"ZipFile": b"x"}}
    method = {"CreateFunction": "create_function", "Invoke": "invoke", "GetFunction": "get_function"}
    answer = refusal(aws, method.get(operation, "delete_function"), {**names, **more})
    complaints = []
    for each in broken:
        shown, rule = each.split()
        name = shown[0].upper() + shown[1:]
        traits = members[name].metadata
        text = {
            "pattern": f"Member must satisfy regular expression pattern: {traits['pattern']}",
            "max": f"Member must have length less than or equal to {traits['max']}",
        }
        complaints.append(f"Value '{names[name]}' at '{shown}' failed to satisfy constraint: {text[rule]}")
    many = "s" if len(complaints) > 1 else ""
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == MALFORMED
    assert answer["Error"]["Message"] == f"{len(complaints)} validation error{many} detected: {'; '.join(complaints)}"


ALWAYS = frozenset({"date", "x-amzn-requestid", "connection", "content-length"})


@pytest.mark.parametrize(
    ("operation", "request_", "status", "headers"),
    [
        ("invoke", {}, 200, {"x-amz-executed-version", "content-type", "x-amzn-trace-id", "x-amzn-remapped-content-length"}),
        ("invoke", {"ClientContext": "e30="}, 200,
         {"x-amz-executed-version", "content-type", "x-amzn-trace-id", "x-amzn-remapped-content-length"}),
        ("invoke", {"LogType": "Tail"}, 200, {"x-amz-executed-version", "content-type", "x-amzn-trace-id",
                                              "x-amzn-remapped-content-length", "x-amz-log-result"}),
        ("invoke", {"Payload": b'"fail"'}, 200, {"x-amz-executed-version", "content-type", "x-amzn-trace-id",
                                                 "x-amzn-remapped-content-length", "x-amz-function-error"}),
        ("invoke", {"InvocationType": "Event"}, 202, {"x-amzn-trace-id", "x-amzn-remapped-content-length"}),
        ("invoke", {"InvocationType": "DryRun"}, 204, set()),
    ],
)  # fmt: skip
def test_an_invocation_s_answer_has_the_headers_of_aws(
    aws: Any, f: str, operation: str, request_: dict[str, Any], status: int, headers: set[str]
) -> None:
    answer = getattr(aws, operation)(FunctionName=f, **request_)["ResponseMetadata"]
    assert (answer["HTTPStatusCode"], set(answer["HTTPHeaders"]) - ALWAYS) == (status, headers)
    assert answer["HTTPHeaders"].get("x-amzn-remapped-content-length", "0") == "0"
    assert answer["HTTPHeaders"].get("x-amz-function-error", "Unhandled") == "Unhandled"


SHOWN = frozenset({
    "Architectures", "CodeSha256", "CodeSize", "Description", "EphemeralStorage", "FunctionArn", "FunctionName", "Handler",
    "LastModified", "LoggingConfig", "MemorySize", "PackageType", "RevisionId", "Role", "Runtime", "SnapStart", "Timeout",
    "TracingConfig", "Version"})  # fmt: skip
READ = SHOWN | {"RuntimeVersionConfig", "State", "LastUpdateStatus"}
PENDING = SHOWN | {"RuntimeVersionConfig", "State", "StateReason", "StateReasonCode"}
UPDATING = READ | {"LastUpdateStatusReason", "LastUpdateStatusReasonCode"}


def test_answers_have_the_recorded_members_and_revisions_change_when_they_do_on_aws(
    shared_server: Any, aws: Any, tools: Any
) -> None:
    name = f"members-{uuid4().hex[:12]}"

    def members(answer: dict[str, Any]) -> set[str]:
        return set(answer) - {"ResponseMetadata"}

    def settled() -> dict[str, Any]:
        tools.wait_for(
            lambda: aws.get_function_configuration(FunctionName=name).get("LastUpdateStatus") == "Successful"
        )
        return dict(aws.get_function_configuration(FunctionName=name))

    code = {"ZipFile": tools.zipped({"app.py": "def handler(event, context): return 1\n"})}
    made = {"Runtime": "python3.11", "Handler": "app.handler", "Role": shared_server.role(), "Code": code}
    created = aws.create_function(FunctionName=name, Publish=True, **made)
    assert (members(created), created["Version"], created["State"]) == (PENDING, "1", "Pending")
    arn = f"{LAMBDA}:function:{name}"
    assert created["FunctionArn"] == arn
    read = settled()
    assert (members(read), read["Version"], read["FunctionArn"]) == (READ, "$LATEST", arn)
    revisions = [read["RevisionId"]]

    def changed(again: bool = True) -> None:
        revisions.append(settled()["RevisionId"])
        assert (revisions[-1] != revisions[-2]) is again

    found = aws.get_function(FunctionName=name)
    assert (members(found), set(found["Code"])) == ({"Configuration", "Code"}, {"Location", "RepositoryType"})
    assert aws.publish_version(FunctionName=name, Description="unused")["Version"] == "1"
    changed(False)
    updating = aws.update_function_configuration(FunctionName=name, Timeout=4)
    assert (members(updating), updating["LastUpdateStatus"]) == (UPDATING, "InProgress")
    assert updating["RevisionId"] not in revisions
    changed()
    published = aws.update_function_code(FunctionName=name, Publish=True, **code)
    assert (members(published), published["Version"], published["FunctionArn"]) == (PENDING, "2", f"{arn}:2")
    changed()
    assert aws.get_function_configuration(FunctionName=name, Qualifier="2")["RevisionId"] == published["RevisionId"]
    aws.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    changed(False)
    for operation, request in (
        ("tag_resource", {"Resource": arn, "Tags": {"a": "b"}}),
        ("untag_resource", {"Resource": arn, "TagKeys": ["a"]}),
        ("add_permission", {"FunctionName": name, **INVOKE}),
        ("remove_permission", {"FunctionName": name, "StatementId": "new"}),
    ):
        getattr(aws, operation)(**request)
        changed()
    for version in aws.list_versions_by_function(FunctionName=name)["Versions"]:
        assert (set(version), version["FunctionArn"]) == (SHOWN, f"{arn}:{version['Version']}")
    aws.delete_function(FunctionName=name)


def test_layers_are_shown_with_what_was_given_and_no_more(aws: Any, tools: Any) -> None:
    name, content = f"shown-{uuid4().hex[:12]}", {"ZipFile": tools.zipped({"a": "b"})}
    plain = {"Content", "CreatedDate", "Description", "LayerArn", "LayerVersionArn", "Version", "ResponseMetadata"}
    for given, shown in (
        ({}, {}),
        ({"CompatibleArchitectures": ["x86_64"]}, {"CompatibleArchitectures": ["x86_64"], "CompatibleRuntimes": []}),
        (
            {"CompatibleRuntimes": [], "CompatibleArchitectures": []},
            {"CompatibleRuntimes": [], "CompatibleArchitectures": []},
        ),
    ):
        made = aws.publish_layer_version(LayerName=name, Content=content, **given)
        assert {member: value for member, value in made.items() if member not in plain} == shown
        assert set(made["Content"]) == {"CodeSha256", "CodeSize", "Location"}
        aws.delete_layer_version(LayerName=name, VersionNumber=made["Version"])
    assert aws.list_layer_versions(LayerName=name, MaxItems="")["LayerVersions"] == []
