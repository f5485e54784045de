"""The events of OpenAI's sessions are read as typed, and written back as they were."""

from typing import Any, get_args

import orjson
import pytest
from google.protobuf.message import Message
from openai.types import live, realtime

from conduit.v1 import (
    live_client_event_json,
    live_client_event_pb2,
    live_server_event_json,
    live_server_event_pb2,
    options_pb2,
    realtime_client_event_json,
    realtime_client_event_pb2,
    realtime_server_event_json,
    realtime_server_event_pb2,
)
from conduit.v1.realtime_session_json import (
    realtime_audio_input_from_json,
    realtime_audio_input_to_json,
)

ITEM = {
    "id": "item_1",
    "type": "message",
    "status": "completed",
    "role": "user",
    "content": [
        {"type": "input_audio", "audio": "aGk=", "transcript": "hi"},
        {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "low"},
    ],
    "object": "realtime.item",
}
CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
PLACE = {
    "event_id": "e",
    "response_id": "r",
    "item_id": "i",
    "output_index": 0,
    "content_index": 0,
}
SESSION = {
    "type": "realtime",
    "model": "m",
    "instructions": "Be brief.",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "noise_reduction": None,
            "transcription": {"model": "w", "language": "en"},
            "turn_detection": {"type": "server_vad", "threshold": 0.5, "create_response": True},
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": {"id": "v"}, "speed": 1.0},
    },
    "tools": [{"type": "function", "name": "f", "parameters": {}}],
    "tool_choice": {"type": "function", "name": "f"},
    "max_output_tokens": "inf",
    "tracing": None,
    "truncation": {"type": "retention_ratio", "retention_ratio": 0.8},
}
USAGE = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}
EVENTS: dict[str, tuple[Any, list[dict[str, object]]]] = {
    "realtime client": (
        realtime_client_event_json,
        [
            {"type": "session.update", "event_id": "e1", "session": SESSION},
            {"type": "input_audio_buffer.append", "audio": "aGk="},
            {"type": "input_audio_buffer.commit"},
            {"type": "conversation.item.create", "previous_item_id": None, "item": ITEM},
            {"type": "conversation.item.create", "item": CALL},
            {
                "type": "conversation.item.truncate",
                "item_id": "i",
                "content_index": 0,
                "audio_end_ms": 0,
            },
            {"type": "response.create", "response": {"instructions": "x", "conversation": "none"}},
            {"type": "response.create"},
            {"type": "response.cancel", "response_id": "r"},
        ],
    ),
    "realtime server": (
        realtime_server_event_json,
        [
            {
                "type": "error",
                "event_id": "e",
                "error": {
                    "type": "invalid_request_error",
                    "code": None,
                    "message": "no",
                    "param": None,
                    "event_id": None,
                },
            },
            {"type": "session.created", "event_id": "e", "session": SESSION},
            {"type": "conversation.item.added", "event_id": "e", "item": ITEM},
            {
                "type": "conversation.item.input_audio_transcription.completed",
                "event_id": "e",
                "item_id": "i",
                "content_index": 0,
                "transcript": "hi",
                "usage": {"type": "duration", "seconds": 1.5},
            },
            {
                "type": "conversation.item.input_audio_transcription.failed",
                "event_id": "e",
                "item_id": "i",
                "content_index": 0,
                "error": {"code": "audio_unintelligible"},
            },
            {
                "type": "input_audio_buffer.speech_started",
                "event_id": "e",
                "item_id": "i",
                "audio_start_ms": 0,
            },
            {
                "type": "response.done",
                "event_id": "e",
                "response": {
                    "id": "r",
                    "status": "incomplete",
                    "status_details": {"type": "incomplete", "reason": "max_output_tokens"},
                    "output": [CALL],
                    "metadata": {"topic": "x"},
                    "usage": USAGE,
                },
            },
            {"type": "response.output_audio.delta", **PLACE, "delta": "aGk="},
            {"type": "response.output_audio.done", **PLACE},
            {"type": "response.output_audio_transcript.done", **PLACE, "transcript": "hi"},
            {
                "type": "response.content_part.added",
                **PLACE,
                "part": {"type": "audio", "transcript": ""},
            },
            {
                "type": "response.function_call_arguments.done",
                "event_id": "e",
                "response_id": "r",
                "item_id": "i",
                "output_index": 0,
                "call_id": "c",
                "name": "f",
                "arguments": "{}",
            },
            {
                "type": "rate_limits.updated",
                "event_id": "e",
                "rate_limits": [
                    {"name": "tokens", "limit": 9, "remaining": 0, "reset_seconds": 0.5}
                ],
            },
            {"type": "mcp_list_tools.completed", "event_id": "e", "item_id": "i"},
        ],
    ),
    "live client": (
        live_client_event_json,
        [
            {
                "type": "session.start",
                "session": {
                    "model": "m",
                    "audio": {"format": {"type": "audio/pcm", "rate": 16000}},
                    "delegation": {"type": "client"},
                    "input": [{"role": "user", "content": [{"text": "hi"}]}],
                    "store": False,
                },
            },
            {"type": "session.input_audio.append", "audio": "aGk="},
            {"type": "session.input_audio.mute", "event_id": "e"},
            {"type": "session.thinking.append", "content": "x", "delegation_id": None},
            {"type": "session.close"},
        ],
    ),
    "live server": (
        live_server_event_json,
        [
            {"type": "session.started", "event_id": "e", "session": {"id": "s", "model": "m"}},
            {"type": "session.output_audio.delta", "delta": "aGk=", "start_ms": 0, "end_ms": 20},
            {
                "type": "session.output_transcript.delta",
                "event_id": "e",
                "delta": "hi",
                "start_ms": 0,
                "end_ms": 0,
            },
            {"type": "session.usage.updated", "event_id": "e", "usage": {"seconds": 3.5}},
            {
                "type": "session.closed",
                "event_id": "e",
                "session": {"id": "s"},
                "reason": "expired",
                "usage": {"seconds": 7200.0, "active_seconds": 7000},
            },
            {"type": "response.event", "event_id": "e", "event": {"type": "response.completed"}},
        ],
    ),
}
CASES = [(module, event) for module, events in EVENTS.values() for event in events]


