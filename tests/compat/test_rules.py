"""Random sequences of API calls on a running server agree with a small model of Lambda's rules."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

NAME = "rules"
ALIASES = ("Dev", "Stage", "Prod")
SOURCE = "def handler(event, context):\n    return [{code}, context.function_version]\n"


@dataclass
class Function:
    """What the model knows of the function."""

    code: int
    description: str
    versions: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Number → code and description."""
    aliases: dict[str, str] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    """Alias → the version that gets all the traffic after all: a weight of 1."""
    last: str = "0"
    changed: bool = True
    """Since the version that was published last."""
    reserved: int | None = None

    def runs(self, qualifier: str) -> tuple[int, str] | None:
        """The code and the version that an invocation of `qualifier` runs."""
        if qualifier == "$LATEST":
            return self.code, "$LATEST"
        if qualifier.isdigit():
            return (self.versions[qualifier][0], qualifier) if qualifier in self.versions else None
        if qualifier not in self.aliases:
            return None
        return self.runs(self.weights.get(qualifier, self.aliases[qualifier]))

    def leads_to(self, start: str, end: str) -> bool:
        """Whether the aliases lead from `start` to `end`."""
        while start in self.aliases and start != end:
            start = self.aliases[start]
        return start == end

    def users(self, qualifier: str) -> bool:
        """Whether an alias points to `qualifier`."""
        return qualifier in self.aliases.values() or qualifier in self.weights.values()


qualifiers = st.sampled_from(["$LATEST", "1", "2", "3", "4", *ALIASES])


