"""Which server the client commands talk to, and as whom: from the environment, or from what the server wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lambent.cli.failure import Failure
from lambent.values import frozen

REGION = "us-east-1"


@frozen
class Access:
    """An endpoint, and the keys to it."""

    endpoint: str
    region: str
    access_key: str
    secret_key: str
    session_token: str | None = None


def find(environ: Mapping[str, str], data: Path, *, named: bool) -> Access:
    """The access that `environ` describes, else that of the server whose data directory is `data`.

    `named` says that the user named the directory, which then decides alone. Keys of the environment count only
    together with an endpoint there: without one they are meant for somewhere else (for AWS, as a rule).
    Raises Failure.
    """
    endpoint = None if named else environ.get("AWS_ENDPOINT_URL_LAMBDA") or environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return written(data)
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
        return Access(
            endpoint,
            region or REGION,
            environ["AWS_ACCESS_KEY_ID"],
            environ["AWS_SECRET_ACCESS_KEY"],
            environ.get("AWS_SESSION_TOKEN") or None,
        )
    ours = written(data)
    return Access(endpoint, region or ours.region, ours.access_key, ours.secret_key)


def written(data: Path) -> Access:
    """What a server wrote into `<data>/credentials` at its start. Raises Failure."""
    file = data / "credentials"
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise Failure(
            f"no server has been started with the data directory {data}: start `lambent serve`, or name its directory "
            "with --data"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise Failure(f"cannot read {file}: {reason} (it is readable for the user that runs the server)") from None
    return parsed(text, file)


def parsed(text: str, file: Path) -> Access:
    """The access in an AWS shared-credentials text that names its endpoint. Raises Failure."""
    import configparser  # only for who reads the file: it is no small one

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
        default = parser["default"]
        return Access(
            default["endpoint_url"],
            default.get("region", REGION),
            default["aws_access_key_id"],
            default["aws_secret_access_key"],
        )
    except configparser.Error:
        raise Failure(f"{file} is damaged: not an AWS credentials file") from None
    except KeyError as error:
        raise Failure(f"{file} is damaged: it lacks {error}") from None
