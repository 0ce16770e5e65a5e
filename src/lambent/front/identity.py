"""Who asks: a verified signature, or with --dev any well-formed one."""

from __future__ import annotations

import re

from lambent.kit.clock import Clock
from lambent.ports import Trust
from lambent.wire.call import Principal
from lambent.wire.canonical import hash_of
from lambent.wire.errors import MissingAuthenticationToken, UnrecognizedClient
from lambent.wire.message import Request
from lambent.wire.sigv4 import Identities, Signature, Verified, claimed_scope

_ACCOUNT = re.compile(r"\d{12}")


class Identity:
    """Finds out who signed a request, in two steps so that a large body is hashed in a thread between them."""

    def __init__(self, identities: Identities, trust: Trust, clock: Clock) -> None:
        self._identities = identities
        self._trust = trust
        self._clock = clock

    def verify(self, request: Request) -> Verified:
        """Both steps at once, for small bodies. Raises the ApiError of whatever is wrong with the signature."""
        if self._trust.dev and (trusted := self._trusted(request)) is not None:
            return trusted
        signature = self.claimed(request)
        return self.proven(signature, hash_of(request.body) if signature.wants_hash() else None)

    def trusted(self, request: Request) -> Verified | None:
        """With --dev, the caller that a request claims to be from, unless the key is one that we issued."""
        return self._trusted(request) if self._trust.dev else None

    def claimed(self, request: Request) -> Signature:
        """What the request claims. Raises MissingAuthenticationToken and the other refusals of malformed ones."""
        signature = Signature.parse(request)
        if signature is None:
            raise MissingAuthenticationToken("Missing Authentication Token")
        return signature

    def proven(self, signature: Signature, payload_hash: bytes | None) -> Verified:
        """The proof of a claim."""
        return signature.check(self._identities, self._clock.now(), payload_hash)

    def _trusted(self, request: Request) -> Verified | None:
        claim = claimed_scope(request.headers, request.query)
        if claim is None:
            return None
        access_key, region, service = claim
        token = request.headers.get(b"x-amz-security-token")
        if self._is_ours(access_key, token):
            return None
        account = access_key if _ACCOUNT.fullmatch(access_key) else self._trust.default_account
        principal = Principal(account, f"arn:aws:iam::{account}:root", account, access_key, is_root=True)
        return Verified(principal, region, service)

    def _is_ours(self, access_key: str, token: bytes | None) -> bool:
        """Whether the key is one of a user or session here: those are verified always."""
        text = None if token is None else token.decode("latin-1")
        try:
            return self._identities.find(access_key, text, self._clock.now()) is not None
        except UnrecognizedClient:
            return False
