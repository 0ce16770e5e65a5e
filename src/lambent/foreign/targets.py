"""Where a foreign service is, and with whose keys we ask it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from lambent.kit.http_client import Origin
from lambent.values import frozen
from lambent.wire.signing import Credentials

OUR_OWN = frozenset({"lambda", "iam", "sts", "logs"})
"""Services that cannot be elsewhere: keys, roles and what functions print belong to whoever runs the functions."""
_CALLED = {
    "apigatewayv2": "apigateway",
    "dynamodbstreams": "dynamodb",
    "efs": "elasticfilesystem",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "emr": "elasticmapreduce",
    "eventbridge": "events",
    "iot-data": "iotdata",
    "keyspaces": "cassandra",
    "opensearch": "es",
    "secrets-manager": "secretsmanager",
    "sesv2": "ses",
    "stepfunctions": "states",
    "timestream-query": "timestream",
    "timestream-write": "timestream",
}
"""What signatures call services that clients call otherwise; under the clients' names nothing would ever be asked."""
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_PREFIX = "LAMBENT_NEIGHBOUR_"


class BadNeighbour(ValueError):
    """What `--neighbour`, or a variable about it, says cannot be; the text is for whoever wrote it."""


@frozen
class Neighbour:
    """A service that lives elsewhere."""

    name: str
    """Its signing name: what signatures call it (`s3`, `dynamodb`, `secretsmanager`, …)."""
    url: str
    origin: Origin
    path: bytes = b""
    """What its paths begin with."""
    keys: Credentials | None = None
    """None: it takes any signature; it is asked with the caller's account as the key's id."""
    profile: str | None = None
    """Of the AWS configuration files: whose keys are asked for anew while they change."""
    region: str | None = None
    """What signatures name; None is the caller's."""


def neighbour(text: str, environ: Mapping[str, str]) -> Neighbour:
    """What `NAME=URL` and the variables about NAME say. Raises BadNeighbour."""
    name, equals, url = text.partition("=")
    if not equals or not _NAME.fullmatch(name):
        raise BadNeighbour(f"'{text}' is not NAME=URL, as in s3=http://127.0.0.1:9000")
    if name in _CALLED:
        raise BadNeighbour(f"signatures call {name} {_CALLED[name]}: write {_CALLED[name]}={url}")
    if name in OUR_OWN:
        raise BadNeighbour(f"{name} cannot be a neighbour: {', '.join(sorted(OUR_OWN))} are Lambent's own")
    try:
        origin = Origin.of(url)
        parts = urlsplit(url)
    except ValueError as error:
        raise BadNeighbour(f"'{url}' cannot be the address of {name}: {error}") from None
    if parts.query or parts.fragment or parts.username:
        raise BadNeighbour(f"'{url}' cannot be the address of {name}: it may have a host, a port and a path")
    said = _PREFIX + re.sub(r"\W", "_", name).upper()
    key, secret = environ.get(f"{said}_ACCESS_KEY_ID"), environ.get(f"{said}_SECRET_ACCESS_KEY")
    if bool(key) != bool(secret):
        raise BadNeighbour(f"{said}_ACCESS_KEY_ID and {said}_SECRET_ACCESS_KEY belong together")
    profile = environ.get(f"{said}_PROFILE") or None
    if profile is not None and key:
        raise BadNeighbour(f"{said}_PROFILE and {said}_ACCESS_KEY_ID cannot both be")
    keys = Credentials(key, secret, environ.get(f"{said}_SESSION_TOKEN") or None) if key and secret else None
    return Neighbour(
        name=name,
        url=url,
        origin=origin,
        path=parts.path.rstrip("/").encode(),
        keys=keys,
        profile=profile,
        region=environ.get(f"{said}_REGION") or None,
    )


def neighbours(texts: tuple[str, ...], environ: Mapping[str, str]) -> tuple[Neighbour, ...]:
    """All of them. Raises BadNeighbour, also for one that is there twice."""
    found = [neighbour(text, environ) for text in texts]
    names = [each.name for each in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadNeighbour(f"{twice} is given twice")
    return tuple(found)
