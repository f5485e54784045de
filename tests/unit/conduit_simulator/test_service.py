"""The simulator over HTTP, with time and chance of the test's."""

import asyncio
import random
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.support.clock import Clock
from tests.support.waiting import eventually

from conduit_kernel.http import HttpServer
from conduit_simulator.answers import SILENCE_SECONDS
from conduit_simulator.service import Simulator

HELLO = [{"role": "user", "content": "hello there"}]


@pytest.fixture
def clock() -> Clock:
    """Return a clock that a test advances."""
    return Clock()


@pytest.fixture
async def http(clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    """Serve a simulator, and return a client of it."""
    ids = iter(range(1000))
    simulator = Simulator(
        wall_clock=lambda: 1795435200.5,
        clock=clock,
        sleep=clock.sleep,
        chance=random.Random(1),  # noqa: S311 # no secret
        new_id=lambda: str(next(ids)),
    )
    server = HttpServer(simulator.handle)
    await server.start("127.0.0.1", 0)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{server.port}/v1",
        headers={"authorization": "Bearer sk-test"},
        timeout=5,
    ) as client:
        yield client
    await server.drain(0.1)


def chat(http: httpx.AsyncClient, model: str, **members: object) -> "asyncio.Task[httpx.Response]":
    """Begin a chat."""
    body = {"model": model, "messages": HELLO, **members}
    return asyncio.ensure_future(http.post("/chat/completions", json=body))


@pytest.mark.parametrize("stream", [False, True])
async def test_an_image_is_drawn_once(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, *, stream: bool
) -> None:
    """Large ones take their time."""
    drawn, compress = list[int](), zlib.compress

    def counted(data: bytes, level: int = -1) -> bytes:
        drawn.append(len(data))
        return compress(data, level)

    monkeypatch.setattr(zlib, "compress", counted)
    body = {"model": "image", "prompt": "p", "size": "8x8", "n": 2, "stream": stream}
    assert (await http.post("/images/generations", json=body)).status_code == 200
    assert len(drawn) == 2


async def until_asleep(clock: Clock, sleepers: int = 1) -> None:
    """Return once so many sleep: requests take their time to arrive."""

    async def are_asleep() -> bool:
        return clock.sleeping == sleepers

    await eventually(are_asleep)


async def test_times_and_ids_are_those_given(http: httpx.AsyncClient) -> None:
    """Nothing else is asked for them."""
    answer = await chat(http, "echo")
    assert answer.json()["id"] == "chatcmpl-1"
    assert answer.json()["created"] == 1795435200
    assert answer.headers["x-request-id"] == "req_0"


async def test_a_slow_answer_comes_when_its_time_has_passed(
    http: httpx.AsyncClient, clock: Clock
) -> None:
    """And not before."""
    task = chat(http, "echo-slow-50ms")
    await until_asleep(clock)
    assert not task.done()
    await clock.advance(0.05)
    assert (await task).status_code == 200


async def test_a_silent_one_hangs_up_in_the_end(http: httpx.AsyncClient, clock: Clock) -> None:
    """So that a caller without a limit is not held for ever."""
    task = chat(http, "hang")
    await until_asleep(clock)
    await clock.advance(SILENCE_SECONDS)
    with pytest.raises(httpx.NetworkError):
        await task


async def test_a_limit_that_is_used_up_says_when_to_come_back(
    http: httpx.AsyncClient, clock: Clock
) -> None:
    """And holds no longer than it says; one of zero never lets anybody in."""
    assert (await chat(http, "limit-1")).status_code == 200
    refused = await chat(http, "limit-1")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "61")
    clock.now = 61.0
    assert (await chat(http, "limit-1")).status_code == 200
    assert (await chat(http, "limit-0")).status_code == 429


async def test_a_key_that_misbehaves_does_so_for_every_model(http: httpx.AsyncClient) -> None:
    """But a name that is no model's is none for it either."""
    http.headers["authorization"] = "bearer sk-simulator-status-503"
    assert (await chat(http, "echo")).status_code == 503
    assert (await http.get("/models")).status_code == 503
    assert (await chat(http, "gpt-4")).status_code == 404
    http.headers["authorization"] = "Bearer sk-simulator-nonsense"
    assert (await chat(http, "echo")).status_code == 200


@pytest.mark.parametrize("value", ["", "Basic abc", "Bearer"])
async def test_a_request_without_a_key_is_refused(http: httpx.AsyncClient, value: str) -> None:
    """Whatever else stands in the header."""
    http.headers["authorization"] = value
    answer = await chat(http, "echo")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


async def test_a_schema_that_makes_no_sense_is_the_callers_error(http: httpx.AsyncClient) -> None:
    """In an answer's form and in a tool alike."""
    schema = {"type": "array", "minItems": 10**9}
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"enum": {"a": 1}}}}]
    answers = [await chat(http, "echo", response_format=form)]
    answers.append(await chat(http, "tool", tools=tools))
    assert [answer.status_code for answer in answers] == [400, 400]
    assert "Invalid schema" in answers[0].json()["error"]["message"]


async def test_a_prompt_that_is_too_long_says_by_how_much(http: httpx.AsyncClient) -> None:
    """One of just the length is taken."""
    assert (await chat(http, "context-2")).status_code == 200
    refused = (await chat(http, "context-1")).json()["error"]
    assert refused["code"] == "context_length_exceeded"
    assert "1 tokens" in refused["message"]
    assert "2 tokens" in refused["message"]


async def test_nothing_is_left_behind(http: httpx.AsyncClient, clock: Clock) -> None:
    """A caller who leaves takes the answer's task with him."""
    task = chat(http, "hang")
    await until_asleep(clock)
    task.cancel()
    await until_asleep(clock, 0)
