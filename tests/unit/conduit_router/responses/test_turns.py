"""What callers ask for on a connection for Responses, and what it remembers."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import ConduitError
from conduit_router.responses.turns import MOST_HELD, HeldConversations, ResponseTurn, turn_in

Json = dict[str, Any]


def turn(**members: object) -> ResponseTurn:
    """Return a turn."""
    return turn_in(orjson.dumps({"type": "response.create", "model": "m", **members}))


def body(held: HeldConversations, asked: ResponseTurn) -> Json:
    """Return the request of a turn."""
    found: Json = orjson.loads(held.body_of(asked))
    return found


SAID: Json = {"type": "message", "role": "assistant", "content": []}


def test_a_turn_is_a_request_without_what_is_of_the_event() -> None:
    """It streams, whatever it says."""
    asked = turn(input="hi", generate=True, stream_id="a", stream=False, store=False)
    assert (asked.generates, asked.stream_id) == (True, "a")
    assert body(HeldConversations(), asked) == {
        "model": "m",
        "input": "hi",
        "store": False,
        "stream": True,
    }


def test_an_answer_goes_on_from_one_that_is_held() -> None:
    """With all that was said before, and what was answered."""
    held = HeldConversations()
    first = turn(input="hi")
    held.body_of(first)
    held.hold("resp_1", first.items, [SAID])
    second = turn(input=[{"role": "user", "content": "and?"}], previous_response_id="resp_1")
    hello = {"role": "user", "content": "hi"}
    expected = [hello, SAID, {"role": "user", "content": "and?"}]
    assert body(held, second) == {"model": "m", "input": expected, "stream": True}
    held.hold("resp_2", second.items, [SAID])
    third = turn(previous_response_id="resp_2")
    assert body(held, third)["input"] == [*expected, SAID]


@pytest.mark.parametrize("lane", ["", "x" * 129, 5, {}, []])
def test_lanes_have_short_names(lane: object) -> None:
    """Each event repeats it."""
    with pytest.raises(ConduitError):
        turn(input="hi", stream_id=lane)


@pytest.mark.parametrize("previous", ["resp_9", 5, {"id": 1}])
def test_what_is_not_held_is_for_the_provider_to_know(previous: object) -> None:
    """OpenAI keeps what it was told to."""
    asked = turn(input="hi", previous_response_id=previous)
    assert body(HeldConversations(), asked)["previous_response_id"] == previous


def test_only_the_last_answers_are_held() -> None:
    """As many as may be, and as many bytes."""
    held = HeldConversations()
    for number in range(MOST_HELD + 1):
        held.hold(f"resp_{number}", [], [])
    assert "previous_response_id" in body(held, turn(previous_response_id="resp_0"))
    assert "previous_response_id" not in body(held, turn(previous_response_id="resp_1"))
    small = HeldConversations(most_bytes=100)
    small.hold("resp_1", ["x" * 60], [])
    small.hold("resp_2", ["x" * 60], [])
    assert "previous_response_id" in body(small, turn(previous_response_id="resp_1"))
    assert "previous_response_id" not in body(small, turn(previous_response_id="resp_2"))
    small.hold("resp_3", ["x" * 200], [])
    assert "previous_response_id" in body(small, turn(previous_response_id="resp_3"))


def test_answers_without_an_id_are_not_held() -> None:
    """Nobody could name them."""
    held = HeldConversations()
    held.hold(None, [], [])
    assert "previous_response_id" not in body(held, turn(input="hi"))


@pytest.mark.parametrize(
    "frame",
    [
        *(b"", b"{", b"[]", b"1", b"{}", b'{"type":"response.cancel"}', b'{"type":5}', b"\xff"),
        b'{"type":"response.create","input":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_events_that_ask_for_nothing_are_refused(frame: bytes) -> None:
    """The connection goes on."""
    with pytest.raises(ConduitError) as refused:
        turn_in(frame)
    assert refused.value.failure.http_status == 400
