"""An event source mapping, as its record has it for whoever polls. The records are written by the control plane, which
keeps the API's members in them, and by the supervisor, which says how far it has followed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.invoke.regional import Place, Value
from lambent.values import frozen

KIND = "event-source-mapping"
"""The noun of the records, and of the ARNs."""
USER = "USER_INITIATED"
"""The reason of every state that a user has asked for."""
_NOT_OF_POLLERS = frozenset(
    {
        "UUID",
        "EventSourceArn",
        "FunctionArn",
        "Enabled",
        "LastModified",
        "State",
        "StateTransitionReason",
        "Tags",
    }
)


@frozen
class Source:
    """An event source mapping, as whoever polls for it needs it."""

    uuid: str
    account: str
    region: str
    arn: str
    """The source's."""
    function: str
    """The function's ARN, with the qualifier that the mapping was made with."""
    settings: Mapping[str, Any]
    """The other members, as the API has them."""

    @property
    def kind(self) -> str:
        """sqs, …: the folder of the trigger."""
        return self.arn.split(":")[2]


def source_of(place: Place, value: Value) -> Source:
    """What a mapping's record says of its source."""
    settings = {name: member for name, member in value.items() if name not in _NOT_OF_POLLERS}
    return Source(
        uuid=place.name,
        account=place.account,
        region=place.region,
        arn=value["EventSourceArn"],
        function=value["FunctionArn"],
        settings=settings,
    )
