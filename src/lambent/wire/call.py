"""Who asks: one API request after identification."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from lambent.values import frozen


@frozen
class Principal:
    """A verified caller. `arn` is the user's, the role session's or the account root's."""

    account: str
    arn: str
    user_id: str
    access_key: str
    session_token: str | None = None
    is_root: bool = False
    """May do anything in its account without a policy."""


NOBODY = Principal(account="", arn="", user_id="anonymous", access_key="")
"""Who calls, without a signature, one of the operations that need none."""


class Caller(Protocol):
    """Whoever waits for the answer to a call."""

    def on_leave(self, leave: Callable[[], None]) -> None:
        """Call `leave` if the caller goes away before the answer; one function at most for each call."""


@dataclass(slots=True)  # not frozen: made for every request, which takes a third of the time so
class Call:
    """One request to one operation."""

    principal: Principal
    region: str
    request_id: str
    service: str
    operation: str
    host: str = ""
    """The Host header: what links in answers are made with."""
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    caller: Caller | None = None
    """None for calls that Lambent makes itself."""

    @property
    def account(self) -> str:
        """The account that is acted on: the caller's."""
        return self.principal.account
