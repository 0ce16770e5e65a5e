"""Invocation and Outcome: one request to run, and how it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Flow(Protocol):
    """What makes a response, piece by piece."""

    def pause(self) -> None:
        """Make no more until `resume`."""

    def resume(self) -> None:
        """Go on."""


class Sink(Protocol):
    """Who takes a response while the function makes it. How it ends is told as for every invocation."""

    def begin(self, content_type: str, flow: Flow) -> None:
        """The function has begun to answer. Called at most once, and not at all for an answer that comes whole."""

    def write(self, piece: bytes) -> None:
        """The next part."""


# The three below are made for every invocation; frozen ones take three times as long to make. Nobody changes them.
@dataclass(slots=True)
class Invocation:
    """One request to run a version."""

    id: str
    """The request id: the caller's x-amzn-RequestId and the function's aws_request_id."""
    arn: str
    """The ARN as the caller named the function, with the qualifier if one was given."""
    payload: bytes
    trace: str
    client_context: str | None = None
    """JSON text."""
    want_tail: bool = False
    """The caller asked for the log's last 4 KB."""
    sink: Sink | None = None
    """Where a streamed response goes; None is for a caller who wants it whole."""


class Status(Enum):
    """As the platform's reports name it."""

    SUCCESS = "success"
    ERROR = "error"
    """The platform or the runtime reported it: exit, init failure, response too large."""
    FAILURE = "failure"
    """The handler raised."""
    TIMEOUT = "timeout"


@dataclass(slots=True)
class Outcome:
    """How an invocation ended: a value, never an exception."""

    status: Status
    payload: bytes
    error_type: str | None = None

    @property
    def is_error(self) -> bool:
        """Whether the caller sees X-Amz-Function-Error."""
        return self.status is not Status.SUCCESS


@dataclass(slots=True)
class Result:
    """An outcome with what its caller is told beside the payload."""

    outcome: Outcome
    version: str
    tail: bytes | None = None
    took_s: float = 0.0
    """How long it ran, initialisation excluded."""


class Throttled(Exception):
    """No execution may start now; `reason` is AWS's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def platform_error(error_type: str, message: str, *, status: Status = Status.ERROR) -> Outcome:
    """An error that the platform itself reports: type and message only."""
    body = json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":"), ensure_ascii=False)
    return Outcome(status, body.encode(), error_type)


def timed_out(request_id: str, timeout_s: float) -> Outcome:
    """The function's timeout passed."""
    message = f"RequestId: {request_id} Error: Task timed out after {timeout_s:.2f} seconds"
    return platform_error("Sandbox.Timedout", message, status=Status.TIMEOUT)


def runtime_exited(request_id: str, cause: str) -> Outcome:
    """The runtime process ended during an invocation; `cause` from `exit_cause`."""
    return platform_error("Runtime.ExitError", f"RequestId: {request_id} Error: {cause}")


def response_too_large(limit: int) -> Outcome:
    """The function's answer is beyond the response limit."""
    body = {
        "errorMessage": f"Response payload size exceeded maximum allowed payload size ({limit} bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    return Outcome(Status.ERROR, json.dumps(body, separators=(",", ":")).encode(), "Function.ResponseSizeTooLarge")


def truncated(request_id: str) -> Outcome:
    """The runtime's connection broke, or was no HTTP any more, in the middle of its response."""
    message = f"RequestId: {request_id} Error: HTTP request detected as truncated"
    return platform_error("Runtime.TruncatedResponse", message)


_SIGNALS = {
    1: "hangup",
    2: "interrupt",
    3: "quit",
    4: "illegal instruction",
    6: "aborted",
    7: "bus error",
    8: "floating point exception",
    9: "killed",
    11: "segmentation fault",
    13: "broken pipe",
    14: "alarm clock",
    15: "terminated",
    31: "bad system call",
}


def exit_cause(status: int | None, signal: int | None) -> str:
    """Why a runtime process ended, in AWS's words."""
    if signal is not None:
        return f"Runtime exited with error: signal: {_SIGNALS.get(signal, signal)}"
    if status:
        return f"Runtime exited with error: exit status {status}"
    return "Runtime exited without providing a reason"
