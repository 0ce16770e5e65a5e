"""The policies on roles: inline and attached."""

from __future__ import annotations

from lambent.neighbours.iam import documents, views
from lambent.neighbours.iam.directory import Directory
from lambent.neighbours.iam.holders import ROLE, Holders
from lambent.neighbours.iam.paging import page
from lambent.neighbours.iam.shapes import (
    AttachRolePolicyRequest,
    DeleteRolePolicyRequest,
    DetachRolePolicyRequest,
    GetRolePolicyRequest,
    GetRolePolicyResponse,
    ListAttachedRolePoliciesRequest,
    ListAttachedRolePoliciesResponse,
    ListRolePoliciesRequest,
    ListRolePoliciesResponse,
    PutRolePolicyRequest,
)
from lambent.ports import Ports
from lambent.wire.call import Call


class RolePolicies:
    """Operations on the policies of a role, which exists or else there is a NoSuchEntityException."""

    def __init__(self, ports: Ports) -> None:
        self._directory = Directory(ports.records)
        self._holders = Holders(self._directory, "role", self._directory.roles, self._directory.role, ROLE)

    async def put_role_policy(self, call: Call, request: PutRolePolicyRequest) -> None:
        await self._holders.put_inline(
            call.account, request["RoleName"], request["PolicyName"], request["PolicyDocument"]
        )

    async def get_role_policy(self, call: Call, request: GetRolePolicyRequest) -> GetRolePolicyResponse:
        document = await self._holders.inline(call.account, request["RoleName"], request["PolicyName"])
        return {
            "RoleName": request["RoleName"],
            "PolicyName": request["PolicyName"],
            "PolicyDocument": documents.shown(document),
        }

    async def list_role_policies(self, call: Call, request: ListRolePoliciesRequest) -> ListRolePoliciesResponse:
        role = (await self._directory.role(call.account, request["RoleName"])).noun
        found = page(role.inline, request, str)
        return {"PolicyNames": found.items, **found.ending}

    async def delete_role_policy(self, call: Call, request: DeleteRolePolicyRequest) -> None:
        await self._holders.delete_inline(call.account, request["RoleName"], request["PolicyName"])

    async def attach_role_policy(self, call: Call, request: AttachRolePolicyRequest) -> None:
        await self._holders.attach(call.account, request["RoleName"], request["PolicyArn"])

    async def detach_role_policy(self, call: Call, request: DetachRolePolicyRequest) -> None:
        await self._holders.detach(call.account, request["RoleName"], request["PolicyArn"])

    async def list_attached_role_policies(
        self, call: Call, request: ListAttachedRolePoliciesRequest
    ) -> ListAttachedRolePoliciesResponse:
        role = (await self._directory.role(call.account, request["RoleName"])).noun
        prefix = request.get("PathPrefix", "/")
        wanted = [arn for arn in role.attached if arn.partition(":policy")[2].startswith(prefix)]
        found = page(wanted, request, str)
        return {"AttachedPolicies": [views.attached_policy(arn) for arn in found.items], **found.ending}
