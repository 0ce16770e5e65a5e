"""Managed policies: the customer's, and AWS's to look at."""

from __future__ import annotations

from dataclasses import replace

from lambent.kit.ids import unique_id
from lambent.neighbours.iam import documents, tags, views
from lambent.neighbours.iam.aws_policies import aws_policies
from lambent.neighbours.iam.directory import Directory, Usage, retried
from lambent.neighbours.iam.paging import page
from lambent.neighbours.iam.records import ManagedPolicy, PolicyVersion
from lambent.neighbours.iam.shapes import (
    CreatePolicyRequest,
    CreatePolicyResponse,
    DeleteConflictException,
    DeletePolicyRequest,
    EntityAlreadyExistsException,
    GetPolicyRequest,
    GetPolicyResponse,
    ListEntitiesForPolicyRequest,
    ListEntitiesForPolicyResponse,
    ListPoliciesRequest,
    ListPoliciesResponse,
    ListPolicyTagsRequest,
    ListPolicyTagsResponse,
    PolicyUsageType,
    TagPolicyRequest,
    UntagPolicyRequest,
)
from lambent.ports import Ports
from lambent.wire.call import Call

_PERMISSIONS: tuple[Usage, ...] = ("role", "user")
_BOUNDARIES: tuple[Usage, ...] = ("role-boundary", "user-boundary")


class Policies:
    """Operations on managed policies. Whoever names one that does not exist gets NoSuchEntityException."""

    def __init__(self, ports: Ports) -> None:
        self._clock = ports.clock
        self._directory = Directory(ports.records)

    async def create_policy(self, call: Call, request: CreatePolicyRequest) -> CreatePolicyResponse:
        documents.check_managed(request["PolicyDocument"])
        now = float(int(self._clock.now()))
        policy = ManagedPolicy(
            account=call.account,
            name=request["PolicyName"],
            path=request.get("Path", "/"),
            id=unique_id("ANPA", 21),
            created=now,
            updated=now,
            description=request.get("Description"),
            tags=tags.merged({}, tags.read(request.get("Tags", []))),
            versions={"v1": PolicyVersion(request["PolicyDocument"], now)},
        )

        async def attempt() -> None:
            if await self._directory.policies.is_taken(policy.account, policy.name):
                raise EntityAlreadyExistsException(
                    f"A policy called {policy.name} already exists. Duplicate names are not allowed."
                )
            await self._directory.write(self._directory.policies.add(policy))

        await retried(attempt)
        return {"Policy": views.policy(policy)}

    async def get_policy(self, call: Call, request: GetPolicyRequest) -> GetPolicyResponse:
        policy = await self._directory.policy(call.account, request["PolicyArn"])
        attached, bounding = await self._usage(call.account, policy)
        return {"Policy": views.policy(policy, attached=attached, bounding=bounding)}

    async def list_policies(self, call: Call, request: ListPoliciesRequest) -> ListPoliciesResponse:
        prefix = request.get("PathPrefix", "/")
        found = page(
            [p for p in await self._in_scope(call.account, request) if p.path.startswith(prefix)],
            request,
            lambda policy: policy.arn,
        )
        shown = []
        for policy in found.items:
            attached, bounding = await self._usage(call.account, policy)
            shown.append(views.listed_policy(policy, attached=attached, bounding=bounding))
        return {"Policies": shown, **found.ending}

    async def delete_policy(self, call: Call, request: DeletePolicyRequest) -> None:
        async def attempt() -> None:
            held = await self._directory.own_policy(call.account, request["PolicyArn"])
            if await self._directory.uses(call.account, held.noun.arn):
                raise DeleteConflictException("Cannot delete a policy attached to entities.")
            if len(held.noun.versions) > 1:
                raise DeleteConflictException(
                    "This policy has more than one version. Before you delete a policy, you must delete the "
                    "policy's versions. The default version is deleted with the policy."
                )
            await self._directory.write(self._directory.policies.remove(held))

        await retried(attempt)

    async def list_entities_for_policy(
        self, call: Call, request: ListEntitiesForPolicyRequest
    ) -> ListEntitiesForPolicyResponse:
        policy = await self._directory.policy(call.account, request["PolicyArn"])
        prefix = request.get("PathPrefix", "/")
        uses = await self._directory.uses(call.account, policy.arn, *_usages(request.get("PolicyUsageFilter")))
        # An entity may use a policy as permissions and as boundary: it is listed once.
        entities = {(usage.partition("-")[0], entity.name): entity for usage, entity in uses}
        kind = request.get("EntityFilter")
        found = page(
            [
                (is_a, entity)
                for (is_a, _), entity in entities.items()
                if entity.path.startswith(prefix) and kind in (None, is_a.capitalize())
            ],
            request,
            lambda entry: f"{entry[0]}/{entry[1].name}",
        )
        return {
            "PolicyGroups": [],
            "PolicyUsers": [{"UserName": e.name, "UserId": e.id} for is_a, e in found.items if is_a == "user"],
            "PolicyRoles": [{"RoleName": e.name, "RoleId": e.id} for is_a, e in found.items if is_a == "role"],
            **found.ending,
        }

    async def tag_policy(self, call: Call, request: TagPolicyRequest) -> None:
        new = tags.read(request["Tags"])

        async def attempt() -> None:
            held = await self._directory.own_policy(call.account, request["PolicyArn"])
            changed = replace(held.noun, tags=tags.merged(held.noun.tags, new))
            await self._directory.write(self._directory.policies.replace(held, changed))

        await retried(attempt)

    async def untag_policy(self, call: Call, request: UntagPolicyRequest) -> None:
        async def attempt() -> None:
            held = await self._directory.own_policy(call.account, request["PolicyArn"])
            changed = replace(held.noun, tags=tags.without(held.noun.tags, request["TagKeys"]))
            await self._directory.write(self._directory.policies.replace(held, changed))

        await retried(attempt)

    async def list_policy_tags(self, call: Call, request: ListPolicyTagsRequest) -> ListPolicyTagsResponse:
        policy = await self._directory.policy(call.account, request["PolicyArn"])
        found = page(tags.shown(policy.tags), request, lambda tag: tag["Key"])
        return {"Tags": found.items, **found.ending}

    async def _in_scope(self, account: str, request: ListPoliciesRequest) -> list[ManagedPolicy]:
        scope = request.get("Scope", "All")
        found = [] if scope == "Local" else list(aws_policies().values())
        if scope != "AWS":
            found += await self._directory.policies.all(account)
        usage = request.get("PolicyUsageFilter")
        if not request.get("OnlyAttached") and usage is None:
            return found
        wanted = _usages(usage) or _PERMISSIONS
        return [policy for policy in found if await self._directory.uses(account, policy.arn, *wanted)]

    async def _usage(self, account: str, policy: ManagedPolicy) -> tuple[int, int]:
        usages = [usage for usage, _ in await self._directory.uses(account, policy.arn)]
        bounding = sum(usage in _BOUNDARIES for usage in usages)
        return len(usages) - bounding, bounding


def _usages(asked: PolicyUsageType | None) -> tuple[Usage, ...]:
    if asked is None:
        return ()
    return _PERMISSIONS if asked == "PermissionsPolicy" else _BOUNDARIES
