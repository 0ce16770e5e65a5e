"""Resource policies: statements as AddPermission makes them, and whole documents as they are shown. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lambent.core.policydoc import VERSION, is_principal

Statement = Mapping[str, Any]
Document = Mapping[str, Any]
"""A policy; its Statement is a list."""

_ACCOUNT = re.compile(r"\d{12}")
_STRINGS = (
    ("FunctionUrlAuthType", "lambda:FunctionUrlAuthType"),
    ("PrincipalOrgID", "aws:PrincipalOrgID"),
    ("SourceAccount", "AWS:SourceAccount"),
    ("EventSourceToken", "lambda:EventSourceToken"),
)
"""Members of a request, and the condition keys that must equal them."""


def statement(request: Mapping[str, Any], resource: str, principal: str | Mapping[str, str]) -> Statement:
    """The statement of an AddPermission request for the ARN `resource`, in AWS's order of members."""
    made: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": principal,
        "Action": request["Action"],
        "Resource": resource,
    }
    if conditions := _conditions(request):
        made["Condition"] = conditions
    return made


def principal(text: str) -> str | Mapping[str, str] | None:
    """The Principal element that a request's `text` means; None when it means nobody."""
    if text == "*":
        return text
    if _ACCOUNT.fullmatch(text):
        return {"AWS": f"arn:aws:iam::{text}:root"}
    for kind in ("AWS", "Service"):
        if is_principal(kind, text):
            return {kind: text}
    return None


def with_statements(policy: Document | None, statements: Sequence[Statement]) -> Document:
    """`policy`, or a new one, with these statements in place of its own."""
    return {**(policy or {"Version": VERSION, "Id": "default"}), "Statement": list(statements)}


def text(value: Any) -> str:
    """Compact JSON, as the API answers with it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _conditions(request: Mapping[str, Any]) -> Mapping[str, Mapping[str, str]]:
    conditions: dict[str, Mapping[str, str]] = {}
    equal = {key: request[member] for member, key in _STRINGS if request.get(member)}
    if equal:
        conditions["StringEquals"] = equal
    if request.get("InvokedViaFunctionUrl") is not None:
        conditions["Bool"] = {"lambda:InvokedViaFunctionUrl": str(request["InvokedViaFunctionUrl"]).lower()}
    if request.get("SourceArn"):
        conditions["ArnLike"] = {"AWS:SourceArn": request["SourceArn"]}
    return conditions
