"""Runs a Python function: takes events from the Runtime API, hands them to the handler, posts what it answers.

Works on Python 3.8 to 3.14 with nothing but the standard library, in two ways: in the fork of a process that imported
it long before (`preload`, then `prewarm`, then `main`), or as a script with its complete environment (`__main__`).
"""

from __future__ import annotations

import _thread
import importlib.machinery
import io
import json
import logging
import os
import re
import socket
import sys
import time
import traceback

ADDRESS = "127.0.0.1:9001"
VERSION = sys.version_info[:2]
TYPE_CHECKING = False
_API = b"/2018-06-01/runtime"
_CUT_BYTES = 256 * 1024
_WHOLE_BYTES = 4096 - 16  # with its head, what a pipe takes whole though others write to it, too
_SMALL_BYTES = 64 * 1024
_NBSP = "\u00a0"
SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
SERVICES = ("sts", "s3", "dynamodb", "sqs", "sns", "lambda", "ssm", "secretsmanager", "events")

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, NoReturn

    Headers = dict[bytes, bytes]
    Handler = Callable[[Any, Any], Any]

# ---- the three entrances of a forked runtime ---------------------------------------------------------------------


def preload() -> None:
    """Import what the managed runtime offers, build one client and rehearse, so that the forks find it all in memory:
    what the interpreter notes at a first run (specialised code, caches) is shared when it was noted before them."""
    import datetime
    import decimal
    import random
    import ssl
    import uuid

    del datetime, decimal, random, ssl, uuid
    _import_sdk()
    _rehearse()


def _import_sdk() -> None:
    try:
        import boto3.session
    except ImportError:
        return
    stop_learning = _remember_models()
    # Explicit keys keep the search for credentials (files, metadata services) out of it; nothing is ever called.
    session = boto3.session.Session("AKIDEXAMPLE", "unused", region_name="us-east-1")
    for service in SERVICES:
        session.client(service)
    session.resource("dynamodb")
    importlib.import_module("boto3.s3.transfer")
    stop_learning()
    Parked(SDK).park()


def _remember_models() -> Callable[[], None]:
    """Let botocore keep what it reads of its own data files from now until the function returned here is called: it
    would parse them anew for every session, which takes most of the time that a first client needs."""
    from botocore import loaders

    read, listed = loaders.JSONFileLoader.load_file, loaders.Loader.list_available_services
    models: dict[str, Any] = {}
    lists: dict[Any, list[str]] = {}
    learning = True

    def load_file(self: Any, file_path: str) -> Any:
        if file_path in models:
            return models[file_path]
        model = read(self, file_path)
        if learning:
            models[file_path] = model
        return model

    def list_available_services(self: Any, type_name: str) -> list[str]:
        key = (type_name, *self.search_paths)
        found = lists.get(key)
        if found is None:
            found = listed(self, type_name)
            if learning:
                lists[key] = found
        return list(found)

    def stop() -> None:
        nonlocal learning
        learning = False

    loaders.JSONFileLoader.load_file = load_file
    loaders.Loader.list_available_services = list_available_services
    return stop


class Parked:
    """Packages that are imported ahead of the function, but out of its sight until it imports one of them.

    They are given to it if every one of them is what it would find itself. If it brings its own of any, it gets none
    of these, as they were made for each other; nor does it if it has hooks of its own that want to see imports happen.
    A finder of sys.meta_path, and the loader of what it finds.
    """

    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = packages
        self._modules: dict[str, Any] = {}
        self._finders: list[Any] = []
        self._true_specs: dict[str, Any] = {}
        self._around: tuple[Any, ...] = ()
        self._are_back = False

    def park(self) -> None:
        """Take the packages out of sys.modules."""
        ours = [name for name in sys.modules if name.partition(".")[0] in self._packages]
        self._modules = {name: sys.modules.pop(name) for name in ours}
        self._packages = [name for name in self._packages if name in self._modules]
        self._finders = [each for each in sys.meta_path if type(each).__module__ in self._modules]
        sys.meta_path[:] = [self, *(each for each in sys.meta_path if each not in self._finders)]
        self._around = self._surroundings()

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        """Called for every import of what is not in sys.modules yet."""
        if path is not None or target is not None or name not in self._packages:
            return None
        if not (name in sys.modules if self._are_back else self._would_be_found()):
            return None
        spec = importlib.machinery.ModuleSpec(name, self, origin=self._modules[name].__file__)  # type: ignore[arg-type]
        spec.submodule_search_locations = getattr(self._modules[name], "__path__", None)
        return spec

    def create_module(self, spec: Any) -> Any:
        """The module itself; the import system gives it a new specification."""
        module = self._modules[spec.name]
        self._true_specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: Any) -> None:
        """Give it its own specification back, and the others their places."""
        module.__spec__ = self._true_specs.pop(module.__name__, module.__spec__)
        if not self._are_back:
            self._are_back = True
            sys.modules.update({name: other for name, other in self._modules.items() if name not in sys.modules})
            sys.meta_path.extend(self._finders)

    def _would_be_found(self) -> bool:
        if self._around != self._surroundings():
            return False
        for name in self._packages:
            spec = importlib.machinery.PathFinder.find_spec(name)
            if spec is None or spec.origin != self._modules[name].__file__:
                return False
        return True

    def _surroundings(self) -> tuple[Any, ...]:
        return (*sys.meta_path, *sys.path_hooks, __import__)


