"""Garbage in the members of a request gives one of SNS's errors, or an answer; never a fault of ours."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambent.wire.errors import ApiError

TOPIC = "arn:aws:sns:us-east-1:000000000000:t"
WORDS = st.sampled_from(
    [
        *("", "true", "t", "t.fifo", "sqs", "lambda", "http", "https", "json", "String", "Number", "Binary"),
        *("RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy", "DeliveryPolicy", "MessageBody"),
        *("Policy", "DisplayName", "FifoTopic", "SignatureVersion", "ReplayPolicy", TOPIC, TOPIC + ":id", TOPIC + ":"),
        *("arn:aws:sqs:us-east-1:000000000000:q", "arn:aws:lambda:us-east-1:000000000000:function:f"),
        *("http://a.example/", "http://[", "https://a:b", "null", "[]", '"x"', '{"a": null}', '{"http": 5}'),
        *('{"http": {"defaultHealthyRetryPolicy": []}}', '{"healthyRetryPolicy": {"numRetries": 1e999}}', "0" * 288),
        *('{"deadLetterTargetArn": 5}', '{"Statement": 5}', '{"Statement": ["x"]}', '{"default": "x", "sqs": null}'),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
TEXTS = WORDS | st.text(max_size=20) | JSON.map(json.dumps)
NAMES = ("RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy", "DeliveryPolicy", "Policy", "x")
VALUES = (
    *("", "null", "[]", '"x"', '{"a": null}', '{"http": 5}', '{"http": {"defaultHealthyRetryPolicy": []}}', "{}"),
    *('{"healthyRetryPolicy": {"numRetries": 1e999}}', '{"healthyRetryPolicy": {"minDelayTarget": null}}'),
    *('{"throttlePolicy": {}}', '{"requestPolicy": {"headerContentType": 5}}', '{"healthyRetryPolicy": null}'),
    *('{"deadLetterTargetArn": 5}', '{"Statement": 5}', '{"Statement": ["x"]}', '{"Statement": null}', '{"a": [[]]}'),
    *(
        '{"http": {"defaultThrottlePolicy": {"maxReceivesPerSecond": 2}}}',
        '{"Statement": {"Sid": 5}}',
    ),
    *("[" * 100_000, '{"a": ' * 500 + "5" + "}" * 500),
    '{"healthyRetryPolicy": {"minDelayTarget": 1.5, "numRetries": null, "backoffFunction": 5}}',
)
OPERATIONS = (
    *("CreateTopic", "DeleteTopic", "ListTopics", "GetTopicAttributes", "SetTopicAttributes", "AddPermission"),
    *("RemovePermission", "TagResource", "UntagResource", "ListTagsForResource", "Subscribe", "ConfirmSubscription"),
    *("Unsubscribe", "ListSubscriptions", "ListSubscriptionsByTopic", "GetSubscriptionAttributes"),
    *("SetSubscriptionAttributes", "Publish", "PublishBatch"),
)


def values(shape: Any) -> st.SearchStrategy[Any]:
    """Values of a shape, its texts mostly wrong ones; the topic is one that is there as often as not."""
    match shape.type:
        case "structure":
            required = {name: values(member) for name, member in shape.members.items() if name in shape.required}
            optional = {name: values(member) for name, member in shape.members.items() if name not in shape.required}
            return st.fixed_dictionaries(required, optional=optional)
        case "list":
            return st.lists(values(shape.member), max_size=3)
        case "map":
            return st.dictionaries(TEXTS, values(shape.value), max_size=3)
        case "boolean":
            return st.booleans()
        case "blob":
            return st.binary(max_size=5)
    return st.just(TOPIC) | TEXTS if "ARN" in shape.name or "Arn" in shape.name else TEXTS


@pytest.mark.parametrize("operation", OPERATIONS)
def test_garbage_is_refused(make_sns: Any, operation: str) -> None:
    shape = make_sns().api.service.operations[operation].input

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(request=values(shape), account=st.sampled_from(["", "000000000000"]))
    def check(request: dict[str, Any], account: str) -> None:
        asyncio.run(send(request, account))

    async def send(request: dict[str, Any], account: str) -> None:
        sns = make_sns()
        await sns.topic()
        await sns.subscribed(TOPIC)
        await sns("Subscribe", TopicArn=TOPIC, Protocol="http", Endpoint="http://a.example/")
        refused = None
        try:
            await sns(operation, account=account, **request)
            permission = {"Label": "x", "AWSAccountId": ["111111111111"], "ActionName": ["Publish"]}
            await sns("AddPermission", TopicArn=TOPIC, **permission)
            await sns.attributes(TOPIC)
            await sns("Publish", TopicArn=TOPIC, Message='{"a": 1}')
            for subscription in (await sns("ListSubscriptions"))["Subscriptions"]:
                ref = subscription["SubscriptionArn"]
                if ref != "PendingConfirmation":
                    await sns.attributes(ref)
        except ApiError as error:
            refused = error
        if refused is not None:
            assert refused.message
            assert (refused.status or 400) < 500
        await sns.tasks.close()

    check()


async def test_no_value_of_an_attribute_breaks_what_comes_after(sns: Any) -> None:
    topic = await sns.topic()
    queue, hook = await sns.subscribed(topic), await sns.subscribed(topic, "http://a.example/", "http")

    refused: list[ApiError] = []

    async def tried(operation: str, **request: Any) -> None:
        try:
            await sns(operation, **request)
        except ApiError as error:
            refused.append(error)

    for name, value in itertools.product(NAMES, VALUES):
        set_ = {"AttributeName": name, "AttributeValue": value}
        await tried("SetTopicAttributes", TopicArn=topic, **set_)
        for subscription in (queue, hook):
            await tried("SetSubscriptionAttributes", SubscriptionArn=subscription, **set_)
            await sns.attributes(subscription)
        await sns.attributes(topic)
        permission = {"AWSAccountId": ["111111111111"], "ActionName": ["Publish"]}
        await tried("AddPermission", TopicArn=topic, Label="x", **permission)
        await tried("RemovePermission", TopicArn=topic, Label="x")
        await sns("Publish", TopicArn=topic, Message="m")
    assert refused
    assert all(error.message and (error.status or 400) < 500 for error in refused)
