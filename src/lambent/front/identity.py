"""Who asks: a verified signature, or with --dev any well-formed one."""

from __future__ import annotations

import re

from lambent.kit.clock import Clock
from lambent.ports import Trust
from lambent.wire import sigv2
from lambent.wire.call import Principal
from lambent.wire.canonical import hash_of, query_pairs
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

    def presigned(self, request: Request, bucket: bytes) -> Verified:
        """Who presigned a URL of S3 by signature version 2; `bucket`: the one in the host. Raises the ApiError of
        whatever is wrong with it."""
        region = self._trust.default_region
        if self._trust.dev:
            access_key = dict(query_pairs(request.query)).get(b"AWSAccessKeyId", b"").decode("latin-1")
            if not self._is_ours(access_key, None):
                return Verified(self._root(access_key), region, "s3")
        return sigv2.verify(request, bucket, self._identities, self._clock.now(), region)

    def _trusted(self, request: Request) -> Verified | None:
        claim = claimed_scope(request.headers, request.query)
        if claim is None:
            return None
        access_key, region, service = claim
        token = request.headers.get(b"x-amz-security-token")
        if self._is_ours(access_key, token):
            return None
        return Verified(self._root(access_key), region, service)

    def _root(self, access_key: str) -> Principal:
        """Whom a key is trusted to be, with --dev."""
        account = access_key if _ACCOUNT.fullmatch(access_key) else self._trust.default_account
        return Principal(account, f"arn:aws:iam::{account}:root", account, access_key, is_root=True)

    def _is_ours(self, access_key: str, token: bytes | None) -> bool:
        """Whether the key is one of a user or session here: those are verified always."""
        text = None if token is None else token.decode("latin-1")
        try:
            return self._identities.find(access_key, text, self._clock.now()) is not None
        except UnrecognizedClient:
            return False
