from collections.abc import AsyncGenerator
from typing import Literal, Required, TypedDict

from lambent.wire.errors import ApiError

FunctionUrlAuthType = Literal["NONE", "AWS_IAM"]
Architecture = Literal["x86_64", "arm64"]
CapacityProviderScalingMode = Literal["Auto", "Manual"]
CapacityProviderPredefinedMetricType = Literal[
    "LambdaCapacityProviderAverageCPUUtilization",
    "LambdaCapacityProviderAverageGPUUtilization",
]
PropagateTagsMode = Literal["None", "Explicit"]
SystemLogLevel = Literal["DEBUG", "INFO", "WARN"]
CapacityProviderState = Literal["Pending", "Active", "Failed", "Deleting"]
CodeSigningPolicy = Literal["Warn", "Enforce"]
EventSourceMappingMetric = Literal["EventCount", "ErrorCount", "KafkaMetrics"]
EventSourceMappingSystemLogLevel = Literal["DEBUG", "INFO", "WARN"]
EventSourcePosition = Literal["LATEST", "AT_TIMESTAMP", "TRIM_HORIZON"]
SourceAccessType = Literal[
    "BASIC_AUTH",
    "VPC_SUBNET",
    "VPC_SECURITY_GROUP",
    "SASL_SCRAM_512_AUTH",
    "SASL_SCRAM_256_AUTH",
    "VIRTUAL_HOST",
    "CLIENT_CERTIFICATE_TLS_AUTH",
    "SERVER_ROOT_CA_CERTIFICATE",
    "OAUTHBEARER_AUTH",
    "OAUTHBEARER_SCOPE",
    "OAUTHBEARER_AUDIENCE",
    "OAUTHBEARER_LOGICAL_CLUSTER",
    "OAUTHBEARER_IDENTITY_POOL",
    "IAM_AUTH",
    "IAM_OAUTHBEARER_AUTH",
]
EndPointType = Literal["KAFKA_BOOTSTRAP_SERVERS"]
FunctionResponseType = Literal["ReportBatchItemFailures"]
SchemaRegistryEventRecordFormat = Literal["JSON", "SOURCE"]
KafkaSchemaRegistryAuthType = Literal[
    "BASIC_AUTH",
    "CLIENT_CERTIFICATE_TLS_AUTH",
    "SERVER_ROOT_CA_CERTIFICATE",
    "OAUTHBEARER_AUTH",
]
KafkaSchemaValidationAttribute = Literal["KEY", "VALUE"]
KafkaEventSourceMappingConsumptionMode = Literal["Stream", "Queue"]
FullDocument = Literal["UpdateLookup", "Default"]
S3ObjectStorageMode = Literal["COPY", "REFERENCE"]
FunctionVersionLatestPublished = Literal["LATEST_PUBLISHED"]
PackageType = Literal["Zip", "Image"]
TracingMode = Literal["Active", "PassThrough"]
DirectS3Read = Literal["ENABLED", "DISABLED", "AUTO"]
SnapStartApplyOn = Literal["PublishedVersions", "None"]
LogFormat = Literal["JSON", "Text"]
ApplicationLogLevel = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
TenantIsolationMode = Literal["PER_TENANT"]
State = Literal[
    "Pending",
    "Active",
    "Inactive",
    "Failed",
    "Deactivating",
    "Deactivated",
    "ActiveNonInvocable",
    "Deleting",
]
StateReasonCode = Literal[
    "Idle",
    "Creating",
    "Restoring",
    "EniLimitExceeded",
    "InsufficientRolePermissions",
    "InvalidConfiguration",
    "InternalError",
    "SubnetOutOfIPAddresses",
    "InvalidSubnet",
    "InvalidSecurityGroup",
    "ImageDeleted",
    "ImageAccessDenied",
    "InvalidImage",
    "KMSKeyAccessDenied",
    "KMSKeyNotFound",
    "InvalidStateKMSKey",
    "DisabledKMSKey",
    "EFSIOError",
    "EFSMountConnectivityError",
    "EFSMountFailure",
    "EFSMountTimeout",
    "InvalidRuntime",
    "InvalidZipFileException",
    "FunctionError",
    "ServiceQuotaExceededException",
    "VcpuLimitExceeded",
    "CapacityProviderScalingLimitExceeded",
    "InsufficientCapacity",
    "EC2RequestLimitExceeded",
    "FunctionError.InitTimeout",
    "FunctionError.RuntimeInitError",
    "FunctionError.ExtensionInitError",
    "FunctionError.InvalidEntryPoint",
    "FunctionError.InvalidWorkingDirectory",
    "FunctionError.PermissionDenied",
    "FunctionError.TooManyExtensions",
    "FunctionError.InitResourceExhausted",
    "DisallowedByVpcEncryptionControl",
    "DrainingDurableExecutions",
    "IncompatibleAcceleratorInstanceTypes",
    "DependencyError",
]
LastUpdateStatus = Literal["Successful", "Failed", "InProgress"]
LastUpdateStatusReasonCode = Literal[
    "EniLimitExceeded",
    "InsufficientRolePermissions",
    "InvalidConfiguration",
    "InternalError",
    "SubnetOutOfIPAddresses",
    "InvalidSubnet",
    "InvalidSecurityGroup",
    "ImageDeleted",
    "ImageAccessDenied",
    "InvalidImage",
    "KMSKeyAccessDenied",
    "KMSKeyNotFound",
    "InvalidStateKMSKey",
    "DisabledKMSKey",
    "EFSIOError",
    "EFSMountConnectivityError",
    "EFSMountFailure",
    "EFSMountTimeout",
    "InvalidRuntime",
    "InvalidZipFileException",
    "FunctionError",
    "ServiceQuotaExceededException",
    "VcpuLimitExceeded",
    "CapacityProviderScalingLimitExceeded",
    "InsufficientCapacity",
    "EC2RequestLimitExceeded",
    "FunctionError.InitTimeout",
    "FunctionError.RuntimeInitError",
    "FunctionError.ExtensionInitError",
    "FunctionError.InvalidEntryPoint",
    "FunctionError.InvalidWorkingDirectory",
    "FunctionError.PermissionDenied",
    "FunctionError.TooManyExtensions",
    "FunctionError.InitResourceExhausted",
    "DisallowedByVpcEncryptionControl",
    "IncompatibleAcceleratorInstanceTypes",
    "DependencyError",
]
SnapStartOptimizationStatus = Literal["On", "Off"]
InvokeMode = Literal["RESPONSE_STREAM", "BUFFERED"]
RecursiveLoop = Literal["Allow", "Terminate"]
Runtime = Literal[
    "nodejs",
    "nodejs4.3",
    "nodejs6.10",
    "nodejs8.10",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "nodejs16.x",
    "nodejs18.x",
    "nodejs20.x",
    "nodejs22.x",
    "nodejs24.x",
    "java8",
    "java8.al2",
    "java11",
    "java17",
    "java21",
    "java25",
    "python2.7",
    "python3.6",
    "python3.7",
    "python3.8",
    "python3.9",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "dotnetcore1.0",
    "dotnetcore2.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "dotnet6",
    "dotnet8",
    "dotnet10",
    "nodejs4.3-edge",
    "go1.x",
    "ruby2.5",
    "ruby2.7",
    "ruby3.2",
    "ruby3.3",
    "ruby3.4",
    "ruby4.0",
    "provided",
    "provided.al2",
    "provided.al2023",
    "nodejs26.x",
    "python3.15",
    "java8.al2023",
    "java11.al2023",
    "java17.al2023",
    "custom",
]
ProvisionedConcurrencyStatusEnum = Literal["IN_PROGRESS", "READY", "FAILED"]
UpdateRuntimeOn = Literal["Auto", "Manual", "FunctionUpdate"]
InvocationType = Literal["Event", "RequestResponse", "DryRun"]
LogType = Literal["None", "Tail"]
ResponseStreamingInvocationType = Literal["RequestResponse", "DryRun"]
FunctionVersion = Literal["ALL"]

