"""Taking turns: A B A B …, so that what else the machine does meets every server alike."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from client import BenchError, Code, Lambda, NotOffered, invocation
from machine import Noise
from servers import Server

SETTLE_S = 0.3
"""Between two measurements: what one server still does for itself shall not be the other's noise."""


class Named(Protocol):
    """Who takes turns."""

    @property
    def name(self) -> str:
        """As it heads its column."""


P = TypeVar("P", bound=Named)
V = TypeVar("V")
W = TypeVar("W")


@dataclass(frozen=True, slots=True)
class Sample(Generic[V]):
    """What one turn gave, and what else went on meanwhile."""

    value: V
    noise: Noise


@dataclass(frozen=True, slots=True)
class Taken(Generic[V]):
    """All turns of one party: its samples, or why there are none."""

    samples: Sequence[Sample[V]]
    failure: Exception | None = None

    def part(self, pick: Callable[[V], W | None]) -> Taken[W]:
        """Something of each sample; where there is nothing of that kind, it is not offered."""
        picked = [(pick(sample.value), sample.noise) for sample in self.samples]
        samples = [Sample(value, noise) for value, noise in picked if value is not None]
        return Taken(samples, self.failure or (None if samples else NotOffered("there is no such figure")))


def say(text: str) -> None:
    """To whoever waits."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def in_turns(
    parties: Sequence[P], rounds: int, once: Callable[[P], Sample[V]], *, rehearsals: int = 0
) -> dict[str, Taken[V]]:
    """Call `once` for each party in each round. Who fails once is left out from then on.

    `rehearsals` more rounds come first and do not count.
    """
    samples: dict[str, list[Sample[V]]] = {party.name: [] for party in parties}
    failures: dict[str, Exception] = {}
    for number in range(rehearsals + rounds):
        for party in parties:
            if party.name in failures:
                continue
            try:
                sample = once(party)
            except (BenchError, OSError) as error:
                failures[party.name] = error
                if not isinstance(error, NotOffered):
                    say(f"{party.name} failed: {error}")
                continue
            if number >= rehearsals:
                samples[party.name].append(sample)
            time.sleep(SETTLE_S)
    return {name: Taken(each, failures.get(name)) for name, each in samples.items()}


@contextmanager
def talking(server: Server) -> Iterator[Lambda]:
    """A client of `server`."""
    client = server.client()
    try:
        yield client
    finally:
        client.close()


class Deployed:
    """One function on every server that would have it."""

    def __init__(self, names: Mapping[str, str], failures: Mapping[str, Exception]) -> None:
        self._names = names
        self._failures = failures

    def on(self, server: Server) -> str:
        """The function's name there. Raises BenchError when it could not be made or called."""
        if server.name in self._failures:
            raise self._failures[server.name]
        return self._names[server.name]


@contextmanager
def deployed(servers: Sequence[Server], code: Code, memory_mb: int, *, call: bool = True) -> Iterator[Deployed]:
    """The function, made and as a rule called once; deleted at the end."""
    names: dict[str, str] = {}
    failures: dict[str, Exception] = {}
    for server in servers:
        with talking(server) as client:
            try:
                names[server.name] = name = client.create(code, memory_mb).name
                if call:
                    _, result = client.connection.timed_answer(invocation(client.target, name).wire())
                    code.check(result)
            except (BenchError, OSError) as error:
                failures[server.name] = error
    yield Deployed(names, failures)
    for server in servers:
        if server.name in names:
            with talking(server) as client:
                _delete(client, names[server.name])


def _delete(client: Lambda, name: str) -> None:
    try:
        client.delete(name)
    except (BenchError, OSError) as error:
        say(f"{name} not deleted: {error}")
