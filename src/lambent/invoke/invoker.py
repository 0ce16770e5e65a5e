"""The way of every invocation, top to bottom: resolve, gate, pool, and the answer."""

from __future__ import annotations

import asyncio

from lambent.core.arn import FunctionRef
from lambent.core.function import Version
from lambent.core.invocation import Invocation, Result
from lambent.core.provisioning import Standing
from lambent.invoke.environment import Done
from lambent.invoke.freezer import Freezer
from lambent.invoke.gate import Gate
from lambent.invoke.pool import Pool
from lambent.invoke.prepare import Preparation
from lambent.invoke.provision import Parts, Provision, Provisioner
from lambent.invoke.records import function_key, version_key
from lambent.invoke.resolve import Resolver
from lambent.invoke.starts import Starts
from lambent.invoke.stems import Stems
from lambent.kit.clock import Clock
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks

IDLE_S = 300.0
"""How long an environment may stay idle before it is retired."""
SWEEP_S = 5.0


class Invoker:
    """Runs invocations. Callers resolve first (to authorise what was named), then run."""

    def __init__(
        self,
        resolver: Resolver,
        gate: Gate,
        preparation: Preparation,
        stems: Stems,
        tasks: Tasks,
        clock: Clock,
        log: Log,
        *,
        idle_s: float = IDLE_S,
    ) -> None:
        self._resolver = resolver
        self._gate = gate
        self._preparation = preparation
        self._stems = stems
        self._freezer = Freezer(tasks, clock)
        self.starts = Starts(clock)
        """Environments that are becoming ready."""
        self._tasks = tasks
        self._clock = clock
        self._log = log
        self._idle_s = idle_s
        parts = Parts(preparation, stems, self._freezer, tasks, clock, log)
        self._provisioner = Provisioner(resolver, gate, parts, self._run_unprovisioned, self._provision_changed)
        self._pools: dict[str, Pool] = {}
        self._retiring: set[Pool] = set()
        self._drained: asyncio.Event | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Learn of every function, make sandboxes ready for those there are, and begin to retire idle environments."""
        await self._gate.start(self._provisioner.allotted)
        for account, region in self._gate.overdrawn():
            self._log.warning("all_concurrency_is_reserved", account=account, region=region, limit=self._gate.limit)
        await self._resolver.start(self._version_changed, self._provisioner.rerouted)
        self._provisioner.refresh()
        for template in self._preparation.templates(self._resolver.functions):
            self._tasks.start(f"warm:{template.name}", self._stems.prepare(template))
        self._sweep()

    def resolve(self, ref: FunctionRef) -> Version:
        """The version that `ref` runs. Raises FunctionMissing and NotActive."""
        return self._resolver.version(ref)

    async def look_again(self, ref: FunctionRef) -> None:
        """Before a refusal for good: what `resolve` goes by may be a moment older than the store."""
        await self._resolver.look_again(ref)

    def run(self, version: Version, invocation: Invocation, done: Done, *, is_event: bool = False) -> None:
        """Run `invocation`; `done` is called once with its result, or None when the platform failed.
        Raises Throttled at once. `is_event`: nobody waits for it, so that no rate of requests bounds it."""
        pool = self._pool(version)
        provision = pool.provision
        if provision is not None and provision.can_run(invocation):
            self._gate.enter_provisioned(pool.share, is_event=is_event)
            self._run_provisioned(provision, invocation, done)
            return
        share = pool.share
        self._gate.enter(share, new=pool.is_exhausted, is_event=is_event)

        def finished(result: Result | None) -> None:
            self._gate.leave(share)
            if self._drained is not None and self._gate.running == 0:
                self._drained.set()
            done(result)

        pool.run(invocation, finished)

    def _run_provisioned(self, provision: Provision, invocation: Invocation, done: Done) -> None:
        def finished(result: Result | None) -> None:
            self._gate.leave_provisioned()
            if self._drained is not None and self._gate.running == 0:
                self._drained.set()
            done(result)

        provision.run(invocation, finished)

    def _run_unprovisioned(self, version: Version, invocation: Invocation, done: Done) -> None:
        """It has been let in already, and its environment broke before it took it."""
        self._pool(version).run(invocation, done)

    async def invoke(self, version: Version, invocation: Invocation) -> Result | None:
        """The same, awaited."""
        future: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()

        def finished(result: Result | None) -> None:
            if not future.done():
                future.set_result(result)

        self.run(version, invocation, finished)
        return await future

    def is_ready(self, version: Version, arn: str) -> bool:
        """Whether an invocation of `version` by the name `arn` would run at once, in an environment that waits for
        it."""
        pool = self._pool(version)
        provision = pool.provision
        return pool.is_ready or (provision is not None and provision.has_idle(arn))

    def room(self, ref: FunctionRef) -> int:
        """How many more invocations of a function could start now: places that are free, and provisioned environments
        that are idle."""
        share = self._gate.share(ref.account, ref.region, ref.name)
        return self._gate.room(share) + self._provisioner.spare(function_key(ref.account, ref.region, ref.name))

    def reserved(self, ref: FunctionRef) -> int | None:
        """The function's reserved concurrency."""
        return self._gate.share(ref.account, ref.region, ref.name).reserved

    async def prepare(self, version: Version) -> None:
        """Make sure that a first invocation of `version` will be quick. Raises SandboxDied."""
        plan = await self._preparation.plan(version)
        await self._stems.prepare(plan.template)

    async def drained(self) -> None:
        """Return when no invocation runs. Those under way may still invoke others: whoever stops the server closes its
        public port first."""
        self._drained = asyncio.Event()
        if self._gate.running:
            self._log.info("finishing_invocations", running=self._gate.running)
            await self._drained.wait()

    async def close(self) -> None:
        """End every environment."""
        self._gate.close()
        self._resolver.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._freezer.close()
        self._provisioner.close()
        for pool in (*self._pools.values(), *self._retiring):
            pool.retire()
        await self._stems.close()

    @property
    def limit(self) -> int:
        """Concurrent executions of each account in each region."""
        return self._gate.limit

    def standing(self, account: str, region: str, name: str, qualifier: str) -> Standing:
        """How far the provisioned environments of an alias or a version are."""
        return self._provisioner.standing(account, region, name, qualifier)

    @property
    def environments(self) -> int:
        """Environments that exist."""
        return self._provisioner.size + sum(pool.size for pool in (*self._pools.values(), *self._retiring))

    @property
    def running(self) -> int:
        """Invocations under way."""
        return self._gate.running

    def _pool(self, version: Version) -> Pool:
        key = version_key(version.account, version.region, version.name, version.version)
        pool = self._pools.get(key)
        if pool is not None and pool.version is version:
            return pool
        return self._renew(key, version)

    def _renew(self, key: str, version: Version) -> Pool:
        """Another generation: the old environments finish what they run and end."""
        old = self._pools.get(key)
        if old is not None and _same(old.version, version):
            old.version = version
            return old
        self._retire(key)
        share = self._gate.share(version.account, version.region, version.name)
        pool = Pool(version, share, self._preparation, self._stems, self._freezer, self.starts, self._tasks, self._log)
        pool.provision = self._provisioner.of(function_key(version.account, version.region, version.name), key)
        self._pools[key] = pool
        return pool

    def _provision_changed(self, key: str, provision: Provision | None) -> None:
        if (pool := self._pools.get(key)) is not None:
            pool.provision = provision

    def _version_changed(self, key: str, serving: Version | None) -> None:
        pool = self._pools.get(key)
        if pool is not None and (serving is None or not _same(pool.version, serving)):
            self._retire(key)

    def _retire(self, key: str) -> None:
        if (old := self._pools.pop(key, None)) is not None:
            old.retire()
            if old.size:
                self._retiring.add(old)

    def _sweep(self) -> None:
        before = self._clock.monotonic() - self._idle_s
        for pool in self._pools.values():
            pool.retire_idle(before)
        self._provisioner.sweep()
        self._stems.trim()
        self._retiring = {pool for pool in self._retiring if pool.size}
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)


def _same(one: Version, other: Version) -> bool:
    return one.function_id == other.function_id and one.generation == other.generation
