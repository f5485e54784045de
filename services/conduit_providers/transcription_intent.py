"""Sessions whose caller says in their first event which model is to write down what is said.

OpenAI greets such a caller before.

https://developers.openai.com/api/docs/guides/realtime-transcription,
openai 3.57: types.realtime.RealtimeTranscriptionSessionCreateResponse.
"""

import msgspec
import orjson

from conduit.v1.json_limits import TOO_DEEP
from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_providers.request_reading import refusal

# The intent, and the type, of such a session.
TRANSCRIPTION = "transcription"
_CREATED = "session.created"
_UPDATE = "session.update"
_PLACE = "session.audio.input.transcription.model"


class _Transcription(msgspec.Struct):
    model: str = ""


class _Input(msgspec.Struct):
    transcription: _Transcription | None = None


class _Audio(msgspec.Struct):
    input: _Input | None = None


class _Session(msgspec.Struct):
    audio: _Audio | None = None


class _Event(msgspec.Struct):
    type: str = ""
    session: _Session | None = None


class _Head(msgspec.Struct):
    type: str = ""


_read_event = msgspec.json.Decoder(_Event).decode
_read_head = msgspec.json.Decoder(_Head).decode


def created(session_id: str) -> bytes:
    """Write what greets a caller."""
    sound = {"format": {"type": "audio/pcm", "rate": 24000}, "transcription": None}
    session = {
        "type": TRANSCRIPTION,
        "object": "realtime.transcription_session",
        "id": session_id,
        "audio": {"input": sound},
    }
    return orjson.dumps({"type": _CREATED, "event_id": "event_0", "session": session})


def is_created(json: bytes) -> bool:
    """Return whether a provider's event greets a caller."""
    return _read_head(json).type == _CREATED


def transcriber_in(json: bytes) -> str:
    """Return the model that a caller's first event names. InvalidRequest if it names none."""
    try:
        event = _read_event(json)
    except RecursionError as error:
        raise InvalidRequest(f"The event {TOO_DEEP}", field="") from error
    except UnicodeDecodeError as error:
        raise MalformedJson("The event is not UTF-8", position=str(error.start)) from error
    except msgspec.MsgspecError as error:
        raise refusal(error) from error
    if event.type != _UPDATE:
        message = f"The first event of a session without a model is {_UPDATE}, which names it"
        raise InvalidRequest(message, field="type")
    audio = event.session.audio if event.session is not None else None
    sound = audio.input if audio is not None else None
    transcription = sound.transcription if sound is not None else None
    if transcription is None or not transcription.model:
        raise InvalidRequest(f"{_PLACE} is required", field=_PLACE)
    return transcription.model
