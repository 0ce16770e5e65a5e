"""Whatever is sent, the answer is the caller's fault: 400, 403 or 404 in the protocol's form, never 500."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambent.wire.call import Call, Principal
from lambent.wire.errors import ApiError, SerializationError
from lambent.wire.message import PlainRequest, Response, inflated
from lambent.wire.model import Service, Shape
from lambent.wire.protocols import cbor, form, json_values, xml_values
from lambent.wire.service import Api, Registry, snake_case, unrouted

WHO = Principal("123456789012", "arn", "id", "AKID")
NAMES = ("lambda", "logs", "iam", "sts", "ec2", "s3", "cloudwatch", "dynamodb")


def everything(service: Service) -> object:
    """An implementation of all operations of a service that answers with nothing."""

    async def method(self: object, call: Call, request: dict[str, Any]) -> None:
        return None

    return type("Everything", (), {snake_case(name): method for name in service.operations})()


@pytest.fixture(scope="module")
def registry(service: Callable[[str], Service]) -> Registry:
    return Registry(Api(service(name), everything(service(name))) for name in NAMES)


def answer(registry: Registry, request: PlainRequest, scope: str | None) -> Response:
    try:
        route = registry.route(request, scope)
    except ApiError as error:
        return unrouted(error, "id")
    if route is None:
        return unrouted(ApiError(code="UnknownOperationException", status=404), "id")
    return asyncio.run(registry.handle(route, Call(WHO, "r", "id", route.service.name, ""), request))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def misfits(shape: Shape, depth: int = 3) -> st.SearchStrategy[Any]:
    """JSON that has the members of a shape, with values that now and then are of another type."""
    if shape.type == "structure" and depth:
        members = {m.wire_name or n: misfits(m, depth - 1) for n, m in shape.members.items()}
        return st.fixed_dictionaries({}, optional=members) | JSON
    if shape.type == "list" and depth:
        return st.lists(misfits(shape.member, depth - 1), max_size=2) | JSON
    if shape.type == "map" and depth:
        return st.dictionaries(st.text(max_size=4), misfits(shape.value, depth - 1), max_size=2) | JSON
    return JSON


LENIENT = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None)


@LENIENT
@given(data=st.data())
def test_json_of_wrong_types_is_refused_or_taken(registry: Registry, data: st.DataObject) -> None:
    api, name = data.draw(
        st.sampled_from(
            [
                ("lambda", "CreateFunction"),
                ("lambda", "UpdateFunctionConfiguration"),
                ("lambda", "CreateEventSourceMapping"),
                ("logs", "PutLogEvents"),
                ("logs", "FilterLogEvents"),
                ("dynamodb", "PutItem"),
            ]
        )
    )
    service = registry[api].service
    operation = service.operations[name]
    assert operation.input is not None
    body = orjson.dumps(data.draw(misfits(operation.input)), option=orjson.OPT_NON_STR_KEYS)
    target = f"{service.target_prefix}.{name}".encode()
    headers = {b"x-amz-target": target} if service.target_prefix else {}
    path = operation.uri.replace("{FunctionName}", "f").replace("{UUID}", "u").encode()
    response = answer(registry, PlainRequest(operation.method, path, b"", headers, body), service.signing_name)
    assert response.status < 500, response


@LENIENT
@given(
    scope=st.sampled_from([*NAMES, "monitoring", None]),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=st.sampled_from(
        [b"/", b"/2015-03-31/functions", b"/2015-03-31/functions/f/code", b"/bucket/key", b"/2018-10-31/layers"]
    )
    | st.binary(max_size=20).map(lambda b: b"/" + quote_from_bytes(b, safe="/").encode()),
    query=st.binary(max_size=40),
    target=st.none() | st.sampled_from([b"Logs_20140328.PutLogEvents", b"DynamoDB_20120810.PutItem"]) | st.binary(),
    content=st.sampled_from([b"", b"application/json", b"application/x-www-form-urlencoded"]),
    encoding=st.sampled_from([b"", b"gzip"]),
    body=st.binary(max_size=60),
)
def test_no_bytes_end_in_a_fault_of_ours(
    registry: Registry,
    scope: str | None,
    method: str,
    path: bytes,
    query: bytes,
    target: bytes | None,
    content: bytes,
    encoding: bytes,
    body: bytes,
) -> None:
    headers = {b"content-type": content, b"content-encoding": encoding}
    if target is not None:
        headers[b"x-amz-target"] = target
    response = answer(registry, PlainRequest(method, path, query, headers, body), scope)
    assert response.status < 500, response


@LENIENT
@given(
    action=st.sampled_from(["CreateRole", "TagRole", "DescribeVpcs", "RunInstances", "PutMetricData"]),
    fields=st.dictionaries(
        st.sampled_from(
            ["RoleName", "Tags", "Tags.member", "Tags.member.1", "Tags.member.1.Key", "Tags.member.x.Key", "Tags.1"]
        )
        | st.sampled_from(["Filter.1.Value.1", "Filter.Value", "MinCount", "DryRun", "MaxSessionDuration", "..", "."])
        | st.text(max_size=10),
        st.text(max_size=10),
        max_size=5,
    ),
)  # fmt: skip
def test_forms_of_any_shape_are_refused_or_taken(registry: Registry, action: str, fields: dict[str, str]) -> None:
    body = urlencode({"Action": action, **fields}).encode()
    headers = {b"content-type": b"application/x-www-form-urlencoded"}
    for scope in ("iam", "ec2", "monitoring"):
        assert answer(registry, PlainRequest("POST", b"/", b"", headers, body), scope).status < 500


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{", "Unable to parse the request body as JSON"),
        (b'{"FunctionName": "\xff"}', "Unable to parse the request body as JSON"),
        (b"[]", "The request body must be a JSON object"),
        (b"1", "The request body must be a JSON object"),
        (b'{"FunctionName": 1}', "NUMBER_VALUE cannot be converted to String"),
        (b'{"Timeout": "3"}', "STRING_VALUE cannot be converted to Integer"),
        (b'{"Timeout": 1.5}', "NUMBER_VALUE cannot be converted to Integer"),
        (b'{"Timeout": 99999999999}', "Numeric value (99999999999) out of range"),
        (b'{"Publish": "true"}', "STRING_VALUE cannot be converted to Boolean"),
        (b'{"Layers": "a"}', "Expected list or null"),
        (b'{"Layers": {}}', "Start of structure or map found where not expected."),
        (b'{"VpcConfig": []}', "Start of list found where not expected"),
        (b'{"Code": {"ZipFile": "*"}}', "Invalid base64 data"),
        (b"[" * 5000 + b"]" * 5000, "Unable to parse the request body as JSON"),
    ],
)
def test_a_body_that_does_not_fit_is_a_serialization_error(registry: Registry, body: bytes, text: str) -> None:
    response = answer(registry, PlainRequest("POST", b"/2015-03-31/functions", b"", {}, body), "lambda")
    assert response.status == 400
    assert (b"x-amzn-ErrorType", b"SerializationException") in response.headers
    assert json.loads(response.body) == {"message": text}


def test_a_recursive_value_that_nests_too_deep_is_refused(registry: Registry) -> None:
    """Deeper than Python's own stack, not than the JSON parser's."""
    deep = b'{"TableName": "ttt", "Item": {"a": ' + b'{"L": [' * 500 + b'{"S": "x"}' + b"]}" * 500 + b"}}"
    request = PlainRequest("POST", b"/", b"", {b"x-amz-target": b"DynamoDB_20120810.PutItem"}, deep)
    response = answer(registry, request, "dynamodb")
    assert response.status == 400
    assert json.loads(response.body) == {"__type": "SerializationException", "message": "The request nests too deep"}


@pytest.mark.parametrize("body", [b"", b"<", b"<a></b>", b"<a>&lol;</a>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
def test_xml_that_is_broken_or_declares_entities_is_refused(body: bytes) -> None:
    with pytest.raises(SerializationError):
        xml_values.parse(body)


def test_xml_and_form_names_and_cbor_may_not_nest_for_ever() -> None:
    with pytest.raises(SerializationError, match="too deep"):
        xml_values.parse(b"<a>" * 1000 + b"</a>" * 1000)
    with pytest.raises(SerializationError, match="too deep"):
        form.tree({".".join("a" * 1000): "x"})
    with pytest.raises(SerializationError, match="too many"):
        form.decode(b"&".join(b"a%d=1" % i for i in range(60_000)))
    with pytest.raises(SerializationError, match="too deep"):
        cbor.loads(b"\x81" * 1000 + b"\x00")


def test_a_body_that_inflates_beyond_all_measure_is_refused() -> None:
    bomb = gzip.compress(bytes(65 << 20), 9)
    request = PlainRequest("POST", b"/", b"", {b"content-encoding": b"gzip"}, bomb)
    with pytest.raises(SerializationError):
        inflated(request)


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_parsers_of_documents_fail_only_with_a_serialization_error(body: bytes) -> None:
    for parse in (json_values.loads, xml_values.parse, cbor.loads, form.decode):
        try:
            parse(body)
        except SerializationError:
            pass


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@settings(deadline=None)
@given(PLAIN)
def test_cbor_reads_what_it_wrote(value: Any) -> None:
    assert cbor.loads(cbor.dumps(value)) == value


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        (b"\x9f\x01\x82\x02\x03\xff", [1, [2, 3]]),
        (b"\xbf\x61a\x01\xff", {"a": 1}),
        (b"\x7f\x61a\x61b\xff", "ab"),
        (b"\x5f\x41a\x41b\xff", b"ab"),
        (b"\xf9\x3c\x00", 1.0),
        (b"\xfa\x3f\xc0\x00\x00", 1.5),
        (b"\xc1\x1a\x65\x53\xf1\x00", cbor.Timestamp(1_700_000_000)),
        (b"\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00", 2**64),
        (b"\xf7", None),
    ],
)
def test_cbor_has_forms_of_any_length_and_tags(encoded: bytes, value: Any) -> None:
    assert cbor.loads(encoded) == value
