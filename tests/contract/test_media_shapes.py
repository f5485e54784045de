"""OpenAI's documented JSON of pictures and sound is read as typed, and written back as it was."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from conduit.v1 import image_json, speech_json, transcript_event_json, transcription_json
from conduit.v1.image_edit_json import image_edit_request_from_json, image_edit_request_to_json
from conduit.v1.image_generation_json import (
    image_generation_request_from_json,
    image_generation_request_to_json,
)
from conduit.v1.image_pb2 import ImageEvent
from conduit.v1.json_runtime import JsonError
from conduit.v1.voice_pb2 import VoiceChoice

# Any: a message of each kind.
Convert = Callable[[Any], Any]
USAGE = {
    "input_tokens": 40,
    "output_tokens": 1056,
    "total_tokens": 1096,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 40},
}
WORDS: dict[str, object] = {
    "plain": {
        "text": "Hello.",
        "usage": {
            "type": "tokens",
            "input_tokens": 14,
            "output_tokens": 3,
            "total_tokens": 17,
            "input_token_details": {"audio_tokens": 14, "text_tokens": 0},
        },
        "logprobs": [{"token": "Hello", "logprob": -0.1, "bytes": [72]}],
    },
    "verbose": {
        "task": "transcribe",
        "language": "english",
        "duration": 8.47,
        "text": "Hello.",
        "words": [{"word": "Hello", "start": 0.0, "end": 0.5}],
        "segments": [
            {
                "id": 0,
                "start": 0.0,
                "end": 3.32,
                "text": " Hello.",
                "seek": 0,
                "tokens": [50364, 440],
                "temperature": 0.0,
                "avg_logprob": -0.28,
                "compression_ratio": 1.23,
                "no_speech_prob": 0.009,
            }
        ],
        "usage": {"type": "duration", "seconds": 9.0},
    },
    "diarized": {
        "task": "transcribe",
        "duration": 27.4,
        "text": "Agent: Hello.",
        "segments": [
            {
                "type": "transcript.text.segment",
                "id": "seg_001",
                "start": 0.0,
                "end": 4.7,
                "text": "Hello.",
                "speaker": "agent",
            }
        ],
    },
}
SHAPES: list[tuple[str, Convert, Convert, object]] = [
    (
        "pictures",
        image_json.image_list_from_json,
        image_json.image_list_to_json,
        {
            "created": 1713833628,
            "data": [{"b64_json": "aGk="}, {"url": "https://x/y.png", "revised_prompt": "a"}],
            "background": "transparent",
            "output_format": "png",
            "size": "1024x1024",
            "quality": "high",
            "usage": USAGE,
            "svg_usage": {"model": "m"},
        },
    ),
    (
        "a draft",
        image_json.image_event_from_json,
        image_json.image_event_to_json,
        {
            "type": "image_generation.partial_image",
            "b64_json": "aGk=",
            "partial_image_index": 0,
            "created_at": 1620000000,
            "size": "1024x1024",
            "quality": "high",
            "background": "transparent",
            "output_format": "png",
        },
    ),
    (
        "a changed picture",
        image_json.image_event_from_json,
        image_json.image_event_to_json,
        {
            "type": "image_edit.completed",
            "b64_json": "aGk=",
            "created_at": 1620000000,
            "usage": USAGE,
            "safety_identifier": "x",
        },
    ),
    (
        "more sound",
        speech_json.speech_event_from_json,
        speech_json.speech_event_to_json,
        {"type": "speech.audio.delta", "audio": "aGk="},
    ),
    (
        "all sound",
        speech_json.speech_event_from_json,
        speech_json.speech_event_to_json,
        {
            "type": "speech.audio.done",
            "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        },
    ),
    (
        "more words",
        transcript_event_json.transcript_event_from_json,
        transcript_event_json.transcript_event_to_json,
        {"type": "transcript.text.delta", "delta": " and", "logprobs": [], "segment_id": "s"},
    ),
    *(
        (
            name,
            transcription_json.transcription_from_json,
            transcription_json.transcription_to_json,
            shape,
        )
        for name, shape in WORDS.items()
    ),
    (
        "a generation",
        image_generation_request_from_json,
        image_generation_request_to_json,
        {"model": "m", "prompt": "a cat", "n": 1, "partial_images": 2, "stream": True, "svg": {}},
    ),
    (
        "an edit",
        image_edit_request_from_json,
        image_edit_request_to_json,
        {
            "model": "m",
            "prompt": "a hat",
            "images": [
                {"image_url": "data:image/png;base64,aGk="},
                {"file_id": "file-1"},
                {"file": {"filename": "a.png", "content_type": "image/png", "content": "aGk="}},
            ],
            "mask": {"file_id": "file-2"},
        },
    ),
    (
        "a named voice",
        speech_json.speech_request_from_json,
        speech_json.speech_request_to_json,
        {"model": "m", "input": "hi", "voice": "alloy", "stream_format": "sse", "lang": "en"},
    ),
    (
        "a voice by its id",
        speech_json.speech_request_from_json,
        speech_json.speech_request_to_json,
        {"model": "m", "input": "hi", "voice": {"id": "voice_1"}, "speed": 1.5},
    ),
]


@pytest.mark.parametrize(
    ("read", "write", "shape"), [case[1:] for case in SHAPES], ids=[case[0] for case in SHAPES]
)
def test_shapes_are_written_as_they_were_read(read: Convert, write: Convert, shape: object) -> None:
    """Known members and unknown ones."""
    assert orjson.loads(orjson.dumps(write(read(shape)))) == shape


def test_an_event_is_typed_by_its_type() -> None:
    """The bytes are bytes."""
    event = image_json.image_event_from_json(
        {"type": "image_generation.partial_image", "b64_json": "aGk=", "partial_image_index": 2}
    )
    assert event.WhichOneof("event") == "image_generation_partial_image"
    assert event.image_generation_partial_image.b64_json == b"hi"
    assert event.image_generation_partial_image.partial_image_index == 2


def test_an_event_of_another_type_is_kept_whole() -> None:
    """What a provider adds tomorrow passes today."""
    event = {"type": "image_generation.blurred", "b64_json": "aGk=", "radius": None}
    message = image_json.image_event_from_json(event)
    assert message.WhichOneof("event") is None
    assert image_json.image_event_to_json(message) == event


def test_unknown_members_cannot_change_the_type_of_an_event() -> None:
    """A gRPC caller cannot say one thing typed and another beside it."""
    message = ImageEvent(unknown_json=b'{"type":"image_edit.completed","b64_json":"AA=="}')
    message.image_generation_completed.unknown_json = b'{"type":"image_edit.completed","x":1}'
    assert image_json.image_event_to_json(message) == {
        "type": "image_generation.completed",
        "b64_json": "",
        "created_at": 0,
        "x": 1,
    }


def test_a_member_of_an_event_is_named_where_it_is_wrong() -> None:
    """As of any message."""
    with pytest.raises(JsonError) as caught:
        image_json.image_event_from_json(
            {"type": "image_generation.completed", "usage": {"input_tokens": "many"}}
        )
    assert caught.value.path == "usage.input_tokens"


def test_a_voice_is_a_name_or_an_id() -> None:
    """And nothing else."""
    read = speech_json.speech_request_from_json
    assert read({"voice": "alloy"}).voice == VoiceChoice(name="alloy")
    assert read({"voice": {"id": "v"}}).voice.reference.id == "v"
    with pytest.raises(JsonError, match="must be a string or an object"):
        read({"voice": 3})
