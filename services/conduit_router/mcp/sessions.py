"""Sessions at MCP servers: each is the virtual key's that opened it, and nobody else's.

A caller gets the server's id of a session sealed together with whose it is and where, so that every
worker knows its owner and none keeps it. How many a key has is counted by each worker for itself.
"""

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from conduit_kernel.errors import TooManyCalls
from conduit_kernel.not_found_errors import McpSessionNotFound
from conduit_kernel.secrets import Vault

# Of a virtual key, at a time.
MOST_SESSIONS = 100
# One that was not used for so long is counted no more.
IDLE_SECONDS = 3600.0
MAX_ID = 1000
_PURPOSE = b"conduit mcp session v1"
_RETRY_AFTER_MS = 60_000


class _Session(msgspec.Struct, array_like=True):
    virtual_key_id: int
    server_id: int
    # The server's own.
    id: str


_write = msgspec.msgpack.Encoder().encode
_read = msgspec.msgpack.Decoder(_Session).decode


class McpSessions:
    """Opens sessions' ids for their owners alone."""

    def __init__(self, vault: Vault, clock: Callable[[], float]) -> None:
        """Take the router's clock."""
        self._vault = vault
        self._clock = clock
        # When each was used last, by virtual key; in that order.
        self._used: dict[int, OrderedDict[str, float]] = {}

    def count(self, virtual_key_id: int) -> int:
        """Return how many sessions of a virtual key are in use here."""
        used = self._used.get(virtual_key_id)
        if used is None:
            return 0
        until = self._clock() - IDLE_SECONDS
        while used and next(iter(used.values())) < until:
            used.popitem(last=False)
        return len(used)

    def check(self, virtual_key_id: int) -> None:
        """Raise TooManyCalls if a virtual key has as many sessions as it may."""
        if self.count(virtual_key_id) >= MOST_SESSIONS:
            raise TooManyCalls(
                f"This virtual key has {MOST_SESSIONS} MCP sessions, as many as it may have",
                virtual_key_id=str(virtual_key_id),
                limit=str(MOST_SESSIONS),
                retry_after_ms=str(_RETRY_AFTER_MS),
            )

    def sealed(self, virtual_key_id: int, server_id: int, session_id: str) -> str:
        """Return the id of a new session as its owner gets it."""
        content = _write(_Session(virtual_key_id, server_id, session_id))
        text = self._vault.seal_text(content, _PURPOSE)
        self._note(virtual_key_id, text)
        return text

    def opened(self, virtual_key_id: int, server_id: int, text: str) -> str:
        """Return the server's id of a session. McpSessionNotFound if it is not this caller's."""
        content = self._vault.open_text(text, _PURPOSE)
        session = _read(content) if content is not None else None
        if session is None or (session.virtual_key_id, session.server_id) != (
            virtual_key_id,
            server_id,
        ):
            message = "There is no such MCP session; begin one with initialize"
            raise McpSessionNotFound(message, mcp_session_id="")
        self._note(virtual_key_id, text)
        return session.id

    def end(self, virtual_key_id: int, text: str) -> None:
        """Count a session no more."""
        used = self._used.get(virtual_key_id)
        if used is not None:
            used.pop(text, None)
            if not used:
                del self._used[virtual_key_id]

    def _note(self, virtual_key_id: int, text: str) -> None:
        used = self._used.setdefault(virtual_key_id, OrderedDict())
        used[text] = self._clock()
        used.move_to_end(text)
        if len(used) > MOST_SESSIONS:
            # Those that other workers began.
            used.popitem(last=False)
