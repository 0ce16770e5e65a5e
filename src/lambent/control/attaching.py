"""The layers that a function names: whether they are there, may be used, and fit into a sandbox with its code."""

from __future__ import annotations

from collections.abc import Sequence

from lambent.control.shapes import InvalidParameterValueException
from lambent.core import limits
from lambent.core.function import Code, Layer
from lambent.core.layer import LayerRef, LayerVersion
from lambent.invoke.layers import LayerRecords
from lambent.invoke.package import outline
from lambent.ports import Ports
from lambent.wire.call import Call
from lambent.wire.errors import AccessDenied

ACTION = "lambda:GetLayerVersion"


async def attached(ports: Ports, call: Call, arns: Sequence[str]) -> tuple[Layer, ...]:
    """The layers of a function's configuration, in its order. Raises InvalidParameterValueException and
    AccessDenied."""
    if len(arns) > limits.LAYERS:
        raise InvalidParameterValueException(f"Cannot reference more than {limits.LAYERS} layers.")
    layers: list[Layer] = []
    by_layer: dict[str, str] = {}
    for arn in arns:
        version = await _found(LayerRecords(ports.records), call, arn)
        if (other := by_layer.get(version.ref.layer_arn)) is not None:
            raise InvalidParameterValueException(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{other} and {arn} are versions of the same layer."
            )
        by_layer[version.ref.layer_arn] = arn
        layers.append(Layer(arn, version.code, version.unzipped))
    if sum(layer.unzipped for layer in layers) > limits.UNZIPPED:
        raise InvalidParameterValueException(f"Layers consume more than the available size of {limits.UNZIPPED} bytes")
    return tuple(layers)


async def _found(records: LayerRecords, call: Call, arn: str) -> LayerVersion:
    ref = LayerRef.parse(arn, account=call.account, region=call.region)
    if ref is None or ref.number is None:
        raise InvalidParameterValueException(f"Layer version {arn} does not exist.")
    if ref.region != call.region:
        raise InvalidParameterValueException(
            f"Layers are not in the same region as the function. Layers are expected to be in region {call.region}."
        )
    found = await records.get(ref)
    if found is None and ref.account == call.account:
        raise InvalidParameterValueException(f"Layer version {arn} does not exist.")
    if found is None or not found[0].may_be_used_by(call.account):
        raise not_allowed(call, arn)
    version, _ = found
    if version.extensions:
        raise InvalidParameterValueException(
            f"Extensions are not supported by Lambent yet: {arn} has {', '.join(version.extensions)}."
        )
    return version


def not_allowed(call: Call, arn: str) -> AccessDenied:
    """What another account's layer answers to whom its policy does not name."""
    return AccessDenied(
        f"User: {call.principal.arn} is not authorized to perform: {ACTION} on resource: {arn} "
        f"because no resource-based policy allows the {ACTION} action"
    )


async def check_size(ports: Ports, code: Code, layers: Sequence[Layer], data: bytes | None = None) -> None:
    """Raises InvalidParameterValueException when a function's code, whose package is `data` or else in the store, is
    too large together with its layers."""
    if not layers:
        return
    data = await ports.blobs.get(code.digest) if data is None else data
    if data is None:
        return  # activation will say so
    own = (await ports.tasks.in_thread(outline, data)).unzipped
    actual = own + sum(layer.unzipped for layer in layers)
    if actual > limits.UNZIPPED:
        raise InvalidParameterValueException(
            f"Function code combined with layers exceeds the maximum allowed size of {limits.UNZIPPED} bytes. "
            f"The actual size is {actual} bytes."
        )
