"""What goes wrong in Google Cloud's calls of gRPC, as callers of recordings and sessions see it."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from tests.integration.router.conftest import Bench, Runner
from tests.integration.router.test_aws_sessions import COMPLETED, Caller
from tests.integration.router.test_google_streams import RECORDING, converse
from tests.integration.router.test_transcribe_over_sockets import streamed
from tests.support.google_speech_upstream import (
    API_KEY,
    Call,
    Recognizer,
    Script,
    recognizing,
    words,
)
from tests.support.snapshots import ENCRYPTION_KEY, key, mapping, provider, snapshot
from tests.support.waiting import eventually

from conduit.v1.timeouts_pb2 import Timeouts
from conduit_kernel.errors import ConduitError
from conduit_kernel.secrets import Vault

# What is waited for where that is what is tested, and what no wait may take.
SHORT_SECONDS, MOST_SECONDS = 0.3, 5.0
LEAVING_SECONDS = 1.0


async def silence(_: Recognizer, __: Call) -> None:
    """Take the call, and say nothing."""
    await asyncio.Event().wait()


async def stall(recognizer: Recognizer, call: Call) -> None:
    """Say a word, and nothing more."""
    await recognizer.piece(call)
    await call.say(words("Hello", 0.5))
    await asyncio.Event().wait()


async def garbage(recognizer: Recognizer, call: Call) -> None:
    """Say what is no message."""
    await recognizer.piece(call)
    await call.write(b"\xff\xff\xff")


async def garbage_behind_words(recognizer: Recognizer, call: Call) -> None:
    """Say a word, and then what is no message."""
    await recognizer.piece(call)
    await call.say(words("Hello", 0.5))
    await call.write(b"\xff\xff\xff")


async def overloaded(_: Recognizer, call: Call) -> None:
    """Be unavailable."""
    await call.fail(grpc.StatusCode.UNAVAILABLE, "The service is currently unavailable.")


async def broken(recognizer: Recognizer, call: Call) -> None:
    """Fail behind a word, in a way of its own."""
    await recognizer.piece(call)
    await call.say(words("Hello", 0.5))
    await call.fail(grpc.StatusCode.INTERNAL, "Internal error.")


@pytest.fixture
async def upstreams() -> AsyncIterator[Sequence[Recognizer]]:
    """Run two providers; the second one is in order."""
    async with recognizing() as first, recognizing() as second:
        yield first, second


async def run(bench: Runner, upstreams: Sequence[Recognizer]) -> Bench:
    """Run a router with an instance at each, in order; it waits for none of them for long."""
    short = Duration(nanos=int(SHORT_SECONDS * 1e9))
    limits = Timeouts(first_token=short, idle=short)
    found, models, keys = [], [], []
    for number, each in enumerate(upstreams, 1):
        made = provider(number, each.url, provider_type="GoogleCloud", priority=number)
        made.settings.update({"project": "acme"})
        found.append(made)
        entry = key(number, number)
        entry.secret.CopyFrom(Vault(ENCRYPTION_KEY).seal(API_KEY, entry.credential.id))
        keys.append(entry)
        models.append(mapping(number, number, actual_model_name="chirp_3", timeouts=limits))
    return await bench(snapshot(found, keys=keys, mappings=models))


BEFORE_WORDS = [silence, garbage, overloaded]
BEHIND_WORDS = [stall, garbage_behind_words, broken]


def name(script: Script) -> str:
    """Return what distinguishes a fault."""
    return script.__name__


async def has_left(upstream: Recognizer) -> None:
    """Wait until a provider's call has ended, or was given up."""

    async def is_so() -> bool:
        return upstream.under_way == 0

    await eventually(is_so)


@pytest.mark.parametrize("script", BEFORE_WORDS, ids=name)
async def test_a_recording_that_one_does_not_hear_is_heard_by_the_next(
    bench: Runner, upstreams: Sequence[Recognizer], script: Script
) -> None:
    """With all of its sound, in bounded time, and paid once."""
    first, second = upstreams
    first.script = script
    router, began = await run(bench, upstreams), time.monotonic()
    assert '"text":"Hello there. Bye."' in await streamed(router, RECORDING)
    assert time.monotonic() - began < MOST_SECONDS
    assert second.sound == [RECORDING]
    await has_left(first)
    complete = [each for each in router.charges() if each.is_complete]
    assert [each.provider_id for each in complete] == [2]


@pytest.mark.parametrize("script", BEHIND_WORDS, ids=name)
async def test_a_recording_that_breaks_off_behind_words_is_no_whole_one(
    bench: Runner, upstreams: Sequence[Recognizer], script: Script
) -> None:
    """Its caller hears of it in bounded time; nobody is asked who would begin anew."""
    first, second = upstreams
    first.script = script
    router, began = await run(bench, upstreams), time.monotonic()
    with pytest.raises(ConduitError) as failed:
        await streamed(router, RECORDING)
    assert failed.value.reason == "STREAM_INTERRUPTED"
    assert time.monotonic() - began < MOST_SECONDS
    assert second.asked == []
    await has_left(first)
    assert [each.is_complete for each in router.charges()] == [False]


@pytest.mark.parametrize("script", [silence, stall], ids=name)
async def test_who_leaves_a_recording_ends_the_call(
    bench: Runner, upstreams: Sequence[Recognizer], script: Script
) -> None:
    """Nobody else is asked, and nothing is left under way."""
    first, second = upstreams
    first.script = script
    # The first one is given all the time that there is.
    router = await run(bench, upstreams[:1])
    call = asyncio.create_task(streamed(router, RECORDING))

    async def is_asked() -> bool:
        return first.under_way == 1

    await eventually(is_asked)
    call.cancel()
    await asyncio.wait([call])
    await has_left(first)
    assert second.asked == []


@pytest.mark.parametrize("script", [overloaded, garbage, garbage_behind_words, broken], ids=name)
async def test_a_session_ends_with_a_reason(
    bench: Runner, upstreams: Sequence[Recognizer], script: Script
) -> None:
    """Whatever its provider does; it is charged at most once, and its call is over."""
    first, _ = upstreams
    first.script = script
    router = await run(bench, upstreams[:1])
    caller = Caller(router)
    caller.speak()
    async with asyncio.timeout(MOST_SECONDS):
        with pytest.raises(ConduitError) as failed:
            await caller.until("")
    assert failed.value.reason not in {"", "INTERNAL"}
    await has_left(first)
    assert len(router.charges()) <= 1


async def test_a_session_begins_at_the_next_where_one_cannot_be_reached(
    bench: Runner, upstreams: Sequence[Recognizer]
) -> None:
    """Google says nothing of its own when a call begins: what it refuses then ends the session."""
    first, second = upstreams
    first.url, second.script = "http://127.0.0.1:1", converse
    router = await run(bench, upstreams)
    caller = Caller(router)
    await caller.until("session.created")
    caller.speak()
    done = await caller.until(COMPLETED)
    assert done is not None
    assert done["transcript"] == "Hello there."
    caller.leave()
    await caller.until("")
