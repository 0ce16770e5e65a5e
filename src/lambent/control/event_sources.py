"""The operations on event source mappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from lambent.control.finding import find_named
from lambent.control.naming import function_ref
from lambent.control.paging import page
from lambent.control.regional import Regional, Value
from lambent.control.resources import Resource, tags_given
from lambent.control.shapes import (
    CreateEventSourceMappingRequest,
    DeleteEventSourceMappingRequest,
    EventSourceMappingConfiguration,
    GetEventSourceMappingRequest,
    InvalidParameterValueException,
    ListEventSourceMappingsRequest,
    ListEventSourceMappingsResponse,
    ResourceConflictException,
    ResourceNotFoundException,
    UpdateEventSourceMappingRequest,
)
from lambent.core import limits
from lambent.core.arn import FunctionRef
from lambent.core.eventsource import Queue, kind_of, refusal
from lambent.invoke.records import FunctionRecords
from lambent.kit.ids import uuid4
from lambent.ports import Ports
from lambent.store.base import ABSENT, RevisionMismatch
from lambent.wire.call import Call

KIND = "event-source-mapping"
NOT_POLLED = "Lambent does not poll SQS queues yet."
"""Why a mapping that was asked to be enabled is not."""
USER = "USER_INITIATED"
_DEFAULTS = {"BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": []}
_EMPTIED = ("FilterCriteria", "ScalingConfig", "ProvisionedPollerConfig", "MetricsConfig", "KMSKeyArn")
"""What is shown only when it is set, and taken away by an empty value."""
_OWN = ("UUID", "Enabled", "FunctionName", "Tags")


class EventSourceMappings:
    """Which queue's messages a function gets, and how."""

    def __init__(self, ports: Ports) -> None:
        self._clock = ports.clock
        self._functions = FunctionRecords(ports.records, ports.seal)
        self._mappings = Regional(ports.records, KIND)
        self._pairs = Regional(ports.records, "event-source-pairs")
        """The mapping's UUID by function and source, which makes a second one impossible."""

    async def create_event_source_mapping(
        self, call: Call, request: CreateEventSourceMappingRequest
    ) -> EventSourceMappingConfiguration:
        """Partly: SQS queues only, which are not polled yet: an enabled mapping is kept, but its State is Disabled and
        its StateTransitionReason says why. Whether the queue exists is not asked."""
        self._check(call, kind_of(request), request)
        ref = await self._function(call, request["FunctionName"])
        enabled = request.get("Enabled", True)
        mapping = _with({**_DEFAULTS, "EventSourceArn": request["EventSourceArn"]}, request)
        mapping |= {
            "UUID": uuid4(),
            "FunctionArn": ref.arn,
            "Enabled": enabled,
            "LastModified": self._now(),
            "Tags": tags_given(request.get("Tags") or {}),
        }
        await self._add(call, ref, mapping)
        return _shown(call, mapping, state="Creating" if enabled else None)

    async def get_event_source_mapping(
        self, call: Call, request: GetEventSourceMappingRequest
    ) -> EventSourceMappingConfiguration:
        """One mapping."""
        mapping, _ = await self._existing(call, request["UUID"])
        return _shown(call, mapping)

    async def update_event_source_mapping(
        self, call: Call, request: UpdateEventSourceMappingRequest
    ) -> EventSourceMappingConfiguration:
        """Partly: as CreateEventSourceMapping. Changes what the request names; the source stays."""
        while True:
            before, revision = await self._existing(call, request["UUID"])
            mapping = _with(before, request)
            self._check(call, kind_of(mapping), mapping)
            if (name := request.get("FunctionName")) is not None:
                mapping["FunctionArn"] = (await self._function(call, name)).arn
            mapping["Enabled"] = request.get("Enabled", before["Enabled"])
            mapping["LastModified"] = self._now()
            try:
                await self._replace(call, before, mapping, revision)
            except RevisionMismatch:
                continue
            if mapping["Enabled"] == before["Enabled"]:
                return _shown(call, mapping, state="Updating")
            return _shown(call, mapping, state="Enabling" if mapping["Enabled"] else "Disabling")

    async def delete_event_source_mapping(
        self, call: Call, request: DeleteEventSourceMappingRequest
    ) -> EventSourceMappingConfiguration:
        """Remove the mapping; what its source holds stays there."""
        while True:
            mapping, revision = await self._existing(call, request["UUID"])
            pair = self._pairs.deletion(call.account, call.region, _pair(mapping))
            try:
                await self._mappings.remove(call.account, call.region, mapping["UUID"], revision, pair)
            except RevisionMismatch:
                continue
            return _shown(call, mapping, state="Deleting")

    async def list_event_source_mappings(
        self, call: Call, request: ListEventSourceMappingsRequest
    ) -> ListEventSourceMappingsResponse:
        """Those of a function, of a source, or all; a hundred at most a page."""
        source, name = request.get("EventSourceArn"), request.get("FunctionName")
        ref = None if name is None else function_ref(call, name)
        mappings = {
            uuid: _shown(call, mapping)
            for uuid, mapping in (await self._mappings.all(call.account, call.region)).items()
            if source in (None, mapping["EventSourceArn"]) and (ref is None or _is_of(mapping["FunctionArn"], ref))
        }
        shown, marker = page(mappings, request, limits.MAPPINGS_PAGE)
        answer: ListEventSourceMappingsResponse = {"EventSourceMappings": list(shown)}
        if marker is not None:
            answer["NextMarker"] = marker
        return answer

    # -- shared steps ---------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return round(self._clock.now(), 3)

    def _check(self, call: Call, kind: str | None, members: Mapping[str, Any]) -> None:
        text = refusal(kind, members)
        if text is not None:
            raise InvalidParameterValueException(text)
        queue = Queue.parse(members["EventSourceArn"])
        if queue is None or queue.region != call.region:
            raise InvalidParameterValueException(
                f"The event source must be in the function's region ({call.region}): {members['EventSourceArn']}"
            )

    async def _function(self, call: Call, name: str) -> FunctionRef:
        ref = function_ref(call, name)
        if await find_named(self._functions, ref) is None:
            raise InvalidParameterValueException("Function does not exist")
        return ref

    async def _existing(self, call: Call, uuid: str) -> tuple[Value, int]:
        found = await self._mappings.get(call.account, call.region, uuid.lower())
        if found is None:
            raise ResourceNotFoundException("The resource you requested does not exist.")
        return found

    async def _add(self, call: Call, ref: FunctionRef, mapping: Value) -> None:
        pair = self._pairs.change(call.account, call.region, _pair(mapping), {"UUID": mapping["UUID"]}, ABSENT)
        try:
            await self._mappings.add(call.account, call.region, mapping["UUID"], mapping, pair)
        except RevisionMismatch:
            raise await self._conflict(call, mapping) from None

    async def _replace(self, call: Call, before: Value, mapping: Value, revision: int) -> None:
        old, new = _pair(before), _pair(mapping)
        if old == new:
            await self._mappings.replace(call.account, call.region, mapping["UUID"], mapping, revision)
            return
        if await self._pairs.get(call.account, call.region, new) is not None:
            raise await self._conflict(call, mapping)
        moved = (
            self._pairs.deletion(call.account, call.region, old),
            self._pairs.change(call.account, call.region, new, {"UUID": mapping["UUID"]}, ABSENT),
        )
        await self._mappings.replace(call.account, call.region, mapping["UUID"], mapping, revision, *moved)

    async def _conflict(self, call: Call, mapping: Value) -> ResourceConflictException:
        found = await self._pairs.get(call.account, call.region, _pair(mapping))
        uuid = mapping["UUID"] if found is None else found[0]["UUID"]
        name = mapping["FunctionArn"].split(":")[6]
        return ResourceConflictException(
            f'An event source mapping with SQS arn (" {mapping["EventSourceArn"]} ") and function (" {name} ") '
            f"already exists. Please update or delete the existing mapping with UUID {uuid}"
        )


