"""The policies on users: inline and attached."""

from __future__ import annotations

from lambent.neighbours.iam import documents, views
from lambent.neighbours.iam.directory import Directory
from lambent.neighbours.iam.holders import USER, Holders
from lambent.neighbours.iam.paging import page
from lambent.neighbours.iam.shapes import (
    AttachUserPolicyRequest,
    DeleteUserPolicyRequest,
    DetachUserPolicyRequest,
    GetUserPolicyRequest,
    GetUserPolicyResponse,
    ListAttachedUserPoliciesRequest,
    ListAttachedUserPoliciesResponse,
    ListUserPoliciesRequest,
    ListUserPoliciesResponse,
    PutUserPolicyRequest,
)
from lambent.ports import Ports
from lambent.wire.call import Call


class UserPolicies:
    """Operations on the policies of a user, which exists or else there is a NoSuchEntityException."""

    def __init__(self, ports: Ports) -> None:
        self._directory = Directory(ports.records)
        self._holders = Holders(self._directory, "user", self._directory.users, self._directory.user, USER)

    async def put_user_policy(self, call: Call, request: PutUserPolicyRequest) -> None:
        await self._holders.put_inline(
            call.account, request["UserName"], request["PolicyName"], request["PolicyDocument"]
        )

    async def get_user_policy(self, call: Call, request: GetUserPolicyRequest) -> GetUserPolicyResponse:
        document = await self._holders.inline(call.account, request["UserName"], request["PolicyName"])
        return {
            "UserName": request["UserName"],
            "PolicyName": request["PolicyName"],
            "PolicyDocument": documents.shown(document),
        }

    async def list_user_policies(self, call: Call, request: ListUserPoliciesRequest) -> ListUserPoliciesResponse:
        user = (await self._directory.user(call.account, request["UserName"])).noun
        found = page(user.inline, request, str)
        return {"PolicyNames": found.items, **found.ending}

    async def delete_user_policy(self, call: Call, request: DeleteUserPolicyRequest) -> None:
        await self._holders.delete_inline(call.account, request["UserName"], request["PolicyName"])

    async def attach_user_policy(self, call: Call, request: AttachUserPolicyRequest) -> None:
        await self._holders.attach(call.account, request["UserName"], request["PolicyArn"])

    async def detach_user_policy(self, call: Call, request: DetachUserPolicyRequest) -> None:
        await self._holders.detach(call.account, request["UserName"], request["PolicyArn"])

    async def list_attached_user_policies(
        self, call: Call, request: ListAttachedUserPoliciesRequest
    ) -> ListAttachedUserPoliciesResponse:
        user = (await self._directory.user(call.account, request["UserName"])).noun
        prefix = request.get("PathPrefix", "/")
        wanted = [arn for arn in user.attached if arn.partition(":policy")[2].startswith(prefix)]
        found = page(wanted, request, str)
        return {"AttachedPolicies": [views.attached_policy(arn) for arn in found.items], **found.ending}
