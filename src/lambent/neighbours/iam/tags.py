"""Tags of users, roles and policies: keys differ by more than case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lambent.neighbours.iam.shapes import InvalidInputException, LimitExceededException, Tag

MOST = 50


def read(tags: Iterable[Tag]) -> dict[str, str]:
    """The tags of a request. Raises InvalidInputException for a key given twice or kept for AWS."""
    found = {tag["Key"]: tag["Value"] for tag in tags}
    keys = [tag["Key"].lower() for tag in tags]
    if len(set(keys)) != len(keys):
        raise InvalidInputException("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(key.startswith("aws:") for key in keys):
        raise InvalidInputException("aws: prefixed tag key names are not allowed for external use.")
    return found


def merged(tags: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """`tags` with `new` laid over them. Raises LimitExceededException."""
    result = {**without(tags, list(new)), **new}
    if len(result) > MOST:
        raise LimitExceededException("The number of tags has reached the maximum limit.")
    return result


def without(tags: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """`tags` but those with one of the keys."""
    gone = {key.lower() for key in keys}
    return {key: value for key, value in tags.items() if key.lower() not in gone}


def shown(tags: Mapping[str, str]) -> list[Tag]:
    """The tags as the API has them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
