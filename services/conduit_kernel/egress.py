"""Which proxy requests to providers leave by, as the usual variables say.

`HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in capitals or not, as curl reads them:
https://curl.se/libcurl/c/CURLOPT_NOPROXY.html. What is on this machine, or belongs to it, is
always asked directly.
"""

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

HTTP_PORT = 80
# Names of the machine itself, and of what its cloud offers to it alone.
_OWN_NAMES = ("localhost", "metadata.google.internal")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that speaks plain HTTP/1.1."""

    host: str
    port: int
    # The value of Proxy-Authorization; empty without credentials.
    authorization: bytes = field(default=b"", repr=False)

    @property
    def where(self) -> str:
        """Name it, without its credentials."""
        return f"{self.host}:{self.port}"


class Direct(NamedTuple):
    """Hosts that are asked directly: a name with all below it, or a network; at a port or any."""

    host: str = ""
    network: Network | None = None
    port: int = 0

    def covers(self, host: str, address: Address | None, port: int) -> bool:
        """Return whether a host, whose address is known if that is its name, is one of them."""
        if self.port and self.port != port:
            return False
        if self.network is not None:
            return address is not None and address in self.network
        return host == self.host or host.endswith(f".{self.host}")


@dataclass(frozen=True, slots=True)
class Egress:
    """The way out for requests: a proxy for each scheme, or none."""

    http: Proxy | None = None
    https: Proxy | None = None
    direct: tuple[Direct, ...] = ()

    def proxy_for(self, scheme: str, host: str, port: int) -> Proxy | None:
        """Return the proxy for an origin, None where it is asked directly."""
        proxy = self.https if scheme == "https" else self.http
        if proxy is None:
            return None
        host = host.rstrip(".").lower()
        address = _address(host)
        is_direct = _is_own(host, address) or any(
            each.covers(host, address, port) for each in self.direct
        )
        return None if is_direct else proxy


DIRECT = Egress()


def read_egress(env: Mapping[str, str]) -> Egress:
    """Return what an environment says. ValueError, without credentials, if it makes no sense."""
    no_proxy = _value(env, "NO_PROXY").replace(",", " ").split()
    if "*" in no_proxy:
        return DIRECT
    return Egress(
        http=_proxy(env, "HTTP_PROXY"),
        https=_proxy(env, "HTTPS_PROXY"),
        direct=tuple(map(_direct, no_proxy)),
    )


def _value(env: Mapping[str, str], name: str) -> str:
    return (env.get(name.lower()) or env.get(name) or "").strip()


def _proxy(env: Mapping[str, str], name: str) -> Proxy | None:
    text = _value(env, name)
    if not text:
        return None
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        host, port = url.hostname, url.port or HTTP_PORT
    except ValueError:
        host, port, url = None, 0, urlsplit("")
    if url.scheme != "http" or not host:
        # The text itself may hold a password.
        raise ValueError(f"{name} must be the http URL of a proxy, such as http://proxy:3128")
    authorization = b""
    if url.username is not None:
        credentials = f"{unquote(url.username)}:{unquote(url.password or '')}"
        authorization = b"Basic " + base64.b64encode(credentials.encode())
    return Proxy(host, port, authorization)


def _direct(text: str) -> Direct:
    host, port = _split_port(text.lower())
    if "/" in host:
        try:
            return Direct(network=ipaddress.ip_network(host, strict=False), port=port)
        except ValueError:
            raise ValueError(f"NO_PROXY: {text!r} is no network") from None
    address = _address(host)
    if address is not None:
        return Direct(network=ipaddress.ip_network(address), port=port)
    return Direct(host=host.removeprefix("*").strip("."), port=port)


def _split_port(text: str) -> tuple[str, int]:
    """Return a host without brackets, and its port, 0 if there is none."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    return host, int(port) if port.isdecimal() else 0


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _is_own(host: str, address: Address | None) -> bool:
    if address is not None:
        return address.is_loopback or address.is_link_local
    return any(host == name or host.endswith(f".{name}") for name in _OWN_NAMES)
