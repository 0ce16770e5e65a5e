"""The execution environments of one generation of one version: an idle one, or a new one."""

from __future__ import annotations

from collections import deque

from lambent.core.function import Version
from lambent.core.invocation import Invocation
from lambent.core.lifecycle import State
from lambent.invoke.artifacts import ArtifactMissing
from lambent.invoke.environment import Done, Environment
from lambent.invoke.freezer import Freezer
from lambent.invoke.gate import Share
from lambent.invoke.package import BadPackage
from lambent.invoke.prepare import LIFETIME_S, Plan, Preparation
from lambent.invoke.provision import Provision
from lambent.invoke.resets import Resets
from lambent.invoke.starts import Starts
from lambent.invoke.stems import Stem, Stems
from lambent.kit.log import Log
from lambent.kit.seal import SealBroken
from lambent.kit.tasks import Tasks
from lambent.runtimes.catalogue import RuntimeMissing
from lambent.sandbox.base import SandboxDied
from lambent.store.base import StoreUnavailable

ATTEMPTS = 3
"""Sandboxes that a cold start may use up before the platform gives up on it."""


class Pool:
    """Environments of one `Version`. The warmest idle one is used first, so that the others age out."""

    def __init__(
        self,
        version: Version,
        share: Share,
        preparation: Preparation,
        stems: Stems,
        freezer: Freezer,
        starts: Starts,
        tasks: Tasks,
        log: Log,
    ) -> None:
        self.version = version
        self.share = share
        """Its function's part of what may run concurrently."""
        self.provision: Provision | None = None
        """The version's provisioned environments, when it has some: invocations of their alias go there first."""
        self._preparation = preparation
        self._stems = stems
        self._freezer = freezer
        self._starts = starts
        self._tasks = tasks
        self._log = log
        self._idle: list[Environment] = []
        self._all: set[Environment] = set()
        self._waiting: deque[tuple[Invocation, Done]] = deque()
        self._starting = 0
        self._plan: Plan | None = None
        self._resets = Resets(self.run, freezer, tasks, log)
        self._retired = False

    @property
    def size(self) -> int:
        """Environments that exist, and invocations that wait for one."""
        return len(self._all) + len(self._waiting)

    @property
    def is_exhausted(self) -> bool:
        """No environment is idle: the next invocation asks for a new one."""
        return not self._idle

    @property
    def is_ready(self) -> bool:
        """An idle environment's runtime waits for the next invocation: that needs no start."""
        return bool(self._idle) and self._idle[-1].is_initialised

    def run(self, invocation: Invocation, done: Done) -> None:
        """Run it in the warmest idle environment, or in whatever comes first: one that becomes idle, or a new one."""
        if self._idle:
            self._idle.pop().run(invocation, done)
        else:
            self._waiting.append((invocation, done))
            self._start_enough()

    def retire(self) -> None:
        """Take no more invocations: idle environments end now, busy ones when they have finished. Invocations that wait
        already are still run."""
        self._retired = True
        for environment in tuple(self._idle):
            environment.retire()

    def retire_idle(self, before: float) -> None:
        """End environments that have been idle since before `before` (monotonic seconds)."""
        for environment in tuple(self._idle):
            if environment.idle_since < before:
                environment.retire()

    # -- what environments tell their owner -----------------------------------------------------------------------

    def idle(self, environment: Environment) -> None:
        """It has finished: the longest waiting invocation is next."""
        if environment.idle_since - environment.begun_at > LIFETIME_S:
            environment.retire()  # those who wait have cold starts under way
        elif self._waiting:
            environment.run(*self._waiting.popleft())
        elif self._retired:
            environment.retire()
        elif environment.state is State.RESETTING:
            self._idle.insert(0, environment)  # whoever gets it waits for its runtime
        else:
            self._idle.append(environment)
            self._freezer.idle(environment)

    def initialised(self, environment: Environment) -> None:
        """It needs no core for itself any more."""
        self._starts.end(environment)

    def dead(self, environment: Environment) -> None:
        """It has ended: close what it held."""
        self._starts.end(environment)
        if environment in self._idle:
            self._idle.remove(environment)
        self._all.discard(environment)
        self._resets.forget(environment)
        self._tasks.start(f"close:{environment.sandbox.id}", environment.stem.close())

    def reset(self, environment: Environment) -> None:
        """Its runtime is to be started again."""
        self._starts.begin(environment)
        self._resets.begin(environment)

    # -- cold starts ----------------------------------------------------------------------------------------------

    def _start_enough(self) -> None:
        """As many cold starts under way as invocations wait."""
        while self._starting < len(self._waiting):
            self._starting += 1
            start = object()
            self._starts.begin(start)
            self._tasks.start(f"cold:{self.version.name}", self._cold(start))

    async def _cold(self, start: object) -> None:
        """Make one environment for whichever invocation waits longest when it can be had."""
        reason: str | None = "a fault that was not foreseen, or the end of the server"
        try:
            reason = await self._tried()
        except (BadPackage, ArtifactMissing, RuntimeMissing, SealBroken, StoreUnavailable) as error:
            reason = f"{type(error).__name__}: {error}"
        finally:
            self._starting -= 1
            self._starts.end(start)
            if reason is not None:
                self._give_up(reason)
            self._start_enough()

    async def _tried(self) -> str | None:
        """Why there is no environment although one is wanted."""
        for attempt in range(ATTEMPTS):
            if await self._started(attempt):
                return None
        return "its sandboxes died"

    async def _started(self, attempt: int) -> bool:
        """Whether an environment could be started, or none is wanted any more."""
        try:
            plan = await self._fresh_plan()
            stem = await self._stems.take(plan.template, lambda: bool(self._waiting))
        except SandboxDied as error:
            self._log.warning("cold_start_failed", function=self.version.arn, attempt=attempt, reason=error)
            return not self._waiting
        if stem is not None and self._waiting:
            return await self._assigned(stem, plan)
        if stem is not None:
            self._stems.give_back(plan.template, stem)
        self.share.not_made()
        return True

    async def _fresh_plan(self) -> Plan:
        if self._plan is None or not self._preparation.is_fresh(self._plan):
            self._plan = await self._preparation.plan(self.version)
        return self._plan

    async def _assigned(self, stem: Stem, plan: Plan) -> bool:
        environment = self._preparation.environment(plan, stem, self)
        self._all.add(environment)
        self._starts.begin(environment)
        environment.begin(*self._waiting.popleft())
        try:
            await stem.sandbox.assign(self._preparation.assignment(plan, environment))
        except SandboxDied as error:
            self._log.warning("assignment_failed", function=self.version.arn, reason=error)
            if (forsaken := environment.forsake()) is not None:
                self._waiting.appendleft(forsaken)
            return not self._waiting
        return True

    def _give_up(self, reason: str) -> None:
        """The platform cannot do it: the longest waiting caller is told."""
        self._log.error("cold_start_gave_up", function=self.version.arn, reason=reason)
        if self._waiting:
            _, done = self._waiting.popleft()
            done(None)
