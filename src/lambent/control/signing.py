"""The operations on code signing configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from lambent.control.configuration import last_modified
from lambent.control.naming import UNTYPED, function_missing, function_ref
from lambent.control.paging import page
from lambent.control.resources import Resource, tags_given
from lambent.control.shapes import (
    CodeSigningConfig,
    CodeSigningConfigNotFoundException,
    CodeVerificationFailedException,
    CreateCodeSigningConfigRequest,
    CreateCodeSigningConfigResponse,
    DeleteCodeSigningConfigRequest,
    DeleteCodeSigningConfigResponse,
    DeleteFunctionCodeSigningConfigRequest,
    GetCodeSigningConfigRequest,
    GetCodeSigningConfigResponse,
    GetFunctionCodeSigningConfigRequest,
    GetFunctionCodeSigningConfigResponse,
    InvalidParameterValueException,
    ListCodeSigningConfigsRequest,
    ListCodeSigningConfigsResponse,
    ListFunctionsByCodeSigningConfigRequest,
    ListFunctionsByCodeSigningConfigResponse,
    PutFunctionCodeSigningConfigRequest,
    PutFunctionCodeSigningConfigResponse,
    ResourceConflictException,
    ResourceNotFoundException,
    UpdateCodeSigningConfigRequest,
    UpdateCodeSigningConfigResponse,
)
from lambent.core import limits
from lambent.core.arn import FunctionRef, function_arn
from lambent.invoke.belongings import Belongings
from lambent.invoke.records import FunctionRecords
from lambent.invoke.regional import Regional, Value
from lambent.kit.ids import small_id
from lambent.ports import Ports
from lambent.store.base import Put
from lambent.store.optimistic import optimistic
from lambent.wire.call import Call

KIND = "code-signing-config"


class SigningConfigs:
    """Code signing configurations as they are kept, and what they say of a deployment."""

    def __init__(self, ports: Ports) -> None:
        self._log = ports.log
        self.configs = Regional(ports.records, KIND)
        self.uses = Belongings(ports.records, "code-signing")
        """Function → the ARN of the configuration that it uses."""

    async def used_by(self, function: FunctionRef) -> str | None:
        """The ARN of the configuration that a function uses."""
        use = await self.uses.get(function)
        return None if use is None else use["CodeSigningConfigArn"]

    async def check(self, call: Call, name: str, arn: str | None) -> None:
        """Whether code may be deployed to the function `name` under the configuration `arn`, if there is one.

        No package that comes through the API is signed. Raises CodeVerificationFailedException when the configuration
        demands a signature, CodeSigningConfigNotFoundException when there is none with this ARN.
        """
        if arn is None:
            return
        config, _ = await self._demanded(call, arn)
        if config["CodeSigningPolicies"]["UntrustedArtifactOnDeployment"] == "Enforce":
            raise CodeVerificationFailedException(
                "Lambda cannot deploy the function. The function or layer might be signed using a signature that the "
                f"client is not configured to accept. Check the provided signature for {name}."
            )
        self._log.warning("unsigned_code_deployed", function=name, code_signing_config=arn)

    async def use(self, call: Call, function: FunctionRef, arn: str | None) -> list[Put]:
        """The changes by which a function uses a configuration, as long as that is as it is now; none without one.
        Raises CodeSigningConfigNotFoundException."""
        if arn is None:
            return []
        config, revision = await self._demanded(call, arn)
        unchanged = self.configs.change(call.account, call.region, config["Id"], config, revision)
        return [unchanged, self.uses.change(function, {"CodeSigningConfigArn": arn})]

    async def _demanded(self, call: Call, arn: str) -> tuple[Value, int]:
        found = await self.find(call, arn)
        if found is None:
            raise CodeSigningConfigNotFoundException(
                "The code signing configuration cannot be found. Check that the provided configuration is not deleted: "
                f"{arn}."
            )
        return found

    async def find(self, call: Call, arn: str) -> tuple[Value, int] | None:
        """The configuration with this ARN, if it is the caller's, and its revision."""
        resource = Resource.parse(arn)
        if resource is None or (resource.account, resource.region) != (call.account, call.region):
            return None
        return await self.configs.get(call.account, call.region, resource.name)