class AddLayerVersionPermissionRequest(TypedDict, total=False):
    LayerName: Required[str]
    VersionNumber: Required[int]
    StatementId: Required[str]
    Action: Required[str]
    Principal: Required[str]
    OrganizationId: str
    RevisionId: str

class AddLayerVersionPermissionResponse(TypedDict, total=False):
    Statement: str
    RevisionId: str

class AddPermissionRequest(TypedDict, total=False):
    FunctionName: Required[str]
    StatementId: Required[str]
    Action: Required[str]
    Principal: Required[str]
    SourceArn: str
    FunctionUrlAuthType: FunctionUrlAuthType
    InvokedViaFunctionUrl: bool
    SourceAccount: str
    EventSourceToken: str
    Qualifier: str
    RevisionId: str
    PrincipalOrgID: str

class AddPermissionResponse(TypedDict, total=False):
    Statement: str

class CreateAliasRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Name: Required[str]
    FunctionVersion: Required[str]
    Description: str
    RoutingConfig: AliasRoutingConfiguration

class AliasRoutingConfiguration(TypedDict, total=False):
    AdditionalVersionWeights: dict[str, float]

class AliasConfiguration(TypedDict, total=False):
    AliasArn: str
    Name: str
    FunctionVersion: str
    Description: str
    RoutingConfig: AliasRoutingConfiguration
    RevisionId: str

class CreateCapacityProviderRequest(TypedDict, total=False):
    CapacityProviderName: Required[str]
    VpcConfig: Required[CapacityProviderVpcConfig]
    PermissionsConfig: Required[CapacityProviderPermissionsConfig]
    InstanceRequirements: InstanceRequirements
    CapacityProviderScalingConfig: CapacityProviderScalingConfig
    KmsKeyArn: str
    Tags: dict[str, str]
    PropagateTags: PropagateTags
    TelemetryConfig: CapacityProviderTelemetryConfig

class CapacityProviderVpcConfig(TypedDict, total=False):
    SubnetIds: Required[list[str]]
    SecurityGroupIds: Required[list[str]]

class CapacityProviderPermissionsConfig(TypedDict, total=False):
    CapacityProviderOperatorRoleArn: Required[str]

class InstanceRequirements(TypedDict, total=False):
    Architectures: list[Architecture]
    AllowedInstanceTypes: list[str]
    ExcludedInstanceTypes: list[str]

class CapacityProviderScalingConfig(TypedDict, total=False):
    MaxVCpuCount: int
    ScalingMode: CapacityProviderScalingMode
    ScalingPolicies: list[TargetTrackingScalingPolicy]

class TargetTrackingScalingPolicy(TypedDict, total=False):
    PredefinedMetricType: Required[CapacityProviderPredefinedMetricType]
    TargetValue: Required[float]

class PropagateTags(TypedDict, total=False):
    Mode: PropagateTagsMode
    ExplicitTags: dict[str, str]

class CapacityProviderTelemetryConfig(TypedDict, total=False):
    LoggingConfig: CapacityProviderLoggingConfig

class CapacityProviderLoggingConfig(TypedDict, total=False):
    SystemLogLevel: SystemLogLevel
    LogGroup: str

class CreateCapacityProviderResponse(TypedDict, total=False):
    CapacityProvider: Required[CapacityProvider]

class CapacityProvider(TypedDict, total=False):
    CapacityProviderArn: Required[str]
    State: Required[CapacityProviderState]
    VpcConfig: Required[CapacityProviderVpcConfig]
    PermissionsConfig: Required[CapacityProviderPermissionsConfig]
    InstanceRequirements: InstanceRequirements
    CapacityProviderScalingConfig: CapacityProviderScalingConfig
    KmsKeyArn: str
    LastModified: str
    PropagateTags: PropagateTags
    TelemetryConfig: CapacityProviderTelemetryConfig

class CreateCodeSigningConfigRequest(TypedDict, total=False):
    Description: str
    AllowedPublishers: Required[AllowedPublishers]
    CodeSigningPolicies: CodeSigningPolicies
    Tags: dict[str, str]

class AllowedPublishers(TypedDict, total=False):
    SigningProfileVersionArns: Required[list[str]]

class CodeSigningPolicies(TypedDict, total=False):
    UntrustedArtifactOnDeployment: CodeSigningPolicy

class CreateCodeSigningConfigResponse(TypedDict, total=False):
    CodeSigningConfig: Required[CodeSigningConfig]

