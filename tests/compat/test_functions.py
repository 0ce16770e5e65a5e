"""The function operations as boto3 sees them, on a running server that enforces signatures."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

HELLO = {"app.py": "def handler(event, context):\n    return {'hello': event}\n"}
ABSENT_ROLE = "arn:aws:iam::000000000000:role/nobody"


@pytest.fixture
def aws(shared_server: Any) -> Any:
    return shared_server.client("lambda")


@pytest.fixture
def name(aws: Any) -> Iterator[str]:
    name = f"f-{uuid4().hex[:12]}"
    yield name
    try:
        aws.delete_function(FunctionName=name)
    except ClientError:
        pass


@pytest.fixture
def members(shared_server: Any, tools: Any) -> dict[str, Any]:
    return {
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": shared_server.role(),
        "Code": {"ZipFile": tools.zipped(HELLO)},
    }


def refused(call: Callable[..., Any], **request: Any) -> tuple[int, str, str]:
    """(status, code, text) of the error that a call is answered with."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def test_a_new_function_is_pending_then_active(aws: Any, name: str, members: dict[str, Any]) -> None:
    code = members["Code"]["ZipFile"]
    created = aws.create_function(FunctionName=name, **members)
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert created["State"] == "Pending"
    assert created["StateReasonCode"] == "Creating"
    assert "LastUpdateStatus" not in created
    assert created["FunctionArn"] == f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    assert created["CodeSha256"] == base64.b64encode(hashlib.sha256(code).digest()).decode()
    assert created["CodeSize"] == len(code)
    assert (created["Timeout"], created["MemorySize"], created["Version"]) == (3, 128, "$LATEST")
    assert created["TracingConfig"] == {"Mode": "PassThrough"}
    assert created["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    assert created["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
    assert created["EphemeralStorage"] == {"Size": 512}
    assert created["Architectures"] == ["x86_64"]
    assert "Environment" not in created
    assert "VpcConfig" not in created
    aws.get_waiter("function_active_v2").wait(FunctionName=name)
    active = aws.get_function_configuration(FunctionName=name)
    assert (active["State"], active["LastUpdateStatus"]) == ("Active", "Successful")
    assert "StateReason" not in active
    assert active["RevisionId"] != created["RevisionId"]


def test_an_update_gives_new_revisions_and_is_run_by_the_next_invocation(
    aws: Any, name: str, members: dict[str, Any], tools: Any
) -> None:
    aws.create_function(FunctionName=name, **members)
    aws.get_waiter("function_active_v2").wait(FunctionName=name)
    assert json.load(aws.invoke(FunctionName=name, Payload=b"1")["Payload"]) == {"hello": 1}
    before = aws.get_function_configuration(FunctionName=name)
    source = {"app.py": "def handler(event, context):\n    return 'changed'\n"}
    updated = aws.update_function_code(FunctionName=name, ZipFile=tools.zipped(source))
    assert updated["LastUpdateStatus"] == "InProgress"
    assert updated["RevisionId"] != before["RevisionId"]
    assert updated["CodeSha256"] != before["CodeSha256"]
    aws.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert json.load(aws.invoke(FunctionName=name)["Payload"]) == "changed"
    aws.update_function_configuration(FunctionName=name, Environment={"Variables": {"KEY": "b"}}, Timeout=7)
    aws.get_waiter("function_updated_v2").wait(FunctionName=name)
    after = aws.get_function_configuration(FunctionName=name)
    assert (after["Environment"], after["Timeout"]) == ({"Variables": {"KEY": "b"}}, 7)
    assert after["Handler"] == "app.handler"


def test_a_dry_run_of_new_code_stores_nothing(aws: Any, name: str, members: dict[str, Any], tools: Any) -> None:
    aws.create_function(FunctionName=name, **members)
    aws.get_waiter("function_active_v2").wait(FunctionName=name)
    before = aws.get_function_configuration(FunctionName=name)
    dry = aws.update_function_code(FunctionName=name, ZipFile=tools.zipped({"app.py": "x"}), DryRun=True)
    assert dry["CodeSha256"] != before["CodeSha256"]
    after = aws.get_function_configuration(FunctionName=name)
    assert (after["CodeSha256"], after["RevisionId"]) == (before["CodeSha256"], before["RevisionId"])


def test_a_stale_revision_is_refused(aws: Any, name: str, members: dict[str, Any]) -> None:
    aws.create_function(FunctionName=name, **members)
    aws.get_waiter("function_active_v2").wait(FunctionName=name)
    status, code, text = refused(
        aws.update_function_configuration, FunctionName=name, Timeout=5, RevisionId=str(uuid4())
    )
    assert (status, code) == (412, "PreconditionFailedException")
    assert text.startswith("The Revision Id provided does not match the latest Revision Id.")
    revision = aws.get_function_configuration(FunctionName=name)["RevisionId"]
    aws.update_function_configuration(FunctionName=name, Timeout=5, RevisionId=revision)


def test_the_code_can_be_fetched_where_get_function_says(aws: Any, name: str, members: dict[str, Any]) -> None:
    aws.create_function(FunctionName=name, Tags={"team": "a"}, **members)
    found = aws.get_function(FunctionName=name)
    assert found["Code"]["RepositoryType"] == "S3"
    assert found["Tags"] == {"team": "a"}
    with urllib.request.urlopen(found["Code"]["Location"], timeout=10) as answer:
        assert answer.read() == members["Code"]["ZipFile"]
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(found["Code"]["Location"][:-4] + "0000", timeout=10)


def test_lists_are_paged_and_without_states(aws: Any, members: dict[str, Any]) -> None:
    names = [f"page-{uuid4().hex[:8]}-{n}" for n in range(5)]
    try:
        for one in names:
            aws.create_function(FunctionName=one, **members)
        seen: list[str] = []
        for page in aws.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}):
            assert len(page["Functions"]) <= 2
            for function in page["Functions"]:
                assert "State" not in function
                assert "LastUpdateStatus" not in function
                seen.append(function["FunctionName"])
        assert set(names) <= set(seen)
        assert len(seen) == len(set(seen))
    finally:
        for one in names:
            aws.delete_function(FunctionName=one)


