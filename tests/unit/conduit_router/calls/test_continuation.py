"""Streams that outlast their provider."""

from pathlib import Path

import pytest
from tests.support.call_bench import BODY
from tests.support.scripted_upstream import Act, answer, reset, stream
from tests.support.stream_calls import (
    CUT,
    DONE,
    FAILED,
    FINISH,
    OTHER,
    USAGE,
    WHOLE,
    call,
    call_piece,
    claude,
    piece,
)

from conduit.v1.charge_pb2 import USAGE_SOURCE_ESTIMATE, USAGE_SOURCE_PROVIDER
from conduit.v1.routing_policy_pb2 import STREAM_FAILOVER_CONTINUE
from conduit_kernel.errors import StreamInterrupted


@pytest.mark.parametrize("is_typed", [False, True], ids=["json", "typed"])
async def test_continue_starts_over_and_leaves_out_what_was_said(
    tmp_path: Path,
    is_typed: bool,  # noqa: FBT001 # a parameter
) -> None:
    """A model that takes no prefill says the same once more; the caller sees one answer."""
    made = await call(tmp_path, STREAM_FAILOVER_CONTINUE, CUT, WHOLE, is_typed=is_typed)
    assert made.error is None
    assert (made.text, made.is_whole) == ("Hello world!", True)
    assert made.paths == ["/1/chat/completions", "/2/chat/completions"]
    assert len(made.bodies[1]["messages"]) == 1
    assert made.sources == [(1, USAGE_SOURCE_ESTIMATE, False), (2, USAGE_SOURCE_PROVIDER, True)]
    assert made.messages[-1].finished.report.attempts == 2


async def test_continue_keeps_the_first_answers_id(tmp_path: Path) -> None:
    """SDKs put pieces together by it."""
    made = await call(tmp_path, STREAM_FAILOVER_CONTINUE, CUT, WHOLE)
    events = b"".join(message.events for message in made.messages)
    assert b'"c2"' not in events


async def test_continue_ends_with_an_error_where_the_answers_differ(tmp_path: Path) -> None:
    """Both are charged, and the second instance is not blamed."""
    made = await call(tmp_path, STREAM_FAILOVER_CONTINUE, CUT, OTHER)
    assert isinstance(made.error, StreamInterrupted)
    assert (made.text, made.is_whole) == ("Hello wor", False)
    assert [source[0] for source in made.sources] == [1, 2]
    assert [o.provider_id for o in made.bench.outcomes.drain()] == [1]
    assert len(made.bench.endings) == 1


@pytest.mark.parametrize(
    "second",
    [stream(piece("Hello"), FINISH, DONE), stream(piece("Hello"), FINISH)],
    ids=["finished", "closed"],
)
async def test_continue_does_not_take_a_shorter_answer(tmp_path: Path, second: Act) -> None:
    """The caller has more than it says."""
    made = await call(tmp_path, STREAM_FAILOVER_CONTINUE, CUT, second)
    assert isinstance(made.error, StreamInterrupted)
    assert made.text == "Hello wor"


async def test_continue_goes_on_with_calls_that_are_alike(tmp_path: Path) -> None:
    """Half a call is never given to a model as its own beginning."""
    cut = stream(call_piece('{"a":'), is_cut=True)
    whole = stream(call_piece('{"a":1}'), FINISH, USAGE, DONE)
    made = await call(tmp_path, STREAM_FAILOVER_CONTINUE, cut, whole, second="Mistral")
    assert made.error is None
    assert len(made.bodies[1]["messages"]) == 1
    events = b"".join(message.events for message in made.messages)
    assert b'"arguments":"1}"' in events


async def test_continue_gives_a_prefill_where_the_model_takes_one(tmp_path: Path) -> None:
    """Claude goes on from its own words; what limits the answer is less by what was said."""
    body = BODY[:-1] + b',"max_tokens":50}'
    made = await call(
        tmp_path, STREAM_FAILOVER_CONTINUE, CUT, claude("ld!"), second="Anthropic", body=body
    )
    assert made.error is None
    assert (made.text, made.is_whole) == ("Hello world!", True)
    messages = made.bodies[1]["messages"]
    assert isinstance(messages, list)
    assert messages[-1]["role"] == "assistant"
    assert "Hello wor" in str(messages[-1]["content"])
    assert made.bodies[1]["max_tokens"] == 48


async def test_continue_leaves_out_a_repeated_prefill(tmp_path: Path) -> None:
    """Mistral begins its answer with it."""
    made = await call(tmp_path, STREAM_FAILOVER_CONTINUE, CUT, WHOLE, second="Mistral")
    assert (made.error, made.text) == (None, "Hello world!")
    messages = made.bodies[1]["messages"]
    assert isinstance(messages, list)
    assert messages[-1] == {"role": "assistant", "content": "Hello wor", "prefix": True}


async def test_continue_learns_who_refuses_a_prefill(tmp_path: Path) -> None:
    """It starts over there, and asks no more with one; the request itself was in order."""
    refusal = answer(b'{"message":"no prefix here"}', 400)
    made = await call(
        tmp_path,
        STREAM_FAILOVER_CONTINUE,
        CUT,
        refusal,
        WHOLE,
        CUT,
        WHOLE,
        second="Mistral",
        times=2,
    )
    assert (made.error, made.text) == (None, "Hello world!")
    assert [path[1] for path in made.paths] == ["1", "2", "2", "1", "2"]
    assert [len(each["messages"]) for each in made.bodies] == [1, 2, 1, 1, 1]


async def test_continue_goes_on_to_the_candidate_behind_one_that_fails(tmp_path: Path) -> None:
    """And back to the first, when no other is left, once."""
    made = await call(tmp_path, STREAM_FAILOVER_CONTINUE, CUT, reset, reset, WHOLE)
    assert isinstance(made.error, StreamInterrupted)
    again = await call(tmp_path / "again", STREAM_FAILOVER_CONTINUE, CUT, CUT, WHOLE)
    assert (again.error, again.text) == (None, "Hello world!")


async def test_continue_tells_the_cut_when_nobody_goes_on(tmp_path: Path) -> None:
    """Not the last one's refusal, which the caller's stream did not end of."""
    made = await call(tmp_path, STREAM_FAILOVER_CONTINUE, CUT, FAILED)
    assert isinstance(made.error, StreamInterrupted)
    assert "provider-1" in made.error.message


async def test_continue_ends_at_a_refusal_of_the_request(tmp_path: Path) -> None:
    """What a provider refuses in the midst of its answer, another is not asked to say."""
    refused = stream(
        piece("Hello"), b'data: {"error":{"message":"x","code":"content_filter"}}\n\n', is_cut=True
    )
    made = await call(tmp_path, STREAM_FAILOVER_CONTINUE, refused, WHOLE)
    assert isinstance(made.error, StreamInterrupted)
    assert len(made.paths) == 1
