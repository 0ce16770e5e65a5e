"""Shapes of Lambda as they are when the server runs: structures are dicts, and enumerations texts.
shapes.pyi has the types. Made by `make gen`."""

from __future__ import annotations

from lambent.wire.errors import ApiError

AddLayerVersionPermissionRequest = dict
AddLayerVersionPermissionResponse = dict
AddPermissionRequest = dict
FunctionUrlAuthType = str
AddPermissionResponse = dict
CreateAliasRequest = dict
AliasRoutingConfiguration = dict
AliasConfiguration = dict
CreateCapacityProviderRequest = dict
CapacityProviderVpcConfig = dict
CapacityProviderPermissionsConfig = dict
InstanceRequirements = dict
Architecture = str
CapacityProviderScalingConfig = dict
CapacityProviderScalingMode = str
TargetTrackingScalingPolicy = dict
CapacityProviderPredefinedMetricType = str
PropagateTags = dict
PropagateTagsMode = str
CapacityProviderTelemetryConfig = dict
CapacityProviderLoggingConfig = dict
SystemLogLevel = str
CreateCapacityProviderResponse = dict
CapacityProvider = dict
CapacityProviderState = str
CreateCodeSigningConfigRequest = dict
AllowedPublishers = dict
CodeSigningPolicies = dict
CodeSigningPolicy = str
CreateCodeSigningConfigResponse = dict
CodeSigningConfig = dict
CreateEventSourceMappingRequest = dict
FilterCriteria = dict
Filter = dict
EventSourceMappingMetricsConfig = dict
EventSourceMappingMetric = str
EventSourceMappingLoggingConfig = dict
EventSourceMappingSystemLogLevel = str
ScalingConfig = dict
EventSourcePosition = str
DestinationConfig = dict
OnSuccess = dict
OnFailure = dict
SourceAccessConfiguration = dict
SourceAccessType = str
SelfManagedEventSource = dict
EndPointType = str
FunctionResponseType = str
AmazonManagedKafkaEventSourceConfig = dict
KafkaSchemaRegistryConfig = dict
SchemaRegistryEventRecordFormat = str
KafkaSchemaRegistryAccessConfig = dict
KafkaSchemaRegistryAuthType = str
KafkaSchemaValidationConfig = dict
KafkaSchemaValidationAttribute = str
SelfManagedKafkaEventSourceConfig = dict
KafkaEventSourceMappingConsumptionMode = str
DocumentDBEventSourceConfig = dict
FullDocument = str
ProvisionedPollerConfig = dict
EventSourceMappingConfiguration = dict
FilterCriteriaError = dict
CreateFunctionRequest = dict
FunctionCode = dict
S3ObjectStorageMode = str
FunctionVersionLatestPublished = str
VpcConfig = dict
PackageType = str
DeadLetterConfig = dict
Environment = dict
TracingConfig = dict
TracingMode = str
FileSystemConfig = dict
S3FilesConfig = dict
DirectS3Read = str
ImageConfig = dict
EphemeralStorage = dict
SnapStart = dict
SnapStartApplyOn = str
LoggingConfig = dict
LogFormat = str
ApplicationLogLevel = str
TenancyConfig = dict
TenantIsolationMode = str
CapacityProviderConfig = dict
LambdaManagedInstancesCapacityProviderConfig = dict
DurableConfig = dict
FunctionRuntimeConfig = dict
AcceleratorConfig = dict
FunctionConfiguration = dict
VpcConfigResponse = dict
EnvironmentResponse = dict
EnvironmentError = dict
TracingConfigResponse = dict
Layer = dict
State = str
StateReasonCode = str
LastUpdateStatus = str
LastUpdateStatusReasonCode = str
ImageConfigResponse = dict
ImageConfigError = dict
SnapStartResponse = dict
SnapStartOptimizationStatus = str
RuntimeVersionConfig = dict
RuntimeVersionError = dict
CreateFunctionUrlConfigRequest = dict
Cors = dict
InvokeMode = str
CreateFunctionUrlConfigResponse = dict
DeleteAliasRequest = dict
DeleteCapacityProviderRequest = dict
DeleteCapacityProviderResponse = dict
DeleteCodeSigningConfigRequest = dict
DeleteCodeSigningConfigResponse = dict
DeleteEventSourceMappingRequest = dict
DeleteFunctionRequest = dict
DeleteFunctionResponse = dict
DeleteFunctionCodeSigningConfigRequest = dict
DeleteFunctionConcurrencyRequest = dict
DeleteFunctionEventInvokeConfigRequest = dict
DeleteFunctionUrlConfigRequest = dict
DeleteLayerVersionRequest = dict
DeleteProvisionedConcurrencyConfigRequest = dict
DeleteResourcePolicyRequest = dict
GetAccountSettingsRequest = dict
GetAccountSettingsResponse = dict
AccountLimit = dict
AccountUsage = dict
GetAliasRequest = dict
GetCapacityProviderRequest = dict
GetCapacityProviderResponse = dict
GetCodeSigningConfigRequest = dict
GetCodeSigningConfigResponse = dict
GetEventSourceMappingRequest = dict
GetFunctionRequest = dict
GetFunctionResponse = dict
FunctionCodeLocation = dict
ResolvedS3Object = dict
FunctionCodeLocationError = dict
TagsError = dict
Concurrency = dict
GetFunctionCodeSigningConfigRequest = dict
GetFunctionCodeSigningConfigResponse = dict
GetFunctionConcurrencyRequest = dict
GetFunctionConcurrencyResponse = dict
GetFunctionConfigurationRequest = dict
GetFunctionEventInvokeConfigRequest = dict
FunctionEventInvokeConfig = dict
GetFunctionRecursionConfigRequest = dict
GetFunctionRecursionConfigResponse = dict
RecursiveLoop = str
GetFunctionScalingConfigRequest = dict
GetFunctionScalingConfigResponse = dict
FunctionScalingConfig = dict
GetFunctionUrlConfigRequest = dict
GetFunctionUrlConfigResponse = dict
GetLayerVersionRequest = dict
GetLayerVersionResponse = dict
LayerVersionContentOutput = dict
Runtime = str
GetLayerVersionByArnRequest = dict
GetLayerVersionPolicyRequest = dict
GetLayerVersionPolicyResponse = dict
GetPolicyRequest = dict
GetPolicyResponse = dict
GetProvisionedConcurrencyConfigRequest = dict
GetProvisionedConcurrencyConfigResponse = dict
ProvisionedConcurrencyStatusEnum = str
GetResourcePolicyRequest = dict
GetResourcePolicyResponse = dict
GetRuntimeManagementConfigRequest = dict
GetRuntimeManagementConfigResponse = dict
UpdateRuntimeOn = str
InvocationRequest = dict
InvocationType = str
LogType = str
InvocationResponse = dict
InvokeAsyncRequest = dict
InvokeAsyncResponse = dict
InvokeWithResponseStreamRequest = dict
ResponseStreamingInvocationType = str
InvokeWithResponseStreamResponse = dict
InvokeWithResponseStreamResponseEvent = dict
InvokeResponseStreamUpdate = dict
InvokeWithResponseStreamCompleteEvent = dict
ListAliasesRequest = dict
ListAliasesResponse = dict
ListCapacityProvidersRequest = dict
ListCapacityProvidersResponse = dict
ListCodeSigningConfigsRequest = dict
ListCodeSigningConfigsResponse = dict
ListEventSourceMappingsRequest = dict
ListEventSourceMappingsResponse = dict
ListFunctionEventInvokeConfigsRequest = dict
ListFunctionEventInvokeConfigsResponse = dict
ListFunctionUrlConfigsRequest = dict
ListFunctionUrlConfigsResponse = dict
FunctionUrlConfig = dict
ListFunctionVersionsByCapacityProviderRequest = dict
ListFunctionVersionsByCapacityProviderResponse = dict
FunctionVersionsByCapacityProviderListItem = dict
ListFunctionsRequest = dict
FunctionVersion = str
ListFunctionsResponse = dict
ListFunctionsByCodeSigningConfigRequest = dict
ListFunctionsByCodeSigningConfigResponse = dict
ListLayerVersionsRequest = dict
ListLayerVersionsResponse = dict
LayerVersionsListItem = dict
ListLayersRequest = dict
ListLayersResponse = dict
LayersListItem = dict
ListProvisionedConcurrencyConfigsRequest = dict
ListProvisionedConcurrencyConfigsResponse = dict
ProvisionedConcurrencyConfigListItem = dict
ListTagsRequest = dict
ListTagsResponse = dict
ListVersionsByFunctionRequest = dict
ListVersionsByFunctionResponse = dict
PublishLayerVersionRequest = dict
LayerVersionContentInput = dict
PublishLayerVersionResponse = dict
PublishVersionRequest = dict
PutFunctionCodeSigningConfigRequest = dict
PutFunctionCodeSigningConfigResponse = dict
PutFunctionConcurrencyRequest = dict
PutFunctionEventInvokeConfigRequest = dict
PutFunctionRecursionConfigRequest = dict
PutFunctionRecursionConfigResponse = dict
PutFunctionScalingConfigRequest = dict
PutFunctionScalingConfigResponse = dict
PutProvisionedConcurrencyConfigRequest = dict
PutProvisionedConcurrencyConfigResponse = dict
PutResourcePolicyRequest = dict
PutResourcePolicyResponse = dict
PutRuntimeManagementConfigRequest = dict
PutRuntimeManagementConfigResponse = dict
RemoveLayerVersionPermissionRequest = dict
RemovePermissionRequest = dict
TagResourceRequest = dict
UntagResourceRequest = dict
UpdateAliasRequest = dict
UpdateCapacityProviderRequest = dict
UpdateCapacityProviderResponse = dict
UpdateCodeSigningConfigRequest = dict
UpdateCodeSigningConfigResponse = dict
UpdateEventSourceMappingRequest = dict
UpdateFunctionCodeRequest = dict
UpdateFunctionConfigurationRequest = dict
UpdateFunctionEventInvokeConfigRequest = dict
UpdateFunctionUrlConfigRequest = dict
UpdateFunctionUrlConfigResponse = dict


