"""The program's own log: an event name with keys, one line each, on standard error."""

from __future__ import annotations

import contextlib
import sys
import time
import traceback
from typing import TextIO

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Log:
    """Writes `time level event key=value …`; values with blanks are quoted. Nothing is raised: where the log cannot be
    written, for a full disk or a reader that is gone, everything else goes on."""

    def __init__(self, level: str = "info", stream: TextIO | None = None) -> None:
        self._threshold = _LEVELS[level]
        self._stream = stream if stream is not None else sys.stderr

    def debug(self, event: str, **keys: object) -> None:
        """For whoever looks for a fault."""
        self._write("debug", event, keys)

    def info(self, event: str, **keys: object) -> None:
        """Something an operator may want to know."""
        self._write("info", event, keys)

    def warning(self, event: str, **keys: object) -> None:
        """Something an operator should look at."""
        self._write("warning", event, keys)

    def error(self, event: str, *, error: BaseException | None = None, **keys: object) -> None:
        """A fault of ours; with `error`, its traceback follows."""
        told = "" if error is None else "".join(traceback.format_exception(error))
        self._write("error", event, keys, told)

    def _write(self, level: str, event: str, keys: dict[str, object], told: str = "") -> None:
        if _LEVELS[level] < self._threshold:
            return
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        pairs = "".join(f" {k}={_shown(v)}" for k, v in keys.items())
        with contextlib.suppress(OSError):
            self._stream.write(f"{stamp}Z {level} {event}{pairs}\n{told}")
            self._stream.flush()


def _shown(value: object) -> str:
    text = str(value)
    return repr(text) if not text or any(c.isspace() or c == '"' for c in text) else text