class CodeSigningConfig(TypedDict, total=False):
    CodeSigningConfigId: Required[str]
    CodeSigningConfigArn: Required[str]
    Description: str
    AllowedPublishers: Required[AllowedPublishers]
    CodeSigningPolicies: Required[CodeSigningPolicies]
    LastModified: Required[str]

class CreateEventSourceMappingRequest(TypedDict, total=False):
    EventSourceArn: str
    FunctionName: Required[str]
    Enabled: bool
    BatchSize: int
    FilterCriteria: FilterCriteria
    KMSKeyArn: str
    MetricsConfig: EventSourceMappingMetricsConfig
    LoggingConfig: EventSourceMappingLoggingConfig
    ScalingConfig: ScalingConfig
    MaximumBatchingWindowInSeconds: int
    ParallelizationFactor: int
    StartingPosition: EventSourcePosition
    StartingPositionTimestamp: float
    DestinationConfig: DestinationConfig
    MaximumRecordAgeInSeconds: int
    BisectBatchOnFunctionError: bool
    MaximumRetryAttempts: int
    Tags: dict[str, str]
    TumblingWindowInSeconds: int
    Topics: list[str]
    Queues: list[str]
    SourceAccessConfigurations: list[SourceAccessConfiguration]
    SelfManagedEventSource: SelfManagedEventSource
    FunctionResponseTypes: list[FunctionResponseType]
    AmazonManagedKafkaEventSourceConfig: AmazonManagedKafkaEventSourceConfig
    SelfManagedKafkaEventSourceConfig: SelfManagedKafkaEventSourceConfig
    DocumentDBEventSourceConfig: DocumentDBEventSourceConfig
    ProvisionedPollerConfig: ProvisionedPollerConfig

class FilterCriteria(TypedDict, total=False):
    Filters: list[Filter]

class Filter(TypedDict, total=False):
    Pattern: str

class EventSourceMappingMetricsConfig(TypedDict, total=False):
    Metrics: list[EventSourceMappingMetric]

class EventSourceMappingLoggingConfig(TypedDict, total=False):
    SystemLogLevel: EventSourceMappingSystemLogLevel

class ScalingConfig(TypedDict, total=False):
    MaximumConcurrency: int

class DestinationConfig(TypedDict, total=False):
    OnSuccess: OnSuccess
    OnFailure: OnFailure

class OnSuccess(TypedDict, total=False):
    Destination: str

class OnFailure(TypedDict, total=False):
    Destination: str

class SourceAccessConfiguration(TypedDict, total=False):
    Type: SourceAccessType
    URI: str

class SelfManagedEventSource(TypedDict, total=False):
    Endpoints: dict[EndPointType, list[str]]

class AmazonManagedKafkaEventSourceConfig(TypedDict, total=False):
    ConsumerGroupId: str
    SchemaRegistryConfig: KafkaSchemaRegistryConfig

class KafkaSchemaRegistryConfig(TypedDict, total=False):
    SchemaRegistryURI: str
    EventRecordFormat: SchemaRegistryEventRecordFormat
    AccessConfigs: list[KafkaSchemaRegistryAccessConfig]
    SchemaValidationConfigs: list[KafkaSchemaValidationConfig]

class KafkaSchemaRegistryAccessConfig(TypedDict, total=False):
    Type: KafkaSchemaRegistryAuthType
    URI: str

class KafkaSchemaValidationConfig(TypedDict, total=False):
    Attribute: KafkaSchemaValidationAttribute

class SelfManagedKafkaEventSourceConfig(TypedDict, total=False):
    ConsumerGroupId: str
    SchemaRegistryConfig: KafkaSchemaRegistryConfig
    ConsumptionMode: KafkaEventSourceMappingConsumptionMode

class DocumentDBEventSourceConfig(TypedDict, total=False):
    DatabaseName: str
    CollectionName: str
    FullDocument: FullDocument

class ProvisionedPollerConfig(TypedDict, total=False):
    MinimumPollers: int
    MaximumPollers: int
    PollerGroupName: str

class EventSourceMappingConfiguration(TypedDict, total=False):
    UUID: str
    StartingPosition: EventSourcePosition
    StartingPositionTimestamp: float
    BatchSize: int
    MaximumBatchingWindowInSeconds: int
    ParallelizationFactor: int
    EventSourceArn: str
    FilterCriteria: FilterCriteria
    FilterCriteriaError: FilterCriteriaError
    KMSKeyArn: str
    MetricsConfig: EventSourceMappingMetricsConfig
    LoggingConfig: EventSourceMappingLoggingConfig
    ScalingConfig: ScalingConfig
    FunctionArn: str
    LastModified: float
    LastProcessingResult: str
    State: str
    StateTransitionReason: str
    DestinationConfig: DestinationConfig
    Topics: list[str]
    Queues: list[str]
    SourceAccessConfigurations: list[SourceAccessConfiguration]
    SelfManagedEventSource: SelfManagedEventSource
    MaximumRecordAgeInSeconds: int
    BisectBatchOnFunctionError: bool
    MaximumRetryAttempts: int
    TumblingWindowInSeconds: int
    FunctionResponseTypes: list[FunctionResponseType]
    AmazonManagedKafkaEventSourceConfig: AmazonManagedKafkaEventSourceConfig
    SelfManagedKafkaEventSourceConfig: SelfManagedKafkaEventSourceConfig
    DocumentDBEventSourceConfig: DocumentDBEventSourceConfig
    EventSourceMappingArn: str
    ProvisionedPollerConfig: ProvisionedPollerConfig

class FilterCriteriaError(TypedDict, total=False):
    ErrorCode: str
    Message: str

class CreateFunctionRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Runtime: str
    Role: Required[str]
    Handler: str
    Code: Required[FunctionCode]
    Description: str
    Timeout: int
    MemorySize: int
    Publish: bool
    PublishTo: FunctionVersionLatestPublished
    VpcConfig: VpcConfig
    PackageType: PackageType
    DeadLetterConfig: DeadLetterConfig
    Environment: Environment
    KMSKeyArn: str
    TracingConfig: TracingConfig
    Tags: dict[str, str]
    Layers: list[str]
    FileSystemConfigs: list[FileSystemConfig]
    CodeSigningConfigArn: str
    ImageConfig: ImageConfig
    Architectures: list[Architecture]
    EphemeralStorage: EphemeralStorage
    SnapStart: SnapStart
    LoggingConfig: LoggingConfig
    TenancyConfig: TenancyConfig
    CapacityProviderConfig: CapacityProviderConfig
    DurableConfig: DurableConfig
    RuntimeConfig: FunctionRuntimeConfig
    AcceleratorConfig: AcceleratorConfig

