"""Finding what this host has, remembering it, and AWS's names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from lambent.runtimes import catalogue
from lambent.runtimes.base import Facts, Interpreter, Runtime, always_tried
from lambent.runtimes.catalogue import Catalogue, RuntimeMissing, RuntimeRefused, open_catalogue
from lambent.runtimes.sdk import Sdk
from lambent.sandbox.base import Deferred, Template


class Language:
    """A family whose programs are text files that hold their version."""

    name = "tongue"
    wanted: Mapping[str, tuple[int, ...]] = {"tongue1.x": (1,), "tongue2.x": (2,)}

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.probed: list[str] = []

    def candidates(self) -> list[Path]:
        return sorted(self.folder.iterdir())

    def probe(self, executable: Path) -> Interpreter | None:
        self.probed.append(executable.name)
        version = executable.read_text()
        return Interpreter(self.name, executable, version, self.folder, {"k": ("v",)}) if version else None

    def runtime(self, name: str, interpreter: Interpreter | None, sdk: Path | None, empty: Path) -> Runtime:
        assert interpreter is not None
        template = Template(f"{name}-{interpreter.version}", Deferred(), ())
        exact = interpreter.numbers[:1] == self.wanted[name]
        return Runtime(
            name, self.name, interpreter.version, "", exact, template, template, {}, _never, lambda f: (), always_tried
        )


def _never(facts: Facts) -> str | None:
    return None


@pytest.fixture
def language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Language:
    folder = tmp_path / "bin"
    folder.mkdir()
    language = Language(folder)
    monkeypatch.setattr(catalogue, "families", lambda: [language])
    return language


def _open(tmp_path: Path, *, strict: bool = False) -> Catalogue:
    return open_catalogue(tmp_path / "state", sdk=Sdk(tmp_path / "sdk"), strict=strict)


def test_a_program_is_run_once_and_again_when_it_has_changed(language: Language, tmp_path: Path) -> None:
    (language.folder / "a").write_text("1.5.0")
    (language.folder / "broken").write_text("")
    for _ in range(2):
        found = _open(tmp_path).find("tongue1.x")
        assert found is not None
        assert found.version == "1.5.0"
    assert language.probed == ["a", "broken"]
    (language.folder / "a").write_text("1.10.0")
    found = _open(tmp_path).find("tongue1.x")
    assert found is not None
    assert (found.version, language.probed) == ("1.10.0", ["a", "broken", "a"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"format": 1, "programs": {"x": 1}}',
        '{"format": 1, "programs": {"tongue:/a": {"stamp": {}, "told": {"family": 1}}}}',
    ],
)
def test_a_damaged_memory_is_no_memory(language: Language, tmp_path: Path, text: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "interpreters.json").write_text(text)
    (language.folder / "a").write_text("1.5.0")
    assert _open(tmp_path).find("tongue1.x") is not None
    assert json.loads((tmp_path / "state" / "interpreters.json").read_text())


def test_the_newest_of_one_version_is_taken_and_the_nearest_stands_in(language: Language, tmp_path: Path) -> None:
    for name, version in {"a": "1.5.0", "b": "1.5.9", "c": "1.5.3"}.items():
        (language.folder / name).write_text(version)
    there = _open(tmp_path)
    exact, other = there.get("tongue1.x"), there.get("tongue2.x")
    assert (exact.version, exact.exact) == ("1.5.9", True)
    assert (other.version, other.exact) == ("1.5.9", False)


def test_strictly_nothing_stands_in(language: Language, tmp_path: Path) -> None:
    (language.folder / "a").write_text("1.5.0")
    there = _open(tmp_path, strict=True)
    assert there.find("tongue2.x") is None
    with pytest.raises(RuntimeMissing, match="does not have its exact version to run tongue2"):
        there.get("tongue2.x")
    assert [runtime.name for runtime in there.all()] == ["tongue1.x"]


def test_languages_are_found_in_their_folders() -> None:
    assert {family.name for family in catalogue.families()} >= {"python", "nodejs", "provided"}


def test_this_host_can_run_the_python_that_runs_this(tmp_path: Path) -> None:
    there = _open(tmp_path)
    assert there.find("provided.al2023") is not None
    assert any(runtime.exact for runtime in there.all() if runtime.family == "python")
    assert "dotnet8" in there.missing()


@pytest.mark.parametrize("name", ["python3.8", "python3.14", "nodejs24.x", "provided.al2", "java8.al2", "ruby3.4"])
def test_names_that_aws_takes(name: str) -> None:
    there = Catalogue({})
    assert there.accepted_for_create(name) is None
    there.check(name)


@pytest.mark.parametrize("name", ["python3.7", "nodejs14.x", "go1.x", "java8", "provided", "dotnetcore3.1"])
def test_names_that_aws_took_once(name: str) -> None:
    text = (
        f"The runtime parameter of {name} is no longer supported for creating or updating AWS Lambda functions. "
        "We recommend you use a supported runtime while creating or updating functions."
    )
    with pytest.raises(RuntimeRefused) as refused:
        Catalogue({}).check(name)
    assert str(refused.value) == text


@pytest.mark.parametrize("name", ["python4", "", "nodejs", "PYTHON3.11"])
def test_other_names(name: str) -> None:
    text = Catalogue({}).accepted_for_create(name)
    assert text is not None
    if name != "nodejs":
        assert text.startswith(
            f"Value {name} at 'runtime' failed to satisfy constraint: Member must satisfy enum value"
        )
        assert text.endswith("] or be a valid ARN")


def test_a_version_that_aws_does_not_have_yet_is_taken_where_it_is_here(language: Language, tmp_path: Path) -> None:
    (language.folder / "a").write_text("1.5.0")
    there = _open(tmp_path)
    assert there.accepted_for_create("tongue1.x") is None
    assert there.accepted_for_create("tongue2.x") is not None, "another version would stand in for it"


def test_what_is_known_of_programs_may_be_kept_elsewhere_or_nowhere(tmp_path: Path) -> None:
    facts = tmp_path / "cache" / "made"
    open_catalogue(tmp_path / "one", sdk=Sdk(tmp_path / "sdk"), facts=facts)
    assert (facts / "interpreters.json").is_file()
    assert not (tmp_path / "one" / "interpreters.json").exists()
    unwritable = tmp_path / "file"
    unwritable.write_text("not a folder")
    catalogue = open_catalogue(tmp_path / "two", sdk=Sdk(tmp_path / "sdk"), facts=unwritable / "cache")
    assert catalogue.all()
