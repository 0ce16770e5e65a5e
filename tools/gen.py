"""Writes what follows from the published service models: what Lambent keeps of them, the shapes of each service, and
docs/operations.md. The types of the shapes are in a stub, for who checks types: a server that runs does not load them.

    python tools/gen.py            write the files
    python tools/gen.py --check    change nothing; fail when a file is out of date

The operations are found by reading the classes with `ast`: a public `async def name(self, call, request)` is
the operation of that name. Only those get shapes, so a new operation is: its method, `make gen`, its body.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import keyword
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lambent.wire import kept, published
from lambent.wire.model import Operation, Service, Shape
from lambent.wire.service import snake_case

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "lambent"

_TYPES = {
    **dict.fromkeys(("string", "character"), "str"),
    **dict.fromkeys(("byte", "short", "integer", "long", "bigInteger"), "int"),
    **dict.fromkeys(("float", "double", "bigDecimal", "timestamp"), "float"),
    "blob": "bytes",
    "boolean": "bool",
}
_OURS = {"ApiError", "AsyncGenerator", "Literal", "Required", "TypedDict"}


@dataclass(frozen=True)
class Method:
    """An operation that a class has: how its method is called, and what it still lacks."""

    name: str
    file: Path
    partly: str | None


@dataclass(frozen=True)
class Home:
    """Where a service is implemented: its model's name, its sources, its generated file."""

    service: str
    sources: tuple[Path, ...]
    shapes: Path


def homes(source: Path = SOURCE) -> Iterator[Home]:
    """Every folder that has, or may have, operations."""
    control = source / "control"
    yield Home("lambda", _python(control), control / "shapes.py")
    names = {name.replace("-", ""): name for name in published.services()}
    for folder in sorted((source / "neighbours").iterdir()):
        sources = [folder / "operations.py", *_python(folder / "operations")]
        sources = [file for file in sources if file.is_file()]
        if sources and folder.name in names:
            yield Home(names[folder.name], tuple(sources), folder / "shapes.py")


def _python(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(f for f in folder.glob("*.py") if f.name not in ("__init__.py", "shapes.py")))


def methods(sources: Iterable[Path]) -> Iterator[Method]:
    """The public coroutine methods of the form (self, call, request)."""
    for file in sources:
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from (_method(m, file) for m in node.body if _is_operation(m))


def _is_operation(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and [a.arg for a in node.args.args] == ["self", "call", "request"]
    )


def _method(node: ast.stmt, file: Path) -> Method:
    assert isinstance(node, ast.AsyncFunctionDef)
    return Method(node.name, file, _partly(ast.get_docstring(node) or ""))


def _partly(docstring: str) -> str | None:
    """The text after a line that starts with `Partly:`, up to the next empty line."""
    _, found, rest = docstring.partition("Partly:")
    return " ".join(rest.split("\n\n")[0].split()) if found else None


def implemented(service: Service, found: Iterable[Method]) -> dict[str, Method]:
    """Operation name → method. Exits when a method is no operation of the model."""
    by_method = {snake_case(name): name for name in service.operations}
    result = {}
    for method in found:
        if method.name not in by_method:
            sys.exit(f"{method.file}: {method.name} is no operation of {service.name}")
        result[by_method[method.name]] = method
    return result


@dataclass(frozen=True)
class Shapes:
    """What the operations of a service take, give and refuse with."""

    service: Service
    types: tuple[Shape, ...]
    """Structures and enumerations."""
    errors: tuple[Shape, ...]


def shapes_of(service: Service, operations: Iterable[Operation]) -> Shapes:
    """Whatever is reached from the operations. Exits when something is named like what the files import."""
    types: dict[str, Shape] = {}
    errors: dict[str, Shape] = {}
    for operation in sorted(operations, key=lambda o: o.name):
        for top in (operation.input, operation.output):
            if top is not None:
                _collect(top, types)
        errors.update((e.name, e) for e in operation.errors)
    clash = _OURS & (types.keys() | errors.keys())
    if clash:
        sys.exit(f"{service.name}: shapes named like ours: {clash}")
    return Shapes(service, tuple(types.values()), tuple(errors[name] for name in sorted(errors)))


def shapes_module(shapes: Shapes) -> str:
    """The text of a shapes.py: what is there when the server runs."""
    text = (
        f'"""Shapes of {shapes.service.service_id} as they are when the server runs: structures are dicts, and '
        'enumerations texts.\nshapes.pyi has the types. Made by `make gen`."""\n\n'
        "from __future__ import annotations\n\n"
    )
    text += "from lambent.wire.errors import ApiError\n\n" if shapes.errors else ""
    text += "".join(f"{shape.name} = {'str' if shape.type == 'string' else 'dict'}\n" for shape in shapes.types)
    return text + "".join(f"\n\n{_error(error, shapes.service)}" for error in shapes.errors)


def shapes_stub(shapes: Shapes) -> str:
    """The text of a shapes.pyi: the types."""
    literals = "".join(_literal(shape) for shape in shapes.types if shape.type == "string")
    parts = [literals] if literals else []
    parts += [_typed_dict(shape) for shape in shapes.types if shape.type == "structure"]
    parts += [f"class {error.name}(ApiError): ...\n" for error in shapes.errors]
    body = parts[0] + "".join(_gap(*pair) + pair[1] for pair in itertools.pairwise(parts))
    names = [n for n in ("Literal", "Required", "TypedDict") if f"{n}[" in body or f"({n}" in body]
    imports = "from collections.abc import AsyncGenerator\n" if "AsyncGenerator[" in body else ""
    imports += f"from typing import {', '.join(names)}\n" if names else ""
    ours = "from lambent.wire.errors import ApiError\n" if shapes.errors else ""
    return "\n".join(block for block in (imports, ours, body) if block)


