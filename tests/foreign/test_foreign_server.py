"""Services that are not ours, as their clients find them at our door; moto behind it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lambent.foreign.moto import is_installed

KEY = "a b/ü+%.txt"


def test_objects_come_back_whole_and_in_part(moto_server: Any, bucket: str) -> None:
    s3 = moto_server.client("s3")
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"hello world", Metadata={"a": "b"}, ContentType="text/x")
    got = s3.get_object(Bucket=bucket, Key=KEY)
    assert (got["Body"].read(), got["Metadata"], got["ContentType"]) == (b"hello world", {"a": "b"}, "text/x")
    assert s3.get_object(Bucket=bucket, Key=KEY, Range="bytes=6-")["Body"].read() == b"world"
    assert s3.head_object(Bucket=bucket, Key=KEY)["ContentLength"] == 11
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [KEY]
    s3.delete_object(Bucket=bucket, Key=KEY)
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=bucket, Key=KEY)


def test_a_presigned_url_needs_nothing_else(moto_server: Any, bucket: str, tools: Any) -> None:
    s3 = moto_server.client("s3", config=Config(signature_version="s3v4"))
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": KEY})
    assert tools.http(url, "PUT", b"by url")[0] == 200
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": KEY})
    assert tools.http(url)[2] == b"by url"
    status, _, body = tools.http(url[:-1] + ("0" if url[-1] != "0" else "1"))
    assert (status, b"<Code>SignatureDoesNotMatch</Code>" in body) == (403, True)


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_a_url_that_boto3_presigns_by_default_is_good_too(
    moto_server: Any, bucket: str, tools: Any, style: str
) -> None:
    endpoint = f"http://s3.localhost:{moto_server.port}"
    keys = {"region_name": "us-east-1", **moto_server.credentials()}
    config = Config(signature_version="s3", s3={"addressing_style": style})
    s3 = boto3.client("s3", endpoint_url=endpoint, config=config, **keys)

    def ask(url: str, method: str = "GET", body: bytes | None = None, **fields: str) -> Any:
        assert "AWSAccessKeyId=" in url
        host = url.split("/")[2]
        headers = {"Host": host, **{name.replace("_", "-"): value for name, value in fields.items()}}
        return tools.http(url.replace(host, f"127.0.0.1:{moto_server.port}"), method, body, headers)

    request = {"Bucket": bucket, "Key": KEY, "ContentType": "text/x", "Metadata": {"a": "b"}}
    url = s3.generate_presigned_url("put_object", Params=request)
    assert ask(url, "PUT", b"x" * 100_000, Content_Type="text/x", x_amz_meta_a="b")[0] == 200
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": KEY, "ResponseContentType": "a/b"})
    status, headers, body = ask(url)
    assert (status, len(body), headers["Content-Type"]) == (200, 100_000, "a/b")
    assert ask(url.replace("Expires=", "Expires=1"))[0] == 403
    expired = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": KEY}, ExpiresIn=-1)
    assert b"Request has expired" in ask(expired)[2]
    assert ask(url, "DELETE")[0] == 403


def test_a_bucket_may_be_in_the_host(moto_server: Any, bucket: str, tools: Any) -> None:
    s3 = moto_server.client("s3")
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"virtual")
    config = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
    endpoint = f"http://s3.localhost:{moto_server.port}"
    keys = {"region_name": "us-east-1", **moto_server.credentials()}
    virtual = boto3.client("s3", endpoint_url=endpoint, config=config, **keys)
    url = virtual.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": KEY})
    host = f"{bucket}.s3.localhost:{moto_server.port}"
    assert url.startswith(f"http://{host}/")
    assert tools.http(url.replace(host, f"127.0.0.1:{moto_server.port}"), headers={"Host": host})[2] == b"virtual"


def test_nobody_gets_by_without_a_valid_signature(moto_server: Any, bucket: str, tools: Any) -> None:
    moto_server.client("s3").put_object(Bucket=bucket, Key="k", Body=b"secret", ACL="public-read-write")
    at_bucket = {"Host": f"{bucket}.s3.localhost"}
    assert tools.http(f"{moto_server.endpoint}/k", headers=at_bucket)[0] == 403
    status, _, told = tools.http(f"{moto_server.endpoint}/{bucket}/k")
    assert (status, b"it has no signature" in told) == (404, True)
    stranger = moto_server.client("s3", aws_access_key_id="AKIASTRANGER", aws_secret_access_key="x")
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        stranger.get_object(Bucket=bucket, Key="k")
    liar = moto_server.client("s3", aws_secret_access_key="x")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        liar.get_object(Bucket=bucket, Key="k")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        moto_server.client("ec2", aws_secret_access_key="x").describe_vpcs()
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        moto_server.client("dynamodb", aws_secret_access_key="x").list_tables()


@pytest.mark.parametrize("path", ["moto-api/reset", "latest/meta-data/x"])
def test_what_moto_has_for_its_own_tests_is_out_of_reach(moto_server: Any, bucket: str, path: str) -> None:
    first, _, rest = path.partition("/")
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    s3 = moto_server.client("s3", config=config)
    with pytest.raises(ClientError):
        s3.put_object(Bucket=first, Key=rest, Body=b"")
    s3.head_bucket(Bucket=bucket)


def test_services_of_every_protocol_answer(moto_server: Any) -> None:
    name = f"n-{uuid4().hex[:8]}"
    dynamodb = moto_server.client("dynamodb")
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName=name, Item={"id": {"S": "1"}})
    assert dynamodb.get_item(TableName=name, Key={"id": {"S": "1"}})["Item"] == {"id": {"S": "1"}}
    secrets = moto_server.client("secretsmanager")
    secrets.create_secret(Name=name, SecretString="s")
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "s"
    ssm = moto_server.client("ssm")
    ssm.put_parameter(Name=f"/{name}", Value="v", Type="String")
    assert ssm.get_parameter(Name=f"/{name}")["Parameter"]["Value"] == "v"
    kinesis = moto_server.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    assert name in kinesis.list_streams()["StreamNames"]
    assert moto_server.client("ec2").describe_vpcs()["Vpcs"]
    assert moto_server.client("route53").list_hosted_zones()["HostedZones"] == []
    assert moto_server.client("events").list_rules()["Rules"] == []


def test_regions_are_apart(moto_server: Any) -> None:
    name = f"n-{uuid4().hex[:8]}"
    moto_server.client("ssm").put_parameter(Name=f"/{name}", Value="v", Type="String")
    elsewhere = moto_server.client("ssm", region_name="eu-west-1")
    with pytest.raises(elsewhere.exceptions.ParameterNotFound):
        elsewhere.get_parameter(Name=f"/{name}")


def test_accounts_are_apart(make_server: Any) -> None:
    if not is_installed():
        pytest.skip("moto is not installed: pip install 'lambent[moto]'")
    server = make_server("--dev").start()

    def client(service: str, account: str) -> Any:
        return server.client(service, aws_access_key_id=account)

    client("s3", "1" * 12).create_bucket(Bucket="of-one")
    client("s3", "1" * 12).put_object(Bucket="of-one", Key="k", Body=b"x" * 100_000)
    client("ssm", "1" * 12).put_parameter(Name="/of-one", Value="v", Type="String")
    assert client("s3", "2" * 12).list_buckets()["Buckets"] == []
    assert client("ssm", "2" * 12).describe_parameters()["Parameters"] == []
    for forged in ({}, {"x-moto-account-id": "1" * 12}):
        s3 = client("s3", "2" * 12)
        s3.meta.events.register("before-send.s3", lambda request, forged=forged, **_: request.headers.update(forged))
        with pytest.raises(ClientError):
            s3.get_object(Bucket="of-one", Key="k")
    assert client("s3", "1" * 12).get_object(Bucket="of-one", Key="k")["ContentLength"] == 100_000


def test_a_service_that_nobody_has_is_refused_by_name(moto_server: Any) -> None:
    with pytest.raises(ClientError, match="--neighbour bcm-dashboards=URL"):
        moto_server.client("bcm-dashboards").list_dashboards()


def test_without_moto_and_neighbour_the_answer_says_what_to_do(alone: Any) -> None:
    with pytest.raises(ClientError, match=r"pip install 'lambent\[moto\]'.*--neighbour s3=URL"):
        alone.client("s3").list_buckets()
    with pytest.raises(ClientError, match="--neighbour dynamodb=URL"):
        alone.client("dynamodb").list_tables()
    with pytest.raises(ClientError, match="--neighbour ec2=URL"):
        alone.client("ec2").describe_vpcs()


def test_the_command_line_works(moto_server: Any, bucket: str, tmp_path: Path) -> None:
    aws = shutil.which("aws")
    if aws is None or subprocess.run([aws, "--version"], capture_output=True).returncode:
        pytest.skip("there is no aws command")
    (tmp_path / "f").write_text("hello")

    def run(*words: str) -> str:
        done = subprocess.run(
            [aws, *words], env=moto_server.environment(), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("s3", "cp", str(tmp_path / "f"), f"s3://{bucket}/f")
    assert run("s3", "cp", f"s3://{bucket}/f", "-") == "hello"
    assert "TableNames" in run("dynamodb", "list-tables")
