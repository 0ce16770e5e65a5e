"""Policy documents: read and checked in IAM's own words, and whether a trust policy lets somebody assume its role.

The two kinds differ in grammar and in the texts of their errors. Deciding requests by identity and resource policies
is not here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from lambent.core import condition
from lambent.core.condition import Conditions, Context, Operator
from lambent.values import frozen

VERSION: Final = "2012-10-17"
_VERSIONS: Final = ("2008-10-17", VERSION)

_ACCOUNT = re.compile(r"\d{12}")
_ROOT = re.compile(r"arn:aws[a-z-]*:iam::(?P<account>\d{12}):root")
_PRINCIPAL_ARN = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::\d{12}:(?:user|role|assumed-role|federated-user)/[!-~]+")
_UNIQUE_ID = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,17}")
_SERVICE = re.compile(r"[a-z0-9.-]+\.(?:amazonaws\.com(?:\.cn)?|amazon\.com)")
_VENDOR = re.compile(r"[a-zA-Z0-9.-]+")
_SID = re.compile(r"[0-9A-Za-z]*")

_IAM_PATHS: Final = (
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
)

_TOP: Final = frozenset({"Version", "Id", "Statement"})
_STATEMENT: Final = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)


class MalformedPolicy(ValueError):
    """The document is not a policy of the wanted kind. Its text is the one that AWS answers with."""


@frozen
class Statement:
    """One statement. What it does not mention is None; of an element and its Not… twin at most one is there."""

    allow: bool
    sid: str | None = None
    principals: Mapping[str, Sequence[str]] | None = None
    """Kind (AWS, Service, Federated, CanonicalUser) → names; the principal `*` is {"AWS": ["*"]}."""
    not_principals: Mapping[str, Sequence[str]] | None = None
    actions: Sequence[str] | None = None
    not_actions: Sequence[str] | None = None
    resources: Sequence[str] | None = None
    not_resources: Sequence[str] | None = None
    conditions: Conditions | None = None


@frozen
class Policy:
    """A policy document."""

    statements: Sequence[Statement]
    version: str = _VERSIONS[0]
    id: str | None = None


@frozen
class Asker:
    """Who wants to assume a role: an AWS service by its name, or a principal of an account."""

    service: str | None = None
    account: str | None = None
    arns: Sequence[str] = ()
    """What the principal goes by: its own ARN and, for a role session, the role's."""


class Trust(Enum):
    """What a trust policy says to somebody who wants to assume its role."""

    REFUSED = "refused"
    DELEGATED = "delegated"
    """The asker's account is trusted: its own identity policies decide."""
    NAMED = "named"
    """The asker itself is trusted."""


def trusts(policy: Policy, asker: Asker, context: Context | None = None, *, action: str = "sts:AssumeRole") -> Trust:
    """Whether a trust policy lets `asker` perform `action`, with the request's condition keys (lower case) in
    `context`. A statement that denies beats all that allow."""
    answer = Trust.REFUSED
    for statement in policy.statements:
        if not _covers(statement, action) or not condition.met(statement.conditions or {}, context or {}):
            continue
        said = _among(statement.principals or {}, asker)
        if said is Trust.REFUSED:
            continue
        if not statement.allow:
            return Trust.REFUSED
        answer = said if answer is not Trust.NAMED else answer
    return answer


def trusts_service(document: Mapping[str, Any], service: str, context: Context | None = None) -> bool:
    """Whether a trust policy, as JSON was read, lets an AWS service assume its role; one that is no policy does not."""
    try:
        policy = _trust_policy(document)
    except MalformedPolicy:
        return False
    return trusts(policy, Asker(service=service), context) is Trust.NAMED


def _covers(statement: Statement, action: str) -> bool:
    listed = statement.actions if statement.actions is not None else statement.not_actions or ()
    found = any(condition.glob(action.lower(), pattern.lower()) for pattern in listed)
    return found is (statement.actions is not None)


def _among(principals: Mapping[str, Sequence[str]], asker: Asker) -> Trust:
    if asker.service is not None:
        return Trust.NAMED if asker.service in principals.get("Service", ()) else Trust.REFUSED
    answer = Trust.REFUSED
    for name in principals.get("AWS", ()):
        if name == "*" or name in asker.arns:
            return Trust.NAMED
        root = _ROOT.fullmatch(name)
        if asker.account is not None and asker.account == (root["account"] if root else name):
            answer = Trust.DELEGATED
    return answer


