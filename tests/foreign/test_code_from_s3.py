"""Functions and layers whose packages are in S3."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

SOURCE = "def handler(event, context):\n    return %r\n"


@pytest.fixture
def name() -> str:
    return f"f-{uuid4().hex[:12]}"


def create(server: Any, name: str, code: dict[str, Any]) -> Any:
    aws = server.client("lambda")
    members = {"Runtime": "python3.11", "Handler": "app.handler", "Role": server.role()}
    answer = aws.create_function(FunctionName=name, Code=code, **members)
    aws.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600})
    return answer


def result(server: Any, name: str) -> Any:
    answer = server.client("lambda").invoke(FunctionName=name)
    assert "FunctionError" not in answer
    return json.load(answer["Payload"])


def test_a_function_is_made_and_updated_from_objects(moto_server: Any, bucket: str, name: str, tools: Any) -> None:
    s3, aws = moto_server.client("s3"), moto_server.client("lambda")
    first, second = (tools.zipped({"app.py": SOURCE % text}) for text in ("one", "two"))
    s3.put_object(Bucket=bucket, Key="a b/code.zip", Body=first)
    answer = create(moto_server, name, {"S3Bucket": bucket, "S3Key": "a b/code.zip"})
    assert answer["CodeSize"] == len(first)
    assert result(moto_server, name) == "one"
    s3.put_object(Bucket=bucket, Key="a b/code.zip", Body=second)
    aws.update_function_code(FunctionName=name, S3Bucket=bucket, S3Key="a b/code.zip")
    aws.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600})
    assert result(moto_server, name) == "two"


def test_a_version_of_an_object_is_taken(moto_server: Any, bucket: str, name: str, tools: Any) -> None:
    s3 = moto_server.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    versions = [
        s3.put_object(Bucket=bucket, Key="code.zip", Body=tools.zipped({"app.py": SOURCE % text}))["VersionId"]
        for text in ("old", "new")
    ]
    create(moto_server, name, {"S3Bucket": bucket, "S3Key": "code.zip", "S3ObjectVersion": versions[0]})
    assert result(moto_server, name) == "old"


def test_a_layer_is_published_from_an_object(moto_server: Any, bucket: str, name: str, tools: Any) -> None:
    data = tools.zipped({"python/lib.py": "VALUE = 7\n"})
    moto_server.client("s3").put_object(Bucket=bucket, Key="layer.zip", Body=data)
    aws = moto_server.client("lambda")
    layer = aws.publish_layer_version(LayerName=name, Content={"S3Bucket": bucket, "S3Key": "layer.zip"})
    assert layer["Content"]["CodeSize"] == len(data)
    source = "import lib\ndef handler(event, context):\n    return lib.VALUE\n"
    moto_server.function(name, {"app.py": source}, Layers=[layer["LayerVersionArn"]])
    assert result(moto_server, name) == 7


def refused(server: Any, **code: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        create(server, f"f-{uuid4().hex[:8]}", code)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_errors_of_s3_are_told_as_lambda_tells_them(moto_server: Any, bucket: str) -> None:
    assert refused(moto_server, S3Bucket=bucket, S3Key="missing.zip") == (
        "InvalidParameterValueException",
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.",
    )
    assert refused(moto_server, S3Bucket=f"{bucket}-no", S3Key="k") == (
        "InvalidParameterValueException",
        "Error occurred while GetObject. S3 Error Code: NoSuchBucket. "
        "S3 Error Message: The specified bucket does not exist",
    )
    moto_server.client("s3").put_object(Bucket=bucket, Key="text", Body=b"no zip")
    code, text = refused(moto_server, S3Bucket=bucket, S3Key="text")
    assert (code, "unzip" in text) == ("InvalidParameterValueException", True)


def test_one_source_is_wanted(moto_server: Any, bucket: str) -> None:
    assert refused(moto_server, S3Bucket=bucket) == (
        "InvalidParameterValueException",
        "Please provide a source for function code.",
    )
    code, text = refused(moto_server, ZipFile=b"x", S3Bucket=bucket, S3Key="k")
    assert (code, text) == (
        "InvalidParameterValueException",
        "Please do not provide other FunctionCode parameters when providing a ZipFile.",
    )


def test_without_any_s3_the_answer_says_what_to_do(alone: Any) -> None:
    code, text = refused(alone, S3Bucket="bucket", S3Key="k")
    assert code == "InvalidParameterValueException"
    assert "--neighbour s3=URL" in text


def test_a_package_comes_from_a_neighbour(neighbourly: Any, name: str, tools: Any) -> None:
    neighbourly.client("s3").put_object(Bucket="code", Key="f.zip", Body=tools.zipped({"app.py": SOURCE % "far"}))
    create(neighbourly, name, {"S3Bucket": "code", "S3Key": "f.zip"})
    assert result(neighbourly, name) == "far"


def test_an_object_too_large_to_be_a_package_is_not_fetched_whole(neighbourly: Any, fake_s3: Any) -> None:
    fake_s3.sizes["/base/code/huge.zip"] = 300 << 20
    fake_s3.objects["/base/code/huge.zip"] = b""
    code, text = refused(neighbourly, S3Bucket="code", S3Key="huge.zip")
    assert (code, text) == ("InvalidParameterValueException", "Unzipped size must be smaller than 262144000 bytes")


def test_a_function_reaches_other_services_without_any_configuration(moto_server: Any, bucket: str, name: str) -> None:
    source = f"""
import boto3

def handler(event, context):
    s3 = boto3.client("s3")
    s3.put_object(Bucket="{bucket}", Key="from/function", Body=b"x" * 200_000)
    table = boto3.resource("dynamodb").Table("{name}")
    table.put_item(Item={{"id": "1", "text": event["text"]}})
    secret = boto3.client("secretsmanager").get_secret_value(SecretId="{name}")["SecretString"]
    return [s3.head_object(Bucket="{bucket}", Key="from/function")["ContentLength"], secret]
"""
    moto_server.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    moto_server.client("secretsmanager").create_secret(Name=name, SecretString="secret")
    moto_server.function(name, {"app.py": source}, Timeout=60)
    answer = moto_server.client("lambda").invoke(FunctionName=name, Payload=b'{"text": "hello"}')
    assert json.load(answer["Payload"]) == [200_000, "secret"]
    found = moto_server.client("dynamodb").get_item(TableName=name, Key={"id": {"S": "1"}})["Item"]
    assert found["text"] == {"S": "hello"}
    assert moto_server.client("s3").get_object(Bucket=bucket, Key="from/function")["ContentLength"] == 200_000
