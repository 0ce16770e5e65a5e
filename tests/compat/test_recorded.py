"""Recorded answers of AWS that no other table of cases has, letter for letter, and what this server refuses by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

LAMBDA = "arn:aws:lambda:us-east-1:000000000000"
INVALID, MISSING, CONFLICT = (
    (400, "InvalidParameterValueException"),
    (404, "ResourceNotFoundException"),
    (409, "ResourceConflictException"),
)
STALE = (412, "PreconditionFailedException")
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/repository:tag"
LONG = "a" * 65
PUBLISHED = "$LATEST.PUBLISHED"
NO_LONGER = (
    "The runtime parameter of {} is no longer supported for creating or updating AWS Lambda functions. We recommend "
    "you use a supported runtime while creating or updating functions."
)
RETIRED = ("python3.7", "nodejs12.x", "nodejs14.x", "go1.x", "ruby2.7", "java8", "provided", "dotnetcore3.1")
REVISION = (
    "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the "
    "latest Revision Id"
)


@pytest.fixture(scope="module")
def aws(shared_server: Any) -> Any:
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    return shared_server.client("lambda", config=config)


@pytest.fixture(scope="module")
def f(shared_server: Any, aws: Any, tools: Any) -> Iterator[str]:
    """A function with version 1 and an alias, for tests that leave it as it is."""
    name = f"recorded-{uuid4().hex[:12]}"
    shared_server.function(name, {"app.py": "def handler(event, context): return event\n"})
    aws.publish_version(FunctionName=name)
    aws.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    yield name
    aws.delete_function(FunctionName=name)


def refused(aws: Any, operation: str, **request: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        getattr(aws, operation)(**request)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"].get("Message", "")


def filled(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return value.replace("{F}", name)
    if isinstance(value, dict):
        return {key: filled(each, name) for key, each in value.items()}
    return value


F = {"FunctionName": "{F}"}
NO_F = {"FunctionName": "nobody"}
ARN = LAMBDA + ":function:{F}"

ERRORS: list[tuple[str, dict[str, Any], tuple[int, str], str]] = [
    # names and qualifiers
    ("get_function", {"FunctionName": LONG}, MISSING, f"Function not found: {LAMBDA}:function:{LONG}"),
    ("delete_function", {"FunctionName": LONG}, MISSING, f"Function not found: {LAMBDA}:function:{LONG}"),
    ("invoke", {"FunctionName": LONG}, MISSING, f"Function not found: {LAMBDA}:function:{LONG}:$LATEST"),
    ("get_function", {**F, "Qualifier": "$latest"}, MISSING, f"Function not found: {ARN}:$latest"),
    ("get_function_configuration", {**F, "Qualifier": "$latest"}, MISSING, f"Function not found: {ARN}:$latest"),
    ("invoke", {**F, "Qualifier": "$latest"}, MISSING, f"Function not found: {ARN}:$latest"),
    ("delete_function", {**F, "Qualifier": "$latest"}, MISSING, f"Function not found: {ARN}"),
    ("get_function", {"FunctionName": f"{LAMBDA}:function"}, MISSING,
     f"Function not found: {LAMBDA}:function:function"),
    ("delete_function", {**NO_F, "Qualifier": "7"}, MISSING, f"Function not found: {LAMBDA}:function:nobody"),
    ("invoke", NO_F, MISSING, f"Function not found: {LAMBDA}:function:nobody:$LATEST"),
    ("invoke_with_response_stream", NO_F, MISSING, f"Function not found: {LAMBDA}:function:nobody:$LATEST"),
    ("put_function_concurrency", {**NO_F, "ReservedConcurrentExecutions": 1}, MISSING,
     f"Function not found: {LAMBDA}:function:nobody:$LATEST"),
    ("list_versions_by_function", NO_F, MISSING, f"Function not found: {LAMBDA}:function:nobody"),
    ("list_aliases", NO_F, MISSING, f"Function not found: {LAMBDA}:function:nobody"),
    ("update_function_configuration", NO_F, MISSING, f"Function not found: {LAMBDA}:function:nobody"),
    ("update_function_code", {**NO_F, "ImageUri": IMAGE}, MISSING, f"Function not found: {LAMBDA}:function:nobody"),
    # the newest version that was published for Managed Instances: no function here has one
    ("invoke", {**F, "Qualifier": PUBLISHED}, (400, "NoPublishedVersionException"),
     "The function has no published versions available."),
    ("invoke", {"FunctionName": "{F}:" + PUBLISHED}, (400, "NoPublishedVersionException"),
     "The function has no published versions available."),
    ("invoke_with_response_stream", {**F, "Qualifier": PUBLISHED}, (400, "NoPublishedVersionException"),
     "The function has no published versions available."),
    ("invoke", {**NO_F, "Qualifier": PUBLISHED}, MISSING, f"Function not found: {LAMBDA}:function:nobody:{PUBLISHED}"),
    ("get_function", {**F, "Qualifier": PUBLISHED}, MISSING, f"Function not found: {ARN}:{PUBLISHED}"),
    ("get_function_configuration", {**F, "Qualifier": PUBLISHED}, MISSING, f"Function not found: {ARN}:{PUBLISHED}"),
    ("create_alias", {**F, "Name": "p", "FunctionVersion": PUBLISHED}, MISSING,
     f"Function not found: {ARN}:{PUBLISHED}"),
    ("get_function_scaling_config", {**F, "Qualifier": PUBLISHED}, MISSING, f"Function not found: {ARN}:{PUBLISHED}"),
    ("publish_version", {**F, "PublishTo": "LATEST_PUBLISHED"}, INVALID, "PublishTo is not supported by Lambent."),
    # code
    ("update_function_code", {**F, "ZipFile": b""}, INVALID, "Uploaded file must be a non-empty zip"),
    ("update_function_code", {**F, "ZipFile": b"x"}, INVALID,
     "Could not unzip uploaded file. Please check your file, then try to upload again."),
    ("update_function_code", {**F, "ImageUri": IMAGE}, INVALID,
     "Please don't provide ImageUri when updating a function with packageType Zip."),
    ("update_function_code", {**F, "ZipFile": b"x", "RevisionId": "other"}, STALE, REVISION),
    ("update_function_configuration", {**F, "ImageConfig": {"Command": ["x"]}}, INVALID,
     "Container images (ImageConfig) are not supported by Lambent."),
    *[("update_function_configuration", {**F, "Runtime": runtime}, INVALID, NO_LONGER.format(runtime))
      for runtime in RETIRED],
    ("update_function_configuration", {**F, "RevisionId": "other"}, STALE, REVISION),
    ("update_function_configuration", {**F, "Layers": [f"{LAMBDA}:layer:l:{n}" for n in range(1, 7)]}, INVALID,
     "Cannot reference more than 5 layers."),
    ("update_function_configuration", {**F, "Layers": ["arn:aws:lambda:eu-west-1:000000000000:layer:l:1"]}, INVALID,
     "Layers are not in the same region as the function. Layers are expected to be in region us-east-1."),
    # versions and aliases
    ("publish_version", {**F, "RevisionId": "other"}, STALE, REVISION),
    ("delete_function", {**F, "Qualifier": "1"}, CONFLICT,
     "Unable to delete version because the following aliases reference it: [live]"),
    ("get_alias", {**F, "Name": "nobody"}, MISSING, f"Cannot find alias arn: {ARN}:nobody"),
    ("update_alias", {**F, "Name": "nobody"}, MISSING, f"Alias not found: {ARN}:nobody"),
    ("update_alias", {**F, "Name": "live", "RevisionId": "other"}, STALE, REVISION),
    ("create_alias", {**F, "Name": "live", "FunctionVersion": "1"}, CONFLICT, f"Alias already exists: {ARN}:live"),
    # policies
    ("get_policy", F, MISSING, "The resource you requested does not exist."),
    ("remove_permission", {**F, "StatementId": "s"}, MISSING, "No policy is associated with the given resource."),
    ("remove_permission", {**NO_F, "StatementId": "s"}, MISSING, f"No policy found for: {LAMBDA}:function:nobody"),
    # what only other functions take
    ("invoke", {**F, "TenantId": "t"}, INVALID, "TenantId is not allowed"),
    ("invoke_with_response_stream", {**F, "TenantId": "t"}, INVALID, "TenantId is not allowed"),
    ("invoke", {**F, "DurableExecutionName": "d"}, INVALID, "DurableExecutionName is not allowed"),
    ("invoke_with_response_stream", {**F, "InvocationType": "Event"}, (400, "ValidationException"),
     "1 validation error detected: Value 'Event' at 'invocationType' failed to satisfy constraint: Member must satisfy "
     "enum value set: [RequestResponse, DryRun]"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "request_", "kind", "text"), ERRORS, ids=[f"{n}-{case[0]}" for n, case in enumerate(ERRORS)]
)
def test_an_error_is_the_recorded_one(
    aws: Any, f: str, operation: str, request_: dict[str, Any], kind: tuple[int, str], text: str
) -> None:
    status, code, message = refused(aws, operation, **filled(request_, f))
    assert (status, code) == kind
    assert message.startswith(filled(text, f))
    if not text.endswith("allowed"):
        assert message == filled(text, f)


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ({"PackageType": "Image", "Code": {"ImageUri": IMAGE}}, "PackageType Image"),
        ({"PackageType": "Image"}, "PackageType Image"),
        ({"Code": {"ImageUri": IMAGE}}, "ImageUri"),
        ({"ImageConfig": {"EntryPoint": ["/x"]}}, "ImageConfig"),
    ],
)
def test_container_images_are_refused_by_name(
    shared_server: Any, aws: Any, tools: Any, members: dict[str, Any], name: str
) -> None:
    code = {"ZipFile": tools.zipped({"app.py": ""})}
    request = {"Runtime": "python3.11", "Handler": "app.handler", "Role": shared_server.role(), "Code": code, **members}
    assert refused(aws, "create_function", FunctionName="image", **request) == (
        *INVALID,
        f"Container images ({name}) are not supported by Lambent.",
    )


def test_an_absent_alias_or_version_is_deleted_in_silence(aws: Any, f: str) -> None:
    assert aws.delete_alias(FunctionName=f, Name="nobody")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert aws.delete_function(FunctionName=f, Qualifier="77")["ResponseMetadata"]["HTTPStatusCode"] == 204
    gone = aws.delete_provisioned_concurrency_config(FunctionName=f, Qualifier="1")
    assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert aws.delete_layer_version(LayerName="nobody", VersionNumber=7)["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_a_throttled_call_is_told_why_and_not_for_how_long(aws: Any, f: str) -> None:
    aws.put_function_concurrency(FunctionName=f, ReservedConcurrentExecutions=0)
    for operation in ("invoke", "invoke_with_response_stream"):
        with pytest.raises(ClientError) as caught:
            getattr(aws, operation)(FunctionName=f)
        answer = caught.value.response
        assert (answer["Reason"], answer["Type"]) == ("ReservedFunctionConcurrentInvocationLimitExceeded", "User")
        assert answer["Error"] == {"Message": "Rate Exceeded.", "Code": "TooManyRequestsException"}
        assert "retry-after" not in answer["ResponseMetadata"]["HTTPHeaders"]
    aws.delete_function_concurrency(FunctionName=f)


def test_the_quota_of_code_counts_functions_versions_and_layers_and_what_was_deleted(
    make_server: Any, tools: Any
) -> None:
    package = tools.zipped({"app.py": "def handler(event, context): return 1\n", "more.txt": uuid4().hex * 100})
    size = len(package)
    server = make_server("--dev", "--code-storage", str(4 * size + 10)).start()
    aws = server.client("lambda")

    def create(name: str, **more: Any) -> None:
        members = {"Runtime": "python3.11", "Handler": "app.handler", "Role": "arn:aws:iam::000000000000:role/r"}
        aws.create_function(FunctionName=name, Code={"ZipFile": package}, **members, **more)
        aws.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})

    def is_full(operation: str, **request: Any) -> bool:
        if refused(aws, operation, **request) != (400, "CodeStorageExceededException", "Code storage limit exceeded."):
            return False
        return bool(aws.get_account_settings()["AccountUsage"]["TotalCodeSize"] == used)

    create("one", Publish=True)
    layer = aws.publish_layer_version(LayerName="l", Content={"ZipFile": package})
    create("two")
    used = 4 * size
    settings = aws.get_account_settings()
    assert settings["AccountLimit"]["TotalCodeSize"] == 4 * size + 10
    assert settings["AccountUsage"] == {"TotalCodeSize": used, "FunctionCount": 2}
    members = {"Runtime": "python3.11", "Handler": "app.handler", "Role": "arn:aws:iam::000000000000:role/r"}
    assert is_full("create_function", FunctionName="three", Code={"ZipFile": package}, **members)
    assert is_full("publish_version", FunctionName="two")
    assert is_full("update_function_code", FunctionName="two", ZipFile=package + b"", Publish=True)
    assert is_full("publish_layer_version", LayerName="l", Content={"ZipFile": package})
    smaller = tools.zipped({"app.py": "def handler(event, context): return 2\n"})
    aws.update_function_code(FunctionName="two", ZipFile=smaller)  # what it takes the place of is given back
    aws.delete_layer_version(LayerName="l", VersionNumber=layer["Version"])
    aws.get_waiter("function_updated_v2").wait(FunctionName="two", WaiterConfig={"Delay": 0.05})
    create("three")
    assert json.load(aws.invoke(FunctionName="three")["Payload"]) == 1
    server.kill()
    server.start()
    used = 3 * size + len(smaller)
    assert is_full("create_function", FunctionName="four", Code={"ZipFile": package}, **members)


BODIES: list[tuple[str, dict[str, Any], int, str, dict[str, Any]]] = [
    ("get_function", NO_F, 404, "ResourceNotFoundException",
     {"Type": "User", "Message": f"Function not found: {LAMBDA}:function:nobody"}),
    ("update_function_code", {**F, "ZipFile": b"x"}, 400, "InvalidParameterValueException",
     {"Type": "User", "message": "Could not unzip uploaded file. Please check your file, then try to upload again."}),
    ("create_alias", {**F, "Name": "live", "FunctionVersion": "1"}, 409, "ResourceConflictException",
     {"Type": "User", "message": f"Alias already exists: {ARN}:live"}),
    ("update_alias", {**F, "Name": "live", "RevisionId": "other"}, 412, "PreconditionFailedException",
     {"Type": "User", "message": REVISION}),
    ("get_provisioned_concurrency_config", {**F, "Qualifier": "1"}, 404,
     "ProvisionedConcurrencyConfigNotFoundException",
     {"Type": "User", "message": "No Provisioned Concurrency Config found for this function"}),
    ("invoke", {**F, "Qualifier": PUBLISHED}, 400, "NoPublishedVersionException",
     {"Type": "User", "Message": "The function has no published versions available."}),
    ("list_functions", {"MaxItems": 0}, 400, "ValidationException",
     {"message": "1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: "
                 "Member must have value greater than or equal to 1"}),
    ("get_function", {"FunctionName": "arn:aws:lambda:us-east-1:111111111111:function:f"}, 403, "AccessDeniedException",
     {"Message": None}),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "request_", "status", "code", "body"), BODIES, ids=[case[3] for case in BODIES])
def test_an_error_s_body_has_the_recorded_members(
    shared_server: Any, f: str, operation: str, request_: dict[str, Any], status: int, code: str, body: dict[str, Any]
) -> None:
    seen: list[dict[str, Any]] = []
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    client = shared_server.client("lambda", config=config)
    client.meta.events.register("response-received.lambda", lambda response_dict, **_: seen.append(response_dict))
    with pytest.raises(ClientError):
        getattr(client, operation)(**filled(request_, f))
    assert seen[0]["status_code"] == status
    assert seen[0]["headers"]["x-amzn-errortype"] == code
    assert len(seen[0]["headers"]["x-amzn-requestid"]) == 36
    assert json.loads(seen[0]["body"]) == filled(body, f)


def test_a_configuration_has_the_defaults_of_aws_and_forgets_as_it_does(
    shared_server: Any, aws: Any, tools: Any
) -> None:
    name = f"defaults-{uuid4().hex[:12]}"
    source = "def handler(event, context): return event\n"
    created = shared_server.function(name, {"app.py": source}, Timeout=None)

    def updated(**members: Any) -> dict[str, Any]:
        aws.update_function_configuration(FunctionName=name, **members)
        aws.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
        return dict(aws.get_function_configuration(FunctionName=name))

    absent = ("Environment", "VpcConfig", "DeadLetterConfig", "KMSKeyArn", "Layers", "FileSystemConfigs", "MasterArn")
    assert not set(absent) & set(created)
    assert created["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
    assert created["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    assert created["TracingConfig"] == {"Mode": "PassThrough"}
    assert (created["Timeout"], created["MemorySize"], created["Description"]) == (3, 128, "")
    assert (created["EphemeralStorage"], created["Architectures"]) == ({"Size": 512}, ["x86_64"])
    assert (created["PackageType"], created["Version"]) == ("Zip", "$LATEST")
    found = aws.get_function(FunctionName=name)
    assert not {"Tags", "Concurrency"} & set(found)
    assert found["Code"]["RepositoryType"] == "S3"

    assert updated(Environment={"Variables": {}})["Environment"] == {"Variables": {}}
    assert updated(Environment={"Variables": {"AB": "c"}})["Environment"] == {"Variables": {"AB": "c"}}
    assert updated(Description="kept")["Environment"] == {"Variables": {"AB": "c"}}
    levels = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}
    group = {"LogGroup": f"/aws/lambda/{name}"}
    assert updated(LoggingConfig={"LogFormat": "JSON"})["LoggingConfig"] == {**levels, **group}
    assert updated(LoggingConfig={"LogFormat": "Text"})["LoggingConfig"] == {"LogFormat": "Text", **group}
    assert aws.list_functions(MasterRegion="eu-west-1")["Functions"] == []
    aws.delete_function(FunctionName=name)
