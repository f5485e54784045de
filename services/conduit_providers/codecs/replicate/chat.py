"""Chats with language models on Replicate, each of which is a prediction: a job.

https://replicate.com/docs/topics/predictions/create-a-prediction; how a chat becomes a model's
input is in `input`.

The model of a call is `owner/name` for official models, `owner/name:version` or a bare version for
all others.
"""

import orjson

from conduit_kernel.errors import UpstreamError, UpstreamRefused
from conduit_providers.codecs.replicate.input import ModelInput
from conduit_providers.codecs.replicate.options import ChatOptions
from conduit_providers.codecs.replicate.prediction import (
    ENDED,
    Prediction,
    answer_of,
    read_prediction,
    step_to,
)
from conduit_providers.codecs.replicate.stream import ReplicateDecoder
from conduit_providers.failures import malformed
from conduit_providers.jobs import Job, JobRequest, StreamingJob
from conduit_providers.operations.chat import ChatAnswer, ChatCall, ChatDecoder, ChatEvents
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, Headers, HttpRequest, HttpResponse

# Between two looks at a prediction; the last one counts for all that follow.
PAUSES = (0.25, 0.5, 1.0)
# A prediction that cannot be looked at may be well: it is asked for again.
MAX_MISSES = 3
# After a stream, its counts are there within moments.
MAX_CLOSING_LOOKS = 4
STREAM_HEADERS: Headers = (("accept", "text/event-stream"), ("cache-control", "no-store"))
_VERSION_CHARS = 64


class ReplicateChatCodec:
    """Speaks `POST .../predictions`, and looks after what that begins."""

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request that begins a prediction. InvalidRequest for what no model can do."""
        body: dict[str, object] = {
            "input": ModelInput(call, endpoint.facts_of(call.model), target.provider_name).build()
        }
        name, _, version = call.model.partition(":")
        if not version and "/" not in name and len(name) == _VERSION_CHARS:
            version = name
        if version:
            body["version"] = version
            path = target.fill(endpoint.options.version_path)
        else:
            owner, _, short = name.partition("/")
            path = target.fill(endpoint.path, owner=owner, name=short or "-")
        return HttpRequest("POST", path, _headers(call, endpoint), orjson.dumps(body))

    def from_upstream(
        self, response: HttpResponse, call: ChatCall, endpoint: Endpoint
    ) -> ChatAnswer:
        """Translate a prediction that succeeded."""
        found = read_prediction(response.body, call.provider)
        if found.status not in ENDED:
            raise malformed(call.provider, "the prediction has not ended")
        return answer_of(found, call, endpoint.facts_of(call.model))

    def decoder(self, call: ChatCall, endpoint: Endpoint) -> ChatDecoder:
        """Return a fresh decoder for one streamed answer of which nothing else is known."""
        return ReplicateDecoder(call, endpoint.facts_of(call.model))

    def whole(self, call: ChatCall, endpoint: Endpoint, target: Target) -> Job[ChatAnswer]:
        """Begin a prediction and wait for its end."""
        response = yield JobRequest(self.to_upstream(call, endpoint, target))
        found = read_prediction(response.body, call.provider)
        cancel = step_to("POST", found.urls.cancel, (), target, endpoint)
        look = step_to("GET", found.urls.get, (), target, endpoint)._replace(cancel=cancel)
        looks = misses = 0
        while found.status not in ENDED:
            pause = PAUSES[min(looks, len(PAUSES) - 1)]
            looks += 1
            try:
                response = yield look._replace(after_seconds=pause)
            except UpstreamError as error:
                misses += 1
                if misses > MAX_MISSES or not error.is_transient:
                    raise
                continue
            misses = 0
            found = read_prediction(response.body, call.provider)
        return answer_of(found, call, endpoint.facts_of(call.model))

    def stream(
        self, call: ChatCall, endpoint: Endpoint, target: Target
    ) -> Job[StreamingJob[ChatEvents]]:
        """Begin a prediction and open its stream. UpstreamRefused if the model has none."""
        response = yield JobRequest(self.to_upstream(call, endpoint, target))
        found = read_prediction(response.body, call.provider)
        cancel = step_to("POST", found.urls.cancel, (), target, endpoint)
        if not found.urls.stream:
            yield cancel
            raise UpstreamRefused(
                f"The model {call.model!r} of {call.provider} does not stream",
                provider=call.provider,
            )
        step = step_to("GET", found.urls.stream, STREAM_HEADERS, target, endpoint)
        look = step_to("GET", found.urls.get, (), target, endpoint)
        decoder = ReplicateDecoder(call, endpoint.facts_of(call.model), found)
        return StreamingJob(step._replace(cancel=cancel), decoder, _closing(call, look, decoder))


def _headers(call: ChatCall, endpoint: Endpoint) -> Headers:
    options: ChatOptions = endpoint.options
    headers = [*JSON_HEADERS, *endpoint.headers.items()]
    if not call.stream:
        headers.append(("prefer", f"wait={options.wait_seconds}"))
    headers.append(("cancel-after", options.cancel_after))
    return tuple(headers)


def _closing(call: ChatCall, look: JobRequest, decoder: ReplicateDecoder) -> Job[ChatEvents | None]:
    """Look at a prediction whose stream ended, for its counts; the answer is whole without them."""
    found: Prediction | None = None
    for number in range(MAX_CLOSING_LOOKS):
        try:
            response = yield look._replace(after_seconds=PAUSES[0] if number else 0.0)
            found = read_prediction(response.body, call.provider)
        except UpstreamError:
            break
        if found.status in ENDED:
            break
    return decoder.end(found)


CODEC = ReplicateChatCodec()
