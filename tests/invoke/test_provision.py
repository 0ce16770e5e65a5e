"""Provisioned concurrency on fakes: made ahead, used first, replaced, moved with its alias, and tried again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.core.arn import FunctionRef
from lambent.core.function import Alias
from lambent.core.invocation import Status, Throttled
from lambent.core.provisioning import Standing
from lambent.core.provisioning import Status as Progress
from lambent.core.scaling import Allotments, Provisioned
from lambent.invoke.allotments import AllotmentRecords
from lambent.invoke.provision import AT_ONCE, FIRST_RETRY_S, LIFETIME_S
from lambent.invoke.records import FunctionRecords

ACCOUNT, REGION = "000000000000", "us-east-1"
THUMBS = FunctionRef(ACCOUNT, REGION, "thumbs")
LIVE = replace(THUMBS, qualifier="live")


class Stage:
    """A function with two versions and the alias `live`, which points to the first."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.allotments = AllotmentRecords(world.records)
        self.functions: FunctionRecords = world.functions
        self.invoker: Any = None
        self.asked = 0

    async def set(self, **members: Any) -> Stage:
        versions = [self.world.version(version=number, **members) for number in ("1", "2")]
        changes = [self.functions.put_version(version) for version in versions]
        await self.functions.add(self.world.function(), *changes, self.functions.put_alias(alias("1")))
        self.invoker = self.world.invoker()
        await self.invoker.start()
        return self

    async def wants(self, number: int | None, qualifier: str = "live", reserved: int | None = None) -> None:
        self.asked += 1
        before, revision = await self.allotments.get(ACCOUNT, REGION)
        wanted = None if number is None else Provisioned(number, f"request {self.asked}")
        after = before.with_provisioned("thumbs", qualifier, wanted).with_reserved("thumbs", reserved)
        await self.allotments.replace(ACCOUNT, REGION, after, revision)
        await self.world.quiet()

    async def points(self, target: str, **weights: float) -> None:
        """The alias moves."""
        function, revision = await self.functions.get(ACCOUNT, REGION, "thumbs") or (None, 0)
        assert function is not None
        await self.functions.replace(function, revision, self.functions.put_alias(alias(target, **weights)))
        await self.world.quiet()

    async def ready(self) -> list[Any]:
        """Every runtime that has been started initialises; those that there are."""
        for _ in range(20):
            for runtime in self.world.assigned():
                runtime.next()
            await self.world.quiet()
        return list(self.world.assigned())

    async def run(self, ref: FunctionRef = LIVE) -> Any:
        told = self.world.told()
        invocation = replace(self.world.invocation(), arn=ref.arn)
        self.invoker.run(self.invoker.resolve(ref), invocation, told.heard)
        await self.world.quiet()
        return told

    @property
    def standing(self) -> Standing:
        standing: Standing = self.invoker.standing(ACCOUNT, REGION, "thumbs", "live")
        return standing


def alias(target: str, **weights: float) -> Alias:
    parts = {number.removeprefix("v"): part for number, part in weights.items()}
    return Alias(ACCOUNT, REGION, "thumbs", "live", target, "r", weights=parts)


def busy(runtimes: list[Any]) -> list[Any]:
    """Those that have been given an event which they have not answered."""
    return [runtime for runtime in runtimes if runtime.events]


@pytest.fixture
async def stage(world: Any) -> Any:
    made: list[Stage] = []

    async def make(**members: Any) -> Stage:
        made.append(await Stage(world).set(**members))
        return made[-1]

    yield make
    for each in made:
        await each.invoker.close()


async def test_environments_are_initialised_ahead_of_any_invocation(world: Any, stage: Any) -> None:
    here = await stage()
    await here.wants(2)
    assert here.standing == Standing(2, 0, Progress.IN_PROGRESS)
    assert len(await here.ready()) == 2
    assert here.standing == Standing(2, 2, Progress.READY)
    variables = world.assigned()[0].sandbox.assignment.message["env"]
    assert variables["AWS_LAMBDA_INITIALIZATION_TYPE"] == "provisioned-concurrency"
    assert [text.split("\t")[1:] for text in world.sink.texts if "INIT_REPORT" in text] == [["Phase: init\n"]] * 2

    told = await here.run()
    (runtime,) = busy(world.assigned())
    runtime.responds()
    assert told.only.outcome.status is Status.SUCCESS
    assert told.only.version == "1"
    (report,) = [text for text in world.sink.texts if text.startswith("REPORT")]
    assert "Init Duration" not in report