# -- trust policies -----------------------------------------------------------------------------------------------


def parse_trust(text: str) -> Policy:
    """A role's trust policy. Raises MalformedPolicy."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise MalformedPolicy("This policy contains invalid Json")
    return _trust_policy(document)


def _trust_policy(document: Mapping[str, Any]) -> Policy:
    if document.get("Version", VERSION) not in _VERSIONS:
        raise MalformedPolicy("The policy must contain a valid version string")
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not statements:
        raise MalformedPolicy("Could not parse the policy: Statement is empty!")
    if not document.keys() <= _TOP or not isinstance(statements, list):
        raise MalformedPolicy("Syntax error in policy.")
    policy = _policy(document, [_trust_statement(statement) for statement in statements])
    if _repeated(policy.statements):
        raise MalformedPolicy("The Statement Ids in the policy are not unique")
    return policy


def _trust_statement(raw: Any) -> Statement:
    if not isinstance(raw, dict):
        raise MalformedPolicy("Syntax error in policy.")
    _check_trust_grammar(raw)
    try:
        statement = _statement(raw)
    except _Syntax:
        raise MalformedPolicy("Syntax error in policy.") from None
    _check_trusted(statement.principals or {})
    if not statement.actions and not statement.not_actions:
        raise MalformedPolicy("Missing required field Action")
    for action in (*(statement.actions or ()), *(statement.not_actions or ())):
        if not action.lower().startswith("sts:"):
            raise MalformedPolicy("AssumeRole policy may only specify STS AssumeRole actions.")
    return statement


def _check_trust_grammar(raw: Mapping[str, Any]) -> None:
    if "Effect" not in raw:
        raise MalformedPolicy("Missing required field Effect")
    if raw["Effect"] not in ("Allow", "Deny"):
        raise MalformedPolicy(f"Invalid effect: {raw['Effect']}")
    if "NotPrincipal" in raw:
        allowing = raw["Effect"] == "Allow"
        raise MalformedPolicy(
            "Allow with NotPrincipal is not allowed."
            if allowing
            else "AssumeRole policy must not contain NotPrincipal field."
        )
    if "Principal" not in raw:
        raise MalformedPolicy("Missing required field Principal")
    if raw["Principal"] == "*":
        raise MalformedPolicy('AssumeRolepolicy contained an invalid principal: "STAR":"*".')
    if not raw["Principal"]:
        raise MalformedPolicy("Missing required field Principal cannot be empty!")
    if "Resource" in raw:
        raise MalformedPolicy("Has prohibited field Resource")
    if "NotResource" in raw:
        raise MalformedPolicy("AssumeRole policy must not contain resources.")
    if "Action" not in raw and "NotAction" not in raw:
        raise MalformedPolicy("Missing required field Action")


def _check_trusted(principals: Mapping[str, Sequence[str]]) -> None:
    for kind, names in principals.items():
        for name in names:
            if not is_principal(kind, name):
                raise MalformedPolicy(f'Invalid principal in policy: "{kind.upper()}":"{name}"')


def is_principal(kind: str, name: str) -> bool:
    """Whether `name` has the form of a principal of `kind`: AWS, Service or Federated."""
    if kind == "Service":
        return _SERVICE.fullmatch(name) is not None
    if kind == "AWS":
        forms = (_ACCOUNT, _ROOT, _PRINCIPAL_ARN, _UNIQUE_ID)
        return name == "*" or any(form.fullmatch(name) for form in forms)
    return kind == "Federated" and bool(name)


# -- identity policies --------------------------------------------------------------------------------------------


def parse_identity(text: str) -> Policy:
    """A policy that is put on a user or role, or given to a session. Raises MalformedPolicy for the first fault in
    AWS's order: the syntax of all statements before the sense of any."""
    try:
        document = _identity_document(text)
        policy = _policy(document, [_statement(raw) for raw in document["Statement"]])
    except _Syntax:
        raise MalformedPolicy("Syntax errors in policy.") from None
    if policy.version != VERSION:
        raise MalformedPolicy(f"Policy document must be version {VERSION} or greater.")
    _refuse_legacy(any(raw["Effect"] not in ("Allow", "Deny") for raw in document["Statement"]))
    _check_legacy(policy.statements)
    _check_sids(policy.statements)
    if any(s.principals is not None or s.not_principals is not None for s in policy.statements):
        raise MalformedPolicy("Policy document should not specify a principal.")
    if any(not s.actions and not s.not_actions for s in policy.statements):
        raise MalformedPolicy("Policy statement must contain actions.")
    for fault in _resource_faults(policy.statements):
        raise MalformedPolicy(fault)
    for action in _all(policy.statements, "actions", "not_actions"):
        _check_action(action)
    if any(not s.resources and not s.not_resources for s in policy.statements):
        raise MalformedPolicy("Policy statement must contain resources.")
    return policy