class FunctionCode(TypedDict, total=False):
    ZipFile: bytes
    S3Bucket: str
    S3Key: str
    S3ObjectVersion: str
    S3ObjectStorageMode: S3ObjectStorageMode
    ImageUri: str
    SourceKMSKeyArn: str

class VpcConfig(TypedDict, total=False):
    SubnetIds: list[str]
    SecurityGroupIds: list[str]
    Ipv6AllowedForDualStack: bool

class DeadLetterConfig(TypedDict, total=False):
    TargetArn: str

class Environment(TypedDict, total=False):
    Variables: dict[str, str]

class TracingConfig(TypedDict, total=False):
    Mode: TracingMode

class FileSystemConfig(TypedDict, total=False):
    Arn: Required[str]
    LocalMountPath: Required[str]
    S3FilesConfig: S3FilesConfig

class S3FilesConfig(TypedDict, total=False):
    DirectS3Read: DirectS3Read

class ImageConfig(TypedDict, total=False):
    EntryPoint: list[str]
    Command: list[str]
    WorkingDirectory: str

class EphemeralStorage(TypedDict, total=False):
    Size: Required[int]

class SnapStart(TypedDict, total=False):
    ApplyOn: SnapStartApplyOn

class LoggingConfig(TypedDict, total=False):
    LogFormat: LogFormat
    ApplicationLogLevel: ApplicationLogLevel
    SystemLogLevel: SystemLogLevel
    LogGroup: str

class TenancyConfig(TypedDict, total=False):
    TenantIsolationMode: Required[TenantIsolationMode]

class CapacityProviderConfig(TypedDict, total=False):
    LambdaManagedInstancesCapacityProviderConfig: Required[LambdaManagedInstancesCapacityProviderConfig]

class LambdaManagedInstancesCapacityProviderConfig(TypedDict, total=False):
    CapacityProviderArn: Required[str]
    PerExecutionEnvironmentMaxConcurrency: int
    ExecutionEnvironmentMemoryGiBPerVCpu: float

class DurableConfig(TypedDict, total=False):
    KMSKeyArn: str
    RetentionPeriodInDays: int
    ExecutionTimeout: int

class FunctionRuntimeConfig(TypedDict, total=False):
    RuntimeArn: Required[str]
    RuntimeAlias: Required[str]

class AcceleratorConfig(TypedDict, total=False):
    AcceleratorMemorySize: Required[int]

class FunctionConfiguration(TypedDict, total=False):
    FunctionName: str
    FunctionArn: str
    Runtime: str
    Role: str
    Handler: str
    CodeSize: int
    Description: str
    Timeout: int
    MemorySize: int
    LastModified: str
    CodeSha256: str
    Version: str
    VpcConfig: VpcConfigResponse
    DeadLetterConfig: DeadLetterConfig
    Environment: EnvironmentResponse
    KMSKeyArn: str
    TracingConfig: TracingConfigResponse
    MasterArn: str
    RevisionId: str
    Layers: list[Layer]
    State: State
    StateReason: str
    StateReasonCode: StateReasonCode
    LastUpdateStatus: LastUpdateStatus
    LastUpdateStatusReason: str
    LastUpdateStatusReasonCode: LastUpdateStatusReasonCode
    FileSystemConfigs: list[FileSystemConfig]
    SigningProfileVersionArn: str
    SigningJobArn: str
    PackageType: PackageType
    ImageConfigResponse: ImageConfigResponse
    Architectures: list[Architecture]
    EphemeralStorage: EphemeralStorage
    SnapStart: SnapStartResponse
    RuntimeVersionConfig: RuntimeVersionConfig
    LoggingConfig: LoggingConfig
    TenancyConfig: TenancyConfig
    CapacityProviderConfig: CapacityProviderConfig
    ConfigSha256: str
    DurableConfig: DurableConfig
    RuntimeConfig: FunctionRuntimeConfig
    AcceleratorConfig: AcceleratorConfig

class VpcConfigResponse(TypedDict, total=False):
    SubnetIds: list[str]
    SecurityGroupIds: list[str]
    VpcId: str
    Ipv6AllowedForDualStack: bool

class EnvironmentResponse(TypedDict, total=False):
    Variables: dict[str, str]
    Error: EnvironmentError

class EnvironmentError(TypedDict, total=False):
    ErrorCode: str
    Message: str

class TracingConfigResponse(TypedDict, total=False):
    Mode: TracingMode

class Layer(TypedDict, total=False):
    Arn: str
    CodeSize: int
    SigningProfileVersionArn: str
    SigningJobArn: str

class ImageConfigResponse(TypedDict, total=False):
    ImageConfig: ImageConfig
    Error: ImageConfigError

class ImageConfigError(TypedDict, total=False):
    ErrorCode: str
    Message: str

class SnapStartResponse(TypedDict, total=False):
    ApplyOn: SnapStartApplyOn
    OptimizationStatus: SnapStartOptimizationStatus

class RuntimeVersionConfig(TypedDict, total=False):
    RuntimeVersionArn: str
    Error: RuntimeVersionError

class RuntimeVersionError(TypedDict, total=False):
    ErrorCode: str
    Message: str

class CreateFunctionUrlConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: str
    AuthType: Required[FunctionUrlAuthType]
    Cors: Cors
    InvokeMode: InvokeMode

class Cors(TypedDict, total=False):
    AllowCredentials: bool
    AllowHeaders: list[str]
    AllowMethods: list[str]
    AllowOrigins: list[str]
    ExposeHeaders: list[str]
    MaxAge: int

class CreateFunctionUrlConfigResponse(TypedDict, total=False):
    FunctionUrl: Required[str]
    FunctionArn: Required[str]
    AuthType: Required[FunctionUrlAuthType]
    Cors: Cors
    CreationTime: Required[str]
    InvokeMode: InvokeMode

class DeleteAliasRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Name: Required[str]

class DeleteCapacityProviderRequest(TypedDict, total=False):
    CapacityProviderName: Required[str]

class DeleteCapacityProviderResponse(TypedDict, total=False):
    CapacityProvider: Required[CapacityProvider]

class DeleteCodeSigningConfigRequest(TypedDict, total=False):
    CodeSigningConfigArn: Required[str]

class DeleteCodeSigningConfigResponse(TypedDict): ...

class DeleteEventSourceMappingRequest(TypedDict, total=False):
    UUID: Required[str]

class DeleteFunctionRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: str

class DeleteFunctionResponse(TypedDict, total=False):
    StatusCode: int

class DeleteFunctionCodeSigningConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]

class DeleteFunctionConcurrencyRequest(TypedDict, total=False):
    FunctionName: Required[str]

class DeleteFunctionEventInvokeConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: str

class DeleteFunctionUrlConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: str

class DeleteLayerVersionRequest(TypedDict, total=False):
    LayerName: Required[str]
    VersionNumber: Required[int]

class DeleteProvisionedConcurrencyConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: Required[str]

class DeleteResourcePolicyRequest(TypedDict, total=False):
    ResourceArn: Required[str]
    RevisionId: str

class GetAccountSettingsRequest(TypedDict): ...

class GetAccountSettingsResponse(TypedDict, total=False):
    AccountLimit: AccountLimit
    AccountUsage: AccountUsage

class AccountLimit(TypedDict, total=False):
    TotalCodeSize: int
    CodeSizeUnzipped: int
    CodeSizeZipped: int
    ConcurrentExecutions: int
    UnreservedConcurrentExecutions: int

class AccountUsage(TypedDict, total=False):
    TotalCodeSize: int
    FunctionCount: int

class GetAliasRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Name: Required[str]

class GetCapacityProviderRequest(TypedDict, total=False):
    CapacityProviderName: Required[str]

class GetCapacityProviderResponse(TypedDict, total=False):
    CapacityProvider: Required[CapacityProvider]

class GetCodeSigningConfigRequest(TypedDict, total=False):
    CodeSigningConfigArn: Required[str]

class GetCodeSigningConfigResponse(TypedDict, total=False):
    CodeSigningConfig: Required[CodeSigningConfig]

class GetEventSourceMappingRequest(TypedDict, total=False):
    UUID: Required[str]

class GetFunctionRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: str

class GetFunctionResponse(TypedDict, total=False):
    Configuration: FunctionConfiguration
    Code: FunctionCodeLocation
    Tags: dict[str, str]
    TagsError: TagsError
    Concurrency: Concurrency

class FunctionCodeLocation(TypedDict, total=False):
    RepositoryType: str
    Location: str
    ImageUri: str
    ResolvedImageUri: str
    ResolvedS3Object: ResolvedS3Object
    SourceKMSKeyArn: str
    Error: FunctionCodeLocationError

class ResolvedS3Object(TypedDict, total=False):
    S3Bucket: str
    S3Key: str
    S3ObjectVersion: str

class FunctionCodeLocationError(TypedDict, total=False):
    ErrorCode: str
    Message: str

class TagsError(TypedDict, total=False):
    ErrorCode: Required[str]
    Message: Required[str]

class Concurrency(TypedDict, total=False):
    ReservedConcurrentExecutions: int

class GetFunctionCodeSigningConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]

class GetFunctionCodeSigningConfigResponse(TypedDict, total=False):
    CodeSigningConfigArn: Required[str]
    FunctionName: Required[str]

class GetFunctionConcurrencyRequest(TypedDict, total=False):
    FunctionName: Required[str]

class GetFunctionConcurrencyResponse(TypedDict, total=False):
    ReservedConcurrentExecutions: int

class GetFunctionConfigurationRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: str

class GetFunctionEventInvokeConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: str

class FunctionEventInvokeConfig(TypedDict, total=False):
    LastModified: float
    FunctionArn: str
    MaximumRetryAttempts: int
    MaximumEventAgeInSeconds: int
    DestinationConfig: DestinationConfig

class GetFunctionRecursionConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]

class GetFunctionRecursionConfigResponse(TypedDict, total=False):
    RecursiveLoop: RecursiveLoop

class GetFunctionScalingConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: Required[str]

class GetFunctionScalingConfigResponse(TypedDict, total=False):
    FunctionArn: str
    AppliedFunctionScalingConfig: FunctionScalingConfig
    RequestedFunctionScalingConfig: FunctionScalingConfig

class FunctionScalingConfig(TypedDict, total=False):
    MinExecutionEnvironments: int
    MaxExecutionEnvironments: int

class GetFunctionUrlConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: str

class GetFunctionUrlConfigResponse(TypedDict, total=False):
    FunctionUrl: Required[str]
    FunctionArn: Required[str]
    AuthType: Required[FunctionUrlAuthType]
    Cors: Cors
    CreationTime: Required[str]
    LastModifiedTime: Required[str]
    InvokeMode: InvokeMode

class GetLayerVersionRequest(TypedDict, total=False):
    LayerName: Required[str]
    VersionNumber: Required[int]

class GetLayerVersionResponse(TypedDict, total=False):
    Content: LayerVersionContentOutput
    LayerArn: str
    LayerVersionArn: str
    Description: str
    CreatedDate: str
    Version: int
    CompatibleArchitectures: list[Architecture]
    CompatibleRuntimes: list[Runtime]
    LicenseInfo: str

class LayerVersionContentOutput(TypedDict, total=False):
    Location: str
    CodeSha256: str
    CodeSize: int
    SigningProfileVersionArn: str
    SigningJobArn: str
    ResolvedS3Object: ResolvedS3Object

class GetLayerVersionByArnRequest(TypedDict, total=False):
    Arn: Required[str]

class GetLayerVersionPolicyRequest(TypedDict, total=False):
    LayerName: Required[str]
    VersionNumber: Required[int]

class GetLayerVersionPolicyResponse(TypedDict, total=False):
    Policy: str
    RevisionId: str

class GetPolicyRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: str

class GetPolicyResponse(TypedDict, total=False):
    Policy: str
    RevisionId: str

class GetProvisionedConcurrencyConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: Required[str]

class GetProvisionedConcurrencyConfigResponse(TypedDict, total=False):
    RequestedProvisionedConcurrentExecutions: int
    AvailableProvisionedConcurrentExecutions: int
    AllocatedProvisionedConcurrentExecutions: int
    Status: ProvisionedConcurrencyStatusEnum
    StatusReason: str
    LastModified: str

class GetResourcePolicyRequest(TypedDict, total=False):
    ResourceArn: Required[str]

class GetResourcePolicyResponse(TypedDict, total=False):
    Policy: str
    RevisionId: str

class GetRuntimeManagementConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: str

class GetRuntimeManagementConfigResponse(TypedDict, total=False):
    UpdateRuntimeOn: UpdateRuntimeOn
    FunctionArn: str
    RuntimeVersionArn: str

class InvocationRequest(TypedDict, total=False):
    FunctionName: Required[str]
    InvocationType: InvocationType
    LogType: LogType
    ClientContext: str
    DurableExecutionName: str
    Payload: bytes
    Qualifier: str
    TenantId: str

class InvocationResponse(TypedDict, total=False):
    StatusCode: int
    FunctionError: str
    LogResult: str
    Payload: bytes
    ExecutedVersion: str
    DurableExecutionArn: str

class InvokeAsyncRequest(TypedDict, total=False):
    FunctionName: Required[str]
    InvokeArgs: Required[bytes]

class InvokeAsyncResponse(TypedDict, total=False):
    Status: int

class InvokeWithResponseStreamRequest(TypedDict, total=False):
    FunctionName: Required[str]
    LogType: LogType
    ClientContext: str
    Qualifier: str
    Payload: bytes
    TenantId: str
    InvocationType: ResponseStreamingInvocationType

class InvokeWithResponseStreamResponse(TypedDict, total=False):
    StatusCode: int
    ExecutedVersion: str
    EventStream: AsyncGenerator[InvokeWithResponseStreamResponseEvent, None]
    ResponseStreamContentType: str

class InvokeWithResponseStreamResponseEvent(TypedDict, total=False):
    PayloadChunk: InvokeResponseStreamUpdate
    InvokeComplete: InvokeWithResponseStreamCompleteEvent

class InvokeResponseStreamUpdate(TypedDict, total=False):
    Payload: bytes

class InvokeWithResponseStreamCompleteEvent(TypedDict, total=False):
    ErrorCode: str
    ErrorDetails: str
    LogResult: str

class ListAliasesRequest(TypedDict, total=False):
    FunctionName: Required[str]
    FunctionVersion: str
    Marker: str
    MaxItems: int

class ListAliasesResponse(TypedDict, total=False):
    NextMarker: str
    Aliases: list[AliasConfiguration]

class ListCapacityProvidersRequest(TypedDict, total=False):
    State: CapacityProviderState
    Marker: str
    MaxItems: int

class ListCapacityProvidersResponse(TypedDict, total=False):
    CapacityProviders: Required[list[CapacityProvider]]
    NextMarker: str

class ListCodeSigningConfigsRequest(TypedDict, total=False):
    Marker: str
    MaxItems: int

class ListCodeSigningConfigsResponse(TypedDict, total=False):
    NextMarker: str
    CodeSigningConfigs: list[CodeSigningConfig]

class ListEventSourceMappingsRequest(TypedDict, total=False):
    EventSourceArn: str
    FunctionName: str
    Marker: str
    MaxItems: int

class ListEventSourceMappingsResponse(TypedDict, total=False):
    NextMarker: str
    EventSourceMappings: list[EventSourceMappingConfiguration]

class ListFunctionEventInvokeConfigsRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Marker: str
    MaxItems: int

class ListFunctionEventInvokeConfigsResponse(TypedDict, total=False):
    FunctionEventInvokeConfigs: list[FunctionEventInvokeConfig]
    NextMarker: str

class ListFunctionUrlConfigsRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Marker: str
    MaxItems: int

class ListFunctionUrlConfigsResponse(TypedDict, total=False):
    FunctionUrlConfigs: Required[list[FunctionUrlConfig]]
    NextMarker: str

class FunctionUrlConfig(TypedDict, total=False):
    FunctionUrl: Required[str]
    FunctionArn: Required[str]
    CreationTime: Required[str]
    LastModifiedTime: Required[str]
    Cors: Cors
    AuthType: Required[FunctionUrlAuthType]
    InvokeMode: InvokeMode

class ListFunctionVersionsByCapacityProviderRequest(TypedDict, total=False):
    CapacityProviderName: Required[str]
    Marker: str
    MaxItems: int

class ListFunctionVersionsByCapacityProviderResponse(TypedDict, total=False):
    CapacityProviderArn: Required[str]
    FunctionVersions: Required[list[FunctionVersionsByCapacityProviderListItem]]
    NextMarker: str

class FunctionVersionsByCapacityProviderListItem(TypedDict, total=False):
    FunctionArn: Required[str]
    State: Required[State]

class ListFunctionsRequest(TypedDict, total=False):
    MasterRegion: str
    FunctionVersion: FunctionVersion
    Marker: str
    MaxItems: int

class ListFunctionsResponse(TypedDict, total=False):
    NextMarker: str
    Functions: list[FunctionConfiguration]

class ListFunctionsByCodeSigningConfigRequest(TypedDict, total=False):
    CodeSigningConfigArn: Required[str]
    Marker: str
    MaxItems: int

class ListFunctionsByCodeSigningConfigResponse(TypedDict, total=False):
    NextMarker: str
    FunctionArns: list[str]

class ListLayerVersionsRequest(TypedDict, total=False):
    CompatibleArchitecture: Architecture
    CompatibleRuntime: Runtime
    LayerName: Required[str]
    Marker: str
    MaxItems: int

class ListLayerVersionsResponse(TypedDict, total=False):
    NextMarker: str
    LayerVersions: list[LayerVersionsListItem]

class LayerVersionsListItem(TypedDict, total=False):
    LayerVersionArn: str
    Version: int
    Description: str
    CreatedDate: str
    CompatibleArchitectures: list[Architecture]
    CompatibleRuntimes: list[Runtime]
    LicenseInfo: str

