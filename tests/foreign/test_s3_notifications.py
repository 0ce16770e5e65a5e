"""Notifications of S3: functions, queues and topics hear of what is done to objects through our door."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote_plus
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

FORWARD = """
import boto3, json, os

def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
"""
REGION, ACCOUNT = "us-east-1", "000000000000"


class Heard:
    """A queue, and what comes in."""

    def __init__(self, server: Any, tools: Any) -> None:
        self.sqs = server.client("sqs")
        self.name = f"q-{uuid4().hex[:12]}"
        self.url = self.sqs.create_queue(QueueName=self.name)["QueueUrl"]
        self.arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"
        self._tools = tools
        self._waiting: list[Any] = []

    def next(self) -> Any:
        """The next message's body."""

        def received() -> bool:
            answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=5)
            for message in answer.get("Messages", ()):
                self._waiting.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            return bool(self._waiting)

        if not self._waiting:
            self._tools.wait_for(received, 60)
        return self._waiting.pop(0)

    def event(self) -> Any:
        """The next event's one record."""
        (record,) = self.next()["Records"]
        return record

    def events(self, count: int) -> set[tuple[str, str]]:
        """(event, key) of the next ones, in any order."""
        found = [self.event() for _ in range(count)]
        return {(each["eventName"], unquote_plus(each["s3"]["object"]["key"])) for each in found}


@pytest.fixture
def heard(moto_server: Any, tools: Any) -> Heard:
    return Heard(moto_server, tools)


@pytest.fixture(scope="module")
def forwarded(moto_server: Any, tools: Any) -> Iterator[tuple[str, Heard]]:
    """A function that sends what it is called with to a queue."""
    heard = Heard(moto_server, tools)
    name = f"forward-{uuid4().hex[:12]}"
    made = moto_server.function(name, {"app.py": FORWARD}, Timeout=60, Environment={"Variables": {"QUEUE": heard.url}})
    yield made["FunctionArn"], heard
    moto_server.client("lambda").delete_function(FunctionName=name)


def configure(server: Any, bucket: str, **configurations: Any) -> None:
    server.client("s3").put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configurations)


def rules(name: str, value: str) -> dict[str, Any]:
    return {"Key": {"FilterRules": [{"Name": name, "Value": value}]}}


def test_a_function_is_invoked_with_the_exact_event(
    moto_server: Any, bucket: str, forwarded: tuple[str, Heard]
) -> None:
    function, heard = forwarded
    wanted = {"Id": "mine", "LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:*"]}
    configure(moto_server, bucket, LambdaFunctionConfigurations=[wanted])
    s3 = moto_server.client("s3")
    etag = s3.put_object(Bucket=bucket, Key="a b/ü.txt", Body=b"hello")["ETag"].strip('"')
    record = heard.event()
    assert record.pop("eventTime").endswith("Z")
    user = moto_server.client("sts").get_caller_identity()["UserId"]
    assert record.pop("userIdentity") == {"principalId": f"AWS:{user}"}
    assert record.pop("responseElements").keys() == {"x-amz-request-id", "x-amz-id-2"}
    owner = record["s3"]["bucket"].pop("ownerIdentity")
    assert len(owner["principalId"]) == 14
    assert len(record["s3"]["object"].pop("sequencer")) == 18
    assert record == {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventName": "ObjectCreated:Put",
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "mine",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {"key": "a+b/%C3%BC.txt", "size": 5, "eTag": etag},
        },
    }


def test_every_way_to_change_an_object_has_its_event(moto_server: Any, bucket: str, heard: Heard) -> None:
    everything = [f"s3:{each}" for each in ("ObjectCreated:*", "ObjectRemoved:*", "ObjectTagging:*", "ObjectAcl:Put")]
    everything.append("s3:ObjectRestore:Post")
    configure(moto_server, bucket, QueueConfigurations=[{"QueueArn": heard.arn, "Events": everything}])
    assert heard.next()["Event"] == "s3:TestEvent"
    s3 = moto_server.client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 100_000)
    put = heard.event()
    assert (put["eventName"], put["s3"]["object"]["size"]) == ("ObjectCreated:Put", 100_000)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    copied = heard.event()
    assert (copied["eventName"], copied["s3"]["object"]["size"]) == ("ObjectCreated:Copy", 100_000)
    assert copied["s3"]["object"]["eTag"] == put["s3"]["object"]["eTag"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
    s3.complete_multipart_upload(
        Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]}
    )
    completed = heard.event()
    assert completed["eventName"] == "ObjectCreated:CompleteMultipartUpload"
    assert completed["s3"]["object"]["size"] == 4
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert heard.event()["eventName"] == "ObjectTagging:Put"
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert heard.event()["eventName"] == "ObjectTagging:Delete"
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="private")
    assert heard.event()["eventName"] == "ObjectAcl:Put"
    s3.put_object(Bucket=bucket, Key="cold", Body=b"ice", StorageClass="GLACIER")
    assert heard.event()["eventName"] == "ObjectCreated:Put"
    s3.restore_object(Bucket=bucket, Key="cold", RestoreRequest={"Days": 1})
    restored = heard.event()
    assert (restored["eventName"], restored["s3"]["object"]["size"]) == ("ObjectRestore:Post", 3)
    s3.delete_object(Bucket=bucket, Key="k")
    removed = heard.event()
    assert (removed["eventName"], removed["s3"]["object"].keys() & {"size", "eTag"}) == ("ObjectRemoved:Delete", set())
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy"}, {"Key": "no such"}]})
    assert ("ObjectRemoved:Delete", "copy") in heard.events(2)
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "parts"}], "Quiet": True})
    assert heard.events(1) == {("ObjectRemoved:Delete", "parts")}


