"""Chats in the words of OpenAI's Responses: `CreateResponse`, `StreamCreateResponse`."""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from conduit.v1.response_answer_pb2 import CreatedResponse, ResponseUsage
from conduit.v1.response_pb2 import ResponseCreation
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codec import StreamingCodec
from conduit_providers.inbound.account_marks import account_in
from conduit_providers.inbound.caller_operation import CallerOperation
from conduit_providers.inbound.response_dialect import counts_of
from conduit_providers.inbound.response_form import (
    ResponseAnswer,
    ResponseCall,
    ResponseEvents,
    ResponseForm,
    response_request,
)
from conduit_providers.json_reading import known
from conduit_providers.operation import NOTHING, Requirements
from conduit_providers.operations.chat import is_plain_json
from conduit_providers.quantities import Quantities
from conduit_providers.request_reading import RequestReader, Routed, Unread, nothing_sent, refusal

ResponseCodec = StreamingCodec[ResponseCall, ResponseAnswer, ResponseEvents]


class _Format(msgspec.Struct, gc=False):
    type: str = "text"


class _Text(msgspec.Struct, gc=False):
    format: _Format | None = None


class _Response(Routed, gc=False):
    model: str
    input: Unread = msgspec.UNSET
    max_output_tokens: int | None = None
    stream: bool | None = None
    tools: list[msgspec.Raw] | None = None
    text: _Text | None = None
    background: bool | None = None
    # What it may go on from in the place of an input.
    previous_response_id: str | None = None
    conversation: Unread = msgspec.UNSET
    prompt: Unread = msgspec.UNSET
    # Not needed here; a wrong type is better refused before a provider is asked.
    temperature: float | None = None
    top_p: float | None = None


_reader = RequestReader(_Response)
_read, _read_plain = _reader.read, _reader.decode_plain
# Part type to the capability that it needs.
_PARTS = {"input_image": "vision", "input_file": "files", "input_audio": "audio"}
_HINTS = tuple(b'"%b"' % kind.encode() for kind in _PARTS)
_NOTHING_SAID = (b"null", b'""', b"[]")


class ResponseOperation(CallerOperation[ResponseCreation, CreatedResponse, ResponseEvents]):
    """Asks a model to respond to a conversation, in the words of OpenAI's Responses."""

    served_as: ClassVar[str] = "response"
    typed_member: ClassVar[str] = "response"

    def caller_form(
        self, *, json: bytes | None = None, typed: ResponseCreation | None = None
    ) -> ResponseForm:
        """Hold a request."""
        return response_request(json=json, typed=typed)

    def usage_message(self, usage: Quantities) -> ResponseUsage:
        """Return what was used as Responses count it."""
        return ResponseUsage(**counts_of(usage))

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read a request; what it says of streaming is what its RPC says."""
        try:
            response = _read_plain(body) if is_plain_json(body) else _read(body)
        except msgspec.MsgspecError as error:
            raise (refusal(error) if body else nothing_sent()) from error
        if not _says(response.input) and not _goes_on(response):
            raise InvalidRequest("input must not be empty", field="input")
        return Requirements(
            response.model,
            "chat",
            stream,
            False,  # noqa: FBT003 # a struct's fields by name cost twice as much
            _capabilities(body, response),
            response.max_output_tokens,
            1,
            response.named_fallbacks(),
            response.session(),
            account=account_in(body),
        )


def _says(value: Unread) -> bool:
    return value is not msgspec.UNSET and bytes(value) not in _NOTHING_SAID


def _goes_on(response: _Response) -> bool:
    kept = _says(response.conversation) or _says(response.prompt)
    return kept or bool(response.previous_response_id)


def _capabilities(body: bytes, response: _Response) -> frozenset[str]:
    found = []
    if response.tools:
        found.append("tools")
    wanted = response.text.format if response.text is not None else None
    if wanted is not None and wanted.type != "text":
        found.append(wanted.type)
    if any(hint in body for hint in _HINTS) and response.input is not msgspec.UNSET:
        # The word is there; whether as a part takes a closer look.
        kinds = set(_kinds(known(bytes(response.input))))
        found += [_PARTS[kind] for kind in sorted(kinds & _PARTS.keys())]
    return frozenset(found) if found else NOTHING


def _kinds(items: Any) -> Iterator[str]:  # noqa: ANN401 # any JSON value
    """Yield the types of parts in items, and in what came of calls."""
    for item in items if isinstance(items, list) else ():
        for member in ("content", "output") if isinstance(item, dict) else ():
            parts = item.get(member)
            for part in parts if isinstance(parts, list) else ():
                if isinstance(part, dict):
                    yield str(part.get("type"))


OPERATION = ResponseOperation()
