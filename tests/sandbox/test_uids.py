"""User ids for sandboxes."""

from __future__ import annotations

import pytest

from lambent.sandbox.base import IsolationUndecided
from lambent.sandbox.namespaces.uids import SLOTS, candidates, claim

WHOLE = "         0          0 4294967295\n"
CONTAINER = "         0     100000      65536\n"


def test_a_whole_machine_gives_ids_above_those_that_others_hand_out():
    ranges = list(candidates(WHOLE))
    assert len(ranges) == len(set(ranges)) >= 8
    assert all(first >= 1_879_048_192 and first + SLOTS <= 2_147_352_576 for first in ranges)


def test_a_container_gives_from_the_top_of_what_it_has():
    ranges = list(candidates(CONTAINER))
    assert ranges[0] + SLOTS == 65536
    assert min(ranges) >= 10_000


def test_one_id_is_too_few():
    assert list(candidates("0 1000 1\n")) == []


def test_two_servers_claim_different_ranges_and_one_that_ended_gives_its_back(tmp_path):
    one, other = claim(tmp_path, WHOLE), claim(tmp_path, WHOLE)
    first, second = one.take(), other.take()
    assert abs(first - second) >= SLOTS
    one.close()
    again = claim(tmp_path, WHOLE)
    assert again.take() == first
    other.close()
    again.close()


def test_an_id_comes_back_into_use_as_late_as_possible(tmp_path):
    ids = claim(tmp_path, WHOLE)
    first = ids.take()
    ids.give_back(first)
    assert [ids.take() for _ in range(SLOTS)].index(first) == SLOTS - 1
    with pytest.raises(IndexError):
        ids.take()
    ids.close()


def test_when_every_range_is_taken_that_is_an_error(tmp_path):
    claims = [claim(tmp_path, CONTAINER) for _ in candidates(CONTAINER)]
    with pytest.raises(IsolationUndecided, match=f"all {len(claims)} ranges"):
        claim(tmp_path, CONTAINER)
    for each in claims:
        each.close()


def test_where_users_are_few_there_is_no_range_at_all(tmp_path):
    with pytest.raises(OSError, match="too few"):
        claim(tmp_path, "0 1000 1\n")
