"""Answers whose provider shows that it lives, and says nothing: how long they last.

In virtual time; the model's events may be 30 s apart, which is usual.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from tests.faults.raw_callers import CHAT, Request, chat, send
from tests.faults.shared_gateway import EVENTS, WHOLE, SharedGateway, shared_gateway
from tests.support.scripted_upstream import EVENTS as SSE
from tests.support.scripted_upstream import JSON, Act
from tests.support.virtual_network import VirtualNetwork
from tests.support.virtual_time import run_virtually

from conduit_kernel.http import QUIET_TIMES, Exchange, Fields
from conduit_providers.patience import USUAL

KEY, PROVIDER = "condt_1", 3
COMMENT = b": OPENROUTER PROCESSING\n\n"
QUIET_SECONDS = QUIET_TIMES * USUAL.idle
EVERY_SECONDS = 10.0

ResultT = TypeVar("ResultT")


def play(folder: Path, course: Callable[[SharedGateway], Awaitable[ResultT]]) -> ResultT:
    """Return what comes of a course of events at a gateway of its own."""

    async def main() -> ResultT:
        async with shared_gateway(folder, {KEY: 1}) as gateway:
            return await course(gateway)

    return run_virtually(main(), VirtualNetwork)


def answered(folder: Path, act: Act, *, stream: bool = True) -> tuple[bytes, float]:
    """Return what a caller gets of an answer, and how long it took."""

    async def course(gateway: SharedGateway) -> tuple[bytes, float]:
        gateway.providers.failures[PROVIDER] = act
        now = asyncio.get_running_loop().time
        began = now()
        request = Request(CHAT, [("x-conduit-max-attempts", "1")], chat("solo", stream=stream))
        got = await send(gateway.port, KEY, request)
        return got, now() - began

    return play(folder, course)


def dripping(*pieces: bytes, signs: bytes, times: int, head: Fields = SSE) -> Act:
    """Say the first piece, then send signs of life so many times, and then the rest."""

    async def act(exchange: Exchange) -> None:
        out = exchange.start(200, head)
        out.write(pieces[0])
        for _ in range(times):
            await asyncio.sleep(EVERY_SECONDS)
            out.write(signs)
        for piece in pieces[1:]:
            out.write(piece)
        out.finish()

    return act


@pytest.mark.parametrize("signs", [COMMENT, b": keep-alive\n", b"\n"])
def test_signs_of_life_hold_a_stream_for_a_while_and_not_for_ever(
    tmp_path: Path, signs: bytes
) -> None:
    """It ends in an error five times as late as one that is silent, long before the call's time."""
    got, seconds = answered(tmp_path, dripping(*EVENTS, signs=signs, times=1000))
    assert b"well" in got
    assert b"stream_interrupted" in got
    assert b"[DONE]" not in got
    assert QUIET_SECONDS <= seconds <= QUIET_SECONDS + 2 * EVERY_SECONDS


def test_a_stream_that_goes_on_within_that_is_whole(tmp_path: Path) -> None:
    """A model thinks for minutes, and its provider says so."""
    times = round(QUIET_SECONDS / EVERY_SECONDS) - 1
    got, seconds = answered(tmp_path, dripping(*EVENTS, signs=COMMENT, times=times))
    assert b"[DONE]" in got
    assert b"error" not in got
    assert seconds >= times * EVERY_SECONDS


def test_a_caller_hears_of_a_silent_provider_before_proxies_cut_it_off(tmp_path: Path) -> None:
    """`st-silence`: by a comment, which SDKs pass over, within 15 s."""

    async def act(exchange: Exchange) -> None:
        out = exchange.start(200, SSE)
        out.write(EVENTS[0])
        await asyncio.sleep(16)
        for piece in EVENTS[1:]:
            out.write(piece)
        out.finish()

    got, _ = answered(tmp_path, act)
    assert got.count(b": keep-alive\n\n") == 1
    assert got.index(b"well") < got.index(b": keep-alive") < got.index(b"[DONE]")


