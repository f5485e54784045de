"""Anthropic's message batches: requests within the request, results as lines.

anthropic 2.14.0, the Python SDK: types.messages.message_batch, message_batch_individual_response,
message_batch_result, batch_create_params, resources.messages.batches;
https://platform.claude.com/docs/en/build-with-claude/batch-processing.
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
    response_of,
)
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Batches
from conduit_providers.target import Target
from conduit_providers.wire import Headers, HttpRequest, HttpResponse

# The statuses of https://platform.claude.com/docs/en/api/errors.
_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_FAILED, _MADE = 500, 200


class _Counts(msgspec.Struct):
    succeeded: int = 0
    errored: int = 0


class _Batch(msgspec.Struct):
    id: str
    processing_status: str
    request_counts: _Counts | None = None
    results_url: str | None = None


class _Error(msgspec.Struct):
    type: str = ""


class _ErrorAnswer(msgspec.Struct):
    error: _Error | None = None


class _Result(msgspec.Struct):
    type: str
    message: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING


class _Line(msgspec.Struct):
    custom_id: str
    result: _Result


_BATCH, _LINE, _ERROR = JsonReader(_Batch), JsonReader(_Line), JsonReader(_ErrorAnswer)


class AnthropicBatchApi:
    """Speaks `POST /v1/messages/batches`."""

    has_lines = True

    def takes(self, request: HttpRequest, batches: Batches, target: Target) -> bool:
        """Return whether a request is for a message."""
        return request.path in batches.paths and request.upload is None

    def entry(self, name: str, request: HttpRequest, batches: Batches) -> bytes:
        """Return a request with its name."""
        return msgspec.json.encode({"custom_id": name, "params": msgspec.Raw(request.body)})

    def begin(self, batch: NewBatch, batches: Batches, target: Target) -> Beginning:
        """Begin a batch, with the version and the betas of its requests."""
        body = {"requests": [msgspec.Raw(entry) for entry in batch.entries]}
        answer = yield HttpRequest(
            "POST", target.fill(batches.path), batch.headers, msgspec.json.encode(body)
        )
        return BegunBatch(_batch(answer, target).id)

    def search(self, batches: Batches, target: Target) -> HttpRequest | None:
        """Return none: its batches have no names of ours."""
        return None

    def found(self, response: HttpResponse, name: str) -> BegunBatch | None:
        """Return none, as above."""
        return None

    def look(self, begun: BegunBatch, batches: Batches, target: Target) -> HttpRequest:
        """Return the request for a batch."""
        return HttpRequest("GET", at(target.fill(batches.path), begun.id), _headers(batches))

    def state(self, response: HttpResponse, batches: Batches, target: Target) -> BatchState:
        """Read a batch, whose counts are known once it is over."""
        batch = _batch(response, target)
        counts = batch.request_counts or _Counts()
        is_over = batch.processing_status == "ended"
        path = at(target.fill(batches.path), batch.id, "/results")
        return BatchState(
            is_over,
            completed=counts.succeeded,
            failed=counts.errored,
            results=(HttpRequest("GET", path, _headers(batches)),) if is_over else (),
        )

    def result(self, line: bytes) -> BatchResult | None:
        """Read a line: a message, an error as calls have it, or why it was not made."""
        try:
            found = _LINE.decode(line)
            result = found.result
            if result.type == "succeeded" and is_told(result.message):
                return BatchResult(found.custom_id, response_of(_MADE, result.message))
            if result.type != "errored" or not is_told(result.error):
                return BatchResult(found.custom_id, None)
            error = _ERROR.decode(result.error).error or _Error()
        except msgspec.DecodeError:
            return None
        status = _STATUSES.get(error.type, _FAILED)
        return BatchResult(found.custom_id, response_of(status, result.error))

    def results(self, body: bytes) -> Iterable[BatchResult]:
        """Read what is lines."""
        return filter(None, map(self.result, body.splitlines()))

    def cancel(self, begun: BegunBatch, batches: Batches, target: Target) -> HttpRequest:
        """Return the request that takes a batch back."""
        path = at(target.fill(batches.path), begun.id, "/cancel")
        return HttpRequest("POST", path, _headers(batches))

    def deletions(
        self, begun: BegunBatch, state: BatchState, batches: Batches, target: Target
    ) -> Sequence[HttpRequest]:
        """Return the request that deletes a batch, which has to be over."""
        path = at(target.fill(batches.path), begun.id)
        return [HttpRequest("DELETE", path, _headers(batches))]


def _headers(batches: Batches) -> Headers:
    return tuple(batches.headers.items())


def _batch(response: HttpResponse, target: Target) -> _Batch:
    try:
        return _BATCH.decode(response.body)
    except msgspec.DecodeError as error:
        raise not_a_batch(target.provider_name) from error


API = AnthropicBatchApi()
