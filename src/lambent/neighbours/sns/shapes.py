"""Shapes of SNS: what its operations here take and give. Made by `make gen`."""

from __future__ import annotations

from typing import Required, TypedDict

from lambent.wire.errors import ApiError


class AddPermissionInput(TypedDict, total=False):
    TopicArn: Required[str]
    Label: Required[str]
    AWSAccountId: Required[list[str]]
    ActionName: Required[list[str]]


class ConfirmSubscriptionInput(TypedDict, total=False):
    TopicArn: Required[str]
    Token: Required[str]
    AuthenticateOnUnsubscribe: str


class ConfirmSubscriptionResponse(TypedDict, total=False):
    SubscriptionArn: str


class CreateTopicInput(TypedDict, total=False):
    Name: Required[str]
    Attributes: dict[str, str]
    Tags: list[Tag]
    DataProtectionPolicy: str


class Tag(TypedDict, total=False):
    Key: Required[str]
    Value: Required[str]


class CreateTopicResponse(TypedDict, total=False):
    TopicArn: str


class DeleteTopicInput(TypedDict, total=False):
    TopicArn: Required[str]


class GetSubscriptionAttributesInput(TypedDict, total=False):
    SubscriptionArn: Required[str]


class GetSubscriptionAttributesResponse(TypedDict, total=False):
    Attributes: dict[str, str]


class GetTopicAttributesInput(TypedDict, total=False):
    TopicArn: Required[str]


class GetTopicAttributesResponse(TypedDict, total=False):
    Attributes: dict[str, str]


class ListSubscriptionsInput(TypedDict, total=False):
    NextToken: str


class ListSubscriptionsResponse(TypedDict, total=False):
    Subscriptions: list[Subscription]
    NextToken: str


class Subscription(TypedDict, total=False):
    SubscriptionArn: str
    Owner: str
    Protocol: str
    Endpoint: str
    TopicArn: str


class ListSubscriptionsByTopicInput(TypedDict, total=False):
    TopicArn: Required[str]
    NextToken: str


class ListSubscriptionsByTopicResponse(TypedDict, total=False):
    Subscriptions: list[Subscription]
    NextToken: str


class ListTagsForResourceRequest(TypedDict, total=False):
    ResourceArn: Required[str]


class ListTagsForResourceResponse(TypedDict, total=False):
    Tags: list[Tag]


class ListTopicsInput(TypedDict, total=False):
    NextToken: str


class ListTopicsResponse(TypedDict, total=False):
    Topics: list[Topic]
    NextToken: str


class Topic(TypedDict, total=False):
    TopicArn: str


class PublishInput(TypedDict, total=False):
    TopicArn: str
    TargetArn: str
    PhoneNumber: str
    Message: Required[str]
    Subject: str
    MessageStructure: str
    MessageAttributes: dict[str, MessageAttributeValue]
    MessageDeduplicationId: str
    MessageGroupId: str


class MessageAttributeValue(TypedDict, total=False):
    DataType: Required[str]
    StringValue: str
    BinaryValue: bytes


class PublishResponse(TypedDict, total=False):
    MessageId: str
    SequenceNumber: str


class PublishBatchInput(TypedDict, total=False):
    TopicArn: Required[str]
    PublishBatchRequestEntries: Required[list[PublishBatchRequestEntry]]


class PublishBatchRequestEntry(TypedDict, total=False):
    Id: Required[str]
    Message: Required[str]
    Subject: str
    MessageStructure: str
    MessageAttributes: dict[str, MessageAttributeValue]
    MessageDeduplicationId: str
    MessageGroupId: str


class PublishBatchResponse(TypedDict, total=False):
    Successful: list[PublishBatchResultEntry]
    Failed: list[BatchResultErrorEntry]


class PublishBatchResultEntry(TypedDict, total=False):
    Id: str
    MessageId: str
    SequenceNumber: str


class BatchResultErrorEntry(TypedDict, total=False):
    Id: Required[str]
    Code: Required[str]
    Message: str
    SenderFault: Required[bool]