def _gap(above: str, below: str) -> str:
    """The empty line between two things in a stub, but for classes of one line."""
    return "" if above.endswith(": ...\n") and below.endswith(": ...\n") else "\n"


def _collect(shape: Shape, found: dict[str, Shape]) -> None:
    """Every structure and enum that is reached from `shape`, in the order met."""
    if shape.type == "structure" and not _is_opaque(shape):
        if shape.name not in found:
            found[shape.name] = shape
            for member in shape.members.values():
                _collect(member, found)
    elif shape.type == "list":
        _collect(shape.member, found)
    elif shape.type == "map":
        _collect(shape.key, found)
        _collect(shape.value, found)
    elif shape.type == "string" and shape.enum and not shape.traits.get("jsonvalue"):
        found.setdefault(shape.name, shape)


def _is_opaque(shape: Shape) -> bool:
    return bool(shape.traits.get("document"))


def _type(shape: Shape) -> str:
    if shape.traits.get("eventstream"):
        return f"AsyncGenerator[{shape.name}, None]"
    if shape.traits.get("document") or shape.traits.get("jsonvalue"):
        return "object"
    if shape.type == "list":
        return f"list[{_type(shape.member)}]"
    if shape.type == "map":
        return f"dict[{_type(shape.key)}, {_type(shape.value)}]"
    if shape.type == "structure" or shape.enum:
        return shape.name
    return _TYPES[shape.type]


def _literal(shape: Shape) -> str:
    values = [f'"{value}"' for value in shape.enum]
    line = f"{shape.name} = Literal[{', '.join(values)}]\n"
    if len(line) <= 111:
        return line
    return f"{shape.name} = Literal[\n" + "".join(f"    {value},\n" for value in values) + "]\n"


def _typed_dict(shape: Shape) -> str:
    if not shape.members:
        return f"class {shape.name}(TypedDict): ...\n"
    fields = {
        name: f"Required[{_type(member)}]" if name in shape.required else _type(member)
        for name, member in shape.members.items()
    }
    if all(name.isidentifier() and not keyword.iskeyword(name) for name in fields):
        lines = "".join(f"    {name}: {kind}\n" for name, kind in fields.items())
        return f"class {shape.name}(TypedDict, total=False):\n{lines}"
    lines = "".join(f'        "{name}": "{kind}",\n' for name, kind in fields.items())
    return f'{shape.name} = TypedDict(\n    "{shape.name}",\n    {{\n{lines}    }},\n    total=False,\n)\n'


def _error(shape: Shape, service: Service) -> str:
    named_by_code = service.protocol in ("query", "ec2", "rest-xml")
    code = shape.error_code if named_by_code else shape.name
    return f'class {shape.name}(ApiError):\n    code = "{code}"\n    status = {shape.status}\n'


def operations_page(services: Mapping[str, tuple[Service, Mapping[str, Method]]]) -> str:
    """The text of docs/operations.md."""
    lines = ["# Operations", "", "Written by `make gen` from the service models and the code.", ""]
    lines += ["An operation that is not there yet answers `NotImplementedException` (501) with its name.", ""]
    for folder in sorted(services):
        service, found = services[folder]
        lines += [f"## {service.service_id} (`{folder}`): {len(found)} of {len(service.operations)}", ""]
        lines += ["| operation | state |", "|---|---|"]
        lines += [f"| {name} | {_state(found.get(name))} |" for name in sorted(service.operations)]
        lines.append("")
    return "\n".join(lines)


def _state(method: Method | None) -> str:
    if method is None:
        return "–"
    return f"partly: {method.partly}" if method.partly else "done"


def generated(source: Path = SOURCE, root: Path = ROOT) -> dict[Path, str]:
    """Every generated file with the text that it should have."""
    files: dict[Path, str] = {}
    models = source / "wire" / "models"
    services: dict[str, tuple[Service, Mapping[str, Method]]] = {}
    for home in homes(source):
        model = published.read(home.service)
        files[models / f"{home.service}.jsonl"] = kept.text_of(model)
        service = Service(home.service, model)
        found = implemented(service, methods(home.sources))
        services[service.name] = (service, found)
        if found:
            shapes = shapes_of(service, [service.operations[name] for name in found])
            files[home.shapes] = shapes_module(shapes)
            files[home.shapes.with_suffix(".pyi")] = shapes_stub(shapes)
    files[root / "docs" / "operations.md"] = operations_page(services)
    return files


def main() -> None:
    """Write the files, or with --check only compare them."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    arguments.add_argument("--check", action="store_true", help="only compare; exit 1 on a difference")
    check = arguments.parse_args().check
    stale = {f: t for f, t in generated().items() if not f.exists() or f.read_text("utf-8") != t}
    for file, text in stale.items():
        print(f"{'out of date' if check else 'written'}: {file.relative_to(ROOT)}")
        if not check:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, "utf-8")
    sys.exit(1 if check and stale else 0)


if __name__ == "__main__":
    main()