def _identity_document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise _Syntax from None
    if not isinstance(document, dict) or not document.keys() <= _TOP:
        raise _Syntax
    if document.get("Version", VERSION) not in _VERSIONS:
        raise _Syntax
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise _Syntax
    return {**document, "Statement": statements}


def _check_legacy(statements: Sequence[Statement]) -> None:
    """What AWS's older parser refuses, before anything else is looked at."""
    faults = list(_resource_faults(statements))
    for statement in statements:
        for operator, keys in (statement.conditions or {}).items():
            parsed = Operator.parse(operator)
            if parsed is not None and parsed.test.startswith("Date"):
                _refuse_legacy(not all(condition.is_date(v) for values in keys.values() for v in values))
    if not faults:
        resources = _all(statements, "resources", "not_resources")
        _refuse_legacy(any(_is_short_arn(resource) for resource in resources))


def _is_short_arn(resource: str) -> bool:
    if resource.endswith("*"):
        return False
    return (resource.count(":") < 5 and "::" in resource) or resource.split(":")[2] == ""


def _refuse_legacy(refused: bool) -> None:
    if refused:
        raise MalformedPolicy("The policy failed legacy parsing")


def _check_sids(statements: Sequence[Statement]) -> None:
    if not all(_SID.fullmatch(s.sid or "") for s in statements):
        raise MalformedPolicy(
            "Statement IDs (SID) must be alpha-numeric. "
            "Check that your input satisfies the regular expression [0-9A-Za-z]*"
        )
    if _repeated(statements):
        raise MalformedPolicy("Statement IDs (SID) in a single policy must be unique.")


