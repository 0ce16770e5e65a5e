"""Prefixes as ranges."""

from __future__ import annotations

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from lambent.store.sqlite.ranges import lower_bound, upper_bound

# The ends of what can be encoded are where a successor may go wrong.
EDGES = st.sampled_from("ab/\x00\x7f\x80\ud7ff\ue000\uffff\U00010000\U0010fffe\U0010ffff")
TEXT = st.text(EDGES, max_size=4)


@given(key=TEXT, prefix=TEXT, after=TEXT)
def test_the_range_holds_what_starts_with_the_prefix_and_is_greater(key: str, prefix: str, after: str) -> None:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE t (key TEXT)")
        connection.execute("INSERT INTO t VALUES (?)", (key,))
        bounds = lower_bound(prefix, after), upper_bound(prefix)
        found = connection.execute("SELECT key FROM t WHERE key >= ? AND key < ?", bounds).fetchall()
    connection.close()
    assert bool(found) == (key.startswith(prefix) and key > after)
