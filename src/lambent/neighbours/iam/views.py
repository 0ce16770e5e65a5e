"""Users, roles and policies as the API shows them."""

from __future__ import annotations

from typing import cast

from lambent.neighbours.iam import documents, tags
from lambent.neighbours.iam.records import Entity, ManagedPolicy, Role, User
from lambent.neighbours.iam.shapes import AttachedPermissionsBoundary, AttachedPolicy
from lambent.neighbours.iam.shapes import Policy as PolicyShape
from lambent.neighbours.iam.shapes import PolicyVersion as PolicyVersionShape
from lambent.neighbours.iam.shapes import Role as RoleShape
from lambent.neighbours.iam.shapes import User as UserShape


def listed_role(role: Role) -> RoleShape:
    """A role as lists show it: without tags and boundary."""
    shown: RoleShape = {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": role.created,
        "AssumeRolePolicyDocument": documents.shown(role.trust),
        "MaxSessionDuration": role.max_session_s,
    }
    if role.description is not None:
        shown["Description"] = role.description
    return shown


def role(role: Role) -> RoleShape:
    """A role with all that is known of it."""
    shown = listed_role(role)
    shown["RoleLastUsed"] = {}
    if role.tags:
        shown["Tags"] = tags.shown(role.tags)
    if role.boundary is not None:
        shown["PermissionsBoundary"] = _boundary(role)
    return shown


def listed_user(user: User) -> UserShape:
    """A user as lists show it: without tags and boundary."""
    return {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": user.arn,
        "CreateDate": user.created,
    }


def user(user: User) -> UserShape:
    """A user with all that is known of it."""
    shown = listed_user(user)
    if user.tags:
        shown["Tags"] = tags.shown(user.tags)
    if user.boundary is not None:
        shown["PermissionsBoundary"] = _boundary(user)
    return shown


def root(account: str, created: float) -> UserShape:
    """The root of an account, asking who it is: a user without a name and a path."""
    shown = {"UserId": account, "Arn": f"arn:aws:iam::{account}:root", "CreateDate": created}
    return cast(UserShape, shown)


def listed_policy(policy: ManagedPolicy, *, attached: int, bounding: int) -> PolicyShape:
    """A managed policy as lists show it, with how many entities it is attached to and how many it bounds."""
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": policy.default,
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": bounding,
        "IsAttachable": True,
        "CreateDate": policy.created,
        "UpdateDate": policy.updated,
    }


def policy(policy: ManagedPolicy, *, attached: int = 0, bounding: int = 0) -> PolicyShape:
    """A managed policy with all that is known of it but its documents."""
    shown = listed_policy(policy, attached=attached, bounding=bounding)
    if policy.description is not None:
        shown["Description"] = policy.description
    if policy.tags:
        shown["Tags"] = tags.shown(policy.tags)
    return shown


def listed_version(policy: ManagedPolicy, version: str) -> PolicyVersionShape:
    """A version of a managed policy as lists show it: without the document."""
    return {
        "VersionId": version,
        "IsDefaultVersion": version == policy.default,
        "CreateDate": policy.versions[version].created,
    }


def version(policy: ManagedPolicy, version: str) -> PolicyVersionShape:
    """A version of a managed policy with its document."""
    shown = listed_version(policy, version)
    shown["Document"] = documents.shown(policy.versions[version].document)
    return shown


def attached_policy(arn: str) -> AttachedPolicy:
    """A managed policy as lists of attached ones show it."""
    return {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn}


def _boundary(entity: Entity) -> AttachedPermissionsBoundary:
    return {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": entity.boundary or ""}
