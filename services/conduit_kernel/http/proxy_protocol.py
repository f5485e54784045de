"""The preface with which a proxy says for whom a connection is: the PROXY protocol, 1 and 2.

See https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
"""

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from conduit_kernel.addresses import plain_address
from conduit_kernel.http.errors import ProtocolViolation

_TEXT_START, _BINARY_START = b"PROXY ", b"\r\n\r\n\x00\r\nQUIT\n"
# Its end of line included.
_TEXT_BYTES = 107
# A text's words: PROXY, the family, two addresses and two ports.
_WORDS = 6
_HEAD = struct.Struct("!12sBBH")
_VERSION = 0x20
_LOCAL, _PROXY = 0, 1
_TCP4, _TCP6 = 0x11, 0x21
_SIZES = {_TCP4: (IPv4Address, 4, 12), _TCP6: (IPv6Address, 16, 36)}


class Preface(NamedTuple):
    """For whom a connection is; what follows its bytes is the caller's."""

    # Empty where the proxy speaks for itself, or does not know.
    source: str
    size: int


def read_preface(data: bytes) -> Preface | None:
    """Read the preface that data begin with; None if more must come. ProtocolViolation if none."""
    if data.startswith(_TEXT_START[: len(data)]):
        return _read_text(data)
    if data.startswith(_BINARY_START[: len(data)]):
        return _read_binary(data)
    raise ProtocolViolation("the connection does not begin with a PROXY preface")


def _read_text(data: bytes) -> Preface | None:
    end = data.find(b"\r\n", 0, _TEXT_BYTES)
    if end < 0:
        if len(data) >= _TEXT_BYTES:
            raise ProtocolViolation("the PROXY preface has no end")
        return None
    words = data[:end].decode("latin-1").split(" ")
    if words[1] == "UNKNOWN":
        return Preface("", end + 2)
    source = plain_address(words[2]) if len(words) == _WORDS else ""
    if words[1] not in {"TCP4", "TCP6"} or not source:
        raise ProtocolViolation("the PROXY preface cannot be read")
    return Preface(source, end + 2)


def _read_binary(data: bytes) -> Preface | None:
    if len(data) < _HEAD.size:
        return None
    _, version_and_command, family, length = _HEAD.unpack_from(data)
    command, size = version_and_command & 0x0F, _HEAD.size + length
    if version_and_command & 0xF0 != _VERSION or command > _PROXY:
        raise ProtocolViolation("the PROXY preface has another version")
    if len(data) < size:
        return None
    # What a proxy says of a connection of its own is no address, whatever stands there.
    if command == _LOCAL or family not in _SIZES:
        return Preface("", size)
    kind, width, least = _SIZES[family]
    if length < least:
        raise ProtocolViolation("the PROXY preface is too short for its addresses")
    address = kind(data[_HEAD.size : _HEAD.size + width])
    return Preface(plain_address(str(address)), size)
