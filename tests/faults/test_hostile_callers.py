"""What one virtual key sends changes nothing of what another is answered.

Random requests of one caller, any header, body and timing, beside others who behave: edge, router
and codecs in virtual time, each course with a seed. `CONDUIT_HOSTILE_SEEDS` makes it more of them.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from tests.faults.raw_callers import (
    CHAT,
    PATIENCE_SECONDS,
    USUAL,
    Answer,
    HostileCaller,
    Request,
    ask,
    chat,
    send,
    usual,
)
from tests.faults.shared_gateway import (
    LIMITED,
    LIMITED_SECONDS,
    UNWELL,
    SharedGateway,
    refuse,
    shared_gateway,
)
from tests.support.virtual_network import VirtualNetwork
from tests.support.virtual_time import run_virtually

from conduit_kernel.breaker_policy import DEFAULT_POLICY

SEEDS = int(os.environ.get("CONDUIT_HOSTILE_SEEDS", "8"))
# Of each course.
REQUESTS = 250
BEGIN_SECONDS, EVERY_SECONDS, SECONDS = 5.0, 3.0, 240.0
STEADY, RARE, HOSTILE, ACCOMPLICE = "condt_1", "condt_2", "condt_3", "condt_4"
CALLERS = {STEADY: 1, RARE: 2, HOSTILE: 3, ACCOMPLICE: 4}
# By which waits may differ: pauses are drawn at random.
JITTER_SECONDS = 0.3
# For how long a key rests whose limit came without a time.
LIMITED_REST_SECONDS = 5.0
# Whoever misbehaves may be the first to probe, and the others find out the next time.
RECOVERY_SECONDS = 2 * DEFAULT_POLICY.open_seconds + DEFAULT_POLICY.half_open_seconds + 10.0

ResultT = TypeVar("ResultT")
Course = Callable[[SharedGateway], Awaitable[ResultT]]


def play(
    folder: Path, course: Course[ResultT], connections: int = 1000, calls_per_key: int = 0
) -> ResultT:
    """Return what comes of a course of events at a gateway of its own."""

    async def main() -> ResultT:
        async with shared_gateway(folder, CALLERS, connections, calls_per_key) as gateway:
            return await course(gateway)

    return run_virtually(main(), VirtualNetwork)


async def behave(gateway: SharedGateway) -> list[Answer]:
    """Ask for the usual things, one caller steadily and another now and then."""
    answers: list[Answer] = []
    for number in range(round(SECONDS / EVERY_SECONDS)):
        name = sorted(USUAL)[number % len(USUAL)]
        key = RARE if number % 20 > 16 else STEADY  # some behind each other
        answers.append(await ask(gateway.port, key, name, usual(name, number)))
        await asyncio.sleep(EVERY_SECONDS)
    return answers


async def misbehave(gateway: SharedGateway, seed: int) -> None:
    """Send all kinds of requests, many at the same time; none may make the gateway fail itself."""
    caller = HostileCaller(seed)

    async def one(request: Request) -> None:
        answer = await send(gateway.port, HOSTILE, request)
        assert not answer.startswith(b"HTTP/1.1 500 "), (request, answer)

    async with asyncio.TaskGroup() as sending:
        for _ in range(REQUESTS):
            sending.create_task(one(caller.request()))
            await asyncio.sleep(caller.pause())


def run(folder: Path, seed: int | None) -> list[Answer]:
    """Return what those who behave are answered, beside a hostile caller or without one."""

    async def course(gateway: SharedGateway) -> list[Answer]:
        behaving = asyncio.create_task(behave(gateway))
        if seed is not None:
            await misbehave(gateway, seed)
        answers = await behaving
        check_state(gateway)
        return answers

    return play(folder, course)


def check_state(gateway: SharedGateway) -> None:
    """Hold what all callers share to what a single one may bring about: nothing."""
    state = gateway.runtime.state
    own = {UNWELL, LIMITED}
    assert {each.subject.provider_id for each in state.shared_circuits()} <= own
    assert {subject.provider_id for subject in state.view(CALLERS[RARE]).open_circuits} <= own
    assert {subject.provider_id for subject in state.view(CALLERS[RARE]).cooldowns} <= own


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    """Return what is answered while nobody misbehaves."""
    answers = run(tmp_path_factory.mktemp("undisturbed"), None)
    assert {each.status for each in answers} == {200}
    return answers


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_hostile_caller_changes_no_answer_of_others(
    tmp_path: Path, undisturbed: list[Answer], seed: int
) -> None:
    """Neither status nor provider, key, attempts or wait."""
    for calm, beside in zip(undisturbed, run(tmp_path, seed), strict=True):
        assert beside._replace(seconds=0.0) == calm._replace(seconds=0.0)
        assert abs(beside.seconds - calm.seconds) < JITTER_SECONDS, (calm, beside)


def test_a_hostile_caller_asks_for_all_that_there_is(tmp_path: Path) -> None:
    """What never reaches a provider would trouble nobody."""

    async def course(gateway: SharedGateway) -> set[str]:
        await asyncio.gather(*(misbehave(gateway, seed) for seed in range(4)))
        return gateway.providers.paths

    assert play(tmp_path, course) >= {
        "audio/speech",
        "audio/transcriptions",
        "chat/completions",
        "completions",
        "embeddings",
        "images/edits",
        "images/generations",
        "live/sessions",
        "realtime",
        "rerank",
        "responses",
    }


@asynccontextmanager
async def flooding(
    gateway: SharedGateway, request: Request, *, key: str = HOSTILE, every: float, most: int
) -> AsyncIterator[None]:
    """Have a hostile caller send the same request again and again meanwhile."""

    async def flood() -> None:
        async with asyncio.TaskGroup() as sending:
            for _ in range(most):
                sending.create_task(send(gateway.port, key, request))
                await asyncio.sleep(every)

    task = asyncio.create_task(flood())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_hostile_caller_fills_no_line_of_others(tmp_path: Path) -> None:
    """Who waits for a limit to pass waits as long as if nobody else did, a breath apart."""

    async def course(gateway: SharedGateway) -> Answer:
        limited = Request(CHAT, (), chat("limited"))
        async with flooding(gateway, limited, every=0.0001, most=1500):
            await asyncio.sleep(0.5)
            return await ask(gateway.port, STEADY, "limited", limited)

    answer = play(tmp_path, course)
    assert answer.status == 200
    # Its rest begins anew as long as somebody is refused.
    assert answer.seconds < 2 * LIMITED_REST_SECONDS + LIMITED_SECONDS


def test_a_hostile_caller_uses_up_nobodys_retries(tmp_path: Path) -> None:
    """What fails for a moment is asked again for others, whatever failed for one before."""

    async def course(gateway: SharedGateway) -> Answer:
        for number in range(60):
            body = chat(("solo", "gpt")[number % 2], "act:503")
            await send(gateway.port, HOSTILE, Request(CHAT, (), body))
        return await ask(gateway.port, STEADY, "retried", usual("retried", 1))

    answer = play(tmp_path, course)
    assert (answer.status, answer.attempts) == (200, "2")


@pytest.mark.parametrize(
    ("alias", "provider", "act", "timeout"),
    [
        ("gpt", 1, "500", "600s"),
        ("gpt", 1, "hang", "9s"),
        ("gpt", 1, "400", "60s"),
        ("solo", 3, "hang", "600s"),
        ("solo", 3, "500", "1ms"),
        ("solo", 3, "cut", "100ms"),
    ],
)
def test_a_hostile_caller_keeps_no_provider_from_coming_back(
    tmp_path: Path, alias: str, provider: int, act: str, timeout: str
) -> None:
    """Whose probe tells nothing, or fails by the request, leaves the next one to somebody else."""

    async def course(gateway: SharedGateway) -> float:
        now = asyncio.get_running_loop().time
        request = Request(CHAT, [("x-conduit-timeout", timeout)], chat(alias, f"act:{act}"))
        gateway.providers.failures[provider] = refuse(503)
        async with flooding(gateway, request, every=0.25, most=10_000):
            for _ in range(20):
                for key in (STEADY, RARE):
                    await ask(gateway.port, key, alias, Request(CHAT, (), chat(alias)))
                await asyncio.sleep(2.0)
            del gateway.providers.failures[provider]
            began = now()
            while now() - began < RECOVERY_SECONDS:
                answer = await ask(gateway.port, STEADY, alias, Request(CHAT, (), chat(alias)))
                if answer.provider == f"provider-{provider}":
                    return now() - began
                await asyncio.sleep(2.0)
        return now() - began

    assert play(tmp_path, course) < RECOVERY_SECONDS


def test_two_who_conspire_shut_nobody_out(tmp_path: Path) -> None:
    """Not even one who never asked there before."""

    async def course(gateway: SharedGateway) -> list[Answer]:
        request = Request(CHAT, (), chat("solo", "act:500"))
        for _ in range(30):
            for key in (HOSTILE, ACCOMPLICE):
                await send(gateway.port, key, request)
        check_state(gateway)
        return [
            await ask(gateway.port, RARE, name, USUAL[name]) for name in ("solo", "solo stream")
        ]

    assert {answer.status for answer in play(tmp_path, course)} == {200}


@pytest.mark.parametrize("stream", [False, True])
def test_a_hostile_caller_takes_no_connections_of_others(tmp_path: Path, *, stream: bool) -> None:
    """However many calls it has hang: those above its own number are refused, with a wait."""
    refused: list[bytes] = []

    async def course(gateway: SharedGateway) -> tuple[Answer, Answer]:
        hanging = Request(CHAT, (), chat("solo", "act:hang", stream=stream))
        usual_one = Request(CHAT, (), chat("solo", stream=stream))
        async with flooding(gateway, hanging, every=0.001, most=200):
            await asyncio.sleep(1.0)
            refused.append(await send(gateway.port, HOSTILE, usual_one))
            beside = await ask(gateway.port, STEADY, "solo", usual_one)
        await eventually_virtual(lambda: gateway.runtime.under_way.count == 0)
        return beside, await ask(gateway.port, HOSTILE, "solo", usual_one)

    beside, later = play(tmp_path, course, connections=30, calls_per_key=20)
    assert (beside.status, later.status) == (200, 200)
    assert beside.seconds < 1.0
    assert refused[0].startswith(b"HTTP/1.1 429 ")
    assert b"\r\nretry-after: 1\r\n" in refused[0].lower()
    assert b'"too_many_calls"' in refused[0]


@pytest.mark.parametrize("seed", range(SEEDS // 2))
def test_calls_are_counted_until_they_end_and_no_longer(tmp_path: Path, seed: int) -> None:
    """Whatever they meet and whenever their callers leave; others are refused nothing for it."""
    most: list[int] = []

    async def watch(gateway: SharedGateway) -> None:
        while True:
            most.append(gateway.runtime.under_way.count)
            await asyncio.sleep(0.05)

    async def course(gateway: SharedGateway) -> list[Answer]:
        watching = asyncio.create_task(watch(gateway))
        behaving = asyncio.create_task(behave(gateway))
        async with asyncio.TaskGroup() as misbehaving:
            for each in range(4):
                misbehaving.create_task(misbehave(gateway, 4 * seed + each))
        answers = await behaving
        await eventually_virtual(lambda: gateway.runtime.under_way.count == 0)
        watching.cancel()
        assert not gateway.runtime.under_way.full
        return answers

    answers = play(tmp_path, course, calls_per_key=2)
    assert {each.status for each in answers} == {200}
    # Two of the hostile caller's, and one of those who behave one after the other.
    assert 2 <= max(most) <= 3


async def eventually_virtual(is_so: Callable[[], bool]) -> None:
    """Wait in virtual time for what is to come."""
    async with asyncio.timeout(2 * SECONDS + PATIENCE_SECONDS):
        while not is_so():  # noqa: ASYNC110 # nobody tells of it
            await asyncio.sleep(0.1)
