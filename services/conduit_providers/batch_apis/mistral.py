"""Mistral's batch jobs: requests of one model within the request, results in files.

mistralai 3.7.0, the Python SDK: client.models.createbatchjobrequest, batchjob, batchjobstatus,
client.batch_jobs, extra.batch.client; https://docs.mistral.ai/capabilities/batch/.
"""

from collections.abc import Iterable, Sequence

import msgspec

from conduit_providers.batch_apis.api import (
    BatchResult,
    BatchState,
    Beginning,
    BegunBatch,
    NewBatch,
    at,
    not_a_batch,
    posted,
    with_query,
)
from conduit_providers.batch_apis.openai import NAME, file_deletions, read_line
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Batches
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

HOURS = 24
_SEARCHED = 100
# All others are over, also those that are not known yet: as the SDK has it.
_UNDER_WAY = frozenset({"QUEUED", "RUNNING", "CANCELLATION_REQUESTED"})


class _Job(msgspec.Struct):
    id: str
    status: str
    succeeded_requests: int = 0
    failed_requests: int = 0
    output_file: str | None = None
    error_file: str | None = None
    metadata: dict[str, object] | None = None


class _Jobs(msgspec.Struct):
    data: list[_Job] | None = None


_JOB, _JOBS = JsonReader(_Job), JsonReader(_Jobs)


class MistralBatchApi:
    """Speaks `POST /batch/jobs`."""

    has_lines = True

    def takes(self, request: HttpRequest, batches: Batches, target: Target) -> bool:
        """Return whether a request's path is one of those that jobs may be for."""
        return request.path in batches.paths and request.upload is None

    def entry(self, name: str, request: HttpRequest, batches: Batches) -> bytes:
        """Return a request with its name; the model is the job's."""
        members = msgspec.json.decode(request.body, type=dict[str, msgspec.Raw])
        members.pop("model", None)
        return msgspec.json.encode({"custom_id": name, "body": members})

    def begin(self, batch: NewBatch, batches: Batches, target: Target) -> Beginning:
        """Begin a job."""
        body = {
            "endpoint": batches.paths[batch.path],
            "model": batch.model,
            "timeout_hours": HOURS,
            "metadata": {NAME: batch.name},
            "requests": [msgspec.Raw(entry) for entry in batch.entries],
        }
        answer = yield posted(target.fill(batches.path), body)
        return BegunBatch(_job(answer, target).id)

    def search(self, batches: Batches, target: Target) -> HttpRequest | None:
        """Return the request for the jobs that were begun last."""
        path = with_query(target.fill(batches.path), f"page_size={_SEARCHED}")
        return HttpRequest("GET", path)

    def found(self, response: HttpResponse, name: str) -> BegunBatch | None:
        """Return the one whose metadata have a name."""
        try:
            listed = _JOBS.decode(response.body).data or ()
        except msgspec.DecodeError:
            return None
        return next(
            (BegunBatch(job.id) for job in listed if (job.metadata or {}).get(NAME) == name), None
        )

    def look(self, begun: BegunBatch, batches: Batches, target: Target) -> HttpRequest:
        """Return the request for a job."""
        return HttpRequest("GET", at(target.fill(batches.path), begun.id))

    def state(self, response: HttpResponse, batches: Batches, target: Target) -> BatchState:
        """Read a job."""
        job = _job(response, target)
        state = BatchState(
            job.status not in _UNDER_WAY, job.succeeded_requests, job.failed_requests
        )
        if not state.is_over:
            return state
        path = target.fill(batches.files_path)
        files = [each for each in (job.output_file, job.error_file) if each]
        results = tuple(HttpRequest("GET", at(path, each, "/content")) for each in files)
        return state._replace(results=results)

    def result(self, line: bytes) -> BatchResult | None:
        """Read a line of either file, which is OpenAI's."""
        return read_line(line)

    def results(self, body: bytes) -> Iterable[BatchResult]:
        """Read what is lines."""
        return filter(None, map(self.result, body.splitlines()))

    def cancel(self, begun: BegunBatch, batches: Batches, target: Target) -> HttpRequest:
        """Return the request that takes a job back."""
        return HttpRequest("POST", at(target.fill(batches.path), begun.id, "/cancel"))

    def deletions(
        self, begun: BegunBatch, state: BatchState, batches: Batches, target: Target
    ) -> Sequence[HttpRequest]:
        """Return the requests that delete the files of results."""
        return file_deletions(state)


def _job(response: HttpResponse, target: Target) -> _Job:
    try:
        return _JOB.decode(response.body)
    except msgspec.DecodeError as error:
        raise not_a_batch(target.provider_name) from error


API = MistralBatchApi()