class CodeSigningConfigs:
    """Create, read, update, list and delete code signing configurations; which functions use them."""

    def __init__(self, ports: Ports) -> None:
        self._clock = ports.clock
        self._functions = FunctionRecords(ports.records, ports.seal)
        self._signing = SigningConfigs(ports)
        self._configs = self._signing.configs
        self._uses = self._signing.uses

    async def create_code_signing_config(
        self, call: Call, request: CreateCodeSigningConfigRequest
    ) -> CreateCodeSigningConfigResponse:
        """Partly: signatures themselves are not verified: code from the API has none, so Enforce refuses all of it."""
        name = f"csc-{small_id(17)}"
        config = {
            "Id": name,
            "Description": request.get("Description"),
            "AllowedPublishers": _publishers(request["AllowedPublishers"]),
            "CodeSigningPolicies": {
                "UntrustedArtifactOnDeployment": "Warn",
                **(request.get("CodeSigningPolicies") or {}),
            },
            "LastModified": last_modified(self._clock.now()),
            "Tags": tags_given(request.get("Tags") or {}),
        }
        await self._configs.add(call.account, call.region, name, config)
        return {"CodeSigningConfig": _shown(call, config)}

    async def get_code_signing_config(
        self, call: Call, request: GetCodeSigningConfigRequest
    ) -> GetCodeSigningConfigResponse:
        """One configuration."""
        config, _ = await self._existing(call, request["CodeSigningConfigArn"])
        return {"CodeSigningConfig": _shown(call, config)}

    @optimistic
    async def update_code_signing_config(
        self, call: Call, request: UpdateCodeSigningConfigRequest
    ) -> UpdateCodeSigningConfigResponse:
        """Change what the request names. Code that is deployed already is not looked at again."""
        changes: dict[str, Any] = {}
        if (description := request.get("Description")) is not None:
            changes["Description"] = description
        if (publishers := request.get("AllowedPublishers")) is not None:
            changes["AllowedPublishers"] = _publishers(publishers)
        before, revision = await self._existing(call, request["CodeSigningConfigArn"])
        policies = {**before["CodeSigningPolicies"], **(request.get("CodeSigningPolicies") or {})}
        config = {**before, **changes, "CodeSigningPolicies": policies}
        config["LastModified"] = last_modified(self._clock.now())
        await self._configs.replace(call.account, call.region, config["Id"], config, revision)
        return {"CodeSigningConfig": _shown(call, config)}

    @optimistic
    async def delete_code_signing_config(
        self, call: Call, request: DeleteCodeSigningConfigRequest
    ) -> DeleteCodeSigningConfigResponse:
        """Only one that no function uses."""
        arn = request["CodeSigningConfigArn"]
        config, revision = await self._existing(call, arn)
        if await self._users(call, arn):
            raise ResourceConflictException(
                f"The code signing configuration {arn} cannot be deleted because functions use it."
            )
        await self._configs.remove(call.account, call.region, config["Id"], revision)
        return {}

    async def list_code_signing_configs(
        self, call: Call, request: ListCodeSigningConfigsRequest
    ) -> ListCodeSigningConfigsResponse:
        """Those of the account and region."""
        configs = await self._configs.all(call.account, call.region)
        shown, marker = page(configs, request, limits.SIGNING_PAGE)
        answer: ListCodeSigningConfigsResponse = {"CodeSigningConfigs": [_shown(call, config) for config in shown]}
        if marker is not None:
            answer["NextMarker"] = marker
        return answer

    async def list_functions_by_code_signing_config(
        self, call: Call, request: ListFunctionsByCodeSigningConfigRequest
    ) -> ListFunctionsByCodeSigningConfigResponse:
        """The ARNs of the functions that use a configuration."""
        arn = request["CodeSigningConfigArn"]
        await self._existing(call, arn)
        users = {name: function_arn(call.account, call.region, name) for name in await self._users(call, arn)}
        shown, marker = page(users, request, limits.SIGNING_PAGE)
        answer: ListFunctionsByCodeSigningConfigResponse = {"FunctionArns": list(shown)}
        if marker is not None:
            answer["NextMarker"] = marker
        return answer

    @optimistic
    async def put_function_code_signing_config(
        self, call: Call, request: PutFunctionCodeSigningConfigRequest
    ) -> PutFunctionCodeSigningConfigResponse:
        """Let a function use a configuration from its next deployment on."""
        ref = function_ref(call, request["FunctionName"])
        arn = request["CodeSigningConfigArn"]
        unchanged, use = await self._signing.use(call, ref, arn)
        found = await self._functions.get(ref.account, ref.region, ref.name)
        if found is None:
            raise function_missing(ref)
        await self._functions.replace(*found, unchanged, use)
        return {"CodeSigningConfigArn": arn, "FunctionName": ref.name}

    async def get_function_code_signing_config(
        self, call: Call, request: GetFunctionCodeSigningConfigRequest
    ) -> GetFunctionCodeSigningConfigResponse:
        """What a function uses; empty, as AWS's answer, when it uses none."""
        ref = await self._function(call, request["FunctionName"])
        arn = await self._signing.used_by(ref)
        if arn is None:
            return {}  # type: ignore[typeddict-item]  # AWS's answer for none lacks the members its model requires
        return {"CodeSigningConfigArn": arn, "FunctionName": ref.name}

    async def delete_function_code_signing_config(
        self, call: Call, request: DeleteFunctionCodeSigningConfigRequest
    ) -> None:
        """Let a function be deployed without a configuration again."""
        await self._uses.delete(await self._function(call, request["FunctionName"]))

    async def _existing(self, call: Call, arn: str) -> tuple[Value, int]:
        found = await self._signing.find(call, arn)
        if found is None:
            text = f"The Lambda code signing configuration {arn} can not be found."
            raise ResourceNotFoundException(text, extra=UNTYPED)
        return found

    async def _users(self, call: Call, arn: str) -> list[str]:
        uses = await self._uses.all(call.account, call.region)
        return [name for name, use in uses if use["CodeSigningConfigArn"] == arn]

    async def _function(self, call: Call, name: str) -> FunctionRef:
        ref = function_ref(call, name)
        if await self._functions.get(ref.account, ref.region, ref.name) is None:
            raise function_missing(ref)
        return ref


def _publishers(allowed: Mapping[str, Any]) -> dict[str, Any]:
    """Raises InvalidParameterValueException for what is no signing profile's version."""
    for arn in allowed["SigningProfileVersionArns"]:
        _, _, service, _, _, rest = arn.split(":", 5)
        if service != "signer" or not rest.startswith("/signing-profiles/"):
            raise InvalidParameterValueException(f"The signing profile version ARN {arn} is invalid.")
    return dict(allowed)


def _shown(call: Call, config: Value) -> CodeSigningConfig:
    answer = {
        "CodeSigningConfigId": config["Id"],
        "CodeSigningConfigArn": Resource(call.account, call.region, KIND, config["Id"]).arn,
        "AllowedPublishers": config["AllowedPublishers"],
        "CodeSigningPolicies": config["CodeSigningPolicies"],
        "LastModified": config["LastModified"],
    }
    if config["Description"] is not None:
        answer["Description"] = config["Description"]
    return cast(CodeSigningConfig, answer)
