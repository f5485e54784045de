"""All texts of a document are found, wherever they stand, and media are not taken for texts."""

import base64
from typing import Any

import pytest

from conduit_router.guardrails.texts import texts_in, words_in

SECRET = "the word"
CODED = base64.b64encode(SECRET.encode()).decode()


def found(document: object) -> set[str]:
    """Return what is looked at of a request."""
    return {text.value for text in texts_in(document)}


@pytest.mark.parametrize(
    "document",
    [
        {"messages": [{"role": "user", "content": SECRET}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": SECRET}]}]},
        {"system": SECRET},
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": SECRET}}]}]},
        {"messages": [{"role": SECRET, "content": ""}]},
        {"tools": [{"function": {"description": SECRET}}]},
        {"tools": [{"function": {"parameters": {"properties": {SECRET: {}}}}}]},
        {"contents": [{"parts": [{"functionResponse": {"response": {"a": [SECRET]}}}]}]},
        {"input": [SECRET, "other"]},
        {"a_member_of_next_week": {"deep": [[[{"x": SECRET}]]]}},
        {"source": {"type": "base64", "media_type": "text/plain", "data": CODED}},
        {"file": {"file_data": f"data:text/plain;base64,{CODED}"}},
        {"url": f"data:text/plain,{SECRET}"},
        {"url": "data:text/plain,the%20word"},
        {"url": f"data:image/png;base64,{SECRET} and more"},
        {"signature": f"{SECRET}, which is no base64"},
        {"model": SECRET},
        SECRET and [SECRET],
    ],
)
def test_every_text_of_a_request_is_looked_at(document: Any) -> None:  # noqa: ANN401 # any JSON
    """Also names, structure, what no dialect has yet, and documents in base64."""
    assert any(SECRET in value for value in found(document))


@pytest.mark.parametrize(
    "document",
    [
        {"url": f"data:image/png;base64,{CODED}"},
        {"source": {"type": "base64", "media_type": "image/png", "data": CODED}},
        {"inlineData": {"mimeType": "audio/wav", "data": CODED}},
        {"signature": CODED},
        {"encrypted_content": CODED},
        {"b64_json": CODED},
    ],
)
def test_media_and_sealed_thoughts_are_no_texts(document: Any) -> None:  # noqa: ANN401 # as above
    """Nobody reads them as words, and chance would find something in them."""
    assert CODED not in found(document)


def test_a_text_between_media_is_one() -> None:
    """A media type beside a text makes no media of it."""
    assert SECRET.replace(" ", "") in found({"media_type": "image/png", "text": "theword"})


def test_what_structures_a_document_cannot_be_replaced() -> None:
    """Nor can a name, or what stands in base64."""
    document = {
        "model": "m",
        "file": {"media_type": "text/plain", "data": CODED},
        "content": SECRET,
        "metadata": {"name": "value"},
    }
    fixed = {text.value for text in texts_in(document) if text.is_fixed}
    assert fixed >= {"m", SECRET, "name"}
    [said] = [text for text in texts_in(document) if text.place == "content" and not text.is_fixed]
    assert (said.holder, said.value) == (document, SECRET)


def test_long_numbers_are_texts() -> None:
    """A card's number is one, whether it stands in quotes or not."""
    document = {"args": {"card": 4242424242424242, "count": 7, "yes": True, "pi": 3.14}}
    for find in (texts_in, words_in):
        [number] = [text for text in find(document) if text.value.isdecimal()]
        assert (number.value, number.is_fixed) == ("4242424242424242", True)


def test_of_answers_the_words_are_looked_at() -> None:
    """Not ids, types and reasons."""
    answer = {
        "id": "chatcmpl-4111111111111111",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}}],
    }
    assert {text.value for text in words_in(answer)} == {"hello"}


def test_texts_of_a_stream_are_told_apart() -> None:
    """By where they stand, and by the numbers and names that say which of several it is."""

    def path(index: int, kind: str = "content") -> tuple[object, ...]:
        event = {"choices": [{"index": index, "delta": {kind: "a"}}]}
        [text] = words_in(event)
        return text.path

    assert path(0) == path(0)
    assert len({path(0), path(1), path(0, "reasoning_content")}) == 3


def test_a_deep_document_is_no_trouble() -> None:
    """It is walked without recursion."""
    document: list[Any] = [SECRET]
    for _ in range(50_000):
        document = [document]
    assert SECRET in found(document)
