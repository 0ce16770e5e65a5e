"""AWS's words for what breaks the model's constraints."""
# ruff: noqa: E501  (tables are read by row)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lambent.wire.errors import ValidationError
from lambent.wire.model import Service, Shape
from lambent.wire.patterns import compile_java, translate
from lambent.wire.validate import compile_validator

GOOD: dict[str, Any] = {
    "FunctionName": "f",
    "Role": "arn:aws:iam::123456789012:role/r",
    "Code": {"ZipFile": b"x"},
}


def complaint(service: Service, operation: str, request: dict[str, Any]) -> str | None:
    """The text of the refusal, None when there is none."""
    validate = compile_validator(service.operations[operation].input)
    try:
        validate(request)
    except ValidationError as error:
        return error.message
    return None


@pytest.fixture
def create(service: Callable[[str], Service]) -> Callable[[dict[str, Any]], str | None]:
    return lambda changes: complaint(service("lambda"), "CreateFunction", {**GOOD, **changes})


ROLE_PATTERN = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
SUBNETS = (
    "Member must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length "
    "greater than or equal to 0, Member must satisfy regular expression pattern: subnet-[0-9a-z]*]"
)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"Role": "r"}, f"Value 'r' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: {ROLE_PATTERN}"),
        ({"Role": None}, "Value null at 'role' failed to satisfy constraint: Member must not be null"),
        ({"Timeout": 0}, "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1"),
        ({"Timeout": 5401}, "Value '5401' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 5400"),
        ({"Description": "x" * 257}, f"Value '{'x' * 257}' at 'description' failed to satisfy constraint: Member must have length less than or equal to 256"),
        ({"PackageType": "Tar"}, "Value 'Tar' at 'packageType' failed to satisfy constraint: Member must satisfy enum value set: [Zip, Image]"),
        ({"VpcConfig": {"SubnetIds": ["vpc-1", "subnet-2"]}}, f"Value '[vpc-1, subnet-2]' at 'vpcConfig.subnetIds' failed to satisfy constraint: {SUBNETS}"),
        ({"Architectures": []}, "Value '[]' at 'architectures' failed to satisfy constraint: Member must have length greater than or equal to 1"),
        ({"Code": {"S3Key": ""}}, "Value '' at 'code.s3Key' failed to satisfy constraint: Member must have length greater than or equal to 1"),
        ({"KMSKeyArn": "k"}, "Value 'k' at 'kMSKeyArn' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()"),
    ],
)  # fmt: skip
def test_one_error_is_worded_as_aws_words_it(
    create: Callable[[dict[str, Any]], str | None], changes: dict[str, Any], text: str
) -> None:
    assert create(changes) == f"1 validation error detected: {text}"


def test_a_good_request_passes(create: Callable[[dict[str, Any]], str | None]) -> None:
    assert create({}) is None
    full = {
        "Timeout": 900,
        "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": []},
        "Environment": {"Variables": {"AB": "c", "D_1": ""}},
        "Tags": {"größe 1": "漢字"},
        "Runtime": "checked elsewhere",
        "KMSKeyArn": "",
    }
    assert create(full) is None


def test_several_errors_are_counted_and_joined(create: Callable[[dict[str, Any]], str | None]) -> None:
    text = create({"Timeout": 0, "MemorySize": 1})
    assert text == (
        "2 validation errors detected: Value '0' at 'timeout' failed to satisfy constraint: Member must have value "
        "greater than or equal to 1; Value '1' at 'memorySize' failed to satisfy constraint: Member must have value "
        "greater than or equal to 128"
    )


def test_map_keys_and_values_are_reported_with_the_whole_map(service: Callable[[str], Service]) -> None:
    routing = {"AdditionalVersionWeights": {"$LATEST": 2.0}}
    text = complaint(
        service("lambda"),
        "CreateAlias",
        {"FunctionName": "f", "Name": "a", "FunctionVersion": "1", "RoutingConfig": routing},
    )
    place = "Value '{$LATEST=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint:"
    assert text is not None
    assert text.startswith("2 validation errors detected: ")
    assert f"{place} Map keys must satisfy constraint: [Member must have length less than or equal to 1024" in text
    assert f"{place} Map value must satisfy constraint: [Member must have value less than or equal to 1" in text


