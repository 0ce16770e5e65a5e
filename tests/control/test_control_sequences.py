"""Random sequences of calls on what belongs to functions agree with a small model of the rules."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

QUALIFIERS = ("$LATEST", "1", "A", "nobody")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "update", "delete", "url", "unurl", "map", "unmap", "remove", "alias", "unalias"]),
        st.sampled_from(QUALIFIERS),
        st.integers(0, 2),
    ),
    max_size=30,
)
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"


class Rules:
    """What a function has, as AWS's documentation has it."""

    def __init__(self) -> None:
        self.exists = True
        self.aliases = {"A"}
        self.versions = {"1"}
        self.retries: dict[str, int] = {}
        self.urls: set[str] = set()
        self.mappings: dict[str, str] = {}
        """UUIDs by qualifier: they outlive the function."""

    def names(self, qualifier: str) -> bool:
        return self.exists and qualifier in {"$LATEST", *self.aliases, *self.versions}


async def _code(refusal: Any, call: Any) -> str:
    try:
        await call
    except refusal as refused:
        return str(refused.code)
    return ""


async def _run(control: Any, refusal: Any, steps: list[tuple[str, str, int]]) -> None:
    rules = Rules()
    await _make(control)
    for step, qualifier, number in steps:
        await _step(control, refusal, rules, step, qualifier, number)
        await _compare(control, refusal, rules)


async def _make(control: Any) -> None:
    await control.function("f")
    await control("PublishVersion", FunctionName="f")
    await control("CreateAlias", FunctionName="f", Name="A", FunctionVersion="1")


async def _step(control: Any, refusal: Any, rules: Rules, step: str, qualifier: str, number: int) -> None:
    named = {"FunctionName": "f", "Qualifier": qualifier}
    missing = "ResourceNotFoundException"
    expected, call = "", None
    match step:
        case "put" | "update":
            operation = {"put": "PutFunctionEventInvokeConfig", "update": "UpdateFunctionEventInvokeConfig"}[step]
            call = control(operation, **named, MaximumRetryAttempts=number)
            if not rules.names(qualifier) or (step == "update" and qualifier not in rules.retries):
                expected = missing
            else:
                rules.retries[qualifier] = number
        case "delete":
            call = control("DeleteFunctionEventInvokeConfig", **named)
            expected = "" if rules.retries.pop(qualifier, None) is not None else missing
        case "url":
            call = control("CreateFunctionUrlConfig", **named, AuthType="NONE")
            if not rules.exists:
                expected = missing
            if qualifier in ("$LATEST", "1"):
                expected = "ValidationException"
            elif rules.exists and qualifier in rules.urls:
                expected = "ResourceConflictException"
            elif not rules.names(qualifier):
                expected = missing
            else:
                rules.urls.add(qualifier)
        case "unurl" if qualifier not in ("$LATEST", "1"):
            call = control("DeleteFunctionUrlConfig", **named)
            expected = "" if qualifier in rules.urls else missing
            rules.urls.discard(qualifier)
        case "map":
            call = control("CreateEventSourceMapping", FunctionName=f"f:{qualifier}", EventSourceArn=QUEUE)
            if not rules.names(qualifier):
                expected = "InvalidParameterValueException"
            elif qualifier in rules.mappings:
                expected = "ResourceConflictException"
            else:
                rules.mappings[qualifier] = (await call)["UUID"]
                return
        case "unmap" if qualifier in rules.mappings:
            call = control("DeleteEventSourceMapping", UUID=rules.mappings.pop(qualifier))
        case "alias":
            call = control("CreateAlias", FunctionName="f", Name="A", FunctionVersion="$LATEST")
            if not rules.exists:
                expected = missing
            elif "A" in rules.aliases:
                expected = "ResourceConflictException"
            rules.aliases |= {"A"} if rules.exists else set()
        case "unalias" if rules.exists:
            call = control("DeleteAlias", FunctionName="f", Name="A")
            rules.aliases.discard("A")
            rules.retries.pop("A", None)
        case "remove":
            await _remove(control, rules)
    if call is not None:
        assert await _code(refusal, call) == expected, (step, qualifier)


