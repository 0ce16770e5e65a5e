"""Which operation of which service a request is meant for."""
# ruff: noqa: E501  (tables are read by row)

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from lambent.wire.errors import SerializationError
from lambent.wire.message import PlainRequest
from lambent.wire.model import Service
from lambent.wire.route import Route, Router


@pytest.fixture(scope="module")
def router(service: Callable[[str], Service]) -> Router:
    return Router(service(name) for name in ("lambda", "logs", "iam", "sts", "sqs", "sns", "ec2", "cloudwatch", "s3"))


def request(
    method: str = "GET", target: str = "/", headers: Mapping[str, str] | None = None, body: bytes = b""
) -> PlainRequest:
    path, _, query = target.encode().partition(b"?")
    sent = {n.lower().encode(): v.encode() for n, v in (headers or {}).items()}
    return PlainRequest(method, path, query, sent, body)


FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"


@pytest.mark.parametrize(
    ("method", "target", "operation", "labels"),
    [
        ("POST", "/2015-03-31/functions/f/invocations", "Invoke", {"FunctionName": "f"}),
        ("POST", f"/2015-03-31/functions/{ARN}/invocations", "Invoke", {"FunctionName": ARN}),
        ("POST", f"/2015-03-31/functions/{ARN.replace(':', '%3A')}/invocations?Qualifier=1", "Invoke", {"FunctionName": ARN}),
        ("POST", "/2015-03-31/functions/a%2Fb/invocations", "Invoke", {"FunctionName": "a/b"}),
        ("GET", "/2015-03-31/functions", "ListFunctions", {}),
        ("GET", "/2015-03-31/functions/", "ListFunctions", {}),
        ("GET", "/2015-03-31/functions/?MaxItems=3", "ListFunctions", {}),
        ("GET", "/2015-03-31/functions/f", "GetFunction", {"FunctionName": "f"}),
        ("GET", "/2015-03-31/functions/f/", "GetFunction", {"FunctionName": "f"}),
        ("DELETE", "/2015-03-31/functions/f", "DeleteFunction", {"FunctionName": "f"}),
        ("PUT", "/2015%2D03-31/functions/f/code", "UpdateFunctionCode", {"FunctionName": "f"}),
        ("GET", "/2018-10-31/layers", "ListLayers", {}),
        ("GET", "/2018-10-31/layers?find=LayerVersion&Arn=a", "GetLayerVersionByArn", {}),
        ("GET", "/2019-09-30/functions/f/provisioned-concurrency?Qualifier=1", "GetProvisionedConcurrencyConfig", {"FunctionName": "f"}),
        ("GET", "/2019-09-30/functions/f/provisioned-concurrency?List=ALL", "ListProvisionedConcurrencyConfigs", {"FunctionName": "f"}),
    ],
)  # fmt: skip
def test_a_rest_request_is_told_by_method_path_and_literal_query(
    router: Router, method: str, target: str, operation: str, labels: dict[str, str]
) -> None:
    for scope in ("lambda", None):
        route = router.route(request(method, target), scope)
        assert route is not None
        assert route.operation is not None
        assert (route.service.name, route.operation.name, dict(route.captured)) == ("lambda", operation, labels)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/2015-03-31/functionz"),
        ("PATCH", "/2015-03-31/functions"),
        ("POST", "/2015-03-31/functions//invocations"),
        ("GET", "/"),
        ("GET", "/2015-03-31/functions//"),
        ("GET", "/2015-03-31/functions/f/code/more"),
    ],
)
def test_a_path_that_is_no_operation_is_denied_inside_the_signed_service(
    router: Router, method: str, target: str
) -> None:
    route = router.route(request(method, target), "lambda")
    assert route is not None
    assert route.operation is None
    assert route.fault is not None
    assert route.fault.status == 403
    assert route.fault.message == "Unable to determine service/operation name to be authorized"


@pytest.mark.parametrize(
    ("method", "target", "operation", "labels"),
    [
        ("GET", "/", "ListBuckets", {}),
        ("GET", "/b", "ListObjects", {"Bucket": "b"}),
        ("GET", "/b?list-type=2", "ListObjectsV2", {"Bucket": "b"}),
        ("GET", "/b/", "ListObjects", {"Bucket": "b"}),
        ("GET", "/b/k/l//m/", "GetObject", {"Bucket": "b", "Key": "k/l//m/"}),
        ("GET", "/b/k?acl", "GetObjectAcl", {"Bucket": "b", "Key": "k"}),
        ("PUT", "/b/k", "PutObject", {"Bucket": "b", "Key": "k"}),
        ("POST", "/b/k?uploads", "CreateMultipartUpload", {"Bucket": "b", "Key": "k"}),
        ("PUT", "/b/k?partNumber=1&uploadId=u", "UploadPart", {"Bucket": "b", "Key": "k"}),
    ],
)
def test_greedy_labels_and_literal_queries_are_told_apart(
    router: Router, method: str, target: str, operation: str, labels: dict[str, str]
) -> None:
    route = router.route(request(method, target), "s3")
    assert route is not None
    assert route.operation is not None
    assert (route.operation.name, dict(route.captured)) == (operation, labels)


