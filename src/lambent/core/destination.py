"""Where the results of asynchronous invocations may go: destinations by their ARNs. Pure."""

from __future__ import annotations

import re

from lambent.values import frozen

_ARN = re.compile(
    r"arn:aws[a-zA-Z0-9-]*:(?P<service>[a-zA-Z0-9-]+):(?P<region>[^:]*):(?P<account>[^:]*):(?P<rest>.*)", re.S
)
_RESOURCES = {
    "sqs": re.compile(r"[a-zA-Z0-9_-]{1,80}"),
    "sns": re.compile(r"[a-zA-Z0-9_-]{1,256}"),
    "lambda": re.compile(r"function:(?P<name>[a-zA-Z0-9-_]{1,64})(:(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]{1,128}))?"),
    "events": re.compile(r"event-bus/[a-zA-Z0-9._/-]{1,256}"),
    "s3": re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
}
"""Queues and topics that keep an order (`….fifo`) are not among them: AWS refuses these."""


@frozen
class Destination:
    """A place that an event's result may be sent to."""

    arn: str
    service: str
    """sqs, sns, lambda, events, s3, or what else the ARN names."""
    region: str
    account: str
    function: str | None = None
    """The function's name, if it is one."""
    qualifier: str | None = None
    well_formed: bool = True
    """The resource is one that the service has and AWS takes."""

    @classmethod
    def parse(cls, arn: str) -> Destination | None:
        """None when it is no ARN."""
        found = _ARN.fullmatch(arn)
        if found is None:
            return None
        service, region, account = found["service"], found["region"], found["account"]
        resource = _RESOURCES[service].fullmatch(found["rest"]) if service in _RESOURCES else None
        placed = (region == account == "") if service == "s3" else (region != "" and account != "")
        if resource is None or not placed:
            return cls(arn, service, region, account, well_formed=False)
        names = resource.groupdict()
        return cls(arn, service, region, account, names.get("name"), names.get("qualifier"))


def can_take(destination: Destination | None, *, failures: bool) -> bool:
    """Whether the service can be a destination of successes, or of failures, at all."""
    if destination is None:
        return False
    if destination.service == "s3":
        return failures
    return destination.service in _RESOURCES
