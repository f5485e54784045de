"""OpenAI's batches, which Azure and Groq have as well: a file of lines, and files of results.

https://platform.openai.com/docs/guides/batch; openai 3.57.0, the Python SDK: types.batch,
types.batch_create_params, types.file_object, resources.files; groq 1.7.0: batch_create_params;
https://learn.microsoft.com/en-us/azure/ai-foundry/openai/how-to/batch for Azure's endpoints.
"""

from collections.abc import Generator, Iterable, Sequence

import msgspec

from conduit_providers.batch_apis.api import (
    BatchResult,
    BatchState,
    Beginning,
    BegunBatch,
    NewBatch,
    at,
    not_a_batch,
    one_line,
    posted,
    response_of,
    with_query,
)
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Batches
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

NAME = "conduit_batch"
# Of those that were begun last, one is looked for by name.
_SEARCHED = 100
_BOUNDARY = "conduit-batch-requests"
_OVER = frozenset({"completed", "failed", "expired", "cancelled"})
# Azure reads a file for some moments before a batch can be made of it.
_BEING_READ = frozenset({"pending", "running"})
_MOST_LOOKS = 60
_CROWDED = frozenset({"token_limit_exceeded", "batch_limit_exceeded", "quota_exceeded"})
_EMPTY = ""


class _Counts(msgspec.Struct):
    completed: int = 0
    failed: int = 0


class _Error(msgspec.Struct):
    code: str | None = None


class _Errors(msgspec.Struct):
    data: list[_Error] | None = None


class _Batch(msgspec.Struct):
    id: str
    status: str = _EMPTY
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    request_counts: _Counts | None = None
    metadata: dict[str, object] | None = None
    errors: _Errors | None = None


class _Batches(msgspec.Struct):
    data: list[_Batch]


class _File(msgspec.Struct):
    id: str
    status: str | None = None


class _Response(msgspec.Struct):
    status_code: int
    body: msgspec.Raw


class _Line(msgspec.Struct):
    custom_id: str
    response: _Response | None = None


_BATCH, _BATCHES = JsonReader(_Batch), JsonReader(_Batches)
_FILE, _LINE = JsonReader(_File), JsonReader(_Line)


class OpenAIBatchApi:
    """Speaks `POST /files` and `POST /batches`."""

    has_lines = True

    def takes(self, request: HttpRequest, batches: Batches, target: Target) -> bool:
        """Return whether a request's path is one of those that batches may be for."""
        return request.path in batches.paths and request.upload is None

    def entry(self, name: str, request: HttpRequest, batches: Batches) -> bytes:
        """Return a line of the file."""
        line = {
            "custom_id": name,
            "method": "POST",
            "url": batches.paths[request.path],
            "body": one_line(request.body),
        }
        return msgspec.json.encode(line)

    def begin(self, batch: NewBatch, batches: Batches, target: Target) -> Beginning:
        """Send the file, wait until it is read, and make a batch of it."""
        file_id = yield from sent_file(batch, batches, target)
        body = {
            "input_file_id": file_id,
            "endpoint": batches.paths[batch.path],
            "completion_window": "24h",
            "metadata": {NAME: batch.name},
        }
        answer = yield posted(target.fill(batches.path), body)
        return BegunBatch(_batch(answer, target).id, file_id)

    def search(self, batches: Batches, target: Target) -> HttpRequest | None:
        """Return the request for the batches that were made last."""
        return HttpRequest("GET", with_query(target.fill(batches.path), f"limit={_SEARCHED}"))

    def found(self, response: HttpResponse, name: str) -> BegunBatch | None:
        """Return the one whose metadata have a name."""
        try:
            listed = _BATCHES.decode(response.body).data
        except msgspec.DecodeError:
            return None
        for each in listed:
            if (each.metadata or {}).get(NAME) == name:
                return BegunBatch(each.id, each.input_file_id or "")
        return None

    def look(self, begun: BegunBatch, batches: Batches, target: Target) -> HttpRequest:
        """Return the request for a batch."""
        return HttpRequest("GET", at(target.fill(batches.path), begun.id))

    def state(self, response: HttpResponse, batches: Batches, target: Target) -> BatchState:
        """Read a batch; failures have a file of their own."""
        batch = _batch(response, target)
        counts = batch.request_counts or _Counts()
        if batch.status not in _OVER:
            return BatchState(is_over=False, completed=counts.completed, failed=counts.failed)
        files = [each for each in (batch.output_file_id, batch.error_file_id) if each]
        path = target.fill(batches.files_path)
        errors = (batch.errors.data if batch.errors is not None else None) or ()
        return BatchState(
            is_over=True,
            completed=counts.completed,
            failed=counts.failed,
            results=tuple(HttpRequest("GET", at(path, each, "/content")) for each in files),
            is_crowded=any(each.code in _CROWDED for each in errors),
        )

    def result(self, line: bytes) -> BatchResult | None:
        """Read a line of either file; one without a response was not made."""
        return read_line(line)

    def results(self, body: bytes) -> Iterable[BatchResult]:
        """Read what is lines."""
        return filter(None, map(self.result, body.splitlines()))

    def cancel(self, begun: BegunBatch, batches: Batches, target: Target) -> HttpRequest:
        """Return the request that takes a batch back."""
        return HttpRequest("POST", at(target.fill(batches.path), begun.id, "/cancel"))

    def deletions(
        self, begun: BegunBatch, state: BatchState, batches: Batches, target: Target
    ) -> Sequence[HttpRequest]:
        """Return the requests that delete the batch's files."""
        path = target.fill(batches.files_path)
        own = [HttpRequest("DELETE", at(path, begun.file_id))] if begun.file_id else []
        return own + file_deletions(state)


