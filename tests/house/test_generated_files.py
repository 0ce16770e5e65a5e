"""What `make gen` writes: up to date, and made as promised."""

from __future__ import annotations
import __future__

import importlib.util
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from lambent.wire.model import load

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def gen() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lambent_gen", ROOT / "tools" / "gen.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_generated_files_are_up_to_date(gen: ModuleType) -> None:
    stale = [str(f.relative_to(ROOT)) for f, text in gen.generated().items() if not f.exists() or f.read_text() != text]
    assert stale == [], "run `make gen`"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A source tree with two operations of lambda and one of cognito-sync."""
    control = tmp_path / "control"
    neighbour = tmp_path / "neighbours" / "cognitosync"
    control.mkdir()
    neighbour.mkdir(parents=True)
    (tmp_path / "neighbours" / "alexa").mkdir()
    (control / "functions.py").write_text(
        textwrap.dedent('''
        class Functions:
            async def get_function(self, call, request):
                """Answers.

                Partly: the tags are
                left out.

                More.
                """

            async def list_functions(self, call: Call, request: ListFunctionsRequest) -> ListFunctionsResponse: ...

            async def load(self, name): ...

            async def _get_alias(self, call, request): ...

            def delete_function(self, call, request): ...


        class _Private:
            async def create_function(self, call, request): ...
        ''')
    )
    (neighbour / "operations.py").write_text("class Pools:\n    async def list_records(self, call, request): ...\n")
    return tmp_path


def test_operations_are_the_public_coroutines_of_call_and_request(gen: ModuleType, house: Path) -> None:
    found = {m.name: m.partly for m in gen.methods([house / "control" / "functions.py"])}
    assert found == {"get_function": "the tags are left out.", "list_functions": None}


def test_only_what_the_operations_need_is_written(gen: ModuleType, house: Path) -> None:
    files = {file.relative_to(house).as_posix(): text for file, text in gen.generated(house, house).items()}
    folders = ("control", "neighbours/cognitosync")
    shapes_of_both = {f"{each}/shapes.{kind}" for each in folders for kind in ("py", "pyi")}
    models = {"wire/models/lambda.jsonl", "wire/models/cognito-sync.jsonl"}
    assert files.keys() == shapes_of_both | models | {"docs/operations.md"}
    stub = files["control/shapes.pyi"]
    assert "class GetFunctionRequest(TypedDict, total=False):\n    FunctionName: Required[str]\n" in stub
    assert 'PackageType = Literal["Zip", "Image"]' in stub
    assert "class ResourceNotFoundException(ApiError): ...\n" in stub
    assert "CreateFunctionRequest" not in stub
    shapes = files["control/shapes.py"]
    assert "GetFunctionRequest = dict\n" in shapes
    assert "PackageType = str\n" in shapes
    assert (
        'class ResourceNotFoundException(ApiError):\n    code = "ResourceNotFoundException"\n    status = 404\n'
        in shapes
    )
    assert "CreateFunctionRequest" not in shapes
    compile(shapes, "shapes.py", "exec")
    page = files["docs/operations.md"]
    assert "## Lambda (`lambda`): 2 of " in page
    assert "| GetFunction | partly: the tags are left out. |" in page
    assert "| ListFunctions | done |" in page
    assert "| CreateFunction | – |" in page


def test_a_method_that_is_no_operation_stops_the_generator(gen: ModuleType, house: Path) -> None:
    (house / "control" / "other.py").write_text("class A:\n    async def fly(self, call, request): ...\n")
    with pytest.raises(SystemExit, match="fly is no operation of lambda"):
        gen.generated(house, house)


def test_errors_of_query_services_go_by_their_code(gen: ModuleType) -> None:
    service = load("iam")
    text = gen.shapes_module(gen.shapes_of(service, [service.operations["GetRole"]]))
    assert 'class NoSuchEntityException(ApiError):\n    code = "NoSuchEntity"\n    status = 404\n' in text


@pytest.mark.parametrize("name", ["lambda", "logs", "iam", "sts", "ec2", "s3", "dynamodb", "cloudwatch", "iot"])
def test_the_shapes_of_whole_services_are_valid_python(gen: ModuleType, name: str) -> None:
    service = load(name)
    shapes = gen.shapes_of(service, service.operations.values())
    for text in (gen.shapes_module(shapes), gen.shapes_stub(shapes)):
        module = ModuleType("shapes")
        sys.modules["shapes"] = module
        try:
            exec(compile(text, "shapes.py", "exec", __future__.annotations.compiler_flag), module.__dict__)
        finally:
            del sys.modules["shapes"]
