"""STS beside IAM, as in one server."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from lambent.kit.clock import FakeClock
from lambent.kit.seal import Seal
from lambent.neighbours.iam.operations.roles import Roles
from lambent.neighbours.sts.operations import Tokens
from lambent.neighbours.sts.sessions import Sessions
from lambent.ports import Ports, Trust
from lambent.store.memory import MemoryRecords
from lambent.wire.call import Call, Principal
from lambent.wire.model import load
from lambent.wire.service import Api

ACCOUNT = "000000000000"
NOBODY = cast(Any, None)


class Cloud:
    """`await cloud("AssumeRole", RoleArn=…)` calls an operation, by default as the root of an account."""

    root = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, "AKIAROOT", is_root=True)

    def __init__(self, apis: Mapping[str, Any], *, dev: bool = False) -> None:
        self.clock = FakeClock()
        self.seal = Seal(secrets.token_bytes(32))
        self.sessions = Sessions(self.seal, self.clock)
        self.ports = Ports(
            records=MemoryRecords(),
            queues=NOBODY,
            blobs=NOBODY,
            journals=NOBODY,
            seal=self.seal,
            clock=self.clock,
            tasks=NOBODY,
            log=NOBODY,
            trust=Trust(dev=dev),
            aws=self,
            invoker=NOBODY,
            catalogue=NOBODY,
        )
        self.apis = {
            "iam": Api(apis["iam"], Roles(self.ports)),
            "sts": Api(apis["sts"], Tokens(self.ports)),
        }

    async def __call__(self, operation: str, *, by: Principal | None = None, **request: Any) -> dict[str, Any]:
        service = "sts" if operation in self.apis["sts"].service.operations else "iam"
        call = Call(by or self.root, "us-east-1", "request", service, operation)
        return await self.call(call, service, operation, request)

    async def call(self, call: Call, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """The door `Aws` of ports.py."""
        bound = self.apis[service].bound(operation)
        bound.validate(dict(request))
        assert bound.method is not None
        result = await bound.method(call, request)
        assert bound.write(result or {}, "request").status == 200
        return dict(result or {})

    async def role(self, principal: str, name: str = "target", extra: str = "", **members: Any) -> str:
        """The ARN of a new role that trusts `principal`, JSON; `extra` is more of its statement."""
        trust = (
            '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
            f'"Principal":{principal}{extra}}}]}}'
        )
        created = await self("CreateRole", RoleName=name, AssumeRolePolicyDocument=trust, **members)
        return cast(str, created["Role"]["Arn"])

    def user(self, name: str, account: str = ACCOUNT) -> Principal:
        return Principal(account, f"arn:aws:iam::{account}:user/{name}", f"AIDA{name}", "AKIAUSER")

    def holder(self, credentials: Mapping[str, Any]) -> Principal:
        """Whoever signs with these credentials now."""
        found = self.sessions.find(credentials["AccessKeyId"], credentials["SessionToken"], self.clock.now())
        assert found is not None
        assert found.secret == credentials["SecretAccessKey"]
        return found.principal

    def as_dev(self) -> Cloud:
        """The same, but that STS trusts everybody."""
        self.ports = replace(self.ports, trust=Trust(dev=True))
        self.apis["sts"] = Api(self.apis["sts"].service, Tokens(self.ports))
        return self


@pytest.fixture(scope="session")
def apis() -> dict[str, Any]:
    return {name: load(name) for name in ("iam", "sts")}


@pytest.fixture
def cloud(apis: dict[str, Any]) -> Cloud:
    return Cloud(apis)
