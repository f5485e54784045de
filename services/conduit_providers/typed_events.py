"""Pieces of streamed answers, as server-sent events or as messages."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, Self, TypeVar

import orjson
from google.protobuf.message import Message

from conduit.v1.json_runtime import JsonError, MalformedJson, parse
from conduit_providers.failures import malformed

PieceT = TypeVar("PieceT", bound=Message)


class TypedEvents(ABC, Generic[PieceT]):
    """Pieces that arrived together."""

    __slots__ = ("_pieces", "_sse")

    def __init__(self, *, sse: bytes | None = None, pieces: Sequence[PieceT] | None = None) -> None:
        """Take one of the two."""
        self._sse = sse
        self._pieces = pieces

    @staticmethod
    @abstractmethod
    def read_piece(json: object, /) -> PieceT:
        """Return an event's JSON as a message. JsonError if it does not fit the contract."""

    @staticmethod
    @abstractmethod
    def write_piece(piece: PieceT, /) -> dict[str, object]:
        """Return a message as an event's JSON. JsonError if it holds what is no JSON."""

    @property
    def sse(self) -> bytes:
        """Return whole events, named by their type if any, with a blank line behind each."""
        if self._sse is None:
            try:
                written = [self.write_piece(piece) for piece in self._pieces or ()]
            except JsonError as error:
                raise malformed("", "an event holds what is no JSON") from error
            self._sse = events_of(written)
        return self._sse

    @property
    def pieces(self) -> Sequence[PieceT]:
        """Return the messages. UpstreamError if an event does not fit the contract."""
        if self._pieces is None:
            try:
                self._pieces = [
                    self.read_piece(parse(line[5:]))
                    for line in (self._sse or b"").splitlines()
                    if line.startswith(b"data:")
                ]
            except (JsonError, MalformedJson) as error:
                raise malformed("", "an event does not fit the contract") from error
        return self._pieces

    @property
    def size(self) -> int:
        """Return about how many bytes of memory it takes."""
        return len(self._sse or b"") + sum(piece.ByteSize() for piece in self._pieces or ())

    @property
    def is_head(self) -> bool:
        """Return False: each has a part of the answer, or says why there is none."""
        return False

    def with_more(self, following: Any) -> Self:  # noqa: ANN401 # pieces of the same kind
        """Return these pieces and those that follow."""
        return self.with_sse(self.sse + following.sse)

    def with_sse(self, sse: bytes) -> Self:
        """Return pieces that are read like these, from other server-sent events."""
        return type(self)(sse=sse)

    def to_form(self, *, is_typed: bool) -> Self:
        """Make the form that the caller gets. UpstreamError if what the provider sent is no such.

        To be called while another candidate can still be asked.
        """
        _ = self.pieces if is_typed else self.sse
        return self


def events_of(found: Iterable[Mapping[str, object]]) -> bytes:
    """Return JSON as server-sent events that are named by its type, where it has one."""
    return b"".join(map(_event_of, found))


def _event_of(found: Mapping[str, object]) -> bytes:
    name = b"event: %b\n" % str(found["type"]).encode() if "type" in found else b""
    return b"%bdata: %b\n\n" % (name, orjson.dumps(found))
