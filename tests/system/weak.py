"""Run a program as on a machine where nobody can make a namespace: `python weak.py PROGRAM ARGUMENT…`.

No right to administer the system, and a filter that refuses namespaces and mounts, as container engines install it.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys

from lambent.sandbox.namespaces import seccomp, syscalls

CAP_SYS_ADMIN = 21
PR_CAPBSET_DROP = 24

if os.geteuid() == 0:
    syscalls.load_filter(seccomp.sandbox_filter(platform.machine()))
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, ctypes.c_ulong(CAP_SYS_ADMIN), 0, 0, 0)
else:
    syscalls.no_new_privileges()
    syscalls.load_filter(seccomp.sandbox_filter(platform.machine()))
os.execvp(sys.argv[1], sys.argv[1:])
