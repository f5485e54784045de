"""Custom options and comments of descriptors.

The plugin runs before the contract's own Python modules exist, so that options are read with a pool
made of the very descriptors at hand.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from google.protobuf import descriptor_pb2 as d
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

PACKAGE = "conduit.v1"


class HasOptions(Protocol):
    """A descriptor of anything that may have options."""

    @property
    def options(self) -> Message:
        """Its options."""
        ...


class Options:
    """Reads the custom options of descriptors."""

    def __init__(self, files: Iterable[d.FileDescriptorProto]) -> None:
        self._pool = DescriptorPool()
        for file in files:
            self._pool.Add(file)

    def members(self, owner: HasOptions, name: str, package: str = PACKAGE) -> dict[str, Any]:
        """Return the set members of a message option by protobuf name; empty where it is unset."""
        value = self._value(owner, f"{package}.{name}")
        if value is None:
            return {}
        return MessageToDict(value, preserving_proto_field_name=True, descriptor_pool=self._pool)

    def text(self, owner: HasOptions, name: str) -> str:
        """Return a string option; empty where it is unset."""
        return self._value(owner, f"{PACKAGE}.{name}") or ""

    def flag(self, owner: HasOptions, name: str) -> bool:
        """Return a boolean option; False where it is unset."""
        return bool(self._value(owner, f"{PACKAGE}.{name}"))

    def number(self, owner: HasOptions, name: str) -> int:
        """Return an enum option as its number; 0 where it is unset."""
        return self._value(owner, f"{PACKAGE}.{name}") or 0

    def _value(self, owner: HasOptions, name: str) -> Any:  # noqa: ANN401 - an option is of any type
        options_type = GetMessageClass(
            self._pool.FindMessageTypeByName(owner.options.DESCRIPTOR.full_name)
        )
        extension: Any = self._pool.FindExtensionByName(name)
        options: Any = options_type.FromString(owner.options.SerializeToString())
        return options.Extensions[extension] if options.HasExtension(extension) else None


class Comments:
    """The leading comments of a file."""

    def __init__(self, file: d.FileDescriptorProto) -> None:
        self._comments = {
            tuple(location.path): location.leading_comments
            for location in file.source_code_info.location
        }

    def at(self, *place: int) -> str:
        """Return the comment of a thing by its path in descriptor.proto, one paragraph a line."""
        paragraphs = self._comments.get(place, "").split("\n\n")
        texts = (" ".join(line.strip() for line in p.splitlines()).strip() for p in paragraphs)
        return "\n".join(text for text in texts if text)
