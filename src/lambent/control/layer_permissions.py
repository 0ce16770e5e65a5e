"""Who else may use a layer version: its resource policy, statement by statement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from lambent.control.attaching import not_allowed
from lambent.control.layers import version_ref
from lambent.control.shapes import (
    AddLayerVersionPermissionRequest,
    AddLayerVersionPermissionResponse,
    GetLayerVersionPolicyRequest,
    GetLayerVersionPolicyResponse,
    InvalidParameterValueException,
    PolicyLengthExceededException,
    PreconditionFailedException,
    RemoveLayerVersionPermissionRequest,
    ResourceConflictException,
    ResourceNotFoundException,
)
from lambent.core import limits
from lambent.core.layer import LayerRef, LayerVersion, statement
from lambent.invoke.layers import LayerRecords
from lambent.kit.ids import uuid4
from lambent.ports import Ports
from lambent.store.optimistic import optimistic
from lambent.wire.call import Call


class LayerPermissions:
    """Add, read and remove permissions to use a layer version."""

    def __init__(self, ports: Ports) -> None:
        self._layers = LayerRecords(ports.records)

    async def add_layer_version_permission(
        self, call: Call, request: AddLayerVersionPermissionRequest
    ) -> AddLayerVersionPermissionResponse:
        """Also to all accounts of an organization, of which there are none here."""
        ref = version_ref(call, request["LayerName"], request["VersionNumber"])
        sid, principal = request["StatementId"], request["Principal"]
        organization = request.get("OrganizationId")
        if organization is not None and principal != "*":
            raise InvalidParameterValueException("OrganizationId can be given for the principal * only.")
        added = statement(ref, sid=sid, principal=principal, organization=organization)

        def add(version: LayerVersion) -> LayerVersion:
            if any(each["Sid"] == sid for each in version.statements):
                raise ResourceConflictException(
                    f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove "
                    "the existing statement."
                )
            return replace(version, statements=(*version.statements, added))

        changed = await self._change(call, ref, request.get("RevisionId"), add)
        return {"Statement": orjson.dumps(added).decode(), "RevisionId": changed.policy_revision}

    async def get_layer_version_policy(
        self, call: Call, request: GetLayerVersionPolicyRequest
    ) -> GetLayerVersionPolicyResponse:
        """The whole policy, as JSON."""
        ref = version_ref(call, request["LayerName"], request["VersionNumber"])
        version, _ = await self._existing(call, ref)
        if not version.statements:
            raise _no_policy()
        return {"Policy": _document(version).decode(), "RevisionId": version.policy_revision}

    async def remove_layer_version_permission(self, call: Call, request: RemoveLayerVersionPermissionRequest) -> None:
        """Functions that have the layer keep it."""
        ref = version_ref(call, request["LayerName"], request["VersionNumber"])
        sid = request["StatementId"]

        def remove(version: LayerVersion) -> LayerVersion:
            if not version.statements:
                raise _no_policy()
            left = tuple(each for each in version.statements if each["Sid"] != sid)
            if len(left) == len(version.statements):
                raise ResourceNotFoundException(f"Statement {sid} is not found in resource policy.")
            return replace(version, statements=left)

        await self._change(call, ref, request.get("RevisionId"), remove)

    @optimistic
    async def _change(
        self, call: Call, ref: LayerRef, wanted: str | None, change: Callable[[LayerVersion], LayerVersion]
    ) -> LayerVersion:
        """Write the change on what is there now."""
        version, revision = await self._existing(call, ref)
        if wanted is not None and wanted != version.policy_revision:
            raise PreconditionFailedException(
                "The Revision Id provided does not match the latest Revision Id. "
                "Call the GetLayerPolicy API to retrieve the latest Revision Id"
            )
        changed = replace(change(version), policy_revision=uuid4())
        if (size := len(_document(changed))) > limits.POLICY:
            raise PolicyLengthExceededException(
                f"The final policy size ({size}) is bigger than the limit ({limits.POLICY})."
            )
        await self._layers.replace(changed, revision)
        return changed

    async def _existing(self, call: Call, ref: LayerRef) -> tuple[LayerVersion, int]:
        if ref.account != call.account:
            raise not_allowed(call, ref.arn)
        found = await self._layers.get(ref)
        if found is None:
            raise ResourceNotFoundException(f"Layer version {ref.arn} does not exist.")
        return found


def _document(version: LayerVersion) -> bytes:
    policy: dict[str, Any] = {"Version": "2012-10-17", "Id": "default", "Statement": list(version.statements)}
    return orjson.dumps(policy)


def _no_policy() -> ResourceNotFoundException:
    return ResourceNotFoundException("No policy is associated with the given resource.")
