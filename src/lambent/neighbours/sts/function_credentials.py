"""The credentials that functions run with: sessions of their execution roles."""

from __future__ import annotations

import hashlib
from base64 import b32encode

from lambent.core.arn import RoleRef
from lambent.invoke.prepare import Keys
from lambent.neighbours.sts.sessions import Sessions
from lambent.ports import Aws
from lambent.wire.call import Call, Principal
from lambent.wire.errors import ApiError


class FunctionCredentials:
    """Fills the data plane's port `Credentials` (invoke/prepare.py)."""

    def __init__(self, sessions: Sessions, aws: Aws) -> None:
        self._sessions = sessions
        self._aws = aws

    async def for_function(self, role: str, function_name: str) -> Keys:
        """A session of `role`, an ARN, named like the function. A role that is gone has no rights any more, but the
        function still runs, as on AWS."""
        issued = self._sessions.issue_for_function(role, await role_id(self._aws, role), function_name)
        return Keys(issued.access_key, issued.secret, issued.token)


async def role_id(aws: Aws, role: str) -> str:
    """The unique id of a role; for one that does not exist an id that no role has."""
    reference = RoleRef.parse(role)
    if reference is not None:
        call = as_root(reference.account, "iam", "GetRole")
        try:
            found = (await aws.call(call, "iam", "GetRole", {"RoleName": reference.name}))["Role"]
        except ApiError as error:
            if error.code != "NoSuchEntity":
                raise
        else:
            if found["Arn"] == role:
                return str(found["RoleId"])
    return made_up_id(role)


def made_up_id(role: str) -> str:
    """An id for a role that does not exist: always the same, and in lower case, which no real one is."""
    return "AROA" + b32encode(hashlib.sha256(role.encode()).digest()).decode()[:17].lower()


def as_root(account: str, service: str, operation: str) -> Call:
    """A call of ours in the name of an account, whatever its users may do."""
    root = Principal(account, f"arn:aws:iam::{account}:root", account, "", is_root=True)
    return Call(root, region="us-east-1", request_id="", service=service, operation=operation)
