"""Quotas and defaults, each with its AWS name. Sizes in bytes unless the name says otherwise."""

from __future__ import annotations

from typing import Final

MIB: Final = 1024 * 1024

SYNC_PAYLOAD: Final = 6 * MIB
"""Invocation payload, synchronous request."""
SYNC_RESPONSE: Final = 6 * MIB + 100
"""What the platform compares a response with: 6 MiB and a little."""
STREAMED_RESPONSE: Final = 200 * MIB
"""A response that is streamed to a caller who takes it so."""
ASYNC_PAYLOAD: Final = MIB
"""Invocation payload, asynchronous request."""
INVOKE_ASYNC_PAYLOAD: Final = 262_144
"""The same of the old operation InvokeAsync."""
CLIENT_CONTEXT: Final = 3583
LOG_TAIL: Final = 4096

ZIPPED: Final = 52_428_800
"""Deployment package, zipped, direct upload."""
UNZIPPED: Final = 262_144_000
"""Deployment package, unzipped, with layers."""
ZIP_ENTRIES: Final = 200_000
"""Files and folders in one package: a bound of ours, far above real packages."""
CREATE_FUNCTION_BODY: Final = 70_167_211
"""Request body of CreateFunction, UpdateFunctionCode and PublishLayerVersion."""
CONTROL_BODY: Final = 6 * MIB
"""Request body of every other operation."""
OBJECT_BODY: Final = 5 * 1024 * MIB + 512 * MIB
"""An object, or part of one, of S3: 5 GiB, and room for its coding in chunks."""
FOREIGN_BODY: Final = 70_167_211
"""Request body of services that are not ours, whose own limits are lower."""
FETCHED: Final = 262_144_000
"""What Lambent fetches itself from another service, at most: no package can be larger."""
CODE_STORAGE: Final = 80_530_636_800

FUNCTION_NAME: Final = 64
ENVIRONMENT: Final = 4096
TAGS: Final = 50
LAYERS: Final = 5
"""Of one function."""
LAYERS_PAGE: Final = 50
POLICY: Final = 20_480
"""Bytes of a resource policy."""
FUNCTIONS_PAGE: Final = 50
PROVISIONED_PAGE: Final = 50
ALIASES_PAGE: Final = 10_000
MAPPINGS_PAGE: Final = 100
SIGNING_PAGE: Final = 10_000
SHORT_PAGE: Final = 50
"""Of the lists that AWS keeps short."""

ASYNC_RETRIES: Final = 2
"""Of an asynchronous event, unless it is set otherwise."""
ASYNC_AGE_S: Final = (60, 21_600)
"""How old an asynchronous event may become: at least, and unless it is set otherwise."""

MEMORY_MB: Final = (128, 10_240)
TIMEOUT_S: Final = (1, 900)
EPHEMERAL_MB: Final = (512, 10_240)
MB_PER_CPU: Final = 1769
"""Memory at which a function has one CPU's worth of time."""

CONCURRENT_EXECUTIONS: Final = 1000
"""Of an account in a region, unless it is set otherwise."""
UNRESERVED_EXECUTIONS: Final = 100
"""What reservations must leave."""
REQUESTS_PER_EXECUTION: Final = 10
"""Requests per second to a function, by what it may run concurrently."""
NEW_ENVIRONMENTS: Final = 1000
"""New environments of one function at once."""
NEW_ENVIRONMENTS_PER_S: Final = 100
"""How quickly that number is filled up again."""
INIT_S: Final = 10.0
"""The init phase of an on-demand environment."""
PROVISIONED_INIT_S: Final = 130.0
"""The init phase of a provisioned environment, unless its function may run even longer."""
EVENT_BYTES: Final = 262_144
"""One log event; longer output is cut into several."""

RESOURCE_POLICY: Final = 20_480
"""Characters of a function's, version's or alias's resource policy."""

RESERVED_VARIABLES: Final = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_LAMBDA_METADATA_API",
        "AWS_LAMBDA_METADATA_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    }
)
"""Environment variables that a function's configuration may not set."""


def cpus(memory_mb: int) -> float:
    """Cores' worth of time that a function with `memory_mb` gets."""
    return memory_mb / MB_PER_CPU
