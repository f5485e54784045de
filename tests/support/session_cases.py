"""Wire cases of sessions: `tests/wire/<provider type>/converse/<case>.session`, replayed.

The parts are the start of the RPC (`request`), what the caller says (`said`) and what the provider
sends (`received`), both lists; and, as expected, the signed handshake (`sent`), what is done about
the former (`frames`: most are the provider's), and what the caller gets (`result`). Where a call
over HTTP makes the session, `made` is its answer, and `joined` the handshake that follows. Frames
of bytes are `{"binary": base64}`.
"""

from base64 import b64decode, b64encode
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from tests.support.replays import CATALOG, counts
from tests.support.wire_cases import SECRET, WIRE, Json, WireCase, case_at

from conduit.v1 import converse_requests_pb2 as pb
from conduit.v1.converse_requests_json import converse_start_from_json
from conduit.v1.provider_pb2 import Provider
from conduit_providers.auth import signer_for
from conduit_providers.calls import Call, Form
from conduit_providers.codecs import codec_named
from conduit_providers.operation import SessionMessages
from conduit_providers.operations.converse import OPERATION
from conduit_providers.session_codec import Frame, SessionTranslator, Step
from conduit_providers.wire import (
    GrpcStreamRequest,
    HttpRequest,
    HttpResponse,
    SessionCreation,
    SessionRequest,
    WebSocketRequest,
)

SUFFIX = ".session"


@cache
def session_cases(root: Path = WIRE) -> tuple[WireCase, ...]:
    """Return the cases of sessions."""
    return tuple(case_at(path) for path in sorted(root.glob(f"*/*/*{SUFFIX}")))


class SessionReplay:
    """A session, replayed without a socket."""

    def __init__(self, case: WireCase) -> None:
        self.case = case
        self.spec = CATALOG.find(case.owner)
        self.endpoint = self.spec.endpoints[case.operation]
        provider = Provider(name=f"{self.spec.name} Production", provider_type=self.spec.name)
        provider.settings.update(case.settings)
        self.target = CATALOG.targets(provider)[case.operation]
        self.codec = codec_named(self.endpoint.codec)

    @property
    def said(self) -> list[Json]:
        """What the caller says."""
        return self._list("said")

    @property
    def received(self) -> list[Json]:
        """What the provider sends."""
        return self._list("received")

    def messages(self, *, is_typed: bool = False) -> SessionMessages:
        """Return how the RPC's messages are read and written."""
        start = converse_start_from_json(self.case.request)
        start.events = pb.EVENT_FORM_TYPED if is_typed else pb.EVENT_FORM_JSON
        return OPERATION.begin(pb.ConverseRequest(start=start))

    def call(self) -> Call[Any]:
        """Return the call, as the router makes it."""
        messages, first = self.messages(), None
        if messages.begins_with_event:
            first = pb.ConverseRequest(json=orjson.dumps(self.said[0]))
        opening = messages.opening(first)
        alias = OPERATION.requirements(opening.json, stream=False).model
        name = self.target.provider_name
        return Call(opening, alias=alias, model=self.case.model, provider=name)

    def translator(self) -> SessionTranslator:
        """Return a fresh translator."""
        found: SessionTranslator = self.codec.translator(self.call(), self.endpoint, self.target)
        return found

    def sent(self) -> bytes:
        """Return the signed request that opens the session, with its whole URL."""
        request = self._opening()
        if isinstance(request, SessionCreation):
            http = request.request
        elif isinstance(request, GrpcStreamRequest):
            http = HttpRequest("POST", request.method, request.metadata)
        else:
            http = HttpRequest("GET", request.path, request.headers)
        signer = signer_for(self.spec.auth, SECRET, self.target)
        signed = signer.sign(http)
        lines = [f"{signed.method} {self.target.base_url}{signed.path}"]
        lines += [f"{name}: {value}" for name, value in signed.headers]
        return "\n".join(lines).encode() + b"\n\n" + signed.body

    def joined(self) -> dict[str, bytes]:
        """Return the handshake that follows a call over HTTP, if there is such a call."""
        request = self._opening()
        if not isinstance(request, SessionCreation):
            return {}
        socket = request.socket_of(HttpResponse(200, {}, self.case.file.parts["made"].content))
        assert socket.origin is not None
        origin = f"{socket.origin.scheme}://{socket.origin.host}:{socket.origin.port}"
        return {"joined": f"GET {origin}{socket.path}".encode()}

    def _opening(self) -> SessionRequest:
        found: SessionRequest = self.codec.to_upstream(self.call(), self.endpoint, self.target)
        return found

    def frames(self) -> list[Json]:
        """Return what is done about what the caller says: frames, mostly."""
        messages, translator = self.messages(), self.translator()
        frames = [step for step in translator.first_steps() if isinstance(step, str | bytes)]
        steps: list[Step] = [*frames]
        # A live session begins with what the caller says.
        for each in self.said[len(frames) if messages.begins_with_event else 0 :]:
            event = messages.event_of(pb.ConverseRequest(json=orjson.dumps(each)))
            steps += translator.to_upstream(event)
        return [shown(step) for step in (*steps, *translator.last_frames())]

    def result(self) -> Json:
        """Return what the caller gets."""
        translator = self.translator()
        steps = list(translator.first_steps())
        for each in self.received:
            steps += translator.from_upstream(frame_of(each))
        events = [orjson.loads(step.json) for step in steps if isinstance(step, Form)]
        others = {model: counts(used) for model, used in translator.other_usage.items()}
        end = pb.SessionEndReason.Name(translator.end_reason)
        return {
            "events": events,
            "usage": counts(translator.usage),
            **({"otherUsage": others} if others else {}),
            "end": end.removeprefix("SESSION_END_REASON_"),
        }

    def _list(self, name: str) -> list[Json]:
        found: list[Json] = orjson.loads(self.case.file.parts[name].content)
        return found


def frame_of(shown_frame: Json) -> Frame:
    """Return the frame that a case shows."""
    if shown_frame.keys() == {"binary"}:
        return b64decode(shown_frame["binary"])
    return orjson.dumps(shown_frame).decode()


def shown(step: Step) -> Json:
    """Return how a case shows what is done: frames of text as they are, all else by its kind."""
    if isinstance(step, str):
        found: Json = orjson.loads(step)
        return found
    if isinstance(step, bytes):
        return {"binary": b64encode(step).decode()}
    if isinstance(step, WebSocketRequest):
        return {"reconnect": step.path}
    if isinstance(step, GrpcStreamRequest):
        return {"reconnect": step.method}
    if isinstance(step, SessionCreation):
        body = {"body": orjson.loads(step.request.body)} if step.request.body else {}
        return {"reconnect": f"{step.request.method} {step.request.path}", **body}
    return {"answer": orjson.loads(step.json)}
