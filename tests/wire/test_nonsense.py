"""Nonsense from callers and from providers, at every codec: refused by class, never a crash.

`make fuzz` runs more of it. What is made is the same for the same round and case.
"""

import contextlib
import os

import pytest
from tests.support.broken_answers import broken, chance_of
from tests.support.nonsense import nonsense
from tests.support.operations import operation_named, registered
from tests.support.replays import Replay, replays

from conduit_kernel.errors import InvalidRequest, UpstreamError
from conduit_providers.catalog.codec_types import LISTS
from conduit_providers.codecs import codec_named
from conduit_providers.failures import error_from
from conduit_providers.operation import JsonOperation
from conduit_providers.wire import HttpResponse

ROUNDS = range(int(os.environ.get("CONDUIT_FUZZ_ROUNDS", "1")))
REPLAYS = [each for each in replays() if hasattr(codec_named(each.endpoint.codec), "from_upstream")]
# Some calls are refused before anything is sent.
ANSWERED = [each for each in REPLAYS if "received" in each.case.file.parts]
CALLS = [each for each in REPLAYS if each.asked.request and each.operation not in LISTS]


def name_of(replay: Replay) -> str:
    """Return a name for the test report."""
    return replay.name


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
@pytest.mark.parametrize("replay", ANSWERED, ids=name_of)
def test_nonsense_of_a_provider_is_read_or_malformed(replay: Replay, turn: int) -> None:
    """A codec reads an answer, in both forms, or raises an error of the provider."""
    response = broken(replay, chance_of(replay, turn, "answer"))
    if not 200 <= response.status <= 299:
        assert isinstance(error_from(response, replay.spec, replay.target), UpstreamError)
        return
    with contextlib.suppress(UpstreamError):
        read(replay, response)


def read(replay: Replay, response: HttpResponse) -> None:
    """Read an answer as the router does, in both forms."""
    codec, call = codec_named(replay.endpoint.codec), replay.fresh_call()
    if replay.operation in LISTS:
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


SPEECHES = [each for each in replays() if each.operation == "speak" and each.asked.request]
SPOKEN = [each for each in SPEECHES if "received" in each.case.file.parts]


@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize("replay", SPEECHES, ids=name_of)
def test_nonsense_to_be_spoken_is_refused_or_sent(replay: Replay, turn: int) -> None:
    """Speech has no whole answers, and so an operation of its own."""
    body = nonsense(replay.asked.request, chance_of(replay, turn, "request"))
    operation, call = registered("speak"), replay.fresh_call()
    assert isinstance(operation, JsonOperation)
    call.request = operation.plain_form(body)
    with contextlib.suppress(InvalidRequest):
        call.alias = operation.requirements(body, stream=True).model
        codec_named(replay.endpoint.codec).to_upstream(call, replay.endpoint, replay.target)


@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize("replay", SPOKEN, ids=name_of)
def test_nonsense_that_is_spoken_is_passed_on_or_malformed(replay: Replay, turn: int) -> None:
    """Sound is whatever it is; events of it are read."""
    response = broken(replay, chance_of(replay, turn, "answer"))
    if response.status != 200:
        assert isinstance(error_from(response, replay.spec, replay.target), UpstreamError)
        return
    decoder = replay.decoder(replay.fresh_call())
    with contextlib.suppress(UpstreamError):
        decoder.feed(response.body)
        _ = decoder.done or decoder.close()