def test_nulls_inside_collections_have_the_path_of_their_place(create: Callable[[dict[str, Any]], str | None]) -> None:
    null = "failed to satisfy constraint: Member must not be null"
    assert create({"Layers": [None]}) == f"1 validation error detected: Value null at 'layers.1.member' {null}"
    text = create({"Environment": {"Variables": {"AB": None}}})
    assert text == f"1 validation error detected: Value null at 'environment.variables.AB.member' {null}"


def test_structures_in_lists_are_numbered(service: Callable[[str], Service]) -> None:
    text = complaint(service("iam"), "TagRole", {"RoleName": "r", "Tags": [{"Key": "a", "Value": "b"}, {"Key": ""}]})
    assert text is not None
    assert "Value '' at 'tags.2.member.key' failed to satisfy constraint: Member must have length greater" in text
    assert "Value null at 'tags.2.member.value' failed to satisfy constraint: Member must not be null" in text


def test_secrets_are_not_quoted(service: Callable[[str], Service]) -> None:
    text = complaint(service("iam"), "CreateLoginProfile", {"UserName": "u", "Password": ""})
    assert text is not None
    assert "Value at 'password' failed to satisfy constraint: Member must have length" in text


def test_a_recursive_shape_is_checked_all_the_way_down() -> None:
    shapes = {
        "Tree": {"type": "structure", "members": {"Name": {"shape": "Name"}, "Below": {"shape": "Trees"}}},
        "Trees": {"type": "list", "member": {"shape": "Tree"}},
        "Name": {"type": "string", "max": 1},
    }
    validate = compile_validator(Shape(shapes, {"shape": "Tree"}))
    validate({"Below": [{"Name": "a"}]})
    with pytest.raises(ValidationError, match=r"at 'below\.1\.member\.below\.1\.member\.name' failed"):
        validate({"Below": [{"Below": [{"Name": "ab"}]}]})


# --- patterns ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", ["", "a-b", "größe 漢字 ½", "𠀀"], ["#", "a\n"]),
        (r"\p{Lu}\P{Lu}+", ["Éa1"], ["aA", "AB"]),
        (r"[\p{Alnum}]+", ["aZ9"], ["é", ""]),
        (r"a*+b", ["aab", "b"], ["a"]),
        (r"[\w-_]+", ["a-_"], ["a b"]),
        (r"\d+", ["12"], ["१२", "12\n"]),
        (r"\Qa.b\E", ["a.b"], ["axb"]),
        (r"(?<x>a)\x2eb\z", ["a.b"], ["aab"]),
        (r"[\u0020-\uD7FF\uD800\uDC00-\uDBFF\uDFFF]+", ["a😀"], ["\n"]),
        (r"((?!^\d+$)^[0-9a-zA-Z-_]+$)", ["a1"], ["1"]),
        (r"\x{1F600}", ["😀"], ["x"]),
        ("[^\\]]\\h", ["a\t"], ["]\t", "ab"]),
    ],
)
def test_java_patterns_match_whole_texts(pattern: str, matching: list[str], other: list[str]) -> None:
    compiled = compile_java(pattern)
    assert compiled is not None, translate(pattern)
    assert all(compiled.fullmatch(text) for text in matching)
    assert not any(compiled.fullmatch(text) for text in other)


@pytest.mark.parametrize("pattern", ["[a&&[^b]]", "[\\P{L}]", "(", "(?<=a+)b", "\\p{Nonsense}", "a{2,1}"])
def test_what_python_cannot_have_is_not_checked(pattern: str) -> None:
    assert compile_java(pattern) is None


def test_every_pattern_of_the_services_that_are_here_can_be_checked(service: Callable[[str], Service]) -> None:
    for name in ("lambda", "logs", "iam", "sts", "sqs", "sns", "kms", "events", "ec2", "s3", "cloudwatch"):
        for definition in service(name)._definitions.values():
            if definition.get("pattern"):
                assert compile_java(definition["pattern"]) is not None, definition["pattern"]


def test_no_pattern_of_our_services_takes_long_over_a_hostile_text(service: Callable[[str], Service]) -> None:
    """With catastrophic backtracking this test would not end."""
    for name in ("lambda", "logs", "iam", "sts"):
        for definition in service(name)._definitions.values():
            if definition.get("pattern"):
                compiled = compile_java(definition["pattern"])
                assert compiled is not None
                longest = min(definition.get("max") or 4096, 4096)
                for text in ("a" * longest, "a-" * (longest // 2), "1." * (longest // 2), ":" * longest):
                    compiled.fullmatch(text[: longest - 1] + "\n")
