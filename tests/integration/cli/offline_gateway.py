"""Starts a gateway and asks it for an answer, in a network that has this machine alone.

`unshare --map-root-user --net python -m tests.integration.cli.offline_gateway FOLDER`
"""

import fcntl
import socket
import struct
import sys
from pathlib import Path

from tests.support.gateways import Served

SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1


def main() -> None:
    """Print the answer's text."""
    with socket.socket() as control:
        # A new network has its loopback, which is down.
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
        assert control.connect_ex(("192.0.2.1", 443)) != 0
    gateway = Served(Path(sys.argv[1]))
    try:
        chat = {"model": "echo", "messages": [{"role": "user", "content": "nobody else"}]}
        answer = gateway.caller().call("POST", "/v1/chat/completions", chat)
        sys.stdout.write(answer["choices"][0]["message"]["content"])
    finally:
        gateway.stop()


if __name__ == "__main__":
    main()