@pytest.mark.parametrize(("module", "event"), CASES, ids=[str(e["type"]) for _, e in CASES])
def test_events_are_written_as_they_were_read(module: Any, event: dict[str, object]) -> None:  # noqa: ANN401 # a module
    """OpenAI's events go through the typed form unchanged."""
    side = module.__name__.rpartition(".")[2].removesuffix("_json")
    read, write = getattr(module, f"{side}_from_json"), getattr(module, f"{side}_to_json")
    # What OpenAI sends as null where nothing is said is left out where it says nothing.
    expected = {name: value for name, value in event.items() if name != "previous_item_id"}
    assert orjson.loads(orjson.dumps(write(read(event)))) == expected


@pytest.mark.parametrize("member", ["noise_reduction", "transcription", "turn_detection"])
def test_null_turns_a_setting_off(member: str) -> None:
    """Which is not what leaving it out says: then it stays as it is."""
    told = realtime_audio_input_from_json({member: None})
    assert getattr(told, member).off
    assert realtime_audio_input_to_json(told) == {member: None}
    assert realtime_audio_input_to_json(realtime_audio_input_from_json({})) == {}


def kinds_of(union: object) -> set[str]:
    """Return the types of events that a union of the SDK has."""
    events = get_args(get_args(union)[0])
    return {kind for event in events for kind in get_args(event.model_fields["type"].annotation)}


def typed(message: type[Message]) -> set[str]:
    """Return the types of events that a message has typed."""
    (oneof,) = (o for o in message.DESCRIPTOR.oneofs if o.GetOptions().Extensions[options_pb2.flat])
    names = {f.GetOptions().Extensions[options_pb2.as_json].name or f.name for f in oneof.fields}
    return {str(name) for name in names}


@pytest.mark.parametrize(
    ("message", "union", "untyped"),
    [
        (
            realtime_client_event_pb2.RealtimeClientEvent,
            realtime.RealtimeClientEvent,
            # Of WebRTC alone.
            {"output_audio_buffer.clear"},
        ),
        (
            realtime_server_event_pb2.RealtimeServerEvent,
            realtime.RealtimeServerEvent,
            # Of WebRTC and telephony, of remote tools, and of the protocol before this one.
            {
                "output_audio_buffer.started",
                "output_audio_buffer.stopped",
                "output_audio_buffer.cleared",
                "input_audio_buffer.dtmf_event_received",
                "mcp_list_tools.in_progress",
                "mcp_list_tools.completed",
                "mcp_list_tools.failed",
                "response.mcp_call_arguments.delta",
                "response.mcp_call_arguments.done",
                "response.mcp_call.in_progress",
                "response.mcp_call.completed",
                "response.mcp_call.failed",
                "conversation.created",
                "conversation.item.created",
            },
        ),
        (
            live_client_event_pb2.LiveClientEvent,
            live.ClientEvent,
            {
                "session.output_audio.fixture.play",
                "decision.create",
                "decision.item.create",
                "decision.item.delete",
            },
        ),
        (
            live_server_event_pb2.LiveServerEvent,
            live.ServerEvent,
            {
                "session.output_audio.fixture.playing",
                "session.output_audio.fixture.played",
                "session.input_audio.append",
                "decision.event",
                "decision.item.created",
                "decision.item.deleted",
                "transport.dtmf.received",
                "transport.dtmf.send",
                "transport.dtmf.sent",
                "transport.ringing",
                "transport.answered",
                "transport.failed",
            },
        ),
    ],
    ids=["realtime client", "realtime server", "live client", "live server"],
)
def test_the_sdks_events_are_typed_or_left_raw_for_a_reason(
    message: type[Message], union: object, untyped: set[str]
) -> None:
    """Whatever the SDK knows is one or the other; nothing typed is made up."""
    assert typed(message) | untyped == kinds_of(union)
    assert not typed(message) & untyped
