"""A program forked into a sandbox that its agent has made: as the agent's child, though it comes from elsewhere.

Standard library only, Python 3.8 and later; runs in the zygote of a Forked template, which has much in memory. Agents
are forked from a small process instead, so that this memory is copied once for each sandbox, not twice.

Whoever enters a namespace of processes and forks stays the parent of what it forks: process 1 could neither wait for it
nor learn how it ended. But process 1 adopts what a process *in* the namespace leaves behind. So that is who forks the
program: a borrower of the zygote's memory, as after vfork(2), which ends right away. It forks by the C library's fork,
which every library notices. No Python may run in it, for that would overwrite the stack that the zygote returns on;
hence a few instructions of the machine's.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket as Socket

    from lambent.sandbox.namespaces import agent, syscalls
    from lambent.sandbox.namespaces.agent import Message
else:
    import agent
    import syscalls

_BORROWING = {
    "x86_64": (
        "53"  #             push rbx
        "4889fb"  #         mov  rbx, rdi: the address of fork
        "bf11410000"  #     mov  edi, CLONE_VM | CLONE_VFORK | SIGCHLD
        "31f6"  #           xor  esi, esi
        "31d2"  #           xor  edx, edx
        "4531d2"  #         xor  r10d, r10d
        "4531c0"  #         xor  r8d, r8d
        "b838000000"  #     mov  eax, 56 (clone)
        "0f05"  #           syscall
        "4885c0"  #         test rax, rax
        "750f"  #           jnz  out: the zygote, when the borrower has ended
        "ffd3"  #           call rbx: the borrower forks
        "85c0"  #           test eax, eax
        "7409"  #           jz   out: the program
        "31ff"  #           xor  edi, edi
        "b83c000000"  #     mov  eax, 60 (exit)
        "0f05"  #           syscall
        "5b"  #        out: pop  rbx
        "c3"  #             ret
    ),
    "aarch64": (
        "fd7bbea9"  #       stp  x29, x30, [sp, -32]!
        "fd030091"  #       mov  x29, sp
        "f30b00f9"  #       str  x19, [sp, 16]
        "f30300aa"  #       mov  x19, x0: the address of fork
        "202288d2"  #       mov  x0, CLONE_VM | CLONE_VFORK | SIGCHLD
        "010080d2"  #       mov  x1, 0
        "020080d2"  #       mov  x2, 0
        "030080d2"  #       mov  x3, 0
        "040080d2"  #       mov  x4, 0
        "881b80d2"  #       mov  x8, 220 (clone)
        "010000d4"  #       svc  0
        "c00000b5"  #       cbnz x0, out: the zygote, when the borrower has ended
        "60023fd6"  #       blr  x19: the borrower forks
        "80000034"  #       cbz  w0, out: the program
        "000080d2"  #       mov  x0, 0
        "a80b80d2"  #       mov  x8, 93 (exit)
        "010000d4"  #       svc  0
        "f30b40f9"  #  out: ldr  x19, [sp, 16]
        "fd7bc2a8"  #       ldp  x29, x30, [sp], 32
        "c0035fd6"  #       ret
    ),
}
"""By machine, a function of fork's address: clone a borrower, which forks. It returns its process id or minus an error
in the zygote, and 0 in the program."""

_WHICHEVER_IT_IS = 0


class Graft(agent.Agent):
    """The program of a sandbox whose agent asked for it (`Agent._ask_for_program`)."""

    def __init__(self, control: Socket, fds: list[int], request: Message, config: Message, program: Message) -> None:
        # The first is that of processes, which it was born in.
        self._user_namespace, *self._namespaces = fds[1 : len(agent.PARTS)]
        output, channel, records, self._told, *doors = fds[len(agent.PARTS) :]
        super().__init__(control, [channel, output, records, *doors], request, config, program)
        self._generation = request["generation"]

    @classmethod
    def fork(cls, fds: list[int]) -> int:
        return _fork_into(fds[1])

    def run(self) -> Callable[[], None]:
        """Become the sandbox's, then its program."""
        try:
            os.write(self._told, agent.PID.pack(os.getpid()))
            self._join_groups()
            for namespace in self._namespaces:
                syscalls.setns(namespace, _WHICHEVER_IT_IS)
            self._null = os.open("/dev/null", os.O_RDWR)
            self._become(self._request["uid"], self._request["gid"])
        except BaseException as error:  # its reader is the server, through the agent
            os.write(self._told, agent.described(error).encode())
            os._exit(127)
        return self._child(self._channel, self._told)

    def _enter_user_namespace(self) -> None:
        syscalls.setns(self._user_namespace, syscalls.NEWUSER)


def _fork_into(processes: int) -> int:
    """fork(2) as a child of process 1 of this namespace of processes. Returns 0 in the child; raises OSError.

    Whatever the caller forks next comes into that namespace, too: to go back, an ordinary user has no right.
    """
    forked_by_borrower, fork = _forking()
    syscalls.setns(processes, syscalls.NEWPID)
    ctypes.pythonapi.PyOS_BeforeFork()
    borrower = int(forked_by_borrower(fork))
    if borrower == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if borrower < 0:
        raise OSError(-borrower, "clone: " + os.strerror(-borrower))
    return borrower


@lru_cache(maxsize=None)  # noqa: UP033 - Python 3.8 has no cache
def _forking() -> tuple[Callable[[ctypes.c_void_p], int], ctypes.c_void_p]:
    """The function of _BORROWING, and its argument. Raises OSError."""
    address = _executable(bytes.fromhex(_BORROWING[os.uname().machine]))
    # PYFUNCTYPE keeps the interpreter's lock, as in syscalls.clone.
    fork = ctypes.cast(ctypes.CDLL(None).fork, ctypes.c_void_p)
    return ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(address), fork


def _executable(code: bytes) -> int:
    """The address of a copy of `code` that can be run and not be written. Raises OSError."""
    fd = os.memfd_create("lambent-graft")
    try:
        os.write(fd, code)
        return syscalls.map_file(fd, len(code), mmap.PROT_READ | mmap.PROT_EXEC)
    finally:
        os.close(fd)
