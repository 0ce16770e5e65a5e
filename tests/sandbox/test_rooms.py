"""The folders that stand for a root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lambent.sandbox.base import Bind, Deferred, Template
from lambent.sandbox.process.places import Places
from lambent.sandbox.process.rooms import Rooms, give, place, reachable, remove_tree


@pytest.fixture
def rooms(tmp_path: Path) -> Rooms:
    rooms = Rooms(tmp_path / "rooms", own_users=False)
    rooms.open()
    return rooms


def made(rooms: Rooms, template: Template) -> tuple[Path, Places]:
    furniture = rooms.furnish(template)
    places = Places(str(rooms.home / "s1"), {}, furniture.also)
    rooms.make("s1", places, furniture)
    return rooms.home / "s1", places


def test_a_room_shows_what_its_template_binds_and_links(rooms, tmp_path):
    (tmp_path / "lang").mkdir()
    (tmp_path / "lang" / "tool").write_text("x")
    (tmp_path / "boot.py").write_text("y")
    binds = (Bind(tmp_path / "lang", "/var/lang"), Bind(tmp_path / "boot.py", "/var/runtime/boot.py"))
    room, _ = made(rooms, Template("t", Deferred(), binds, {"/node_modules": "/var/runtime/node_modules"}))
    assert (room / "var/lang/tool").read_text() == "x"
    assert (room / "var/runtime/boot.py").read_text() == "y"
    assert os.readlink(room / "node_modules") == f"{room}/var/runtime/node_modules"
    assert sorted(each.name for each in room.iterdir()) == ["node_modules", "opt", "tmp", "var"]


def test_nothing_is_made_inside_of_what_is_only_shown(rooms, tmp_path):
    (tmp_path / "lang" / "lib").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    binds = (Bind(tmp_path / "lang", "/var/lang"), Bind(tmp_path / "empty", "/var/lang/lib/site-packages"))
    made(rooms, Template("t", Deferred(), binds, {"/var/lang/bin/python": "/usr/bin/python3"}))
    assert sorted(each.name for each in (tmp_path / "lang").rglob("*")) == ["lib"]


def test_what_is_given_shares_its_content_with_where_it_came_from(rooms, tmp_path):
    code = tmp_path / "code"
    (code / "deep" / "er").mkdir(parents=True)
    (code / "deep" / "er" / "app.py").write_text("z")
    (code / "link").symlink_to("deep/er/app.py")
    room, places = made(rooms, Template("t", Deferred(), ()))
    give([Bind(code, "/var/task")], places)
    assert (room / "var/task/link").read_text() == "z"
    assert (room / "var/task/deep/er/app.py").samefile(code / "deep" / "er" / "app.py")


def test_there_is_no_place_but_those_that_every_sandbox_has(rooms, tmp_path):
    _, places = made(rooms, Template("t", Deferred(), ()))
    for inside in ("/no/such/place", "/usr/lib", "/var/task/deeper"):
        with pytest.raises(FileNotFoundError):
            give([Bind(tmp_path, inside)], places)


def test_where_links_are_refused_files_are_copied(tmp_path, monkeypatch):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text("z")

    def refused(*arguments: object, **named: object) -> None:
        raise OSError(18, "another file system")

    monkeypatch.setattr(os, "link", refused)
    place(tmp_path / "code", tmp_path / "copy")
    assert (tmp_path / "copy" / "app.py").read_text() == "z"


def test_a_copy_leaves_out_what_would_be_covered(tmp_path):
    for name in ("kept", "left"):
        (tmp_path / "code" / name).mkdir(parents=True)
        (tmp_path / "code" / name / "file").write_text("z")
    place(tmp_path / "code", tmp_path / "copy", {str(tmp_path / "code" / "left")})
    assert sorted(each.name for each in (tmp_path / "copy").rglob("*")) == ["file", "kept", "left"]


def test_a_folder_is_reachable_when_everybody_may_enter_those_above_it(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert not reachable(tmp_path / "a" / "b") or all(each.stat().st_mode & 1 for each in tmp_path.parents)
    assert reachable(Path("/usr/bin/env"))
    (tmp_path / "a").chmod(0o700)
    assert not reachable(tmp_path / "a" / "b")


def test_what_a_program_made_hard_to_remove_is_removed(tmp_path):
    top = tmp_path / "room"
    top.mkdir()
    home = os.open(".", os.O_RDONLY)
    try:
        os.chdir(top)
        for _ in range(1100):  # deeper than a path may be long, and than a walk may recurse
            os.mkdir("abcd")
            os.chdir("abcd")
    finally:
        os.fchdir(home)
        os.close(home)
    (top / "locked").mkdir()
    (top / "locked" / "file").touch()
    (top / "locked").chmod(0)
    remove_tree(top)
    assert not top.exists()
    remove_tree(top)


def test_what_a_dead_server_left_is_put_aside_and_swept(rooms):
    (rooms.home / "s1").mkdir()
    rooms.open()
    assert list(rooms.home.iterdir()) == []
    assert len(list(rooms.home.parent.iterdir())) == 2
    rooms.sweep()
    assert list(rooms.home.parent.iterdir()) == [rooms.home]
