"""Log events: writing them, reading a stream, searching a group, trying a filter pattern."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from contextlib import aclosing
from itertools import pairwise

from lambent.core.logfilter import BadPattern, Filter, parse, selects_everything
from lambent.neighbours.logs.names import GroupRef, StreamRef, stream_of
from lambent.neighbours.logs.reading import Range, pieces, position, size
from lambent.neighbours.logs.records import DAY_MS, Group, LogRecords
from lambent.neighbours.logs.requests import identified_group, named_group
from lambent.neighbours.logs.shapes import (
    FilteredLogEvent,
    FilterLogEventsRequest,
    FilterLogEventsResponse,
    GetLogEventsRequest,
    GetLogEventsResponse,
    InputLogEvent,
    InvalidParameterException,
    MetricFilterMatchRecord,
    OutputLogEvent,
    PutLogEventsRequest,
    PutLogEventsResponse,
    RejectedLogEventsInfo,
    ServiceUnavailableException,
    TestMetricFilterRequest,
    TestMetricFilterResponse,
)
from lambent.neighbours.logs.tokens import (
    SEQUENCE_TOKEN,
    Position,
    before,
    behind,
    event_id,
    page_token,
    read_position_token,
    read_stream_token,
    stream_token,
)
from lambent.ports import Ports
from lambent.store.base import Entry
from lambent.wire.call import Call

BATCH_BYTES = 1_048_576
"""One PutLogEvents, and one event in it."""
OVERHEAD_BYTES = 26
"""What an event counts besides its message."""
FUTURE_MS = 2 * 3_600_000
PAST_MS = 14 * DAY_MS

PAGE_EVENTS = 10_000
PAGE_BYTES = 1 << 20
SEARCHED_BYTES = 16 << 20
"""After so much text a search answers with what it has, and a token."""
_SEARCHED_ENTRY_BYTES = 100


class LogEvents:
    """The operations on log events."""

    def __init__(self, ports: Ports) -> None:
        self._records = LogRecords(ports.records, ports.journals)
        self._journals = ports.journals
        self._tasks = ports.tasks
        self._clock = ports.clock

    async def put_log_events(self, call: Call, request: PutLogEventsRequest) -> PutLogEventsResponse:
        """Partly: `entity` is ignored."""
        ref = StreamRef(named_group(call, request["logGroupName"]), request["logStreamName"])
        events = request["logEvents"]
        _check_batch(events)
        group = await self._records.group_of(ref)
        accepted, rejected = _judge(events, group, self._now_ms())
        if accepted:
            await self._append(ref.journal, accepted)
        answer: PutLogEventsResponse = {"nextSequenceToken": SEQUENCE_TOKEN}
        if rejected:
            answer["rejectedLogEventsInfo"] = rejected
        return answer

    async def get_log_events(self, call: Call, request: GetLogEventsRequest) -> GetLogEventsResponse:
        named = identified_group(call, request.get("logGroupName"), request.get("logGroupIdentifier"))
        ref = StreamRef(named, request["logStreamName"])
        backward, after = not request.get("startFromHead", False), None
        token = request.get("nextToken")
        if token is not None:
            backward, after = read_stream_token(token)
        group = await self._records.group_of(ref)
        wanted = Range.of(self._start(group, request), request.get("endTime"), after, backward=backward)
        found = await self._first(ref.journal, wanted, request.get("limit", PAGE_EVENTS))
        if backward:
            found.reverse()
        first, last = _ends(found, wanted)
        return {
            "events": [_output(entry) for entry in found],
            "nextForwardToken": stream_token("f", last),
            "nextBackwardToken": stream_token("b", first),
        }

    async def filter_log_events(self, call: Call, request: FilterLogEventsRequest) -> FilterLogEventsResponse:
        ref = identified_group(call, request.get("logGroupName"), request.get("logGroupIdentifier"))
        wanted_messages = _filter(request.get("filterPattern", ""))
        after = read_position_token(request.get("nextToken"))
        group = await self._records.group(ref)
        # Unlike that of GetLogEvents, this endTime is included.
        end = request["endTime"] + 1 if "endTime" in request else None
        backward = not request.get("startFromHead", True)
        wanted = Range.of(self._start(group, request), end, after, backward=backward)
        prefixes = await self._searched(ref, request)
        page = _Page(request.get("limit", PAGE_EVENTS))
        async with aclosing(pieces(self._journals, prefixes, wanted)) as found:
            async for piece in found:
                if not page.add(piece, await self._select(wanted_messages, piece)):
                    break
        return page.answer()

    async def test_metric_filter(self, call: Call, request: TestMetricFilterRequest) -> TestMetricFilterResponse:
        wanted = _filter(request["filterPattern"])
        return {"matches": await self._tasks.in_thread(_matches, wanted, request["logEventMessages"])}

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)

    def _start(self, group: Group, request: GetLogEventsRequest | FilterLogEventsRequest) -> int:
        """The earliest time to read from: what has expired is not shown, deleted or not."""
        return max(request.get("startTime", 0), group.oldest_ms(self._now_ms()))

    async def _append(self, journal: str, events: Sequence[InputLogEvent]) -> None:
        """Write events; they are safe when this returns."""
        dropped = self._journals.dropped
        self._journals.append(journal, [(event["timestamp"], event["message"]) for event in events])
        if self._journals.dropped != dropped:
            raise ServiceUnavailableException("The service cannot complete the request.")
        await self._journals.flush()

    async def _first(self, journal: str, wanted: Range, limit: int) -> list[Entry]:
        """The first entries that fit into a page."""
        found: list[Entry] = []
        room = PAGE_BYTES
        async with aclosing(pieces(self._journals, [journal], wanted)) as read:
            async for piece in read:
                for entry in piece:
                    room -= size(entry) + OVERHEAD_BYTES
                    if len(found) == limit or (room < 0 and found):
                        return found
                    found.append(entry)
        return found

    async def _searched(self, ref: GroupRef, request: FilterLogEventsRequest) -> list[str]:
        """What the journals begin with that a search looks into."""
        names = request.get("logStreamNames")
        if names is None:
            return [ref.journals_from(request.get("logStreamNamePrefix", ""))]
        if "logStreamNamePrefix" in request:
            raise InvalidParameterException("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
        streams = [StreamRef(ref, name) for name in dict.fromkeys(names)]
        for stream in streams:
            await self._records.group_of(stream)
        return [stream.journal for stream in streams]

    async def _select(self, wanted: Filter, entries: Sequence[Entry]) -> Sequence[Entry]:
        if selects_everything(wanted):
            return entries
        # Users write patterns and messages, so that a piece may take long: not on the event loop.
        return await self._tasks.in_thread(_select, wanted, entries)


class _Page:
    """The answer of a search, as it fills."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: list[FilteredLogEvent] = []
        self._bytes = 0
        self._searched = 0
        self._reached: Position = (0, 0)
        self._more = False

    def add(self, searched: Sequence[Entry], selected: Sequence[Entry]) -> bool:
        """Take what was selected of a piece; whether more is wanted."""
        for entry in selected:
            self._bytes += size(entry) + OVERHEAD_BYTES
            if len(self._events) == self._limit or (self._bytes > PAGE_BYTES and self._events):
                self._more = True
                return False
            self._events.append(_filtered(entry))
            self._reached = position(entry)
        self._reached = position(searched[-1])
        self._searched += sum(size(entry) + _SEARCHED_ENTRY_BYTES for entry in searched)
        self._more = self._searched >= SEARCHED_BYTES
        return not self._more

    def answer(self) -> FilterLogEventsResponse:
        """The events, with a token when there may be others."""
        answer: FilterLogEventsResponse = {"events": self._events, "searchedLogStreams": []}
        if self._more:
            answer["nextToken"] = page_token(event_id(self._reached))
        return answer


