"""Which addresses belong to everybody, and which to the network we stand in."""

import pytest

from conduit_kernel.addresses import (
    is_loopback,
    is_public,
    plain_address,
    read_network,
    subscriber_of,
)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 # nothing is bound
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("192.168.1.1", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("168.63.129.16", False),
        ("168.63.129.17", True),
        ("192.0.0.192", False),
        ("::ffff:168.63.129.16", False),
        ("64:ff9b::a83f:8110", False),
        ("2002:a83f:8110::", False),
        ("fec0::1", False),
        ("feff::1", False),
        ("::8.8.8.8", False),
        ("::ffff:0:8.8.8.8", False),
        ("4000::1", False),
        ("ff0e::1", False),
    ],
)
def test_an_address_is_public_or_not(address: str, *, expected: bool) -> None:
    """Also those of IPv4 that hide in IPv6."""
    assert is_public(address) is expected


@pytest.mark.parametrize("text", ["", "localhost", "8.8.8.8:80", "[::1]", "08.8.8.8", "1", "::/0"])
def test_what_is_no_address_is_neither_public_nor_private(text: str) -> None:
    """Names and other writings of numbers are for others to judge."""
    with pytest.raises(ValueError, match="address"):
        is_public(text)
    assert not is_loopback(text)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::1%lo", True),
        ("::ffff:127.0.0.1", True),
        ("128.0.0.1", False),
        ("::2", False),
        ("::ffff:10.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 # nothing is bound
    ],
)
def test_loopback_is_this_machine(address: str, *, expected: bool) -> None:
    """All of 127/8, and the one of IPv6, also as IPv4 within IPv6."""
    assert is_loopback(address) is expected


@pytest.mark.parametrize(
    ("address", "plain", "subscriber"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1", "2001:db8::/64"),
        ("2001:db8::1:2:3:4", "2001:db8::1:2:3:4", "2001:db8::/64"),
        ("2001:db8:0:1::", "2001:db8:0:1::", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::1", "fe80::/64"),
        ("unknown", "", "unknown"),
        ("not:one", "", "not:one"),
        ("", "", ""),
    ],
)
def test_addresses_are_compared_as_one_writing(address: str, plain: str, subscriber: str) -> None:
    """And counted by who has them."""
    assert plain_address(address) == plain
    assert subscriber_of(address) == subscriber


def test_a_network_is_read_strictly_unless_asked_otherwise() -> None:
    """IPv4 within IPv6 is IPv4."""
    assert str(read_network("192.0.2.7")) == "192.0.2.7/32"
    assert str(read_network("::ffff:192.0.2.0/120")) == "192.0.2.0/24"
    assert str(read_network("192.0.2.7/24", strict=False)) == "192.0.2.0/24"
    for text in ("192.0.2.7/24", "example.org", "192.0.2.0/33"):
        with pytest.raises(ValueError, match=r"\S"):
            read_network(text)
