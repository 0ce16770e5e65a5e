"""Layer versions: how they are named, and who may use them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from lambent.core.arn import PARTITION
from lambent.core.function import Code
from lambent.values import frozen

_NAME = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):layer:)?"
    r"(?P<name>[a-zA-Z0-9-_]+)(?::(?P<number>[0-9]{1,18}))?"
)


@frozen
class LayerRef:
    """A layer, or with a number one of its versions."""

    account: str
    region: str
    name: str
    number: int | None = None

    @classmethod
    def parse(cls, text: str, *, account: str, region: str) -> LayerRef | None:
        """A name or an ARN; what is not said is the caller's own. None when it is neither."""
        found = _NAME.fullmatch(text)
        if found is None:
            return None
        number = None if found["number"] is None else int(found["number"])
        return cls(found["account"] or account, found["region"] or region, found["name"], number)

    @property
    def layer_arn(self) -> str:
        """The ARN without a version."""
        return f"arn:{PARTITION}:lambda:{self.region}:{self.account}:layer:{self.name}"

    @property
    def arn(self) -> str:
        """The ARN, with the version if there is one."""
        return self.layer_arn if self.number is None else f"{self.layer_arn}:{self.number}"


@frozen
class LayerVersion:
    """What was published. All but `statements` and `policy_revision` never changes."""

    account: str
    region: str
    name: str
    number: int
    code: Code
    unzipped: int
    """Bytes of all its files."""
    created: str
    description: str = ""
    runtimes: tuple[str, ...] | None = None
    architectures: tuple[str, ...] | None = None
    license: str | None = None
    extensions: tuple[str, ...] = ()
    """Names of the programs in its folder `extensions`."""
    statements: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)
    """Of its resource policy."""
    policy_revision: str = ""

    @property
    def ref(self) -> LayerRef:
        """How it is named."""
        return LayerRef(self.account, self.region, self.name, self.number)

    def fits(self, runtime: str | None, architecture: str | None) -> bool:
        """Whether it was published for both; None is any."""
        return (runtime is None or runtime in (self.runtimes or ())) and (
            architecture is None or architecture in (self.architectures or ())
        )

    def may_be_used_by(self, account: str) -> bool:
        """Whether functions of `account` may have it: its own, and those that its policy names. Here no account is in
        an organization, so what is granted to one is granted to nobody."""
        if account == self.account:
            return True
        root = {"AWS": f"arn:{PARTITION}:iam::{account}:root"}
        return any(each["Principal"] in ("*", root) and "Condition" not in each for each in self.statements)


def statement(layer: LayerRef, *, sid: str, principal: str, organization: str | None) -> dict[str, Any]:
    """What a permission to use a layer version says in its policy. `principal`: `*`, an account, or its root's ARN."""
    account = f"arn:{PARTITION}:iam::{principal}:root" if principal.isdigit() else principal
    answer: dict[str, Any] = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": account},
        "Action": "lambda:GetLayerVersion",
        "Resource": layer.arn,
    }
    if organization is not None:
        answer["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": organization}}
    return answer
