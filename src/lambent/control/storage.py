"""What the code of an account takes in a region, and its quota: functions, published versions and layers."""

from __future__ import annotations

from lambent.control.shapes import (
    CodeStorageExceededException,
    GetAccountSettingsRequest,
    GetAccountSettingsResponse,
)
from lambent.core import limits
from lambent.invoke.allotments import AllotmentRecords
from lambent.invoke.layers import LayerRecords
from lambent.invoke.records import FunctionRecords
from lambent.ports import Ports
from lambent.wire.call import Call


class CodeStorage:
    """Keeps the quota.

    Everything that is stored passes here, so what was counted once, with all that was added since, is never too little:
    it is counted again only when that is beyond the quota, for what has been deleted meanwhile.
    """

    def __init__(self, ports: Ports, limit: int) -> None:
        self.limit = limit
        """Bytes, of each account in each region."""
        self._functions = FunctionRecords(ports.records, ports.seal)
        self._layers = LayerRecords(ports.records)
        self._most: dict[tuple[str, str], int] = {}

    async def used(self, account: str, region: str) -> tuple[int, int]:
        """How many functions there are, and the bytes that all code takes."""
        count, size = await self._functions.sizes(account, region)
        async for layer in self._layers.in_account(account, region):
            size += layer.code.size
        return count, size

    async def take(self, call: Call, size: int) -> None:
        """So many bytes more are about to be stored. Raises CodeStorageExceededException."""
        where = call.account, call.region
        if where not in self._most or self._most[where] + size > self.limit:
            self._most[where] = (await self.used(*where))[1]
        if self._most[where] + size > self.limit and size > 0:
            raise CodeStorageExceededException("Code storage limit exceeded.")
        self._most[where] += size


class Account:
    """What an account has, and may have."""

    def __init__(self, ports: Ports, storage: CodeStorage) -> None:
        self._storage = storage
        self._allotments = AllotmentRecords(ports.records)
        self._concurrency = ports.invoker.limit

    async def get_account_settings(self, call: Call, request: GetAccountSettingsRequest) -> GetAccountSettingsResponse:
        """Limits and usage of the caller's account and region."""
        count, size = await self._storage.used(call.account, call.region)
        allotments, _ = await self._allotments.get(call.account, call.region)
        return {
            "AccountLimit": {
                "TotalCodeSize": self._storage.limit,
                "CodeSizeUnzipped": limits.UNZIPPED,
                "CodeSizeZipped": limits.ZIPPED,
                "ConcurrentExecutions": self._concurrency,
                "UnreservedConcurrentExecutions": allotments.unreserved(self._concurrency),
            },
            "AccountUsage": {"TotalCodeSize": size, "FunctionCount": count},
        }
