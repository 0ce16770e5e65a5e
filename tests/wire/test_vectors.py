"""botocore's protocol vectors in reverse: its requests are parsed here, what is written here it parses."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser
from botocore.utils import parse_timestamp
from dateutil.tz import tzutc

from lambent.wire.errors import ApiError
from lambent.wire.message import PlainRequest
from lambent.wire.model import Service, Shape
from lambent.wire.route import Router
from lambent.wire.service import codec_of

VECTORS = Path(__file__).parent / "vectors"

NO_BODY = "the vector leaves the compressed body out"
SKIPPED_INPUT = {
    "RestJsonHostWithPath": "the path in front of the URI is the client's endpoint",
    "MediaTypeHeaderInputBase64": "the model calls it a JSON value, so it is parsed as one",
    "serializes_string_shapes_with_jsonvalue_trait": "a JSON value is parsed here, as botocore's REST does",
    "BodyWithXmlName": "the published model names the member, not the body, Ahoy",
    "SDKAppliedContentEncoding_ec2Query": NO_BODY,
    "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_ec2Query": NO_BODY,
    "SDKAppliedContentEncoding_awsJson1_1": NO_BODY,
    "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_1": NO_BODY,
    "SDKAppliedContentEncoding_awsJson1_0": NO_BODY,
    "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_0": NO_BODY,
    "SDKAppliedContentEncoding_awsQuery": NO_BODY,
    "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsQuery": NO_BODY,
    "SDKAppliedContentEncoding_restJson1": NO_BODY,
    "SDKAppendedGzipAfterProvidedEncoding_restJson1": NO_BODY,
    "SDKAppliedContentEncoding_restXml": NO_BODY,
    "SDKAppendedGzipAfterProvidedEncoding_restXml": NO_BODY,
}
NOT_BOTOCORE = "botocore's own tests leave it out: its parser cannot read this"
SKIPPED_OUTPUT = {
    "Ec2XmlLists": NOT_BOTOCORE,
    "QueryXmlLists": NOT_BOTOCORE,
    "XmlLists": NOT_BOTOCORE,
    "RestJsonHttpPayloadTraitsWithNoBlobBody": NOT_BOTOCORE,
    "HttpPayloadTraitsWithNoBlobBody": NOT_BOTOCORE,
    "RestJsonHttpPayloadWithUnsetUnion": NOT_BOTOCORE,
    "RestXmlHttpPayloadWithUnsetUnion": NOT_BOTOCORE,
    "RestJsonInputAndOutputWithQuotedStringHeaders": NOT_BOTOCORE,
    "RestJsonInputAndOutputWithTimestampHeaders": NOT_BOTOCORE,
    "InputAndOutputWithTimestampHeaders": NOT_BOTOCORE,
}


def cases(folder: str, skipped: dict[str, str]) -> Iterator[Any]:
    for file in sorted((VECTORS / folder).glob("*.json")):
        for suite in json.loads(file.read_text("utf-8")):
            for case in suite["cases"]:
                reason = skipped.get(case["id"])
                marks = [] if reason is None else [pytest.mark.skip(reason=reason)]
                yield pytest.param(suite, case, id=f"{file.stem}:{case['id']}", marks=marks)


def service_of(suite: dict[str, Any], case: dict[str, Any]) -> Service:
    metadata = {"targetPrefix": "Target", "apiVersion": "2014-01-01", "signingName": "vectors", **suite["metadata"]}
    given = {"name": "OperationName", **case["given"]}
    model = {"metadata": metadata, "shapes": suite["shapes"], "operations": {given["name"]: given}}
    return Service("vectors", model)


# --- requests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("suite", "case"), list(cases("input", SKIPPED_INPUT)))
def test_what_botocore_sends_is_parsed_to_what_it_was_given(suite: dict[str, Any], case: dict[str, Any]) -> None:
    service = service_of(suite, case)
    request = request_of(service, case["serialized"])
    route = Router([service]).route(request, service.signing_name)
    assert route is not None
    assert route.operation is not None, route.fault
    plan = codec_of(route.protocol)(service).plan(route.operation)
    parsed = plan.parse(request, route.captured)
    expected = our_values(route.operation.input, case["params"]) if route.operation.input else {}
    if route.operation.input:
        expected |= idempotency_tokens(route.operation.input, expected)
        parsed, expected = (without_named_query(route.operation.input, v) for v in (parsed, expected))
    # What is empty is not always sent.
    expected = {name: value for name, value in expected.items() if value not in ([], {}) or name in parsed}
    parsed = {name: value for name, value in parsed.items() if value != {} or name in expected}
    assert same(parsed, expected), (parsed, expected)


def request_of(service: Service, sent: dict[str, Any]) -> PlainRequest:
    path, _, query = sent.get("uri", "/").partition("?")
    headers = {n.lower().encode(): v.encode() for n, v in sent.get("headers", {}).items()}
    body = sent.get("body", "").encode()
    if service.protocol == "smithy-rpc-v2-cbor":
        body = base64.b64decode(body)
    if service.protocol == "json" and b"x-amz-target" not in headers:
        (name,) = service.operations
        headers[b"x-amz-target"] = f"{service.target_prefix}.{name}".encode()
    if service.protocol in ("query", "ec2"):
        headers.setdefault(b"content-type", b"application/x-www-form-urlencoded")
    return PlainRequest(sent.get("method", "POST"), path.encode() or b"/", query.encode(), headers, body)


def our_values(shape: Shape, value: Any) -> Any:
    """A vector's parameters as Lambent has them: bytes for blobs, seconds for timestamps, no nulls."""
    if value is None or shape.traits.get("document"):
        return value
    if shape.type == "structure":
        return {n: our_values(shape.members[n], v) for n, v in value.items() if v is not None}
    if shape.type == "list":
        return [our_values(shape.member, v) for v in value]
    if shape.type == "map":
        return {k: our_values(shape.value, v) for k, v in value.items()}
    if shape.type == "blob":
        return value.encode()
    if shape.type in ("float", "double") and isinstance(value, str):
        return float(value)
    if shape.type == "timestamp" and isinstance(value, str):
        return parse_timestamp(value).timestamp()
    return value


