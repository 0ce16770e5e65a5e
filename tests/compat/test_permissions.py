"""Resource policies of functions, versions and aliases as boto3 sees them, on a running server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

INVOKE = "lambda:InvokeFunction"
STALE = (
    412,
    "PreconditionFailedException",
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetPolicy API to retrieve the latest Revision Id",
)
GONE = (404, "ResourceNotFoundException", "The resource you requested does not exist.")
NOBODY = (
    400,
    "InvalidParameterValueException",
    "The provided principal was invalid. Please check the principal and try again.",
)


@pytest.fixture(scope="module")
def subject(two_versions: Any) -> Any:
    """The function with an alias."""
    two_versions.alias("Prod", "1")
    return two_versions


@pytest.fixture
def clean(subject: Any) -> Iterator[Any]:
    """It has no policy before and after a test."""
    yield subject
    for qualifier in ({}, {"Qualifier": "1"}, {"Qualifier": "Prod"}):
        for each in statements(subject, **qualifier):
            subject.aws.remove_permission(FunctionName=subject.name, StatementId=each["Sid"], **qualifier)


def add(subject: Any, sid: str = "s3", **members: Any) -> dict[str, Any]:
    """The statement that was made."""
    request = {"StatementId": sid, "Action": INVOKE, "Principal": "s3.amazonaws.com", **members}
    answer = subject.aws.add_permission(FunctionName=subject.name, **request)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    return dict(json.loads(answer["Statement"]))


def statements(subject: Any, **qualifier: str) -> list[dict[str, Any]]:
    try:
        answer = subject.aws.get_policy(FunctionName=subject.name, **qualifier)
    except subject.aws.exceptions.ResourceNotFoundException:
        return []
    policy = json.loads(answer["Policy"])
    assert (policy["Version"], policy["Id"]) == ("2012-10-17", "default")
    return list(policy["Statement"])


def test_a_statement_is_made_shown_and_removed(clean: Any) -> None:
    made = add(clean, SourceArn="arn:aws:s3:::bucket", SourceAccount="000000000000")
    assert list(made.items()) == [
        ("Sid", "s3"),
        ("Effect", "Allow"),
        ("Principal", {"Service": "s3.amazonaws.com"}),
        ("Action", INVOKE),
        ("Resource", clean.arn),
        (
            "Condition",
            {
                "StringEquals": {"AWS:SourceAccount": "000000000000"},
                "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
            },
        ),
    ]
    other = add(clean, "sns", Principal="sns.amazonaws.com")
    assert statements(clean) == [made, other]
    removed = clean.aws.remove_permission(FunctionName=clean.name, StatementId="s3")
    assert removed["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert statements(clean) == [other]
    clean.aws.remove_permission(FunctionName=clean.name, StatementId="sns")
    assert clean.refused("get_policy") == GONE


def test_functions_versions_and_aliases_have_policies_of_their_own(clean: Any) -> None:
    for qualifier in ("1", "Prod"):
        assert add(clean, Qualifier=qualifier)["Resource"] == f"{clean.arn}:{qualifier}"
    assert add(clean)["Resource"] == clean.arn
    clean.aws.remove_permission(FunctionName=f"{clean.arn}:Prod", StatementId="s3")
    assert statements(clean, Qualifier="Prod") == []
    assert len(statements(clean)) == len(statements(clean, Qualifier="1")) == 1


def test_what_is_deleted_takes_its_policy_with_it(deployed: Any) -> None:
    deployed.create(Publish=True)
    deployed.alias("Prod", "1")
    add(deployed, Qualifier="Prod")
    deployed.aws.delete_alias(FunctionName=deployed.name, Name="Prod")
    deployed.alias("Prod", "1")
    assert statements(deployed, Qualifier="Prod") == []
    add(deployed)
    deployed.aws.delete_function(FunctionName=deployed.name)
    deployed.create()
    assert statements(deployed) == []


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("*", "*"),
        ("111122223333", {"AWS": "arn:aws:iam::111122223333:root"}),
        ("arn:aws:iam::111122223333:user/path/ann", {"AWS": "arn:aws:iam::111122223333:user/path/ann"}),
        ("apigateway.amazonaws.com", {"Service": "apigateway.amazonaws.com"}),
    ],
)
def test_principals_are_shown_as_what_they_are(clean: Any, given: str, shown: Any) -> None:
    assert add(clean, Principal=given)["Principal"] == shown


def test_a_role_of_the_account_must_exist(clean: Any, shared_server: Any) -> None:
    role = shared_server.role()
    assert add(clean, Principal=role)["Principal"] == {"AWS": role}
    request = {"StatementId": "x", "Action": INVOKE}
    for nobody in ("arn:aws:iam::000000000000:role/nobody", "arn:aws:iam::000000000000:user/nobody", "x.example.org"):
        assert clean.refused("add_permission", Principal=nobody, **request) == NOBODY


@pytest.mark.parametrize(
    ("members", "condition"),
    [
        ({"EventSourceToken": "t"}, {"StringEquals": {"lambda:EventSourceToken": "t"}}),
        ({"PrincipalOrgID": "o-1234567890"}, {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}),
        (
            {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE", "Principal": "*"},
            {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        ),
        ({"InvokedViaFunctionUrl": True}, {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}),
    ],
)
def test_conditions_are_those_of_aws(clean: Any, members: dict[str, Any], condition: Any) -> None:
    assert add(clean, **members)["Condition"] == condition


def test_the_policy_s_revision_is_that_of_what_it_belongs_to(clean: Any) -> None:
    def shown(**qualifier: str) -> str:
        if qualifier == {"Qualifier": "Prod"}:
            return str(clean.aws.get_alias(FunctionName=clean.name, Name="Prod")["RevisionId"])
        return str(clean.aws.get_function_configuration(FunctionName=clean.name, **qualifier)["RevisionId"])

    for qualifier in ({}, {"Qualifier": "1"}, {"Qualifier": "Prod"}):
        before = shown(**qualifier)
        request = {"StatementId": "sns", "Action": INVOKE, "Principal": "sns.amazonaws.com", **qualifier}
        assert clean.refused("add_permission", RevisionId=str(uuid4()), **request) == STALE
        add(clean, RevisionId=before, **qualifier)
        revision = clean.aws.get_policy(FunctionName=clean.name, **qualifier)["RevisionId"]
        assert revision == shown(**qualifier) != before
        refused = clean.refused("remove_permission", StatementId="s3", RevisionId=before, **qualifier)
        assert refused == (*STALE[:2], STALE[2].replace("GetPolicy", "GetFunction/GetAlias"))
        clean.aws.remove_permission(FunctionName=clean.name, StatementId="s3", RevisionId=revision, **qualifier)
        assert shown(**qualifier) != revision
    assert clean.call()[0] == "$LATEST"
    assert clean.call("Prod")[0] == "1"


@pytest.mark.parametrize(
    ("operation", "request_", "status", "code", "text"),
    [
        (
            "add_permission",
            {"Qualifier": "$LATEST"},
            400,
            "InvalidParameterValueException",
            "We currently do not support adding policies for $LATEST.",
        ),
        (
            "add_permission",
            {"StatementId": "there"},
            409,
            "ResourceConflictException",
            "The statement id (there) provided already exists. Please provide a new statement id, or remove the "
            "existing statement.",
        ),
        ("add_permission", {"Qualifier": "9"}, 404, "ResourceNotFoundException", "Function not found: {arn}:9"),
        ("add_permission", {"Qualifier": "no"}, 404, "ResourceNotFoundException", "Cannot find alias arn: {arn}:no"),
        (
            "add_permission",
            {"FunctionName": "nobody"},
            404,
            "ResourceNotFoundException",
            "Function not found: {nobody}",
        ),
        ("add_permission", {"Principal": "invalid.nonaws.com"}, *NOBODY),
        (
            "add_permission",
            {"StatementId": "not/valid"},
            400,
            "ValidationException",
            "1 validation error detected: Value 'not/valid' at 'statementId' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: ([a-zA-Z0-9-_]+)",
        ),
        (
            "remove_permission",
            {"StatementId": "no"},
            404,
            "ResourceNotFoundException",
            "Statement no is not found in resource policy.",
        ),
        (
            "remove_permission",
            {"Qualifier": "2"},
            404,
            "ResourceNotFoundException",
            "No policy is associated with the given resource.",
        ),
        (
            "remove_permission",
            {"FunctionName": "nobody"},
            404,
            "ResourceNotFoundException",
            "No policy found for: {nobody}",
        ),
        ("get_policy", {"FunctionName": "nobody"}, 404, "ResourceNotFoundException", "Function not found: {nobody}"),
        ("get_policy", {"Qualifier": "9"}, *GONE),
        ("get_policy", {"Qualifier": "2"}, *GONE),
    ],
)
def test_errors_are_aws_s_own(
    clean: Any, operation: str, request_: dict[str, str], status: int, code: str, text: str
) -> None:
    add(clean, "there")
    request = {"StatementId": "new"} if operation != "get_policy" else {}
    if operation == "add_permission":
        request |= {"Action": INVOKE, "Principal": "s3.amazonaws.com"}
    nobody = "arn:aws:lambda:us-east-1:000000000000:function:nobody"
    found = clean.refused(operation, **{**request, **request_})
    assert found == (status, code, text.format(arn=clean.arn, nobody=nobody))
    assert len(statements(clean)) == 1


def test_a_policy_has_a_largest_size(clean: Any) -> None:
    long = "arn:aws:s3:::" + "b" * 9_900
    for sid in ("one", "two"):
        add(clean, sid, SourceArn=long)
    status, code, text = clean.refused(
        "add_permission", StatementId="three", Action=INVOKE, Principal="s3.amazonaws.com", SourceArn=long
    )
    assert (status, code) == (400, "PolicyLengthExceededException")
    assert text.endswith("is bigger than the limit (20480).")
    assert len(statements(clean)) == 2


# --- whole documents ------------------------------------------------------------------------------------------


def test_a_whole_policy_takes_the_place_of_every_statement(clean: Any) -> None:
    aws, arn = clean.aws, f"{clean.arn}:Prod"
    add(clean, Qualifier="Prod")
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "mine", "Effect": "Deny", "Principal": "*", "Action": INVOKE, "Resource": arn}],
    }
    put = aws.put_resource_policy(ResourceArn=arn, Policy=json.dumps(policy))
    assert json.loads(put["Policy"]) == policy
    found = aws.get_resource_policy(ResourceArn=arn)
    assert (found["Policy"], found["RevisionId"]) == (put["Policy"], put["RevisionId"])
    assert aws.get_policy(FunctionName=arn)["Policy"] == put["Policy"]
    made = add(clean, Qualifier="Prod")
    assert json.loads(aws.get_resource_policy(ResourceArn=arn)["Policy"])["Statement"] == [*policy["Statement"], made]
    assert clean.refused("delete_resource_policy", RevisionId=put["RevisionId"], ResourceArn=arn) == STALE
    latest = aws.get_resource_policy(ResourceArn=arn)["RevisionId"]
    deleted = aws.delete_resource_policy(ResourceArn=arn, RevisionId=latest)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert clean.refused("get_resource_policy", ResourceArn=arn) == GONE
    assert clean.refused("delete_resource_policy", ResourceArn=arn)[1] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("resource", "policy", "code"),
    [
        ("{arn}", "{", "InvalidParameterValueException"),
        ("{arn}", '{"Version": "2012-10-17", "Statement": []}', "InvalidParameterValueException"),
        ("{arn}:$LATEST", "{}", "InvalidParameterValueException"),
        ("arn:aws:lambda:us-east-1:000000000000:runtime/x", "{}", "InvalidParameterValueException"),
        ("{arn}", "x" * 20_481, "ValidationException"),
        ("nonsense", "{}", "ValidationException"),
    ],
)
def test_a_faulty_policy_is_refused(clean: Any, resource: str, policy: str, code: str) -> None:
    refused = clean.refused("put_resource_policy", ResourceArn=resource.format(arn=clean.arn), Policy=policy)
    assert refused[:2] == (400, code)
    assert statements(clean) == []
