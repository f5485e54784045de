"""Completions in both of their forms."""

import pytest

from conduit.v1.completion_pb2 import CompletionCreation
from conduit_providers.inbound.chat_terms import ANY_TERMS
from conduit_providers.inbound.completion_form import (
    CompletionEvents,
    completion_answer,
    completion_request,
    prompts_in,
)
from conduit_providers.quantities import plain

PIECE = b'{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[%b]}'
CHOICE = b'{"text":"a","index":0,"logprobs":null,"finish_reason":null}'


@pytest.mark.parametrize(
    ("prompt", "number"),
    [("a", 1), (["a"], 1), (["a", "b"], 2), ([1, 2], 1), ([[1], [2, 3], [4]], 3), (None, 1)],
)
def test_texts_are_counted_as_they_are_meant(prompt: object, number: int) -> None:
    """A list of numbers is one text."""
    assert prompts_in(prompt) == number


def test_choices_are_those_of_all_texts() -> None:
    """As many of each as were asked for."""
    assert completion_request(json=b'{"model":"m","prompt":["a","b"],"n":3}').choices == 6


def test_a_typed_request_is_the_same_in_json() -> None:
    """One text is written bare in its list, tokens as numbers."""
    typed = CompletionCreation(model="m")
    typed.prompt.add(text="a")
    typed.prompt.add().tokens.values.extend([1, 2])
    form = completion_request(typed=typed)
    assert form.json == b'{"model":"m","prompt":["a",[1,2]]}'
    assert completion_request(json=form.json).typed == typed


def test_a_request_is_translated_once() -> None:
    """For all attempts on the same terms."""
    form = completion_request(json=b'{"model":"m","prompt":"a"}')
    assert form.chat(ANY_TERMS) is form.chat(ANY_TERMS)


def test_events_are_pieces_without_names() -> None:
    """Both ways, with what ends a choice written where nothing ended it."""
    sse = b"data: %b\n\n" % (PIECE % CHOICE)
    events = CompletionEvents(sse=sse)
    assert [piece.choices[0].text for piece in events.pieces] == ["a"]
    again = CompletionEvents(pieces=events.pieces).sse
    assert again.startswith(b"data: {")
    assert b'"finish_reason":null' in again
    assert not events.is_head


def test_an_answer_has_both_forms() -> None:
    """And its counts."""
    answer = completion_answer(plain(3, 4), json=PIECE % CHOICE)
    assert answer.typed.choices[0].text == "a"
    assert completion_answer(None, typed=answer.typed).json.startswith(b'{"id":"cmpl-1"')


@pytest.mark.parametrize(
    ("choice", "is_head"),
    [
        (b'"text":"","finish_reason":null', True),
        (b'"text": "", "finish_reason": null', True),
        (b'"text":"\\n","finish_reason":null', False),
        (b'"text":"","finish_reason":"stop"', False),
        (b'"text":"Hi"', False),
    ],
)
def test_pieces_without_a_text_are_heads(choice: bytes, is_head: bool) -> None:  # noqa: FBT001 # a case
    """Servers send them as signs of life; whoever sends nothing else does not go on."""
    events = CompletionEvents(sse=b'data: {"choices":[{"index":0,%b}]}\n\n' % choice)
    assert events.is_head is is_head
