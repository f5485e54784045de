"""The preface with which a proxy says for whom a connection is."""

import socket
import struct

import pytest

from conduit_kernel.http import ProtocolViolation
from conduit_kernel.http.proxy_protocol import read_preface

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = socket.inet_aton("203.0.113.9") + socket.inet_aton("10.0.0.1") + struct.pack("!HH", 4711, 80)
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::9") * 2 + struct.pack("!HH", 4711, 80)
MAPPED = socket.inet_pton(socket.AF_INET6, "::ffff:203.0.113.9") * 2 + bytes(4)


def binary(command: int, family: int, rest: bytes) -> bytes:
    """Return a preface of version 2."""
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest)) + rest


PREFACES = [
    (b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n", "203.0.113.9"),
    (b"PROXY TCP6 2001:db8::9 ::1 4711 80\r\n", "2001:db8::9"),
    (b"PROXY UNKNOWN\r\n", ""),
    (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", ""),
    (binary(0x21, 0x11, V4), "203.0.113.9"),
    (binary(0x21, 0x21, V6), "2001:db8::9"),
    (binary(0x21, 0x21, MAPPED), "203.0.113.9"),
    # What follows the addresses, such as what TLS came to, is passed over.
    (binary(0x21, 0x11, V4 + b"\x04\x00\x02ab"), "203.0.113.9"),
    # Of a connection of the proxy's own, whatever addresses it has.
    (binary(0x20, 0x00, b""), ""),
    (binary(0x20, 0x11, V4), ""),
    # Of kinds that tell no address.
    (binary(0x21, 0x00, b""), ""),
    (binary(0x21, 0x31, bytes(216)), ""),
    (binary(0x21, 0x12, V4), ""),
]


@pytest.mark.parametrize(("preface", "source"), PREFACES)
def test_a_preface_says_the_caller(preface: bytes, source: str) -> None:
    """However it is cut; what comes behind it is the caller's."""
    for end in range(len(preface)):
        assert read_preface(preface[:end]) is None
    found = read_preface(preface + b"GET / HTTP/1.1\r\n")
    assert found is not None
    assert (found.source, found.size) == (source, len(preface))


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"PROXX",
        b"proxy TCP4 203.0.113.9 10.0.0.1 4711 80\r\n",
        b"PROXY \r\n",
        b"PROXY TCP4\r\n",
        b"PROXY TCP4 203.0.113.9 10.0.0.1 4711\r\n",
        b"PROXY TCP4 nobody 10.0.0.1 4711 80\r\n",
        b"PROXY UDP4 203.0.113.9 10.0.0.1 4711 80\r\n",
        b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 80 " + b"x" * 100,
        binary(0x11, 0x11, V4),
        binary(0x22, 0x11, V4),
        # Shorter than its addresses: see CVE-2019-10097 of another server.
        binary(0x21, 0x11, b""),
        binary(0x21, 0x11, V4[:11]),
        binary(0x21, 0x21, V6[:35]),
        b"\r\n\r\n\x00\r\nQUIX",
    ],
)
def test_what_is_no_preface_is_refused(data: bytes) -> None:
    """Nobody may leave it out, as it could not be told then who wrote it."""
    with pytest.raises(ProtocolViolation):
        read_preface(data)
