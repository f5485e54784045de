"""Wire cases of chats, replayed for a caller who speaks OpenAI's Responses."""

from typing import Any, get_args

import orjson
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel
from tests.support.replays import Replay, data_in

from conduit_providers.calls import Call
from conduit_providers.codecs import codec_named
from conduit_providers.inbound.chat_terms import terms_of
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.response_dialect import response_codec
from conduit_providers.inbound.response_form import ResponseForm, response_request
from conduit_providers.inbound.response_to_chat import TranslatedResponse
from conduit_providers.inbound.response_tools import ResponseTools

Json = dict[str, Any]

ASKED: Json = {"input": "Hello"}
# Looked up by type: the SDK's own way tries one after the other, which takes long.
_EVENTS: dict[str, type[BaseModel]] = {
    get_args(event.model_fields["type"].annotation)[0]: event
    for event in get_args(get_args(ResponseStreamEvent)[0])
}
# Events of parts, by what adds to them: where the whole stands in the one that ends them.
_WHOLES = {
    "response.output_text": "text",
    "response.refusal": "refusal",
    "response.reasoning_text": "text",
    "response.reasoning_summary_text": "text",
    "response.function_call_arguments": "arguments",
    "response.custom_tool_call_input": "input",
}


def response_call(replay: Replay, asked: Json) -> Call[Any]:
    """Return the call of a response to the provider of a chat."""
    stream = replay.fresh_call().stream
    body = {"model": "my-alias", **asked, **({"stream": True} if stream else {})}
    return Call(
        response_request(json=orjson.dumps(body)),
        alias="my-alias",
        model=replay.asked.model,
        stream=stream,
        fetched=replay.asked.fetched,
        provider=replay.target.provider_name,
        created=1795435200,
    )


def answer_in(replay: Replay, asked: Json | None = None, cut: int = 0) -> Json:
    """Return the response that a caller gets, as OpenAI's SDK reads it.

    A stream is cut into pieces of `cut` bytes, where that is not zero.
    """
    call = response_call(replay, asked or ASKED)
    if asked is None:
        _ask_what_was_asked(call, replay)
    codec = response_codec(codec_named(replay.endpoint.codec))
    if not call.stream:
        answer = codec.from_upstream(replay.response, call, replay.endpoint)
        whole: Json = orjson.loads(answer.json)
        assert answer.typed.status == whole["status"]
        Response.model_validate(whole)
        return whole
    call.answer_headers = replay.response.headers
    return accumulated(events_in(codec.decoder(call, replay.endpoint), replay.response.body, cut))


def _ask_what_was_asked(call: Call[Any], replay: Replay) -> None:
    """Let a call become the chat that was recorded, by which some answers are read."""
    form = call.request
    assert isinstance(form, ResponseForm)
    tools = ResponseTools(form.typed, Dropped())
    recorded = TranslatedResponse(replay.fresh_call().request, tools, ())
    form.put_chat(terms_of(replay.endpoint, replay.asked.model), recorded)


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
        _EVENTS[each["type"]].model_validate(each)
    return found


def accumulated(events: list[Json]) -> Json:
    """Return the response that events end with; AssertionError if they do not tell all of it.

    They are numbered, items begin in the order of their places and end in it, and what was added to
    a part is what stands in its end, in its item's, and in the response.
    """
    assert [each["sequence_number"] for each in events] == list(range(len(events)))
    assert [each["type"] for each in events[:2]] == ["response.created", "response.in_progress"]
    assert events[-1]["type"] in {"response.completed", "response.incomplete"}
    begun: list[str] = []
    ended: list[Json] = []
    added: dict[tuple[Any, ...], str] = {}
    for event in events[2:-1]:
        match event["type"]:
            case "response.output_item.added":
                assert event["output_index"] == len(begun)
                begun.append(event["item"]["id"])
            case "response.output_item.done":
                assert event["output_index"] == len(ended)
                assert event["item"]["id"] == begun[len(ended)]
                ended.append(event["item"])
            case kind:
                assert len(ended) <= event["output_index"] < len(begun)
                assert event["item_id"] == begun[event["output_index"]]
                _add(kind, event, added)
    response: Json = events[-1]["response"]
    assert response["output"] == ended
    assert response["id"] == events[0]["response"]["id"]
    return response


def _add(kind: str, event: Json, added: dict[tuple[Any, ...], str]) -> None:
    name, _, verb = kind.rpartition(".")
    place = event.get("content_index", event.get("summary_index"))
    part = (name, event["output_index"], place)
    if verb == "delta":
        assert event["delta"] or name.endswith("custom_tool_call_input")
        added[part] = added.get(part, "") + event["delta"]
    elif verb == "done" and name in _WHOLES:
        assert event[_WHOLES[name]] == added[part]


def words_in(response: Json) -> str:
    """Return the words of an answer, refusals among them."""
    return "".join(
        part.get("text") or part.get("refusal") or ""
        for item in response["output"]
        if item["type"] == "message"
        for part in item["content"]
    )


def thoughts_in(response: Json) -> str:
    """Return what the model thought, as far as it is told."""
    return "".join(
        part["text"]
        for item in response["output"]
        if item["type"] == "reasoning"
        for part in [*item["summary"], *item.get("content", ())]
    )


def calls_in(response: Json) -> list[Json]:
    """Return the calls of an answer."""
    return [item for item in response["output"] if item["type"].endswith("_call")]
