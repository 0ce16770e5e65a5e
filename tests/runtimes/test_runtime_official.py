"""The official Python runtime client against our Runtime API."""

from __future__ import annotations

import importlib.util
import json
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("awslambdaric") is None, reason="awslambdaric is not installed"
)


async def _start(starter: Any, handler: str = "app.handler") -> Any:
    env = {**starter.environment(handler), "PYTHONPATH": str(starter.folder)}
    return await starter.start([sys.executable, "-m", "awslambdaric", handler], env)


async def test_it_takes_events_and_answers(api: Any, starter: Any) -> None:
    starter.write({"app.py": "def handler(event, context):\n    return [event, context.aws_request_id]\n"})
    await _start(starter)
    for number in range(3):
        kind, request_id, payload = await api.invoke(b"%d" % number)
        assert (kind, json.loads(payload)) == ("answered", [number, request_id])


async def test_it_gets_client_context_identity_and_tenant(api: Any, starter: Any) -> None:
    code = "def handler(event, context):\n    return [context.client_context.custom, context.tenant_id,\n"
    code += "            context.identity.cognito_identity_id]\n"
    starter.write({"app.py": code})
    await _start(starter)
    client, identity = '{"custom": {"a": "1"}}', '{"cognitoIdentityId": "i"}'
    _, _, payload = await api.invoke(client_context=client, cognito_identity=identity, tenant_id="blue")
    assert json.loads(payload) == [{"a": "1"}, "blue", "i"]


async def test_its_errors_are_told(api: Any, starter: Any) -> None:
    starter.write({"app.py": "def handler(event, context):\n    raise KeyError('k')\n"})
    process = await _start(starter)
    kind, _, _, payload = await api.invoke()
    document = json.loads(payload)
    assert (kind, document["errorType"], document["errorMessage"]) == ("failed", "KeyError", "'k'")
    (frame,) = process.logged()
    assert frame.text.startswith("[ERROR] KeyError: 'k'\nTraceback (most recent call last):\n")


async def test_its_initialisation_error_is_told(api: Any, starter: Any) -> None:
    process = await _start(starter, "missing.handler")
    kind, named, _ = await api.outcome()
    assert (kind, named) == ("init_failed", "Runtime.ImportModuleError")
    assert await process.exit_status() == 1


async def test_large_events_and_answers_pass(api: Any, starter: Any) -> None:
    starter.write({"app.py": "def handler(event, context):\n    return event\n"})
    await _start(starter)
    body = json.dumps("x" * 6_000_000).encode()
    assert (await api.invoke(body))[2] == body
