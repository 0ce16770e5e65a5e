"""One sandbox with one runtime in it. Owns its lifecycle; runs one invocation at a time.

Everything happens on the event loop, by callbacks: the Runtime API session tells what the runtime did, the sandbox
tells when the program ended, a timer tells when time is up. The hot path makes no task and no future.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import orjson

from lambent.core import limits
from lambent.core.function import Version
from lambent.core.invocation import (
    Flow,
    Invocation,
    Outcome,
    Result,
    Status,
    exit_cause,
    platform_error,
    response_too_large,
    runtime_exited,
    timed_out,
    truncated,
)
from lambent.core.lifecycle import Event, State, step
from lambent.core.report import Usage
from lambent.invoke.billing import Bill
from lambent.invoke.report import LogStream
from lambent.invoke.stems import Stem
from lambent.invoke.streaming import Answer
from lambent.invoke.transcript import Transcript
from lambent.kit.clock import Clock
from lambent.runtimes.api.session import NextEvent
from lambent.runtimes.api.session import State as Progress
from lambent.sandbox.base import Exit
from lambent.values import frozen

UNTOLD_S = 0.5
"""How long the START of an invocation may wait for company: most are over by then, and their lines leave together."""

TRUNCATED_S = 1.0
"""How long a runtime whose answer broke off may take to be found dead: its end is the better explanation."""

Done = Callable[[Result | None], None]
"""Told how an invocation ended; None when the platform itself failed."""


class Owner(Protocol):
    """Whom an environment belongs to."""

    def idle(self, environment: Environment) -> None:
        """It may be given the next invocation."""

    def initialised(self, environment: Environment) -> None:
        """Its runtime, started for the first time or again, is ready: told before it runs anything."""

    def dead(self, environment: Environment) -> None:
        """It will never run again; its sandbox is to be closed."""

    def reset(self, environment: Environment) -> None:
        """Its runtime is to be started again: restart the sandbox, then call `restarted`. May be asked for once more
        before that; only the last restart is told."""


@frozen
class Label:
    """The runtime as the log names it."""

    version: str
    arn: str
    note: str | None
    """A sentence when another version stands in for the one that was asked for."""
    refusal: tuple[str, str] | None
    """Error type and text when the runtime cannot start at all."""
    kind: str
    """How it is initialised: core/report.py's ON_DEMAND or PROVISIONED."""


