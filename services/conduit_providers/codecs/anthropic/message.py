"""Anthropic's Messages for callers who speak them: what they send, and get, passes as it is.

https://platform.claude.com/docs/en/api/messages/create

Betas and the version are the caller's. Of turns that another provider had, thoughts are left out,
which are behind a mark of Conduit's or unsigned, and calls are fitted.
"""

import re
from typing import Any

import msgspec
import orjson

from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.anthropic.answer import Counts
from conduit_providers.codecs.anthropic.betas import HEADER, betas_named
from conduit_providers.codecs.anthropic.chat import SAMPLING
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.call_ids import CallIds
from conduit_providers.codecs.shared.passed_body import members_in, objects_in, passed_body
from conduit_providers.codecs.shared.passed_events import EventHead, PassingDecoder
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.inbound.message_form import (
    MessageAnswer,
    MessageCall,
    MessageEvents,
    message_answer,
)
from conduit_providers.inbound.sealed_thoughts import MARK_BYTES, is_sealed
from conduit_providers.json_reading import JsonReader
from conduit_providers.quantities import Quantities
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

Json = dict[str, Any]

VERSION_HEADER = "anthropic-version"
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_UNSIGNED = re.compile(rb'"signature"\s*:\s*(?:""|null)')
_RESULT_IDS = re.compile(rb'"tool_use_id"\s*:\s*"((?:[^"\\]|\\.)*)"')
_IDS = re.compile(rb"[a-zA-Z0-9_,-]+")


class _Answer(msgspec.Struct, gc=False):
    usage: Counts | None = None
    stop_reason: str | None = None
    error: object = None


class _Delta(msgspec.Struct, gc=False):
    stop_reason: str | None = None


class _Event(EventHead):
    delta: _Delta | None = None
    usage: Counts | None = None


class _Head(msgspec.Struct, gc=False):
    usage: Counts | None = None


_ANSWER = JsonReader(_Answer)
_EVENT = JsonReader(_Event)


