"""Models, loaded once for all tests of the wire."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from lambent.wire import model
from lambent.wire.model import Service


@pytest.fixture(scope="session")
def service() -> Callable[[str], Service]:
    """A service's model by name."""
    return cache(model.load)
