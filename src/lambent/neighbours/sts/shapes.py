"""Shapes of STS as they are when the server runs: structures are dicts, and enumerations texts.
shapes.pyi has the types. Made by `make gen`."""

from __future__ import annotations

from lambent.wire.errors import ApiError

AssumeRoleRequest = dict
PolicyDescriptorType = dict
Tag = dict
ProvidedContext = dict
AssumeRoleResponse = dict
Credentials = dict
AssumedRoleUser = dict
GetAccessKeyInfoRequest = dict
GetAccessKeyInfoResponse = dict
GetCallerIdentityRequest = dict
GetCallerIdentityResponse = dict
GetSessionTokenRequest = dict
GetSessionTokenResponse = dict


class ExpiredTokenException(ApiError):
    code = "ExpiredTokenException"
    status = 400


class InvalidContextAssertionException(ApiError):
    code = "InvalidContextAssertion"
    status = 400


class MalformedPolicyDocumentException(ApiError):
    code = "MalformedPolicyDocument"
    status = 400


class PackedPolicyTooLargeException(ApiError):
    code = "PackedPolicyTooLarge"
    status = 400


class RegionDisabledException(ApiError):
    code = "RegionDisabledException"
    status = 403
