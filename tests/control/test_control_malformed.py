"""Whatever a request to the control operations holds, the answer is an answer: never a fault of ours, never a hang."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambent.wire.model import Shape

ARNS = (
    "arn:aws:sqs:us-east-1:000000000000:q",
    "arn:aws:sqs:us-east-1:000000000000:q.fifo",
    "arn:aws:sqs:eu-west-1:000000000000:q",
    "arn:aws:sns:us-east-1:000000000000:t",
    "arn:aws:s3:::bucket",
    "arn:aws:lambda:us-east-1:000000000000:function:f",
    "arn:aws:lambda:us-east-1:000000000000:function:other:$LATEST",
    "arn:aws:lambda:eu-west-1:111111111111:function:f",
    "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-00000000000000000",
    "arn:aws:lambda:us-east-1:000000000000:capacity-provider:p",
    "arn:aws:lambda:us-east-1:000000000000:network-connector:n",
    "arn:aws:lambda:us-east-1:111111111111:capacity-provider:p",
    "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:00000000-0000-4000-8000-000000000000",
    "arn:aws:kinesis:us-east-1:000000000000:stream/s",
    "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/v",
    "arn:aws:iam::000000000000:role/r",
    "arn:aws:kms::",
    "arn:aws:a:::",
)
NAMES = ("f", "f:1", "f:A", "f:$LATEST", "nobody", "function", "000000000000:f", "function:f:A", *ARNS)
TEXTS = st.sampled_from((*NAMES, "", "$LATEST", "1", "01", "A", "p", "AAAA", "=", '{"a": ["b"]}', "{", "\ud800"))
UUIDS = st.sampled_from(["00000000-0000-4000-8000-000000000000", "x" * 36, "/" * 36])
ODD = (
    st.none() | st.booleans() | st.integers(-3, 70_000) | st.floats(allow_nan=False) | st.text(max_size=6) | TEXTS
)  # fmt: skip


def close_to(shape: Shape, depth: int = 5) -> st.SearchStrategy[Any]:
    """Values that are mostly of a shape's type, and now and then odd."""
    if depth == 0:
        return ODD
    if shape.type == "structure":
        members = {m.wire_name or n: close_to(m, depth - 1) for n, m in shape.members.items()}
        wanted = {name: members.pop(name) for name in list(members) if name in shape.required}
        return st.fixed_dictionaries(wanted, optional=members)
    if shape.type == "list":
        return st.lists(close_to(shape.member, depth - 1), max_size=3)
    if shape.type == "map":
        return st.dictionaries(TEXTS | st.text(max_size=4), close_to(shape.value, depth - 1), max_size=3)
    if shape.enum:
        return st.sampled_from(shape.enum) | ODD
    if shape.type == "string":
        return (UUIDS if shape.name == "UUIDString" else TEXTS) | ODD
    if shape.type in ("integer", "long"):
        return st.integers(int(shape.traits.get("min") or 0), int(shape.traits.get("max") or 100)) | ODD
    return ODD


QUICKLY = settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=60)


def operations() -> list[str]:
    """The operations that are tried, by name."""
    return [
        f"{verb}{noun}"
        for noun, verbs in {
            "Function": ("Create",),
            "FunctionConfiguration": ("Update",),
            "FunctionEventInvokeConfig": ("Put", "Update", "Get", "Delete"),
            "FunctionEventInvokeConfigs": ("List",),
            "FunctionUrlConfig": ("Create", "Update", "Get", "Delete"),
            "FunctionUrlConfigs": ("List",),
            "EventSourceMapping": ("Create", "Update", "Get", "Delete"),
            "EventSourceMappings": ("List",),
            "CodeSigningConfig": ("Create", "Update", "Get", "Delete"),
            "CodeSigningConfigs": ("List",),
            "FunctionsByCodeSigningConfig": ("List",),
            "FunctionCodeSigningConfig": ("Put", "Get", "Delete"),
            "RuntimeManagementConfig": ("Put", "Get"),
            "FunctionRecursionConfig": ("Put", "Get"),
            "FunctionScalingConfig": ("Put", "Get"),
            "CapacityProvider": ("Create", "Update", "Get", "Delete"),
            "CapacityProviders": ("List",),
            "FunctionVersionsByCapacityProvider": ("List",),
            "Resource": ("Tag", "Untag"),
            "Tags": ("List",),
        }.items()
        for verb in verbs
    ]


@pytest.mark.parametrize("operation", operations())
def test_a_malformed_request_is_never_a_fault_of_ours(make_control: Any, operation: str) -> None:
    control = make_control()
    asyncio.run(control.function("f"))
    asyncio.run(control.function("other"))
    asyncio.run(control("CreateAlias", FunctionName="f", Name="A", FunctionVersion="$LATEST"))
    shape = control.api.service.operations[operation].input

    @QUICKLY
    @given(request=close_to(shape), body=st.none() | ODD | st.lists(ODD, max_size=2))
    def answers(request: dict[str, Any], body: Any) -> None:
        named = {
            name: request[m.wire_name or name] for name, m in shape.members.items() if (m.wire_name or name) in request
        }
        answer = asyncio.run(asyncio.wait_for(control.send(operation, named, body), 30))
        assert answer.status < 500, answer

    answers()
