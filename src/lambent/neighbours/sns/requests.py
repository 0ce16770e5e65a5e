"""What several operations ask of their request: which topic or subscription is meant, which page, which tags. Pure."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterable

from lambent.core import limits
from lambent.neighbours.sns.names import Malformed, SubscriptionRef, TopicRef
from lambent.neighbours.sns.shapes import (
    AuthorizationErrorException,
    InvalidParameterException,
    Tag,
    TagLimitExceededException,
)
from lambent.wire.call import Call

PAGE = 100


def topic_ref(call: Call, arn: str, parameter: str = "TopicArn") -> TopicRef:
    """The caller's topic of this ARN. Raises InvalidParameterException, and AuthorizationErrorException for another
    account's."""
    try:
        ref = TopicRef.parse(arn)
    except Malformed as error:
        raise invalid(parameter, str(error)) from None
    _check_place(call, ref, arn, parameter)
    return ref


def subscription_ref(call: Call, arn: str) -> SubscriptionRef:
    """The caller's subscription of this ARN. Raises as `topic_ref` does."""
    if not arn:
        raise invalid("SubscriptionArn", "no value for required parameter")
    try:
        ref = SubscriptionRef.parse(arn)
    except Malformed as error:
        raise invalid("SubscriptionArn", str(error)) if str(error) else invalid("SubscriptionId") from None
    _check_place(call, ref.topic, arn, "SubscriptionArn")
    return ref


def invalid(parameter: str, reason: str = "") -> InvalidParameterException:
    """The error that names a parameter, and if it is known why."""
    return InvalidParameterException(f"Invalid parameter: {parameter}" + (f" Reason: {reason}" if reason else ""))


def page_token(place: str) -> str:
    """The NextToken of a place in a list."""
    return urlsafe_b64encode(place.encode()).decode()


def read_page_token(token: str | None) -> str:
    """The place; the empty text when there is no token. Raises InvalidParameterException."""
    if not token:
        return ""
    try:
        return b64decode(token, altchars="-_", validate=True).decode()
    except ValueError:
        raise invalid("NextToken") from None


def tags(given: Iterable[Tag]) -> dict[str, str]:
    """The tags of a request. Raises InvalidParameterException for a key that comes twice or is AWS's, and
    TagLimitExceededException."""
    given = list(given)
    found = {tag["Key"]: tag["Value"] for tag in given}
    if len(found) < len(given):
        raise InvalidParameterException("Invalid parameter: Duplicated keys are not allowed.")
    if any(key.lower().startswith("aws:") for key in found):
        raise invalid("Tags", "aws: prefixed tag key names are not allowed for external use")
    return check_tag_count(found)


def check_tag_count(tags: dict[str, str]) -> dict[str, str]:
    """The same tags. Raises TagLimitExceededException."""
    if len(tags) > limits.TAGS:
        raise TagLimitExceededException(
            f"Could not complete request: tag quota of per resource exceeded ({limits.TAGS})"
        )
    return tags


def _check_place(call: Call, ref: TopicRef, arn: str, parameter: str) -> None:
    if ref.region != call.region:
        raise invalid(parameter)
    if ref.account != call.account:
        raise AuthorizationErrorException(
            f"User: {call.principal.arn} is not authorized to perform: SNS:{call.operation} on resource: {arn}"
        )
