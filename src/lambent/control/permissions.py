"""The operations on resource policies: a function, each of its versions and each of its aliases has one of its own.

A policy has no revision id of its own: it is that of the function's `$LATEST`, the version or the alias.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from lambent.control.finding import check_revision
from lambent.control.naming import function_missing, function_ref
from lambent.control.shapes import (
    AddPermissionRequest,
    AddPermissionResponse,
    DeleteResourcePolicyRequest,
    GetPolicyRequest,
    GetPolicyResponse,
    GetResourcePolicyRequest,
    GetResourcePolicyResponse,
    InvalidParameterValueException,
    PolicyLengthExceededException,
    PreconditionFailedException,
    PutResourcePolicyRequest,
    PutResourcePolicyResponse,
    RemovePermissionRequest,
    ResourceConflictException,
    ResourceNotFoundException,
)
from lambent.core import limits
from lambent.core.arn import LATEST, FunctionRef
from lambent.core.function import Alias, Function, Version
from lambent.core.policydoc import MalformedPolicy, parse_resource
from lambent.core.resourcepolicy import Document, Statement, principal, statement, text, with_statements
from lambent.core.routing import is_version
from lambent.invoke.belongings import Belongings
from lambent.invoke.records import FunctionRecords
from lambent.kit.ids import uuid4
from lambent.ports import Ports
from lambent.store.base import Change
from lambent.store.optimistic import optimistic
from lambent.values import frozen
from lambent.wire.call import Call
from lambent.wire.errors import ApiError

_URL_ACTION = "lambda:InvokeFunctionUrl"


@frozen
class Subject:
    """What a policy is about, as it is in the store."""

    ref: FunctionRef
    function: Function
    revision: int
    bearer: Version | Alias
    """Whose RevisionId the policy's is."""
    policy: Document | None

    @property
    def statements(self) -> Sequence[Statement]:
        """Of its policy; none without one."""
        return () if self.policy is None else self.policy["Statement"]

    @property
    def qualifier(self) -> str:
        """Empty for the function itself."""
        return self.ref.qualifier or ""


