"""From where a credential may be used, and with which client certificate."""

from collections.abc import Iterable
from ipaddress import ip_address

import msgspec

from conduit.v1.caller_security_pb2 import CallerSecurity
from conduit_kernel.addresses import Network, plain_address, read_network
from conduit_kernel.auth_errors import CallerNotAllowed


class AccessRules(msgspec.Struct, frozen=True):
    """Rules that callers keep, or are refused."""

    # Empty for all.
    networks: tuple[Network, ...] = ()
    needs_certificate: bool = False
    # Empty for any.
    certificates: frozenset[str] = frozenset()
    # Those of wider levels, which callers keep as well.
    also: tuple["AccessRules", ...] = ()

    def check(self, address: str, certificate: str) -> None:
        """Raise CallerNotAllowed where a caller does not keep them.

        `certificate` is the name of the one that the caller showed, empty if none. An address that
        is not known is in no network.
        """
        if self.networks and not is_within(address, self.networks):
            message = f"This credential may not be used from {address or 'an unknown address'}"
            raise CallerNotAllowed(message, address=address)
        if self.needs_certificate and not certificate:
            message = "This credential is used with a client certificate, and none was shown"
            raise CallerNotAllowed(message, address=address)
        if self.certificates and certificate not in self.certificates:
            message = "This credential may not be used with this client certificate"
            raise CallerNotAllowed(message, address=address, certificate=certificate)
        for each in self.also:
            each.check(address, certificate)


def access_rules(security: CallerSecurity, *wider: CallerSecurity) -> AccessRules | None:
    """Return what a credential's rules say, with those of wider levels; None if none says a thing.

    Callers keep the rules of each level: an empty list of one takes nothing back of another's.
    """
    said = [_rules_of(each) for each in (security, *wider) if each.ListFields()]
    if not said:
        return None
    return msgspec.structs.replace(said[0], also=tuple(said[1:]))


def _rules_of(security: CallerSecurity) -> AccessRules:
    return AccessRules(
        tuple(read_network(text, strict=False) for text in security.allowed_ips),
        security.require_mtls or bool(security.client_certificates),
        frozenset(security.client_certificates),
    )


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Return whether an address is in one of some networks; IPv4 within IPv6 is IPv4."""
    try:
        found = ip_address(plain_address(address))
    except ValueError:
        return False
    return any(found in network for network in networks)
