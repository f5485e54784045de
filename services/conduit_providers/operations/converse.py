"""Spoken conversations: `Converse`, in OpenAI's realtime and live sessions.

A realtime session names its model before it begins. A live one does so in its first event, which
is why that event comes before admission, and is sent to whichever provider takes the session.
"""

from typing import Any, ClassVar

import msgspec
import orjson

from conduit.v1 import converse_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions, CallReport
from conduit.v1.charge_pb2 import UNIT_SESSION_MILLISECOND
from conduit.v1.json_limits import TOO_DEEP
from conduit.v1.live_client_event_json import (
    live_client_event_from_json,
    live_client_event_to_json,
)
from conduit.v1.live_client_event_pb2 import LiveClientEvent
from conduit.v1.live_server_event_json import (
    live_server_event_from_json,
    live_server_event_to_json,
)
from conduit.v1.realtime_client_event_json import (
    realtime_client_event_from_json,
    realtime_client_event_to_json,
)
from conduit.v1.realtime_item_pb2 import RealtimeTokensDetails, RealtimeUsage
from conduit.v1.realtime_server_event_json import (
    realtime_server_event_from_json,
    realtime_server_event_to_json,
)
from conduit_kernel.errors import InvalidRequest, MalformedJson, UnsupportedCapability
from conduit_providers.calls import Answer, Call, Form
from conduit_providers.operation import (
    Requirements,
    SessionEnding,
    SessionMessages,
    SessionOperation,
    WorstCase,
)
from conduit_providers.quantities import (
    AUDIO_INPUT,
    AUDIO_OUTPUT,
    CACHED_AUDIO_INPUT,
    CACHED_IMAGE_INPUT,
    CACHED_INPUT,
    IMAGE_INPUT,
    INPUT,
    Quantities,
    counted,
    plain,
)
from conduit_providers.request_reading import refusal
from conduit_providers.session_codec import SessionCodec, SessionEvent
from conduit_providers.session_models import models_in
from conduit_providers.transcription_intent import (
    TRANSCRIPTION,
    created,
    is_created,
    transcriber_in,
)

SESSION_MILLISECOND = int(UNIT_SESSION_MILLISECOND)
# As long as OpenAI lets a live session last, which is billed by its length.
LONGEST_LIVE_SECONDS = 7200
REALTIME = "realtime"
LIVE = "live"
_INTENTS = ("", REALTIME, TRANSCRIPTION)
_START = "session.start"


class Opening(Form[Any]):
    """The start of a session: the model of a realtime session, the first event of a live one."""

    is_live: bool = False
    # Whether a realtime session only writes down what is said, as its caller says beforehand.
    transcribes: bool = False


ConverseCall = Call[Any]


def realtime_opening(model: str, *, transcribes: bool = False) -> Opening:
    """Hold the beginning of a realtime session."""
    json = orjson.dumps({"model": model})
    return Opening(
        realtime_client_event_from_json,
        realtime_client_event_to_json,
        json,
        transcribes=transcribes,
    )


def live_opening(*, json: bytes | None = None, typed: LiveClientEvent | None = None) -> Opening:
    """Hold the first event of a live session."""
    return Opening(
        live_client_event_from_json, live_client_event_to_json, json, typed, is_live=True
    )


def is_live(call: ConverseCall) -> bool:
    """Return whether a call is for a live session."""
    return isinstance(call.request, Opening) and call.request.is_live


def is_transcription(call: ConverseCall) -> bool:
    """Return whether a call's caller says that the session only writes down what is said."""
    return isinstance(call.request, Opening) and call.request.transcribes


def no_live_sessions(provider: str) -> UnsupportedCapability:
    """Return the error for a provider that holds no sessions in the protocol of live ones."""
    return UnsupportedCapability(f"{provider} holds no live sessions", capability="live")


def realtime_event(json: bytes) -> SessionEvent:
    """Hold what a provider says in a realtime session."""
    return Form(realtime_server_event_from_json, realtime_server_event_to_json, json)