def test_in_a_versioned_bucket_a_deletion_makes_a_marker(moto_server: Any, bucket: str, heard: Heard) -> None:
    s3 = moto_server.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    events = ["s3:ObjectCreated:Put", "s3:ObjectRemoved:*"]
    configure(moto_server, bucket, QueueConfigurations=[{"QueueArn": heard.arn, "Events": events}])
    heard.next()
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
    assert heard.event()["s3"]["object"]["versionId"] == version
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    made = heard.event()
    assert (made["eventName"], made["s3"]["object"]["versionId"]) == ("ObjectRemoved:DeleteMarkerCreated", marker)
    s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
    deleted = heard.event()
    assert (deleted["eventName"], deleted["s3"]["object"]["versionId"]) == ("ObjectRemoved:Delete", version)


def test_filters_choose_by_the_beginning_and_the_end(moto_server: Any, bucket: str, heard: Heard) -> None:
    wanted = [
        {"QueueArn": heard.arn, "Events": ["s3:ObjectCreated:*"], "Filter": rules("prefix", "in/")},
        {"QueueArn": heard.arn, "Events": ["s3:ObjectRemoved:*"], "Filter": rules("suffix", ".jpg")},
    ]
    configure(moto_server, bucket, QueueConfigurations=wanted)
    heard.next(), heard.next()
    s3 = moto_server.client("s3")
    for key in ("out/a.jpg", "in/a.png", "in/a.jpg"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
        s3.delete_object(Bucket=bucket, Key=key)
    assert heard.events(4) == {
        ("ObjectRemoved:Delete", "out/a.jpg"),
        ("ObjectCreated:Put", "in/a.png"),
        ("ObjectCreated:Put", "in/a.jpg"),
        ("ObjectRemoved:Delete", "in/a.jpg"),
    }


def test_a_topic_is_told_too(moto_server: Any, bucket: str, heard: Heard) -> None:
    sns = moto_server.client("sns")
    topic = sns.create_topic(Name=f"t-{uuid4().hex[:12]}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=heard.arn)
    configure(moto_server, bucket, TopicConfigurations=[{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}])
    assert json.loads(heard.next()["Message"])["Event"] == "s3:TestEvent"
    moto_server.client("s3").put_object(Bucket=bucket, Key="k", Body=b"")
    told = heard.next()
    assert told["Subject"] == "Amazon S3 Notification"
    assert json.loads(told["Message"])["Records"][0]["s3"]["object"]["key"] == "k"


def test_a_configuration_is_read_back_and_taken_away(moto_server: Any, bucket: str, heard: Heard) -> None:
    s3 = moto_server.client("s3")
    wanted = {
        "Id": "a <b>",
        "QueueArn": heard.arn,
        "Events": ["s3:ObjectCreated:Put"],
        "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "a&b"}, {"Name": "Suffix", "Value": ""}]}},
    }
    configure(moto_server, bucket, QueueConfigurations=[wanted])
    found = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert found["QueueConfigurations"] == [wanted]
    configure(moto_server, bucket)
    found = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert "QueueConfigurations" not in found
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.get_bucket_notification_configuration(Bucket=f"{bucket}-no")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        configure(moto_server, f"{bucket}-no", QueueConfigurations=[wanted])


def test_a_bucket_that_was_deleted_takes_its_configuration_along(moto_server: Any, bucket: str, heard: Heard) -> None:
    configure(moto_server, bucket, QueueConfigurations=[{"QueueArn": heard.arn, "Events": ["s3:ObjectCreated:*"]}])
    s3 = moto_server.client("s3")
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)


LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:no-such"
QUEUE, TOPIC = f"arn:aws:sqs:{REGION}:{ACCOUNT}:no", f"arn:aws:sns:{REGION}:{ACCOUNT}:no"
MADE: list[tuple[dict[str, Any], str, str]] = [
    (
        {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": LAMBDA, "Events": ["s3:ObjectCreated:*"]}]},
        "InvalidArgument",
        "Unable to validate the following destination configurations",
    ),
    (
        {"QueueConfigurations": [{"QueueArn": QUEUE, "Events": ["s3:ObjectAcl:Put"]}]},
        "InvalidArgument",
        "Unable to validate the following destination configurations",
    ),
    (
        {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": "no arn", "Events": ["s3:ObjectCreated:*"]}]},
        "InvalidArgument",
        "The ARN could not be parsed",
    ),
    (
        {"QueueConfigurations": [{"QueueArn": QUEUE, "Events": ["s3:ObjectAcl:Put"], "Filter": rules("middle", "x")}]},
        "InvalidArgument",
        "filter rule name must be either prefix or suffix",
    ),
    (
        {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": LAMBDA, "Events": ["s3:ObjectForged:*"]}]},
        "InvalidArgument",
        "A specified event is not supported for notifications.",
    ),
    ({"EventBridgeConfiguration": {}}, "NotImplemented", "EventBridgeConfiguration is not supported by Lambent"),
]


@pytest.mark.parametrize(("configuration", "code", "text"), MADE, ids=[text for _, _, text in MADE])
def test_what_cannot_be_is_refused(
    moto_server: Any, bucket: str, configuration: dict[str, Any], code: str, text: str
) -> None:
    with pytest.raises(ClientError, match=text) as caught:
        configure(moto_server, bucket, **configuration)
    assert caught.value.response["Error"]["Code"] == code


def test_an_error_says_what_was_given_where(moto_server: Any, bucket: str) -> None:
    wanted: list[tuple[dict[str, Any], dict[str, str]]] = [
        (
            {"QueueConfigurations": [{"QueueArn": "no-arn", "Events": ["s3:ObjectAcl:Put"]}]},
            {"ArgumentName": "Queue", "ArgumentValue": "no-arn"},
        ),
        (
            {"QueueConfigurations": [{"QueueArn": QUEUE, "Events": ["s3:ObjectAcl:Put"], "Filter": rules("in", "x")}]},
            {"ArgumentName": "FilterRule.Name", "ArgumentValue": "in"},
        ),
        (
            {
                "LambdaFunctionConfigurations": [{"LambdaFunctionArn": LAMBDA, "Events": ["s3:ObjectCreated:*"]}],
                "QueueConfigurations": [{"QueueArn": QUEUE, "Events": ["s3:ObjectAcl:Put"]}],
                "TopicConfigurations": [{"TopicArn": TOPIC, "Events": ["s3:ObjectTagging:Put"]}],
            },
            {
                "ArgumentName1": f"{LAMBDA}, null",
                "ArgumentValue1": f"Not authorized to invoke function [{LAMBDA}]",
                "ArgumentName2": QUEUE,
                "ArgumentValue2": "The destination queue does not exist",
                "ArgumentName3": TOPIC,
                "ArgumentValue3": "The destination topic does not exist",
            },
        ),
    ]
    for configuration, arguments in wanted:
        with pytest.raises(ClientError) as caught:
            configure(moto_server, bucket, **configuration)
        error = caught.value.response["Error"]
        assert {name: value for name, value in error.items() if name.startswith("Argument")} == arguments


def test_destinations_are_taken_unseen_when_the_client_says_so(moto_server: Any, bucket: str) -> None:
    s3 = moto_server.client("s3")
    wanted = [{"Id": "later", "QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"]}]
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": wanted}, SkipDestinationValidation=True
    )
    assert s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"] == wanted
    s3.put_object(Bucket=bucket, Key="k", Body=b"")  # nobody is there to be told


def test_configurations_of_a_neighbours_buckets_outlive_a_kill(
    make_server: Callable[..., Any], fake_s3: Any, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMBENT_NEIGHBOUR_S3_ACCESS_KEY_ID", "AKIANEIGHBOUR")
    monkeypatch.setenv("LAMBENT_NEIGHBOUR_S3_SECRET_ACCESS_KEY", "its secret")
    fake_s3.sizes["/photos"] = 0
    fake_s3.objects["/photos"] = b""
    server = make_server("--no-moto", "--neighbour", f"s3={fake_s3.url}").start()
    heard = Heard(server, tools)
    configure(server, "photos", QueueConfigurations=[{"QueueArn": heard.arn, "Events": ["s3:ObjectCreated:*"]}])
    server.kill()
    server.start()
    server.client("s3").put_object(Bucket="photos", Key="k", Body=b"abc")
    server.kill()
    server.start()
    assert heard.next()["Event"] == "s3:TestEvent"
    assert heard.events(1) == {("ObjectCreated:Put", "k")}
