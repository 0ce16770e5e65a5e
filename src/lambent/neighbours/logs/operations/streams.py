"""Log streams: making, listing, deleting."""

from __future__ import annotations

from collections.abc import Mapping

from lambent.neighbours.logs.names import GroupRef, StreamRef
from lambent.neighbours.logs.records import LogRecords, Stream
from lambent.neighbours.logs.requests import check_unprotected, identified_group, named_group
from lambent.neighbours.logs.shapes import (
    CreateLogStreamRequest,
    DeleteLogStreamRequest,
    DescribeLogStreamsRequest,
    DescribeLogStreamsResponse,
    InvalidParameterException,
    LogStream,
)
from lambent.neighbours.logs.tokens import SEQUENCE_TOKEN, page_token, read_page_token
from lambent.ports import Ports
from lambent.store.base import Span
from lambent.wire.call import Call

PAGE = 50

_NEVER = -1


class LogStreams:
    """The operations on log streams."""

    def __init__(self, ports: Ports) -> None:
        self._records = LogRecords(ports.records, ports.journals)
        self._journals = ports.journals
        self._clock = ports.clock

    async def create_log_stream(self, call: Call, request: CreateLogStreamRequest) -> None:
        name = request["logStreamName"]
        stream = Stream(name=name, created_ms=int(self._clock.now() * 1000))
        await self._records.add_stream(StreamRef(named_group(call, request["logGroupName"]), name), stream)

    async def delete_log_stream(self, call: Call, request: DeleteLogStreamRequest) -> None:
        ref = StreamRef(named_group(call, request["logGroupName"]), request["logStreamName"])
        await self._records.delete_stream(ref, check_unprotected)

    async def describe_log_streams(self, call: Call, request: DescribeLogStreamsRequest) -> DescribeLogStreamsResponse:
        ref = identified_group(call, request.get("logGroupName"), request.get("logGroupIdentifier"))
        by_time = request.get("orderBy") == "LastEventTime"
        if by_time and "logStreamNamePrefix" in request:
            raise InvalidParameterException("Cannot order by LastEventTime with a logStreamNamePrefix.")
        after = read_page_token(request.get("nextToken"))
        await self._records.group(ref)
        limit = request.get("limit", PAGE)
        if by_time or request.get("descending"):
            return await self._ordered(ref, request, after, limit, by_time=by_time)
        found: list[Stream] = []
        async for stream in self._records.streams(ref, request.get("logStreamNamePrefix", ""), after=after):
            found.append(stream)
            if len(found) > limit:
                break
        token = page_token(found[limit - 1].name) if len(found) > limit else None
        return await self._page(ref, found[:limit], token)

    async def _ordered(
        self, ref: GroupRef, request: DescribeLogStreamsRequest, after: str, limit: int, *, by_time: bool
    ) -> DescribeLogStreamsResponse:
        """A page in an order other than that of the records: all streams are looked at."""
        spans = await self._journals.spans(ref.journals) if by_time else {}
        prefix, descending = request.get("logStreamNamePrefix", ""), request.get("descending", False)
        placed = [
            (_place(StreamRef(ref, stream.name), spans), stream) async for stream in self._records.streams(ref, prefix)
        ]
        placed.sort(key=lambda pair: pair[0], reverse=descending)
        if after:
            beyond = _read_place(after)
            placed = [p for p in placed if (p[0] < beyond if descending else p[0] > beyond)]
        token = None
        if len(placed) > limit:
            at, name = placed[limit - 1][0]
            token = page_token(f"{at}/{name}")
        return await self._page(ref, [stream for _, stream in placed[:limit]], token)

    async def _page(self, ref: GroupRef, streams: list[Stream], token: str | None) -> DescribeLogStreamsResponse:
        spans = await self._journals.spans(ref.journals) if streams else {}
        answer: DescribeLogStreamsResponse = {"logStreams": [_shown(StreamRef(ref, s.name), s, spans) for s in streams]}
        if token is not None:
            answer["nextToken"] = token
        return answer


def _place(ref: StreamRef, spans: Mapping[str, Span]) -> tuple[int, str]:
    """Where a stream stands in an order: its last event's time, if that counts, then its name."""
    span = spans.get(ref.journal)
    return (span.last if span is not None else _NEVER), ref.name


def _read_place(token: str) -> tuple[int, str]:
    at, slash, name = token.partition("/")
    if not slash or not at.lstrip("-").isdecimal():
        raise InvalidParameterException("The specified nextToken is invalid.")
    return int(at), name


def _shown(ref: StreamRef, stream: Stream, spans: Mapping[str, Span]) -> LogStream:
    shown: LogStream = {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "arn": ref.arn,
        "storedBytes": 0,  # so it is for every stream since 2019
    }
    span = spans.get(ref.journal)
    if span is not None:
        shown["firstEventTimestamp"] = span.first
        shown["lastEventTimestamp"] = span.last
        shown["lastIngestionTime"] = span.written_at
        shown["uploadSequenceToken"] = SEQUENCE_TOKEN
    return shown
