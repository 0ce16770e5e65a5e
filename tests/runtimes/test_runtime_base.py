"""Which sandbox a version gets, and how its process is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambent.runtimes import catalogue
from lambent.runtimes.base import Contents, Facts, Interpreter, Runtime
from lambent.runtimes.nodejs.runtime import FAMILY as NODEJS
from lambent.runtimes.provided.runtime import FAMILY as PROVIDED
from lambent.runtimes.python.runtime import FAMILY as PYTHON
from lambent.sandbox.base import Bind, Deferred, Forked, Started

EMPTY = Path("/empty")
PREFIX = "/home/me/.pyenv/versions/3.11.7"
PYENV = Interpreter(
    "python",
    Path(f"{PREFIX}/bin/python3.11"),
    "3.11.7",
    Path(PREFIX),
    {"path": (f"{PREFIX}/lib/python3.11",), "sites": (f"{PREFIX}/lib/python3.11/site-packages",), "libraries": ()},
)
SYSTEM = Interpreter(
    "python",
    Path("/usr/bin/python3.11"),
    "3.11.2",
    Path("/usr"),
    {"path": ("/usr/lib/python3.11",), "sites": ("/usr/lib/python3/dist-packages",), "libraries": ("/usr/lib",)},
)
NODE = Interpreter("nodejs", Path("/usr/bin/node"), "20.20.2", Path("/usr"))
NVM = Interpreter("nodejs", Path("/home/me/.nvm/versions/node/v22.1.0/bin/node"), "22.1.0", Path("/home/me/.nvm/versions/node/v22.1.0"))  # fmt: skip  # noqa: E501 - one line a case


def python() -> Runtime:
    return PYTHON.runtime("python3.11", PYENV, None, EMPTY)


def nodejs() -> Runtime:
    return NODEJS.runtime("nodejs20.x", NODE, Path("/sdk/node_modules"), EMPTY)


def contents(*names: str) -> Contents:
    return Contents(frozenset(names))


@pytest.mark.parametrize(
    ("facts", "is_pooled"),
    [
        (Facts(), True),
        (Facts({"COLOUR": "blue", "TZ": "Asia/Tokyo", "PYTHONUNBUFFERED": "1", "NODE_ENV": "production"}), True),
        (Facts(task=contents("app.py", "requests", "numpy", "lib", "tests", "_cffi_backend.cpython-311.so")), True),
        (Facts(task=contents("lib/readme.txt", "lib/helper.py")), True),
        (Facts(opt=contents("python/requests", "lib")), True),
        (Facts({"PYTHONPATH": "/var/task/vendor"}), False),
        (Facts({"PYTHONHASHSEED": "0"}), False),
        (Facts({"LD_LIBRARY_PATH": "/opt/mine"}), False),
        (Facts({"LD_PRELOAD": "/opt/mine.so"}), False),
        (Facts({"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}), False),
        (Facts(task=contents("lib/libpq.so.5")), False),
        (Facts(opt=contents("lib/libpq.so")), False),
        (Facts(task=contents("libpq.so.5")), False),
        (Facts(task=contents("boto3", "six.py")), True),
        (Facts(opt=contents("python/urllib3", "python/lib/python3.11/site-packages/dateutil")), True),
        (Facts(task=contents("queue.py")), False),
        (Facts(opt=contents("python/queue.py")), False),
        (Facts(opt=contents("python/lib/python3.11/site-packages/typing.py")), False),
    ],
)
def test_a_python_function_is_pooled_unless_it_changes_what_is_settled_by_then(facts: Facts, is_pooled: bool) -> None:
    runtime = python()
    assert runtime.choose(facts) is (runtime.pooled if is_pooled else runtime.plain)
    assert (runtime.needs_plain(facts) is None) == is_pooled


@pytest.mark.parametrize(
    ("facts", "is_pooled"),
    [
        (Facts({"NODE_ENV": "production", "NODE_PATH": "/opt/x", "PYTHONPATH": "/x"}), True),
        (Facts(task=contents("boto3", "index.js", "node_modules")), True),
        (Facts({"NODE_OPTIONS": "--enable-source-maps"}), False),
        (Facts({"NODE_EXTRA_CA_CERTS": "/var/task/ca.pem"}), False),
        (Facts({"UV_THREADPOOL_SIZE": "8"}), False),
        (Facts({"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}), False),
        (Facts(opt=contents("lib/libvips.so.42")), False),
    ],
)
def test_a_node_function_is_pooled_unless_it_changes_what_is_settled_by_then(facts: Facts, is_pooled: bool) -> None:
    runtime = nodejs()
    assert runtime.choose(facts) is (runtime.pooled if is_pooled else runtime.plain)


def test_the_message_is_what_the_waiting_program_needs() -> None:
    runtime = python()
    assert runtime.message(Facts(), {"A": "1"}) == {"env": {"A": "1"}}
    plain = runtime.message(Facts({"PYTHONHASHSEED": "0"}), {"A": "1"})
    argv = ["/var/lang/bin/python3.11", "/var/runtime/bootstrap.py"]
    assert plain == {"argv": argv, "env": {"A": "1"}, "cwd": "/var/task"}


def test_a_wrapper_gets_the_runtime_s_command_as_its_arguments() -> None:
    facts = Facts({"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"})
    message = nodejs().message(facts, {})
    assert message["argv"] == [
        "/bin/sh",
        "-c",
        'exec "$@"',
        "sh",
        "/opt/wrap",
        "/usr/bin/node",
        "/var/runtime/index.mjs",
    ]


def test_a_python_of_its_own_folder_is_mounted_without_the_host_s_packages() -> None:
    runtime = python()
    assert isinstance(runtime.pooled.program, Forked)
    assert runtime.pooled.program.interpreter == "/var/lang/bin/python3.11"
    assert runtime.pooled.program.path == ("/var/lang/lib/python3.11", "/var/runtime")
    assert runtime.pooled.binds[:2] == (
        Bind(Path(PREFIX), "/var/lang"),
        Bind(EMPTY, "/var/lang/lib/python3.11/site-packages"),
    )
    assert isinstance(runtime.plain.program, Deferred)
    assert runtime.pooled.listen == runtime.plain.listen == (9001,)


def test_the_system_s_python_stays_where_it_is() -> None:
    runtime = PYTHON.runtime("python3.11", SYSTEM, None, EMPTY)
    assert isinstance(runtime.pooled.program, Forked)
    assert runtime.pooled.program.interpreter == "/usr/bin/python3.11"
    assert runtime.pooled.binds[0] == Bind(EMPTY, "/usr/lib/python3/dist-packages")
    assert runtime.pooled.links["/var/lang/bin/python3.11"] == "/usr/bin/python3.11"


def test_node_boots_ahead_and_finds_the_sdk() -> None:
    runtime = nodejs()
    program = runtime.pooled.program
    assert isinstance(program, Started)
    assert program.argv == ("/usr/bin/node", "/var/runtime/index.mjs")
    assert program.env == {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001", "_LAMBENT_CHANNEL": "3"}
    assert Bind(Path("/sdk/node_modules"), "/var/runtime/node_modules") in runtime.pooled.binds
    assert runtime.pooled.links["/node_modules"] == "/var/runtime/node_modules"
    elsewhere = NODEJS.runtime("nodejs22.x", NVM, None, EMPTY)
    assert elsewhere.command(Facts())[0] == "/var/lang/bin/node"
    assert elsewhere.pooled.binds[0] == Bind(NVM.prefix, "/var/lang")


def test_the_runtimes_variables_are_those_of_aws() -> None:
    variables = python().environment(Facts())
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11"
    assert variables["LAMBDA_TASK_ROOT"] == "/var/task"
    assert variables["TZ"] == ":UTC"
    assert variables["PATH"] == "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
    node = nodejs().environment(Facts())
    assert node["NODE_PATH"] == (
        "/opt/nodejs/node20/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"
    )
    standing_in = NODEJS.runtime("nodejs24.x", NODE, None, EMPTY).environment(Facts())
    assert standing_in["NODE_PATH"].startswith("/opt/nodejs/node24/node_modules:/opt/nodejs/node20/node_modules:/opt/n")
    own = PROVIDED.runtime("provided.al2023", None, None, EMPTY).environment(Facts())
    assert "AWS_EXECUTION_ENV" not in own
    assert "_LAMBDA_TELEMETRY_LOG_FD" not in own
    assert own["PATH"] == "/usr/local/bin:/usr/bin/:/bin:/opt/bin"


EXECUTABLE = Contents(frozenset({"bootstrap"}), frozenset({"bootstrap"}))


def test_what_layers_bring_together_is_what_the_later_ones_leave_of_the_earlier() -> None:
    plain, other = contents("bootstrap", "lib"), contents("python", "python/boto3")
    assert Contents.merged([EXECUTABLE, plain]) == contents("bootstrap", "lib")
    assert Contents.merged([plain, EXECUTABLE]).executables == {"bootstrap"}
    assert Contents.merged([EXECUTABLE, other]).names == {"bootstrap", "python", "python/boto3"}
    assert Contents.merged([]) == Contents()


@pytest.mark.parametrize(
    ("task", "opt", "command"),
    [
        (EXECUTABLE, EXECUTABLE, "/var/task/bootstrap"),
        (contents("bootstrap"), EXECUTABLE, "/opt/bootstrap"),
        (contents(), EXECUTABLE, "/opt/bootstrap"),
    ],
)
def test_a_custom_runtime_starts_the_first_bootstrap_that_can_be(task: Contents, opt: Contents, command: str) -> None:
    runtime = PROVIDED.runtime("provided.al2023", None, None, EMPTY)
    facts = Facts({"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}, task, opt)
    assert runtime.refusal(facts) is None
    assert runtime.message(facts, {})["argv"] == [command]


@pytest.mark.parametrize("task", [contents(), contents("bootstrap")])
def test_a_custom_runtime_without_an_executable_bootstrap_is_refused(task: Contents) -> None:
    runtime = PROVIDED.runtime("provided.al2", None, None, EMPTY)
    assert runtime.refusal(Facts(task=task)) == (
        "Runtime.InvalidEntrypoint",
        "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
    )
    assert python().refusal(Facts(task=task)) is None


def test_contents_are_the_names_that_matter(tmp_path: Path) -> None:
    for name in ("app.py", "lib/libx.so.1", "lib/deep/no.so", "python/lib/python3.11/site-packages/six.py", "pkg/x.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "bootstrap").touch(mode=0o755)
    (tmp_path / "gone").symlink_to("nowhere")
    found = Contents.of(tmp_path)
    assert found.executables == {"bootstrap"}
    assert {"app.py", "pkg", "lib/libx.so.1", "python/lib/python3.11/site-packages/six.py", "gone"} <= found.names
    assert not {"lib/deep/no.so", "pkg/x.py"} & found.names


def interpreter(version: str) -> Interpreter:
    return Interpreter("python", Path("/x"), version, Path("/"))


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        ((3, 12), ["3.11.7", "3.12.1", "3.13.0"], "3.12.1"),
        ((3, 14), ["3.8.1", "3.11.7", "3.13.0"], "3.13.0"),
        ((3, 12), ["3.11.7", "3.13.0"], "3.13.0"),
        ((22,), ["20.1.0", "26.0.0"], "20.1.0"),
        ((22,), ["20.1.0", "24.0.0"], "24.0.0"),
        ((22,), [], None),
    ],
)
def test_the_nearest_version_stands_in(wanted: tuple[int, ...], found: list[str], expected: str | None) -> None:
    nearest = catalogue.nearest(wanted, [interpreter(version) for version in found])
    assert (nearest and nearest.version) == expected
