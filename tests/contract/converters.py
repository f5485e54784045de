"""The contract's messages with their generated converters, found by walking the package."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.message import Message

from conduit.v1 import options_pb2

PACKAGE = "conduit.v1"
ENDING = "_pb2.py"


@dataclass(frozen=True)
class Converter:
    """The generated converters of one message."""

    descriptor: Descriptor
    # Any: a message of the descriptor's own class.
    read: Callable[[object], Any]
    write: Callable[[Any], object]

    def there_and_back(self, message: Message) -> Message:
        """Return what is read from the JSON text that is written of a message."""
        read: Message = self.read(orjson.loads(orjson.dumps(self.write(message))))
        return read


def contract_files() -> Iterator[FileDescriptor]:
    """Yield the files of the contract, less the one that declares its options."""
    for name in sorted(path.name for path in files(PACKAGE).iterdir()):
        if name.endswith(ENDING) and name != f"options{ENDING}":
            module = importlib.import_module(f"{PACKAGE}.{name.removesuffix('.py')}")
            yield module.DESCRIPTOR


def converters() -> Iterator[Converter]:
    """Yield the converters of every message that has JSON. Fails where one is missing."""
    for file in contract_files():
        for descriptor in file.message_types_by_name.values():
            if not is_in_headers(descriptor):
                yield converter(descriptor)


def converter(descriptor: Descriptor) -> Converter:
    """Return the converters of one message. Fails where there are none."""
    noun = descriptor.file.name.rpartition("/")[2].removesuffix(".proto")
    module = importlib.import_module(f"{PACKAGE}.{noun}_json")
    name = snake(descriptor.name)
    read, write = getattr(module, f"{name}_from_json"), getattr(module, f"{name}_to_json")
    return Converter(descriptor, read, write)


def json_options(field: FieldDescriptor) -> options_pb2.Json:
    """Return a field's `as_json`."""
    return field.GetOptions().Extensions[options_pb2.as_json]


def is_in_headers(descriptor: Descriptor | None) -> bool:
    """Whether HTTP headers carry all of a message."""
    if descriptor is None or not descriptor.fields:
        return False
    return all(json_options(field).header for field in descriptor.fields)


def snake(name: str) -> str:
    """Return `chat_message` for `ChatMessage`."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
