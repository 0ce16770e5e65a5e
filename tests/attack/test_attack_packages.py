"""Hostile packages: what a zip may try when it is unpacked, with and without the check that stops it."""

from __future__ import annotations

import contextlib
import io
import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lambent.core import limits
from lambent.invoke import package

FILE = stat.S_IFREG | 0o644
LINK = stat.S_IFLNK | 0o777


def packed(*entries: tuple[str, bytes | str, int]) -> bytes:
    """A zip of (name, content, st_mode) entries."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return out.getvalue()


def twice(*entries: tuple[str, bytes | str, int]) -> bytes:
    """A zip that has a name twice, which zipfile warns of."""
    with warnings.catch_warnings(action="ignore"):
        return packed(*entries)


def any_entry(info: zipfile.ZipInfo) -> Any:
    """Instead of the check of names and kinds: none."""
    return package._Entry(info, info.filename, info.external_attr >> 16)


def links_at_once(self: Any, entry: Any) -> None:
    """Instead of making links last: now, in the order of the package."""
    if entry.is_link:
        Path(self._host(entry.path)).symlink_to(self._archive.read(entry.info).decode())
    else:
        real_add(self, entry)


real_add = package._Writer.add


def follow(self: Any, entry: Any) -> None:
    """Instead of making files anew: written to whatever is there."""
    Path(self._host(entry.path)).write_bytes(self._archive.read(entry.info))


def nowhere(self: Any, path: str) -> None:
    """Instead of looking where a link leads."""


def no_sizes(infos: list[zipfile.ZipInfo]) -> list[Any]:
    """Instead of adding up what the package says."""
    return [package._entry(info) for info in infos]


def names_off(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(package, "_entry", any_entry)
    patch.setattr(package._Writer, "_folder", lambda self, path, mode: None)


def targets_off(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(package._Writer, "_refuse_outward", nowhere)


def order_off(patch: pytest.MonkeyPatch) -> None:
    """Three layers: links are made last, a file replaces what is there, and where links lead is looked at."""
    patch.setattr(package._Writer, "add", links_at_once)
    patch.setattr(package._Writer, "_file", follow)
    targets_off(patch)


def sizes_off(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(package, "_check", no_sizes)


Gain = Callable[[Path], bool]


@pytest.mark.parametrize("protected", [True, False], ids=["protected", "unprotected"])
@pytest.mark.parametrize(
    ("data", "gain", "off"),
    [
        pytest.param(
            packed(("../escaped", "x", FILE)), lambda here: (here / "escaped").exists(), names_off, id="climbing name"
        ),
        pytest.param(
            packed(("look", "../secret", LINK)),
            lambda here: (here / "into/look").read_text() == "secret",
            targets_off,
            id="link that leads outside",
        ),
        pytest.param(
            packed(("a", "..", LINK), ("b", "a/secret", LINK)),
            lambda here: (here / "into/b").read_text() == "secret",
            targets_off,
            id="link through a link",
        ),
        pytest.param(
            twice(("door", "../secret", LINK), ("door", "changed", FILE)),
            lambda here: (here / "secret").read_text() == "changed",
            order_off,
            id="writing through a link",
        ),
        pytest.param(
            packed(("bomb", b"\0" * 8_000_000, FILE)),
            lambda here: (here / "into/bomb").stat().st_size > 4_000_000,
            sizes_off,
            id="bomb",
        ),
        pytest.param(
            packed(*((f"f{n}", "", FILE) for n in range(600))),
            lambda here: len(list((here / "into").iterdir())) > 500,
            sizes_off,
            id="bomb of files",
        ),
    ],
)
def test_a_package_gains_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, gain: Gain, off: Any, protected: bool
) -> None:
    monkeypatch.setattr(limits, "UNZIPPED", 4_000_000)
    monkeypatch.setattr(limits, "ZIP_ENTRIES", 500)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "into").mkdir()
    if not protected:
        off(monkeypatch)
        package.unpack(data, tmp_path / "into")
        assert gain(tmp_path)
        return
    with contextlib.suppress(package.BadPackage):  # else the last entry of a name counts, and it is the package's own
        package.unpack(data, tmp_path / "into")
    assert not (tmp_path / "escaped").exists()
    assert (tmp_path / "secret").read_text() == "secret"
    assert not (tmp_path / "into/bomb").exists()
