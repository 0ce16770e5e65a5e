"""Lambda's resources that are no functions, by their ARNs, and the tags that a request gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lambent.control.shapes import InvalidParameterValueException
from lambent.core import limits
from lambent.core.arn import PARTITION
from lambent.values import frozen

_ARN = re.compile(
    r"arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):(?P<kind>[a-z-]+):(?P<name>[a-zA-Z0-9-_]+)"
)


@frozen
class Resource:
    """A code signing configuration, an event source mapping or a capacity provider."""

    account: str
    region: str
    kind: str
    """As its ARN has it: `code-signing-config`, …"""
    name: str

    @classmethod
    def parse(cls, arn: str) -> Resource | None:
        """None when it is not the ARN of such a thing."""
        found = _ARN.fullmatch(arn)
        return None if found is None else cls(found["account"], found["region"], found["kind"], found["name"])

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:{PARTITION}:lambda:{self.region}:{self.account}:{self.kind}:{self.name}"


def tags_given(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of a request that creates something. Raises InvalidParameterValueException for too many."""
    if len(tags) > limits.TAGS:
        raise InvalidParameterValueException("Number of tags exceeds resource tag limit.")
    return dict(tags)
