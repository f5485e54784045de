"""Recorded answers, held against the types of the providers' SDKs."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from tests.support.wire_cases import WireCase


class Received:
    """The answer of one wire case."""

    def __init__(self, case: WireCase) -> None:
        received = case.received
        self.body, self.headers = received.body, received.headers
        self.status, self.media_type = received.status, received.media_type

    @property
    def is_stream(self) -> bool:
        """Whether it is a stream: events, frames (written as events), or lines."""
        return any(kind in self.media_type for kind in ("event", "ndjson"))

    def documents(self) -> list[Any]:
        """Return the JSON documents in it: one, or those of a stream. ValueError if not JSON."""
        return [orjson.loads(text) for text in self._texts()]

    def _texts(self) -> Iterator[bytes]:
        if not self.is_stream:
            yield self.body
        elif "ndjson" in self.media_type:
            yield from (line for line in self.body.splitlines() if line.strip())
        else:
            found = (line[5:].strip() for line in self.body.splitlines() if line[:5] == b"data:")
            yield from (text for text in found if text and text != b"[DONE]")


def strangers(reported: object, read: object, path: str = "") -> Iterator[str]:
    """Yield the members of a document that the type it was read as does not have."""
    if isinstance(reported, list) and isinstance(read, list):
        for each, typed in zip(reported, read, strict=True):
            yield from strangers(each, typed, path)
    elif isinstance(reported, dict):
        names = _names(read)
        for name, value in reported.items():
            here = f"{path}.{name}" if path else name
            if names is None:
                return
            if name not in names:
                yield here
            else:
                yield from strangers(value, _member(read, names[name]), here)


def _names(read: object) -> dict[str, str] | None:
    """Return what the members are called on the wire, and in Python; None for no model."""
    if isinstance(read, BaseModel):
        reported = type(read).model_fields.items()
        return {alias: name for name, field in reported for alias in (name, *_aliases(field))}
    if is_dataclass(read):
        return {field.name: field.name for field in fields(read)}
    return {name: name for name in read} if isinstance(read, dict) else None


def _aliases(field: FieldInfo) -> Iterator[str]:
    for alias in (field.alias, field.validation_alias, field.serialization_alias):
        if isinstance(alias, str):
            yield alias


def _member(read: object, name: str) -> object:
    return read[name] if isinstance(read, dict) else getattr(read, name)
