"""Every recorded chat, answered to a caller who speaks OpenAI's older completions.

Words, why they ended and the counts come through; nothing else has a place there.
"""

import pytest
from tests.support.completion_replays import completion_in
from tests.support.message_replays import answered_chats
from tests.support.replays import Replay
from tests.support.sdk_oracle import words
from tests.wire.test_messages import first_choice

CHATS = answered_chats()
STREAMED = [each for each in CHATS if each.fresh_call().stream]


@pytest.mark.parametrize("replay", CHATS, ids=lambda each: each.name)
def test_answer_says_the_same_as_the_chat(replay: Replay) -> None:
    """Words and why they ended, whole and in pieces; with the provider's counts, or marked ones."""
    choices, part = first_choice(replay)
    text, _, finish = words(choices, part)
    refused = "".join((each.get(part) or {}).get("refusal") or "" for each in choices)
    found = completion_in(replay)
    first = found["choices"][0]
    assert first["text"] == text + refused or refused in first["text"]
    why = finish if finish in {"length", "content_filter"} else "stop"
    assert first["finish_reason"] == why
    assert found["id"].startswith("cmpl")
    usage, counted = found["usage"], replay.expected.get("usage")
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert ("is_estimate" in usage) == (counted is None)


@pytest.mark.parametrize("replay", STREAMED, ids=lambda each: each.name)
def test_stream_is_the_same_however_it_is_cut(replay: Replay) -> None:
    """In pieces of seven bytes, the same completion comes out."""
    whole, cut = completion_in(replay), completion_in(replay, cut=7)
    for each in (whole, cut):
        each.pop("usage")
    assert cut == whole
