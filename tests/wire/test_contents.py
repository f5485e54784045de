"""Every recorded chat, answered to a caller who speaks Google's generateContent.

What each dialect's provider said comes through: words, thoughts, calls, why it stopped and the
counts; and handed back as the next turn, it is to its provider what it gave.
"""

from typing import Any

import orjson
import pytest
from tests.support.content_replays import (
    calls_in,
    content_call,
    content_in,
    thoughts_in,
    words_in,
)
from tests.support.message_replays import answered_chats
from tests.support.replays import Replay
from tests.support.sdk_oracle import words
from tests.support.turns_of_dialects import given_in, turn_sent
from tests.wire.test_messages import ENDS, HANDED_BACK, TURNS, first_choice, texts_in

from conduit_providers.codecs import codec_named
from conduit_providers.inbound.content_dialect import content_codec

Json = dict[str, Any]
CHATS = answered_chats()
STREAMED = [each for each in CHATS if each.fresh_call().stream]
ENDINGS = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}


@pytest.mark.parametrize("replay", CHATS, ids=lambda each: each.name)
def test_answer_says_the_same_as_the_chat(replay: Replay) -> None:
    """Words, thoughts, calls, why it stopped and the counts, in pieces that the SDK knows."""
    choices, part = first_choice(replay)
    text, thought, finish = words(choices, part)
    refused = "".join((each.get(part) or {}).get("refusal") or "" for each in choices)
    found = content_in(replay)
    assert words_in(found) == text + refused
    assert thoughts_in(found) == thought
    assert "".join(call["name"] for call in calls_in(found)) == "".join(
        (call.get("function") or {}).get("name") or ""
        for each in choices
        for call in (each.get(part) or {}).get("tool_calls") or ()
    )
    assert found["reason"] == ENDINGS.get(finish or "", "STOP")
    usage, counted = found["usage"], replay.expected.get("usage")
    written = usage["candidatesTokenCount"] + usage.get("thoughtsTokenCount", 0)
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + written
    assert ("isEstimate" in usage) == (counted is None)


@pytest.mark.parametrize("replay", STREAMED, ids=lambda each: each.name)
def test_stream_is_the_same_however_it_is_cut(replay: Replay) -> None:
    """In pieces of seven bytes, the same answer comes out."""
    whole, cut = content_in(replay), content_in(replay, cut=7)
    assert (words_in(cut), thoughts_in(cut)) == (words_in(whole), thoughts_in(whole))
    assert (calls_in(cut), cut["reason"]) == (calls_in(whole), whole["reason"])


def results_of(content: Json, text: str = "ok") -> list[Json]:
    """Return what comes of the calls of an answer, as parts."""
    return [
        {
            "functionResponse": {
                **({"id": call["id"]} if "id" in call else {}),
                "name": call["name"],
                "response": {"output": text},
            }
        }
        for call in calls_in(content)
    ]


def user(*parts: Json) -> Json:
    """Return a turn of the user's."""
    return {"role": "user", "parts": list(parts)}


@pytest.mark.parametrize("replay", HANDED_BACK, ids=lambda each: each.name)
def test_answer_handed_back_is_what_was_given(replay: Replay) -> None:
    """A client sends the parts back, and the provider gets its own turn."""
    found = content_in(replay)
    more = results_of(found) or [{"text": "And?"}]
    turns = [user({"text": "Hello"}), {"role": "model", "parts": found["parts"]}, user(*more)]
    call = content_call(replay, {"contents": turns})
    codec = content_codec(codec_named(replay.endpoint.codec))
    sent = orjson.loads(codec.to_upstream(call, replay.endpoint, replay.target).body)
    given = next(iter(given_in(replay)), None)
    if given:
        assert turn_sent(replay, sent) == given


@pytest.mark.parametrize("end", ENDS.values(), ids=lambda each: each.endpoint.codec)
def test_conversation_that_changes_provider_at_each_turn_loses_nothing(end: Replay) -> None:
    """Whoever comes last gets all words, the names and arguments of all calls, and all results."""
    named = {each.name: each for each in CHATS}
    turns: list[Json] = []
    texts: list[str] = []
    for number, name in enumerate(TURNS):
        found = content_in(named[name])
        asked, result = f"question {number}", f"result {number}"
        turns += [user({"text": asked}), {"role": "model", "parts": found["parts"]}]
        texts += [asked, words_in(found)]
        if results := results_of(found, result):
            turns.append(user(*results))
        for made in calls_in(found):
            texts += [result, made["name"]]
            texts += [value for value in made["args"].values() if isinstance(value, str)]
    turns.append(user({"text": "And?"}))
    call = content_call(end, {"contents": turns})
    codec = content_codec(codec_named(end.endpoint.codec))
    sent = orjson.loads(codec.to_upstream(call, end.endpoint, end.target).body)
    said = "\n".join(texts_in(sent))
    assert [text for text in texts if text.strip() not in said] == []
