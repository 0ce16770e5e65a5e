"""A Version as the API shows it, and what a request may set. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import orjson

from lambent.control.shapes import FunctionConfiguration, InvalidParameterValueException
from lambent.core import limits
from lambent.core.destination import Destination
from lambent.core.function import Logging, Version
from lambent.runtimes.base import Runtime


def last_modified(now: float) -> str:
    """`2024-01-01T00:00:00.000+0000`, as functions bear it."""
    moment = datetime.fromtimestamp(now, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def shown(
    version: Version, *, qualifier: str | None = None, listed: bool = False, runtime: Runtime | None = None
) -> FunctionConfiguration:
    """FunctionConfiguration. `qualifier`: what the ARN ends with, a version or an alias; `listed`: without states, as
    in lists; `runtime`: what it runs on here, which lists do not show either."""
    answer: dict[str, Any] = {
        "FunctionName": version.name,
        "FunctionArn": version.arn if qualifier is None else f"{version.arn}:{qualifier}",
        "Runtime": version.runtime,
        "Role": version.role,
        "Handler": version.handler,
        "CodeSize": version.code.size,
        "Description": version.description,
        "Timeout": version.timeout_s,
        "MemorySize": version.memory_mb,
        "LastModified": version.last_modified,
        "CodeSha256": version.code.sha256,
        "Version": version.version,
        "TracingConfig": {"Mode": version.tracing},
        "RevisionId": version.revision_id,
        "PackageType": "Zip",
        "Architectures": [version.architecture],
        "EphemeralStorage": {"Size": version.ephemeral_mb},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": _logging(version),
    }
    if version.layers:
        answer["Layers"] = [{"Arn": layer.arn, "CodeSize": layer.code.size} for layer in version.layers]
    if version.environment is not None:
        answer["Environment"] = {"Variables": dict(version.environment)}
    if version.dead_letter_target is not None:
        answer["DeadLetterConfig"] = {"TargetArn": version.dead_letter_target}
    if runtime is not None:
        answer["RuntimeVersionConfig"] = {"RuntimeVersionArn": runtime.version_arn(version.region)}
    if not listed:
        answer |= _states(version)
    return cast(FunctionConfiguration, answer)


def _logging(version: Version) -> dict[str, str]:
    logging = version.logging
    answer = {"LogFormat": logging.format, "LogGroup": version.log_group}
    if logging.format == "JSON":
        answer["ApplicationLogLevel"] = logging.application_level or "INFO"
        answer["SystemLogLevel"] = logging.system_level or "INFO"
    return answer


def _states(version: Version) -> dict[str, Any]:
    members = {
        "State": version.state,
        "StateReason": version.state_reason,
        "StateReasonCode": version.state_reason_code,
        "LastUpdateStatus": version.update_status,
        "LastUpdateStatusReason": version.update_reason,
        "LastUpdateStatusReasonCode": version.update_reason_code,
    }
    return {name: value for name, value in members.items() if value is not None}


def configured(version: Version, request: Mapping[str, Any]) -> Version:
    """`version` with what the request sets. Raises InvalidParameterValueException for what AWS refuses, and for what
    Lambent does not support, by name."""
    refuse_unsupported(request)
    if (request.get("SnapStart") or {}).get("ApplyOn", "None") != "None":
        raise _no_snapshots(request.get("Runtime") or version.runtime)
    changes: dict[str, Any] = {}
    for member, field in _PLAIN.items():
        if (value := request.get(member)) is not None:
            changes[field] = value
    if (timeout := changes.get("timeout_s")) is not None and timeout > limits.TIMEOUT_S[1]:
        raise _above("timeout", timeout, limits.TIMEOUT_S[1])
    if (memory := changes.get("memory_mb")) is not None and memory > limits.MEMORY_MB[1]:
        raise InvalidParameterValueException(
            f"'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to "
            f"{limits.MEMORY_MB[1]}"
        )
    if (environment := request.get("Environment")) is not None:
        changes["environment"] = _variables(environment.get("Variables") or {})
    if (storage := request.get("EphemeralStorage")) is not None:
        if storage["Size"] > limits.EPHEMERAL_MB[1]:
            raise _above("ephemeralStorage.size", storage["Size"], limits.EPHEMERAL_MB[1])
        changes["ephemeral_mb"] = storage["Size"]
    if mode := (request.get("TracingConfig") or {}).get("Mode"):
        changes["tracing"] = mode
    if (dead_letters := request.get("DeadLetterConfig")) is not None:
        changes["dead_letter_target"] = _dead_letter_target(dead_letters.get("TargetArn") or None)
    if (logging := request.get("LoggingConfig")) is not None:
        changes["logging"] = _logging_config(version.logging, logging)
    if architectures := request.get("Architectures"):
        changes["architecture"] = architectures[0]
    return replace(version, **changes)


_PLAIN = {
    "Role": "role",
    "Runtime": "runtime",
    "Handler": "handler",
    "Description": "description",
    "Timeout": "timeout_s",
    "MemorySize": "memory_mb",
}


_SNAPSHOTS = ("java", "python", "dotnet")
_NO_SNAPSHOTS = ("java8", "java8.al2", *(f"python{older}" for older in ("3.8", "3.9", "3.10", "3.11")), "dotnet6")


def _no_snapshots(runtime: str) -> InvalidParameterValueException:
    if runtime.startswith(_SNAPSHOTS) and runtime not in _NO_SNAPSHOTS:
        return InvalidParameterValueException("SnapStart is not supported by Lambent yet.")
    return InvalidParameterValueException(f"{runtime} is not supported for SnapStart enabled functions.")


def _above(path: str, value: int, most: int) -> InvalidParameterValueException:
    return InvalidParameterValueException(
        f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint: "
        f"Member must have value less than or equal to {most}"
    )


def _variables(variables: Mapping[str, str]) -> dict[str, str]:
    reserved = [name for name in variables if name in limits.RESERVED_VARIABLES]
    if reserved:
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(reserved)}"
        )
    text = orjson.dumps(variables).decode()
    if len(text.encode()) > limits.ENVIRONMENT or any("\0" in v for v in variables.values()):
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the 4KB limit. String measured: {text}"
        )
    return dict(variables)


def _dead_letter_target(arn: str | None) -> str | None:
    """Raises InvalidParameterValueException for what is neither a standard queue nor a standard topic."""
    if arn is None:
        return None
    target = Destination.parse(arn)
    if target is None or target.service not in ("sqs", "sns") or not target.well_formed:
        raise InvalidParameterValueException(
            f"The dead letter target {arn} is invalid: it must be the ARN of a standard SQS queue or SNS topic."
        )
    return arn


def _logging_config(now: Logging, wanted: Mapping[str, Any]) -> Logging:
    form = wanted.get("LogFormat", now.format)
    group = wanted.get("LogGroup", now.group)
    if form != "JSON":
        if wanted.get("ApplicationLogLevel") or wanted.get("SystemLogLevel"):
            raise InvalidParameterValueException(
                "To configure the log level for this function, you must set its log format to JSON."
            )
        return Logging(form, group)
    return Logging(
        form,
        group,
        wanted.get("ApplicationLogLevel", now.application_level),
        wanted.get("SystemLogLevel", now.system_level),
    )


def refuse_unsupported(request: Mapping[str, Any]) -> None:
    """Refuse, by name, what would otherwise be silently ignored."""
    for member, is_set in _UNSUPPORTED.items():
        value = request.get(member)
        if value is not None and is_set(value):
            raise InvalidParameterValueException(f"{member} is not supported by Lambent yet.")
    code = request.get("Code") or request
    _refuse_image("PackageType Image", request.get("PackageType", "Zip") != "Zip")
    _refuse_image("ImageUri", bool(code.get("ImageUri")))
    _refuse_image("ImageConfig", _truthy(request.get("ImageConfig")))
    if code.get("S3ObjectStorageMode", "COPY") != "COPY":
        raise InvalidParameterValueException("S3ObjectStorageMode REFERENCE is not supported by Lambent yet.")
    vpc = request.get("VpcConfig") or {}
    if vpc.get("SubnetIds") or vpc.get("SecurityGroupIds"):
        raise InvalidParameterValueException("VpcConfig is not supported by Lambent yet.")


def _truthy(value: object) -> bool:
    return bool(value)


def _refuse_image(name: str, is_asked: bool) -> None:
    if is_asked:
        raise InvalidParameterValueException(f"Container images ({name}) are not supported by Lambent.")


def _given(value: object) -> bool:
    return True


_UNSUPPORTED = {
    "PublishTo": _given,
    "FileSystemConfigs": _truthy,
    "KMSKeyArn": _truthy,
    "SourceKMSKeyArn": _truthy,
    "TenancyConfig": _given,
    "CapacityProviderConfig": _given,
    "DurableConfig": _given,
    "RuntimeConfig": _given,
    "AcceleratorConfig": _given,
}


def changed(version: Version, *, revision_id: str, now: float) -> Version:
    """`version` as an accepted update leaves it: another generation, with the update in progress."""
    return replace(
        version,
        generation=version.generation + 1,
        revision_id=revision_id,
        last_modified=last_modified(now),
        update_status="InProgress",
        update_reason="The function is being created.",
        update_reason_code="Creating",
    )


def activated(version: Version, *, revision_id: str) -> Version:
    """`version` when everything that its invocations need is there."""
    return replace(
        version,
        revision_id=revision_id,
        state="Active",
        state_reason=None,
        state_reason_code=None,
        update_status="Successful",
        update_reason=None,
        update_reason_code=None,
    )


def not_activated(version: Version, reason: str, *, revision_id: str) -> Version:
    """`version` when its creation or update could not be carried out."""
    if version.update_status == "InProgress":
        return replace(
            version,
            revision_id=revision_id,
            update_status="Failed",
            update_reason=reason,
            update_reason_code="InternalError",
        )
    return replace(
        version, revision_id=revision_id, state="Failed", state_reason=reason, state_reason_code="InternalError"
    )
