"""Errors that an operation answers with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class ApiError(Exception):
    """An error of the API: its code, a text, and, for codes that the model lacks, the HTTP status.

    Generated subclasses (shapes.py) fix `code`; status, fault and the case of the message's key come from
    the model. `extra` holds further members of the error's shape, None for one that this answer lacks; `headers`
    further response headers.
    """

    code = "InternalFailure"
    status: int | None = None
    codes: ClassVar[Mapping[str, str]] = {}
    """Other codes for the same, by protocol."""
    texts: ClassVar[Mapping[str, str]] = {}
    """Other messages for the same, by protocol."""

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
    codes: ClassVar = {"query": "ValidationError", "ec2": "InvalidParameterValue", "rest-xml": "InvalidRequest"}


class SerializationError(ApiError):
    """The request cannot be parsed at all."""

    code = "SerializationException"
    status = 400
    codes: ClassVar = {"query": "MalformedInput", "ec2": "InvalidParameterValue", "rest-xml": "MalformedXML"}


class MissingParameter(ApiError):
    """A required parameter is not there, as services say it that spoke query first."""

    code = "MissingRequiredParameterException"
    status = 400
    codes: ClassVar = {"query": "MissingParameter"}


class AccessDenied(ApiError):
    """The caller may not."""

    code = "AccessDeniedException"
    status = 403
    codes: ClassVar = {"query": "AccessDenied", "ec2": "UnauthorizedOperation", "rest-xml": "AccessDenied"}


class NotImplementedOperation(ApiError):
    """An operation of the model that Lambent does not have (yet)."""

    code = "NotImplementedException"
    status = 501


class UnknownOperation(ApiError):
    """No operation of the service is meant by this request."""

    code = "UnknownOperationException"
    status = 404


class InvalidAction(ApiError):
    """A query request names no operation of the service."""

    code = "InvalidAction"
    status = 400


class InternalError(ApiError):
    """A fault of ours; says nothing of its cause."""

    code = "InternalFailure"
    status = 500
    codes: ClassVar = {"ec2": "InternalError", "rest-xml": "InternalError"}


class MissingAuthenticationToken(ApiError):
    """The request is not signed."""

    code = "MissingAuthenticationTokenException"
    status = 403
    codes: ClassVar = {"query": "MissingAuthenticationToken", "ec2": "AuthFailure", "rest-xml": "AccessDenied"}


class IncompleteSignature(ApiError):
    """The signature lacks a part, or a part is not well-formed."""

    code = "IncompleteSignatureException"
    status = 400
    codes: ClassVar = dict.fromkeys(("query", "ec2", "rest-xml"), "IncompleteSignature")


class InvalidSignature(ApiError):
    """The signature does not match, or its time or scope is wrong."""

    code = "InvalidSignatureException"
    status = 403
    codes: ClassVar = {
        "query": "SignatureDoesNotMatch",
        "ec2": "SignatureDoesNotMatch",
        "rest-xml": "SignatureDoesNotMatch",
    }


class UnrecognizedClient(ApiError):
    """The access key or the session token is not known."""

    code = "UnrecognizedClientException"
    status = 403
    codes: ClassVar = {"query": "InvalidClientTokenId", "ec2": "AuthFailure", "rest-xml": "InvalidAccessKeyId"}


class ExpiredToken(ApiError):
    """The session token is past its time."""

    code = "ExpiredTokenException"
    status = 403
    codes: ClassVar = {"query": "ExpiredToken", "ec2": "RequestExpired", "rest-xml": "ExpiredToken"}
