"""The managed policies that AWS makes, as far as users of Lambda attach them; their documents are data beside this."""

from __future__ import annotations

import hashlib
import json
from base64 import b32encode
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from lambent.core.policydoc import VERSION
from lambent.neighbours.iam.records import ManagedPolicy, PolicyVersion


@cache
def aws_policies() -> Mapping[str, ManagedPolicy]:
    """ARN → policy. Read once, when first asked for: most starts of the server need none of them."""
    text = (resources.files("lambent.neighbours.iam") / "aws_policies.json").read_text("utf-8")
    policies = [_policy(name, fields) for name, fields in json.loads(text).items()]
    return MappingProxyType({policy.arn: policy for policy in policies})


def _policy(name: str, fields: Mapping[str, Any]) -> ManagedPolicy:
    document = json.dumps({"Version": VERSION, "Statement": fields["statements"]}, indent=4)
    updated = datetime.fromisoformat(fields["updated"]).replace(tzinfo=UTC).timestamp()
    path = fields.get("path", "/")
    return ManagedPolicy(
        account="aws",
        name=name,
        id=_id(path + name),
        created=updated,
        updated=updated,
        path=path,
        description=fields.get("description"),
        default=fields["version"],
        versions={fields["version"]: PolicyVersion(document, updated)},
    )


def _id(name: str) -> str:
    """An id that is the same in every installation, though not the one that AWS gave."""
    return "ANPA" + b32encode(hashlib.sha256(name.encode()).digest()).decode()[:17]
