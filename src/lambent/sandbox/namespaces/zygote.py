"""The process that sandboxes are forked from: one per template, inside the template's finished root.

Standard library only, Python 3.8 and later. For a Forked template this file is the program of the template's own
interpreter; otherwise the launcher calls `main` in a fork of itself. Either way it has an empty environment, a
control socket, no other descriptor and a single thread.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from lambent.sandbox.namespaces import agent, graft, syscalls

    Message = dict[str, Any]
else:
    # The files beside this one. Known to nobody afterwards: customers' modules may have any name.
    _folder = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, _folder)
    import agent
    import syscalls

    if __name__ == "__main__":
        import graft  # what it needs is this process's own

    sys.path.remove(_folder)
    for _name in ("agent", "syscalls", "graft"):
        sys.modules.pop(_name, None)

CONTROL = 3
"""The control socket's descriptor."""


def main(control: socket.socket, kind: type[agent.Agent] = agent.Agent) -> None:
    """Get ready, then fork a sandbox at each request until the server closes the socket. `kind` is its first process;
    if agents come from elsewhere, what is forked is the sandbox's program (graft.py).

    Returns in the children only, as the program of a sandbox, when that program has come to its end.
    """
    config, _ = syscalls.receive(control)
    if config is None:
        os._exit(0)
    if config.get("grafts"):
        kind = graft.Graft
    try:
        program = _preload(config["program"], covered=bool(kind.namespaces))
    except BaseException as error:  # whatever a template's module raises is for the server to read
        syscalls.send(control, {"failed": agent.described(error)})
        os._exit(1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.environ.clear()
    gc.collect()
    if program["kind"] == "forked":
        syscalls.gather_pages(map(id, gc.get_objects()))
    gc.freeze()
    syscalls.send(control, {"up": os.getpid()})
    _serve(control, config, program, kind).run()()


def _preload(program: Message, covered: bool) -> Message:
    """Import a Forked template's module; every other program is data for the agent. `covered`: this file's folder is
    a mount of the template's root."""
    if program["kind"] != "forked":
        return program
    if covered:
        syscalls.detach(os.path.dirname(os.path.abspath(__file__)))
    sys.path[:] = program["path"]
    module = _imported(program["module"])
    module.preload()
    if "_ssl" in sys.modules:
        sys.modules["_ssl"].RAND_status()  # sets OpenSSL up once, here and not in every fork
    return dict(program, module=module)


def _imported(path: str) -> ModuleType:
    # Not at the top: what starts programs that are no modules comes up in two thirds of the time without it.
    import importlib.machinery
    import importlib.util

    name = os.path.basename(path).rsplit(".", 1)[0]
    loader = importlib.machinery.SourceFileLoader(name, path)
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def _serve(control: socket.socket, config: Message, program: Message, kind: type[agent.Agent]) -> agent.Agent:
    """Fork at each request. Returns in the children: the agent to run."""
    while True:
        request, fds = syscalls.receive(control)
        if request is None:
            os._exit(0)
        stem = socket.socket(fileno=fds[0])
        try:
            kind.require_single_thread()
            pid = kind.fork(fds)
        except OSError as error:
            syscalls.send(stem, {"failed": agent.described(error)})
            pid = -1
        if pid == 0:
            control.close()
            return kind(stem, fds[1:], request, config, program)
        stem.close()
        for fd in fds[1:]:
            os.close(fd)


if __name__ == "__main__":
    main(socket.socket(fileno=CONTROL))
