"""Sessions without storage: a token is what the session may claim, sealed with the master key and bound to its
access key. Whoever has the master key, after a restart or on another node, can say what a token is worth.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final

import orjson

from lambent.core.accesskey import ENTROPY_BYTES, TEMPORARY, access_key_id
from lambent.core.arn import RoleRef
from lambent.kit.clock import Clock
from lambent.kit.seal import Seal, SealBroken
from lambent.values import frozen
from lambent.wire.call import Principal
from lambent.wire.errors import ExpiredToken
from lambent.wire.sigv4 import Key

FUNCTION_SESSION_S: Final = 43_200
"""Twelve hours: longer than any execution environment lives."""

_FORM: Final = 1
_CACHED: Final = 4096


@frozen
class Session:
    """What a session's token says. Times in epoch seconds."""

    account: str
    arn: str
    user_id: str
    issued: int
    expires: int
    role: str | None = None
    """The ARN of the role that was assumed; None for a session of a user or root."""
    is_root: bool = False
    policy: str | None = None
    """The session policy, which limits what the role or user may do."""
    policy_arns: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive: Sequence[str] = ()
    """Keys of the tags that stay when another role is assumed with this session."""
    source_identity: str | None = None


@frozen
class Temporary:
    """Temporary credentials, as they are given out once."""

    access_key: str
    secret: str
    token: str
    expires: int


class Sessions:
    """Issues sessions and finds them again."""

    def __init__(self, seal: Seal, clock: Clock) -> None:
        self._seal = seal
        self._clock = clock
        self._mac_key = seal.derive("sts/secret/1")
        self._found: OrderedDict[tuple[str, str], tuple[Key, Session]] = OrderedDict()

    def issue(self, session: Session) -> Temporary:
        """Credentials for a session."""
        access_key = access_key_id(TEMPORARY, session.account, secrets.token_bytes(ENTROPY_BYTES))
        token = b64encode(self._seal.seal(_encode(session), _context(access_key))).decode()
        return Temporary(access_key, self._secret(access_key, token), token, session.expires)

    def issue_for_function(
        self, role: str, role_id: str, session_name: str, *, duration_s: int = FUNCTION_SESSION_S
    ) -> Temporary:
        """Credentials of an execution role, an ARN, for a function."""
        return self.issue(role_session(role, role_id, session_name, self._clock.now(), duration_s))

    def find(self, access_key: str, token: str | None, now: float) -> Key | None:
        """The secret and the principal of a session; None when the token is not ours or not of this access key.
        Raises ExpiredToken."""
        found = self._find(access_key, token)
        if found is None:
            return None
        key, session = found
        if now >= session.expires:
            raise ExpiredToken("The security token included in the request is expired")
        return key

    def session(self, access_key: str, token: str | None) -> Session | None:
        """What a token says, expired or not; None as with `find`."""
        found = self._find(access_key, token)
        return None if found is None else found[1]

    def _find(self, access_key: str, token: str | None) -> tuple[Key, Session] | None:
        if token is None:
            return None
        found = self._found.get((access_key, token))
        if found is not None:
            self._found.move_to_end((access_key, token))
            return found
        try:
            session = _decode(self._seal.unseal(b64decode(token, validate=True), _context(access_key)))
        except (SealBroken, ValueError):
            return None
        principal = Principal(session.account, session.arn, session.user_id, access_key, token, is_root=session.is_root)
        found = self._found[access_key, token] = (Key(self._secret(access_key, token), principal), session)
        if len(self._found) > _CACHED:
            self._found.popitem(last=False)
        return found

    def _secret(self, access_key: str, token: str) -> str:
        digest = hmac.digest(self._mac_key, f"{access_key}\n{token}".encode(), "sha256")
        return b64encode(digest[:30]).decode()


def role_session(role: str, role_id: str, name: str, now: float, duration_s: int) -> Session:
    """The session `name` of a role, an ARN; without a policy or tags. Raises ValueError when it is no role's ARN."""
    reference = RoleRef.parse(role)
    if reference is None:
        raise ValueError(f"not a role's ARN: {role}")
    return Session(
        account=reference.account,
        arn=f"arn:aws:sts::{reference.account}:assumed-role/{reference.name}/{name}",
        user_id=f"{role_id}:{name}",
        issued=int(now),
        expires=int(now) + duration_s,
        role=role,
    )


def _encode(session: Session) -> bytes:
    claims = [getattr(session, name) for name in Session.__dataclass_fields__]
    # Most sessions have nothing after their role; a token is sent with every request.
    while not claims[-1]:
        claims.pop()
    return orjson.dumps([_FORM, *claims])


def _decode(claims: bytes) -> Session:
    form, *values = orjson.loads(claims)
    if form != _FORM:
        raise ValueError("a token of a form that this version does not know")
    return Session(*values)


def _context(access_key: str) -> str:
    return f"sts/session/{access_key}"
