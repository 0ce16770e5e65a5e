"""What is done with an event that has run or will not run: removed, given back to its queue, or told to others first.

An event leaves the disk only after that has come to pass. While the store or a target cannot be reached, it stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from lambent.core.arn import LATEST, FunctionRef
from lambent.core.invocationrecord import Ended
from lambent.core.retry import Condition, after_no_delivery
from lambent.delivery.counters import DEAD_LETTER_ERRORS, DESTINATION_FAILURES, DROPPED, LOOPS, Counters
from lambent.delivery.event import DEAD_LETTER, RECORD, Event, Target, encode
from lambent.delivery.targets import Post, Told, Undelivered, send_dead_letter, send_record
from lambent.invoke.settings import FunctionSettings
from lambent.kit.clock import Clock
from lambent.kit.ids import uuid4
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.store.base import Queues, StoreUnavailable

STORE_RETRY_S = 1.0
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Held:
    """An event that is leased. `receipt` may be renewed."""

    ref: FunctionRef
    """The function, as the event's sender named it."""
    event: Event
    receipt: str
    message: int
    """As the store numbers it."""
    born_at: float
    """When it was accepted, in monotonic seconds."""
    until: float
    """When the lease ends, unless it is extended; in monotonic seconds."""
    leave: Callable[[Held], None]
    """Called when it is no longer to be kept leased."""


