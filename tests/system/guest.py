"""A program for tests, on the contract of `lambent.sandbox.base.Forked`: does what the test says over port 9001."""

import json
import os
import socket
import sys
import traceback

connection = None


def preload():
    """Nothing but imports."""
    import ssl  # noqa: F401


def prewarm():
    global connection
    host, _, port = os.environ.pop("GUEST_CALLS").rpartition(":")
    connection = socket.create_connection((host, int(port))).makefile("rwb")


def main(channel):
    with channel, channel.makefile("rb") as lines:
        message = json.loads(lines.readline())
    answer({"message": message})
    while True:
        line = connection.readline()
        if not line:
            sys.exit(0)
        scope = {"message": message}
        try:
            exec(json.loads(line), scope)
            answer({"result": scope.get("result")})
        except BaseException as error:
            if isinstance(error, SystemExit):
                raise
            answer(
                {"error": type(error).__name__, "errno": getattr(error, "errno", None), "text": traceback.format_exc()}
            )


def answer(value):
    connection.write(json.dumps(value).encode() + b"\n")
    connection.flush()


def here():
    """What a test may want to know at once."""
    return {"pid": os.getpid(), "uid": os.getuid()}