def sent_file(
    batch: NewBatch, batches: Batches, target: Target
) -> Generator[HttpRequest, HttpResponse, str]:
    """Send a file of lines, and return its id once it is read."""
    path = target.fill(batches.files_path)
    answer = yield _upload(path, batch)
    file = _file(answer, target)
    for _ in range(_MOST_LOOKS):
        if file.status not in _BEING_READ:
            break
        answer = yield HttpRequest("GET", at(path, file.id))
        file = _file(answer, target)
    return file.id


def read_line(line: bytes) -> BatchResult | None:
    """Read a line that has a response of a status and a body; None if it makes no sense."""
    try:
        found = _LINE.decode(line)
    except msgspec.DecodeError:
        return None
    response = found.response
    if response is None:
        return BatchResult(found.custom_id, None)
    return BatchResult(found.custom_id, response_of(response.status_code, response.body))


def file_deletions(state: BatchState) -> list[HttpRequest]:
    """Return the requests that delete the files of results."""
    return [HttpRequest("DELETE", each.path.replace("/content", "", 1)) for each in state.results]


def _upload(path: str, batch: NewBatch) -> HttpRequest:
    mark = f"--{_BOUNDARY}".encode()
    parts = [
        mark,
        b'Content-Disposition: form-data; name="purpose"\r\n\r\nbatch',
        mark,
        f'Content-Disposition: form-data; name="file"; filename="{batch.name}.jsonl"\r\n'
        "Content-Type: application/jsonl\r\n\r\n".encode()
        + b"\n".join(batch.entries)
        + b"\n",
        mark + b"--\r\n",
    ]
    headers = (("content-type", f"multipart/form-data; boundary={_BOUNDARY}"),)
    return HttpRequest("POST", path, headers, b"\r\n".join(parts))


def _batch(response: HttpResponse, target: Target) -> _Batch:
    try:
        return _BATCH.decode(response.body)
    except msgspec.DecodeError as error:
        raise not_a_batch(target.provider_name) from error


def _file(response: HttpResponse, target: Target) -> _File:
    try:
        return _FILE.decode(response.body)
    except msgspec.DecodeError as error:
        raise not_a_batch(target.provider_name) from error


API = OpenAIBatchApi()
