"""The events of one function: leased when they may run, run, and handed to the settler.

A lane exists while its queue has something to do. It holds what it runs and, of a function whose runs are short, a few
events ahead.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

from lambent.core import limits
from lambent.core.arn import FunctionRef
from lambent.core.function import Version
from lambent.core.invocation import Invocation, Result, Throttled
from lambent.core.invocationrecord import Answer
from lambent.core.lineage import is_loop
from lambent.core.pace import MOST_AHEAD, PERIOD_S, Pacer, spare
from lambent.core.retry import Again, Condition, Policy, after_refusal, after_run, before_run
from lambent.delivery.event import decode, function_of
from lambent.delivery.settle import Held, Settler
from lambent.invoke.invoker import Invoker
from lambent.invoke.resolve import FunctionMissing, NotActive
from lambent.invoke.settings import FunctionSettings
from lambent.kit.clock import Clock
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.kit.waiting import comes
from lambent.store.base import Lease, Queues, StoreUnavailable
from lambent.values import frozen

LEASE_S = 60.0
"""For how long events are leased; the worker extends what is still held."""
_BATCH = 100
"""Events that are leased at once, at most."""
_WOKEN = 4
"""Lanes that are told of a free place."""
_LOOK_S = 1.0
"""How often a lane without room looks whether there is some: others do not say when they leave a place."""
_WEED_S = 10.0
"""How often it looks for events that have become too old meanwhile."""
_STORE_RETRY_S = 1.0
_THROTTLED = Answer(429, b'{"errorMessage":"Rate Exceeded."}')
_BROKEN = Answer(500, b'{"errorMessage":"The function could not be run."}')


@frozen
class Parts:
    """What every lane uses."""

    queues: Queues
    invoker: Invoker
    settings: FunctionSettings
    settler: Settler
    clock: Clock
    tasks: Tasks
    log: Log
    delays_s: tuple[float, ...]
    """Before each retry."""
    is_crowded: Callable[[], bool]
    """Whether the machine has more to do than it can."""


class Line:
    """The lanes of an account and region that wait for a place among its concurrent executions, in the order in which
    they came: a free place is for the first."""

    def __init__(self) -> None:
        self._waiting: dict[Lane, None] = {}

    def join(self, lane: Lane) -> None:
        """At the end, if it is not there."""
        self._waiting.setdefault(lane)

    def leave(self, lane: Lane) -> None:
        """It has a place, or waits no more."""
        self._waiting.pop(lane, None)

    def before(self, lane: Lane) -> int:
        """How many come first."""
        if lane not in self._waiting:
            return len(self._waiting)
        for place, other in enumerate(self._waiting):
            if other is lane:
                return place
        raise AssertionError("it is among them")

    def wake(self) -> None:
        """A place is free: for the first, or if it has no use for it any more, for one of those behind it."""
        for lane in islice(self._waiting, _WOKEN):
            lane.wake()


class Lane:
    """Runs the events of one queue, until it is empty or `stop` is called."""

    def __init__(self, queue: str, line: Line, parts: Parts) -> None:
        self.queue = queue
        self._function = function_of(queue)
        self._line = line
        self._parts = parts
        self._held: dict[tuple[int, str], Held] = {}
        """By message and event."""
        self._ready: deque[Held] = deque()
        self._running = 0
        self._pacer = Pacer(parts.clock.monotonic())
        self._lacks_core = False
        """What is ready waits for a core that its environment may start on."""
        self._weeded_at = parts.clock.monotonic()
        self._woken = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Look again: something has come, or there may be room."""
        self._woken.set()

    def stop(self) -> None:
        """Lease no more; give back what has not begun."""
        self._stopping = True
        self.wake()

    async def extend(self, *, before: float) -> None:
        """Extend the leases that end before a monotonic time. Raises StoreUnavailable."""
        until = self._parts.clock.monotonic() + LEASE_S
        ending = [held for held in self._held.values() if held.until < before]
        await asyncio.gather(*(self._parts.queues.extend(held.receipt, for_s=LEASE_S) for held in ending))
        for held in ending:
            held.until = until

    async def run(self) -> None:
        """Return when the queue is empty and nothing is held; or, once stopped, when nothing is held. After a fault it
        may be run again, and goes on with what it holds."""
        try:
            while await self._step():
                pass
        finally:
            self._line.leave(self)
            self._parts.invoker.starts.forget(self.wake)

    async def _step(self) -> bool:
        """One look at the queue; False: there is nothing more to do."""
        self._woken.clear()
        if self._stopping:
            while self._ready:  # of a lease, too, that was under way when the stop came
                held = self._ready.popleft()
                self._parts.settler.unused(held, age_s=self._age(held))
            return bool(self._held) and await self._wait(None)
        self._keep_pace()
        self._start_ready()
        wanted = self._wanted()
        if wanted < 1:
            await self._wait_for_room()
            return True
        try:
            leases = await self._parts.queues.lease(self.queue, limit=min(wanted, _BATCH), for_s=LEASE_S)
            for lease in leases:
                self._take(lease)
            self._start_ready()
            self._line.leave(self)  # it has had its turn
            if leases:
                return True
            due = await self._parts.queues.next_due(self.queue)
        except StoreUnavailable as error:
            self._parts.log.warning("events_not_read", queue=self.queue, reason=error, retry_s=_STORE_RETRY_S)
            await self._wait(_STORE_RETRY_S)
            return True
        if due is None and not self._held:
            return self._woken.is_set()
        left_s = None if due is None else max(0.0, due - self._parts.clock.now())
        await self._wait(min(PERIOD_S, left_s or PERIOD_S) if self._ready else left_s)
        return True

    # -- how many

    def _wanted(self) -> int:
        """How many events to lease now."""
        room = 2 * self._pacer.cap + MOST_AHEAD - len(self._held)
        if self._is_void():
            return room
        free = self._free()
        startable = min(self._pacer.cap - self._running, free)
        ahead = self._pacer.ahead if free > self._pacer.cap else 0
        wanted = min(startable + ahead - len(self._ready), room)
        return 0 if self._ready and wanted < ahead // 2 else wanted  # a lease is a write: not for every one alone

    def _free(self) -> int:
        """How many may start now."""
        invoker = self._parts.invoker
        free = invoker.room(self._function)
        if invoker.reserved(self._function) is None:
            free -= self._line.before(self)
            if self._running:
                free -= spare(invoker.limit)
        return free

    def _is_void(self) -> bool:
        """Nothing of this function runs: events need no place."""
        return self._parts.invoker.reserved(self._function) == 0

    async def _wait_for_room(self) -> None:
        if self._ready or (self._running and self._running >= self._pacer.cap):
            await self._wait(PERIOD_S)
        else:
            if not self._held and self._parts.invoker.reserved(self._function) is None:
                self._line.join(self)
            await self._wait(_LOOK_S)
        now = self._parts.clock.monotonic()
        if now - self._weeded_at >= _WEED_S and self._wanted() < 1 and not self._stopping:
            self._weeded_at = now
            await self._weed()

    async def _weed(self) -> None:
        """Take some events though there is no room for them: what is too old is given up."""
        try:
            leases = await self._parts.queues.lease(self.queue, limit=_BATCH, for_s=LEASE_S)
        except StoreUnavailable:
            return
        for lease in leases:
            self._take(lease)
        while self._ready:
            held = self._ready.popleft()
            if self._is_over(held):
                self._begin(held)
            else:
                self._parts.settler.unused(held, age_s=self._age(held))

    def _keep_pace(self) -> None:
        now = self._parts.clock.monotonic()
        if self._pacer.is_due(now):
            self._pacer.look(now, is_crowded=self._parts.is_crowded(), is_full=self._is_full)

    @property
    def _is_full(self) -> bool:
        """As many run as may, and more would if they might."""
        return not self._lacks_core and self._running + len(self._ready) >= self._pacer.cap

    async def _wait(self, seconds: float | None) -> bool:
        """Until something happens, or for so long; whether it has happened."""
        return await comes(self._woken, within_s=seconds)

    # -- one event

    def _take(self, lease: Lease) -> None:
        try:
            event = decode(lease.body)
        except ValueError as error:
            # It is of a later version of Lambent, or damaged: kept for whoever can read it.
            self._parts.log.error("event_not_readable", queue=self.queue, reason=error)
            return
        # The clock that can be set is looked at once, now: what waits in the store goes along with it, but not this.
        clock = self._parts.clock
        ahead = clock.monotonic() - clock.now()
        key = lease.message, event.id
        if (held := self._held.get(key)) is not None:
            held.receipt, held.until = lease.receipt, lease.until + ahead  # it could not be extended, and ran out
            return
        ref = FunctionRef(self._function.account, self._function.region, self._function.name, event.qualifier)
        held = Held(
            ref, event, lease.receipt, lease.message, lease.enqueued_at + ahead, lease.until + ahead, self._left
        )
        self._held[key] = held
        self._ready.append(held)

    def _left(self, held: Held) -> None:
        self._held.pop((held.message, held.event.id), None)
        self.wake()

    def _let_go(self, held: Held, fault: Exception) -> None:
        """After a fault of ours: its lease is extended no more, and when that has ended, the event comes again."""
        self._parts.log.error("event_not_handled", error=fault, queue=self.queue, request_id=held.event.id)
        self._left(held)

    def _start_ready(self) -> None:
        while self._ready and not self._stopping:
            if self._running and min(self._pacer.cap - self._running, self._free()) < 1:
                return
            self._lacks_core = bool(self._running) and not self._has_environment(self._ready[0])
            if self._lacks_core:
                self._parts.invoker.starts.call_when_room(self.wake)
                return
            self._begin(self._ready.popleft())

    def _has_environment(self, held: Held) -> bool:
        """Whether an environment waits for it, or another one would find a core to start on: more starts than cores
        take the time of those that run."""
        invoker = self._parts.invoker
        if invoker.starts.has_room or self._is_over(held):
            return True
        try:
            return invoker.is_ready(invoker.resolve(held.ref), held.ref.arn)
        except (FunctionMissing, NotActive):
            return True

    def _begin(self, held: Held) -> None:
        try:
            self._decide(held)
        except Exception as fault:  # the boundary of delivery: of one event, so that the others go on
            self._let_go(held, fault)

    def _decide(self, held: Held) -> None:
        event, ref, parts = held.event, held.ref, self._parts
        if event.ended is not None:
            parts.settler.tell(held, event)
            return
        if (condition := self._condition(held)) is not None:
            last = event.last or (_THROTTLED if condition is Condition.ZERO_RESERVED_CONCURRENCY else None)
            parts.settler.conclude(held, replace(event, last=last), condition, self._dead_letters(ref))
            return
        try:
            self._run(held, parts.invoker.resolve(ref))
        except FunctionMissing:
            parts.tasks.start("async:missing", self._look_again(held))
        except NotActive as inactive:
            parts.log.debug("event_waits", function=ref.arn, state=inactive.state)
            self._refused(held, _BROKEN)
        except Throttled:
            self._refused(held, _THROTTLED)

    def _condition(self, held: Held) -> Condition | None:
        """Why it runs no more."""
        ref, parts = held.ref, self._parts
        loops = is_loop(held.event.trace, ref) and not parts.settings.allows_loops(ref)
        reserved = parts.invoker.reserved(ref)
        return before_run(self._policy(ref), age_s=self._age(held), reserved=reserved, is_loop=loops)

    def _is_over(self, held: Held) -> bool:
        """Whether it needs no place, as it does not run any more."""
        try:
            return held.event.ended is not None or self._condition(held) is not None
        except Exception:  # said by _begin, which meets it again
            return True

    def _dead_letters(self, ref: FunctionRef) -> str | None:
        try:
            return self._parts.invoker.resolve(ref).dead_letter_target
        except NotActive as inactive:
            return inactive.version.dead_letter_target
        except FunctionMissing:
            return None

    def _run(self, held: Held, version: Version) -> None:
        event = held.event
        invocation = Invocation(event.id, held.ref.arn, event.payload, event.trace)
        self._running += 1
        is_over = False

        def over() -> None:
            nonlocal is_over
            if not is_over:
                is_over = True
                self._over()

        def done(result: Result | None) -> None:
            over()
            if result is not None:
                self._pacer.took(result.took_s, timeout_s=version.timeout_s)
            try:
                self._ended(held, version, result)
            except Exception as fault:  # the boundary of delivery: who called must not suffer
                self._let_go(held, fault)

        try:
            self._parts.invoker.run(version, invocation, done, is_event=True)
        except BaseException:
            over()
            raise

    def _over(self) -> None:
        self._running -= 1
        self._pacer.ended()
        self._line.wake()
        self.wake()

    def _ended(self, held: Held, version: Version, result: Result | None) -> None:
        if result is None:
            self._refused(held, _BROKEN)
            return
        outcome, settler = result.outcome, self._parts.settler
        answer = Answer(200, outcome.payload, version=result.version, has_failed=outcome.is_error)
        event = replace(held.event, runs=held.event.runs + 1, refusals=0, last=answer)
        policy = self._policy(held.ref)
        verdict = after_run(policy, runs=event.runs, has_failed=outcome.is_error, age_s=self._age(held))
        if isinstance(verdict, Again):
            settler.again(held, event, verdict.delay_s)
        else:
            settler.conclude(held, event, verdict, version.dead_letter_target)

    def _refused(self, held: Held, answer: Answer) -> None:
        """It could not run, through no fault of the function's."""
        event = held.event
        event = replace(event, refusals=event.refusals + 1, last=event.last if event.runs else answer)
        verdict = after_refusal(self._policy(held.ref), refusals=event.refusals, age_s=self._age(held))
        self._parts.settler.again(held, event, verdict.delay_s)

    async def _look_again(self, held: Held) -> None:
        """The function is not there: perhaps only not yet known to be."""
        parts = self._parts
        try:
            await parts.invoker.look_again(held.ref)
            parts.invoker.resolve(held.ref)
        except FunctionMissing:
            parts.settler.drop(held, "the function does not exist any more")
            parts.settler.finish(held)
        except (NotActive, StoreUnavailable):
            self._refused(held, _BROKEN)
        except Exception as fault:  # as in _begin
            self._let_go(held, fault)
        else:
            parts.settler.unused(held, age_s=self._age(held))

    def _age(self, held: Held) -> float:
        return self._parts.clock.monotonic() - held.born_at

    def _policy(self, ref: FunctionRef) -> Policy:
        config = self._parts.settings.event_invoke(ref, ref.qualifier)
        return Policy(
            retries=config.get("MaximumRetryAttempts", limits.ASYNC_RETRIES),
            max_age_s=config.get("MaximumEventAgeInSeconds", limits.ASYNC_AGE_S[1]),
            delays_s=self._parts.delays_s,
        )
