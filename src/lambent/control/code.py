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
from lambent.wire.errors import ApiError


def zip_file(source: Mapping[str, Any]) -> bytes:
    """The package in a request's `Code`, or in the request itself. Raises InvalidParameterValueException when there is
    none, and the 413 of AWS when it is too large."""
    data: bytes | None = source.get("ZipFile")
    if data is None:
        raise InvalidParameterValueException("Please provide a source for function code.")
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
