"""Roles, their trust policies, tags and boundaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lambent.kit.ids import unique_id
from lambent.neighbours.iam import documents, tags, views
from lambent.neighbours.iam.directory import Directory, retried
from lambent.neighbours.iam.holders import ROLE, Holders
from lambent.neighbours.iam.paging import asked, page
from lambent.neighbours.iam.records import Role
from lambent.neighbours.iam.shapes import (
    CreateRoleRequest,
    CreateRoleResponse,
    DeleteRolePermissionsBoundaryRequest,
    DeleteRoleRequest,
    EntityAlreadyExistsException,
    GetRoleRequest,
    GetRoleResponse,
    InvalidInputException,
    ListInstanceProfilesForRoleRequest,
    ListInstanceProfilesForRoleResponse,
    ListRolesRequest,
    ListRolesResponse,
    ListRoleTagsRequest,
    ListRoleTagsResponse,
    PutRolePermissionsBoundaryRequest,
    TagRoleRequest,
    UntagRoleRequest,
    UpdateAssumeRolePolicyRequest,
    UpdateRoleDescriptionRequest,
    UpdateRoleDescriptionResponse,
    UpdateRoleRequest,
    UpdateRoleResponse,
)
from lambent.ports import Ports
from lambent.wire.call import Call


class Roles:
    """Operations on roles. Whoever names a role that does not exist gets NoSuchEntityException."""

    def __init__(self, ports: Ports) -> None:
        self._clock = ports.clock
        self._directory = Directory(ports.records)
        self._holders = Holders(self._directory, "role", self._directory.roles, self._directory.role, ROLE)

    async def create_role(self, call: Call, request: CreateRoleRequest) -> CreateRoleResponse:
        _refuse_sign_in(request)
        documents.check_trust(request["AssumeRolePolicyDocument"])
        role = Role(
            account=call.account,
            name=request["RoleName"],
            path=request.get("Path", "/"),
            id=unique_id("AROA", 21),
            created=float(int(self._clock.now())),
            trust=request["AssumeRolePolicyDocument"],
            description=request.get("Description"),
            max_session_s=request.get("MaxSessionDuration", 3600),
            boundary=request.get("PermissionsBoundary"),
            tags=tags.merged({}, tags.read(request.get("Tags", []))),
        )

        async def attempt() -> None:
            if await self._directory.roles.is_taken(role.account, role.name):
                raise EntityAlreadyExistsException(f"Role with name {role.name} already exists.")
            uses = await self._holders.bounded(role, role.boundary)
            await self._directory.write(self._directory.roles.add(role), *uses)

        await retried(attempt)
        return {"Role": views.role(role)}

    async def get_role(self, call: Call, request: GetRoleRequest) -> GetRoleResponse:
        held = await self._directory.role(call.account, request["RoleName"])
        return {"Role": views.role(held.noun)}

    async def list_roles(self, call: Call, request: ListRolesRequest) -> ListRolesResponse:
        prefix = request.get("PathPrefix", "/")
        found = await self._directory.roles.page(
            call.account, *asked(request), lambda role: role.path.startswith(prefix)
        )
        return {"Roles": [views.listed_role(role) for role in found.items], **found.ending}

    async def update_role(self, call: Call, request: UpdateRoleRequest) -> UpdateRoleResponse:
        _refuse_sign_in(request)

        def change(role: Role) -> Role:
            return replace(
                role,
                description=request.get("Description", role.description),
                max_session_s=request.get("MaxSessionDuration", role.max_session_s),
            )

        await self._holders.edit(call.account, request["RoleName"], change)
        return {}

    async def update_role_description(
        self, call: Call, request: UpdateRoleDescriptionRequest
    ) -> UpdateRoleDescriptionResponse:
        role = await self._holders.edit(
            call.account, request["RoleName"], lambda role: replace(role, description=request["Description"])
        )
        return {"Role": views.role(role)}

    async def delete_role(self, call: Call, request: DeleteRoleRequest) -> None:
        async def attempt() -> None:
            held = await self._directory.role(call.account, request["RoleName"])
            self._holders.check_bare(held.noun)
            uses = self._holders.unbounded(held.noun)
            await self._directory.write(self._directory.roles.remove(held), *uses)

        await retried(attempt)

    async def update_assume_role_policy(self, call: Call, request: UpdateAssumeRolePolicyRequest) -> None:
        document = request["PolicyDocument"]
        documents.check_trust(document)
        await self._holders.edit(call.account, request["RoleName"], lambda role: replace(role, trust=document))

    async def put_role_permissions_boundary(self, call: Call, request: PutRolePermissionsBoundaryRequest) -> None:
        await self._holders.bound(call.account, request["RoleName"], request["PermissionsBoundary"])

    async def delete_role_permissions_boundary(self, call: Call, request: DeleteRolePermissionsBoundaryRequest) -> None:
        await self._holders.bound(call.account, request["RoleName"], None)

    async def tag_role(self, call: Call, request: TagRoleRequest) -> None:
        new = tags.read(request["Tags"])
        await self._holders.edit(
            call.account, request["RoleName"], lambda role: replace(role, tags=tags.merged(role.tags, new))
        )

    async def untag_role(self, call: Call, request: UntagRoleRequest) -> None:
        keys = request["TagKeys"]
        await self._holders.edit(
            call.account, request["RoleName"], lambda role: replace(role, tags=tags.without(role.tags, keys))
        )

    async def list_role_tags(self, call: Call, request: ListRoleTagsRequest) -> ListRoleTagsResponse:
        role = (await self._directory.role(call.account, request["RoleName"])).noun
        found = page(tags.shown(role.tags), request, lambda tag: tag["Key"])
        return {"Tags": found.items, **found.ending}

    async def list_instance_profiles_for_role(
        self, call: Call, request: ListInstanceProfilesForRoleRequest
    ) -> ListInstanceProfilesForRoleResponse:
        """None: instance profiles are of EC2's instances."""
        await self._directory.role(call.account, request["RoleName"])
        return {"InstanceProfiles": [], "IsTruncated": False}


def _refuse_sign_in(request: Mapping[str, object]) -> None:
    """There is no console sign-in whose length could be set. Raises InvalidInputException."""
    for name in ("MaxSigninSessionDuration", "ResetMaxSigninSessionDuration"):
        if request.get(name):
            raise InvalidInputException(f"{name} is not supported by Lambent.")
