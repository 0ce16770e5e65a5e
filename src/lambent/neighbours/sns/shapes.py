"""Shapes of SNS as they are when the server runs: structures are dicts, and enumerations texts.
shapes.pyi has the types. Made by `make gen`."""

from __future__ import annotations

from lambent.wire.errors import ApiError

AddPermissionInput = dict
ConfirmSubscriptionInput = dict
ConfirmSubscriptionResponse = dict
CreateTopicInput = dict
Tag = dict
CreateTopicResponse = dict
DeleteTopicInput = dict
GetSubscriptionAttributesInput = dict
GetSubscriptionAttributesResponse = dict
GetTopicAttributesInput = dict
GetTopicAttributesResponse = dict
ListSubscriptionsInput = dict
ListSubscriptionsResponse = dict
Subscription = dict
ListSubscriptionsByTopicInput = dict
ListSubscriptionsByTopicResponse = dict
ListTagsForResourceRequest = dict
ListTagsForResourceResponse = dict
ListTopicsInput = dict
ListTopicsResponse = dict
Topic = dict
PublishInput = dict
MessageAttributeValue = dict
PublishResponse = dict
PublishBatchInput = dict
PublishBatchRequestEntry = dict
PublishBatchResponse = dict
PublishBatchResultEntry = dict
BatchResultErrorEntry = dict
RemovePermissionInput = dict
SetSubscriptionAttributesInput = dict
SetTopicAttributesInput = dict
SubscribeInput = dict
SubscribeResponse = dict
TagResourceRequest = dict
TagResourceResponse = dict
UnsubscribeInput = dict
UntagResourceRequest = dict
UntagResourceResponse = dict


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