class Environment:
    """An execution environment of one version."""

    __slots__ = (
        "_answer",
        "_bill",
        "_clock",
        "_done",
        "_held",
        "_init_ms",
        "_init_outcome",
        "_init_phase",
        "_init_started",
        "_invocation",
        "_is_frozen",
        "_is_resetting",
        "_is_slowed",
        "_label",
        "_loop",
        "_owner",
        "_session",
        "_started",
        "_timer",
        "_transcript",
        "_waiting",
        "begun_at",
        "idle_since",
        "sandbox",
        "state",
        "stem",
        "stream_name",
        "version",
    )

    def __init__(
        self,
        version: Version,
        stem: Stem,
        label: Label,
        stream_name: str,
        log: LogStream,
        bill: Bill,
        owner: Owner,
        clock: Clock,
    ) -> None:
        self.version = version
        self.stem = stem
        self.sandbox = stem.sandbox
        self.stream_name = stream_name
        self._session = stem.door.session
        stem.door.bind(self)
        self.state = State.STARTING
        self.begun_at = self.idle_since = clock.monotonic()
        self._label = label
        self._transcript = Transcript(version, stem.sandbox, log, clock)
        self._bill = bill
        self._owner = owner
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._invocation: Invocation | None = None
        self._waiting: tuple[Invocation, Done] | None = None
        self._done: Done | None = None
        self._answer: Answer | None = None
        self._started = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._init_started = 0.0
        self._init_ms: float | None = None
        self._init_phase = "init"
        self._is_slowed = False
        self._is_resetting = False
        self._is_frozen = False
        self._held: NextEvent | None = None
        self._init_outcome: Outcome | None = None
        """How the first try to initialise ended, if it failed."""

    # -- starting ------------------------------------------------------------------------------------------------

    def begin(self, invocation: Invocation, done: Done) -> None:
        """The sandbox is being assigned: the init phase starts now, and `invocation` will be the first to run."""
        self._waiting = (invocation, done)
        self._begin(limits.INIT_S)

    def begin_ahead(self) -> None:
        """The same ahead of any invocation, with the time that provisioned environments have for it: the owner is told
        `idle` when it has initialised, and `dead` when it cannot."""
        self._begin(max(limits.PROVISIONED_INIT_S, float(self.version.timeout_s)))

    def _begin(self, limit_s: float) -> None:
        self._init_started = self._clock.monotonic()
        self._transcript.open()
        self.sandbox.on_exit = self._exited
        self._timer = self._loop.call_later(limit_s, self._init_timed_out)
        self._transcript.init_start(self._label.kind, self._label.version, self._label.arn, self._label.note)

    def restarted(self) -> None:
        """The runtime has been started again in the same sandbox, as Owner.reset was last asked to."""
        if self.state is State.DEAD:
            return
        self._is_resetting = False
        if self.state is State.RESETTING:
            self.state = step(self.state, Event.RESET)
            self.idle_since = self._clock.monotonic()
        if self._session.state is Progress.READY:  # it was quicker than the news of its start
            self.runtime_ready()
        event, self._held = self._held, None
        if event is not None:
            self._start_the_clock_again()
            self._session.offer(event._replace(deadline_ms=self._now_ms() + self.version.timeout_s * 1000))

    def _start_the_clock_again(self) -> None:
        """The invocation waited for its sandbox. That is our time, not the function's: only initialising again is."""
        self._cancel_timer()
        self._started = self._clock.monotonic()
        self._timer = self._loop.call_later(UNTOLD_S, self._is_taking_long)

    def not_restarted(self) -> tuple[Invocation, Done] | None:
        """The sandbox could not start the runtime again, and is of no use any more. An invocation that waits for it is
        handed back, unless the reason was that it failed to initialise: that is its end, here as anywhere else."""
        if self._waiting is not None and self._init_outcome is not None:
            self._fail_waiting(self._init_outcome)
            return None
        return self.forsake()

    def forsake(self) -> tuple[Invocation, Done] | None:
        """The sandbox died before the runtime took its invocation, which is handed back to run elsewhere."""
        waiting = self._waiting
        if self._invocation is not None and self._done is not None:
            waiting = self._invocation, self._done
        self._waiting = self._invocation = self._done = None
        self._transcript.unsay()
        self._die()
        return waiting

    # -- one invocation -------------------------------------------------------------------------------------------

    def run(self, invocation: Invocation, done: Done) -> None:
        """Run `invocation` in this idle environment; `done` is called once, with its result."""
        self.state = step(self.state, Event.ASSIGNED)
        self._invocation = invocation
        self._done = done
        if self._is_frozen:
            self._is_frozen = False
            self.sandbox.thaw()
        self._started = self._clock.monotonic()
        self._timer = self._loop.call_later(UNTOLD_S, self._is_taking_long)
        self._transcript.start(invocation.id, wants_tail=invocation.want_tail)
        self._offer(invocation, self._now_ms() + self.version.timeout_s * 1000)

    # -- what the runtime does (Session's listener) ---------------------------------------------------------------

    def runtime_ready(self) -> None:
        """The runtime asked for its next event."""
        if self._is_resetting:
            return
        if not self._is_slowed:
            # Start-up has the whole machine; what comes after is paid for by memory size.
            self._is_slowed = True
            self.sandbox.limit_cpu()
            self._owner.initialised(self)
        if self.state is not State.STARTING:
            return
        self._cancel_timer()
        if self._init_phase == "init":
            self._init_ms = (self._clock.monotonic() - self._init_started) * 1000
        self.state = step(self.state, Event.RUNTIME_READY)
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            self._initialised_ahead()
            self._became_idle()
        elif self._init_phase == "init":
            self.run(*waiting)
        else:
            self._continue_suppressed(*waiting)

    def _initialised_ahead(self) -> None:
        """Nobody's report will tell of it."""
        init_ms, self._init_ms = self._init_ms, None
        if init_ms is not None:
            self._transcript.catch_up()
            self._transcript.init_report(self._label.kind, init_ms, "init", "success")
            self._bill.add_provisioned(0, init_ms)

    def answered(self, request_id: str, payload: bytes) -> None:
        """The runtime posted a response, or streamed the last of it."""
        self._finish(Outcome(Status.SUCCESS, payload if self._answer is None else self._answer.whole()))

    def responding(self, request_id: str, content_type: str, flow: Flow) -> None:
        """The runtime begins to stream its response."""
        if self.state is State.BUSY and self._invocation is not None:
            self._answer = Answer(self._invocation.sink, content_type, flow)

    def piece(self, request_id: str, piece: bytes) -> None:
        """A part of the streamed response."""
        if self._answer is not None:
            self._answer.add(piece)

    def failed(self, request_id: str, error_type: str, payload: bytes) -> None:
        """The runtime posted an error for the invocation."""
        self._finish(Outcome(Status.FAILURE, payload, error_type))

    def too_large(self, request_id: str, limit: int) -> None:
        """The runtime posted more bytes than a response may have."""
        self._finish(response_too_large(limit))

    def truncated(self, request_id: str) -> None:
        """The streamed response broke off. If the runtime has died, that is told soon, and is why."""
        if self.state is State.BUSY:
            self._cancel_timer()
            self._timer = self._loop.call_later(TRUNCATED_S, self._broke_off)

    def _broke_off(self) -> None:
        assert self._invocation is not None
        outcome = truncated(self._invocation.id)
        self._broke(outcome, lambda: self._transcript.say(_told(outcome)))

    def init_failed(self, error_type: str, payload: bytes) -> None:
        """The runtime reported that it could not initialise."""
        if self._is_resetting:
            return
        outcome = Outcome(Status.ERROR, payload, error_type)
        if self.state is State.STARTING:
            self._init_broke(outcome, "error")
        elif self.state is State.BUSY:  # it had been started again, and its next invocation waits for it
            took = (self._clock.monotonic() - self._init_started) * 1000
            self._broke(outcome, lambda: self._told_of_init(took, "invoke", "error", error_type))
        elif self.state is State.IDLE:
            self._die()

    def _is_taking_long(self) -> None:
        """The log tells of the invocation while it runs. The same timer then waits for the timeout."""
        self._transcript.tell()
        left = self._started + self.version.timeout_s - self._clock.monotonic()
        self._timer = self._loop.call_later(max(left, 0.0), self._timed_out)

    # -- what goes wrong ------------------------------------------------------------------------------------------

    def _timed_out(self) -> None:
        # A server that was held up meets this timer before the answer that came in time, so it reads first: what a call
        # that is due soon asks for in turn comes after that.
        self._loop.call_soon(self._loop.call_soon, self._timed_out_indeed, self._invocation)

    def _timed_out_indeed(self, invocation: Invocation | None) -> None:
        if invocation is None or invocation is not self._invocation:
            return
        seconds = float(self.version.timeout_s)
        self._broke(timed_out(invocation.id, seconds), lambda: self._transcript.timed_out(invocation.id, seconds))

    def _exited(self, exit: Exit) -> None:
        if self._is_resetting:  # that was the one whose end had been decided already
            return
        if self.state is State.STARTING:
            self._init_broke(self._init_exit_outcome(exit, self._waiting[0].id if self._waiting else ""), "error")
        elif self.state is State.BUSY:
            invocation = self._invocation
            assert invocation is not None
            outcome = self._exit_outcome(exit, invocation.id)
            self._broke(outcome, lambda: self._transcript.say(_told(outcome)))
        elif self.state is State.IDLE:
            self._die()

    def _init_exit_outcome(self, exit: Exit, request_id: str) -> Outcome:
        if self._label.refusal is not None:
            return platform_error(self._label.refusal[0], f"RequestId: {request_id} Error: {self._label.refusal[1]}")
        if exit.unstarted is not None:
            text = f"RequestId: {request_id} Error: fork/exec {exit.unstarted.lower()}"
            return platform_error("Runtime.InvalidEntrypoint", text)
        return self._exit_outcome(exit, request_id)

    def _exit_outcome(self, exit: Exit, request_id: str) -> Outcome:
        outcome = runtime_exited(request_id, exit_cause(exit.status, exit.signal))
        if exit.out_of_memory:
            # The caller still reads Runtime.ExitError; the report names the cause.
            return Outcome(outcome.status, outcome.payload, "Runtime.OutOfMemory")
        return outcome

    def _broke(self, outcome: Outcome, say_why: Callable[[], None]) -> None:
        """The invocation ended in a way that costs the runtime its life: a reset follows."""
        self._cancel_timer()
        self._transcript.catch_up()
        say_why()
        self.state = step(self.state, Event.BROKEN)
        done, result = self._concluded(outcome)
        self._reset()
        self._became_idle()
        done(result)

    # -- initialisation that fails --------------------------------------------------------------------------------

    def _told_of_init(self, took_ms: float, phase: str, status: str, error_type: str | None) -> None:
        self._transcript.init_report(self._label.kind, took_ms, phase, status, error_type)

    def _init_timed_out(self) -> None:
        outcome = platform_error("Sandbox.Timedout", "Init timed out", status=Status.TIMEOUT)
        self._init_broke(outcome, "timeout")

    def _init_broke(self, outcome: Outcome, status: str) -> None:
        """A failed init is tried once more as part of the invocation ("suppressed init"); then its caller hears."""
        self._cancel_timer()
        self._transcript.catch_up()
        took = (self._clock.monotonic() - self._init_started) * 1000
        error_type = outcome.error_type if status == "error" else None
        self._told_of_init(took, self._init_phase, status, error_type)
        if self._waiting is None:
            self._init_outcome = outcome
            self._die()
            return
        if self._init_outcome is not None:
            self._fail_waiting(outcome)
            return
        self._init_outcome = outcome
        self._init_phase = "invoke"
        invocation, _ = self._waiting
        self._started = self._clock.monotonic()
        self._transcript.start(invocation.id, wants_tail=invocation.want_tail)
        self._transcript.tell()
        self._timer = self._loop.call_later(self.version.timeout_s, self._suppressed_timed_out)
        self._reset()

    def _continue_suppressed(self, invocation: Invocation, done: Done) -> None:
        """The second init succeeded: the invocation goes on, its time counted from the init's start."""
        self.state = step(self.state, Event.ASSIGNED)
        self._invocation, self._done = invocation, done
        spent = self._clock.monotonic() - self._started
        left = self.version.timeout_s - spent
        self._timer = self._loop.call_later(max(left, 0.0), self._timed_out)
        self._offer(invocation, self._now_ms() + int(left * 1000))

    def _offer(self, invocation: Invocation, deadline_ms: int) -> None:
        event = NextEvent(
            invocation.id,
            deadline_ms,
            invocation.arn,
            invocation.trace,
            invocation.client_context,
            invocation.payload,
            response_limit=limits.SYNC_RESPONSE if invocation.sink is None else limits.STREAMED_RESPONSE,
        )
        if self._is_resetting:
            self._held = event  # the old runtime may still ask
        else:
            self._session.offer(event)

    def _suppressed_timed_out(self) -> None:
        assert self._waiting is not None
        invocation = self._waiting[0]
        seconds = float(self.version.timeout_s)
        self._transcript.catch_up()
        self._transcript.timed_out(invocation.id, seconds)
        self._fail_waiting(timed_out(invocation.id, seconds))

    def _fail_waiting(self, outcome: Outcome) -> None:
        assert self._waiting is not None
        self._invocation, self._done = self._waiting
        self._waiting = None
        done, result = self._concluded(outcome)
        self._die()
        done(result)

    # -- ends -----------------------------------------------------------------------------------------------------

    def _finish(self, outcome: Outcome) -> None:
        if self.state is not State.BUSY:
            return
        self._cancel_timer()
        self._transcript.catch_up()
        self.state = step(self.state, Event.FINISHED)
        done, result = self._concluded(outcome)
        # Idle first: the caller may have its next request ready, which is handled before `done` returns.
        self._became_idle()
        done(result)

    def _concluded(self, outcome: Outcome) -> tuple[Done, Result]:
        """Write END and REPORT; whom to tell, and what."""
        invocation, done = self._invocation, self._done
        assert invocation is not None
        assert done is not None
        self._invocation = self._done = self._answer = None
        duration_ms = (self._clock.monotonic() - self._started) * 1000
        if outcome.status is Status.TIMEOUT:
            duration_ms = float(self.version.timeout_s * 1000)
        init_ms, self._init_ms = self._init_ms, None
        # Pages of files that sandboxes share are resident in each of them and count against no limit.
        memory = min(self.sandbox.max_memory_bytes(), self.version.memory_mb * limits.MIB)
        usage = Usage(duration_ms, memory, init_ms)
        self._bill.add(usage.billed_ms, init_ms, failed=outcome.is_error)
        tail = self._transcript.end(invocation.id, usage, outcome)
        return done, Result(outcome, self.version.version, tail, duration_ms / 1000)

    def _became_idle(self) -> None:
        self.idle_since = self._clock.monotonic()
        self._owner.idle(self)

    @property
    def is_dead(self) -> bool:
        """It has ended for good."""
        return self.state is State.DEAD

    @property
    def is_initialised(self) -> bool:
        """Whether its runtime has initialised since it was last started."""
        return self._is_slowed

    @property
    def failed_to_initialise(self) -> bool:
        """Whether its function's code is why it has ended without ever having been idle."""
        return self._init_outcome is not None

    @property
    def is_restless(self) -> bool:
        """Whether it is idle and not frozen."""
        return self.state is State.IDLE and not self._is_frozen

    def may_freeze(self, before: float, now: float) -> bool:
        """Whether it has been idle since before `before` (monotonic seconds, as `now`), and its runtime waits for an
        event. One that initialises again may take its time for that; one that answered and does not ask for the next
        event may go on for as long as an invocation may take."""
        if not self.is_restless or self.idle_since > before:
            return False
        patience_s = limits.INIT_S if self._session.state is Progress.STARTED else self.version.timeout_s
        return self._session.state is Progress.READY or now - self.idle_since > patience_s

    async def freeze(self) -> None:
        """Stop every process in it, if it is still idle, until its next invocation."""
        if self.is_restless:
            self._is_frozen = True
            await self.sandbox.freeze()

    def retire(self) -> None:
        """End an idle environment."""
        self._die()

    def _die(self) -> None:
        if self.state is State.DEAD:
            return
        self._cancel_timer()
        self.state = step(self.state, Event.DIED)
        self.sandbox.on_exit = None
        self._transcript.close()
        self._owner.dead(self)

    def _reset(self) -> None:
        """Have the runtime started again. Until it is, what the old one does, and how it ends, counts for nothing."""
        self._is_resetting = True
        self._held = None
        self._is_slowed = False
        self._init_started = self._clock.monotonic()
        self._session = self.stem.door.renew()
        self._owner.reset(self)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)


def _told(outcome: Outcome) -> str:
    """What the log says of a platform error: its message, then its type."""
    document = orjson.loads(outcome.payload)
    return f"{document['errorMessage']}\n{document['errorType']}\n"
