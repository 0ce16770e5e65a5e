"""The operations of STS."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from lambent.core import accesskey, policydoc
from lambent.core.arn import RoleRef
from lambent.core.policydoc import Asker, MalformedPolicy, Trust
from lambent.neighbours.sts.function_credentials import as_root, made_up_id
from lambent.neighbours.sts.sessions import Session, Sessions, Temporary, role_session
from lambent.neighbours.sts.shapes import (
    AssumeRoleRequest,
    AssumeRoleResponse,
    Credentials,
    GetAccessKeyInfoRequest,
    GetAccessKeyInfoResponse,
    GetCallerIdentityRequest,
    GetCallerIdentityResponse,
    GetSessionTokenRequest,
    GetSessionTokenResponse,
    MalformedPolicyDocumentException,
    PackedPolicyTooLargeException,
)
from lambent.ports import Ports
from lambent.wire.call import Call
from lambent.wire.errors import AccessDenied, ApiError, ValidationError

PACKED_CHARACTERS = 2048
"""What a session's policy, policy ARNs and tags may have together."""
CHAINED_S = 3600
"""The longest session of a role that another role's session assumes; also of an account's root."""


class Tokens:
    """Operations on identities and sessions."""

    def __init__(self, ports: Ports) -> None:
        self._aws = ports.aws
        self._clock = ports.clock
        self._trust = ports.trust
        self._sessions = Sessions(ports.seal, ports.clock)

    async def get_caller_identity(self, call: Call, request: GetCallerIdentityRequest) -> GetCallerIdentityResponse:
        return {"UserId": call.principal.user_id, "Account": call.account, "Arn": call.principal.arn}

    async def get_access_key_info(self, call: Call, request: GetAccessKeyInfoRequest) -> GetAccessKeyInfoResponse:
        account = accesskey.account_of(request["AccessKeyId"])
        if account is None:
            raise ValidationError("Invalid Access Key ID: it names no account.")
        return {"Account": account}

    async def get_session_token(self, call: Call, request: GetSessionTokenRequest) -> GetSessionTokenResponse:
        if call.principal.session_token is not None:
            raise AccessDenied("Cannot call GetSessionToken with session credentials")
        _refuse_mfa(request.get("TokenCode"))
        duration_s = request.get("DurationSeconds", 43_200)
        if call.principal.is_root:
            duration_s = min(duration_s, CHAINED_S)
        now = int(self._clock.now())
        issued = self._sessions.issue(
            Session(
                account=call.account,
                arn=call.principal.arn,
                user_id=call.principal.user_id,
                issued=now,
                expires=now + duration_s,
                is_root=call.principal.is_root,
            )
        )
        return {"Credentials": _credentials(issued)}

    async def assume_role(self, call: Call, request: AssumeRoleRequest) -> AssumeRoleResponse:
        """With `--dev` any role will do, whether it exists or not, whomever it trusts.

        Partly: an account's root may assume roles too (AWS forbids it); MFA devices and ProvidedContexts do not exist.
        """
        _refuse_mfa(request.get("TokenCode"))
        if request.get("ProvidedContexts"):
            raise ValidationError("ProvidedContexts are not supported.")
        _check_policy(request.get("Policy"))
        packed = _packed_percent(request)
        caller = self._sessions.session(call.principal.access_key, call.principal.session_token)
        role = await self._role(call, request, caller)
        duration_s = _duration(request, caller, role)
        session = replace(
            role_session(request["RoleArn"], role["RoleId"], request["RoleSessionName"], self._clock.now(), duration_s),
            policy=request.get("Policy"),
            policy_arns=_policy_arns(request),
            tags=_tags(request, caller),
            transitive=_transitive(request, caller),
            source_identity=_source_identity(request, caller),
        )
        response: AssumeRoleResponse = {
            "Credentials": _credentials(self._sessions.issue(session)),
            "AssumedRoleUser": {"AssumedRoleId": session.user_id, "Arn": session.arn},
        }
        if packed:
            response["PackedPolicySize"] = packed
        if session.source_identity is not None:
            response["SourceIdentity"] = session.source_identity
        return response

    async def _role(self, call: Call, request: AssumeRoleRequest, caller: Session | None) -> dict[str, Any]:
        """The role as IAM shows it. Raises AccessDenied when it does not exist or does not trust the caller."""
        arn = request["RoleArn"]
        reference = RoleRef.parse(arn)
        if reference is None:
            raise ValidationError(f"{arn} is invalid")
        role: dict[str, Any] | None = None
        try:
            asked = as_root(reference.account, "iam", "GetRole")
            role = (await self._aws.call(asked, "iam", "GetRole", {"RoleName": reference.name}))["Role"]
        except ApiError as error:
            if error.code != "NoSuchEntity":
                raise
        if role is not None and role["Arn"] != arn:
            role = None
        if self._trust.dev:
            return role or {"RoleId": made_up_id(arn), "MaxSessionDuration": 43_200}
        if role is None:
            raise _denied(call, "sts:AssumeRole", arn)
        self._check_trust(call, request, caller, unquote(role["AssumeRolePolicyDocument"]))
        return role

    def _check_trust(self, call: Call, request: AssumeRoleRequest, caller: Session | None, document: str) -> None:
        policy = policydoc.parse_trust(document)
        asker = _asker(call, caller)
        context = _context(call, request, self._clock.now())
        actions = ["sts:AssumeRole"]
        if request.get("Tags") or request.get("TransitiveTagKeys"):
            actions.append("sts:TagSession")
        if "SourceIdentity" in request:
            actions.append("sts:SetSourceIdentity")
        for action in actions:
            # DELEGATED leaves it to the caller's own policies, which the front asks before an operation runs.
            if policydoc.trusts(policy, asker, context, action=action) is Trust.REFUSED:
                raise _denied(call, action, request["RoleArn"])


