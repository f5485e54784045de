"""Chats with language models on Replicate, each of which is a prediction: a job.

https://replicate.com/docs/topics/predictions/create-a-prediction; how a chat becomes a model's
input is in `input`.
"""

from conduit_kernel.errors import UpstreamError, UpstreamRefused
from conduit_providers.chat_events import ChatDecoder, ChatEvents
from conduit_providers.codecs.replicate.input import ModelInput
from conduit_providers.codecs.replicate.job import PAUSES, ended, request_for
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
from conduit_providers.operations.chat import ChatAnswer, ChatCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import Headers, HttpRequest, HttpResponse

# After a stream, its counts are there within moments.
MAX_CLOSING_LOOKS = 4
STREAM_HEADERS: Headers = (("accept", "text/event-stream"), ("cache-control", "no-store"))


class ReplicateChatCodec:
    """Speaks `POST .../predictions`, and looks after what that begins."""

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request that begins a prediction. InvalidRequest for what no model can do."""
        given = ModelInput(call, endpoint.facts_of(call.model), target.provider_name).build()
        return request_for(call, endpoint, target, given, waits=not call.stream)

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
        found = yield from ended(call, endpoint, target, self.to_upstream(call, endpoint, target))
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
