"""Java functions run for real, through the public API of a server process."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from typing import Any

import pytest

from lambent.runtimes.java.building import SOURCES

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK on this machine"),
]

SOURCE = """
package fn;
import com.amazonaws.services.lambda.runtime.*;
import java.io.*;
import java.nio.file.*;
import java.util.*;

public class App implements RequestHandler<Map<String, Object>, Object> {
    private int count;

    public Object handleRequest(Map<String, Object> event, Context context) {
        if (event.containsKey("fail")) throw new IllegalArgumentException((String) event.get("fail"));
        System.out.println("seen \\u00e9");
        context.getLogger().log("two\\nlines");
        try (var reader = new BufferedReader(new FileReader("relative.txt"))) {
            Files.writeString(Path.of("/tmp/x"), "1");
            var child = new ProcessBuilder("/bin/sh", "-c", "echo $COLOUR in $PWD").start().getInputStream();
            return List.of(++count, event, reader.readLine(), Files.readString(Path.of("relative.txt")),
                new File("x").getAbsolutePath(), System.getenv("COLOUR"), new String(child.readAllBytes()),
                context.getMemoryLimitInMB());
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The function's files, compiled against the interfaces that the runtime offers."""
    folder = tmp_path_factory.mktemp("java")
    (folder / "App.java").write_text(SOURCE)
    command = [
        "javac",
        "--release",
        "17",
        "-nowarn",
        "-proc:none",
        "-d",
        str(folder / "out"),
        "-sourcepath",
        str(SOURCES),
    ]
    subprocess.run([*command, str(folder / "App.java")], check=True)
    return {"fn/App.class": (folder / "out" / "fn" / "App.class").read_bytes(), "relative.txt": "mine"}


@pytest.mark.parametrize(
    "variables", [{"COLOUR": "blue"}, {"COLOUR": "blue", "JAVA_TOOL_OPTIONS": "-Dx=y"}], ids=["pooled", "plain"]
)
@pytest.mark.parametrize("runtime", ["java17", "java25"])
def test_a_java_function_runs_and_its_errors_are_told(
    shared_server: Any, package: dict[str, Any], runtime: str, variables: dict[str, str]
) -> None:
    aws = shared_server.client("lambda")
    name = f"{runtime}-{len(variables)}"
    members = {"Runtime": runtime, "Handler": "fn.App", "Timeout": 30, "MemorySize": 512}
    shared_server.function(name, package, Environment={"Variables": variables}, **members)
    try:
        for n in (1, 2):
            answer = aws.invoke(FunctionName=name, Payload=b'{"a":[1,null]}', LogType="Tail")
            told = json.loads(answer["Payload"].read())
            child = "blue in /var/task\n"
            assert told == [n, {"a": [1, None]}, "mine", "mine", "/var/task/x", "blue", child, 512]
            log = base64.b64decode(answer["LogResult"]).decode()
            assert "seen é\n" in log
            assert "two\nlines" in log
            assert "WARNING" not in log
        answer = aws.invoke(FunctionName=name, Payload=b'{"fail":"badly"}')
        assert answer["FunctionError"] == "Unhandled"
        told = json.loads(answer["Payload"].read())
        assert (told["errorType"], told["errorMessage"]) == ("java.lang.IllegalArgumentException", "badly")
        assert told["stackTrace"][0].startswith("fn.App.handleRequest(App.java:")
    finally:
        aws.delete_function(FunctionName=name)
