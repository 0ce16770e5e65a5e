"""Pages of lists: MaxItems, Marker and IsTruncated."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypedDict, TypeVar

from lambent.values import frozen
from lambent.wire.errors import ValidationError

DEFAULT_ITEMS = 100

T = TypeVar("T")


class Ending(TypedDict, total=False):
    """The members with which every list's answer ends."""

    IsTruncated: bool
    Marker: str


@frozen
class Page(Generic[T]):
    """Some items, and where the next page begins unless this is the last."""

    items: list[T]
    marker: str | None

    @property
    def ending(self) -> Ending:
        """What the answer says about further pages."""
        if self.marker is None:
            return {"IsTruncated": False}
        return {"IsTruncated": True, "Marker": self.marker}


def page(items: Iterable[T], request: Mapping[str, Any], place: Callable[[T], str]) -> Page[T]:
    """The page that `request` asks for, of items in the order of their `place`, which is unique."""
    after, limit = asked(request)
    ordered = sorted(items, key=place)
    if after:
        beyond = position(after)
        ordered = [item for item in ordered if place(item) > beyond]
    shown = ordered[:limit]
    return Page(shown, marker(place(shown[-1])) if len(ordered) > limit else None)


def asked(request: Mapping[str, Any]) -> tuple[str | None, int]:
    """(Marker, MaxItems) of a request."""
    return request.get("Marker"), request.get("MaxItems", DEFAULT_ITEMS)


def marker(place: str) -> str:
    """The marker of a place in a list."""
    return urlsafe_b64encode(place.encode()).decode()


def position(marker: str) -> str:
    """The place that a marker stands for. Raises ValidationError for what is no marker of ours."""
    try:
        return b64decode(marker, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise ValidationError("Invalid Marker.") from None
