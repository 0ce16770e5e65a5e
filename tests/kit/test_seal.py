"""Sealing: what was sealed comes back, and nothing else does; and the file with the key."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from lambent.kit.seal import MasterKeyUnusable, Seal, SealBroken

MASTER = bytes(range(32))


@given(plaintext=st.binary(max_size=200), context=st.text(max_size=20))
def test_what_was_sealed_comes_back(plaintext: bytes, context: str) -> None:
    seal = Seal(MASTER)
    sealed = seal.seal(plaintext, context)
    assert len(sealed) == len(plaintext) + 29
    assert seal.unseal(sealed, context) == plaintext
    assert Seal(MASTER).unseal(sealed, context) == plaintext


def test_the_same_text_is_sealed_differently_each_time() -> None:
    seal = Seal(MASTER)
    assert len({seal.seal(b"secret", "c") for _ in range(100)}) == 100


def test_a_seal_is_good_for_its_own_context_only() -> None:
    seal = Seal(MASTER)
    with pytest.raises(SealBroken):
        seal.unseal(seal.seal(b"secret", "user/alice"), "user/bob")


def test_a_seal_is_good_for_its_own_key_only() -> None:
    with pytest.raises(SealBroken):
        Seal(bytes(32)).unseal(Seal(MASTER).seal(b"secret", "c"), "c")


def test_a_change_of_any_bit_breaks_the_seal() -> None:
    seal = Seal(MASTER)
    sealed = seal.seal(b"s", "c")
    for at in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[at] ^= 1 << bit
            with pytest.raises(SealBroken):
                seal.unseal(bytes(changed), "c")


def test_any_shortening_breaks_the_seal() -> None:
    seal = Seal(MASTER)
    sealed = seal.seal(b"secret", "c")
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            seal.unseal(sealed[:length], "c")
    with pytest.raises(SealBroken):
        seal.unseal(sealed + b"\x00", "c")


def test_derived_keys_are_those_of_hkdf() -> None:
    expected = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"session tokens").derive(MASTER)
    assert Seal(MASTER).derive("session tokens") == expected


def test_derived_keys_differ_by_label_and_master() -> None:
    keys = {Seal(master).derive(label) for master in (MASTER, bytes(32)) for label in ("a", "b", "")}
    assert len(keys) == 6
    assert Seal(MASTER).derive("a") in keys


def test_a_master_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Seal(b"short")


def test_the_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    sealed = Seal.open_or_create(path).seal(b"secret", "c")
    assert path.stat().st_mode & 0o777 == 0o600
    assert Seal.open_or_create(path).unseal(sealed, "c") == b"secret"
    assert os.listdir(tmp_path) == ["master.key"]


def test_every_new_key_is_another_one(tmp_path: Path) -> None:
    keys = {Seal.open_or_create(tmp_path / str(n)).derive("x") for n in range(10)}
    assert len(keys) == 10


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_file_that_others_may_use_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    Seal.open_or_create(path)
    path.chmod(mode)
    with pytest.raises(MasterKeyUnusable, match=f"mode 0{mode:o}.*chmod 600 {path}"):
        Seal.open_or_create(path)


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_damaged_key_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(MasterKeyUnusable, match="damaged"):
        Seal.open_or_create(path)
    assert path.read_bytes() == content


def test_a_key_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyUnusable, match="No such file or directory"):
        Seal.open_or_create(tmp_path / "nowhere" / "master.key")
    with pytest.raises(MasterKeyUnusable, match="not a file"):
        Seal.open_or_create(tmp_path)


def test_a_start_that_unseals_nothing_does_not_load_the_library(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from lambent.kit.seal import Seal;"
        "Seal.open_or_create(Path(sys.argv[1])).derive('x'); print('cryptography' in sys.modules)"
    )
    argv = [sys.executable, "-c", program, str(tmp_path / "master.key")]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip() == "False"
