"""Shapes of CloudWatch Logs as they are when the server runs: structures are dicts, and enumerations texts.
shapes.pyi has the types. Made by `make gen`."""

from __future__ import annotations

from lambent.wire.errors import ApiError

CreateLogGroupRequest = dict
LogGroupClass = str
CreateLogStreamRequest = dict
DeleteLogGroupRequest = dict
DeleteLogStreamRequest = dict
DeleteRetentionPolicyRequest = dict
DescribeLogGroupsRequest = dict
DescribeLogGroupsResponse = dict
LogGroup = dict
DataProtectionStatus = str
InheritedProperty = str
DescribeLogStreamsRequest = dict
OrderBy = str
DescribeLogStreamsResponse = dict
LogStream = dict
FilterLogEventsRequest = dict
FilterLogEventsResponse = dict
FilteredLogEvent = dict
SearchedLogStream = dict
GetLogEventsRequest = dict
GetLogEventsResponse = dict
OutputLogEvent = dict
ListTagsForResourceRequest = dict
ListTagsForResourceResponse = dict
ListTagsLogGroupRequest = dict
ListTagsLogGroupResponse = dict
PutLogEventsRequest = dict
InputLogEvent = dict
Entity = dict
PutLogEventsResponse = dict
RejectedLogEventsInfo = dict
RejectedEntityInfo = dict
EntityRejectionErrorType = str
PutLogGroupDeletionProtectionRequest = dict
PutRetentionPolicyRequest = dict
TagLogGroupRequest = dict
TagResourceRequest = dict
TestMetricFilterRequest = dict
TestMetricFilterResponse = dict
MetricFilterMatchRecord = dict
UntagLogGroupRequest = dict
UntagResourceRequest = dict


class AccessDeniedException(ApiError):
    code = "AccessDeniedException"
    status = 400


class DataAlreadyAcceptedException(ApiError):
    code = "DataAlreadyAcceptedException"
    status = 400


class InvalidOperationException(ApiError):
    code = "InvalidOperationException"
    status = 400


class InvalidParameterException(ApiError):
    code = "InvalidParameterException"
    status = 400


class InvalidSequenceTokenException(ApiError):
    code = "InvalidSequenceTokenException"
    status = 400


class LimitExceededException(ApiError):
    code = "LimitExceededException"
    status = 400


class OperationAbortedException(ApiError):
    code = "OperationAbortedException"
    status = 400


class ResourceAlreadyExistsException(ApiError):
    code = "ResourceAlreadyExistsException"
    status = 400


class ResourceNotFoundException(ApiError):
    code = "ResourceNotFoundException"
    status = 400


class ServiceUnavailableException(ApiError):
    code = "ServiceUnavailableException"
    status = 500


class TooManyTagsException(ApiError):
    code = "TooManyTagsException"
    status = 400


class UnrecognizedClientException(ApiError):
    code = "UnrecognizedClientException"
    status = 400


class ValidationException(ApiError):
    code = "ValidationException"
    status = 400
