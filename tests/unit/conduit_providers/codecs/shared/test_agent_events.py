"""What agents say, as responses."""

import orjson
import pytest
from tests.support.translators import kinds

from conduit_providers.codecs.shared.agent_events import ConversationEvents, ResponseEvents
from conduit_providers.codecs.shared.realtime_events import RealtimeEvents


@pytest.fixture
def response() -> ResponseEvents:
    """Return a writer of responses."""
    return ResponseEvents(ConversationEvents(RealtimeEvents()))


def test_a_response_begins_with_its_first_piece(response: ResponseEvents) -> None:
    """And only once."""
    begun = ["created", "added", "added", "added"]
    assert kinds(list(response.sound(b"\0\0"))) == [*begun, "delta"]
    assert kinds(list(response.say("Hi", is_spoken=True))) == ["delta"]
    assert response.is_open
    assert response.words == "Hi"


def test_nothing_ends_that_has_not_begun(response: ResponseEvents) -> None:
    """Nor twice."""
    assert list(response.finish()) == []
    list(response.say("Hi", is_spoken=False))
    assert kinds(list(response.finish()))[-1] == "done"
    assert list(response.finish()) == []
    assert not response.is_open


def test_words_can_be_corrected_until_the_end(response: ResponseEvents) -> None:
    """What was handed on stays; the last word is the corrected one."""
    list(response.say("Once upon a time", is_spoken=True))
    response.correct("Once upon")
    told = [orjson.loads(each.json) for each in response.finish(is_interrupted=True)]
    assert told[0]["transcript"] == "Once upon"
    assert told[-1]["response"]["status"] == "cancelled"
    assert told[-1]["response"]["output"][0]["status"] == "incomplete"


def test_each_item_names_the_one_before_it(response: ResponseEvents) -> None:
    """When it is added, and when it is done."""
    events = [*response.say("Hi", is_spoken=False), *response.finish()]
    events += response.call("call_1", "look", "{}")
    told = [orjson.loads(each.json) for each in events]
    befores = [e["previous_item_id"] for e in told if e["type"].startswith("conversation.item")]
    assert befores == [None, None, "item_1", "item_1"]
