from typing import Literal, Required, TypedDict

from lambent.wire.errors import ApiError

LogGroupClass = Literal["STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"]
DataProtectionStatus = Literal["ACTIVATED", "DELETED", "ARCHIVED", "DISABLED"]
InheritedProperty = Literal["ACCOUNT_DATA_PROTECTION"]
OrderBy = Literal["LogStreamName", "LastEventTime"]
EntityRejectionErrorType = Literal[
    "InvalidEntity",
    "InvalidTypeValue",
    "InvalidKeyAttributes",
    "InvalidAttributes",
    "EntitySizeTooLarge",
    "UnsupportedLogGroupType",
    "MissingRequiredFields",
]

class CreateLogGroupRequest(TypedDict, total=False):
    logGroupName: Required[str]
    kmsKeyId: str
    tags: dict[str, str]
    logGroupClass: LogGroupClass
    deletionProtectionEnabled: bool

class CreateLogStreamRequest(TypedDict, total=False):
    logGroupName: Required[str]
    logStreamName: Required[str]

class DeleteLogGroupRequest(TypedDict, total=False):
    logGroupName: Required[str]

class DeleteLogStreamRequest(TypedDict, total=False):
    logGroupName: Required[str]
    logStreamName: Required[str]

class DeleteRetentionPolicyRequest(TypedDict, total=False):
    logGroupName: Required[str]

class DescribeLogGroupsRequest(TypedDict, total=False):
    accountIdentifiers: list[str]
    logGroupNamePrefix: str
    logGroupNamePattern: str
    nextToken: str
    limit: int
    includeLinkedAccounts: bool
    logGroupClass: LogGroupClass
    logGroupIdentifiers: list[str]

class DescribeLogGroupsResponse(TypedDict, total=False):
    logGroups: list[LogGroup]
    nextToken: str

class LogGroup(TypedDict, total=False):
    logGroupName: str
    creationTime: int
    retentionInDays: int
    metricFilterCount: int
    arn: str
    storedBytes: int
    kmsKeyId: str
    dataProtectionStatus: DataProtectionStatus
    inheritedProperties: list[InheritedProperty]
    logGroupClass: LogGroupClass
    logGroupArn: str
    deletionProtectionEnabled: bool
    bearerTokenAuthenticationEnabled: bool
    retentionPolicyName: str

class DescribeLogStreamsRequest(TypedDict, total=False):
    logGroupName: str
    logGroupIdentifier: str
    logStreamNamePrefix: str
    orderBy: OrderBy
    descending: bool
    nextToken: str
    limit: int

class DescribeLogStreamsResponse(TypedDict, total=False):
    logStreams: list[LogStream]
    nextToken: str

class LogStream(TypedDict, total=False):
    logStreamName: str
    creationTime: int
    firstEventTimestamp: int
    lastEventTimestamp: int
    lastIngestionTime: int
    uploadSequenceToken: str
    arn: str
    storedBytes: int

class FilterLogEventsRequest(TypedDict, total=False):
    logGroupName: str
    logGroupIdentifier: str
    logStreamNames: list[str]
    logStreamNamePrefix: str
    startTime: int
    endTime: int
    filterPattern: str
    nextToken: str
    limit: int
    startFromHead: bool
    interleaved: bool
    unmask: bool

class FilterLogEventsResponse(TypedDict, total=False):
    events: list[FilteredLogEvent]
    searchedLogStreams: list[SearchedLogStream]
    nextToken: str

class FilteredLogEvent(TypedDict, total=False):
    logStreamName: str
    timestamp: int
    message: str
    ingestionTime: int
    eventId: str

class SearchedLogStream(TypedDict, total=False):
    logStreamName: str
    searchedCompletely: bool

class GetLogEventsRequest(TypedDict, total=False):
    logGroupName: str
    logGroupIdentifier: str
    logStreamName: Required[str]
    startTime: int
    endTime: int
    nextToken: str
    limit: int
    startFromHead: bool
    unmask: bool

class GetLogEventsResponse(TypedDict, total=False):
    events: list[OutputLogEvent]
    nextForwardToken: str
    nextBackwardToken: str

class OutputLogEvent(TypedDict, total=False):
    timestamp: int
    message: str
    ingestionTime: int

class ListTagsForResourceRequest(TypedDict, total=False):
    resourceArn: Required[str]

class ListTagsForResourceResponse(TypedDict, total=False):
    tags: dict[str, str]

class ListTagsLogGroupRequest(TypedDict, total=False):
    logGroupName: Required[str]

class ListTagsLogGroupResponse(TypedDict, total=False):
    tags: dict[str, str]

class PutLogEventsRequest(TypedDict, total=False):
    logGroupName: Required[str]
    logStreamName: Required[str]
    logEvents: Required[list[InputLogEvent]]
    sequenceToken: str
    entity: Entity

class InputLogEvent(TypedDict, total=False):
    timestamp: Required[int]
    message: Required[str]

class Entity(TypedDict, total=False):
    keyAttributes: dict[str, str]
    attributes: dict[str, str]

class PutLogEventsResponse(TypedDict, total=False):
    nextSequenceToken: str
    rejectedLogEventsInfo: RejectedLogEventsInfo
    rejectedEntityInfo: RejectedEntityInfo

class RejectedLogEventsInfo(TypedDict, total=False):
    tooNewLogEventStartIndex: int
    tooOldLogEventEndIndex: int
    expiredLogEventEndIndex: int

class RejectedEntityInfo(TypedDict, total=False):
    errorType: Required[EntityRejectionErrorType]

class PutLogGroupDeletionProtectionRequest(TypedDict, total=False):
    logGroupIdentifier: Required[str]
    deletionProtectionEnabled: Required[bool]

class PutRetentionPolicyRequest(TypedDict, total=False):
    logGroupName: Required[str]
    retentionInDays: Required[int]

class TagLogGroupRequest(TypedDict, total=False):
    logGroupName: Required[str]
    tags: Required[dict[str, str]]

class TagResourceRequest(TypedDict, total=False):
    resourceArn: Required[str]
    tags: Required[dict[str, str]]

class TestMetricFilterRequest(TypedDict, total=False):
    filterPattern: Required[str]
    logEventMessages: Required[list[str]]

class TestMetricFilterResponse(TypedDict, total=False):
    matches: list[MetricFilterMatchRecord]

class MetricFilterMatchRecord(TypedDict, total=False):
    eventNumber: int
    eventMessage: str
    extractedValues: dict[str, str]

class UntagLogGroupRequest(TypedDict, total=False):
    logGroupName: Required[str]
    tags: Required[list[str]]

class UntagResourceRequest(TypedDict, total=False):
    resourceArn: Required[str]
    tagKeys: Required[list[str]]

class AccessDeniedException(ApiError): ...
class DataAlreadyAcceptedException(ApiError): ...
class InvalidOperationException(ApiError): ...
class InvalidParameterException(ApiError): ...
class InvalidSequenceTokenException(ApiError): ...
class LimitExceededException(ApiError): ...
class OperationAbortedException(ApiError): ...
class ResourceAlreadyExistsException(ApiError): ...
class ResourceNotFoundException(ApiError): ...
class ServiceUnavailableException(ApiError): ...
class TooManyTagsException(ApiError): ...
class UnrecognizedClientException(ApiError): ...
class ValidationException(ApiError): ...
