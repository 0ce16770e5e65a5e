"""Version → what its sandbox is assigned: code, limits, environment variables, credentials; and what its log says."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from lambent.core import limits
from lambent.core.function import Function, Version
from lambent.core.report import ON_DEMAND
from lambent.invoke.artifacts import Artifacts
from lambent.invoke.billing import Bill, Billing
from lambent.invoke.environment import Environment, Label, Owner
from lambent.invoke.report import LogSink
from lambent.invoke.stems import Stem
from lambent.kit.clock import Clock
from lambent.runtimes.base import OPT, TASK, TMP, Contents, Facts, Runtime
from lambent.runtimes.catalogue import Catalogue
from lambent.sandbox.base import Assignment, Bind, Limits, Template
from lambent.values import frozen

AWS_PORT = 4566
"""Where the AWS API listens inside a sandbox, whatever port it has outside."""
LIFETIME_S = 14_400.0
"""How long an environment is used, however busy it is kept: its credentials end one day."""
KEYS_GOOD_FOR_S = 3600.0
"""A plan is made anew after that, with fresh credentials: theirs last longer than any environment lives."""


@frozen
class Keys:
    """Temporary credentials of an execution role."""

    access_key: str
    secret_key: str
    session_token: str


class Credentials(Protocol):
    """Where a function's credentials come from."""

    async def for_function(self, role: str, function_name: str) -> Keys:
        """A session of `role`, an ARN."""


@frozen
class Plan:
    """Everything about a version's environments that they have in common."""

    version: Version
    runtime: Runtime
    template: Template
    facts: Facts
    mounts: tuple[Bind, ...]
    limits: Limits
    defaults: Mapping[str, str]
    """Environment variables that the function's own may replace."""
    variables: Mapping[str, str]
    """The function's own, and the reserved ones."""
    kind: str
    bill: Bill
    made_at: float


class Preparation:
    """Makes plans, and environments from them."""

    def __init__(
        self,
        artifacts: Artifacts,
        catalogue: Catalogue,
        credentials: Credentials,
        sink: LogSink,
        billing: Billing,
        clock: Clock,
    ) -> None:
        self._artifacts = artifacts
        self._catalogue = catalogue
        self._credentials = credentials
        self._sink = sink
        self._billing = billing
        self._clock = clock

    def templates(self, functions: Iterable[Function]) -> list[Template]:
        """The sandboxes that these functions will most probably want."""
        found: dict[str, Template] = {}
        for function in functions:
            runtime = self._catalogue.find(function.latest.runtime)
            if runtime is not None:
                found[runtime.pooled.name] = _with_aws(runtime.pooled)
        return list(found.values())

    async def plan(self, version: Version, kind: str = ON_DEMAND) -> Plan:
        """How environments of `version` are made that are initialised in this way (core/report.py).
        Raises BadPackage, ArtifactMissing and RuntimeMissing."""
        runtime = self._catalogue.get(version.runtime)
        folder = await self._artifacts.path(version.code.digest)
        mounts = [Bind(folder, TASK)]
        layers = [layer.code.digest for layer in version.layers]
        if layers:
            mounts.append(Bind(await self._artifacts.merged(layers), OPT))
        opt = Contents.merged([Contents.of(await self._artifacts.path(digest)) for digest in layers])
        facts = Facts(version.environment or {}, Contents.of(folder), opt)
        keys = await self._credentials.for_function(version.role, version.name)
        return Plan(
            version=version,
            runtime=runtime,
            template=_with_aws(runtime.choose(facts)),
            facts=facts,
            mounts=tuple(mounts),
            limits=Limits(
                memory_bytes=version.memory_mb * limits.MIB,
                cpus=limits.cpus(version.memory_mb),
                tmp_bytes=version.ephemeral_mb * limits.MIB,
            ),
            defaults={**runtime.environment(facts), "AWS_ENDPOINT_URL": f"http://127.0.0.1:{AWS_PORT}"},
            variables={**self._variables(version, keys), "AWS_LAMBDA_INITIALIZATION_TYPE": kind},
            kind=kind,
            bill=self._billing.open(version),
            made_at=self._clock.monotonic(),
        )

    def is_fresh(self, plan: Plan) -> bool:
        """Whether its credentials are young enough for another environment."""
        return self._clock.monotonic() - plan.made_at < KEYS_GOOD_FOR_S

    def environment(self, plan: Plan, stem: Stem, owner: Owner) -> Environment:
        """An environment of the plan, in a sandbox that is to be assigned."""
        version = plan.version
        stream = self._stream_name(version)
        log = self._sink.stream(account=version.account, region=version.region, group=version.log_group, stream=stream)
        refusal = plan.runtime.refusal(plan.facts)
        told = label(plan.runtime, version.region, refusal, plan.kind)
        stem.door.metadata.region = version.region
        return Environment(version, stem, told, stream, log, plan.bill, owner, self._clock)

    def assignment(self, plan: Plan, environment: Environment) -> Assignment:
        """What the environment's sandbox is assigned."""
        here = environment.sandbox.here
        defaults = {name: here(value) for name, value in plan.defaults.items()}
        if here(TMP) != TMP:
            defaults["TMPDIR"] = here(TMP)
        variables = {
            **defaults,
            **plan.variables,
            "AWS_LAMBDA_LOG_STREAM_NAME": environment.stream_name,
            "AWS_LAMBDA_METADATA_TOKEN": environment.stem.door.metadata.token,
        }
        return Assignment(plan.mounts, plan.limits, plan.runtime.message(plan.facts, variables, here))

    def _stream_name(self, version: Version) -> str:
        day = datetime.fromtimestamp(self._clock.now(), UTC)
        name = f"{version.name}[" if version.logging.group else "["
        return f"{day:%Y/%m/%d}/{name}{version.version}]{os.urandom(16).hex()}"

    def _variables(self, version: Version, keys: Keys) -> dict[str, str]:
        """The function's own, then the reserved ones."""
        variables = {
            **(version.environment or {}),
            "_HANDLER": version.handler,
            "AWS_DEFAULT_REGION": version.region,
            "AWS_REGION": version.region,
            "AWS_LAMBDA_FUNCTION_NAME": version.name,
            "AWS_LAMBDA_FUNCTION_VERSION": version.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": version.log_group,
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_SESSION_TOKEN": keys.session_token,
        }
        if version.logging.format == "JSON":
            variables["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
            variables["AWS_LAMBDA_LOG_LEVEL"] = version.logging.application_level or "INFO"
        return variables


def _with_aws(template: Template) -> Template:
    return replace(template, listen_late=(*template.listen_late, AWS_PORT))


def label(runtime: Runtime, region: str, refusal: tuple[str, str] | None, kind: str) -> Label:
    """How the environment's log names its runtime."""
    return Label(
        version=f"{runtime.family}:{runtime.version}",
        arn=runtime.version_arn(region),
        note=None if runtime.exact else runtime.note,
        refusal=refusal,
        kind=kind,
    )
