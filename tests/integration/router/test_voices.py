"""Voices across providers, through a router: who is asked, how often, and what callers are told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

import orjson
import pytest
from tests.integration.router.conftest import METADATA, Bench, Runner
from tests.support.snapshots import key, mapping, provider, snapshot
from tests.support.storage_host import StorageHost

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1.voice_requests_pb2 import ListVoicesRequest, ListVoicesResponse
from conduit_kernel.errors import InvalidApiKey, InvalidRequest, TooManyCalls
from conduit_kernel.http import Exchange, HttpServer
from conduit_kernel.not_found_errors import ModelNotFound

PAGES = (
    {
        "voices": [{"voice_id": "b", "name": "Bea", "category": "cloned"}],
        "has_more": True,
        "next_page_token": "2",
    },
    {"voices": [{"voice_id": "a", "name": "Ann", "category": "premade"}], "has_more": False},
)
MODELS = {
    "stt": [],
    "tts": [
        {"canonical_name": "aura-2-thalia-en", "name": "thalia", "languages": ["en", "en-US"]},
        {"canonical_name": "aura-2-zeus-en", "name": "zeus", "languages": ["en"]},
    ],
}


class Providers:
    """Lists voices as ElevenLabs and as Deepgram do, to those keys that are good."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[str] = []
        self.refused: set[str] = set()
        self.held: asyncio.Event | None = None
        self.was_asked = asyncio.Event()

    async def __call__(self, exchange: Exchange) -> None:
        """Answer with a list."""
        is_deepgram = exchange.path == "/v1/models"
        self.asked.append(f"{exchange.path}?{exchange.query}".rstrip("?"))
        self.was_asked.set()
        if self.held is not None:
            await self.held.wait()
        if ("Deepgram" if is_deepgram else "ElevenLabs") in self.refused:
            exchange.respond(401, [], b'{"detail": {"status": "invalid_api_key"}}')
            return
        page = PAGES["next_page_token" in exchange.query]
        body = orjson.dumps(MODELS if is_deepgram else page)
        exchange.respond(200, [(b"content-type", b"application/json")], body)


@pytest.fixture
async def bench(bench: Runner, tmp_path: Path) -> AsyncIterator[Runner]:
    """Return what runs a router beside a Storage that knows of no voice."""
    host = StorageHost(tmp_path / "storage")
    await host.start()
    yield partial(bench, storage=host.address)
    await host.stop()


@pytest.fixture
async def providers() -> AsyncIterator[Providers]:
    """Run a server that lists in both dialects."""
    made = Providers()
    server = HttpServer(made)
    await server.start("127.0.0.1", 0)
    made.address = f"http://127.0.0.1:{server.port}"
    yield made
    await server.drain(0.1)


def speakers(address: str, kinds: Sequence[str] = ("ElevenLabs", "Deepgram")) -> Snapshot:
    """Return a configuration in which `gpt` speaks at each, and `other` at the first."""
    models = {
        "ElevenLabs": "eleven_flash_v2_5",
        "Deepgram": "aura-2-thalia-en",
        "OpenAI": "tts-1",
        "Anthropic": "claude-haiku-4-5",
    }
    found = [provider(number, address, provider_type=kind) for number, kind in enumerate(kinds, 1)]
    mappings = [
        mapping(number, number, actual_model_name=models[kind])
        for number, kind in enumerate(kinds, 1)
    ]
    other = mapping(9, 1, model_alias="other", actual_model_name=models[kinds[0]])
    return snapshot(
        found, keys=[key(each.id, each.id) for each in found], mappings=[*mappings, other]
    )


async def listed(router: Bench, **wish: str | int) -> ListVoicesResponse:
    """Return a page of the voices."""
    found: ListVoicesResponse = await router.stub.ListVoices(ListVoicesRequest(**wish), METADATA)  # type: ignore[arg-type] # by name
    return found


