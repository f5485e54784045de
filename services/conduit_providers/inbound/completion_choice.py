"""Which providers complete texts: as they are, or by chats that ask for the same."""

from typing import Any

from conduit_providers.codecs import codec_named
from conduit_providers.inbound.completion_dialect import completion_codec
from conduit_providers.inbound.completion_filling import FillingCompletionCodec
from conduit_providers.inbound.completion_form import (
    CompletionAnswer,
    CompletionCall,
)
from conduit_providers.model_rows import EVERY_MODEL, ModelMatch
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

_PASSED = "openai_completion"


def passes_completions(endpoint: Endpoint, model: str) -> bool:
    """Return whether a model's provider takes completions as they are."""
    options = endpoint.options
    # Other dialects, and third parties', have other options.
    if not getattr(options, "completions_path", ""):
        return False
    return _models(options).fits(model)


def chosen_codec(endpoint: Endpoint, codec: Any) -> Any:  # noqa: ANN401 # of either kind
    """Return the codec of completions, given that of chats."""
    options = endpoint.options
    if getattr(options, "filling_path", ""):
        return FillingCompletionCodec(completion_codec(codec))
    if not getattr(options, "completions_path", ""):
        return completion_codec(codec)
    passed = codec_named(_PASSED)
    if _models(options) == EVERY_MODEL:
        return passed
    return CompletionCodecByModel(passed, completion_codec(codec))


def _models(options: Any) -> ModelMatch:  # noqa: ANN401 # of any dialect
    """Return which models complete texts, of a provider that does."""
    found: ModelMatch = (
        options.completions_models if hasattr(options, "completions_models") else EVERY_MODEL
    )
    return found


class CompletionCodecByModel:
    """Passes completions to the models that take them, and asks the others in chats."""

    def __init__(self, passed: Any, translated: Any) -> None:  # noqa: ANN401 # as above
        self._passed = passed
        self._translated = translated

    def to_upstream(self, call: CompletionCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request. InvalidRequest for what the model cannot be asked."""
        request: HttpRequest = self._of(call.model, endpoint).to_upstream(call, endpoint, target)
        return request

    def from_upstream(
        self, response: HttpResponse, call: CompletionCall, endpoint: Endpoint
    ) -> CompletionAnswer:
        """Read the answer."""
        codec = self._of(call.model, endpoint)
        answer: CompletionAnswer = codec.from_upstream(response, call, endpoint)
        return answer

    def decoder(self, call: CompletionCall, endpoint: Endpoint) -> Any:  # noqa: ANN401 # as above
        """Return a fresh decoder for one streamed answer."""
        return self._of(call.model, endpoint).decoder(call, endpoint)

    def _of(self, model: str, endpoint: Endpoint) -> Any:  # noqa: ANN401 # as above
        return self._passed if passes_completions(endpoint, model) else self._translated
