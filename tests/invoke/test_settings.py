"""Settings that decide about invocations are known without asking the store."""

from __future__ import annotations

import asyncio
from typing import Any

from lambent.core.arn import FunctionRef
from lambent.invoke.settings import FunctionSettings
from lambent.store.base import Delete, Put
from lambent.store.memory import MemoryRecords


def ref(name: str, account: str = "000000000000", region: str = "us-east-1") -> FunctionRef:
    return FunctionRef(account, region, name)


def key(noun: str, name: str, qualifier: str = "", place: str = "000000000000/us-east-1") -> str:
    return f"lambda/{place}/{noun}/{name}/{qualifier}"


async def test_what_is_there_at_the_start_is_known_in_every_account_and_region() -> None:
    records = MemoryRecords()
    places = ["000000000000/eu-west-1", "000000000000/us-east-1", "111111111111/us-east-1"]
    for number, place in enumerate(places):
        await records.write(
            Put(f"lambda/{place}/functions/f", b"no JSON"),
            Put(f"lambda/{place}/versions/f/000000000001", b"no JSON"),
            Put(key("event-invoke", "f", "$LATEST", place), b'{"MaximumRetryAttempts":%d}' % number),
            Put(key("recursion", "f", "", place), b'{"RecursiveLoop":"%s"}' % (b"Allow" if number else b"Terminate")),
        )
    settings = FunctionSettings(records)
    await settings.start()
    found: list[Any] = []
    for place in places:
        account, region = place.split("/")
        function = ref("f", account, region)
        found.append((settings.event_invoke(function, None), settings.allows_loops(function)))
    assert found == [({"MaximumRetryAttempts": number}, number > 0) for number in range(3)]


async def test_every_change_is_heard_of() -> None:
    records = MemoryRecords()
    settings = FunctionSettings(records)
    await settings.start()
    assert settings.event_invoke(ref("f"), "live") == {}
    assert not settings.allows_loops(ref("f"))
    await records.write(Put(key("event-invoke", "f", "live"), b'{"MaximumRetryAttempts":1}'))
    await records.write(Put(key("recursion", "f"), b'{"RecursiveLoop":"Allow"}'))
    assert settings.event_invoke(ref("f"), "live") == {"MaximumRetryAttempts": 1}
    assert settings.event_invoke(ref("f"), None) == {}
    assert settings.allows_loops(ref("f"))
    await records.write(Delete(key("event-invoke", "f", "live")), Delete(key("recursion", "f")))
    assert settings.event_invoke(ref("f"), "live") == {}
    assert not settings.allows_loops(ref("f"))
    await records.write(Put(key("recursion", "f"), b'{"RecursiveLoop":"Allow"}'))
    settings.close()
    await records.write(Delete(key("recursion", "f")))
    assert settings.allows_loops(ref("f"))


async def test_what_changes_while_the_rest_is_read_is_not_taken_back() -> None:
    class Slow(MemoryRecords):
        async def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> Any:
            found = await super().list(prefix, after=after, limit=limit)
            await asyncio.sleep(0)
            if prefix.endswith("/event-invoke/") and found:
                await self.write(Delete(found[0].key))
            return found

    records = Slow()
    await records.write(Put(key("event-invoke", "f", "live"), b'{"MaximumRetryAttempts":1}'))
    settings = FunctionSettings(records)
    await settings.start()
    assert settings.event_invoke(ref("f"), "live") == {}
