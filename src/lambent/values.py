"""Values: dataclasses that are quick to define and quick to make.

Of a frozen dataclass the standard library writes six methods as text and compiles each, at every start: for the
hundred and fifty that a server has, a quarter of the processor time of its start. Here it writes `__init__` alone. That
nobody assigns to a member is for the type checker to prove; so `__init__` need not go by way of `object.__setattr__`,
and takes a fifth of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform, overload

T = TypeVar("T")


@overload
def frozen(kind: type[T], /) -> type[T]: ...
@overload
def frozen(*, kw_only: bool = False) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(kind: type[T] | None = None, /, *, kw_only: bool = False) -> type[T] | Callable[[type[T]], type[T]]:
    """A class decorator that makes what the standard `dataclass` with `frozen` and `slots` does, but that assigning to
    a member is forbidden by its type alone."""
    if kind is None:
        return lambda kind: _made(kind, kw_only)
    return _made(kind, kw_only)


def _made(kind: type[T], kw_only: bool) -> type[T]:
    made = dataclass(slots=True, repr=False, eq=False, kw_only=kw_only)(kind)
    known: Any = made
    shown = tuple(each.name for each in fields(known) if each.repr)
    compared = tuple(each.name for each in fields(known) if each.compare)
    parts: Callable[[Any], Any] = attrgetter(*compared) if compared else lambda _: ()

    def equal(self: Any, other: object) -> bool:
        return parts(self) == parts(other) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: Any) -> int:
        return hash(parts(self))

    def represented(self: Any) -> str:
        return f"{self.__class__.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    for name, method in (("__eq__", equal), ("__hash__", hashed), ("__repr__", represented)):
        if name not in vars(kind):
            setattr(made, name, method)
    return made
