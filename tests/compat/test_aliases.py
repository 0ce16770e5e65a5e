"""Aliases as boto3 sees them, on a running server: AWS's own, and those that point to one another."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

WEIGHTS = "routingConfig.additionalVersionWeights"


@pytest.fixture
def alias(two_versions: Any) -> Iterator[Callable[..., Any]]:
    """Makes aliases of the shared function, and deletes them: those that were made last point to the others."""
    made: list[str] = []

    def make(name: str, version: str, **members: Any) -> Any:
        answer = two_versions.alias(name, version, **members)
        made.append(name)
        return answer

    yield make
    for name in reversed(made):
        two_versions.aws.delete_alias(FunctionName=two_versions.name, Name=name)


def split(version: str, share: float) -> dict[str, Any]:
    return {"RoutingConfig": {"AdditionalVersionWeights": {version: share}}}


def test_an_alias_lives_as_aws_s_do(two_versions: Any, alias: Any) -> None:
    aws, name = two_versions.aws, two_versions.name
    created = alias("Prod", "1", Description="main", **split("2", 0.25))
    assert created.pop("ResponseMetadata")["HTTPStatusCode"] == 201
    revision = created.pop("RevisionId")
    assert created == {
        "AliasArn": f"{two_versions.arn}:Prod",
        "Name": "Prod",
        "FunctionVersion": "1",
        "Description": "main",
        "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.25}},
    }
    found = aws.get_alias(FunctionName=name, Name="Prod")
    assert {**found, "ResponseMetadata": 0} == {**created, "RevisionId": revision, "ResponseMetadata": 0}
    updated = two_versions.move("Prod", RoutingConfig={})
    assert "RoutingConfig" not in updated
    assert (updated["FunctionVersion"], updated["Description"]) == ("1", "main")
    assert updated["RevisionId"] != revision
    again = two_versions.move("Prod")
    assert again["RevisionId"] != updated["RevisionId"]
    assert two_versions.refused("update_alias", Name="Prod", RevisionId=revision) == (
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
    )
    moved = two_versions.move("Prod", FunctionVersion="2", RevisionId=again["RevisionId"], Description="")
    assert (moved["FunctionVersion"], moved["Description"]) == ("2", "")
    assert aws.delete_alias(FunctionName=name, Name="Prod")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert aws.delete_alias(FunctionName=name, Name="Prod")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_a_function_shown_through_an_alias_has_the_alias_s_arn_and_the_version_s_number(
    two_versions: Any, alias: Any
) -> None:
    alias("Prod", "1", **split("2", 1.0))
    found = two_versions.aws.get_function_configuration(FunctionName=two_versions.name, Qualifier="Prod")
    assert (found["FunctionArn"], found["Version"]) == (f"{two_versions.arn}:Prod", "1")
    executed, answer = two_versions.call("Prod")
    assert (executed, answer["code"], answer["arn"]) == ("2", "two", f"{two_versions.arn}:Prod")
    assert two_versions.call(name=f"{two_versions.arn}:Prod") == (executed, answer)


def test_weights_split_the_traffic(two_versions: Any, alias: Any) -> None:
    alias("Prod", "1", **split("2", 0.5))
    ran = Counter(two_versions.call("Prod")[0] for _ in range(200))
    assert ran["1"] + ran["2"] == 200
    assert 50 < ran["2"] < 150  # less than once in 10^12 by chance
    two_versions.move("Prod", **split("2", 0.0))
    assert {two_versions.call("Prod")[0] for _ in range(20)} == {"1"}


def test_lists_are_in_name_order_by_version_and_in_pages(two_versions: Any, alias: Any) -> None:
    for name, version in (("c", "1"), ("a", "1"), ("b", "2"), ("d", "$LATEST"), ("e", "a")):
        alias(name, version)

    def names(**members: Any) -> list[str]:
        answer = two_versions.aws.list_aliases(FunctionName=two_versions.name, **members)
        return [each["Name"] for each in answer["Aliases"]]

    assert names() == ["a", "b", "c", "d", "e"]
    assert names(FunctionVersion="1") == ["a", "c"]
    assert names(FunctionVersion="$LATEST") == ["d"]
    assert names(FunctionVersion="a") == ["e"]
    assert names(FunctionVersion="9") == []
    pages = two_versions.aws.get_paginator("list_aliases").paginate(
        FunctionName=two_versions.name, PaginationConfig={"PageSize": 2}
    )
    assert [[each["Name"] for each in page["Aliases"]] for page in pages] == [["a", "b"], ["c", "d"], ["e"]]


def test_a_version_that_an_alias_needs_cannot_be_deleted(two_versions: Any, alias: Any) -> None:
    alias("Prod", "1", **split("2", 0.1))
    alias("Also", "1")
    for version, users in (("1", "Also, Prod"), ("2", "Prod")):
        assert two_versions.refused("delete_function", Qualifier=version) == (
            409,
            "ResourceConflictException",
            f"Unable to delete version because the following aliases reference it: [{users}]",
        )


@pytest.mark.parametrize(
    ("operation", "request_", "status", "code", "text"),
    [
        (
            "create_alias",
            {"FunctionVersion": "1", **{"RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5, "2": 0.5}}}},
            400,
            "InvalidParameterValueException",
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ),
        (
            "create_alias",
            {"FunctionVersion": "1", **split("2", 2.0)},
            400,
            "ValidationException",
            f"1 validation error detected: Value '{{2=2.0}}' at '{WEIGHTS}' failed to satisfy constraint: Map value "
            "must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value "
            "greater than or equal to 0.0, Member must not be null]",
        ),
        (
            "create_alias",
            {"FunctionVersion": "1", **split("2", -1.0)},
            400,
            "ValidationException",
            f"1 validation error detected: Value '{{2=-1.0}}' at '{WEIGHTS}' failed to satisfy constraint: Map value "
            "must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value "
            "greater than or equal to 0.0, Member must not be null]",
        ),
        (
            "create_alias",
            {"FunctionVersion": "1", **split("1", 0.5)},
            400,
            "InvalidParameterValueException",
            "Invalid function version 1. Function version 1 is already included in routing configuration.",
        ),
        (
            "create_alias",
            {"FunctionVersion": "10", **split("2", 0.5)},
            404,
            "ResourceNotFoundException",
            "Function not found: {arn}:10",
        ),
        (
            "create_alias",
            {"FunctionVersion": "1", **split("10", 0.5)},
            404,
            "ResourceNotFoundException",
            "Function not found: {arn}:10",
        ),
        (
            "create_alias",
            {"FunctionVersion": "$LATEST", **split("1", 0.5)},
            400,
            "InvalidParameterValueException",
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ),
        (
            "create_alias",
            {"FunctionVersion": "1", **split("$LATEST", 0.5)},
            400,
            "ValidationException",
            f"1 validation error detected: Value '{{$LATEST=0.5}}' at '{WEIGHTS}' failed to satisfy constraint: Map "
            "keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have "
            "length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, Member must "
            "not be null]",
        ),
        (
            "create_alias",
            {"FunctionName": "nobody", "FunctionVersion": "1"},
            404,
            "ResourceNotFoundException",
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody:1",
        ),
        (
            "create_alias",
            {"Name": "Prod", "FunctionVersion": "1"},
            409,
            "ResourceConflictException",
            "Alias already exists: {arn}:Prod",
        ),
        ("get_alias", {}, 404, "ResourceNotFoundException", "Cannot find alias arn: {arn}:absent"),
        ("update_alias", {}, 404, "ResourceNotFoundException", "Alias not found: {arn}:absent"),
        (
            "update_alias",
            {"Name": "Prod", "FunctionVersion": "9"},
            404,
            "ResourceNotFoundException",
            "Function not found: {arn}:9",
        ),
        (
            "create_alias",
            {"FunctionVersion": "$LATEST.PUBLISHED"},
            404,
            "ResourceNotFoundException",
            "Function not found: {arn}:$LATEST.PUBLISHED",
        ),
        # Beyond AWS.
        (
            "create_alias",
            {"FunctionVersion": "nowhere"},
            404,
            "ResourceNotFoundException",
            "Cannot find alias arn: {arn}:nowhere",
        ),
        (
            "create_alias",
            {"FunctionVersion": "absent"},
            400,
            "InvalidParameterValueException",
            "Alias absent cannot point to alias absent: that would be a circle (absent -> absent).",
        ),
        (
            "create_alias",
            {"FunctionVersion": "Prod", **split("2", 0.5)},
            400,
            "InvalidParameterValueException",
            "An alias with a routing configuration must point to a version, and Prod is an alias. Set the routing "
            "configuration there.",
        ),
        (
            "update_alias",
            {"Name": "Prod", "FunctionVersion": "Public"},
            400,
            "InvalidParameterValueException",
            "Alias Prod cannot point to alias Public: that would be a circle (Prod -> Public -> Live -> Prod).",
        ),
        (
            "delete_alias",
            {"Name": "Prod"},
            409,
            "ResourceConflictException",
            "Unable to delete alias because the following aliases reference it: [Live]",
        ),
    ],
)
def test_errors_are_aws_s_own(
    two_versions: Any,
    alias: Any,
    operation: str,
    request_: dict[str, Any],
    status: int,
    code: str,
    text: str,
) -> None:
    alias("Prod", "1")
    alias("Live", "Prod")
    alias("Public", "Live")
    request = {"Name": "absent", **request_}
    assert two_versions.refused(operation, **request) == (status, code, text.replace("{arn}", two_versions.arn))
    listed = two_versions.aws.list_aliases(FunctionName=two_versions.name)["Aliases"]
    assert [(each["Name"], each["FunctionVersion"]) for each in listed] == [
        ("Live", "Prod"),
        ("Prod", "1"),
        ("Public", "Live"),
    ]


def test_two_versions_that_share_traffic_have_one_role(shared_server: Any, deployed: Any) -> None:
    deployed.create(Publish=True)
    deployed.configure(Role=shared_server.role("another"))
    deployed.publish()
    deployed.alias("Prod", "1")
    assert deployed.refused("update_alias", Name="Prod", **split("2", 0.5)) == (
        400,
        "InvalidParameterValueException",
        "Specified versions must be associated with the same execution role",
    )


def test_a_name_of_digits_alone_is_no_alias_s(two_versions: Any) -> None:
    assert two_versions.refused("create_alias", Name="12", FunctionVersion="1")[:2] == (400, "ValidationException")


# --- beyond AWS -----------------------------------------------------------------------------------------------


def test_the_three_states_of_a_deployment(shared_server: Any, deployed: Any) -> None:
    """Dev follows `$LATEST`; Stage and Prod are moved by hand."""

    def runs() -> dict[str, str]:
        return {name: deployed.call(name)[1]["code"] for name in ("Dev", "Stage", "Prod")}

    deployed.create("v1", Publish=True)
    deployed.alias("Dev", "$LATEST")
    deployed.alias("Stage", "1")
    deployed.alias("Prod", "1")
    assert runs() == {"Dev": "v1", "Stage": "v1", "Prod": "v1"}
    deployed.deploy("v2", Publish=True)
    deployed.move("Stage", FunctionVersion="2")
    assert runs() == {"Dev": "v2", "Stage": "v2", "Prod": "v1"}
    deployed.deploy("v3", Publish=True)
    assert runs() == {"Dev": "v3", "Stage": "v2", "Prod": "v1"}
    command = [sys.executable, "-m", "lambent", "versions", deployed.name]
    done = subprocess.run(command, env=shared_server.environment(), capture_output=True, text=True, timeout=60)
    drawing = [line.split()[1] for line in done.stdout.splitlines()[1:] if line.startswith(("├", "└"))]
    assert drawing == ["$LATEST", "3", "2", "1"], done.stderr
    assert re.findall("Dev|Stage|Prod", done.stdout) == ["Dev", "Stage", "Prod"]


def test_an_alias_may_point_to_another_one_and_follows_it(two_versions: Any, alias: Any) -> None:
    alias("Stage", "2")
    alias("Prod", "1")
    pointing = alias("Live", "Prod")
    assert pointing["FunctionVersion"] == "Prod"
    alias("Public", "Live")
    executed, answer = two_versions.call("Public")
    assert (executed, answer["code"], answer["arn"]) == ("1", "one", f"{two_versions.arn}:Public")
    large = b'"' + b"x" * 300_000 + b'"'  # goes another way through the server
    assert two_versions.call("Public", event=large) == (executed, answer)
    found = two_versions.aws.get_function_configuration(FunctionName=two_versions.name, Qualifier="Public")
    assert (found["Version"], found["FunctionArn"]) == ("1", f"{two_versions.arn}:Public")
    two_versions.move("Prod", **split("2", 1.0))
    assert two_versions.call("Public")[0] == "2"
    two_versions.move("Prod", RoutingConfig={})
    two_versions.move("Live", FunctionVersion="Stage")
    assert two_versions.call("Public")[0] == "2"
    two_versions.move("Live", FunctionVersion="$LATEST")
    assert two_versions.call("Public")[0] == "$LATEST"


def test_everything_is_there_after_a_kill(make_server: Any, tools: Any) -> None:
    server = make_server().start()
    source = {"app.py": "def handler(event, context):\n    return context.function_version\n"}
    server.function("kept", source, Publish=True)
    aws = server.client("lambda")
    aws.create_alias(FunctionName="kept", Name="Prod", FunctionVersion="1")
    aws.create_alias(FunctionName="kept", Name="Live", FunctionVersion="Prod")
    server.kill()
    server.start()
    aws = server.client("lambda")
    assert aws.invoke(FunctionName="kept", Qualifier="Live")["ExecutedVersion"] == "1"
    assert [v["Version"] for v in aws.list_versions_by_function(FunctionName="kept")["Versions"]] == ["$LATEST", "1"]
    aws.delete_function(FunctionName="kept")
    server.kill()
    server.start()
    aws = server.client("lambda")
    assert aws.list_functions(FunctionVersion="ALL")["Functions"] == []


def test_of_changes_that_would_make_a_circle_together_only_some_are_made(
    two_versions: Any, alias: Any, tools: Any
) -> None:
    names = ["r0", "r1", "r2", "r3"]
    for name in names:
        alias(name, "1")

    def point(number: int) -> bool:
        target = names[(number + 1) % len(names)]
        try:
            two_versions.move(names[number], FunctionVersion=target)
        except two_versions.aws.exceptions.InvalidParameterValueException:
            return False
        return True

    with ThreadPoolExecutor(len(names)) as pool:
        made = list(pool.map(point, range(len(names))))
    assert made.count(False) == 1
    assert {two_versions.call(name)[0] for name in names} == {"1"}
    for name in names:
        two_versions.move(name, FunctionVersion="1")
