"""Binds operations classes to a service's model."""

from __future__ import annotations

import re

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake_case(operation: str) -> str:
    """The method name of an operation: GetFunctionUrlConfig → get_function_url_config."""
    return _WORDS.sub("_", operation).lower()
