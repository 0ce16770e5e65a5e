"""Libraries that a function brings in its package or gets from layers, where each language's tools put them."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lambent.runtimes.java.building import SOURCES

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

GEMSPEC = """
Gem::Specification.new do |s|
  s.name = "greeting"
  s.version = "1.0.0"
  s.summary = s.authors = "x"
  s.require_paths = ["lib"]
end
"""
BUNDLE = "vendor/bundle/ruby/3.3.0"
RUBY = {
    "app.rb": "require 'greeting'\ndef handler(event:, context:) = Greeting.to(event)\n",
    f"{BUNDLE}/specifications/greeting-1.0.0.gemspec": GEMSPEC,
    f"{BUNDLE}/gems/greeting-1.0.0/lib/greeting.rb": "module Greeting\n  def self.to(name) = 'hello ' + name\nend\n",
}
NODE = {
    "app.mjs": "import { to } from 'greeting';\nexport const handler = async (event) => to(event);\n",
    "node_modules/greeting/package.json": '{"name":"greeting","version":"1.0.0","main":"main.js"}',
    "node_modules/greeting/main.js": "exports.to = (name) => 'hello ' + name;\n",
}
PYTHON = {
    "app.py": "from greeting import to\ndef handler(event, context):\n    return to(event)\n",
    "greeting/__init__.py": "from .words import HELLO\ndef to(name):\n    return HELLO + name\n",
    "greeting/words.py": "HELLO = 'hello '\n",
}
LIBRARY = 'package greeting;\npublic class Words { public static String to(String name) { return "hello " + name; } }\n'
HANDLER = """
package app;
import com.amazonaws.services.lambda.runtime.*;
public class Main implements RequestHandler<String, String> {
    public String handleRequest(String event, Context context) {
        try {
            return greeting.Words.to(event);
        } finally {
            if (Main.class.getResource("/setting.txt") == null) throw new IllegalStateException("no resource");
        }
    }
}
"""


def _jar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as jar:
        for name, content in files.items():
            jar.writestr(name, content)
    return out.getvalue()


def _java(folder: Path) -> dict[str, str | bytes]:
    """The handler's class in one jar, what it needs in another, a resource beside them."""
    for name, text in (("greeting/Words.java", LIBRARY), ("app/Main.java", HANDLER)):
        (folder / name).parent.mkdir()
        (folder / name).write_text(text)
    command = [
        "javac",
        "--release",
        "17",
        "-nowarn",
        "-proc:none",
        "-sourcepath",
        f"{SOURCES}:{folder}",
        "-d",
        str(folder),
    ]
    subprocess.run([*command, str(folder / "app/Main.java")], check=True)
    return {
        "lib/app.jar": _jar({"app/Main.class": (folder / "app/Main.class").read_bytes()}),
        "lib/greeting.jar": _jar({"greeting/Words.class": (folder / "greeting/Words.class").read_bytes()}),
        "setting.txt": "here",
    }


@pytest.mark.parametrize(
    ("runtime", "handler", "files", "program"),
    [
        ("python3.11", "app.handler", PYTHON, None),
        ("nodejs20.x", "app.handler", NODE, "node"),
        ("ruby3.3", "app.handler", RUBY, "ruby"),
        ("java17", "app.Main", None, "javac"),
        ("java17", "app.Main::handleRequest", None, "javac"),
    ],
    ids=["python", "node", "ruby", "java", "java-method"],
)
def test_a_function_finds_the_libraries_of_its_package(
    shared_server: Any, tmp_path: Path, runtime: str, handler: str, files: Any, program: str | None
) -> None:
    if program is not None and shutil.which(program) is None:
        pytest.skip(f"no {program} on this machine")
    aws = shared_server.client("lambda")
    name = f"libraries-{runtime.replace('.', '-')}"
    members = {"Runtime": runtime, "Handler": handler, "Timeout": 20, "MemorySize": 512}
    shared_server.function(name, files or _java(tmp_path), **members)
    try:
        answer = aws.invoke(FunctionName=name, Payload=b'"you"')
        assert json.loads(answer["Payload"].read()) == "hello you"
    finally:
        aws.delete_function(FunctionName=name)


