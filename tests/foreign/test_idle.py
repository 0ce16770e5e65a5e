"""What the embedded moto would take for nothing is refused by name."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from lambent.foreign.idle import refusal, template_refusal

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
ROLE = "arn:aws:iam::000000000000:role/runner"


@pytest.mark.parametrize(
    ("service", "method", "path", "target", "is_refused"),
    [
        ("states", "POST", b"/", b"AWSStepFunctions.StartExecution", True),
        ("states", "POST", b"/", b"AWSStepFunctions.CreateStateMachine", False),
        ("events", "POST", b"/", b"AWSEvents.PutTargets", True),
        ("events", "POST", b"/", b"AWSEvents.PutEvents", False),
        ("secretsmanager", "POST", b"/", b"secretsmanager.RotateSecret", True),
        ("secretsmanager", "POST", b"/", b"secretsmanager.GetSecretValue", False),
        ("scheduler", "POST", b"/schedules/s", b"", True),
        ("scheduler", "GET", b"/schedules/s", b"", False),
        ("scheduler", "POST", b"/schedule-groups/s", b"", False),
        ("s3", "PUT", b"/schedules/s", b"", False),
    ],
)
def test_only_what_nothing_would_come_of_is_refused(
    service: str, method: str, path: bytes, target: bytes, is_refused: bool
) -> None:
    assert (refusal(service, method, path, {b"x-amz-target": target}) is not None) == is_refused


@pytest.mark.parametrize("template", [None, "text", [], {}, {"Resources": None}, {"Resources": {"A": 1, "B": {}}}])
def test_a_template_that_is_none_is_left_to_moto(template: Any) -> None:
    assert template_refusal(template) is None


def test_a_template_may_have_what_moto_keeps_and_nothing_that_lives_here() -> None:
    bucket, queue = {"Type": "AWS::S3::Bucket"}, {"Type": "AWS::SQS::Queue"}
    function = {"Type": "AWS::Serverless::Function"}
    assert template_refusal({"Resources": {"B": bucket}}) is None
    told = template_refusal({"Resources": {"B": bucket, "Q": queue, "F": function, "G": function}})
    assert told is not None
    assert told.startswith("Lambent makes no AWS::SQS::Queue, AWS::Serverless::Function of a template")


def test_who_asks_for_it_is_told_what_to_do(moto_server: Any) -> None:
    events, states = moto_server.client("events"), moto_server.client("stepfunctions")
    name = f"idle-{uuid4().hex[:8]}"
    events.put_rule(Name=name, ScheduleExpression="rate(1 minute)")
    with pytest.raises(ClientError, match=r"the targets of rules are not called.*--neighbour events=URL"):
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": FUNCTION}])
    task = {"Type": "Task", "Resource": FUNCTION, "End": True}
    definition = json.dumps({"StartAt": "A", "States": {"A": task}})
    made = states.create_state_machine(name=name, roleArn=ROLE, definition=definition)
    target = {"Arn": FUNCTION, "RoleArn": ROLE}
    with pytest.raises(ClientError, match=r"schedules are kept, and call nobody.*--neighbour scheduler=URL"):
        moto_server.client("scheduler").create_schedule(
            Name=name, ScheduleExpression="rate(1 minute)", FlexibleTimeWindow={"Mode": "OFF"}, Target=target
        )
    with pytest.raises(ClientError, match=r"state machines are kept, and do not run.*--neighbour states=URL"):
        states.start_execution(stateMachineArn=made["stateMachineArn"])


def test_no_stack_seems_to_be_made_of_functions(moto_server: Any) -> None:
    cloudformation = moto_server.client("cloudformation")
    name = f"idle-{uuid4().hex[:8]}"
    template = "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub '${AWS::StackName}'}}}"
    with pytest.raises(ClientError, match=r"Lambent makes no AWS::SQS::Queue of a template"):
        cloudformation.create_stack(StackName=name, TemplateBody=template)
    with pytest.raises(ClientError, match=r"Lambent makes no AWS::SQS::Queue of a template"):
        cloudformation.create_change_set(
            StackName=name, ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=template
        )
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName=name)