def prewarm() -> None:
    """In the fork, before it belongs to anyone: new randomness, a rehearsal, the connection to the Runtime API."""
    address = os.environ.get("AWS_LAMBDA_RUNTIME_API", ADDRESS)
    _reseed()
    _rehearse()
    try:
        _ahead.connection = Connection(address)
    except OSError:
        _ahead.connection = None


def main(channel: socket.socket) -> None:
    """Read the assignment's one line from `channel`, become that function's runtime, and end with the process."""
    message = json.loads(_read_line(channel))
    channel.close()
    replace_environment(message["env"])
    connection, _ahead.connection = _ahead.connection, None
    try:
        run(connection)
    except SystemExit as end:
        _finish(_exit_status(end.code))
    except BaseException:
        _flush()
        traceback.print_exc()
        _finish(1)
    _finish(0)


def run(connection: Connection | None = None) -> None:
    """Serve events until the process ends; a `connection` made ahead is used when it leads to the right address."""
    task = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
    folder = os.environ.get("LAMBDA_RUNTIME_DIR", "/var/runtime")
    sys.path[:] = search_path(sys.path, task, folder, os.environ.get("AWS_EXECUTION_ENV", ""))
    for folder in sys.path[:4]:
        sys.path_importer_cache.pop(folder, None)
    # A handler module that is called like this file must not find it in its place.
    if __name__ != "__main__":
        sys.modules.pop(__name__, None)
    try:
        os.chdir(task)
    except OSError:
        pass
    address = os.environ.get("AWS_LAMBDA_RUNTIME_API", ADDRESS)
    if connection is None or connection.address != address:
        connection = Connection(address)
    records = open_records(os.environ.pop("_LAMBDA_TELEMETRY_LOG_FD", None))
    if isinstance(records, Frames):
        sys.stdout = _printing(sys.stdout, records)
        sys.stderr = _printing(sys.stderr, records)
    _buffer_lines()
    runtime = Runtime(connection, records, json_logs=_json_wanted())
    runtime.set_up_logging(os.environ.get("AWS_LAMBDA_LOG_LEVEL", ""))
    runtime.load(os.environ.get("_HANDLER", ""))
    runtime.serve()


def replace_environment(env: Mapping[str, str]) -> None:
    """Let `env` be all of this process's environment."""
    os.environ.clear()
    os.environ.update(env)
    time.tzset()


def search_path(paths: list[str], task: str, runtime: str, asked_for: str = "") -> list[str]:
    """Lambda's order: the function's code, layers, what the interpreter had, and the runtime's own folder last.

    Layers may be made for the version that was asked for, `AWS_Lambda_python3.12`, while this one stands in for it.
    """
    versions = dict.fromkeys([asked_for.rpartition("_")[2] or "python%d.%d" % VERSION, "python%d.%d" % VERSION])
    # Layers are as far from the code as on AWS, also where it is not at the root.
    layers = task[: -len("/var/task")] + "/opt/python" if task.endswith("/var/task") else "/opt/python"
    first = [task, *("%s/lib/%s/site-packages" % (layers, version) for version in versions), layers]
    rest = [p for p in paths if p and p != runtime and p not in first]
    return list(dict.fromkeys(first + rest + [runtime]))


# ---- the loop ----------------------------------------------------------------------------------------------------


