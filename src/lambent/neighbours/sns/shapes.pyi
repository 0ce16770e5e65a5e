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

class TagResourceResponse(TypedDict): ...

class UnsubscribeInput(TypedDict, total=False):
    SubscriptionArn: Required[str]

class UntagResourceRequest(TypedDict, total=False):
    ResourceArn: Required[str]
    TagKeys: Required[list[str]]

class UntagResourceResponse(TypedDict): ...
class AuthorizationErrorException(ApiError): ...
class BatchEntryIdsNotDistinctException(ApiError): ...
class BatchRequestTooLongException(ApiError): ...
class ConcurrentAccessException(ApiError): ...
class EmptyBatchRequestException(ApiError): ...
class EndpointDisabledException(ApiError): ...
class FilterPolicyLimitExceededException(ApiError): ...
class InternalErrorException(ApiError): ...
class InvalidBatchEntryIdException(ApiError): ...
class InvalidParameterException(ApiError): ...
class InvalidParameterValueException(ApiError): ...
class InvalidSecurityException(ApiError): ...
class InvalidStateException(ApiError): ...
class KMSAccessDeniedException(ApiError): ...
class KMSDisabledException(ApiError): ...
class KMSInvalidStateException(ApiError): ...
class KMSNotFoundException(ApiError): ...
class KMSOptInRequired(ApiError): ...
class KMSThrottlingException(ApiError): ...
class NotFoundException(ApiError): ...
class PlatformApplicationDisabledException(ApiError): ...
class ReplayLimitExceededException(ApiError): ...
class ResourceNotFoundException(ApiError): ...
class StaleTagException(ApiError): ...
class SubscriptionLimitExceededException(ApiError): ...
class TagLimitExceededException(ApiError): ...
class TagPolicyException(ApiError): ...
class TooManyEntriesInBatchRequestException(ApiError): ...
class TopicLimitExceededException(ApiError): ...
class ValidationException(ApiError): ...
