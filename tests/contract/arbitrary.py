"""Arbitrary messages of the contract, as far as its rules promise that JSON keeps all of them."""

import random
from collections.abc import Callable
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from tests.contract.converters import is_in_headers, json_options

from conduit.v1 import options_pb2

TEXTS = ("", "a", "Grüße, 世界 🌍", 'quote " backslash \\ newline \n', "x" * 300, "null", "3")
NUMBERS = (0.0, 1.0, -1.5, 0.1, 1e-9, 1e300, 123456.789)
PATHS = ("name", "is_enabled", "cost_per_1k_tokens")
WORDS = ("weird", "eos", "pause_turn")
# Numbers of up to 15 digits are exact as doubles, which is what JSON parsers make of them.
EXACT_MONEY = 10**15
LIMITS = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
}
NATIVE = "native_"
OFTEN = 0.7


class Arbitrary:
    """Makes arbitrary messages, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret

    def message(self, descriptor: Descriptor) -> Message:
        """Return an arbitrary message."""
        message = GetMessageClass(descriptor)()
        chosen = {name for oneof in descriptor.oneofs for name in self._choose(oneof)}
        for field in descriptor.fields:
            in_oneof = field.containing_oneof is not None and not is_optional(field)
            if in_oneof and field.name not in chosen:
                continue
            if not is_carried(field):
                continue
            if chosen and is_flat(descriptor) and not in_oneof:
                # The choice has unknown members of its own.
                continue
            if in_oneof or self._is_given(field):
                self._fill(message, field)
        return message

    def _choose(self, oneof: OneofDescriptor) -> list[str]:
        """Return the field of a oneof to set; none only where JSON can say so."""
        names = [field.name for field in oneof.fields]
        if oneof.GetOptions().Extensions[options_pb2.flat]:
            return [self._random.choice(names)] if self._random.random() < OFTEN else []
        must = len(names) > 1 and (
            oneof.GetOptions().HasExtension(options_pb2.discriminator) or is_all(oneof)
        )
        return [self._random.choice(names)] if must or self._random.random() < OFTEN else []

    def _is_given(self, field: FieldDescriptor) -> bool:
        # An unset message that is always written is written as an empty one.
        is_message = field.message_type is not None and not field.is_repeated
        if (is_message and json_options(field).always) or means_another(field.enum_type):
            return True
        return self._random.random() < OFTEN

    def _fill(self, message: Message, field: FieldDescriptor) -> None:
        held = getattr(message, field.name)
        if is_map(field):
            key, value = type_of(field).fields
            for _ in range(self._random.randrange(3)):
                held[self._scalar(key)] = self._scalar(value)
        elif field.message_type is not None:
            self._fill_messages(held, field)
        elif field.is_repeated:
            held.extend(self._scalar(field) for _ in range(self._random.randrange(4)))
        elif field.name.startswith(NATIVE):
            self._fill_native(message, field)
        else:
            setattr(message, field.name, self._scalar(field))

    # Any: repeated fields hold a container, others the message itself.
    def _fill_messages(self, held: Any, field: FieldDescriptor) -> None:  # noqa: ANN401
        if field.is_repeated:
            for _ in range(self._random.randrange(4)):
                held.add().CopyFrom(self._any_message(type_of(field)))
        else:
            held.CopyFrom(self._any_message(type_of(field)))
            held.SetInParent()

    def _fill_native(self, message: Message, field: FieldDescriptor) -> None:
        """Set the provider's own word for an enum: one that no value is spelled like."""
        setattr(message, field.name, self._random.choice(WORDS))

    def _any_message(self, descriptor: Descriptor) -> Message:
        match descriptor.full_name:
            case "google.protobuf.Timestamp":
                seconds = self._random.randint(-62_135_596_800, 253_402_300_799)
                return Timestamp(seconds=seconds, nanos=self._nanos())
            case "google.protobuf.Duration":
                sign = self._random.choice((1, -1))
                seconds = self._random.randint(0, 315_576_000_000)
                return Duration(seconds=sign * seconds, nanos=sign * self._nanos())
            case "google.protobuf.Struct":
                struct = Struct()
                json_format.ParseDict(self._object(), struct)
                return struct
            case "google.protobuf.FieldMask":
                # In JSON they are one text, so there are names that it cannot keep.
                return FieldMask(paths=self._random.sample(PATHS, self._random.randint(0, 3)))
            case _:
                return self.message(descriptor)

    def _nanos(self) -> int:
        return self._random.choice((0, 5, 120_000_000, 123_456_000, 999_999_999))

    def _scalar(self, field: FieldDescriptor) -> object:
        options = json_options(field)
        if options.raw:
            # Null would read as unset.
            return orjson.dumps(self._json() or self._object())
        if options.unknown:
            return orjson.dumps({"x_new": self._json(), "y": None})
        if options.money:
            return self._random.randint(1 - EXACT_MONEY, EXACT_MONEY - 1)
        if field.enum_type is not None:
            return self._enum(field.enum_type)
        return self._plain(field)

    def _plain(self, field: FieldDescriptor) -> object:
        match field.type:
            case FieldDescriptor.TYPE_STRING:
                return self._random.choice(TEXTS)
            case FieldDescriptor.TYPE_BYTES:
                return self._random.randbytes(self._random.randrange(5))
            case FieldDescriptor.TYPE_BOOL:
                return self._random.choice((True, False))
            case FieldDescriptor.TYPE_DOUBLE:
                return self._random.choice(NUMBERS)
            case kind:
                least, most = LIMITS[kind]
                return self._random.choice((least, 0, 7, self._random.randint(least, most), most))

    def _enum(self, enum: EnumDescriptor) -> int:
        # The zero value has no spelling in OpenAI's dialect.
        return self._random.choice([value.number for value in enum.values if value.number])

    def _json(self, depth: int = 2) -> object:
        makers: list[Callable[[], object]] = [
            lambda: None,
            lambda: True,
            lambda: 17,
            lambda: 0.25,
            lambda: self._random.choice(TEXTS),
            lambda: [self._json(depth - 1), self._json(depth - 1)],
            lambda: self._object(depth - 1),
        ]
        make = self._random.choice(makers if depth else makers[:5])
        return make()

    def _object(self, depth: int = 2) -> dict[str, object]:
        return {name: self._json(depth) for name in self._random.sample(("a", "ü", "", "b_c"), 2)}