async def test_the_alias_s_invocations_use_them_first_and_then_spill_over(world: Any, stage: Any) -> None:
    here = await stage()
    await here.wants(2)
    provisioned = await here.ready()
    await here.run()
    await here.run()
    assert busy(provisioned) == provisioned
    assert len(world.assigned()) == 2
    await here.run()
    assert len(world.assigned()) == 3
    assert here.invoker.running == 3
    await here.ready()
    for runtime in world.assigned():
        runtime.responds()
    assert here.invoker.running == 0


@pytest.mark.parametrize("qualifier", [None, "$LATEST", "1", "2"])
async def test_other_qualifiers_have_no_part_in_them(world: Any, stage: Any, qualifier: str | None) -> None:
    here = await stage()
    await here.wants(1)
    provisioned = await here.ready()
    await here.run(replace(THUMBS, qualifier=qualifier))
    assert busy(provisioned) == []
    assert len(world.assigned()) == 2


async def test_a_version_s_own_are_used_by_its_number(world: Any, stage: Any) -> None:
    here = await stage()
    await here.wants(1, qualifier="2")
    provisioned = await here.ready()
    await here.run(replace(THUMBS, qualifier="2"))
    assert busy(provisioned) == provisioned


async def test_one_that_dies_is_replaced_and_the_rest_stays_ready(world: Any, stage: Any) -> None:
    here = await stage()
    await here.wants(2)
    first, second = await here.ready()
    first.sandbox.exits(1)
    await world.quiet()
    assert here.standing == Standing(2, 1, Progress.READY)
    runtimes = await here.ready()
    assert len(runtimes) == 2
    assert second in runtimes
    assert first not in runtimes
    assert here.standing == Standing(2, 2, Progress.READY)


async def test_they_are_kept_while_nobody_calls_and_renewed_one_by_one_when_they_are_old(
    world: Any, stage: Any
) -> None:
    here = await stage()
    await here.wants(2)
    kept = await here.ready()
    await world.passes(3600)
    assert world.assigned() == kept
    world.clock.ahead_s = LIFETIME_S
    await world.passes(6)
    assert [runtime in kept for runtime in world.assigned()] == [True, False]
    await here.ready()
    await world.passes(6)
    assert not any(runtime in kept for runtime in await here.ready())
    assert here.standing == Standing(2, 2, Progress.READY)


async def test_they_follow_their_alias_and_finish_what_they_run(world: Any, stage: Any) -> None:
    here = await stage()
    await here.wants(2)
    before = await here.ready()
    told = await here.run()
    await here.points("2")
    assert here.standing.status is Progress.IN_PROGRESS
    (running,) = busy(before)
    assert [runtime for runtime in world.assigned() if runtime in before] == [running]
    running.responds()
    assert told.only.version == "1"
    after = await here.ready()
    assert len(after) == 2
    assert not set(after) & set(before)
    assert here.standing == Standing(2, 2, Progress.READY)
    told = await here.run()
    (running,) = busy(after)
    running.responds()
    assert told.only.version == "2"


async def test_those_of_an_alias_with_weights_are_shared_by_its_versions(world: Any, stage: Any) -> None:
    here = await stage()
    await here.points("1", v2=0.25)
    await here.wants(4)
    await here.ready()
    assert here.standing == Standing(4, 4, Progress.READY)
    streams = [name.split("[")[1].split("]")[0] for name in world.sink.streams]
    assert sorted(streams) == ["1", "1", "1", "2"]


async def test_a_function_that_cannot_initialise_has_failed_until_it_can(world: Any, stage: Any) -> None:
    here = await stage()
    await here.wants(2)
    for runtime in world.assigned():
        runtime.cannot_begin()
    await world.quiet()
    failed = Standing(0, 0, Progress.FAILED, "FUNCTION_ERROR_INIT_FAILURE")
    assert here.standing == failed
    assert world.assigned() == []
    await world.passes(FIRST_RETRY_S + 0.1)
    assert len(world.assigned()) == 1  # one alone is tried
    world.assigned()[0].cannot_begin()
    await world.passes(FIRST_RETRY_S + 0.1)
    assert (here.standing, world.assigned()) == (failed, [])
    await world.passes(FIRST_RETRY_S + 0.1)
    assert len(await here.ready()) == 2
    assert here.standing == Standing(2, 2, Progress.READY)


