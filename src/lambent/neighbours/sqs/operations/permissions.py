"""AddPermission and RemovePermission: statements in the queue's policy. Policies are kept, not evaluated."""

from __future__ import annotations

from dataclasses import replace

from lambent.neighbours.sqs.granting import granted, revoked
from lambent.neighbours.sqs.records import QueueRecords
from lambent.neighbours.sqs.requests import named_queue
from lambent.neighbours.sqs.shapes import AddPermissionRequest, RemovePermissionRequest
from lambent.ports import Ports
from lambent.wire.call import Call


class SqsPermissions:
    """The operations on permissions."""

    def __init__(self, ports: Ports) -> None:
        self._records = ports.shared(QueueRecords)

    async def add_permission(self, call: Call, request: AddPermissionRequest) -> None:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        await self._records.change(
            queue.ref,
            lambda queue: replace(
                queue,
                attributes={
                    **queue.attributes,
                    "Policy": granted(
                        queue.attributes.get("Policy"),
                        queue.ref.arn,
                        label=request["Label"],
                        accounts=request["AWSAccountIds"],
                        actions=request["Actions"],
                    ),
                },
            ),
        )

    async def remove_permission(self, call: Call, request: RemovePermissionRequest) -> None:
        queue = await named_queue(self._records, call, request["QueueUrl"])

        def without(attributes: dict[str, str]) -> dict[str, str]:
            policy = revoked(attributes.pop("Policy", None), label=request["Label"])
            return attributes if policy is None else {**attributes, "Policy": policy}

        await self._records.change(queue.ref, lambda queue: replace(queue, attributes=without(dict(queue.attributes))))