def _no_handler(event: object, context: object) -> None:
    raise AssertionError("no handler has been loaded")


class Fault(Exception):
    """An error that Lambda words itself: its type, text and, for some, trace."""

    def __init__(self, kind: str, text: str, trace: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.trace = trace


class Runtime:
    """The function's handler between the Runtime API on one side and the log on the other."""

    def __init__(self, connection: Connection, records: Frames | Stdout, json_logs: bool = False) -> None:
        self.request_id: str | None = None
        self.tenant_id: str | None = None
        self._connection = connection
        self._records = records
        self._json_logs = json_logs
        self._handler: Handler = _no_handler
        self._about = about_function()
        self._host = connection.address.encode()
        self._next = b"GET %s/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n" % (_API, self._host)
        self._encode = Encoder(ensure_ascii=VERSION < (3, 12)).text
        self._decode = json.JSONDecoder().decode

    def set_up_logging(self, level: str) -> None:
        """Install the root handler with Lambda's line format; functions expect to find it there."""
        logging.Formatter.converter = time.gmtime
        root = logging.getLogger()
        handler = RecordHandler(self._records, self)
        if self._json_logs:
            handler.setFormatter(JsonFormatter())
        else:
            line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
            handler.setFormatter(logging.Formatter(line, "%Y-%m-%dT%H:%M:%S"))
        root.addHandler(handler)
        level = "DEBUG" if level.upper() == "TRACE" else level.upper()
        if isinstance(logging.getLevelName(level), int):
            root.setLevel(level)

    def load(self, name: str) -> None:
        """Import the handler; when that fails, report it as the initialisation's error and exit."""
        try:
            self._handler = find_handler(name)
            return
        except Fault as fault:
            error = self._error(fault.text, fault.kind, fault.trace)
        except Exception as failure:
            error = self._described(failure)
        self._log_error(error)
        _flush()
        self._connection.send(self._post(b"/init/error", self._encode(error).encode(), error["errorType"]))
        self._connection.receive()
        sys.exit(1)

    def serve(self) -> None:
        """Answer events for ever."""
        connection = self._connection
        connection.send(self._next)
        while True:
            head, body = connection.receive()
            if head[9:12] != b"200":
                sys.exit("The Runtime API refused to give an event: %s" % head.split(b"\r\n", 1)[0].decode("latin-1"))
            self.answer(parse_headers(head), body)
            # The next event is already asked for; this is the acknowledgement of what was answered.
            head, _ = connection.receive()
            if b"\r\nconnection: close" in head.lower():
                # Refused for its size: nothing more is read from this connection.
                connection.reopen()
                connection.send(self._next)

    def answer(self, headers: Headers, body: bytes | bytearray) -> None:
        """Run the handler on one event; its answer and the request for the next event leave in one write."""
        self.request_id = request_id = headers[b"lambda-runtime-aws-request-id"].decode()
        tenant = headers.get(b"lambda-runtime-aws-tenant-id")
        self.tenant_id = tenant.decode() if tenant is not None else None
        trace = headers.get(b"lambda-runtime-trace-id")
        if trace is not None:
            os.environ["_X_AMZN_TRACE_ID"] = trace.decode()
        elif "_X_AMZN_TRACE_ID" in os.environ:
            del os.environ["_X_AMZN_TRACE_ID"]
        path = b"/invocation/" + headers[b"lambda-runtime-aws-request-id"]
        try:
            context = LambdaContext(headers, request_id, self.tenant_id, self._records, self._about)
            result = self._handler(self._event(headers, body), context)
            answer = result if type(result) is bytes else self._marshalled(result)
        except Fault as fault:
            self._fail(path, self._error(fault.text, fault.kind, fault.trace))
            return
        except Exception as failure:
            self._fail(path, self._described(failure))
            return
        _flush()
        # Of the fields only those that HTTP asks for: whatever comes is the answer.
        head = b"POST %s%s/response HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n"
        self._connection.send(head % (_API, path, self._host, len(answer)), answer, self._next)

    def _event(self, headers: Headers, body: bytes | bytearray) -> Any:
        if headers.get(b"content-type", b"application/json") != b"application/json":
            return bytes(body)
        try:
            return self._decode(str(body, "utf-8"))
        except ValueError as failure:
            raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % failure)

    def _marshalled(self, result: Any) -> bytes:
        try:
            return self._encode(result).encode()
        except Exception as failure:
            raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % failure)

    def _fail(self, path: bytes, error: dict[str, Any]) -> None:
        self._log_error(error)
        _flush()
        self._connection.send(
            self._post(path + b"/error", self._encode(error).encode(), error["errorType"]), self._next
        )

    def _post(self, path: bytes, body: bytes, error_type: str) -> bytes:
        head = (
            b"POST %s%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
            b"Lambda-Runtime-Function-Error-Type: %s\r\nContent-Length: %d\r\n\r\n"
        )
        # A class may bear any name; a header may not.
        kind = re.sub(r"[^\x21-\x7e]", "?", error_type).encode()
        return head % (_API, path, self._host, kind, len(body)) + body

    def _described(self, failure: Exception) -> dict[str, Any]:
        """An exception of the function's own as an error document, without the frames of this file."""
        frames = [(f.filename, f.lineno or 0, f.name, f.line) for f in traceback.extract_tb(failure.__traceback__)]
        while frames and frames[0][0] == __file__:
            del frames[0]
        return self._error(str(failure), type(failure).__name__, traceback.format_list(frames))

    def _error(self, text: str, kind: str, trace: Sequence[str]) -> dict[str, Any]:
        error: dict[str, Any] = {"errorMessage": text, "errorType": kind}
        if VERSION > (3, 8):
            error["requestId"] = self.request_id or ""
        error["stackTrace"] = list(trace)
        return error

    def _log_error(self, error: dict[str, Any]) -> None:
        if self._json_logs:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            self._records.write(self._encode({"timestamp": stamp, "log_level": "ERROR", **error}) + "\n", 40, True)
            return
        title = ": ".join(part for part in (error["errorType"], error["errorMessage"]) if part)
        lines = ["[ERROR] " + title, "Traceback (most recent call last):"]
        for item in error["stackTrace"]:
            for line in item.splitlines():
                text = line.lstrip(" ")
                # CloudWatch would drop leading blanks; Lambda writes no-break spaces.
                lines.append(_NBSP * (len(line) - len(text)) + text)
        self._records.write("\n".join(lines) + "\n", 40, False)


