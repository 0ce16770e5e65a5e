"""The wheel that `make wheel` builds is whole, and what it installs works."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left in the tree and nothing of it gets in that is not source."""
    place = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place)
    shutil.copytree(
        ROOT / "src" / "lambent", place / "src" / "lambent", ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
    )
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place / "dist"), str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = (place / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment with the wheel in it; the packages that it needs are lent to it."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(place, with_pip=False)
    python = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    done = subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (site,) = (place / "lib").glob("python3.*/site-packages")
    # Last on the path, and without our own editable installation: that is a .pth file, which is not looked at there.
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place / "bin"


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    source = ROOT / "src"
    files = {
        str(file.relative_to(source))
        for file in (source / "lambent").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("lambent/")}
    assert packed == files


def test_the_installed_command_knows_its_version(wheel: Path, programs: Path) -> None:
    done = subprocess.run([programs / "lambent", "version"], capture_output=True, text=True, cwd="/", check=False)
    assert (done.stdout, done.stderr) == (f"Lambent {wheel.name.split('-')[1]}\n", "")


def test_the_installed_server_serves(programs: Path, tmp_path: Path) -> None:
    where = subprocess.run(
        [programs / "python", "-c", "import lambent; print(lambent.__file__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(programs.parent) in where.stdout
    command = [programs / "lambent", "serve", "--port", "0", "--data", tmp_path / "data"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/") as server:
        assert server.stdout is not None
        ready = server.stdout.readline()
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=60)
    assert " ready on http://127.0.0.1:" in ready, errors
    assert server.returncode == 0
