"""Sealing secrets with the master key: AES-256-GCM, with the place where a secret belongs as associated data.

Whoever copies the data directory without its key file reads no secret. Keys of other uses are derived, never shared.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES = 32
_VERSION = b"\x01"
_NONCE_BYTES = 12
_TAG_BYTES = 16


class SealBroken(Exception):
    """These bytes were not sealed with this key for this context, or not as they are now."""


class MasterKeyUnusable(Exception):
    """The key file is damaged, cannot be read or written, or others may read it. The message says which and why."""


class Seal:
    """Seals and unseals bytes. Under one master key up to 2^32 seals are safe, the bound of random nonces."""

    def __init__(self, master: bytes) -> None:
        """`master`: 32 random bytes."""
        if len(master) != _KEY_BYTES:
            raise ValueError(f"a master key has {_KEY_BYTES} bytes, not {len(master)}")
        # HKDF's first half (RFC 5869, no salt); `derive` is the second.
        self._root = hmac.digest(bytes(_KEY_BYTES), master, hashlib.sha256)

    @classmethod
    def open_or_create(cls, path: Path) -> Seal:
        """With the key in the file, which is made when there is none. Raises MasterKeyUnusable."""
        try:
            if not path.exists():
                _create(path)
            return cls(_read(path))
        except OSError as error:
            raise MasterKeyUnusable(f"{path}: {error.strerror}") from error

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Encrypt so that only `unseal` with the same context gives it back; 29 bytes longer than `plaintext`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plaintext, _VERSION + context.encode())

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """What was sealed. Raises SealBroken."""
        from cryptography.exceptions import InvalidTag  # Late, see `_cipher`.

        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] != _VERSION or len(ciphertext) < _TAG_BYTES:
            raise SealBroken("not a seal of a known version")
        try:
            return self._cipher.decrypt(nonce, ciphertext, _VERSION + context.encode())
        except InvalidTag:
            raise SealBroken(f"the seal of {context!r} is broken") from None

    def derive(self, label: str) -> bytes:
        """A key of 32 bytes for another use, the same for the same label for as long as the master key lives."""
        return hmac.digest(self._root, label.encode() + b"\x01", hashlib.sha256)

    @cached_property
    def _cipher(self) -> AESGCM:
        # Late: the library takes 20 to 40 ms to load, and most starts of the server unseal nothing.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self.derive("lambent/seal/1"))


def _create(path: Path) -> None:
    """Make the key file whole or not at all, and never over another one."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write(new, secrets.token_bytes(_KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            # Somebody may have been faster; then theirs is the key.
            os.link(new, path)
    finally:
        new.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(path: Path, key: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, key)
        os.fsync(fd)
    finally:
        os.close(fd)


def _read(path: Path) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise MasterKeyUnusable(f"{path}: not a file")
        if mode := status.st_mode & 0o077:
            raise MasterKeyUnusable(
                f"{path}: others may use the master key (mode {stat.S_IMODE(status.st_mode):04o}, "
                f"{mode:03o} too much); allow only its owner: chmod 600 {path}"
            )
        key = os.read(fd, _KEY_BYTES + 1)
    finally:
        os.close(fd)
    if len(key) != _KEY_BYTES:
        raise MasterKeyUnusable(f"{path}: damaged: a master key has {_KEY_BYTES} bytes. Restore it from a backup")
    return key