def find_handler(name: str) -> Handler:
    """The function that `folder/module.function` names. Raises Fault, or what the module raises."""
    module_name, dot, function = name.rpartition(".")
    if not dot:
        text = "Bad handler '%s': not enough values to unpack (expected 2, got 1)"
        raise Fault("Runtime.MalformedHandlerName", text % name)
    if module_name.split(".")[0] in sys.builtin_module_names:
        text = "Cannot use built-in module %s as a handler module"
        raise Fault("Runtime.BuiltInModuleConflict", text % module_name)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as failure:
        text = "Unable to import module '%s': %s"
        raise Fault("Runtime.ImportModuleError", text % (module_name, failure))
    except SyntaxError as failure:
        trace = ['  File "%s" Line %s\n    %s' % (failure.filename, failure.lineno, failure.text)]
        text = "Syntax error in module '%s': %s"
        raise Fault("Runtime.UserCodeSyntaxError", text % (module_name, failure), trace)
    try:
        handler: Handler = getattr(module, function)
    except AttributeError:
        text = "Handler '%s' missing on module '%s'"
        raise Fault("Runtime.HandlerNotFound", text % (function, module_name))
    return handler


# ---- what the handler is given -----------------------------------------------------------------------------------


class LambdaContext:
    """The handler's second argument."""

    log_group_name: str | None
    log_stream_name: str | None
    function_name: str | None
    memory_limit_in_mb: str | None
    function_version: str | None

    def __init__(
        self,
        headers: Headers,
        request_id: str,
        tenant_id: str | None,
        records: Frames | Stdout,
        about: Mapping[str, str | None],
    ) -> None:
        self.aws_request_id = request_id
        vars(self).update(about)
        self.invoked_function_arn = headers.get(b"lambda-runtime-invoked-function-arn", b"").decode()
        self.tenant_id = tenant_id
        client = headers.get(b"lambda-runtime-client-context")
        self.client_context = ClientContext(_parsed(client, "Client Context")) if client else None
        identity = headers.get(b"lambda-runtime-cognito-identity")
        self.identity = CognitoIdentity(_parsed(identity, "Cognito Identity") if identity else {})
        self._epoch_deadline_time_in_ms = int(headers[b"lambda-runtime-deadline-ms"])
        self._records = records

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped."""
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def log(self, msg: object) -> None:
        """Write `msg` to the log as it is."""
        self._records.write(str(msg), 0, False)

    def __repr__(self) -> str:
        shown = ",".join("%s=%s" % pair for pair in vars(self).items() if not pair[0].startswith("_"))
        return "LambdaContext([%s])" % shown


def about_function() -> dict[str, str | None]:
    """What every context says of the function; reading a variable is slow."""
    return {
        "log_group_name": os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME"),
        "log_stream_name": os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME"),
        "function_name": os.environ.get("AWS_LAMBDA_FUNCTION_NAME"),
        "memory_limit_in_mb": os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
        "function_version": os.environ.get("AWS_LAMBDA_FUNCTION_VERSION"),
    }


class _Fields:
    """An object with the attributes in `__slots__`, taken from a mapping; None where it has none."""

    __slots__: tuple[str, ...] = ()

    def __init__(self, values: Mapping[str, Any]) -> None:
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self) -> str:
        return "%s([%s])" % (type(self).__name__, ",".join("%s=%s" % (n, getattr(self, n)) for n in self.__slots__))


class CognitoIdentity(_Fields):
    """Who called through a Cognito identity pool."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.cognito_identity_id = values.get("cognitoIdentityId")
        self.cognito_identity_pool_id = values.get("cognitoIdentityPoolId")


