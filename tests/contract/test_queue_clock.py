"""What becomes of queues when somebody sets the clock: what is left of a delay or a lease stays the same."""

from __future__ import annotations

import pytest

from lambent.kit.clock import FakeClock
from lambent.store.base import Counts, Queues

HOUR_S = 3600.0
BOTH_WAYS = pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])


@BOTH_WAYS
async def test_a_visible_message_stays_visible(queues: Queues, clock: FakeClock, jump_s: float) -> None:
    await queues.put("q", b"m")
    clock.jump(jump_s)
    assert await queues.counts("q") == Counts(1, 0, 0)
    (lease,) = await queues.lease("q", limit=9, for_s=30)
    assert lease.body == b"m"
    assert await queues.ack(lease.receipt) == 1


@BOTH_WAYS
async def test_a_delay_lasts_as_long_as_it_would_have(queues: Queues, clock: FakeClock, jump_s: float) -> None:
    await queues.put("q", b"m", not_before=clock.now() + 60)
    clock.advance(20)
    clock.jump(jump_s)
    assert await queues.next_due("q") == pytest.approx(clock.now() + 40)
    clock.advance(39)
    assert list(await queues.lease("q", limit=9, for_s=30)) == []
    clock.advance(2)
    assert len(await queues.lease("q", limit=9, for_s=30)) == 1


@BOTH_WAYS
async def test_a_lease_lasts_as_long_as_it_would_have(queues: Queues, clock: FakeClock, jump_s: float) -> None:
    await queues.put("q", b"m")
    (first,) = await queues.lease("q", limit=9, for_s=60)
    clock.jump(jump_s)
    clock.advance(59)
    assert list(await queues.lease("q", limit=9, for_s=30)) == []
    assert await queues.extend(first.receipt, for_s=60)
    clock.jump(-jump_s)
    clock.advance(61)
    (second,) = await queues.lease("q", limit=9, for_s=30)
    assert second.attempts == 2


@BOTH_WAYS
async def test_messages_are_as_old_as_they_would_have_been(queues: Queues, clock: FakeClock, jump_s: float) -> None:
    await queues.put("q", b"m")
    clock.advance(100)
    (lease,) = await queues.lease("q", limit=9, for_s=0)
    clock.jump(jump_s)
    clock.advance(10)
    (lease,) = await queues.lease("q", limit=9, for_s=0)
    assert clock.now() - lease.enqueued_at == pytest.approx(110)
    assert clock.now() - lease.first_leased_at == pytest.approx(10)


@BOTH_WAYS
async def test_what_is_put_after_the_jump_is_not_moved(queues: Queues, clock: FakeClock, jump_s: float) -> None:
    await queues.put("q", b"before")
    clock.jump(jump_s)
    await queues.put("q", b"after")
    leases = await queues.lease("q", limit=9, for_s=30)
    assert {lease.body: clock.now() - lease.enqueued_at for lease in leases} == {
        b"before": pytest.approx(0, abs=1e-3),
        b"after": pytest.approx(0, abs=1e-3),
    }


@BOTH_WAYS
async def test_a_token_is_remembered_for_as_long_as_it_would_have_been(
    queues: Queues, clock: FakeClock, jump_s: float
) -> None:
    await queues.put_once("q", b"m", token="t", for_s=300, group="g")
    clock.jump(jump_s)
    clock.advance(299)
    assert not (await queues.put_once("q", b"m", token="t", for_s=300, group="g")).is_new
    clock.advance(2)
    assert (await queues.put_once("q", b"m", token="t", for_s=300, group="g")).is_new


@BOTH_WAYS
async def test_whoever_waits_for_a_queue_looks_again(queues: Queues, clock: FakeClock, jump_s: float) -> None:
    await queues.put("q", b"m", not_before=clock.now() + 60)
    heard: list[str] = []
    queues.watch(heard.append)
    clock.jump(jump_s)
    await queues.put("another", b"m")
    assert heard[0] == "q"


async def test_small_corrections_move_nothing_however_many_they_are(queues: Queues, clock: FakeClock) -> None:
    await queues.put("q", b"m", not_before=clock.now() + 60)
    due = await queues.next_due("q")
    for _ in range(10):
        clock.jump(-1)
        assert await queues.next_due("q") == due
