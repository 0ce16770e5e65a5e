"""The attributes of subscriptions: which there are, what they may be, how they are shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import orjson

from lambent.core import subscriptionfilter
from lambent.neighbours.sns import retries
from lambent.neighbours.sns.names import FIFO, QueueArn, TopicRef, is_function_arn
from lambent.neighbours.sns.posting import Target
from lambent.neighbours.sns.records import Subscription, Topic
from lambent.neighbours.sns.requests import invalid
from lambent.neighbours.sns.shapes import InvalidParameterException

HTTP: Final = ("http", "https")
_DELIVERED: Final = ("sqs", "lambda", *HTTP)
_OTHERS: Final = ("email", "email-json", "sms", "application", "firehose")
_SETTABLE: Final = ("RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy", "DeliveryPolicy")
_UNSUPPORTED: Final = ("ReplayPolicy", "SubscriptionRoleArn")
_MEMBER_ORDER: Final = ("DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy")
ENDPOINT: Final = 2048


def check_endpoint(topic: TopicRef, protocol: str, endpoint: str) -> None:
    """Raises InvalidParameterException for a protocol that there is not, or an endpoint that is not of its kind."""
    if protocol in _OTHERS:
        raise invalid("Protocol", f"Lambent does not deliver to {protocol}; it delivers to {', '.join(_DELIVERED)}")
    if protocol not in _DELIVERED:
        raise InvalidParameterException(
            f"Invalid parameter: Amazon SNS does not support this protocol string: {protocol}"
        )
    if protocol == "sqs":
        _check_queue(topic, endpoint)
        return
    if topic.is_fifo:
        raise invalid("Invalid protocol type: " + protocol, "FIFO topics deliver to SQS queues only")
    if protocol == "lambda" and not is_function_arn(endpoint):
        raise InvalidParameterException("Invalid parameter: Lambda endpoint ARN")
    if protocol in HTTP:
        if not endpoint.startswith(f"{protocol}://"):
            raise InvalidParameterException("Invalid parameter: Endpoint must match the specified protocol")
        if not is_url(endpoint):
            raise invalid("Endpoint", "it is not a URL that can be called")


def is_url(text: str) -> bool:
    """Whether messages can be posted to it."""
    return len(text) <= ENDPOINT and Target.parse(text) is not None


def checked(
    protocol: str, endpoint: str, topic: TopicRef, given: Mapping[str, str], parameter: str = "Attributes"
) -> dict[str, str]:
    """The attributes of a subscription as they are kept: empty ones are left out. Raises InvalidParameterException."""
    for name, value in given.items():
        if name == "RedrivePolicy" and value:
            _check_redrive(topic, endpoint, value, parameter)
        else:
            _check(protocol, name, value, given, parameter)
    kept = {name: value for name, value in given.items() if not _is_nothing(name, value)}
    if kept.get("DeliveryPolicy"):
        policy = retries.check_subscription(kept["DeliveryPolicy"])
        kept["DeliveryPolicy"] = retries.normal_for_subscription(policy)
    return kept


def changed(subscription: Subscription, name: str, value: str) -> dict[str, str]:
    """A subscription's attributes once `name` is set. Raises InvalidParameterException."""
    if name in _UNSUPPORTED:
        raise invalid("AttributeName", f"{name} is not supported by Lambent")
    if name not in _SETTABLE:
        raise invalid("AttributeName")
    result = {**subscription.attributes, name: value}
    scope = result.get("FilterPolicyScope", subscriptionfilter.ATTRIBUTES)
    if name == "FilterPolicyScope" and scope in subscriptionfilter.SCOPES and result.get("FilterPolicy"):
        _check_filter(result["FilterPolicy"], scope, "FilterPolicyScope")
    given = {name: value, "FilterPolicyScope": scope}
    kept = checked(subscription.protocol, subscription.endpoint, subscription.ref.topic, given, parameter="")
    result.pop(name)
    return result | ({name: kept[name]} if name in kept else {})


def is_same(subscription: Subscription, given: Mapping[str, str]) -> bool:
    """Whether attributes that are given again are those that it has; none given is always the same."""
    usual = {"RawMessageDelivery": "false", "FilterPolicyScope": subscriptionfilter.ATTRIBUTES}
    return all(subscription.attributes.get(name, usual.get(name, "")) == value for name, value in given.items())


def shown(topic: Topic, subscription: Subscription) -> dict[str, str]:
    """All attributes, as GetSubscriptionAttributes answers them."""
    own = subscription.attributes
    attributes = {
        "SubscriptionArn": subscription.ref.arn,
        "TopicArn": subscription.ref.topic.arn,
        "Owner": subscription.owner,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "PendingConfirmation": _flag(not subscription.confirmed),
        "ConfirmationWasAuthenticated": _flag(subscription.confirmed and subscription.authenticated),
        "RawMessageDelivery": _flag(subscription.is_raw),
        "SubscriptionPrincipal": subscription.principal,
    }
    attributes |= {name: own[name] for name in _MEMBER_ORDER if own.get(name)}
    if "FilterPolicy" in attributes:
        attributes.setdefault("FilterPolicyScope", subscriptionfilter.ATTRIBUTES)
    else:
        attributes.pop("FilterPolicyScope", None)
    if subscription.protocol in HTTP:
        effective = retries.shown_for_subscription(topic.attributes.get("DeliveryPolicy"), own.get("DeliveryPolicy"))
        attributes["EffectiveDeliveryPolicy"] = effective
    return attributes