class Client(_Fields):
    """The mobile application that called."""

    __slots__ = ("app_package_name", "app_title", "app_version_code", "app_version_name", "installation_id")


class ClientContext(_Fields):
    """What the caller sent as its client context."""

    __slots__ = ("client", "custom", "env")

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        client = values.get("client")
        self.client = Client(client) if isinstance(client, dict) else None


def _parsed(value: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(value)
    except ValueError as failure:
        raise Fault("Runtime.LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (what, failure))
    return found if isinstance(found, dict) else {}


class Encoder(json.JSONEncoder):
    """JSON as the managed runtime writes it: decimals are numbers with all their digits."""

    def __init__(self, ensure_ascii: bool) -> None:
        super().__init__(ensure_ascii=ensure_ascii)
        self._decimals: list[str] = []
        self._mark = ""

    def text(self, value: object) -> str:
        """`value` as JSON text. Raises TypeError or ValueError for what JSON cannot hold."""
        try:
            text = self.encode(value)
            if self._decimals:
                found = self._decimals
                text = re.sub('"%s-([0-9]+)"' % self._mark, lambda m: found[int(m.group(1))], text)
            return text
        finally:
            if self._decimals:
                self._decimals = []

    def default(self, value: object) -> Any:
        """Decimals leave a mark that `text` replaces: the encoder has no way to write a number by its digits."""
        decimal = sys.modules.get("decimal")
        if decimal is None or not isinstance(value, decimal.Decimal):
            return super().default(value)
        if value.is_nan():
            return float("nan")
        if not self._decimals:
            self._mark = "decimal-" + os.urandom(16).hex()
        self._decimals.append(str(value))
        return "%s-%d" % (self._mark, len(self._decimals) - 1)


# ---- the log -----------------------------------------------------------------------------------------------------


def open_records(descriptor: str | None) -> Frames | Stdout:
    """Where log records go: the descriptor that keeps them whole, or standard output when there is none."""
    return Frames(int(descriptor)) if descriptor else Stdout()


class Frames:
    """Records as frames: type and level, length, time in microseconds, text; so that a record may have many lines."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor
        self._lock = _thread.allocate_lock()
        os.register_at_fork(after_in_child=self._after_fork)

    def write(self, text: str, level: int, is_json: bool) -> None:
        """One record; what exceeds the size of a log event follows as further ones."""
        data = text.encode("utf-8", "replace")
        kind = (0xA55A0002 if is_json else 0xA55A0003) | (0x04 + level // 10 * 4 if level >= 10 else 0)
        stamp = time.time_ns() // 1000
        with self._lock:
            for start in range(0, len(data) or 1, _CUT_BYTES):
                part = data[start : start + _CUT_BYTES]
                head = kind.to_bytes(4, "big") + len(part).to_bytes(4, "big") + stamp.to_bytes(8, "big")
                self._write(head + part)

    def print(self, data: memoryview) -> None:
        """A piece of output, not a record yet: it may end within a line."""
        stamp = time.time_ns() // 1000
        with self._lock:
            for start in range(0, len(data), _WHOLE_BYTES):
                part = data[start : start + _WHOLE_BYTES].tobytes()
                head = (0xA55A0042).to_bytes(4, "big") + len(part).to_bytes(4, "big") + stamp.to_bytes(8, "big")
                self._write(head + part)

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]

    def _after_fork(self) -> None:
        self._lock = _thread.allocate_lock()


class Printed(io.RawIOBase):
    """Standard output or error for what Python code prints: by the same pipe as the records, so that the log shows what
    was printed and what was logged in their true order. Where the descriptor leads elsewhere by now, there."""

    def __init__(self, records: Frames, descriptor: int, name: object) -> None:
        super().__init__()
        self.name = name
        self._records = records
        self._descriptor = descriptor
        self._led_to = self._leads_to()

    def write(self, data: Any, /) -> int:
        """All of it."""
        view = memoryview(data).cast("B")
        if self._leads_to() != self._led_to:
            return os.write(self._descriptor, view)
        self._records.print(view)
        return len(view)

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The descriptor that a child of this process gets."""
        return self._descriptor

    def _leads_to(self) -> tuple[int, int]:
        found = os.fstat(self._descriptor)
        return found.st_dev, found.st_ino


def _printing(stream: Any, records: Frames) -> Any:
    """`stream`, one of the interpreter's own, by way of `records`; as it is when it cannot be, as when it is closed."""
    try:
        raw = Printed(records, stream.fileno(), stream.name)
        stream.flush()
        return io.TextIOWrapper(io.BufferedWriter(raw), encoding=stream.encoding, errors=stream.errors)
    except (AttributeError, OSError, ValueError):
        return stream


class Stdout:
    """Records as lines of standard output, inner line ends turned into carriage returns."""

    def write(self, text: str, level: int, is_json: bool) -> None:
        """One record."""
        sys.stdout.write(text.rstrip("\n").replace("\n", "\r") + "\n")


class RecordHandler(logging.Handler):
    """The root logger's handler."""

    def __init__(self, records: Frames | Stdout, runtime: Runtime) -> None:
        super().__init__()
        self._records = records
        self._runtime = runtime

    def handle(self, record: logging.LogRecord) -> bool:
        """Add the invocation's ids to the record, then write it."""
        record.aws_request_id = self._runtime.request_id or ""
        record.tenant_id = self._runtime.tenant_id
        return super().handle(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            level = min(50, max(0, record.levelno)) // 10 * 10
            self._records.write(self.format(record), level, isinstance(self.formatter, JsonFormatter))
        except Exception:
            self.handleError(record)


class JsonFormatter(logging.Formatter):
    """Records as JSON objects with Lambda's keys; what `extra` added comes after them."""

    _OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "aws_request_id", "tenant_id", "taskName"}

    def __init__(self) -> None:
        super().__init__(datefmt="%Y-%m-%dT%H:%M:%SZ")
        self._encode = json.JSONEncoder(ensure_ascii=False, default=str).encode

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        kind, failure, trace = record.exc_info or (None, None, None)
        whole = isinstance(record.msg, dict) and not record.args
        fields = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": logging.getLevelName(min(50, max(0, record.levelno)) // 10 * 10),
            "message": record.msg if whole else record.getMessage(),
            "logger": record.name,
            "stackTrace": traceback.format_tb(trace) if failure is not None else None,
            "errorType": kind.__name__ if kind is not None else None,
            "errorMessage": str(failure) if failure is not None else None,
            "requestId": getattr(record, "aws_request_id", ""),
            "location": "%s:%s:%d" % (record.pathname, record.funcName, record.lineno) if failure is not None else None,
            "tenantId": getattr(record, "tenant_id", None),
        }
        for name, value in vars(record).items():
            if name not in self._OWN and name not in fields:
                fields[name] = value
        return self._encode({name: value for name, value in fields.items() if value is not None}) + "\n"


def _json_wanted() -> bool:
    return os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


# ---- the connection ----------------------------------------------------------------------------------------------


class Connection:
    """A kept-alive connection to the Runtime API. When the other side is gone there is nothing left to do: exit."""

    def __init__(self, address: str, sock: socket.socket | None = None) -> None:
        self.address = address
        self._socket = sock if sock is not None else _connected(address)
        self._rest = b""

    def reopen(self) -> None:
        """Take a new connection to the same address."""
        self._socket.close()
        self._socket = _connected(self.address)
        self._rest = b""

    def send(self, *parts: bytes) -> None:
        """Write the parts, in one piece when they are small."""
        if sum(map(len, parts)) <= _SMALL_BYTES:
            parts = (b"".join(parts),)
        try:
            for part in parts:
                self._socket.sendall(part)
        except OSError:
            sys.exit(0)

    def receive(self) -> tuple[bytes, bytes | bytearray]:
        """The next answer: its head without the blank line, and its body."""
        data = self._rest
        end = data.find(b"\r\n\r\n")
        while end < 0:
            seen = max(0, len(data) - 3)
            data += self._read()
            end = data.find(b"\r\n\r\n", seen)
        head = data[:end]
        start = end + 4
        stop = start + _content_length(head)
        if stop <= len(data):
            self._rest = data[stop:]
            return head, data[start:stop]
        return head, self._long_body(data, start, stop - start)

    def _long_body(self, data: bytes, start: int, length: int) -> bytearray:
        body = bytearray(length)
        have = len(data) - start
        body[:have] = data[start:]
        view = memoryview(body)
        while have < length:
            try:
                count = self._socket.recv_into(view[have:])
            except OSError:
                count = 0
            if not count:
                sys.exit(0)
            have += count
        self._rest = b""
        return body

    def _read(self) -> bytes:
        try:
            data = self._socket.recv(_SMALL_BYTES)
        except OSError:
            data = b""
        if not data:
            sys.exit(0)
        return data


def _connected(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # Not create_connection: it loads the codec for international host names.
    sock.connect((host, int(port)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def parse_headers(head: bytes) -> Headers:
    """An answer's headers by lower-case name."""
    headers = {}
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip()
    return headers


def _content_length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"\r\ncontent-length:")
    if at < 0:
        return 0
    end = lower.find(b"\r", at + 17)
    return int(lower[at + 17 : end] if end > 0 else lower[at + 17 :])


# ---- before and after --------------------------------------------------------------------------------------------


class _Ahead:
    """What `prewarm` leaves for `main`."""

    connection: Connection | None = None


_ahead = _Ahead()


def _reseed() -> None:
    """Forks share the zygote's randomness until they are told otherwise."""
    if "random" in sys.modules:
        sys.modules["random"].seed()
    if "ssl" in sys.modules:
        sys.modules["ssl"].RAND_add(os.urandom(32), 0.0)


def _rehearse() -> None:
    """One import and one invocation of nothing, so that the pages they write to are this process's own by then."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        event = b'{"rehearsal": [1, 2.5, "\xc3\xa9", null, true]}'
        theirs.sendall(
            b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 0\r\nLambda-Runtime-Deadline-Ms: 0\r\n"
            b"Lambda-Runtime-Invoked-Function-Arn: arn\r\nLambda-Runtime-Trace-Id: Root=0\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(event), event)
        )
        runtime = Runtime(Connection(ADDRESS, ours), Stdout())
        names: dict[str, Any] = {}
        exec(compile("def handler(event, context):\n    return dict(event)\n", "rehearsal", "exec"), names)
        runtime._handler = names["handler"]
        head, body = runtime._connection.receive()
        runtime.answer(parse_headers(head), body)
        runtime.set_up_logging("")  # with a level it would touch every logger that there is
        logging.getLogger().handlers.clear()
    replace_environment(json.loads(json.dumps(dict({"REHEARSAL_%d" % i: "x" * 40 for i in range(24)}, TZ=":UTC"))))
    os.environ.clear()
    _buffer_lines()
    if "colorsys" not in sys.modules:
        importlib.import_module("colorsys")
        del sys.modules["colorsys"]


def _buffer_lines() -> None:
    """Let printed lines leave at once, wherever they go."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)


def _read_line(channel: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        part = channel.recv(_SMALL_BYTES)
        if not part:
            os._exit(0)
        data += part
    return data


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass


def _exit_status(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _finish(status: int) -> NoReturn:
    """End a forked process as the interpreter would: threads joined, exit handlers run, output written."""
    try:
        if "threading" in sys.modules:
            sys.modules["threading"]._shutdown()
        if "atexit" in sys.modules:
            sys.modules["atexit"]._run_exitfuncs()
    finally:
        _flush()
        os._exit(status)


if __name__ == "__main__":
    run()
