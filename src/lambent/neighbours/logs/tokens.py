"""Ids of events and tokens of pages: opaque to callers, and to us a place to go on from. Pure."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from typing import Final, Literal

from lambent.neighbours.logs.shapes import InvalidParameterException

Position = tuple[int, int]
"""Where an event stands: (time in epoch milliseconds, sequence)."""

SEQUENCE_TOKEN: Final = "4959" + "0" * 52
"""PutLogEvents still answers one, and ignores what it is given."""

# With the time in the upper bits ids have 56 digits, as AWS's have, and sort like events.
_SEQUENCE_BITS: Final = 144
_DIGITS: Final = 56
LAST_MS: Final = (10**_DIGITS >> _SEQUENCE_BITS) - 1
"""The latest time that an id can name, in the year 2112."""
_LAST_SEQUENCE: Final = (1 << 63) - 1


def event_id(position: Position) -> str:
    """56 digits, in the events' order."""
    at, sequence = min(position[0], LAST_MS), position[1]
    return f"{at << _SEQUENCE_BITS | sequence:0{_DIGITS}d}"


def before(position: Position) -> Position:
    """The position just before."""
    at, sequence = position
    if sequence:
        return at, sequence - 1
    return (at - 1, _LAST_SEQUENCE) if at else (0, 0)


def behind(position: Position) -> Position:
    """The position just behind."""
    return position[0], position[1] + 1


def stream_token(direction: Literal["f", "b"], position: Position) -> str:
    """A token of GetLogEvents: what stands after (f) or before (b) the position."""
    return f"{direction}/{event_id(position)}/s"


def read_stream_token(token: str) -> tuple[bool, Position]:
    """(whether it leads backward, the position). Raises InvalidParameterException."""
    direction, _, rest = token.partition("/")
    digits, _, tail = rest.partition("/")
    if direction not in ("f", "b") or tail != "s":
        raise _invalid()
    return direction == "b", _position(digits)


def page_token(place: str) -> str:
    """The token of a place in a list."""
    return urlsafe_b64encode(place.encode()).decode()


def read_page_token(token: str | None) -> str:
    """The place, or the empty text when there is no token. Raises InvalidParameterException."""
    if token is None:
        return ""
    try:
        return b64decode(token, altchars="-_", validate=True).decode()
    except ValueError:
        raise _invalid() from None


def read_position_token(token: str | None) -> Position | None:
    """The position in a page token that was made of an event's id. Raises InvalidParameterException."""
    return None if token is None else _position(read_page_token(token))


def _position(digits: str) -> Position:
    if len(digits) != _DIGITS or not (digits.isascii() and digits.isdigit()):
        raise _invalid()
    at, sequence = divmod(int(digits), 1 << _SEQUENCE_BITS)
    if sequence > _LAST_SEQUENCE:
        raise _invalid()
    return at, sequence


def _invalid() -> InvalidParameterException:
    return InvalidParameterException("The specified nextToken is invalid.")
