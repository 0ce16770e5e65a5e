"""Deployment packages are hostile: what may be in one, and that nothing is written outside its folder."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from pathlib import Path

import pytest

from lambent.core import limits
from lambent.invoke.package import EMPTY, TOO_LARGE, UNREADABLE, BadPackage, unpack


def packed(*entries: tuple[str, bytes | str, int]) -> bytes:
    """A zip of (name, content, st_mode) entries."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16 or 0x20
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return out.getvalue()


FILE = stat.S_IFREG | 0o644
LINK = stat.S_IFLNK | 0o777


def everything_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_files_keep_their_permissions_and_folders_are_made(tmp_path: Path) -> None:
    unpack(packed(("bin/run", "#!/bin/sh", stat.S_IFREG | 0o755), ("a/b/c.txt", "x", stat.S_IFREG | 0o640)), tmp_path)
    assert stat.S_IMODE((tmp_path / "bin/run").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "a/b/c.txt").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "a/b").stat().st_mode) == 0o755


def test_set_user_id_bits_are_not_kept(tmp_path: Path) -> None:
    unpack(packed(("su", "x", stat.S_IFREG | 0o6755)), tmp_path)
    assert stat.S_IMODE((tmp_path / "su").stat().st_mode) == 0o755


def test_an_entry_without_permissions_is_readable_by_all(tmp_path: Path) -> None:
    unpack(packed(("app.py", "x", 0)), tmp_path)
    assert stat.S_IMODE((tmp_path / "app.py").stat().st_mode) == 0o644


def test_links_inside_the_package_are_kept(tmp_path: Path) -> None:
    unpack(packed(("lib/real.so", "x", FILE), ("lib/link.so", "real.so", LINK), ("up", "lib/../lib", LINK)), tmp_path)
    assert os.readlink(tmp_path / "lib/link.so") == "real.so"
    assert (tmp_path / "up/real.so").read_text() == "x"


@pytest.mark.parametrize(
    "entries",
    [
        [("../evil", "x", FILE)],
        [("a/../../evil", "x", FILE)],
        [("/etc/evil", "x", FILE)],
        [("link", "/etc/passwd", LINK)],
        [("link", "../outside", LINK)],
        [("a/link", "../../outside", LINK)],
        [("a", "..", LINK)],
        [("s/y", "..", LINK), ("z", "s/y/../..", LINK)],
        [("d", "/tmp", LINK), ("d/evil", "x", FILE)],
        [("d", ".", LINK), ("d/evil", "x", FILE)],
        [("fifo", "", stat.S_IFIFO | 0o644)],
        [("null", "", stat.S_IFCHR | 0o666)],
        [("disk", "", stat.S_IFBLK | 0o666)],
        [("file", "x", FILE), ("file/under", "x", FILE)],
        [("n" * 300, "x", FILE)],
    ],
    ids=lambda entries: " ".join(str(e[0])[:20] for e in entries),
)
def test_what_climbs_out_or_contradicts_itself_is_refused(tmp_path: Path, entries: list[tuple[str, str, int]]) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(BadPackage, match="Could not unzip"):
        unpack(packed(*entries), inside)
    assert [path for path in everything_below(tmp_path) if not path.startswith("inside")] == []


def test_a_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    """Links are made last, so an entry behind a link's name meets no link; then the two contradict each other."""
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(BadPackage):
        unpack(packed(("l", "../victim", LINK), ("l", "overwritten", FILE), ("l", "../victim", LINK)), inside)
    assert victim.read_text() == "untouched"


@pytest.mark.parametrize("junk", [b"", b"PK", b"not a zip at all", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_zip_is_refused(tmp_path: Path, junk: bytes) -> None:
    with pytest.raises(BadPackage) as refused:
        unpack(junk, tmp_path)
    assert str(refused.value) == UNREADABLE


def test_an_empty_zip_is_refused_by_its_own_text(tmp_path: Path) -> None:
    with pytest.raises(BadPackage) as refused:
        unpack(packed(), tmp_path)
    assert str(refused.value) == EMPTY


def test_a_cut_off_zip_is_refused(tmp_path: Path) -> None:
    whole = packed(("app.py", os.urandom(4096), FILE))
    for cut in (10, len(whole) // 2, len(whole) - 5):
        with pytest.raises(BadPackage):
            unpack(whole[:cut], tmp_path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    whole = bytearray(packed(("app.py", os.urandom(4096), FILE)))
    whole[200] ^= 0xFF
    with pytest.raises(BadPackage):
        unpack(bytes(whole), tmp_path)


def test_a_bomb_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    bomb = packed(*((f"{n}.bin", bytes(64 * 1024 * 1024), FILE) for n in range(5)))
    assert len(bomb) < 1024 * 1024
    with pytest.raises(BadPackage) as refused:
        unpack(bomb, tmp_path)
    assert str(refused.value) == TOO_LARGE
    assert everything_below(tmp_path) == []


def test_a_bomb_that_lies_about_its_size_writes_no_more_than_it_says(tmp_path: Path) -> None:
    data = bytearray(packed(("zeros", bytes(10_000_000), FILE)))
    size = (10_000_000).to_bytes(4, "little")
    while (at := data.find(size)) >= 0:
        data[at : at + 4] = (1000).to_bytes(4, "little")
    with pytest.raises(BadPackage):
        unpack(bytes(data), tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*")) <= 1000


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    data = bytearray(packed(("app.py", "x", FILE)))
    central = data.find(b"PK\x01\x02")
    data[central + 8] |= 1
    with pytest.raises(BadPackage):
        unpack(bytes(data), tmp_path)


def test_the_last_of_two_entries_with_one_name_counts(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        data = packed(("app.py", "first", FILE), ("app.py", "second", FILE))
    unpack(data, tmp_path)
    assert (tmp_path / "app.py").read_text() == "second"


def test_too_many_entries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ZIP_ENTRIES", 3)
    with pytest.raises(BadPackage):
        unpack(packed(*((f"{n}", "x", FILE) for n in range(4))), tmp_path)
