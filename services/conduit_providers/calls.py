"""A call and its answer, in whichever of their two forms they came.

A request enters typed (gRPC callers) or as OpenAI's JSON (the bridge). A codec asks for the form it
needs; the other one is made on demand, once, by the generated converters. What needs no
translation is never taken apart.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Generic, Protocol, Self, TypeVar

import msgspec
import orjson
from google.protobuf.message import Message

from conduit.v1.json_runtime import JsonError, parse
from conduit.v1.json_runtime import MalformedJson as NotJson
from conduit_kernel.errors import (
    ConduitError,
    InvalidRequest,
    MalformedJson,
    UnsupportedParameter,
)
from conduit_providers.failures import malformed
from conduit_providers.quantities import Quantities

# What is told of parameters that are dropped fits the headers that clients read.
MAX_DROPPED = 50
MAX_NAME = 100
AND_MORE = "..."

TypedT = TypeVar("TypedT", bound=Message)


class Form(msgspec.Struct, Generic[TypedT]):
    """A message as JSON, as protobuf, or both."""

    _read: Callable[[object], TypedT]
    _write: Callable[[TypedT], object]
    # The JSON text, if nothing has to be written for it.
    json_at_hand: bytes | None = None
    _typed: TypedT | None = None

    @property
    def json(self) -> bytes:
        """Return the message as JSON text. ConduitError if it holds raw JSON that is none."""
        if self.json_at_hand is None:
            assert self._typed is not None  # noqa: S101 # one of the two is always given
            try:
                self.json_at_hand = orjson.dumps(self._write(self._typed))
            except JsonError as error:
                raise self._unfit(error) from error
        return self.json_at_hand

    @property
    def typed(self) -> TypedT:
        """Return the message as protobuf. ConduitError if the JSON does not fit the contract."""
        if self._typed is None:
            try:
                self._typed = self._read(parse(self.json_at_hand or b""))
            except (JsonError, NotJson) as error:
                raise self._unfit(error) from error
        return self._typed

    def without(self, names: Collection[str]) -> Self:
        """Return the message without some members; the others stay as they were written."""
        members = msgspec.json.decode(self.json, type=dict[str, msgspec.Raw])
        kept = {name: value for name, value in members.items() if name not in names}
        return msgspec.structs.replace(self, json_at_hand=msgspec.json.encode(kept), _typed=None)

    def with_member(self, name: str, value: bytes) -> Self:
        """Return the message with another value, of JSON, for one member."""
        members = msgspec.json.decode(self.json, type=dict[str, msgspec.Raw])
        written = msgspec.json.encode(members | {name: msgspec.Raw(value)})
        return msgspec.structs.replace(self, json_at_hand=written, _typed=None)

    def with_json(self, text: bytes) -> Self:
        """Return another message, of this JSON text."""
        return msgspec.structs.replace(self, json_at_hand=text, _typed=None)

    def with_typed(self, typed: TypedT) -> Self:
        """Return another message, in the same form."""
        is_typed = self.json_at_hand is None
        json = None if is_typed else orjson.dumps(self._write(typed))
        return msgspec.structs.replace(self, json_at_hand=json, _typed=typed)

    def _unfit(self, error: JsonError | NotJson) -> ConduitError:
        """Return the error of a caller's message."""
        if isinstance(error, JsonError):
            return InvalidRequest(str(error), field=error.path)
        position = str(error.position)
        return MalformedJson(
            f"The body is not JSON: {error.reason} at position {position}", position=position
        )


class Call(msgspec.Struct, Generic[TypedT]):
    """One call at one instance: the request, and what the instance needs to know beside it."""

    request: Form[TypedT]
    # The model as the request names it, and as the provider does.
    alias: str
    model: str
    stream: bool = False
    # Whether the caller of a stream asked for the usage; we always do.
    include_usage: bool = False
    is_strict: bool = False
    # Whether its caller may have the provider choose among models that the call does not name.
    may_choose: bool = False
    # Betas of a provider's that the caller names, and the version of its API.
    betas: tuple[str, ...] = ()
    version: str = ""
    # The instance's name, for errors.
    provider: str = ""
    # When the call was made, in seconds since 1970, for dialects whose answers do not say;
    # codecs read no clock.
    created: int = 0
    # Whose account the provider was asked by, for dialects with state that belongs to one.
    account: str = ""
    # How long the caller waits for a job from now on; 0 if that is not known.
    seconds: float = 0.0
    # How long the sound is that was sent, in seconds, where its dialect can tell.
    sounded: float = 0.0
    # URL to media type and content, for endpoints that take no URLs.
    fetched: Mapping[str, tuple[str, bytes]] = {}
    # Of the answer that is a stream, names in lower case, for dialects whose events do not
    # say which answer they are of.
    answer_headers: Mapping[str, str] = {}
    # What the provider does not take, as callers are told.
    dropped: list[str] = []

    @property
    def typed(self) -> TypedT:
        """Return the request as protobuf. InvalidRequest if its JSON does not fit the contract."""
        return self.request.typed

    def drop(self, parameter: str, provider: str) -> None:
        """Note that the provider does not take a parameter. UnsupportedParameter when strict."""
        name = parameter[:MAX_NAME]
        if self.is_strict:
            raise UnsupportedParameter(
                f"{provider} does not take the parameter {name!r}",
                parameter=name,
                provider=provider,
            )
        if len(self.dropped) < MAX_DROPPED and name not in self.dropped:
            is_last = len(self.dropped) == MAX_DROPPED - 1
            self.dropped.append(AND_MORE if is_last else name)

    def drop_members(self, members: Mapping[str, object], provider: str) -> None:
        """Note that the provider does not take some members, but for those that say nothing."""
        for name, value in members.items():
            if value is not None:
                self.drop(name, provider)


class Answer(Form[TypedT]):
    """A provider's whole answer."""

    # None when the provider did not tell.
    usage: Quantities | None = None

    def to_form(self, *, is_typed: bool) -> Self:
        """Make the form that the caller gets. UpstreamError if what the provider sent is no such.

        To be called while another candidate can still be asked.
        """
        if is_typed:
            _ = self.typed
        elif self.json_at_hand is None:
            _ = self.json
        return self

    def _unfit(self, error: JsonError | NotJson) -> ConduitError:
        """Return the error of a provider's answer, which must not be repeated."""
        where = f" at {error.path}" if isinstance(error, JsonError) and error.path else ""
        return malformed("", f"it does not fit the contract{where}")


class Events(Protocol):
    """Pieces of a streamed answer that arrived together; each operation has its own kind."""

    @property
    def sse(self) -> bytes:
        """Return whole server-sent events, without the one that ends the stream."""
        ...

    @property
    def size(self) -> int:
        """Return about how many bytes of memory it takes."""
        ...

    @property
    def is_head(self) -> bool:
        """Return whether nothing of the answer itself is in it, so that it can wait for more."""
        ...

    def with_more(self, following: Self) -> Self:
        """Return these pieces and those that follow."""
        ...

    def with_sse(self, sse: bytes) -> Self:
        """Return pieces that are read like these, from other server-sent events."""
        ...

    def to_form(self, *, is_typed: bool) -> Self:
        """Make the form that the caller gets. UpstreamError if what the provider sent is no such.

        To be called while another candidate can still be asked.
        """
        ...