def is_carried(field: FieldDescriptor) -> bool:
    """Whether JSON carries a field both ways."""
    options = json_options(field)
    is_elsewhere = options.header or options.secret or options.null
    return not (is_elsewhere or is_in_headers(field.message_type))


def is_flat(message: Descriptor) -> bool:
    """Whether a message's JSON is the members of its choice."""
    return any(oneof.GetOptions().Extensions[options_pb2.flat] for oneof in message.oneofs)


def type_of(field: FieldDescriptor) -> Descriptor:
    """Return the message that a field holds."""
    assert field.message_type is not None
    return field.message_type


def is_all(oneof: OneofDescriptor) -> bool:
    """Whether a message is nothing but a choice; where it is held bare, none has no JSON."""
    return len(oneof.fields) == len(oneof.containing_type.fields)


def is_map(field: FieldDescriptor) -> bool:
    """Whether a field is a map."""
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def is_optional(field: FieldDescriptor) -> bool:
    """Whether a field is declared `optional`, which protobuf keeps as a oneof of one."""
    return field.containing_oneof is not None and len(field.containing_oneof.fields) == 1


def means_another(enum: EnumDescriptor | None) -> bool:
    """Whether an enum's zero value is written, and so read, as another value."""
    if enum is None:
        return False
    zero = enum.values_by_number[0].GetOptions().Extensions[options_pb2.spelling]
    prefix = len(enum.values_by_number[0].name) - len("UNSPECIFIED")
    others = [value.name[prefix:].replace("_", "") for value in enum.values if value.number]
    return zero.upper() in others
