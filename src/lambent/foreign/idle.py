"""What the embedded moto would take, and nothing would ever come of: it calls none of our functions, queues and topics,
and what it makes of a template is its own. Refused by name; a neighbour that has the service is asked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OURS = ("AWS::IAM::", "AWS::Lambda::", "AWS::Logs::", "AWS::SNS::", "AWS::SQS::", "AWS::Serverless::")
"""How the types of resources begin that live here, and of those that become such ones."""
_OPERATIONS = {
    "AWSEvents.PutTargets": "the targets of rules are not called",
    "AWSStepFunctions.StartExecution": "state machines are kept, and do not run",
    "AWSStepFunctions.StartSyncExecution": "state machines are kept, and do not run",
    "secretsmanager.RotateSecret": "no rotation function is called",
}
"""By X-Amz-Target."""
_SCHEDULES = "schedules are kept, and call nobody"


def refusal(service: str, method: str, path: bytes, headers: Mapping[bytes, bytes]) -> str | None:
    """Why a request to moto is refused; None when it is not."""
    reason = _OPERATIONS.get(headers.get(b"x-amz-target", b"").decode("latin-1"))
    if service == "scheduler" and method in ("POST", "PUT") and path.startswith(b"/schedules/"):
        reason = _SCHEDULES
    if reason is None:
        return None
    return (
        f"Lambent has no {service} of its own, and in the embedded one {reason}. "
        f"Name another: lambent serve --neighbour {service}=URL"
    )


def template_refusal(template: object) -> str | None:
    """Why no stack is made of a template of CloudFormation; None when one may be."""
    resources = template.get("Resources") if isinstance(template, dict) else None
    types = sorted({kind for each in _values(resources) if (kind := _type(each)).startswith(_OURS)})
    if not types:
        return None
    return (
        f"Lambent makes no {', '.join(types)} of a template: the embedded moto would make its own, which nothing runs. "
        "Make them by their own API: with aws, boto3, Terraform"
    )


def _values(resources: object) -> list[Any]:
    return list(resources.values()) if isinstance(resources, dict) else []


def _type(resource: object) -> str:
    kind = resource.get("Type") if isinstance(resource, dict) else None
    return kind if isinstance(kind, str) else ""
