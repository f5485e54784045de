"""The bounds of a WebSocket connection."""

from dataclasses import dataclass

from conduit_kernel.http.limits import KIB, MIB


@dataclass(frozen=True, slots=True)
class WebSocketLimits:
    """Bounds of one connection. Times are seconds."""

    # Of a message, in however many frames; beyond it: close code 1009.
    message_bytes: int = 16 * MIB
    # Messages that nobody has received, above which the peer is held back.
    buffer_bytes: int = 256 * KIB
    # Unsent bytes above which ``send`` waits.
    write_buffer_bytes: int = 256 * KIB
    # How long a peer may take none of the bytes written to it.
    write_stall_seconds: float = 30.0
    # A peer that is silent for so long is pinged; after twice as long it is given up.
    ping_seconds: float = 20.0
    # From the first word of the end to the end.
    close_seconds: float = 5.0
