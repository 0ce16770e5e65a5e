"""Published versions as boto3 sees them, on a running server."""

from __future__ import annotations

import urllib.request
from typing import Any
from uuid import uuid4

import pytest

STALE = (
    412,
    "PreconditionFailedException",
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
)


def test_a_version_is_active_at_once_and_never_changes(deployed: Any) -> None:
    deployed.create(Description="mine", Environment={"Variables": {"KEY": "1"}})
    before = deployed.settled()
    first = deployed.publish(Description="first")
    assert first["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (first["Version"], first["FunctionArn"]) == ("1", f"{deployed.arn}:1")
    assert (first["State"], first["LastUpdateStatus"], first["Description"]) == ("Active", "Successful", "first")
    after = deployed.settled()
    assert len({before["RevisionId"], first["RevisionId"], after["RevisionId"]}) == 3
    assert after["Description"] == "mine"
    deployed.deploy("two")
    deployed.configure(Environment={"Variables": {"KEY": "2"}}, Timeout=9)
    kept = deployed.aws.get_function_configuration(FunctionName=deployed.name, Qualifier="1")
    assert {**kept, "ResponseMetadata": 0} == {**first, "ResponseMetadata": 0}
    assert (kept["Timeout"], kept["Environment"]) == (3, {"Variables": {"KEY": "1"}})
    code = deployed.aws.get_function(FunctionName=f"{deployed.arn}:1")["Code"]["Location"]
    with urllib.request.urlopen(code, timeout=10) as answer:
        assert answer.read() == deployed.package("one")
    assert deployed.call()[1]["code"] == "two"
    assert deployed.call("1")[1]["code"] == "one"


def test_publishing_again_without_a_change_gives_the_same_version(deployed: Any) -> None:
    deployed.create(Description="mine")
    first = deployed.publish(Description="first")
    again = deployed.publish(Description="not even this is a change")
    assert {**again, "ResponseMetadata": 0} == {**first, "ResponseMetadata": 0}
    deployed.configure(Timeout=3)
    deployed.deploy("one")
    assert deployed.publish()["RevisionId"] == first["RevisionId"]
    deployed.configure(Description="a change")
    second = deployed.publish()
    assert (second["Version"], second["Description"]) == ("2", "a change")


def test_a_creation_may_publish_the_first_version(deployed: Any) -> None:
    created = deployed.create(Publish=True)
    assert (created["Version"], created["FunctionArn"], created["State"]) == ("1", deployed.arn, "Pending")
    version = deployed.aws.get_function_configuration(FunctionName=deployed.name, Qualifier="1")
    assert (version["State"], version["LastUpdateStatus"]) == ("Active", "Successful")
    assert version["RevisionId"] == created["RevisionId"]
    assert deployed.publish()["Version"] == "1"
    assert deployed.call("1")[0] == "1"
    listed = deployed.aws.list_versions_by_function(FunctionName=deployed.name)["Versions"]
    assert [version["FunctionArn"] for version in listed] == [f"{deployed.arn}:$LATEST", f"{deployed.arn}:1"]
    assert not any("State" in version or "LastUpdateStatus" in version for version in listed)


def test_an_update_of_the_code_may_publish_it(deployed: Any) -> None:
    deployed.create()
    updated = deployed.deploy("two", Publish=True)
    assert (updated["Version"], updated["FunctionArn"]) == ("1", f"{deployed.arn}:1")
    assert (updated["State"], updated["StateReasonCode"]) == ("Pending", "Creating")
    assert "LastUpdateStatus" not in updated
    version = deployed.aws.get_function_configuration(FunctionName=deployed.name, Qualifier="1")
    assert (version["State"], version["LastUpdateStatus"]) == ("Active", "Successful")
    assert deployed.call("1") == deployed.call("1")
    assert deployed.call("1")[1]["code"] == "two"
    assert deployed.deploy("two", Publish=True)["Version"] == "1"
    assert deployed.deploy("three", Publish=True)["Version"] == "2"
    dry = deployed.aws.update_function_code(
        FunctionName=deployed.name, ZipFile=deployed.package("four"), Publish=True, DryRun=True
    )
    assert dry["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert deployed.publish()["Version"] == "2"


def test_publishing_may_name_what_it_expects(two_versions: Any) -> None:
    latest = two_versions.settled()
    assert two_versions.refused("publish_version", RevisionId=str(uuid4())) == STALE
    assert two_versions.refused("publish_version", CodeSha256="nothing") == (
        400,
        "InvalidParameterValueException",
        f"CodeSHA256 (nothing) is different from current CodeSHA256 in $LATEST ({latest['CodeSha256']}). "
        "Please try again with the CodeSHA256 in $LATEST.",
    )
    right = {"RevisionId": latest["RevisionId"], "CodeSha256": latest["CodeSha256"]}
    assert two_versions.publish(**right)["Version"] == "2"


def test_a_number_is_not_used_again_and_a_deleted_version_is_gone(deployed: Any) -> None:
    deployed.create(Publish=True)
    assert deployed.call("1")[0] == "1"
    gone = deployed.aws.delete_function(FunctionName=deployed.name, Qualifier="1")
    assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    missing = (404, "ResourceNotFoundException", f"Function not found: {deployed.arn}:1")
    assert deployed.refused("invoke", Qualifier="1") == missing
    assert deployed.refused("get_function", Qualifier="1") == missing
    assert deployed.publish()["Version"] == "2"
    deployed.aws.delete_function(FunctionName=f"{deployed.name}:1")
    assert deployed.call()[0] == "$LATEST"


def test_a_new_function_of_the_same_name_begins_anew(deployed: Any) -> None:
    deployed.create(Publish=True)
    deployed.alias("Prod", "1")
    deployed.call("Prod")
    deployed.aws.delete_function(FunctionName=deployed.name)
    deployed.create("two")
    assert deployed.aws.list_aliases(FunctionName=deployed.name)["Aliases"] == []
    for qualifier in ("1", "Prod"):
        assert deployed.refused("invoke", Qualifier=qualifier)[1] == "ResourceNotFoundException"
    assert deployed.publish()["Version"] == "1"
    assert deployed.call("1")[1]["code"] == "two"


def test_lists_of_versions_come_in_pages(deployed: Any) -> None:
    deployed.create(Publish=True)
    for number in range(2, 12):
        deployed.configure(Description=str(number))
        assert deployed.publish()["Version"] == str(number)
    pages = list(
        deployed.aws.get_paginator("list_versions_by_function").paginate(
            FunctionName=deployed.name, PaginationConfig={"PageSize": 5}
        )
    )
    assert [len(page["Versions"]) for page in pages] == [5, 5, 2]
    found = [version["Version"] for page in pages for version in page["Versions"]]
    assert found == ["$LATEST", *(str(number) for number in range(1, 12))]
    every = [
        function
        for page in deployed.aws.get_paginator("list_functions").paginate(
            FunctionVersion="ALL", PaginationConfig={"PageSize": 3}
        )
        for function in page["Functions"]
    ]
    arns = [function["FunctionArn"] for function in every]
    assert len(arns) == len(set(arns))
    assert [arn for arn in arns if arn.startswith(f"{deployed.arn}:")] == [f"{deployed.arn}:{each}" for each in found]
    assert deployed.refused("list_versions_by_function", Marker="bm8=")[1] == "InvalidParameterValueException"


def test_a_version_is_called_in_every_spelling_and_knows_how(two_versions: Any) -> None:
    name, arn = two_versions.name, two_versions.arn
    for spelling in (f"{name}:1", f"{arn}:1", f"000000000000:function:{name}:1", f"function:{name}:1"):
        executed, answer = two_versions.call(name=spelling)
        assert (executed, answer["version"], answer["code"]) == ("1", "1", "one")
        assert answer["arn"] == f"{arn}:1"
        assert "/[1]" in answer["stream"]
    assert two_versions.call("2", name=f"{name}:2")[1]["arn"] == f"{arn}:2"
    assert two_versions.call("$LATEST")[1]["arn"] == f"{arn}:$LATEST"
    assert two_versions.call()[1]["arn"] == arn
    assert two_versions.call()[0] == "$LATEST"


@pytest.mark.parametrize(
    ("operation", "request_", "status", "code", "text"),
    [
        ("invoke", {"Qualifier": "9"}, 404, "ResourceNotFoundException", "Function not found: {arn}:9"),
        ("invoke", {"Qualifier": "none"}, 404, "ResourceNotFoundException", "Function not found: {arn}:none"),
        ("invoke", {"Qualifier": "01"}, 404, "ResourceNotFoundException", "Function not found: {arn}:01"),
        ("get_function", {"Qualifier": "01"}, 404, "ResourceNotFoundException", "Function not found: {arn}:01"),
        ("get_function", {"Qualifier": "none"}, 404, "ResourceNotFoundException", "Function not found: {arn}:none"),
        (
            "get_function",
            {"Qualifier": "$latest"},
            404,
            "ResourceNotFoundException",
            "Function not found: {arn}:$latest",
        ),
        ("delete_function", {"Qualifier": "$latest"}, 404, "ResourceNotFoundException", "Function not found: {arn}"),
        (
            "invoke",
            {"FunctionName": "{arn}:1", "Qualifier": "2"},
            400,
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        ),
        (
            "delete_function",
            {"Qualifier": "none"},
            400,
            "InvalidParameterValueException",
            "Deletion of aliases is not currently supported.",
        ),
        (
            "publish_version",
            {"PublishTo": "LATEST_PUBLISHED"},
            400,
            "InvalidParameterValueException",
            "PublishTo is not supported by Lambent.",
        ),
        (
            "publish_version",
            {"FunctionName": "nobody"},
            404,
            "ResourceNotFoundException",
            "Function not found: {nobody}",
        ),
        (
            "list_versions_by_function",
            {"FunctionName": "nobody"},
            404,
            "ResourceNotFoundException",
            "Function not found: {nobody}",
        ),
    ],
)
def test_errors_are_aws_s_own(
    two_versions: Any, operation: str, request_: dict[str, str], status: int, code: str, text: str
) -> None:
    words = {"arn": two_versions.arn, "nobody": "arn:aws:lambda:us-east-1:000000000000:function:nobody"}
    request = {member: value.format(**words) for member, value in request_.items()}
    assert two_versions.refused(operation, **request) == (status, code, text.format(**words))


def test_account_settings_count_the_code_of_versions_too(deployed: Any) -> None:
    deployed.create()
    before = deployed.aws.get_account_settings()["AccountUsage"]
    version = deployed.publish()
    after = deployed.aws.get_account_settings()["AccountUsage"]
    assert after["TotalCodeSize"] == before["TotalCodeSize"] + version["CodeSize"]
    assert after["FunctionCount"] == before["FunctionCount"]
