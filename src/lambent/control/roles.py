"""The execution role: it must exist and let Lambda assume it."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import unquote

from lambent.control.shapes import InvalidParameterValueException
from lambent.core.arn import RoleRef
from lambent.core.policydoc import trusts_service
from lambent.ports import Ports
from lambent.wire.call import Call
from lambent.wire.errors import AccessDenied, ApiError

SERVICE = "lambda.amazonaws.com"


async def check_role(ports: Ports, call: Call, arn: str, function: str) -> None:
    """Raises InvalidParameterValueException when Lambda cannot assume the role, AccessDenied when it is another
    account's. With `--dev` any well-formed ARN will do."""
    role = RoleRef.parse(arn)
    if role is None:
        raise InvalidParameterValueException(f"The role ARN '{arn}' is not valid.")
    if ports.trust.dev:
        return
    if role.account != call.account:
        raise AccessDenied("Cross-account pass role is not allowed.")
    inward = replace(call, service="iam", operation="GetRole")
    try:
        answer = await ports.aws.call(inward, "iam", "GetRole", {"RoleName": role.name})
    except ApiError as error:
        if error.code not in ("NoSuchEntity", "NoSuchEntityException"):
            raise
        raise _not_assumable() from None
    context = {"aws:sourceaccount": [call.account], "aws:sourcearn": [function]}
    document = json.loads(unquote(answer["Role"]["AssumeRolePolicyDocument"]))
    if answer["Role"]["Arn"] != arn or not trusts_service(document, SERVICE, context):
        raise _not_assumable()


def _not_assumable() -> InvalidParameterValueException:
    return InvalidParameterValueException("The role defined for the function cannot be assumed by Lambda.")