class Permissions:
    """Add, remove and read."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._functions = FunctionRecords(ports.records, ports.seal)
        self._policies = Belongings(ports.records, "policies")

    @optimistic
    async def add_permission(self, call: Call, request: AddPermissionRequest) -> AddPermissionResponse:
        """Partly: policies are kept and shown, and not yet asked when a function is invoked."""
        ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
        if ref.qualifier == LATEST:
            raise InvalidParameterValueException("We currently do not support adding policies for $LATEST.")
        subject = await self._subject(ref)
        if subject is None:
            raise await self._missing(ref)
        _check_revision(subject, request.get("RevisionId"))
        sid = request["StatementId"]
        if any(each.get("Sid") == sid for each in subject.statements):
            raise ResourceConflictException(
                f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove "
                "the existing statement."
            )
        _check_url(request)
        made = statement(request, ref.arn, await self._principal(call, request["Principal"]))
        await self._write(subject, with_statements(subject.policy, [*subject.statements, made]))
        return {"Statement": text(made)}

    @optimistic
    async def remove_permission(self, call: Call, request: RemovePermissionRequest) -> None:
        """Take one statement away; with the last one the policy is gone."""
        ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
        sid = request["StatementId"]
        subject = await self._subject(ref)
        if subject is None:
            raise await self._missing(ref, "No policy found for: ")
        if not subject.statements:
            raise ResourceNotFoundException("No policy is associated with the given resource.")
        left = [each for each in subject.statements if each.get("Sid") != sid]
        if len(left) == len(subject.statements):
            raise ResourceNotFoundException(f"Statement {sid} is not found in resource policy.")
        check_revision(subject.bearer.revision_id, request.get("RevisionId"))
        await self._write(subject, with_statements(subject.policy, left))

    async def get_policy(self, call: Call, request: GetPolicyRequest) -> GetPolicyResponse:
        """The document, and the revision id that a change of it may name."""
        ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
        if await self._functions.get(ref.account, ref.region, ref.name) is None:
            raise function_missing(replace(ref, qualifier=None))
        return await self._shown(ref)

    @optimistic
    async def put_resource_policy(self, call: Call, request: PutResourcePolicyRequest) -> PutResourcePolicyResponse:
        """Partly: of functions, versions and aliases; the whole document, in place of what AddPermission made too."""
        ref = _resource(call, request["ResourceArn"])
        if ref.qualifier == LATEST:
            raise InvalidParameterValueException("We currently do not support adding policies for $LATEST.")
        try:
            policy = parse_resource(request["Policy"], ref.arn)
        except MalformedPolicy as fault:
            raise InvalidParameterValueException(str(fault)) from None
        subject = await self._subject(ref)
        if subject is None:
            raise await self._missing(ref)
        _check_revision(subject, request.get("RevisionId"))
        await self._write(subject, policy)
        shown = await self._shown(ref)
        return {"Policy": shown["Policy"], "RevisionId": shown["RevisionId"]}

    async def get_resource_policy(self, call: Call, request: GetResourcePolicyRequest) -> GetResourcePolicyResponse:
        """Partly: of functions, versions and aliases."""
        shown = await self._shown(_resource(call, request["ResourceArn"]))
        return {"Policy": shown["Policy"], "RevisionId": shown["RevisionId"]}

    @optimistic
    async def delete_resource_policy(self, call: Call, request: DeleteResourcePolicyRequest) -> None:
        """Partly: of functions, versions and aliases; every statement."""
        ref = _resource(call, request["ResourceArn"])
        subject = await self._subject(ref)
        if subject is None:
            raise await self._missing(ref)
        if subject.policy is None:
            raise ResourceNotFoundException("No policy is associated with the given resource.")
        _check_revision(subject, request.get("RevisionId"))
        await self._write(subject, with_statements(None, ()))

    # -- steps ----------------------------------------------------------------------------------------------------

    async def _shown(self, ref: FunctionRef) -> GetPolicyResponse:
        subject = await self._subject(ref)
        if subject is None or subject.policy is None:
            raise ResourceNotFoundException("The resource you requested does not exist.")
        return {"Policy": text(subject.policy), "RevisionId": subject.bearer.revision_id}

    async def _subject(self, ref: FunctionRef) -> Subject | None:
        """None when there is no such function, version or alias."""
        found = await self._functions.get(ref.account, ref.region, ref.name)
        bearer = None if found is None else await self._bearer(ref, found[0])
        if found is None or bearer is None:
            return None
        policy = await self._policies.get(ref, ref.qualifier or "")
        return Subject(ref, *found, bearer, policy if policy and policy["Statement"] else None)

    async def _bearer(self, ref: FunctionRef, function: Function) -> Version | Alias | None:
        where = ref.account, ref.region, ref.name
        if ref.qualifier in (None, LATEST):
            return function.latest
        if is_version(ref.qualifier):
            return await self._functions.version(*where, ref.qualifier)
        return await self._functions.alias(*where, ref.qualifier)

    async def _missing(self, ref: FunctionRef, no_function: str = "Function not found: ") -> ApiError:
        whole = replace(ref, qualifier=None)
        if await self._functions.get(ref.account, ref.region, ref.name) is None:
            return ResourceNotFoundException(no_function + whole.arn)
        if ref.qualifier is None or is_version(ref.qualifier) or "$" in ref.qualifier:
            return function_missing(ref)
        return ResourceNotFoundException(f"Cannot find alias arn: {ref.arn}")

    async def _principal(self, call: Call, given: str) -> str | Mapping[str, str]:
        """Raises InvalidParameterValueException for nobody, and for a user or role that this account does not have."""
        found = principal(given)
        if found is None or not await self._exists(call, given):
            raise InvalidParameterValueException(
                "The provided principal was invalid. Please check the principal and try again."
            )
        return found

    async def _exists(self, call: Call, arn: str) -> bool:
        """Whether the user or role is there, as far as that can be known: other accounts are not asked, and with
        `--dev` nobody is."""
        parts = arn.split(":", 5)
        if len(parts) < 6 or parts[2] != "iam" or parts[4] != call.account or self._ports.trust.dev:
            return True
        kind, _, path = unquote(parts[5]).partition("/")
        if kind not in ("user", "role"):
            return True
        noun = kind.capitalize()
        inward = replace(call, service="iam", operation=f"Get{noun}")
        try:
            answer = await self._ports.aws.call(
                inward, "iam", inward.operation, {f"{noun}Name": path.rpartition("/")[2]}
            )
        except ApiError as error:
            if error.code not in ("NoSuchEntity", "NoSuchEntityException"):
                raise
            return False
        return bool(answer[noun]["Arn"] == arn)

    async def _write(self, subject: Subject, policy: Document) -> None:
        """Raises PolicyLengthExceededException, and RevisionMismatch."""
        size = len(text(policy))
        if size > limits.RESOURCE_POLICY:
            raise PolicyLengthExceededException(
                f"The final policy size ({size}) is bigger than the limit ({limits.RESOURCE_POLICY})."
            )
        function, more = self._renewed(subject)
        written = self._policies.change(subject.ref, policy, qualifier=subject.qualifier)
        await self._functions.replace(function, subject.revision, written, *more)

    def _renewed(self, subject: Subject) -> tuple[Function, Sequence[Change]]:
        """What bears the policy, with another revision id."""
        function, revision_id = subject.function, uuid4()
        match subject.bearer:
            case Alias() as alias:
                return function, [self._functions.put_alias(replace(alias, revision_id=revision_id))]
            case Version(version=version) as published if version != LATEST:
                return function, [self._functions.put_version(replace(published, revision_id=revision_id))]
            case _:
                return function.renewed(revision_id), []


def _resource(call: Call, arn: str) -> FunctionRef:
    """Raises InvalidParameterValueException for what is no function."""
    if ":function:" not in arn:
        raise InvalidParameterValueException(f"Resource policies of {arn} are not supported by Lambent.")
    return function_ref(call, arn)


def _check_revision(subject: Subject, wanted: str | None) -> None:
    if wanted is not None and wanted != subject.bearer.revision_id:
        raise PreconditionFailedException(
            "The Revision Id provided does not match the latest Revision Id. "
            "Call the GetPolicy API to retrieve the latest Revision Id"
        )


def _check_url(request: Mapping[str, Any]) -> None:
    """Conditions about function URLs go with the action that they are about."""
    if request.get("FunctionUrlAuthType") and request["Action"] != _URL_ACTION:
        raise InvalidParameterValueException(f"FunctionUrlAuthType is only supported for {_URL_ACTION} action")
    if request.get("InvokedViaFunctionUrl") and request["Action"] != "lambda:InvokeFunction":
        raise InvalidParameterValueException("InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action")
