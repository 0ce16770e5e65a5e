"""The AWS SDK for JavaScript v3 in a function: not packed, no keys, no configuration."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("npm") is None or shutil.which("node") is None, reason="needs Node.js and npm"),
    pytest.mark.timeout(300),
]

BODY = """
  const me = await new STSClient({}).send(new GetCallerIdentityCommand({}));
  const found = await new LambdaClient({}).send(new GetFunctionConfigurationCommand({ FunctionName: name }));
  return [me.Arn, found.Runtime];
"""
MODULE = f"""
import {{ STSClient, GetCallerIdentityCommand }} from "@aws-sdk/client-sts";
import {{ LambdaClient, GetFunctionConfigurationCommand }} from "@aws-sdk/client-lambda";
const name = process.env.AWS_LAMBDA_FUNCTION_NAME;
export const handler = async () => {{ {BODY} }};
"""
COMMON = f"""
const {{ STSClient, GetCallerIdentityCommand }} = require("@aws-sdk/client-sts");
const {{ LambdaClient, GetFunctionConfigurationCommand }} = require("@aws-sdk/client-lambda");
const name = process.env.AWS_LAMBDA_FUNCTION_NAME;
exports.handler = async () => {{ {BODY} }};
"""


def test_the_sdk_is_imported_and_talks_to_this_server(
    make_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    added = subprocess.run(
        [sys.executable, "-m", "lambent", "sdk", "add", "nodejs"], capture_output=True, text=True, timeout=240
    )
    if added.returncode:
        pytest.skip(f"the SDK could not be fetched: {added.stderr.strip()[-200:]}")
    server = make_server().start()
    for name, files in (("module", {"index.mjs": MODULE}), ("common", {"index.js": COMMON})):
        server.function(name, files, Runtime="nodejs20.x", Handler="index.handler", Timeout=30, MemorySize=1769)
        answer = server.client("lambda").invoke(FunctionName=name)
        told = json.load(answer["Payload"])
        assert "FunctionError" not in answer, told
        assert told == [f"arn:aws:sts::000000000000:assumed-role/runner/{name}", "nodejs20.x"]
