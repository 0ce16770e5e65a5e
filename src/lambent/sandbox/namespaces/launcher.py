"""The server's one privileged helper: starts zygotes, and mounts into sandboxes that have given up that right.

Run as `python -I -S launcher.py` with an empty environment and its control socket as descriptor 0. A process of its
own because entering another mount namespace needs a single thread, and so that the server's memory, environment and
descriptors are in no ancestor of a sandbox. It does what it is told, in order, and decides nothing.
"""

from __future__ import annotations

import os
import signal
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lambent.sandbox.namespaces import agent, syscalls, zygote

    Message = dict[str, Any]
else:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import agent
    import syscalls
    import zygote

_FOREIGN_TREE = syscalls.ATTR_RDONLY | syscalls.ATTR_NOSUID | syscalls.ATTR_NODEV
_DEVICE = syscalls.ATTR_RDONLY | syscalls.ATTR_NOSUID | syscalls.ATTR_NOEXEC


def main() -> None:
    """Obey until the server closes the socket, then end what it left behind."""
    control = socket.socket(fileno=os.dup(0))
    config, groups = syscalls.receive(control)
    if config is None:
        return
    try:
        _enter(config["level"], groups)
    except OSError as error:
        syscalls.send(control, {"failed": str(error)})
        return
    syscalls.send(control, {"up": os.getpid()})
    home = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    while True:
        request, fds = syscalls.receive(control)
        if request is None:
            break
        if "zygote" in request:
            run = _start_zygote(request["zygote"], config["root"], control, fds)
            if run is not None:
                zygote.main(run)  # returns in the program of a sandbox, at its end
                return
        else:
            syscalls.send(control, _assigned(request, fds, home))
        for fd in fds:
            os.close(fd)
    _end_all(config["groups"])


def _enter(level: str, groups: list[int]) -> None:
    """Namespaces of the launcher's own, where it can have any: what it mounts is nobody else's, what the host mounts
    it sees."""
    for fd in groups:
        os.write(fd, b"0")
        os.close(fd)
    if level == "rootless":
        uid, gid = os.getuid(), os.getgid()
        syscalls.unshare(syscalls.NEWUSER | syscalls.NEWNS)
        for name, value in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open("/proc/self/" + name, "w") as file:
                file.write(value)
    elif level == "full":
        syscalls.unshare(syscalls.NEWNS)
    if level != "process-only":
        syscalls.mount("none", "/", "none", syscalls.MS_REC | syscalls.MS_SLAVE)
    syscalls.set_name("lambent-sandbox")
    syscalls.adopt_orphans()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for number in agent.LEFT_TO_THE_SERVER:
        signal.signal(number, signal.SIG_IGN)
    syscalls.new_keyring()
    os.chdir("/")
    os.umask(0o022)


def _start_zygote(request: Message, root: str, control: socket.socket, fds: list[int]) -> socket.socket | None:
    """Fork a zygote into the root that `request` describes. Returns None here; in the child the zygote's socket,
    unless a template's own interpreter takes over. `fds`: that socket, and if agents are forked from another process
    than programs, first the one for that."""
    launcher = os.getpid()
    if os.fork() != 0:
        return None
    _belong_to(launcher)
    control.close()
    run = fds[-1]
    try:
        syscalls.set_name("lambent-zygote")
        if request["steps"]:
            _build(request["steps"], root)
        if len(fds) > 1 and syscalls.clone(syscalls.PARENT) != 0:
            return _alone_with(fds[0])
        _belong_to(launcher)
        run = _alone_with(run).detach()
        if request["exec"]:
            os.execve(request["exec"][0], request["exec"], {})
    except OSError as error:
        syscalls.send(socket.socket(fileno=run), {"failed": str(error)})
        os._exit(1)
    return socket.socket(fileno=run)


def _belong_to(launcher: int) -> None:
    """End with the launcher."""
    syscalls.die_with_parent(signal.SIGKILL)
    if os.getppid() != launcher:
        os._exit(0)


