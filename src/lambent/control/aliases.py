"""The operations on aliases. Beyond AWS, an alias may point to another one: it is resolved at every invocation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial

from lambent.control.finding import check_revision, find_function
from lambent.control.naming import UNTYPED, function_missing, function_ref
from lambent.control.paging import page
from lambent.control.shapes import (
    AliasConfiguration,
    CreateAliasRequest,
    DeleteAliasRequest,
    GetAliasRequest,
    InvalidParameterValueException,
    ListAliasesRequest,
    ListAliasesResponse,
    ResourceConflictException,
    ResourceNotFoundException,
    UpdateAliasRequest,
)
from lambent.core import limits
from lambent.core.arn import LATEST, FunctionRef
from lambent.core.function import Alias, Version
from lambent.core.provisioning import UNPUBLISHED, clash, is_unpublished
from lambent.core.routing import circle, is_version, pointing_to
from lambent.core.scaling import Allotments
from lambent.invoke.allotments import AllotmentRecords
from lambent.invoke.records import FunctionRecords
from lambent.kit.ids import uuid4
from lambent.ports import Ports
from lambent.store.optimistic import optimistic
from lambent.wire.call import Call


class Aliases:
    """Create, read, update, delete and list aliases."""

    def __init__(self, ports: Ports) -> None:
        self._functions = FunctionRecords(ports.records, ports.seal)
        self._allotments = AllotmentRecords(ports.records)

    @optimistic
    async def create_alias(self, call: Call, request: CreateAliasRequest) -> AliasConfiguration:
        """As AWS; and FunctionVersion may be another alias's name."""
        ref = _unqualified(call, request["FunctionName"])
        name, target = request["Name"], request["FunctionVersion"]
        found = await self._functions.get(ref.account, ref.region, ref.name)
        if found is None:
            raise function_missing(replace(ref, qualifier=target))
        function, revision = found
        aliases = await self._functions.aliases(ref.account, ref.region, ref.name)
        alias = Alias(
            account=ref.account,
            region=ref.region,
            function=ref.name,
            name=name,
            target=target,
            revision_id=uuid4(),
            description=request.get("Description", ""),
            weights=_weights(request) or {},
        )
        await self._check(function.latest, alias, aliases)
        if name in aliases:
            raise ResourceConflictException(f"Alias already exists: {alias.arn}")
        await self._functions.replace(function, revision, self._functions.put_alias(alias))
        return shown_alias(alias)

    async def get_alias(self, call: Call, request: GetAliasRequest) -> AliasConfiguration:
        """One alias."""
        ref = _unqualified(call, request["FunctionName"])
        alias = await self._functions.alias(ref.account, ref.region, ref.name, request["Name"])
        if alias is None:
            raise ResourceNotFoundException(f"Cannot find alias arn: {ref.arn}:{request['Name']}")
        return shown_alias(alias)

    @optimistic
    async def update_alias(self, call: Call, request: UpdateAliasRequest) -> AliasConfiguration:
        """Only what is given changes; an empty RoutingConfig takes weights away. Provisioned environments follow."""
        ref = _unqualified(call, request["FunctionName"])
        found = await self._functions.get(ref.account, ref.region, ref.name)
        aliases = await self._functions.aliases(ref.account, ref.region, ref.name)
        alias = aliases.get(request["Name"])
        if found is None or alias is None:
            raise ResourceNotFoundException(f"Alias not found: {ref.arn}:{request['Name']}")
        function, revision = found
        check_revision(alias.revision_id, request.get("RevisionId"))
        updated = _updated(alias, request)
        await self._check(function.latest, updated, aliases)
        allotments, allotted = await self._allotments.get(ref.account, ref.region)
        _check_provisioned({**aliases, alias.name: updated}, allotments.provisioned.get(ref.name, {}))
        same = self._allotments.unchanged(ref.account, ref.region, allotted)
        await self._functions.replace(function, revision, self._functions.put_alias(updated), same)
        return shown_alias(updated)

    @optimistic
    async def delete_alias(self, call: Call, request: DeleteAliasRequest) -> None:
        """Also when there is none, as AWS; not while another alias points to it. Provisioned environments go too."""
        found = await find_function(self._functions, call, request)
        ref = found.ref
        aliases = await self._functions.aliases(ref.account, ref.region, ref.name)
        alias = aliases.get(request["Name"])
        if alias is None:
            return
        if users := pointing_to(aliases, alias.name):
            raise ResourceConflictException(
                f"Unable to delete alias because the following aliases reference it: [{', '.join(users)}]"
            )
        gone = self._functions.delete_alias(alias)
        settings = self._functions.delete_settings(ref.account, ref.region, ref.name, alias.name)
        freed = await self._allotments.changed(
            ref.account,
            ref.region,
            partial(Allotments.with_provisioned, name=ref.name, qualifier=alias.name, wanted=None),
        )
        await self._functions.replace(found.function, found.revision, gone, freed, *settings)

    async def list_aliases(self, call: Call, request: ListAliasesRequest) -> ListAliasesResponse:
        """In name order; with FunctionVersion, those that point to it."""
        found = await find_function(self._functions, call, request)
        ref = found.ref
        target = request.get("FunctionVersion")
        aliases = await self._functions.aliases(ref.account, ref.region, ref.name)
        wanted = {name: alias for name, alias in aliases.items() if target in (None, alias.target)}
        shown, marker = page(wanted, request, limits.ALIASES_PAGE)
        answer: ListAliasesResponse = {"Aliases": [shown_alias(alias) for alias in shown]}
        if marker is not None:
            answer["NextMarker"] = marker
        return answer

    # -- checks, in AWS's order -----------------------------------------------------------------------------------

    async def _check(self, latest: Version, alias: Alias, aliases: Mapping[str, Alias]) -> None:
        """Raises the ApiError of an alias that cannot be as it is to be."""
        main = await self._target(latest, alias, aliases)
        if not alias.weights:
            return
        if len(alias.weights) > 1:
            raise InvalidParameterValueException("Number of items in AdditionalVersionWeights cannot be greater than 1")
        (number,) = alias.weights
        if number == alias.target:
            raise InvalidParameterValueException(
                f"Invalid function version {number}. Function version {number} is already included in routing "
                "configuration."
            )
        if alias.target == LATEST:
            raise InvalidParameterValueException(
                "$LATEST is not supported for an alias pointing to more than 1 version", extra=UNTYPED
            )
        if main is None:
            raise InvalidParameterValueException(
                f"An alias with a routing configuration must point to a version, and {alias.target} is an alias. "
                "Set the routing configuration there."
            )
        other = await self._existing(latest, number)
        if other.role != main.role:
            raise InvalidParameterValueException("Specified versions must be associated with the same execution role")
        if other.dead_letter_target != main.dead_letter_target:
            raise InvalidParameterValueException(
                "Specified versions must be associated with the same dead letter configuration"
            )

    async def _target(self, latest: Version, alias: Alias, aliases: Mapping[str, Alias]) -> Version | None:
        """The version that it points to, or None when that is another alias. Raises the ApiError when it cannot."""
        if is_version(alias.target):
            return latest if alias.target == LATEST else await self._existing(latest, alias.target)
        if way := circle(aliases, alias.name, alias.target):
            raise InvalidParameterValueException(
                f"Alias {alias.name} cannot point to alias {alias.target}: that would be a circle ({' -> '.join(way)})."
            )
        if alias.target.startswith("$"):  # $LATEST.PUBLISHED is of Managed Instances, which no function here has
            raise ResourceNotFoundException(f"Function not found: {latest.arn}:{alias.target}")
        if alias.target not in aliases:
            raise ResourceNotFoundException(f"Cannot find alias arn: {latest.arn}:{alias.target}")
        return None

    async def _existing(self, latest: Version, number: str) -> Version:
        version = await self._functions.version(latest.account, latest.region, latest.name, number)
        if version is None:
            raise ResourceNotFoundException(f"Function not found: {latest.arn}:{number}")
        return version


