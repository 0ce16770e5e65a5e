from typing import Required, TypedDict

from lambent.wire.errors import ApiError

class AssumeRoleRequest(TypedDict, total=False):
    RoleArn: Required[str]
    RoleSessionName: Required[str]
    PolicyArns: list[PolicyDescriptorType]
    Policy: str
    DurationSeconds: int
    Tags: list[Tag]
    TransitiveTagKeys: list[str]
    ExternalId: str
    SerialNumber: str
    TokenCode: str
    SourceIdentity: str
    ProvidedContexts: list[ProvidedContext]
    MinimumSessionTokenSize: int

class PolicyDescriptorType(TypedDict, total=False):
    arn: str

class Tag(TypedDict, total=False):
    Key: Required[str]
    Value: Required[str]

class ProvidedContext(TypedDict, total=False):
    ProviderArn: str
    ContextAssertion: str

class AssumeRoleResponse(TypedDict, total=False):
    Credentials: Credentials
    AssumedRoleUser: AssumedRoleUser
    PackedPolicySize: int
    SourceIdentity: str
    SessionTokenUtilization: int
    SessionTokenSize: int

class Credentials(TypedDict, total=False):
    AccessKeyId: Required[str]
    SecretAccessKey: Required[str]
    SessionToken: Required[str]
    Expiration: Required[float]

class AssumedRoleUser(TypedDict, total=False):
    AssumedRoleId: Required[str]
    Arn: Required[str]

class GetAccessKeyInfoRequest(TypedDict, total=False):
    AccessKeyId: Required[str]

class GetAccessKeyInfoResponse(TypedDict, total=False):
    Account: str

class GetCallerIdentityRequest(TypedDict): ...

class GetCallerIdentityResponse(TypedDict, total=False):
    UserId: str
    Account: str
    Arn: str

class GetSessionTokenRequest(TypedDict, total=False):
    DurationSeconds: int
    SerialNumber: str
    TokenCode: str
    MinimumSessionTokenSize: int

class GetSessionTokenResponse(TypedDict, total=False):
    Credentials: Credentials
    SessionTokenUtilization: int
    SessionTokenSize: int

class ExpiredTokenException(ApiError): ...
class InvalidContextAssertionException(ApiError): ...
class MalformedPolicyDocumentException(ApiError): ...
class PackedPolicyTooLargeException(ApiError): ...
class RegionDisabledException(ApiError): ...