def test_a_json_request_is_told_by_its_target(router: Router) -> None:
    headers = {"X-Amz-Target": "Logs_20140328.PutLogEvents"}
    for scope in ("logs", None):
        assert named(router.route(request("POST", "/", headers), scope)) == ("logs", "json", "PutLogEvents")
    headers = {"X-Amz-Target": "Logs_20140328.Nonsense"}
    route = router.route(request("POST", "/", headers), "logs")
    assert named(route) == ("logs", "json", None)
    assert route is not None
    assert route.fault is not None
    assert (route.fault.code, route.fault.status) == ("UnknownOperationException", 404)
    wrong_prefix = router.route(request("POST", "/", {"X-Amz-Target": "Logs.PutLogEvents"}), "logs")
    assert named(wrong_prefix) == ("logs", "json", None)


def test_a_target_outside_of_the_signed_service_is_refused(router: Router) -> None:
    route = router.route(request("POST", "/", {"X-Amz-Target": "Logs_20140328.PutLogEvents"}), "sqs")
    assert named(route) == ("logs", "json", None)
    assert route is not None
    assert route.fault is not None
    assert route.fault.message == "Credential should be scoped to correct service: 'logs'. "


def test_a_query_request_is_told_by_action_and_version(router: Router) -> None:
    body = b"Action=GetRole&Version=2010-05-08&RoleName=a+b"
    for scope in ("iam", None):
        route = router.route(request("POST", "/", FORM, body), scope)
        assert named(route) == ("iam", "query", "GetRole")
        assert route is not None
        assert route.captured["RoleName"] == "a b"
    by_query = request("GET", "/?Action=GetCallerIdentity&Version=2011-06-15")
    assert named(router.route(by_query, "sts")) == ("sts", "query", "GetCallerIdentity")
    assert named(router.route(by_query, None)) == ("sts", "query", "GetCallerIdentity")
    in_ec2 = request("POST", "/", FORM, b"Action=DescribeVpcs&Version=2016-11-15")
    assert named(router.route(in_ec2, "ec2")) == ("ec2", "ec2", "DescribeVpcs")


def test_a_link_needs_no_version_where_its_action_needs_no_signature(router: Router) -> None:
    link = request("GET", "/?Action=ConfirmSubscription&TopicArn=t&Token=x")
    assert named(router.route(link, None)) == ("sns", "query", "ConfirmSubscription")
    closed = request("GET", "/?Action=Publish&TopicArn=t&Message=x")
    assert named(router.route(closed, None))[2] != "Publish"


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        (b"Action=GetRoles&Version=2010-05-08", "InvalidAction", "Could not find operation GetRoles for version 2010-05-08"),
        (b"Action=GetRole&Version=2001-01-01", "InvalidAction", "Could not find operation GetRole for version 2001-01-01"),
        (b"RoleName=x", "MissingAction", "Missing Action"),
    ],
)  # fmt: skip
def test_a_wrong_action_is_named(router: Router, body: bytes, code: str, text: str) -> None:
    route = router.route(request("POST", "/", FORM, body), "iam")
    assert route is not None
    assert route.fault is not None
    assert (route.fault.code, route.fault.message, route.fault.status) == (code, text, 400)


def test_a_service_with_several_protocols_is_answered_in_the_one_it_was_asked_in(router: Router) -> None:
    cbor = request(
        "POST",
        "/service/GraniteServiceVersion20100801/operation/PutMetricData",
        {"smithy-protocol": "rpc-v2-cbor"},
    )
    assert named(router.route(cbor, "monitoring")) == ("cloudwatch", "smithy-rpc-v2-cbor", "PutMetricData")
    json = request("POST", "/", {"X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData"})
    assert named(router.route(json, "monitoring")) == ("cloudwatch", "json", "PutMetricData")
    query = request("POST", "/", FORM, b"Action=PutMetricData&Version=2010-08-01")
    assert named(router.route(query, "monitoring")) == ("cloudwatch", "query", "PutMetricData")


def test_a_service_that_is_not_here_has_no_route(router: Router) -> None:
    assert router.route(request("GET", "/2015-03-31/functions"), "dynamodb") is None
    assert router.route(request("POST", "/", {"X-Amz-Target": "DynamoDB_20120810.ListTables"}), "dynamodb") is None


@pytest.mark.parametrize(
    "bad",
    [
        request("GET", "/2015-03-31/functions/%FF"),
        request("POST", "/", FORM, b"Action=%FF&Version=2010-05-08"),
        request("GET", "/2018-10-31/layers?find=%FF"),
    ],
)
def test_what_is_not_utf_8_is_refused(router: Router, bad: PlainRequest) -> None:
    with pytest.raises(SerializationError):
        router.route(bad, "iam" if bad.body else "lambda")


def test_every_operation_of_rest_services_is_reached_by_its_own_uri(service: Callable[[str], Service]) -> None:
    for name in ("lambda", "apigateway", "apigatewayv2", "iot"):
        router = Router([service(name)])
        for operation in service(name).operations.values():
            target = operation.uri.replace("{", "").replace("+}", "/more").replace("}", "")
            extra = [
                f"{m.wire_name or n}=x"
                for n, m in (operation.input.members if operation.input else {}).items()
                if n in operation.input.required and m.location == "querystring"  # type: ignore[union-attr]
            ]
            target += ("&" if "?" in target else "?") + "&".join(extra) if extra else ""
            route = router.route(request(operation.method, target), service(name).signing_name)
            assert route is not None
            assert route.operation is operation, (operation, route)


def named(route: Route | None) -> tuple[str, str, str | None]:
    assert route is not None
    return route.service.name, route.protocol, route.operation.name if route.operation else None