class RemovePermissionInput(TypedDict, total=False):
    TopicArn: Required[str]
    Label: Required[str]


class SetSubscriptionAttributesInput(TypedDict, total=False):
    SubscriptionArn: Required[str]
    AttributeName: Required[str]
    AttributeValue: str


class SetTopicAttributesInput(TypedDict, total=False):
    TopicArn: Required[str]
    AttributeName: Required[str]
    AttributeValue: str


class SubscribeInput(TypedDict, total=False):
    TopicArn: Required[str]
    Protocol: Required[str]
    Endpoint: str
    Attributes: dict[str, str]
    ReturnSubscriptionArn: bool


class SubscribeResponse(TypedDict, total=False):
    SubscriptionArn: str


class TagResourceRequest(TypedDict, total=False):
    ResourceArn: Required[str]
    Tags: Required[list[Tag]]


class TagResourceResponse(TypedDict):
    pass


class UnsubscribeInput(TypedDict, total=False):
    SubscriptionArn: Required[str]


class UntagResourceRequest(TypedDict, total=False):
    ResourceArn: Required[str]
    TagKeys: Required[list[str]]


class UntagResourceResponse(TypedDict):
    pass


class AuthorizationErrorException(ApiError):
    code = "AuthorizationError"
    status = 403


class BatchEntryIdsNotDistinctException(ApiError):
    code = "BatchEntryIdsNotDistinct"
    status = 400


class BatchRequestTooLongException(ApiError):
    code = "BatchRequestTooLong"
    status = 400


class ConcurrentAccessException(ApiError):
    code = "ConcurrentAccess"
    status = 400


class EmptyBatchRequestException(ApiError):
    code = "EmptyBatchRequest"
    status = 400


class EndpointDisabledException(ApiError):
    code = "EndpointDisabled"
    status = 400


class FilterPolicyLimitExceededException(ApiError):
    code = "FilterPolicyLimitExceeded"
    status = 403


class InternalErrorException(ApiError):
    code = "InternalError"
    status = 500


class InvalidBatchEntryIdException(ApiError):
    code = "InvalidBatchEntryId"
    status = 400


class InvalidParameterException(ApiError):
    code = "InvalidParameter"
    status = 400


class InvalidParameterValueException(ApiError):
    code = "ParameterValueInvalid"
    status = 400


class InvalidSecurityException(ApiError):
    code = "InvalidSecurity"
    status = 403


class InvalidStateException(ApiError):
    code = "InvalidState"
    status = 400


class KMSAccessDeniedException(ApiError):
    code = "KMSAccessDenied"
    status = 400


class KMSDisabledException(ApiError):
    code = "KMSDisabled"
    status = 400


class KMSInvalidStateException(ApiError):
    code = "KMSInvalidState"
    status = 400


class KMSNotFoundException(ApiError):
    code = "KMSNotFound"
    status = 400


class KMSOptInRequired(ApiError):
    code = "KMSOptInRequired"
    status = 403


class KMSThrottlingException(ApiError):
    code = "KMSThrottling"
    status = 400


class NotFoundException(ApiError):
    code = "NotFound"
    status = 404


class PlatformApplicationDisabledException(ApiError):
    code = "PlatformApplicationDisabled"
    status = 400


class ReplayLimitExceededException(ApiError):
    code = "ReplayLimitExceeded"
    status = 403


class ResourceNotFoundException(ApiError):
    code = "ResourceNotFound"
    status = 404


class StaleTagException(ApiError):
    code = "StaleTag"
    status = 400


class SubscriptionLimitExceededException(ApiError):
    code = "SubscriptionLimitExceeded"
    status = 403


class TagLimitExceededException(ApiError):
    code = "TagLimitExceeded"
    status = 400


class TagPolicyException(ApiError):
    code = "TagPolicy"
    status = 400


class TooManyEntriesInBatchRequestException(ApiError):
    code = "TooManyEntriesInBatchRequest"
    status = 400


class TopicLimitExceededException(ApiError):
    code = "TopicLimitExceeded"
    status = 403


class ValidationException(ApiError):
    code = "ValidationException"
    status = 400