class Settler:
    """Settles events. Whatever fails on the way is tried again, counted and logged; nothing is raised."""

    def __init__(
        self,
        queues: Queues,
        settings: FunctionSettings,
        post: Post,
        counters: Counters,
        clock: Clock,
        tasks: Tasks,
        log: Log,
    ) -> None:
        self._queues = queues
        self._settings = settings
        self._post = post
        self._counters = counters
        self._clock = clock
        self._tasks = tasks
        self._log = log
        self._finished: list[Held] = []
        self._is_removing = False

    def finish(self, held: Held) -> None:
        """Remove the event: nobody is to be told. Those that finish while others are removed go together."""
        self._finished.append(held)
        if not self._is_removing:
            self._is_removing = True
            self._tasks.start("async:remove", self._remove())

    def again(self, held: Held, event: Event, delay_s: float) -> None:
        """Give the event back as it is now; it is due after `delay_s`."""
        self._start("async:again", held, partial(self._give_back, held, event, delay_s))

    def unused(self, held: Held, *, age_s: float) -> None:
        """Give the event, which is so old, back as it was: before those that came later."""
        self._start("async:unused", held, partial(self._give_back, held, None, -age_s))

    def conclude(self, held: Held, event: Event, condition: Condition, dead_letters: str | None) -> None:
        """The event runs no more: tell its destination, and after a failure the dead-letter queue `dead_letters`; then
        remove it."""
        ref = held.ref
        if condition is Condition.RECURSIVE_LOOP:
            self._counters.add(ref.account, ref.region, ref.name, LOOPS)
        targets = self._targets(ref, condition, dead_letters)
        if targets:
            ended = replace(event, ended=condition, targets=targets, attempts=0, is_told=False)
            self.tell(held, ended)
            return
        if condition is not Condition.SUCCESS:
            self.drop(held, condition)
        self.finish(held)

    def drop(self, held: Held, reason: str) -> None:
        """Count and log an event that is lost to its sender; whoever calls this removes it."""
        ref = held.ref
        self._counters.add(ref.account, ref.region, ref.name, DROPPED)
        self._log.warning("event_dropped", function=ref.arn, request_id=held.event.id, reason=reason)

    def tell(self, held: Held, event: Event) -> None:
        """Tell those who are still to be told of an event that has ended."""
        self._start("async:tell", held, partial(self._tell, held, event))

    # -- how

    def _start(self, name: str, held: Held, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._tasks.start(name, self._guarded(held, work))

    async def _guarded(self, held: Held, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await work()
        except Exception as fault:  # the boundary of delivery: the event comes again when its lease has ended
            self._log.error("event_not_handled", error=fault, function=held.ref.arn, request_id=held.event.id)
            held.leave(held)

    def _targets(self, ref: FunctionRef, condition: Condition, dead_letters: str | None) -> tuple[Target, ...]:
        kind = "OnSuccess" if condition is Condition.SUCCESS else "OnFailure"
        config = self._settings.event_invoke(ref, ref.qualifier).get("DestinationConfig") or {}
        destination = (config.get(kind) or {}).get("Destination")
        targets = [Target(RECORD, destination)] if destination else []
        if dead_letters is not None and condition is not Condition.SUCCESS:
            targets.append(Target(DEAD_LETTER, dead_letters))
        return tuple(targets)

    async def _tell(self, held: Held, event: Event) -> None:
        ref = held.ref
        assert event.ended is not None
        qualified = FunctionRef(ref.account, ref.region, ref.name, ref.qualifier or LATEST)
        ended = Ended(event.id, qualified.arn, event.ended, event.runs, event.payload, event.last)
        told = Told(ref.account, ref.region, ref.name, ended, event.trace)
        pause = after_no_delivery(event.attempts + 1)
        left: list[Target] = []
        is_told = event.is_told
        for target in event.targets:
            try:
                await self._send(told, target)
                is_told = True
            except Undelivered as failure:
                if failure.may_pass and pause is not None:
                    left.append(target)
                else:
                    self._undeliverable(ref, event, target, failure)
        if left and pause is not None:
            kept = replace(event, attempts=event.attempts + 1, targets=tuple(left), is_told=is_told)
            await self._give_back(held, kept, pause.delay_s)
            return
        if not is_told and event.ended is not Condition.SUCCESS:
            self.drop(held, event.ended)
        self.finish(held)

    async def _send(self, told: Told, target: Target) -> None:
        try:
            if target.kind == DEAD_LETTER:
                await send_dead_letter(self._post, told, target.arn)
            else:
                await send_record(self._post, told, target.arn, now=self._clock.now(), unique=uuid4())
        except Undelivered:
            raise
        except Exception as error:  # the boundary of delivery: the event is kept whatever is wrong
            self._log.error("delivery_failed", error=error, target=target.arn, request_id=told.ended.id)
            raise Undelivered(repr(error), may_pass=True) from error

    def _undeliverable(self, ref: FunctionRef, event: Event, target: Target, failure: Undelivered) -> None:
        is_letter = target.kind == DEAD_LETTER
        metric = DEAD_LETTER_ERRORS if is_letter else DESTINATION_FAILURES
        self._counters.add(ref.account, ref.region, ref.name, metric)
        name = "dead_letter_undeliverable" if is_letter else "destination_undeliverable"
        self._log.warning(name, function=ref.arn, request_id=event.id, target=target.arn, reason=failure)

    async def _give_back(self, held: Held, event: Event | None, delay_s: float) -> None:
        body = None if event is None else encode(event)
        while True:
            tried = held.receipt
            is_ours = await self._attempt(self._queues.give_back(tried, delay_s=delay_s, body=body))
            if is_ours or (is_ours is not None and held.receipt == tried):
                break
        held.leave(held)

    async def _remove(self) -> None:
        try:
            while self._finished:
                finished, self._finished = self._finished, []
                tried = [held.receipt for held in finished]
                removed = await self._attempt(self._queues.ack(*tried))
                for held, receipt in zip(finished, tried, strict=True):
                    if removed is None or (removed < len(tried) and held.receipt != receipt):
                        self._finished.append(held)
                    else:
                        held.leave(held)
        finally:
            self._is_removing = False

    async def _attempt(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The result; None, a moment later, when the store could not do it. Its receipts may be others by then: a lease
        that could not be extended has run out, and been renewed."""
        try:
            return await work
        except StoreUnavailable as error:
            self._log.warning("event_not_settled", reason=error, retry_s=STORE_RETRY_S)
        except Exception as fault:  # the boundary of delivery: what has run must not run again for a fault of ours
            self._log.error("event_not_settled", error=fault, retry_s=STORE_RETRY_S)
        await asyncio.sleep(STORE_RETRY_S)
        return None
