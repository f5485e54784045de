"""How long and how much: the bounds of the server, the client and a call."""

from dataclasses import dataclass, field
from math import inf

import msgspec

from conduit_kernel.http.descriptors import connections_for

KIB = 1024
MIB = 1024 * KIB

# So many times as long as a server may be silent may it send what shows that it lives, and says
# nothing: comments, pings, white space.
QUIET_TIMES = 5


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Bounds of one server. Times are seconds; they hold to within ``sweep_seconds``."""

    head_bytes: int = 64 * KIB
    head_fields: int = 256
    target_bytes: int = 16 * KIB
    # From the first byte of a request (or from connecting) to the end of its head.
    head_seconds: float = 15.0
    # Each such window must bring the whole rest of the body or at least body_progress_bytes of it.
    body_seconds: float = 30.0
    body_progress_bytes: int = KIB
    # What a request may carry where no body_limit function says otherwise.
    body_bytes: int = 16 * MIB
    # Of all bodies together that come in pieces and are read whole, until they are answered.
    bodies_bytes: int = 512 * MIB
    # Unread bytes of a streamed body above which the caller is held back.
    body_buffer_bytes: int = 64 * KIB
    idle_seconds: float = 75.0
    # How long a caller may take none of the bytes written to it.
    write_stall_seconds: float = 30.0
    # Unsent bytes above which Stream.drain waits.
    write_buffer_bytes: int = 256 * KIB
    # Bytes of later requests kept while one is being answered.
    pipeline_bytes: int = 64 * KIB
    # After a refusal: how much and how long we still read, so that the caller gets to see it.
    linger_bytes: int = 64 * MIB
    linger_seconds: float = 5.0
    # Half of the process's descriptors: a caller's call may need another one for its provider.
    max_connections: int = field(default_factory=lambda: min(10_000, connections_for(1 / 2)))
    sweep_seconds: float = 0.5

    @property
    def max_connections_per_address(self) -> int:
        """Return how many one address may have: a quarter is left for the others."""
        return self.max_connections - self.max_connections // 4


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """Bounds of one client. Times are seconds."""

    max_connections: int = field(default_factory=lambda: min(1_000, connections_for(1 / 4)))
    """Per origin."""
    # A router has two clients.
    max_total: int = field(default_factory=lambda: connections_for(1 / 4))
    """To all origins together."""
    max_waiting: int = 1_000
    """Per origin: how many requests may queue for a connection."""
    # Servers commonly close idle connections after 60 s; we must be the first.
    idle_seconds: float = 45.0
    head_bytes: int = 64 * KIB
    head_fields: int = 256
    # Unread body bytes above which we stop reading from the peer.
    buffer_bytes: int = 256 * KIB


class Timeouts(msgspec.Struct, frozen=True):
    """Bounds of one call, in seconds. Whichever passes first ends the call.

    - ``connect`` covers the wait for a free connection, name lookup, TCP and TLS; beyond it:
      ConnectFailed of kind timeout, or PoolTimeout.
    - ``header`` runs from the request written to the whole response head: HeaderTimeout.
    - ``idle`` is the longest silence in the body, and `QUIET_TIMES` as long may be nothing but
      white space in one that is read whole: IdleTimeout.
    - ``total`` runs from the call to the last byte of the body, over all of these and over the
      pauses that a slow reader of the response makes: TotalTimeout.
    """

    connect: float = 10.0
    header: float = 60.0
    idle: float = 60.0
    total: float = inf