def _alone_with(fd: int) -> socket.socket:
    """Keep no descriptor but this one, a zygote's control socket."""
    fd = os.dup2(fd, zygote.CONTROL, inheritable=True)
    null = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.closerange(fd + 1, 4096)
    return socket.socket(fileno=fd)


def _build(steps: list[list[str]], root: str) -> None:
    """Carry out the steps of a plan in a new mount namespace, and move in."""
    syscalls.unshare(syscalls.NEWNS)
    syscalls.mount("none", "/", "none", syscalls.MS_REC | syscalls.MS_PRIVATE)
    # Taken first: the new root may cover a folder that one of them lies in.
    trees = {step: syscalls.clone_tree(step[1]) for step in map(tuple, steps) if step[0] in ("bind", "device")}
    syscalls.mount("tmpfs", root, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "size=1m,mode=755")
    for step in map(tuple, steps):
        path = root + step[-1] if step in trees else root + step[1]
        if step[0] != "seal":
            os.makedirs(os.path.dirname(path), exist_ok=True)
        if step[0] == "folder":
            os.makedirs(path, exist_ok=True)
        elif step[0] == "file":
            _write(path, step[2])
        elif step[0] == "link":
            os.symlink(step[2], path)
        elif step[0] == "seal":
            syscalls.restrict_mount(path, _FOREIGN_TREE)
        else:
            _attach(trees[step], step[1], path, _FOREIGN_TREE if step[0] == "bind" else _DEVICE)
    syscalls.enter_root(root)


def _attach(tree: int, host: str, path: str, attributes: int) -> None:
    if os.path.isdir(host):
        os.makedirs(path, exist_ok=True)
    else:
        _write(path, "")
    syscalls.restrict_tree(tree, attributes)
    syscalls.attach_tree(tree, path)
    os.close(tree)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _assigned(request: Message, fds: list[int], home: int) -> Message:
    """Mount an assignment's folders, and what it shall have at /tmp instead of what is there, in the namespace behind
    the door; pass the message on."""
    door, channel, *disk = fds
    trees = []
    try:
        for host, inside in request["binds"]:
            tree = syscalls.clone_tree(host)
            trees.append((tree, inside))
            syscalls.restrict_tree(tree, _FOREIGN_TREE)
        syscalls.setns(door, syscalls.NEWNS)
        try:
            for tree, inside in trees:
                syscalls.attach_tree(tree, inside)
            if disk:
                syscalls.attach_tree(disk[0], "/tmp")
            elif request["tmp"] is not None:
                options = "mode=1777,size={}".format(request["tmp"])
                syscalls.mount("tmpfs", "/tmp", "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, options)
        finally:
            syscalls.setns(home, syscalls.NEWNS)
        os.write(channel, request["line"].encode())
    except OSError as error:
        return {"assign": request["assign"], "failed": str(error)}
    finally:
        for tree, _ in trees:
            os.close(tree)
    return {"assign": request["assign"]}


def _end_all(groups: list[str]) -> None:
    """The server is gone: kill what it left, frozen or not. Their groups are removed by its successor."""
    for parent in groups:
        for name in os.listdir(parent) if os.path.isdir(parent) else ():
            folder = os.path.join(parent, name)
            if name != "launcher" and os.path.isdir(folder):
                _end_group(folder)


def _end_group(folder: str) -> None:
    try:
        if os.path.exists(folder + "/cgroup.kill"):
            _write(folder + "/cgroup.kill", "1")
        else:
            if os.path.exists(folder + "/freezer.state"):
                _write(folder + "/freezer.state", "THAWED")
            with open(folder + "/cgroup.procs") as file:
                for pid in file.read().split():
                    os.kill(int(pid), signal.SIGKILL)
    except OSError:
        pass  # ended by itself in the meantime


if __name__ == "__main__":
    main()
