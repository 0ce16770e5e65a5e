"""Events are run, run again, and never lost: the worker, its lanes and the settler together."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lambent.invoke.starts import Starts

SINK = "arn:aws:lambda:us-east-1:000000000000:function:sink"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:dead"


def approximately(times: list[float]) -> Any:
    return pytest.approx(times, abs=0.05)


async def test_an_event_runs_at_once_and_is_gone(world: Any) -> None:
    await world.start()
    await world.send(payload=b'{"a":1}', qualifier="live")
    await asyncio.sleep(1)
    [run] = world.invoker.runs
    assert (run.at, run.invocation.payload) == (0, b'{"a":1}')
    assert run.invocation.id == "id-1"
    assert run.invocation.arn == "arn:aws:lambda:us-east-1:000000000000:function:f:live"
    assert run.invocation.client_context is None
    assert run.invocation.trace.startswith("Root=1-a;Lineage=1:")
    assert await world.left() == 0
    assert world.counted() == {"AsyncEventsReceived": 1}
    assert world.post.sent == []


async def test_a_function_that_fails_runs_three_times_with_one_id_and_then_its_event_is_dropped(
    world: Any, runs: Any
) -> None:
    world.function("f", runs.fails)
    await world.start()
    await world.send()
    await asyncio.sleep(1000)
    assert world.invoker.times() == approximately([0, 60, 180])
    assert {run.invocation.id for run in world.invoker.runs} == {"id-1"}
    assert len({run.invocation.trace for run in world.invoker.runs}) == 1
    assert await world.left() == 0
    assert world.counted() == {"AsyncEventsDropped": 1, "AsyncEventsReceived": 1}
    assert "event_dropped" in world.report.getvalue()


async def test_a_failure_is_told_to_the_destination_and_to_the_dead_letter_queue(world: Any, runs: Any) -> None:
    world.function("f", runs.fails, dead_letter_target=QUEUE)
    await world.start()
    await world.configure(MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": SINK}})
    await world.send(payload=b'{"a":1}')
    await asyncio.sleep(1)
    told, letter = world.post.sent
    assert (told.service, told.operation, told.members["FunctionName"]) == ("lambda", "Invoke", SINK)
    assert world.post.records()[0]["requestContext"]["condition"] == "RetriesExhausted"
    assert (letter.service, letter.operation, letter.members["MessageBody"]) == ("sqs", "SendMessage", '{"a":1}')
    assert letter.members["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no"
    assert await world.left() == 0
    assert world.counted() == {"AsyncEventsReceived": 1}


async def test_a_success_is_told_to_its_destination_alone(world: Any) -> None:
    world.function("f", dead_letter_target=QUEUE)
    await world.start()
    config = {"OnSuccess": {"Destination": SINK}, "OnFailure": {"Destination": QUEUE}}
    await world.configure(DestinationConfig=config)
    await world.send()
    await asyncio.sleep(1)
    [errand] = world.post.sent
    assert errand.members["FunctionName"] == SINK
    assert world.post.records()[0]["responsePayload"] == "ok"


async def test_settings_are_those_of_the_qualifier_that_was_named(world: Any, runs: Any) -> None:
    world.function("f", runs.fails)
    await world.configure(MaximumRetryAttempts=0)  # read at the start
    await world.start()
    await world.configure(qualifier="live", MaximumRetryAttempts=1)  # heard of
    await world.send(payload=b'"latest"')
    await world.send(payload=b'"live"', qualifier="live", id="id-2")
    await world.send(payload=b'"other"', qualifier="7", id="id-3")
    await asyncio.sleep(1000)
    counts = {payload: world.invoker.events().count(payload) for payload in world.invoker.events()}
    assert counts == {b'"latest"': 1, b'"live"': 2, b'"other"': 3}


@pytest.mark.parametrize(("age_s", "times"), [(60, [0]), (90, [0, 60]), (200, [0, 60, 180])])
async def test_a_retry_that_would_come_too_late_is_not_waited_for(
    world: Any, runs: Any, age_s: int, times: list[float]
) -> None:
    world.function("f", runs.fails)
    await world.start()
    destination = {"OnFailure": {"Destination": SINK}}
    await world.configure(MaximumEventAgeInSeconds=age_s, DestinationConfig=destination)
    await world.send()
    await asyncio.sleep(1000)
    assert world.invoker.times() == approximately(times)
    [record] = world.post.records()
    condition = "EventAgeExceeded" if len(times) < 3 else "RetriesExhausted"
    assert record["requestContext"]["condition"] == condition
    assert record["requestContext"]["approximateInvokeCount"] == len(times)
    assert record["responseContext"]["functionError"] == "Unhandled"


async def test_a_platform_that_fails_is_tried_again_and_uses_up_no_retry(world: Any, runs: Any) -> None:
    behaviour = iter([runs.breaks] * 4 + [runs.fails, runs.fails, runs.succeeds])
    world.function("f", lambda run: next(behaviour)(run))
    await world.start()
    await world.send()
    await asyncio.sleep(1000)
    assert world.invoker.times() == approximately([0, 1, 3, 7, 15, 75, 195])
    assert world.counted() == {"AsyncEventsReceived": 1}


async def test_an_event_waits_for_room_and_runs_when_there_is_some(world: Any) -> None:
    world.invoker.others = world.invoker.limit
    await world.start()
    await world.send()
    await asyncio.sleep(1000)
    assert world.invoker.runs == []
    world.invoker.others = 0
    await asyncio.sleep(2)
    assert len(world.invoker.runs) == 1
    assert world.invoker.refused == 0
    assert await world.left() == 0


async def test_a_throttled_event_backs_off_and_uses_up_no_retry(world: Any, runs: Any) -> None:
    world.function("f", runs.fails)
    world.invoker.rate_is_exceeded = True
    await world.start()
    await world.send()
    await asyncio.sleep(20)
    world.invoker.rate_is_exceeded = False
    await asyncio.sleep(1000)
    assert world.invoker.refused == 5
    assert world.invoker.times() == approximately([31, 91, 211])


async def test_a_throttled_event_is_given_up_at_its_greatest_age(world: Any) -> None:
    world.invoker.others = world.invoker.limit
    world.function("f", dead_letter_target=QUEUE)
    await world.start()
    destination = {"OnFailure": {"Destination": SINK}}
    await world.configure(MaximumEventAgeInSeconds=60, DestinationConfig=destination)
    await world.send()
    await asyncio.sleep(59)
    assert world.post.sent == []
    await asyncio.sleep(13)
    told, letter = world.post.sent
    context = world.post.records()[0]["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("EventAgeExceeded", 0)
    assert "responseContext" not in world.post.records()[0]
    assert (told.operation, letter.operation) == ("Invoke", "SendMessage")


async def test_an_event_that_becomes_too_old_is_given_up_however_often_others_come(world: Any) -> None:
    world.function("f", takes_s=600)
    world.invoker.reservations["f"] = 1
    await world.start()
    await world.configure(MaximumEventAgeInSeconds=60, DestinationConfig={"OnFailure": {"Destination": SINK}})
    for n in range(200):
        await world.send(id=f"id-{n}")
        await asyncio.sleep(0.5)
    given_up = {record["requestContext"]["requestId"] for record in world.post.records()}
    assert {f"id-{n}" for n in range(1, 50)} <= given_up


async def test_events_that_are_looked_through_keep_their_order(world: Any) -> None:
    world.function("f", takes_s=15)
    world.invoker.reservations["f"] = 1
    await world.start()
    for n in range(300):
        await world.send(payload=str(n).encode(), id=f"id-{n}")
    await asyncio.sleep(15 * 20)
    assert world.invoker.events() == [str(n).encode() for n in range(len(world.invoker.runs))]


async def test_the_dead_letter_of_a_throttled_event_says_so(world: Any) -> None:
    world.function("f", dead_letter_target=QUEUE)
    world.invoker.rate_is_exceeded = True
    await world.start()
    await world.configure(MaximumEventAgeInSeconds=60)
    await world.send()
    await asyncio.sleep(61)
    [letter] = world.post.sent
    assert letter.members["MessageAttributes"]["ErrorCode"]["StringValue"] == "429"
    assert letter.members["MessageAttributes"]["ErrorMessage"]["StringValue"] == "Rate Exceeded."


async def test_without_reserved_concurrency_events_are_given_up_at_once(world: Any) -> None:
    world.invoker.reservations["f"] = 0
    await world.start()
    await world.configure(DestinationConfig={"OnFailure": {"Destination": SINK}})
    for n in range(300):
        await world.send(id=f"id-{n}")
    await asyncio.sleep(0.5)
    assert world.invoker.runs == []
    contexts = [record["requestContext"] for record in world.post.records()]
    assert {context["condition"] for context in contexts} == {"ZeroReservedConcurrency"}
    assert {context["approximateInvokeCount"] for context in contexts} == {0}
    assert len(contexts) == 300


async def test_events_of_a_function_that_is_gone_are_dropped_and_counted(world: Any) -> None:
    await world.start()
    for n in range(50):
        await world.send("gone", id=f"id-{n}")
    await asyncio.sleep(1)
    assert await world.left("gone") == 0
    assert world.counted("gone") == {"AsyncEventsDropped": 50, "AsyncEventsReceived": 50}


async def test_a_function_that_is_only_not_known_yet_runs(world: Any) -> None:
    world.invoker.unseen.add("f")
    await world.start()
    await world.send()
    await asyncio.sleep(1)
    assert len(world.invoker.runs) == 1


async def test_a_function_that_cannot_run_yet_is_waited_for(world: Any) -> None:
    world.invoker.inactive.add("f")
    await world.start()
    await world.send()
    await asyncio.sleep(5)
    world.invoker.inactive.clear()
    await asyncio.sleep(10)
    assert world.invoker.times() == approximately([7])


async def test_what_is_given_up_of_a_function_that_cannot_run_is_told_to_its_dead_letter_queue(world: Any) -> None:
    world.function("f", dead_letter_target=QUEUE)
    world.invoker.inactive.add("f")
    await world.start()
    await world.configure(MaximumEventAgeInSeconds=60)
    await world.send(payload=b'{"a":1}')
    await asyncio.sleep(65)
    [letter] = world.post.sent
    assert letter.members["MessageBody"] == '{"a":1}'
    assert world.counted() == {"AsyncEventsReceived": 1}


async def test_a_function_that_never_becomes_active_is_given_up(world: Any) -> None:
    world.invoker.inactive.add("f")
    await world.start()
    await world.configure(MaximumEventAgeInSeconds=60)
    await world.send()
    await asyncio.sleep(65)
    assert await world.left() == 0
    assert world.counted()["AsyncEventsDropped"] == 1


# --- loops ----------------------------------------------------------------------------------------------------


async def test_a_function_that_invokes_itself_is_ended_after_sixteen_runs(world: Any) -> None:
    def recurse(run: Any) -> None:
        world.tasks.start("again", world.send(trace=run.invocation.trace))
        run.succeeds()

    world.function("f", recurse)
    await world.start()
    await world.configure(DestinationConfig={"OnFailure": {"Destination": QUEUE}})
    await world.send()
    await asyncio.sleep(100)
    assert len(world.invoker.runs) == 16
    [record] = world.post.records()
    assert record["requestContext"]["condition"] == "RecursiveLoopDetected"
    assert world.counted() == {"AsyncEventsReceived": 17, "RecursiveInvocationsDropped": 1}


async def test_a_loop_that_is_allowed_goes_on(world: Any) -> None:
    def recurse(run: Any) -> None:
        if len(world.invoker.runs) < 100:
            world.tasks.start("again", world.send(trace=run.invocation.trace))
        run.succeeds()

    world.function("f", recurse)
    await world.start()
    await world.allow_loops("f")
    await world.send()
    await asyncio.sleep(100)
    assert len(world.invoker.runs) == 100


# --- how many at once, and whose turn it is ------------------------------------------------------------------


async def test_no_more_run_at_once_than_are_reserved_and_none_backs_off(world: Any) -> None:
    world.function("f", takes_s=1)
    world.invoker.reservations["f"] = 2
    await world.start()
    for n in range(20):
        await world.send(id=f"id-{n}")
    await asyncio.sleep(12)
    assert len(world.invoker.runs) == 20
    assert world.invoker.most["f"] == 2
    assert world.invoker.refused == 0


async def test_slow_functions_get_more_and_more_environments(world: Any) -> None:
    world.function("f", takes_s=20)
    await world.start()
    for n in range(200):
        await world.send(id=f"id-{n}")
    await asyncio.sleep(3)
    assert len(world.invoker.runs) == 200
    assert world.invoker.most["f"] == 200


async def test_a_crowded_machine_is_not_filled_any_further(world: Any) -> None:
    world.function("f", takes_s=20)
    world.is_crowded = True
    await world.start()
    for n in range(200):
        await world.send(id=f"id-{n}")
    await asyncio.sleep(3)
    assert 4 <= world.invoker.most["f"] <= 4 + 12


@pytest.mark.parametrize("work_s", [0.1, 0.3])
async def test_correct_runs_do_not_time_out_because_a_backlog_fills_the_machine(
    world: Any, runs: Any, work_s: float
) -> None:
    cores, busy = 2, world.invoker.busy

    def work(run: Any) -> None:
        world.is_crowded = busy["f"] > 2 * cores
        takes_s = work_s * max(1.0, busy["f"] / cores)
        end = run.succeeds if takes_s < 3 else run.times_out
        asyncio.get_running_loop().call_later(min(takes_s, 3.0), end, takes_s)

    world.function("f", work)
    await world.start()
    for n in range(500):
        await world.send(id=f"id-{n}")
    await asyncio.sleep(200)
    assert world.counted() == {"AsyncEventsReceived": 500}
    assert len(world.invoker.runs) == 500
    assert await world.left() == 0


async def test_a_few_events_that_hang_do_not_slow_down_the_others_on_a_crowded_machine(world: Any, runs: Any) -> None:
    def work(run: Any) -> None:
        hangs = int(run.invocation.payload) % 20 == 0
        takes_s, end = (3.0, run.times_out) if hangs else (0.1, run.succeeds)
        asyncio.get_running_loop().call_later(takes_s, end, takes_s)

    world.is_crowded = True
    world.function("f", work)
    await world.start()
    await world.configure(MaximumRetryAttempts=0)
    for n in range(1000):
        await world.send(id=f"id-{n}", payload=str(n).encode())
    await asyncio.sleep(45)
    assert len(world.invoker.runs) == 1000


async def test_events_wait_for_a_core_that_an_environment_may_start_on(world: Any) -> None:
    world.invoker.starts = Starts(world.clock, 2)
    world.function("f", lambda run: world.invoker.starts.begin(run.invocation.id))
    await world.start()
    for n in range(20):
        await world.send(id=f"id-{n}")
    await asyncio.sleep(0.1)
    assert len(world.invoker.runs) == 2
    world.invoker.starts.end("id-0")
    await asyncio.sleep(0.1)
    assert len(world.invoker.runs) == 3
    await asyncio.sleep(10)
    assert len(world.invoker.runs) == 20


async def test_quick_functions_stay_with_a_few(world: Any) -> None:
    world.function("f", takes_s=0.001)
    await world.start()
    for n in range(2000):
        await world.send(id=f"id-{n}")
    await asyncio.sleep(30)
    assert len(world.invoker.runs) == 2000
    assert world.invoker.most["f"] <= 8


async def test_a_function_with_many_events_does_not_hold_up_another(world: Any) -> None:
    world.function("f", takes_s=5)
    world.function("g", takes_s=1)
    world.invoker.limit = 20
    await world.start()
    for n in range(500):
        await world.send(id=f"id-{n}")
    await asyncio.sleep(30)
    assert 18 <= world.invoker.most["f"] <= 19
    await world.send("g")
    await asyncio.sleep(0.5)
    assert world.invoker.times("g") == approximately([30])


async def test_functions_that_share_one_place_take_turns(world: Any) -> None:
    world.invoker.limit = 1
    for name in ("f", "g", "h"):
        world.function(name, takes_s=1)
    await world.start()
    for n in range(20):
        for name in ("f", "g", "h"):
            await world.send(name, id=f"id-{n}")
    await asyncio.sleep(30.5)
    assert all(9 <= len(world.invoker.times(name)) <= 12 for name in ("f", "g", "h"))
    assert world.invoker.refused == 0


async def test_a_function_that_waits_for_its_own_places_takes_none_from_others(world: Any) -> None:
    world.invoker.limit = 2
    world.function("reserved", takes_s=1)
    world.invoker.reservations["reserved"] = 1
    world.invoker.busy["reserved"] = 1  # a synchronous caller has it
    world.function("f", takes_s=1)
    world.function("g", takes_s=1)
    await world.start()
    for name in ("reserved", "f", "g"):
        await world.send(name)
    await asyncio.sleep(0.5)
    assert (world.invoker.times("f"), world.invoker.times("g")) == ([0], [0])
    world.invoker.busy["reserved"] = 0
    await asyncio.sleep(2)
    assert len(world.invoker.times("reserved")) == 1


async def test_slow_targets_bound_what_is_held(world: Any) -> None:
    world.post.gate = asyncio.Event()
    await world.start()
    await world.configure(DestinationConfig={"OnSuccess": {"Destination": SINK}})
    for n in range(1000):
        await world.send(id=f"id-{n}")
    await asyncio.sleep(10)
    assert len(world.invoker.runs) < 200
    world.post.gate.set()
    await asyncio.sleep(60)
    assert len(world.post.sent) == 1000
    assert await world.left() == 0


# --- leases, crashes, stops ----------------------------------------------------------------------------------


async def test_an_event_stays_leased_while_its_function_runs(world: Any) -> None:
    world.function("f", takes_s=900)
    await world.start()
    await world.send()
    await asyncio.sleep(2000)
    assert world.invoker.times() == [0]
    assert await world.left() == 0


async def test_after_a_crash_what_ran_runs_again_at_once(world: Any) -> None:
    world.function("f", takes_s=100)
    await world.start()
    await world.send()
    await asyncio.sleep(10)
    await world.crash()
    await asyncio.sleep(1)
    assert world.invoker.times() == approximately([0, 10])
    assert {run.invocation.id for run in world.invoker.runs} == {"id-1"}


async def test_a_crash_between_two_tries_forgets_none_of_them(world: Any, runs: Any) -> None:
    world.function("f", runs.fails)
    await world.start()
    await world.send()
    await asyncio.sleep(70)
    await world.crash()
    await asyncio.sleep(1000)
    assert world.invoker.times() == approximately([0, 60, 180])


async def test_a_clock_that_is_set_forward_runs_nothing_twice(world: Any) -> None:
    world.function("f", takes_s=200)
    await world.start()
    await world.send()
    await asyncio.sleep(1)
    world.clock.ahead_s = 3600.0
    await world.send(id="id-2")
    await asyncio.sleep(400)
    assert len(world.invoker.runs) == 2
    assert await world.left() == 0


async def test_a_clock_that_is_set_back_runs_nothing_twice(world: Any) -> None:
    world.function("f", takes_s=200)
    await world.start()
    await world.send()
    await asyncio.sleep(1)
    world.clock.ahead_s = -3600.0
    await world.send(id="id-2")
    await asyncio.sleep(400)
    assert len(world.invoker.runs) == 2
    assert await world.left() == 0


@pytest.mark.parametrize("jump_s", [-86_400.0, 86_400.0])
async def test_an_event_that_runs_while_the_clock_is_set_is_no_older_for_that(
    world: Any, runs: Any, jump_s: float
) -> None:
    world.function("f", runs.fails, takes_s=10)
    await world.start()
    await world.configure(MaximumEventAgeInSeconds=3600)
    await world.send()
    await asyncio.sleep(1)
    world.clock.ahead_s = jump_s
    await asyncio.sleep(1000)
    assert world.invoker.times() == approximately([0, 70, 200])


async def test_a_stop_lets_runs_end_and_leaves_the_rest_for_the_next_server(world: Any) -> None:
    world.function("f", takes_s=30)
    world.invoker.reservations["f"] = 3
    await world.start()
    for n in range(10):
        await world.send(id=f"id-{n}")
    await asyncio.sleep(1)
    await world.worker.stop()
    assert world.clock.monotonic() == pytest.approx(30, abs=0.1)
    assert len(world.invoker.runs) == 3
    assert await world.left() == 7
    assert (await world.store.queues.counts("async/000000000000/us-east-1/f")).visible == 7


async def test_a_stop_keeps_what_is_to_be_retried(world: Any, runs: Any) -> None:
    world.function("f", runs.fails, takes_s=5)
    await world.start()
    await world.send()
    await asyncio.sleep(1)
    await world.worker.stop()
    await world.crash()
    await asyncio.sleep(1000)
    assert world.invoker.times() == approximately([0, 65, 190])


async def test_a_stop_without_events_is_over_at_once(world: Any) -> None:
    await world.start()
    await world.worker.stop()
    assert world.clock.monotonic() == 0


async def test_a_stop_during_a_lease_gives_back_what_it_brings(world: Any) -> None:
    world.function("f", takes_s=30)
    await world.start()
    world.store.queues.may_lease.clear()
    await world.send()
    await asyncio.sleep(1)
    stopping = world.tasks.start("stop", world.worker.stop())
    await asyncio.sleep(1)
    assert not stopping.done()
    world.store.queues.may_lease.set()
    await stopping
    assert world.invoker.runs == []
    assert (await world.store.queues.counts("async/000000000000/us-east-1/f")).visible == 1


# --- a store that fails ---------------------------------------------------------------------------------------


async def test_while_the_store_fails_nothing_is_lost_and_nothing_runs_again(world: Any, runs: Any) -> None:
    world.function("f", runs.fails, takes_s=1)
    world.function("g", takes_s=1)
    await world.start()
    await world.send("f")
    await world.send("g")
    await asyncio.sleep(0.5)
    world.store.queues.is_broken = True
    await asyncio.sleep(200)
    assert len(world.invoker.runs) == 2
    world.store.queues.is_broken = False
    await asyncio.sleep(1000)
    assert len(world.invoker.times("f")) == 3
    assert len(world.invoker.times("g")) == 1
    assert (await world.left("f"), await world.left("g")) == (0, 0)


async def test_a_fault_of_ours_does_not_end_a_functions_events(world: Any) -> None:
    room, faults = world.invoker.room, [KeyError("wanted")]

    def fail_once(ref: Any) -> int:
        if faults:
            raise faults.pop()
        return room(ref)

    world.invoker.room = fail_once
    await world.start()
    await world.send()
    await asyncio.sleep(10)
    assert world.invoker.times() == approximately([5])
    assert "lane_failed" in world.report.getvalue()


# --- targets that cannot be reached ---------------------------------------------------------------------------


async def test_a_target_that_comes_back_is_told_without_another_run(world: Any) -> None:
    world.post.fails(3)
    await world.start()
    await world.configure(DestinationConfig={"OnSuccess": {"Destination": SINK}})
    await world.send()
    await asyncio.sleep(60)
    assert len(world.invoker.runs) == 1
    assert world.post.tries == 4
    assert [record["requestContext"]["condition"] for record in world.post.records()] == ["Success"]
    assert await world.left() == 0


async def test_what_is_still_to_be_told_survives_a_crash(world: Any, runs: Any) -> None:
    world.function("f", runs.fails, dead_letter_target=QUEUE)
    world.post.failures += [world.Undelivered("unreachable", may_pass=True)]
    await world.start()
    await world.configure(MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": SINK}})
    await world.send(payload=b'{"a":1}')
    await asyncio.sleep(0.5)
    assert [errand.operation for errand in world.post.sent] == ["SendMessage"]
    await world.crash()
    await asyncio.sleep(10)
    assert [errand.operation for errand in world.post.sent] == ["SendMessage", "Invoke"]
    record = world.post.records()[1]
    assert record["requestPayload"] == {"a": 1}
    assert record["responsePayload"] == {"errorMessage": "no", "errorType": "E"}
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert len(world.invoker.runs) == 1


async def test_a_target_that_stays_away_is_given_up_counted_and_logged(world: Any, runs: Any) -> None:
    world.function("f", runs.fails, dead_letter_target=QUEUE)
    world.post.fails(100)
    await world.start()
    await world.configure(MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": SINK}})
    await world.send()
    await asyncio.sleep(600)
    assert world.post.tries == 12
    assert await world.left() == 0
    assert world.counted() == {
        "AsyncEventsDropped": 1,
        "AsyncEventsReceived": 1,
        "DeadLetterErrors": 1,
        "DestinationDeliveryFailures": 1,
    }
    assert "destination_undeliverable" in world.report.getvalue()
    assert "dead_letter_undeliverable" in world.report.getvalue()


async def test_a_target_that_refuses_for_good_is_not_asked_again(world: Any) -> None:
    world.post.fails(1, may_pass=False)
    await world.start()
    await world.configure(DestinationConfig={"OnSuccess": {"Destination": SINK}})
    await world.send()
    await asyncio.sleep(60)
    assert world.post.tries == 1
    assert world.counted() == {"AsyncEventsReceived": 1, "DestinationDeliveryFailures": 1}


async def test_a_fault_of_ours_at_a_target_keeps_the_event(world: Any) -> None:
    world.post.failures.append(KeyError("wanted"))
    await world.start()
    await world.configure(DestinationConfig={"OnSuccess": {"Destination": SINK}})
    await world.send()
    await asyncio.sleep(60)
    assert len(world.post.sent) == 1
    assert "delivery_failed" in world.report.getvalue()


async def test_a_fault_of_ours_in_one_event_brings_it_again_and_holds_up_no_other(world: Any) -> None:
    resolve, faults = world.invoker.resolve, [KeyError("wanted")]

    def fail_once(ref: Any) -> Any:
        if faults:
            raise faults.pop()
        return resolve(ref)

    world.invoker.resolve = fail_once
    await world.start()
    await world.send(payload=b"1")
    await world.send(payload=b"2", id="id-2")
    await asyncio.sleep(59)
    assert world.invoker.events() == [b"2"]
    await asyncio.sleep(2)
    assert world.invoker.events() == [b"2", b"1"]
    assert await world.left() == 0
    assert "event_not_handled" in world.report.getvalue()


async def test_a_fault_when_a_run_has_ended_brings_its_event_again(world: Any) -> None:
    event_invoke, faults = world.settings.event_invoke, [KeyError("wanted")]

    def fail_once(*args: Any) -> Any:
        if faults and world.invoker.runs:
            raise faults.pop()
        return event_invoke(*args)

    world.settings.event_invoke = fail_once
    world.function("f", takes_s=1)
    await world.start()
    await world.send()
    await asyncio.sleep(70)
    assert world.invoker.times() == approximately([0, 60])
    assert await world.left() == 0


async def test_what_runs_when_a_lane_fails_is_not_run_twice(world: Any) -> None:
    world.function("f", takes_s=100)
    await world.start()
    await world.send()
    await asyncio.sleep(1)

    def fails(ref: Any) -> int:
        del world.invoker.room
        raise KeyError("wanted")

    world.invoker.room = fails
    await world.send(id="id-2")
    await asyncio.sleep(400)
    assert "lane_failed" in world.report.getvalue()
    assert world.invoker.times() == approximately([0, 6])
    assert await world.left() == 0


async def test_a_settler_that_fails_once_settles_all_the_same(world: Any) -> None:
    ack, faults = world.store.queues.ack, [KeyError("wanted")]

    async def fail_once(*receipts: str) -> int:
        if faults:
            raise faults.pop()
        return int(await ack(*receipts))

    world.store.queues.ack = fail_once
    await world.start()
    await world.send()
    await asyncio.sleep(5)
    assert len(world.invoker.runs) == 1
    assert await world.left() == 0
