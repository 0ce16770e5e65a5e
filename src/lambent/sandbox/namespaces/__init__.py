"""Sandboxes made of Linux namespaces, cgroups and seccomp. Start at driver.py.

Three programs live here. The *server* (driver.py, box.py, cgroup.py, seccomp.py, plan.py, uids.py) decides. The
*launcher* (launcher.py) is its one privileged helper. A *zygote* (zygote.py, agent.py) is made by the launcher for
each template and forked for each sandbox. The last two run from these files alone, on the standard library.
"""