def live_event(json: bytes) -> SessionEvent:
    """Hold what a provider says in a live session."""
    return Form(live_server_event_from_json, live_server_event_to_json, json)


class _Session(msgspec.Struct):
    model: str


class _Beginning(msgspec.Struct):
    # Of a realtime session.
    model: str | None = None
    # Of a live one.
    type: str | None = None
    session: _Session | None = None


_read_beginning = msgspec.json.Decoder(_Beginning).decode


class ConverseOperation(SessionOperation[Any]):
    """Holds a spoken conversation."""

    name: ClassVar[str] = "converse"
    codec_type: ClassVar[type] = SessionCodec

    def begin(self, message: pb.ConverseRequest) -> "ConverseMessages":
        """Read how a session is to be held."""
        if message.WhichOneof("message") != "start":
            raise InvalidRequest("A session's first message is its start", field="start")
        return ConverseMessages(message.start)

    def form_of(self, request: pb.ConverseRequest) -> Form[Any]:
        """Return how a session begins whose model is named before it."""
        return self.begin(request).opening(None)

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read a session's beginning."""
        try:
            found = _read_beginning(body)
        except RecursionError as error:
            raise InvalidRequest(f"The event {TOO_DEEP}", field="") from error
        except UnicodeDecodeError as error:
            raise MalformedJson("The event is not UTF-8", position=str(error.start)) from error
        except msgspec.MsgspecError as error:
            raise refusal(error) from error
        if found.type is None:
            if not found.model:
                raise InvalidRequest("model is required", field="model")
            return Requirements(found.model, "converse", capabilities=frozenset({REALTIME}))
        if found.type != _START:
            raise InvalidRequest(f"A live session's first event is {_START}", field="type")
        if found.session is None or not found.session.model:
            raise InvalidRequest("session.model is required", field="session.model")
        return Requirements(found.session.model, "converse", capabilities=frozenset({LIVE}))

    def estimate(
        self,
        form: Form[Any],
        answer: Answer[Any] | None,
        emitted: int,
        codec: object,
        facts: object,
    ) -> Quantities:
        """Count what was handed out; a session that was never open used nothing."""
        return plain(0, emitted)

    def worst_case(self, form: Form[Any], requirements: Requirements) -> WorstCase:
        """Bound a live session by its length; how much is spoken in a realtime one nobody knows."""
        if LIVE in requirements.capabilities:
            most = ((SESSION_MILLISECOND, LONGEST_LIVE_SECONDS * 1000),)
            return WorstCase(counted(most), is_bounded=True)
        return WorstCase(Quantities(), is_bounded=False)


