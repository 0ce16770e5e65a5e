"""Layers as boto3 sees them, on a running server: their API to the letter, and functions that share some."""

from __future__ import annotations

import io
import json
import os
import shutil
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
ABSENT = "The resource you requested does not exist."
STALE = (
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetLayerPolicy API to retrieve the latest Revision Id"
)
UNCHECKED = Config(parameter_validation=False, retries={"total_max_attempts": 1}, read_timeout=60)
PYTHON = """
import json, os, sys
import shared, first, second

def handler(event, context):
    with open("/opt/data.txt") as file:
        text = file.read()
    writable = []
    for folder in ("/opt", "/opt/python", "/var/task"):
        try:
            open(folder + "/x", "w")
            writable.append(folder)
        except OSError:
            pass
    return {"shared": shared.origin, "first": first.origin, "second": second.origin, "text": text,
            "writable": writable, "path": [p for p in sys.path if p.startswith("/opt")]}
"""
NODE = """
exports.handler = async () => ({ shared: require('shared'), first: require('first'), second: require('second') });
"""


@pytest.fixture(scope="module")
def aws(shared_server: Any) -> Any:
    return shared_server.client("lambda", config=UNCHECKED)


@pytest.fixture
def name(aws: Any) -> Iterator[str]:
    """A name for a layer; its versions are deleted."""
    name = f"layer-{uuid4().hex[:12]}"
    yield name
    for version in aws.list_layer_versions(LayerName=name)["LayerVersions"]:
        aws.delete_layer_version(LayerName=name, VersionNumber=version["Version"])


@pytest.fixture
def publish(aws: Any, tools: Any, name: str) -> Callable[..., Any]:
    def publish(files: dict[str, str] | None = None, **members: Any) -> Any:
        content = {"ZipFile": tools.zipped(files or {"data.txt": "x"})}
        return aws.publish_layer_version(**{"LayerName": name, "Content": content, **members})

    return publish


@pytest.fixture
def function(shared_server: Any, aws: Any) -> Iterator[Callable[..., str]]:
    made: list[str] = []

    def function(files: dict[str, str] | None = None, **members: Any) -> str:
        name = f"f-{uuid4().hex[:12]}"
        shared_server.function(name, files or {"app.py": PYTHON}, **{"Timeout": 20, **members})
        made.append(name)
        return name

    yield function
    for name in made:
        aws.delete_function(FunctionName=name)


def deflated(name: str, mb: int) -> bytes:
    """A package with one file of so many megabytes of nothing."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(zipfile.ZipInfo(name), bytes(mb << 20), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def refused(call: Callable[..., Any], **members: Any) -> tuple[int, str, str]:
    """(status, code, text) of the error that a call is answered with."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def run(aws: Any, name: str) -> Any:
    answer = aws.invoke(FunctionName=name)
    payload = json.load(answer["Payload"])
    assert "FunctionError" not in answer, payload
    return payload


# --- the API --------------------------------------------------------------------------------------------------


def test_a_version_is_published_and_read_by_name_and_by_arn(aws: Any, publish: Any, tools: Any, name: str) -> None:
    members = {
        "Description": "tools",
        "LicenseInfo": "MIT",
        "CompatibleRuntimes": ["python3.11", "python3.12"],
        "CompatibleArchitectures": ["x86_64"],
    }
    published = publish({"data.txt": "hello"}, **members)
    assert published["ResponseMetadata"]["HTTPStatusCode"] == 201
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:{name}"
    assert {key: published[key] for key in members} == members
    assert (published["LayerArn"], published["LayerVersionArn"], published["Version"]) == (arn, f"{arn}:1", 1)
    assert published["CreatedDate"].endswith("+0000")
    assert set(published["Content"]) == {"Location", "CodeSha256", "CodeSize"}
    by_name = aws.get_layer_version(LayerName=name, VersionNumber=1)
    by_arn = aws.get_layer_version_by_arn(Arn=f"{arn}:1")
    in_full = aws.get_layer_version(LayerName=arn, VersionNumber=1)
    for answer in (by_name, by_arn, in_full):
        with urllib.request.urlopen(answer["Content"]["Location"], timeout=10) as content:
            assert content.read() == tools.zipped({"data.txt": "hello"})
        same = {"ResponseMetadata": 0, "Content": {**answer["Content"], "Location": ""}}
        assert {**answer, **same} == {**published, **same}


def test_what_was_not_said_is_not_shown_but_for_the_runtimes_beside_architectures(publish: Any) -> None:
    plain = publish()
    assert plain["Description"] == ""
    assert not {"CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo"} & set(plain)
    assert publish(CompatibleArchitectures=["arm64"])["CompatibleRuntimes"] == []


