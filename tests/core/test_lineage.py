"""Loops are counted in the trace header."""

from __future__ import annotations

import re

import pytest

from lambent.core.arn import FunctionRef
from lambent.core.lineage import MOST_RUNS, descended, is_loop

ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


def ref(
    name: str, account: str = "000000000000", region: str = "us-east-1", qualifier: str | None = None
) -> FunctionRef:
    return FunctionRef(account, region, name, qualifier)


def chain(*names: str, trace: str = ROOT) -> str:
    for name in names:
        trace = descended(trace, ref(name))
    return trace


def test_the_first_run_begins_a_lineage_behind_what_the_caller_sent() -> None:
    trace = chain("f")
    assert trace.startswith(ROOT + ";Lineage=1:")
    assert re.fullmatch(r"1:[0-9a-f]{8}:0", trace.partition("Lineage=")[2])


def test_every_run_is_counted_for_its_function() -> None:
    counts = chain("f", "g", "f", "f").partition("Lineage=")[2]
    assert re.fullmatch(r"4:[0-9a-f]{8}:0\|[0-9a-f]{8}:2", counts)


def test_the_seventeenth_run_of_a_function_is_one_too_many() -> None:
    trace = ROOT
    verdicts = []
    for _ in range(MOST_RUNS + 2):
        trace = descended(trace, ref("f"))
        verdicts.append(is_loop(trace, ref("f")))
    assert verdicts == [False] * 16 + [True, True]


def test_functions_that_take_turns_are_counted_each() -> None:
    trace = chain(*["f", "g"] * 16)
    assert not is_loop(trace, ref("f"))
    assert not is_loop(trace, ref("g"))
    assert is_loop(descended(trace, ref("f")), ref("f"))
    assert not is_loop(descended(trace, ref("h")), ref("h"))


def test_a_function_is_the_same_by_any_qualifier_and_another_in_another_place() -> None:
    trace = chain(*["f"] * 17)
    assert is_loop(trace, ref("f", qualifier="live"))
    assert not is_loop(trace, ref("f", region="eu-west-1"))
    assert not is_loop(trace, ref("f", account="111111111111"))


def test_a_long_chain_of_different_functions_keeps_a_short_header() -> None:
    trace = chain(*(f"f{n}" for n in range(500)))
    assert len(trace) < 600
    assert descended(trace, ref("f499")).endswith(":1")


@pytest.mark.parametrize(
    "sent",
    [
        "Lineage=",
        "Lineage=x",
        "Lineage=1:zzzzzzzz:0",
        "Lineage=99999999999:aaaaaaaa:1",
        "Lineage=" + "1:" * 100_000,
        "Lineage=" + "|".join(["aaaaaaaa:1"] * 10_000),
        "Root=Lineage=",
        ";;;",
    ],
)
def test_what_is_no_lineage_counts_nothing_and_is_replaced(sent: str) -> None:
    trace = descended(sent, ref("f"))
    assert not is_loop(trace, ref("f"))
    assert re.search(r"Lineage=1:[0-9a-f]{8}:0$", trace)


def test_the_older_spelling_is_understood() -> None:
    name = chain("f").rpartition("Lineage=1:")[2].partition(":")[0]
    trace = descended(f"Root=1-a;Lineage=a87bd80c:1,{name}:15", ref("f"))
    assert is_loop(trace, ref("f"))


def test_a_header_without_a_trace_becomes_one() -> None:
    assert re.fullmatch(r"Lineage=1:[0-9a-f]{8}:0", descended("", ref("f")))
