"""The other side of the protocols: a service's operations as requests to it, and what its answers say.

This is botocore's code, for calls that leave this process; it is imported by the first of them (`load_remote`, which
blocks), so that who makes none pays nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import orjson

from lambent.values import frozen
from lambent.wire.errors import ApiError
from lambent.wire.message import PlainRequest
from lambent.wire.signing import Credentials

_SOMEWHERE = "http://localhost"
_SHOWN = 60
"""Characters of an answer that cannot be understood."""


class NoKeys(Exception):
    """A profile has no credentials; the text says why."""


class NoAnswer(Exception):
    """What came with a status of success is no answer of the operation; the text is the beginning of it."""


class UnknownRemote(LookupError):
    """botocore publishes no such service, or the service has no such operation."""


@frozen
class Remote:
    """One service, as its clients see it."""

    signing_name: str
    _is_json: bool
    _model: Any
    _serializer: Any
    _parser: Any

    def request(self, operation: str, members: Mapping[str, Any]) -> PlainRequest:
        """What to send, for a path-style host, unsigned. Raises UnknownRemote."""
        from botocore.awsrequest import create_request_object, prepare_request_dict

        written = self._serializer.serialize_to_request(dict(members), self._operation(operation))
        prepare_request_dict(written, endpoint_url=_SOMEWHERE)
        prepared = create_request_object(written).prepare()
        parts = urlsplit(prepared.url)
        body = prepared.body or b""
        return PlainRequest(
            method=prepared.method,
            path=parts.path.encode("ascii"),
            query=parts.query.encode("ascii"),
            headers=_headers(prepared.headers),
            body=body.encode() if isinstance(body, str) else bytes(body),
        )

    def answer(self, operation: str, status: int, headers: Mapping[bytes, bytes], body: bytes) -> dict[str, Any]:
        """The members of an answer; blobs, streamed ones too, are bytes. Raises the ApiError that it is, and
        NoAnswer."""
        from botocore.awsrequest import HeadersDict
        from botocore.parsers import ResponseParserError

        told = HeadersDict({name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()})
        output = self._operation(operation).output_shape
        blob = _blob(output) if status < 300 else None
        # A blob that is the whole body would be taken for text.
        response = {"status_code": status, "headers": told, "body": b"" if blob else body, "context": {}}
        if status < 300 and self._is_json and not blob and not _is_object(body):
            raise NoAnswer(_beginning(body))
        try:
            members: dict[str, Any] = self._parser.parse(response, output)
        except ResponseParserError:
            raise NoAnswer(_beginning(body)) from None
        members.pop("ResponseMetadata", None)
        if blob:
            members[blob] = body
        if status >= 300:
            error = members.get("Error", {})
            raise ApiError(error.get("Message"), code=str(error.get("Code") or status), status=status)
        return members

    def _operation(self, name: str) -> Any:
        if name not in self._model.operation_names:
            raise UnknownRemote(name)
        return self._model.operation_model(name)


def load_remote(service: str) -> Remote:
    """The service of this name (botocore's). Blocks: some ten milliseconds, the first time a few hundred. Raises
    UnknownRemote."""
    from botocore.exceptions import UnknownServiceError
    from botocore.loaders import Loader
    from botocore.model import ServiceModel
    from botocore.parsers import create_parser
    from botocore.serialize import create_serializer

    try:
        model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    except UnknownServiceError:
        raise UnknownRemote(service) from None
    protocol = model.resolved_protocol
    is_json = protocol in ("json", "rest-json")
    return Remote(model.signing_name, is_json, model, create_serializer(protocol, False), create_parser(protocol))


def _is_object(body: bytes) -> bool:
    """Whether it is what JSON protocols answer with; nothing at all is, too."""
    try:
        return not body or isinstance(orjson.loads(body), dict)
    except orjson.JSONDecodeError:
        return False


def _beginning(body: bytes) -> str:
    return repr(body[:_SHOWN].decode("utf-8", "replace"))


def profile_keys(profile: str) -> Credentials:
    """The keys of a profile of the AWS configuration files, made anew where they do not last. Blocks, perhaps for
    long: they may come from elsewhere. Raises NoKeys."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = _session(profile).get_credentials()
        keys = found.get_frozen_credentials() if found is not None else None
    except (BotoCoreError, ClientError, OSError) as error:
        raise NoKeys(str(error)) from None
    if keys is None or not keys.access_key or not keys.secret_key:
        raise NoKeys(f"the profile {profile} has no credentials")
    return Credentials(keys.access_key, keys.secret_key, keys.token)


@cache
def _session(profile: str) -> Any:
    """Of a profile; it remembers when its keys end."""
    from botocore.session import Session

    return Session(profile=profile)


def _blob(output: Any) -> str | None:
    """The member that is the whole body of an answer, if it is bytes."""
    payload: str | None = output.serialization.get("payload") if output is not None else None
    return payload if payload is not None and output.members[payload].type_name == "blob" else None


def _headers(headers: Mapping[str, Any]) -> dict[bytes, bytes]:
    """Without what depends on where, and how, the request is sent."""
    found = {}
    for name, value in headers.items():
        lower = name.lower()
        if lower not in ("host", "content-length", "user-agent"):
            found[lower.encode()] = value if isinstance(value, bytes) else str(value).encode("utf-8")
    return found
