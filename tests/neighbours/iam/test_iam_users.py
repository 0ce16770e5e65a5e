"""Users and their policies."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from lambent.wire.errors import ApiError

ADA = "arn:aws:iam::000000000000:user/staff/ada"
POLICY = "arn:aws:iam::aws:policy/AWSLambda_FullAccess"


async def test_a_user_lives_and_dies(iam: Any) -> None:
    made = (await iam("CreateUser", UserName="ada", Path="/staff/", Tags=[{"Key": "a", "Value": "b"}]))["User"]
    assert made["Arn"] == ADA
    assert made["UserId"].startswith("AIDA")
    assert (await iam("GetUser", UserName="ada"))["User"] == made
    listed = (await iam("ListUsers", PathPrefix="/staff/"))["Users"]
    assert [user["UserName"] for user in listed] == ["ada"]
    assert (await iam("ListUsers", PathPrefix="/other/"))["Users"] == []
    assert await iam("ListGroupsForUser", UserName="ada") == {"Groups": [], "IsTruncated": False}
    await iam("DeleteUser", UserName="ada")
    with pytest.raises(ApiError) as raised:
        await iam("GetUser", UserName="ada")
    assert (raised.value.code, raised.value.message) == (
        "NoSuchEntity",
        "The user with name ada cannot be found.",
    )


async def test_a_name_that_is_taken_is_refused(iam: Any) -> None:
    await iam("CreateUser", UserName="ada")
    with pytest.raises(ApiError) as raised:
        await iam("CreateUser", UserName="ADA")
    assert (raised.value.code, raised.value.message) == (
        "EntityAlreadyExists",
        "User with name ADA already exists.",
    )


async def test_without_a_name_the_caller_is_meant(iam: Any) -> None:
    await iam("CreateUser", UserName="ada", Path="/staff/")
    assert (await iam("GetUser", arn=ADA))["User"]["UserName"] == "ada"
    root = (await iam("GetUser"))["User"]
    assert (root["Arn"], root["UserId"]) == ("arn:aws:iam::000000000000:root", "000000000000")
    with pytest.raises(ApiError) as raised:
        await iam("GetUser", arn="arn:aws:sts::000000000000:assumed-role/r/s")
    assert raised.value.message == "Must specify userName when calling with non-User credentials"


async def test_a_user_has_tags_policies_and_a_boundary(iam: Any) -> None:
    await iam("CreateUser", UserName="ada")
    await iam("TagUser", UserName="ada", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    await iam("UntagUser", UserName="ada", TagKeys=["a"])
    assert (await iam("ListUserTags", UserName="ada"))["Tags"] == [{"Key": "b", "Value": "2"}]
    await iam("PutUserPolicy", UserName="ada", PolicyName="p", PolicyDocument=iam.document)
    read = await iam("GetUserPolicy", UserName="ada", PolicyName="p")
    assert unquote(read["PolicyDocument"]) == iam.document
    assert (await iam("ListUserPolicies", UserName="ada"))["PolicyNames"] == ["p"]
    await iam("AttachUserPolicy", UserName="ada", PolicyArn=POLICY)
    attached = (await iam("ListAttachedUserPolicies", UserName="ada"))["AttachedPolicies"]
    assert attached == [{"PolicyName": "AWSLambda_FullAccess", "PolicyArn": POLICY}]
    await iam("PutUserPermissionsBoundary", UserName="ada", PermissionsBoundary=POLICY)
    user = (await iam("GetUser", UserName="ada"))["User"]
    assert user["PermissionsBoundary"]["PermissionsBoundaryArn"] == POLICY
    await iam("DeleteUserPermissionsBoundary", UserName="ada")
    await iam("DetachUserPolicy", UserName="ada", PolicyArn=POLICY)
    await iam("DeleteUserPolicy", UserName="ada", PolicyName="p")
    await iam("DeleteUser", UserName="ada")


async def test_a_user_with_keys_or_policies_cannot_be_deleted(iam: Any) -> None:
    await iam("CreateUser", UserName="ada")
    key = (await iam("CreateAccessKey", UserName="ada"))["AccessKey"]["AccessKeyId"]
    await iam("PutUserPolicy", UserName="ada", PolicyName="p", PolicyDocument=iam.document)
    await iam("AttachUserPolicy", UserName="ada", PolicyArn=POLICY)
    texts = []
    for undo in (
        {"operation": "DeleteAccessKey", "AccessKeyId": key},
        {"operation": "DetachUserPolicy", "PolicyArn": POLICY},
        {"operation": "DeleteUserPolicy", "PolicyName": "p"},
    ):
        with pytest.raises(ApiError) as raised:
            await iam("DeleteUser", UserName="ada")
        assert raised.value.code == "DeleteConflict"
        texts.append(raised.value.message)
        await iam(UserName="ada", **undo)
    assert texts == [
        "Cannot delete entity, must delete access keys first.",
        "Cannot delete entity, must detach all policies first.",
        "Cannot delete entity, must delete policies first.",
    ]
    await iam("DeleteUser", UserName="ada")
