"""S3's URLs presigned by signature version 2, which boto3 still makes for us-east-1 unless it is told otherwise.

Version 2 proves neither a region nor a body; only such URLs are taken, no signed headers. Pure.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

from lambent.wire.canonical import MISMATCH
from lambent.wire.errors import AccessDenied, ApiError, InvalidSignature, UnrecognizedClient
from lambent.wire.message import Request
from lambent.wire.protocols.rest import parse_query
from lambent.wire.sigv4 import Identities, Verified

_SUBRESOURCES = frozenset(
    (
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "delete",
        "encryption",
        "inventory",
        "legal-hold",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "ownershipControls",
        "partNumber",
        "policy",
        "policyStatus",
        "publicAccessBlock",
        "replication",
        "requestPayment",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "restore",
        "retention",
        "select",
        "select-type",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
    )
)


def is_presigned(query: bytes) -> bool:
    """Whether a query is of such a URL."""
    return b"AWSAccessKeyId=" in query and b"Signature=" in query


def verify(request: Request, bucket: bytes, identities: Identities, now: float, region: str) -> Verified:
    """Who presigned the URL of this request, for the region that none is named of; `bucket`: the one in the host, or
    nothing. Raises UnrecognizedClient, AccessDenied, InvalidSignature and ExpiredToken."""
    fields = {name: values[0] for name, values in parse_query(request.query).items()}
    access_key, expires = fields.get("AWSAccessKeyId", ""), fields.get("Expires", "")
    key = identities.find(access_key, fields.get("x-amz-security-token"), now)
    if key is None:
        raise UnrecognizedClient("The security token included in the request is invalid.")
    if not expires.isdigit() or len(expires) > 12:
        text = "Invalid date (should be seconds since epoch): " + expires[:64]
        raise ApiError(text, code="AccessDenied", status=403)
    signed = hmac.digest(key.secret.encode(), _text(request, bucket, fields), hashlib.sha1)
    if not hmac.compare_digest(base64.b64encode(signed), fields.get("Signature", "").encode("utf-8")):
        raise InvalidSignature(MISMATCH)
    if int(expires) < now:
        raise AccessDenied("Request has expired")
    return Verified(key.principal, region, "s3")


def _text(request: Request, bucket: bytes, fields: Mapping[str, str]) -> bytes:
    """What was signed."""
    headers = {name.decode("latin-1"): value.decode("utf-8", "replace") for name, value in request.headers.items()}
    said = {**headers, **{name.lower(): value for name, value in fields.items()}}
    amazon = sorted((name, value.strip()) for name, value in said.items() if name.startswith("x-amz-"))
    lines = [request.method, said.get("content-md5", ""), said.get("content-type", ""), fields["Expires"]]
    lines += [f"{name}:{value}" for name, value in amazon]
    resource = (b"/" + bucket if bucket else b"").decode("latin-1") + request.path.decode("latin-1")
    pairs = [f"{name}={value}" if value else name for name, value in sorted(fields.items()) if name in _SUBRESOURCES]
    return ("\n".join(lines) + "\n" + resource + ("?" + "&".join(pairs) if pairs else "")).encode("utf-8")
