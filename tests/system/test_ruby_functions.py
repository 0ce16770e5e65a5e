"""Ruby functions run for real, through the public API of a server process."""

from __future__ import annotations

import base64
import json
import os
import shutil
from typing import Any

import pytest

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("ruby") is None, reason="no Ruby on this machine"),
]

SOURCE = """
require "json"
require "helper"
COUNT = [0]
def handler(event:, context:)
  raise ArgumentError, event["fail"] if event["fail"]
  puts "seen \u00e9"
  File.write("/tmp/x", "1")
  { n: COUNT[0] += 1, event: event, dir: Dir.pwd, helper: HELPER, colour: ENV["COLOUR"], uid: Process.uid != 0 }
end
"""


@pytest.mark.parametrize(
    "variables", [{"COLOUR": "blue"}, {"COLOUR": "blue", "RUBYOPT": "-W1"}], ids=["pooled", "plain"]
)
def test_a_ruby_function_runs_and_its_errors_are_told(shared_server: Any, variables: dict[str, str]) -> None:
    aws = shared_server.client("lambda")
    name = f"ruby-{len(variables)}"
    files = {"app.rb": SOURCE, "helper.rb": "HELPER = 'mine'\n"}
    shared_server.function(name, files, Runtime="ruby3.3", Timeout=20, Environment={"Variables": variables})
    try:
        for n in (1, 2):
            answer = aws.invoke(FunctionName=name, Payload=b'{"a":[1,null]}', LogType="Tail")
            told = json.loads(answer["Payload"].read())
            assert told == {
                "n": n, "event": {"a": [1, None]}, "dir": "/var/task", "helper": "mine", "colour": "blue", "uid": True
            }  # fmt: skip
            assert "seen é\n" in base64.b64decode(answer["LogResult"]).decode()
        answer = aws.invoke(FunctionName=name, Payload=b'{"fail":"badly"}')
        assert answer["FunctionError"] == "Unhandled"
        told = json.loads(answer["Payload"].read())
        assert (told["errorType"], told["errorMessage"]) == ("Function<ArgumentError>", "badly")
        assert told["stackTrace"][0].startswith("/var/task/app.rb:6:in ")
    finally:
        aws.delete_function(FunctionName=name)
