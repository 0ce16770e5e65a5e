"""Log groups: making, listing, deleting, and how long they keep events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from lambent.neighbours.logs.names import GroupRef
from lambent.neighbours.logs.records import Group, LogRecords
from lambent.neighbours.logs.requests import check_tag_keys, check_unprotected, identified_group, named_group
from lambent.neighbours.logs.shapes import (
    CreateLogGroupRequest,
    DeleteLogGroupRequest,
    DeleteRetentionPolicyRequest,
    DescribeLogGroupsRequest,
    DescribeLogGroupsResponse,
    InvalidParameterException,
    LogGroup,
    PutLogGroupDeletionProtectionRequest,
    PutRetentionPolicyRequest,
    ResourceNotFoundException,
)
from lambent.neighbours.logs.tokens import page_token, read_page_token
from lambent.ports import Ports
from lambent.wire.call import Call

RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
PAGE = 50


class LogGroups:
    """The operations on log groups."""

    def __init__(self, ports: Ports) -> None:
        self._groups = LogRecords(ports.records, ports.journals)
        self._journals = ports.journals
        self._clock = ports.clock

    async def create_log_group(self, call: Call, request: CreateLogGroupRequest) -> None:
        """Partly: `kmsKeyId` is kept and shown, and encrypts nothing."""
        name, tags = request["logGroupName"], request.get("tags", {})
        if name.lower().startswith("aws/"):
            raise InvalidParameterException("Log groups starting with AWS/ are reserved for AWS.")
        check_tag_keys(tags)
        group = Group(
            name=name,
            created_ms=int(self._clock.now() * 1000),
            log_class=request.get("logGroupClass", "STANDARD"),
            kms_key=request.get("kmsKeyId"),
            protected=request.get("deletionProtectionEnabled", False),
            tags=tags,
        )
        await self._groups.add_group(named_group(call, name), group)

    async def describe_log_groups(self, call: Call, request: DescribeLogGroupsRequest) -> DescribeLogGroupsResponse:
        """Partly: there are no linked accounts; only the caller's own groups are shown."""
        if "logGroupNamePrefix" in request and "logGroupNamePattern" in request:
            raise InvalidParameterException(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
            )
        limit = request.get("limit", PAGE)
        found: list[LogGroup] = []
        async for ref, group in self._wanted(call, request):
            if len(found) == limit:
                return {"logGroups": found, "nextToken": page_token(found[-1]["logGroupName"])}
            found.append(await self._shown(ref, group))
        return {"logGroups": found}

    async def delete_log_group(self, call: Call, request: DeleteLogGroupRequest) -> None:
        await self._groups.delete_group(named_group(call, request["logGroupName"]), check_unprotected)

    async def put_log_group_deletion_protection(
        self, call: Call, request: PutLogGroupDeletionProtectionRequest
    ) -> None:
        ref = identified_group(call, None, request["logGroupIdentifier"])
        protected = request["deletionProtectionEnabled"]
        await self._groups.change_group(ref, lambda group: replace(group, protected=protected))

    async def put_retention_policy(self, call: Call, request: PutRetentionPolicyRequest) -> None:
        days = request["retentionInDays"]
        if days not in RETENTION_DAYS:
            raise InvalidParameterException(f"Invalid retention value. Valid values are: {list(RETENTION_DAYS)}")
        await self._keep_for(call, request["logGroupName"], days)

    async def delete_retention_policy(self, call: Call, request: DeleteRetentionPolicyRequest) -> None:
        await self._keep_for(call, request["logGroupName"], None)

    async def _keep_for(self, call: Call, name: str, days: int | None) -> None:
        ref = named_group(call, name)
        await self._groups.change_group(ref, lambda group: replace(group, retention_days=days))

    async def _wanted(self, call: Call, request: DescribeLogGroupsRequest) -> AsyncIterator[tuple[GroupRef, Group]]:
        """The groups that a request describes, from its token on, in the order of their names."""
        after = read_page_token(request.get("nextToken"))
        if "logGroupIdentifiers" in request:
            async for named in self._identified(call, request["logGroupIdentifiers"], after):
                yield named
            return
        scope = named_group(call, request.get("logGroupNamePrefix", ""))
        part, classes = request.get("logGroupNamePattern", ""), _classes(request)
        async for group in self._groups.groups(scope, after=after):
            if part in group.name and group.log_class in classes:
                yield replace(scope, name=group.name), group

    async def _identified(
        self, call: Call, identifiers: list[str], after: str
    ) -> AsyncIterator[tuple[GroupRef, Group]]:
        refs = {identified_group(call, None, identifier) for identifier in identifiers}
        for ref in sorted(refs, key=lambda ref: ref.name):
            if ref.name <= after:
                continue
            try:
                yield ref, await self._groups.group(ref)
            except ResourceNotFoundException:
                continue

    async def _shown(self, ref: GroupRef, group: Group) -> LogGroup:
        spans = await self._journals.spans(ref.journals)
        shown: LogGroup = {
            "logGroupName": group.name,
            "creationTime": group.created_ms,
            "metricFilterCount": 0,
            "arn": f"{ref.arn}:*",
            "storedBytes": sum(span.size for span in spans.values()),
            "logGroupClass": group.log_class,  # type: ignore[typeddict-item]  # stored as it was validated
            "logGroupArn": ref.arn,
            "deletionProtectionEnabled": group.protected,
        }
        if group.retention_days is not None:
            shown["retentionInDays"] = group.retention_days
        if group.kms_key is not None:
            shown["kmsKeyId"] = group.kms_key
        return shown


def _classes(request: DescribeLogGroupsRequest) -> tuple[str, ...]:
    wanted = request.get("logGroupClass")
    # The two names of the cheaper class stand for each other.
    if wanted in ("INFREQUENT_ACCESS", "ESSENTIALS"):
        return "INFREQUENT_ACCESS", "ESSENTIALS"
    return (wanted,) if wanted else ("STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS")
