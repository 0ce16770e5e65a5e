"""Operations bound to models, and whole requests through them, driven by boto3."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from lambent.wire import sigv4
from lambent.wire.call import Call, Principal
from lambent.wire.canonical import hash_of
from lambent.wire.errors import AccessDenied, ApiError, InternalError, UnrecognizedClient
from lambent.wire.message import PlainRequest, Response
from lambent.wire.model import Service
from lambent.wire.service import Api, Mismatch, Registry, snake_case, unrouted

ALICE = Principal("123456789012", "arn:aws:iam::123456789012:user/alice", "AIDA", "AKIDEXAMPLE")
REQUEST_ID = "6fa0f0a1-1111-4222-8333-abcdefabcdef"


class Keys:
    def find(self, access_key: str, session_token: str | None, now: float) -> sigv4.Key | None:
        return sigv4.Key("secret", ALICE) if access_key == "AKIDEXAMPLE" else None


class ResourceNotFoundException(ApiError):
    code = "ResourceNotFoundException"


class Functions:
    """Answers from what it was given."""

    def __init__(self) -> None:
        self.calls: list[tuple[Call, Mapping[str, Any]]] = []

    async def create_function(self, call: Call, request: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((call, request))
        return {
            "FunctionName": request["FunctionName"],
            "CodeSize": len(request["Code"]["ZipFile"]),
            "Environment": request.get("Environment"),
            "Description": None,
        }

    async def get_function(self, call: Call, request: dict[str, Any]) -> dict[str, Any]:
        raise ResourceNotFoundException(f"Function not found: {request['FunctionName']}")

    async def delete_function(self, call: Call, request: dict[str, Any]) -> dict[str, Any]:
        return {"StatusCode": 204}

    async def invoke(self, call: Call, request: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((call, request))
        return {"StatusCode": 202, "Payload": request.get("Payload", b""), "ExecutedVersion": "$LATEST"}

    async def put_function_concurrency(self, call: Call, request: dict[str, Any]) -> dict[str, Any]:
        raise ApiError("slow down", code="TooManyRequestsException", extra={"Reason": "r", "retryAfterSeconds": "7"})


class Roles:
    async def create_role(self, call: Call, request: dict[str, Any]) -> dict[str, Any]:
        role = {
            "Path": "/",
            "RoleName": request["RoleName"],
            "RoleId": "AROA",
            "Arn": "arn",
            "CreateDate": 1_700_000_000.5,
            "Tags": request.get("Tags", []),
            "Description": "<b> & ]]>\r\n\ta\0b",
        }
        return {"Role": role}

    async def get_role(self, call: Call, request: dict[str, Any]) -> dict[str, Any]:
        raise ApiError("The role with name r cannot be found.", code="NoSuchEntity")

    async def delete_role(self, call: Call, request: dict[str, Any]) -> None:
        raise AccessDenied("User: x is not authorized")


class Groups:
    async def describe_log_groups(self, call: Call, request: dict[str, Any]) -> dict[str, Any]:
        return {"logGroups": [{"logGroupName": "<a&b>", "creationTime": 5}], "nextToken": None}

    async def create_log_group(self, call: Call, request: dict[str, Any]) -> None:
        raise ApiError("The specified log group already exists", code="ResourceAlreadyExistsException")


class Queues:
    async def get_queue_url(self, call: Call, request: dict[str, Any]) -> dict[str, Any]:
        raise ApiError("The specified queue does not exist.", code="QueueDoesNotExist")


class Metrics:
    def __init__(self) -> None:
        self.seen: list[Mapping[str, Any]] = []

    async def put_metric_data(self, call: Call, request: dict[str, Any]) -> None:
        self.seen.append(request)

    async def list_metrics(self, call: Call, request: dict[str, Any]) -> dict[str, Any]:
        raise ApiError("no", code="InvalidParameterValue")


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def registry(service: Callable[[str], Service], functions: Functions, metrics: Metrics) -> Registry:
    return Registry(
        [
            Api(service("lambda"), functions),
            Api(service("iam"), Roles()),
            Api(service("logs"), Groups()),
            Api(service("sqs"), Queues()),
            Api(service("cloudwatch"), metrics),
        ]
    )


async def answer(registry: Registry, request: PlainRequest) -> Response:
    """What a front does with a request."""
    signature = sigv4.Signature.parse(request)
    assert signature is not None
    route = registry.route(request, signature.service)
    if route is None:
        return unrouted(ApiError("none", code="UnknownOperationException", status=404), REQUEST_ID)
    try:
        verified = signature.check(Keys(), sigv4._epoch(signature.stamp), hash_of(request.body))
        sigv4.require_service(verified, route.service.signing_name)
    except ApiError as error:
        return registry.refusal(route, error, REQUEST_ID)
    call = Call(verified.principal, verified.region, REQUEST_ID, route.service.name, str(route.operation))
    return await registry.handle(route, call, request)


@pytest.fixture
def client(registry: Registry) -> Callable[..., Any]:
    """boto3 clients whose requests go to the registry instead of the network."""

    def make(service: str, access_key: str = "AKIDEXAMPLE") -> Any:
        made = boto3.client(
            service,
            region_name="eu-west-1",
            endpoint_url="http://localhost:4566",
            aws_access_key_id=access_key,
            aws_secret_access_key="secret",
            config=Config(retries={"max_attempts": 0}, parameter_validation=False),
        )
        made.meta.events.register("before-send.*.*", lambda request, **_: send(registry, request))
        return made

    return make


def send(registry: Registry, request: Any) -> AWSResponse:
    parts = urlsplit(request.url)
    headers = {n.lower().encode(): v if isinstance(v, bytes) else v.encode() for n, v in request.headers.items()}
    headers.setdefault(b"host", parts.netloc.encode())
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else body.read()
    plain = PlainRequest(request.method, parts.path.encode() or b"/", parts.query.encode(), headers, body)
    response = asyncio.run(answer(registry, plain))
    sent = {n.decode(): v.decode() for n, v in response.headers}
    return _Answer(request.url, response.status, sent, response.body)


class _Answer(AWSResponse):  # type: ignore[misc]
    def __init__(self, url: str, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__(url, status, headers, _Raw(body))
        self._content = body


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def read(self, size: int | None = None) -> bytes:
        taken, self._body = (self._body, b"") if size is None else (self._body[:size], self._body[size:])
        return taken

    def stream(self, **_: Any) -> Any:
        yield self.read()


ROLE = "arn:aws:iam::123456789012:role/r"


def test_boto3_creates_invokes_and_deletes(client: Callable[..., Any], functions: Functions) -> None:
    aws = client("lambda")
    made = aws.create_function(
        FunctionName="f", Role=ROLE, Code={"ZipFile": b"\x00\xff"}, Environment={"Variables": {"AB": "ü"}}
    )
    assert (made["FunctionName"], made["CodeSize"]) == ("f", 2)
    assert made["Environment"] == {"Variables": {"AB": "ü"}}
    assert "Description" not in made
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert made["ResponseMetadata"]["RequestId"] == REQUEST_ID
    call, request = functions.calls[0]
    assert (call.account, call.region, call.principal) == ("123456789012", "eu-west-1", ALICE)
    assert request["Code"] == {"ZipFile": b"\x00\xff"}

    done = aws.invoke(FunctionName="arn:aws:lambda:eu-west-1:123456789012:function:f", Payload=b'{"a": 1}')
    assert (done["StatusCode"], done["ExecutedVersion"], done["Payload"].read()) == (202, "$LATEST", b'{"a": 1}')
    assert done["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/json"
    assert functions.calls[1][1]["FunctionName"].endswith(":function:f")
    assert aws.delete_function(FunctionName="f")["ResponseMetadata"]["HTTPStatusCode"] == 204


def refusal(work: Callable[[], Any]) -> tuple[str, str, int, dict[str, Any]]:
    with pytest.raises(ClientError) as refused:
        work()
    response = refused.value.response
    metadata = response["ResponseMetadata"]
    assert metadata["RequestId"] == REQUEST_ID
    return response["Error"]["Code"], response["Error"]["Message"], metadata["HTTPStatusCode"], response


def test_lambda_errors_have_its_form(client: Callable[..., Any]) -> None:
    code, text, status, response = refusal(lambda: client("lambda").get_function(FunctionName="g"))
    assert (code, text, status) == ("ResourceNotFoundException", "Function not found: g", 404)
    assert response["Type"] == "User"
    *_, response = refusal(
        lambda: client("lambda").put_function_concurrency(FunctionName="g", ReservedConcurrentExecutions=1)
    )
    assert (response["Reason"], response["retryAfterSeconds"], response["message"]) == ("r", "7", "slow down")


def test_a_validation_error_has_a_message_and_no_type(registry: Registry) -> None:
    request = PlainRequest("POST", b"/2015-03-31/functions", b"", {b"host": b"h"}, b'{"FunctionName": "f"}')
    response = handled(registry, request)
    assert response.status == 400
    assert (b"x-amzn-ErrorType", b"ValidationException") in response.headers
    body = json.loads(response.body)
    assert body.keys() == {"message"}
    assert body["message"].startswith("2 validation errors detected: Value null at 'role' failed")


def handled(registry: Registry, request: PlainRequest, service: str = "lambda") -> Response:
    route = registry.route(request, service)
    assert route is not None
    return asyncio.run(registry.handle(route, Call(ALICE, "r", REQUEST_ID, service, ""), request))


def test_query_errors_are_named_by_their_code(client: Callable[..., Any]) -> None:
    iam = client("iam")
    assert refusal(lambda: iam.get_role(RoleName="r"))[:3] == (
        "NoSuchEntity",
        "The role with name r cannot be found.",
        404,
    )
    code, text, status, response = refusal(lambda: iam.create_role(RoleName="a b", AssumeRolePolicyDocument="{}"))
    assert (code, status, response["Error"]["Type"]) == ("ValidationError", 400, "Sender")
    assert text.startswith(
        "1 validation error detected: Value 'a b' at 'roleName' failed to satisfy constraint: Member"
    )
    assert refusal(lambda: iam.delete_role(RoleName="r"))[0] == "AccessDenied"


def test_query_results_have_lists_and_times(client: Callable[..., Any]) -> None:
    tags = [{"Key": "a", "Value": "ü 漢"}, {"Key": "c", "Value": ""}]
    role = client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}", Tags=tags)["Role"]
    assert role["Tags"] == tags
    assert role["Description"] == "<b> & ]]>\r\n\ta\ufffdb"
    assert role["CreateDate"].timestamp() == 1_700_000_000.5


def test_json_services_answer_and_refuse(client: Callable[..., Any]) -> None:
    logs = client("logs")
    assert logs.describe_log_groups()["logGroups"] == [{"logGroupName": "<a&b>", "creationTime": 5}]
    already = refusal(lambda: logs.create_log_group(logGroupName="g"))
    assert already[:3] == ("ResourceAlreadyExistsException", "The specified log group already exists", 400)
    invalid = refusal(lambda: logs.create_log_group(logGroupName="a b"))
    assert invalid[0] == "InvalidParameterException"
    assert "Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular" in invalid[1]


def test_a_service_that_once_spoke_query_gives_the_old_code_too(client: Callable[..., Any]) -> None:
    code, _, status, response = refusal(lambda: client("sqs").get_queue_url(QueueName="q"))
    assert (code, status) == ("AWS.SimpleQueueService.NonExistentQueue", 400)
    assert response["Error"]["QueryErrorCode"] == "QueueDoesNotExist"


def test_cbor_is_spoken_where_the_sdk_prefers_it(client: Callable[..., Any], metrics: Metrics) -> None:
    data = [{"MetricName": "m", "Value": 1.5, "Timestamp": datetime.fromtimestamp(1_700_000_000, UTC)}]
    client("cloudwatch").put_metric_data(Namespace="n", MetricData=data)
    expected = [{"MetricName": "m", "Value": 1.5, "Timestamp": 1_700_000_000}]
    assert metrics.seen == [{"Namespace": "n", "MetricData": expected}]
    code, text, status, _ = refusal(lambda: client("cloudwatch").list_metrics(Namespace="n"))
    assert (code, text, status) == ("InvalidParameterValue", "no", 400)


def test_compressed_requests_are_inflated(client: Callable[..., Any], metrics: Metrics) -> None:
    data = [{"MetricName": "m" * 200, "Value": float(i)} for i in range(100)]
    client("cloudwatch").put_metric_data(Namespace="n", MetricData=data)
    assert metrics.seen == [{"Namespace": "n", "MetricData": data}]


@pytest.mark.parametrize("service_name", ["lambda", "iam", "logs", "sqs", "cloudwatch"])
def test_an_operation_that_is_not_here_is_named(client: Callable[..., Any], service_name: str) -> None:
    aws = client(service_name)
    work = {
        "lambda": lambda: aws.publish_version(FunctionName="f"),
        "iam": lambda: aws.list_users(),
        "logs": lambda: aws.describe_queries(),
        "sqs": lambda: aws.list_queues(),
        "cloudwatch": lambda: aws.describe_alarms(),
    }[service_name]
    code, text, status, _ = refusal(work)
    assert (code, status) == ("NotImplementedException", 501)
    assert f"{service_name}:" in text


@pytest.mark.parametrize(
    ("service_name", "code"),
    [
        ("lambda", "UnrecognizedClientException"),
        ("iam", "InvalidClientTokenId"),
        ("logs", "UnrecognizedClientException"),
    ],
)
def test_an_unknown_key_is_refused_with_the_code_of_the_protocol(
    client: Callable[..., Any], service_name: str, code: str
) -> None:
    aws = client(service_name, "AKIDOTHER")
    work = {"lambda": "list_functions", "iam": "list_roles", "logs": "describe_log_groups"}[service_name]
    assert refusal(getattr(aws, work))[:3] == (code, "The security token included in the request is invalid.", 403)


def test_our_own_faults_say_nothing_of_their_cause(registry: Registry) -> None:
    for target, service_name in ((b"/2015-03-31/functions", "lambda"), (b"/?Action=ListUsers", "iam")):
        path, _, query = target.partition(b"?")
        route = registry.route(PlainRequest("GET", path, query, {}, b""), service_name)
        assert route is not None
        response = registry.refusal(route, InternalError(), REQUEST_ID)
        assert response.status == 500
        assert b"InternalFailure" in response.body + repr(response.headers).encode()


def test_an_unrouted_request_is_answered_in_json() -> None:
    response = unrouted(UnrecognizedClient("who?"), REQUEST_ID)
    assert (response.status, json.loads(response.body)) == (
        403,
        {"__type": "UnrecognizedClientException", "message": "who?"},
    )


def test_a_result_with_a_member_that_the_model_lacks_is_our_mistake(registry: Registry) -> None:
    for protocol, api in (("rest-json", "lambda"), ("query", "iam")):
        operation = {"lambda": "CreateFunction", "iam": "CreateRole"}[api]
        with pytest.raises(ValueError, match="has no member Nonsense"):
            registry[api].bound(operation, protocol).write({"Nonsense": 1}, REQUEST_ID)


def test_line_breaks_cannot_enter_a_header(registry: Registry) -> None:
    response = registry["lambda"].bound("Invoke").write({"FunctionError": "a\r\nSet-Cookie: x"}, REQUEST_ID)
    assert (b"X-Amz-Function-Error", b"a  Set-Cookie: x") in response.headers


@pytest.mark.parametrize("name", ["lambda", "logs", "iam", "sts", "sqs", "kms", "events", "cloudwatch", "s3", "ec2"])
def test_every_error_of_a_model_can_be_written_in_every_protocol(service: Callable[[str], Service], name: str) -> None:
    api = Api(service(name))
    for protocol in api.service.protocols:
        for code, shape in api.service.errors.items():
            response = api.codec(protocol).error(ApiError("the text", code=code), REQUEST_ID)
            assert 400 <= response.status < 600
            assert b"the text" in response.body, shape


# --- binding ----------------------------------------------------------------------------------------------


class Stranger:
    async def fly_to_the_moon(self, call: Call, request: dict[str, Any]) -> dict[str, Any]:
        return {}


class WrongShape:
    async def get_function(self, call: Call, request: GetFunctionConfigurationRequest) -> dict[str, Any]:  # type: ignore[name-defined]  # noqa: F821
        return {}


class WrongArguments:
    async def get_function(self, request: dict[str, Any]) -> dict[str, Any]:
        return {}


class Private:
    async def get_function(self, call: Call, request: GetFunctionRequest) -> dict[str, Any]:  # type: ignore[name-defined]  # noqa: F821
        return {}

    async def _helper(self) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("implementations", "text"),
    [
        ([Stranger()], r"Stranger\.fly_to_the_moon is no operation of lambda"),
        ([Functions(), Private()], r"Private\.get_function: GetFunction is there twice"),
        ([WrongShape()], r"takes GetFunctionConfigurationRequest, but GetFunction takes GetFunctionRequest"),
        ([WrongArguments()], r"must take \(call, request\)"),
    ],
)
def test_classes_that_do_not_fit_the_model_are_refused_at_once(
    service: Callable[[str], Service], implementations: list[object], text: str
) -> None:
    with pytest.raises(Mismatch, match=text):
        Api(service("lambda"), *implementations)


def test_only_public_coroutines_are_operations(service: Callable[[str], Service]) -> None:
    assert Api(service("lambda"), Private()).methods.keys() == {"GetFunction"}


@pytest.mark.parametrize(
    ("operation", "method"),
    [
        ("CreateFunction", "create_function"),
        ("GetFunctionUrlConfig", "get_function_url_config"),
        ("ListMFADevices", "list_mfa_devices"),
        ("AssumeRoleWithSAML", "assume_role_with_saml"),
        ("DescribeVpcs", "describe_vpcs"),
    ],
)
def test_methods_are_named_after_operations(operation: str, method: str) -> None:
    assert snake_case(operation) == method


def test_no_two_operations_of_a_service_have_one_method_name(service: Callable[[str], Service]) -> None:
    for name in ("lambda", "logs", "iam", "sts", "sqs", "ec2", "s3", "events", "kms", "iot"):
        names = [snake_case(operation) for operation in service(name).operations]
        assert len(names) == len(set(names))
