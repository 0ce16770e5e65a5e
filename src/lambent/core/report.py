"""The platform's log lines, as text or as JSON system events. Pure: callers bring the figures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime

from lambent.core.function import Version
from lambent.core.invocation import Outcome, Status
from lambent.values import frozen


def timestamp(epoch_ms: int) -> str:
    """`2025-01-01T00:00:00.000Z`."""
    moment = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{epoch_ms % 1000:03d}Z"


@frozen
class Usage:
    """What one invocation used: times in milliseconds, memory in bytes. `init_ms` only on a cold start."""

    duration_ms: float
    max_memory_bytes: int
    init_ms: float | None = None

    @property
    def billed_ms(self) -> int:
        """Rounded up to the millisecond; a cold start's initialisation counts (since August 2025)."""
        return math.ceil(self.duration_ms + (self.init_ms or 0.0))

    @property
    def max_memory_mb(self) -> int:
        """Megabytes, rounded up."""
        return -(-self.max_memory_bytes // 1_048_576)


ON_DEMAND = "on-demand"
PROVISIONED = "provisioned-concurrency"
"""Kinds of initialisation, as AWS_LAMBDA_INITIALIZATION_TYPE and the reports name them."""


class Text:
    """Lines of the Text log format. Each ends as AWS's do."""

    @staticmethod
    def init_start(at_ms: int, kind: str, runtime_version: str, runtime_arn: str, version: Version) -> str:
        return f"INIT_START Runtime Version: {runtime_version}\tRuntime Version ARN: {runtime_arn}\n"

    @staticmethod
    def init_report(at_ms: int, kind: str, init_ms: float, phase: str, status: str, error_type: str | None) -> str:
        told = "" if status == "success" else f"\tStatus: {status}"
        error = f"\tError Type: {error_type}" if error_type else ""
        return f"INIT_REPORT Init Duration: {init_ms:.2f} ms\tPhase: {phase}{told}{error}\n"

    @staticmethod
    def start(at_ms: int, request_id: str, version: str) -> str:
        return f"START RequestId: {request_id} Version: {version}\n"

    @staticmethod
    def end(at_ms: int, request_id: str) -> str | None:
        return f"END RequestId: {request_id}\n"

    @staticmethod
    def report(at_ms: int, request_id: str, memory_mb: int, usage: Usage, outcome: Outcome) -> str:
        init = "" if usage.init_ms is None else f"Init Duration: {usage.init_ms:.2f} ms\t"
        status = ""
        if outcome.status is Status.TIMEOUT:
            status = "Status: timeout"
        elif outcome.status is Status.ERROR:
            status = f"Status: error\tError Type: {outcome.error_type}"
        return (
            f"REPORT RequestId: {request_id}\tDuration: {usage.duration_ms:.2f} ms\t"
            f"Billed Duration: {usage.billed_ms} ms\tMemory Size: {memory_mb} MB\t"
            f"Max Memory Used: {usage.max_memory_mb} MB\t{init}{status}\n"
        )


class Json:
    """Lines of the JSON log format: the records of the Telemetry API."""

    @staticmethod
    def init_start(at_ms: int, kind: str, runtime_version: str, runtime_arn: str, version: Version) -> str:
        record = {
            "initializationType": kind,
            "phase": "init",
            "runtimeVersion": runtime_version,
            "runtimeVersionArn": runtime_arn,
            "functionName": version.name,
            "functionVersion": version.version,
        }
        return _event(at_ms, "platform.initStart", record)

    @staticmethod
    def init_report(at_ms: int, kind: str, init_ms: float, phase: str, status: str, error_type: str | None) -> str:
        record: dict[str, object] = {"initializationType": kind, "phase": phase, "status": status}
        if error_type:
            record["errorType"] = error_type
        record["metrics"] = {"durationMs": round(init_ms, 3)}
        return _event(at_ms, "platform.initReport", record)

    @staticmethod
    def start(at_ms: int, request_id: str, version: str) -> str:
        return _event(at_ms, "platform.start", {"requestId": request_id, "version": version})

    @staticmethod
    def end(at_ms: int, request_id: str) -> str | None:
        return None

    @staticmethod
    def report(at_ms: int, request_id: str, memory_mb: int, usage: Usage, outcome: Outcome) -> str:
        metrics: dict[str, object] = {
            "durationMs": round(usage.duration_ms, 3),
            "billedDurationMs": usage.billed_ms,
            "memorySizeMB": memory_mb,
            "maxMemoryUsedMB": usage.max_memory_mb,
        }
        if usage.init_ms is not None:
            metrics["initDurationMs"] = round(usage.init_ms, 3)
        record: dict[str, object] = {"requestId": request_id, "metrics": metrics, "status": outcome.status.value}
        if outcome.status is Status.ERROR:
            record["errorType"] = outcome.error_type
        return _event(at_ms, "platform.report", record)


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _event(at_ms: int, kind: str, record: Mapping[str, object]) -> str:
    return _encode({"time": timestamp(at_ms), "type": kind, "record": record})


_SYSTEM_LEVELS = {"DEBUG": 0, "INFO": 1, "WARN": 2}


def system_line_wanted(system_level: str | None, line_level: str) -> bool:
    """Whether a system line of `line_level` passes SystemLogLevel (JSON format only; INFO when unset)."""
    return _SYSTEM_LEVELS[line_level] >= _SYSTEM_LEVELS[system_level or "INFO"]


_APPLICATION_LEVELS = {
    "TRACE": 0,
    "DEBUG": 1,
    "INFO": 2,
    "WARN": 3,
    "WARNING": 3,
    "ERROR": 4,
    "FATAL": 5,
    "CRITICAL": 5,
}


def application_line_wanted(application_level: str | None, line: str) -> bool:
    """Whether a line that a function printed passes ApplicationLogLevel (JSON format only; INFO when unset).

    JSON objects tell their level by their key `level`, and count as INFO without one; other lines have no level.
    """
    if not line.startswith("{"):
        return True
    try:
        said = json.loads(line).get("level")
    except (ValueError, RecursionError):
        return True
    level = _APPLICATION_LEVELS.get(said.upper()) if isinstance(said, str) else None
    least = _APPLICATION_LEVELS[application_level or "INFO"]
    return (_APPLICATION_LEVELS["INFO"] if level is None else level) >= least
