"""JSON keeps every message of the contract."""

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from tests.contract.arbitrary import Arbitrary, is_map
from tests.contract.converters import Converter, converters, json_options

from conduit.v1 import options_pb2

EXAMPLES = 25
CONVERTERS = list(converters())


def named(converter: Converter) -> str:
    """Return the name that a test of a message goes by."""
    return converter.descriptor.name


@pytest.mark.parametrize("converter", CONVERTERS, ids=named)
def test_json_keeps_arbitrary_messages(converter: Converter) -> None:
    """What is written of a message and parsed again is the same message."""
    for seed in range(EXAMPLES):
        message = Arbitrary(seed).message(converter.descriptor)
        assert converter.there_and_back(message) == message


def says_null(field: FieldDescriptor) -> bool:
    """Whether null says something of a member."""
    held = field.message_type
    return held is not None and any(json_options(f).null for f in held.fields)


# A bare value has no members, and a choice that must be made cannot be null.
OBJECTS = [
    converter
    for converter in CONVERTERS
    if isinstance(converter.write(GetMessageClass(converter.descriptor)()), dict)
    and converter.descriptor.name not in {"ResponseFormat", "ToolChoice"}
    and not any(says_null(field) for field in converter.descriptor.fields)
]


@pytest.mark.parametrize("converter", OBJECTS, ids=named)
def test_null_is_the_same_as_unset(converter: Converter) -> None:
    """An object of which every member is null reads as the empty message."""
    empty = GetMessageClass(converter.descriptor)()
    members = converter.write(empty)
    assert isinstance(members, dict)
    assert converter.read(dict.fromkeys(members)) == empty


def speaks_protobufs_own_json(descriptor: Descriptor) -> bool:
    """Whether a message and all that it holds is spelled as protobuf's own JSON would."""
    if descriptor.file.package == "google.protobuf":
        return True
    dialect = descriptor.GetOptions().Extensions[options_pb2.dialect]
    return dialect != options_pb2.DIALECT_OPENAI and all(map(is_plain, descriptor.fields))


def is_plain(field: FieldDescriptor) -> bool:
    """Whether a field follows protobuf's own rules."""
    if field.enum_type is not None or json_options(field).ByteSize():
        return False
    return (
        field.message_type is None or is_map(field) or speaks_protobufs_own_json(field.message_type)
    )


PLAIN = [c for c in OBJECTS if speaks_protobufs_own_json(c.descriptor)]


@pytest.mark.parametrize("converter", PLAIN, ids=named)
def test_protobufs_own_reader_reads_what_is_written(converter: Converter) -> None:
    """Where the rules are the same, `json_format` makes the same message of our JSON."""
    for seed in range(EXAMPLES):
        message = Arbitrary(seed).message(converter.descriptor)
        written = converter.write(message)
        assert isinstance(written, dict)
        read = json_format.ParseDict(written, GetMessageClass(converter.descriptor)())
        assert read == message


@pytest.mark.parametrize("converter", PLAIN, ids=named)
def test_what_protobufs_own_writer_writes_is_read(converter: Converter) -> None:
    """Where the rules are the same, `json_format`'s JSON reads as the same message."""
    for seed in range(EXAMPLES):
        message = Arbitrary(seed).message(converter.descriptor)
        assert converter.read(json_format.MessageToDict(message)) == message


def test_the_comparison_is_worth_something() -> None:
    """Many messages follow protobuf's own rules: with times, durations and lists."""
    names = {converter.descriptor.name for converter in PLAIN}
    assert len(names) > 60
    assert names > {"GetCostsRequest", "HourlyCount", "Timeouts"}
