"""Deployment packages as the API takes them: checked, unpacked once to prove them, and stored."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from lambent.control.shapes import InvalidParameterValueException
from lambent.core import limits
from lambent.core.function import Code
from lambent.invoke.artifacts import Artifacts
from lambent.invoke.package import BadPackage
from lambent.ports import Ports
from lambent.wire.call import Call
from lambent.wire.errors import AccessDenied, ApiError

_DENIED = frozenset(("AccessDenied", "403", "Forbidden"))


async def package(ports: Ports, call: Call, source: Mapping[str, Any]) -> bytes:
    """The package that a request's `Code` or `Content`, or the request itself, has or names. Raises
    InvalidParameterValueException when it has none, and S3's errors as AWS tells them."""
    bucket, key = source.get("S3Bucket"), source.get("S3Key")
    if source.get("ZipFile") is not None:
        if bucket or key or source.get("S3ObjectVersion"):
            text = "Please do not provide other FunctionCode parameters when providing a ZipFile."
            raise InvalidParameterValueException(text)
        return _zip_file(source["ZipFile"])
    if not bucket or not key:
        raise InvalidParameterValueException("Please provide a source for function code.")
    return await _from_s3(ports, call, {"Bucket": bucket, "Key": key}, source.get("S3ObjectVersion"))


async def _from_s3(ports: Ports, call: Call, wanted: dict[str, Any], version: str | None) -> bytes:
    """An object of S3. There is no limit but the one of what it unpacks to."""
    request = {**wanted, "VersionId": version} if version else wanted
    try:
        data: bytes = (await ports.aws.call(call, "s3", "GetObject", request))["Body"]
    except ApiError as error:
        raise _not_fetched(error, wanted) from None
    return data


def _not_fetched(error: ApiError, wanted: Mapping[str, str]) -> ApiError:
    if error.code == "AnswerTooLarge":
        return InvalidParameterValueException(f"Unzipped size must be smaller than {limits.UNZIPPED} bytes")
    if error.code == "NotImplementedException":
        return InvalidParameterValueException(error.message)
    told = f"S3 Error Code: {error.code}. S3 Error Message: {error.message}"
    if (error.status or 400) >= 500:
        return ApiError(f"Error occurred while GetObject. {told}", code="ServiceException", status=500)
    if error.code in _DENIED:
        where = f"{wanted['Bucket']}/{wanted['Key']}"
        return AccessDenied(
            "Your access has been denied by S3, please make sure your request credentials have permission to "
            f"GetObject for {where}. {told}"
        )
    return InvalidParameterValueException(f"Error occurred while GetObject. {told}")


def _zip_file(data: bytes) -> bytes:
    if not data:
        raise InvalidParameterValueException("Uploaded file must be a non-empty zip")
    if len(data) > limits.ZIPPED:
        raise ApiError(
            f"Zipped size must be smaller than {limits.ZIPPED} bytes", code="RequestEntityTooLargeException", status=413
        )
    return data


def _described(data: bytes) -> Code:
    digest = hashlib.sha256(data)
    return Code(digest.hexdigest(), b64encode(digest.digest()).decode(), len(data))


async def checked(ports: Ports, artifacts: Artifacts, data: bytes) -> Code:
    """Unpack the package, which proves it. Raises InvalidParameterValueException for a bad one."""
    code = await ports.tasks.in_thread(_described, data)
    try:
        await artifacts.unpack(code.digest, data)
    except BadPackage as error:
        raise InvalidParameterValueException(str(error)) from None
    return code