class Rules(RuleBasedStateMachine):
    """Every call is made on the server and on the model; they must agree on success, on errors and on what is there."""

    server: Any
    tools: Any

    def __init__(self) -> None:
        super().__init__()
        self.aws = self.server.client("lambda")
        self.role = self.server.role()
        self.model: Function | None = None

    def teardown(self) -> None:
        if self.model is not None:
            self.aws.delete_function(FunctionName=NAME)

    def call(self, error: str | None, operation: str, **members: Any) -> Any:
        """The answer; with `error`, the call must be refused so."""
        if error is None:
            return getattr(self.aws, operation)(FunctionName=NAME, **members)
        with pytest.raises(ClientError) as refusal:
            getattr(self.aws, operation)(FunctionName=NAME, **members)
        assert refusal.value.response["Error"]["Code"] == error, refusal.value
        return None

    def settled(self) -> None:
        def done() -> bool:
            now = self.aws.get_function_configuration(FunctionName=NAME)
            return now["State"] == "Active" and now["LastUpdateStatus"] == "Successful"

        self.tools.wait_for(done)

    def package(self, code: int) -> bytes:
        return bytes(self.tools.zipped({"app.py": SOURCE.format(code=code)}))

    @initialize(code=st.integers(0, 3))
    def begin(self, code: int) -> None:
        self.create(code)

    @rule(code=st.integers(0, 3))
    def create(self, code: int) -> None:
        error = None if self.model is None else "ResourceConflictException"
        members = {"Runtime": "python3.11", "Handler": "app.handler", "Role": self.role, "MemorySize": 1769}
        if self.call(error, "create_function", Code={"ZipFile": self.package(code)}, **members):
            self.model = Function(code, "")
            self.settled()

    @precondition(lambda self: self.model is not None)
    @rule(code=st.integers(0, 3))
    def update_code(self, code: int) -> None:
        self.call(None, "update_function_code", ZipFile=self.package(code))
        self.model.changed |= code != self.model.code
        self.model.code = code
        self.settled()

    @precondition(lambda self: self.model is not None)
    @rule(description=st.sampled_from(["", "one", "two"]))
    def update_configuration(self, description: str) -> None:
        self.call(None, "update_function_configuration", Description=description)
        self.model.changed |= description != self.model.description
        self.model.description = description
        self.settled()

    @precondition(lambda self: self.model is not None)
    @rule()
    def publish(self) -> None:
        answer = self.call(None, "publish_version")
        if self.model.changed or self.model.last not in self.model.versions:
            self.model.last = str(int(self.model.last) + 1)
            self.model.versions[self.model.last] = self.model.code, self.model.description
            self.model.changed = False
        assert answer["Version"] == self.model.last

    @precondition(lambda self: self.model is not None)
    @rule(number=st.sampled_from(["1", "2", "3", "4"]))
    def delete_version(self, number: str) -> None:
        used = number in self.model.versions and self.model.users(number)
        self.call("ResourceConflictException" if used else None, "delete_function", Qualifier=number)
        if not used:
            self.model.versions.pop(number, None)

    @precondition(lambda self: self.model is not None)
    @rule(name=st.sampled_from(ALIASES), to=qualifiers)
    def create_alias(self, name: str, to: str) -> None:
        error = self.wrong_target(name, to)
        if error is None and name in self.model.aliases:
            error = "ResourceConflictException"
        if self.call(error, "create_alias", Name=name, FunctionVersion=to):
            self.model.aliases[name] = to

    @precondition(lambda self: self.model is not None)
    @rule(name=st.sampled_from(ALIASES), to=qualifiers)
    def move_alias(self, name: str, to: str) -> None:
        missing = name not in self.model.aliases
        error = "ResourceNotFoundException" if missing else self.wrong_target(name, to)
        if self.call(error, "update_alias", Name=name, FunctionVersion=to, RoutingConfig={}):
            self.model.aliases[name] = to
            self.model.weights.pop(name, None)

    @precondition(lambda self: self.model is not None)
    @rule(name=st.sampled_from(ALIASES), version=st.sampled_from(["1", "2", "3", "4"]))
    def send_all_the_traffic_elsewhere(self, name: str, version: str) -> None:
        routing = {"AdditionalVersionWeights": {version: 1.0}}
        main = self.model.aliases.get(name)
        error = None
        if main is None:
            error = "ResourceNotFoundException"
        elif main == version or not main.isdigit():
            error = "InvalidParameterValueException"
        elif version not in self.model.versions:
            error = "ResourceNotFoundException"
        if self.call(error, "update_alias", Name=name, RoutingConfig=routing):
            self.model.weights[name] = version

    @precondition(lambda self: self.model is not None)
    @rule(name=st.sampled_from(ALIASES))
    def delete_alias(self, name: str) -> None:
        used = name in self.model.aliases and self.model.users(name)
        self.call("ResourceConflictException" if used else None, "delete_alias", Name=name)
        if not used:
            self.model.aliases.pop(name, None)
            self.model.weights.pop(name, None)

    @precondition(lambda self: self.model is not None)
    @rule(number=st.sampled_from([None, 0, 5, 901]))
    def reserve(self, number: int | None) -> None:
        if number is None:
            self.call(None, "delete_function_concurrency")
        elif number > 900:
            refusal = "InvalidParameterValueException"
            self.call(refusal, "put_function_concurrency", ReservedConcurrentExecutions=number)
            return
        else:
            self.call(None, "put_function_concurrency", ReservedConcurrentExecutions=number)
        self.model.reserved = number

    @rule(qualifier=qualifiers)
    def invoke(self, qualifier: str) -> None:
        wanted = None if self.model is None else self.model.runs(qualifier)
        if wanted is None:
            self.call("ResourceNotFoundException", "invoke", Qualifier=qualifier)
        elif self.model.reserved == 0:
            self.call("TooManyRequestsException", "invoke", Qualifier=qualifier)
        else:
            answer = self.call(None, "invoke", Qualifier=qualifier)
            assert (*json.load(answer["Payload"]), answer["ExecutedVersion"]) == (*wanted, wanted[1])

    @rule()
    def delete(self) -> None:
        self.call(None if self.model is not None else "ResourceNotFoundException", "delete_function")
        self.model = None

    @invariant()
    def what_is_listed_is_what_there_is(self) -> None:
        if self.model is None:
            self.call("ResourceNotFoundException", "get_function")
            return
        versions = self.call(None, "list_versions_by_function")["Versions"]
        latest = ("$LATEST", self.model.description)
        assert [(each["Version"], each["Description"]) for each in versions] == [
            latest,
            *((number, self.model.versions[number][1]) for number in sorted(self.model.versions, key=int)),
        ]
        aliases = self.call(None, "list_aliases")["Aliases"]
        assert {each["Name"]: each["FunctionVersion"] for each in aliases} == self.model.aliases
        concurrency = self.call(None, "get_function_concurrency")
        assert concurrency.get("ReservedConcurrentExecutions") == self.model.reserved

    def wrong_target(self, name: str, target: str) -> str | None:
        """The error for an alias that cannot point there."""
        assert self.model is not None
        if target == "$LATEST" or target in self.model.versions:
            return None
        if target.isdigit():
            return "ResourceNotFoundException"
        if self.model.leads_to(target, name):
            return "InvalidParameterValueException"
        return None if target in self.model.aliases else "ResourceNotFoundException"


@pytest.mark.root
@pytest.mark.timeout(300)
def test_any_sequence_of_calls_keeps_the_rules(shared_server: Any, tools: Any) -> None:
    machine = type("RulesHere", (Rules,), {"server": shared_server, "tools": tools})
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=8, stateful_step_count=25, deadline=None, suppress_health_check=checks, database=None
        ),
    )