def _check_batch(events: Sequence[InputLogEvent]) -> None:
    """Raises InvalidParameterException for a batch that is too big or not in order."""
    sizes = [len(event["message"].encode()) + OVERHEAD_BYTES for event in events]
    if max(sizes) > BATCH_BYTES:
        raise InvalidParameterException(f"Log event too large: {max(sizes)} bytes exceeds limit of {BATCH_BYTES}")
    if sum(sizes) > BATCH_BYTES:
        raise InvalidParameterException(f"Upload too large: {sum(sizes)} bytes exceeds limit of {BATCH_BYTES}")
    if any(a["timestamp"] > b["timestamp"] for a, b in pairwise(events)):
        raise InvalidParameterException("Log events in a single PutLogEvents request must be in chronological order.")


def _judge(
    events: Sequence[InputLogEvent], group: Group, now_ms: int
) -> tuple[Sequence[InputLogEvent], RejectedLogEventsInfo]:
    """(the events to keep, which ones are not kept). Raises InvalidParameterException for a span over a day."""
    times = [event["timestamp"] for event in events]
    too_old = bisect_left(times, now_ms - PAST_MS)
    expired = bisect_left(times, group.oldest_ms(now_ms))
    too_new = bisect_right(times, now_ms + FUTURE_MS)
    kept = events[max(too_old, expired) : too_new]
    if kept and kept[-1]["timestamp"] - kept[0]["timestamp"] > DAY_MS:
        raise InvalidParameterException(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
    rejected: RejectedLogEventsInfo = {}
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if expired:
        rejected["expiredLogEventEndIndex"] = expired
    if too_new < len(events):
        rejected["tooNewLogEventStartIndex"] = too_new
    return kept, rejected


def _filter(pattern: str) -> Filter:
    try:
        return parse(pattern)
    except BadPattern as error:
        raise InvalidParameterException(str(error)) from None


def _select(wanted: Filter, entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if wanted.matches(entry.text)]


def _matches(wanted: Filter, messages: Sequence[str]) -> list[MetricFilterMatchRecord]:
    return [
        {"eventNumber": number, "eventMessage": message, "extractedValues": wanted.extract(message)}
        for number, message in enumerate(messages, 1)
        if wanted.matches(message)
    ]


def _ends(found: Sequence[Entry], wanted: Range) -> tuple[Position, Position]:
    """The positions for what stands before, and behind, the events of a page of GetLogEvents.

    Where a page is empty, the token that it was asked with stays, and the opposite one leads back over the event
    that it was made of.
    """
    if found:
        return position(found[0]), position(found[-1])
    if wanted.after is None:
        return (wanted.start, 0), (wanted.start, 0)
    return (wanted.after, before(wanted.after)) if wanted.backward else (behind(wanted.after), wanted.after)


def _output(entry: Entry) -> OutputLogEvent:
    return {"timestamp": entry.at, "message": entry.text, "ingestionTime": entry.written_at}


def _filtered(entry: Entry) -> FilteredLogEvent:
    return {
        "logStreamName": stream_of(entry.journal),
        "timestamp": entry.at,
        "message": entry.text,
        "ingestionTime": entry.written_at,
        "eventId": event_id(position(entry)),
    }
