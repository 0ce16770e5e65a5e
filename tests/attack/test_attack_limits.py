"""Hostile functions take more than their share: processes, memory, disk, descriptors, time, room in the log."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.root

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js on this machine")
MB = 1 << 20


@pytest.mark.protected_by("processes")
def test_a_fork_bomb_ends_at_the_limit(lab):
    lab.judge(lab.native("fork_bomb", 1100))
    assert not lab.python("import subprocess; subprocess.check_call('true')").lost, "others go on"


@pytest.mark.protected_by("processes")
def test_a_bomb_of_threads_ends_at_the_limit(lab):
    code = """
import threading
threading.stack_size(65536)
stop, started = threading.Event(), []
try:
    for n in range(1100):
        started.append(threading.Thread(target=stop.wait))
        started[-1].start()
    won = len(started)
finally:
    stop.set()
"""
    lab.judge(lab.python(code))


@needs_node
@pytest.mark.protected_by("memory")
def test_a_bomb_of_memory_ends_its_own_invocation(lab):
    code = "const hoard = []; for (let n = 0; n < 30; n++) hoard.push(Buffer.alloc(10 << 20, 1)); return hoard.length"
    lab.judge(lab.run("node", {"code": code}, memory=192))
    assert not lab.python("won = None").lost, "others go on"


@pytest.mark.protected_by("memory")
@pytest.mark.parametrize(("attack", "megabytes"), [("memory_of_children", 60), ("memfd", 300)])
def test_memory_counts_wherever_it_lies(lab, attack, megabytes):
    lab.judge(lab.run("native", {"attack": attack, "number": megabytes}, memory=192))


@pytest.mark.protected_by("tmp_size")
def test_no_more_fits_into_tmp_than_was_ordered(lab):
    code = """
import os
try:
    with open("/tmp/fill", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 600 << 20)
    won = os.path.getsize("/tmp/fill")
finally:
    os.unlink("/tmp/fill")
"""
    lab.judge(lab.python(code))


@needs_node
@pytest.mark.protected_by("open_files")
def test_descriptors_end_at_1024(lab):
    code = """
const fs = require('node:fs'), opened = [];
try { for (let n = 0; n < 1100; n++) opened.push(fs.openSync('/dev/null')); return opened.length; }
finally { opened.forEach(fd => fs.closeSync(fd)); }
"""
    lab.judge(lab.node(code))


@pytest.mark.protected_by("own_user")
def test_what_the_kernel_counts_by_user_cannot_be_taken_from_others(lab):
    """Here: instances of inotify, of which a user has a hundred or so."""
    assert lab.run("native", {"attack": "hoard_inotify"}, name="hoarder").won
    lab.judge(not lab.native("inotify"))


@pytest.mark.protected_by("frozen")
def test_nothing_is_computed_between_invocations(lab):
    begin = """
import threading, time
ticks = [time.monotonic()]
def tick():
    while True:
        ticks.append(time.monotonic())
        time.sleep(0.01)
threading.Thread(target=tick, daemon=True).start()
import builtins; builtins.ticks = ticks
"""
    assert not lab.run("python", {"code": begin}, name="busy").lost
    assert not lab.python("import time; time.sleep(1.5)").lost
    end = """
import time
now = len(ticks)
while len(ticks) == now:  # it may be quicker to awake than the thread that counts
    time.sleep(0.001)
won = max(b - a for a, b in zip(ticks, ticks[1:]))
"""
    pause = lab.run("python", {"code": end}, name="busy").won
    lab.judge(pause < 0.75)


@needs_node
@pytest.mark.protected_by("kill_all")
def test_a_process_in_the_background_does_not_survive_the_end_of_its_runtime(lab):
    leave = """
require('node:child_process').spawn('/bin/sleep', ['1000'], { detached: true, stdio: 'ignore' }).unref();
process.exit(3);
"""
    assert "exit status 3" in lab.run("node", {"code": leave}, name="breeder").lost
    look = """
const fs = require('node:fs');
return fs.readdirSync('/proc').filter(name => /^\\d+$/.test(name)).some(pid => {
  try { return fs.readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\\n'; } catch { return false; }
});
"""
    lab.judge(lab.run("node", {"code": look}, name="breeder"))


@pytest.mark.protected_by("record_size")
def test_a_log_record_that_never_ends_does_not_fill_the_servers_memory(lab):
    """A frame announces a terabyte, and follows it up as far as it gets."""
    code = """
import os, struct
os.write(4, struct.pack(">IIQ", 0xA55A0003, 0x7FFFFFFF, 0))
for n in range(12 * 16):
    os.write(4, b"x" * 65536)
"""
    before = resident(lab.pid)
    assert not lab.run("python", {"code": code}, name="talker").lost
    lab.judge(resident(lab.pid) - before > 8 * MB)
    lab.run("python", {"code": "import os; os._exit(1)"}, name="talker")


def test_the_pipe_of_the_output_cannot_be_enlarged(lab):
    """What it holds when an answer arrives is read in one turn. Without the filter the kernel may refuse it as well:
    the user who made the pipe has a budget of pages for all of his."""
    lab.judge(lab.python("import fcntl; won = fcntl.fcntl(1, 1031, 1 << 20)"))


@pytest.mark.parametrize(
    ("line", "megabytes"), [("x", 6), ("x" * 100 + "\n", 6), ("\n", 0.25), ("\xff\x00\x1b[2J\n", 1)]
)
def test_a_flood_of_output_is_taken_in_and_others_go_on(lab, line, megabytes):
    code = """
import os
block = (event["line"].encode("latin-1") * 65536)[:65536]
for n in range(int(16 * event["megabytes"])):
    os.write(1, block)
"""
    before = resident(lab.pid)
    assert not lab.run("python", {"code": code, "line": line, "megabytes": megabytes}, name="flooder").lost
    assert not lab.python("won = None").lost
    assert resident(lab.pid) - before < 200 * MB


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