class AliasLimitExceededException(ApiError):
    code = "AliasLimitExceededException"
    status = 400


class CapacityProviderLimitExceededException(ApiError):
    code = "CapacityProviderLimitExceededException"
    status = 400


class CodeArtifactUserDeletedException(ApiError):
    code = "CodeArtifactUserDeletedException"
    status = 409


class CodeArtifactUserFailedException(ApiError):
    code = "CodeArtifactUserFailedException"
    status = 409


class CodeArtifactUserPendingException(ApiError):
    code = "CodeArtifactUserPendingException"
    status = 409


class CodeSigningConfigNotFoundException(ApiError):
    code = "CodeSigningConfigNotFoundException"
    status = 404


class CodeStorageExceededException(ApiError):
    code = "CodeStorageExceededException"
    status = 400


class CodeVerificationFailedException(ApiError):
    code = "CodeVerificationFailedException"
    status = 400


class DurableExecutionAlreadyStartedException(ApiError):
    code = "DurableExecutionAlreadyStartedException"
    status = 409


class EC2AccessDeniedException(ApiError):
    code = "EC2AccessDeniedException"
    status = 502


class EC2ThrottledException(ApiError):
    code = "EC2ThrottledException"
    status = 502


class EC2UnexpectedException(ApiError):
    code = "EC2UnexpectedException"
    status = 502


