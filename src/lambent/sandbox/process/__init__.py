"""Sandboxes where no namespace can be made: Landlock, seccomp, limits and sessions of their own. Start at driver.py.

The launcher, the zygotes and the protocol between them and the server are those of `sandbox/namespaces`; what differs
is here. The *server* (driver.py, box.py, places.py, fence.py, rooms.py) decides; fencing.py and zygote.py run
from these files alone, on the standard library.

A program here shares the machine with the host. It sees the host's paths, so what a template and an assignment show at
/var/task, /opt, /var/runtime, /var/lang and /tmp lies in a folder of the sandbox's own, its *room*, below the same
names; and the host's loopback, so each of its ports is one of the host's. `Sandbox.here` tells what became of each.
"""
