"""Whom a running server believes: signatures with `enforce`, any well-formed key with `--dev`."""

from __future__ import annotations

import base64
import datetime
import json
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

FUNCTIONS = "/2015-03-31/functions"


def creation(server: Any, tools: Any) -> bytes:
    package = base64.b64encode(tools.zipped({"app.py": "def handler(e, c): return 1"})).decode()
    members = {"FunctionName": "sneaked", "Runtime": "python3.11", "Handler": "app.handler", "Role": server.role()}
    return json.dumps({**members, "Code": {"ZipFile": package}}).encode()


def signed(server: Any, body: bytes, *, at: datetime.datetime | None = None, **changes: str) -> dict[str, str]:
    """The headers of a signed CreateFunction, with a key's parts changed."""
    keys = server.credentials()
    credentials = Credentials(
        changes.get("key", keys["aws_access_key_id"]),
        changes.get("secret", keys["aws_secret_access_key"]),
        changes.get("token"),
    )
    request = AWSRequest("POST", server.endpoint + FUNCTIONS, data=body, headers={"Content-Type": "application/json"})
    auth = SigV4Auth(credentials, changes.get("service", "lambda"), "us-east-1")
    if at is None:
        auth.add_auth(request)
    else:
        request.context["timestamp"] = at.strftime("%Y%m%dT%H%M%SZ")
        auth._modify_request_before_signing(request)
        auth._inject_signature_to_request(
            request, auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        )
    return dict(request.headers.items())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"secret": "wrong"}, "InvalidSignatureException"),
        ({"key": "AKIAAAAAAAAAAAAAAAAA"}, "UnrecognizedClientException"),
        ({"token": "made up"}, "UnrecognizedClientException"),
        ({"service": "iam"}, None),
    ],
    ids=["wrong secret", "unknown key", "unknown token", "another service"],
)
def test_a_request_that_proves_nothing_creates_nothing(
    shared_server: Any, tools: Any, changes: dict[str, str], code: str | None
) -> None:
    body = creation(shared_server, tools)
    status, headers, _ = tools.http(
        shared_server.endpoint + FUNCTIONS, "POST", body, signed(shared_server, body, **changes)
    )
    assert status in (403, 404, 400)
    if code is not None:
        assert (status, headers["x-amzn-ErrorType"]) == (403, code)
    assert "sneaked" not in str(shared_server.client("lambda").list_functions()["Functions"])


def test_an_unsigned_request_creates_nothing(shared_server: Any, tools: Any) -> None:
    body = creation(shared_server, tools)
    status, headers, answer = tools.http(shared_server.endpoint + FUNCTIONS, "POST", body)
    assert (status, headers["x-amzn-ErrorType"]) == (403, "MissingAuthenticationTokenException")
    assert json.loads(answer) == {"message": "Missing Authentication Token"}
    assert "sneaked" not in str(shared_server.client("lambda").list_functions()["Functions"])


def test_a_body_that_was_changed_after_signing_creates_nothing(shared_server: Any, tools: Any) -> None:
    body = creation(shared_server, tools)
    changed = body.replace(b'"app.handler"', b'"app.xandler"')
    status, headers, _ = tools.http(shared_server.endpoint + FUNCTIONS, "POST", changed, signed(shared_server, body))
    assert (status, headers["x-amzn-ErrorType"]) == (403, "InvalidSignatureException")
    assert "sneaked" not in str(shared_server.client("lambda").list_functions()["Functions"])


@pytest.mark.parametrize(("minutes", "text"), [(-16, b"Signature expired"), (16, b"Signature not yet current")])
def test_a_signature_of_another_time_creates_nothing(shared_server: Any, tools: Any, minutes: int, text: bytes) -> None:
    body = creation(shared_server, tools)
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)
    headers = signed(shared_server, body, at=then)
    status, answered, answer = tools.http(shared_server.endpoint + FUNCTIONS, "POST", body, headers)
    assert (status, answered["x-amzn-ErrorType"]) == (403, "InvalidSignatureException")
    assert text in answer
    assert "sneaked" not in str(shared_server.client("lambda").list_functions()["Functions"])


def test_malformed_json_is_a_clear_error(shared_server: Any, tools: Any) -> None:
    body = b'{"FunctionName": "sneaked", '
    status, headers, _ = tools.http(shared_server.endpoint + FUNCTIONS, "POST", body, signed(shared_server, body))
    assert (status, headers["x-amzn-ErrorType"]) == (400, "SerializationException")


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory, tools: Any) -> Any:
    server = tools.Server(tmp_path_factory.mktemp("dev") / "data", "--dev").start()
    yield server
    server.stop()


def test_dev_takes_any_key_and_any_role(dev: Any, tools: Any) -> None:
    aws = dev.client("lambda", aws_access_key_id="anything", aws_secret_access_key="at all")
    package = tools.zipped({"app.py": "import os\ndef handler(e, c): return os.environ['AWS_ACCESS_KEY_ID'][:4]"})
    aws.create_function(
        FunctionName="easy",
        Runtime="python3.11",
        Handler="app.handler",
        Role="arn:aws:iam::000000000000:role/never-made",
        Code={"ZipFile": package},
    )
    aws.get_waiter("function_active_v2").wait(FunctionName="easy")
    assert json.load(aws.invoke(FunctionName="easy")["Payload"]) == "ASIA"


def test_in_dev_a_key_of_twelve_digits_names_the_account(dev: Any, tools: Any) -> None:
    keys = {"aws_access_key_id": "111122223333", "aws_secret_access_key": "x"}
    assert dev.client("sts", **keys).get_caller_identity()["Account"] == "111122223333"
    assert dev.client("sts").get_caller_identity()["Account"] == "000000000000"
    role = dev.client("iam", **keys).create_role(RoleName="theirs", AssumeRolePolicyDocument=tools.TRUST)["Role"]
    assert role["Arn"] == "arn:aws:iam::111122223333:role/theirs"
    with pytest.raises(ClientError, match="cannot be found"):
        dev.client("iam").get_role(RoleName="theirs")


def test_regions_are_worlds_of_their_own(dev: Any, tools: Any) -> None:
    members = {"Runtime": "python3.11", "Handler": "app.handler", "Role": "arn:aws:iam::000000000000:role/any"}
    there = regional(dev, "eu-west-1")
    there.create_function(FunctionName="abroad", Code={"ZipFile": tools.zipped({"app.py": "x = 1"})}, **members)
    assert there.get_function(FunctionName="abroad")["Configuration"]["FunctionArn"].split(":")[3] == "eu-west-1"
    with pytest.raises(ClientError, match="Function not found"):
        dev.client("lambda").get_function(FunctionName="abroad")


def test_in_dev_a_key_of_ours_is_still_verified(dev: Any) -> None:
    user = dev.client("iam").create_access_key(UserName=made_user(dev))["AccessKey"]
    good = {"aws_access_key_id": user["AccessKeyId"], "aws_secret_access_key": user["SecretAccessKey"]}
    assert dev.client("sts", **good).get_caller_identity()["Arn"].endswith(":user/known")
    with pytest.raises(ClientError, match="signature we calculated does not match"):
        dev.client("sts", **{**good, "aws_secret_access_key": "wrong"}).get_caller_identity()


def made_user(server: Any) -> str:
    server.client("iam").create_user(UserName="known")
    return "known"


def regional(server: Any, region: str) -> Any:
    keys = server.credentials()
    return boto3.session.Session().client("lambda", endpoint_url=server.endpoint, region_name=region, **keys)
