"""Sessions: what is in a token comes out of it again, for the right key, until its time is over."""

from __future__ import annotations

import base64
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.kit.clock import FakeClock
from lambent.kit.seal import Seal
from lambent.neighbours.sts.sessions import Session, Sessions, role_session
from lambent.wire.errors import ExpiredToken

NOW = 1_700_000_000
ROLE = "arn:aws:iam::000000000000:role/deep/runner"
SEAL = Seal(bytes(range(32)))


def sessions(seal: Seal = SEAL) -> Sessions:
    return Sessions(seal, FakeClock(NOW))


@given(
    st.builds(
        Session,
        account=st.integers(0, 10**12 - 1).map(lambda n: f"{n:012d}"),
        arn=st.text(st.characters(codec="utf-8"), max_size=20),
        user_id=st.text("ABC:", max_size=20),
        issued=st.just(NOW),
        expires=st.integers(NOW + 1, NOW + 100_000),
        role=st.none() | st.just(ROLE),
        is_root=st.booleans(),
        policy=st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=50),
        policy_arns=st.lists(st.text("abc", max_size=5), max_size=2),
        tags=st.dictionaries(st.text("ab", max_size=3), st.text("ab", max_size=3), max_size=2),
        transitive=st.lists(st.text("ab", max_size=3), max_size=2),
        source_identity=st.none() | st.just("ada"),
    )
)
def test_another_node_with_the_same_master_key_finds_the_whole_session(session: Session) -> None:
    issued = sessions().issue(session)
    elsewhere = sessions()
    key = elsewhere.find(issued.access_key, issued.token, NOW)
    found = elsewhere.session(issued.access_key, issued.token)
    assert key is not None
    assert found is not None
    assert key.secret == issued.secret
    assert (key.principal.account, key.principal.arn, key.principal.is_root) == (
        session.account,
        session.arn,
        session.is_root,
    )
    assert key.principal.session_token == issued.token
    assert found.policy == session.policy
    assert (found.role, list(found.policy_arns), found.tags) == (session.role, session.policy_arns, session.tags)
    assert (list(found.transitive), found.source_identity) == (session.transitive, session.source_identity)


def test_a_token_is_worth_nothing_with_another_key_or_another_master_key() -> None:
    ours = sessions()
    one = ours.issue_for_function(ROLE, "AROAONE", "thumbs")
    two = ours.issue_for_function(ROLE, "AROAONE", "thumbs")
    assert ours.find(one.access_key, two.token, NOW) is None
    assert ours.find(one.access_key, None, NOW) is None
    assert sessions(Seal(secrets.token_bytes(32))).find(one.access_key, one.token, NOW) is None


def test_every_changed_byte_of_a_token_is_noticed() -> None:
    ours = sessions()
    issued = ours.issue_for_function(ROLE, "AROAONE", "thumbs")
    token = bytearray(base64.b64decode(issued.token))
    for at in range(len(token)):
        token[at] ^= 1
        assert ours.find(issued.access_key, base64.b64encode(token).decode(), NOW) is None
        token[at] ^= 1
    assert ours.find(issued.access_key, base64.b64encode(token).decode(), NOW) is not None


@pytest.mark.parametrize("token", ["", "x", "====", "ä", "AAAA", "A" * 100_000])
def test_what_is_no_token_is_found_to_be_none(token: str) -> None:
    assert sessions().find("ASIAQAAAAAAAAAAAAAAA", token, NOW) is None


def test_an_expired_session_says_so_also_when_it_was_found_before() -> None:
    ours = sessions()
    issued = ours.issue_for_function(ROLE, "AROAONE", "thumbs", duration_s=900)
    assert ours.find(issued.access_key, issued.token, NOW + 899) is not None
    with pytest.raises(ExpiredToken) as raised:
        ours.find(issued.access_key, issued.token, NOW + 900)
    assert raised.value.message == "The security token included in the request is expired"


def test_two_sessions_share_nothing() -> None:
    issued = [sessions().issue_for_function(ROLE, "AROAONE", "thumbs") for _ in range(100)]
    assert len({i.access_key for i in issued}) == len({i.secret for i in issued}) == 100
    assert all(len(i.secret) == 40 for i in issued)


def test_an_ordinary_token_is_short() -> None:
    issued = sessions().issue_for_function(ROLE, "AROA" + "A" * 17, "thumbs")
    assert len(issued.token) < 400


def test_a_session_forgets_the_path_of_its_role_and_the_principal_too() -> None:
    session = role_session(ROLE, "AROAONE", "thumbs", NOW, 60)
    assert session.arn == "arn:aws:sts::000000000000:assumed-role/runner/thumbs"
    assert (session.user_id, session.role) == ("AROAONE:thumbs", ROLE)
    with pytest.raises(ValueError, match="not a role"):
        role_session("arn:aws:iam::000000000000:user/x", "AROAONE", "thumbs", NOW, 60)


def test_more_sessions_than_are_remembered_are_all_found() -> None:
    ours = sessions()
    issued = [ours.issue_for_function(ROLE, "AROAONE", "thumbs") for _ in range(5000)]
    assert all(ours.find(i.access_key, i.token, NOW) is not None for i in issued)
    assert ours.find(issued[0].access_key, issued[0].token, NOW) is not None
