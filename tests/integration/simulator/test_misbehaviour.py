"""What the simulator does when it is asked to misbehave."""

import asyncio

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from conduit_simulator import bootstrap

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello out there you"}]
CHAT = "/v1/chat/completions"


def _body(model: str, *, stream: bool = False) -> dict[str, object]:
    return {"model": model, "messages": HELLO, "stream": stream}


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("status-400", openai.BadRequestError),
        ("status-401", openai.AuthenticationError),
        ("status-403", openai.PermissionDeniedError),
        ("status-422", openai.UnprocessableEntityError),
        ("status-429", openai.RateLimitError),
        ("status-500", openai.InternalServerError),
        ("quota", openai.RateLimitError),
        ("policy", openai.BadRequestError),
        ("context-3", openai.BadRequestError),
        ("no-such-model", openai.NotFoundError),
        ("status-200", openai.NotFoundError),
        ("echo ", openai.NotFoundError),
        ("stream-1xms", openai.NotFoundError),
    ],
)
async def test_a_status_is_the_sdk_s_error(
    sdk: openai.AsyncOpenAI, model: str, error: type[openai.APIStatusError]
) -> None:
    """Names are read strictly: what is not in the table is no model."""
    with pytest.raises(error) as caught:
        await sdk.chat.completions.create(model=model, messages=HELLO)
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["message"]


async def test_a_429_says_when_to_come_back(http: httpx.AsyncClient) -> None:
    """With the seconds of its name."""
    answer = await http.post(CHAT, json=_body("status-429-retry-2"))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")


async def test_codes_tell_what_the_status_does_not(http: httpx.AsyncClient) -> None:
    """OpenAI's words for an empty account, a long prompt and a forbidden one."""
    found = {
        model: (await http.post(CHAT, json=_body(model))).json()["error"]["code"]
        for model in ("quota", "context-1", "policy", "nothing")
    }
    assert found == {
        "quota": "insufficient_quota",
        "context-1": "context_length_exceeded",
        "policy": "content_policy_violation",
        "nothing": "model_not_found",
    }


async def test_flaky_fails_about_as_often_as_its_name_says(http: httpx.AsyncClient) -> None:
    """With a fixed seed, so this test gives the same answer each time."""
    answers = [(await http.post(CHAT, json=_body("flaky-30"))).status_code for _ in range(100)]
    assert set(answers) == {200, 500}
    assert 20 <= answers.count(500) <= 40


async def test_a_limit_is_each_key_s_own(http: httpx.AsyncClient) -> None:
    """The third request of a minute is refused, and another key is untouched."""
    answers = [await http.post(CHAT, json=_body("limit-2")) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert answers[0].headers["x-ratelimit-remaining-requests"] == "1"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 31
    other = await http.post(
        CHAT, json=_body("limit-2"), headers={"authorization": "Bearer sk-other"}
    )
    assert other.status_code == 200


async def test_a_key_can_misbehave_too(http: httpx.AsyncClient) -> None:
    """A key named after a row of the table fails whatever the model, lists of models included."""
    bad = {"authorization": "Bearer sk-simulator-status-401"}
    assert (await http.post(CHAT, json=_body("echo"), headers=bad)).status_code == 401
    assert (await http.get("/v1/models", headers=bad)).status_code == 401


async def test_without_a_key_nothing_is_answered(http: httpx.AsyncClient) -> None:
    """OpenAI's 401."""
    answer = await http.get("/v1/models", headers={"authorization": ""})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize("model", ["hang", "stall-after-2"])
async def test_silence_lasts_until_the_caller_gives_up(http: httpx.AsyncClient, model: str) -> None:
    """And costs the server nothing when he does."""
    with pytest.raises(httpx.ReadTimeout):
        await http.post(CHAT, json=_body(model, stream=True), timeout=0.1)
    assert (await http.post(CHAT, json=_body("echo"))).status_code == 200


async def test_reset_ends_before_the_first_byte(http: httpx.AsyncClient) -> None:
    """The caller sees a connection that was closed without an answer."""
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await http.post(CHAT, json=_body("reset"))


async def _read_into(received: bytearray, http: httpx.AsyncClient, body: dict[str, object]) -> None:
    async with http.stream("POST", CHAT, json=body) as answer:
        async for piece in answer.aiter_bytes():
            received += piece


@pytest.mark.parametrize("stream", [False, True])
async def test_a_cut_answer_does_not_look_whole(http: httpx.AsyncClient, *, stream: bool) -> None:
    """The connection ends in the middle: after three events, or half of the JSON."""
    received = bytearray()
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await _read_into(received, http, _body("cut-after-3", stream=stream))
    assert received.count(b"data: ") == (3 if stream else 0)
    assert b"[DONE]" not in received


@pytest.mark.parametrize("model", ["garbage", "wrong-type"])
async def test_nonsense_comes_with_status_200(http: httpx.AsyncClient, model: str) -> None:
    """Whole answers are nonsense from the start, streams from the third event on."""
    whole = await http.post(CHAT, json=_body(model))
    streamed = await http.post(CHAT, json=_body(model, stream=True))
    assert (whole.status_code, streamed.status_code) == (200, 200)
    events = streamed.content.split(b"\n\n")
    assert b'"delta"' in events[1]
    assert whole.content in events[2]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"model": "echo"}',
        b'{"model": 1, "messages": []}',
        b'{"model": "echo", "messages": []}',
        b'{"model": "echo", "messages": [{"role": "user", "content": 7}]}',
        b'{"model": "echo", "messages": [{"role": "user"}], "n": 0}',
        b'{"model": "echo", "messages": [{"role": "user"}], "max_tokens": 0}',
    ],
)
@pytest.mark.parametrize("path", [CHAT, "/v1/embeddings"])
async def test_bad_bodies_get_a_400(http: httpx.AsyncClient, path: str, body: bytes) -> None:
    """Never a 500, on either path."""
    answer = await http.post(path, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_unknown_paths_are_unknown(http: httpx.AsyncClient) -> None:
    """With OpenAI's words."""
    answer = await http.post("/v1/nothing")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "Invalid URL (POST /v1/nothing)"


async def test_draining_cuts_what_hangs() -> None:
    """A simulator ends in bounds even while a caller waits for an answer that never comes."""
    process = await bootstrap.start()
    url = f"http://127.0.0.1:{process.port}{CHAT}"
    async with httpx.AsyncClient(headers={"authorization": "Bearer k"}) as client:
        hanging = asyncio.create_task(client.post(url, json=_body("hang")))
        # The second request is answered only after the first was taken.
        assert (await client.post(url, json=_body("echo"))).status_code == 200
        async with asyncio.timeout(2):
            await process.drain(0.05)
        assert (await hanging).status_code == 503