def dead_letters(attributes: Mapping[str, str]) -> QueueArn | None:
    """The queue for what cannot be delivered, of attributes that were checked before."""
    policy = attributes.get("RedrivePolicy")
    return QueueArn.parse(orjson.loads(policy)["deadLetterTargetArn"]) if policy else None


def filter_of(attributes: Mapping[str, str]) -> subscriptionfilter.Filter | None:
    """The filter, of attributes that were checked before; None when everything is wanted."""
    policy = attributes.get("FilterPolicy")
    if not policy:
        return None
    return subscriptionfilter.parse(policy, attributes.get("FilterPolicyScope", subscriptionfilter.ATTRIBUTES))


def _check(protocol: str, name: str, value: str, given: Mapping[str, str], parameter: str) -> None:
    if name in _UNSUPPORTED:
        raise invalid("Attributes", f"{name} is not supported by Lambent")
    if name not in _SETTABLE:
        raise invalid("Attributes", f"Unknown attribute {name}")
    match name:
        case "RawMessageDelivery":
            if value.lower() not in ("true", "false"):
                raise _refused(parameter, name, f"Invalid value [{value}]. Must be true or false.")
            if value.lower() == "true" and protocol == "lambda":
                raise _refused(parameter, name, "Delivery protocol [lambda] does not support raw message delivery.")
        case "FilterPolicyScope":
            if value not in subscriptionfilter.SCOPES:
                text = f"Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
                raise _refused(parameter, name, text)
        case "FilterPolicy" if not _is_nothing(name, value):
            _check_filter(value, given.get("FilterPolicyScope", subscriptionfilter.ATTRIBUTES), parameter)
        case "DeliveryPolicy" if value:
            if protocol not in HTTP:
                raise _refused(parameter, name, f"Delivery protocol [{protocol}] does not support delivery policies.")
            try:
                retries.check_subscription(value)
            except retries.Refused as error:
                raise _refused(parameter, name, str(error)) from None


def _is_nothing(name: str, value: str) -> bool:
    """Whether it takes the attribute away."""
    return not value or (name == "FilterPolicy" and re.fullmatch(r"\s*\{\s*\}\s*", value) is not None)


def _check_filter(policy: str, scope: str, parameter: str) -> None:
    try:
        subscriptionfilter.parse(policy, scope)
    except subscriptionfilter.Nested as error:
        raise InvalidParameterException(f"Invalid parameter: {error}") from None
    except subscriptionfilter.Refused as error:
        raise _refused(parameter, "FilterPolicy", str(error)) from None


def _check_redrive(topic: TopicRef, endpoint: str, value: str, parameter: str) -> None:
    try:
        policy = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise _refused(parameter, "RedrivePolicy", "failed to parse JSON.") from None
    target = policy.get("deadLetterTargetArn") if isinstance(policy, dict) else None
    queue = QueueArn.parse(target) if isinstance(target, str) else None
    if queue is None:
        raise _refused(parameter, "RedrivePolicy", "deadLetterTargetArn is an invalid arn")
    if topic.is_fifo and endpoint.endswith(FIFO) and not queue.is_fifo:
        text = "must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."
        raise _refused(parameter, "RedrivePolicy", text)
    if queue.is_fifo and not topic.is_fifo:
        raise _refused(parameter, "RedrivePolicy", "must use a standard queue as DLQ for a standard topic.")
    if (queue.account, queue.region) != (topic.account, topic.region):
        text = "deadLetterTargetArn must be a queue in the account and region of the topic"
        raise _refused(parameter, "RedrivePolicy", text)


def _check_queue(topic: TopicRef, endpoint: str) -> None:
    queue = QueueArn.parse(endpoint)
    if queue is None:
        raise InvalidParameterException("Invalid parameter: SQS endpoint ARN")
    if queue.is_fifo and not topic.is_fifo:
        raise InvalidParameterException(
            "Invalid parameter: Invalid parameter: Endpoint Reason: "
            "FIFO SQS Queues can not be subscribed to standard SNS topics"
        )


def _refused(parameter: str, name: str, text: str) -> InvalidParameterException:
    """Subscribe says that an attribute is meant, SetSubscriptionAttributes only which one."""
    return invalid(parameter, f"{name}: {text}") if parameter == "Attributes" else invalid(f"{name}: {text}")


def _flag(value: bool) -> str:
    return "true" if value else "false"
