"""Messages in whichever form they are asked for."""

import orjson
import pytest

from conduit.v1.message_pb2 import MessageCreation
from conduit_providers.inbound.chat_terms import ChatTerms
from conduit_providers.inbound.message_form import MessageEvents, message_answer, message_request

TERMS = ChatTerms(is_openai=False, takes_marks=True, takes_effort=True)
START = b'event: message_start\ndata: {"type":"message_start","message":{"id":"m"}}\n\n'
PING = b'event: ping\ndata: {"type":"ping"}\n\n'
TEXT = (
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
)
WORDS = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"event: ping"}}\n\n'
)
CALL = TEXT.replace(b'"type":"text","text":""', b'"type":"tool_use","id":"t"')


def test_a_typed_request_asks_for_the_same_chat() -> None:
    """Both forms have one translation, which is made once for each terms."""
    typed = MessageCreation(model="m", max_tokens=9)
    typed.messages.add(role="user").content.add(type="text", text="hi")
    json = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    first, second = message_request(typed=typed), message_request(json=orjson.dumps(json))
    assert first.chat(TERMS).chat.json == second.chat(TERMS).chat.json
    assert first.chat(TERMS) is first.chat(TERMS)


def test_an_answer_can_be_read_typed() -> None:
    """Members that the contract does not know stay."""
    answer = message_answer(b'{"id":"m","content":[{"type":"text","text":"a","new":1}]}', None)
    assert answer.typed.content[0].text == "a"
    assert answer.typed.content[0].unknown_json == b'{"new":1}'


@pytest.mark.parametrize(
    ("sse", "is_head"),
    [
        (START, True),
        (START + PING + TEXT, True),
        (START + TEXT + WORDS, False),
        (START + CALL, False),
    ],
)
def test_what_says_nothing_of_the_answer_is_a_head(sse: bytes, is_head: bool) -> None:  # noqa: FBT001 # a case
    """Until something is said another provider may still be asked."""
    events = MessageEvents(sse=sse)
    assert events.is_head is is_head
    assert MessageEvents(pieces=events.pieces).is_head is is_head
