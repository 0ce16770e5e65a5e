"""A long mixed load on one server of this checkout: are the answers right, and is nothing left behind?

    make soak ARGS="--minutes 10 --callers 16"

Functions in several languages succeed, fail, hang, take too much memory, crash and leave processes behind, while one
of them gets new code every second. What is checked stands in `Findings`; a finding makes the exit status 1.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import json
import os
import random
import shutil
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from client import API, ROLE_ARN, BenchError, Code, Lambda, signed
from machine import in_our_namespace, is_mounted_below, still_running, tree
from servers import Server, lambent

MB = 1 << 20
PYTHON = b"""
import os, signal, subprocess, time
VERSION = %d
def handler(event, context):
    do, token = event["do"], event["token"]
    if do == "raise":
        raise ValueError(token)
    if do == "hang":
        subprocess.Popen(["sleep", "1000"])
        time.sleep(1000)
    if do == "eat":
        return len(bytearray(600 << 20))
    if do == "exit":
        os._exit(7)
    if do == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if do == "print":
        for n in range(200):
            print("line", n, token)
    if do == "leave":
        subprocess.Popen(["sleep", "1000"], start_new_session=True)
    if do == "fill":
        with open("/tmp/fill", "wb") as file:
            file.write(bytes(20 << 20))
    return {"token": token, "version": VERSION, "more": "x" * event.get("more", 0)}