async def test_asking_again_tries_at_once(world: Any, stage: Any) -> None:
    here = await stage()
    await here.wants(1)
    world.assigned()[0].cannot_begin()
    await world.quiet()
    assert here.standing.status is Progress.FAILED
    await here.wants(1)
    assert here.standing.status is Progress.IN_PROGRESS
    assert len(await here.ready()) == 1
    assert here.standing.status is Progress.READY


async def test_initialising_ahead_may_take_more_than_ten_seconds_and_not_for_ever(world: Any, stage: Any) -> None:
    here = await stage()
    await here.wants(1)
    await world.passes(120)
    assert here.standing == Standing(1, 0, Progress.IN_PROGRESS)
    await world.passes(10.5)
    assert here.standing.status is Progress.FAILED


async def test_a_function_that_may_run_longer_may_initialise_as_long(world: Any, stage: Any) -> None:
    here = await stage(timeout_s=300)
    await here.wants(1)
    await world.passes(299)
    assert here.standing == Standing(1, 0, Progress.IN_PROGRESS)


async def test_a_platform_that_fails_is_tried_again_and_says_nothing_of_the_function(world: Any, stage: Any) -> None:
    here = await stage()
    world.driver.broken = world.Died("no sandboxes today")
    await here.wants(1)
    await world.passes(FIRST_RETRY_S + 0.1)
    assert here.standing == Standing(0, 0, Progress.IN_PROGRESS)
    world.driver.broken = None
    await world.passes(2 * FIRST_RETRY_S + 0.1)
    await here.ready()
    assert here.standing == Standing(1, 1, Progress.READY)


async def test_fewer_are_kept_when_fewer_are_wanted_and_none_at_last(world: Any, stage: Any) -> None:
    here = await stage()
    await here.wants(3)
    await here.ready()
    told = await here.run()
    await here.wants(1)
    assert len(world.assigned()) == 1
    assert here.standing == Standing(1, 1, Progress.READY)
    await here.wants(None)
    assert here.standing == Standing()
    busy(world.assigned())[0].responds()
    await world.quiet()
    assert told.only.outcome.status is Status.SUCCESS
    assert here.invoker.environments == 0


async def test_those_that_are_too_many_and_run_something_end_when_they_have_finished(world: Any, stage: Any) -> None:
    here = await stage()
    await here.wants(2)
    first, second = await here.ready()
    await here.run()
    await here.run()
    await here.wants(1)
    first.responds()
    await world.quiet()
    assert world.assigned() == [second]
    await here.points("2")
    assert here.invoker.environments == 2  # the one that runs, and the one that is made of the other version
    second.responds()
    second.next()
    await world.quiet()
    assert second not in world.assigned()
    assert here.invoker.environments == 1


async def test_no_more_initialise_at_the_same_time_than_helps(world: Any, stage: Any) -> None:
    here = await stage()
    await here.wants(AT_ONCE + 3)
    assert len(world.assigned()) == AT_ONCE
    await here.ready()
    assert here.standing == Standing(AT_ONCE + 3, AT_ONCE + 3, Progress.READY)


async def test_a_later_server_makes_them_anew(world: Any, stage: Any) -> None:
    here = await stage()
    await here.wants(2)
    await here.ready()
    await here.invoker.close()
    await world.quiet()
    world.stems = type(world.stems)(world.driver, world.doors, world.tasks, world.log)
    here.invoker = world.invoker()
    await here.invoker.start()
    await world.quiet()
    assert here.standing.status is Progress.IN_PROGRESS
    await here.ready()
    assert here.standing == Standing(2, 2, Progress.READY)


async def test_what_is_reserved_and_provisioned_leaves_nothing_to_latest(world: Any, stage: Any) -> None:
    here = await stage()
    await here.wants(2, reserved=2)
    await here.ready()
    with pytest.raises(Throttled) as refused:
        await here.run(THUMBS)
    assert refused.value.reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
    for _ in range(2):
        await here.run()
    with pytest.raises(Throttled):
        await here.run()
    await here.wants(None, reserved=2)
    assert here.standing == Standing()
    busy(world.assigned())[0].responds()
    await here.run(THUMBS)


async def test_a_version_that_is_deleted_takes_its_own_along(world: Any, stage: Any) -> None:
    here = await stage()
    await here.wants(1, qualifier="2")
    await here.ready()
    function, revision = await here.functions.get(ACCOUNT, REGION, "thumbs")
    gone = here.functions.delete_version(world.version(version="2"))
    await here.functions.replace(function, revision, gone)
    await world.quiet()
    assert here.invoker.environments == 0


