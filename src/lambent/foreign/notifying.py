"""NotificationConfiguration, the document: read, checked for its form, and written. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from lambent.core.s3event import Kind, Rule, Unacceptable
from lambent.wire.errors import ApiError
from lambent.wire.protocols.xml_values import Element, escaped, parse

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_KINDS: dict[str, Kind] = {
    "CloudFunctionConfiguration": "CloudFunction",
    "QueueConfiguration": "Queue",
    "TopicConfiguration": "Topic",
}
_ARNS = {
    "CloudFunction": re.compile(
        r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[a-zA-Z0-9_-]{1,64}(:(\$LATEST|[a-zA-Z0-9_-]{1,128}))?"
    ),
    "Queue": re.compile(r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]{1,80}(\.fifo)?"),
    "Topic": re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]{1,256}(\.fifo)?"),
}
_LONGEST_VALUE = 1_024


def read(body: bytes) -> tuple[Rule, ...]:
    """The rules of a document. Raises Unacceptable, SerializationError for what is no such document, and ApiError for
    what is not supported here."""
    root = parse(body)
    rules = []
    for element in root.children:
        if element.name == "EventBridgeConfiguration":
            text = "EventBridgeConfiguration is not supported by Lambent: name a function, queue or topic."
            raise ApiError(text, code="NotImplemented", status=501)
        kind = _KINDS.get(element.name)
        if kind is None:
            raise _malformed()
        rules.append(_rule(element, kind))
    return tuple(rules)


def _rule(element: Element, kind: Kind) -> Rule:
    texts = {child.name: child.text.strip() for child in element.children if not child.children}
    arn = texts.get(kind, "")
    events = tuple(child.text.strip() for child in element.children if child.name == "Event")
    if not events:
        raise _malformed()
    if _ARNS[kind].fullmatch(arn) is None:
        raise Unacceptable.argument("The ARN could not be parsed", kind, arn)
    if arn.endswith(".fifo"):
        raise Unacceptable.destinations({arn: "S3 notifies no FIFO queues and topics"})
    limits = _filter(element)
    name = (
        texts.get("Id") or hashlib.sha256(repr((kind, arn, events, sorted(limits.items()))).encode()).hexdigest()[:48]
    )
    return Rule(name, kind, arn, events, limits.get("prefix"), limits.get("suffix"))


def _filter(element: Element) -> dict[str, str]:
    """By the names of its rules, `prefix` and `suffix`."""
    found: dict[str, str] = {}
    filters = [child for child in element.children if child.name == "Filter"]
    keys = [child for each in filters for child in each.children if child.name == "S3Key"]
    for rule in (child for key in keys for child in key.children if child.name == "FilterRule"):
        texts = {child.name: child.text for child in rule.children}
        given, value = texts.get("Name", "").strip(), texts.get("Value", "")
        name = given.lower()
        if name not in ("prefix", "suffix"):
            raise Unacceptable.argument("filter rule name must be either prefix or suffix", "FilterRule.Name", given)
        if name in found:
            raise Unacceptable(f"Cannot specify more than one {name} rule in a filter.")
        if len(value) > _LONGEST_VALUE:
            raise Unacceptable("Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation")
        found[name] = value
    return found


def write(rules: Sequence[Rule]) -> bytes:
    """The document that says the rules."""
    parts = [f'<?xml version="1.0" encoding="UTF-8"?>\n<NotificationConfiguration xmlns="{NAMESPACE}">']
    for rule in rules:
        tag = f"{rule.kind}Configuration"
        parts.append(f"<{tag}><Id>{escaped(rule.id)}</Id><{rule.kind}>{escaped(rule.arn)}</{rule.kind}>")
        parts += [f"<Event>{escaped(event)}</Event>" for event in rule.events]
        limits = [
            (name, value) for name, value in (("Prefix", rule.prefix), ("Suffix", rule.suffix)) if value is not None
        ]
        if limits:
            lines = "".join(
                f"<FilterRule><Name>{name}</Name><Value>{escaped(value)}</Value></FilterRule>" for name, value in limits
            )
            parts.append(f"<Filter><S3Key>{lines}</S3Key></Filter>")
        parts.append(f"</{tag}>")
    parts.append("</NotificationConfiguration>")
    return "".join(parts).encode()


def _malformed() -> ApiError:
    text = "The XML you provided was not well-formed or did not validate against our published schema"
    return ApiError(text, code="MalformedXML", status=400)
