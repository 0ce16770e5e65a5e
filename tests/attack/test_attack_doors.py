"""Hostile functions at the two ways out of a sandbox, the Runtime API and the AWS API, and looking for a third one."""

from __future__ import annotations

import os
import shutil
import socket

import pytest

pytestmark = pytest.mark.root
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js on this machine")

AT_RUNTIME_API = """
import socket
def connected(port=9001):
    return socket.create_connection(("127.0.0.1", port), 10)
def post(act, body):
    head = f"POST /2018-06-01/runtime/{act} HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n"
    return head.encode() + body
def status(sock):
    head = b""
    while b"\\r\\n\\r\\n" not in head:
        head += sock.recv(1) or b"\\r\\n\\r\\n"
    size = int(head.lower().partition(b"content-length: ")[2].split()[0])
    while size:
        size -= len(sock.recv(size))
    return int(head.split()[1])
"""


@pytest.fixture
def own_network_may_go(lab):
    """Without its own network a sandbox listens on the host's: then the ports must be free there."""
    if lab.off:
        for port in (9001, 4566):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    pytest.skip(f"port {port} of this host is in use")


@pytest.mark.protected_by("network_namespace")
def test_the_services_of_the_hosts_loopback_cannot_be_reached(lab, own_network_may_go):
    code = "import socket; socket.create_connection(('127.0.0.1', event['port']), 5); won = 'connected'"
    with socket.create_server(("127.0.0.1", 0)) as service:
        lab.judge(lab.python(code, port=service.getsockname()[1]))
    lab.judge(lab.python(code, port=lab.server.port))


@pytest.mark.protected_by("network_namespace")
def test_the_abstract_sockets_of_the_host_cannot_be_reached(lab):
    name = f"\0lambent-attack-{os.getpid()}"
    code = "import socket; socket.socket(socket.AF_UNIX).connect(event['name']); won = 'connected'"
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(name)
        service.listen()
        lab.judge(lab.python(code, name=name))


@needs_node
@pytest.mark.protected_by("signatures")
def test_the_aws_api_cannot_be_used_as_the_administrator_by_knowing_a_keys_name(lab):
    code = """
const now = new Date().toISOString().replace(/[-:]|\\.\\d+/g, '');
const credential = `${event.key}/${now.slice(0, 8)}/us-east-1/lambda/aws4_request`;
const headers = { 'x-amz-date': now, authorization: `AWS4-HMAC-SHA256 Credential=${credential}, ` +
  `SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}` };
const answer = await fetch('http://127.0.0.1:4566/2015-03-31/functions/', { headers });
return answer.status === 200 && await answer.text();
"""
    key = lab.server.credentials()["aws_access_key_id"]
    lab.judge(lab.node(code, key=key))


@pytest.mark.protected_by("own_session")
def test_an_invocation_of_another_function_cannot_be_answered(lab):
    """The other function tells its request id to the attacker, and gives it the time to use it."""
    attack = (
        AT_RUNTIME_API
        + """
with connected() as api:
    api.sendall(post(f"invocation/{event['id']}/response", b'{"won": "forged"}'))
    won = status(api)
"""
    )
    code = """
import boto3, json
request = {"code": event["attack"], "id": context.aws_request_id}
answer = boto3.client("lambda").invoke(FunctionName=event["attacker"], Payload=json.dumps(request).encode())
assert b'"won": 202' in (tried := answer["Payload"].read()) or b'"won": 400' in tried, tried
won = None
"""
    attacker = lab.function("python")
    answer = lab.run("python", {"code": code, "attack": attack, "attacker": attacker}, name="victim")
    assert answer.won == "forged" or not answer.lost, answer
    lab.judge(answer.won == "forged")


@pytest.mark.protected_by("request_ids")
@pytest.mark.parametrize("request_id", ["00000000-0000-4000-8000-000000000000", "..", "%2e%2e/x", "A" * 4000])
def test_an_answer_with_a_guessed_id_is_none(lab, request_id):
    code = (
        AT_RUNTIME_API
        + """
with connected() as api:
    api.sendall(post(f"invocation/{event['id']}/response", b'{"won": "forged"}'))
    assert status(api) in (202, 400)
won = None
"""
    )
    lab.judge(lab.python(code, id=request_id))


