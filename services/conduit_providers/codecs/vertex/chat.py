"""Vertex AI's chats: Gemini's dialect, and Anthropic's for Claude.

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude

Options of an endpoint, besides those of `gemini_chat` and `anthropic_chat`:

* `claude_path`: where Claude is, up to the verb.
* `endpoint_path`: where an endpoint of one's own is (a tuned model, named `endpoints/ID`).
"""

from dataclasses import replace

from conduit_providers.codecs.anthropic import chat as anthropic_chat
from conduit_providers.codecs.gemini import chat as gemini_chat
from conduit_providers.operations.chat import ChatAnswer, ChatCall, ChatDecoder
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

_OWN = "endpoints/"


class VertexChatCodec:
    """Chooses the dialect by the model's name."""

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request. InvalidRequest for what the API cannot be told."""
        if _is_claude(call):
            verb = "streamRawPredict" if call.stream else "rawPredict"
            path = f"{endpoint.options['claude_path']}:{verb}"
            return anthropic_chat.CODEC.to_upstream(call, replace(endpoint, path=path), target)
        if call.model.startswith(_OWN):
            path = str(endpoint.options["endpoint_path"])
            path = path.replace("{endpoint}", target.fill("{e}", e=call.model.removeprefix(_OWN)))
            endpoint = replace(endpoint, path=path)
        return gemini_chat.CODEC.to_upstream(call, endpoint, target)

    def from_upstream(
        self, response: HttpResponse, call: ChatCall, endpoint: Endpoint
    ) -> ChatAnswer:
        """Translate the answer."""
        codec = anthropic_chat.CODEC if _is_claude(call) else gemini_chat.CODEC
        return codec.from_upstream(response, call, endpoint)

    def decoder(self, call: ChatCall, endpoint: Endpoint) -> ChatDecoder:
        """Return a fresh decoder for one streamed answer."""
        codec = anthropic_chat.CODEC if _is_claude(call) else gemini_chat.CODEC
        return codec.decoder(call, endpoint)


def _is_claude(call: ChatCall) -> bool:
    return call.model.startswith("claude")


CODEC = VertexChatCodec()
