"""The attributes of topics: which there are, what they may be, how they are shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from lambent.core.policydoc import is_principal
from lambent.neighbours.sns import retries
from lambent.neighbours.sns.names import TopicRef
from lambent.neighbours.sns.records import Subscription, Topic
from lambent.neighbours.sns.requests import invalid
from lambent.neighbours.sns.shapes import InvalidParameterException

DISPLAY_NAME: Final = 100
POLICY_BYTES: Final = 30_720
_SETTABLE: Final = ("DisplayName", "Policy", "DeliveryPolicy", "KmsMasterKeyId", "TracingConfig", "SignatureVersion")
_PROTOCOLS: Final = ("HTTP", "SQS", "Lambda", "Application", "Firehose")
_FEEDBACK_ROLES: Final = tuple(f"{p}{result}FeedbackRoleArn" for p in _PROTOCOLS for result in ("Success", "Failure"))
"""With one of these AWS logs deliveries, which Lambent does not."""
_FEEDBACK_RATES: Final = tuple(f"{protocol}SuccessFeedbackSampleRate" for protocol in _PROTOCOLS)
"""Without a role they mean nothing on AWS either; Terraform sets them to 0 for every topic."""
_SETTABLE_FIFO: Final = ("ContentBasedDeduplication", "FifoThroughputScope")
_SHOWN_IF_SET: Final = ("DeliveryPolicy", "KmsMasterKeyId", "TracingConfig", "SignatureVersion", "FifoThroughputScope")
_CHOICES: Final = {
    "TracingConfig": ("PassThrough", "Active"),
    "SignatureVersion": ("1", "2"),
    "FifoTopic": ("true", "false"),
    "ContentBasedDeduplication": ("true", "false"),
    "FifoThroughputScope": ("Topic", "MessageGroup"),
}
_ACTIONS: Final = (
    "GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe",
    "ListSubscriptionsByTopic", "Publish",
)  # fmt: skip


def checked_new(name: str, given: Mapping[str, str]) -> dict[str, str]:
    """The attributes of a new topic; empty ones are left out. Raises InvalidParameterException."""
    fifo = given.get("FifoTopic", "false")
    _check_choice("FifoTopic", fifo, "Attributes")
    is_fifo = name.endswith(".fifo")
    if is_fifo and fifo != "true":
        raise InvalidParameterException("Invalid parameter: Topic Name")
    if fifo == "true" and not is_fifo:
        raise InvalidParameterException(
            "Invalid parameter: Fifo Topic names must end with .fifo and must be made up of only uppercase and "
            "lowercase ASCII letters, numbers, underscores, and hyphens, and must be between 1 and 256 characters long."
        )
    for attribute, value in given.items():
        if attribute != "FifoTopic":
            check(attribute, value, is_fifo=is_fifo, parameter="Attributes")
    return {attribute: value for attribute, value in given.items() if value and attribute != "FifoTopic"}


def check(attribute: str, value: str, *, is_fifo: bool, parameter: str = "AttributeName") -> None:
    """Raises InvalidParameterException for an attribute that cannot be set, or not to this."""
    if value and (attribute in _FEEDBACK_ROLES or attribute == "ArchivePolicy"):
        raise invalid(parameter, f"{attribute} is not supported by Lambent")
    known = (*_SETTABLE, *_FEEDBACK_ROLES, *_FEEDBACK_RATES, *(_SETTABLE_FIFO if is_fifo else ()))
    if attribute not in known:
        raise invalid(parameter)
    if not value:
        return
    if attribute in _CHOICES:
        _check_choice(attribute, value, parameter)
    elif attribute in _FEEDBACK_RATES and not re.fullmatch("[0-9]{1,2}|100", value):
        raise invalid(attribute, "it must be a number from 0 to 100")
    elif attribute == "DisplayName" and len(value) > DISPLAY_NAME:
        raise invalid("DisplayName", "display name is too long")
    elif attribute == "DeliveryPolicy":
        try:
            retries.check_topic(value)
        except retries.Refused as error:
            raise invalid("DeliveryPolicy", str(error)) from None
    elif attribute == "Policy":
        parsed_policy(value)


def parsed_policy(text: str) -> dict[str, Any]:
    """A topic's policy. Raises InvalidParameterException for what is none."""
    if len(text.encode()) > POLICY_BYTES:
        raise invalid("Policy", f"a policy has {POLICY_BYTES} bytes at most")
    try:
        policy = orjson.loads(text)
        orjson.dumps(policy)  # it must also be shown again, which fails where it nests too deep
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        raise invalid("Policy Error", "null") from None
    if not isinstance(policy, dict) or not all(isinstance(each, dict) for each in _statements(policy)):
        raise invalid("Policy Error", "null")
    return policy