class EFSIOException(ApiError):
    code = "EFSIOException"
    status = 410


class EFSMountConnectivityException(ApiError):
    code = "EFSMountConnectivityException"
    status = 408


class EFSMountFailureException(ApiError):
    code = "EFSMountFailureException"
    status = 403


class EFSMountTimeoutException(ApiError):
    code = "EFSMountTimeoutException"
    status = 408


class ENILimitReachedException(ApiError):
    code = "ENILimitReachedException"
    status = 502


class ENINotReadyException(ApiError):
    code = "ENINotReadyException"
    status = 502


class FunctionVersionsPerCapacityProviderLimitExceededException(ApiError):
    code = "FunctionVersionsPerCapacityProviderLimitExceededException"
    status = 400


class InvalidCodeSignatureException(ApiError):
    code = "InvalidCodeSignatureException"
    status = 400


class InvalidParameterValueException(ApiError):
    code = "InvalidParameterValueException"
    status = 400


class InvalidRequestContentException(ApiError):
    code = "InvalidRequestContentException"
    status = 400


class InvalidRuntimeException(ApiError):
    code = "InvalidRuntimeException"
    status = 502


class InvalidSecurityGroupIDException(ApiError):
    code = "InvalidSecurityGroupIDException"
    status = 502


class InvalidSubnetIDException(ApiError):
    code = "InvalidSubnetIDException"
    status = 502