class AnthropicMessageCodec:
    """Speaks `POST /v1/messages`."""

    def to_upstream(self, call: MessageCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass the caller's body on, with the provider's name of the model."""
        path = target.fill(endpoint.path, model=call.model)
        headers = dict(endpoint.headers) | {VERSION_HEADER: version_of(call, endpoint)}
        if betas := betas_named(call.betas, target.settings):
            headers[HEADER] = ",".join(betas)
        body = message_body(call, target.provider_name)
        return HttpRequest("POST", path, JSON_HEADERS + tuple(headers.items()), body)

    def from_upstream(
        self, response: HttpResponse, call: MessageCall, endpoint: Endpoint
    ) -> MessageAnswer:
        """Pass the provider's body on, after a look at its counts."""
        return self.read(response.body, call, endpoint)

    def head(self, model: str, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request of a caller who names no betas, and the usual version."""
        headers = dict(endpoint.headers)
        if betas := betas_named((), target.settings):
            headers[HEADER] = ",".join(betas)
        path = target.fill(endpoint.path, model=model)
        return HttpRequest("POST", path, JSON_HEADERS + tuple(headers.items()))

    def body(self, call: MessageCall, endpoint: Endpoint, target: Target) -> bytes:
        """Build the body. InvalidRequest where the head would be another one."""
        if call.betas or version_of(call, endpoint) != endpoint.headers[VERSION_HEADER]:
            raise InvalidRequest("The head has to be the caller's own", field=HEADER)
        return message_body(call, target.provider_name)

    def read(self, body: bytes, call: MessageCall, endpoint: Endpoint) -> MessageAnswer:
        """Read the answer's body."""
        answer = read_answer(_ANSWER, body, call.provider, "it is not a message")
        if answer.error is not None:
            raise error_in_stream(answer.error, call.provider)
        if answer.stop_reason is None:
            raise malformed(call.provider, "it has no stop reason")
        usage = answer.usage.quantities() if answer.usage is not None else None
        return message_answer(body, usage)

    def decoder(self, call: MessageCall, endpoint: Endpoint) -> "PassedMessageDecoder":
        """Return a fresh decoder for one streamed answer."""
        return PassedMessageDecoder(call.provider)


def version_of(call: MessageCall, endpoint: Endpoint) -> str:
    """Return the version that a caller names, or one that knows what is sent.

    InvalidRequest if it can be none.
    """
    named, options = call.version, endpoint.options
    if not named:
        older = options.sampling_version
        raw = call.request.json if older else b""
        samples = any(b'"%b"' % name.encode() in raw for name in SAMPLING)
        return older if samples else endpoint.headers[VERSION_HEADER]
    if not _VERSION.fullmatch(named):
        message = f"{named[:100]!r} is no version of Anthropic's API"
        raise InvalidRequest(message, field=VERSION_HEADER)
    return named


def message_body(call: MessageCall, provider: str) -> bytes:
    """Return the caller's body with the provider's name of the model."""
    raw = call.request.json_at_hand or call.request.json
    if _has_others_thoughts(raw) or _has_others_ids(raw):
        raw = _fitted(raw, call, provider)
    return passed_body(raw, call)


def _fitted(raw: bytes, call: MessageCall, provider: str) -> bytes:
    """Return a body whose turns are such as Anthropic has itself."""
    members = members_in(raw)
    turns, ids = objects_in(members.get("messages")), CallIds()
    for turn in turns:
        _leave_out_thoughts(turn, call, provider)
        _fit_ids(turn, ids)
    members["messages"] = [turn for turn in turns if turn.get("content") != []]
    return orjson.dumps(members)


def _has_others_thoughts(raw: bytes) -> bool:
    return MARK_BYTES in raw or _UNSIGNED.search(raw) is not None


def _has_others_ids(raw: bytes) -> bool:
    """Return whether calls have ids that Anthropic refuses, or one that was there before."""
    found = _RESULT_IDS.findall(raw)
    if not found:
        return False
    return len(set(found)) < len(found) or _IDS.fullmatch(b",".join(found)) is None or b"" in found


def _leave_out_thoughts(turn: Json, call: MessageCall, provider: str) -> None:
    blocks = turn.get("content")
    if not isinstance(blocks, list):
        return
    kept = [each for each in blocks if not _is_others_thought(each)]
    if len(kept) < len(blocks):
        call.drop("messages.content.thinking", provider)
        turn["content"] = kept


def _fit_ids(turn: Json, ids: CallIds) -> None:
    for block in objects_in(turn.get("content")):
        match block:
            case {"type": "tool_use", "id": str(call_id)}:
                block["id"] = ids.of_call(call_id)
            case {"type": "tool_result", "tool_use_id": str(call_id)}:
                block["tool_use_id"] = ids.of_result(call_id)


def _is_others_thought(block: object) -> bool:
    """Return whether a thought is none of Anthropic's, which refuses it."""
    match block:
        case {"type": "thinking", "signature": str(signature)}:
            return not signature or is_sealed(signature)
        case {"type": "thinking"}:
            return True
        case {"type": "redacted_thinking", "data": str(data)}:
            return is_sealed(data)
        case _:
            return False


class PassedMessageDecoder(PassingDecoder[_Event, MessageEvents]):
    """Passes events on, up to `message_stop`; one that has said why it stopped is whole without."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider, _EVENT, MessageEvents)
        self._counts: Counts | None = None
        self._has_finished = False
        self._has_stopped = False

    @property
    def has_finished(self) -> bool:
        """Return whether the answer has said why it stopped."""
        return self._has_finished

    @property
    def ending(self) -> bytes:
        """Return `message_stop`, which clients wait for, where the provider forgot it."""
        return b"" if self._has_stopped else _STOP

    @property
    def usage(self) -> Quantities | None:
        """Return what was used, as far as that was said."""
        return self._counts.quantities() if self._counts is not None else None

    def _look_at(self, event: _Event) -> None:
        match event.type:
            case "message_start":
                self._count(self._head(event))
            case "message_delta":
                self._count(event.usage)
                if event.delta is not None and event.delta.stop_reason is not None:
                    self._has_finished = True
            case "message_stop":
                self._has_stopped = True
                self.done = self._has_finished

    def _head(self, event: _Event) -> Counts | None:
        try:
            return msgspec.convert(event.message, _Head).usage
        except msgspec.ValidationError as error:
            raise malformed(self._provider, "an event makes no sense") from error

    def _count(self, counts: Counts | None) -> None:
        if counts is None:
            return
        if self._counts is None:
            self._counts = counts
        else:
            self._counts.update(counts)


CODEC = AnthropicMessageCodec()