def test_numbers_are_never_used_again_and_deleting_twice_is_fine(aws: Any, publish: Any, name: str) -> None:
    assert [publish()["Version"] for _ in range(2)] == [1, 2]
    for _ in range(2):
        deleted = aws.delete_layer_version(LayerName=name, VersionNumber=2)
        assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert publish()["Version"] == 3
    missing = refused(aws.get_layer_version, LayerName=name, VersionNumber=2)
    assert missing == (404, "ResourceNotFoundException", ABSENT)


def test_versions_are_listed_newest_first_in_pages_and_by_what_they_fit(aws: Any, publish: Any, name: str) -> None:
    for number in range(1, 6):
        publish(CompatibleRuntimes=["python3.11"] if number % 2 else ["nodejs20.x"], CompatibleArchitectures=["x86_64"])
    pages = aws.get_paginator("list_layer_versions").paginate(LayerName=name, PaginationConfig={"PageSize": 2})
    assert [[version["Version"] for version in page["LayerVersions"]] for page in pages] == [[5, 4], [3, 2], [1]]

    def fitting(**filters: str) -> list[int]:
        return [each["Version"] for each in aws.list_layer_versions(LayerName=name, **filters)["LayerVersions"]]

    assert fitting(CompatibleRuntime="nodejs20.x") == [4, 2]
    assert fitting(CompatibleArchitecture="arm64") == []
    listed = aws.list_layers(CompatibleRuntime="nodejs20.x", CompatibleArchitecture="x86_64")["Layers"]
    (mine,) = [layer for layer in listed if layer["LayerName"] == name]
    assert mine["LayerArn"] == f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:{name}"
    assert mine["LatestMatchingVersion"]["Version"] == 4
    assert not {"Content", "LayerArn"} & set(mine["LatestMatchingVersion"])
    assert fitting(Marker=aws.list_layer_versions(LayerName=name, MaxItems=2)["NextMarker"]) == [3, 2, 1]


def test_layers_are_listed_in_pages_without_those_that_have_no_version(aws: Any, tools: Any) -> None:
    names = [f"{prefix}-{uuid4().hex[:8]}" for prefix in ("a", "b", "c")]
    for each in names:
        aws.publish_layer_version(LayerName=each, Content={"ZipFile": tools.zipped({"x": ""})})
    pages = aws.get_paginator("list_layers").paginate(PaginationConfig={"PageSize": 1})
    found = [layer["LayerName"] for page in pages for layer in page["Layers"]]
    assert [each for each in found if each in names] == names
    for each in names:
        aws.delete_layer_version(LayerName=each, VersionNumber=1)
    assert not set(names) & {layer["LayerName"] for layer in aws.list_layers()["Layers"]}
    assert aws.list_layer_versions(LayerName=names[0])["LayerVersions"] == []


