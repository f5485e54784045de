"""Which word on callers' addresses is believed."""

import time

import pytest

from conduit_kernel.trusted_proxies import (
    FORWARDED,
    FORWARDED_FOR,
    MAX_HOPS,
    NO_PROXIES,
    PROXY_PROTOCOL,
    TrustedProxies,
    read_trusted_proxies,
)

PROXY = "10.0.0.1"
TRUSTED = read_trusted_proxies({"CONDUIT_TRUSTED_PROXIES": "10.0.0.0/8, fd00::/8"})
BY_RFC = TrustedProxies(TRUSTED.networks, FORWARDED)


@pytest.mark.parametrize(
    ("lines", "caller"),
    [
        ([], PROXY),
        (["203.0.113.9"], "203.0.113.9"),
        # What the caller wrote before its proxy did says nothing.
        (["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        (["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        (["10.9.9.9, 203.0.113.9"], "203.0.113.9"),
        # Several proxies of ours in a row.
        (["198.51.100.1, 203.0.113.9, 10.0.0.3 ,\t10.0.0.2"], "203.0.113.9"),
        (["203.0.113.9, fd00::7"], "203.0.113.9"),
        # All are ours: the call began at the first.
        (["10.0.0.4, 10.0.0.3"], "10.0.0.4"),
        # With ports, as some write them; IPv4 within IPv6 is IPv4.
        (["203.0.113.9:4711"], "203.0.113.9"),
        (["[2001:db8::9]:4711"], "2001:db8::9"),
        (["2001:DB8:0::9"], "2001:db8::9"),
        (["::ffff:203.0.113.9"], "203.0.113.9"),
        (["198.51.100.1, ::ffff:10.0.0.9"], "198.51.100.1"),
        # What is no address ends the search at who told of it.
        (["198.51.100.1, unknown"], PROXY),
        (["198.51.100.1, unknown, 10.0.0.7"], "10.0.0.7"),
        (["198.51.100.1,"], PROXY),
        (["198.51.100.1", ""], PROXY),
        (["203.0.113.9 198.51.100.1"], PROXY),
        (["0x7f.1"], PROXY),
        (["010.0.0.1"], PROXY),
    ],
)
def test_the_last_hop_that_is_no_proxy_is_the_caller(lines: list[str], caller: str) -> None:
    """As each trusted proxy added who connected to it, and nothing else is known."""
    assert TRUSTED.caller_of(PROXY, lines) == caller


@pytest.mark.parametrize(
    ("line", "caller"),
    [
        ("for=203.0.113.9", "203.0.113.9"),
        ('For="203.0.113.9:4711";proto=https;by=10.0.0.1', "203.0.113.9"),
        ('proto=https; for="[2001:db8::9]:4711"', "2001:db8::9"),
        ("for=198.51.100.1, for=203.0.113.9", "203.0.113.9"),
        ("for=198.51.100.1, for=203.0.113.9, for=10.0.0.2", "203.0.113.9"),
        ("for=unknown", PROXY),
        ("for=_hidden", PROXY),
        ("proto=https", PROXY),
        ("203.0.113.9", PROXY),
        # A Host that the caller chose is quoted by the proxy, with what looks like a hop in it.
        ('for=203.0.113.9;host="x,for=10.9.9.9;y=z"', "203.0.113.9"),
        ('for=203.0.113.9;host="x\\",for=10.9.9.9;y=z"', "203.0.113.9"),
        # A quote that the caller left open does not swallow what its proxy added.
        ('for=", for=203.0.113.9', "203.0.113.9"),
        ('for="198.51.100.1, for=203.0.113.9;host="h"', "203.0.113.9"),
        ("forfor=203.0.113.9", PROXY),
        ("xfor=203.0.113.9", PROXY),
    ],
)
def test_the_standard_field_is_read_from_its_end(line: str, caller: str) -> None:
    """RFC 7239 has elements with parameters, in quotes or not."""
    assert BY_RFC.caller_of(PROXY, [line]) == caller


def test_a_long_list_is_not_gone_through() -> None:
    """A caller may write 64 KiB; only so many hops are looked at, and quotes cost no more."""
    hops = [f"10.1.{at // 256}.{at % 256}" for at in range(4000)]
    assert TRUSTED.caller_of(PROXY, [", ".join(hops)]) == hops[-MAX_HOPS]
    began = time.perf_counter()
    for line in ('"' * 65_000, "\\" * 65_000 + '"', '\\"' * 32_500, "for=" * 16_000):
        assert BY_RFC.caller_of(PROXY, [line]) == PROXY
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize("address", ["203.0.113.1", "", "unix", "10.0.0.1:80", "11.0.0.0"])
def test_others_are_not_trusted(address: str) -> None:
    """Least of all what is no address."""
    assert not TRUSTED.trusts(address)


def test_without_any_nobody_is_trusted() -> None:
    """The default."""
    assert read_trusted_proxies({}) == NO_PROXIES
    assert not NO_PROXIES.trusts("127.0.0.1")
    assert not NO_PROXIES.writes_fields
    assert not NO_PROXIES.writes_prefaces


def test_a_network_of_mapped_addresses_is_one_of_ipv4() -> None:
    """Whichever way the operator writes it."""
    env = {"CONDUIT_TRUSTED_PROXIES": "::ffff:10.0.0.0/104 192.0.2.7"}
    found = read_trusted_proxies(env)
    assert [str(network) for network in found.networks] == ["10.0.0.0/8", "192.0.2.7/32"]
    assert found.way == FORWARDED_FOR


def test_the_way_is_named_in_any_case() -> None:
    """As the field is."""
    env = {"CONDUIT_TRUSTED_PROXIES": "10.0.0.1", "CONDUIT_REAL_IP_HEADER": "Proxy_Protocol"}
    found = read_trusted_proxies(env)
    assert found.way == PROXY_PROTOCOL
    assert found.writes_prefaces
    assert not found.writes_fields


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"CONDUIT_TRUSTED_PROXIES": "proxy.example"}, "'proxy.example'"),
        ({"CONDUIT_TRUSTED_PROXIES": "10.0.0.1/8"}, "'10.0.0.1/8'"),
        ({"CONDUIT_TRUSTED_PROXIES": "0.0.0.0/0"}, "anybody"),
        ({"CONDUIT_TRUSTED_PROXIES": "::/0"}, "anybody"),
        ({"CONDUIT_REAL_IP_HEADER": "x-real-ip"}, "CONDUIT_REAL_IP_HEADER"),
    ],
)
def test_settings_that_make_no_sense_are_told(env: dict[str, str], words: str) -> None:
    """Also those by which everybody would be believed."""
    with pytest.raises(ValueError, match=words):
        read_trusted_proxies(env)