def _check_provisioned(aliases: Mapping[str, Alias], provisioned: Collection[str]) -> None:
    """Raises the ApiError when provisioned environments could not follow their aliases to where those point now."""
    for qualifier in provisioned:
        if is_unpublished(aliases, qualifier):
            raise InvalidParameterValueException(UNPUBLISHED)
        if not is_version(qualifier) and (reason := clash(aliases, provisioned, qualifier)):
            raise ResourceConflictException(reason)


def shown_alias(alias: Alias) -> AliasConfiguration:
    """AliasConfiguration."""
    answer: AliasConfiguration = {
        "AliasArn": alias.arn,
        "Name": alias.name,
        "FunctionVersion": alias.target,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    }
    if alias.weights:
        answer["RoutingConfig"] = {"AdditionalVersionWeights": dict(alias.weights)}
    return answer


def _updated(alias: Alias, request: UpdateAliasRequest) -> Alias:
    weights = _weights(request)
    return replace(
        alias,
        target=request.get("FunctionVersion", alias.target),
        description=request.get("Description", alias.description),
        weights=alias.weights if weights is None else weights,
        revision_id=uuid4(),
    )


def _weights(request: CreateAliasRequest | UpdateAliasRequest) -> Mapping[str, float] | None:
    """None when the request says nothing of them."""
    routing = request.get("RoutingConfig")
    return None if routing is None else dict(routing.get("AdditionalVersionWeights") or {})


def _unqualified(call: Call, name: str) -> FunctionRef:
    """The function that has the alias. Raises ResourceNotFoundException when the name bears a qualifier."""
    ref = function_ref(call, name)
    if ref.qualifier not in (None, LATEST):
        raise function_missing(ref)
    return FunctionRef(ref.account, ref.region, ref.name)
