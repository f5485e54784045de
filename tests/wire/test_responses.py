"""Every recorded chat, answered to a caller who speaks OpenAI's Responses.

What each dialect's provider said comes through: words, thoughts, calls, why it stopped and the
counts; and handed back as items of the next turn, it is to its provider what it gave.
"""

from typing import Any

import orjson
import pytest
from tests.support.message_replays import answered_chats
from tests.support.replays import Replay
from tests.support.response_replays import (
    ASKED,
    answer_in,
    calls_in,
    response_call,
    thoughts_in,
    words_in,
)
from tests.support.sdk_oracle import words
from tests.support.turns_of_dialects import given_in, turn_sent
from tests.wire.test_messages import ENDS, HANDED_BACK, TURNS, first_choice, texts_in

from conduit_providers.codecs import codec_named
from conduit_providers.inbound.response_dialect import response_codec

Json = dict[str, Any]
CHATS = answered_chats()
ENDINGS = {"length": "max_output_tokens", "content_filter": "content_filter"}


@pytest.mark.parametrize("replay", CHATS, ids=lambda each: each.name)
def test_answer_says_the_same_as_the_chat(replay: Replay) -> None:
    """Words, thoughts, calls and why it stopped, in items and events that the SDK knows."""
    choices, part = first_choice(replay)
    text, thought, finish = words(choices, part)
    refused = "".join((each.get(part) or {}).get("refusal") or "" for each in choices)
    response = answer_in(replay)
    assert words_in(response) == text + refused
    assert thoughts_in(response) == thought
    made = calls_in(response)
    assert all(call["call_id"] and orjson.loads(call["arguments"]) is not None for call in made)
    assert "".join(call["name"] for call in made) == "".join(
        (call.get("function") or {}).get("name") or ""
        for each in choices
        for call in (each.get(part) or {}).get("tool_calls") or ()
    )
    why = response["incomplete_details"]
    assert (why or {}).get("reason") == ENDINGS.get(finish or "")
    assert response["status"] == ("incomplete" if why else "completed")


@pytest.mark.parametrize("replay", CHATS, ids=lambda each: each.name)
def test_counts_are_the_providers(replay: Replay) -> None:
    """Cached and thought tokens are parts of them; what was not counted is marked as estimated."""
    usage = answer_in(replay)["usage"]
    counted = replay.expected.get("usage")
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    if counted is None:
        assert usage["is_estimate"]
        return
    assert "is_estimate" not in usage
    assert usage["input_tokens"] == _sum(counted, "input_tokens", "cache_write")
    assert usage["output_tokens_details"]["reasoning_tokens"] == counted.get("reasoning_tokens", 0)
    cached = usage["input_tokens_details"]["cached_tokens"]
    assert cached == sum(n for name, n in counted.items() if name.startswith("cached_"))


def _sum(counted: Json, end: str, begin: str) -> int:
    return sum(
        n
        for name, n in counted.items()
        if isinstance(n, int) and (name.endswith(end) or name.startswith(begin))
    )


STREAMED = [each for each in CHATS if each.fresh_call().stream]


@pytest.mark.parametrize("replay", STREAMED, ids=lambda each: each.name)
def test_stream_is_the_same_however_it_is_cut(replay: Replay) -> None:
    """In pieces of seven bytes, the same response comes out."""
    whole, cut = answer_in(replay), answer_in(replay, cut=7)
    for each in (whole, cut):
        each.pop("usage")
    assert cut == whole


def results_of(response: Json, text: str = "ok") -> list[Json]:
    """Return what comes of the calls of a response."""
    return [
        {"type": "function_call_output", "call_id": call["call_id"], "output": text}
        for call in calls_in(response)
    ]


@pytest.mark.parametrize("replay", HANDED_BACK, ids=lambda each: each.name)
def test_answer_handed_back_is_what_was_given(replay: Replay) -> None:
    """A client of Responses sends the items back, and the provider gets its own turn."""
    response = answer_in(replay)
    hello = {"role": "user", "content": "Hello"}
    more = results_of(response) or [{"role": "user", "content": "And?"}]
    call = response_call(replay, {"input": [hello, *response["output"], *more]})
    codec = response_codec(codec_named(replay.endpoint.codec))
    sent = orjson.loads(codec.to_upstream(call, replay.endpoint, replay.target).body)
    given = next(iter(given_in(replay)), None)
    if given:
        assert turn_sent(replay, sent) == given


@pytest.mark.parametrize("end", ENDS.values(), ids=lambda each: each.endpoint.codec)
def test_conversation_that_changes_provider_at_each_turn_loses_nothing(end: Replay) -> None:
    """Whoever comes last gets all words, the names and arguments of all calls, and all results."""
    named = {each.name: each for each in CHATS}
    items: list[Json] = []
    texts: list[str] = []
    for number, name in enumerate(TURNS):
        response = answer_in(named[name])
        asked, result = f"question {number}", f"result {number}"
        items += [{"role": "user", "content": asked}, *response["output"]]
        items += results_of(response, result)
        texts += [asked, words_in(response)]
        for made in calls_in(response):
            texts += [result, made["name"]]
            values = orjson.loads(made["arguments"]).values()
            texts += [value for value in values if isinstance(value, str)]
    items.append({"role": "user", "content": "And?"})
    call = response_call(end, {**ASKED, "input": items})
    codec = response_codec(codec_named(end.endpoint.codec))
    sent = orjson.loads(codec.to_upstream(call, end.endpoint, end.target).body)
    said = "\n".join(texts_in(sent))
    assert [text for text in texts if text.strip() not in said] == []
