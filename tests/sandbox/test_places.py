"""Where things are for a program without a root of its own."""

from __future__ import annotations

import pytest

from lambent.sandbox.process.places import Places

PLACES = Places("/r", {9001: 40001, 4566: 40002}, ["/node_modules"])


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("/var/task", "/r/var/task"),
        ("/var/task/app.py", "/r/var/task/app.py"),
        ("/var/lang/bin:/usr/bin:/bin:/opt/bin", "/r/var/lang/bin:/usr/bin:/bin:/r/opt/bin"),
        ("-Duser.dir=/var/task", "-Duser.dir=/r/var/task"),
        ('cd /var/runtime/lib && exec "$@"', 'cd /r/var/runtime/lib && exec "$@"'),
        ("/node_modules", "/r/node_modules"),
        ("127.0.0.1:9001", "127.0.0.1:40001"),
        ("http://127.0.0.1:4566", "http://127.0.0.1:40002"),
        ("http://127.0.0.1:4566/x", "http://127.0.0.1:40002/x"),
    ],
)
def test_what_leads_into_the_room_is_moved(text, moved):
    assert PLACES.here(text) == moved


@pytest.mark.parametrize(
    "text",
    [
        *("/usr/bin/python3", "/usr/opt", "/var/tasks", "/optional", "/var/task-2", "./opt", "x/var/task", "/tmp.d"),
        *("/proc/self/cwd/lambent.jar", "127.0.0.1:90010", "127.0.0.1:80", "1127.0.0.1:9001", "en_US.UTF-8", ":UTC"),
    ],
)
def test_what_only_looks_like_it_stays(text):
    assert PLACES.here(text) == text


def test_a_room_below_a_folder_of_the_same_name_is_no_trap():
    assert Places("/tmp/data/s1", {}).here("/tmp:/opt") == "/tmp/data/s1/tmp:/tmp/data/s1/opt"


def test_a_place_of_the_hosts_is_not_inside():
    assert PLACES.inside("/var/task") == "/r/var/task"
    assert PLACES.inside("/usr/lib") is None
    assert PLACES.inside("/no/such/place") is None
