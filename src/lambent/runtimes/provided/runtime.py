"""Custom runtimes on the host's own system libraries: any program that the function calls `bootstrap`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lambent.runtimes.base import (
    API_PORT,
    COMMON_VARIABLES,
    LANG_DIR,
    OPT,
    TASK,
    Facts,
    Interpreter,
    Runtime,
)
from lambent.sandbox.base import Deferred, Template

_PLACES = (f"{TASK}/bootstrap", f"{OPT}/bootstrap")
_VARIABLES = {
    **COMMON_VARIABLES,
    # There is no language of ours to be found.
    "LD_LIBRARY_PATH": COMMON_VARIABLES["LD_LIBRARY_PATH"].removeprefix(f"{LANG_DIR}/lib:"),
    "PATH": COMMON_VARIABLES["PATH"].removeprefix(f"{LANG_DIR}/bin:"),
}


class Provided:
    """The `provided.*` runtimes."""

    name = "provided"
    wanted: Mapping[str, tuple[int, ...]] = {"provided.al2": (), "provided.al2023": ()}

    def candidates(self) -> list[Path]:
        """None: the function brings the program."""
        return []

    def probe(self, executable: Path) -> Interpreter | None:
        """There is nothing to ask."""
        return None

    def runtime(self, name: str, interpreter: Interpreter | None, sdk: Path | None, empty: Path) -> Runtime:
        """The same sandbox for all of them."""
        template = Template(name="provided", program=Deferred(), binds=(), listen=(API_PORT,))
        return Runtime(
            name=name,
            family=self.name,
            version="",
            note=f"{name} runs on this host's system libraries",
            exact=True,
            pooled=template,
            plain=template,
            variables=_VARIABLES,
            needs_plain=lambda facts: None,
            command=lambda facts: (entry_point(facts) or _PLACES[0],),
            refusal=refusal,
        )


def entry_point(facts: Facts) -> str | None:
    """The program that is started: the function's own before one that a layer brings."""
    for contents, place in zip((facts.task, facts.opt), _PLACES, strict=True):
        if "bootstrap" in contents.executables:
            return place
    return None


def refusal(facts: Facts) -> tuple[str, str] | None:
    """A function without an executable bootstrap cannot be started."""
    if entry_point(facts) is not None:
        return None
    return "Runtime.InvalidEntrypoint", f"Couldn't find valid bootstrap(s): [{' '.join(_PLACES)}]"


FAMILY = Provided()