def default_policy(ref: TopicRef) -> dict[str, Any]:
    """What a topic has until it is given a policy: its account may do everything."""
    statement = {
        "Effect": "Allow",
        "Sid": "__default_statement_ID",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in _ACTIONS],
        "Resource": ref.arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": ref.account}},
    }
    return {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}


def policy_of(topic: Topic) -> dict[str, Any]:
    """The policy that is in force; its Statement is a list."""
    given = topic.attributes.get("Policy")
    policy = parsed_policy(given) if given else default_policy(topic.ref)
    return {**policy, "Statement": _statements(policy)}


def with_permission(topic: Topic, label: str, accounts: Sequence[str], actions: Sequence[str]) -> dict[str, Any]:
    """The policy with a statement more. Raises InvalidParameterException."""
    policy = policy_of(topic)
    if any(statement.get("Sid") == label for statement in policy["Statement"]):
        raise invalid("Statement already exists")
    for action in actions:
        if action not in _ACTIONS:
            raise InvalidParameterException("Invalid parameter: Policy statement action out of service scope!")
    principals = [account if account.startswith("arn:") else f"arn:aws:iam::{account}:root" for account in accounts]
    if not principals or not all(is_principal("AWS", principal) for principal in principals):
        raise invalid("AWSAccountId")
    names = [f"SNS:{action}" for action in actions]
    statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
        "Action": names[0] if len(names) == 1 else names,
        "Resource": topic.ref.arn,
    }
    return {**policy, "Statement": [*policy["Statement"], statement]}


def without_permission(topic: Topic, label: str) -> dict[str, Any]:
    """The policy without the statement of this label, which need not be there."""
    policy = policy_of(topic)
    return {**policy, "Statement": [each for each in policy["Statement"] if each.get("Sid") != label]}


def text(policy: Mapping[str, Any]) -> str:
    """Compact JSON."""
    return orjson.dumps(policy).decode()


def shown(topic: Topic, subscriptions: Sequence[Subscription]) -> dict[str, str]:
    """All attributes, as GetTopicAttributes answers them."""
    confirmed = sum(subscription.confirmed for subscription in subscriptions)
    own = topic.attributes
    attributes = {
        "TopicArn": topic.ref.arn,
        "Owner": topic.account,
        "DisplayName": own.get("DisplayName", ""),
        "Policy": own.get("Policy") or text(default_policy(topic.ref)),
        "EffectiveDeliveryPolicy": retries.shown_for_topic(own.get("DeliveryPolicy")),
        "SubscriptionsConfirmed": str(confirmed),
        "SubscriptionsPending": str(len(subscriptions) - confirmed),
        "SubscriptionsDeleted": str(topic.unsubscribed),
    }
    if topic.ref.is_fifo:
        attributes["FifoTopic"] = "true"
        attributes["ContentBasedDeduplication"] = own.get("ContentBasedDeduplication", "false")
    attributes |= {name: own[name] for name in (*_SHOWN_IF_SET, *_FEEDBACK_RATES) if name in own}
    if "DeliveryPolicy" in own:
        attributes["DeliveryPolicy"] = retries.normal_for_topic(own["DeliveryPolicy"])
    return attributes


def _statements(policy: Mapping[str, Any]) -> list[Any]:
    """One statement may stand for a list."""
    statements = policy.get("Statement", [])
    return statements if isinstance(statements, list) else [statements]


def _check_choice(attribute: str, value: str, parameter: str) -> None:
    if value not in _CHOICES[attribute]:
        raise invalid(parameter, f"{attribute}: Invalid value [{value}]. Must be {' or '.join(_CHOICES[attribute])}.")