async def _remove(control: Any, rules: Rules) -> None:
    """Delete the function, or make it again; what it had is gone with it, but not its mappings."""
    if rules.exists:
        await control.functions.remove(*await control.functions.get("000000000000", "us-east-1", "f"))
        rules.aliases, rules.versions, rules.retries, rules.urls = set(), set(), {}, set()
    else:
        await control.function("f")
    rules.exists = not rules.exists


async def _compare(control: Any, refusal: Any, rules: Rules) -> None:
    mappings = (await control("ListEventSourceMappings"))["EventSourceMappings"]
    assert {each["UUID"] for each in mappings} == set(rules.mappings.values())
    if not rules.exists:
        listing = control("ListFunctionUrlConfigs", FunctionName="f")
        assert await _code(refusal, listing) == "ResourceNotFoundException"
        return
    configs = (await control("ListFunctionEventInvokeConfigs", FunctionName="f"))["FunctionEventInvokeConfigs"]
    assert {each["FunctionArn"].split(":")[7]: each["MaximumRetryAttempts"] for each in configs} == rules.retries
    urls = (await control("ListFunctionUrlConfigs", FunctionName="f"))["FunctionUrlConfigs"]
    assert {each["FunctionArn"].split(":")[7] for each in urls} == rules.urls


@settings(deadline=None, max_examples=60)
@given(steps=STEPS)
def test_a_random_sequence_of_calls_agrees_with_the_rules(
    make_control: Any, refusal: Any, steps: list[tuple[str, str, int]]
) -> None:
    asyncio.run(_run(make_control(), refusal, steps))


async def _tags_elsewhere(control: Any, refusal: Any) -> None:
    await control.function("f")
    made = await control("CreateEventSourceMapping", FunctionName="f", EventSourceArn=QUEUE, Tags={"a": "b"})
    arn = made["EventSourceMappingArn"]
    assert await control("ListTags", Resource=arn) == {"Tags": {"a": "b"}}
    control.region = "eu-west-1"
    assert await _code(refusal, control("ListTags", Resource=arn)) == "ResourceNotFoundException"
    assert await _code(refusal, control("GetEventSourceMapping", UUID=made["UUID"])) == "ResourceNotFoundException"


def test_a_resource_of_another_region_is_not_there(make_control: Any, refusal: Any) -> None:
    asyncio.run(_tags_elsewhere(make_control(), refusal))


async def _changes_in_transition(control: Any, refusal: Any) -> None:
    await control.function("f")
    control.follows = False
    for enabled, state in ((True, "Creating"), (False, "Disabled")):
        source = f"{QUEUE}-{enabled}"
        made = await control("CreateEventSourceMapping", FunctionName="f", EventSourceArn=source, Enabled=enabled)
        assert made["State"] == state
    update = {"UUID": made["UUID"], "BatchSize": 1}
    assert (await control("UpdateEventSourceMapping", **update))["State"] == "Updating"
    with pytest.raises(refusal) as caught:
        await control("UpdateEventSourceMapping", **update)
    text = "Cannot update the event source mapping because it is in use."
    assert (caught.value.status, caught.value.code, caught.value.text) == (400, "ResourceInUseException", text)
    control.follows = True
    assert (await control("GetEventSourceMapping", UUID=made["UUID"]))["State"] == "Updating"
    control.follows = False
    assert (await control("DeleteEventSourceMapping", UUID=made["UUID"]))["State"] == "Deleting"
    with pytest.raises(refusal) as caught:
        await control("DeleteEventSourceMapping", UUID=made["UUID"])
    assert caught.value.text == "Cannot delete the event source mapping because it is in use."


def test_a_mapping_takes_no_change_before_its_last_one_is_followed(make_control: Any, refusal: Any) -> None:
    asyncio.run(_changes_in_transition(make_control(), refusal))