def _asker(call: Call, caller: Session | None) -> Asker:
    role = [caller.role] if caller is not None and caller.role is not None else []
    return Asker(account=call.account, arns=[call.principal.arn, *role])


def _context(call: Call, request: AssumeRoleRequest, now: float) -> dict[str, list[str]]:
    """The condition keys of the request, in lower case."""
    principal = call.principal
    context = {
        "aws:principalarn": [principal.arn],
        "aws:principalaccount": [principal.account],
        "aws:userid": [principal.user_id],
        "aws:requestedregion": [call.region],
        "aws:currenttime": [datetime.fromtimestamp(now, UTC).isoformat()],
        "aws:epochtime": [str(int(now))],
        "aws:tagkeys": [tag["Key"] for tag in request.get("Tags", [])],
        "sts:rolesessionname": [request["RoleSessionName"]],
        "sts:transitivetagkeys": list(request.get("TransitiveTagKeys", [])),
    }
    optional = {"sts:externalid": request.get("ExternalId"), "sts:sourceidentity": request.get("SourceIdentity")}
    context |= {key: [value] for key, value in optional.items() if value is not None}
    context |= {f"aws:requesttag/{tag['Key'].lower()}": [tag["Value"]] for tag in request.get("Tags", [])}
    return {key: values for key, values in context.items() if values}


def _duration(request: AssumeRoleRequest, caller: Session | None, role: dict[str, Any]) -> int:
    duration_s = request.get("DurationSeconds", CHAINED_S)
    if duration_s > CHAINED_S and caller is not None and caller.role is not None:
        raise ValidationError(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        )
    if duration_s > role["MaxSessionDuration"]:
        raise ValidationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return duration_s


def _check_policy(policy: str | None) -> None:
    if policy is None:
        return
    try:
        policydoc.parse_identity(policy)
    except MalformedPolicy as fault:
        raise MalformedPolicyDocumentException(str(fault)) from None


def _packed_percent(request: AssumeRoleRequest) -> int:
    """How much of the room for policies and tags is used, in percent. Raises PackedPolicyTooLargeException."""
    tags = [text for tag in request.get("Tags", []) for text in (tag["Key"], tag["Value"])]
    used = sum(len(text) for text in (request.get("Policy", ""), *_policy_arns(request), *tags))
    percent = -(-100 * used // PACKED_CHARACTERS)
    if percent > 100:
        raise PackedPolicyTooLargeException(
            f"Packed policy consumes {percent}% of allotted space, please use smaller policy."
        )
    return percent


def _policy_arns(request: AssumeRoleRequest) -> list[str]:
    return [policy["arn"] for policy in request.get("PolicyArns", []) if "arn" in policy]


def _tags(request: AssumeRoleRequest, caller: Session | None) -> dict[str, str]:
    inherited = {} if caller is None else {key: caller.tags[key] for key in caller.transitive}
    asked = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
    folded = {key.lower() for key in asked}
    if len(folded) != len(request.get("Tags", [])):
        raise ValidationError("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if folded & {key.lower() for key in inherited}:
        raise ValidationError("One of the specified tags is transitive and cannot be changed.")
    return {**asked, **inherited}


def _transitive(request: AssumeRoleRequest, caller: Session | None) -> list[str]:
    keys = request.get("TransitiveTagKeys", [])
    unknown = set(keys) - {tag["Key"] for tag in request.get("Tags", [])}
    if unknown:
        raise ValidationError("The specified transitive tag key must be included in the requested tags.")
    return [*keys, *(caller.transitive if caller is not None else ())]


def _source_identity(request: AssumeRoleRequest, caller: Session | None) -> str | None:
    """It stays as it is once it is set."""
    return (caller.source_identity if caller is not None else None) or request.get("SourceIdentity")


def _refuse_mfa(code: str | None) -> None:
    if code is not None:
        raise AccessDenied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")


def _credentials(issued: Temporary) -> Credentials:
    return {
        "AccessKeyId": issued.access_key,
        "SecretAccessKey": issued.secret,
        "SessionToken": issued.token,
        "Expiration": float(issued.expires),
    }


def _denied(call: Call, action: str, resource: str) -> AccessDenied:
    return AccessDenied(f"User: {call.principal.arn} is not authorized to perform: {action} on resource: {resource}")
