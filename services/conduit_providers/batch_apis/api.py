"""The shape of a provider's own batches, as values: pure, like codecs."""

from collections.abc import Generator, Iterable, Sequence
from typing import NamedTuple, Protocol, TypeAlias
from urllib.parse import quote

import msgspec

from conduit_kernel.errors import UpstreamError
from conduit_providers.failures import malformed
from conduit_providers.spec import Batches
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, Headers, HttpRequest, HttpResponse

# In the place of members that are not there: a union of raw JSON is not read.
NOTHING = msgspec.Raw()


class NewBatch(NamedTuple):
    """A batch to be begun: requests of one model, with the same headers."""

    # Ours, by which it is found again; letters, digits, `_` and `-`, at most 64.
    name: str
    # The provider's name of the model.
    model: str
    # Of the requests, as the codec made them.
    path: str
    headers: Headers
    # Each as `entry` wrote it.
    entries: Sequence[bytes]


class BegunBatch(NamedTuple):
    """A batch as its provider names it."""

    id: str
    # What its requests are read from; empty where that was in the request.
    file_id: str = ""


class BatchState(NamedTuple):
    """A batch's progress at its provider."""

    is_over: bool
    # How many requests were answered and failed, as far as the provider says.
    completed: int = 0
    failed: int = 0
    # What its results are read from, once it is over.
    results: tuple[HttpRequest, ...] = ()
    # Whether the provider has not taken it on, as others have to end first.
    is_crowded: bool = False


class BatchResult(NamedTuple):
    """A request's result: the answer that the provider would have given to it alone."""

    name: str
    # None for one that was not made, as the batch was taken back or had no more time.
    response: HttpResponse | None


# Yields requests, is sent their 2xx answers, and returns the batch.
Beginning: TypeAlias = Generator[HttpRequest, HttpResponse, BegunBatch]


class BatchApi(Protocol):
    """A way in which providers take batches."""

    # Whether the results are lines, each of which `result` reads; else `results` reads them all.
    has_lines: bool

    def takes(self, request: HttpRequest, batches: Batches, target: Target) -> bool:
        """Return whether a request, as a codec made it, can be part of a batch."""
        ...

    def entry(self, name: str, request: HttpRequest, batches: Batches) -> bytes:
        """Return a request as a part of a batch, by a name of ours within it."""
        ...

    def begin(self, batch: NewBatch, batches: Batches, target: Target) -> Beginning:
        """Begin a batch. UpstreamError where an answer makes no sense."""
        ...

    def search(self, batches: Batches, target: Target) -> HttpRequest | None:
        """Return the request by whose answer a batch is found; None where there is none."""
        ...

    def found(self, response: HttpResponse, name: str) -> BegunBatch | None:
        """Return the batch of a name of ours, if it is in the answer to that."""
        ...

    def look(self, begun: BegunBatch, batches: Batches, target: Target) -> HttpRequest:
        """Return the request for a batch's state."""
        ...

    def state(self, response: HttpResponse, batches: Batches, target: Target) -> BatchState:
        """Read a batch's state. UpstreamError if it makes no sense."""
        ...

    def result(self, line: bytes) -> BatchResult | None:
        """Read a line of the results; None if it makes no sense."""
        ...

    def results(self, body: bytes) -> Iterable[BatchResult]:
        """Read all results. UpstreamError if they make no sense."""
        ...

    def cancel(self, begun: BegunBatch, batches: Batches, target: Target) -> HttpRequest:
        """Return the request that takes a batch back."""
        ...

    def deletions(
        self, begun: BegunBatch, state: BatchState, batches: Batches, target: Target
    ) -> Sequence[HttpRequest]:
        """Return the requests that delete what a batch has left behind at its provider."""
        ...


def posted(path: str, body: object, headers: Headers = JSON_HEADERS) -> HttpRequest:
    """Return a request with a body of JSON."""
    return HttpRequest("POST", path, headers, msgspec.json.encode(body))


def one_line(body: bytes) -> msgspec.Raw:
    """Return the JSON of a request as a part of one line.

    Texts have no ends of lines in them. Those between values are white space, and would begin
    another line at whoever takes either of them for one: another request, which nobody judged.
    """
    return msgspec.Raw(body.replace(b"\r", b" ").replace(b"\n", b" "))


def at(path: str, name: str, more: str = "") -> str:
    """Return the path of something of a name within a path that may have a query."""
    beginning, mark, query = path.partition("?")
    return f"{beginning}/{quote(name, safe='')}{more}{mark}{query}"


def with_query(path: str, query: str) -> str:
    """Return a path with more in its query."""
    return f"{path}{'&' if '?' in path else '?'}{query}"


def is_told(member: msgspec.Raw) -> bool:
    """Return whether a member is there, and is not null."""
    return bytes(member) not in {b"", b"null"}


def response_of(status: int, body: object) -> HttpResponse:
    """Return the answer that the provider would have given to a request alone."""
    text = bytes(body) if isinstance(body, msgspec.Raw) else msgspec.json.encode(body)
    return HttpResponse(status, {"content-type": "application/json"}, text)


def not_a_batch(provider: str) -> UpstreamError:
    """Return the error of an answer that tells of no batch."""
    return malformed(provider, "it tells of no batch")
