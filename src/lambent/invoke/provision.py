"""Provisioned concurrency: environments that are initialised ahead of any invocation and kept, for an alias or a
version.

What is wanted comes from the store: the account's allotments say how many, the aliases of which versions. Whenever
either changes, `Provisioner` compares that with what there is; a `Provision` then keeps its number up by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

from lambent.core.arn import function_arn
from lambent.core.function import Version
from lambent.core.invocation import Invocation
from lambent.core.lifecycle import State
from lambent.core.provisioning import INIT_FAILURE, Standing, Status, divided
from lambent.core.report import PROVISIONED
from lambent.core.routing import shares
from lambent.core.scaling import Allotments, Provisioned
from lambent.invoke.artifacts import ArtifactMissing
from lambent.invoke.billing import Bill
from lambent.invoke.environment import Done, Environment
from lambent.invoke.freezer import Freezer
from lambent.invoke.gate import Gate, Share
from lambent.invoke.package import BadPackage
from lambent.invoke.prepare import LIFETIME_S, Plan, Preparation
from lambent.invoke.records import function_key, version_key
from lambent.invoke.resets import Resets
from lambent.invoke.resolve import Resolver
from lambent.invoke.stems import Stem, Stems
from lambent.kit.clock import Clock
from lambent.kit.log import Log
from lambent.kit.seal import SealBroken
from lambent.kit.tasks import Tasks
from lambent.runtimes.catalogue import RuntimeMissing
from lambent.sandbox.base import SandboxDied
from lambent.store.base import StoreUnavailable
from lambent.values import frozen

AT_ONCE = 8
"""Environments of one version that initialise at the same time: more would only share the processors."""
FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0
"""After a failure the next try waits, twice as long each time, and then one environment alone is tried."""

Elsewhere = Callable[[Version, Invocation, Done], None]
"""Runs an invocation whose provisioned environment broke before it took it."""


@frozen
class Parts:
    """What every provision works with."""

    preparation: Preparation
    stems: Stems
    freezer: Freezer
    tasks: Tasks
    clock: Clock
    log: Log


class Provision:
    """The environments kept for invocations of one alias or version by `arn` (its qualified ARN), in one version."""

    def __init__(self, version: Version, arn: str, share: Share, parts: Parts, elsewhere: Elsewhere) -> None:
        self.version = version
        self.arn = arn
        self.wanted = 0
        self._share = share
        self._parts = parts
        self._resets = Resets(lambda *waiting: elsewhere(version, *waiting), parts.freezer, parts.tasks, parts.log)
        self._idle: list[Environment] = []
        self._all: set[Environment] = set()
        self._initialising: set[Environment] = set()
        self._making = 0
        self._plan: Plan | None = None
        self._bill: Bill | None = None
        self._held_since = 0.0
        self._is_complete = False
        """All have been there since the number was last changed; those that are replaced do not change that."""
        self._init_failed = False
        self._delay_s = 0.0
        self._retry: asyncio.TimerHandle | None = None
        self._retired = False

    @property
    def size(self) -> int:
        """Environments that exist."""
        return len(self._all)

    @property
    def spare(self) -> int:
        """Environments that could run something now."""
        return len(self._idle)

    @property
    def standing(self) -> Standing:
        """How far it is."""
        available = len(self._all) - len(self._initialising)
        if self._init_failed:
            return Standing(available, available, Status.FAILED, INIT_FAILURE)
        return Standing(len(self._all), available, Status.READY if self._is_complete else Status.IN_PROGRESS)

    # -- invocations ----------------------------------------------------------------------------------------------

    def can_run(self, invocation: Invocation) -> bool:
        """Whether the invocation is of its alias or version, and an environment is idle."""
        return self.has_idle(invocation.arn)

    def has_idle(self, arn: str) -> bool:
        """The same of an invocation by that name."""
        return bool(self._idle) and arn == self.arn

    def run(self, invocation: Invocation, done: Done) -> None:
        """Run it in the warmest environment; only when it `can_run`."""
        self._idle.pop().run(invocation, done)

    # -- how many -------------------------------------------------------------------------------------------------

    def want(self, number: int) -> None:
        """Keep so many from now on. What has failed is tried again at once."""
        self.wanted = number
        self._is_complete = self._init_failed = False
        self._delay_s = 0.0
        self._cancel_retry()
        for environment in self._idle[: max(0, len(self._all) - number)]:
            environment.retire()
        self._keep_up()

    def retire(self) -> None:
        """Keep none: those that run something end when they have finished."""
        self._retired = True
        self._cancel_retry()
        for environment in (*self._idle, *self._initialising):
            environment.retire()

    def sweep(self) -> None:
        """Count how long they have been kept; replace an environment that is old, one at a time."""
        self._count_held()
        if self._is_complete and not self._initialising and self._idle and self._is_old(self._idle[0]):
            self._idle[0].retire()

    # -- what environments tell their owner -----------------------------------------------------------------------

    def idle(self, environment: Environment) -> None:
        """It has initialised, or finished."""
        if environment in self._initialising:
            self._initialising.discard(environment)
            self._init_failed, self._delay_s = False, 0.0
        if self._retired or len(self._all) > self.wanted or self._is_old(environment):
            environment.retire()
        elif environment.state is State.RESETTING:
            self._idle.insert(0, environment)  # whoever gets it waits for its runtime
        else:
            self._idle.append(environment)
            self._parts.freezer.idle(environment)
        self._keep_up()

    def initialised(self, environment: Environment) -> None:
        """Nothing to be done before it is idle."""

    def dead(self, environment: Environment) -> None:
        """It has ended: close what it held, and make another one."""
        self._count_held()
        self._all.discard(environment)
        self._share.release()
        if environment in self._idle:
            self._idle.remove(environment)
        self._resets.forget(environment)
        self._parts.tasks.start(f"close:{environment.sandbox.id}", environment.stem.close())
        if environment in self._initialising:
            self._initialising.discard(environment)
            if environment.failed_to_initialise:
                self._init_failed = True
                self._postpone()
        self._keep_up()

    def reset(self, environment: Environment) -> None:
        """Its runtime is to be started again."""
        self._resets.begin(environment)

    # -- making them ----------------------------------------------------------------------------------------------

    def _keep_up(self) -> None:
        """Begin as many as are missing, and may be begun now."""
        if len(self._all) >= self.wanted and not self._initialising:
            self._is_complete = True
        most = 1 if self._delay_s else AT_ONCE
        while self._is_wanting(self._making) and len(self._initialising) + self._making < most:
            self._making += 1
            self._parts.tasks.start(f"provision:{self.version.name}", self._make())

    def _is_wanting(self, coming: int = 0) -> bool:
        return not self._retired and self._retry is None and len(self._all) + coming < self.wanted

    async def _make(self) -> None:
        """Make one, if it is still wanted when its turn comes."""
        try:
            plan = await self._fresh_plan()
            stem = await self._parts.stems.take(plan.template, self._is_wanting)
            if stem is not None and not self._is_wanting():
                self._parts.stems.give_back(plan.template, stem)
            elif stem is not None:
                await self._assign(stem, plan)
        except (
            ArtifactMissing,
            BadPackage,
            RuntimeMissing,
            SandboxDied,
            SealBroken,
            StoreUnavailable,
        ) as error:
            self._parts.log.warning("provisioning_failed", function=self.version.arn, reason=error)
            self._postpone()
        finally:
            self._making -= 1
        self._keep_up()

    async def _fresh_plan(self) -> Plan:
        preparation = self._parts.preparation
        if self._plan is None or not preparation.is_fresh(self._plan):
            self._plan = await preparation.plan(self.version, PROVISIONED)
        return self._plan

    async def _assign(self, stem: Stem, plan: Plan) -> None:
        """Begin an environment. Raises SandboxDied."""
        self._count_held()
        self._bill = plan.bill
        environment = self._parts.preparation.environment(plan, stem, self)
        self._all.add(environment)
        self._initialising.add(environment)
        self._share.hold()
        environment.begin_ahead()
        try:
            await stem.sandbox.assign(self._parts.preparation.assignment(plan, environment))
        except SandboxDied:
            environment.forsake()
            raise

    def _postpone(self) -> None:
        """After a failure, begin nothing for a while."""
        if self._retry is None and not self._retired:
            self._delay_s = min(LONGEST_RETRY_S, max(FIRST_RETRY_S, self._delay_s * 2))
            self._retry = asyncio.get_running_loop().call_later(self._delay_s, self._again)

    def _again(self) -> None:
        self._retry = None
        self._keep_up()

    def _cancel_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _is_old(self, environment: Environment) -> bool:
        return self._parts.clock.monotonic() - environment.begun_at > LIFETIME_S

    def _count_held(self) -> None:
        now = self._parts.clock.monotonic()
        since, self._held_since = self._held_since, now
        if self._bill is not None and self._all:
            self._bill.add_provisioned(round((now - since) * 1000) * len(self._all))


class Provisioner:
    """Every provision there is. `changed` is told, by `version_key`, of each that begins or ends."""

    def __init__(
        self,
        resolver: Resolver,
        gate: Gate,
        parts: Parts,
        elsewhere: Elsewhere,
        changed: Callable[[str, Provision | None], None],
    ) -> None:
        self._resolver = resolver
        self._gate = gate
        self._parts = parts
        self._elsewhere = elsewhere
        self._changed = changed
        self._wanted: dict[str, _Wanted] = {}
        """What is asked for, by `function_key`."""
        self._there: dict[str, dict[str, Provision]] = {}
        """What there is, by `function_key` and `version_key`."""
        self._retiring: set[Provision] = set()
        self._closed = False

    def of(self, key: str, version: str) -> Provision | None:
        """That of a version, by `function_key` and `version_key`."""
        return self._there.get(key, {}).get(version)

    def spare(self, key: str) -> int:
        """Environments of a function, by `function_key`, that could run something now."""
        return sum(provision.spare for provision in self._there.get(key, {}).values())

    @property
    def size(self) -> int:
        """Environments that exist."""
        return sum(provision.size for provision in (*self._all(), *self._retiring))

    def standing(self, account: str, region: str, name: str, qualifier: str) -> Standing:
        """How far the environments for one alias or version are; for an alias with weights, those of both versions."""
        arn = f"{function_arn(account, region, name)}:{qualifier}"
        there = self._there.get(function_key(account, region, name), {}).values()
        own = [provision.standing for provision in there if provision.arn == arn]
        if not own:
            return Standing()
        return Standing(
            allocated=sum(each.allocated for each in own),
            available=sum(each.available for each in own),
            status=max((each.status for each in own), key=_WORST.index),
            reason=next((each.reason for each in own if each.reason is not None), None),
        )

    def allotted(self, account: str, region: str, allotments: Allotments) -> None:
        """What is provisioned for an account's functions is this from now on."""
        before = {key for key, wanted in self._wanted.items() if (wanted.account, wanted.region) == (account, region)}
        now = {
            function_key(account, region, name): _Wanted(account, region, name, own)
            for name, own in allotments.provisioned.items()
        }
        for key in before | now.keys():
            old, new = self._wanted.get(key), now.get(key)
            if new == old:
                continue
            if new is None:
                del self._wanted[key]
            else:
                self._wanted[key] = new
            self._compare(key, old)

    def rerouted(self, key: str) -> None:
        """Versions or aliases of a function have changed."""
        if key in self._wanted:
            self._compare(key, self._wanted[key])

    def refresh(self) -> None:
        """Versions and aliases are known now."""
        for key, wanted in tuple(self._wanted.items()):
            self._compare(key, wanted)

    def sweep(self) -> None:
        """See Provision."""
        for provision in self._all():
            provision.sweep()
        self._retiring = {provision for provision in self._retiring if provision.size}

    def close(self) -> None:
        """End them all."""
        self._closed = True
        for provision in self._all():
            provision.retire()

    def _all(self) -> Iterator[Provision]:
        for there in self._there.values():
            yield from there.values()

    def _compare(self, key: str, before: _Wanted | None) -> None:
        """Begin and end what is wanted and not there, or there and not wanted."""
        if self._closed:
            return
        wanted = self._wanted.get(key)
        there = self._there.setdefault(key, {})
        targets = {} if wanted is None else self._targets(wanted)
        for version, provision in tuple(there.items()):
            target = targets.get(version)
            if target is None or not target.is_served_by(provision):
                del there[version]
                self._changed(version, None)
                provision.retire()
                self._retiring.add(provision)
        for version, target in targets.items():
            found = there.get(version)
            if found is None:
                share = self._gate.share(target.version.account, target.version.region, target.version.name)
                found = there[version] = Provision(target.version, target.arn, share, self._parts, self._elsewhere)
                self._changed(version, found)
                found.want(target.number)
            elif found.wanted != target.number or not target.is_asked_as(before):
                found.want(target.number)
        if not there:
            del self._there[key]

    def _targets(self, wanted: _Wanted) -> dict[str, _Target]:
        """By `version_key`. What cannot run yet is not among them; it will be, when that has changed."""
        where = wanted.account, wanted.region, wanted.name
        aliases = self._resolver.aliases(*where)
        targets: dict[str, _Target] = {}
        for qualifier, asked in wanted.by_qualifier.items():
            for number, part in divided(asked.requested, shares(aliases, qualifier)).items():
                version = self._resolver.published(*where, number)
                if version is not None:
                    arn = f"{version.arn}:{qualifier}"
                    targets[version_key(*where, number)] = _Target(version, arn, qualifier, asked, part)
        return targets


_WORST = (Status.READY, Status.IN_PROGRESS, Status.FAILED)


@frozen
class _Wanted:
    """What is asked for a function."""

    account: str
    region: str
    name: str
    by_qualifier: Mapping[str, Provisioned]


@frozen
class _Target:
    """What is to be there of a version."""

    version: Version
    arn: str
    qualifier: str
    asked: Provisioned
    number: int

    def is_served_by(self, provision: Provision) -> bool:
        """Whether that is of the same version, and for the same qualifier."""
        return provision.arn == self.arn and provision.version.function_id == self.version.function_id

    def is_asked_as(self, before: _Wanted | None) -> bool:
        """Whether nobody has asked anew since `before`."""
        return before is not None and before.by_qualifier.get(self.qualifier) == self.asked
