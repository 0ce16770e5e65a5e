"""Requests to S3, whose bucket is in the path: passed on, and whoever shall be told of what they did is told before the
answer goes back."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, unquote_to_bytes

from lambent.core.s3event import Deed, Happened, Request, Unacceptable, deed
from lambent.foreign.notifications import Configuration, Notifications
from lambent.foreign.notifying import read, write
from lambent.foreign.rewriting import told_headers
from lambent.foreign.services import Foreign, Passed
from lambent.kit.clock import Clock
from lambent.kit.http_client import Answer, AnswerTooLarge, Broken
from lambent.kit.log import Log
from lambent.values import frozen
from lambent.wire.call import Call
from lambent.wire.errors import ApiError, SerializationError
from lambent.wire.message import Headers, Response
from lambent.wire.protocols.xml_values import Element, parse

_XML = (b"Content-Type", b"application/xml")
_SKIP = b"x-amz-skip-destination-validation"
_DOCUMENT_BYTES = 2 << 20
"""Of a configuration, or of a list of a thousand keys to delete."""
_ANSWER_BYTES = 8 << 20
"""Answers to what changes objects are short; the longest lists a thousand keys that were deleted."""


@frozen
class _Change:
    """A request that changes objects, of a bucket whose configuration wants to know."""

    deed: Deed
    bucket: str
    version: str
    """The one that the request names, if it does."""
    configuration: Configuration


class Buckets:
    """The way to S3."""

    def __init__(self, foreign: Foreign, notifications: Notifications, clock: Clock, log: Log) -> None:
        self._foreign = foreign
        self._notifications = notifications
        self._clock = clock
        self._log = log
        self._number = 0

    async def send(self, call: Call, passed: Passed, peer: str) -> Answer | Response:
        """The answer: a whole one where it had to be read here. `peer` is the client's address. Raises ApiError."""
        bucket, key = _names(passed.path)
        query = dict(parse_qsl(passed.query.decode("latin-1"), keep_blank_values=True))
        if bucket and not key and "notification" in query and passed.method in ("GET", "PUT"):
            return await self._configured(call, passed, bucket, peer)
        change = self._change(passed, bucket, key, query)
        if change is not None:
            return await self._changed(call, passed, change, peer)
        answer = await self._foreign.send(passed)
        if bucket and not key and passed.method == "DELETE" and not query.keys() - {"x-id"} and answer.status < 300:
            await self._notifications.forget(bucket)
        return answer

    # -- configurations

    async def _configured(self, call: Call, passed: Passed, bucket: str, peer: str) -> Answer | Response:
        """Take, or show, the notifications of a bucket that is there; else the neighbour says what is wrong."""
        answer = await self._foreign.send(
            replace(passed, method="GET", query=b"location", headers={}, body=b"", length=None)
        )
        if answer.status >= 300:
            return answer
        answer.close()
        home = self._foreign.home("s3")
        headers: Headers = [(b"x-amz-request-id", call.request_id.encode())]
        if passed.method == "GET":
            found = self._notifications.of(bucket, home)
            return Response(200, [*headers, _XML], write(found.rules if found is not None else ()))
        document = await _whole(passed.body, _DOCUMENT_BYTES)
        is_trusted = (passed.headers or {}).get(_SKIP, b"").strip().lower() == b"true"
        try:
            wanted = Configuration(call.account, call.region, home, read(document))
            told = self._told(call, peer, wanted, ())
            await self._notifications.configure(bucket, wanted, told, is_trusted=is_trusted)
        except Unacceptable as error:
            raise ApiError(str(error), code="InvalidArgument", status=400, extra=error.arguments) from None
        return Response(200, headers, b"")

    # -- changes

    def _change(self, passed: Passed, bucket: str, key: str, query: dict[str, str]) -> _Change | None:
        """None when nobody wants to know."""
        configuration = self._notifications.of(bucket, self._foreign.home("s3"))
        if configuration is None:
            return None
        done = deed(passed.method, key, query, passed.headers or {})
        return None if done is None else _Change(done, bucket, query.get("versionId", ""), configuration)

    async def _changed(self, call: Call, passed: Passed, change: _Change, peer: str) -> Response:
        if not change.deed.key:
            passed = replace(passed, body=await _whole(passed.body, _DOCUMENT_BYTES), length=None)
        async with await self._foreign.send(passed) as answer:
            try:
                body = await answer.read(_ANSWER_BYTES)
            except (Broken, AnswerTooLarge) as error:
                raise ApiError(f"S3's answer cannot be read: {error}", code="InternalError", status=500) from None
        if answer.status < 300:
            await self._tell(call, passed, change, answer, body, peer)
        return Response(answer.status, told_headers(answer.headers), body)

    async def _tell(self, call: Call, passed: Passed, change: _Change, answer: Answer, body: bytes, peer: str) -> None:
        for happened in await self._happened(passed, change, answer, body):
            told = self._told(call, peer, change.configuration, answer.headers)
            try:
                await self._notifications.tell(change.bucket, change.configuration, happened, told)
            except ApiError as error:
                self._log.error(
                    "s3_notification_failed", bucket=change.bucket, because=f"{error.code}: {error.message}"
                )
                text = "We encountered an internal error. Please try again."
                raise ApiError(text, code="InternalError", status=500) from None

    async def _happened(self, passed: Passed, change: _Change, answer: Answer, body: bytes) -> Sequence[Happened]:
        """The events of a request that was answered so."""
        done = change.deed
        told = {name: value.decode("latin-1") for name, value in answer.headers}
        version = told.get(b"x-amz-version-id", "")
        if not done.key:
            return list(_deleted(passed.body if isinstance(passed.body, bytes) else b"", body))
        if done.event == "ObjectRemoved:Delete":
            made_marker = told.get(b"x-amz-delete-marker") == "true" and not change.version
            event = "ObjectRemoved:DeleteMarkerCreated" if made_marker else done.event
            return [Happened(event, done.key, version=version or change.version)]
        if done.event == "ObjectCreated:Put":
            size = len(passed.body) if isinstance(passed.body, bytes) else passed.length
            return [Happened(done.event, done.key, size, told.get(b"etag", "").strip('"'), version)]
        if done.event in ("ObjectCreated:Copy", "ObjectCreated:CompleteMultipartUpload") and _is_error(body):
            return []  # these say 200 before they know
        size, etag = await self._looked_up(passed, change, version)
        has_size = done.event.startswith(("ObjectCreated", "ObjectRestore"))
        return [Happened(done.event, done.key, size if has_size else None, etag, version or change.version)]

    async def _looked_up(self, passed: Passed, change: _Change, version: str) -> tuple[int | None, str]:
        """(size, ETag) of the object now."""
        version = version or change.version
        query = b"versionId=" + version.encode() if version and version != "null" else b""
        asked = replace(passed, method="HEAD", query=query, headers={}, body=b"", length=None)
        async with await self._foreign.send(asked) as answer:
            return answer.length, (answer.header(b"etag") or b"").decode("latin-1").strip('"')

    def _told(
        self, call: Call, peer: str, configuration: Configuration, headers: Sequence[tuple[bytes, bytes]]
    ) -> Request:
        said = {name: value.decode("latin-1") for name, value in headers}
        now = self._clock.now()
        self._number = max(self._number + 1, int(now * 1e9))
        return Request(
            account=configuration.account,
            region=configuration.region,
            user=call.principal.user_id,
            address=peer,
            request_id=said.get(b"x-amz-request-id", call.request_id),
            host_id=said.get(b"x-amz-id-2", call.request_id),
            now=now,
            number=self._number,
            trace=call.headers.get(b"x-amzn-trace-id", b"").decode("latin-1"),
        )


