"""When a delivery that failed is tried again: AWS's delivery policies, read, shown and followed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from lambent.values import frozen

CONTENT_TYPE: Final = "text/plain; charset=UTF-8"
CONTENT_TYPES: Final = (
    "application/atom+xml", "application/json", "application/octet-stream", "application/soap+xml",
    "application/x-www-form-urlencoded", "application/xhtml+xml", "application/xml", "text/css", "text/csv",
    "text/html", "text/plain", "text/xml",
)  # fmt: skip
FUNCTIONS: Final = ("linear", "arithmetic", "geometric", "exponential")
LONGEST_S: Final = 3600.0
"""How long all retries of a policy may take together, and one of its delays."""
MOST: Final = 100
"""Retries of a policy."""
_TOPIC_MEMBERS = {
    "defaultHealthyRetryPolicy": "healthyRetryPolicy",
    "defaultThrottlePolicy": "throttlePolicy",
    "defaultRequestPolicy": "requestPolicy",
}
_COUNTS = ("numRetries", "numNoDelayRetries", "numMinDelayRetries", "numMaxDelayRetries")


class Refused(ValueError):
    """The text is no delivery policy; its message says why."""


@frozen
class Retries:
    """Four phases: at once, after the shortest delay, after growing ones, after the longest. Delays in seconds."""

    min_delay: float = 20
    max_delay: float = 20
    count: int = 3
    at_once: int = 0
    at_min: int = 0
    at_max: int = 0
    function: str = "linear"

    def delay(self, failures: int) -> float | None:
        """How long to wait after so many failures (1 after the first); None when it is to be given up."""
        if failures > self.count:
            return None
        growing = self.count - self.at_once - self.at_min - self.at_max
        number = failures - self.at_once
        if number <= 0:
            return 0.0
        if (number := number - self.at_min) <= 0:
            return self.min_delay
        if number > growing:
            return self.max_delay
        return self._grown(number - 1, growing)

    def _grown(self, number: int, growing: int) -> float:
        """The delay before the retry of this number, from 0 on, of the phase in which delays grow."""
        low, high = self.min_delay, self.max_delay
        share = number / (growing - 1) if growing > 1 else 0.0
        match self.function:
            case "linear":
                return low + (high - low) * share
            case "arithmetic":
                return low + (high - low) * share * (number + 1) / growing
            case "geometric":
                return low * float((high / low) ** share)
            case _:
                return min(high, low * float(1 << min(number, 32)))

    @property
    def total_s(self) -> float:
        """How long all retries take together."""
        return sum(self.delay(failures) or 0.0 for failures in range(1, self.count + 1))


MANAGED: Final = Retries(1, 20, 100_015, at_once=3, at_min=2, at_max=100_000, function="exponential")
"""What queues and functions get: 23 days."""


@frozen
class Policy:
    """What is in force for a subscription of an HTTP endpoint."""

    retries: Retries = Retries()
    per_second: float | None = None
    """How many deliveries are made in a second at most."""
    content_type: str = CONTENT_TYPE


def check_topic(text: str) -> Mapping[str, Any]:
    """A topic's delivery policy, parsed. Raises Refused."""
    policy = _object(text)
    _check_members(policy, ("http",), "")
    http = policy.get("http") or {}
    if not isinstance(http, dict):
        raise Refused("http must be an object")
    _check_members(http, (*_TOPIC_MEMBERS, "disableSubscriptionOverrides"), "http.")
    for name in _TOPIC_MEMBERS:
        _check_part(_TOPIC_MEMBERS[name], http.get(name), f"http.{name}")
    return policy


def check_subscription(text: str) -> Mapping[str, Any]:
    """A subscription's delivery policy, parsed. Raises Refused."""
    policy = _object(text)
    _check_members(policy, (*_TOPIC_MEMBERS.values(), "sicklyRetryPolicy", "guaranteed"), "")
    for name in ("sicklyRetryPolicy", "guaranteed"):
        if policy.get(name):
            raise Refused(f"{name} is not supported")
    for name in _TOPIC_MEMBERS.values():
        _check_part(name, policy.get(name), name)
    return policy


def effective(topic: str | None, subscription: str | None) -> Policy:
    """What is in force, of policies that were checked before."""
    parts = _effective_parts(topic, subscription)
    retries, throttle, request = (parts[name] for name in _TOPIC_MEMBERS.values())
    return Policy(
        _retries(retries),
        (throttle or {}).get("maxReceivesPerSecond"),
        (request or {}).get("headerContentType", CONTENT_TYPE),
    )


def shown_for_topic(topic: str | None) -> str:
    """The EffectiveDeliveryPolicy of a topic."""
    http = _http(topic)
    shown: dict[str, Any] = {
        "defaultHealthyRetryPolicy": _retries_shown(_retries(http.get("defaultHealthyRetryPolicy"))),
        "disableSubscriptionOverrides": bool(http.get("disableSubscriptionOverrides")),
    }
    if http.get("defaultThrottlePolicy"):
        shown["defaultThrottlePolicy"] = http["defaultThrottlePolicy"]
    shown["defaultRequestPolicy"] = http.get("defaultRequestPolicy") or {"headerContentType": CONTENT_TYPE}
    return _text({"http": shown})


