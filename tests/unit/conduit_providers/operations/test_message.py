"""What Anthropic's Messages require, and about what they use."""

from typing import Any

import orjson
import pytest
from tests.support.replays import CATALOG

from conduit.v1 import message_requests_pb2 as pb
from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_providers.calls import Call
from conduit_providers.inbound.message_form import MessageEvents, message_answer
from conduit_providers.operations.message import OPERATION
from conduit_providers.quantities import INPUT, OUTPUT, plain

Json = dict[str, Any]
PICTURE: Json = {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}}


def body(**members: Any) -> bytes:  # noqa: ANN401 # JSON
    """Return a request."""
    asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    return orjson.dumps({**asked, **members})


def test_it_is_a_chat_to_all_that_decides() -> None:
    """Model, limit, streaming, other models that may serve it."""
    found = OPERATION.requirements(body(fallbacks=["n"]), stream=True)
    assert (found.operation, found.model, found.stream, found.max_output) == ("chat", "m", True, 9)
    assert found.fallbacks == ("n",)
    assert found.capabilities == frozenset()


@pytest.mark.parametrize(
    ("members", "capability"),
    [
        ({"tools": [{"name": "f"}]}, {"tools"}),
        ({"output_config": {"format": {"type": "json_schema"}}}, {"json_schema"}),
        ({"output_config": {"effort": "high"}}, set()),
        ({"messages": [{"role": "user", "content": [PICTURE]}]}, {"vision"}),
        ({"messages": [{"role": "user", "content": [{"type": "document"}]}]}, {"files"}),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "tool_result", "content": [PICTURE]}]}
                ]
            },
            {"vision"},
        ),
        ({"messages": [{"role": "user", "content": 'say "image"'}]}, set()),
        ({"messages": [{"role": "user", "content": "image"}, 5]}, set()),
    ],
)
def test_blocks_and_members_require_capabilities(members: Json, capability: set[str]) -> None:
    """Those of results of tools, too; a word is no block."""
    assert OPERATION.requirements(body(**members), stream=False).capabilities == capability


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", MalformedJson),
        (b"{", MalformedJson),
        (b"[]", InvalidRequest),
        (b'{"messages":[{}]}', InvalidRequest),
        (body(messages=[]), InvalidRequest),
        (body(max_tokens="many"), InvalidRequest),
        (body(Model="n"), InvalidRequest),
    ],
)
def test_what_cannot_be_read_is_refused(raw: bytes, error: type[Exception]) -> None:
    """Before a provider is asked."""
    with pytest.raises(error):
        OPERATION.requirements(raw, stream=False)


def test_what_was_not_counted_is_estimated() -> None:
    """By the characters of the conversation and of the answer."""
    form = OPERATION.plain_form(body(messages=[{"role": "user", "content": "x" * 40}]))
    assert OPERATION.estimate(form, None, 3, None, None) == plain(10, 3)
    answer = message_answer(b"y" * 8, None)
    assert OPERATION.estimate(form, answer, 0, None, None).count(OUTPUT) == 2
    alone = OPERATION.plain_form(
        body(messages=[{"role": "user", "content": [{"type": "container_upload"}]}])
    )
    assert OPERATION.estimate(alone, None, 0, None, None).count(INPUT) > 0


def test_the_worst_case_is_bounded_by_the_limit() -> None:
    """A token for each byte, and as many as the caller allows."""
    form = OPERATION.plain_form(body())
    found = OPERATION.worst_case(form, OPERATION.requirements(body(), stream=False))
    assert found.usage == plain(len(body()), 9)
    assert found.is_bounded


def test_pictures_are_fetched_for_who_takes_no_addresses() -> None:
    """Of turns and of results."""
    form = OPERATION.plain_form(body(messages=[{"role": "user", "content": [PICTURE]}]))
    assert OPERATION.media(form) == {"https://a.example/b.png"}
    gemini = CATALOG.find("Ollama").endpoints["chat"]
    assert gemini.inline_media
    call = Call(form, alias="m", model="m")
    assert OPERATION.native_media(call, gemini) == gemini.native_urls
    assert OPERATION.native_media(call, CATALOG.find("Anthropic").endpoints["chat"]) is None


def test_forms_are_as_they_came() -> None:
    """Typed requests are answered typed, JSON in JSON, whole and streamed."""
    typed = pb.CreateMessageRequest()
    typed.message.model = "m"
    assert OPERATION.form_of(typed).json_at_hand is None
    assert OPERATION.form_of(pb.CreateMessageRequest(json=body())).json == body()
    answer, response = message_answer(b'{"id":"msg_1"}', None), pb.CreateMessageResponse()
    OPERATION.write(response, answer, is_typed=True)
    assert response.message.id == "msg_1"
    OPERATION.write(response, answer, is_typed=False)
    assert response.json == b'{"id":"msg_1"}'
    events = MessageEvents(sse=b'event: ping\ndata: {"type":"ping"}\n\n')
    piece = pb.StreamCreateMessageResponse()
    OPERATION.put(piece, events, is_typed=True)
    assert piece.pieces[0].type == "ping"
    OPERATION.put(piece, events, is_typed=False)
    assert piece.events == events.sse
    OPERATION.finished(piece, plain(3, 4), is_typed=True)
    assert (piece.finished.usage.input_tokens, piece.finished.usage.output_tokens) == (3, 4)
