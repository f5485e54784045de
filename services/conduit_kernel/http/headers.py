"""Header fields as they came, names in lower case."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

Field = tuple[bytes, bytes]
Fields = Sequence[Field]

_EDGES = b" \t"


class Headers(msgspec.Struct):
    """Fields by name. The parser fills ``first`` and, for repeated names, ``repeats``."""

    first: dict[bytes, bytes]
    repeats: list[Field] | None = None

    @classmethod
    def of(cls, fields: Iterable[Field]) -> "Headers":
        """Make headers of these fields; names may be in any case."""
        first: dict[bytes, bytes] = {}
        repeats: list[Field] = []
        for name, value in fields:
            lowered = name.lower()
            if lowered in first:
                repeats.append((lowered, value))
            else:
                first[lowered] = value
        return cls(first, repeats or None)

    def get(self, name: bytes) -> bytes | None:
        """Give the first value under ``name`` (lower case), without outer blanks."""
        value = self.first.get(name)
        return value if value is None else value.strip(_EDGES)

    def items(self) -> Iterator[Field]:
        """Give all fields; repeated ones come last."""
        for name, value in self.first.items():
            yield name, value.strip(_EDGES)
        for name, value in self.repeats or ():
            yield name, value.strip(_EDGES)

    def __contains__(self, name: bytes) -> bool:
        """Return whether there is such a field."""
        return name in self.first

    def __len__(self) -> int:
        """Count the fields, repeated ones too."""
        return len(self.first) + len(self.repeats or ())
