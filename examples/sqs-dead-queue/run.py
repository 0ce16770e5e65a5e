"""SQS → function fails → retried → dead queue, as one would write it for AWS.

With a server running (`lambent serve`):

    eval "$(lambent env)" && python examples/sqs-dead-queue/run.py
"""

import io
import json
import uuid
import zipfile
from pathlib import Path

import boto3

sqs, functions, iam, logs = (boto3.client(service) for service in ("sqs", "lambda", "iam", "logs"))
name = f"orders-{uuid.uuid4().hex[:8]}"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def arn_of(url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


# Two queues: what comes from the first three times in vain goes to the second.
dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
orders = sqs.create_queue(
    QueueName=name,
    Attributes={
        "VisibilityTimeout": "2",  # so long a failed message is hidden before it comes again
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 3}),
    },
)["QueueUrl"]

# A function, from the file beside this one.
package = io.BytesIO()
with zipfile.ZipFile(package, "w") as archive:
    archive.write(Path(__file__).with_name("function.py"), "function.py")
role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
functions.create_function(
    FunctionName=name,
    Runtime="python3.12",
    Handler="function.handler",
    Role=role,
    Timeout=2,
    Code={"ZipFile": package.getvalue()},
)
functions.get_waiter("function_active_v2").wait(FunctionName=name)

# The queue calls the function, which reports the messages that it could not handle.
mapping = functions.create_event_source_mapping(
    FunctionName=name,
    EventSourceArn=arn_of(orders),
    FunctionResponseTypes=["ReportBatchItemFailures"],
)

for order in ({"id": 1, "amount": 5}, {"id": 2, "amount": -1}, {"id": 3, "amount": 7}):
    sqs.send_message(QueueUrl=orders, MessageBody=json.dumps(order))

# Nobody has to look after anything: the one that fails is in the dead queue after three attempts.
found = []
while not found:
    found = sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=20).get("Messages", [])
for event in logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="order")["events"]:
    print(event["message"].strip())
print("in the dead queue:", found[0]["Body"])

functions.delete_event_source_mapping(UUID=mapping["UUID"])
functions.delete_function(FunctionName=name)
iam.delete_role(RoleName=name)
for queue in (orders, dead):
    sqs.delete_queue(QueueUrl=queue)
