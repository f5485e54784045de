"""Requests, answers and events of Responses in both of their forms."""

import orjson
import pytest

from conduit.v1.response_pb2 import ResponseCreation
from conduit_providers.inbound.chat_terms import ANY_TERMS
from conduit_providers.inbound.response_form import (
    ResponseEvents,
    response_answer,
    response_request,
)


def test_a_request_is_translated_once_for_the_same_terms() -> None:
    """However many attempts there are."""
    form = response_request(json=b'{"model":"m","input":"hi"}')
    assert form.chat(ANY_TERMS) is form.chat(ANY_TERMS)


def test_a_bare_input_is_one_item_of_text() -> None:
    """And is written so again."""
    form = response_request(json=b'{"model":"m","input":"hi"}')
    assert [item.text for item in form.typed.input] == ["hi"]
    typed = ResponseCreation(model="m")
    typed.input.add(text="hi")
    assert orjson.loads(response_request(typed=typed).json) == {"model": "m", "input": "hi"}


def test_typed_answers_keep_what_the_contract_does_not_know() -> None:
    """Such as what was asked."""
    body = b'{"id":"r","object":"response","created_at":1,"status":"completed","model":"m",'
    body += b'"output":[],"temperature":1.0,"tools":[]}'
    answer = response_answer(body, None)
    assert orjson.loads(answer.typed.unknown_json) == {"temperature": 1.0, "tools": []}


def sse(*kinds: str, more: str = "") -> bytes:
    """Return events of these types."""
    return b"".join(
        b'event: %b\ndata: {"type":"%b","sequence_number":1%b}\n\n'
        % (kind.encode(), kind.encode(), more.encode())
        for kind in kinds
    )


ADDED = "response.output_item.added"


@pytest.mark.parametrize(
    ("events", "is_head"),
    [
        (sse("response.created", "response.in_progress"), True),
        (sse("response.created", ADDED, "response.content_part.added"), True),
        (sse(ADDED, more=',"item":{"type":"message"}'), True),
        (sse(ADDED, more=',"item":{"type":"function_call","name":"f"}'), False),
        (sse(ADDED, more=',"item":{"type":"web_search_call"}'), False),
        (sse("response.created", "response.output_text.delta"), False),
        (sse("response.completed"), False),
    ],
)
def test_heads_say_nothing_of_the_answer(events: bytes, is_head: bool) -> None:  # noqa: FBT001 # a case
    """Until something is said, another candidate can still be asked."""
    assert ResponseEvents(sse=events).is_head == is_head


def test_events_are_read_and_written() -> None:
    """A typed one becomes what it was."""
    events = ResponseEvents(sse=sse("response.output_text.delta", more=',"delta":"a","x":1'))
    (piece,) = events.pieces
    assert (piece.type, piece.delta, piece.sequence_number) == (
        "response.output_text.delta",
        "a",
        1,
    )
    written = ResponseEvents(pieces=[piece]).sse
    assert orjson.loads(written.splitlines()[1][5:]) == {
        "type": "response.output_text.delta",
        "sequence_number": 1,
        "delta": "a",
        "x": 1,
    }
