"""Wire cases of chats, replayed for a caller who speaks Anthropic's Messages."""

from typing import Any

import orjson
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter
from tests.support.replays import Replay, data_in, replays

from conduit_providers.calls import Call
from conduit_providers.codecs import codec_named
from conduit_providers.inbound.chat_terms import terms_of
from conduit_providers.inbound.message_dialect import message_codec
from conduit_providers.inbound.message_form import MessageForm, message_request
from conduit_providers.inbound.message_form import translated as translated_chat
from conduit_providers.inbound.message_to_chat import TranslatedRequest
from conduit_providers.inbound.tool_names import ToolNames

Json = dict[str, Any]

ASKED: Json = {"max_tokens": 4096, "messages": [{"role": "user", "content": "Hello"}]}
_EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


def answered_chats() -> list[Replay]:
    """Return the chats, recorded of their own provider types, that have a good answer."""
    return [
        replay
        for replay in replays()
        if replay.operation == "chat"
        and replay.is_own
        and not {"answer", "events"}.isdisjoint(replay.expected)
        and "error" not in replay.expected
    ]


def message_call(replay: Replay, asked: Json) -> Call[Any]:
    """Return the call of a message to the provider of a chat."""
    stream = replay.fresh_call().stream
    body = {"model": "my-alias", **asked, **({"stream": True} if stream else {})}
    return Call(
        message_request(json=orjson.dumps(body)),
        alias="my-alias",
        model=replay.asked.model,
        stream=stream,
        fetched=replay.asked.fetched,
        provider=replay.target.provider_name,
        created=1795435200,
    )


def answer_in(replay: Replay, asked: Json | None = None, cut: int = 0) -> Json:
    """Return the message that a caller gets, as Anthropic's SDK reads it.

    A stream is cut into pieces of `cut` bytes, where that is not zero.
    """
    call = message_call(replay, asked or ASKED)
    if asked is None:
        _ask_what_was_asked(call, replay)
    codec = message_codec(codec_named(replay.endpoint.codec))
    if not call.stream:
        answer = codec.from_upstream(replay.response, call, replay.endpoint)
        whole: Json = orjson.loads(answer.json)
        assert answer.typed.content is not None
        Message.model_validate(whole)
        return whole
    call.answer_headers = replay.response.headers
    return accumulated(events_in(codec.decoder(call, replay.endpoint), replay.response.body, cut))


def _ask_what_was_asked(call: Call[Any], replay: Replay) -> None:
    """Let a call become the chat that was recorded, by which some answers are read."""
    form = call.request
    assert isinstance(form, MessageForm)
    terms = terms_of(replay.endpoint, replay.asked.model)
    recorded = TranslatedRequest(replay.fresh_call().request, ToolNames(()), ())
    form.put_chat(terms, recorded)


def events_in(decoder: Any, body: bytes, cut: int = 0) -> list[Json]:  # noqa: ANN401 # of any dialect
    """Return the events that a decoder makes of a stream; each is one that the SDK knows."""
    size = cut or len(body)
    found: list[Json] = []
    for start in range(0, len(body), size):
        if not decoder.done:
            pieces = decoder.feed(body[start : start + size])
            found += data_in(pieces.sse) if pieces else []
    if not decoder.done:
        pieces = decoder.close()
        found += data_in(pieces.sse) if pieces else []
    for each in found:
        if each["type"] != "ping":
            _EVENT.validate_python(each)
    return found


def accumulated(events: list[Json]) -> Json:
    """Return the message that events make; AssertionError if their order is not Anthropic's."""
    assert [events[0]["type"], events[-1]["type"]] == ["message_start", "message_stop"]
    message: Json = events[0]["message"]
    inputs: dict[int, str] = {}
    under_way: int | None = None
    for event in events[1:]:
        at = event.get("index", -1)
        match event["type"]:
            case "content_block_start":
                assert (under_way, at) == (None, len(message["content"]))
                message["content"].append(event["content_block"])
                under_way = at
            case "content_block_delta":
                assert under_way == at
                _add(message["content"][at], event["delta"], inputs, at)
            case "content_block_stop":
                assert under_way == at
                under_way = None
            case "message_delta":
                assert under_way is None
                message |= event["delta"]
                message["usage"] |= event["usage"]
    for at, text in inputs.items():
        message["content"][at]["input"] = orjson.loads(text) if text else {}
    return message


def _add(block: Json, delta: Json, inputs: dict[int, str], at: int) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] += delta["signature"]
        case "input_json_delta":
            inputs[at] = inputs.get(at, "") + delta["partial_json"]
        case kind:
            raise AssertionError(kind)


def translated(call: Call[Any], replay: Replay) -> Json:
    """Return the chat that a call becomes at the provider of a replay."""
    found = translated_chat(call, terms_of(replay.endpoint, replay.asked.model))
    chat: Json = orjson.loads(found.chat.json)
    return chat
