"""A server to be killed: makes sandboxes in every state, says which processes there are, and waits for its end."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from lambent.kit.log import Log
from lambent.sandbox.base import Assignment, Limits, Started, Template
from lambent.sandbox.namespaces.driver import NamespacesDriver, open_driver

SLEEPING = "trap '' TERM HUP; read line <&3; sleep 1000 & sleep 1000 & echo ready; wait"


async def main(state_dir: Path, instance: str) -> None:
    driver = open_driver("full", state_dir, instance, Log())
    assert isinstance(driver, NamespacesDriver)
    await driver.start()
    template = Template("sleeper", Started(("/bin/sh", "-c", SLEEPING), {"PATH": "/usr/bin"}), (), {}, (9001,))
    waiting, running, frozen = [await driver.sandbox(template) for _ in range(3)]
    for sandbox in (running, frozen):
        await sandbox.assign(Assignment((), Limits(1 << 26, 1.0, 1 << 24), {}))
    await frozen.freeze()
    assert driver._launching is not None
    pids = {
        "launcher": driver._launching.result().process.pid,
        "agents": [each._agent_pid for each in driver._boxes],
        "programs": [each._program_pid for each in driver._boxes],
        "notes": list(driver.notes),
        "first_uid": min(each.uid for each in driver._boxes),
    }
    print(json.dumps(pids), flush=True)
    await asyncio.Event().wait()
    print(waiting)


asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
