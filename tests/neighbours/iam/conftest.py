"""IAM as its callers meet it: requests are validated by the model, answers are written by it."""

from __future__ import annotations

import secrets
from typing import Any, cast

import pytest

from lambent.kit.clock import FakeClock
from lambent.kit.seal import Seal
from lambent.neighbours.iam.operations.access_keys import AccessKeys
from lambent.neighbours.iam.operations.policies import Policies
from lambent.neighbours.iam.operations.policy_versions import PolicyVersions
from lambent.neighbours.iam.operations.role_policies import RolePolicies
from lambent.neighbours.iam.operations.roles import Roles
from lambent.neighbours.iam.operations.user_policies import UserPolicies
from lambent.neighbours.iam.operations.users import Users
from lambent.ports import Ports
from lambent.store.memory import MemoryRecords
from lambent.wire.call import Call, Principal
from lambent.wire.model import Service, load
from lambent.wire.service import Api

ACCOUNT = "000000000000"
NOBODY = cast(Any, None)


class Iam:
    """`await iam("CreateRole", RoleName=…)` calls an operation as the root of an account."""

    def __init__(self, model: Service) -> None:
        self.records = MemoryRecords()
        self.clock = FakeClock()
        self.seal = Seal(secrets.token_bytes(32))
        self.ports = Ports(
            records=self.records,
            queues=NOBODY,
            blobs=NOBODY,
            journals=NOBODY,
            seal=self.seal,
            clock=self.clock,
            tasks=NOBODY,
            log=NOBODY,
            trust=NOBODY,
            aws=NOBODY,
            invoker=NOBODY,
            catalogue=NOBODY,
        )
        nouns = (Roles, RolePolicies, Users, UserPolicies, AccessKeys, Policies, PolicyVersions)
        self.api = Api(model, *(noun(self.ports) for noun in nouns))

    async def __call__(
        self, operation: str, *, account: str = ACCOUNT, arn: str | None = None, **request: Any
    ) -> dict[str, Any]:
        """The result. `arn`: the caller's, if it is not the account's root."""
        root = f"arn:aws:iam::{account}:root"
        principal = Principal(account, arn or root, account, "AKIA", is_root=arn is None)
        call = Call(principal, "us-east-1", "request", "iam", operation)
        bound = self.api.bound(operation)
        bound.validate(request)
        assert bound.method is not None, operation
        result = await bound.method(call, request)
        assert bound.write(result or {}, "request").status == 200
        return dict(result or {})

    async def role(self, name: str = "runner", **members: Any) -> dict[str, Any]:
        """A new role that Lambda may assume."""
        created = await self("CreateRole", RoleName=name, AssumeRolePolicyDocument=self.trust, **members)
        return cast(dict[str, Any], created["Role"])

    async def policy(self, name: str = "reader", **members: Any) -> str:
        """The ARN of a new managed policy."""
        created = await self("CreatePolicy", PolicyName=name, PolicyDocument=self.document, **members)
        return cast(str, created["Policy"]["Arn"])

    trust = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'
        '"Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
    )
    document = (
        '{\n  "Version": "2012-10-17",\n  "Statement": '
        '[{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]\n}'
    )


@pytest.fixture(scope="session")
def model() -> Service:
    return load("iam")


@pytest.fixture
def iam(model: Service) -> Iam:
    return Iam(model)
