"""Errors that an operation answers with."""

from __future__ import annotations

from collections.abc import Mapping


class ApiError(Exception):
    """An error of the API: its code, a text, and, for codes that the model lacks, the HTTP status.

    Generated subclasses (shapes.py) fix `code`; status, fault and the case of the message's key come from
    the model. `extra` holds further members of the error's shape; `headers` further response headers.
    """

    code = "InternalFailure"
    status: int | None = None

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        status: int | None = None,
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status
        self.message = message
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})


class ValidationError(ApiError):
    """The request does not satisfy the model's constraints."""

    code = "ValidationException"
    status = 400


class SerializationError(ApiError):
    """The request cannot be parsed at all."""

    code = "SerializationException"
    status = 400


class AccessDenied(ApiError):
    """The caller may not."""

    code = "AccessDeniedException"
    status = 403


class NotImplementedOperation(ApiError):
    """An operation of the model that Lambent does not have (yet)."""

    code = "NotImplementedException"
    status = 501
