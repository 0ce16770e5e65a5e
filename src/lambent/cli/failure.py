"""What the command line says when it cannot do what was asked: one line, and an exit status that tells why."""

from __future__ import annotations

import click

FUNCTION_FAILED = 1
"""Exit status: the function was called and failed."""
FAILED = 3
"""Exit status: we could not do it (2 is click's own, for wrong usage)."""
INTERRUPTED = 130
"""Exit status: ended by Ctrl-C, as shells have it."""


class Failure(click.ClickException):
    """Nothing that the user typed wrong, yet it cannot be done; the text says why, and what would help."""

    exit_code = FAILED