class ConverseMessages(SessionMessages):
    """The messages of a session, as its first one requires them: of one protocol, in one form."""

    def __init__(self, start: pb.ConverseStart) -> None:
        self._start = start
        self._is_typed = start.events != pb.EVENT_FORM_JSON
        self._is_live = start.protocol == pb.SESSION_PROTOCOL_LIVE
        self._transcribes = start.intent == TRANSCRIPTION
        if start.intent not in _INTENTS[: 1 if self._is_live else None]:
            message = "Sessions of intents are realtime ones, for realtime or transcription"
            raise InvalidRequest(message, field="intent")
        self.begins_with_event = self._is_live or (self._transcribes and not start.model)
        # Where its protocol's events are in a message.
        self._field = "live" if self._is_live else "realtime"
        if self._is_live and start.model:
            raise InvalidRequest("A live session names its model in its first event", field="model")

    @property
    def options(self) -> CallOptions | None:
        """Return how the call is to be treated; None if that was not said."""
        return self._start.options if self._start.HasField("options") else None

    def greeting(self, session_id: str) -> SessionEvent | None:
        """Return what OpenAI says to who names the transcriber in an event."""
        return None if self._is_live else realtime_event(created(session_id))

    def is_greeting(self, event: SessionEvent) -> bool:
        """Return whether it is `session.created`."""
        return is_created(event.json)

    def opening(self, message: pb.ConverseRequest | None) -> Opening:
        """Return how the session begins."""
        if message is None:
            return realtime_opening(self._start.model, transcribes=self._transcribes)
        if not self._is_live:
            event = self.event_of(message)
            return realtime_opening(transcriber_in(event.json), transcribes=True)
        kind = message.WhichOneof("message")
        if kind == "json":
            return live_opening(json=message.json)
        if kind == "live":
            return live_opening(typed=message.live)
        raise InvalidRequest(f"A live session's first event is {_START}", field=kind or "message")

    def event_of(self, message: pb.ConverseRequest) -> SessionEvent:
        """Return the caller's event."""
        kind = message.WhichOneof("message")
        json = message.json if kind == "json" else None
        if self._is_live and kind in {"json", "live"}:
            typed = message.live if json is None else None
            return Form(live_client_event_from_json, live_client_event_to_json, json, typed)
        if not self._is_live and kind in {"json", "realtime"}:
            said = message.realtime if json is None else None
            return Form(realtime_client_event_from_json, realtime_client_event_to_json, json, said)
        raise InvalidRequest(f"{kind or 'Nothing'} is no event of this session", field=kind or "")

    def models_in(self, event: Form[Any]) -> set[str]:
        """Return who is to write down what the caller says, and to whom work is delegated."""
        return models_in(event.json)

    def started(self) -> tuple[pb.ConverseResponse, CallReport]:
        """Return the message that opens the session."""
        message = pb.ConverseResponse()
        message.started.SetInParent()
        return message, message.started

    def message_of(self, event: SessionEvent) -> pb.ConverseResponse:
        """Return an event in the form that was asked for; as JSON if it does not fit the other."""
        if self._is_typed:
            try:
                typed = event.typed
            except InvalidRequest:
                return pb.ConverseResponse(json=event.json)
            if typed.WhichOneof("event") is not None:
                return pb.ConverseResponse(**{self._field: typed})
        return pb.ConverseResponse(json=event.json)

    def finished(self, ending: SessionEnding) -> tuple[pb.ConverseResponse, CallReport]:
        """Return the last message."""
        message = pb.ConverseResponse()
        end = message.finished
        end.seconds, end.reason = ending.seconds, ending.reason
        if self._is_live:
            # The session itself is billed by its length; the tokens are of who works behind it.
            _count(end.usage, ending.other_usage)
        else:
            _count(end.usage, ending.usage)
            _count(end.transcription_usage, ending.other_usage)
        return message, end.report


def _count(usage: RealtimeUsage, quantities: Quantities) -> None:
    """Fill in tokens, if there are any."""
    read, written = quantities.input_tokens, quantities.output_tokens
    if not read and not written:
        return
    usage.input_tokens, usage.output_tokens, usage.total_tokens = read, written, read + written
    count = quantities.count
    cached = RealtimeTokensDetails(
        text_tokens=count(CACHED_INPUT),
        audio_tokens=count(CACHED_AUDIO_INPUT),
        image_tokens=count(CACHED_IMAGE_INPUT),
    )
    usage.input_token_details.CopyFrom(
        RealtimeTokensDetails(
            text_tokens=count(INPUT, CACHED_INPUT),
            audio_tokens=count(AUDIO_INPUT, CACHED_AUDIO_INPUT),
            image_tokens=count(IMAGE_INPUT, CACHED_IMAGE_INPUT),
            cached_tokens=count(CACHED_INPUT, CACHED_AUDIO_INPUT, CACHED_IMAGE_INPUT),
            cached_tokens_details=cached,
        )
    )
    usage.output_token_details.CopyFrom(
        RealtimeTokensDetails(
            text_tokens=written - count(AUDIO_OUTPUT), audio_tokens=count(AUDIO_OUTPUT)
        )
    )


OPERATION = ConverseOperation()
