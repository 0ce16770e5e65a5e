"""Subscriptions: what is answered and refused, in AWS's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
HOOK = "http://127.0.0.1:9/hook"


async def test_a_subscription_is_shown_as_it_was_made(sns: Any) -> None:
    topic = await sns.topic()
    arn = await sns.subscribed(topic, FilterPolicy='{"a": ["b"]}')
    assert await sns.attributes(arn) == {
        "ConfirmationWasAuthenticated": "true",
        "Endpoint": QUEUE,
        "FilterPolicy": '{"a": ["b"]}',
        "FilterPolicyScope": "MessageAttributes",
        "Owner": "000000000000",
        "PendingConfirmation": "false",
        "Protocol": "sqs",
        "RawMessageDelivery": "false",
        "SubscriptionArn": arn,
        "SubscriptionPrincipal": "arn:aws:iam::000000000000:root",
        "TopicArn": topic,
    }
    listed = {"SubscriptionArn": arn, "Owner": "000000000000", "Protocol": "sqs", "Endpoint": QUEUE, "TopicArn": topic}
    assert await sns("ListSubscriptionsByTopic", TopicArn=topic) == {"Subscriptions": [listed]}
    assert await sns("ListSubscriptions") == {"Subscriptions": [listed]}
    assert (await sns.attributes(topic))["SubscriptionsConfirmed"] == "1"


async def test_subscribing_again_is_the_same_subscription_unless_attributes_differ(sns: Any) -> None:
    topic = await sns.topic()
    arn = await sns.subscribed(topic, RawMessageDelivery="true", FilterPolicy='{"a":["b"]}')
    assert await sns.subscribed(topic, RawMessageDelivery="true", FilterPolicy='{"a":["b"]}') == arn
    assert await sns.subscribed(topic, RawMessageDelivery="true") == arn
    assert await sns.subscribed(topic) == arn
    request = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": QUEUE, "Attributes": {"RawMessageDelivery": "false"}}
    assert await sns.refusal("Subscribe", **request) == (
        "InvalidParameter: Invalid parameter: Attributes Reason: Subscription already exists with different attributes"
    )
    assert await sns.subscribed(topic, QUEUE + "2") != arn


@pytest.mark.parametrize(
    ("protocol", "endpoint", "refusal"),
    [
        ("test", "x", "Invalid parameter: Amazon SNS does not support this protocol string: test"),
        ("sqs", "http://localhost:4566/000000000000/q", "Invalid parameter: SQS endpoint ARN"),
        ("lambda", "f", "Invalid parameter: Lambda endpoint ARN"),
        ("http", "https://a.example/", "Invalid parameter: Endpoint must match the specified protocol"),
        ("https", "https://", "Invalid parameter: Endpoint Reason: it is not a URL that can be called"),
        ("http", "http://a.example/\r\nX: y", "Invalid parameter: Endpoint Reason: it is not a URL that can be called"),
        (
            "sqs",
            QUEUE + ".fifo",
            "Invalid parameter: Invalid parameter: Endpoint Reason: "
            "FIFO SQS Queues can not be subscribed to standard SNS topics",
        ),
        (
            "email",
            "a@b.example",
            "Invalid parameter: Protocol Reason: "
            "Lambent does not deliver to email; it delivers to sqs, lambda, http, https",
        ),
    ],
)
async def test_endpoints_are_of_their_protocol(sns: Any, protocol: str, endpoint: str, refusal: str) -> None:
    topic = await sns.topic()
    request = {"TopicArn": topic, "Protocol": protocol, "Endpoint": endpoint}
    assert await sns.refusal("Subscribe", **request) == f"InvalidParameter: {refusal}"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("RawMessageDelivery", "wrongvalue", "RawMessageDelivery: Invalid value [wrongvalue]. Must be true or false."),
        (
            "FilterPolicyScope",
            "RandomValue",
            "FilterPolicyScope: Invalid value [RandomValue]. Please use either MessageBody or MessageAttributes",
        ),
        ("FilterPolicy", '{"a": "b"}', 'FilterPolicy: "a" must be an object or an array'),
        ("RedrivePolicy", '{"deadLetterTargetArn": "x"}', "RedrivePolicy: deadLetterTargetArn is an invalid arn"),
        (
            "RedrivePolicy",
            '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:d.fifo"}',
            "RedrivePolicy: must use a standard queue as DLQ for a standard topic.",
        ),
        ("RedrivePolicy", "[]", "RedrivePolicy: deadLetterTargetArn is an invalid arn"),
        ("RedrivePolicy", "{x", "RedrivePolicy: failed to parse JSON."),
        ("DeliveryPolicy", "{}", "DeliveryPolicy: Delivery protocol [sqs] does not support delivery policies."),
    ],
)
async def test_attributes_are_checked_alike_by_both_operations(sns: Any, name: str, value: str, reason: str) -> None:
    topic = await sns.topic()
    request = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": QUEUE, "Attributes": {name: value}}
    assert await sns.refusal("Subscribe", **request) == (
        f"InvalidParameter: Invalid parameter: Attributes Reason: {reason}"
    )
    arn = await sns.subscribed(topic)
    members = {"SubscriptionArn": arn, "AttributeName": name, "AttributeValue": value}
    assert await sns.refusal("SetSubscriptionAttributes", **members) == f"InvalidParameter: Invalid parameter: {reason}"


async def test_a_nested_policy_needs_the_scope_of_bodies(sns: Any) -> None:
    topic = await sns.topic()
    nested = '{"object": {"key": [{"prefix": "auto-"}]}}'
    refusal = (
        "InvalidParameter: Invalid parameter: "
        "Filter policy scope MessageAttributes does not support nested filter policy"
    )
    request = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": QUEUE, "Attributes": {"FilterPolicy": nested}}
    assert await sns.refusal("Subscribe", **request) == refusal
    arn = await sns.subscribed(topic)

    async def set_(name: str, value: str) -> None:
        await sns("SetSubscriptionAttributes", SubscriptionArn=arn, AttributeName=name, AttributeValue=value)

    await set_("FilterPolicyScope", "MessageBody")
    assert "FilterPolicyScope" not in await sns.attributes(arn)
    await set_("FilterPolicy", nested)
    shown = await sns.attributes(arn)
    assert (shown["FilterPolicy"], shown["FilterPolicyScope"]) == (nested, "MessageBody")
    back = {"SubscriptionArn": arn, "AttributeName": "FilterPolicyScope", "AttributeValue": "MessageAttributes"}
    assert await sns.refusal("SetSubscriptionAttributes", **back) == refusal
    await set_("FilterPolicy", "{}")
    assert "FilterPolicy" not in await sns.attributes(arn)


@pytest.mark.parametrize("name", ["Nonsense", "Endpoint", "PendingConfirmation"])
async def test_unknown_attributes_are_refused(sns: Any, name: str) -> None:
    arn = await sns.subscribed(await sns.topic())
    members = {"SubscriptionArn": arn, "AttributeName": name, "AttributeValue": "x"}
    refusal = await sns.refusal("SetSubscriptionAttributes", **members)
    assert refusal == "InvalidParameter: Invalid parameter: AttributeName"


@pytest.mark.parametrize(
    ("arn", "refusal"),
    [
        ("x", "Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not 1"),
        ("a:b:c:d:e", "Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not 5"),
        ("arn:aws:sns:us-east-1:000000000000:t", "Invalid parameter: SubscriptionId"),
        ("", "Invalid parameter: SubscriptionArn Reason: no value for required parameter"),
    ],
)
async def test_a_subscriptions_arn_is_checked(sns: Any, arn: str, refusal: str) -> None:
    for operation in ("Unsubscribe", "GetSubscriptionAttributes"):
        assert await sns.refusal(operation, SubscriptionArn=arn) == f"InvalidParameter: {refusal}"


async def test_unsubscribing_may_be_repeated_and_is_counted(sns: Any) -> None:
    topic = await sns.topic()
    arn = await sns.subscribed(topic)
    for _ in range(2):
        await sns("Unsubscribe", SubscriptionArn=arn)
    assert (await sns.attributes(topic))["SubscriptionsDeleted"] == "1"
    members = {"SubscriptionArn": arn, "AttributeName": "RawMessageDelivery", "AttributeValue": "true"}
    assert await sns.refusal("SetSubscriptionAttributes", **members) == "NotFound: Subscription does not exist"


async def token_of(sns: Any, topic: str) -> str:
    """The token of the only subscription that waits for its confirmation."""
    (queue,) = await sns.store.queues.names("sns/")
    (lease,) = await sns.store.queues.lease(queue, limit=1, for_s=60)
    await sns.store.queues.ack(lease.receipt)
    token: str = json.loads(lease.body)["token"]
    return token


async def test_an_endpoint_gets_nothing_until_it_has_confirmed(sns: Any) -> None:
    topic = await sns.topic()
    request = {"TopicArn": topic, "Protocol": "http", "Endpoint": HOOK}
    assert await sns("Subscribe", **request) == {"SubscriptionArn": "pending confirmation"}
    (listed,) = (await sns("ListSubscriptionsByTopic", TopicArn=topic))["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    assert (await sns.attributes(topic))["SubscriptionsPending"] == "1"
    token = await token_of(sns, topic)
    await sns("Publish", TopicArn=topic, Message="too early")
    assert await sns.waiting() == 0
    arn = (await sns("ConfirmSubscription", account="", TopicArn=topic, Token=token))["SubscriptionArn"]
    await sns("Publish", TopicArn=topic, Message="m")
    assert await sns.waiting() == 1
    shown = await sns.attributes(arn)
    assert (shown["PendingConfirmation"], shown["ConfirmationWasAuthenticated"]) == ("false", "false")
    assert await sns("ConfirmSubscription", TopicArn=topic, Token=token) == {"SubscriptionArn": arn}


async def test_tokens_are_refused_when_they_are_wrong_or_old(sns: Any) -> None:
    topic = await sns.topic()
    request = {"TopicArn": topic, "Protocol": "http", "Endpoint": HOOK}
    await sns("Subscribe", **request)
    token = await token_of(sns, topic)
    confirm = {"account": "", "TopicArn": topic, "Token": token}
    for changed, text in (
        ({"Token": "randomtoken"}, "Invalid parameter: Token"),
        ({"Token": "51b2ff3e" * 36}, "Invalid token"),
        ({"TopicArn": topic + "x"}, "Invalid parameter: Token"),
        ({"TopicArn": "x"}, "Invalid parameter: Topic"),
    ):
        assert await sns.refusal("ConfirmSubscription", **{**confirm, **changed}) == f"InvalidParameter: {text}"
    sns.clock.advance(3 * 86_400)
    assert await sns.refusal("ConfirmSubscription", **confirm) == "InvalidParameter: Invalid token"
    await sns("Subscribe", **request)
    assert "SubscriptionArn" in await sns("ConfirmSubscription", **{**confirm, "Token": await token_of(sns, topic)})


async def test_a_link_ends_a_subscription_and_another_one_restores_it(sns: Any) -> None:
    topic = await sns.topic()
    await sns("Subscribe", TopicArn=topic, Protocol="http", Endpoint=HOOK)
    confirm = {"account": "", "TopicArn": topic, "Token": await token_of(sns, topic)}
    arn = (await sns("ConfirmSubscription", **confirm))["SubscriptionArn"]
    await sns("Unsubscribe", account="", SubscriptionArn=arn)
    assert await sns("ListSubscriptions") == {"Subscriptions": []}
    restored = await sns("ConfirmSubscription", **{**confirm, "Token": await token_of(sns, topic)})
    assert restored == {"SubscriptionArn": arn}
    assert (await sns.attributes(arn))["PendingConfirmation"] == "false"
    assert (await sns.attributes(topic))["SubscriptionsDeleted"] == "0"
    await sns("Unsubscribe", SubscriptionArn=arn)
    assert await sns.waiting() == 0


async def test_whoever_asks_for_it_can_only_be_unsubscribed_with_a_signature(sns: Any) -> None:
    topic = await sns.topic()
    await sns("Subscribe", TopicArn=topic, Protocol="http", Endpoint=HOOK)
    confirm = {"TopicArn": topic, "Token": await token_of(sns, topic), "AuthenticateOnUnsubscribe": "true"}
    arn = (await sns("ConfirmSubscription", **confirm))["SubscriptionArn"]
    assert (await sns.refusal("Unsubscribe", account="", SubscriptionArn=arn)).startswith("AuthorizationError: ")
    await sns("Unsubscribe", SubscriptionArn=arn)
    assert await sns("ListSubscriptions") == {"Subscriptions": []}


async def test_the_delivery_policy_in_force_is_the_subscriptions_else_the_topics(sns: Any) -> None:
    topic = await sns.topic()
    default = {"http": {"defaultRequestPolicy": {"headerContentType": "application/json"}}}
    await sns("SetTopicAttributes", TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(default))
    own = {
        "healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 0},
        "throttlePolicy": {"maxReceivesPerSecond": 1000},
    }
    arn = await sns.subscribed(topic, HOOK, "http", DeliveryPolicy=json.dumps(own))
    retries = {
        "minDelayTarget": 1,
        "maxDelayTarget": 1,
        "numRetries": 0,
        "numMaxDelayRetries": 0,
        "numNoDelayRetries": 0,
        "numMinDelayRetries": 0,
        "backoffFunction": "linear",
    }
    shown = await sns.attributes(arn)
    assert json.loads(shown["DeliveryPolicy"]) == {
        "healthyRetryPolicy": retries,
        "sicklyRetryPolicy": None,
        "throttlePolicy": {"maxReceivesPerSecond": 1000},
        "requestPolicy": None,
        "guaranteed": False,
    }
    assert json.loads(shown["EffectiveDeliveryPolicy"]) == {
        "healthyRetryPolicy": retries,
        "sicklyRetryPolicy": None,
        "throttlePolicy": {"maxReceivesPerSecond": 1000},
        "requestPolicy": {"headerContentType": "application/json"},
        "guaranteed": False,
    }


async def test_subscriptions_are_listed_by_the_hundred(sns: Any) -> None:
    topics = [await sns.topic("a"), await sns.topic("b")]
    for number in range(120):
        await sns.subscribed(topics[number % 2], f"{QUEUE}{number}")
    first = await sns("ListSubscriptions")
    second = await sns("ListSubscriptions", NextToken=first["NextToken"])
    everything = first["Subscriptions"] + second["Subscriptions"]
    assert [len(page["Subscriptions"]) for page in (first, second)] == [100, 20]
    assert {each["Endpoint"] for each in everything} == {f"{QUEUE}{number}" for number in range(120)}
    assert len((await sns("ListSubscriptionsByTopic", TopicArn=topics[0]))["Subscriptions"]) == 60


async def test_fifo_topics_take_queues_alone(sns: Any) -> None:
    topic = await sns.topic("t.fifo", Attributes={"FifoTopic": "true"})
    request = {"TopicArn": topic, "Protocol": "lambda", "Endpoint": FUNCTION}
    assert "FIFO topics deliver to SQS queues only" in await sns.refusal("Subscribe", **request)
    redrive = json.dumps({"deadLetterTargetArn": QUEUE})
    members = {"SubscriptionArn": await sns.subscribed(topic, QUEUE + ".fifo"), "AttributeName": "RedrivePolicy"}
    assert await sns.refusal("SetSubscriptionAttributes", **members, AttributeValue=redrive) == (
        "InvalidParameter: Invalid parameter: RedrivePolicy: "
        "must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."
    )
    await sns.subscribed(topic, QUEUE, RedrivePolicy=redrive)
