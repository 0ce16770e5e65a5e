"""Function and Version: what is deployed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lambent.core.arn import LATEST, function_arn


@dataclass(frozen=True, slots=True)
class Code:
    """A deployment package: `digest` is the hex SHA-256 that blobs and artifacts go by."""

    digest: str
    sha256: str
    """The same digest in base64, as the API shows it (CodeSha256)."""
    size: int


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer version that a function uses. Later ones of a configuration cover earlier ones under /opt."""

    arn: str
    """Of the layer version."""
    code: Code


@dataclass(frozen=True, slots=True)
class Logging:
    """LoggingConfig."""

    format: str = "Text"
    group: str | None = None
    application_level: str | None = None
    system_level: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """A snapshot of code and configuration. `$LATEST` is the one that gets replaced."""

    account: str
    region: str
    name: str
    function_id: str
    """Unique per creation: a function deleted and made again is another one."""
    role: str
    runtime: str
    handler: str
    code: Code
    revision_id: str
    last_modified: str
    version: str = LATEST
    generation: int = 1
    """Rises with every change of code or configuration; what execution environments belong to."""
    description: str = ""
    timeout_s: int = 3
    memory_mb: int = 128
    ephemeral_mb: int = 512
    architecture: str = "x86_64"
    environment: Mapping[str, str] | None = None
    kms_key_arn: str | None = None
    tracing: str = "PassThrough"
    logging: Logging = field(default_factory=Logging)
    layers: tuple[Layer, ...] = ()
    dead_letter_target: str | None = None
    state: str = "Pending"
    state_reason: str | None = "The function is being created."
    state_reason_code: str | None = "Creating"
    update_status: str | None = None
    update_reason: str | None = None
    update_reason_code: str | None = None

    @property
    def arn(self) -> str:
        """The unqualified function ARN."""
        return function_arn(self.account, self.region, self.name)

    @property
    def log_group(self) -> str:
        """Where its logs go."""
        return self.logging.group or f"/aws/lambda/{self.name}"

    @property
    def settled(self) -> bool:
        """No creation or update is under way."""
        return self.state != "Pending" and self.update_status != "InProgress"


@dataclass(frozen=True, slots=True)
class Function:
    """A name in an account and region. `latest` is what the API shows; `serving` is what invocations run, the same
    but while an update is in progress; None until the function has become active."""

    latest: Version
    serving: Version | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