async def test_one_that_timed_out_is_used_again_and_one_that_cannot_start_again_is_not(world: Any, stage: Any) -> None:
    here = await stage()
    await here.wants(1)
    (runtime,) = await here.ready()
    told = await here.run()
    await world.passes(3.5)
    assert told.only.outcome.status is Status.TIMEOUT
    runtime.next()
    told = await here.run()
    runtime.responds()
    assert told.only.outcome.status is Status.SUCCESS
    runtime.next()

    await here.run()
    runtime.sandbox.restartable = world.Died("it would not")
    runtime.sandbox.may_restart.clear()
    runtime.sandbox.exits(1)
    told = await here.run()  # it waits for the runtime that does not come
    runtime.sandbox.may_restart.set()
    await world.quiet()
    for other in await here.ready():
        if other.events:
            other.responds()
    assert told.only.outcome.status is Status.SUCCESS
    assert here.standing == Standing(1, 1, Progress.READY)


async def test_what_they_are_kept_for_and_initialised_is_billed(world: Any, stage: Any) -> None:
    here = await stage(memory_mb=1024)
    await here.wants(2)
    await world.passes(0.25)
    await here.ready()
    await world.passes(100)
    await here.wants(None)
    (line,) = await world.billing.lines(ACCOUNT, REGION, ["2023-11-14"])
    assert (line.version, line.totals.invocations) == ("1", 0)
    assert 500 <= line.totals.init_ms <= 520
    assert line.totals.provisioned_gb_seconds == pytest.approx(200.5, abs=0.1)


async def test_nothing_is_lost_of_what_is_allotted_to_others(world: Any, stage: Any) -> None:
    here = await stage()
    _, revision = await here.allotments.get(ACCOUNT, REGION)
    others = Allotments({"other": 1}, {"other": {"live": Provisioned(1, "then")}})
    await here.allotments.replace(ACCOUNT, REGION, others, revision)
    await here.wants(1)
    await here.ready()
    assert here.standing == Standing(1, 1, Progress.READY)
    assert here.invoker.standing(ACCOUNT, REGION, "other", "live") == Standing()


ACTS = ("want", "move", "weigh", "call", "call", "answer", "answer", "exit", "fail", "pass", "ready", "ready")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 5)), max_size=25))
def test_whatever_happens_there_are_as_many_as_are_wanted_in_the_end(
    in_a_world: Any, acts: list[tuple[str, int]]
) -> None:
    async def life(world: Any) -> None:
        here = await Stage(world).set()
        told: list[Any] = []
        for act, number in acts:
            await acted(world, here, told, act, number)
        await here.points("2")
        await here.wants(2)
        await world.passes(120)
        await finished(world, here)
        assert here.standing == Standing(2, 2, Progress.READY)
        assert here.invoker.running == 0
        assert all(len(each) == 1 for each in told)
        share = here.invoker._gate.share(ACCOUNT, REGION, "thumbs")
        assert (share.busy, share.account.busy) == (2, 2)
        await here.wants(None)
        assert (share.busy, share.account.busy) == (0, 0)
        await world.passes(400)  # what is not provisioned ages out
        assert here.invoker.environments == 0
        assert len(world.driver.open) <= 1, "one may wait for whoever comes next"
        await here.invoker.close()

    in_a_world(life)


async def acted(world: Any, here: Stage, told: list[Any], act: str, number: int) -> None:
    """One thing that may happen."""
    runtimes = world.assigned()
    runtime = runtimes[number % len(runtimes)] if runtimes else None
    if act == "want":
        await here.wants(number or None)
    elif act == "move":
        await here.points(str(1 + number % 2))
    elif act == "weigh":
        await here.points("1", v2=number / 10)
    elif act == "call":
        told.append(await here.run())
    elif act == "pass":
        await world.passes(number)
    elif act == "ready":
        await here.ready()
    elif runtime is not None:
        acting = {
            "answer": answer,
            "exit": lambda each: each.sandbox.exits(1),
            "fail": lambda each: each.cannot_begin(),
        }
        acting[act](runtime)
    await world.quiet()


def answer(runtime: Any) -> None:
    """It answers what it has been given last, if it has not yet: else it is refused."""
    if runtime.events:
        runtime.responds()


async def finished(world: Any, here: Stage) -> None:
    """Every invocation ends, and every runtime initialises."""
    for _ in range(30):
        for runtime in await here.ready():
            answer(runtime)
        await world.quiet()