def idempotency_tokens(shape: Shape, values: dict[str, Any]) -> dict[str, Any]:
    """What the client fills in by itself."""
    return {
        name: "00000000-0000-4000-8000-000000000000"
        for name, member in shape.members.items()
        if member.traits.get("idempotencyToken") and name not in values
    }


def without_named_query(shape: Shape, values: dict[str, Any]) -> dict[str, Any]:
    """A map of query parameters holds all of them here, also those that are members: a client's need not."""
    in_query = {n: m for n, m in shape.members.items() if m.location == "querystring"}
    named = {m.wire_name for m in in_query.values() if m.type != "map"}
    return {
        n: {k: item for k, item in v.items() if k not in named} if n in in_query and isinstance(v, dict) else v
        for n, v in values.items()
    }


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


# --- responses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("suite", "case"), list(cases("output", SKIPPED_OUTPUT)))
def test_what_is_written_is_parsed_by_botocore_to_the_result(suite: dict[str, Any], case: dict[str, Any]) -> None:
    if "error" in case:
        check_error(suite, case)
    else:
        check_result(suite, case)


def check_result(suite: dict[str, Any], case: dict[str, Any]) -> None:
    service = service_of(suite, case)
    (operation,) = service.operations.values()
    result = our_values(operation.output, case["result"]) if operation.output else {}
    plan = codec_of(service.protocol)(service).plan(operation)
    response = plan.write(result, "request-id")
    if "status_code" in case["response"]:
        assert response.status == case["response"]["status_code"]
    parsed = parse(suite, case, response.status, response.headers, response.body)
    assert same(shown(parsed), shown(case["result"])), (parsed, response)


def check_error(suite: dict[str, Any], case: dict[str, Any]) -> None:
    service = service_of(suite, case)
    codec = codec_of(service.protocol)(service)
    (shape,) = service.operations[case["given"]["name"]].errors
    named_by_code = service.protocol in ("query", "ec2", "rest-xml")
    members = dict(our_values(shape, case["error"]))
    message_name = next((n for n in members if n.lower() == "message"), None)
    message = members.pop(message_name) if message_name else None
    code = shape.error_code if named_by_code else shape.name
    response = codec.error(ApiError(message, code=code, extra=members), "request-id")
    assert response.status == case["response"]["status_code"]
    parsed = parse(suite, case, response.status, response.headers, response.body)
    assert parsed["Error"]["Code"] == case["errorCode"]
    if "errorMessage" in case:
        assert parsed["Error"]["Message"] == case["errorMessage"]
    assert {k: v for k, v in shown(parsed).items() if k in case["error"]} == case["error"]


def parse(
    suite: dict[str, Any], case: dict[str, Any], status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> dict[str, Any]:
    """By botocore, as its own tests do it."""
    name = case["given"].get("name", "OperationName")
    model = ServiceModel({**suite, "operations": {name: {"name": name, **case["given"]}}})
    operation = OperationModel(model._service_description["operations"][name], model, name)
    parser = create_parser(suite["metadata"]["protocol"])
    parser._timestamp_parser = lambda value: parse_timestamp(value).astimezone(tzutc()).timestamp()
    output = operation.output_shape
    if suite["metadata"]["protocol"] == "query" and output is not None and output.members:
        output.serialization.setdefault("resultWrapper", f"{name}Result")
    sent = {n.decode(): v.decode() for n, v in headers if n not in (b"x-amzn-RequestId", b"Content-Type")}
    response = {"status_code": status, "headers": HeadersDict(sent), "body": body, "context": {"operation_name": name}}
    parsed = parser.parse(response, output)
    if status >= 300 and "Error" in parsed:
        code = parsed["Error"]["Code"]
        for shape in model.error_shapes:
            if code in (shape.error_code, shape.name):
                parsed.update(parser.parse(response, shape))
    parsed.pop("ResponseMetadata", None)
    return parsed


def shown(value: Any) -> Any:
    """Values as the vectors have them: text for bytes, words for what JSON has no numbers for."""
    if isinstance(value, dict):
        return {k: shown(v) for k, v in value.items()}
    if isinstance(value, list):
        return [shown(v) for v in value]
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
