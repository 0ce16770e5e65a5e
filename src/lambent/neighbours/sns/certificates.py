"""Where the certificate is served that messages are signed with. Whoever asks for it need not load the service."""

from __future__ import annotations

import hashlib

import orjson

from lambent.neighbours.sns.names import ROOT
from lambent.store.base import Records

PATH = "/_lambent/sns/"
"""The certificate is below it."""
KEY = f"{ROOT}signing"
"""Of the record that has it, and its private key."""


async def certificate(records: Records, path: str) -> bytes | None:
    """The certificate that is served at a path below PATH, as PEM; None when there is none."""
    record = await records.get(KEY)
    if record is None:
        return None
    text: str = orjson.loads(record.value)["certificate"]
    return text.encode() if certificate_path(text) == path else None


def certificate_path(text: str) -> str:
    """Where a certificate is served: AWS's name for it, with its digest."""
    return f"{PATH}SimpleNotificationService-{hashlib.sha256(text.encode()).hexdigest()[:32]}.pem"
