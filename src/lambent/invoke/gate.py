"""Concurrency: who may run now. Holds the counts; core/scaling decides.

Every invocation passes here twice, so a pool keeps its function's `Share` and nothing is looked up on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakValueDictionary

from lambent.core import limits
from lambent.core.invocation import Throttled
from lambent.core.scaling import Allotments, no_place, refilled, request_rate, too_fast
from lambent.invoke.allotments import NONE, AllotmentRecords
from lambent.kit.clock import Clock

Changed = Callable[[str, str, Allotments], None]

_BURST = float(limits.NEW_ENVIRONMENTS)
_GROWTH = float(limits.NEW_ENVIRONMENTS_PER_S)


class Account:
    """An account in a region."""

    __slots__ = ("allotments", "busy", "shares", "unreserved")

    def __init__(self, limit: int) -> None:
        self.allotments = NONE
        self.unreserved = limit
        """Places for functions without a reservation."""
        self.busy = 0
        """How many of those are held."""
        self.shares: WeakValueDictionary[str, Share] = WeakValueDictionary()


class Share:
    """One function's part of its account's concurrency, all its versions together."""

    __slots__ = (
        "__weakref__",
        "account",
        "busy",
        "environments",
        "grown_at",
        "rate",
        "requests",
        "reserved",
        "seen_at",
    )

    def __init__(self, account: Account, reserved: int | None, rate: float) -> None:
        self.account = account
        self.reserved = reserved
        self.busy = 0
        """Places held: by invocations, and by provisioned environments whether they run something or not."""
        self.rate = rate
        self.requests = rate
        self.seen_at = 0.0
        self.environments = _BURST
        self.grown_at = 0.0

    def not_made(self) -> None:
        """An invocation that was let in for a new environment found an idle one after all."""
        self.environments += 1.0

    def hold(self) -> None:
        """A provisioned environment is made: it holds a place from now on."""
        self.busy += 1
        if self.reserved is None:
            self.account.busy += 1

    def release(self) -> None:
        """It has ended."""
        self.busy -= 1
        if self.reserved is None:
            self.account.busy -= 1


class Gate:
    """Counts running invocations by function, account and region."""

    def __init__(self, limit: int, allotments: AllotmentRecords, clock: Clock) -> None:
        self.limit = limit
        """Concurrent executions of each account in each region."""
        self.running = 0
        """Invocations running now, over all accounts."""
        self._records = allotments
        self._monotonic = clock.monotonic
        self._accounts: dict[tuple[str, str], Account] = {}
        self._stop: Callable[[], None] | None = None

    async def start(self, changed: Changed) -> None:
        """Learn what is allotted, and from now on every change of it; `changed` is told of both."""

        def seen(account: str, region: str, allotments: Allotments) -> None:
            self.allotted(account, region, allotments)
            changed(account, region, allotments)

        meanwhile: set[tuple[str, str]] = set()
        stop = self._records.watch(lambda account, region, _: meanwhile.add((account, region)))
        self._stop = self._records.watch(seen)
        for account, region, allotments in await self._records.all():
            if (account, region) not in meanwhile:
                seen(account, region, allotments)
        stop()

    def overdrawn(self) -> list[tuple[str, str]]:
        """The (account, region) pairs where more is reserved than there is: the limit was higher once. Functions
        without a reservation cannot run there."""
        return [where for where, account in self._accounts.items() if not account.unreserved]

    def close(self) -> None:
        """End the watch."""
        if self._stop is not None:
            self._stop()

    def share(self, account: str, region: str, name: str) -> Share:
        """The share of a function, which whoever runs it keeps."""
        owner = self._account(account, region)
        share = owner.shares.get(name)
        if share is None:
            reserved = owner.allotments.reserved.get(name)
            share = owner.shares[name] = Share(owner, reserved, request_rate(reserved, self.limit))
        return share

    def enter(self, share: Share, *, new: bool, is_event: bool = False) -> None:
        """Take a place; `new` when no environment is idle, so that another one will be made. Asynchronous events are
        bounded by places alone, not by requests per second. Raises Throttled."""
        account = share.account
        reason = no_place(share.reserved, share.busy, account.busy, account.unreserved)
        if reason is not None:
            raise Throttled(reason)
        now = self._monotonic()
        environments = share.environments
        if new:
            environments = refilled(environments, _GROWTH, _BURST, now - share.grown_at)
            if environments < 1.0:
                raise Throttled(too_fast(share.reserved))
        if not is_event:
            _count(share, now)
        if new:
            share.environments = environments - 1.0
            share.grown_at = now
        self.running += 1
        share.busy += 1
        if share.reserved is None:
            account.busy += 1

    def room(self, share: Share) -> int:
        """How many invocations could take a place now."""
        account = share.account
        places = account.unreserved - account.busy if share.reserved is None else share.reserved - share.busy
        return max(0, places)

    def leave(self, share: Share) -> None:
        """Give the place back."""
        self.running -= 1
        share.busy -= 1
        if share.reserved is None:
            share.account.busy -= 1

    def enter_provisioned(self, share: Share, *, is_event: bool = False) -> None:
        """Begin in a provisioned environment, which holds a place already. Raises Throttled."""
        if not is_event:
            _count(share, self._monotonic())
        self.running += 1

    def leave_provisioned(self) -> None:
        """The opposite."""
        self.running -= 1

    def _account(self, account: str, region: str) -> Account:
        found = self._accounts.get((account, region))
        if found is None:
            found = self._accounts[account, region] = Account(self.limit)
        return found

    def allotted(self, account: str, region: str, allotments: Allotments) -> None:
        """An account's executions are shared out like this from now on. What runs already keeps running, and is counted
        where its function belongs now."""
        owner = self._account(account, region)
        owner.allotments = allotments
        owner.unreserved = max(0, self.limit - sum(allotments.reserved.values()))
        for name, share in owner.shares.items():
            reserved = allotments.reserved.get(name)
            if share.reserved == reserved:
                continue
            if share.reserved is None:
                owner.busy -= share.busy
            elif reserved is None:
                owner.busy += share.busy
            share.reserved = reserved
            share.rate = request_rate(reserved, self.limit)
            share.requests = share.rate


def _count(share: Share, now: float) -> None:
    """One more request to the function. Raises Throttled."""
    rate = share.rate
    requests = refilled(share.requests, rate, rate, now - share.seen_at)
    if requests < 1.0:
        raise Throttled(too_fast(share.reserved))
    share.requests = requests - 1.0
    share.seen_at = now
