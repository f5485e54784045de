"""Contents and log probabilities of other types than OpenAI's, and what callers get of them."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.mistral.chat import CODEC as MISTRAL
from conduit_providers.codecs.openai.chat import CODEC
from conduit_providers.codecs.openai.contents import in_types, may_be_odd
from conduit_providers.codecs.openai.options import ChatOptions
from conduit_providers.codecs.shared.sse import events_in
from conduit_providers.operations.chat import ChatCall, chat_request
from conduit_providers.spec import Endpoint
from conduit_providers.wire import HttpResponse

Json = dict[str, Any]
PLAIN = Endpoint("openai_chat", "/chat", options=ChatOptions())
CALL = ChatCall(chat_request(json=b"{}"), alias="m", model="m", provider="P", stream=True)
TEXT: Json = {"type": "text", "text": "hi"}
PICTURE: Json = {"type": "image_url", "image_url": {"url": "https://x"}}
# What servers say, and what callers get.
ODD: list[tuple[object, Json]] = [
    (5, {"content": "5"}),
    (1.50, {"content": "1.5"}),
    (True, {"content": "true"}),
    (TEXT, {"content": "hi"}),
    ([TEXT, "\n", TEXT], {"content": "hi\nhi"}),
    ([{"type": "thinking", "thinking": "so"}, TEXT], {"content": "hi", "reasoning_content": "so"}),
    (
        [{"type": "thinking", "thinking": [{"type": "text", "text": "so"}]}],
        {"content": None, "reasoning_content": "so"},
    ),
    ([PICTURE], {"content": None}),
    ([], {"content": None}),
    ({"a": 1}, {"content": None}),
]


def message_of(content: object, **more: object) -> Json:
    """Return what callers get of a whole answer's message."""
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop", **more}
    body = orjson.dumps({"id": "c", "choices": [choice]})
    found: Json = orjson.loads(CODEC.from_upstream(HttpResponse(200, {}, body), CALL, PLAIN).json)
    return dict(found["choices"][0])


def sse(*choices: Json) -> list[bytes]:
    """Return the events of a stream, one for each choice."""
    head = {"id": "c", "object": "chat.completion.chunk"}
    return [b"data: %b\n\n" % orjson.dumps({**head, "choices": [each]}) for each in choices]


def piece(content: object, **more: object) -> Json:
    """Return a piece of the first choice."""
    return {"index": 0, "delta": {"content": content}, "finish_reason": None, **more}


def read(*writes: bytes) -> list[Json]:
    """Return the choices that callers get of what arrives write by write."""
    decoder = CODEC.decoder(CALL, PLAIN)
    found = [decoder.feed(each) for each in writes]
    events = [event for each in found if each is not None for event in events_in(each.sse)]
    return [orjson.loads(event.data)["choices"][0] for event in events]


BEGIN = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
END = {"index": 0, "delta": {}, "finish_reason": "stop"}


@pytest.mark.parametrize(("content", "found"), ODD)
def test_a_whole_answer_has_a_text(content: object, found: Json) -> None:
    """Whatever the server's word for it is."""
    assert message_of(content)["message"] == {"role": "assistant", **found}


@pytest.mark.parametrize("is_burst", [False, True])
@pytest.mark.parametrize(("content", "found"), ODD)
def test_a_piece_has_a_text(content: object, found: Json, *, is_burst: bool) -> None:
    """First, between others or last; alone or among others."""
    said = [piece(content), BEGIN, piece("a"), piece(content), piece("b"), END]
    events = sse(*said)
    choices = read(*([b"".join(events)] if is_burst else events))
    deltas = [choice["delta"] for choice in choices]
    assert deltas[0] == {"role": "assistant", **found}
    assert deltas[2:] == [{"content": "a"}, found, {"content": "b"}, {}]


@pytest.mark.parametrize("odd", [[], "none", 0.5, [{"token": "a"}], False])
def test_log_probabilities_are_an_object_or_none(odd: object) -> None:
    """OpenAI's SDK looks for members of them."""
    assert message_of("a", logprobs=odd)["logprobs"] is None
    events = sse(piece("a", logprobs=odd), piece("b", logprobs=odd), END)
    for writes in (events, [b"".join(events)]):
        choices = read(*writes)
        assert [choice.get("logprobs") for choice in choices] == [None, None, None]
        assert [choice["delta"].get("content") for choice in choices] == ["a", "b", None]


def test_what_has_openais_types_keeps_its_bytes() -> None:
    """Log probabilities have lists of a member of that name, and texts speak of it."""
    logprobs = {"content": [{"token": "a", "logprob": -1e-3}], "refusal": None}
    events = sse(BEGIN, piece("a", logprobs=logprobs), piece('"content": [1]'), piece(None))
    assert read(*events) == [orjson.loads(each[6:])["choices"][0] for each in events]
    decoder = CODEC.decoder(CALL, PLAIN)
    passed = [decoder.feed(each) for each in events]
    assert [each.sse for each in passed if each is not None] == events
    assert message_of("a", logprobs=logprobs)["logprobs"] == logprobs


def test_only_who_has_no_text_is_looked_into() -> None:
    """Most have one, in the one spacing or the other."""
    assert not may_be_odd(b'{"content":"a"}', 1)
    assert not may_be_odd(b'{"content" : "a"}', 1)
    assert not may_be_odd(b'{"content": null}{"tool_calls":[]}', 2)
    assert may_be_odd(b'{"content":"a"}{"content":\t7}', 2)
    event = b'{"choices":[{"delta":{"content":[]}}]}'
    assert in_types(event, "delta", keeps_lists=True) is event
    assert in_types(b'{"content":[7]}', "delta") == b'{"content":[7]}'


def test_mistrals_lists_are_read_by_who_knows_them() -> None:
    """They become thoughts with their signatures, and references."""
    said = {"role": "assistant", "content": [{"type": "thinking", "thinking": [TEXT]}, TEXT]}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    body = orjson.dumps({"choices": [choice]})
    found = orjson.loads(MISTRAL.from_upstream(HttpResponse(200, {}, body), CALL, PLAIN).json)
    message = found["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("hi", "hi")
    assert message["reasoning_details"][0]["format"] == "mistral-v1"


def test_what_is_no_answer_at_all_stays_an_error() -> None:
    """It is not made one by leaving things out."""
    for body in (b'{"choices":[7]}', b'{"choices":[{"logprobs":[],"message":7}]}', b"<html>"):
        with pytest.raises(UpstreamError, match="not a chat completion"):
            CODEC.from_upstream(HttpResponse(200, {}, body), CALL, PLAIN)
