"""Gaps in texts, filled by providers of chats that have a route of their own for that.

Mistral's https://docs.mistral.ai/api/endpoint/fim; mistralai 3.7.0, the Python SDK:
client.models.fimcompletionrequest. What it answers is a chat's answer.
"""

from typing import Any

import msgspec
import orjson

from conduit_providers.codecs.shared.passed_body import members_in
from conduit_providers.inbound.completion_form import CompletionAnswer, CompletionCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

_SUFFIX = "suffix"
# All that the route takes; what else a chat has is told.
_TAKEN = frozenset(
    {"model", "temperature", "top_p", "max_tokens", "stream", "stop", "random_seed", "metadata"}
    | {"min_tokens"}
)


class FillingCompletionCodec:
    """Asks for what fills a gap, and for all else as another codec of completions does."""

    def __init__(self, translated: Any) -> None:  # noqa: ANN401 # of any shape
        """Take the codec that is made of one of chats."""
        self._translated = translated

    def to_upstream(self, call: CompletionCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request. InvalidRequest for what the provider cannot be asked."""
        filled = _without_suffix(call)
        request: HttpRequest = self._translated.to_upstream(filled, endpoint, target)
        if filled is call:
            return request
        chat = members_in(request.body)
        prompt = chat.pop("messages")[-1]["content"]
        call.drop_members({n: v for n, v in chat.items() if n not in _TAKEN}, target.provider_name)
        asked = {name: value for name, value in chat.items() if name in _TAKEN}
        asked |= {"prompt": prompt, _SUFFIX: call.typed.suffix}
        path = target.fill(endpoint.options.filling_path, model=call.model)
        return msgspec.structs.replace(request, path=path, body=orjson.dumps(asked))

    def from_upstream(
        self, response: HttpResponse, call: CompletionCall, endpoint: Endpoint
    ) -> CompletionAnswer:
        """Read the answer."""
        filled = _without_suffix(call)
        answer: CompletionAnswer = self._translated.from_upstream(response, filled, endpoint)
        return answer

    def decoder(self, call: CompletionCall, endpoint: Endpoint) -> Any:  # noqa: ANN401 # as above
        """Return a fresh decoder for one streamed answer."""
        return self._translated.decoder(_without_suffix(call), endpoint)


def _without_suffix(call: CompletionCall) -> CompletionCall:
    """Return a call as a chat can have it; itself where there is no gap."""
    if not call.typed.suffix:
        return call
    return msgspec.structs.replace(call, request=call.request.without((_SUFFIX,)))