class ListLayersRequest(TypedDict, total=False):
    CompatibleArchitecture: Architecture
    CompatibleRuntime: Runtime
    Marker: str
    MaxItems: int

class ListLayersResponse(TypedDict, total=False):
    NextMarker: str
    Layers: list[LayersListItem]

class LayersListItem(TypedDict, total=False):
    LayerName: str
    LayerArn: str
    LatestMatchingVersion: LayerVersionsListItem

class ListProvisionedConcurrencyConfigsRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Marker: str
    MaxItems: int

class ListProvisionedConcurrencyConfigsResponse(TypedDict, total=False):
    ProvisionedConcurrencyConfigs: list[ProvisionedConcurrencyConfigListItem]
    NextMarker: str

class ProvisionedConcurrencyConfigListItem(TypedDict, total=False):
    FunctionArn: str
    RequestedProvisionedConcurrentExecutions: int
    AvailableProvisionedConcurrentExecutions: int
    AllocatedProvisionedConcurrentExecutions: int
    Status: ProvisionedConcurrencyStatusEnum
    StatusReason: str
    LastModified: str

class ListTagsRequest(TypedDict, total=False):
    Resource: Required[str]

class ListTagsResponse(TypedDict, total=False):
    Tags: dict[str, str]

class ListVersionsByFunctionRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Marker: str
    MaxItems: int

class ListVersionsByFunctionResponse(TypedDict, total=False):
    NextMarker: str
    Versions: list[FunctionConfiguration]

class PublishLayerVersionRequest(TypedDict, total=False):
    LayerName: Required[str]
    Description: str
    Content: Required[LayerVersionContentInput]
    CompatibleArchitectures: list[Architecture]
    CompatibleRuntimes: list[Runtime]
    LicenseInfo: str

class LayerVersionContentInput(TypedDict, total=False):
    S3Bucket: str
    S3Key: str
    S3ObjectVersion: str
    S3ObjectStorageMode: S3ObjectStorageMode
    ZipFile: bytes

class PublishLayerVersionResponse(TypedDict, total=False):
    Content: LayerVersionContentOutput
    LayerArn: str
    LayerVersionArn: str
    Description: str
    CreatedDate: str
    Version: int
    CompatibleArchitectures: list[Architecture]
    CompatibleRuntimes: list[Runtime]
    LicenseInfo: str

class PublishVersionRequest(TypedDict, total=False):
    FunctionName: Required[str]
    CodeSha256: str
    Description: str
    RevisionId: str
    PublishTo: FunctionVersionLatestPublished

class PutFunctionCodeSigningConfigRequest(TypedDict, total=False):
    CodeSigningConfigArn: Required[str]
    FunctionName: Required[str]

class PutFunctionCodeSigningConfigResponse(TypedDict, total=False):
    CodeSigningConfigArn: Required[str]
    FunctionName: Required[str]

class PutFunctionConcurrencyRequest(TypedDict, total=False):
    FunctionName: Required[str]
    ReservedConcurrentExecutions: Required[int]

class PutFunctionEventInvokeConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: str
    MaximumRetryAttempts: int
    MaximumEventAgeInSeconds: int
    DestinationConfig: DestinationConfig

class PutFunctionRecursionConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]
    RecursiveLoop: Required[RecursiveLoop]

class PutFunctionRecursionConfigResponse(TypedDict, total=False):
    RecursiveLoop: RecursiveLoop

class PutFunctionScalingConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: Required[str]
    FunctionScalingConfig: FunctionScalingConfig

class PutFunctionScalingConfigResponse(TypedDict, total=False):
    FunctionState: State

class PutProvisionedConcurrencyConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: Required[str]
    ProvisionedConcurrentExecutions: Required[int]

class PutProvisionedConcurrencyConfigResponse(TypedDict, total=False):
    RequestedProvisionedConcurrentExecutions: int
    AllocatedProvisionedConcurrentExecutions: int
    AvailableProvisionedConcurrentExecutions: int
    Status: ProvisionedConcurrencyStatusEnum
    StatusReason: str
    LastModified: str

class PutResourcePolicyRequest(TypedDict, total=False):
    ResourceArn: Required[str]
    Policy: Required[str]
    RevisionId: str

class PutResourcePolicyResponse(TypedDict, total=False):
    Policy: str
    RevisionId: str

class PutRuntimeManagementConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: str
    UpdateRuntimeOn: Required[UpdateRuntimeOn]
    RuntimeVersionArn: str

class PutRuntimeManagementConfigResponse(TypedDict, total=False):
    UpdateRuntimeOn: Required[UpdateRuntimeOn]
    FunctionArn: Required[str]
    RuntimeVersionArn: str

class RemoveLayerVersionPermissionRequest(TypedDict, total=False):
    LayerName: Required[str]
    VersionNumber: Required[int]
    StatementId: Required[str]
    RevisionId: str

class RemovePermissionRequest(TypedDict, total=False):
    FunctionName: Required[str]
    StatementId: Required[str]
    Qualifier: str
    RevisionId: str

class TagResourceRequest(TypedDict, total=False):
    Resource: Required[str]
    Tags: Required[dict[str, str]]

class UntagResourceRequest(TypedDict, total=False):
    Resource: Required[str]
    TagKeys: Required[list[str]]

class UpdateAliasRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Name: Required[str]
    FunctionVersion: str
    Description: str
    RoutingConfig: AliasRoutingConfiguration
    RevisionId: str

class UpdateCapacityProviderRequest(TypedDict, total=False):
    CapacityProviderName: Required[str]
    CapacityProviderScalingConfig: CapacityProviderScalingConfig
    PropagateTags: PropagateTags
    TelemetryConfig: CapacityProviderTelemetryConfig

class UpdateCapacityProviderResponse(TypedDict, total=False):
    CapacityProvider: Required[CapacityProvider]

class UpdateCodeSigningConfigRequest(TypedDict, total=False):
    CodeSigningConfigArn: Required[str]
    Description: str
    AllowedPublishers: AllowedPublishers
    CodeSigningPolicies: CodeSigningPolicies

class UpdateCodeSigningConfigResponse(TypedDict, total=False):
    CodeSigningConfig: Required[CodeSigningConfig]

