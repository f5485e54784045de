"""Nonsense from callers and from providers, at every codec: refused by class, never a crash.

`make fuzz` runs more of it. What is made is the same for the same round and case.
"""

import contextlib
import os
import random

import orjson
import pytest
from tests.support.eventstream import framed
from tests.support.nonsense import nonsense
from tests.support.operations import operation_named
from tests.support.replays import Replay, replays
from tests.support.wire_cases import FRAMES

from conduit_kernel.errors import InvalidRequest, UpstreamError
from conduit_providers.codecs import codec_named
from conduit_providers.failures import error_from
from conduit_providers.wire import HttpResponse

ROUNDS = range(int(os.environ.get("CONDUIT_FUZZ_ROUNDS", "1")))
REPLAYS = [each for each in replays() if hasattr(codec_named(each.endpoint.codec), "from_upstream")]
CALLS = [each for each in REPLAYS if each.asked.request and each.operation != "models"]


def name_of(replay: Replay) -> str:
    """Return a name for the test report."""
    return replay.name


def chance_of(replay: Replay, turn: int, side: str) -> random.Random:
    """Return what decides what is wrong."""
    return random.Random(f"{side} {turn} {replay.name}")  # noqa: S311 # no secret


@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize("replay", CALLS, ids=name_of)
def test_nonsense_of_a_caller_is_refused_or_sent(replay: Replay, turn: int) -> None:
    """A codec builds a request, or says that it is none."""
    body = nonsense(replay.asked.request, chance_of(replay, turn, "request"))
    operation, codec = operation_named(replay.operation), codec_named(replay.endpoint.codec)
    call = replay.fresh_call()
    call.request = operation.plain_form(body)
    with contextlib.suppress(InvalidRequest):
        requirements = operation.requirements(body, stream=call.stream)
        call.alias = requirements.model
        codec.to_upstream(call, replay.endpoint, replay.target)
        operation.worst_case(call.request, requirements)
        operation.estimate(call.request, None, 0, codec, replay.endpoint.facts_of(call.model))


@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize("replay", REPLAYS, ids=name_of)
def test_nonsense_of_a_provider_is_read_or_malformed(replay: Replay, turn: int) -> None:
    """A codec reads an answer, in both forms, or raises an error of the provider."""
    response = broken(replay, chance_of(replay, turn, "answer"))
    if not 200 <= response.status <= 299:
        assert isinstance(error_from(response, replay.spec, replay.target), UpstreamError)
        return
    with contextlib.suppress(UpstreamError):
        read(replay, response)


def broken(replay: Replay, chance: random.Random) -> HttpResponse:
    """Return an answer in which something is wrong: in its JSON, or in that of its events."""
    received = replay.case.received
    lines = received.body.split(b"\n")
    try:
        body = nonsense(orjson.loads(received.body), chance)
    except orjson.JSONDecodeError:
        body = b"\n".join(broken_line(line, chance) for line in lines)
    if received.media_type == FRAMES:
        body = framed(body)
    return HttpResponse(received.status, received.headers, body)


def broken_line(line: bytes, chance: random.Random) -> bytes:
    """Return a line in which, now and then, something is wrong."""
    before, brace, after = line.partition(b"{")
    if not brace or chance.random() < 0.7:
        return line
    try:
        return before + nonsense(orjson.loads(brace + after), chance)
    except (orjson.JSONDecodeError, TypeError):
        # Some are nonsense already.
        return line


def read(replay: Replay, response: HttpResponse) -> None:
    """Read an answer as the router does, in both forms."""
    codec, call = codec_named(replay.endpoint.codec), replay.fresh_call()
    if replay.operation == "models":
        codec.from_upstream(response, replay.endpoint)
    elif call.stream:
        decoder = replay.decoder(call)
        pieces = [decoder.feed(response.body)]
        pieces += [] if decoder.done else [decoder.close()]
        for piece in pieces:
            for is_typed in (False, True):
                _ = piece and piece.to_form(is_typed=is_typed)
    else:
        answer = codec.from_upstream(response, call, replay.endpoint)
        for is_typed in (False, True):
            answer.to_form(is_typed=is_typed)
