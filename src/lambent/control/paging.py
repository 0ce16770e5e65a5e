"""Pages of lists, and their markers: opaque to clients, the last key that they were given to us."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from lambent.control.shapes import InvalidParameterValueException

T = TypeVar("T")


def page(items: Mapping[str, T], request: Mapping[str, Any], most: int) -> tuple[Sequence[T], str | None]:
    """The page that `request` asks for, `most` items at most, and its NextMarker unless it is the last.

    `items` by what places them in the list, which is in that order. Raises InvalidParameterValueException.
    """
    after = unmarked(request.get("Marker"))
    limit = min(request.get("MaxItems", most), most)
    places = sorted(place for place in items if place > after)
    shown = places[:limit]
    return [items[place] for place in shown], marked(shown[-1]) if len(places) > limit else None


def marked(last: str) -> str:
    """The marker of the page that follows `last`."""
    return base64.urlsafe_b64encode(last.encode()).decode()


def unmarked(marker: str | None) -> str:
    """What `marked` was given; empty for no marker. Raises InvalidParameterValueException."""
    if not marker:
        return ""
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise InvalidParameterValueException("Invalid pagination key.") from None


def unmarked_number(marker: str) -> int:
    """A marker's number. Raises InvalidParameterValueException."""
    if not (marker.isascii() and marker.isdigit() and len(marker) <= 12):
        raise InvalidParameterValueException("Invalid pagination key.")
    return int(marker)
