"""Which function a request names, with AWS's answers for names that lead nowhere."""

from __future__ import annotations

from collections.abc import Mapping

from lambent.control.shapes import InvalidParameterValueException, ResourceNotFoundException
from lambent.core.arn import FunctionRef
from lambent.wire.call import Call
from lambent.wire.errors import AccessDenied, ValidationError

UNTYPED: Mapping[str, object] = {"Type": None}
"""Extra of the few errors that AWS answers without their Type."""


def function_ref(call: Call, name: str, qualifier: str | None = None) -> FunctionRef:
    """The function that `name`, in any spelling, and the Qualifier parameter name together.

    Raises ResourceNotFoundException for another region, AccessDenied for another account,
    InvalidParameterValueException when name and parameter disagree.
    """
    ref = FunctionRef.parse(name, account=call.account, region=call.region)
    if ref is None:
        raise ValidationError(
            f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-"
            "\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"
        )
    if ref.region != call.region:
        raise ResourceNotFoundException(
            f"Functions from '{ref.region}' are not reachable in this region ('{call.region}')"
        )
    if ref.account != call.account:
        raise AccessDenied(None)
    if qualifier is None:
        return ref
    if ref.qualifier is not None and ref.qualifier != qualifier:
        raise InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return FunctionRef(ref.account, ref.region, ref.name, qualifier)


def function_missing(ref: FunctionRef) -> ResourceNotFoundException:
    """`Function not found: FARN[:qualifier]`."""
    return ResourceNotFoundException(f"Function not found: {ref.arn}")
