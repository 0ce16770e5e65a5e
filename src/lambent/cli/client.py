"""The AWS client of the client commands: the public API and nothing else. Its errors become one clear line."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.httpsession import URLLib3Session

from lambent.cli.access import Access
from lambent.cli.failure import Failure

LONGEST_S = 930
"""Longer than a function may run."""


def connect(access: Access, service: str) -> Any:
    """A client of `service`, botocore's own: boto3 takes half as long again to load, and adds nothing. What the user's
    AWS configuration files and profiles say plays no part. Raises Failure when the endpoint is no URL."""
    ignored = {"profile": (None, None, None, None), "config_file": (None, None, os.devnull, None)}
    session = botocore.session.Session(session_vars=ignored)
    config = Config(
        connect_timeout=5,
        read_timeout=LONGEST_S,
        tcp_keepalive=True,
        retries={"total_max_attempts": 1},
        # A proxy of the environment is not asked for this machine's own addresses.
        proxies={} if _is_loopback(access.endpoint) else None,
    )
    try:
        return session.create_client(
            service,
            endpoint_url=access.endpoint,
            region_name=access.region,
            aws_access_key_id=access.access_key,
            aws_secret_access_key=access.secret_key,
            aws_session_token=access.session_token,
            config=config,
        )
    except (ValueError, BotoCoreError) as error:
        raise Failure(_line(error)) from None


def ask(access: Access, path: str, query: Mapping[str, str]) -> Any:
    """What the server answers at a path of its own, beside the AWS API. Raises Failure, and what `talking_to` takes."""
    url = f"{access.endpoint.rstrip('/')}{path}?{urlencode(query, quote_via=quote)}"
    request = AWSRequest("GET", url)
    keys = Credentials(access.access_key, access.secret_key, access.session_token)
    SigV4Auth(keys, "lambda", access.region).add_auth(request)
    proxies: dict[str, str] | None = {} if _is_loopback(access.endpoint) else None
    answer = URLLib3Session(proxies=proxies, timeout=(5, LONGEST_S)).send(request.prepare())
    try:
        said = json.loads(answer.content)
    except ValueError:
        raise Failure(f"{access.endpoint} does not answer as Lambent does (status {answer.status_code})") from None
    if answer.status_code != 200:
        raise Failure(f"{said.get('__type', answer.status_code)}: {_line(said.get('message', 'refused'))}")
    return said


@contextmanager
def talking_to(access: Access) -> Iterator[None]:
    """Turns what goes wrong between a client and its server into a Failure."""
    try:
        yield
    except ClientError as error:
        said = error.response.get("Error", {})
        raise Failure(f"{said.get('Code', 'Error')}: {_line(said.get('Message') or error)}") from None
    except (EndpointConnectionError, ConnectTimeoutError):
        raise Failure(f"cannot reach {access.endpoint}: is `lambent serve` running?") from None
    except (ConnectionClosedError, ReadTimeoutError):
        raise Failure(f"lost the connection to {access.endpoint}: has `lambent serve` been stopped?") from None
    except BotoCoreError as error:
        raise Failure(_line(error)) from None


def is_missing(error: ClientError) -> bool:
    """Whether the server said that there is no such resource."""
    code: str = error.response.get("Error", {}).get("Code", "")
    return code == "ResourceNotFoundException"


def _line(said: object) -> str:
    return " ".join(str(said).split())


def _is_loopback(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
