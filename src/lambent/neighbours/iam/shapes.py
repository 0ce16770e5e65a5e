"""Shapes of IAM as they are when the server runs: structures are dicts, and enumerations texts.
shapes.pyi has the types. Made by `make gen`."""

from __future__ import annotations

from lambent.wire.errors import ApiError

AttachRolePolicyRequest = dict
AttachUserPolicyRequest = dict
CreateAccessKeyRequest = dict
CreateAccessKeyResponse = dict
AccessKey = dict
statusType = str
CreatePolicyRequest = dict
Tag = dict
CreatePolicyResponse = dict
Policy = dict
CreatePolicyVersionRequest = dict
CreatePolicyVersionResponse = dict
PolicyVersion = dict
CreateRoleRequest = dict
CreateRoleResponse = dict
Role = dict
AttachedPermissionsBoundary = dict
PermissionsBoundaryAttachmentType = str
RoleLastUsed = dict
SourceRoleTemplate = dict
CreateUserRequest = dict
CreateUserResponse = dict
User = dict
DeleteAccessKeyRequest = dict
DeletePolicyRequest = dict
DeletePolicyVersionRequest = dict
DeleteRoleRequest = dict
DeleteRolePermissionsBoundaryRequest = dict
DeleteRolePolicyRequest = dict
DeleteUserRequest = dict
DeleteUserPermissionsBoundaryRequest = dict
DeleteUserPolicyRequest = dict
DetachRolePolicyRequest = dict
DetachUserPolicyRequest = dict
GetPolicyRequest = dict
GetPolicyResponse = dict
GetPolicyVersionRequest = dict
GetPolicyVersionResponse = dict
GetRoleRequest = dict
GetRoleResponse = dict
GetRolePolicyRequest = dict
GetRolePolicyResponse = dict
GetUserRequest = dict
GetUserResponse = dict
GetUserPolicyRequest = dict
GetUserPolicyResponse = dict
ListAccessKeysRequest = dict
ListAccessKeysResponse = dict
AccessKeyMetadata = dict
ListAttachedRolePoliciesRequest = dict
ListAttachedRolePoliciesResponse = dict
AttachedPolicy = dict
ListAttachedUserPoliciesRequest = dict
ListAttachedUserPoliciesResponse = dict
ListEntitiesForPolicyRequest = dict
EntityType = str
PolicyUsageType = str
ListEntitiesForPolicyResponse = dict
PolicyGroup = dict
PolicyUser = dict
PolicyRole = dict
ListGroupsForUserRequest = dict
ListGroupsForUserResponse = dict
Group = dict
ListInstanceProfilesForRoleRequest = dict
ListInstanceProfilesForRoleResponse = dict
InstanceProfile = dict
ListPoliciesRequest = dict
policyScopeType = str
ListPoliciesResponse = dict
ListPolicyTagsRequest = dict
ListPolicyTagsResponse = dict
ListPolicyVersionsRequest = dict
ListPolicyVersionsResponse = dict
ListRolePoliciesRequest = dict
ListRolePoliciesResponse = dict
ListRoleTagsRequest = dict
ListRoleTagsResponse = dict
ListRolesRequest = dict
ListRolesResponse = dict
ListUserPoliciesRequest = dict
ListUserPoliciesResponse = dict
ListUserTagsRequest = dict
ListUserTagsResponse = dict
ListUsersRequest = dict
ListUsersResponse = dict
PutRolePermissionsBoundaryRequest = dict
PutRolePolicyRequest = dict
PutUserPermissionsBoundaryRequest = dict
PutUserPolicyRequest = dict
SetDefaultPolicyVersionRequest = dict
TagPolicyRequest = dict
TagRoleRequest = dict
TagUserRequest = dict
UntagPolicyRequest = dict
UntagRoleRequest = dict
UntagUserRequest = dict
UpdateAccessKeyRequest = dict
UpdateAssumeRolePolicyRequest = dict
UpdateRoleRequest = dict
UpdateRoleResponse = dict
UpdateRoleDescriptionRequest = dict
UpdateRoleDescriptionResponse = dict


class ConcurrentModificationException(ApiError):
    code = "ConcurrentModification"
    status = 409


class DeleteConflictException(ApiError):
    code = "DeleteConflict"
    status = 409


class EntityAlreadyExistsException(ApiError):
    code = "EntityAlreadyExists"
    status = 409


class InvalidInputException(ApiError):
    code = "InvalidInput"
    status = 400


class LimitExceededException(ApiError):
    code = "LimitExceeded"
    status = 409


class MalformedPolicyDocumentException(ApiError):
    code = "MalformedPolicyDocument"
    status = 400


class NoSuchEntityException(ApiError):
    code = "NoSuchEntity"
    status = 404


class PolicyNotAttachableException(ApiError):
    code = "PolicyNotAttachable"
    status = 400


class ServiceFailureException(ApiError):
    code = "ServiceFailure"
    status = 500


class UnmodifiableEntityException(ApiError):
    code = "UnmodifiableEntity"
    status = 400
