"""What is shown inside the embedded moto's fence."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lambent.foreign.fence import outermost, python_folders


def test_paths_below_others_are_not_shown_twice() -> None:
    assert outermost(["/a/b", "/a", "/ab", "/a/", "/", "/c/d"]) == ["/a", "/ab", "/c/d"]


def test_all_that_python_imports_is_there_and_no_more() -> None:
    folders = outermost(python_folders())

    def shows(path: str) -> bool:
        return any(os.path.realpath(path).startswith(f"{folder}/") for folder in folders)

    assert shows(os.__file__)
    assert shows(str(Path(sys.modules["lambent.foreign.fence"].__file__ or "")))
    assert "/" not in folders
