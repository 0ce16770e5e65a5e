"""From SNS to a function on a running server, as unmodified boto3 uses both."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

HANDLER = """
import json

def handler(event, context):
    print("got", json.dumps(event))
    if event["Records"][0]["Sns"]["Message"] == "fail":
        raise ValueError("as told")
"""


def test_a_function_is_invoked_with_what_was_published(shared_server: Any, tools: Any) -> None:
    name = f"f-{uuid4().hex[:12]}"
    arn = shared_server.function(name, {"app.py": HANDLER})["FunctionArn"]
    sns, logs = shared_server.client("sns"), shared_server.client("logs")
    topic = sns.create_topic(Name=name)["TopicArn"]
    shared_server.client("lambda").add_permission(
        FunctionName=name,
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    subscription = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)["SubscriptionArn"]
    sent = sns.publish(TopicArn=topic, Message="hello", Subject="s")

    def printed() -> Any:
        group = f"/aws/lambda/{name}"
        try:
            found = logs.filter_log_events(logGroupName=group, filterPattern="got")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return None
        return [json.loads(event["message"].partition("got ")[2]) for event in found]

    (event,) = tools.wait_for(printed, 60)
    (record,) = event["Records"]
    assert record["EventSubscriptionArn"] == subscription
    assert {key: record["Sns"][key] for key in ("MessageId", "Message", "Subject", "TopicArn")} == {
        "MessageId": sent["MessageId"],
        "Message": "hello",
        "Subject": "s",
        "TopicArn": topic,
    }
    sns.delete_topic(TopicArn=topic)
    shared_server.client("lambda").delete_function(FunctionName=name)


def test_a_topic_is_told_of_what_a_function_failed_at(shared_server: Any, tools: Any) -> None:
    """The topic as the function's dead-letter target; what it tells goes on to a queue."""
    name = f"f-{uuid4().hex[:12]}"
    sns, sqs, aws = (shared_server.client(service) for service in ("sns", "sqs", "lambda"))
    topic = sns.create_topic(Name=name)["TopicArn"]
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    shared_server.function(name, {"app.py": HANDLER}, DeadLetterConfig={"TargetArn": topic})
    aws.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    event = {"Records": [{"Sns": {"Message": "fail"}}]}
    aws.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))
    answer: dict[str, Any] = {}
    while not answer.get("Messages"):
        answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)
    body = json.loads(answer["Messages"][0]["Body"])
    assert json.loads(body["Message"]) == event
    assert body["MessageAttributes"]["ErrorMessage"] == {"Type": "String", "Value": "as told"}
    assert body["MessageAttributes"]["ErrorCode"] == {"Type": "Number", "Value": "200"}
    sns.delete_topic(TopicArn=topic)
    sqs.delete_queue(QueueUrl=url)
    aws.delete_function(FunctionName=name)
