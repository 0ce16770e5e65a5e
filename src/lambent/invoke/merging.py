"""Unpacked layers merged into one folder, as AWS unpacks them over each other into /opt.

Files are hard links to those of the layers, so that a merged folder takes no room and every kind of sandbox can show
it with one mount. What two layers have in common comes from the later one; a file covers a folder and the other way
round. Nothing is ever written through a link.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path


def merge(layers: Sequence[Path], into: Path) -> None:
    """Fill the empty folder `into`. Raises OSError; what was made by then is the caller's to remove."""
    for layer in layers:
        _lay(str(layer), str(into))


def _lay(source: str, target: str) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            place = os.path.join(target, entry.name)
            if entry.is_dir(follow_symlinks=False):
                if not _is_folder(place):
                    _make_way(place)
                    os.mkdir(place, 0o755)
                os.chmod(place, entry.stat(follow_symlinks=False).st_mode & 0o777)
                _lay(entry.path, place)
            else:
                _make_way(place)
                _put(entry, place)


def _put(entry: os.DirEntry[str], place: str) -> None:
    if entry.is_symlink():
        os.symlink(os.readlink(entry.path), place)
        return
    try:
        os.link(entry.path, place)
    except OSError:  # a file system without links, or one file with too many
        shutil.copy2(entry.path, place)


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _make_way(path: str) -> None:
    if _is_folder(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
