"""What several operations ask of their request: which group is meant, which tags are allowed. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from lambent.neighbours.logs.names import GroupRef
from lambent.neighbours.logs.records import Group
from lambent.neighbours.logs.shapes import (
    InvalidParameterException,
    ResourceNotFoundException,
    ValidationException,
)
from lambent.wire.call import Call


def named_group(call: Call, name: str) -> GroupRef:
    """The caller's group of this name."""
    return GroupRef(call.account, call.region, name)


def identified_group(call: Call, name: str | None, identifier: str | None) -> GroupRef:
    """The group that `logGroupName` or `logGroupIdentifier` names. Raises InvalidParameterException unless it is
    one of them, and ResourceNotFoundException for a group of others."""
    if name is not None and identifier is not None:
        raise InvalidParameterException("LogGroup name and LogGroup ARN are mutually exclusive parameters.")
    if name is None and identifier is None:
        raise InvalidParameterException("Either LogGroup name or LogGroup ARN must be provided.")
    ref = GroupRef.parse(name or identifier or "", account=call.account, region=call.region)
    if ref is None:
        raise InvalidParameterException("The specified logGroupIdentifier is not valid.")
    if (ref.account, ref.region) != (call.account, call.region):
        raise ResourceNotFoundException("The specified log group does not exist.")
    return ref


def tagged_group(call: Call, arn: str) -> GroupRef:
    """The group of a `resourceArn`. Raises ResourceNotFoundException: nothing else here bears tags."""
    ref = GroupRef.parse(arn, account=call.account, region=call.region) if arn.startswith("arn:") else None
    if ref is None or (ref.account, ref.region) != (call.account, call.region):
        raise ResourceNotFoundException("The specified resource does not exist.")
    return ref


def check_unprotected(group: Group) -> None:
    """Raises ValidationException for a group that must not be deleted, nor any of its streams."""
    if group.protected:
        raise ValidationException("The log group is protected from deletion. Disable its deletion protection first.")


def check_tag_keys(keys: Iterable[str]) -> None:
    """Raises InvalidParameterException for a key that is AWS's."""
    if any(key.lower().startswith("aws:") for key in keys):
        raise InvalidParameterException("aws: prefixed tag key names are not allowed for external use.")
