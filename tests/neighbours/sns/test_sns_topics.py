"""Topics: what is answered and refused, in AWS's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

ARN = "arn:aws:sns:us-east-1:000000000000:"


async def test_a_topic_is_shown_as_it_was_made(sns: Any) -> None:
    topic = await sns.topic("t", Attributes={"DisplayName": "d", "SignatureVersion": "2"})
    assert topic == ARN + "t"
    shown = await sns.attributes(topic)
    policy, delivery = json.loads(shown.pop("Policy")), json.loads(shown.pop("EffectiveDeliveryPolicy"))
    assert shown == {
        "TopicArn": topic,
        "Owner": "000000000000",
        "DisplayName": "d",
        "SignatureVersion": "2",
        "SubscriptionsConfirmed": "0",
        "SubscriptionsDeleted": "0",
        "SubscriptionsPending": "0",
    }
    (statement,) = policy["Statement"]
    assert (policy["Version"], policy["Id"]) == ("2008-10-17", "__default_policy_ID")
    assert statement["Sid"] == "__default_statement_ID"
    assert (statement["Resource"], statement["Principal"]) == (topic, {"AWS": "*"})
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceOwner": "000000000000"}}
    assert delivery == {
        "http": {
            "defaultHealthyRetryPolicy": {
                "minDelayTarget": 20,
                "maxDelayTarget": 20,
                "numRetries": 3,
                "numMaxDelayRetries": 0,
                "numNoDelayRetries": 0,
                "numMinDelayRetries": 0,
                "backoffFunction": "linear",
            },
            "disableSubscriptionOverrides": False,
            "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
        }
    }


async def test_a_fifo_topic_says_so(sns: Any) -> None:
    topic = await sns.topic("t.fifo", Attributes={"FifoTopic": "true"})
    shown = await sns.attributes(topic)
    assert (shown["FifoTopic"], shown["ContentBasedDeduplication"]) == ("true", "false")
    assert "FifoTopic" not in await sns.attributes(await sns.topic("u", Attributes={"FifoTopic": "false"}))


async def test_making_it_again_needs_the_same_attributes_and_tags(sns: Any) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    topic = await sns.topic("t", Attributes={"DisplayName": "d"}, Tags=tags)
    for members in ({}, {"Tags": tags}, {"Tags": tags[:1]}, {"Attributes": {"DisplayName": "d"}}):
        assert await sns.topic("t", **members) == topic
    assert await sns.refusal("CreateTopic", Name="t", Tags=[{"Key": "a", "Value": "2"}]) == (
        "InvalidParameter: Invalid parameter: Tags Reason: Topic already exists with different tags"
    )
    assert await sns.refusal("CreateTopic", Name="t", Attributes={"DisplayName": "e"}) == (
        "InvalidParameter: Invalid parameter: Attributes Reason: Topic already exists with different attributes"
    )


@pytest.mark.parametrize("name", ["", "a" * 257, "a:b", "a b", "a%", "é", "a.b", "x.fifo"])
async def test_names_are_letters_digits_hyphens_and_underscores(sns: Any, name: str) -> None:
    assert await sns.refusal("CreateTopic", Name=name) == "InvalidParameter: Invalid parameter: Topic Name"


@pytest.mark.parametrize(
    ("arn", "refusal"),
    [
        ("x", "InvalidParameter: Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"),
        ("", "InvalidParameter: Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"),
        ("a:b", "InvalidParameter: Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 2"),
        ("arn:aws:sns:us-west-2:000000000000:t", "InvalidParameter: Invalid parameter: TopicArn"),
        (ARN + "t/x", "InvalidParameter: Invalid parameter: TopicArn"),
        (ARN + "missing", "NotFound: Topic does not exist"),
    ],
)
async def test_an_arn_must_be_one_of_a_topic_that_is_here(sns: Any, arn: str, refusal: str) -> None:
    for operation, members in (
        ("GetTopicAttributes", {}),
        ("SetTopicAttributes", {"AttributeName": "DisplayName", "AttributeValue": "d"}),
        ("ListSubscriptionsByTopic", {}),
        ("Publish", {"Message": "m"}),
        ("Subscribe", {"Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:000000000000:q"}),
        ("AddPermission", {"Label": "l", "AWSAccountId": ["111111111111"], "ActionName": ["Publish"]}),
    ):
        assert await sns.refusal(operation, TopicArn=arn, **members) == refusal, operation


async def test_nobody_reaches_another_accounts_topic(sns: Any) -> None:
    topic = await sns.topic()
    refusal = await sns.refusal("Publish", account="111111111111", TopicArn=topic, Message="m")
    assert refusal == (
        "AuthorizationError: User: arn:aws:iam::111111111111:root is not authorized to perform: "
        f"SNS:Publish on resource: {topic}"
    )


async def test_deleting_takes_subscriptions_along_and_may_be_repeated(sns: Any) -> None:
    topic = await sns.topic()
    arn = await sns.subscribed(topic)
    await sns("Publish", TopicArn=topic, Message="m")
    queue_like = topic + "/" + arn.rpartition(":")[2]
    assert await sns.refusal("DeleteTopic", TopicArn=queue_like) == "InvalidParameter: Invalid parameter: TopicArn"
    assert await sns.waiting() == 1
    for _ in range(2):
        await sns("DeleteTopic", TopicArn=topic)
    assert (
        await sns.refusal("GetSubscriptionAttributes", SubscriptionArn=arn) == "NotFound: Subscription does not exist"
    )
    assert await sns("ListSubscriptions") == {"Subscriptions": []}
    assert await sns.waiting() == 0


async def test_topics_are_listed_by_the_hundred_in_their_region(sns: Any) -> None:
    names = sorted(f"t{number}" for number in range(150))
    for name in names:
        await sns.topic(name)
    await sns("CreateTopic", region="eu-west-1", Name="elsewhere")
    first = await sns("ListTopics")
    second = await sns("ListTopics", NextToken=first["NextToken"])
    assert [len(page["Topics"]) for page in (first, second)] == [100, 50]
    assert [topic["TopicArn"] for topic in first["Topics"] + second["Topics"]] == [ARN + name for name in names]
    assert "NextToken" not in second
    assert await sns.refusal("ListTopics", NextToken="é") == "InvalidParameter: Invalid parameter: NextToken"


@pytest.mark.parametrize(
    ("name", "value", "refusal"),
    [
        ("Nonsense", "x", "Invalid parameter: AttributeName"),
        ("FifoTopic", "false", "Invalid parameter: AttributeName"),
        ("ContentBasedDeduplication", "true", "Invalid parameter: AttributeName"),
        (
            "HTTPSuccessFeedbackRoleArn",
            "arn:aws:iam::000000000000:role/r",
            "Invalid parameter: AttributeName Reason: HTTPSuccessFeedbackRoleArn is not supported by Lambent",
        ),
        (
            "SQSSuccessFeedbackSampleRate",
            "101",
            "Invalid parameter: SQSSuccessFeedbackSampleRate Reason: it must be a number from 0 to 100",
        ),
        ("DisplayName", "x" * 101, "Invalid parameter: DisplayName Reason: display name is too long"),
        ("Policy", "{", "Invalid parameter: Policy Error Reason: null"),
        ("DeliveryPolicy", "{", "Invalid parameter: DeliveryPolicy Reason: failed to parse JSON."),
        (
            "DeliveryPolicy",
            '{"http": {"defaultHealthyRetryPolicy": {"minDelayTarget": 0}}}',
            "Invalid parameter: DeliveryPolicy Reason: "
            "http.defaultHealthyRetryPolicy.minDelayTarget must be between 1 and 3600",
        ),
        (
            "SignatureVersion",
            "3",
            "Invalid parameter: AttributeName Reason: SignatureVersion: Invalid value [3]. Must be 1 or 2.",
        ),
    ],
)
async def test_attributes_are_checked(sns: Any, name: str, value: str, refusal: str) -> None:
    topic = await sns.topic()
    before = await sns.attributes(topic)
    members = {"TopicArn": topic, "AttributeName": name, "AttributeValue": value}
    assert await sns.refusal("SetTopicAttributes", **members) == f"InvalidParameter: {refusal}"
    assert await sns.attributes(topic) == before


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (
            '{"http": {"defaultRequestPolicy": {"headerContentType": "application/json"}}}',
            '{"http":{"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"application/json"}}}',
        ),
        (
            '{"http": {"defaultHealthyRetryPolicy": {"minDelayTarget": 5, "maxDelayTarget": 6, "numRetries": 1}}}',
            '{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":5,"maxDelayTarget":6,"numRetries":1},'
            '"disableSubscriptionOverrides":false}}',
        ),
        ('{"http": {"defaultHealthyRetryPolicy": null}}', '{"http":{"disableSubscriptionOverrides":false}}'),
    ],
)
async def test_a_delivery_policy_is_shown_in_one_form(sns: Any, given: str, shown: str) -> None:
    topic = await sns.topic()
    await sns("SetTopicAttributes", TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=given)
    assert (await sns.attributes(topic))["DeliveryPolicy"] == shown


async def test_an_attribute_is_set_and_taken_away_by_an_empty_value(sns: Any) -> None:
    topic = await sns.topic()
    policy = '{"http":{"disableSubscriptionOverrides":true}}'
    for value in (policy, ""):
        await sns("SetTopicAttributes", TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=value)
        shown = await sns.attributes(topic)
        assert shown.get("DeliveryPolicy", "") == value
        effective = json.loads(shown["EffectiveDeliveryPolicy"])["http"]
        assert effective["disableSubscriptionOverrides"] is bool(value)


async def test_permissions_are_statements_of_the_policy(sns: Any) -> None:
    topic = await sns.topic()
    permission = {"TopicArn": topic, "Label": "l", "AWSAccountId": ["111111111111"], "ActionName": ["Publish"]}
    await sns("AddPermission", **permission)
    _, added = json.loads((await sns.attributes(topic))["Policy"])["Statement"]
    assert added == {
        "Sid": "l",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "SNS:Publish",
        "Resource": topic,
    }
    assert await sns.refusal("AddPermission", **permission) == (
        "InvalidParameter: Invalid parameter: Statement already exists"
    )
    assert await sns.refusal("AddPermission", **{**permission, "Label": "m", "ActionName": ["Nonsense"]}) == (
        "InvalidParameter: Invalid parameter: Policy statement action out of service scope!"
    )
    for _ in range(2):
        await sns("RemovePermission", TopicArn=topic, Label="l")
    assert len(json.loads((await sns.attributes(topic))["Policy"])["Statement"]) == 1


async def test_tags_are_set_listed_and_removed(sns: Any) -> None:
    topic = await sns.topic("t", Tags=[{"Key": "k1", "Value": "v1"}])
    await sns("TagResource", ResourceArn=topic, Tags=[{"Key": "k2", "Value": "v2"}, {"Key": "k1", "Value": "w"}])
    await sns("UntagResource", ResourceArn=topic, TagKeys=["k1", "missing"])
    assert await sns("ListTagsForResource", ResourceArn=topic) == {"Tags": [{"Key": "k2", "Value": "v2"}]}
    twice = [{"Key": "k", "Value": "a"}, {"Key": "k", "Value": "b"}]
    assert await sns.refusal("TagResource", ResourceArn=topic, Tags=twice) == (
        "InvalidParameter: Invalid parameter: Duplicated keys are not allowed."
    )
    many = [{"Key": f"x{number}", "Value": ""} for number in range(50)]
    assert (await sns.refusal("TagResource", ResourceArn=topic, Tags=many)).startswith("TagLimitExceeded:")
    assert await sns.refusal("ListTagsForResource", ResourceArn=ARN + "missing") == (
        "ResourceNotFound: Resource does not exist"
    )
