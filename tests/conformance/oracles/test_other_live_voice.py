"""What Gemini Live and Nova Sonic say has a place in our events, though neither is held yet.

Members of Gemini's are those of its SDK (google-genai 3.6: types.LiveClientMessage and its kin),
events of Nova Sonic's those of its guides (docs.aws.amazon.com/nova: input-events, output-events,
seen 2026-11-30). Each is one of our typed events, or within one; what has no like passes as JSON.
"""

from collections.abc import Mapping

import pytest
from google.genai import types
from pydantic import BaseModel

from conduit.v1 import converse_requests_pb2 as pb
from conduit.v1 import realtime_client_event_pb2 as client_pb
from conduit.v1 import realtime_server_event_pb2 as server_pb

Places = Mapping[str, str]

AS_JSON = "json"
SENT_TO_GEMINI: Places = {
    "setup": "session_update",
    "client_content": "conversation_item_create",
    "realtime_input": "input_audio_buffer_append",
    "tool_response": "conversation_item_create",
    "context_update": AS_JSON,
}
SOUND_TO_GEMINI: Places = {
    "media_chunks": "input_audio_buffer_append",
    "audio": "input_audio_buffer_append",
    "audio_stream_end": "input_audio_buffer_commit",
    "video": "conversation_item_create",
    "text": "conversation_item_create",
    "activity_start": AS_JSON,
    "activity_end": "input_audio_buffer_commit",
}
SENT_BY_GEMINI: Places = {
    "setup_complete": "session_created",
    "server_content": "response_output_item_added",
    "tool_call": "response_function_call_arguments_done",
    "tool_call_cancellation": "conversation_item_deleted",
    "usage_metadata": "response_done",
    "go_away": AS_JSON,
    "session_resumption_update": AS_JSON,
    "voice_activity_detection_signal": "input_audio_buffer_speech_started",
    "voice_activity": "input_audio_buffer_speech_stopped",
}
SAID_BY_GEMINI: Places = {
    "model_turn": "response_output_audio_delta",
    "turn_complete": "response_done",
    "interrupted": "response_done",
    "grounding_metadata": AS_JSON,
    "generation_complete": "response_output_audio_done",
    "input_transcription": "conversation_item_input_audio_transcription_completed",
    "output_transcription": "response_output_audio_transcript_delta",
    "url_context_metadata": AS_JSON,
    "turn_complete_reason": "response_done",
    "waiting_for_input": AS_JSON,
    "interim_input_transcription": "conversation_item_input_audio_transcription_delta",
    "interaction_status": AS_JSON,
}
SENT_TO_NOVA: Places = {
    "sessionStart": "session_update",
    "promptStart": "session_update",
    "contentStart": "conversation_item_create",
    "textInput": "conversation_item_create",
    "audioInput": "input_audio_buffer_append",
    "toolResult": "conversation_item_create",
    "contentEnd": "input_audio_buffer_commit",
    "promptEnd": "response_create",
    "sessionEnd": AS_JSON,
}
SENT_BY_NOVA: Places = {
    "completionStart": "response_created",
    "contentStart": "response_content_part_added",
    "textOutput": "response_output_audio_transcript_delta",
    "audioOutput": "response_output_audio_delta",
    "toolUse": "response_function_call_arguments_done",
    "contentEnd": "response_content_part_done",
    "completionEnd": "response_done",
    "usageEvent": "response_done",
}


def events_of(message: type) -> set[str]:
    """Return the names of what a message of events can be."""
    return {each.name for each in message.DESCRIPTOR.oneofs_by_name["event"].fields}  # type: ignore[attr-defined] # of protobuf


@pytest.mark.parametrize(
    ("sdk", "places"),
    [
        (types.LiveClientMessage, SENT_TO_GEMINI),
        (types.LiveClientRealtimeInput, SOUND_TO_GEMINI),
        (types.LiveServerMessage, SENT_BY_GEMINI),
        (types.LiveServerContent, SAID_BY_GEMINI),
    ],
)
def test_whatever_gemini_live_says_is_known(sdk: type[BaseModel], places: Places) -> None:
    """A member that is new to the SDK has to be given a place here."""
    assert set(sdk.model_fields) == set(places)


@pytest.mark.parametrize("places", [SENT_TO_GEMINI, SOUND_TO_GEMINI, SENT_TO_NOVA])
def test_what_is_sent_is_an_event_of_ours(places: Places) -> None:
    """Typed, or as JSON of its own."""
    assert set(places.values()) - {AS_JSON} <= events_of(client_pb.RealtimeClientEvent)
    assert AS_JSON in pb.ConverseRequest.DESCRIPTOR.fields_by_name


@pytest.mark.parametrize("places", [SENT_BY_GEMINI, SAID_BY_GEMINI, SENT_BY_NOVA])
def test_what_is_received_is_an_event_of_ours(places: Places) -> None:
    """Typed, or as JSON of its own."""
    assert set(places.values()) - {AS_JSON} <= events_of(server_pb.RealtimeServerEvent)
    assert AS_JSON in pb.ConverseResponse.DESCRIPTOR.fields_by_name
