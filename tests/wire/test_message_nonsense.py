"""Nonsense around Anthropic's Messages, of callers and of providers of every dialect.

`make fuzz` runs more of it. What is made is the same for the same round and case.
"""

import contextlib
import os
import random
from typing import Any

import pytest
from tests.support.broken_answers import broken, chance_of
from tests.support.message_replays import ASKED, answered_chats, message_call
from tests.support.nonsense import nonsense
from tests.support.operations import operation_named
from tests.support.replays import Replay

from conduit_kernel.errors import InvalidRequest, UpstreamError
from conduit_providers.codecs import codec_named
from conduit_providers.inbound.sealed_thoughts import sealed
from conduit_providers.inbound.serving import inbound_codec
from conduit_providers.jobs import JobCodec

Json = dict[str, Any]
ROUNDS = range(int(os.environ.get("CONDUIT_FUZZ_ROUNDS", "1")))
CASES = 20
CHATS = answered_chats()
BY_ENDPOINT = {each.place: each for each in CHATS if each.name.endswith("/plain")}
PICTURE = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
REQUEST: Json = {
    "model": "my-alias",
    "max_tokens": 4096,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look."},
                {"type": "image", "source": PICTURE},
                {
                    "type": "document",
                    "title": "t",
                    "context": "c",
                    "citations": {"enabled": True},
                    "source": {"type": "content", "content": [{"type": "text", "text": "d"}]},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
                {"type": "redacted_thinking", "data": sealed({"said": {}, "details": [{}]})},
                {"type": "text", "text": "I run it."},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [1]}},
                {"type": "compaction", "content": "so far"},
            ],
        },
        {"role": "system", "content": [{"type": "tool_addition", "tool": {}}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [
                        {"type": "text", "text": "x"},
                        {"type": "image", "source": PICTURE},
                    ],
                    "is_error": True,
                }
            ],
        },
    ],
    "tools": [
        {"name": "f", "input_schema": {"type": "object", "properties": {"a": {}}}, "strict": True},
        {"type": "web_search_20250305", "name": "web_search"},
    ],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}},
    "metadata": {"user_id": "u"},
    "stop_sequences": ["a", "b", "c", "d", "e"],
    "service_tier": "auto",
    "temperature": 1,
    "top_k": 5,
}


@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize("place", BY_ENDPOINT)
def test_nonsense_of_a_caller_is_refused_or_sent(place: str, turn: int) -> None:
    """Every dialect gets a request, or the caller is told that it is none."""
    replay = BY_ENDPOINT[place]
    operation = operation_named("message")
    codec = inbound_codec("message", replay.endpoint, codec_named(replay.endpoint.codec))
    for case in range(CASES):
        # The same for the same place, turn and case.
        chance = random.Random(f"{place} {turn} {case}")  # noqa: S311 # no secret
        body = nonsense(REQUEST, chance)
        call = message_call(replay, ASKED)
        call.request = operation.plain_form(body)
        with contextlib.suppress(InvalidRequest):
            call.alias = operation.requirements(body, stream=call.stream).model
            if isinstance(codec, JobCodec):
                next(codec.whole(call, replay.endpoint, replay.target))
            else:
                codec.to_upstream(call, replay.endpoint, replay.target)


@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize("replay", CHATS, ids=lambda each: each.name)
def test_nonsense_of_a_provider_is_read_or_malformed(replay: Replay, turn: int) -> None:
    """An answer becomes a message, in both forms, or an error of the provider."""
    response = broken(replay, chance_of(replay, turn, "message"))
    codec = inbound_codec("message", replay.endpoint, codec_named(replay.endpoint.codec))
    call = message_call(replay, ASKED)
    if response.status != 200 or (isinstance(codec, JobCodec) and not call.stream):
        return
    call.answer_headers = response.headers
    with contextlib.suppress(UpstreamError):
        if not call.stream:
            answer = codec.from_upstream(response, call, replay.endpoint)
            for is_typed in (False, True):
                answer.to_form(is_typed=is_typed)
            return
        decoder = codec.decoder(call, replay.endpoint)
        pieces = [decoder.feed(response.body)]
        pieces += [] if decoder.done else [decoder.close()]
        for piece in pieces:
            for is_typed in (False, True):
                _ = piece and piece.to_form(is_typed=is_typed)
