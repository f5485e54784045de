"""A kind of call that meets faults, as its callers make it over HTTP and gRPC."""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from google.protobuf.message import Message

from conduit.v1.call_pb2 import CallOptions
from conduit.v1.converse_requests_pb2 import SESSION_PROTOCOL_REALTIME, SessionProtocol
from conduit.v1.form_pb2 import FileChunk

POLICIES = ("fail", "restart", "continue")
# More than is kept in memory, and than one message has.
FILE = b"\x89PNG\r\n" * 48_000
_PIECE_BYTES = 100_000
Request = Callable[[str, CallOptions], Any]


class Session(NamedTuple):
    """A session as its caller holds it."""

    protocol: SessionProtocol.ValueType
    # Over HTTP; the alias follows where the address names the model.
    path: str
    # All that the caller says, given the alias; what names the model comes first, where any does.
    said: Callable[[str], Sequence[str]]
    # Whether one that its caller leaves has been counted by its provider.
    is_counted: bool = False
    # Whether nobody ever counts it, so that its time is what it is charged for.
    is_timed: bool = False

    @property
    def names_model(self) -> bool:
        """Whether the address, or the start, names the model."""
        return self.protocol == SESSION_PROTOCOL_REALTIME


class Operation(NamedTuple):
    """A row of the matrix."""

    name: str
    path: str
    rpc: str
    # The body of an HTTP request, less the model: members of JSON, or of a form with a file.
    members: Mapping[str, Any]
    # The RPC's request, or its first message; the file follows where there is one.
    request: Request
    # The name of the file's member; none where there is no file.
    file: str = ""
    # The RPC's message class of the file's pieces.
    piece: Callable[..., Message] | None = None
    is_stream: bool = False
    # Whether a second provider can go on where the first one was cut.
    is_continuable: bool = False
    # Whether callers say what follows when it breaks off.
    has_policies: bool = True
    # The type of the instances that serve it.
    provider_type: str = "OpenAI"
    # How those call their models, less their numbers where a name can have any.
    model: str = "model"
    is_numbered: bool = True
    # What else those say of themselves.
    settings: Mapping[str, str] = MappingProxyType({})
    # Where events go both ways, which has callers of its own.
    session: Session | None = None
    # The operation that it is, where its name is another: in a dialect that is not OpenAI's.
    like: str = ""
    # Whether its calls have idempotency keys: each is made once, also where its caller leaves.
    is_keyed: bool = False
    # Whether such operations take turns at meeting faults; `make slow` has all of them meet each.
    takes_turns: bool = False

    @property
    def kind(self) -> str:
        """What it is called in the contract."""
        return self.like or (self.name if self.session is None else "converse")

    @property
    def is_kept(self) -> bool:
        """Whether what it comes to is kept by Storage."""
        return self.is_keyed or self.kind == "create_voice"

    def model_at(self, provider_id: int) -> str:
        """Return how an instance calls its model."""
        return f"{self.model}-{provider_id}" if self.is_numbered else self.model

    def is_sent_in(self, raw: bytes) -> bool:
        """Return whether a request's body has the whole file, as it is or in JSON."""
        return FILE in raw or b64encode(FILE) in raw

    @property
    def content(self) -> bytes:
        """The file."""
        return FILE

    def http(self, alias: str) -> dict[str, Any]:
        """Return the request as httpx takes it."""
        members = {"model": alias, **self.members}
        if not self.file:
            return {"json": members}
        return {"data": members, "files": {self.file: ("a.bin", FILE, "application/octet-stream")}}

    def grpc(self, alias: str, options: CallOptions) -> Any:  # noqa: ANN401 # of each RPC its own
        """Return the request as its stub takes it: a message, or those of an upload."""
        first = self.request(alias, options)
        return first if self.piece is None else self._upload(first, self.piece)

    def _upload(self, first: Message, piece: Callable[..., Message]) -> Iterator[Message]:
        yield first
        for at in range(0, len(FILE), _PIECE_BYTES):
            yield piece(chunk=FileChunk(data=FILE[at : at + _PIECE_BYTES]))
