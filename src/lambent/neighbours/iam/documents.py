"""Policy documents in requests and answers: checked with IAM's errors, measured as its quotas measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import quote

from lambent.core import policydoc
from lambent.core.policydoc import MalformedPolicy, Policy
from lambent.neighbours.iam.shapes import LimitExceededException, MalformedPolicyDocumentException

TRUST_CHARACTERS = 2048
"""ACLSizePerRole."""
POLICY_CHARACTERS = 6144
"""PolicySize: one version of a managed policy."""


def check_identity(document: str) -> None:
    """Raises MalformedPolicyDocumentException unless it can be put on a user or role."""
    _check(policydoc.parse_identity, document)


def check_managed(document: str) -> None:
    """As check_identity, with the size of managed policies; also raises LimitExceededException."""
    check_identity(document)
    if size([document]) > POLICY_CHARACTERS:
        raise LimitExceededException(f"Cannot exceed quota for PolicySize: {POLICY_CHARACTERS}")


def check_trust(document: str) -> None:
    """Raises MalformedPolicyDocumentException or LimitExceededException unless it can be a role's trust policy."""
    _check(policydoc.parse_trust, document)
    if size([document]) > TRUST_CHARACTERS:
        raise LimitExceededException(f"Cannot exceed quota for ACLSizePerRole: {TRUST_CHARACTERS}")


def size(documents: Iterable[str]) -> int:
    """Characters that count for quotas: white space does not."""
    return sum(len("".join(document.split())) for document in documents)


def shown(document: str) -> str:
    """A document in an answer: percent-encoded, as RFC 3986 says."""
    return quote(document, safe="")


def _check(parse: Callable[[str], Policy], document: str) -> None:
    try:
        parse(document)
    except MalformedPolicy as fault:
        raise MalformedPolicyDocumentException(str(fault)) from None
