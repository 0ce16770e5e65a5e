"""Layers over each other: what covers what, and that nothing leads out of the folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lambent.invoke.merging import merge


def layer(root: Path, name: str, files: dict[str, str], links: dict[str, str] | None = None) -> Path:
    folder = root / name
    folder.mkdir()
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    for path, target in (links or {}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).symlink_to(target)
    return folder


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "opt"
    folder.mkdir()
    return folder


def test_a_later_layer_covers_an_earlier_one_file_by_file(tmp_path: Path, into: Path) -> None:
    first = layer(tmp_path, "1", {"python/a.py": "first", "python/both.py": "first", "bin/tool": "x"})
    second = layer(tmp_path, "2", {"python/b.py": "second", "python/both.py": "second"})
    merge([first, second], into)
    texts = {str(path.relative_to(into)): path.read_text() for path in into.rglob("*") if path.is_file()}
    assert texts == {"python/a.py": "first", "python/both.py": "second", "python/b.py": "second", "bin/tool": "x"}
    assert (first / "python/both.py").read_text() == "first", "the layers are as they were"


def test_files_are_shared_with_the_layers_and_keep_their_permissions(tmp_path: Path, into: Path) -> None:
    source = layer(tmp_path, "1", {"bootstrap": "#!/bin/sh\n"})
    (source / "bootstrap").chmod(0o755)
    merge([source, layer(tmp_path, "2", {})], into)
    assert (into / "bootstrap").stat().st_ino == (source / "bootstrap").stat().st_ino
    assert os.access(into / "bootstrap", os.X_OK)


def test_where_there_are_no_links_files_are_copied(tmp_path: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError(31, "Too many links")

    source = layer(tmp_path, "1", {"bootstrap": "x"})
    (source / "bootstrap").chmod(0o755)
    monkeypatch.setattr("os.link", refuse)
    merge([source], into)
    assert (into / "bootstrap").read_text() == "x"
    assert os.access(into / "bootstrap", os.X_OK)


def test_a_file_covers_a_folder_and_a_folder_a_file(tmp_path: Path, into: Path) -> None:
    first = layer(tmp_path, "1", {"lib/a/b.txt": "deep", "share": "flat"})
    second = layer(tmp_path, "2", {"lib/a": "flat", "share/c.txt": "deep"})
    merge([first, second], into)
    assert (into / "lib/a").read_text() == "flat"
    assert (into / "share/c.txt").read_text() == "deep"


def test_nothing_is_written_through_a_link_of_an_earlier_layer(tmp_path: Path, into: Path) -> None:
    outside = layer(tmp_path, "outside", {"kept": "untouched"})
    first = layer(tmp_path, "1", {}, {"python": str(outside), "file": str(outside / "kept")})
    second = layer(tmp_path, "2", {"python/evil.py": "x", "file": "x"})
    merge([first, second], into)
    assert sorted(os.listdir(outside)) == ["kept"]
    assert (outside / "kept").read_text() == "untouched"
    assert (into / "python/evil.py").read_text() == "x"
    assert not (into / "python").is_symlink()


def test_links_stay_links(tmp_path: Path, into: Path) -> None:
    merge([layer(tmp_path, "1", {"lib/real.so.1": "x"}, {"lib/real.so": "real.so.1", "gone": "nowhere"})], into)
    assert os.readlink(into / "lib/real.so") == "real.so.1"
    assert os.readlink(into / "gone") == "nowhere"