async def test_voices_of_all_providers_are_listed_with_the_models_that_speak_with_them(
    bench: Runner, providers: Providers
) -> None:
    """All pages of each; a voice that is a model is listed only where that model is mapped."""
    router = await bench(speakers(providers.address))
    answer = await listed(router)
    told = [
        (each.id, each.name, each.type, [*each.models], each.provider_type) for each in answer.data
    ]
    assert told == [
        ("a", "Ann", "built_in", ["gpt", "other"], "ElevenLabs"),
        ("aura-2-thalia-en", "thalia", "built_in", ["gpt"], "Deepgram"),
        ("b", "Bea", "audio_sample", ["gpt", "other"], "ElevenLabs"),
    ]
    assert {each.object for each in answer.data} == {"audio.voice"}
    assert (answer.object, answer.first_id, answer.last_id) == ("list", "a", "b")
    assert not answer.has_more
    assert router.charges() == []


async def test_pages_follow_each_other_and_providers_are_asked_once(
    bench: Runner, providers: Providers
) -> None:
    """Of what is listed all is known, so no page is missed, and nobody is asked for each page."""
    router = await bench(speakers(providers.address))
    ids, after = list[str](), ""
    while True:
        answer = await listed(router, limit=1, after=after)
        ids += [each.id for each in answer.data]
        if not answer.has_more:
            break
        after = answer.last_id
    assert ids == ["a", "aura-2-thalia-en", "b"]
    assert sorted(providers.asked) == [
        "/v1/models",
        "/v2/voices?page_size=100",
        "/v2/voices?page_size=100&next_page_token=2",
    ]
    behind = await listed(router, after="z")
    assert (len(behind.data), behind.HasField("first_id"), behind.has_more) == (0, False, False)


async def test_many_who_ask_at_once_are_served_by_one_list(
    bench: Runner, providers: Providers
) -> None:
    """And one who leaves takes it from nobody."""
    providers.held = asyncio.Event()
    router = await bench(speakers(providers.address, ["ElevenLabs"]))
    asking = [asyncio.create_task(listed(router)) for _ in range(20)]
    await providers.was_asked.wait()
    asking.pop(0).cancel()
    providers.held.set()
    answers = await asyncio.gather(*asking)
    assert {tuple(each.id for each in answer.data) for answer in answers} == {("a", "b")}
    assert len(providers.asked) == len(PAGES)


async def test_who_waits_for_voices_holds_a_place_of_its_key(
    bench: Runner, providers: Providers
) -> None:
    """As calls do: a key cannot have any number of requests wait, and is told so."""
    providers.held = asyncio.Event()
    router = await bench(speakers(providers.address, ["ElevenLabs"]), max_calls_per_key=2)
    asking = [asyncio.create_task(listed(router)) for _ in range(2)]
    await providers.was_asked.wait()
    with pytest.raises(TooManyCalls):
        await listed(router)
    providers.held.set()
    await asyncio.gather(*asking)
    assert len((await listed(router)).data) == 2


async def test_who_does_not_answer_is_left_out(bench: Runner, providers: Providers) -> None:
    """And its error told once there is nothing else to tell."""
    providers.refused = {"ElevenLabs"}
    router = await bench(speakers(providers.address))
    assert [each.id for each in (await listed(router)).data] == ["aura-2-thalia-en"]
    with pytest.raises(InvalidApiKey) as refused:
        await listed(router, model="other")
    assert refused.value.metadata["provider"]
    # It is not asked again at once.
    assert len(providers.asked) == 2


async def test_the_voices_that_a_provider_brings_are_known_without_asking(
    bench: Runner, providers: Providers
) -> None:
    """Where no list could be asked for; a model that does not speak has none."""
    router = await bench(speakers(providers.address, ["OpenAI"]))
    answer = await listed(router, model="gpt")
    assert [each.id for each in answer.data] == [
        "alloy",
        "echo",
        "fable",
        "nova",
        "onyx",
        "shimmer",
    ]
    router = await bench(speakers(providers.address, ["Anthropic"]))
    assert len((await listed(router)).data) == 0
    assert providers.asked == []


@pytest.mark.parametrize("limit", [-1, 1001])
async def test_wishes_that_make_no_sense_are_refused(
    bench: Runner, providers: Providers, limit: int
) -> None:
    """A size beyond bounds, and a model that is none."""
    router = await bench(speakers(providers.address))
    with pytest.raises(InvalidRequest):
        await listed(router, limit=limit)
    with pytest.raises(ModelNotFound):
        await listed(router, model="nothing")
