"""Which addresses belong to everybody, and which to the network we stand in."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# A network of one subscriber, who has all of its addresses.
_SUBSCRIBER_PREFIX = 64
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")

# Addresses of IPv4 within IPv6: https://www.rfc-editor.org/rfc/rfc6052#section-2.1
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# The rest of IPv6 is not assigned, or leads inside: https://www.iana.org/assignments/ipv6-address-space
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Services that clouds offer to machines inside, at addresses that pass for global: Azure's host,
# and IETF's assignments (RFC 6890), of which Oracle's metadata service uses one.
_INSIDE = (ipaddress.IPv4Network("168.63.129.16/32"), ipaddress.IPv4Network("192.0.0.0/24"))


def is_public(text: str) -> bool:
    """Return whether an IP address can be reached from anywhere."""
    # A scope, as in fe80::1%eth0, changes nothing here.
    address: Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address.sixtofour or _nat64(address) or address
    if isinstance(address, ipaddress.IPv6Address):
        return address.is_global and address in _GLOBAL_UNICAST
    is_inside = any(address in network for network in _INSIDE)
    return address.is_global and not address.is_multicast and not is_inside


def _nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None


def is_loopback(text: str) -> bool:
    """Return whether an IP address is this machine's own; False for what is none."""
    try:
        return _plain(ipaddress.ip_address(text.partition("%")[0])).is_loopback
    except ValueError:
        return False


def plain_address(text: str) -> str:
    """Return an address as all that compare it write it; empty for what is none.

    IPv4 within IPv6, as systems show it that listen on both, is IPv4.
    """
    try:
        return str(_plain(ipaddress.ip_address(text.partition("%")[0])))
    except ValueError:
        return ""


def subscriber_of(address: str) -> str:
    """Return what one caller has all addresses of: with IPv6 a /64, else the address itself."""
    if ":" not in address:
        return address
    try:
        found = _plain(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(ipaddress.ip_network((found, _SUBSCRIBER_PREFIX), strict=False))


def read_network(text: str, *, strict: bool = True) -> Network:
    """Read an address or a network. ValueError if it is neither.

    Or, if strict, has bits set beyond its prefix. One of IPv4 within IPv6 is one of IPv4.
    """
    network = ipaddress.ip_network(text, strict=strict)
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= _MAPPED.prefixlen:
        first = network.network_address.ipv4_mapped
        if first is not None:
            return ipaddress.IPv4Network((first, network.prefixlen - _MAPPED.prefixlen))
    return network


def _plain(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
