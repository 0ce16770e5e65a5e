"""Markers of lists: opaque to clients, the last key that they were given to us."""

from __future__ import annotations

import base64
import binascii

from lambent.control.shapes import InvalidParameterValueException


def marked(last: str) -> str:
    """The marker of the page that follows `last`."""
    return base64.urlsafe_b64encode(last.encode()).decode()


def unmarked(marker: str | None) -> str:
    """What `marked` was given; empty for no marker. Raises InvalidParameterValueException."""
    if not marker:
        return ""
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidParameterValueException("Invalid Marker.") from None


def unmarked_number(marker: str) -> int:
    """A marker's number. Raises InvalidParameterValueException."""
    if not (marker.isascii() and marker.isdigit() and len(marker) <= 12):
        raise InvalidParameterValueException("Invalid Marker.")
    return int(marker)