def test_a_deleted_function_is_gone(aws: Any, name: str, members: dict[str, Any]) -> None:
    aws.create_function(FunctionName=name, **members)
    assert aws.delete_function(FunctionName=name)["ResponseMetadata"]["HTTPStatusCode"] == 204
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    assert refused(aws.get_function, FunctionName=name) == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {arn}",
    )
    assert refused(aws.delete_function, FunctionName=name)[1] == "ResourceNotFoundException"
    assert refused(aws.invoke, FunctionName=name) == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {arn}:$LATEST",
    )


def test_names_may_be_spelled_in_every_way(aws: Any, name: str, members: dict[str, Any]) -> None:
    arn = aws.create_function(FunctionName=name, **members)["FunctionArn"]
    for spelling in (name, arn, f"000000000000:function:{name}", f"function:{name}", f"{arn}:$LATEST"):
        found = aws.get_function_configuration(FunctionName=spelling)
        assert found["FunctionName"] == name
    assert aws.get_function_configuration(FunctionName=name, Qualifier="$LATEST")["FunctionArn"] == f"{arn}:$LATEST"


def test_names_that_lead_nowhere_are_answered_as_aws_does(aws: Any, name: str, members: dict[str, Any]) -> None:
    aws.create_function(FunctionName=name, **members)
    foreign = f"arn:aws:lambda:eu-west-1:000000000000:function:{name}"
    assert refused(aws.get_function, FunctionName=foreign) == (
        404,
        "ResourceNotFoundException",
        "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
    )
    other = f"arn:aws:lambda:us-east-1:111122223333:function:{name}"
    assert refused(aws.get_function, FunctionName=other)[:2] == (403, "AccessDeniedException")
    assert refused(aws.get_function, FunctionName=f"{name}:$LATEST", Qualifier="live") == (
        400,
        "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
    )
    assert refused(aws.get_function, FunctionName=name, Qualifier="7")[:2] == (404, "ResourceNotFoundException")
    assert refused(aws.delete_function, FunctionName=name, Qualifier="live") == (
        400,
        "InvalidParameterValueException",
        "Deletion of aliases is not currently supported.",
    )
    assert refused(aws.delete_function, FunctionName=name, Qualifier="$LATEST") == (
        400,
        "InvalidParameterValueException",
        "$LATEST version cannot be deleted without deleting the function.",
    )


CODE = {"ZipFile": b"x"}


