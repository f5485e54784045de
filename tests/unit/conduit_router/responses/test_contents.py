"""What is kept of a response, and what a later request has of it."""

from typing import Any

import orjson
import pytest

from conduit_providers.inbound.sealed_thoughts import is_sealed
from conduit_router.responses.contents import (
    ResponseRecord,
    content_of,
    conversation,
    input_items,
    response_in,
)

Json = dict[str, Any]
CALL: Json = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
SAID: Json = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
}


def record(asked: object, *output: Json, name: str = "resp_1") -> ResponseRecord:
    """Return a response that is kept here."""
    response = orjson.dumps({"id": name, "output": output})
    return ResponseRecord(name, 1, "", 7, "", "", content_of(orjson.dumps(asked), response))


def test_a_response_is_there_byte_by_byte() -> None:
    """Whatever members it has."""
    response = b'{"id": "resp_1",  "new":1.50}'
    kept = ResponseRecord("resp_1", 1, "", 7, "", "", content_of(b'"Hi"', response))
    assert response_in(kept) == response


def test_a_conversation_has_all_turns_in_order() -> None:
    """What was asked and said, with the ids of calls and without those of items."""
    output: Json = {"type": "function_call_output", "call_id": "c", "output": "4"}
    records = [record("Hello", CALL), record([output], SAID)]
    said = {name: value for name, value in SAID.items() if name != "id"}
    called = {name: value for name, value in CALL.items() if name != "id"}
    assert conversation(records) == [{"role": "user", "content": "Hello"}, called, output, said]


def test_thoughts_come_back_and_say_whose_they_are() -> None:
    """Sealed ones as they are; words alone with a mark that tells providers who refuse them."""
    told: Json = {"type": "reasoning", "id": "rs_1", "summary": []}
    sealed: Json = {**told, "encrypted_content": "abc"}
    first, second = conversation([record("x", told, sealed)])[1:]
    assert second == sealed
    assert is_sealed(first.pop("encrypted_content"))
    assert first == told


def test_items_of_an_input_have_ids() -> None:
    """Their own, or one by their place; a text is a message of the user's."""
    picture = {"type": "input_image", "image_url": "data:,"}
    asked = [{"role": "user", "content": [picture]}, {"type": "x", "id": "own"}]
    found = input_items([record("Hello", SAID), record(asked, CALL, name="resp_2")])
    assert [item["id"] for item in found] == ["msg_1_in_0", "msg_1", "msg_2_in_0", "own"]
    assert found[0]["content"] == [{"type": "input_text", "text": "Hello"}]
    assert found[2]["content"] == [picture]
    assert len({item["id"] for item in found}) == len(found)


@pytest.mark.parametrize("asked", ["", None, [], {}, 3, [1, "x"]])
def test_what_is_no_input_is_no_item(asked: object) -> None:
    """A request that says nothing new has none."""
    assert conversation([record(asked)]) == []
