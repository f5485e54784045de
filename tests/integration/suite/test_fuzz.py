"""Nonsense from callers and from providers, sent over real sockets through the whole suite.

Whatever it is, the caller gets an answer or an error of its class, in bounded time, is charged once
at most, and the log has no traceback. `make fuzz` sends more; the same round makes the same.
"""

import random
from collections.abc import AsyncIterator

import httpx
import orjson
import pytest
import pytest_asyncio
from tests.support.broken_answers import broken, chance_of
from tests.support.broken_forms import Asked, broken_form
from tests.support.fuzzed_suite import (
    ROUNDS,
    SECONDS,
    FixedUpstream,
    add_alias,
    check,
    check_charges,
    fixed_upstream,
    limited_caller,
)
from tests.support.nonsense import nonsense
from tests.support.replays import Replay, replays
from tests.support.suite import Suite

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

CASES = 12
PATHS = {
    "chat": "/v1/chat/completions",
    "embed": "/v1/embeddings",
    "image": "/v1/images/generations",
    "rerank": "/v1/rerank",
    "moderate": "/v1/moderations",
    "speak": "/v1/audio/speech",
    "image_edit": "/v1/images/edits",
    "transcribe": "/v1/audio/transcriptions",
    "translate": "/v1/audio/translations",
    "create_voice": "/v1/audio/voices",
}
# Asked for by forms.
FORMS = {"create_voice", "image_edit", "transcribe", "translate"}
# Google's tokens, and Replicate's predictions, come from addresses that an answer names; Amazon's
# keys are pairs, and its transcripts come over a WebSocket.
ELSEWHERE = {"VertexAI", "GoogleCloud", "Replicate", "AWS"}
SAMPLES = [
    each
    for each in replays()
    if each.is_own
    and each.operation in PATHS
    and each.spec.name not in ELSEWHERE
    # Some calls are refused before anything is sent.
    and "received" in each.case.file.parts
    and each.response.status == 200
    # Fetched from addresses that are no more than names here.
    and not each.asked.fetched
]
CODECS = sorted({each.endpoint.codec for each in SAMPLES})


@pytest_asyncio.fixture(loop_scope="module")
async def upstream() -> AsyncIterator[FixedUpstream]:
    """Run a provider."""
    async with fixed_upstream() as peer:
        yield peer


def asked(replay: Replay, alias: str, chance: random.Random | None = None) -> Asked:
    """Return a case's request; with something wrong in it, where there is a chance of that."""
    request = {**replay.asked.request, "model": alias}
    if replay.operation in FORMS:
        return broken_form(request, chance)
    body = orjson.dumps(request) if chance is None else nonsense(request, chance)
    return Asked(body, "application/json")


async def post(client: httpx.AsyncClient, replay: Replay, request: Asked) -> httpx.Response:
    """Send a request to the route of its operation."""
    return await client.post(
        PATHS[replay.operation],
        content=request.body,
        headers={"content-type": request.media_type},
        timeout=SECONDS,
    )


@pytest.mark.parametrize("turn", ROUNDS)
async def test_no_caller_brings_about_an_error_of_ours(
    suite: Suite, upstream: FixedUpstream, turn: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """With a key, limited or not, and without one; JSON of the wrong form, and no JSON."""
    answered = 0
    limited = await limited_caller(suite, f"limited {turn}")
    for number, codec in enumerate(CODECS):
        chance = random.Random(f"caller {turn} {codec}")  # noqa: S311 # no secret
        replay = chance.choice([each for each in SAMPLES if each.endpoint.codec == codec])
        await add_alias(replay, suite, upstream, alias := f"caller-{turn}-{number}")
        upstream.body, upstream.media_type = replay.response.body, replay.case.received.media_type
        async with suite.caller() as known, httpx.AsyncClient(base_url=suite.url) as unknown:
            for _ in range(CASES):
                wrong = asked(replay, alias, chance)
                if chance.random() < 0.2:
                    cut = wrong.body[: chance.randrange(len(wrong.body))] + chance.randbytes(3)
                    wrong = wrong._replace(body=cut)
                client = unknown if chance.random() < 0.1 else chance.choice((known, limited))
                answer = await post(client, replay, wrong)
                check(answer, f"{replay.name} {wrong.body[:300]!r}")
            answered += (await post(known, replay, asked(replay, alias))).status_code == 200
    await limited.aclose()
    # Otherwise all would be refused for one and the same reason.
    assert answered > len(CODECS) // 2
    assert upstream.asked
    written = capfd.readouterr()
    assert "Traceback" not in written.out + written.err
    await check_charges(suite)


@pytest.mark.parametrize("turn", ROUNDS)
async def test_no_provider_brings_about_an_error_of_ours(
    suite: Suite, upstream: FixedUpstream, turn: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its answers, whole and streamed, with something wrong in them."""
    chance = random.Random(f"provider {turn}")  # noqa: S311 # no secret
    for number, replay in enumerate(chance.sample(SAMPLES, CASES)):
        await add_alias(replay, suite, upstream, alias := f"provider-{turn}-{number}")
        upstream.media_type = replay.case.received.media_type
        async with suite.caller() as client:
            for again in range(4):
                upstream.body = broken(replay, chance_of(replay, 4 * turn + again, "suite")).body
                answer = await post(client, replay, asked(replay, alias))
                check(answer, f"{replay.name} {upstream.body[:300]!r}")
    assert upstream.asked
    written = capfd.readouterr()
    assert "Traceback" not in written.out + written.err
    await check_charges(suite)