def _split(files: dict[str, str | bytes], places: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What stays in the package, and what `places` (beginnings of names → those in a layer) moves to a layer."""
    package: dict[str, Any] = {}
    layer: dict[str, Any] = {}
    for name, content in files.items():
        start = next((each for each in places if name.startswith(each)), None)
        if start is None:
            package[name] = content
        else:
            layer[places[start] + name.removeprefix(start)] = content
    return package, layer


# `import` does not look into NODE_PATH, and so not into layers; `require` does.
REQUIRES = {**NODE, "app.js": "exports.handler = async (event) => require('greeting').to(event);\n"}
del REQUIRES["app.mjs"]
SITE = "python/lib/python3.11/site-packages/greeting"
BOOTSTRAP = """#!/bin/bash
exec 5<>/dev/tcp/127.0.0.1/9001
printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&5
while IFS= read -r line <&5; do
  line=${line%$'\\r'}
  [ -z "$line" ] && break
  [[ ${line,,} == lambda-runtime-aws-request-id:* ]] && id=${line#*: }
done
body='"hello you"'
printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\\r\\nHost: x\\r\\n' "$id" >&5
printf 'Content-Length: %d\\r\\n\\r\\n%s' ${#body} "$body" >&5
cat <&5
"""


@pytest.mark.parametrize(
    ("runtime", "handler", "files", "places", "program"),
    [
        ("python3.11", "app.handler", PYTHON, {"greeting": "python/greeting"}, None),
        ("python3.11", "app.handler", PYTHON, {"greeting": SITE}, None),
        ("nodejs20.x", "app.handler", REQUIRES, {"node_modules": "nodejs/node_modules"}, "node"),
        ("nodejs20.x", "app.handler", REQUIRES, {"node_modules": "nodejs/node20/node_modules"}, "node"),
        ("ruby3.3", "app.handler", RUBY, {BUNDLE: "ruby/gems/3.3.0"}, "ruby"),
        ("ruby3.3", "app.handler", RUBY, {f"{BUNDLE}/gems/greeting-1.0.0/lib": "ruby/lib"}, "ruby"),
        ("java17", "app.Main", None, {"lib/greeting": "java/lib/greeting"}, "javac"),
        ("provided.al2023", "x", {"bootstrap": BOOTSTRAP, "x": "y"}, {"bootstrap": "bootstrap"}, "bash"),
    ],
    ids=["python", "python-site", "node", "node-version", "ruby-gem", "ruby-lib", "java", "provided"],
)
def test_a_function_finds_the_libraries_of_its_layers(
    shared_server: Any,
    tools: Any,
    tmp_path: Path,
    runtime: str,
    handler: str,
    files: Any,
    places: dict[str, str],
    program: str | None,
) -> None:
    if program is not None and shutil.which(program) is None:
        pytest.skip(f"no {program} on this machine")
    aws = shared_server.client("lambda")
    name = f"layers-{runtime.replace('.', '-')}"
    package, layer = _split(files or _java(tmp_path), places)
    published = aws.publish_layer_version(LayerName="greeting", Content={"ZipFile": tools.zipped(layer)})
    members = {"Runtime": runtime, "Handler": handler, "Timeout": 20, "MemorySize": 512}
    shared_server.function(name, package, Layers=[published["LayerVersionArn"]], **members)
    try:
        answer = aws.invoke(FunctionName=name, Payload=b'"you"')
        assert json.loads(answer["Payload"].read()) == "hello you"
    finally:
        aws.delete_function(FunctionName=name)
        aws.delete_layer_version(LayerName="greeting", VersionNumber=published["Version"])


def test_a_layer_s_modules_come_before_those_that_are_in_memory_ahead(shared_server: Any, tools: Any) -> None:
    aws = shared_server.client("lambda")
    layer = {f"python/{name}": "" for name in ("queue.py", "urllib3/__init__.py", "colorsys.py")}
    layer[f"{SITE.rpartition('/')[0]}/plistlib.py"] = ""
    published = aws.publish_layer_version(LayerName="shadows", Content={"ZipFile": tools.zipped(layer)})
    code = "import colorsys, plistlib, queue, urllib3\n"
    code += "def handler(event, context):\n    return [m.__file__ for m in (colorsys, plistlib, queue, urllib3)]\n"
    shared_server.function("shadowed", {"app.py": code}, Layers=[published["LayerVersionArn"]])
    try:
        answer = aws.invoke(FunctionName="shadowed")
        assert sorted(json.loads(answer["Payload"].read())) == sorted(f"/opt/{name}" for name in layer)
    finally:
        aws.delete_function(FunctionName="shadowed")
        aws.delete_layer_version(LayerName="shadows", VersionNumber=published["Version"])
