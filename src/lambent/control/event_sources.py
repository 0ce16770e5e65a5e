"""The operations on event source mappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from lambent.control.finding import find_named, version_named
from lambent.control.naming import function_ref
from lambent.control.paging import page
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
    ResourceInUseException,
    ResourceNotFoundException,
    ServiceException,
    UpdateEventSourceMappingRequest,
)
from lambent.core import limits
from lambent.core.arn import LATEST, FunctionRef
from lambent.core.eventsource import IN_TRANSITION, Queue, State, after_update, kind_of, refusal
from lambent.delivery.mapping import KIND, USER, source_of
from lambent.delivery.trigger import PollerTrigger, SourceGone, SourceUnreachable
from lambent.invoke.records import FunctionRecords
from lambent.invoke.regional import Place, Regional, Value
from lambent.kit.ids import uuid4
from lambent.ports import Ports
from lambent.store.base import ABSENT, RevisionMismatch
from lambent.store.optimistic import optimistic
from lambent.wire.call import Call

_DEFAULTS = {"BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": []}
_EMPTIED = ("FilterCriteria", "ScalingConfig", "ProvisionedPollerConfig", "MetricsConfig", "KMSKeyArn")
"""What is shown only when it is set, and taken away by an empty value."""
_OWN = ("UUID", "Enabled", "FunctionName", "Tags")


class EventSourceMappings:
    """Which queue's messages a function gets, and how."""

    def __init__(self, ports: Ports, triggers: Mapping[str, PollerTrigger]) -> None:
        """`triggers`: those that there are, by the kind of source."""
        self._clock = ports.clock
        self._triggers = triggers
        self._functions = FunctionRecords(ports.records, ports.seal)
        self._mappings = Regional(ports.records, KIND)
        self._pairs = Regional(ports.records, "event-source-pairs")
        """The mapping's UUID by function and source, which makes a second one impossible."""

    async def create_event_source_mapping(
        self, call: Call, request: CreateEventSourceMappingRequest
    ) -> EventSourceMappingConfiguration:
        """Partly: SQS queues only; the metric EventCount may be asked for, but no metrics are published."""
        self._check(call, kind_of(request), request)
        ref, timeout_s = await self._function(call, request["FunctionName"])
        enabled = request.get("Enabled", True)
        mapping = _with({**_DEFAULTS, "EventSourceArn": request["EventSourceArn"]}, request)
        mapping |= {
            "UUID": uuid4(),
            "FunctionArn": ref.arn,
            "Enabled": enabled,
            "LastModified": self._now(),
            "State": State.CREATING if enabled else State.DISABLED,
            "StateTransitionReason": USER,
            "Tags": tags_given(request.get("Tags") or {}),
        }
        await self._check_source(call, mapping, timeout_s)
        await self._add(call, ref, mapping)
        return _shown(call, mapping)

    async def get_event_source_mapping(
        self, call: Call, request: GetEventSourceMappingRequest
    ) -> EventSourceMappingConfiguration:
        """One mapping."""
        mapping, _ = await self._existing(call, request["UUID"])
        return _shown(call, mapping)

    @optimistic
    async def update_event_source_mapping(
        self, call: Call, request: UpdateEventSourceMappingRequest
    ) -> EventSourceMappingConfiguration:
        """Change what the request names; the source stays."""
        before, revision = await self._existing(call, request["UUID"])
        _check_settled(before, "update")
        mapping = _with(before, request)
        self._check(call, kind_of(mapping), mapping)
        if (name := request.get("FunctionName")) is not None:
            ref, timeout_s = await self._function(call, name)
            mapping["FunctionArn"] = ref.arn
            await self._check_source(call, mapping, timeout_s)
        enabled = mapping["Enabled"] = request.get("Enabled", before["Enabled"])
        mapping["LastModified"] = self._now()
        mapping["State"] = after_update(was_enabled=before["State"] == State.ENABLED, enabled=enabled)
        mapping["StateTransitionReason"] = USER
        await self._replace(call, before, mapping, revision)
        return _shown(call, mapping)

    @optimistic
    async def delete_event_source_mapping(
        self, call: Call, request: DeleteEventSourceMappingRequest
    ) -> EventSourceMappingConfiguration:
        """Remove the mapping; what its source holds stays there. It is gone as soon as nothing polls for it."""
        before, revision = await self._existing(call, request["UUID"])
        _check_settled(before, "delete")
        mapping = {**before, "Enabled": False, "State": State.DELETING, "StateTransitionReason": USER}
        pair = self._pairs.deletion(call.account, call.region, _pair(mapping))
        await self._mappings.replace(call.account, call.region, mapping["UUID"], mapping, revision, pair)
        return _shown(call, mapping)

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

    async def _check_source(self, call: Call, mapping: Value, timeout_s: int) -> None:
        """Ask whoever would poll it. Raises InvalidParameterValueException, and ServiceException when the source's
        service does not answer."""
        source = source_of(Place(call.account, call.region, mapping["UUID"]), mapping)
        trigger = self._triggers.get(source.kind)
        if trigger is None:
            raise InvalidParameterValueException("Unrecognized event source.")
        try:
            await trigger.check(source, timeout_s=timeout_s)
        except SourceGone as error:
            raise InvalidParameterValueException(str(error)) from None
        except SourceUnreachable as error:
            raise ServiceException(str(error)) from None

    async def _function(self, call: Call, name: str) -> tuple[FunctionRef, int]:
        """The function that is named, and how long it may run."""
        ref = function_ref(call, name)
        found = await find_named(self._functions, ref)
        version = None if found is None else await version_named(self._functions, found[0], ref.qualifier or LATEST)
        if version is None:
            raise InvalidParameterValueException("Function does not exist")
        return ref, version.timeout_s

    async def _existing(self, call: Call, uuid: str) -> tuple[Value, int]:
        found = await self._mappings.get(call.account, call.region, uuid.lower())
        if found is None:
            raise ResourceNotFoundException("The resource you requested does not exist.")
        return _complete(found[0]), found[1]

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


def _check_settled(mapping: Value, verb: str) -> None:
    """Raises ResourceInUseException while whoever polls has not followed the last change."""
    if mapping["State"] in IN_TRANSITION:
        raise ResourceInUseException(f"Cannot {verb} the event source mapping because it is in use.")


def _complete(mapping: Value) -> Value:
    """With a state: mappings that were written before there were pollers have none, until one has followed them."""
    if "State" in mapping:
        return mapping
    return {**mapping, "State": State.CREATING if mapping["Enabled"] else State.DISABLED, "StateTransitionReason": USER}


def _shown(call: Call, mapping: Value) -> EventSourceMappingConfiguration:
    answer = {name: value for name, value in _complete(mapping).items() if name not in ("Enabled", "Tags")}
    answer["EventSourceMappingArn"] = Resource(call.account, call.region, KIND, mapping["UUID"]).arn
    return cast(EventSourceMappingConfiguration, answer)