"""
NODE = b"""
import { spawn } from 'node:child_process';
export const handler = async event => {
  if (event.do === 'raise') throw new RangeError(event.token);
  if (event.do === 'hang') await new Promise(done => setTimeout(done, 1e6));
  if (event.do === 'exit') process.exit(7);
  if (event.do === 'crash') process.kill(process.pid, 'SIGSEGV');
  if (event.do === 'leave') spawn('/bin/sleep', ['1000'], { detached: true, stdio: 'ignore' }).unref();
  return { token: event.token };
};
"""
CUSTOM = rb"""#!/bin/bash
while true; do
  exec 5<>/dev/tcp/127.0.0.1/9001
  printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n' >&5
  size=0
  while IFS= read -r line <&5; do
    line=${line%$'\r'}
    [ -z "$line" ] && break
    case ${line,,} in
      lambda-runtime-aws-request-id:*) id=${line#*: } ;;
      content-length:*) size=${line#*: } ;;
    esac
  done
  read -r -N "$size" event <&5
  case $event in *exit*) exit 7 ;; *hang*) sleep 1000 ;; esac
  printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\n' "$id" >&5
  printf 'Connection: close\r\nContent-Length: %d\r\n\r\n%s' ${#event} "$event" >&5
  cat <&5 >/dev/null
  exec 5>&-
done
"""
DEEDS: Mapping[str, Mapping[str, int]] = {
    "python": {
        **{"succeed": 40, "raise": 6, "eat": 2, "exit": 2, "crash": 2, "print": 6, "leave": 3, "fill": 2, "large": 4},
    },
    "python-hangs": {"hang": 2},
    "python-updated": {"succeed": 20},
    "node": {"succeed": 20, "raise": 3, "exit": 1, "crash": 1, "leave": 1},
    "node-hangs": {"hang": 1},
    "custom": {"succeed": 10, "exit": 1},
    "custom-hangs": {"hang": 1},
}
"""How often callers ask which function for what. The name begins with the language; the ones that hang have a second,
the others enough for a busy machine."""
PATIENCE_S = 60

ERRORS = {
    "hang": ("Sandbox.Timedout", "Task timed out after 1.00 seconds"),
    "eat": ("Runtime.ExitError", "signal: killed"),
    "exit": ("Runtime.ExitError", "exit status 7"),
    "crash": ("Runtime.ExitError", "signal: segmentation fault"),
}
MEMORY_MAY_GROW = 0.15
"""Of the server's resident size after the first minute, besides MEMORY_SLACK: caches have their limits, which a minute
does not reach, and the allocator keeps what bursts took."""
MEMORY_SLACK = 24 * MB
PER_SANDBOX = 8
"""Descriptors of the server for each sandbox that lives."""
SETTLE_S = 90.0


def code_of(language: str, version: int = 0) -> Code:
    """The function in this language."""
    if language.startswith("node"):
        return Code("nodejs20.x", (("app.mjs", NODE),))
    if language.startswith("custom"):
        return Code("provided.al2023", (("bootstrap", CUSTOM),))
    return Code("python3.11", (("app.py", PYTHON % version),))


@dataclass
class Findings:
    """What went wrong, and what was counted."""

    wrong: list[str] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    errors: int = 0

    def note(self, text: str) -> None:
        """Something is not as it should be."""
        self.errors += 1
        if len(self.wrong) < 50:
            self.wrong.append(text)


@dataclass(frozen=True)
class Held:
    """What the server and its sandboxes hold at one moment."""

    resident: int
    files: int
    sandboxes: int
    processes: int
    networks: int
    loops: int

    def told(self) -> str:
        """One line."""
        return (
            f"{self.resident / MB:.1f} MiB resident, {self.files} descriptors, {self.sandboxes} sandboxes, "
            f"{self.processes} processes, {self.networks} network namespaces, {self.loops} loop devices"
        )


class Watched:
    """A server, and the traces it leaves on this machine."""

    def __init__(self, server: Server) -> None:
        self.server = server
        # Where a successor would look, too.
        self._parents = [Path(each) for each in json.loads((server.data / "sandboxes" / "groups.json").read_text())]

    def sandboxes(self) -> set[str]:
        """The names of the control groups of its sandboxes."""
        names = {entry.name for parent in self._parents for entry in os.scandir(parent) if entry.is_dir()}
        return names - {"launcher"}

    def held(self) -> Held:
        """Now."""
        family = tree(self.server.pid)
        inside = [each for each in family if not in_our_namespace(each)]
        networks = {network for each in inside if (network := network_of(each.pid))}
        pid = self.server.pid
        return Held(
            resident=int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
            files=len(os.listdir(f"/proc/{pid}/fd")),
            sandboxes=len(self.sandboxes()),
            processes=len(family),
            networks=len(networks),
            loops=len(self.loops()),
        )

    def at_rest(self) -> Held:
        """When nothing has changed for a second: the sandboxes that wait for functions are made."""
        end = time.monotonic() + SETTLE_S
        while True:
            first = self.held()
            time.sleep(1)
            now = self.held()
            if replace(first, resident=0) == replace(now, resident=0) or time.monotonic() > end:
                return now

    def loops(self) -> list[str]:
        """Loop devices with a file of its data directory behind them."""
        found = []
        for each in Path("/sys/block").glob("loop*/loop/backing_file"):
            try:
                if each.read_text().startswith(str(self.server.data.resolve())):
                    found.append(each.parent.parent.name)
            except OSError:
                continue  # it has just been let go
        return found

    def left(self) -> list[str]:
        """What is still there although the server has ended."""
        found = [f"control group {each}" for each in self._parents if each.exists()]
        if is_mounted_below(self.server.data):
            found.append("mounts in the data directory")
        found += [f"loop device {each}" for each in self.loops()]
        return found


def network_of(pid: int) -> str:
    """The network namespace of a process; empty when it has ended."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return ""


class Soak:
    """The load."""

    def __init__(self, server: Server, seed: int) -> None:
        self.server = server
        self.findings = Findings()
        self.stopping = threading.Event()
        self.version = 0
        """The newest code of the updated function that is sure to be used."""
        self.updates = 0
        self._seed = seed
        self._tokens = itertools.count()

    def prepare(self) -> None:
        """Make the functions."""
        client = self.server.client()
        client.make_role()
        for name in DEEDS:
            self._create(client, name, code_of(name))
        client.close()

    def _create(self, client: Lambda, name: str, code: Code) -> None:
        about = {
            **{"FunctionName": name, "Runtime": code.runtime, "Handler": code.handler, "Role": ROLE_ARN},
            **{
                "Timeout": 1 if "hangs" in name else PATIENCE_S,
                "MemorySize": 512,
                "Code": {"ZipFile": base64.b64encode(code.package()).decode()},
            },
        }
        wire = signed(client.target, "POST", API, json.dumps(about).encode(), Content_Type="application/json").wire()
        client.connection.exchange(wire).json()
        client.wait_until_active(name)

    def run(self, callers: int, seconds: float, each_second: Callable[[float], None]) -> None:
        """Load for so long."""
        threads = [threading.Thread(target=self._guarded, args=(self._call, n)) for n in range(callers)]
        threads.append(threading.Thread(target=self._guarded, args=(self._update, 0)))
        for thread in threads:
            thread.start()
        began = time.monotonic()
        try:
            while (passed := time.monotonic() - began) < seconds:
                time.sleep(1)
                each_second(passed)
        finally:
            self.stopping.set()
        for thread in threads:
            thread.join(60)
            if thread.is_alive():
                self.findings.note("a caller got no answer for a minute")

    def _guarded(self, work: Callable[[int], None], number: int) -> None:
        try:
            work(number)
        except (BenchError, OSError, ValueError, KeyError) as error:
            self.findings.note(f"a caller failed: {type(error).__name__}: {error}")

    def _call(self, number: int) -> None:
        client = self.server.client()
        choices = random.Random(self._seed + number)
        asks = [(name, deed) for name, deeds in DEEDS.items() for deed in deeds]
        weights = [DEEDS[name][deed] for name, deed in asks]
        while not self.stopping.is_set():
            name, deed = choices.choices(asks, weights)[0]
            token = f"t{next(self._tokens)}-{number}"
            event: dict[str, Any] = {"do": deed, "token": token}
            if deed == "large":
                event["more"] = 1_000_000
            oldest = self.version
            answer = client.invoke(name, event)
            self.findings.asked[f"{name} {deed}"] += 1
            if answer.status != 200:
                self.findings.note(f"{name} {deed}: {answer.told}")
            elif wrong := self._judged(name, deed, token, oldest, json.loads(answer.body)):
                self.findings.note(f"{name} {deed} ({token}): {wrong}, answered {answer.body[:200]!r}")
        client.close()

    def _judged(self, name: str, deed: str, token: str, oldest: int, value: Any) -> str:
        """What is wrong with an answer; empty when it is right."""
        if deed == "raise":
            return "" if value.get("errorMessage") == token else "another error"
        if deed in ERRORS:
            kind, text = ERRORS[deed]
            right = value.get("errorType") == kind and str(value.get("errorMessage", "")).endswith(text)
            return "" if right else f"no {kind}"
        if value.get("token") != token:
            return "somebody else's answer"
        if deed == "large" and len(value["more"]) != 1_000_000:
            return "a part of the answer"
        if name == "python-updated" and value["version"] < oldest:
            return f"code older than {oldest}"
        return ""

    def _update(self, _: int) -> None:
        client = self.server.client()
        while not self.stopping.wait(1):
            self.updates += 1
            client.update("python-updated", code_of("python", self.updates))
            client.wait_for_update("python-updated")
            self.version = self.updates
        client.close()

    def clean(self) -> None:
        """Delete the functions, and with them their environments."""
        client = self.server.client()
        for name in DEEDS:
            client.delete(name)
        client.close()


def settled(watched: Watched, findings: Findings, before: Held) -> Held:
    """Wait until only sandboxes that wait for a function are left, and nothing else of the others."""
    end = time.monotonic() + SETTLE_S
    while True:
        now = watched.held()
        wrong = [*unlike(now, before)]
        if not wrong or time.monotonic() > end:
            break
        time.sleep(0.5)
    for each in wrong:
        findings.note(each)
    return now


def unlike(now: Held, before: Held) -> list[str]:
    """What there is more of than the sandboxes explain."""
    found = []
    allowed = before.files + PER_SANDBOX * max(0, now.sandboxes - before.sandboxes)
    if now.files > allowed:
        found.append(f"{now.files} descriptors, of which {allowed} are explained")
    if now.networks > now.sandboxes:
        found.append(f"{now.networks} network namespaces for {now.sandboxes} sandboxes")
    others = before.processes - 2 * before.sandboxes
    if now.processes > others + 2 * now.sandboxes:
        found.append(f"{now.processes} processes for {now.sandboxes} sandboxes and {others} others")
    return found


def flat(samples: list[tuple[float, int]], findings: Findings, seconds: float) -> str:
    """Compare the server's memory after the first minute (or fifth) with the last one's."""
    stretch = min(60.0, seconds / 5)
    early = [size for at, size in samples if stretch <= at < 2 * stretch]
    late = [size for at, size in samples if at >= seconds - stretch]
    if not early or not late:
        return "too short to compare the server's memory"
    first, last = statistics.median(early), statistics.median(late)
    allowed = first * (1 + MEMORY_MAY_GROW) + MEMORY_SLACK
    if last > allowed:
        findings.note(f"the server's memory grew from {first / MB:.1f} to {last / MB:.1f} MiB")
    return (
        f"server's memory: {first / MB:.1f} MiB after {stretch:.0f} s, {last / MB:.1f} MiB at the end; "
        f"allowed are {allowed / MB:.1f} ({MEMORY_MAY_GROW:.0%} and {MEMORY_SLACK // MB} MiB more)"
    )


def soak(minutes: float, callers: int, seed: int) -> Findings:
    """All of it, told on standard output."""
    server = Server(lambent())
    try:
        server.start()
        watched = Watched(server)
        load = Soak(server, seed)
        load.prepare()
        before = watched.at_rest()
        print(f"before: {before.told()}", flush=True)
        samples: list[tuple[float, int]] = []

        def sample(passed: float) -> None:
            held = watched.held()
            samples.append((passed, held.resident))
            if len(samples) % 30 == 0:
                print(f"{passed:5.0f} s: {held.told()}, {sum(load.findings.asked.values())} answers", flush=True)

        seconds = minutes * 60
        load.run(callers, seconds, sample)
        load.clean()
        after = settled(watched, load.findings, before)
        print(f"after: {after.told()}")
        print(flat(samples, load.findings, seconds))
        packages = len(list((server.data / "artifacts").iterdir()))
        if packages > load.updates + len(DEEDS) + 1:
            load.findings.note(f"{packages} unpacked packages, of which {load.updates + len(DEEDS)} were sent")
        words = server.last_words()
        family = tree(server.pid)
        log = (server.data / "output").read_text(errors="replace")
        end(server, watched, family, load.findings)
    finally:
        server.stop()
    for line in log.splitlines():
        if " error " in line or "Traceback" in line:
            load.findings.note(f"the server's log: {line[:300]}")
    tell(load, words)
    return load.findings


def end(server: Server, watched: Watched, family: list[Any], findings: Findings) -> None:
    """End the server as a user does, and look for what it leaves."""
    server.terminate()
    for each in still_running(family):
        findings.note(f"process {each.pid} is left")
    for text in watched.left():
        findings.note(f"{text} is left")


def tell(load: Soak, words: str) -> None:
    """What was counted and found."""
    findings = load.findings
    total = sum(findings.asked.values())
    print(f"{total} invocations and {load.updates} updates:")
    for name in DEEDS:
        kinds = ", ".join(f"{deed} {findings.asked[f'{name} {deed}']}" for deed in DEEDS[name])
        print(f"  {name}: {kinds}")
    for text in findings.wrong:
        print(f"WRONG: {text}")
    if findings.wrong:
        print(f"the server's last words: {words}")
    print("nothing wrong" if not findings.errors else f"{findings.errors} findings")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="A long mixed load on a server of this checkout.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("node") is None:
        sys.exit("the soak needs root (for the level full) and Node.js")
    sys.exit(1 if soak(chosen.minutes, chosen.callers, chosen.seed).errors else 0)


if __name__ == "__main__":
    main()
