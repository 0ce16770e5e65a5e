"""Libraries that a function brings in its package, where each language's tools put them."""

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
