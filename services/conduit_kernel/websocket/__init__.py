"""WebSocket (RFC 6455), server and client, over this kernel's own HTTP.

The protocol itself is the sans-I/O core of `websockets`: frames, masks, close codes, handshakes.
Here is what it leaves open: sockets, time, memory, and which addresses may be connected to.
Compression is neither offered nor accepted: its memory and its bombs are worth more than its bytes.
"""

from conduit_kernel.websocket.client import connect
from conduit_kernel.websocket.connection import WebSocket
from conduit_kernel.websocket.errors import HandshakeRefused, WebSocketClosed
from conduit_kernel.websocket.limits import WebSocketLimits
from conduit_kernel.websocket.server import accept

__all__ = [
    "HandshakeRefused",
    "WebSocket",
    "WebSocketClosed",
    "WebSocketLimits",
    "accept",
    "connect",
]