def test_each_event_gives_new_time(tmp_path: Path) -> None:
    """What counts is the time since the last one."""
    times = round(QUIET_SECONDS / EVERY_SECONDS) - 1

    async def act(exchange: Exchange) -> None:
        out = exchange.start(200, SSE)
        for piece in (EVENTS[0], EVENTS[0]):
            out.write(piece)
            for _ in range(times):
                await asyncio.sleep(EVERY_SECONDS)
                out.write(COMMENT)
        for piece in EVENTS[1:]:
            out.write(piece)
        out.finish()

    got, seconds = answered(tmp_path, act)
    assert b"[DONE]" in got
    assert seconds > QUIET_SECONDS


def test_an_event_that_takes_long_to_arrive_is_no_silence(tmp_path: Path) -> None:
    """Its bytes are more than signs of life."""
    long = EVENTS[0].replace(b"well", b"x" * 600_000)
    size = 20_000
    pieces = [long[start : start + size] for start in range(0, len(long), size)]

    async def act(exchange: Exchange) -> None:
        out = exchange.start(200, SSE)
        out.write(EVENTS[0])
        for piece in pieces:
            await asyncio.sleep(EVERY_SECONDS)
            out.write(piece)
        for piece in EVENTS[1:]:
            out.write(piece)
        out.finish()

    got, seconds = answered(tmp_path, act)
    assert b"[DONE]" in got
    assert seconds > QUIET_SECONDS


def test_signs_of_life_do_not_make_up_for_a_first_token(tmp_path: Path) -> None:
    """The time until it counts whatever comes before."""
    got, seconds = answered(tmp_path, dripping(COMMENT, *EVENTS, signs=COMMENT, times=1000))
    assert b"provider_timeout" in got
    assert b"well" not in got
    assert USUAL.first_token <= seconds <= USUAL.first_token + 2 * EVERY_SECONDS


@pytest.mark.parametrize("said", [b"", WHOLE[:20]], ids=["before", "inside"])
@pytest.mark.parametrize("blanks", [b" ", b"\r\n", b"\t" * 100])
def test_blanks_hold_a_whole_answer_for_a_while_and_not_for_ever(
    tmp_path: Path, said: bytes, blanks: bytes
) -> None:
    """As signs of life do a stream: they may stand between the words of JSON, and say nothing."""
    act = dripping(said, WHOLE[len(said) :], signs=blanks, times=1000, head=JSON)
    got, seconds = answered(tmp_path, act, stream=False)
    assert b"provider_timeout" in got
    assert QUIET_SECONDS <= seconds <= QUIET_SECONDS + 3 * EVERY_SECONDS


@pytest.mark.parametrize("said", [b"", WHOLE[:20]], ids=["before", "inside"])
def test_a_whole_answer_that_goes_on_within_that_is_whole(tmp_path: Path, said: bytes) -> None:
    """A model thinks for minutes, and its provider keeps the connection open."""
    times = round(QUIET_SECONDS / EVERY_SECONDS) - 1
    act = dripping(said, WHOLE[len(said) :], signs=b" ", times=times, head=JSON)
    got, seconds = answered(tmp_path, act, stream=False)
    assert b'"well"' in got
    assert seconds >= times * EVERY_SECONDS


def test_each_word_of_a_whole_answer_gives_new_time(tmp_path: Path) -> None:
    """What counts is the time since the last one."""
    times = round(QUIET_SECONDS / EVERY_SECONDS) - 1

    async def act(exchange: Exchange) -> None:
        out = exchange.start(200, JSON)
        for piece in (WHOLE[:20], WHOLE[20:40], WHOLE[40:]):
            for _ in range(times):
                await asyncio.sleep(EVERY_SECONDS)
                out.write(b" ")
            out.write(piece)
        out.finish()

    got, seconds = answered(tmp_path, act, stream=False)
    assert b'"well"' in got
    assert seconds > 2 * QUIET_SECONDS
