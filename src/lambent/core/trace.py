"""The header x-amzn-trace-id: which trace a request belongs to. Pure."""

from __future__ import annotations


def new_trace(request_id: str, *, sampled: bool) -> str:
    """A trace header for a request that came without one."""
    return f"{new_root(request_id)};Parent={request_id[19:23]}{request_id[24:]};Sampled={int(sampled)}"


def new_root(request_id: str) -> str:
    """A new trace's id, taken from the request id's own randomness."""
    digits = request_id.replace("-", "")
    return f"Root=1-{digits[:8]}-{digits[8:]}"


def told_trace(given: str, request_id: str) -> str:
    """The X-Amzn-Trace-Id of the answer: the trace that the invocation belongs to."""
    root = given.partition(";")[0]
    if root.startswith("Root="):
        return root
    return next((part for part in given.split(";") if part.startswith("Root=")), None) or new_root(request_id)
