"""What every implementation of Queues promises."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lambent.kit.clock import FakeClock
from lambent.store.base import Queues


async def test_a_message_is_leased_as_it_was_put(queues: Queues, clock: FakeClock) -> None:
    put_at = clock.now()
    await queues.put("q", b"\x00body\xff")
    clock.advance(5)
    (lease,) = await queues.lease("q", limit=10, for_s=30)
    assert (lease.queue, lease.body, lease.attempts) == ("q", b"\x00body\xff", 1)
    assert (lease.enqueued_at, lease.until) == (put_at, clock.now() + 30)


async def test_an_empty_queue_gives_nothing(queues: Queues) -> None:
    assert list(await queues.lease("q", limit=10, for_s=30)) == []
    assert await queues.depth("q") == 0
    assert await queues.next_due("q") is None


async def test_a_leased_message_is_hidden_until_its_lease_ends(queues: Queues, clock: FakeClock) -> None:
    await queues.put("q", b"m")
    await queues.lease("q", limit=1, for_s=30)
    clock.advance(29.9)
    assert list(await queues.lease("q", limit=1, for_s=30)) == []
    clock.advance(0.1)
    (again,) = await queues.lease("q", limit=1, for_s=30)
    assert (again.body, again.attempts) == (b"m", 2)


async def test_messages_come_in_the_order_in_which_they_became_visible(queues: Queues, clock: FakeClock) -> None:
    now = clock.now()
    await queues.put("q", b"later", not_before=now + 2)
    await queues.put("q", b"first")
    await queues.put("q", b"second")
    await queues.put("q", b"past", not_before=now - 100)
    clock.advance(1)
    await queues.put("q", b"third")
    clock.advance(10)
    leases = await queues.lease("q", limit=10, for_s=30)
    assert [lease.body for lease in leases] == [b"first", b"second", b"past", b"third", b"later"]


async def test_a_lease_takes_no_more_than_its_limit(queues: Queues) -> None:
    for n in range(5):
        await queues.put("q", b"%d" % n)
    assert list(await queues.lease("q", limit=0, for_s=30)) == []
    assert [lease.body for lease in await queues.lease("q", limit=2, for_s=30)] == [b"0", b"1"]
    assert [lease.body for lease in await queues.lease("q", limit=9, for_s=30)] == [b"2", b"3", b"4"]


async def test_a_delayed_message_is_invisible_until_its_time(queues: Queues, clock: FakeClock) -> None:
    await queues.put("q", b"m", not_before=clock.now() + 10)
    assert list(await queues.lease("q", limit=1, for_s=30)) == []
    assert await queues.next_due("q") == clock.now() + 10
    clock.advance(10)
    assert len(await queues.lease("q", limit=1, for_s=30)) == 1


async def test_queues_do_not_see_each_other(queues: Queues) -> None:
    await queues.put("a", b"of a")
    await queues.put("ab", b"of ab")
    assert [lease.body for lease in await queues.lease("a", limit=9, for_s=30)] == [b"of a"]
    assert await queues.depth("ab") == 1


async def test_an_acknowledged_message_is_gone(queues: Queues, clock: FakeClock) -> None:
    await queues.put("q", b"m")
    (lease,) = await queues.lease("q", limit=1, for_s=30)
    assert await queues.ack(lease.receipt) == 1
    clock.advance(100)
    assert list(await queues.lease("q", limit=1, for_s=30)) == []
    assert await queues.depth("q") == 0
    assert await queues.ack(lease.receipt) == 0


async def test_several_messages_are_acknowledged_at_once(queues: Queues) -> None:
    for n in range(4):
        await queues.put("q", b"%d" % n)
    leases = await queues.lease("q", limit=3, for_s=30)
    receipts = [lease.receipt for lease in leases]
    assert await queues.ack(*receipts, receipts[0], "no receipt") == 3
    assert await queues.depth("q") == 1
    assert await queues.ack() == 0


async def test_a_lease_that_ran_out_can_still_be_settled_if_nobody_took_the_message(
    queues: Queues, clock: FakeClock
) -> None:
    await queues.put("q", b"m")
    (lease,) = await queues.lease("q", limit=1, for_s=30)
    clock.advance(60)
    assert await queues.ack(lease.receipt) == 1


async def test_a_lease_that_somebody_took_over_is_no_longer_ours(queues: Queues, clock: FakeClock) -> None:
    await queues.put("q", b"m")
    (old,) = await queues.lease("q", limit=1, for_s=30)
    clock.advance(30)
    (new,) = await queues.lease("q", limit=1, for_s=30)
    assert await queues.ack(old.receipt) == 0
    assert not await queues.extend(old.receipt, for_s=100)
    assert not await queues.give_back(old.receipt)
    assert await queues.next_due("q") == new.until
    assert await queues.ack(new.receipt) == 1


async def test_an_extended_lease_ends_later(queues: Queues, clock: FakeClock) -> None:
    await queues.put("q", b"m")
    (lease,) = await queues.lease("q", limit=1, for_s=30)
    clock.advance(20)
    assert await queues.extend(lease.receipt, for_s=30)
    clock.advance(29)
    assert list(await queues.lease("q", limit=1, for_s=30)) == []
    clock.advance(1)
    assert len(await queues.lease("q", limit=1, for_s=30)) == 1


async def test_a_message_given_back_is_visible_at_once_and_keeps_its_attempts(queues: Queues) -> None:
    await queues.put("q", b"m")
    (first,) = await queues.lease("q", limit=1, for_s=30)
    assert await queues.give_back(first.receipt)
    (second,) = await queues.lease("q", limit=1, for_s=30)
    assert (second.attempts, second.enqueued_at) == (2, first.enqueued_at)


async def test_a_message_given_back_is_visible_after_its_delay(queues: Queues, clock: FakeClock) -> None:
    await queues.put("q", b"m")
    (lease,) = await queues.lease("q", limit=1, for_s=30)
    assert await queues.give_back(lease.receipt, delay_s=60)
    clock.advance(59)
    assert list(await queues.lease("q", limit=1, for_s=30)) == []
    clock.advance(1)
    assert len(await queues.lease("q", limit=1, for_s=30)) == 1


async def test_a_lease_given_back_is_no_longer_ours(queues: Queues) -> None:
    await queues.put("q", b"m")
    (lease,) = await queues.lease("q", limit=1, for_s=30)
    assert await queues.give_back(lease.receipt, delay_s=60)
    assert await queues.ack(lease.receipt) == 0
    assert not await queues.extend(lease.receipt, for_s=1)
    assert not await queues.give_back(lease.receipt)
    assert await queues.depth("q") == 1


@pytest.mark.parametrize("receipt", ["", ".", "1", "1.", "x.y", "-1.t", "9" * 40 + ".t", "½.t", "1.1.1"])
async def test_what_is_no_receipt_settles_nothing(queues: Queues, receipt: str) -> None:
    await queues.put("q", b"m")
    await queues.lease("q", limit=1, for_s=30)
    assert await queues.ack(receipt) == 0
    assert not await queues.extend(receipt, for_s=1)
    assert not await queues.give_back(receipt)
    assert await queues.depth("q") == 1


async def test_a_receipt_of_a_message_that_is_gone_never_fits_a_later_one(queues: Queues) -> None:
    await queues.put("q", b"old")
    (old,) = await queues.lease("q", limit=1, for_s=30)
    await queues.ack(old.receipt)
    await queues.put("q", b"new")
    (new,) = await queues.lease("q", limit=1, for_s=30)
    assert await queues.ack(old.receipt) == 0
    assert await queues.ack(new.receipt) == 1


async def test_depth_counts_visible_leased_and_delayed_messages(queues: Queues, clock: FakeClock) -> None:
    await queues.put("q", b"leased")
    await queues.lease("q", limit=1, for_s=30)
    await queues.put("q", b"visible")
    await queues.put("q", b"delayed", not_before=clock.now() + 60)
    assert await queues.depth("q") == 3


async def test_next_due_is_the_earliest_visibility_or_end_of_a_lease(queues: Queues, clock: FakeClock) -> None:
    now = clock.now()
    await queues.put("q", b"delayed", not_before=now + 60)
    assert await queues.next_due("q") == now + 60
    await queues.put("q", b"now")
    assert await queues.next_due("q") == now
    await queues.lease("q", limit=1, for_s=30)
    assert await queues.next_due("q") == now + 30


async def test_no_message_is_leased_by_two_at_the_same_time(queues: Queues) -> None:
    await asyncio.gather(*(queues.put("q", b"%d" % n) for n in range(100)))
    batches = await asyncio.gather(*(queues.lease("q", limit=7, for_s=30) for _ in range(30)))
    bodies = [lease.body for batch in batches for lease in batch]
    assert sorted(bodies, key=int) == [b"%d" % n for n in range(100)]
    assert await queues.ack(*(lease.receipt for batch in batches for lease in batch)) == 100


async def test_messages_put_at_the_same_time_are_all_there(queues: Queues) -> None:
    sizes = [0, 1, 3, 17, 64, 85, 200]
    for n, size in enumerate(sizes):
        await asyncio.gather(*(queues.put(f"q{n}", b"%d" % m) for m in range(size)))
    for n, size in enumerate(sizes):
        leases = await queues.lease(f"q{n}", limit=1000, for_s=30)
        assert [lease.body for lease in leases] == [b"%d" % m for m in range(size)]


async def test_watchers_hear_of_every_put_and_every_message_given_back(queues: Queues) -> None:
    heard: list[str] = []
    end = queues.watch(heard.append)
    await queues.put("a", b"")
    assert heard == ["a"]
    await queues.put("b", b"")
    (lease,) = await queues.lease("a", limit=1, for_s=30)
    assert heard == ["a", "b"]
    await queues.give_back(lease.receipt)
    await queues.give_back(lease.receipt)
    assert heard == ["a", "b", "a"]
    end()
    await queues.put("c", b"")
    assert heard == ["a", "b", "a"]


async def test_a_body_that_is_not_bytes_is_refused_and_harms_nobody(queues: Queues) -> None:
    async def put(queue: str, body: Any) -> None:
        await queues.put(queue, body)

    outcomes = await asyncio.gather(
        put("q", b"good"),
        put("q", "text"),
        put("\ud800", b"no name"),
        return_exceptions=True,
    )
    assert outcomes[0] is None
    assert isinstance(outcomes[1], TypeError)
    assert isinstance(outcomes[2], UnicodeEncodeError)
    assert await queues.depth("q") == 1


async def put_in_order(queues: Queues, *messages: str, queue: str = "q") -> list[int]:
    """Messages like "a1": of group a."""
    placed = [
        await queues.put_once(queue, message.encode(), token=message, for_s=300, group=message[0])
        for message in messages
    ]
    return [each.sequence for each in placed]


async def taken(queues: Queues, *, limit: int = 10, for_s: float = 30) -> list[str]:
    return [lease.body.decode() for lease in await queues.lease("q", limit=limit, for_s=for_s, in_order=True)]


async def test_a_message_put_twice_with_a_token_is_there_once(queues: Queues, clock: FakeClock) -> None:
    first = await queues.put_once("q", b"first", token="t", for_s=300, group="g", label="one")
    clock.advance(299)
    again = await queues.put_once("q", b"again", token="t", for_s=300, group="g", label="two")
    assert first == (first.sequence, "one", True)
    assert again == (first.sequence, "one", False)
    assert await taken(queues) == ["first"]


async def test_a_token_is_remembered_though_its_message_is_gone_but_not_for_longer_than_was_asked(
    queues: Queues, clock: FakeClock
) -> None:
    first = await queues.put_once("q", b"m", token="t", for_s=300, group="g")
    (lease,) = await queues.lease("q", limit=1, for_s=30, in_order=True)
    await queues.ack(lease.receipt)
    clock.advance(299)
    assert not (await queues.put_once("q", b"m", token="t", for_s=300, group="g")).is_new
    clock.advance(1)
    later = await queues.put_once("q", b"m", token="t", for_s=300, group="g")
    assert later.is_new
    assert later.sequence > first.sequence


async def test_tokens_are_of_their_queue(queues: Queues) -> None:
    assert (await queues.put_once("p", b"m", token="t", for_s=300, group="g")).is_new
    assert (await queues.put_once("q", b"m", token="t", for_s=300, group="g")).is_new


async def test_sequences_rise_and_are_in_the_leases(queues: Queues) -> None:
    sequences = await put_in_order(queues, "a1", "b1", "a2")
    assert sequences == sorted(set(sequences))
    leases = await queues.lease("q", limit=9, for_s=30, in_order=True)
    assert [(lease.group, lease.sequence) for lease in leases] == [
        ("a", sequences[0]),
        ("a", sequences[2]),
        ("b", sequences[1]),
    ]


async def test_a_group_of_which_a_message_is_leased_waits_and_others_do_not(queues: Queues, clock: FakeClock) -> None:
    await put_in_order(queues, "a1", "a2", "b1")
    (lease,) = await queues.lease("q", limit=1, for_s=30, in_order=True)
    assert await taken(queues) == ["b1"]
    await queues.ack(lease.receipt)
    assert await taken(queues) == ["a2"]
    clock.advance(30)
    assert await taken(queues) == ["a2", "b1"]


async def test_messages_keep_their_order_when_one_comes_back(queues: Queues, clock: FakeClock) -> None:
    await put_in_order(queues, "a1", "a2", "a3")
    leases = await queues.lease("q", limit=2, for_s=30, in_order=True)
    assert await queues.extend(leases[1].receipt, for_s=0)
    assert await taken(queues) == []
    await queues.give_back(leases[0].receipt)
    assert await taken(queues) == ["a1", "a2", "a3"]


async def test_a_message_that_comes_back_does_not_wait_for_those_after_it(queues: Queues) -> None:
    await put_in_order(queues, "a1", "a2", "a3", "b1")
    leases = await queues.lease("q", limit=3, for_s=30, in_order=True)
    await queues.extend(leases[0].receipt, for_s=0)
    assert await taken(queues) == ["a1", "b1"]


async def test_a_group_is_given_as_far_as_it_goes_before_the_next(queues: Queues) -> None:
    await put_in_order(queues, "a1", "b1", "c1", "a2", "b2", "a3")
    assert await taken(queues, limit=4) == ["a1", "a2", "a3", "b1"]
    assert await taken(queues, limit=1) == ["c1"]


async def test_a_message_that_waits_holds_up_those_after_it_and_none_before(queues: Queues, clock: FakeClock) -> None:
    await put_in_order(queues, "a1", "a2")
    (lease,) = await queues.lease("q", limit=1, for_s=30, in_order=True)
    await queues.give_back(lease.receipt, delay_s=10)
    assert await taken(queues) == []
    clock.advance(10)
    assert await taken(queues) == ["a1", "a2"]
    await queues.put_once("q", b"b2", token="b2", for_s=300, group="b", not_before=clock.now() + 5)
    await put_in_order(queues, "b3")
    assert await taken(queues) == []
    clock.advance(5)
    assert await taken(queues) == ["b2", "b3"]


async def test_messages_without_a_group_are_in_no_order(queues: Queues) -> None:
    await queues.put("q", b"m")
    assert await taken(queues) == []
    assert len(await queues.lease("q", limit=1, for_s=30)) == 1


async def test_many_messages_of_a_group_that_waits_hide_no_other(queues: Queues) -> None:
    await put_in_order(queues, *(f"a{n}" for n in range(200)), "b1")
    assert await taken(queues, limit=1) == ["a0"]
    assert await taken(queues, limit=5) == ["b1"]


async def test_a_lease_extended_by_nothing_ends_and_its_receipt_is_good_till_the_next(
    queues: Queues, clock: FakeClock
) -> None:
    await queues.put("q", b"m")
    (lease,) = await queues.lease("q", limit=1, for_s=30)
    heard: list[str] = []
    end = queues.watch(heard.append)
    assert await queues.extend(lease.receipt, for_s=0)
    end()
    assert heard == ["q"]
    assert await queues.extend(lease.receipt, for_s=0)
    (again,) = await queues.lease("q", limit=1, for_s=30)
    assert await queues.ack(lease.receipt) == 0
    assert await queues.ack(again.receipt) == 1


async def test_a_message_remembers_its_first_lease(queues: Queues, clock: FakeClock) -> None:
    await queues.put("q", b"m")
    clock.advance(7)
    first_at = clock.now()
    (first,) = await queues.lease("q", limit=1, for_s=30)
    clock.advance(30)
    (second,) = await queues.lease("q", limit=1, for_s=30)
    assert first.first_leased_at == second.first_leased_at == first_at


async def test_a_message_is_given_back_with_another_body(queues: Queues) -> None:
    await queues.put("q", b"old")
    (lease,) = await queues.lease("q", limit=1, for_s=30)
    assert await queues.give_back(lease.receipt, body=b"new")
    (again,) = await queues.lease("q", limit=1, for_s=30)
    assert (again.body, again.attempts) == (b"new", 2)


async def test_a_moved_message_is_in_the_other_queue_only(queues: Queues, clock: FakeClock) -> None:
    put_at = clock.now()
    await queues.put("q", b"m")
    (lease,) = await queues.lease("q", limit=1, for_s=30)
    clock.advance(5)
    heard: list[str] = []
    end = queues.watch(heard.append)
    assert await queues.move(lease.receipt, "dead", b"moved", enqueued_at=lease.enqueued_at)
    assert not await queues.move(lease.receipt, "dead", b"moved")
    end()
    assert heard == ["dead"]
    assert await queues.depth("q") == 0
    (dead,) = await queues.lease("dead", limit=9, for_s=30)
    assert (dead.body, dead.attempts, dead.enqueued_at) == (b"moved", 1, put_at)


async def test_a_message_moved_into_order_comes_last_and_frees_its_group(queues: Queues) -> None:
    (first, _) = await put_in_order(queues, "a1", "a2")
    (lease,) = await queues.lease("q", limit=1, for_s=30, in_order=True)
    heard: list[str] = []
    end = queues.watch(heard.append)
    assert await queues.move(lease.receipt, "q", b"a1 again", group="a")
    end()
    assert set(heard) == {"q"}
    leases = await queues.lease("q", limit=9, for_s=30, in_order=True)
    assert [lease.body for lease in leases] == [b"a2", b"a1 again"]
    assert leases[1].sequence > leases[0].sequence > first


async def test_watchers_hear_when_a_group_is_free_again(queues: Queues) -> None:
    await put_in_order(queues, "a1", "a2")
    (lease,) = await queues.lease("q", limit=1, for_s=30, in_order=True)
    heard: list[str] = []
    end = queues.watch(heard.append)
    await queues.ack(lease.receipt)
    end()
    assert heard == ["q"]


async def test_a_purged_queue_is_empty(queues: Queues) -> None:
    await put_in_order(queues, "a1", "a2")
    await queues.put("other", b"m")
    (lease,) = await queues.lease("q", limit=1, for_s=30, in_order=True)
    assert await queues.purge("q") == 2
    assert await queues.depth("q") == 0
    assert await queues.ack(lease.receipt) == 0
    assert await queues.depth("other") == 1
    assert not (await queues.put_once("q", b"a1", token="a1", for_s=300, group="a")).is_new
    assert await queues.purge("q", tokens=True) == 0
    assert (await queues.put_once("q", b"a1", token="a1", for_s=300, group="a")).is_new


async def test_old_messages_expire(queues: Queues, clock: FakeClock) -> None:
    await queues.put("q", b"leased")
    await queues.put("q", b"old")
    (lease,) = await queues.lease("q", limit=1, for_s=300)
    clock.advance(60)
    await queues.put("q", b"young")
    assert await queues.expire("q", before=clock.now() - 30) == 2
    assert await queues.ack(lease.receipt) == 0
    assert [each.body for each in await queues.lease("q", limit=9, for_s=30)] == [b"young"]


async def test_released_messages_are_visible_at_once_and_delayed_ones_wait_on(queues: Queues, clock: FakeClock) -> None:
    for queue in "a/1", "a/2", "b/1":
        await queues.put(queue, b"m")
    leases = [(await queues.lease(queue, limit=1, for_s=300))[0] for queue in ("a/1", "a/2", "b/1")]
    await queues.put("a/1", b"delayed", not_before=clock.now() + 300)
    heard: list[str] = []
    end = queues.watch(heard.append)
    assert await queues.release("a/") == 2
    end()
    assert heard == ["a/1", "a/2"]
    assert await queues.ack(leases[0].receipt) == 0
    assert [each.attempts for each in await queues.lease("a/1", limit=9, for_s=30)] == [2]
    assert list(await queues.lease("b/1", limit=9, for_s=30)) == []


async def test_counts_tell_visible_leased_and_delayed_messages_apart(queues: Queues, clock: FakeClock) -> None:
    for n in range(4):
        await queues.put("q", b"%d" % n)
    await queues.put("q", b"delayed", not_before=clock.now() + 60)
    leases = await queues.lease("q", limit=3, for_s=30)
    await queues.give_back(leases[0].receipt, delay_s=60)
    assert await queues.counts("q") == (1, 2, 2)
    clock.advance(30)
    assert await queues.counts("q") == (3, 0, 2)
    assert await queues.counts("none") == (0, 0, 0)


async def test_queues_that_hold_something_are_named(queues: Queues) -> None:
    for queue in "b/2", "a/1", "b/1", "b/1", "c":
        await queues.put(queue, b"m")
    assert list(await queues.names("b/")) == ["b/1", "b/2"]
    assert list(await queues.names("")) == ["a/1", "b/1", "b/2", "c"]
    (lease,) = await queues.lease("b/2", limit=1, for_s=30)
    await queues.ack(lease.receipt)
    assert list(await queues.names("b/")) == ["b/1"]
    assert list(await queues.names("d")) == []


async def test_what_is_due_later_is_told(queues: Queues, clock: FakeClock) -> None:
    now = clock.now()
    await queues.put("q", b"visible")
    await queues.put("q", b"delayed", not_before=now + 60)
    assert await queues.next_due("q", after=now) == now + 60
    assert await queues.next_due("q", after=now + 60) is None


async def test_what_has_become_of_a_lease_is_told(queues: Queues, clock: FakeClock) -> None:
    (sequence,) = await put_in_order(queues, "a1")
    (first,) = await queues.lease("q", limit=1, for_s=30)
    assert await queues.hold(first.receipt) == (True, first.until, sequence)
    clock.advance(31)
    assert await queues.hold(first.receipt) == (True, first.until, sequence)
    (second,) = await queues.lease("q", limit=1, for_s=30)
    assert await queues.hold(first.receipt) == (False, second.until, sequence)
    await queues.ack(second.receipt)
    assert await queues.hold(second.receipt) is None
    assert await queues.hold("none") is None
