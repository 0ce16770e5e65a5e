"""Function, Version and Alias: what is deployed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from lambent.core.arn import LATEST, function_arn
from lambent.values import frozen


@frozen
class Code:
    """A deployment package: `digest` is the hex SHA-256 that blobs and artifacts go by."""

    digest: str
    sha256: str
    """The same digest in base64, as the API shows it (CodeSha256)."""
    size: int


@frozen
class Layer:
    """A layer version that a function uses. Later ones of a configuration cover earlier ones under /opt."""

    arn: str
    """Of the layer version."""
    code: Code
    unzipped: int = 0
    """Bytes of all its files."""


@frozen
class Logging:
    """LoggingConfig."""

    format: str = "Text"
    group: str | None = None
    application_level: str | None = None
    system_level: str | None = None


@frozen
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
    def qualified_arn(self) -> str:
        """The ARN with the version."""
        return f"{self.arn}:{self.version}"

    @property
    def log_group(self) -> str:
        """Where its logs go."""
        return self.logging.group or f"/aws/lambda/{self.name}"

    @property
    def settled(self) -> bool:
        """No creation or update is under way."""
        return self.state != "Pending" and self.update_status != "InProgress"


@frozen
class Function:
    """A name in an account and region. `latest` is what the API shows; `serving` is what invocations run, the same
    but while an update is in progress; None until the function has become active."""

    latest: Version
    serving: Version | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    published: int = 0
    """The highest version number that was given out; none is given out twice, not even after a deletion."""
    published_description: str = ""
    """The description that `$LATEST` had then: the published version may have been given one of its own."""

    def renewed(self, revision_id: str) -> Function:
        """With another revision id for `$LATEST`, which runs what it ran."""
        latest = replace(self.latest, revision_id=revision_id)
        return replace(self, latest=latest, serving=latest if self.serving == self.latest else self.serving)


@frozen
class Alias:
    """A name for one version of a function, for two that share its traffic, or for another alias."""

    account: str
    region: str
    function: str
    """The function's name."""
    name: str
    target: str
    """A version's number, `$LATEST`, or, which AWS does not have, the name of another alias."""
    revision_id: str
    description: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    """The share, 0 to 1, of the invocations that other versions get, by number. Only beside a number as target."""

    @property
    def arn(self) -> str:
        """The alias's own ARN."""
        return f"{function_arn(self.account, self.region, self.function)}:{self.name}"

    def pick(self, roll: float) -> str:
        """Where an invocation goes, for a `roll` in [0, 1)."""
        for version, weight in self.weights.items():
            if roll < weight:
                return version
            roll -= weight
        return self.target
