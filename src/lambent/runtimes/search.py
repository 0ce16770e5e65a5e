"""Where programs may be on this host. Looks at names only; nothing is run."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from lambent.runtimes import sdk

_SYSTEM = ("/usr/local/bin", "/usr/bin")


def added_root() -> Path:
    """Where `lambent runtimes add` puts languages: beside the SDKs, $XDG_DATA_HOME/lambent/runtimes."""
    return sdk.default_root().with_name("runtimes")


def on_path(names: Iterable[str]) -> list[Path]:
    """Executables of these names in the folders of PATH and in the system's; version managers' shims left out."""
    folders = [*os.environ.get("PATH", "").split(os.pathsep), *_SYSTEM]
    kept = dict.fromkeys(folder for folder in folders if folder and Path(folder).name != "shims")
    return _executables(Path(folder) / name for folder in kept for name in names)


def versions_in(root: Path, folders: str, names: Sequence[str]) -> list[Path]:
    """Executables of these names in the folders below `root` that match the pattern `folders`."""
    matching = sorted(glob.glob(os.path.join(glob.escape(str(root)), folders)))
    return _executables(Path(folder) / name for folder in matching for name in names)


def _executables(paths: Iterable[Path]) -> list[Path]:
    found: dict[Path, None] = {}
    for path in paths:
        # os.path's test, like glob's, takes a folder that may not be looked into for one without the file.
        if os.path.isfile(path) and os.access(path, os.X_OK):
            found[path.resolve()] = None
    return list(found)
