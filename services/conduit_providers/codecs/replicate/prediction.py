"""A prediction, Replicate's word for a job.

https://replicate.com/docs/topics/predictions and
https://replicate.com/docs/topics/predictions/lifecycle
"""

from urllib.parse import urlsplit

import msgspec
import orjson

from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT, ChatMessage
from conduit.v1.chat_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    ChatCompletion,
    FinishReason,
)
from conduit_kernel.errors import UpstreamError, UpstreamRefused
from conduit_providers.codecs.replicate.input import limit_of
from conduit_providers.codecs.replicate.options import ChatModel
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.counts import token_totals
from conduit_providers.dates import made_at
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.jobs import JobRequest
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.chat import ChatAnswer, ChatCall, chat_answer
from conduit_providers.quantities import Quantities, plain
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import Headers, HttpRequest

ENDED = frozenset({"succeeded", "failed", "canceled", "aborted"})


class _Urls(msgspec.Struct):
    get: str = ""
    cancel: str = ""
    stream: str | None = None


class _Metrics(msgspec.Struct):
    input_token_count: int | None = None
    output_token_count: int | None = None


class Prediction(msgspec.Struct):
    """A job as far as it is."""

    id: str
    status: str
    urls: _Urls
    model: str = ""
    output: object = None
    error: object = None
    created_at: str = ""
    # Also how long it took; that is passed on as it is.
    metrics: dict[str, object] | None = None

    def quantities(self) -> Quantities | None:
        """Return the counts, which only language models tell; None if there are none."""
        try:
            counts = msgspec.convert(self.metrics or {}, _Metrics)
        except msgspec.ValidationError:
            return None
        if counts.input_token_count is None and counts.output_token_count is None:
            return None
        return plain(counts.input_token_count or 0, counts.output_token_count or 0)

    def created(self, otherwise: int) -> int:
        """Return when it was begun, in seconds since 1970."""
        return made_at(self.created_at) or otherwise

    def finish(self, call: ChatCall, model: ChatModel) -> "FinishReason.ValueType":
        """Return why the model stopped; Replicate does not say, but the counts may."""
        limit, usage = limit_of(call, model), self.quantities()
        is_cut = bool(limit) and usage is not None and usage.output_tokens >= limit
        return FINISH_REASON_LENGTH if is_cut else FINISH_REASON_STOP

    def text(self, call: ChatCall) -> str:
        """Return what the model wrote. UpstreamRefused if it writes no text."""
        match self.output:
            case None:
                return ""
            case str():
                return self.output
            case list() if all(isinstance(piece, str) for piece in self.output):
                return "".join(str(piece) for piece in self.output)
            case _:
                raise UpstreamRefused(
                    f"The model {call.model!r} of {call.provider} is no language model",
                    provider=call.provider,
                )


_DECODER = JsonReader(Prediction)


def read_prediction(body: bytes, provider: str) -> Prediction:
    """Read a prediction. UpstreamError if it failed, was canceled or makes no sense."""
    found = read_answer(_DECODER, body, provider, "it is not a prediction")
    if found.status == "failed":
        raise failed(found.error, provider)
    if found.status in {"canceled", "aborted"}:
        raise canceled(provider)
    return found


def failed(error: object, provider: str) -> UpstreamError:
    """Return the error of a prediction that failed."""
    return error_in_stream(error or "The prediction failed", provider)


def canceled(provider: str) -> UpstreamError:
    """Return the error of a prediction that somebody else canceled."""
    return UpstreamError(f"{provider}: the prediction was canceled", provider=provider)


def answer_of(found: Prediction, call: ChatCall, model: ChatModel) -> ChatAnswer:
    """Return what a prediction that succeeded says."""
    completion = ChatCompletion(
        id=found.id,
        object="chat.completion",
        created=found.created(call.created),
        model=found.model or call.model,
    )
    message = ChatMessage(role=CHAT_ROLE_ASSISTANT)
    message.content.add(text=found.text(call))
    completion.choices.add(message=message, finish_reason=found.finish(call, model))
    if found.metrics:
        completion.unknown_json = _metrics_json(found.metrics)
    usage = found.quantities()
    if usage is not None:
        completion.usage.CopyFrom(token_totals(usage))
    return chat_answer(usage=usage, typed=completion)


def _metrics_json(metrics: dict[str, object]) -> bytes:
    try:
        return orjson.dumps({"metrics": metrics})
    except TypeError:
        # Whole numbers of more than 64 bits measure nothing.
        return b""


def step_to(
    method: str, url: str, headers: Headers, target: Target, endpoint: Endpoint
) -> JobRequest:
    """Return the step to a URL that an answer named.

    UpstreamError if it leads to where the key has no business: anywhere but the instance's own
    address, and the other ones of Replicate that the catalog names.
    """
    origin, path = _split(url)
    allowed = {_split(target.base_url)[0], *endpoint.options.origins}
    if not path.isascii() or not path.isprintable() or " " in path or origin not in allowed:
        raise malformed(target.provider_name, "it refers to a foreign address")
    return JobRequest(HttpRequest(method, path, headers), origin)


def _split(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}", f"{parts.path or '/'}{query}"