@pytest.mark.parametrize(
    ("operation", "members", "status", "code", "text"),
    [
        ("get_layer_version", {"VersionNumber": 0}, 400, "InvalidParameterValueException",
         "Layer Version Cannot be less than 1"),
        ("delete_layer_version", {"VersionNumber": -1}, 400, "InvalidParameterValueException",
         "Layer Version Cannot be less than 1"),
        ("get_layer_version", {"VersionNumber": 7}, 404, "ResourceNotFoundException", ABSENT),
        ("get_layer_version", {"VersionNumber": 1, "LayerName": "absent"}, 404, "ResourceNotFoundException", ABSENT),
        ("get_layer_version_policy", {"VersionNumber": 1}, 404, "ResourceNotFoundException",
         "No policy is associated with the given resource."),
        ("get_layer_version_policy", {"VersionNumber": 7}, 404, "ResourceNotFoundException",
         "Layer version ARN:7 does not exist."),
        ("add_layer_version_permission",
         {"VersionNumber": 7, "StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*"},
         404, "ResourceNotFoundException", "Layer version ARN:7 does not exist."),
        ("remove_layer_version_permission", {"VersionNumber": 7, "StatementId": "s"}, 404,
         "ResourceNotFoundException", "Layer version ARN:7 does not exist."),
        ("remove_layer_version_permission", {"VersionNumber": 1, "StatementId": "s"}, 404,
         "ResourceNotFoundException", "No policy is associated with the given resource."),
    ],
)  # fmt: skip
def test_what_is_not_there_is_answered_as_on_aws(
    aws: Any, publish: Any, name: str, operation: str, members: Any, status: int, code: str, text: str
) -> None:
    publish()
    answer = refused(getattr(aws, operation), **{"LayerName": name, **members})
    text = text.replace("ARN", f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:{name}")
    assert answer == (status, code, text)


@pytest.mark.parametrize(
    ("members", "status", "code", "text"),
    [
        ({"Content": {"ZipFile": b"no zip"}}, 400, "InvalidParameterValueException", "Could not unzip uploaded file."),
        ({"Content": {}}, 400, "InvalidParameterValueException", "Please provide a source"),
        ({"CompatibleRuntimes": ["cobol"]}, 400, "ValidationException", "compatibleRuntimes"),
        ({"CompatibleRuntimes": ["python3.11"] * 16}, 400, "ValidationException", "less than or equal to 15"),
        ({"CompatibleArchitectures": ["mips"]}, 400, "ValidationException", "compatibleArchitectures"),
        ({"LayerName": "n" * 141}, 400, "ValidationException", "layerName"),
        ({"LayerName": "arn:aws:lambda:us-east-1:111111111111:layer:l"}, 403, "AccessDeniedException", "layer:l"),
    ],
)
def test_what_cannot_be_published_is_refused(
    aws: Any, publish: Any, name: str, members: Any, status: int, code: str, text: str
) -> None:
    answer = refused(publish, **members)
    assert answer[:2] == (status, code)
    assert text in answer[2]
    assert aws.list_layer_versions(LayerName=name)["LayerVersions"] == []


def test_permissions_are_added_read_and_removed(aws: Any, publish: Any, name: str) -> None:
    publish()
    where = {"LayerName": name, "VersionNumber": 1}
    granted = {"Action": "lambda:GetLayerVersion", **where}
    first = aws.add_layer_version_permission(**granted, StatementId="all", Principal="*", OrganizationId="o-0123456789")
    assert first["ResponseMetadata"]["HTTPStatusCode"] == 201
    statement = json.loads(first["Statement"])
    assert statement == {
        "Sid": "all",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "lambda:GetLayerVersion",
        "Resource": f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:{name}:1",
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-0123456789"}},
    }
    taken = refused(aws.add_layer_version_permission, **granted, StatementId="all", Principal="*")
    assert taken == (
        409,
        "ResourceConflictException",
        "The statement id (all) provided already exists. Please provide a new statement id, or remove the existing "
        "statement.",
    )
    again = {**granted, "StatementId": "one", "Principal": "111111111111"}
    assert refused(aws.add_layer_version_permission, **again, RevisionId="x") == (
        412,
        "PreconditionFailedException",
        STALE,
    )
    second = aws.add_layer_version_permission(**again, RevisionId=first["RevisionId"])
    policy = aws.get_layer_version_policy(**where)
    assert policy["RevisionId"] == second["RevisionId"] != first["RevisionId"]
    document = json.loads(policy["Policy"])
    assert (document["Version"], document["Id"]) == ("2012-10-17", "default")
    assert document["Statement"] == [statement, json.loads(second["Statement"])]
    unknown = refused(aws.remove_layer_version_permission, **where, StatementId="other")
    assert unknown == (404, "ResourceNotFoundException", "Statement other is not found in resource policy.")
    stale = refused(aws.remove_layer_version_permission, **where, StatementId="one", RevisionId=first["RevisionId"])
    assert stale == (412, "PreconditionFailedException", STALE)
    for sid in ("one", "all"):
        removed = aws.remove_layer_version_permission(**where, StatementId=sid)
        assert removed["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(aws.get_layer_version_policy, **where)[2] == "No policy is associated with the given resource."


# --- functions with layers ------------------------------------------------------------------------------------


def python_layer(name: str) -> dict[str, str]:
    """A layer whose modules say which one they are of."""
    return {
        "python/shared.py": f"origin = '{name}'\n",
        f"python/{name}.py": f"origin = '{name}'\n",
        "data.txt": name,
        "nodejs/node_modules/shared/index.js": f"module.exports = '{name}';\n",
        f"nodejs/node20/node_modules/{name}/index.js": f"module.exports = '{name}';\n",
    }


@pytest.fixture(scope="module")
def pair(aws: Any, tools: Any) -> Iterator[list[str]]:
    """The ARNs of two layers."""
    names = [f"{name}-{uuid4().hex[:8]}" for name in ("first", "second")]
    arns = []
    for each in names:
        content = {"ZipFile": tools.zipped(python_layer(each.partition("-")[0]))}
        arns.append(aws.publish_layer_version(LayerName=each, Content=content)["LayerVersionArn"])
    yield arns
    for each in names:
        aws.delete_layer_version(LayerName=each, VersionNumber=1)


def test_two_functions_share_two_layers_each_in_its_order(aws: Any, function: Any, pair: list[str]) -> None:
    there, back = function(Layers=pair), function(Layers=pair[::-1])
    configuration = aws.get_function_configuration(FunctionName=there)
    assert [layer["Arn"] for layer in configuration["Layers"]] == pair
    sizes = [aws.get_layer_version_by_arn(Arn=arn)["Content"]["CodeSize"] for arn in pair]
    assert [layer["CodeSize"] for layer in configuration["Layers"]] == sizes
    expected = {"first": "first", "second": "second", "writable": []}
    paths = {"path": ["/opt/python/lib/python3.11/site-packages", "/opt/python"]}
    assert run(aws, there) == {**expected, **paths, "shared": "second", "text": "second"}
    assert run(aws, back) == {**expected, **paths, "shared": "first", "text": "first"}


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js on this machine")
def test_nodejs_finds_the_packages_of_layers(aws: Any, function: Any, pair: list[str]) -> None:
    name = function({"index.js": NODE}, Runtime="nodejs20.x", Handler="index.handler", Layers=pair)
    assert run(aws, name) == {"shared": "second", "first": "first", "second": "second"}


def test_a_layers_own_sdk_is_not_covered_by_the_one_that_is_in_memory_already(
    aws: Any, function: Any, publish: Any
) -> None:
    arn = publish({"python/boto3/__init__.py": "origin = 'layer'\n"})["LayerVersionArn"]
    source = "import boto3\ndef handler(event, context):\n    return [boto3.origin, boto3.__file__]\n"
    assert run(aws, function({"app.py": source}, Layers=[arn])) == ["layer", "/opt/python/boto3/__init__.py"]


@pytest.mark.skipif(os.geteuid() != 0, reason="the shell needs its own root")
def test_a_layer_may_be_the_runtime_and_have_programs_and_libraries(aws: Any, function: Any, publish: Any) -> None:
    bootstrap = (
        "#!/bin/sh\n"
        "api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation\n"
        "exec python3 - $api <<'END'\n"
        "import json, os, sys, urllib.request\n"
        "api = sys.argv[1]\n"
        "while True:\n"
        "    with urllib.request.urlopen(api + '/next') as event:\n"
        "        request_id = event.headers['Lambda-Runtime-Aws-Request-Id']\n"
        "    answer = json.dumps([os.environ[name] for name in ('PATH', 'LD_LIBRARY_PATH')])\n"
        "    urllib.request.urlopen(api + '/' + request_id + '/response', answer.encode())\n"
        "END\n"
    )
    if not os.path.exists("/usr/bin/python3"):
        pytest.skip("the system has no Python of its own")
    arn = publish({"bootstrap": bootstrap})["LayerVersionArn"]
    name = function({"data": "x"}, Runtime="provided.al2023", Handler="any", Layers=[arn], Timeout=60)
    path, libraries = run(aws, name)
    assert "/opt/bin" in path.split(":")
    assert "/opt/lib" in libraries.split(":")


def test_layers_can_be_replaced_and_taken_away(aws: Any, function: Any, pair: list[str], tools: Any) -> None:
    source = "import os\ndef handler(event, context):\n    return sorted(os.listdir('/opt'))\n"
    name = function({"app.py": source}, Layers=pair[:1])
    assert run(aws, name) == ["data.txt", "nodejs", "python"]
    before = aws.publish_version(FunctionName=name)

    def update(**members: Any) -> Any:
        aws.update_function_configuration(FunctionName=name, **members)
        aws.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
        return aws.get_function_configuration(FunctionName=name)

    assert [layer["Arn"] for layer in update(Timeout=9)["Layers"]] == pair[:1]
    assert "Layers" not in update(Layers=[])
    assert run(aws, name) == []
    assert [layer["Arn"] for layer in before["Layers"]] == pair[:1]
    answer = aws.invoke(FunctionName=name, Qualifier="1")
    assert json.load(answer["Payload"]) == ["data.txt", "nodejs", "python"], "the published version keeps it"


def test_a_deleted_layer_stays_with_its_functions_and_is_not_given_to_others(
    aws: Any, function: Any, publish: Any, name: str
) -> None:
    arn = publish({"data.txt": "kept"})["LayerVersionArn"]
    source = "def handler(event, context):\n    return open('/opt/data.txt').read()\n"
    mine = function({"app.py": source}, Layers=[arn])
    aws.delete_layer_version(LayerName=name, VersionNumber=1)
    assert run(aws, mine) == "kept"
    assert [layer["Arn"] for layer in aws.get_function_configuration(FunctionName=mine)["Layers"]] == [arn]
    expected = (400, "InvalidParameterValueException", f"Layer version {arn} does not exist.")
    assert refused(aws.update_function_configuration, FunctionName=mine, Layers=[arn]) == expected


def test_layers_that_a_function_cannot_have_are_refused(
    aws: Any, function: Any, publish: Any, pair: list[str], tools: Any
) -> None:
    name = function({"app.py": "def handler(event, context):\n    return 1\n"})
    mine = publish()["LayerVersionArn"]
    newer = publish()["LayerVersionArn"]
    agent = publish({"extensions/agent": "#!/bin/sh\n"})["LayerVersionArn"]

    def answer(*arns: str) -> tuple[int, str, str]:
        return refused(aws.update_function_configuration, FunctionName=name, Layers=list(arns))

    wrong = (400, "InvalidParameterValueException")
    assert answer(*[mine] * 6) == (*wrong, "Cannot reference more than 5 layers.")
    assert answer(mine, pair[0], newer) == (
        *wrong,
        "Two different versions of the same layer are not allowed to be referenced in the same function. "
        f"{mine} and {newer} are versions of the same layer.",
    )
    away = mine.replace("us-east-1", "eu-west-1")
    assert answer(away) == (
        *wrong,
        "Layers are not in the same region as the function. Layers are expected to be in region us-east-1.",
    )
    assert answer(f"{mine}9") == (*wrong, f"Layer version {mine}9 does not exist.")
    assert answer(agent) == (*wrong, f"Extensions are not supported by Lambent yet: {agent} has agent.")
    assert answer(mine.rpartition(":")[0])[:2] == (400, "ValidationException")
    assert "Layers" not in aws.get_function_configuration(FunctionName=name)


def test_layers_and_code_together_are_limited(aws: Any, function: Any, publish: Any) -> None:
    hundred = {"ZipFile": deflated("zeros", 100)}
    first = publish(Content=hundred)["LayerVersionArn"]
    others = []
    for _ in range(2):
        other = f"large-{uuid4().hex[:8]}"
        others.append(aws.publish_layer_version(LayerName=other, Content=hundred)["LayerVersionArn"])
    name = function({"app.py": "def handler(event, context):\n    return 1\n"}, Layers=[first, others[0]])
    three = refused(aws.update_function_configuration, FunctionName=name, Layers=[first, *others])
    assert three[1:] == (
        "InvalidParameterValueException",
        "Layers consume more than the available size of 262144000 bytes",
    )
    combined = refused(aws.update_function_code, FunctionName=name, ZipFile=deflated("app.py", 60))
    assert combined[1:] == (
        "InvalidParameterValueException",
        "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. "
        f"The actual size is {260 * 1024 * 1024} bytes.",
    )
    for arn in others:
        aws.delete_layer_version(LayerName=arn.split(":")[6], VersionNumber=1)


def test_another_accounts_layer_needs_its_permission(make_server: Any, tools: Any) -> None:
    server = make_server("--dev").start()
    owner, other = [
        server.client("lambda", aws_access_key_id=account, config=UNCHECKED)
        for account in ("111111111111", "222222222222")
    ]
    arn = owner.publish_layer_version(LayerName="l", Content={"ZipFile": tools.zipped({"data.txt": "theirs"})})[
        "LayerVersionArn"
    ]
    code = {"ZipFile": tools.zipped({"app.py": "def handler(e, c):\n    return open('/opt/data.txt').read()\n"})}
    role = "arn:aws:iam::222222222222:role/any"
    function = {"FunctionName": "f", "Runtime": "python3.11", "Handler": "app.handler", "Role": role, "Code": code}
    for call, members in (
        (other.get_layer_version_by_arn, {"Arn": arn}),
        (other.get_layer_version_by_arn, {"Arn": f"{arn}2"}),
        (other.create_function, {**function, "Layers": [arn]}),
    ):
        status, kind, text = refused(call, **members)
        assert (status, kind) == (403, "AccessDeniedException")
        assert "lambda:GetLayerVersion" in text
        assert "because no resource-based policy allows" in text
    owner.add_layer_version_permission(
        LayerName="l", VersionNumber=1, StatementId="s", Action="lambda:GetLayerVersion", Principal="222222222222"
    )
    assert other.get_layer_version_by_arn(Arn=arn)["Version"] == 1
    assert refused(other.delete_layer_version, LayerName=arn[:-2], VersionNumber=1)[0] == 403
    other.create_function(**function, Layers=[arn])
    owner.remove_layer_version_permission(LayerName="l", VersionNumber=1, StatementId="s")
    tools.wait_for(lambda: other.get_function_configuration(FunctionName="f")["State"] == "Active")
    assert run(other, "f") == "theirs", "what a function has it keeps"
