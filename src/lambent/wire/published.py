"""The service models as botocore publishes them, which is plain JSON inside its package: none of its code runs.

`make gen` keeps what Lambent needs of its own services' models in models/; so a server reads a published one only of a
service that is not its own.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import botocore
import orjson

from lambent.wire.overlay import Traits, laid_over

OVERRIDES = Path(__file__).parent / "overrides"
_DATA = Path(botocore.__file__).parent / "data"


class ModelNotFound(LookupError):
    """botocore publishes no model of this name."""


def services() -> Iterator[str]:
    """The names of all services that botocore has a model of."""
    for folder in sorted(_DATA.iterdir()):
        if folder.is_dir() and any(folder.glob("*/service-2.json*")):
            yield folder.name


def read(name: str) -> Traits:
    """A service's newest model, with Lambent's overrides laid over it. Takes 1-10 ms. Raises ModelNotFound."""
    versions = sorted((_DATA / name).glob("*/service-2.json*"))
    if not name or "/" in name or not versions:
        raise ModelNotFound(name)
    newest = versions[-1].read_bytes()
    if versions[-1].suffix == ".gz":
        newest = gzip.decompress(newest)
    overrides = OVERRIDES / f"{name}.json"
    return laid_over(orjson.loads(newest), orjson.loads(overrides.read_bytes()) if overrides.is_file() else {})
