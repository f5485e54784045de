"""The proxies before us whose word on their callers' addresses is believed, as settings name them.

Each proxy writes one way of telling, and lets the others pass as callers wrote them: so one is
read, the one that the operator names, and no other. Of a list of addresses only what trusted
proxies added is believed, from its end on.
See https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/X-Forwarded-For and
https://www.rfc-editor.org/rfc/rfc7239
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from conduit_kernel.addresses import Network, plain_address, read_network

FORWARDED_FOR, FORWARDED, PROXY_PROTOCOL = "x-forwarded-for", "forwarded", "proxy_protocol"
WAYS = (FORWARDED_FOR, FORWARDED, PROXY_PROTOCOL)
# Nobody has more proxies in a row; what a caller wrote before them is not gone through.
MAX_HOPS = 32
MAX_TOLD = 4096
# The parameter of RFC 7239, quoted where the address has a colon.
_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*(?:"([^"\\]*)"|([^";,\s]+))\s*(?=;|$)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The networks that proxies are in, and how they tell whom they speak for."""

    networks: tuple[Network, ...] = ()
    way: str = FORWARDED_FOR

    @property
    def writes_fields(self) -> bool:
        """Return whether there are any that write a field into each request's head."""
        return bool(self.networks) and self.way != PROXY_PROTOCOL

    @property
    def writes_prefaces(self) -> bool:
        """Return whether there are any that write a preface before each connection's bytes."""
        return bool(self.networks) and self.way == PROXY_PROTOCOL

    def trusts(self, address: str) -> bool:
        """Return whether an address is a trusted proxy's; False for what is none."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.networks)

    def caller_of(self, peer: str, lines: Iterable[str]) -> str:
        """Return the address that a proxy at `peer` speaks for, by the field's lines in order.

        It is the last one that is no trusted proxy's: those before it are what that one wrote. A
        hop that says no address, or a wrong one, ends the search at who told of it.
        """
        known = peer
        for hop, _ in zip(self._hops(lines), range(MAX_HOPS), strict=False):
            address = plain_address(_without_port(hop))
            if not address:
                break
            known = address
            if not self.trusts(address):
                break
        return known

    def _hops(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield what proxies wrote, the last one first."""
        rest: str | None
        for line in reversed([*lines]):
            rest = line[-MAX_TOLD:]
            # An empty line says nothing, too; what comes before it is somebody else's.
            while rest is not None:
                if self.way == FORWARDED:
                    rest, last = _without_last_element(rest)
                    yield _for_of(last)
                else:
                    before, comma, last = rest.rpartition(",")
                    rest = before if comma else None
                    yield last.strip()


NO_PROXIES = TrustedProxies()


def read_trusted_proxies(env: Mapping[str, str]) -> TrustedProxies:
    """Read the settings. ValueError if one makes no sense."""
    name, way_name = "CONDUIT_TRUSTED_PROXIES", "CONDUIT_REAL_IP_HEADER"
    texts = env.get(name, "").replace(",", " ").split()
    way = (env.get(way_name) or FORWARDED_FOR).lower()
    if way not in WAYS:
        raise ValueError(f"{way_name} must be one of {', '.join(WAYS)}, not {way!r}")
    return TrustedProxies(tuple(_network(name, text) for text in texts), way)


def _network(name: str, text: str) -> Network:
    try:
        network = read_network(text)
    except ValueError as error:
        raise ValueError(f"{name} has {text!r}, which is no address and no network") from error
    if not network.prefixlen:
        raise ValueError(f"{name} has {text!r}: whoever is believed may say that they are anybody")
    return network


def _without_last_element(line: str) -> tuple[str | None, str]:
    """Split a line at its last comma that is in no quotes; None where nothing comes before.

    From the end on, as a proxy's own element is well formed, and what a caller wrote need not be.
    """
    is_quoted = False
    for at in range(len(line) - 1, -1, -1):
        if line[at] == '"':
            before = line[:at]
            is_escaped = (len(before) - len(before.rstrip("\\"))) % 2
            is_quoted = is_quoted != (not is_escaped)
        elif line[at] == "," and not is_quoted:
            return line[:at], line[at + 1 :]
    return None, line


def _for_of(element: str) -> str:
    found = _FOR.search(element.strip())
    return (found[1] or found[2] or "") if found else ""


def _without_port(hop: str) -> str:
    """Return the address of `192.0.2.1:4711`, `[2001:db8::1]:4711` and those without a port."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
