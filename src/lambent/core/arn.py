"""ARNs and the many spellings of a function's name: parsed once, printed once."""

from __future__ import annotations

import re
from dataclasses import field
from functools import lru_cache

from lambent.values import frozen

PARTITION = "aws"
LATEST = "$LATEST"
PUBLISHED = "$LATEST.PUBLISHED"
"""The newest version that was published to it, which only functions on Managed Instances can have."""

_FUNCTION = re.compile(
    r"(?:arn:(?P<partition>aws[a-zA-Z-]*):lambda:(?P<region>[a-z0-9-]+):)?"
    r"(?:(?P<account>[0-9]{12}):)?"
    r"(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_.]+)"
    r"(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
_ROLE = re.compile(r"arn:(?:aws[a-zA-Z-]*)?:iam::(?P<account>[0-9]{12}):role/(?P<path>.*/)?(?P<name>[^/]+)")


@frozen
class FunctionRef:
    """A function as a caller named it; `qualifier` is None when the caller gave none."""

    account: str
    region: str
    name: str
    qualifier: str | None = None
    arn: str = field(init=False, repr=False, compare=False)
    """The ARN, with the qualifier if there is one."""

    def __post_init__(self) -> None:
        arn = function_arn(self.account, self.region, self.name)
        object.__setattr__(self, "arn", arn if self.qualifier is None else f"{arn}:{self.qualifier}")

    @classmethod
    @lru_cache(maxsize=4096)  # every invocation asks, mostly for the same few names
    def parse(cls, text: str, *, account: str, region: str) -> FunctionRef | None:
        """Any spelling: name, name:qualifier, partial or full ARN. What is not said is the caller's own; None when it
        is no spelling of a function."""
        found = _FUNCTION.fullmatch(text)
        if found is None:
            return None
        return cls(
            found["account"] or account,
            found["region"] or region,
            found["name"],
            found["qualifier"],
        )


def function_arn(account: str, region: str, name: str) -> str:
    """The unqualified ARN."""
    return f"arn:{PARTITION}:lambda:{region}:{account}:function:{name}"


@frozen
class RoleRef:
    """An IAM role by its ARN."""

    account: str
    name: str

    @classmethod
    def parse(cls, arn: str) -> RoleRef | None:
        """None when `arn` is not a role's."""
        found = _ROLE.fullmatch(arn)
        return None if found is None else cls(found["account"], found["name"])
