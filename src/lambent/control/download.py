"""Links to deployment packages, good for ten minutes: what GetFunction answers as Code.Location."""

from __future__ import annotations

import hashlib
import hmac
import re

from lambent.ports import Ports
from lambent.wire.call import Call

PATH = "/_lambent/code/"
GOOD_FOR_S = 600
_EXPIRES = re.compile(r"[0-9]{1,12}")


def location(ports: Ports, call: Call, digest: str) -> str:
    """A link that needs no signature of its own."""
    expires = int(ports.clock.now()) + GOOD_FOR_S
    proof = _proof(ports, digest, expires)
    return f"http://{call.host or 'localhost'}{PATH}{digest}?expires={expires}&proof={proof}"


async def download(ports: Ports, digest: str, expires: str, proof: str) -> bytes | None:
    """The package that a link names; None when the link is wrong, too old, or the package gone."""
    if not _EXPIRES.fullmatch(expires) or int(expires) < ports.clock.now():
        return None
    if not hmac.compare_digest(proof.encode(), _proof(ports, digest, int(expires)).encode()):
        return None
    return await ports.blobs.get(digest)


def _proof(ports: Ports, digest: str, expires: int) -> str:
    key = ports.seal.derive("code-location")
    return hmac.digest(key, f"{digest}:{expires}".encode(), hashlib.sha256).hex()
