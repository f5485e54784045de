"""Requests of callers behind proxies, whose peer is not who sent them."""

from conduit_kernel.http.exchange import Exchange, Peer
from conduit_kernel.trusted_proxies import TrustedProxies


class ProxiedExchange(Exchange):
    """A request that a trusted proxy passed on: its peer is whom the proxy speaks for."""

    __slots__ = ("_connected", "_told", "_trusted")

    def __init__(self, trusted: TrustedProxies, caller: Peer) -> None:
        self._told: str | None = None
        self._trusted = trusted
        super().__init__(caller)

    @property
    def peer(self) -> str:
        """Return the caller's address, found once the head is read, when it is asked for."""
        if self._told is None:
            name = self._trusted.way.encode()
            lines = [self.fields[name]] if name in self.fields else []
            lines += [value for other, value in self.repeats or () if other == name]
            texts = (line.decode("latin-1") for line in lines)
            self._told = self._trusted.caller_of(self._connected, texts)
        return self._told

    @peer.setter
    def peer(self, address: str) -> None:
        self._connected = address
