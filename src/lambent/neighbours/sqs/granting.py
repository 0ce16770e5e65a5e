"""Statements of a queue's policy as AddPermission makes them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from lambent.neighbours.sqs.errors import invalid_value
from lambent.neighbours.sqs.shapes import OverLimit
from lambent.wire.errors import MissingParameter

MOST_ACTIONS = 7
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ACCOUNT = re.compile(r"\d{12}")
_GRANTABLE = (
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
)
_OWNERS = (
    "AddPermission",
    "CancelMessageMoveTask",
    "CreateQueue",
    "DeleteQueue",
    "ListMessageMoveTasks",
    "ListQueueTags",
    "ListQueues",
    "RemovePermission",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
)


def granted(policy: str | None, arn: str, *, label: str, accounts: Sequence[str], actions: Sequence[str]) -> str:
    """The policy of the queue `arn` with a statement that lets `accounts` do `actions`. Raises InvalidParameterValue,
    MissingParameter and OverLimit."""
    _check(label, accounts, actions)
    document = _document(policy) or {"Version": "2008-10-17", "Id": f"{arn}/SQSDefaultPolicy", "Statement": []}
    if any(statement.get("Sid") == label for statement in document["Statement"]):
        raise invalid_value("Label", label, "Already exists.")
    statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": _one_or_all([f"arn:aws:iam::{account}:root" for account in accounts])},
        "Action": _one_or_all([f"SQS:{action}" for action in actions]),
        "Resource": arn,
    }
    return _text({**document, "Statement": [*document["Statement"], statement]})


def revoked(policy: str | None, *, label: str) -> str | None:
    """The policy without the statement of that label, or None when there is no other. Raises InvalidParameterValue."""
    document = _document(policy)
    statements = document["Statement"] if document is not None else []
    kept = [statement for statement in statements if statement.get("Sid") != label]
    if len(kept) == len(statements):
        raise invalid_value("Label", label, "can't find label.")
    return _text({**(document or {}), "Statement": kept}) if kept else None


def _check(label: str, accounts: Sequence[str], actions: Sequence[str]) -> None:
    if not _LABEL.fullmatch(label):
        reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        raise invalid_value("Label", label, reason)
    if not accounts:
        raise MissingParameter("The request must contain the parameter PrincipalId.")
    for account in accounts:
        if not _ACCOUNT.fullmatch(account):
            raise invalid_value("PrincipalId", account, "Unable to verify.")
    if not actions:
        raise MissingParameter("The request must contain the parameter Actions.")
    if len(actions) > MOST_ACTIONS:
        raise OverLimit(f"{len(actions)} Actions were found, maximum allowed is {MOST_ACTIONS}.")
    for action in actions:
        if action in _OWNERS:
            reason = "Only the queue owner is allowed to invoke this action."
            raise invalid_value("ActionName", f"SQS:{action}", reason)
        if action not in _GRANTABLE:
            reason = "Please refer to the appropriate WSDL for a list of valid actions."
            raise invalid_value("ActionName", f"SQS:{action}", reason)


def _document(policy: str | None) -> dict[str, Any] | None:
    if policy is None:
        return None
    document: dict[str, Any] = orjson.loads(policy)
    statements = document["Statement"]
    return {**document, "Statement": statements if isinstance(statements, list) else [statements]}


def _one_or_all(items: list[str]) -> str | list[str]:
    return items[0] if len(items) == 1 else items


def _text(document: dict[str, Any]) -> str:
    return orjson.dumps(document).decode()