@pytest.mark.parametrize(
    ("change", "status", "code", "text"),
    [
        (
            {"Code": {"ZipFile": b"no zip"}},
            400,
            "InvalidParameterValueException",
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ),
        ({"Role": ABSENT_ROLE}, 400, "InvalidParameterValueException", "cannot be assumed by Lambda"),
        ({"Role": "nonsense"}, 400, "ValidationException", "Member must satisfy regular expression pattern"),
        ({"Runtime": "python9.9"}, 400, "InvalidParameterValueException", "Value python9.9 at 'runtime' failed"),
        ({"Runtime": "python3.7"}, 400, "InvalidParameterValueException", "is no longer supported for creating"),
        ({"MemorySize": 64}, 400, "ValidationException", "greater than or equal to 128"),
        ({"Timeout": 0}, 400, "ValidationException", "Value '0' at 'timeout' failed to satisfy constraint"),
        ({"Timeout": 901}, 400, "InvalidParameterValueException", "less than or equal to 900"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, 400, "InvalidParameterValueException", "reserved keys"),
        ({"Environment": {"Variables": {"KEY": "x" * 4097}}}, 400, "InvalidParameterValueException", "4KB limit"),
        ({"Code": {}}, 400, "InvalidParameterValueException", "source for function code"),
        ({"Handler": "has a blank"}, 400, "ValidationException", "regular expression pattern"),
        ({"PackageType": "Image"}, 400, "InvalidParameterValueException", "not supported by Lambent"),
        (
            {"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"]},
            400,
            "InvalidParameterValueException",
            "Layer version arn:aws:lambda:us-east-1:000000000000:layer:l:1 does not exist.",
        ),
        ({"LoggingConfig": {"SystemLogLevel": "WARN"}}, 400, "InvalidParameterValueException", "JSON"),
        ({"Tags": {f"k{n}": "v" for n in range(51)}}, 400, "InvalidParameterValueException", "tag limit"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_input_is_refused_and_leaves_nothing_behind(
    aws: Any,
    shared_server: Any,
    name: str,
    members: dict[str, Any],
    change: dict[str, Any],
    status: int,
    code: str,
    text: str,
) -> None:
    unchecked = shared_server.client(
        "lambda", config=Config(parameter_validation=False, retries={"total_max_attempts": 1})
    )
    found = refused(unchecked.create_function, FunctionName=name, **{**members, **change})
    assert found[:2] == (status, code)
    assert text in found[2]
    assert refused(aws.get_function, FunctionName=name)[1] == "ResourceNotFoundException"


def test_a_name_is_taken_only_once(aws: Any, name: str, members: dict[str, Any]) -> None:
    aws.create_function(FunctionName=name, **members)
    assert refused(aws.create_function, FunctionName=name, **members) == (
        409,
        "ResourceConflictException",
        f"Function already exist: {name}",
    )


def test_a_name_longer_than_64_is_refused(aws: Any, members: dict[str, Any]) -> None:
    status, code, text = refused(aws.create_function, FunctionName="a" * 65, **members)
    assert (status, code) == (400, "InvalidParameterValueException")
    assert "length less than or equal to 64" in text


def test_an_empty_package_has_its_own_text(aws: Any, name: str, members: dict[str, Any]) -> None:
    out = io.BytesIO()
    zipfile.ZipFile(out, "w").close()
    found = refused(aws.create_function, FunctionName=name, **{**members, "Code": {"ZipFile": out.getvalue()}})
    assert found == (400, "InvalidParameterValueException", "Uploaded file must be a non-empty zip")


def test_a_package_over_50_mb_is_refused(aws: Any, name: str, members: dict[str, Any]) -> None:
    huge = {**members, "Code": {"ZipFile": bytes(52_428_801)}}
    assert refused(aws.create_function, FunctionName=name, **huge)[:2] == (413, "RequestEntityTooLargeException")


def test_tags_are_kept_and_changed(aws: Any, name: str, members: dict[str, Any]) -> None:
    arn = aws.create_function(FunctionName=name, Tags={"a": "1"}, **members)["FunctionArn"]
    aws.tag_resource(Resource=arn, Tags={"b": "2"})
    aws.untag_resource(Resource=arn, TagKeys=["a", "absent"])
    assert aws.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    assert refused(aws.tag_resource, Resource=f"{arn}:1", Tags={"c": "3"})[1] == "InvalidParameterValueException"


def test_an_operation_that_is_missing_says_so_by_name(aws: Any) -> None:
    status, code, text = refused(aws.get_durable_execution, DurableExecutionArn="arn:aws:lambda:x")
    assert (status, code) == (501, "NotImplementedException")
    assert "GetDurableExecution" in text


def test_account_settings_count_what_is_there(aws: Any, name: str, members: dict[str, Any]) -> None:
    before = aws.get_account_settings()["AccountUsage"]
    aws.create_function(FunctionName=name, **members)
    after = aws.get_account_settings()["AccountUsage"]
    assert after["FunctionCount"] == before["FunctionCount"] + 1
    assert after["TotalCodeSize"] == before["TotalCodeSize"] + len(members["Code"]["ZipFile"])
