"""Shapes of SQS as they are when the server runs: structures are dicts, and enumerations texts.
shapes.pyi has the types. Made by `make gen`."""

from __future__ import annotations

from lambent.wire.errors import ApiError

AddPermissionRequest = dict
CancelMessageMoveTaskRequest = dict
CancelMessageMoveTaskResult = dict
ChangeMessageVisibilityRequest = dict
ChangeMessageVisibilityBatchRequest = dict
ChangeMessageVisibilityBatchRequestEntry = dict
ChangeMessageVisibilityBatchResult = dict
ChangeMessageVisibilityBatchResultEntry = dict
BatchResultErrorEntry = dict
CreateQueueRequest = dict
CreateQueueResult = dict
DeleteMessageRequest = dict
DeleteMessageBatchRequest = dict
DeleteMessageBatchRequestEntry = dict
DeleteMessageBatchResult = dict
DeleteMessageBatchResultEntry = dict
DeleteQueueRequest = dict
GetQueueAttributesRequest = dict
GetQueueAttributesResult = dict
GetQueueUrlRequest = dict
GetQueueUrlResult = dict
ListDeadLetterSourceQueuesRequest = dict
ListDeadLetterSourceQueuesResult = dict
ListMessageMoveTasksRequest = dict
ListMessageMoveTasksResult = dict
ListMessageMoveTasksResultEntry = dict
ListQueueTagsRequest = dict
ListQueueTagsResult = dict
ListQueuesRequest = dict
ListQueuesResult = dict
PurgeQueueRequest = dict
ReceiveMessageRequest = dict
ReceiveMessageResult = dict
Message = dict
MessageAttributeValue = dict
RemovePermissionRequest = dict
SendMessageRequest = dict
MessageSystemAttributeValue = dict
SendMessageResult = dict
SendMessageBatchRequest = dict
SendMessageBatchRequestEntry = dict
SendMessageBatchResult = dict
SendMessageBatchResultEntry = dict
SetQueueAttributesRequest = dict
StartMessageMoveTaskRequest = dict
StartMessageMoveTaskResult = dict
TagQueueRequest = dict
UntagQueueRequest = dict


class BatchEntryIdsNotDistinct(ApiError):
    code = "BatchEntryIdsNotDistinct"
    status = 400


class BatchRequestTooLong(ApiError):
    code = "BatchRequestTooLong"
    status = 400


class EmptyBatchRequest(ApiError):
    code = "EmptyBatchRequest"
    status = 400


class InvalidAddress(ApiError):
    code = "InvalidAddress"
    status = 400


class InvalidAttributeName(ApiError):
    code = "InvalidAttributeName"
    status = 400


class InvalidAttributeValue(ApiError):
    code = "InvalidAttributeValue"
    status = 400


class InvalidBatchEntryId(ApiError):
    code = "InvalidBatchEntryId"
    status = 400


class InvalidIdFormat(ApiError):
    code = "InvalidIdFormat"
    status = 400


class InvalidMessageContents(ApiError):
    code = "InvalidMessageContents"
    status = 400


class InvalidSecurity(ApiError):
    code = "InvalidSecurity"
    status = 400


class KmsAccessDenied(ApiError):
    code = "KmsAccessDenied"
    status = 400


class KmsDisabled(ApiError):
    code = "KmsDisabled"
    status = 400


class KmsInvalidKeyUsage(ApiError):
    code = "KmsInvalidKeyUsage"
    status = 400


class KmsInvalidState(ApiError):
    code = "KmsInvalidState"
    status = 400


class KmsNotFound(ApiError):
    code = "KmsNotFound"
    status = 400


class KmsOptInRequired(ApiError):
    code = "KmsOptInRequired"
    status = 400


class KmsThrottled(ApiError):
    code = "KmsThrottled"
    status = 400


class MessageNotInflight(ApiError):
    code = "MessageNotInflight"
    status = 400


class OverLimit(ApiError):
    code = "OverLimit"
    status = 403


class PurgeQueueInProgress(ApiError):
    code = "PurgeQueueInProgress"
    status = 403


class QueueDeletedRecently(ApiError):
    code = "QueueDeletedRecently"
    status = 400


class QueueDoesNotExist(ApiError):
    code = "QueueDoesNotExist"
    status = 400


class QueueNameExists(ApiError):
    code = "QueueNameExists"
    status = 400


class ReceiptHandleIsInvalid(ApiError):
    code = "ReceiptHandleIsInvalid"
    status = 400


class RequestThrottled(ApiError):
    code = "RequestThrottled"
    status = 403


class ResourceNotFoundException(ApiError):
    code = "ResourceNotFoundException"
    status = 404


class TooManyEntriesInBatchRequest(ApiError):
    code = "TooManyEntriesInBatchRequest"
    status = 400


class UnsupportedOperation(ApiError):
    code = "UnsupportedOperation"
    status = 400
