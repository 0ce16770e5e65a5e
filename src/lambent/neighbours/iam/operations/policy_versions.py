"""The versions of managed policies, of which one is the default: the one that counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lambent.neighbours.iam import documents, views
from lambent.neighbours.iam.directory import Directory, retried
from lambent.neighbours.iam.paging import page
from lambent.neighbours.iam.records import ManagedPolicy, PolicyVersion
from lambent.neighbours.iam.shapes import (
    CreatePolicyVersionRequest,
    CreatePolicyVersionResponse,
    DeleteConflictException,
    DeletePolicyVersionRequest,
    GetPolicyVersionRequest,
    GetPolicyVersionResponse,
    LimitExceededException,
    ListPolicyVersionsRequest,
    ListPolicyVersionsResponse,
    NoSuchEntityException,
    SetDefaultPolicyVersionRequest,
)
from lambent.ports import Ports
from lambent.wire.call import Call

MOST = 5
"""VersionsPerPolicy."""


class PolicyVersions:
    """Operations on versions. Whoever names one that does not exist gets NoSuchEntityException."""

    def __init__(self, ports: Ports) -> None:
        self._clock = ports.clock
        self._directory = Directory(ports.records)

    async def create_policy_version(
        self, call: Call, request: CreatePolicyVersionRequest
    ) -> CreatePolicyVersionResponse:
        documents.check_managed(request["PolicyDocument"])
        now = float(int(self._clock.now()))

        def change(policy: ManagedPolicy) -> ManagedPolicy:
            if len(policy.versions) >= MOST:
                raise LimitExceededException(
                    f"A managed policy can have up to {MOST} versions. "
                    "Before you create a new version, you must delete an existing version."
                )
            version = f"v{policy.latest + 1}"
            return replace(
                policy,
                versions={**policy.versions, version: PolicyVersion(request["PolicyDocument"], now)},
                latest=policy.latest + 1,
                default=version if request.get("SetAsDefault") else policy.default,
                updated=now,
            )

        policy = await self._edit(call.account, request["PolicyArn"], change)
        return {"PolicyVersion": views.listed_version(policy, f"v{policy.latest}")}

    async def get_policy_version(self, call: Call, request: GetPolicyVersionRequest) -> GetPolicyVersionResponse:
        policy = await self._directory.policy(call.account, request["PolicyArn"])
        _check_version(policy, request["VersionId"])
        return {"PolicyVersion": views.version(policy, request["VersionId"])}

    async def list_policy_versions(self, call: Call, request: ListPolicyVersionsRequest) -> ListPolicyVersionsResponse:
        policy = await self._directory.policy(call.account, request["PolicyArn"])
        # The newest first.
        found = page(policy.versions, request, lambda version: f"{10**9 - int(version[1:]):010d}")
        return {"Versions": [views.listed_version(policy, version) for version in found.items], **found.ending}

    async def set_default_policy_version(self, call: Call, request: SetDefaultPolicyVersionRequest) -> None:
        def change(policy: ManagedPolicy) -> ManagedPolicy:
            _check_version(policy, request["VersionId"])
            return replace(policy, default=request["VersionId"], updated=float(int(self._clock.now())))

        await self._edit(call.account, request["PolicyArn"], change)

    async def delete_policy_version(self, call: Call, request: DeletePolicyVersionRequest) -> None:
        def change(policy: ManagedPolicy) -> ManagedPolicy:
            _check_version(policy, request["VersionId"])
            if request["VersionId"] == policy.default:
                raise DeleteConflictException("Cannot delete the default version of a policy.")
            kept = {id_: version for id_, version in policy.versions.items() if id_ != request["VersionId"]}
            return replace(policy, versions=kept, updated=float(int(self._clock.now())))

        await self._edit(call.account, request["PolicyArn"], change)

    async def _edit(self, account: str, arn: str, change: Callable[[ManagedPolicy], ManagedPolicy]) -> ManagedPolicy:
        async def attempt() -> ManagedPolicy:
            held = await self._directory.own_policy(account, arn)
            changed = change(held.noun)
            await self._directory.write(self._directory.policies.replace(held, changed))
            return changed

        return await retried(attempt)


def _check_version(policy: ManagedPolicy, version: str) -> None:
    if version not in policy.versions:
        raise NoSuchEntityException(f"Policy {policy.arn} version {version} does not exist or is not attachable.")
