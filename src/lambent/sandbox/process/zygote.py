"""The process that sandboxes in the host's namespaces are forked from: one per template.

Run as `python -I -S zygote.py` by the launcher, with a template's own interpreter or the server's; everything else is
as in sandbox/namespaces/zygote.py.
"""

from __future__ import annotations

import os
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lambent.sandbox.namespaces import zygote
    from lambent.sandbox.process import fencing
else:
    # The files beside this one and those it shares. Known to nobody afterwards: customers' modules may have any name.
    _here = os.path.dirname(os.path.abspath(__file__))
    _folders = [os.path.join(os.path.dirname(_here), "namespaces"), _here]
    sys.path[:0] = _folders
    import fencing
    import zygote

    for _name in ("fencing", "zygote"):
        del sys.modules[_name]
    sys.path[:] = [each for each in sys.path if each not in _folders]


if __name__ == "__main__":
    zygote.main(socket.socket(fileno=zygote.CONTROL), fencing.FencingAgent)