@pytest.mark.protected_by("runtime_states")
def test_a_second_answer_is_not_taken_for_that_of_the_next_invocation(lab):
    """It is sent with the first one, and its environment runs the next invocation when its handler goes on."""
    code = (
        AT_RUNTIME_API
        + """
with connected() as api:
    answer = post(f"invocation/{context.aws_request_id}/response", b'{"won": null}')
    api.sendall(answer + answer)
    assert status(api) == 202
    with open("/tmp/second", "w") as file:
        file.write(str(status(api)))
won = "second"
"""
    )
    assert not lab.run("python", {"code": code}, name="twice").lost
    lab.judge(
        lab.run(
            "python", {"code": "won = 'taken' if open('/tmp/second').read() == '202' else 'honest'"}, name="twice"
        ).won
        != "honest"
    )


HOLD = (
    AT_RUNTIME_API
    + """
import builtins
builtins.held, won = [], 0
for n in range(event["connections"]):
    try:
        api = connected(event["port"])
        api.sendall(f"GET {event['path']} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n".encode())
        status(api)
    except (OSError, IndexError):
        continue
    api.sendall(b"GET /and-now-very-slow")
    builtins.held.append(api)
won = len(builtins.held)
"""
)
END = {"code": "import os; os._exit(1)"}


@pytest.mark.protected_by("api_connections")
def test_a_slow_loris_holds_only_few_connections_to_the_runtime_api(lab):
    event = {"code": HOLD, "port": 9001, "path": "/2018-06-01/ping", "connections": 60}
    answer = lab.run("python", event, name="loris")
    assert not lab.python("won = None").lost, "others go on"
    assert not lab.run("python", {"code": "won = None"}, name="loris").lost, "and it itself does, too"
    lab.run("python", END, name="loris")
    assert answer.won, answer
    lab.judge(answer.won > 16)


@pytest.mark.protected_by("shared_connections")
def test_the_servers_descriptors_cannot_be_used_up_by_connections(lab):
    """The server of a lab has 500, half of which are for what sandboxes connect."""
    event = {"code": HOLD, "port": 4566, "path": "/_lambent/health", "connections": 300}
    answer = lab.run("python", event, name="loris")
    lab.run("python", END, name="loris")
    assert answer.won, answer
    lab.judge(answer.won > 250)
    assert not lab.python("won = None").lost, "others go on"


@pytest.mark.protected_by("room")
@pytest.mark.parametrize(
    ("port", "path", "megabytes", "connections"),
    [(9001, "invocation/{id}/response", 6, 4), (4566, "../2015-03-31/functions", 60, 2)],
)
def test_requests_that_never_end_do_not_fill_the_servers_memory(lab, port, path, megabytes, connections):
    """They stop a byte before their end. Whoever sends more than there is room for is told so."""
    code = (
        AT_RUNTIME_API
        + """
import select
request = post(event["path"].format(id=context.aws_request_id), b"x" * (event["megabytes"] << 20))[:-1]
held = [connected(event["port"]) for n in range(event["connections"])]
for api in held:
    try:
        api.sendall(request.replace(b"/2018-06-01/runtime/../", b"/"))
    except OSError:
        pass
refused = select.select(held, [], [], 1)[0]
assert all(b" 503 " in api.recv(100) for api in refused)
won = not refused
for api in held:
    api.close()
"""
    )
    event = {"code": code, "port": port, "path": path, "megabytes": megabytes, "connections": connections}
    answer = lab.run("python", event, name="greedy")
    assert not answer.lost, answer
    assert not lab.python("won = None").lost, "others go on"
    lab.judge(answer.won)


@pytest.mark.parametrize(
    "garbage", [b"\0" * 70_000, b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01" * 999, b"POST" * 400_000]
)
def test_garbage_at_the_runtime_api_harms_nobody(lab, garbage):
    code = (
        AT_RUNTIME_API
        + """
api = connected()
try:
    api.sendall(bytes.fromhex(event["garbage"]))
    while api.recv(65536):
        pass
except OSError:
    pass
"""
    )
    assert not lab.python(code, garbage=garbage.hex()).lost
    assert not lab.python("won = None").lost
