"""Users, their tags and boundaries."""

from __future__ import annotations

from dataclasses import replace

from lambent.kit.ids import unique_id
from lambent.neighbours.iam import tags, views
from lambent.neighbours.iam.callers import own_name
from lambent.neighbours.iam.directory import Directory, retried
from lambent.neighbours.iam.holders import USER, Holders
from lambent.neighbours.iam.paging import asked, page
from lambent.neighbours.iam.records import User
from lambent.neighbours.iam.shapes import (
    CreateUserRequest,
    CreateUserResponse,
    DeleteConflictException,
    DeleteUserPermissionsBoundaryRequest,
    DeleteUserRequest,
    EntityAlreadyExistsException,
    GetUserRequest,
    GetUserResponse,
    ListGroupsForUserRequest,
    ListGroupsForUserResponse,
    ListUsersRequest,
    ListUsersResponse,
    ListUserTagsRequest,
    ListUserTagsResponse,
    PutUserPermissionsBoundaryRequest,
    TagUserRequest,
    UntagUserRequest,
)
from lambent.ports import Ports
from lambent.wire.call import Call


class Users:
    """Operations on users. Whoever names a user that does not exist gets NoSuchEntityException."""

    def __init__(self, ports: Ports) -> None:
        self._clock = ports.clock
        self._directory = Directory(ports.records)
        self._holders = Holders(self._directory, "user", self._directory.users, self._directory.user, USER)

    async def create_user(self, call: Call, request: CreateUserRequest) -> CreateUserResponse:
        user = User(
            account=call.account,
            name=request["UserName"],
            path=request.get("Path", "/"),
            id=unique_id("AIDA", 21),
            created=float(int(self._clock.now())),
            boundary=request.get("PermissionsBoundary"),
            tags=tags.merged({}, tags.read(request.get("Tags", []))),
        )

        async def attempt() -> None:
            if await self._directory.users.is_taken(user.account, user.name):
                raise EntityAlreadyExistsException(f"User with name {user.name} already exists.")
            uses = await self._holders.bounded(user, user.boundary)
            await self._directory.write(self._directory.users.add(user), *uses)

        await retried(attempt)
        return {"User": views.user(user)}

    async def get_user(self, call: Call, request: GetUserRequest) -> GetUserResponse:
        """Without a name, the caller; the root of an account is a user without a name."""
        name = request["UserName"] if "UserName" in request else own_name(call)
        if name is None:
            root = await self._directory.roots.get(call.account, "root")
            created = 0.0 if root is None else root.noun.created
            return {"User": views.root(call.account, created)}
        held = await self._directory.user(call.account, name)
        return {"User": views.user(held.noun)}

    async def list_users(self, call: Call, request: ListUsersRequest) -> ListUsersResponse:
        prefix = request.get("PathPrefix", "/")
        found = await self._directory.users.page(
            call.account, *asked(request), lambda user: user.path.startswith(prefix)
        )
        return {"Users": [views.listed_user(user) for user in found.items], **found.ending}

    async def delete_user(self, call: Call, request: DeleteUserRequest) -> None:
        async def attempt() -> None:
            held = await self._directory.user(call.account, request["UserName"])
            if held.noun.keys:
                raise DeleteConflictException("Cannot delete entity, must delete access keys first.")
            self._holders.check_bare(held.noun)
            uses = self._holders.unbounded(held.noun)
            await self._directory.write(self._directory.users.remove(held), *uses)

        await retried(attempt)

    async def put_user_permissions_boundary(self, call: Call, request: PutUserPermissionsBoundaryRequest) -> None:
        await self._holders.bound(call.account, request["UserName"], request["PermissionsBoundary"])

    async def delete_user_permissions_boundary(self, call: Call, request: DeleteUserPermissionsBoundaryRequest) -> None:
        await self._holders.bound(call.account, request["UserName"], None)

    async def tag_user(self, call: Call, request: TagUserRequest) -> None:
        new = tags.read(request["Tags"])
        await self._holders.edit(
            call.account, request["UserName"], lambda user: replace(user, tags=tags.merged(user.tags, new))
        )

    async def untag_user(self, call: Call, request: UntagUserRequest) -> None:
        keys = request["TagKeys"]
        await self._holders.edit(
            call.account, request["UserName"], lambda user: replace(user, tags=tags.without(user.tags, keys))
        )

    async def list_user_tags(self, call: Call, request: ListUserTagsRequest) -> ListUserTagsResponse:
        user = (await self._directory.user(call.account, request["UserName"])).noun
        found = page(tags.shown(user.tags), request, lambda tag: tag["Key"])
        return {"Tags": found.items, **found.ending}

    async def list_groups_for_user(self, call: Call, request: ListGroupsForUserRequest) -> ListGroupsForUserResponse:
        """None: there are no groups."""
        await self._directory.user(call.account, request["UserName"])
        return {"Groups": [], "IsTruncated": False}
