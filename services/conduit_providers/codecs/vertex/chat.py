"""Vertex AI's chats: Gemini's dialect, and Anthropic's for Claude.

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude
"""

from conduit_providers.chat_events import ChatDecoder
from conduit_providers.codecs.anthropic import chat as anthropic_chat
from conduit_providers.codecs.anthropic.chat import messages_request
from conduit_providers.codecs.anthropic.options import ChatModel as ClaudeModel
from conduit_providers.codecs.gemini import chat as gemini_chat
from conduit_providers.codecs.gemini.chat import content_request
from conduit_providers.codecs.vertex.options import ChatModel, ChatOptions
from conduit_providers.operations.chat import ChatAnswer, ChatCall, ChatCodec
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

_OWN = "endpoints/"


class VertexChatCodec:
    """Chooses the dialect by what the catalog says of the model."""

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request. InvalidRequest for what the API does not support."""
        options: ChatOptions = endpoint.options
        claude = _claude(call, endpoint)
        if claude is not None:
            path = target.fill(options.claude_path, model=call.model)
            path += ":streamRawPredict" if call.stream else ":rawPredict"
            return messages_request(call, endpoint, target, path, options.claude, claude)
        if call.model.startswith(_OWN):
            own = target.fill("{e}", e=call.model.removeprefix(_OWN))
            path = target.fill(options.endpoint_path.replace("{endpoint}", own))
            return content_request(call, endpoint, target, path)
        return gemini_chat.CODEC.to_upstream(call, endpoint, target)

    def from_upstream(
        self, response: HttpResponse, call: ChatCall, endpoint: Endpoint
    ) -> ChatAnswer:
        """Translate the answer."""
        return _codec(call, endpoint).from_upstream(response, call, endpoint)

    def decoder(self, call: ChatCall, endpoint: Endpoint) -> ChatDecoder:
        """Return a fresh decoder for one streamed answer."""
        return _codec(call, endpoint).decoder(call, endpoint)


def _claude(call: ChatCall, endpoint: Endpoint) -> ClaudeModel | None:
    """Return what must be known of a Claude; None for other models."""
    facts: ChatModel = endpoint.facts_of(call.model)
    return facts.claude


def _codec(call: ChatCall, endpoint: Endpoint) -> ChatCodec:
    is_claude = _claude(call, endpoint) is not None
    return anthropic_chat.CODEC if is_claude else gemini_chat.CODEC


CODEC = VertexChatCodec()