class InvalidZipFileException(ApiError):
    code = "InvalidZipFileException"
    status = 502


class KMSAccessDeniedException(ApiError):
    code = "KMSAccessDeniedException"
    status = 502


class KMSDisabledException(ApiError):
    code = "KMSDisabledException"
    status = 502


class KMSInvalidStateException(ApiError):
    code = "KMSInvalidStateException"
    status = 502


class KMSNotFoundException(ApiError):
    code = "KMSNotFoundException"
    status = 502


class ModeNotSupportedException(ApiError):
    code = "ModeNotSupportedException"
    status = 400


class NoPublishedVersionException(ApiError):
    code = "NoPublishedVersionException"
    status = 400


class PolicyLengthExceededException(ApiError):
    code = "PolicyLengthExceededException"
    status = 400


class PreconditionFailedException(ApiError):
    code = "PreconditionFailedException"
    status = 412


class ProvisionedConcurrencyConfigNotFoundException(ApiError):
    code = "ProvisionedConcurrencyConfigNotFoundException"
    status = 404


class PublicPolicyException(ApiError):
    code = "PublicPolicyException"
    status = 400


class RecursiveInvocationException(ApiError):
    code = "RecursiveInvocationException"
    status = 400


class RequestTooLargeException(ApiError):
    code = "RequestTooLargeException"
    status = 413


class ResourceConflictException(ApiError):
    code = "ResourceConflictException"
    status = 409


class ResourceInUseException(ApiError):
    code = "ResourceInUseException"
    status = 400


class ResourceNotFoundException(ApiError):
    code = "ResourceNotFoundException"
    status = 404


class ResourceNotReadyException(ApiError):
    code = "ResourceNotReadyException"
    status = 502


class RuntimeAliasDeletedException(ApiError):
    code = "RuntimeAliasDeletedException"
    status = 409


class RuntimeVersionDeletedException(ApiError):
    code = "RuntimeVersionDeletedException"
    status = 409


class S3FilesMountConnectivityException(ApiError):
    code = "S3FilesMountConnectivityException"
    status = 408


class S3FilesMountFailureException(ApiError):
    code = "S3FilesMountFailureException"
    status = 403


class S3FilesMountTimeoutException(ApiError):
    code = "S3FilesMountTimeoutException"
    status = 408


class SerializedRequestEntityTooLargeException(ApiError):
    code = "SerializedRequestEntityTooLargeException"
    status = 413


class ServiceException(ApiError):
    code = "ServiceException"
    status = 500


class ServiceQuotaExceededException(ApiError):
    code = "ServiceQuotaExceededException"
    status = 402


class SnapStartException(ApiError):
    code = "SnapStartException"
    status = 400


class SnapStartNotReadyException(ApiError):
    code = "SnapStartNotReadyException"
    status = 409


class SnapStartRegenerationFailureException(ApiError):
    code = "SnapStartRegenerationFailureException"
    status = 409


class SnapStartTimeoutException(ApiError):
    code = "SnapStartTimeoutException"
    status = 408


class SubnetIPAddressLimitReachedException(ApiError):
    code = "SubnetIPAddressLimitReachedException"
    status = 502


class TooManyRequestsException(ApiError):
    code = "TooManyRequestsException"
    status = 429


class UnsupportedMediaTypeException(ApiError):
    code = "UnsupportedMediaTypeException"
    status = 415
