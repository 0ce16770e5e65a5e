"""The key that messages are signed with, and its certificate, which is served under a path of our own.

Both are made when the first message is signed, and kept: the key sealed, as all secrets are.
"""

from __future__ import annotations

import base64
import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import orjson

from lambent.kit.seal import Seal
from lambent.kit.tasks import Tasks
from lambent.neighbours.sns.certificates import KEY, certificate_path
from lambent.neighbours.sns.envelope import Signature
from lambent.store.base import ABSENT, Put, Record, Records, RevisionMismatch

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_CONTEXT = "sns/signing"
_BITS = 2048
_YEARS = 30


class Signer:
    """Signs with the key in the store."""

    def __init__(self, records: Records, seal: Seal, tasks: Tasks) -> None:
        self._records = records
        self._seal = seal
        self._tasks = tasks
        self._held: tuple[str, bytes] | None = None
        """(the certificate's path, the private key as PEM)"""

    async def certificate_path(self) -> str:
        """Where the certificate is served."""
        return (await self._pair())[0]

    async def sign(self, text: bytes, version: str) -> Signature:
        """The signature of a text: version 1 is over SHA-1, version 2 over SHA-256."""
        _, key = await self._pair()
        return Signature(version, await self._tasks.in_thread(_signature, key, text, version))

    async def _pair(self) -> tuple[str, bytes]:
        if self._held is None:
            record = await self._records.get(KEY) or await self._made()
            stored = orjson.loads(record.value)
            key = self._seal.unseal(base64.b64decode(stored["key"]), _CONTEXT)
            self._held = certificate_path(stored["certificate"]), key
        return self._held

    async def _made(self) -> Record:
        key, certificate = await self._tasks.in_thread(_new_pair)
        sealed = base64.b64encode(self._seal.seal(key, _CONTEXT)).decode()
        value = orjson.dumps({"certificate": certificate, "key": sealed})
        try:
            await self._records.write(Put(KEY, value, expect=ABSENT))
        except RevisionMismatch:
            pass  # Somebody was faster; then theirs is the key.
        record = await self._records.get(KEY)
        assert record is not None
        return record


# The library takes 20 to 40 ms to load, and most servers sign nothing: so it is imported where it is used.


@lru_cache(maxsize=1)
def _private_key(pem: bytes) -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem, password=None)
    assert isinstance(key, RSAPrivateKey)
    return key


@lru_cache(maxsize=16)  # the subscriptions of a topic mostly get the same, at about the same time
def _signature(pem: bytes, text: bytes, version: str) -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    digest = hashes.SHA256() if version == "2" else hashes.SHA1()
    return base64.b64encode(_private_key(pem).sign(text, PKCS1v15(), digest)).decode()


def _new_pair() -> tuple[bytes, str]:
    """(private key, certificate), both as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Lambent SNS")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * _YEARS))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem, made.public_bytes(Encoding.PEM).decode()
