"""Gemini's batches: requests of one model within the request, results within its state.

google-genai 3.6.1, the Python SDK: batches (paths, `_InlinedRequest_to_mldev`,
`_BatchJob_from_mldev`), _transformers.t_job_state; https://ai.google.dev/gemini-api/docs/batch-api.
"""

from collections.abc import Iterable, Sequence

import msgspec

from conduit_providers.batch_apis.api import (
    NOTHING,
    BatchResult,
    BatchState,
    Beginning,
    BegunBatch,
    NewBatch,
    at,
    is_told,
    not_a_batch,
    posted,
    response_of,
    with_query,
)
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Batches
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

_SEARCHED = 100
_ENDING = ":generateContent"
_UNDER_WAY = frozenset({"UNSPECIFIED", "PENDING", "RUNNING", "QUEUED", "CANCELLING", "UPDATING"})
_MADE = 200
# The statuses of HTTP that Google's codes stand for:
# https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto.
_STATUSES = {3: 400, 5: 404, 7: 403, 8: 429, 9: 400, 11: 400, 12: 501, 14: 503, 16: 401, 4: 504}
_CANCELLED, _FAILED = 1, 500


class _Key(msgspec.Struct):
    key: str = ""


class _Error(msgspec.Struct):
    code: int = 0


class _Response(msgspec.Struct):
    metadata: _Key | None = None
    response: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING


class _Responses(msgspec.Struct, rename="camel"):
    inlined_responses: list[_Response] | None = None


class _Output(msgspec.Struct, rename="camel"):
    inlined_responses: _Responses | None = None


class _Stats(msgspec.Struct, rename="camel"):
    # Whole numbers of 64 bits, which Google's JSON has as strings.
    successful_request_count: int = 0
    failed_request_count: int = 0


class _Metadata(msgspec.Struct, rename="camel"):
    state: str = ""
    display_name: str = ""
    batch_stats: _Stats | None = None
    output: _Output | None = None


class _Operation(msgspec.Struct):
    name: str
    metadata: _Metadata | None = None
    response: _Output | None = None
    done: bool = False


class _Operations(msgspec.Struct):
    operations: list[_Operation] | None = None


_OPERATION = JsonReader(_Operation, strict=False)
_OPERATIONS = JsonReader(_Operations, strict=False)
_ERROR = JsonReader(_Error, strict=False)


class GeminiBatchApi:
    """Speaks `models/{model}:batchGenerateContent`."""

    has_lines = False

    def takes(self, request: HttpRequest, batches: Batches, target: Target) -> bool:
        """Return whether a request is for contents."""
        return request.path.endswith(_ENDING) and request.upload is None

    def entry(self, name: str, request: HttpRequest, batches: Batches) -> bytes:
        """Return a request with its name."""
        entry = {"request": msgspec.Raw(request.body), "metadata": {"key": name}}
        return msgspec.json.encode(entry)

    def begin(self, batch: NewBatch, batches: Batches, target: Target) -> Beginning:
        """Begin a batch."""
        requests = [msgspec.Raw(entry) for entry in batch.entries]
        config = {"requests": {"requests": requests}}
        body = {"batch": {"displayName": batch.name, "inputConfig": config}}
        answer = yield posted(target.fill(batches.begin_path, model=batch.model), body)
        return BegunBatch(_operation(answer, target).name)

    def search(self, batches: Batches, target: Target) -> HttpRequest | None:
        """Return the request for the batches that were begun last."""
        path = target.fill(batches.path)
        return HttpRequest("GET", with_query(path, f"pageSize={_SEARCHED}"))

    def found(self, response: HttpResponse, name: str) -> BegunBatch | None:
        """Return the one that is called by a name."""
        try:
            listed = _OPERATIONS.decode(response.body).operations or ()
        except msgspec.DecodeError:
            return None
        for each in listed:
            if each.metadata is not None and each.metadata.display_name == name:
                return BegunBatch(each.name)
        return None

    def look(self, begun: BegunBatch, batches: Batches, target: Target) -> HttpRequest:
        """Return the request for a batch, in which its results are as well."""
        return HttpRequest("GET", _path(begun, batches, target))

    def state(self, response: HttpResponse, batches: Batches, target: Target) -> BatchState:
        """Read a batch."""
        found = _operation(response, target)
        metadata = found.metadata or _Metadata()
        stats = metadata.batch_stats or _Stats()
        state = metadata.state.removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")
        is_over = found.done or bool(state and state not in _UNDER_WAY)
        look = HttpRequest("GET", _path(BegunBatch(found.name), batches, target))
        return BatchState(
            is_over,
            completed=stats.successful_request_count,
            failed=stats.failed_request_count,
            results=(look,) if is_over else (),
        )

    def result(self, line: bytes) -> BatchResult | None:
        """Return none: results are no lines."""
        return None

    def results(self, body: bytes) -> Iterable[BatchResult]:
        """Read the results within a batch."""
        try:
            found = _OPERATION.decode(body)
        except msgspec.DecodeError as error:
            raise malformed("", "it tells of no batch") from error
        output = found.metadata.output if found.metadata is not None else None
        for place in (output, found.response):
            if place is not None and place.inlined_responses is not None:
                yield from map(_result, place.inlined_responses.inlined_responses or ())
                return

    def cancel(self, begun: BegunBatch, batches: Batches, target: Target) -> HttpRequest:
        """Return the request that takes a batch back."""
        return posted(f"{_path(begun, batches, target)}:cancel", {})

    def deletions(
        self, begun: BegunBatch, state: BatchState, batches: Batches, target: Target
    ) -> Sequence[HttpRequest]:
        """Return the request that deletes a batch."""
        return [HttpRequest("DELETE", _path(begun, batches, target))]


def _result(found: _Response) -> BatchResult:
    name = found.metadata.key if found.metadata is not None else ""
    if is_told(found.response):
        return BatchResult(name, response_of(_MADE, found.response))
    if not is_told(found.error):
        return BatchResult(name, None)
    try:
        code = _ERROR.decode(found.error).code
    except msgspec.DecodeError:
        code = 0
    if code == _CANCELLED:
        return BatchResult(name, None)
    status = _STATUSES.get(code, _FAILED)
    return BatchResult(name, response_of(status, {"error": found.error}))


def _path(begun: BegunBatch, batches: Batches, target: Target) -> str:
    """Return the path of a batch, whose name is `batches/` and its id."""
    return at(target.fill(batches.path), begun.id.removeprefix("batches/"))


def _operation(response: HttpResponse, target: Target) -> _Operation:
    try:
        return _OPERATION.decode(response.body)
    except msgspec.DecodeError as error:
        raise not_a_batch(target.provider_name) from error


API = GeminiBatchApi()
