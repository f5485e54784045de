"""The sessions that meet faults: realtime and live ones, transcription and agents by dialect."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tests.faults.operation import Operation, Session
from tests.support.session_upstream import event

from conduit.v1.call_pb2 import CallOptions
from conduit.v1.converse_requests_pb2 import (
    EVENT_FORM_JSON,
    SESSION_PROTOCOL_LIVE,
    SESSION_PROTOCOL_REALTIME,
    ConverseRequest,
    ConverseStart,
)

_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
_REALTIME = "/v1/realtime?model="
# A second of it, as the sessions' callers send it where they say nothing else.
_SOUND = b64encode(bytes(48_000)).decode()


def _asks(_: str) -> Sequence[str]:
    return [event("response.create")]


def _speaks(_: str) -> Sequence[str]:
    return [event("input_audio_buffer.append", audio=_SOUND)]


def _starts(alias: str) -> Sequence[str]:
    return [event("session.start", session={"model": alias})]


def _writes(_: str) -> Sequence[str]:
    words = {"type": "input_text", "text": "hello"}
    item = {"type": "message", "role": "user", "content": [words]}
    return [event("conversation.item.create", item=item), event("response.create")]


_TALK = Session(SESSION_PROTOCOL_REALTIME, _REALTIME, _asks, is_counted=True)
_LIVE = Session(SESSION_PROTOCOL_LIVE, "/v1/live/sessions", _starts)
_DICTATION = Session(SESSION_PROTOCOL_REALTIME, _REALTIME, _speaks)
# Of so little sound the provider counts nothing: what it takes at least is charged.
_SHORT = Session(SESSION_PROTOCOL_REALTIME, _REALTIME, _speaks, is_timed=True)
_AGENT = Session(SESSION_PROTOCOL_REALTIME, _REALTIME, _writes, is_timed=True)


def _row(
    name: str,
    session: Session,
    provider_type: str = "OpenAI",
    model: str = "model",
    settings: Mapping[str, str] = _NO_SETTINGS,
) -> Operation:
    def start(alias: str, options: CallOptions) -> ConverseRequest:
        named = alias if session.names_model else ""
        said = ConverseStart(
            protocol=session.protocol, model=named, events=EVENT_FORM_JSON, options=options
        )
        return ConverseRequest(start=said)

    return Operation(
        name,
        session.path,
        "Converse",
        {},
        start,
        is_stream=True,
        has_policies=False,
        provider_type=provider_type,
        model=model,
        is_numbered=not settings,
        settings=settings,
        session=session,
    )


SESSIONS = (
    _row("converse", _TALK),
    _row("live", _LIVE),
    _row("dictate", _DICTATION, model="gpt-4o-transcribe"),
    _row("dictate_nova", _DICTATION, "Deepgram", "nova-3"),
    _row("dictate_flux", _DICTATION, "Deepgram", "flux"),
    _row("dictate_scribe", _DICTATION, "ElevenLabs", "scribe"),
    _row("dictate_transcribe", _SHORT, "AWS", "transcribe", {"region": "us-east-1"}),
    _row("talk_ultravox", _AGENT, "Ultravox", "ultravox-v0.7"),
    _row("talk_elevenlabs", _AGENT, "ElevenLabs", "agent"),
)