def normal_for_topic(text: str) -> str:
    """A topic's own policy as it is shown: what was said, and whether subscriptions may have their own."""
    http = _http(text)
    shown: dict[str, Any] = {}
    if http.get("defaultHealthyRetryPolicy"):
        shown["defaultHealthyRetryPolicy"] = http["defaultHealthyRetryPolicy"]
    shown["disableSubscriptionOverrides"] = bool(http.get("disableSubscriptionOverrides"))
    for name in ("defaultThrottlePolicy", "defaultRequestPolicy"):
        if http.get(name):
            shown[name] = http[name]
    return _text({"http": shown})


def shown_for_subscription(topic: str | None, subscription: str | None) -> str:
    """The EffectiveDeliveryPolicy of a subscription."""
    parts = _effective_parts(topic, subscription)
    return _subscription_form({**parts, "healthyRetryPolicy": _retries_shown(_retries(parts["healthyRetryPolicy"]))})


def normal_for_subscription(policy: Mapping[str, Any]) -> str:
    """A subscription's own policy as it is shown: every member, absent ones as null."""
    retries = policy.get("healthyRetryPolicy")
    return _subscription_form({**policy, "healthyRetryPolicy": _retries_shown(_retries(retries)) if retries else None})


def _subscription_form(parts: Mapping[str, Any]) -> str:
    return _text(
        {
            "healthyRetryPolicy": parts.get("healthyRetryPolicy"),
            "sicklyRetryPolicy": None,
            "throttlePolicy": parts.get("throttlePolicy"),
            "requestPolicy": parts.get("requestPolicy"),
            "guaranteed": False,
        }
    )


def _effective_parts(topic: str | None, subscription: str | None) -> dict[str, Any]:
    http = _http(topic)
    own = orjson.loads(subscription) if subscription and not http.get("disableSubscriptionOverrides") else {}
    parts = {mine: own.get(mine) or http.get(topics) for topics, mine in _TOPIC_MEMBERS.items()}
    parts["requestPolicy"] = parts["requestPolicy"] or {"headerContentType": CONTENT_TYPE}
    return parts


def _http(topic: str | None) -> Mapping[str, Any]:
    return (orjson.loads(topic).get("http") if topic else None) or {}


def _retries(policy: Mapping[str, Any] | None) -> Retries:
    policy, usual = policy or {}, Retries()
    return Retries(
        policy.get("minDelayTarget", usual.min_delay),
        policy.get("maxDelayTarget", usual.max_delay),
        policy.get("numRetries", usual.count),
        policy.get("numNoDelayRetries") or 0,
        policy.get("numMinDelayRetries") or 0,
        policy.get("numMaxDelayRetries") or 0,
        policy.get("backoffFunction") or usual.function,
    )


def _retries_shown(retries: Retries) -> dict[str, Any]:
    return {
        "minDelayTarget": retries.min_delay,
        "maxDelayTarget": retries.max_delay,
        "numRetries": retries.count,
        "numMaxDelayRetries": retries.at_max,
        "numNoDelayRetries": retries.at_once,
        "numMinDelayRetries": retries.at_min,
        "backoffFunction": retries.function,
    }


def _check_part(kind: str, part: object, path: str) -> None:
    if part is None:
        return
    if not isinstance(part, dict):
        raise Refused(f"{path} must be an object")
    match kind:
        case "healthyRetryPolicy":
            _check_retries(part, path)
        case "throttlePolicy":
            _check_members(part, ("maxReceivesPerSecond",), f"{path}.")
            if not _is_number(part.get("maxReceivesPerSecond"), 1, 1_000_000):
                raise Refused(f"{path}.maxReceivesPerSecond must be a number greater than or equal to 1")
        case _:
            _check_members(part, ("headerContentType",), f"{path}.")
            kind = str(part.get("headerContentType", "")).partition(";")[0].strip().lower()
            if kind not in CONTENT_TYPES or "\n" in part["headerContentType"] or "\r" in part["headerContentType"]:
                raise Refused(f"{path}.headerContentType must be one of: {', '.join(CONTENT_TYPES)}")


def _check_retries(part: Mapping[str, Any], path: str) -> None:
    _check_members(part, ("minDelayTarget", "maxDelayTarget", *_COUNTS, "backoffFunction"), f"{path}.")
    for name in ("minDelayTarget", "maxDelayTarget"):
        if not _is_number(part.get(name, 20), 1, LONGEST_S):
            raise Refused(f"{path}.{name} must be between 1 and {LONGEST_S:.0f}")
    for name in _COUNTS:
        value = part.get(name) or 0
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
            raise Refused(f"{path}.{name} must be between 0 and {MOST}")
    if (part.get("backoffFunction") or "linear") not in FUNCTIONS:
        raise Refused(f"{path}.backoffFunction must be one of: {', '.join(FUNCTIONS)}")
    retries = _retries(part)
    if retries.min_delay > retries.max_delay:
        raise Refused(f"{path}.maxDelayTarget must be greater than or equal to minDelayTarget")
    if retries.at_once + retries.at_min + retries.at_max > retries.count:
        raise Refused(f"{path}.numRetries must be greater than or equal to the sum of the retries of all phases")
    if retries.total_s > LONGEST_S:
        raise Refused(f"{path}: all retries together may take {LONGEST_S:.0f} seconds at most")


def _check_members(part: Mapping[str, Any], known: tuple[str, ...], path: str) -> None:
    for name in part:
        if name not in known:
            raise Refused(f"{path}{name} is not recognized")


def _is_number(value: object, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _object(text: str) -> dict[str, Any]:
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Refused("failed to parse JSON.") from None
    if not isinstance(parsed, dict):
        raise Refused("it must be a JSON object")
    return parsed


def _text(value: object) -> str:
    return orjson.dumps(value).decode()
