"""Protobuf's bytes, written by hand where building a message would cost several times as much.

The encoding is public and frozen: https://protobuf.dev/programming-guides/encoding/. Tests hold
what is written here against the generated classes.
"""

from google.protobuf.message import Message

_VARINT, _DELIMITED = 0, 2
# Groups of seven bits, written out up to five: lengths, counts, costs and moments have no more.
_ONE_GROUP, _TWO_GROUPS, _THREE_GROUPS, _FOUR_GROUPS, _FIVE_GROUPS = (
    1 << bits for bits in (7, 14, 21, 28, 35)
)
# A group that is the last, and one that another follows.
_ONE_BYTE = tuple(bytes((value,)) for value in range(_ONE_GROUP))
_GOES_ON = tuple(bytes((value | 128,)) for value in range(_ONE_GROUP))


def varint(value: int) -> bytes:
    """Encode a number from 0 to 2**64 - 1."""
    if value < _ONE_GROUP:
        return _ONE_BYTE[value]
    if value < _TWO_GROUPS:
        return _GOES_ON[value & 127] + _ONE_BYTE[value >> 7]
    if value < _THREE_GROUPS:
        return _GOES_ON[value & 127] + _GOES_ON[value >> 7 & 127] + _ONE_BYTE[value >> 14]
    if value < _FOUR_GROUPS:
        return bytes(
            (value & 127 | 128, value >> 7 & 127 | 128, value >> 14 & 127 | 128, value >> 21)
        )
    if value < _FIVE_GROUPS:
        return bytes(
            (
                value & 127 | 128,
                value >> 7 & 127 | 128,
                value >> 14 & 127 | 128,
                value >> 21 & 127 | 128,
                value >> 28,
            )
        )
    groups = []
    while value >= _ONE_GROUP:
        groups.append(value & 127 | 128)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def delimited(tag: bytes, data: bytes) -> bytes:
    """Encode a text, bytes or message behind the tag of its field."""
    return tag + varint(len(data)) + data


def number_tag(message: type[Message], field: str) -> bytes:
    """Return what goes before the number in a field: of an integer, an enum or a boolean."""
    return varint(message.DESCRIPTOR.fields_by_name[field].number << 3 | _VARINT)


def data_tag(message: type[Message], field: str) -> bytes:
    """Return what goes before the length of a text, bytes or message in a field."""
    return varint(message.DESCRIPTOR.fields_by_name[field].number << 3 | _DELIMITED)
