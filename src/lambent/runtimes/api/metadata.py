"""The metadata endpoint, which tells what runs in an environment where that is. On the Runtime API's port."""

from __future__ import annotations

import hmac
import json

from lambent.kit.ids import uuid4

PATH = b"/2026-01-15/metadata/execution-environment"
_DIRECTIONS = {"north": "n", "south": "s", "east": "e", "west": "w", "central": "c", "gov": "g", "iso": "i"}


class Metadata:
    """What one environment is told, and the token that it must show."""

    __slots__ = ("region", "token")

    def __init__(self) -> None:
        self.token = uuid4()
        self.region = ""
        """That of its function, once it has one."""

    def is_shown_by(self, authorization: bytes | None) -> bool:
        """Whether a request's header `Authorization` bears the token."""
        return hmac.compare_digest(authorization or b"", b"Bearer " + self.token.encode())

    def document(self) -> bytes:
        """The answer's JSON: all of a region is one availability zone here."""
        return json.dumps({"AvailabilityZoneID": zone_id(self.region)}).encode()


def zone_id(region: str) -> str:
    """The id of a region's first availability zone: `use1-az1` for us-east-1."""
    country, *directions, number = region.split("-")
    letters = ""
    for direction in directions:
        rest = direction
        while rest:
            word = next((word for word in _DIRECTIONS if rest.startswith(word)), rest)
            letters += _DIRECTIONS.get(word, word[0])
            rest = rest[len(word) :]
    return f"{country}{letters}{number}-az1"
