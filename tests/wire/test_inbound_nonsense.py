"""Nonsense around the dialects of callers, of these and of providers of every dialect.

`make fuzz` runs more of it. What is made is the same for the same round and case.
"""

import contextlib
import os
import random
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.broken_answers import broken, chance_of
from tests.support.completion_replays import ASKED as ASKED_OF_COMPLETIONS
from tests.support.completion_replays import completion_call
from tests.support.content_replays import ASKED as ASKED_OF_CONTENTS
from tests.support.content_replays import content_call
from tests.support.inbound_requests import COMPLETION, CONTENT, MESSAGE, RESPONSE
from tests.support.message_replays import ASKED as ASKED_OF_MESSAGES
from tests.support.message_replays import answered_chats, message_call
from tests.support.nonsense import nonsense
from tests.support.operations import operation_named
from tests.support.replays import Replay
from tests.support.response_replays import ASKED as ASKED_OF_RESPONSES
from tests.support.response_replays import response_call

from conduit_kernel.errors import InvalidRequest, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs import codec_named
from conduit_providers.inbound.serving import inbound_codec
from conduit_providers.jobs import JobCodec
from conduit_providers.operations import INBOUND

Json = dict[str, Any]
ROUNDS = range(int(os.environ.get("CONDUIT_FUZZ_ROUNDS", "1")))
CASES = 20
CHATS = answered_chats()
BY_ENDPOINT = {each.place: each for each in CHATS if each.name.endswith("/plain")}
SURFACES: dict[str, tuple[Json, Json, Callable[[Replay, Json], Call[Any]]]] = {
    "message": (MESSAGE, ASKED_OF_MESSAGES, message_call),
    "response": (RESPONSE, ASKED_OF_RESPONSES, response_call),
    "completion": (COMPLETION, ASKED_OF_COMPLETIONS, completion_call),
    "content": (CONTENT | {"model": "my-alias"}, ASKED_OF_CONTENTS, content_call),
}


def test_all_dialects_of_callers_are_tried() -> None:
    """All that are translated; counts go through the whole suite, a compaction passes as it is."""
    others = ("_count", "_compaction")
    assert set(SURFACES) == {name for name in INBOUND if not name.endswith(others)}


@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize("place", BY_ENDPOINT)
@pytest.mark.parametrize("surface", SURFACES)
def test_nonsense_of_a_caller_is_refused_or_sent(surface: str, place: str, turn: int) -> None:
    """Every dialect gets a request, or the caller is told that it is none."""
    request, asked, call_of = SURFACES[surface]
    replay = BY_ENDPOINT[place]
    operation = operation_named(surface)
    codec = inbound_codec(surface, replay.endpoint, codec_named(replay.endpoint.codec))
    for case in range(CASES):
        # The same for the same place, turn and case.
        chance = random.Random(f"{surface} {place} {turn} {case}")  # noqa: S311 # no secret
        body = nonsense(request, chance)
        call = call_of(replay, asked)
        call.request = operation.plain_form(body)
        with contextlib.suppress(InvalidRequest):
            call.alias = operation.requirements(body, stream=call.stream).model
            if isinstance(codec, JobCodec):
                next(codec.whole(call, replay.endpoint, replay.target))
            else:
                codec.to_upstream(call, replay.endpoint, replay.target)


@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize("replay", CHATS, ids=lambda each: each.name)
@pytest.mark.parametrize("surface", SURFACES)
def test_nonsense_of_a_provider_is_read_or_malformed(
    surface: str, replay: Replay, turn: int
) -> None:
    """An answer becomes one of the caller's dialect, in both forms, or an error of the provider."""
    _, asked, call_of = SURFACES[surface]
    response = broken(replay, chance_of(replay, turn, surface))
    codec = inbound_codec(surface, replay.endpoint, codec_named(replay.endpoint.codec))
    call = call_of(replay, asked)
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
