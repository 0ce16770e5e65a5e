"""Access key ids: the account in them is read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.core.accesskey import ENTROPY_BYTES, LONG_TERM, TEMPORARY, access_key_id, account_of


@given(
    st.sampled_from([LONG_TERM, TEMPORARY]),
    st.integers(0, 10**12 - 1).map(lambda n: f"{n:012d}"),
    st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES),
)
def test_an_id_tells_its_account(prefix: str, account: str, entropy: bytes) -> None:
    made = access_key_id(prefix, account, entropy)
    assert len(made) == 20
    assert made.startswith(prefix)
    assert account_of(made) == account


def test_chance_makes_another_id() -> None:
    assert access_key_id(LONG_TERM, "000000000000", b"\0\0\0\0\1") != access_key_id(LONG_TERM, "000000000000", bytes(5))


@pytest.mark.parametrize(
    "text", ["", "test", "AKIAIOSFODNN7EXAMPLE", "AKIAI" + "A" * 15, "AROAQAAAAAAAAAAAAAAA", "AKIA" + "7" * 16]
)
def test_what_is_no_such_id_has_no_account(text: str) -> None:
    assert account_of(text) is None


def test_an_id_in_the_form_of_aws_is_read() -> None:
    assert account_of("ASIAQNZGKIQY56JQ7WML") == "029608264753"