def _with(mapping: Value, request: Mapping[str, Any]) -> dict[str, Any]:
    """`mapping` with the members that the request sets; an empty one takes what can be absent away."""
    members = {name: value for name, value in request.items() if value is not None and name not in _OWN}
    for name in _EMPTIED:
        value = members.get(name)
        if value is not None and (not value or not any(value.values() if isinstance(value, dict) else value)):
            members[name] = None
    return {name: value for name, value in {**mapping, **members}.items() if value is not None}


def _pair(mapping: Value) -> str:
    return f"{mapping['FunctionArn']}|{mapping['EventSourceArn']}"


def _is_of(arn: str, ref: FunctionRef) -> bool:
    """Whether a mapping's function is the one that `ref` names: without a qualifier, any version or alias of it."""
    return arn == ref.arn or (ref.qualifier is None and arn.startswith(f"{ref.arn}:"))


def _shown(call: Call, mapping: Value, *, state: str | None = None) -> EventSourceMappingConfiguration:
    """`state`: the one that AWS answers a change with; every change is made when it is answered."""
    answer = {name: value for name, value in mapping.items() if name not in ("Enabled", "Tags")}
    answer["EventSourceMappingArn"] = Resource(call.account, call.region, KIND, mapping["UUID"]).arn
    answer["State"] = state or "Disabled"
    answer["StateTransitionReason"] = USER if state or not mapping["Enabled"] else NOT_POLLED
    return cast(EventSourceMappingConfiguration, answer)