def _names(path: bytes) -> tuple[str, str]:
    """(bucket, key) of a path; empty where it has none."""
    bucket, _, key = unquote_to_bytes(path[1:]).decode("utf-8", "replace").partition("/")
    return bucket, key


def _deleted(asked: bytes, body: bytes) -> Iterator[Happened]:
    """The events of DeleteObjects. What is deleted quietly is not listed in the answer: it is what was asked for, but
    for the errors, and nobody says whether markers were made."""
    wanted = _document(asked).children
    if any(element.name == "Quiet" and element.text.strip().lower() == "true" for element in wanted):
        failed = {_texts(element).get("Key") for element in _document(body).children if element.name == "Error"}
        for texts in (_texts(element) for element in wanted if element.name == "Object"):
            if texts.get("Key") not in failed:
                yield Happened("ObjectRemoved:Delete", texts.get("Key", ""), version=texts.get("VersionId", ""))
        return
    for element in _document(body).children:
        if element.name != "Deleted":
            continue
        texts = _texts(element)
        made_marker = texts.get("DeleteMarker") == "true" and "VersionId" not in texts
        event = "ObjectRemoved:DeleteMarkerCreated" if made_marker else "ObjectRemoved:Delete"
        version = texts.get("DeleteMarkerVersionId", "") if made_marker else texts.get("VersionId", "")
        yield Happened(event, texts.get("Key", ""), version=version)


def _texts(element: Element) -> dict[str, str]:
    return {child.name: child.text for child in element.children}


def _is_error(body: bytes) -> bool:
    return _document(body).name == "Error"


def _document(body: bytes) -> Element:
    """The root of an answer; an empty one if it has none."""
    try:
        return parse(body.strip())
    except SerializationError:
        return Element("", {})


async def _whole(body: bytes | AsyncIterable[bytes], at_most: int) -> bytes:
    """Raises EntityTooLarge."""
    if isinstance(body, bytes):
        return body
    parts, size = [], 0
    async for piece in body:
        size += len(piece)
        if size > at_most:
            raise ApiError("Your proposed upload exceeds the maximum allowed size", code="EntityTooLarge", status=400)
        parts.append(piece)
    return b"".join(parts)
