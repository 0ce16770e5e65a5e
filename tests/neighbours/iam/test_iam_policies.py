"""Managed policies and their versions, ours and AWS's."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import unquote

import pytest

from lambent.core.policydoc import parse_identity
from lambent.neighbours.iam.aws_policies import aws_policies
from lambent.wire.errors import ApiError

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
ABSENT = "arn:aws:iam::000000000000:policy/absent"


async def test_a_policy_is_shown_as_it_was_made(iam: Any) -> None:
    made = await iam(
        "CreatePolicy",
        PolicyName="reader",
        Path="/data/",
        PolicyDocument=iam.document,
        Description="d",
        Tags=[{"Key": "a", "Value": "b"}],
    )
    policy = made["Policy"]
    assert policy["Arn"] == "arn:aws:iam::000000000000:policy/data/reader"
    assert policy["PolicyId"].startswith("ANPA")
    assert policy["DefaultVersionId"] == "v1"
    assert (policy["AttachmentCount"], policy["PermissionsBoundaryUsageCount"]) == (0, 0)
    assert policy["IsAttachable"] is True
    assert (policy["Description"], policy["Tags"]) == ("d", [{"Key": "a", "Value": "b"}])
    assert (await iam("GetPolicy", PolicyArn=policy["Arn"]))["Policy"] == policy
    version = (await iam("GetPolicyVersion", PolicyArn=policy["Arn"], VersionId="v1"))["PolicyVersion"]
    assert unquote(version["Document"]) == iam.document
    assert version["IsDefaultVersion"] is True


@pytest.mark.parametrize(
    ("operation", "request_", "code", "status", "text"),
    [
        ("GetPolicy", {"PolicyArn": ABSENT}, "NoSuchEntity", 404, f"Policy {ABSENT} was not found."),
        ("DeletePolicy", {"PolicyArn": ABSENT}, "NoSuchEntity", 404, f"Policy {ABSENT} was not found."),
        ("TagPolicy", {"PolicyArn": ABSENT, "Tags": []}, "NoSuchEntity", 404, f"Policy {ABSENT} was not found."),
        ("GetPolicy", {"PolicyArn": "arn:aws:iam::x:policy/y"}, "InvalidInput", 400, "ARN arn:aws:iam::x:policy/y is"),
        ("DeletePolicy", {"PolicyArn": ADMIN}, "NoSuchEntity", 404, f"Policy {ADMIN} was not found."),
        (
            "GetPolicy",
            {"PolicyArn": "arn:aws:iam::111111111111:policy/reader"},
            "NoSuchEntity",
            404,
            "Policy arn:aws:iam::111111111111:policy/reader was not found.",
        ),
        (
            "GetPolicy",
            {"PolicyArn": "arn:aws:iam::000000000000:policy/wrong/path/reader"},
            "NoSuchEntity",
            404,
            "Policy arn:aws:iam::000000000000:policy/wrong/path/reader was not found.",
        ),
        (
            "GetPolicyVersion",
            {"PolicyArn": ADMIN, "VersionId": "v9"},
            "NoSuchEntity",
            404,
            f"Policy {ADMIN} version v9 does not exist or is not attachable.",
        ),
        (
            "CreatePolicy",
            {"PolicyName": "p", "PolicyDocument": "{}"},
            "MalformedPolicyDocument",
            400,
            "Syntax errors in policy.",
        ),
    ],
)
async def test_a_wrong_request_gets_the_error_of_aws(
    iam: Any, operation: str, request_: dict[str, Any], code: str, status: int, text: str
) -> None:
    await iam.policy()
    with pytest.raises(ApiError) as raised:
        await iam(operation, **request_)
    assert (raised.value.code, raised.value.status) == (code, status)
    assert str(raised.value.message).startswith(text)


async def test_a_name_is_taken_on_every_path(iam: Any) -> None:
    await iam.policy("reader")
    with pytest.raises(ApiError) as raised:
        await iam.policy("READER", Path="/other/")
    assert (raised.value.code, raised.value.status) == ("EntityAlreadyExists", 409)
    assert raised.value.message == "A policy called READER already exists. Duplicate names are not allowed."


async def test_a_document_beyond_the_quota_is_refused(iam: Any) -> None:
    document = json.loads(iam.document)
    document["Statement"] *= 120
    with pytest.raises(ApiError) as raised:
        await iam("CreatePolicy", PolicyName="p", PolicyDocument=json.dumps(document))
    assert (raised.value.code, raised.value.status) == ("LimitExceeded", 409)
    assert raised.value.message == "Cannot exceed quota for PolicySize: 6144"


async def test_versions_are_numbered_once_and_one_is_the_default(iam: Any) -> None:
    arn = await iam.policy()
    await iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=iam.document)
    made = await iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=iam.document, SetAsDefault=True)
    assert made["PolicyVersion"]["VersionId"] == "v3"
    assert made["PolicyVersion"]["IsDefaultVersion"] is True
    assert (await iam("GetPolicy", PolicyArn=arn))["Policy"]["DefaultVersionId"] == "v3"
    await iam("SetDefaultPolicyVersion", PolicyArn=arn, VersionId="v2")
    await iam("DeletePolicyVersion", PolicyArn=arn, VersionId="v3")
    made = await iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=iam.document)
    assert made["PolicyVersion"]["VersionId"] == "v4"
    listed = (await iam("ListPolicyVersions", PolicyArn=arn))["Versions"]
    assert [v["VersionId"] for v in listed] == ["v4", "v2", "v1"]
    assert [v["IsDefaultVersion"] for v in listed] == [False, True, False]
    assert all("Document" not in v for v in listed)


async def test_the_default_version_and_a_sixth_one_are_refused(iam: Any) -> None:
    arn = await iam.policy()
    for _ in range(4):
        await iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=iam.document)
    with pytest.raises(ApiError) as raised:
        await iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=iam.document)
    assert raised.value.code == "LimitExceeded"
    with pytest.raises(ApiError) as raised:
        await iam("DeletePolicyVersion", PolicyArn=arn, VersionId="v1")
    assert (raised.value.code, raised.value.message) == (
        "DeleteConflict",
        "Cannot delete the default version of a policy.",
    )


async def test_a_policy_in_use_or_with_versions_cannot_be_deleted(iam: Any) -> None:
    arn = await iam.policy()
    await iam.role()
    await iam("AttachRolePolicy", RoleName="runner", PolicyArn=arn)
    await iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=iam.document)
    texts = []
    for undo in (
        {"operation": "DetachRolePolicy", "RoleName": "runner"},
        {"operation": "DeletePolicyVersion", "VersionId": "v2"},
    ):
        with pytest.raises(ApiError) as raised:
            await iam("DeletePolicy", PolicyArn=arn)
        assert raised.value.code == "DeleteConflict"
        texts.append(str(raised.value.message).split(".")[0])
        await iam(PolicyArn=arn, **undo)
    assert texts == ["Cannot delete a policy attached to entities", "This policy has more than one version"]
    await iam("DeletePolicy", PolicyArn=arn)
    with pytest.raises(ApiError) as raised:
        await iam("GetPolicy", PolicyArn=arn)
    assert raised.value.code == "NoSuchEntity"


async def test_a_policy_cannot_be_deleted_while_it_is_being_attached(iam: Any) -> None:
    await iam.role()
    for _ in range(10):
        arn = await iam.policy()
        await asyncio.gather(
            iam("AttachRolePolicy", RoleName="runner", PolicyArn=arn),
            iam("DeletePolicy", PolicyArn=arn),
            return_exceptions=True,
        )
        attached = (await iam("ListAttachedRolePolicies", RoleName="runner"))["AttachedPolicies"]
        local = (await iam("ListPolicies", Scope="Local"))["Policies"]
        assert len(attached) == len(local)
        if attached:
            await iam("DetachRolePolicy", RoleName="runner", PolicyArn=arn)
            await iam("DeletePolicy", PolicyArn=arn)


async def test_who_uses_a_policy_is_told(iam: Any) -> None:
    arn = await iam.policy()
    for name in ("a", "b"):
        await iam.role(name, Path="/r/")
        await iam("AttachRolePolicy", RoleName=name, PolicyArn=arn)
    await iam("CreateUser", UserName="ada", PermissionsBoundary=arn)
    await iam("AttachUserPolicy", UserName="ada", PolicyArn=arn)
    everybody = await iam("ListEntitiesForPolicy", PolicyArn=arn)
    assert [r["RoleName"] for r in everybody["PolicyRoles"]] == ["a", "b"]
    assert [u["UserName"] for u in everybody["PolicyUsers"]] == ["ada"]
    assert everybody["PolicyGroups"] == []
    roles = await iam("ListEntitiesForPolicy", PolicyArn=arn, EntityFilter="Role", PathPrefix="/r/")
    assert (len(roles["PolicyRoles"]), roles["PolicyUsers"]) == (2, [])
    bounded = await iam("ListEntitiesForPolicy", PolicyArn=arn, PolicyUsageFilter="PermissionsBoundary")
    assert (bounded["PolicyRoles"], len(bounded["PolicyUsers"])) == ([], 1)
    first = await iam("ListEntitiesForPolicy", PolicyArn=arn, MaxItems=2)
    rest = await iam("ListEntitiesForPolicy", PolicyArn=arn, MaxItems=2, Marker=first["Marker"])
    assert len(first["PolicyRoles"]) == 2
    assert len(rest["PolicyUsers"]) == 1


async def test_policies_are_listed_by_scope_path_and_use(iam: Any) -> None:
    arn = await iam.policy(Path="/mine/")
    await iam.policy("other")
    await iam.role()
    for attached in (arn, BASIC):
        await iam("AttachRolePolicy", RoleName="runner", PolicyArn=attached)

    async def names(**request: Any) -> set[str]:
        return {p["PolicyName"] for p in (await iam("ListPolicies", MaxItems=1000, **request))["Policies"]}

    assert await names(Scope="Local") == {"reader", "other"}
    assert await names(Scope="Local", PathPrefix="/mine/") == {"reader"}
    assert await names(OnlyAttached=True) == {"reader", "AWSLambdaBasicExecutionRole"}
    assert await names(Scope="AWS", OnlyAttached=True) == {"AWSLambdaBasicExecutionRole"}
    assert "AdministratorAccess" in await names(Scope="AWS")
    assert await names(Scope="Local", PolicyUsageFilter="PermissionsBoundary") == set()


async def test_tags_of_a_policy_change(iam: Any) -> None:
    arn = await iam.policy(Tags=[{"Key": "a", "Value": "1"}])
    await iam("TagPolicy", PolicyArn=arn, Tags=[{"Key": "A", "Value": "2"}, {"Key": "b", "Value": ""}])
    await iam("UntagPolicy", PolicyArn=arn, TagKeys=["b"])
    assert (await iam("ListPolicyTags", PolicyArn=arn))["Tags"] == [{"Key": "A", "Value": "2"}]


async def test_every_policy_of_aws_can_be_read(iam: Any) -> None:
    for arn, policy in aws_policies().items():
        shown = (await iam("GetPolicy", PolicyArn=arn))["Policy"]
        version = await iam("GetPolicyVersion", PolicyArn=arn, VersionId=shown["DefaultVersionId"])
        parse_identity(unquote(version["PolicyVersion"]["Document"]))
        assert shown["PolicyName"] == policy.name


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("service-role/AWSLambdaBasicExecutionRole", "logs:PutLogEvents"),
        ("service-role/AWSLambdaVPCAccessExecutionRole", "ec2:CreateNetworkInterface"),
        ("service-role/AWSLambdaSQSQueueExecutionRole", "sqs:ReceiveMessage"),
        ("service-role/AWSLambdaKinesisExecutionRole", "kinesis:GetRecords"),
        ("service-role/AWSLambdaDynamoDBExecutionRole", "dynamodb:GetRecords"),
        ("service-role/AWSLambdaMSKExecutionRole", "kafka:DescribeCluster"),
        ("service-role/AWSLambdaRole", "lambda:InvokeFunction"),
        ("AWSXRayDaemonWriteAccess", "xray:PutTraceSegments"),
        ("AWSLambda_FullAccess", "lambda:*"),
        ("AWSLambda_ReadOnlyAccess", "lambda:Get*"),
        ("AdministratorAccess", "*"),
        ("ReadOnlyAccess", "lambda:List*"),
        ("CloudWatchLogsFullAccess", "logs:*"),
    ],
)
def test_the_policies_that_functions_use_are_there(name: str, action: str) -> None:
    policy = aws_policies()[f"arn:aws:iam::aws:policy/{name}"]
    statements = parse_identity(policy.versions[policy.default].document).statements
    assert any(action in (s.actions or ()) for s in statements)
