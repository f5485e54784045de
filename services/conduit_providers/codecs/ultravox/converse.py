"""Ultravox's calls: made over HTTP, joined over a WebSocket.

https://docs.ultravox.ai/api-reference/calls/calls-post and https://docs.ultravox.ai/apps/websockets
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
import orjson

from conduit_providers.codecs.shared.agent_settings import AgentSettings, AgentTool
from conduit_providers.codecs.shared.session_address import socket_at
from conduit_providers.codecs.ultravox.call_session import UltravoxSession
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.converse import ConverseCall, is_live, no_live_sessions
from conduit_providers.session_codec import SessionTranslator
from conduit_providers.spec import Endpoint
from conduit_providers.speech import PCM_RATE
from conduit_providers.target import Target
from conduit_providers.wire import (
    JSON_HEADERS,
    HttpRequest,
    HttpResponse,
    SessionCreation,
    WebSocketRequest,
)

# Sound is sent ahead of its time; what an interruption makes void is cleared.
_BUFFER_MS = 30000


class _Call(msgspec.Struct):
    # Whoever knows it, may speak.
    join_url: str = msgspec.field(name="joinUrl")


_READER = JsonReader(_Call)


class UltravoxConverseCodec:
    """Speaks `POST /api/calls`: the settings are in the call, and no others are taken later."""

    def to_upstream(
        self, call: ConverseCall, endpoint: Endpoint, target: Target
    ) -> SessionCreation:
        """Build the call of a caller who has said nothing yet."""
        if is_live(call):
            raise no_live_sessions(target.provider_name)
        return _creation(AgentSettings(), call, endpoint, target)

    def translator(
        self, call: ConverseCall, endpoint: Endpoint, target: Target
    ) -> SessionTranslator:
        """Return a translator of the call."""
        return UltravoxSession(
            call, partial(_creation, call=call, endpoint=endpoint, target=target)
        )


def _creation(
    settings: AgentSettings, call: ConverseCall, endpoint: Endpoint, target: Target
) -> SessionCreation:
    path = target.fill(endpoint.path_for(target.settings), model=call.model)
    body = orjson.dumps(dict(_members(settings, call.model)))
    headers = (*JSON_HEADERS, *endpoint.headers.items())
    return SessionCreation(HttpRequest("POST", path, headers, body), partial(_joined, target))


def _joined(target: Target, response: HttpResponse) -> WebSocketRequest:
    try:
        return socket_at(_READER.decode(response.body).join_url, target)
    except msgspec.DecodeError as error:
        raise malformed(target.provider_name, "it is no call") from error


def _members(settings: AgentSettings, model: str) -> Iterator[tuple[str, Any]]:
    yield "model", model
    if settings.instructions:
        yield "systemPrompt", settings.instructions
    if settings.voice:
        yield "voice", settings.voice
    if settings.language:
        yield "languageHint", settings.language
    if not settings.is_spoken:
        yield "initialOutputMedium", "MESSAGE_MEDIUM_TEXT"
    # The agent would greet, which OpenAI's models do not.
    yield "firstSpeakerSettings", {"user": {}}
    if settings.turns is not None:
        detection: dict[str, Any] = {"turnEndpointDelay": f"{settings.turns.silence_ms / 1000}s"}
        if settings.turns.threshold is not None:
            detection["frameActivationThreshold"] = settings.turns.threshold
        yield "vadSettings", detection
    if settings.tools:
        yield "selectedTools", [{"temporaryTool": _tool(tool)} for tool in settings.tools]
    medium = {
        "inputSampleRate": PCM_RATE,
        "outputSampleRate": PCM_RATE,
        "clientBufferSizeMs": _BUFFER_MS,
    }
    yield "medium", {"serverWebSocket": medium}


def _tool(tool: AgentTool) -> dict[str, Any]:
    """Return a function that the caller runs. https://docs.ultravox.ai/tools/overview."""
    required = tool.parameters.get("required")
    needed = required if isinstance(required, list) else []
    properties = tool.parameters.get("properties")
    named = properties.items() if isinstance(properties, dict) else ()
    return {
        "modelToolName": tool.name,
        "description": tool.description,
        "dynamicParameters": [
            {
                "name": name,
                "location": "PARAMETER_LOCATION_BODY",
                "schema": schema,
                "required": name in needed,
            }
            for name, schema in named
        ],
        "client": {},
    }


CODEC = UltravoxConverseCodec()