def _check_action(action: str) -> None:
    vendor, colon, name = action.partition(":")
    if action == "*":
        return
    if not colon:
        raise MalformedPolicy("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    if ":" in name:
        raise MalformedPolicy("Actions/Condition can contain only one colon.")
    if not _VENDOR.fullmatch(vendor) and vendor != "*":
        raise MalformedPolicy(f"Vendor {vendor} is not valid")


def _resource_faults(statements: Sequence[Statement]) -> Iterator[str]:
    for statement in statements:
        # AWS names the fault of the resource that sorts last.
        resources = (*(statement.resources or ()), *(statement.not_resources or ()))
        for resource in sorted(resources, reverse=True):
            fault = _resource_fault(resource)
            if fault is not None:
                yield fault


def _resource_fault(resource: str) -> str | None:
    if resource == "*":
        return None
    _, colon, rest = resource.partition(":")
    if not colon:
        return f'Resource {resource} must be in ARN format or "*".'
    partition, colon, rest = rest.partition(":")
    if not re.fullmatch(r"aws[a-z-]*|\*", partition):
        shown = [part if part or ":" in rest else "*" for part in rest.split(":", 3)]
        shown += ["*"] * (4 - len(shown))
        return f'Partition "{partition}" is not valid for resource "arn:{partition}:{":".join(shown)}".'
    if not colon:
        return "Resource vendor must be fully qualified and cannot contain regexes."
    # A wildcard at the end stands for all parts that follow.
    rest_of_it = ["*" if rest.endswith("*") else ""] * 3
    service, region, account, path = (*rest.split(":", 3), *rest_of_it)[:4]
    if service == "iam" and region not in ("", "*"):
        return f"IAM resource {resource} cannot contain region information."
    # Buckets have neither; access points and jobs have both.
    if service == "s3" and region not in ("", "*") and not account:
        return f"Resource {resource} can not contain region information."
    if service == "iam" and path not in ("", "*") and not path.startswith(_IAM_PATHS):
        return f'IAM resource path must either be "*" or start with {", ".join(_IAM_PATHS)}.'
    return None


# -- resource policies ---------------------------------------------------------------------------------------------


def parse_resource(text: str, resource: str) -> dict[str, Any]:
    """The policy of `resource`, an ARN, as a document whose Statement is a list. Raises MalformedPolicy; the texts are
    ours, for AWS's are not known."""
    try:
        document = _identity_document(text)
        policy = _policy(document, [_statement(raw) for raw in document["Statement"]])
    except _Syntax:
        raise MalformedPolicy("Syntax errors in policy.") from None
    if _repeated(policy.statements):
        raise MalformedPolicy("Statement IDs (SID) in a single policy must be unique.")
    for statement in policy.statements:
        _check_resource_statement(statement, resource)
    return document


def _check_resource_statement(statement: Statement, resource: str) -> None:
    if not statement.principals and not statement.not_principals:
        raise MalformedPolicy("Policy statement must contain a principal.")
    for principals in (statement.principals or {}, statement.not_principals or {}):
        for kind, names in principals.items():
            if not names or not all(is_principal(kind, name) for name in names):
                raise MalformedPolicy(f"Invalid principal in policy: {kind}: {', '.join(names)}")
    if not statement.actions and not statement.not_actions:
        raise MalformedPolicy("Policy statement must contain actions.")
    for action in _all([statement], "actions", "not_actions"):
        if action != "*" and not action.lower().startswith("lambda:"):
            raise MalformedPolicy(f"The policy has an action of another service: {action}")
    if statement.not_resources or list(statement.resources or ()) != [resource]:
        raise MalformedPolicy(f"The resource of every statement must be {resource}.")


# -- both ---------------------------------------------------------------------------------------------------------


class _Syntax(Exception):
    """Something has a form that no policy has."""


def _policy(document: Mapping[str, Any], statements: list[Statement]) -> Policy:
    identifier = document.get("Id")
    if identifier is not None and not isinstance(identifier, str):
        raise _Syntax
    return Policy(statements, document.get("Version", _VERSIONS[0]), identifier)


def _statement(raw: Any) -> Statement:
    if not isinstance(raw, dict) or not raw.keys() <= _STATEMENT or not isinstance(raw.get("Sid", ""), str):
        raise _Syntax
    for name in ("Principal", "Action", "Resource"):
        if name in raw and f"Not{name}" in raw:
            raise _Syntax
    effect = str(raw.get("Effect")).lower()
    if effect not in ("allow", "deny"):
        raise _Syntax
    return Statement(
        allow=effect == "allow",
        sid=raw.get("Sid"),
        principals=_principals(raw.get("Principal")),
        not_principals=_principals(raw.get("NotPrincipal")),
        actions=_texts(raw.get("Action")),
        not_actions=_texts(raw.get("NotAction")),
        resources=_texts(raw.get("Resource")),
        not_resources=_texts(raw.get("NotResource")),
        conditions=_conditions(raw.get("Condition")),
    )


def _principals(raw: Any) -> Mapping[str, Sequence[str]] | None:
    if raw is None or raw == "*":
        return None if raw is None else {"AWS": ["*"]}
    if not isinstance(raw, dict):
        raise _Syntax
    return {kind: _texts(names) or [] for kind, names in raw.items()}


def _texts(raw: Any) -> Sequence[str] | None:
    if raw is None or isinstance(raw, str):
        return None if raw is None else [raw]
    if not isinstance(raw, list) or not all(isinstance(text, str) for text in raw):
        raise _Syntax
    return raw


def _conditions(raw: Any) -> Conditions | None:
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise _Syntax
    return {operator: _condition_keys(operator, keys) for operator, keys in raw.items()}


def _condition_keys(operator: str, keys: Any) -> Mapping[str, Sequence[str]]:
    # AWS lets an operator that does not exist stand as long as it compares nothing.
    if not isinstance(keys, dict) or (keys and Operator.parse(operator) is None):
        raise _Syntax
    return {key: [_scalar(v) for v in (vs if isinstance(vs, list) else [vs])] for key, vs in keys.items()}


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise _Syntax
    return str(value)


def _all(statements: Iterable[Statement], *fields: str) -> Iterator[str]:
    for statement in statements:
        for field in fields:
            yield from getattr(statement, field) or ()


def _repeated(statements: Sequence[Statement]) -> bool:
    sids = [s.sid for s in statements if s.sid]
    return len(sids) != len(set(sids))