class UpdateEventSourceMappingRequest(TypedDict, total=False):
    UUID: Required[str]
    FunctionName: str
    Enabled: bool
    BatchSize: int
    FilterCriteria: FilterCriteria
    KMSKeyArn: str
    MetricsConfig: EventSourceMappingMetricsConfig
    LoggingConfig: EventSourceMappingLoggingConfig
    ScalingConfig: ScalingConfig
    MaximumBatchingWindowInSeconds: int
    ParallelizationFactor: int
    DestinationConfig: DestinationConfig
    MaximumRecordAgeInSeconds: int
    BisectBatchOnFunctionError: bool
    MaximumRetryAttempts: int
    TumblingWindowInSeconds: int
    SourceAccessConfigurations: list[SourceAccessConfiguration]
    FunctionResponseTypes: list[FunctionResponseType]
    AmazonManagedKafkaEventSourceConfig: AmazonManagedKafkaEventSourceConfig
    SelfManagedKafkaEventSourceConfig: SelfManagedKafkaEventSourceConfig
    DocumentDBEventSourceConfig: DocumentDBEventSourceConfig
    ProvisionedPollerConfig: ProvisionedPollerConfig

class UpdateFunctionCodeRequest(TypedDict, total=False):
    FunctionName: Required[str]
    ZipFile: bytes
    S3Bucket: str
    S3Key: str
    S3ObjectVersion: str
    S3ObjectStorageMode: S3ObjectStorageMode
    ImageUri: str
    Architectures: list[Architecture]
    Publish: bool
    PublishTo: FunctionVersionLatestPublished
    DryRun: bool
    RevisionId: str
    SourceKMSKeyArn: str

class UpdateFunctionConfigurationRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Role: str
    Handler: str
    Description: str
    Timeout: int
    MemorySize: int
    VpcConfig: VpcConfig
    Environment: Environment
    Runtime: str
    DeadLetterConfig: DeadLetterConfig
    KMSKeyArn: str
    TracingConfig: TracingConfig
    RevisionId: str
    Layers: list[str]
    FileSystemConfigs: list[FileSystemConfig]
    ImageConfig: ImageConfig
    EphemeralStorage: EphemeralStorage
    SnapStart: SnapStart
    LoggingConfig: LoggingConfig
    CapacityProviderConfig: CapacityProviderConfig
    DurableConfig: DurableConfig
    RuntimeConfig: FunctionRuntimeConfig
    AcceleratorConfig: AcceleratorConfig

class UpdateFunctionEventInvokeConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: str
    MaximumRetryAttempts: int
    MaximumEventAgeInSeconds: int
    DestinationConfig: DestinationConfig

class UpdateFunctionUrlConfigRequest(TypedDict, total=False):
    FunctionName: Required[str]
    Qualifier: str
    AuthType: FunctionUrlAuthType
    Cors: Cors
    InvokeMode: InvokeMode

class UpdateFunctionUrlConfigResponse(TypedDict, total=False):
    FunctionUrl: Required[str]
    FunctionArn: Required[str]
    AuthType: Required[FunctionUrlAuthType]
    Cors: Cors
    CreationTime: Required[str]
    LastModifiedTime: Required[str]
    InvokeMode: InvokeMode

class AliasLimitExceededException(ApiError): ...
class CapacityProviderLimitExceededException(ApiError): ...
class CodeArtifactUserDeletedException(ApiError): ...
class CodeArtifactUserFailedException(ApiError): ...
class CodeArtifactUserPendingException(ApiError): ...
class CodeSigningConfigNotFoundException(ApiError): ...
class CodeStorageExceededException(ApiError): ...
class CodeVerificationFailedException(ApiError): ...
class DurableExecutionAlreadyStartedException(ApiError): ...
class EC2AccessDeniedException(ApiError): ...
class EC2ThrottledException(ApiError): ...
class EC2UnexpectedException(ApiError): ...
class EFSIOException(ApiError): ...
class EFSMountConnectivityException(ApiError): ...
class EFSMountFailureException(ApiError): ...
class EFSMountTimeoutException(ApiError): ...
class ENILimitReachedException(ApiError): ...
class ENINotReadyException(ApiError): ...
class FunctionVersionsPerCapacityProviderLimitExceededException(ApiError): ...
class InvalidCodeSignatureException(ApiError): ...
class InvalidParameterValueException(ApiError): ...
class InvalidRequestContentException(ApiError): ...
class InvalidRuntimeException(ApiError): ...
class InvalidSecurityGroupIDException(ApiError): ...
class InvalidSubnetIDException(ApiError): ...
class InvalidZipFileException(ApiError): ...
class KMSAccessDeniedException(ApiError): ...
class KMSDisabledException(ApiError): ...
class KMSInvalidStateException(ApiError): ...
class KMSNotFoundException(ApiError): ...
class ModeNotSupportedException(ApiError): ...
class NoPublishedVersionException(ApiError): ...
class PolicyLengthExceededException(ApiError): ...
class PreconditionFailedException(ApiError): ...
class ProvisionedConcurrencyConfigNotFoundException(ApiError): ...
class PublicPolicyException(ApiError): ...
class RecursiveInvocationException(ApiError): ...
class RequestTooLargeException(ApiError): ...
class ResourceConflictException(ApiError): ...
class ResourceInUseException(ApiError): ...
class ResourceNotFoundException(ApiError): ...
class ResourceNotReadyException(ApiError): ...
class RuntimeAliasDeletedException(ApiError): ...
class RuntimeVersionDeletedException(ApiError): ...
class S3FilesMountConnectivityException(ApiError): ...
class S3FilesMountFailureException(ApiError): ...
class S3FilesMountTimeoutException(ApiError): ...
class SerializedRequestEntityTooLargeException(ApiError): ...
class ServiceException(ApiError): ...
class ServiceQuotaExceededException(ApiError): ...
class SnapStartException(ApiError): ...
class SnapStartNotReadyException(ApiError): ...
class SnapStartRegenerationFailureException(ApiError): ...
class SnapStartTimeoutException(ApiError): ...
class SubnetIPAddressLimitReachedException(ApiError): ...
class TooManyRequestsException(ApiError): ...
class UnsupportedMediaTypeException(ApiError): ...
