"""Roles: their life, trust, tags, boundaries and policies, with AWS's errors."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import unquote

import pytest

from lambent.wire.errors import ApiError, ValidationError

BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
OURS = "arn:aws:iam::000000000000:policy/reader"


async def test_a_role_is_shown_as_it_was_made(iam: Any) -> None:
    made = await iam.role(
        Path="/service/",
        Description="d",
        MaxSessionDuration=7200,
        Tags=[{"Key": "team", "Value": "a"}],
    )
    assert made["Arn"] == "arn:aws:iam::000000000000:role/service/runner"
    assert made["RoleId"].startswith("AROA")
    assert len(made["RoleId"]) == 21
    assert made["CreateDate"] == iam.clock.now()
    assert unquote(made["AssumeRolePolicyDocument"]) == iam.trust
    assert " " not in made["AssumeRolePolicyDocument"]
    assert '"' not in made["AssumeRolePolicyDocument"]
    assert made["Tags"] == [{"Key": "team", "Value": "a"}]
    assert made["MaxSessionDuration"] == 7200
    assert (await iam("GetRole", RoleName="runner"))["Role"] == made


async def test_a_role_has_the_defaults_of_aws(iam: Any) -> None:
    made = await iam.role()
    assert made["Path"] == "/"
    assert made["MaxSessionDuration"] == 3600
    assert "Description" not in made
    assert "Tags" not in made


async def test_what_a_role_cannot_have_here_is_refused_by_name(iam: Any) -> None:
    with pytest.raises(ApiError, match="MaxSigninSessionDuration is not supported"):
        await iam.role(MaxSigninSessionDuration=3600)
    await iam.role()
    with pytest.raises(ApiError, match="ResetMaxSigninSessionDuration is not supported"):
        await iam("UpdateRole", RoleName="runner", ResetMaxSigninSessionDuration=True)


async def test_roles_of_two_accounts_know_nothing_of_each_other(iam: Any) -> None:
    await iam.role()
    with pytest.raises(ApiError) as raised:
        await iam("GetRole", account="111111111111", RoleName="runner")
    assert raised.value.code == "NoSuchEntity"


async def test_names_are_unique_without_regard_to_case_but_found_as_spelt(iam: Any) -> None:
    await iam.role("Runner")
    with pytest.raises(ApiError) as raised:
        await iam.role("runner")
    assert raised.value.code == "EntityAlreadyExists"
    with pytest.raises(ApiError) as raised:
        await iam("GetRole", RoleName="runner")
    assert raised.value.code == "NoSuchEntity"


async def test_of_two_creations_of_one_name_at_once_one_wins(iam: Any) -> None:
    results = await asyncio.gather(*(iam.role() for _ in range(5)), return_exceptions=True)
    lost = [r for r in results if isinstance(r, ApiError)]
    assert [error.code for error in lost] == ["EntityAlreadyExists"] * 4


async def test_a_role_deleted_and_made_again_is_another_one(iam: Any) -> None:
    first = await iam.role()
    await iam("DeleteRole", RoleName="runner")
    assert (await iam.role())["RoleId"] != first["RoleId"]


async def test_an_update_changes_what_it_names_and_nothing_else(iam: Any) -> None:
    await iam.role(Description="old", MaxSessionDuration=7200)
    assert await iam("UpdateRole", RoleName="runner", Description="new") == {}
    role = (await iam("GetRole", RoleName="runner"))["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("new", 7200)
    await iam("UpdateRole", RoleName="runner", MaxSessionDuration=3600)
    role = (await iam("UpdateRoleDescription", RoleName="runner", Description=""))["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("", 3600)


async def test_the_trust_policy_can_be_replaced(iam: Any) -> None:
    await iam.role()
    other = iam.trust.replace("lambda", "ec2")
    await iam("UpdateAssumeRolePolicy", RoleName="runner", PolicyDocument=other)
    role = (await iam("GetRole", RoleName="runner"))["Role"]
    assert unquote(role["AssumeRolePolicyDocument"]) == other


@pytest.mark.parametrize(
    ("operation", "request_", "code", "status", "text"),
    [
        ("GetRole", {"RoleName": "x"}, "NoSuchEntity", 404, "The role with name x cannot be found."),
        ("UpdateRole", {"RoleName": "x"}, "NoSuchEntity", 404, "The role with name x cannot be found."),
        ("DeleteRole", {"RoleName": "x"}, "NoSuchEntity", 404, "The role with name x cannot be found."),
        ("ListRolePolicies", {"RoleName": "x"}, "NoSuchEntity", 404, "The role with name x cannot be found."),
        ("ListInstanceProfilesForRole", {"RoleName": "x"}, "NoSuchEntity", 404, "The role with name x cannot be"),
        ("TagRole", {"RoleName": "x", "Tags": []}, "NoSuchEntity", 404, "The role with name x cannot be found."),
        (
            "GetRolePolicy",
            {"RoleName": "runner", "PolicyName": "p"},
            "NoSuchEntity",
            404,
            "The role policy with name p cannot be found.",
        ),
        (
            "DeleteRolePolicy",
            {"RoleName": "runner", "PolicyName": "p"},
            "NoSuchEntity",
            404,
            "The role policy with name p cannot be found.",
        ),
        (
            "AttachRolePolicy",
            {"RoleName": "runner", "PolicyArn": OURS},
            "NoSuchEntity",
            404,
            f"Policy {OURS} does not exist or is not attachable.",
        ),
        (
            "AttachRolePolicy",
            {"RoleName": "runner", "PolicyArn": "arn:aws:iam::aws:policy/NoSuchPolicy"},
            "NoSuchEntity",
            404,
            "Policy arn:aws:iam::aws:policy/NoSuchPolicy does not exist or is not attachable.",
        ),
        (
            "AttachRolePolicy",
            {"RoleName": "runner", "PolicyArn": "arn:aws:s3:::not-a-policy"},
            "InvalidInput",
            400,
            "ARN arn:aws:s3:::not-a-policy is not valid.",
        ),
        (
            "DetachRolePolicy",
            {"RoleName": "runner", "PolicyArn": BASIC},
            "NoSuchEntity",
            404,
            f"Policy {BASIC} was not found.",
        ),
        (
            "PutRolePermissionsBoundary",
            {"RoleName": "runner", "PermissionsBoundary": OURS},
            "NoSuchEntity",
            404,
            f"Scope ARN: {OURS} does not exist.",
        ),
        (
            "CreateRole",
            {"RoleName": "runner", "AssumeRolePolicyDocument": "{"},
            "MalformedPolicyDocument",
            400,
            "This policy contains invalid Json",
        ),
        (
            "UpdateAssumeRolePolicy",
            {"RoleName": "runner", "PolicyDocument": "[]"},
            "MalformedPolicyDocument",
            400,
            "This policy contains invalid Json",
        ),
        (
            "PutRolePolicy",
            {"RoleName": "runner", "PolicyName": "p", "PolicyDocument": "{}"},
            "MalformedPolicyDocument",
            400,
            "Syntax errors in policy.",
        ),
        (
            "TagRole",
            {"RoleName": "runner", "Tags": [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]},
            "InvalidInput",
            400,
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ),
    ],
)
async def test_a_wrong_request_gets_the_error_of_aws(
    iam: Any, operation: str, request_: dict[str, Any], code: str, status: int, text: str
) -> None:
    await iam.role()
    with pytest.raises(ApiError) as raised:
        await iam(operation, **request_)
    assert (raised.value.code, raised.value.status) == (code, status)
    assert str(raised.value.message).startswith(text)


async def test_a_name_that_is_taken_is_refused_in_these_words(iam: Any) -> None:
    await iam.role()
    with pytest.raises(ApiError) as raised:
        await iam.role()
    assert (raised.value.code, raised.value.status) == ("EntityAlreadyExists", 409)
    assert raised.value.message == "Role with name runner already exists."


async def test_a_trust_policy_beyond_the_quota_is_refused(iam: Any) -> None:
    document = json.loads(iam.trust)
    document["Statement"] *= 30
    with pytest.raises(ApiError) as raised:
        await iam("CreateRole", RoleName="r", AssumeRolePolicyDocument=json.dumps(document))
    assert raised.value.code == "LimitExceeded"
    assert raised.value.message == "Cannot exceed quota for ACLSizePerRole: 2048"


# -- tags ---------------------------------------------------------------------------------------------------------


async def test_tags_are_laid_over_each_other_without_regard_to_case(iam: Any) -> None:
    await iam.role(Tags=[{"Key": "Team", "Value": "a"}, {"Key": "env", "Value": "dev"}])
    await iam("TagRole", RoleName="runner", Tags=[{"Key": "team", "Value": "b"}])
    tags = (await iam("ListRoleTags", RoleName="runner"))["Tags"]
    assert tags == [{"Key": "env", "Value": "dev"}, {"Key": "team", "Value": "b"}]
    await iam("UntagRole", RoleName="runner", TagKeys=["ENV", "absent"])
    assert (await iam("ListRoleTags", RoleName="runner"))["Tags"] == [{"Key": "team", "Value": "b"}]


async def test_a_role_has_at_most_fifty_tags(iam: Any) -> None:
    await iam.role(Tags=[{"Key": f"k{i}", "Value": ""} for i in range(50)])
    await iam("TagRole", RoleName="runner", Tags=[{"Key": "k1", "Value": "again"}])
    with pytest.raises(ApiError) as raised:
        await iam("TagRole", RoleName="runner", Tags=[{"Key": "one more", "Value": ""}])
    assert raised.value.code == "LimitExceeded"


# -- inline policies ----------------------------------------------------------------------------------------------


async def test_an_inline_policy_is_read_back_to_the_letter(iam: Any) -> None:
    await iam.role()
    await iam("PutRolePolicy", RoleName="runner", PolicyName="p", PolicyDocument=iam.document)
    read = await iam("GetRolePolicy", RoleName="runner", PolicyName="p")
    assert (read["RoleName"], read["PolicyName"]) == ("runner", "p")
    assert unquote(read["PolicyDocument"]) == iam.document
    assert await iam("ListRolePolicies", RoleName="runner") == {"PolicyNames": ["p"], "IsTruncated": False}
    await iam("DeleteRolePolicy", RoleName="runner", PolicyName="p")
    assert (await iam("ListRolePolicies", RoleName="runner"))["PolicyNames"] == []


async def test_inline_policies_together_have_a_quota_that_white_space_does_not_count_for(iam: Any) -> None:
    await iam.role()
    roomy = iam.document + " " * 20_000
    await iam("PutRolePolicy", RoleName="runner", PolicyName="roomy", PolicyDocument=roomy)
    statements = json.loads(iam.document)
    statements["Statement"] *= 100
    request = {"RoleName": "runner", "PolicyDocument": json.dumps(statements)}
    await iam("PutRolePolicy", PolicyName="a", **request)
    with pytest.raises(ApiError) as raised:
        await iam("PutRolePolicy", PolicyName="b", **request)
    assert raised.value.code == "LimitExceeded"
    assert raised.value.message == "Maximum policy size of 10240 bytes exceeded for role runner"
    # What is replaced does not count.
    await iam("PutRolePolicy", PolicyName="a", **request)


# -- attached policies --------------------------------------------------------------------------------------------


async def test_a_policy_is_attached_once_and_detached(iam: Any) -> None:
    await iam.role()
    for _ in range(2):
        await iam("AttachRolePolicy", RoleName="runner", PolicyArn=BASIC)
    listed = await iam("ListAttachedRolePolicies", RoleName="runner")
    expected = {"PolicyName": "AWSLambdaBasicExecutionRole", "PolicyArn": BASIC}
    assert listed == {"AttachedPolicies": [expected], "IsTruncated": False}
    elsewhere = await iam("ListAttachedRolePolicies", RoleName="runner", PathPrefix="/other/")
    assert elsewhere["AttachedPolicies"] == []
    await iam("DetachRolePolicy", RoleName="runner", PolicyArn=BASIC)
    assert (await iam("ListAttachedRolePolicies", RoleName="runner"))["AttachedPolicies"] == []


async def test_many_roles_may_take_one_policy_at_once(iam: Any) -> None:
    arn = await iam.policy()
    names = [f"r{i}" for i in range(12)]
    for name in names:
        await iam.role(name)
    await asyncio.gather(*(iam("AttachRolePolicy", RoleName=name, PolicyArn=arn) for name in names))
    assert (await iam("GetPolicy", PolicyArn=arn))["Policy"]["AttachmentCount"] == 12


async def test_a_role_takes_at_most_ten_policies(iam: Any) -> None:
    await iam.role()
    for i in range(10):
        await iam("AttachRolePolicy", RoleName="runner", PolicyArn=await iam.policy(f"p{i}"))
    with pytest.raises(ApiError) as raised:
        await iam("AttachRolePolicy", RoleName="runner", PolicyArn=BASIC)
    assert raised.value.code == "LimitExceeded"
    assert raised.value.message == "Cannot exceed quota for PoliciesPerRole: 10"


# -- deletion -----------------------------------------------------------------------------------------------------


async def test_a_role_with_policies_on_it_cannot_be_deleted(iam: Any) -> None:
    await iam.role()
    await iam("PutRolePolicy", RoleName="runner", PolicyName="p", PolicyDocument=iam.document)
    await iam("AttachRolePolicy", RoleName="runner", PolicyArn=BASIC)
    texts = []
    for undo in (
        {"operation": "DetachRolePolicy", "PolicyArn": BASIC},
        {"operation": "DeleteRolePolicy", "PolicyName": "p"},
    ):
        with pytest.raises(ApiError) as raised:
            await iam("DeleteRole", RoleName="runner")
        assert (raised.value.code, raised.value.status) == ("DeleteConflict", 409)
        texts.append(raised.value.message)
        await iam(RoleName="runner", **undo)
    assert texts == [
        "Cannot delete entity, must detach all policies first.",
        "Cannot delete entity, must delete policies first.",
    ]
    await iam("DeleteRole", RoleName="runner")


async def test_attaching_and_deleting_at_once_leaves_no_use_behind(iam: Any) -> None:
    arn = await iam.policy()
    for _ in range(10):
        await iam.role()
        results = await asyncio.gather(
            iam("AttachRolePolicy", RoleName="runner", PolicyArn=arn),
            iam("DeleteRole", RoleName="runner"),
            return_exceptions=True,
        )
        assert sum(isinstance(r, ApiError) for r in results) == 1
        attached = (await iam("GetPolicy", PolicyArn=arn))["Policy"]["AttachmentCount"]
        roles = (await iam("ListRoles"))["Roles"]
        assert attached == len(roles)
        if roles:
            await iam("DetachRolePolicy", RoleName="runner", PolicyArn=arn)
            await iam("DeleteRole", RoleName="runner")


async def test_a_boundary_is_shown_and_holds_its_policy(iam: Any) -> None:
    arn = await iam.policy()
    role = await iam.role(PermissionsBoundary=arn)
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    assert (await iam("GetPolicy", PolicyArn=arn))["Policy"]["PermissionsBoundaryUsageCount"] == 1
    with pytest.raises(ApiError) as raised:
        await iam("DeletePolicy", PolicyArn=arn)
    assert raised.value.code == "DeleteConflict"
    await iam("DeleteRolePermissionsBoundary", RoleName="runner")
    assert "PermissionsBoundary" not in (await iam("GetRole", RoleName="runner"))["Role"]
    await iam("PutRolePermissionsBoundary", RoleName="runner", PermissionsBoundary=arn)
    await iam("DeleteRole", RoleName="runner")
    await iam("DeletePolicy", PolicyArn=arn)


# -- lists --------------------------------------------------------------------------------------------------------


async def test_roles_are_listed_page_by_page_in_the_order_of_their_names(iam: Any) -> None:
    names = ["alpha", "Beta", "delta", "Gamma", "omega"]
    for name in reversed(names):
        await iam.role(name, Tags=[{"Key": "a", "Value": "b"}])
    found: list[str] = []
    request: dict[str, Any] = {"MaxItems": 2}
    pages = 0
    while True:
        page = await iam("ListRoles", **request)
        assert all("Tags" not in role for role in page["Roles"])
        found += [role["RoleName"] for role in page["Roles"]]
        pages += 1
        if not page["IsTruncated"]:
            assert "Marker" not in page
            break
        request["Marker"] = page["Marker"]
    assert (found, pages) == (names, 3)


async def test_roles_are_listed_by_path(iam: Any) -> None:
    for i in range(6):
        await iam.role(f"r{i}", Path="/even/" if i % 2 == 0 else "/odd/")
    page = await iam("ListRoles", PathPrefix="/even/", MaxItems=2)
    assert [role["RoleName"] for role in page["Roles"]] == ["r0", "r2"]
    page = await iam("ListRoles", PathPrefix="/even/", MaxItems=2, Marker=page["Marker"])
    assert [role["RoleName"] for role in page["Roles"]] == ["r4"]
    assert not page["IsTruncated"]


async def test_a_marker_that_we_never_gave_is_refused(iam: Any) -> None:
    await iam.role()
    for operation, request in (("ListRoles", {}), ("ListRolePolicies", {"RoleName": "runner"})):
        with pytest.raises(ValidationError):
            await iam(operation, Marker="%%%", **request)


async def test_a_role_is_in_no_instance_profile(iam: Any) -> None:
    await iam.role()
    listed = await iam("ListInstanceProfilesForRole", RoleName="runner")
    assert listed == {"InstanceProfiles": [], "IsTruncated": False}
